/* appearance.c - principal components of what the picture part reads of images, by the eigenvectors of X^T X, or of X X^T where there are fewer
 * images than values. */
#include "learn/appearance.h"
#include "learn/feature_sample.h"
#include "base/memory.h"
#include "paper/picture_part.h"
#include "rivals/linear_algebra.h"

#include <math.h>
#include <string.h>

enum { N_SAMPLE = 2048 };

static void centre(adah_feature_sample *s, double *mean) {
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < s->n_values; k++)
            mean[k] += s->x[i * s->n_values + k] / (double)s->n;
    for (size_t i = 0; i < s->n; i++)
        for (size_t k = 0; k < s->n_values; k++)
            s->x[i * s->n_values + k] -= mean[k];
}

/* At most n_wanted components, as rows of vector (n_wanted, n_values), and their eigenvalues; *n_found of them. */
static adah_code find_components(const adah_feature_sample *s, size_t n_wanted, double *value, double *vector, size_t *n_found, adah_status *status) {
    static const double NOISE = 0.01; /* a smaller share of the largest deviation says nothing of a photo */
    const int is_dual = s->n < s->n_values;
    const size_t n = is_dual ? s->n : s->n_values, n_asked = n_wanted < n ? n_wanted : n;
    double *gram = adah_algebra_zeros(n, n), *own = adah_algebra_zeros(n_asked, n);
    adah_code code = gram && own ? ADAH_OK : adah_algebra_fail_memory(n, n, status);
    if (code == ADAH_OK) {
        const adah_operand rows = {s->x, s->n_values, 0}, columns = {s->x, s->n_values, 1};
        if (is_dual)
            adah_algebra_multiply(n, n, s->n_values, 1, rows, columns, 0, gram);
        else
            adah_algebra_gram(s->x, s->n, n, 0, gram);
        code = adah_algebra_eigen(gram, n, n_asked, value, own, status);
    }
    size_t found = 0;
    while (code == ADAH_OK && found < n_asked && value[found] > NOISE * NOISE * value[0])
        found++;
    if (code == ADAH_OK && is_dual) {
        for (size_t i = 0; i < found; i++)
            for (size_t k = 0; k < n; k++)
                own[i * n + k] /= sqrt(value[i]);
        adah_algebra_multiply(found, s->n_values, n, 1, (adah_operand){own, n, 0}, (adah_operand){s->x, s->n_values, 0}, 0, vector);
    } else if (code == ADAH_OK) {
        memcpy(vector, own, found * n * sizeof *own);
    }
    *n_found = found;
    adah_memory_free(gram);
    adah_memory_free(own);
    return code;
}

/* The linear layer that takes a mean off and then goes along components, each divided by the square root of its deviation, the fourth root of its
 * eigenvalue, and the first kept as it is. Rows beyond those found are zeros. */
static void set_layer(adah_appearance layer, const adah_feature_sample *s, const double *mean, const double *value, const double *vector, size_t n_found) {
    memset(layer.weight->value, 0, adah_shape_count(layer.weight->shape) * sizeof(float));
    memset(layer.bias->value, 0, adah_shape_count(layer.bias->shape) * sizeof(float));
    for (size_t i = 0; i < n_found; i++) {
        const double factor = sqrt(sqrt(value[0] / value[i]));
        for (size_t k = 0; k < s->n_values; k++)
            layer.weight->value[i * s->n_values + k] = (float)(factor * vector[i * s->n_values + k]);
        layer.bias->value[i] = (float)(-factor * adah_algebra_dot(vector + i * s->n_values, mean, s->n_values));
    }
    layer.weight->version++;
    layer.bias->version++;
}

adah_code adah_appearance_learn(const adah_settings *config, const adah_input_source *image, const size_t *items, size_t n_items,
                                adah_parameters *parameters, adah_status *status) {
    const size_t n_wanted = adah_settings_appearance(config);
    if (!n_wanted)
        return ADAH_OK;
    adah_feature_sample s = {NULL, 0, 0};
    int n_threads;
    size_t n_found = 0;
    ADAH_TRY(adah_algebra_begin(&n_threads, status));
    adah_code code = adah_feature_sample_read(config, image, items, n_items < N_SAMPLE ? n_items : N_SAMPLE, parameters, &s, status);
    double *mean = adah_algebra_zeros(s.n_values, 1), *vector = adah_algebra_zeros(n_wanted, s.n_values);
    double *value = adah_algebra_zeros(s.n < s.n_values ? s.n_values : s.n, 1);
    if (code == ADAH_OK && (!mean || !vector || !value))
        code = adah_algebra_fail_memory(n_wanted, s.n_values, status);
    if (code == ADAH_OK)
        centre(&s, mean);
    if (code == ADAH_OK)
        code = find_components(&s, n_wanted, value, vector, &n_found, status);
    adah_algebra_end(n_threads);
    if (code == ADAH_OK)
        set_layer(adah_picture_part_appearance(parameters), &s, mean, value, vector, n_found);
    adah_feature_sample_free(&s);
    adah_memory_free(mean);
    adah_memory_free(vector);
    adah_memory_free(value);
    return code;
}
