/* published_set.h - a data set as others publish it, in files of its own: what a reader finds, before convert.c writes it as a folder
 * with metadata.jsonl. Readers take the format as it is published and apply the field's usual choice of records. */
#ifndef ADAH_DATA_PUBLISHED_SET_H
#define ADAH_DATA_PUBLISHED_SET_H

#include "data/dataset_writer.h"
#include "data/string_table.h"

struct dirent;

/* Where to read. */
typedef struct adah_published_source {
    const char *const *path; /* what the user named: a folder, or files */
    size_t n_paths;          /* at least 1 */
    const adah_convert_options *options;
    adah_progress progress;
} adah_published_source;

/* What was found. Zero-initialise. */
typedef struct adah_published_set {
    adah_arena arena; /* holds all texts and label lists */
    adah_string_table labels, file_names;
    adah_record *record;
    size_t n_records, capacity;
    size_t n_left_out;    /* records that the field's choice leaves out */
    int has_split;        /* 1: the records' splits are the format's own */
    const char *pictures; /* folder that file names beginning with "images/" are in; NULL: none */
    float *vector[2];     /* by modality, n_records x n_columns[]; row r is of record r; NULL: none */
    size_t n_columns[2];
    /* Writes pictures that lie inside the source, as PNG files under images; NULL: there are none. */
    adah_code (*write_pictures)(void *reader, const adah_dataset_writer *set, adah_progress progress,
                                adah_status *status);
    void *reader; /* what write_pictures needs, or NULL */
    void (*close_reader)(void *reader);
} adah_published_set;

/* A format of published data sets: the row that the file of its reader ends with. convert.c lists them all. */
typedef struct adah_published_format {
    const char *name;   /* as in --format */
    const char *source; /* what the user has to name; a phrase for a help text, in lines of 110 bytes at most */
    size_t n_sources_max;
    int may_lack_pictures; /* 1: vectors and texts alone are usual */
    /* On failure *set holds what was read so far; adah_published_set_free in any case. */
    adah_code (*read)(const adah_published_source *source, adah_published_set *set, adah_status *status);
    /* In place of read, where records are known only when their pictures are made: writes the folder itself. */
    adah_code (*write)(const adah_published_source *source, const char *folder, adah_convert_result *result, adah_status *status);
} adah_published_format;

/* Adds a record with no label yet and split TRAIN. The texts become the set's: as they are when they are UTF-8, else
 * read as Latin-1 (IAPR TC-12 is Latin-1, and so are a few tags of Flickr). n_text is in bytes. ADAH_ERROR_FORMAT:
 * the file name leads out of the folder or was seen before. */
adah_code adah_published_set_add(adah_published_set *set, const char *file_name, const char *text, size_t n_text,
                             adah_status *status);
/* (A reader may set n_texts of the last record: of several texts, a line each; and its split.)
 * Gives the last record its labels, numbers of set->labels. */
adah_code adah_published_set_label(adah_published_set *set, const uint32_t *label, size_t n_labels, adah_status *status);
/* The number of a label by its name (Latin-1 or UTF-8), added when new. */
adah_code adah_published_set_name_label(adah_published_set *set, const char *name, size_t n_bytes, uint32_t *label,
                                    adah_status *status);
void adah_published_set_free(adah_published_set *set);

/* For readers: the folder of the pictures: options->images, or the first that is there of root/name (names up to
 * NULL). */
adah_code adah_published_set_find_pictures(adah_published_set *set, const adah_published_source *source, const char *root,
                                       const char *const *names, adah_status *status);
/* Tells the progress; ADAH_ERROR_CANCELLED when the caller wants no more. */
adah_code adah_published_report(adah_progress progress, const char *stage, size_t done, size_t total,
                            adah_status *status);

/* Names in folder/name (in the folder itself when name is ""), numbers inside them compared as numbers; those that
 * begin with a dot are left out. */
typedef struct adah_folder_list {
    struct dirent **entry;
    size_t n;
} adah_folder_list;
adah_code adah_folder_list_open(const char *folder, const char *name, adah_folder_list *list, adah_status *status);
const char *adah_folder_list_name(const adah_folder_list *list, size_t i);
void adah_folder_list_close(adah_folder_list *list); /* zeroes it; fine on a zeroed one */

#endif
