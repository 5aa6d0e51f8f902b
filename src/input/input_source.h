/* input_source.h - one side of the items of a data set, images or texts, and what a network is given of each: values kept in
 * memory or in a mapped file, words, both of them (SENTENCE), or pictures that are read when they are asked for.
 *
 * Who reads an item need not know where it comes from. feature_array.h and image_store.h make the sources of what they hold,
 * model_inputs.h chooses among all. */
#ifndef ADAH_INPUT_INPUT_SOURCE_H
#define ADAH_INPUT_INPUT_SOURCE_H

#include "base/file.h"
#include "backbones/text_encoder.h"
#include "input/picture_files.h"
#include "input/word_lists.h"
#include "settings/input_shape.h"
#include "settings/settings.h"

/* Items given as floats, one after another. */
typedef struct adah_float_rows {
    const float *value;
    const size_t *row; /* the item i is the row[i]-th; NULL: the i-th */
    float scale;       /* every value is multiplied by this; 0 stands for 1 */
    /* Where some item has several texts: those of item i are the rows first[i] up to first[i + 1]; an item of one text has none
     * here. Else NULL. */
    const size_t *first;
} adah_float_rows;

/* All but the words is borrowed. One of rows, rgb and words, of a SENTENCE rows and words, holds every item; else they are read one by
 * one (adah_input_worker). */
typedef struct adah_input_source {
    adah_input_shape shape;        /* what the network is given an item as; kind NONE: this side is not there */
    adah_float_rows rows;          /* MAP, MIDDLE, TOKENS, VECTOR, the vectors of SENTENCE; of what an encoder reads the scale alone */
    const uint8_t *rgb;            /* PIXELS: S * S * 3 bytes an item */
    const adah_settings *settings; /* PIXELS: in whose style they are normalised */
    adah_word_lists words;         /* WORDS, SENTENCE */
    adah_picture_files *pictures;  /* PIXELS, read when asked for */
    const adah_dataset *dataset;   /* WORDS, SENTENCE, looked up when asked for */
    const adah_vocabulary *vocabulary;
    const adah_text_encoder *encoder; /* VECTOR, SENTENCE, TOKENS, of the data set's texts, read when asked for */
    const uint8_t *is_there;       /* an item, 1: it is there; NULL: all are */
    adah_file_map file;            /* where the values lie; zeroed: in memory */
} adah_input_source;

/* Whether a source that holds its items has this one; a text without words is one. */
static inline int adah_input_is_there(const adah_input_source *source, size_t item) {
    return !source->is_there || source->is_there[item];
}
/* After values were read: `code`, or ADAH_ERROR_IO when the file that they lie in has been cut off, so that some may have been zeros. */
static inline adah_code adah_input_check(const adah_input_source *source, adah_code code, adah_status *status) {
    return adah_file_check_map(&source->file, code, status);
}

/* Items of a source that holds them, one after another into x, (n_batch, item); what is not there and rows beyond n are zeros.
 * Tokens (P, C) are turned to (C, P). A bag of words has length 1, all present words weigh the same. Parallel. */
void adah_input_read(const adah_input_source *source, const size_t *items, size_t n, size_t n_batch, float *x);
/* The same, but of an item with several texts one is drawn, from the seed, the stream and the item alone. */
void adah_input_draw(const adah_input_source *source, const size_t *items, size_t n, size_t n_batch, uint64_t seed, uint64_t stream,
                     float *x);
/* One item of any source but of picture files and text encoders; *is_there 0: there is none, of words that no word of it is known,
 * and x is zeros. */
adah_code adah_input_read_item(const adah_input_source *source, size_t item, float *x, int *is_there, adah_status *status);
/* A row, scaled and turned as adah_input_read does, into x behind its words, which are left as they are. */
void adah_input_put_row(const adah_float_rows *rows, adah_input_shape shape, size_t row, float *x);
/* A text as a bag of words, x: (V). n_unknown as in adah_vocabulary_lookup. */
adah_code adah_input_read_text(const adah_vocabulary *vocabulary, const char *text, float *x, size_t *n_known, size_t *n_unknown,
                               adah_status *status);
/* One bag from word numbers. x: (V). */
void adah_text_bag(const uint32_t *words, size_t n, size_t n_words, float *x);

#endif
