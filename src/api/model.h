/* model.h - an open model: its state, its vocabulary, its description. */
#ifndef ADAH_API_MODEL_H
#define ADAH_API_MODEL_H

#include "data/vocabulary.h"
#include "files/model_file.h"

struct adah_model {
    adah_model_state state;
    adah_vocabulary *vocabulary; /* NULL: texts are given as features */
    char *json;
};

/* What the model was trained to hold similar: "labels", "words" or "pairs". */
static inline adah_similarity adah_model_similarity(const adah_model *model) { return model->state.config.similarity; }

#endif
