/* product_avx512.c - the kernels of product_body.h with AVX-512. */
#if defined(__x86_64__)

#define LANES 16
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma")))
#define VECTORS 4 /* 6 x 4 sums, 4 columns, one broadcast: 29 of 32 registers */
#include "nn/graph/product_body.h"

static int supported(void) { return adah_processor_vectors() >= ADAH_VECTORS_AVX512; }

const adah_product_kernels adah_product_avx512 = {.name = "avx512", .supported = supported, PRODUCT_COMMON};

#endif
