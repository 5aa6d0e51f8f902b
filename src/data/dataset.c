/* dataset.c - a folder of images with its metadata file, held as one compact table of records.
 *
 * metadata.jsonl is taken when it is there, else metadata.csv, else the rows of image.npy, else the metadata of the folders in it, else the pictures below the folder. A reader takes the file apart and hands over one raw
 * record at a time; here it is checked and stored. Texts and label lists lie in an arena; file names and label
 * names are numbered by string tables, the number of a file name being that of its record. A file name that comes again adds to its
 * record: a line a caption is as good as a list of captions. */
#include "base/file.h"
#include "base/foreign_file.h"
#include "base/memory.h"
#include "base/npy.h"
#include "base/sized_options.h"
#include "base/reasons.h"
#include "base/text.h"
#include "data/dataset_reader.h"
#include "data/metadata_keys.h"
#include "data/metadata_path.h"
#include "data/split_names.h"
#include "data/string_table.h"
#include "data/utf16.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

enum { SHOWN_BYTES = 200 /* of a value in a message */, NOTED_KEYS_MAX = 12, TEXTS_MAX = 100 /* of a record */, HINT_BYTES = 300 };
/* Of a record, until all are read: queries or database. */
enum { SPLIT_VALIDATION = ADAH_SPLIT_DATABASE + 1, N_SPLITS };

struct adah_dataset {
    char *folder, *path; /* path: of the metadata file */
    int strict;
    adah_record *record;
    size_t n_records, capacity;
    adah_string_table file_names, labels;
    adah_arena arena;
    uint32_t *scratch; /* the labels of the record being added */
    size_t scratch_capacity;
    int is_of_rows;                   /* 1: there is no metadata file, but an array */
    size_t n_rows, n_repeated;        /* lines that hold a record; those among them that add to one before */
    adah_string_table taken[ADAH_N_KEYS + 1]; /* names of keys by what they were taken for; the last: passed over */
    adah_text notes;
    size_t n_named[N_SPLITS]; /* records that name their split */
    adah_string_table validation_names;
    const char *part;         /* while one of several metadata files is read: the folder in the folder that it is of; NULL: it is the only one */
    adah_text part_room;
    adah_chosen_keys chosen;  /* while it is read */
    adah_text path_room, mask_room;
    adah_reasons skipped;
    char reasons[ADAH_REASONS_BYTES]; /* of skipped */
};

adah_code adah_dataset_fail(const adah_dataset *dataset, size_t line, adah_status *status, const char *format, ...) {
    char why[sizeof status->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why, sizeof why, format, arguments);
    va_end(arguments);
    return line ? adah_fail(status, ADAH_ERROR_FORMAT, "%s:%zu: %s", dataset->path, line, why)
                : adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s", dataset->path, why);
}

adah_code adah_dataset_fail_utf8(const adah_dataset *dataset, size_t line, adah_status *status) {
    return adah_dataset_fail(dataset, line, status,
                             "invalid UTF-8; save the file as UTF-8, or convert what a spreadsheet wrote: iconv -f WINDOWS-1252 -t UTF-8");
}

adah_code adah_dataset_skip_bad(adah_dataset *dataset, adah_code code, const adah_status *why) {
    if (code != ADAH_ERROR_FORMAT || dataset->strict)
        return code;
    adah_reasons_add(&dataset->skipped, dataset->skipped.n, why->message);
    dataset->n_rows++;
    return ADAH_OK;
}

/* The number of bytes of a value that a message shows. */
static int shown(adah_raw_text text) { return text.n_bytes < SHOWN_BYTES ? (int)text.n_bytes : SHOWN_BYTES; }

static adah_code check_split(adah_dataset *dataset, const adah_raw_record *raw, adah_split *split, adah_status *status) {
    static const adah_split of[] = {[ADAH_NAMED_TRAIN] = ADAH_SPLIT_TRAIN, [ADAH_NAMED_QUERY] = ADAH_SPLIT_QUERY,
                                    [ADAH_NAMED_DATABASE] = ADAH_SPLIT_DATABASE, [ADAH_NAMED_VALIDATION] = (adah_split)SPLIT_VALIDATION};
    *split = ADAH_SPLIT_TRAIN;
    if (!raw->split.bytes)
        return ADAH_OK;
    const adah_named_split named = adah_split_find(raw->split.bytes, raw->split.n_bytes);
    if (named == ADAH_NAMED_NONE)
        return adah_dataset_fail(dataset, raw->line, status, "split \"%.*s\": expected \"train\", \"query\" (or \"test\"), \"validation\" or \"database\"",
                                 shown(raw->split), raw->split.bytes);
    *split = of[named];
    if (named == ADAH_NAMED_VALIDATION && adah_string_table_add(&dataset->validation_names, raw->split.bytes, raw->split.n_bytes) == ADAH_STRING_NONE)
        return adah_fail_memory(status, raw->split.n_bytes + 1);
    return ADAH_OK;
}

