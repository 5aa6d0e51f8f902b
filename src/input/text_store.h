/* text_store.h - the texts of a data set as the vectors, or the tokens' vectors, of a text encoder, computed once and kept in a cache file.
 *
 * Training makes the file, all else uses it when it is there. The file's name is a checksum of everything its content depends on, so it
 * is never stale. */
#ifndef ADAH_INPUT_TEXT_STORE_H
#define ADAH_INPUT_TEXT_STORE_H

#include "input/input_source.h"

typedef struct adah_text_store {
    adah_input_source source; /* VECTOR or TOKENS; of a record of several texts it has each, and what they are together; without a scale */
    adah_file_map map;
    char *path;
    size_t *first; /* where source.rows.first points */
    size_t n;      /* 0: there is no store */
} adah_text_store;

/* n_tokens as in adah_text_encoder_shape. A record takes 4 n_tokens channels bytes of the file then, 40 kB with 26 tokens of 384; what is read
 * of it is memory that the system takes back when it is short. folder NULL: the default cache folder. */
adah_code adah_text_store_open(const adah_dataset *dataset, const adah_text_encoder *encoder, size_t n_tokens, const char *folder, adah_progress progress,
                               adah_text_store *store, adah_status *status);
/* The same of a file that is there already: store->n is 0 where there is none, or a damaged one. */
adah_code adah_text_store_find(const adah_dataset *dataset, const adah_text_encoder *encoder, size_t n_tokens, const char *folder, adah_text_store *store,
                               adah_status *status);
void adah_text_store_close(adah_text_store *store); /* zeroes it; fine on a zeroed one */

#endif
