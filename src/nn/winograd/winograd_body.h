/* winograd_body.h - the kernels of winograd_kernels.h, written once on vectors of LANES floats. Included by one file a processor,
 * which defines LANES, TARGET (the attribute of every function), COLUMN_VECTORS and WEIGHT_VECTORS, the vectors a row has in
 * the registers of the two products, WEIGHT_ROWS, the rows of the second, and READ_AHEAD, how many floats before their use U is asked
 * for from memory; 0: not at all.
 *
 * With points 0, +-P, +-Q, infinity (p = P^2, q = Q^2), along one axis:
 *
 *     B' d   (p q) d0 - (p + q) d2 + d4,   t1 +- t2,   t3 +- t4,   (p q) d1 - (p + q) d3 + d5
 *            t1 = d4 - q d2, t2 = P (d3 - q d1), t3 = d4 - p d2, t4 = Q (d3 - p d1)
 *     A' m   m0 + s + t,  P u + Q v,  p s + q t,  P p u + Q q v + m5
 *            s = m1 + m2, u = m1 - m2, t = m3 + m4, v = m3 - m4 */
#include "base/processor.h"
#include "nn/winograd/winograd_kernels.h"

typedef float vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));
typedef int32_t mask __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

#define LOAD(from) (*(const vec *)(from))
#define STORE(to, value) (*(vec *)(to) = (value))
#define INNER static inline __attribute__((always_inline)) TARGET

enum { BLOCK = ADAH_WINOGRAD_BLOCK, TILE = ADAH_WINOGRAD_TILE, SIDE = 6, POINTS = ADAH_WINOGRAD_POINTS };

static const float P = ADAH_WINOGRAD_P, Q = ADAH_WINOGRAD_Q, P2 = ADAH_WINOGRAD_P * ADAH_WINOGRAD_P,
                   Q2 = ADAH_WINOGRAD_Q * ADAH_WINOGRAD_Q;

#define select_where(condition, a, b) ((vec)(((mask)(a) & (condition)) | ((mask)(b) & ~(condition))))

/* Along one axis of d, whose elements are `s` vectors apart; `to` alike. */
INNER void input_line(const vec *d, int s, vec *to) {
    const vec t1 = d[4 * s] - Q2 * d[2 * s], t2 = P * (d[3 * s] - Q2 * d[s]);
    const vec t3 = d[4 * s] - P2 * d[2 * s], t4 = Q * (d[3 * s] - P2 * d[s]);
    const vec first = d[4 * s] - (P2 + Q2) * d[2 * s] + (P2 * Q2) * d[0];
    const vec last = d[5 * s] - (P2 + Q2) * d[3 * s] + (P2 * Q2) * d[s];
    to[0] = first;
    to[s] = t1 + t2;
    to[2 * s] = t1 - t2;
    to[3 * s] = t3 + t4;
    to[4 * s] = t3 - t4;
    to[5 * s] = last;
}

/* Element i of m lies i * s vectors on, that of `to` i * to_s. */
INNER void output_line(const vec *m, int s, vec *to, int to_s) {
    const vec sum1 = m[s] + m[2 * s], difference1 = m[s] - m[2 * s];
    const vec sum2 = m[3 * s] + m[4 * s], difference2 = m[3 * s] - m[4 * s];
    to[0] = m[0] + sum1 + sum2;
    to[to_s] = P * difference1 + Q * difference2;
    to[2 * to_s] = P2 * sum1 + Q2 * sum2;
    to[3 * to_s] = (P * P2) * difference1 + (Q * Q2) * difference2 + m[5 * s];
}

INNER void gradient_line(const vec *dy, int s, vec *to, int to_s) {
    const vec even1 = dy[0] + P2 * dy[2 * s], odd1 = P * dy[s] + (P * P2) * dy[3 * s];
    const vec even2 = dy[0] + Q2 * dy[2 * s], odd2 = Q * dy[s] + (Q * Q2) * dy[3 * s];
    const vec first = dy[0], last = dy[3 * s];
    to[0] = first;
    to[to_s] = even1 + odd1;
    to[2 * to_s] = even1 - odd1;
    to[3 * to_s] = even2 + odd2;
    to[4 * to_s] = even2 - odd2;
    to[5 * to_s] = last;
}

/* Where lane `lane` of a position lies, from its first one on. */
INNER size_t lane_place(const adah_winograd_plane *x, size_t lane) { return lane < 8 ? lane : x->second + lane - 8; }

/* A square of the plane, `side` wide, as vectors from lane `lane` on. */
INNER void load_square(const adah_winograd_plane *x, int row, int column, int side, size_t lane, vec *d) {
    if (row >= 0 && column >= 0 && row + side <= x->height && column + side <= x->width) {
        const float *from = x->values + ((size_t)row * (size_t)x->width + (size_t)column) * x->stride + lane_place(x, lane);
        for (int r = 0; r < side; r++, from += (size_t)x->width * x->stride)
            for (int c = 0; c < side; c++)
                d[r * side + c] = LOAD(from + (size_t)c * x->stride);
        return;
    }
    for (int r = 0; r < side; r++)
        for (int c = 0; c < side; c++) {
            const int y = row + r, z = column + c;
            const vec none = {0};
            d[r * side + c] = y >= 0 && z >= 0 && y < x->height && z < x->width
                                  ? LOAD(x->values + ((size_t)y * (size_t)x->width + (size_t)z) * x->stride + lane_place(x, lane))
                                  : none;
        }
}

