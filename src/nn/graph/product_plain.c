/* product_plain.c - the kernels of product_body.h for vectors of 4 floats, which every processor has (SSE2, NEON). */
#define LANES 4
#define TARGET
#if defined(__x86_64__)
#define VECTORS 2 /* of 16 registers */
#else
#define VECTORS 4 /* of 32 */
#endif
#include "nn/graph/product_body.h"

static int supported(void) { return 1; }

const adah_product_kernels adah_product_plain = {.name = "plain", .supported = supported, PRODUCT_COMMON};
