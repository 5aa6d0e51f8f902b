/* algebra_table.c - the table, on cblas and LAPACKE; the only file that includes them.
 *
 * LAPACK counts column by column, where a row-by-row symmetric matrix is itself, its lower triangle the upper one,
 * and vectors in columns are rows: no copy is needed. */
#include "plugins/algebra/algebra.h"

#include <cblas.h>
#include <lapacke.h>

static void multiply(int a_transposed, int b_transposed, int m, int n, int k, double alpha, const double *a,
                     int a_stride, const double *b, int b_stride, double beta, double *c, int c_stride) {
    cblas_dgemm(CblasRowMajor, a_transposed ? CblasTrans : CblasNoTrans, b_transposed ? CblasTrans : CblasNoTrans, m,
                n, k, alpha, a, a_stride, b, b_stride, beta, c, c_stride);
}

static void solve(int transposed, int n, int m, const double *l, double *b) {
    cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, transposed ? CblasTrans : CblasNoTrans, CblasNonUnit, n, m, 1,
                l, n, b, m);
}

static int factor(int n, double *a) { return LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', n, a, n); }

static int eigen(int n, int k, double *a, double *value, double *vector, int *support, int *n_found) {
    int info = LAPACKE_dsyevr(LAPACK_COL_MAJOR, 'V', 'I', 'U', n, a, n, 0, 0, n - k + 1, n, 0, n_found, value, vector,
                              n, support);
    return info == LAPACK_WORK_MEMORY_ERROR ? ADAH_ALGEBRA_NO_MEMORY : info;
}

const adah_algebra adah_algebra_table = {
    .version = ADAH_VERSION,
    .threads = openblas_get_num_threads,
    .set_threads = openblas_set_num_threads,
    .dgemm = multiply,
    .dtrsm = solve,
    .dpotrf = factor,
    .dsyevr = eigen,
};
