/* pre_tokenizer.h - how a tokenizer cuts a normalised text into the pieces that its model takes one by one: the "pre_tokenizer" of a
 * tokenizer.json, a list of steps. */
#ifndef ADAH_TEXT_PRE_TOKENIZER_H
#define ADAH_TEXT_PRE_TOKENIZER_H

#include "text/normaliser.h"

typedef struct adah_pre_tokenizer_step adah_pre_tokenizer_step;

/* Zero-initialise. Any number of threads may use one. */
typedef struct adah_pre_tokenizer {
    adah_pre_tokenizer_step *step;
    size_t n, capacity;
} adah_pre_tokenizer;

/* Pieces of text one behind another; none is empty. */
typedef struct adah_pieces {
    adah_text text;
    size_t *end; /* [n]: piece i is the bytes of `text` from end[i - 1], or 0, on */
    size_t n, capacity;
} adah_pieces;

/* object: NULL or null for none. ADAH_ERROR_FORMAT names what is not supported. */
adah_code adah_pre_tokenizer_read(const json_t *object, const char *where, adah_pre_tokenizer *pre_tokenizer, adah_status *status);
void adah_pre_tokenizer_free(adah_pre_tokenizer *pre_tokenizer); /* zeroes it */

/* text: valid UTF-8. is_first: it begins the text that was asked for. *pieces: to adah_pieces_free. */
adah_code adah_pre_tokenizer_split(const adah_pre_tokenizer *pre_tokenizer, const char *text, size_t n_bytes, int is_first,
                                   adah_pieces *pieces, adah_status *status);
void adah_pieces_free(adah_pieces *pieces); /* zeroes it */

#endif
