/* pickle.h - the values of a Python pickle that describes tensors. Nothing of it is ever run.
 *
 * A pickle is a program for a machine with a stack. This one knows what PyTorch writes for weights: numbers, texts, tuples, lists,
 * dictionaries, storages (by persistent id) and tensors over them. A pickle that names anything else, a function or class of whatever
 * use, is refused by that name. Sizes of stack, memo and values are bounded. */
#ifndef ADAH_FILES_PICKLE_H
#define ADAH_FILES_PICKLE_H

#include "base/status.h"

typedef enum adah_pickle_kind {
    ADAH_PICKLE_NONE,
    ADAH_PICKLE_NUMBER, /* whole: integer; also True, False */
    ADAH_PICKLE_REAL,   /* not looked at */
    ADAH_PICKLE_TEXT,
    ADAH_PICKLE_BYTES, /* not looked at */
    ADAH_PICKLE_TUPLE,
    ADAH_PICKLE_LIST,
    ADAH_PICKLE_DICT, /* item: key, value, key, value ... */
    ADAH_PICKLE_GLOBAL,
    ADAH_PICKLE_STORAGE,
    ADAH_PICKLE_TENSOR
} adah_pickle_kind;

typedef struct adah_pickle_value adah_pickle_value;
struct adah_pickle_value {
    adah_pickle_kind kind;
    int64_t integer;           /* NUMBER; STORAGE: values that the whole storage has */
    const char *text;          /* TEXT; STORAGE: its key; NUL-terminated */
    const char *type;          /* STORAGE, GLOBAL that names one: as safetensors names types */
    int global;                /* GLOBAL: which */
    adah_pickle_value **item;  /* TUPLE, LIST, DICT */
    size_t n_items, capacity;
    const adah_pickle_value *storage; /* TENSOR */
    uint64_t offset;           /* TENSOR, in values; STORAGE: where a view of a storage begins */
    const adah_pickle_value *shape, *strides; /* TENSOR: tuples of sizes */
};

typedef struct adah_pickle adah_pickle; /* owns the values */

/* Reads the pickle at the beginning of bytes; *n_read: how long it is. A whole number that is too large for 64 bits reads as -1.
 * Errors: ADAH_ERROR_CORRUPT where it is no pickle or cut off, ADAH_ERROR_FORMAT where it holds something else; "PATH: ...". */
adah_code adah_pickle_read(const char *path, const uint8_t *bytes, size_t n_bytes, adah_pickle **pickle, size_t *n_read,
                           adah_status *status);
const adah_pickle_value *adah_pickle_root(const adah_pickle *pickle);
void adah_pickle_free(adah_pickle *pickle);
/* The storages that it names, in the order of their appearance, each as often as it appears. */
size_t adah_pickle_storage_count(const adah_pickle *pickle);
const adah_pickle_value *adah_pickle_storage(const adah_pickle *pickle, size_t i);

#endif
