/* metadata_keys.h - what the keys of metadata mean: JSON keys and CSV columns alike, in capitals or with blanks around them too. */
#ifndef ADAH_DATA_METADATA_KEYS_H
#define ADAH_DATA_METADATA_KEYS_H

#include "data/dataset_reader.h"

typedef enum adah_key { ADAH_KEY_FILE_NAME, ADAH_KEY_TEXT, ADAH_KEY_LABELS, ADAH_KEY_SPLIT, ADAH_KEY_MASK, ADAH_KEY_DATE, ADAH_KEY_LATITUDE, ADAH_KEY_LONGITUDE, ADAH_N_KEYS } adah_key;

/* The keys that the user named, or that a file of another program has, in place of those that are understood. Zero: none. */
typedef struct adah_chosen_keys {
    const char *file;
    const char *const *text, *const *label;
    size_t n_text, n_label;
    int are_marks; /* the label columns of a table hold 0 and 1, and each one's name is the label */
    const char *confidence; /* a column where 0 says that the labels of the row are absent; NULL: none */
} adah_chosen_keys;

/* "file_name", "text", ... */
const char *adah_key_name(adah_key key);
/* ADAH_N_KEYS: none of them. *rank: 0 as it is called, more for another spelling or a word that other tools use; of several keys of a
 * record that mean the same the lowest counts, and of chosen ones, whose rank is 0, all do. chosen may be NULL. */
adah_key adah_key_find(const adah_chosen_keys *chosen, const char *name, size_t n_bytes, int *rank);

#endif
