/* text_form.h - what a text encoder is made of: sizes and choices, its layers, and its weights in published files. */
#ifndef ADAH_BACKBONES_TEXT_FORM_H
#define ADAH_BACKBONES_TEXT_FORM_H

#include "backbones/transformer.h"
#include "files/model_file.h"

#include <jansson.h>

enum { ADAH_TEXT_TOKENS_MAX = 512, ADAH_TEXT_PREFIX_BYTES = 512 };

typedef enum adah_text_family { ADAH_TEXT_BERT, ADAH_TEXT_CLIP, ADAH_TEXT_SIGLIP } adah_text_family;

typedef struct adah_text_form {
    adah_text_family family;
    adah_transformer blocks;
    size_t n_rows;      /* of the table of tokens */
    size_t n_tokens;    /* the most that a text has, special ones included; as many positions there are */
    size_t n_projected; /* values behind the linear layer at the end; 0: there is none */
    adah_row_pick pick; /* which token, or their mean, is the vector */
    int is_unit;        /* vectors have length one */
    int is_padded;      /* every text is filled up to n_tokens with tokens that are looked at like others (SigLIP) */
    size_t padding;     /* the token behind a text */
    char prefix[ADAH_TEXT_PREFIX_BYTES]; /* what every text is read with before it, UTF-8 */
} adah_text_form;

/* 1: taken; 0: it is too long or no UTF-8. */
int adah_text_form_set_prefix(adah_text_form *form, const char *prefix);
/* The description that a model carries; ADAH_ERROR_CORRUPT says what of it cannot be. */
adah_code adah_text_form_parse(const char *description, const char *where, adah_text_form *form, adah_status *status);
char *adah_text_form_json(const adah_text_form *form); /* adah_memory_free; NULL: memory is out */
size_t adah_text_form_values(const adah_text_form *form);

/* What the layers take in, (1, n_rows) each: numbers of tokens, their places in their texts, and a number for each text, 0 for rows of none. */
typedef struct adah_text_inputs {
    adah_node *ids, *places, *texts;
} adah_text_inputs;

/* The layers for n_rows tokens of texts side by side, which do not see each other, up to a row of each token, (1, n_rows, channels), with
 * parameters "text.encoder.". Builders as in graph.h. */
adah_node *adah_text_form_build(const adah_text_form *form, adah_builder *b, size_t n_rows, adah_text_inputs *inputs);
/* What comes behind them: from the row that is picked to the vector. The row itself where nothing does. */
adah_node *adah_text_form_project(const adah_text_form *form, adah_builder *b, adah_node *x);

/* From config.json and what lies beside it. prefix as in adah_text_weights_load. */
adah_code adah_text_form_of_folder(const char *folder, const char *prefix, adah_text_form *form, adah_status *status);

#endif
