/* winograd_avx2.c - the kernels of winograd_body.h with AVX2 and FMA. */
#if defined(__x86_64__)

#define LANES 8
#define TARGET __attribute__((target("avx2,fma")))
#define COLUMN_VECTORS 2 /* 6 x 2 sums, 2 columns, one broadcast: 15 of 16 registers */
#define WEIGHT_ROWS 4
#define WEIGHT_VECTORS 2
#define READ_AHEAD 512 /* U lies panel by panel, in the order it is read in */
#include "nn/winograd/winograd_body.h"

static int supported(void) { return adah_processor_vectors() >= ADAH_VECTORS_AVX2; }

const adah_winograd_kernels adah_winograd_avx2 = {
    .name = "avx2",
    .supported = supported,
    .n_block = 8,
    .n_panel = 16,
    .rows_to_read = 6,
    .rows_to_read_memory = 9,
    .rows_to_train = 64,
    WINOGRAD_COMMON,
};

#endif
