/* product_avx2.c - the kernels of product_body.h with AVX2 and FMA. */
#if defined(__x86_64__)

#define LANES 8
#define TARGET __attribute__((target("avx2,fma")))
#define VECTORS 2 /* 6 x 2 sums, 2 columns, one broadcast: 15 of 16 registers */
#include "nn/graph/product_body.h"

static int supported(void) { return adah_processor_vectors() >= ADAH_VECTORS_AVX2; }

const adah_product_kernels adah_product_avx2 = {.name = "avx2", .supported = supported, PRODUCT_COMMON};

#endif
