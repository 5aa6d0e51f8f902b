/* model.h - an open model: its state, its vocabulary, its description. */
#ifndef ADAH_API_MODEL_H
#define ADAH_API_MODEL_H

#include "backbones/text_encoder.h"
#include "data/vocabulary.h"
#include "files/model_file.h"

struct adah_model {
    adah_model_state state;
    adah_vocabulary *vocabulary; /* NULL: texts are not read as words of one */
    adah_text_encoder *text_encoder; /* NULL: it carries none; without a vocabulary, too, texts are given as features */
    adah_vocabulary *splitter; /* of a model with a text encoder: an empty one, which tells the words of a text */
    char *json;
};

/* *view: the model as it computes with a precision. It owns nothing, and lives as long as the model. ADAH_ERROR_ARGUMENT: the processor
 * does not have it. */
adah_code adah_model_with_precision(const adah_model *model, adah_precision precision, adah_model *view, adah_status *status);

/* What the model was trained to hold similar: "labels", "words" or "pairs". */
static inline adah_similarity adah_model_similarity(const adah_model *model) { return model->state.config.similarity; }

#endif
