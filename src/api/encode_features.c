/* encode_features.c - features that another encoder made, from a file to codes: what encode_dataset.c does, of one side and without a data
 * set around it. Rows go through the same batches of the same network as those of a data set, and so have the same codes to the bit. */
#include "api/encode_stream.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/sized_options.h"
#include "input/feature_array.h"

#include <float.h>
#include <math.h>
#include <string.h>

static adah_input_shape shape_of(const adah_model *m, adah_modality modality) {
    return modality == ADAH_IMAGE ? m->state.image : m->state.text;
}

size_t adah_model_feature_values(const adah_model *model, adah_modality modality) {
    if (modality != ADAH_IMAGE && modality != ADAH_TEXT)
        return 0;
    const adah_input_shape shape = shape_of(model, modality);
    return adah_input_is_given(shape) ? adah_shape_count(shape.item) : 0;
}

static adah_code check_side(const adah_model *model, adah_modality modality, adah_status *status) {
    char input[ADAH_INPUT_TEXT_BYTES];
    if (modality != ADAH_IMAGE && modality != ADAH_TEXT)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "modality %d: expected image (0) or text (1)", (int)modality);
    if (!adah_model_feature_values(model, modality))
        return adah_fail(status, ADAH_ERROR_MISMATCH, "this model takes %ss given as \"%s\", not as features",
                         modality == ADAH_IMAGE ? "image" : "text", adah_input_text(shape_of(model, modality), input));
    return ADAH_OK;
}

adah_code adah_features_read(const adah_model *model, adah_modality modality, const char *path, adah_features *features,
                             adah_status *status) {
    adah_feature_array array;
    adah_features f = {0};
    ADAH_TRY(check_side(model, modality, status));
    ADAH_TRY(adah_feature_array_open_file(path, modality, shape_of(model, modality), &array, &f.n, &f.is_single, status));
    f.n_values = adah_model_feature_values(model, modality);
    f.values = adah_memory_floats(f.n * f.n_values);
    adah_code code = f.values ? ADAH_OK : adah_fail_memory(status, f.n * f.n_values * sizeof *f.values);
    if (code == ADAH_OK) {
        memcpy(f.values, array.source.rows.value, f.n * f.n_values * sizeof *f.values);
        code = adah_input_check(&array.source, ADAH_OK, status);
    }
    adah_feature_array_close(&array);
    if (code != ADAH_OK)
        adah_features_free(&f);
    else
        *features = f;
    return code;
}

void adah_features_free(adah_features *features) {
    adah_memory_free(features->values);
    *features = (adah_features){0};
}

static adah_code check_values(const adah_features *f, adah_status *status) {
    for (size_t i = 0; i < f->n; i++)
        for (size_t k = 0; k < f->n_values; k++)
            if (!(fabsf(f->values[i * f->n_values + k]) <= FLT_MAX))
                return adah_fail(status, ADAH_ERROR_ARGUMENT, "row %zu, value %zu is %g, expected finite values", i, k,
                                 (double)f->values[i * f->n_values + k]);
    return ADAH_OK;
}

adah_code adah_encode_feature_rows(const adah_model *model, adah_modality modality, const adah_features *features,
                                   const adah_encode_options *options, adah_progress progress, adah_codes *codes, adah_status *status) {
    adah_encode_options o;
    adah_model view;
    char input[ADAH_INPUT_TEXT_BYTES];
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_ENCODE, options, &o, status));
    const double start = adah_clock_seconds();
    ADAH_TRY(adah_model_with_precision(model, o.precision, &view, status));
    ADAH_TRY(check_side(model, modality, status));
    const adah_input_source source = {.shape = shape_of(model, modality),
                                      .rows = {.value = features->values, .scale = modality == ADAH_IMAGE ? view.state.config.feature_scale
                                                                                                          : view.state.config.text_scale}};
    if (features->n_values != adah_model_feature_values(model, modality))
        return adah_fail(status, ADAH_ERROR_MISMATCH, "rows of %zu values, but this model takes %ss given as \"%s\"", features->n_values,
                         modality == ADAH_IMAGE ? "image" : "text", adah_input_text(source.shape, input));
    ADAH_TRY(check_values(features, status));
    adah_stage_times times = {0};
    size_t n_threads = 1;
    ADAH_TRY(adah_encode_side(&view, modality, &source, features->n, o.keep_real, progress, codes, &times, &n_threads, status));
    if (o.profile)
        adah_encode_tell_profile(features->n, n_threads, adah_clock_seconds() - start, &times, o.profile);
    return ADAH_OK;
}
