/* linear_algebra.c - thin covers over the functions of plugins/algebra/algebra.h, and singular pairs of a product through its
 * small Gram matrices. */
#include "rivals/linear_algebra.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "plugins/algebra/algebra.h"

#include <math.h>
#include <string.h>

enum { BLOCK_ROWS = 256 }; /* of a result, one call */

/* The functions, from the first begin on; several threads may begin at once. */
static const adah_algebra *_Atomic blas;

adah_code adah_algebra_begin(int *n_threads, adah_status *status) {
    const adah_algebra *found;
    ADAH_TRY(adah_algebra_get(&found, status));
    blas = found;
    *n_threads = found->threads();
    found->set_threads(1);
    return ADAH_OK;
}

void adah_algebra_end(int n_threads) { blas->set_threads(n_threads); }

double *adah_algebra_zeros(size_t n_rows, size_t n_columns) {
    size_t count;
    return __builtin_mul_overflow(n_rows, n_columns, &count) ? NULL : adah_memory_zeroed(count, sizeof(double));
}

adah_code adah_algebra_fail_memory(size_t n_rows, size_t n_columns, adah_status *status) {
    return adah_fail_memory(status, n_rows * n_columns * sizeof(double));
}

/* ---------------------------------------------------------------- products */

typedef struct product {
    size_t m, n, k;
    double alpha, beta;
    adah_operand a, b;
    double *c;
} product;

static void multiply_block(void *context, size_t block) {
    const product *p = context;
    const size_t first = block * BLOCK_ROWS, n_rows = p->m - first < BLOCK_ROWS ? p->m - first : BLOCK_ROWS;
    blas->dgemm(p->a.transposed, p->b.transposed, (int)n_rows, (int)p->n, (int)p->k, p->alpha,
                p->a.items + (p->a.transposed ? first : first * p->a.stride), (int)p->a.stride, p->b.items,
                (int)p->b.stride, p->beta, p->c + first * p->n, (int)p->n);
}

void adah_algebra_multiply(size_t m, size_t n, size_t k, double alpha, adah_operand a, adah_operand b, double beta,
                           double *c) {
    product p = {m, n, k, alpha, beta, a, b, c};
    if (m > 0 && n > 0)
        adah_parallel_for((m + BLOCK_ROWS - 1) / BLOCK_ROWS, 1, multiply_block, &p);
}

typedef struct gram_pass {
    const double *x;
    size_t m, n;
    double *gram;
} gram_pass;

/* Rows of the upper triangle. */
static void gram_block(void *context, size_t block) {
    const gram_pass *g = context;
    const size_t first = block * BLOCK_ROWS, n_rows = g->n - first < BLOCK_ROWS ? g->n - first : BLOCK_ROWS;
    blas->dgemm(1, 0, (int)n_rows, (int)(g->n - first), (int)g->m, 1, g->x + first, (int)g->n, g->x + first,
                (int)g->n, 0, g->gram + first * g->n + first, (int)g->n);
}

void adah_algebra_gram(const double *x, size_t m, size_t n, double ridge, double *gram) {
    gram_pass g = {x, m, n, gram};
    adah_parallel_for((n + BLOCK_ROWS - 1) / BLOCK_ROWS, 1, gram_block, &g);
    for (size_t i = 0; i < n; i++) {
        gram[i * n + i] += ridge;
        for (size_t j = 0; j < i; j++)
            gram[i * n + j] = gram[j * n + i];
    }
}

