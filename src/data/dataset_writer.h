/* dataset_writer.h - a data set being written: a folder with images/, perhaps masks/, and metadata.jsonl, which comes
 * last, so that a folder left half-written is no data set. */
#ifndef ADAH_DATA_DATASET_WRITER_H
#define ADAH_DATA_DATASET_WRITER_H

#include "base/status.h"

typedef struct adah_dataset_writer adah_dataset_writer;

/* Makes the folder with those inside it (names up to NULL). One that holds a data set already is refused. */
adah_code adah_dataset_writer_create(const char *folder, const char *const *inside, adah_dataset_writer **set,
                                  adah_status *status);
/* Makes `name` inside the folder a link to another folder; one that leads there already is fine. */
adah_code adah_dataset_writer_link(const adah_dataset_writer *set, const char *name, const char *target, adah_status *status);
/* Writes a matrix of floats as .npy at `name` inside the folder. */
adah_code adah_dataset_writer_put_vectors(const adah_dataset_writer *set, const char *name, const float *values, size_t n_rows,
                                         size_t n_columns, adah_status *status);
/* Whether `name` is there inside the folder; -1: out of memory. */
int adah_dataset_writer_has(const adah_dataset_writer *set, const char *name);
/* Writes a PNG at `name` inside the folder. Several threads may do so at once. */
adah_code adah_dataset_writer_put_picture(const adah_dataset_writer *set, const char *name, const uint8_t *pixels, size_t n_width,
                                 size_t n_height, size_t n_channels, adah_status *status);

/* As metadata write it: "train", "query", "database". */
const char *adah_split_name(adah_split split);

typedef struct adah_written_record {
    const char *file_name, *text;
    const char *const *label;
    size_t n_labels;
    adah_split split;
    const char *extra_key, *extra; /* one more string, as "mask" with the path of the mask; NULL: none */
    size_t n_texts;                /* more than 1: so many texts, a line each, are written as a list */
} adah_written_record;
adah_code adah_dataset_writer_put_record(adah_dataset_writer *set, const adah_written_record *record, adah_status *status);

/* Publishes the metadata and frees the set; on failure too. */
adah_code adah_dataset_writer_commit(adah_dataset_writer *set, adah_status *status);
void adah_dataset_writer_abort(adah_dataset_writer *set); /* without metadata; NULL is fine */

/* A share of n items, seeded: is_query[i] becomes 1 for round(share * n) of them, at least one staying 0. */
adah_code adah_dataset_draw_queries(size_t n, double share, uint64_t seed, uint8_t *is_query,
                                        adah_status *status);

#endif
