/* dataset_records.c - one raw record at a time is checked and stored.
 *
 * Texts and label lists lie in an arena; file names and label names are numbered by string tables, the number of a file name being that of
 * its record. A file name that comes again adds to its record: a line a caption is as good as a list of captions. */
#include "base/memory.h"
#include "base/taken.h"
#include "data/dataset_table.h"
#include "data/findings.h"
#include "data/metadata_path.h"
#include "data/picture_finder.h"
#include "data/split_names.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

enum { TEXTS_MAX = 100 /* of a record */ };

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
    adah_dataset_leave_out(dataset, why->message);
    dataset->n_rows++;
    return ADAH_OK;
}

/* The number of bytes of a value that a message shows. */
static int shown(adah_raw_text text) { return text.n_bytes < ADAH_SHOWN_BYTES ? (int)text.n_bytes : ADAH_SHOWN_BYTES; }

static adah_code check_split(adah_dataset *dataset, const adah_raw_record *raw, adah_split *split, adah_status *status) {
    static const adah_split of[] = {[ADAH_NAMED_TRAIN] = ADAH_SPLIT_TRAIN, [ADAH_NAMED_QUERY] = ADAH_SPLIT_QUERY,
                                    [ADAH_NAMED_DATABASE] = ADAH_SPLIT_DATABASE, [ADAH_NAMED_VALIDATION] = (adah_split)ADAH_SPLIT_VALIDATION};
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

/* ---------------------------------------------------------------- when and where */

static void keep_first_bad(const adah_dataset *dataset, const adah_raw_record *raw, const adah_raw_text *value, adah_text *first) {
    if (first->n_bytes)
        return;
    if (raw->line)
        adah_text_add(first, "\"%.*s\" in line %zu of %s", shown(*value), value->bytes ? value->bytes : "", raw->line, dataset->path);
    else
        adah_text_add(first, "\"%.*s\" of %.*s", shown(*value), value->bytes ? value->bytes : "", shown(raw->file_name), raw->file_name.bytes);
}

static void store_date(adah_dataset *dataset, const adah_raw_record *raw, adah_record *record) {
    if (raw->date.n_bytes && adah_date_parse(raw->date.bytes, raw->date.n_bytes, &record->taken)) {
        record->date_source = ADAH_SOURCE_METADATA;
    } else if (raw->date.n_bytes) {
        dataset->n_bad_dates++;
        keep_first_bad(dataset, raw, &raw->date, &dataset->bad_date);
    }
}

/* 0, 0 is what programs write that know no place. */
static void store_place(adah_dataset *dataset, const adah_raw_record *raw, adah_record *record) {
    double latitude = 0, longitude = 0;
    const adah_raw_text *bad = !adah_degrees_parse(raw->latitude.bytes, raw->latitude.n_bytes, 90, &latitude)      ? &raw->latitude
                               : !adah_degrees_parse(raw->longitude.bytes, raw->longitude.n_bytes, 180, &longitude) ? &raw->longitude
                                                                                                                    : NULL;
    if (bad && raw->latitude.n_bytes + raw->longitude.n_bytes) {
        dataset->n_bad_places++;
        keep_first_bad(dataset, raw, bad, &dataset->bad_place);
    }
    if (bad || (fabs(latitude) <= 0 && fabs(longitude) <= 0) || adah_place_set(latitude, longitude, &record->taken, NULL) != ADAH_OK)
        return;
    record->place_source = ADAH_SOURCE_METADATA;
}

/* What a record has of it stays when it comes again. */
static void store_taken(adah_dataset *dataset, const adah_raw_record *raw, adah_record *record) {
    adah_record told = {.taken = raw->taken, .date_source = raw->date_source, .place_source = raw->place_source};
    store_date(dataset, raw, &told);
    store_place(dataset, raw, &told);
    if (record->taken.detail == ADAH_DATE_NONE && told.taken.detail != ADAH_DATE_NONE) {
        record->taken.seconds = told.taken.seconds;
        record->taken.offset_minutes = told.taken.offset_minutes;
        record->taken.detail = told.taken.detail;
        record->date_source = told.date_source;
    }
    if (!record->taken.has_place && told.taken.has_place) {
        record->taken.latitude_e7 = told.taken.latitude_e7;
        record->taken.longitude_e7 = told.taken.longitude_e7;
        record->taken.has_place = 1;
        record->place_source = told.place_source;
    }
}

/* The record of the same file name gets more. */
static adah_code add_to_record(adah_dataset *dataset, const adah_raw_record *raw, adah_record *record, adah_split split, adah_status *status) {
    if (raw->split.bytes && split != record->split && !dataset->finder)
        return adah_dataset_fail(dataset, raw->line, status, "file_name \"%.*s\" was seen before, in line %zu, in another split",
                                 shown(raw->file_name), raw->file_name.bytes, record->line);
    ADAH_TRY(store_texts(dataset, raw, record, status));
    if (raw->n_labels)
        ADAH_TRY(store_labels(dataset, raw, record, status));
    if (raw->mask.bytes && !record->mask && !(record->mask = adah_arena_text(&dataset->arena, raw->mask.bytes, raw->mask.n_bytes)))
        return adah_fail_memory(status, raw->mask.n_bytes + 1);
    add_sources(record, raw);
    store_taken(dataset, raw, record);
    dataset->n_rows++;
    dataset->n_repeated += !dataset->finder;
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

/* The picture that the file of another program means. */
static adah_code find_picture(adah_dataset *dataset, size_t line, adah_raw_text *name, adah_status *status) {
    const char *path = adah_picture_finder_find(dataset->finder, dataset->finder_folder, *name);
    if (dataset->finder->room.failed || dataset->finder->lower.failed)
        return adah_fail_memory(status, name->n_bytes + 1);
    if (!path)
        return adah_dataset_fail(dataset, line, status, "no picture \"%.*s\" is in the folder, or several that are called so", shown(*name), name->bytes);
    if (!adah_findings_is_utf8(path, strlen(path)))
        return adah_dataset_fail(dataset, line, status, "\"%s\": the file's name is not UTF-8; rename it", path);
    *name = (adah_raw_text){path, strlen(path)};
    return ADAH_OK;
}

/* The split of a record that names none: that of the file, else of the last folder of the picture that is called as one. */
static adah_raw_text guess_split(const adah_dataset *dataset, adah_raw_text path) {
    adah_raw_text found = dataset->file_split;
    for (size_t start = 0, end; !dataset->file_split.bytes && start < path.n_bytes; start = end + 1) {
        for (end = start; end < path.n_bytes && path.bytes[end] != '/';)
            end++;
        if (end < path.n_bytes && adah_split_find(path.bytes + start, end - start) != ADAH_NAMED_NONE)
            found = (adah_raw_text){path.bytes + start, end - start};
    }
    return found;
}

adah_code adah_dataset_add(adah_dataset *dataset, const adah_raw_record *given, adah_status *status) {
    adah_raw_record resolved = *given;
    const adah_raw_record *raw = &resolved;
    if (!raw->file_name.bytes)
        return adah_dataset_fail(dataset, raw->line, status, "no file_name, expected the path of an image");
    ADAH_TRY(dataset->finder ? find_picture(dataset, raw->line, &resolved.file_name, status)
                             : resolve_path(dataset, raw->line, "file_name", &resolved.file_name, &dataset->path_room, status));
    if (raw->mask.bytes)
        ADAH_TRY(resolve_path(dataset, raw->line, "mask", &resolved.mask, &dataset->mask_room, status));
    for (size_t i = 0; i < raw->n_labels; i++)
        if (raw->label[i].n_bytes == 0)
            return adah_dataset_fail(dataset, raw->line, status, "label %zu is empty", i + 1);
    if (dataset->part && !raw->split.bytes && adah_split_find(dataset->part, strlen(dataset->part)) != ADAH_NAMED_NONE)
        resolved.split = (adah_raw_text){dataset->part, strlen(dataset->part)};
    if (dataset->finder && !raw->split.bytes)
        resolved.split = guess_split(dataset, raw->file_name);
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
    store_taken(dataset, raw, &record);
    if (raw->split.bytes)
        dataset->n_named[record.split]++;
    dataset->record[dataset->n_records++] = record;
    dataset->n_rows++;
    return ADAH_OK;
}

void adah_dataset_draw_split(adah_dataset *dataset) {
    enum { EVERY = 10 };
    for (size_t i = 0; i < dataset->n_records && dataset->n_records >= EVERY; i++) {
        adah_record *r = &dataset->record[i];
        if (XXH3_64bits(r->file_name, strlen(r->file_name)) % EVERY == 0)
            r->split = ADAH_SPLIT_QUERY;
    }
}