double adah_algebra_dot(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

/* ---------------------------------------------------------------- systems and eigenvectors */

adah_code adah_algebra_cholesky(double *a, size_t n, adah_status *status) {
    const int fault = blas->dpotrf((int)n, a);
    if (fault != 0)
        return adah_fail(status, ADAH_ERROR_INTERNAL, "Cholesky of %zu x %zu: not positive definite at row %d", n, n,
                         fault);
    for (size_t i = 0; i < n; i++)
        memset(a + i * n + i + 1, 0, (n - i - 1) * sizeof *a);
    return ADAH_OK;
}

void adah_algebra_lower_solve(const double *l, size_t n, int transposed, double *b, size_t m) {
    blas->dtrsm(transposed, (int)n, (int)m, l, b);
}

void adah_algebra_cholesky_solve(const double *l, size_t n, double *b, size_t m) {
    adah_algebra_lower_solve(l, n, 0, b, m);
    adah_algebra_lower_solve(l, n, 1, b, m);
}

/* The value of the largest magnitude becomes positive: LAPACK leaves the sign to rounding. */
static void fix_sign(double *vector, size_t n) {
    size_t largest = 0;
    for (size_t i = 1; i < n; i++)
        if (fabs(vector[i]) > fabs(vector[largest]))
            largest = i;
    const double sign = vector[largest] < 0 ? -1 : 1;
    for (size_t i = 0; i < n; i++)
        vector[i] *= sign;
}

adah_code adah_algebra_eigen(double *a, size_t n, size_t k, double *value, double *vector, adah_status *status) {
    double *ascending = adah_algebra_zeros(n, 1), *rows = adah_algebra_zeros(k, n);
    int *support = adah_memory_zeroed(k, 2 * sizeof *support);
    adah_code code = ADAH_OK;
    int n_found = 0, answer = 0;
    if (!ascending || !rows || !support) {
        code = adah_algebra_fail_memory(k, n, status);
        goto done;
    }
    answer = blas->dsyevr((int)n, (int)k, a, ascending, rows, support, &n_found);
    if (answer == ADAH_ALGEBRA_NO_MEMORY)
        code = adah_algebra_fail_memory(n, n, status);
    else if (answer != 0 || (size_t)n_found != k)
        code = adah_fail(status, ADAH_ERROR_INTERNAL, "eigenvectors of %zu x %zu: LAPACK answers %d, %d of %zu found",
                         n, n, answer, n_found, k);
    for (size_t i = 0; i < k && code == ADAH_OK; i++) {
        value[i] = ascending[k - 1 - i];
        memcpy(vector + i * n, rows + (k - 1 - i) * n, n * sizeof *vector);
        fix_sign(vector + i * n, n);
    }
done:
    adah_memory_free(ascending);
    adah_memory_free(rows);
    adah_memory_free(support);
    return code;
}

/* ---------------------------------------------------------------- singular pairs */

enum { N_SCRATCH = 6 };
static const double vanishing = 1e-6; /* of the largest singular value */
static const double noise = 1e-14;    /* of the largest eigenvalue: what rounding leaves */

/* With b^T b = Q D Q^T and F = D^(1/2) Q^T (only the D that do not vanish): the eigenvalues of F (a^T a) F^T are the
 * squared singular values, and an eigenvector z gives  right = b Q D^(-1/2) z,  left = a F^T z / value. */
adah_code adah_algebra_singular(const double *a, size_t m, const double *b, size_t n, size_t r, size_t k,
                                double *value, double *left, double *right, size_t *n_found, adah_status *status) {
    double *d = adah_algebra_zeros(r, 1), *q = adah_algebra_zeros(r, r), *gram = adah_algebra_zeros(r, r);
    double *half = adah_algebra_zeros(r, r), *small = adah_algebra_zeros(r, r), *z = adah_algebra_zeros(r, r);
    double *const scratch[N_SCRATCH] = {d, q, gram, half, small, z};
    adah_code code = ADAH_OK;
    size_t rank = r, found = 0;
    for (size_t i = 0; i < N_SCRATCH; i++)
        if (!scratch[i])
            code = adah_algebra_fail_memory(r, r, status);
    if (code != ADAH_OK)
        goto done;
    if (b) {
        adah_algebra_gram(b, n, r, 0, gram);
        code = adah_algebra_eigen(gram, r, r, d, q, status);
        if (code != ADAH_OK)
            goto done;
        for (rank = 0; rank < r && d[rank] > noise * d[0]; rank++)
            ;
        for (size_t i = 0; i < rank; i++)
            for (size_t j = 0; j < r; j++)
                z[i * r + j] = q[i * r + j] * sqrt(d[i]); /* F */
        adah_algebra_gram(a, m, r, 0, gram);
        adah_algebra_multiply(rank, r, r, 1, (adah_operand){z, r, 0}, (adah_operand){gram, r, 0}, 0, half);
        adah_algebra_multiply(rank, rank, r, 1, (adah_operand){half, r, 0}, (adah_operand){z, r, 1}, 0, small);
        memcpy(gram, z, rank * r * sizeof *z); /* F is needed below */
    } else {
        adah_algebra_gram(a, m, r, 0, small);
    }
    const size_t wanted = k < rank ? k : rank;
    if (wanted > 0)
        code = adah_algebra_eigen(small, rank, wanted, value, z, status);
    if (code != ADAH_OK)
        goto done;
    while (found < wanted && value[found] > vanishing * vanishing * value[0])
        found++;
    if (b) { /* half = z F, small = z D^(-1/2) Q^T */
        adah_algebra_multiply(found, r, rank, 1, (adah_operand){z, rank, 0}, (adah_operand){gram, r, 0}, 0, half);
        for (size_t i = 0; i < rank; i++)
            for (size_t j = 0; j < r; j++)
                q[i * r + j] /= sqrt(d[i]);
        adah_algebra_multiply(found, r, rank, 1, (adah_operand){z, rank, 0}, (adah_operand){q, r, 0}, 0, small);
        adah_algebra_multiply(found, n, r, 1, (adah_operand){small, r, 0}, (adah_operand){b, r, 1}, 0, right);
    } else {
        memcpy(half, z, found * r * sizeof *z);
        memcpy(right, z, found * r * sizeof *z);
    }
    adah_algebra_multiply(found, m, r, 1, (adah_operand){half, r, 0}, (adah_operand){a, r, 1}, 0, left);
    for (size_t i = 0; i < found; i++) {
        value[i] = sqrt(value[i]);
        for (size_t j = 0; j < m; j++)
            left[i * m + j] /= value[i];
    }
    *n_found = found;
done:
    for (size_t i = 0; i < N_SCRATCH; i++)
        adah_memory_free(scratch[i]);
    return code;
}
