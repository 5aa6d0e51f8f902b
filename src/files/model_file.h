/* model_file.h - a trained model as one safetensors file: weights as tensors; configuration, vocabulary and training record
 * as metadata; a checksum of it all as identity. Any safetensors reader can open it (docs/reference/model-format.md). */
#ifndef ADAH_FILES_MODEL_FILE_H
#define ADAH_FILES_MODEL_FILE_H

#include "settings/settings.h"
#include "settings/input_shape.h"

typedef struct adah_model_state {
    adah_settings config;
    adah_parameters parameters; /* all that encoding needs; no classifier */
    adah_input_shape image, text; /* what they are given as */
    char *vocabulary;           /* JSON; empty unless texts are words */
    char *training;             /* JSON */
    char id[33];                /* 128-bit checksum of configuration, inputs, vocabulary and tensors, in hex */
} adah_model_state;

void adah_model_state_free(adah_model_state *state); /* zeroes *state */

/* Publishes atomically; sets state->id. */
adah_code adah_model_state_write(const char *path, adah_model_state *state, adah_status *status);
/* Refuses what is foreign, newer, damaged or incomplete, with the reason. */
adah_code adah_model_state_read(const char *path, adah_model_state *state, adah_status *status);

#endif
