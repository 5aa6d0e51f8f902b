/* dataset.c - a folder of images with its metadata, held as one compact table of records.
 *
 * metadata.jsonl is taken when it is there, else metadata.csv, else the rows of image.npy, else the metadata of the folders in it, else
 * what files of other programs say (foreign_metadata.h), else the pictures below the folder. A reader takes the file apart and hands over one raw record at a time (dataset_reader.h), which is checked and stored
 * (dataset_records.c); what a person should know of it is told (dataset_notes.c). */
#include "base/file.h"
#include "base/foreign_file.h"
#include "base/memory.h"
#include "base/npy.h"
#include "base/sized_options.h"
#include "data/box_files.h"
#include "data/dataset_table.h"
#include "data/label_names.h"
#include "data/picture_memory.h"
#include "data/utf16.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

enum { HINT_BYTES = 300 };

adah_code adah_dataset_set_path(adah_dataset *dataset, const char *name, adah_status *status) {
    adah_memory_free(dataset->path);
    dataset->path = name ? adah_file_join(dataset->folder, name) : adah_memory_text(dataset->folder);
    return dataset->path ? ADAH_OK : adah_fail_memory(status, strlen(dataset->folder) + 2);
}

/* Reads folder/name when it is there; *found tells. */
static adah_code read_metadata(adah_dataset *dataset, const char *name,
                               adah_code (*reader)(adah_dataset *, const char *, size_t, adah_status *), int *found,
                               adah_status *status) {
    ADAH_TRY(adah_dataset_set_path(dataset, name, status));
    uint8_t *bytes;
    size_t n_bytes;
    adah_status why = {0};
    adah_code code = adah_file_read(dataset->path, SIZE_MAX / 4, &bytes, &n_bytes, &why);
    *found = code != ADAH_ERROR_NOT_FOUND;
    if (code != ADAH_OK && status)
        *status = why;
    if (code != ADAH_OK)
        return *found ? code : ADAH_OK;
    code = adah_utf16_resolve(dataset->path, &bytes, &n_bytes, status);
    if (code == ADAH_OK)
        code = reader(dataset, (const char *)bytes, n_bytes, status);
    const char *foreign = dataset->n_records == 0 && n_bytes ? adah_foreign_file(bytes, n_bytes) : NULL;
    adah_memory_free(bytes);
    if (foreign && strcmp(foreign, "JSON") != 0 && (code == ADAH_OK || code == ADAH_ERROR_FORMAT))
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: not metadata: %s", dataset->path, foreign);
    else if (code == ADAH_OK && dataset->n_records == 0 && dataset->skipped.n)
        code = adah_dataset_fail_all_bad(dataset, status);
    else if (code == ADAH_OK && dataset->n_records == 0)
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: no records", dataset->path);
    return code;
}

/* Without metadata the rows of image.npy are the records, and their numbers the file names. */
static adah_code make_records_of_rows(adah_dataset *dataset, int *found, adah_status *status) {
    size_t n;
    char name[24];
    ADAH_TRY(adah_dataset_set_path(dataset, "image.npy", status));
    *found = adah_file_exists(dataset->path);
    if (!*found)
        return ADAH_OK;
    ADAH_TRY(adah_npy_count_rows(dataset->path, &n, status));
    if (n == 0)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: no rows", dataset->path);
    for (size_t i = 0; i < n; i++) {
        const size_t n_name = (size_t)snprintf(name, sizeof name, "%zu", i);
        const adah_raw_record raw = {.line = i + 1, .file_name = {name, n_name}};
        ADAH_TRY(adah_dataset_add(dataset, &raw, status));
    }
    dataset->is_of_rows = 1;
    return ADAH_OK;
}

/* Folders with metadata of their own: the records of all. */
static adah_code read_parts(adah_dataset *dataset, const adah_folder_listing *listing, int *found, adah_status *status) {
    adah_string_table names = {0};
    adah_code code = adah_dataset_find_parts(listing, &names, status);
    for (size_t i = 0; i < names.n && code == ADAH_OK; i++) {
        const char *slash = strchr(names.text[i], '/');
        char *part = adah_memory_text_n(names.text[i], (size_t)(slash - names.text[i]));
        dataset->part = part;
        code = !part ? adah_fail_memory(status, 1)
                     : read_metadata(dataset, names.text[i], strcmp(slash, "/metadata.csv") ? adah_dataset_read_jsonl : adah_dataset_read_csv, found, status);
        dataset->part = NULL;
        adah_memory_free(part);
    }
    *found = names.n > 0;
    if (*found && code == ADAH_OK)
        code = adah_dataset_note_names(dataset, "the records are those of the metadata in folders: ", &names, status);
    adah_string_table_free(&names);
    return code;
}

