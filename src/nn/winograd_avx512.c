/* winograd_avx512.c - the kernels of winograd_body.h with AVX-512. */
#if defined(__x86_64__)

#define LANES 16
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma")))
#define COLUMN_VECTORS 4 /* 6 x 4 sums, 4 columns, one broadcast: 29 of 32 registers */
#define WEIGHT_VECTORS 2 /* 8 x 2 sums; three would not divide 64 columns */
#include "nn/winograd_body.h"

static int supported(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512dq");
}

WINOGRAD_FAMILY(avx512)

#endif
