/* cca.c - canonical correlation analysis as hashing.
 *
 * H. Hotelling, "Relations between two sets of variates", Biometrika 28, 1936. Directions u, v of the centred views X
 * (n, d) and Y (n, e) that maximise
 *
 *     u^T X^T Y v / n   subject to   u^T (X^T X / n + ridge I) u = v^T (Y^T Y / n + ridge I) v = 1,
 *
 * each pair uncorrelated with those before. With R R^T and S S^T the two matrices of the constraints these are the
 * singular pairs of T = R^-1 (X^T Y / n) S^-T, taken through the smaller side. Bit = sign of the projection; there
 * are at most min(d, e) pairs, and further bits repeat the pairs from the strongest on. */
#include "base/memory.h"
#include "rivals/linear_algebra.h"
#include "rivals/rival.h"

/* In units of the squared norm of a view, which is 1: the directions that hold less than this are noise. */
static const double ridge = 1e-6;

static adah_code cca_learn(const adah_rival_job *job, adah_status *status) {
    /* a: the view of more dimensions */
    const int image_first = job->image.n_in >= job->text.n_in;
    const adah_view *a = image_first ? &job->image : &job->text, *b = image_first ? &job->text : &job->image;
    adah_hash_function *of_a = image_first ? job->image_function : job->text_function;
    adah_hash_function *of_b = image_first ? job->text_function : job->image_function;
    const size_t n = a->n, d = a->n_in, e = b->n_in, k = job->n_bits < e ? job->n_bits : e;
    double *factor_a = NULL, *factor_b = NULL;
    double *cross = adah_algebra_zeros(e, d), *t = adah_algebra_zeros(d, e);
    double *value = adah_algebra_zeros(k, 1), *left = adah_algebra_zeros(k, d), *right = adah_algebra_zeros(k, e);
    size_t n_found = 0;
    adah_code code = ADAH_OK;
    if (!cross || !t || !value || !left || !right) {
        code = adah_algebra_fail_memory(d, e, status);
        goto done;
    }
    code = adah_view_whitener(a, ridge, &factor_a, status);
    if (code == ADAH_OK)
        code = adah_view_whitener(b, ridge, &factor_b, status);
    if (code != ADAH_OK)
        goto done;
    adah_algebra_multiply(e, d, n, 1 / (double)n, (adah_operand){b->x, e, 1}, (adah_operand){a->x, d, 0}, 0, cross);
    adah_algebra_lower_solve(factor_b, e, 0, cross, d);
    for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j < e; j++)
            t[i * e + j] = cross[j * d + i];
    adah_algebra_lower_solve(factor_a, d, 0, t, e);
    code = adah_algebra_singular(t, d, NULL, e, e, k, value, left, right, &n_found, status);
    if (code == ADAH_OK && n_found == 0)
        code = adah_fail(status, ADAH_ERROR_MISMATCH,
                         "cca: the image and text vectors of the pairs have no correlation");
    if (code == ADAH_OK)
        code = adah_rival_tell(job, "correlating", k, k, value[0], status);
    if (code == ADAH_OK)
        code = adah_view_directions(a, factor_a, n_found, left, job->n_bits, of_a, status);
    if (code == ADAH_OK)
        code = adah_view_directions(b, factor_b, n_found, right, job->n_bits, of_b, status);
done:
    adah_memory_free(cross);
    adah_memory_free(t);
    adah_memory_free(value);
    adah_memory_free(left);
    adah_memory_free(right);
    adah_memory_free(factor_a);
    adah_memory_free(factor_b);
    return code;
}

ADAH_SHALLOW_RIVAL(cca, "cca", "canonical correlation analysis, by sign", 0, 1, cca_learn);