static adah_code skip_folder(void *context, const adah_status *why) { return adah_dataset_skip_bad(context, why->code, why); }

/* What is found by looking at all that is in the folder. */
static adah_code read_listed(adah_dataset *dataset, unsigned sources, int *found, char *hint, adah_status *status) {
    adah_folder_listing listing = {0};
    adah_code code = adah_folder_list(dataset->folder, &listing, skip_folder, dataset, status);
    if (code == ADAH_OK && sources & ADAH_SOURCE_METADATA)
        code = read_parts(dataset, &listing, found, status);
    const int is_of_parts = *found;
    if (code == ADAH_OK && !*found && sources & ADAH_SOURCE_METADATA)
        code = adah_dataset_read_foreign(dataset, &listing, found, status);
    const adah_chosen_keys *chosen = &dataset->chosen;
    if (code == ADAH_OK && !*found && (chosen->file || chosen->n_text || chosen->n_label))
        code = adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: there are no metadata whose keys could be chosen", dataset->folder);
    if (code == ADAH_OK && !*found)
        code = adah_dataset_set_path(dataset, NULL, status);
    if (code == ADAH_OK && !*found)
        code = adah_dataset_read_folder(dataset, &listing, sources, found, hint, HINT_BYTES, status);
    if (code == ADAH_OK && *found && !is_of_parts && sources & ADAH_SOURCE_SIDECARS)
        code = adah_dataset_read_boxes(dataset, &listing, status);
    adah_folder_listing_free(&listing);
    return code;
}

/* The kinds of data set, in the order in which they are looked for. */
static adah_code read_records(adah_dataset *dataset, unsigned sources, adah_status *status) {
    int found = 0;
    char hint[HINT_BYTES] = "";
    if (sources & ADAH_SOURCE_METADATA) {
        ADAH_TRY(read_metadata(dataset, "metadata.jsonl", adah_dataset_read_jsonl, &found, status));
        if (!found)
            ADAH_TRY(read_metadata(dataset, "metadata.csv", adah_dataset_read_csv, &found, status));
    }
    if (!found)
        ADAH_TRY(make_records_of_rows(dataset, &found, status));
    if (!found)
        ADAH_TRY(read_listed(dataset, sources, &found, hint, status));
    if (!found && !*hint && dataset->skipped.n)
        snprintf(hint, sizeof hint, "; %.250s", dataset->skipped.text[0]);
    if (!found)
        return adah_fail(status, ADAH_ERROR_NOT_FOUND,
                         "%s: not a data set: neither metadata.jsonl nor metadata.csv is there, nor image.npy, nor any picture%s", dataset->folder, hint);
    if (dataset->n_records == 0)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s (and none of the %zu pictures is good)", dataset->skipped.text[0], dataset->skipped.n);
    return ADAH_OK;
}

adah_code adah_dataset_open(const char *folder, const adah_dataset_options *options, adah_dataset **out, adah_status *status) {
    return adah_dataset_open_known(folder, options, NULL, out, status);
}

