/* dataset_reader.h - what the readers of metadata files hand to the data set they fill. */
#ifndef ADAH_DATA_DATASET_READER_H
#define ADAH_DATA_DATASET_READER_H

#include "base/status.h"
#include "data/string_table.h"

#include <jansson.h>

enum { ADAH_METADATA_LINE_BYTES_MAX = 16 << 20 };

/* Bytes of the metadata file, not NUL-terminated; bytes NULL: the record does not say. */
typedef struct adah_raw_text {
    const char *bytes;
    size_t n_bytes;
} adah_raw_text;

/* One record as it stands in the file, valid UTF-8 without NUL. */
typedef struct adah_raw_record {
    adah_raw_text file_name, split, mask;
    const adah_raw_text *text, *label; /* texts that are empty say nothing */
    size_t n_texts, n_labels;
    size_t line; /* from 1; 0: there is no file with lines */
    unsigned text_sources, label_sources; /* of what is there, ADAH_SOURCE_...; 0: ADAH_SOURCE_METADATA */
    adah_raw_text date, latitude, longitude; /* as they are written; what is none is told and says nothing */
    adah_taken taken;                        /* what was understood already */
    unsigned date_source, place_source;      /* of `taken` */
} adah_raw_record;

/* Checks a record and adds it; one whose file_name was seen before adds its texts and labels to that one. ADAH_ERROR_FORMAT: the record
 * is bad and was not added; the message names the line. */
adah_code adah_dataset_add(adah_dataset *dataset, const adah_raw_record *record, adah_status *status);
/* What becomes of a record whose reading or adding ended with `code`: a bad one is counted and ADAH_OK returned,
 * unless the data set is strict. Any other code is passed on. */
adah_code adah_dataset_skip_bad(adah_dataset *dataset, adah_code code, const adah_status *why);
/* Tells who listens (adah_dataset_options.left_out) of something that is passed over; any thread. */
void adah_dataset_leave_out(const adah_dataset *dataset, const char *message);
/* The same of a file of the data set, folder/name, and why. */
void adah_dataset_leave_out_file(const adah_dataset *dataset, const char *name, const char *why);
/* ADAH_ERROR_FORMAT with "path:line: " before the message, "path: " where the line is 0. */
adah_code adah_dataset_fail(const adah_dataset *dataset, size_t line, adah_status *status, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The same for a line that is not UTF-8; says how to convert it. */
adah_code adah_dataset_fail_utf8(const adah_dataset *dataset, size_t line, adah_status *status);

struct adah_chosen_keys;
/* What the user chose, or what the file that is read calls them; lasts as long as the reading. */
const struct adah_chosen_keys *adah_dataset_chosen_keys(const adah_dataset *dataset);

struct adah_picture_memory;
/* What is known of the pictures, while it is read; NULL: nothing. */
struct adah_picture_memory *adah_dataset_memory(const adah_dataset *dataset);

/* Tells of a key of a record or of a column: `name` counts as `key` though it is called otherwise (`key` as of metadata_keys.h), or
 * (ADAH_N_KEYS) is passed over. Cheap when told again. */
adah_code adah_dataset_note_key(adah_dataset *dataset, int key, const char *name, size_t n_bytes, adah_status *status);

/* Adds a line to what adah_dataset_notes tells. */
adah_code adah_dataset_note(adah_dataset *dataset, adah_status *status, const char *format, ...) __attribute__((format(printf, 3, 4)));

struct adah_folder_listing;
/* Reads the files of other programs that say what is on the pictures of the listing (foreign_metadata.h); *found becomes 0 where there is none. */
adah_code adah_dataset_read_foreign(adah_dataset *dataset, const struct adah_folder_listing *listing, int *found, adah_status *status);
/* Reads a folder without metadata: its pictures with what sidecars, the pictures themselves and names say, as far as `sources` allows. *found
 * becomes 0 where there is no picture; *hint (by the caller, of `n_hint` bytes) then says what else is there. */
adah_code adah_dataset_read_folder(adah_dataset *dataset, const struct adah_folder_listing *listing, unsigned sources, int *found, char *hint,
                                   size_t n_hint, adah_status *status);
/* Finds folders with metadata of their own, as Hugging Face's image folders have for each split: names as "train/metadata.jsonl". */
adah_code adah_dataset_find_parts(const struct adah_folder_listing *listing, adah_string_table *names, adah_status *status);
/* Records that name no split get one: a tenth becomes queries, each by its own name. */
void adah_dataset_draw_split(adah_dataset *dataset);

/* Adds the record that an object of JSON is; `line` for messages, 0: there is none. As adah_dataset_add. */
adah_code adah_dataset_add_json(adah_dataset *dataset, json_t *object, size_t line, adah_status *status);
/* Read the whole of a metadata file of that kind, in UTF-8 without a byte order mark. */
adah_code adah_dataset_read_jsonl(adah_dataset *dataset, const char *bytes, size_t n_bytes, adah_status *status);
adah_code adah_dataset_read_csv(adah_dataset *dataset, const char *bytes, size_t n_bytes, adah_status *status);

#endif
