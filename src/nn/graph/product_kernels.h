/* product_kernels.h - the inner loops of fully_connected.c, a family for each kind of processor.
 *
 * A panel is a strip of the right factor: n_inner rows of `width` floats that lie together. */
#ifndef ADAH_NN_GRAPH_PRODUCT_KERNELS_H
#define ADAH_NN_GRAPH_PRODUCT_KERNELS_H

#include <stddef.h>

enum {
    ADAH_PRODUCT_VECTORS_MAX = 4, /* of a panel's row */
    ADAH_PRODUCT_WIDTH_MAX = 64
};

typedef struct adah_product_kernels {
    const char *name;
    int (*supported)(void); /* by the machine this runs on */
    size_t lanes, n_vectors; /* floats of a vector; a panel's row has 1, 2 ... n_vectors of them, a power of two */
    /* c (n_rows, width) = a b, or += where `adds`. a (n_rows, n_inner): its rows lie a_row floats apart, the floats of a row together;
     * b: a panel; c: its rows lie c_row floats apart. next_a, next_b: what is wanted afterwards, or a and b; it is brought nearer meanwhile. */
    void (*multiply)(size_t n_rows, size_t n_inner, const float *a, size_t a_row, const float *b, size_t width, const float *next_a,
                     const float *next_b, float *c, size_t c_row, int adds);
    /* to (n_columns, n_rows) = from' ; from (n_rows, n_columns). Rows lie from_row and to_row floats apart. */
    void (*turn)(size_t n_rows, size_t n_columns, const float *from, size_t from_row, float *to, size_t to_row);
} adah_product_kernels;

extern const adah_product_kernels adah_product_plain;
#if defined(__x86_64__)
extern const adah_product_kernels adah_product_avx2;
extern const adah_product_kernels adah_product_avx512;
#endif

#endif
