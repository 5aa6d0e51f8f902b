/* winograd_plain.c - the kernels of winograd_body.h for vectors of 4 floats, which every processor has (SSE2, NEON). */
#define LANES 4
#define TARGET
#define COLUMN_VECTORS 4
#define WEIGHT_ROWS 4
#define WEIGHT_VECTORS 2
#define READ_AHEAD 0
#include "nn/winograd/winograd_body.h"

static int supported(void) { return 1; }

const adah_winograd_kernels adah_winograd_plain = {
    .name = "plain",
    .supported = supported,
    .n_block = 8,
    .n_panel = 16,
    .rows_to_read = 6,
    .rows_to_read_memory = 9,
    .rows_to_train = 64,
    WINOGRAD_COMMON,
};
