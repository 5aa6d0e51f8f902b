/* winograd_avx512.c - the kernels of winograd_body.h with AVX-512, and products of bfloat16 where the processor has them (Cooper
 * Lake, Sapphire Rapids, Zen 4). */
#if defined(__x86_64__)

#define LANES 16
#define TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma")))
#define COLUMN_VECTORS 4 /* 6 x 4 sums, 4 columns, one broadcast: 29 of 32 registers */
#define WEIGHT_ROWS 8
#define WEIGHT_VECTORS 2 /* 8 x 2 sums; three would not divide 64 columns */
#define READ_AHEAD 0
#include "nn/winograd/winograd_body.h"

#include <immintrin.h>
#include <string.h>

static int supported(void) { return adah_processor_vectors() >= ADAH_VECTORS_AVX512; }

/* ---------------------------------------------------------------- bfloat16 */

#define BF16 __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma")))

static BF16 void input_bf16(const adah_winograd_plane *x, int row, int column, uint16_t *v, size_t point_stride) {
    vec d[POINTS];
    input_tile(x, row, column, 0, d);
#pragma GCC unroll 36
    for (int e = 0; e < POINTS; e++) {
        const __m256bh rounded = _mm512_cvtneps_pbh((__m512)d[e]);
        memcpy(v + (size_t)e * point_stride, &rounded, sizeof rounded);
    }
}

/* c = a b for 6 rows and n vectors of columns; a pair of a's numbers meets a pair of each column. */
#define DEFINE_PAIRS(name, n)                                                                                        \
    static BF16 void name(size_t n_inner, const uint16_t *a, size_t a_stride, const uint16_t *b, size_t b_stride,     \
                          float *c, size_t c_stride) {                                                               \
        __m512 sum[ROWS][n];                                                                                         \
        for (int r = 0; r < ROWS; r++)                                                                               \
            for (int j = 0; j < (n); j++)                                                                            \
                sum[r][j] = _mm512_setzero_ps();                                                                     \
        for (size_t k = 0; k < n_inner; k += 2, b += 2 * b_stride) {                                                 \
            __m512i right[n];                                                                                        \
            for (int j = 0; j < (n); j++)                                                                            \
                right[j] = _mm512_loadu_si512((const void *)(b + 2 * j * LANES));                                    \
            for (int r = 0; r < ROWS; r++) {                                                                         \
                int32_t pair;                                                                                        \
                memcpy(&pair, a + (size_t)r * a_stride + k, sizeof pair);                                            \
                const __m512i left = _mm512_set1_epi32(pair);                                                        \
                for (int j = 0; j < (n); j++)                                                                        \
                    sum[r][j] = _mm512_dpbf16_ps(sum[r][j], (__m512bh)left, (__m512bh)right[j]);                     \
            }                                                                                                        \
        }                                                                                                            \
        for (int r = 0; r < ROWS; r++)                                                                               \
            for (int j = 0; j < (n); j++)                                                                            \
                _mm512_storeu_ps(c + (size_t)r * c_stride + j * LANES, sum[r][j]);                                   \
    }

DEFINE_PAIRS(pairs_wide, COLUMN_VECTORS)
DEFINE_PAIRS(pairs_block, 1)

static BF16 void multiply_bf16(size_t n_rows, size_t n_columns, size_t n_inner, const uint16_t *a, size_t a_stride,
                               const uint16_t *b, float *c, size_t c_stride) {
    enum { WIDE = COLUMN_VECTORS * LANES };
    for (size_t j = 0; j < n_columns;) {
        const size_t wide = n_columns - j >= WIDE;
        for (size_t r = 0; r < n_rows; r += ROWS)
            (wide ? pairs_wide : pairs_block)(n_inner, a + r * a_stride, a_stride, b + 2 * j, n_columns,
                                              c + r * c_stride + j, c_stride);
        j += wide ? WIDE : BLOCK;
    }
}

static int supported_bf16(void) { return adah_processor_vectors() >= ADAH_VECTORS_AVX512_BF16; }

const adah_winograd_kernels adah_winograd_avx512 = {
    .name = "avx512",
    .supported = supported,
    .n_block = 16,
    .n_panel = 64,
    .rows_to_read = 12,
    .rows_to_read_memory = 25,
    .rows_to_train = 96,
    WINOGRAD_COMMON,
};

const adah_winograd_kernels adah_winograd_avx512_bf16 = {
    .name = "avx512_bf16",
    .supported = supported_bf16,
    .n_block = 16,
    .n_panel = 64,
    .rows_to_read = 12,
    .rows_to_read_memory = 25,
    .rows_to_train = 96,
    WINOGRAD_COMMON,
    .input_bf16 = input_bf16,
    .multiply_bf16 = multiply_bf16,
};

#endif
