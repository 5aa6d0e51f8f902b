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
#include "settings/input_shape.h"

/* From a folder as published. prefix: what every text is read with before it; NULL: what the folder tells, if anything, "": nothing.
 * ADAH_ERROR_ARGUMENT: the prefix is too long or no UTF-8; ADAH_ERROR_FORMAT and MISMATCH name what is missing, unknown or of another shape. */
adah_code adah_text_weights_load(const char *folder, const char *prefix, adah_text_weights *weights, adah_status *status);

typedef struct adah_text_encoder adah_text_encoder;

/* What is carried, ready to run; it is borrowed. `where` names the file in messages. ADAH_ERROR_CORRUPT: the parts do not fit together. */
adah_code adah_text_encoder_create(adah_text_weights *weights, const char *where, adah_text_encoder **encoder, adah_status *status);
void adah_text_encoder_free(adah_text_encoder *encoder); /* NULL is fine */
/* What a text becomes: with n_tokens 0 its vector; else its first n_tokens tokens, special ones included, each with a vector of the encoder's
 * channels, of length one, and behind the last one zeros. n_words: a bag of words stands before the vector. */
adah_input_shape adah_text_encoder_shape(const adah_text_encoder *encoder, size_t n_tokens, size_t n_words);
size_t adah_text_encoder_special(const adah_text_encoder *encoder); /* tokens that every text has */
const char *adah_text_encoder_id(const adah_text_encoder *encoder); /* 32 hex digits: a checksum of all that it computes with */

/* What one thread runs an encoder with: networks on one thread, made when texts with as many tokens come. */
typedef struct adah_text_reader adah_text_reader;
/* n_tokens as in adah_text_encoder_shape, not below the special ones. */
adah_code adah_text_reader_create(const adah_text_encoder *encoder, size_t n_tokens, adah_text_reader **reader, adah_status *status);
void adah_text_reader_free(adah_text_reader *reader); /* NULL is fine */

/* A text, and where its vector goes. */
typedef struct adah_text_item {
    const char *text;
    size_t n_bytes, n_texts; /* n_texts above 1: it is lines, which become one item (adah_text_encoder_add_line) */
    float *vector;           /* of the reader's shape; zeros where the text is not there */
    int is_there;            /* out; 0: it has no tokens, none of its lines has any */
} adah_text_item;

/* The vectors of n texts, each line read with the encoder's prefix before it. Each follows from its text alone, to the bit, but many together are read faster. What is longer than the encoder
 * takes is cut. */
adah_code adah_text_reader_read(adah_text_reader *reader, adah_text_item *item, size_t n, adah_status *status);
/* What adah_text_reader_read makes of several lines: the mean of their vectors, of length one where the encoder's vectors are, or of each
 * line as many of its first tokens as all lines can have. item, zeros at first, gets line after line, number `at` of n_lines, and at the end
 * is finished with the number of lines that are there. */
void adah_text_encoder_add_line(const adah_text_encoder *encoder, size_t n_tokens, const float *line, size_t at, size_t n_lines, float *item);
void adah_text_encoder_finish_lines(const adah_text_encoder *encoder, size_t n_tokens, size_t n_there, float *item);

#endif
