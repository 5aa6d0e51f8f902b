/* winograd_kernels.h - the inner loops of winograd.c, a family for each kind of processor.
 *
 * A "plane" is 16 channels of one image. The first 8 floats of a position lie together, the other 8 `second` floats behind them, those
 * of the next position in its row `stride` floats on: 8 and 16 where channels lie in blocks of 16, 8 positions of all the plane and 8 where
 * they lie in blocks of 8, 8 and all channels where those of a position lie together. A tile is a square of 4 x 4 outputs at
 * (row, column), which need the 6 x 6 inputs from there on; positions outside the plane count as 0 when read and are left out
 * when written. A transformed tile has 36 points; point e of it lies e * point_stride floats behind the first one. */
#ifndef ADAH_NN_WINOGRAD_WINOGRAD_KERNELS_H
#define ADAH_NN_WINOGRAD_WINOGRAD_KERNELS_H

#include <stddef.h>
#include <stdint.h>

enum {
    ADAH_WINOGRAD_BLOCK = 16, /* channels of a plane */
    ADAH_WINOGRAD_TILE = 4,   /* outputs along a side of a tile */
    ADAH_WINOGRAD_POINTS = 36,
    ADAH_WINOGRAD_ROWS = 6    /* tiles are multiplied so many at a time */
};

/* The points of evaluation are 0, +-P, +-Q and infinity. These two keep rounding small (Barabasz, Anderson, Soodhalter, Gregg
 * 2020 compare choices); all that the transforms multiply by is exact in float32. */
#define ADAH_WINOGRAD_P 0.625f
#define ADAH_WINOGRAD_Q 1.5f

typedef struct adah_winograd_plane {
    float *values;
    int height, width;
    size_t stride; /* floats from one position to the next */
    size_t second; /* from a position's first channel to its ninth */
} adah_winograd_plane;

typedef struct adah_winograd_kernels {
    const char *name;
    int (*supported)(void); /* by the machine this runs on */
    size_t n_block;         /* channels of the blocks that oneDNN prefers on such processors, 8 or 16 */
    size_t n_panel;         /* columns of the right factor that lie together, a multiple of 16; the last panel may be narrower */
    /* For the rule in winograd.c, as rows of `multiply`: reading U from a cache, from memory; in training making U and taking dU apart. */
    size_t rows_to_read, rows_to_read_memory, rows_to_train;
    /* v = B' d B of the 6 x 6 inputs d. */
    void (*input)(const adah_winograd_plane *x, int row, int column, float *v, size_t point_stride);
    /* The tile's outputs A' m A + bias, kept within low and high. bias: 16 values. */
    void (*output)(const float *m, size_t point_stride, const float *bias, float low, float high,
                   const adah_winograd_plane *y, int row, int column);
    /* m = A dy A' of the 4 x 4 gradients dy: the transpose of `output`. Adds their sum to bias_gradient (16). Where y is given,
     * dy becomes 0 first, there too where it lies, wherever the value y is not between 0 and high: ReLU's derivative. */
    void (*gradient)(const adah_winograd_plane *dy, const float *y, float high, int row, int column, float *m,
                     size_t point_stride, float *bias_gradient);
    /* c (n_rows, n_columns) = a (n_rows, n_inner) b (n_inner, n_columns). n_rows: a multiple of 6; n_columns at most a
     * panel, a multiple of 16; b dense. */
    void (*multiply)(size_t n_rows, size_t n_columns, size_t n_inner, const float *a, size_t a_stride, const float *b,
                     float *c, size_t c_stride);
    /* As `input` and `multiply` with factors in bfloat16 and sums in float32; b: (n_inner / 2, n_columns, 2). NULL: the processor
     * has no such products. */
    void (*input_bf16)(const adah_winograd_plane *x, int row, int column, uint16_t *v, size_t point_stride);
    void (*multiply_bf16)(size_t n_rows, size_t n_columns, size_t n_inner, const uint16_t *a, size_t a_stride,
                          const uint16_t *b, float *c, size_t c_stride);
    /* c (16, n_columns) += a' (16, n_inner) b (n_inner, n_columns). a: (n_inner, 16 of a_stride); n_columns: a multiple of 16. */
    void (*accumulate)(size_t n_columns, size_t n_inner, const float *a, size_t a_stride, const float *b, size_t b_stride,
                       float *c, size_t c_stride);
} adah_winograd_kernels;

extern const adah_winograd_kernels adah_winograd_plain;
#if defined(__x86_64__)
extern const adah_winograd_kernels adah_winograd_avx2;
extern const adah_winograd_kernels adah_winograd_avx512;
extern const adah_winograd_kernels adah_winograd_avx512_bf16;
#endif

#endif
