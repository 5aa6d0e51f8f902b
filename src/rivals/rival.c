/* rival.c - the table of methods, the checks that all of them want, and the frame around one learning. */
#include "rivals/rival.h"
#include "base/memory.h"
#include "rivals/linear_algebra.h"
#include "rivals/rival_methods.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

typedef struct rival_method {
    const char *name;
    int needs_labels;
    double norm; /* of the views */
    adah_code (*learn)(const adah_rival_job *job, adah_status *status);
} rival_method;

/* cmfh and stmh depend on the scale of the views. Their authors chose the weights for normalised histograms and
 * topics (norm 0.15 and 0.37 on Wikipedia) and for bags of some ten words. */
static const rival_method methods[] = {
    {"cca", 0, 1, adah_rival_cca},           {"cmfh", 0, 0.2, adah_rival_cmfh},
    {"scm-orth", 1, 1, adah_rival_scm_orth}, {"scm-seq", 1, 1, adah_rival_scm_seq},
    {"stmh", 0, 3, adah_rival_stmh},         {"seph-km", 1, 1, adah_rival_seph_km},
    {"seph-rnd", 1, 1, adah_rival_seph_rnd},
};

void adah_hash_function_free(adah_hash_function *f) {
    adah_memory_free(f->anchor);
    adah_memory_free(f->weight);
    adah_memory_free(f->bias);
    *f = (adah_hash_function){0};
}

static const rival_method *find(const char *name) {
    for (size_t i = 0; name && i < sizeof methods / sizeof *methods; i++)
        if (strcmp(methods[i].name, name) == 0)
            return methods + i;
    return NULL;
}

const char *adah_rival_names(void) { return "cca, cmfh, scm-orth, scm-seq, stmh, seph-km, seph-rnd"; }

int adah_rival_is_shallow(const char *name) { return find(name) != NULL; }

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

static adah_code check(const rival_method *method, const char *name, const adah_rival_data *data, size_t n_bits,
                       adah_status *status) {
    if (!method)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "no shallow method \"%s\", expected one of %s",
                         name ? name : "", adah_rival_names());
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
    if (method->needs_labels && data->n_labels == 0)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s learns from labels, and the data have none", name);
    ADAH_TRY(check_rows("image", data->image, data->n, data->n_image, status));
    return check_rows("text", data->text, data->n, data->n_text, status);
}

adah_code adah_rival_learn(const char *name, const adah_rival_data *data, size_t n_bits, uint64_t seed,
                           adah_progress progress, adah_hash_function *image, adah_hash_function *text,
                           adah_status *status) {
    const rival_method *method = find(name);
    ADAH_TRY(check(method, name, data, n_bits, status));
    int n_threads;
    ADAH_TRY(adah_algebra_begin(&n_threads, status));
    adah_hash_function learned[2] = {{0}, {0}};
    adah_rival_job job = {data, {0}, {0}, n_bits, seed, progress, &learned[0], &learned[1]};
    adah_code code = adah_view_create(data->image, data->n, data->n_image, method->norm, &job.image, status);
    if (code == ADAH_OK)
        code = adah_view_create(data->text, data->n, data->n_text, method->norm, &job.text, status);
    if (code == ADAH_OK)
        code = method->learn(&job, status);
    adah_algebra_end(n_threads);
    adah_view_free(&job.image);
    adah_view_free(&job.text);
    if (code != ADAH_OK) {
        adah_hash_function_free(&learned[0]);
        adah_hash_function_free(&learned[1]);
        return code;
    }
    *image = learned[0];
    *text = learned[1];
    return ADAH_OK;
}
