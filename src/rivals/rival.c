/* rival.c - the checks that all shallow rivals want, and the frame around one learning. */
#include "rivals/rival.h"
#include "base/memory.h"
#include "rivals/linear_algebra.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

adah_code adah_rival_tell(const adah_rival_job *job, const char *stage, size_t done, size_t total, double objective,
                          adah_status *status) {
    char text[64];
    snprintf(text, sizeof text, "objective %.9g", objective);
    const adah_progress_event event = {stage, done, total, text, 0};
    if (job->progress.function && job->progress.function(job->progress.user, &event) != 0)
        return adah_fail(status, ADAH_ERROR_CANCELLED, "%s was stopped", stage);
    return ADAH_OK;
}

double *adah_rival_unit_labels(const adah_rival_data *data) {
    const size_t n_labels = data->n_labels;
    double *unit = adah_algebra_zeros(data->n, n_labels);
    for (size_t i = 0; unit && i < data->n; i++) {
        double count = 0;
        for (size_t j = 0; j < n_labels; j++)
            count += data->label[i * n_labels + j] != 0;
        for (size_t j = 0; j < n_labels && count > 0; j++)
            unit[i * n_labels + j] = data->label[i * n_labels + j] ? 1 / sqrt(count) : 0;
    }
    return unit;
}

static adah_code check_rows(const char *what, const float *rows, size_t n, size_t n_in, adah_status *status) {
    for (size_t i = 0; i < n * n_in; i++)
        if (!isfinite(rows[i]))
            return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s vector %zu, value %zu is %g, expected a finite number",
                             what, i / n_in, i % n_in, (double)rows[i]);
    return ADAH_OK;
}

static adah_code check(const adah_method *method, const adah_rival_data *data, size_t n_bits, adah_status *status) {
    if (n_bits < 1 || n_bits > ADAH_BITS_MAX)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%zu bits, expected 1 to %d", n_bits, ADAH_BITS_MAX);
    if (data->n < 2 || data->n_image < 1 || data->n_text < 1)
        return adah_fail(status, ADAH_ERROR_ARGUMENT,
                         "%zu pairs of %zu and %zu values, expected at least two pairs of at least one value each",
                         data->n, data->n_image, data->n_text);
    if (data->n > INT_MAX || data->n_image > INT_MAX || data->n_text > INT_MAX || data->n_labels > INT_MAX)
        return adah_fail(status, ADAH_ERROR_ARGUMENT,
                         "%zu pairs of %zu and %zu values with %zu labels, expected less than %d", data->n,
                         data->n_image, data->n_text, data->n_labels, INT_MAX);
    if (method->closed_form->needs_labels && data->n_labels == 0)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s learns from labels, and the data have none", method->name);
    ADAH_TRY(check_rows("image", data->image, data->n, data->n_image, status));
    return check_rows("text", data->text, data->n, data->n_text, status);
}

adah_code adah_rival_learn(const adah_method *method, const adah_rival_data *data, size_t n_bits, uint64_t seed,
                           adah_progress progress, adah_hash_function *image, adah_hash_function *text, adah_hash_function *fine,
                           adah_status *status) {
    ADAH_TRY(check(method, data, n_bits, status));
    int n_threads;
    ADAH_TRY(adah_algebra_begin(&n_threads, status));
    adah_hash_function learned[3] = {{0}, {0}, {0}};
    adah_rival_job job = {data, {0}, {0}, n_bits, seed, progress, &learned[0], &learned[1], &learned[2]};
    adah_code code = adah_view_create(data->image, data->n, data->n_image, method->closed_form->norm, &job.image, status);
    if (code == ADAH_OK)
        code = adah_view_create(data->text, data->n, data->n_text, method->closed_form->norm, &job.text, status);
    if (code == ADAH_OK)
        code = method->closed_form->learn(&job, status);
    adah_algebra_end(n_threads);
    adah_view_free(&job.image);
    adah_view_free(&job.text);
    if (code != ADAH_OK) {
        adah_hash_function_free(&learned[0]);
        adah_hash_function_free(&learned[1]);
        adah_hash_function_free(&learned[2]);
        return code;
    }
    *image = learned[0];
    *text = learned[1];
    if (fine)
        *fine = learned[2];
    return ADAH_OK;
}
