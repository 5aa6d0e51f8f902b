/* rival_view.c - one modality as the methods see it, and the way back from its coordinates to raw rows. */
#include "base/memory.h"
#include "rivals/linear_algebra.h"
#include "rivals/rival_view.h"

#include <math.h>
#include <string.h>

static const double constant = 1e-20; /* variance over squared norm below which all rows are equal but for rounding */

void adah_hash_function_free(adah_hash_function *f) {
    adah_memory_free(f->anchor);
    adah_memory_free(f->weight);
    adah_memory_free(f->bias);
    *f = (adah_hash_function){0};
}

adah_code adah_view_create(const float *rows, size_t n, size_t n_in, double norm, adah_view *view,
                           adah_status *status) {
    adah_view v = {n, n_in, adah_algebra_zeros(n, n_in), adah_algebra_zeros(n_in, 1), 1};
    if (!v.x || !v.mean) {
        adah_view_free(&v);
        return adah_algebra_fail_memory(n, n_in, status);
    }
    double raw = 0, centred = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n_in; j++)
            v.mean[j] += (double)rows[i * n_in + j] / (double)n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n_in; j++) {
            double x = (double)rows[i * n_in + j] - v.mean[j];
            v.x[i * n_in + j] = x;
            raw += (double)rows[i * n_in + j] * (double)rows[i * n_in + j];
            centred += x * x;
        }
    if (centred <= constant * raw)
        memset(v.x, 0, n * n_in * sizeof *v.x);
    else
        v.scale = norm * sqrt((double)n / centred);
    for (size_t i = 0; i < n * n_in; i++)
        v.x[i] *= v.scale;
    *view = v;
    return ADAH_OK;
}

void adah_view_free(adah_view *view) {
    adah_memory_free(view->x);
    adah_memory_free(view->mean);
    *view = (adah_view){0};
}

/* weight (row - mean) scale + bias = (weight scale) row + (bias - weight mean scale). */
adah_code adah_view_linear(const adah_view *view, size_t n_bits, const double *weight, const double *bias,
                           adah_hash_function *function, adah_status *status) {
    const size_t d = view->n_in;
    *function =
        (adah_hash_function){d, 0, n_bits, 0, NULL, adah_memory_floats(n_bits * d), adah_memory_floats(n_bits)};
    if (!function->weight || !function->bias) {
        adah_hash_function_free(function);
        return adah_fail_memory(status, n_bits * d * sizeof(float));
    }
    for (size_t b = 0; b < n_bits; b++) {
        for (size_t j = 0; j < d; j++)
            function->weight[b * d + j] = (float)(weight[b * d + j] * view->scale);
        function->bias[b] =
            (float)((bias ? bias[b] : 0) - adah_algebra_dot(weight + b * d, view->mean, d) * view->scale);
    }
    return ADAH_OK;
}

adah_code adah_view_whitener(const adah_view *view, double ridge, double **factor, adah_status *status) {
    const size_t d = view->n_in;
    double *gram = adah_algebra_zeros(d, d);
    if (!gram)
        return adah_algebra_fail_memory(d, d, status);
    adah_algebra_gram(view->x, view->n, d, ridge * (double)view->n, gram);
    for (size_t i = 0; i < d * d; i++)
        gram[i] /= (double)view->n;
    adah_code code = adah_algebra_cholesky(gram, d, status);
    if (code != ADAH_OK)
        adah_memory_free(gram);
    else
        *factor = gram;
    return code;
}

adah_code adah_view_directions(const adah_view *view, const double *factor, size_t n_directions, double *direction,
                               size_t n_bits, adah_hash_function *function, adah_status *status) {
    const size_t d = view->n_in;
    double *weight = adah_algebra_zeros(n_bits, d);
    if (!weight)
        return adah_algebra_fail_memory(n_bits, d, status);
    for (size_t i = 0; i < n_directions; i++)
        adah_algebra_lower_solve(factor, d, 1, direction + i * d, 1);
    for (size_t b = 0; b < n_bits; b++)
        memcpy(weight + b * d, direction + b % n_directions * d, d * sizeof *weight);
    adah_code code = adah_view_linear(view, n_bits, weight, NULL, function, status);
    adah_memory_free(weight);
    return code;
}
