/* dataset_table.h - a data set while it is filled and told of, for the files that do so. */
#ifndef ADAH_DATA_DATASET_TABLE_H
#define ADAH_DATA_DATASET_TABLE_H

#include "base/reasons.h"
#include "base/text.h"
#include "data/dataset_reader.h"
#include "data/folder_listing.h"
#include "data/metadata_keys.h"

#include <adah/adah.h>

enum { ADAH_SHOWN_BYTES = 200 /* of a value in a message */ };
/* Of a record, until all are read: queries or database. */
enum { ADAH_SPLIT_VALIDATION = ADAH_SPLIT_DATABASE + 1, ADAH_N_SPLITS };

struct adah_dataset {
    char *folder, *path; /* path: of the metadata file */
    int strict;
    void (*left_out)(void *context, const char *message); /* NULL: nobody listens */
    void *left_out_context;
    adah_record *record;
    size_t n_records, capacity;
    adah_string_table file_names, labels;
    adah_arena arena;
    uint32_t *scratch; /* the labels of the record being added */
    size_t scratch_capacity;
    int is_of_rows;                   /* 1: there is no metadata file, but an array */
    size_t n_bad_dates, n_bad_places; /* that were not understood */
    adah_text bad_date, bad_place;    /* the first of them, and where it is */
    size_t n_rows, n_repeated;        /* lines that hold a record; those among them that add to one before */
    adah_string_table taken[ADAH_N_KEYS + 1]; /* names of keys by what they were taken for; the last: passed over */
    adah_text notes;
    size_t n_named[ADAH_N_SPLITS]; /* records that name their split */
    adah_string_table validation_names;
    const char *part;         /* while one of several metadata files is read: the folder in the folder that it is of; NULL: it is the only one */
    adah_text part_room;
    struct adah_picture_memory *memory; /* while it is read; NULL: there is none */
    adah_chosen_keys chosen;  /* by the user, while it is read */
    /* While the file of another program is read (foreign_metadata.c): */
    struct adah_picture_finder *finder; /* NULL: it is not one */
    const char *finder_folder;          /* of the file, relative to the folder; "": it lies at the top */
    adah_raw_text file_split;           /* that the file's name tells; bytes NULL: none */
    adah_chosen_keys found;             /* keys that it has, and what the user chose */
    adah_text path_room, mask_room;
    adah_reasons skipped;
    char reasons[ADAH_REASONS_BYTES]; /* of skipped */
};

/* The metadata file that messages name: folder/name; the folder where `name` is NULL. */
adah_code adah_dataset_set_path(adah_dataset *dataset, const char *name, adah_status *status);

/* ---------------------------------------------------------------- dataset_notes.c */

/* With the keys that are there instead of those that should be. */
adah_code adah_dataset_fail_all_bad(const adah_dataset *dataset, adah_status *status);
/* Ends one note of several pieces. */
adah_code adah_dataset_note_names(adah_dataset *dataset, const char *before, const adah_string_table *names, adah_status *status);
/* What is to be told when all are read. */
adah_code adah_dataset_make_notes(adah_dataset *dataset, adah_status *status);
/* ADAH_ERROR_FORMAT: a key that the user chose is nowhere. */
adah_code adah_dataset_check_chosen(const adah_dataset *dataset, adah_status *status);
/* Validation asks where no other split does. */
adah_code adah_dataset_place_validation(adah_dataset *dataset, adah_status *status);

#endif
