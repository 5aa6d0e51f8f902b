/* model_inputs.c - an array where there is one; else the cache, else the files; else the words. */
#include "input/model_inputs.h"

#include <stdio.h>

adah_code adah_model_inputs_choose(const adah_settings *config, const adah_vocabulary *vocabulary, const adah_text_encoder *encoder,
                                   const adah_dataset *dataset, int strict, adah_model_inputs *in, adah_status *status) {
    in->text = in->arrays.text.source;
    if (encoder && in->texts.n)
        in->text = in->texts.source;
    else if (encoder)
        in->text = (adah_input_source){.shape = adah_text_encoder_shape(encoder, (size_t)config->text_tokens, 0), .dataset = dataset, .encoder = encoder};
    if (encoder)
        in->text.rows.scale = config->text_scale;
    if (encoder && vocabulary) {
        in->text.shape = adah_text_encoder_shape(encoder, 0, adah_vocabulary_size(vocabulary));
        in->text.dataset = dataset;
        in->text.vocabulary = vocabulary;
    }
    if (in->text.shape.kind == ADAH_INPUT_NONE && vocabulary)
        in->text = (adah_input_source){.shape = adah_input_words(adah_vocabulary_size(vocabulary)), .dataset = dataset,
                                       .vocabulary = vocabulary};
    in->image = in->arrays.image.source.shape.kind != ADAH_INPUT_NONE ? in->arrays.image.source : in->store.source;
    if (in->image.shape.kind != ADAH_INPUT_NONE)
        return ADAH_OK;
    ADAH_TRY(adah_picture_files_open(dataset, config, strict, &in->pictures, status));
    in->image = (adah_input_source){.shape = adah_input_pixels((size_t)config->n_side), .settings = config, .pictures = in->pictures};
    return ADAH_OK;
}

static adah_code open_all(const adah_model_state *model, const adah_vocabulary *vocabulary, const adah_text_encoder *encoder,
                          const adah_dataset *dataset, const char *cache_folder, int strict, adah_model_inputs *in, adah_status *status) {
    ADAH_TRY(adah_feature_arrays_open_for(model, dataset, &in->arrays, status));
    const adah_feature_array *const side[2] = {&in->arrays.image, &in->arrays.text};
    for (int m = 0; m < 2; m++)
        if (side[m]->path)
            ADAH_TRY(adah_feature_array_check(side[m], dataset, 0, adah_dataset_count(dataset), status));
    if (model->image.kind == ADAH_INPUT_PIXELS) /* networks only read the parameters */
        ADAH_TRY(adah_image_store_find(dataset, &model->config, (adah_parameters *)&model->parameters, cache_folder, strict, &in->store,
                                       status));
    if (encoder)
        ADAH_TRY(adah_text_store_find(dataset, encoder, (size_t)model->config.text_tokens, cache_folder, &in->texts, status));
    return adah_model_inputs_choose(&model->config, vocabulary, encoder, dataset, strict, in, status);
}

adah_code adah_model_inputs_open(const adah_model_state *model, const adah_vocabulary *vocabulary, const adah_text_encoder *encoder,
                                 const adah_dataset *dataset, const char *cache_folder, int strict, adah_model_inputs *inputs, adah_status *status) {
    adah_model_inputs in = {0};
    const adah_code code = open_all(model, vocabulary, encoder, dataset, cache_folder, strict, &in, status);
    if (code != ADAH_OK)
        adah_model_inputs_close(&in);
    else
        *inputs = in;
    return code;
}

void adah_model_inputs_close(adah_model_inputs *in) {
    adah_feature_arrays_close(&in->arrays);
    adah_image_store_close(&in->store);
    adah_text_store_close(&in->texts);
    adah_picture_files_close(in->pictures);
    *in = (adah_model_inputs){0};
}

size_t adah_model_inputs_missing(const adah_model_inputs *in, char reasons[ADAH_REASONS_BYTES]) {
    reasons[0] = '\0';
    if (in->pictures) {
        const adah_reasons *unreadable = adah_picture_files_unreadable(in->pictures);
        adah_reasons_join(unreadable, reasons);
        return unreadable->n;
    }
    if (in->store.n)
        snprintf(reasons, ADAH_REASONS_BYTES, "%s", in->store.missing);
    return in->store.n_missing;
}
