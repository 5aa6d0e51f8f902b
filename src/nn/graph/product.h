/* product.h - matrix products of one thread, from the kernels of product_kernels.h: C = A B, A where it lies, B in panels. */
#ifndef ADAH_NN_GRAPH_PRODUCT_H
#define ADAH_NN_GRAPH_PRODUCT_H

#include "nn/graph/product_kernels.h"

/* The best kernels that this processor may use. */
const adah_product_kernels *adah_product_family(void);
/* Tests: kernels of this name ("avx512", "avx2", "plain") from now on, NULL: the best again. 0: not to be had here. */
int adah_product_use(const char *name);

/* B (n_inner, n_columns) in panels. They are whole: columns beyond n_columns hold zeros, and products have them as well. */
typedef struct adah_product_panels {
    const adah_product_kernels *kernels;
    size_t n_inner, n_columns, width; /* of a panel */
    size_t n_whole;                   /* columns of all panels */
    float *panel;                     /* n_inner * width floats each, one after the other */
} adah_product_panels;

/* The panels of a matrix of this shape in `memory`, still unwritten, whose n_inner * n_whole floats follow from the shape alone. */
adah_product_panels adah_product_panels_of(const adah_product_kernels *kernels, size_t n_inner, size_t n_columns, float *memory);
/* B = from, whose rows lie from_row floats apart; B = from' of from (n_columns, n_inner). */
void adah_product_pack(const adah_product_panels *b, const float *from, size_t from_row);
void adah_product_pack_turned(const adah_product_panels *b, const float *from, size_t from_row);
/* C = A B, or += where `adds`, for the first n_inner columns of A and as many rows of B. c has n_whole columns, its rows lie c_row floats
 * apart. */
void adah_product_multiply(const adah_product_panels *b, size_t n_rows, size_t n_inner, const float *a, size_t a_row, float *c,
                           size_t c_row, int adds);

#endif