/* B' d B of the 6 x 6 inputs from (row, column) on. */
INNER void input_tile(const adah_winograd_plane *x, int row, int column, size_t lane, vec *d) {
    vec w[POINTS];
    load_square(x, row, column, SIDE, lane, d);
#pragma GCC unroll 6
    for (int c = 0; c < SIDE; c++)
        input_line(d + c, SIDE, w + c);
#pragma GCC unroll 6
    for (int r = 0; r < SIDE; r++)
        input_line(w + r * SIDE, 1, d + r * SIDE);
}

static TARGET void input(const adah_winograd_plane *x, int row, int column, float *v, size_t point_stride) {
    for (size_t lane = 0; lane < BLOCK; lane += LANES) {
        vec d[POINTS];
        input_tile(x, row, column, lane, d);
#pragma GCC unroll 36
        for (int e = 0; e < POINTS; e++)
            STORE(v + (size_t)e * point_stride + lane, d[e]);
    }
}

static TARGET void output(const float *m, size_t point_stride, const float *bias, float low, float high,
                          const adah_winograd_plane *y, int row, int column) {
    const int n_rows = y->height - row < TILE ? y->height - row : TILE;
    const int n_columns = y->width - column < TILE ? y->width - column : TILE;
    for (size_t lane = 0; lane < BLOCK; lane += LANES) {
        vec d[POINTS], w[TILE * SIDE], out[TILE * TILE];
#pragma GCC unroll 36
        for (int e = 0; e < POINTS; e++)
            d[e] = LOAD(m + (size_t)e * point_stride + lane);
#pragma GCC unroll 6
        for (int c = 0; c < SIDE; c++)
            output_line(d + c, SIDE, w + c, SIDE);
#pragma GCC unroll 4
        for (int r = 0; r < TILE; r++)
            output_line(w + r * SIDE, 1, out + r * TILE, 1);
        const vec shift = LOAD(bias + lane), least = low - (vec){0}, most = high - (vec){0};
#pragma GCC unroll 16
        for (int i = 0; i < TILE * TILE; i++) {
            out[i] += shift;
            out[i] = select_where(out[i] < least, least, out[i]);
            out[i] = select_where(out[i] > most, most, out[i]);
        }
        float *to = y->values + ((size_t)row * (size_t)y->width + (size_t)column) * y->stride + lane_place(y, lane);
        if (n_rows == TILE && n_columns == TILE) {
#pragma GCC unroll 4
            for (int r = 0; r < TILE; r++)
#pragma GCC unroll 4
                for (int c = 0; c < TILE; c++)
                    STORE(to + ((size_t)r * (size_t)y->width + (size_t)c) * y->stride, out[r * TILE + c]);
        } else {
            for (int r = 0; r < n_rows; r++)
                for (int c = 0; c < n_columns; c++)
                    STORE(to + ((size_t)r * (size_t)y->width + (size_t)c) * y->stride, out[r * TILE + c]);
        }
    }
}

/* The tile of dy where y is between 0 and high, else 0; kept in dy. */
static TARGET void mask_tile(const adah_winograd_plane *dy, const float *y, float high, int row, int column) {
    const int n_rows = dy->height - row < TILE ? dy->height - row : TILE;
    const int n_columns = dy->width - column < TILE ? dy->width - column : TILE;
    const vec none = {0}, most = high - none;
    for (int r = 0; r < n_rows; r++) {
        const size_t at = ((size_t)(row + r) * (size_t)dy->width + (size_t)column) * dy->stride;
        for (size_t i = at; i < at + (size_t)n_columns * dy->stride; i += dy->stride)
            for (size_t lane = 0; lane < BLOCK; lane += LANES) {
                const size_t here = i + lane_place(dy, lane);
                const vec value = LOAD(y + here);
                STORE(dy->values + here, select_where((value > none) & (value < most), LOAD(dy->values + here), none));
            }
    }
}

static TARGET void gradient(const adah_winograd_plane *dy, const float *y, float high, int row, int column, float *m,
                            size_t point_stride, float *bias_gradient) {
    if (y)
        mask_tile(dy, y, high, row, column);
    for (size_t lane = 0; lane < BLOCK; lane += LANES) {
        vec d[TILE * TILE], w[SIDE * TILE], out[POINTS], sum = {0};
        load_square(dy, row, column, TILE, lane, d);
#pragma GCC unroll 16
        for (int i = 0; i < TILE * TILE; i++)
            sum += d[i];
        STORE(bias_gradient + lane, LOAD(bias_gradient + lane) + sum);
#pragma GCC unroll 4
        for (int c = 0; c < TILE; c++)
            gradient_line(d + c, TILE, w + c, TILE);
#pragma GCC unroll 6
        for (int r = 0; r < SIDE; r++)
            gradient_line(w + r * TILE, 1, out + r * SIDE, 1);
#pragma GCC unroll 36
        for (int e = 0; e < POINTS; e++)
            STORE(m + (size_t)e * point_stride + lane, out[e]);
    }
}

