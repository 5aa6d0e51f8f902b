/* product_body.h - the kernels of product_kernels.h, written once on vectors of LANES floats. Included by one file a processor, which
 * defines LANES, TARGET (the attribute of every function) and VECTORS, how many of a panel's row the registers have room for. */
#include "base/processor.h"
#include "nn/graph/product_kernels.h"

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef float four __attribute__((vector_size(16), aligned(4), may_alias));

#define LOAD(from) (*(const vec *)(from))
#define STORE(to, value) (*(vec *)(to) = (value))

enum { ROWS = 6, LINE = 16 /* floats of the caches */ };

typedef void tile_function(size_t n_inner, const float *a, size_t a_row, const float *b, const float *next_a, const float *next_b, float *c,
                           size_t c_row, int adds);

/* c = a b, or += , for `rows` rows and n vectors. Meanwhile as many rows from next_a on, and n_inner lines from next_b
 * on, come to the first cache. */
#define DEFINE_TILE(rows, n)                                                                                         \
    static TARGET void tile_##rows##_##n(size_t n_inner, const float *a, size_t a_row, const float *b,               \
                                         const float *next_a, const float *next_b, float *c, size_t c_row,           \
                                         int adds) {                                                                 \
        vec sum[rows][n];                                                                                            \
        for (int r = 0; r < (rows); r++)                                                                             \
            for (int j = 0; j < (n); j++)                                                                            \
                sum[r][j] = (vec){0};                                                                                \
        const float *end = a + n_inner;                                                                              \
        do { /* n_inner is not 0 */                                                                                  \
            const float *line = end - a < LINE ? end : a + LINE;                                                     \
            for (int r = 0; r < (rows); r++)                                                                         \
                __builtin_prefetch(next_a + (size_t)r * a_row);                                                      \
            next_a += LINE;                                                                                          \
            do {                                                                                                     \
                __builtin_prefetch(next_b);                                                                          \
                next_b += LINE;                                                                                      \
                vec right[n];                                                                                        \
                for (int j = 0; j < (n); j++)                                                                        \
                    right[j] = LOAD(b + j * LANES);                                                                  \
                for (int r = 0; r < (rows); r++) {                                                                   \
                    const vec left = a[(size_t)r * a_row] - (vec){0};                                                \
                    for (int j = 0; j < (n); j++)                                                                    \
                        sum[r][j] += left * right[j];                                                                \
                }                                                                                                    \
                b += (n) * LANES;                                                                                    \
            } while (++a < line);                                                                                    \
        } while (a < end);                                                                                           \
        for (int r = 0; r < (rows); r++)                                                                             \
            for (int j = 0; j < (n); j++) {                                                                          \
                float *to = c + (size_t)r * c_row + j * LANES;                                                       \
                if (adds)                                                                                            \
                    sum[r][j] += LOAD(to);                                                                           \
                STORE(to, sum[r][j]);                                                                                \
            }                                                                                                        \
    }

#define DEFINE_TILES(n) \
    DEFINE_TILE(1, n) DEFINE_TILE(2, n) DEFINE_TILE(3, n) DEFINE_TILE(4, n) DEFINE_TILE(5, n) DEFINE_TILE(6, n)
#define TILES(n) {tile_1_##n, tile_2_##n, tile_3_##n, tile_4_##n, tile_5_##n, tile_6_##n}

DEFINE_TILES(1)
DEFINE_TILES(2)
#if VECTORS == 4
DEFINE_TILES(4)
#endif

static TARGET void multiply(size_t n_rows, size_t n_inner, const float *a, size_t a_row, const float *b, size_t width,
                            const float *next_a, const float *next_b, float *c, size_t c_row, int adds) {
    static tile_function *const tiles[][ROWS] = {
        TILES(1),
        TILES(2),
#if VECTORS == 4
        TILES(4)
#endif
    };
    tile_function *const *tile = tiles[width == LANES ? 0 : width == 2 * LANES ? 1 : 2];
    for (size_t r = 0; r < n_rows; r += ROWS) {
        const size_t rows = n_rows - r < ROWS ? n_rows - r : ROWS;
        const size_t at = r / ROWS * n_inner * LINE; /* the first tiles share the panel at next_b */
        const float *from = a + r * a_row;
        tile[rows - 1](n_inner, from, a_row, b, r + ROWS < n_rows ? from + ROWS * a_row : next_a, at < n_inner * width ? next_b + at : b,
                       c + r * c_row, c_row, adds);
    }
}

/* A square of 4 x 4. */
static inline __attribute__((always_inline)) void turn_four(const float *from, size_t from_row, float *to, size_t to_row) {
    const four a = *(const four *)from, b = *(const four *)(from + from_row), c = *(const four *)(from + 2 * from_row),
               d = *(const four *)(from + 3 * from_row);
    const four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const four low_ab = __builtin_shufflevector(a, b, 2, 6, 3, 7), low_cd = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(four *)to = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(four *)(to + to_row) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    *(four *)(to + 2 * to_row) = __builtin_shufflevector(low_ab, low_cd, 0, 1, 4, 5);
    *(four *)(to + 3 * to_row) = __builtin_shufflevector(low_ab, low_cd, 2, 3, 6, 7);
}

static TARGET void turn(size_t n_rows, size_t n_columns, const float *from, size_t from_row, float *to, size_t to_row) {
    for (size_t r = 0; r < n_rows; r += 4)
        for (size_t c = 0; c < n_columns; c += 4) {
            if (r + 4 <= n_rows && c + 4 <= n_columns) {
                turn_four(from + r * from_row + c, from_row, to + c * to_row + r, to_row);
                continue;
            }
            for (size_t i = r; i < n_rows && i < r + 4; i++)
                for (size_t j = c; j < n_columns && j < c + 4; j++)
                    to[j * to_row + i] = from[i * from_row + j];
        }
}

/* The members of a family that all have. */
#define PRODUCT_COMMON .lanes = LANES, .n_vectors = VECTORS, .multiply = multiply, .turn = turn
