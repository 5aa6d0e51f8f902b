/* text_encoder.h - networks that turn a text into a vector, as they are published: BERT's family (MiniLM, e5, multilingual ones), CLIP's
 * and SigLIP's text towers.
 *
 * DistilBERT and MPNet are of BERT's family.
 *
 * What a model carries of one (adah_text_weights) is a description, a tokenizer and the weights. Published, it is a folder with
 * config.json, tokenizer.json (or vocab.json and merges.txt) and model.safetensors, and, of a sentence encoder, modules.json and
 * 1_Pooling/config.json, which tell how its tokens become one vector; without these it is their mean. */
#ifndef ADAH_BACKBONES_TEXT_ENCODER_H
#define ADAH_BACKBONES_TEXT_ENCODER_H

#include "files/model_file.h"

/* From a folder as published. prefix: what every text is read with before it; NULL: what the folder tells, if anything, "": nothing.
 * ADAH_ERROR_ARGUMENT: the prefix is too long or no UTF-8; ADAH_ERROR_FORMAT and MISMATCH name what is missing, unknown or of another shape. */
adah_code adah_text_weights_load(const char *folder, const char *prefix, adah_text_weights *weights, adah_status *status);

typedef struct adah_text_encoder adah_text_encoder;

/* What is carried, ready to run; it is borrowed. `where` names the file in messages. ADAH_ERROR_CORRUPT: the parts do not fit together. */
adah_code adah_text_encoder_create(adah_text_weights *weights, const char *where, adah_text_encoder **encoder, adah_status *status);
void adah_text_encoder_free(adah_text_encoder *encoder); /* NULL is fine */
size_t adah_text_encoder_values(const adah_text_encoder *encoder); /* of a vector */
const char *adah_text_encoder_id(const adah_text_encoder *encoder); /* 32 hex digits: a checksum of all that it computes with */

/* What one thread runs an encoder with: networks on one thread, made when texts with as many tokens come. */
typedef struct adah_text_reader adah_text_reader;
adah_code adah_text_reader_create(const adah_text_encoder *encoder, adah_text_reader **reader, adah_status *status);
void adah_text_reader_free(adah_text_reader *reader); /* NULL is fine */

/* A text, and where its vector goes. */
typedef struct adah_text_item {
    const char *text;
    size_t n_bytes, n_texts; /* n_texts above 1: it is lines, and the vector the mean of theirs, of length one where the encoder's vectors are */
    float *vector;           /* zeros where the text is not there */
    int is_there;            /* out; 0: it has no tokens, none of its lines has any */
} adah_text_item;

/* The vectors of n texts, each line read with the encoder's prefix before it. Each follows from its text alone, to the bit, but many together are read faster. What is longer than the encoder
 * takes is cut. */
adah_code adah_text_reader_read(adah_text_reader *reader, adah_text_item *item, size_t n, adah_status *status);
/* Makes the sum of the vectors of some lines, n_there of which are there, the mean that adah_text_reader_read gives of them. */
void adah_text_encoder_finish_mean(const adah_text_encoder *encoder, float *sum, size_t n_there);

#endif