/* ---------------------------------------------------------------- products */

enum { ROWS = ADAH_WINOGRAD_ROWS };

/* c = a b for 6 rows and n vectors of columns; b_stride floats between rows of b. */
#define DEFINE_ROWS(name, n)                                                                                         \
    static TARGET void name(size_t n_inner, const float *a, size_t a_stride, const float *b, size_t b_stride,        \
                            float *c, size_t c_stride) {                                                             \
        vec sum[ROWS][n];                                                                                            \
        for (int r = 0; r < ROWS; r++)                                                                               \
            for (int j = 0; j < (n); j++)                                                                            \
                sum[r][j] = (vec){0};                                                                                \
        for (size_t k = 0; k < n_inner; k++, b += b_stride) {                                                        \
            vec right[n];                                                                                            \
            if (READ_AHEAD)                                                                                          \
                __builtin_prefetch(b + READ_AHEAD);                                                                  \
            for (int j = 0; j < (n); j++)                                                                            \
                right[j] = LOAD(b + j * LANES);                                                                      \
            for (int r = 0; r < ROWS; r++) {                                                                         \
                const vec left = a[(size_t)r * a_stride + k] - (vec){0};                                             \
                for (int j = 0; j < (n); j++)                                                                        \
                    sum[r][j] += left * right[j];                                                                    \
            }                                                                                                        \
        }                                                                                                            \
        for (int r = 0; r < ROWS; r++)                                                                               \
            for (int j = 0; j < (n); j++)                                                                            \
                STORE(c + (size_t)r * c_stride + j * LANES, sum[r][j]);                                              \
    }

DEFINE_ROWS(rows_wide, COLUMN_VECTORS)
DEFINE_ROWS(rows_block, BLOCK / LANES)

static TARGET void multiply(size_t n_rows, size_t n_columns, size_t n_inner, const float *a, size_t a_stride,
                            const float *b, float *c, size_t c_stride) {
    enum { WIDE = COLUMN_VECTORS * LANES };
    for (size_t j = 0; j < n_columns;) {
        const size_t wide = n_columns - j >= WIDE;
        for (size_t r = 0; r < n_rows; r += ROWS)
            (wide ? rows_wide : rows_block)(n_inner, a + r * a_stride, a_stride, b + j, n_columns, c + r * c_stride + j,
                                            c_stride);
        j += wide ? WIDE : BLOCK;
    }
}

/* c += a' b for WEIGHT_ROWS columns of a and n vectors of columns of b. */
#define DEFINE_WEIGHTS(name, n)                                                                                      \
    static TARGET void name(size_t n_inner, const float *a, size_t a_stride, const float *b, size_t b_stride,        \
                            float *c, size_t c_stride) {                                                             \
        vec sum[WEIGHT_ROWS][n];                                                                                     \
        for (int r = 0; r < WEIGHT_ROWS; r++)                                                                        \
            for (int j = 0; j < (n); j++)                                                                            \
                sum[r][j] = LOAD(c + (size_t)r * c_stride + j * LANES);                                              \
        for (size_t k = 0; k < n_inner; k++, a += a_stride, b += b_stride) {                                         \
            vec right[n];                                                                                            \
            for (int j = 0; j < (n); j++)                                                                            \
                right[j] = LOAD(b + j * LANES);                                                                      \
            for (int r = 0; r < WEIGHT_ROWS; r++) {                                                                  \
                const vec left = a[r] - (vec){0};                                                                    \
                for (int j = 0; j < (n); j++)                                                                        \
                    sum[r][j] += left * right[j];                                                                    \
            }                                                                                                        \
        }                                                                                                            \
        for (int r = 0; r < WEIGHT_ROWS; r++)                                                                        \
            for (int j = 0; j < (n); j++)                                                                            \
                STORE(c + (size_t)r * c_stride + j * LANES, sum[r][j]);                                              \
    }

DEFINE_WEIGHTS(weights_wide, WEIGHT_VECTORS)
DEFINE_WEIGHTS(weights_block, 1)

static TARGET void accumulate(size_t n_columns, size_t n_inner, const float *a, size_t a_stride, const float *b,
                              size_t b_stride, float *c, size_t c_stride) {
    enum { WIDE = WEIGHT_VECTORS * LANES };
    for (size_t j = 0; j < n_columns;) {
        const size_t wide = n_columns - j >= WIDE;
        for (size_t row = 0; row < BLOCK; row += WEIGHT_ROWS)
            (wide ? weights_wide : weights_block)(n_inner, a + row, a_stride, b + j, b_stride, c + row * c_stride + j,
                                                  c_stride);
        j += wide ? WIDE : LANES;
    }
}

/* The members of a family that this file has. */
#define WINOGRAD_COMMON \
    .input = input, .output = output, .gradient = gradient, .multiply = multiply, .accumulate = accumulate
