/* model_file.h - a trained model as one safetensors file: weights as tensors; configuration, vocabulary and training record
 * as metadata; a checksum of it all as identity. Any safetensors reader can open it (docs/reference/model-format.md). */
#ifndef ADAH_FILES_MODEL_FILE_H
#define ADAH_FILES_MODEL_FILE_H

#include "settings/settings.h"
#include "settings/input_shape.h"

/* A text encoder that a model carries (backbones/text_encoder.h). Zeroed: none. */
typedef struct adah_text_weights {
    char *description;          /* JSON: its sizes and choices; NULL: there is no encoder */
    char *tokenizer;            /* a tokenizer.json */
    adah_parameters parameters; /* "text.encoder." */
} adah_text_weights;

void adah_text_weights_free(adah_text_weights *weights); /* zeroes it; fine on a zeroed one */
/* All of it into a checksum. */
struct XXH3_state_s;
void adah_text_weights_hash(const adah_text_weights *weights, struct XXH3_state_s *hash);

typedef struct adah_model_state {
    adah_settings config;
    adah_parameters parameters; /* all that encoding needs; no classifier */
    adah_input_shape image, text; /* what they are given as */
    char *vocabulary;           /* JSON; empty unless texts are words */
    adah_text_weights text_encoder; /* what makes `text`, a vector, of words; none: they are a vocabulary's, or features are given */
    char *training;             /* JSON */
    char id[33];                /* 128-bit checksum of configuration, inputs, vocabulary, text encoder and tensors, in hex */
} adah_model_state;

void adah_model_state_free(adah_model_state *state); /* zeroes *state */

/* Publishes atomically; sets state->id. */
adah_code adah_model_state_write(const char *path, adah_model_state *state, adah_status *status);
/* Refuses what is foreign, newer, damaged or incomplete, with the reason. */
adah_code adah_model_state_read(const char *path, adah_model_state *state, adah_status *status);

#endif
