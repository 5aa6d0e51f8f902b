/* foreign_metadata.h - files of other programs that say what is on the pictures of a folder.
 *
 * Such a file is known by what it holds, not by its name: most of its first rows name pictures that are in the folder. Each kind is a row of a
 * table: a phrase, how to know it, how to read it. */
#ifndef ADAH_DATA_FOREIGN_METADATA_H
#define ADAH_DATA_FOREIGN_METADATA_H

#include "data/dataset_reader.h"
#include "data/metadata_keys.h"
#include "data/picture_finder.h"

/* A file that may be one. */
typedef struct adah_foreign_look {
    adah_dataset *dataset;
    adah_picture_finder *finder;
    const char *path, *folder; /* relative to the data set; "": at the top */
    const char *bytes;         /* its beginning; all of JSON, and all where it is read; UTF-8 */
    size_t n_bytes;
    adah_chosen_keys *keys;    /* those of the user; to be completed by `is_it` with what lasts as long as the data set */
} adah_foreign_look;

typedef struct adah_foreign_kind {
    const char *what;                               /* for a note */
    int is_first;                                   /* 1: read before others, since it tells the splits */
    int (*is_it)(adah_foreign_look *look);          /* 1: yes; -1: memory ran out */
    adah_code (*read)(adah_foreign_look *look, adah_status *status);
} adah_foreign_kind;

enum { ADAH_FOREIGN_ROWS = 200 /* that are looked at */ };

/* 1: enough of the rows name pictures. */
static inline int adah_foreign_suffices(size_t n_named, size_t n_rows) { return n_named > 0 && 2 * n_named >= n_rows; }
/* The picture that a row names, or NULL. */
const char *adah_foreign_picture(const adah_foreign_look *look, const char *name, size_t n_bytes);
/* A copy that lasts as long as the data set, NULL: memory. */
const char *adah_foreign_keep(const adah_foreign_look *look, const char *bytes, size_t n_bytes);

/* The next line, without its end; 0: there is none. *offset: at first 0. */
int adah_foreign_line(const adah_foreign_look *look, size_t *offset, adah_raw_text *line);
/* The next word of a line, between blanks; n_bytes 0: there is none. */
adah_raw_text adah_foreign_word(adah_raw_text line, size_t *offset);
/* A line or element that could not be read or added: as adah_dataset_skip_bad, with the message passed on. */
adah_code adah_foreign_skip_bad(const adah_foreign_look *look, adah_code code, const adah_status *why, adah_status *status);

/* The kinds, in foreign_annotations.c, foreign_lines.c and foreign_table.c. */
extern const adah_foreign_kind adah_foreign_coco, adah_foreign_json, adah_foreign_jsonl, adah_foreign_captions, adah_foreign_attributes,
    adah_foreign_numbered, adah_foreign_partition, adah_foreign_list, adah_foreign_table;

#endif
