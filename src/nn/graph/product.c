/* product.c - packs panels and multiplies by them. */
#include "nn/graph/product.h"

#include <string.h>

enum { INNER = 128 /* of a piece: 32 kB of B with the widest panel */, ROWS = 48 /* 8 tiles of 6 */ };

static const adah_product_kernels *const families[] = {
#if defined(__x86_64__)
    &adah_product_avx512, &adah_product_avx2,
#endif
    &adah_product_plain};
enum { N_FAMILIES = sizeof families / sizeof *families };

static const adah_product_kernels *chosen; /* by a test */

const adah_product_kernels *adah_product_family(void) {
    for (size_t i = 0; i < N_FAMILIES && !chosen; i++)
        if (families[i]->supported())
            return families[i];
    return chosen;
}

int adah_product_use(const char *name) {
    chosen = NULL;
    for (size_t i = 0; name && i < N_FAMILIES; i++)
        if (!strcmp(families[i]->name, name) && families[i]->supported())
            chosen = families[i];
    return !name || chosen;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

adah_product_panels adah_product_panels_of(const adah_product_kernels *kernels, size_t n_inner, size_t n_columns, float *memory) {
    size_t n_vectors = 1; /* as narrow as the columns allow */
    while (n_vectors < kernels->n_vectors && n_vectors * kernels->lanes < n_columns)
        n_vectors *= 2;
    const size_t width = n_vectors * kernels->lanes;
    return (adah_product_panels){kernels, n_inner, n_columns, width, (n_columns + width - 1) / width * width, memory};
}

void adah_product_pack(const adah_product_panels *b, const float *from, size_t from_row) {
    for (size_t j = 0; j < b->n_columns; j += b->width) {
        const size_t n = least(b->width, b->n_columns - j);
        float *to = b->panel + j * b->n_inner;
        for (size_t k = 0; k < b->n_inner; k++, to += b->width) {
            memcpy(to, from + k * from_row + j, n * sizeof *to);
            if (n < b->width)
                memset(to + n, 0, (b->width - n) * sizeof *to);
        }
    }
}

void adah_product_pack_turned(const adah_product_panels *b, const float *from, size_t from_row) {
    for (size_t j = 0; j < b->n_columns; j += b->width) {
        const size_t n = least(b->width, b->n_columns - j);
        float *to = b->panel + j * b->n_inner;
        if (n < b->width)
            memset(to, 0, b->n_inner * b->width * sizeof *to);
        b->kernels->turn(n, b->n_inner, from + j * from_row, from_row, to, b->width);
    }
}

void adah_product_multiply(const adah_product_panels *b, size_t n_rows, size_t n_inner, const float *a, size_t a_row, float *c,
                           size_t c_row, int adds) {
    for (size_t row = 0; row < n_rows; row += ROWS)
        for (size_t k = 0; k < n_inner; k += INNER)
            for (size_t j = 0; j < b->n_whole; j += b->width) {
                const float *panel = b->panel + j * b->n_inner + k * b->width, *left = a + row * a_row + k;
                b->kernels->multiply(least(ROWS, n_rows - row), least(INNER, n_inner - k), left, a_row, panel, b->width, left, panel,
                                     c + row * c_row + j, c_row, adds || k);
            }
}
