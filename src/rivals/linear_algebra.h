/* linear_algebra.h - dense matrices of doubles, row by row, on plugins/algebra/algebra.h.
 *
 * Products are cut into blocks of rows of the result, which the project's own threads share; each block is one
 * single-threaded call, so that the number of threads does not change the result. Sizes are below 2^31. */
#ifndef ADAH_RIVALS_LINEAR_ALGEBRA_H
#define ADAH_RIVALS_LINEAR_ALGEBRA_H

#include "base/status.h"

/* Between begin and end, which takes what begin wrote, stand all calls below: there OpenBLAS is loaded and runs on
 * one thread. Begin fails where it cannot be loaded. */
adah_code adah_algebra_begin(int *n_threads, adah_status *status);
void adah_algebra_end(int n_threads);

double *adah_algebra_zeros(size_t n_rows, size_t n_columns); /* freed by adah_memory_free; NULL: memory is out */
adah_code adah_algebra_fail_memory(size_t n_rows, size_t n_columns, adah_status *status);

typedef struct adah_operand {
    const double *items;
    size_t stride;  /* doubles from row to row */
    int transposed; /* as stored (columns, rows) */
} adah_operand;

/* c (m, n) = alpha a b + beta c, with a (m, k) and b (k, n). */
void adah_algebra_multiply(size_t m, size_t n, size_t k, double alpha, adah_operand a, adah_operand b, double beta,
                           double *c);
/* gram (n, n) = x^T x + ridge I of x (m, n). */
void adah_algebra_gram(const double *x, size_t m, size_t n, double ridge, double *gram);
double adah_algebra_dot(const double *a, const double *b, size_t n); /* sum of a_i b_i */

/* a (n, n) symmetric positive definite -> its lower factor L, a = L L^T; zeros above. */
adah_code adah_algebra_cholesky(double *a, size_t n, adah_status *status);
/* b (n, m) = L^-1 b, or L^-T b when transposed. */
void adah_algebra_lower_solve(const double *l, size_t n, int transposed, double *b, size_t m);
/* b (n, m) = (L L^T)^-1 b. */
void adah_algebra_cholesky_solve(const double *l, size_t n, double *b, size_t m);

/* The k largest eigenvalues of the symmetric a (n, n), descending, and their unit vectors as the rows of vector (k,
 * n), each with its value of largest magnitude positive. a is overwritten. */
adah_code adah_algebra_eigen(double *a, size_t n, size_t k, double *value, double *vector, adah_status *status);

/* The at most k largest singular values of a b^T with a (m, r), b (n, r), and their pairs as the rows of left (k, m)
 * and right (k, n); b NULL: the identity (n = r). Values below 1e-6 of the largest count as 0 and are left out;
 * *n_found says how many are there. */
adah_code adah_algebra_singular(const double *a, size_t m, const double *b, size_t n, size_t r, size_t k,
                                double *value, double *left, double *right, size_t *n_found, adah_status *status);

#endif
