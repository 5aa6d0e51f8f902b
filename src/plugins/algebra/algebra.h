/* algebra.h - the functions of BLAS and LAPACK that the library calls, through OpenBLAS and LAPACKE.
 *
 * Loading OpenBLAS takes longer (4 ms) than the rest of the command's start, and only the learning of a shallow
 * method needs it. So the shared library leaves it to a plugin, libadah-algebra.so, and loads it with the first
 * learning (algebra_load.c). Programs that link everything take the table directly (algebra_linked.c).
 *
 * Matrices of doubles, row by row; a stride counts the doubles from row to row. */
#ifndef ADAH_PLUGINS_ALGEBRA_ALGEBRA_H
#define ADAH_PLUGINS_ALGEBRA_ALGEBRA_H

#include "base/status.h"

enum { ADAH_ALGEBRA_NO_MEMORY = -9999 }; /* an answer of dsyevr; those of LAPACK itself are small */

typedef struct adah_algebra {
    const char *version;  /* ADAH_VERSION: the plugin fits the library */
    int (*threads)(void); /* of OpenBLAS */
    void (*set_threads)(int n);
    /* c (m, n) = alpha a b + beta c, with a (m, k) and b (k, n), transposed: stored as (k, m), (n, k). */
    void (*dgemm)(int a_transposed, int b_transposed, int m, int n, int k, double alpha, const double *a,
                  int a_stride, const double *b, int b_stride, double beta, double *c, int c_stride);
    /* b (n, m) = l^-1 b, or l^-T b when transposed, of the lower triangle l (n, n). */
    void (*dtrsm)(int transposed, int n, int m, const double *l, double *b);
    /* The lower factor of the symmetric a (n, n) in its lower triangle. Answers 0, or the row, from 1, at which a is
     * not positive definite. */
    int (*dpotrf)(int n, double *a);
    /* The k largest eigenvalues of the symmetric a (n, n), ascending, and their vectors as the rows of vector (k, n).
     * value has room for n, support (2, k) is working memory; a is overwritten. Answers 0, ADAH_ALGEBRA_NO_MEMORY or
     * another number: LAPACK has failed. */
    int (*dsyevr)(int n, int k, double *a, double *value, double *vector, int *support, int *n_found);
} adah_algebra;

adah_code adah_algebra_get(const adah_algebra **algebra, adah_status *status);

/* The table itself, algebra_table.c; what algebra_load.c asks the plugin for. */
__attribute__((visibility("default"))) extern const adah_algebra adah_algebra_table;

#endif
