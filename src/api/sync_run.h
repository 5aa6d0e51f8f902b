/* sync_run.h - a sync while it runs: what is compared, and what is to be done. */
#ifndef ADAH_API_SYNC_RUN_H
#define ADAH_API_SYNC_RUN_H

#include "api/model.h"
#include "base/reasons.h"
#include "data/picture_memory.h"
#include "input/model_inputs.h"

/* Of a record of the data set, in the index. */
typedef struct adah_sync_place {
    uint64_t id;
    uint8_t is_there, same_code, same_words; /* same_code: as far as the memory knows what code belongs to the file */
} adah_sync_place;

/* A record whose picture is no longer where it was. */
typedef struct adah_sync_gone {
    uint64_t id;
    uint8_t bytes_sum[ADAH_SUM_BYTES], code_sum[ADAH_SUM_BYTES];
    int is_known; /* 1: the sums are those of its picture and of its code: it may have been moved */
    int is_moved; /* 1: it is elsewhere, and not gone */
} adah_sync_gone;

typedef struct adah_sync_run {
    const adah_model *model;
    adah_model view; /* the model with the precision that was chosen */
    adah_sync_options o;
    adah_encode_options encode;
    const char *index_path;
    char *memory_path;
    adah_progress progress;
    adah_picture_memory memory;
    int is_of_files; /* codes follow from files and texts; 0: from arrays, of which nothing is known */
    adah_dataset *dataset;
    adah_model_inputs inputs;
    int has_inputs;
    adah_index *reading; /* with dry_run */
    adah_index_writer *writer; /* NULL also until there is something to put into a new index */
    int is_new;
    adah_sync_place *place;       /* [records of the data set] */
    uint32_t *label_of; /* number in the index of a label of the data set */
    adah_sync_gone *gone;         /* once the index was compared, those that are known come first, by the sum of their bytes */
    size_t n_gone, n_known_gone, gone_capacity;
    char *tar; /* the tar file that was looked through last, and whether it is damaged or cut off */
    int tar_is_damaged;
    size_t *whole, n_whole; /* records to encode */
    size_t *words, n_words; /* those whose picture is as it was */
    uint8_t (*sum)[ADAH_SUM_BYTES];
    const char **names; /* of labels, for a record */
    size_t names_capacity;
    adah_reasons missing; /* pictures that metadata name */
    size_t n_unreadable;
    size_t n_done; /* of n_whole + n_words */
    adah_sync_counts counts;
} adah_sync_run;

/* The state that is compared with; NULL: there is no index yet. */
static inline adah_index *adah_sync_state(const adah_sync_run *s) { return s->writer ? adah_index_writer_state(s->writer) : s->reading; }

/* ---------------------------------------------------------------- sync_compare.c */

/* Opens the data set, and fills what is to be done. */
adah_code adah_sync_compare(adah_sync_run *s, const char *folder, adah_status *status);
/* Which labels of the index are those of the data set: anew after each commit. */
adah_code adah_sync_map_labels(adah_sync_run *s, adah_status *status);
int adah_sync_has_words(const adah_sync_run *s, const adah_record *r, const adah_index_entry *e);
/* Of a code with its vector, which may be NULL. */
void adah_sync_sum_code(const uint8_t *code, size_t n_bytes, const int8_t *fine, size_t n_fine, uint8_t sum[ADAH_SUM_BYTES]);
/* *is_read 0: it cannot be read, which encoding it will tell. */
adah_code adah_sync_sum_file(const adah_sync_run *s, const char *file_name, uint8_t sum[ADAH_SUM_BYTES], int *is_read, adah_status *status);

#endif