adah_code adah_dataset_open_known(const char *folder, const adah_dataset_options *options, adah_picture_memory *memory, adah_dataset **out,
                                  adah_status *status) {
    adah_dataset_options full;
    if (!folder || !out)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "adah_dataset_open: folder and dataset must not be NULL");
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_DATASET, options, &full, status));
    adah_dataset *dataset = adah_memory_zeroed(1, sizeof *dataset);
    if (!dataset)
        return adah_fail_memory(status, sizeof *dataset);
    dataset->strict = full.strict;
    dataset->left_out = full.left_out;
    dataset->left_out_context = full.left_out_context;
    dataset->memory = memory;
    dataset->chosen = (adah_chosen_keys){.file = full.file_key, .text = full.text_keys, .label = full.label_keys, .n_text = full.n_text_keys,
                                         .n_label = full.n_label_keys};
    dataset->folder = adah_memory_text(folder);
    adah_code code = dataset->folder ? ADAH_OK : adah_fail_memory(status, strlen(folder) + 1);
    adah_text_add(&dataset->notes, "%s", "");
    if (code == ADAH_OK)
        code = read_records(dataset, full.sources, status);
    if (code == ADAH_OK)
        code = adah_label_names_of_numbers(dataset, status);
    if (code == ADAH_OK)
        code = adah_dataset_check_chosen(dataset, status);
    dataset->chosen = (adah_chosen_keys){0};
    dataset->memory = NULL;
    adah_text_free(&dataset->path_room);
    adah_text_free(&dataset->mask_room);
    adah_text_free(&dataset->part_room);
    if (code == ADAH_OK)
        code = adah_dataset_place_validation(dataset, status);
    if (code != ADAH_OK) {
        adah_dataset_close(dataset);
        return code;
    }
    adah_memory_free(dataset->scratch);
    dataset->scratch = NULL;
    adah_reasons_join(&dataset->skipped, dataset->reasons);
    code = adah_dataset_make_notes(dataset, status);
    if (code != ADAH_OK) {
        adah_dataset_close(dataset);
        return code;
    }
    *out = dataset;
    return ADAH_OK;
}

void adah_dataset_close(adah_dataset *dataset) {
    if (!dataset)
        return;
    adah_string_table_free(&dataset->file_names);
    adah_string_table_free(&dataset->labels);
    for (int k = 0; k <= ADAH_N_KEYS; k++)
        adah_string_table_free(&dataset->taken[k]);
    adah_text_free(&dataset->notes);
    adah_text_free(&dataset->bad_date);
    adah_text_free(&dataset->bad_place);
    adah_string_table_free(&dataset->validation_names);
    adah_arena_free(&dataset->arena);
    adah_memory_free(dataset->record);
    adah_memory_free(dataset->scratch);
    adah_memory_free(dataset->path);
    adah_memory_free(dataset->folder);
    adah_memory_free(dataset);
}

const char *adah_dataset_folder(const adah_dataset *dataset) { return dataset->folder; }

size_t adah_dataset_count(const adah_dataset *dataset) { return dataset->n_records; }

const adah_record *adah_dataset_record(const adah_dataset *dataset, size_t i) {
    return i < dataset->n_records ? &dataset->record[i] : NULL;
}

size_t adah_dataset_find(const adah_dataset *dataset, const char *file_name) {
    const uint32_t number = adah_string_table_find(&dataset->file_names, file_name, strlen(file_name));
    return number == ADAH_STRING_NONE ? SIZE_MAX : number;
}

struct adah_picture_memory *adah_dataset_memory(const adah_dataset *dataset) { return dataset->memory; }

size_t adah_dataset_label_count(const adah_dataset *dataset) { return dataset->labels.n; }

const char *adah_dataset_label_name(const adah_dataset *dataset, uint32_t label) {
    return label < dataset->labels.n ? dataset->labels.text[label] : NULL;
}

const char *adah_dataset_notes(const adah_dataset *dataset) { return dataset->notes.bytes; }

size_t adah_dataset_rows(const adah_dataset *dataset) { return dataset->n_rows; }

size_t adah_dataset_skipped(const adah_dataset *dataset, const char **reasons) {
    if (reasons)
        *reasons = dataset->reasons;
    return dataset->skipped.n;
}

/* record NULL: all n of them. */
adah_code adah_dataset_records_checksum(const adah_dataset *dataset, const size_t *record, size_t n, char checksum[33],
                                        adah_status *status) {
    XXH3_state_t *hash = XXH3_createState();
    if (!hash)
        return adah_fail_memory(status, 1024);
    XXH3_128bits_reset(hash);
    for (size_t i = 0; i < n; i++) {
        const adah_record *r = &dataset->record[record ? record[i] : i];
        const uint8_t split = (uint8_t)r->split;
        XXH3_128bits_update(hash, r->file_name, strlen(r->file_name) + 1);
        XXH3_128bits_update(hash, &split, 1);
    }
    const XXH128_hash_t sum = XXH3_128bits_digest(hash);
    snprintf(checksum, 33, "%016llx%016llx", (unsigned long long)sum.high64, (unsigned long long)sum.low64);
    XXH3_freeState(hash);
    return ADAH_OK;
}

adah_code adah_dataset_split_checksum(const adah_dataset *dataset, char checksum[33], adah_status *status) {
    return adah_dataset_records_checksum(dataset, NULL, dataset->n_records, checksum, status);
}
