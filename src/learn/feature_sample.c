/* feature_sample.c - batches through a network that does not train. */
#include "learn/feature_sample.h"
#include "base/memory.h"
#include "input/input_worker.h"
#include "rivals/linear_algebra.h"

enum { N_BATCH = 64 };

/* Appends a batch of averages. */
static adah_code read_batch(adah_input_worker *w, const adah_input_source *image, const size_t *items, size_t n, adah_feature_sample *s, adah_status *status) {
    int is_there[N_BATCH];
    for (size_t i = 0; i < n; i++)
        ADAH_TRY(adah_input_worker_fill(w, image, ADAH_IMAGE, items[i], i, &is_there[i], status));
    ADAH_TRY(adah_input_worker_forward(w, status));
    const float *x = adah_node_value(w->network->image.average);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < s->n_values && is_there[i]; k++)
            s->x[s->n * s->n_values + k] = (double)x[i * s->n_values + k];
        s->n += is_there[i] != 0;
    }
    return ADAH_OK;
}

adah_code adah_feature_sample_read(const adah_settings *config, const adah_input_source *image, const size_t *items, size_t n,
                                   adah_parameters *parameters, adah_feature_sample *s, adah_status *status) {
    const adah_network_plan plan = {.n_batch = N_BATCH, .image = image->shape, .creating = 1};
    adah_input_worker *w;
    ADAH_TRY(adah_input_worker_create(&plan, config, parameters, image->pictures != NULL, &w, status));
    s->n_values = adah_node_shape(w->network->image.average).dim[1];
    s->x = adah_algebra_zeros(n, s->n_values);
    adah_code code = s->x ? ADAH_OK : adah_algebra_fail_memory(n, s->n_values, status);
    for (size_t first = 0; first < n && code == ADAH_OK; first += N_BATCH)
        code = read_batch(w, image, items + first, n - first < N_BATCH ? n - first : N_BATCH, s, status);
    adah_input_worker_free(w);
    return adah_input_check(image, code, status);
}

void adah_feature_sample_free(adah_feature_sample *s) {
    adah_memory_free(s->x);
    *s = (adah_feature_sample){0};
}