static int compare_labels(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* ---------------------------------------------------------------- texts */

/* 1: the line is one of those of `text`. */
static int holds_line(const adah_text *text, const char *line, size_t n_bytes) {
    for (size_t start = 0; text->bytes && start < text->n_bytes;) {
        const size_t width = strcspn(text->bytes + start, "\n");
        if (width == n_bytes && memcmp(text->bytes + start, line, n_bytes) == 0)
            return 1;
        start += width + 1;
    }
    return 0;
}

/* Adds a text as a line of its own, line breaks as blanks; one that is there already, or blank, is not added. */
static void add_line(adah_text *text, const char *bytes, size_t n_bytes, size_t *n_lines) {
    adah_text line = {0};
    adah_text_add_bytes(&line, bytes, n_bytes);
    for (size_t i = 0; i < line.n_bytes; i++)
        if (line.bytes[i] == '\n' || line.bytes[i] == '\r')
            line.bytes[i] = ' ';
    text->failed |= line.failed;
    if (!line.failed && line.n_bytes && strspn(line.bytes, " \t") < line.n_bytes && !holds_line(text, line.bytes, line.n_bytes)) {
        if (*n_lines)
            adah_text_add_bytes(text, "\n", 1);
        adah_text_add_bytes(text, line.bytes, line.n_bytes);
        (*n_lines)++;
    }
    adah_text_free(&line);
}

/* Adds the texts of `raw` to those of the record. One alone stays as it is. */
static adah_code store_texts(adah_dataset *dataset, const adah_raw_record *raw, adah_record *record, adah_status *status) {
    size_t n_new = 0;
    const adah_raw_text *last = NULL;
    for (size_t i = 0; i < raw->n_texts; i++)
        if (raw->text[i].n_bytes) {
            n_new++;
            last = &raw->text[i];
        }
    if (n_new == 0)
        return ADAH_OK;
    if (record->n_texts + n_new > TEXTS_MAX)
        return adah_dataset_fail(dataset, raw->line, status, "more than %d texts of one file", TEXTS_MAX);
    if (record->n_texts == 0 && n_new == 1) {
        if (!(record->text = adah_arena_text(&dataset->arena, last->bytes, last->n_bytes)))
            return adah_fail_memory(status, last->n_bytes + 1);
        record->n_texts = 1;
        return ADAH_OK;
    }
    adah_text all = {0};
    size_t n_lines = 0;
    if (record->n_texts == 1) {
        add_line(&all, record->text, strlen(record->text), &n_lines);
    } else if (record->n_texts > 1) {
        adah_text_add_bytes(&all, record->text, strlen(record->text));
        n_lines = record->n_texts;
    }
    for (size_t i = 0; i < raw->n_texts; i++)
        add_line(&all, raw->text[i].bytes, raw->text[i].n_bytes, &n_lines);
    const char *text = all.failed ? NULL : n_lines ? adah_arena_text(&dataset->arena, all.bytes, all.n_bytes) : "";
    adah_text_free(&all);
    if (!text)
        return adah_fail_memory(status, 1);
    record->text = text;
    record->n_texts = n_lines;
    return ADAH_OK;
}

/* ---------------------------------------------------------------- records */

/* Numbers the labels of a record, those that it has already too: ascending, without repeats. */
static adah_code store_labels(adah_dataset *dataset, const adah_raw_record *raw, adah_record *record,
                              adah_status *status) {
    size_t n = 0;
    for (; n < record->n_labels; n++) {
        if (!adah_memory_grow((void **)&dataset->scratch, &dataset->scratch_capacity, n, sizeof *dataset->scratch))
            return adah_fail_memory(status, (n + 1) * sizeof *dataset->scratch);
        dataset->scratch[n] = record->label[n];
    }
    for (size_t i = 0; i < raw->n_labels; i++) {
        uint32_t label = adah_string_table_add(&dataset->labels, raw->label[i].bytes, raw->label[i].n_bytes);
        if (label == ADAH_STRING_NONE ||
            !adah_memory_grow((void **)&dataset->scratch, &dataset->scratch_capacity, n, sizeof *dataset->scratch))
            return adah_fail_memory(status, raw->label[i].n_bytes + 1);
        dataset->scratch[n++] = label;
    }
    if (n > 1)
        qsort(dataset->scratch, n, sizeof *dataset->scratch, compare_labels);
    size_t n_distinct = 0;
    for (size_t i = 0; i < n; i++)
        if (i == 0 || dataset->scratch[i] != dataset->scratch[i - 1])
            dataset->scratch[n_distinct++] = dataset->scratch[i];
    uint32_t *stored = adah_arena_alloc(&dataset->arena, n_distinct * sizeof *stored, sizeof *stored);
    if (!stored)
        return adah_fail_memory(status, n_distinct * sizeof *stored);
    if (n_distinct)
        memcpy(stored, dataset->scratch, n_distinct * sizeof *stored);
    record->label = stored;
    record->n_labels = n_distinct;
    return ADAH_OK;
}

static void add_sources(adah_record *record, const adah_raw_record *raw) {
    if (record->n_texts)
        record->text_sources |= raw->n_texts == 0 ? 0 : raw->text_sources ? raw->text_sources : ADAH_SOURCE_METADATA;
    if (record->n_labels)
        record->label_sources |= raw->n_labels == 0 ? 0 : raw->label_sources ? raw->label_sources : ADAH_SOURCE_METADATA;
}

/* The record of the same file name gets more. */
static adah_code add_to_record(adah_dataset *dataset, const adah_raw_record *raw, adah_record *record, adah_split split, adah_status *status) {
    if (raw->split.bytes && split != record->split)
        return adah_dataset_fail(dataset, raw->line, status, "file_name \"%.*s\" was seen before, in line %zu, in another split",
                                 shown(raw->file_name), raw->file_name.bytes, record->line);
    ADAH_TRY(store_texts(dataset, raw, record, status));
    if (raw->n_labels)
        ADAH_TRY(store_labels(dataset, raw, record, status));
    if (raw->mask.bytes && !record->mask && !(record->mask = adah_arena_text(&dataset->arena, raw->mask.bytes, raw->mask.n_bytes)))
        return adah_fail_memory(status, raw->mask.n_bytes + 1);
    add_sources(record, raw);
    dataset->n_rows++;
    dataset->n_repeated++;
    return ADAH_OK;
}

/* In the spelling that records have. Those of an array are numbers. */
static adah_code resolve_path(adah_dataset *dataset, size_t line, const char *key, adah_raw_text *path, adah_text *room, adah_status *status) {
    const int is_of_part = dataset->part && path->n_bytes && path->bytes[0] != '/';
    if (!adah_dataset_path_resolve(dataset->folder, path, room))
        return adah_fail_memory(status, path->n_bytes + 1);
    if (is_of_part) {
        dataset->part_room.n_bytes = room->n_bytes = 0;
        adah_text_add(&dataset->part_room, "%s/%.*s", dataset->part, (int)path->n_bytes, path->bytes);
        adah_text_add_bytes(room, dataset->part_room.bytes, dataset->part_room.n_bytes);
        if (room->failed || dataset->part_room.failed)
            return adah_fail_memory(status, path->n_bytes + 1);
        *path = (adah_raw_text){room->bytes, room->n_bytes};
    }
    const char *fault = adah_dataset_path_fault(*path);
    return fault ? adah_dataset_fail(dataset, line, status, "%s \"%.*s\" %s", key, shown(*path), path->bytes, fault) : ADAH_OK;
}

adah_code adah_dataset_add(adah_dataset *dataset, const adah_raw_record *given, adah_status *status) {
    adah_raw_record resolved = *given;
    const adah_raw_record *raw = &resolved;
    if (!raw->file_name.bytes)
        return adah_dataset_fail(dataset, raw->line, status, "no file_name, expected the path of an image");
    ADAH_TRY(resolve_path(dataset, raw->line, "file_name", &resolved.file_name, &dataset->path_room, status));
    if (raw->mask.bytes)
        ADAH_TRY(resolve_path(dataset, raw->line, "mask", &resolved.mask, &dataset->mask_room, status));
    for (size_t i = 0; i < raw->n_labels; i++)
        if (raw->label[i].n_bytes == 0)
            return adah_dataset_fail(dataset, raw->line, status, "label %zu is empty", i + 1);
    if (dataset->part && !raw->split.bytes && adah_split_find(dataset->part, strlen(dataset->part)) != ADAH_NAMED_NONE)
        resolved.split = (adah_raw_text){dataset->part, strlen(dataset->part)};
    adah_record record = {.text = "", .line = raw->line, .row = dataset->n_rows};
    ADAH_TRY(check_split(dataset, raw, &record.split, status));
    const uint32_t seen = adah_string_table_find(&dataset->file_names, raw->file_name.bytes, raw->file_name.n_bytes);
    if (seen != ADAH_STRING_NONE)
        return add_to_record(dataset, raw, &dataset->record[seen], record.split, status);
    ADAH_TRY(store_texts(dataset, raw, &record, status));
    if (raw->mask.bytes && !(record.mask = adah_arena_text(&dataset->arena, raw->mask.bytes, raw->mask.n_bytes)))
        return adah_fail_memory(status, raw->mask.n_bytes + 1);
    ADAH_TRY(store_labels(dataset, raw, &record, status));
    if (!adah_memory_grow((void **)&dataset->record, &dataset->capacity, dataset->n_records, sizeof record))
        return adah_fail_memory(status, 2 * dataset->capacity * sizeof record);
    uint32_t name = adah_string_table_add(&dataset->file_names, raw->file_name.bytes, raw->file_name.n_bytes);
    if (name == ADAH_STRING_NONE)
        return adah_fail_memory(status, raw->file_name.n_bytes + 1);
    record.file_name = dataset->file_names.text[name];
    add_sources(&record, raw);
    if (raw->split.bytes)
        dataset->n_named[record.split]++;
    dataset->record[dataset->n_records++] = record;
    dataset->n_rows++;
    return ADAH_OK;
}

static void add_names(adah_text *notes, const adah_string_table *names) {
    for (size_t i = 0; i < names->n; i++)
        adah_text_add(notes, "%s\"%s\"", i ? ", " : "", names->text[i]);
    if (names->n == NOTED_KEYS_MAX)
        adah_text_add(notes, " and others");
}

/* With the keys that are there instead of those that should be. */
static adah_code fail_all_bad(const adah_dataset *dataset, adah_status *status) {
    adah_text keys = {0};
    if (dataset->taken[ADAH_N_KEYS].n) {
        adah_text_add(&keys, "; keys passed over: ");
        add_names(&keys, &dataset->taken[ADAH_N_KEYS]);
    }
    adah_fail(status, ADAH_ERROR_FORMAT, "%s (and none of the %zu records is good%s)", dataset->skipped.text[0], dataset->skipped.n,
              keys.n_bytes && !keys.failed ? keys.bytes : "");
    adah_text_free(&keys);
    return ADAH_ERROR_FORMAT;
}

/* Reads folder/name when it is there; *found tells. */
static adah_code read_metadata(adah_dataset *dataset, const char *name,
                               adah_code (*reader)(adah_dataset *, const char *, size_t, adah_status *), int *found,
                               adah_status *status) {
    adah_memory_free(dataset->path);
    dataset->path = adah_file_join(dataset->folder, name);
    if (!dataset->path)
        return adah_fail_memory(status, strlen(dataset->folder) + strlen(name) + 2);
    *found = adah_file_exists(dataset->path);
    if (!*found)
        return ADAH_OK;
    uint8_t *bytes;
    size_t n_bytes;
    ADAH_TRY(adah_file_read(dataset->path, SIZE_MAX / 4, &bytes, &n_bytes, status));
    adah_code code = adah_utf16_resolve(dataset->path, &bytes, &n_bytes, status);
    if (code == ADAH_OK)
        code = reader(dataset, (const char *)bytes, n_bytes, status);
    const char *foreign = dataset->n_records == 0 && n_bytes ? adah_foreign_file(bytes, n_bytes) : NULL;
    adah_memory_free(bytes);
    if (foreign && strcmp(foreign, "JSON") != 0 && (code == ADAH_OK || code == ADAH_ERROR_FORMAT))
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: not metadata: %s", dataset->path, foreign);
    else if (code == ADAH_OK && dataset->n_records == 0 && dataset->skipped.n)
        code = fail_all_bad(dataset, status);
    else if (code == ADAH_OK && dataset->n_records == 0)
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: no records", dataset->path);
    return code;
}

/* Without metadata the rows of image.npy are the records, and their numbers the file names. */
static adah_code make_records_of_rows(adah_dataset *dataset, int *found, adah_status *status) {
    size_t n;
    char name[24];
    adah_memory_free(dataset->path);
    dataset->path = adah_file_join(dataset->folder, "image.npy");
    if (!dataset->path)
        return adah_fail_memory(status, strlen(dataset->folder) + sizeof name);
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

/* ---------------------------------------------------------------- notes */

const adah_chosen_keys *adah_dataset_chosen_keys(const adah_dataset *dataset) { return &dataset->chosen; }

adah_code adah_dataset_note_key(adah_dataset *dataset, int key, const char *name, size_t n_bytes, adah_status *status) {
    adah_string_table *names = &dataset->taken[key];
    if (names->n == NOTED_KEYS_MAX || n_bytes > SHOWN_BYTES)
        return ADAH_OK;
    return adah_string_table_add(names, name, n_bytes) == ADAH_STRING_NONE ? adah_fail_memory(status, n_bytes + 1) : ADAH_OK;
}

adah_code adah_dataset_note(adah_dataset *dataset, adah_status *status, const char *format, ...) {
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (char *p = line; (p = strchr(p, '\n'));)
        *p = ' ';
    adah_text_add(&dataset->notes, "%s%s", dataset->notes.n_bytes ? "\n" : "", line);
    return dataset->notes.failed ? adah_fail_memory(status, sizeof line) : ADAH_OK;
}

/* Ends one note of several pieces. */
static adah_code note_names(adah_dataset *dataset, const char *before, const adah_string_table *names, adah_status *status) {
    adah_text list = {0};
    add_names(&list, names);
    const adah_code code = list.failed ? adah_fail_memory(status, 256)
                                       : adah_dataset_note(dataset, status, "%s%s", before, names->n ? list.bytes : "");
    adah_text_free(&list);
    return code;
}

/* Validation asks where no other split does. */
static adah_code place_validation(adah_dataset *dataset, adah_status *status) {
    if (dataset->n_named[SPLIT_VALIDATION] == 0)
        return ADAH_OK;
    const adah_split split = dataset->n_named[ADAH_SPLIT_QUERY] ? ADAH_SPLIT_DATABASE : ADAH_SPLIT_QUERY;
    for (size_t i = 0; i < dataset->n_records; i++)
        if (dataset->record[i].split == (adah_split)SPLIT_VALIDATION)
            dataset->record[i].split = split;
    return note_names(dataset, split == ADAH_SPLIT_QUERY ? "taken for the split \"query\": " : "taken for the split \"database\", since others ask: ",
                      &dataset->validation_names, status);
}

static adah_code make_notes(adah_dataset *dataset, adah_status *status) {
    size_t n_texts = 0;
    char before[128];
    const adah_string_table *passed_over = &dataset->taken[ADAH_N_KEYS];
    for (size_t i = 0; i < dataset->n_records; i++)
        n_texts += dataset->record[i].n_texts;
    for (int k = 0; k < ADAH_N_KEYS; k++)
        if (dataset->taken[k].n) {
            snprintf(before, sizeof before, "taken for \"%s\": ", adah_key_name((adah_key)k));
            ADAH_TRY(note_names(dataset, before, &dataset->taken[k], status));
        }
    if (dataset->is_of_rows)
        ADAH_TRY(adah_dataset_note(dataset, status,
                                   "there are no metadata: the records are the rows of image.npy, and have their numbers for file names"));
    if (!dataset->is_of_rows && (n_texts == 0 || (dataset->labels.n == 0 && passed_over->n))) {
        snprintf(before, sizeof before, "no record has %s%s", n_texts ? "\"labels\"" : dataset->labels.n ? "a \"text\"" : "a \"text\" or \"labels\"",
                 passed_over->n ? "; keys passed over: " : "");
        ADAH_TRY(note_names(dataset, before, passed_over, status));
    }
    if (dataset->n_repeated)
        ADAH_TRY(adah_dataset_note(dataset, status, "%zu lines name a file again; their texts and labels were added to its record",
                                   dataset->n_repeated));
    return ADAH_OK;
}

/* A key that the user chose is somewhere. */
static adah_code check_chosen(const adah_dataset *dataset, adah_status *status) {
    size_t n_texts = 0;
    for (size_t i = 0; i < dataset->n_records; i++)
        n_texts += dataset->record[i].n_texts;
    const adah_chosen_keys *c = &dataset->chosen;
    const char *missing = c->n_text && n_texts == 0 ? c->text[0] : c->n_label && dataset->labels.n == 0 ? c->label[0] : NULL;
    if (!missing)
        return ADAH_OK;
    adah_text keys = {0};
    add_names(&keys, &dataset->taken[ADAH_N_KEYS]);
    adah_fail(status, ADAH_ERROR_FORMAT, "%s: no record has anything under the chosen key \"%.*s\"; keys passed over: %s", dataset->path, SHOWN_BYTES, missing,
              keys.n_bytes ? keys.bytes : "none");
    adah_text_free(&keys);
    return ADAH_ERROR_FORMAT;
}

void adah_dataset_draw_split(adah_dataset *dataset) {
    enum { EVERY = 10 };
    for (size_t i = 0; i < dataset->n_records && dataset->n_records >= EVERY; i++) {
        adah_record *r = &dataset->record[i];
        if (XXH3_64bits(r->file_name, strlen(r->file_name)) % EVERY == 0)
            r->split = ADAH_SPLIT_QUERY;
    }
}

/* Folders with metadata of their own: the records of all. */
static adah_code read_parts(adah_dataset *dataset, int *found, adah_status *status) {
    adah_string_table names = {0};
    adah_code code = adah_dataset_find_parts(dataset->folder, &names, status);
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
        code = note_names(dataset, "the records are those of the metadata in folders: ", &names, status);
    adah_string_table_free(&names);
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
    if (!found && sources & ADAH_SOURCE_METADATA)
        ADAH_TRY(read_parts(dataset, &found, status));
    if (!found && (dataset->chosen.file || dataset->chosen.n_text || dataset->chosen.n_label))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: there are no metadata whose keys could be chosen", dataset->folder);
    if (!found) {
        adah_memory_free(dataset->path);
        dataset->path = adah_memory_text(dataset->folder);
        if (!dataset->path)
            return adah_fail_memory(status, strlen(dataset->folder) + 1);
        ADAH_TRY(adah_dataset_read_folder(dataset, sources, &found, hint, sizeof hint, status));
    }
    if (!found)
        return adah_fail(status, ADAH_ERROR_NOT_FOUND,
                         "%s: not a data set: neither metadata.jsonl nor metadata.csv is there, nor image.npy, nor any picture%s", dataset->folder, hint);
    if (dataset->n_records == 0)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s (and none of the %zu pictures is good)", dataset->skipped.text[0], dataset->skipped.n);
    return ADAH_OK;
}

adah_code adah_dataset_open(const char *folder, const adah_dataset_options *options, adah_dataset **out,
                            adah_status *status) {
    adah_dataset_options full;
    if (!folder || !out)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "adah_dataset_open: folder and dataset must not be NULL");
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_DATASET, options, &full, status));
    adah_dataset *dataset = adah_memory_zeroed(1, sizeof *dataset);
    if (!dataset)
        return adah_fail_memory(status, sizeof *dataset);
    dataset->strict = full.strict;
    dataset->chosen = (adah_chosen_keys){full.file_key, full.text_keys, full.label_keys, full.n_text_keys, full.n_label_keys};
    dataset->folder = adah_memory_text(folder);
    adah_code code = dataset->folder ? ADAH_OK : adah_fail_memory(status, strlen(folder) + 1);
    adah_text_add(&dataset->notes, "%s", "");
    if (code == ADAH_OK)
        code = read_records(dataset, full.sources, status);
    if (code == ADAH_OK)
        code = check_chosen(dataset, status);
    dataset->chosen = (adah_chosen_keys){0};
    adah_text_free(&dataset->path_room);
    adah_text_free(&dataset->mask_room);
    adah_text_free(&dataset->part_room);
    if (code == ADAH_OK)
        code = place_validation(dataset, status);
    if (code != ADAH_OK) {
        adah_dataset_close(dataset);
        return code;
    }
    adah_memory_free(dataset->scratch);
    dataset->scratch = NULL;
    adah_reasons_join(&dataset->skipped, dataset->reasons);
    code = make_notes(dataset, status);
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
