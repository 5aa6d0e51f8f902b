/* foreign_metadata.c - the table of kinds, and the way through the files of a folder. */
#include "data/foreign_metadata.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/tar_file.h"
#include "data/dataset_table.h"
#include "data/label_names.h"
#include "data/split_names.h"
#include "data/utf16.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* In this order a file is asked what it is. */
static const adah_foreign_kind *const kinds[] = {&adah_foreign_coco,       &adah_foreign_json,     &adah_foreign_jsonl,
                                                 &adah_foreign_attributes, &adah_foreign_numbered, &adah_foreign_captions,
                                                 &adah_foreign_partition,  &adah_foreign_list,     &adah_foreign_table};
enum { N_KINDS = sizeof kinds / sizeof *kinds, FILES_MAX = 100 /* more are not looked into */, HEAD_BYTES = 256 << 10 };

typedef struct found_file {
    const char *path;
    const adah_foreign_kind *kind;
    adah_chosen_keys keys;
} found_file;

typedef struct search {
    adah_dataset *dataset;
    const adah_folder_listing *listing;
    adah_picture_finder finder;
    found_file file[FILES_MAX];
    size_t n_files, n_looked, n_strange; /* strange: none of these kinds */
    const char *first_strange;
    adah_text folder;
} search;

/* ---------------------------------------------------------------- for the kinds */

const char *adah_foreign_picture(const adah_foreign_look *look, const char *name, size_t n_bytes) {
    return n_bytes ? adah_picture_finder_find(look->finder, look->folder, (adah_raw_text){name, n_bytes}) : NULL;
}

const char *adah_foreign_keep(const adah_foreign_look *look, const char *bytes, size_t n_bytes) {
    return adah_arena_text(&look->dataset->arena, bytes, n_bytes);
}

int adah_foreign_line(const adah_foreign_look *look, size_t *offset, adah_raw_text *line) {
    if (*offset >= look->n_bytes)
        return 0;
    const char *start = look->bytes + *offset;
    size_t n = 0;
    while (*offset + n < look->n_bytes && start[n] != '\n' && start[n] != '\r')
        n++;
    *line = (adah_raw_text){start, n};
    *offset += n + 1;
    if (*offset < look->n_bytes && start[n] == '\r' && start[n + 1] == '\n')
        ++*offset;
    return 1;
}

adah_raw_text adah_foreign_word(adah_raw_text line, size_t *offset) {
    size_t start = *offset;
    while (start < line.n_bytes && (line.bytes[start] == ' ' || line.bytes[start] == '\t'))
        start++;
    size_t end = start;
    while (end < line.n_bytes && line.bytes[end] != ' ' && line.bytes[end] != '\t')
        end++;
    *offset = end;
    return (adah_raw_text){line.bytes + start, end - start};
}

adah_code adah_foreign_skip_bad(const adah_foreign_look *look, adah_code code, const adah_status *why, adah_status *status) {
    code = adah_dataset_skip_bad(look->dataset, code, why);
    return code == ADAH_OK ? code : adah_fail(status, code, "%s", why->message);
}

/* ---------------------------------------------------------------- a file */

static int is_json(const char *path) { return !strcasecmp(adah_path_ending(path), ".json"); }

/* 1: a text in a folder that is called "labels": boxes of a detector, a file a picture (box_files.h). */
static int is_of_boxes(const char *path) {
    return !strcasecmp(adah_path_ending(path), ".txt") && (!strncmp(path, "labels/", 7) || strstr(path, "/labels/"));
}

static int may_be_metadata(search *s, const char *path) {
    static const char *const endings[] = {".csv", ".tsv", ".tab", ".txt", ".json", ".jsonl", ".ndjson", ".token", ".lst"};
    const char *ending = adah_path_ending(path);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
        if (!strcasecmp(ending, endings[i]))
            return !is_of_boxes(path) && !adah_picture_finder_has_beside(&s->finder, path);
    return 0;
}

/* The part of a path before its last slash, in s->folder. */
static adah_code take_folder(search *s, const char *path, adah_status *status) {
    const size_t n = (size_t)(adah_path_name(path) - path);
    s->folder.n_bytes = 0;
    adah_text_add_bytes(&s->folder, path, n ? n - 1 : 0);
    return s->folder.failed ? adah_fail_memory(status, n + 1) : ADAH_OK;
}

/* Bytes of a file as UTF-8: all, or its beginning. */
static adah_code read_bytes(const char *path, size_t n_most, uint8_t **bytes, size_t *n_bytes, adah_status *status) {
    adah_file_map map;
    if (adah_tar_prefix(path)) {
        ADAH_TRY(adah_file_read(path, SIZE_MAX / 4, bytes, n_bytes, status));
        *n_bytes = *n_bytes < n_most ? *n_bytes : n_most;
        return adah_utf16_resolve(path, bytes, n_bytes, status);
    }
    ADAH_TRY(adah_file_open_map(path, &map, status));
    const size_t n = map.n_bytes < n_most ? map.n_bytes : n_most;
    *bytes = adah_memory_resize(NULL, n + 1, 1);
    if (*bytes) {
        if (n)
            memcpy(*bytes, map.bytes, n);
        (*bytes)[n] = '\0';
    }
    adah_code code = adah_file_check_map(&map, *bytes ? ADAH_OK : adah_fail_memory(status, n + 1), status);
    adah_file_close_map(&map);
    *n_bytes = n;
    if (code == ADAH_OK)
        code = adah_utf16_resolve(path, bytes, n_bytes, status);
    if (code != ADAH_OK) {
        adah_memory_free(*bytes);
        *bytes = NULL;
    }
    return code;
}

/* Asks all kinds of a file; one that cannot be read is none. */
static adah_code look_at(search *s, const char *path, adah_status *status) {
    uint8_t *bytes = NULL;
    size_t n_bytes;
    adah_status why = {0};
    ADAH_TRY(adah_dataset_set_path(s->dataset, path, status));
    ADAH_TRY(take_folder(s, path, status));
    adah_code code = read_bytes(s->dataset->path, is_json(path) ? SIZE_MAX : HEAD_BYTES, &bytes, &n_bytes, &why);
    if (code != ADAH_OK)
        return code == ADAH_ERROR_MEMORY ? adah_fail(status, code, "%s", why.message) : ADAH_OK;
    found_file *file = &s->file[s->n_files];
    *file = (found_file){.path = path, .keys = s->dataset->chosen};
    adah_foreign_look look = {.dataset = s->dataset, .finder = &s->finder, .path = path, .folder = s->folder.bytes, .bytes = (const char *)bytes,
                              .n_bytes = n_bytes, .keys = &file->keys};
    int is = 0;
    for (size_t k = 0; k < N_KINDS && is == 0; k++)
        if ((is = kinds[k]->is_it(&look)) == 1)
            file->kind = kinds[k];
    s->n_files += is == 1;
    if (is == 0 && !adah_label_names_is_file(adah_path_name(path)) && strcasecmp(adah_path_ending(path), ".txt") != 0) {
        adah_dataset_leave_out_file(s->dataset, path, "names hardly any of the pictures, or is broken");
        if (!s->n_strange++)
            s->first_strange = path;
    }
    adah_memory_free(bytes);
    return is < 0 || s->finder.room.failed || s->finder.lower.failed ? adah_fail_memory(status, n_bytes + 1) : ADAH_OK;
}

static adah_code read_file(search *s, const found_file *file, adah_status *status) {
    uint8_t *bytes;
    size_t n_bytes;
    adah_dataset *d = s->dataset;
    ADAH_TRY(adah_dataset_set_path(d, file->path, status));
    ADAH_TRY(take_folder(s, file->path, status));
    ADAH_TRY(read_bytes(d->path, SIZE_MAX, &bytes, &n_bytes, status));
    d->finder = &s->finder;
    d->finder_folder = s->folder.bytes;
    const char *name = adah_path_name(file->path);
    d->file_split.bytes = adah_split_in_name(name, (size_t)(adah_path_ending(name) - name), &d->file_split.n_bytes);
    d->found = file->keys;
    adah_foreign_look look = {.dataset = d, .finder = &s->finder, .path = file->path, .folder = s->folder.bytes, .bytes = (const char *)bytes,
                              .n_bytes = n_bytes, .keys = &d->found};
    const adah_code code = file->kind->read(&look, status);
    adah_memory_free(bytes);
    return code == ADAH_OK && (s->finder.room.failed || s->finder.lower.failed) ? adah_fail_memory(status, n_bytes) : code;
}

/* ---------------------------------------------------------------- all of them */

static adah_code tell(const search *s, adah_status *status) {
    const adah_dataset *d = s->dataset;
    adah_text files = {0};
    size_t n_unnamed = 0, n_named = 0;
    const char *first = NULL;
    for (size_t i = 0; i < s->n_files; i++)
        adah_text_add(&files, "%s%s (%s)", i ? ", " : "", s->file[i].path, s->file[i].kind->what);
    adah_code code = files.failed ? adah_fail_memory(status, 1024)
                                  : adah_dataset_note(s->dataset, status, "the records are those of: %s", files.bytes);
    adah_text_free(&files);
    ADAH_TRY(code);
    for (size_t i = 0; i < s->finder.n; i++) {
        const char *path = s->finder.path[i];
        if (adah_string_table_find(&d->file_names, path, strlen(path)) != ADAH_STRING_NONE)
            continue;
        adah_dataset_leave_out_file(d, path, "not named by the metadata");
        if (!n_unnamed++)
            first = path;
    }
    if (first)
        ADAH_TRY(adah_dataset_note(s->dataset, status, "pictures that are not named there, passed over: %zu; the first: %s", n_unnamed, first));
    for (size_t i = 0; i < ADAH_N_SPLITS; i++)
        n_named += d->n_named[i];
    if (n_named)
        return ADAH_OK;
    adah_dataset_draw_split(s->dataset);
    return adah_dataset_note(s->dataset, status, "no splits are named: about a tenth of the pictures, by their names, are queries");
}

static adah_code search_all(search *s, int *found, adah_status *status) {
    ADAH_TRY(adah_picture_finder_make(s->listing, &s->finder, status));
    for (size_t i = 0; i < s->listing->n && s->finder.n && s->n_looked <= FILES_MAX; i++)
        if (may_be_metadata(s, s->listing->path[i]) && s->n_looked++ < FILES_MAX)
            ADAH_TRY(look_at(s, s->listing->path[i], status));
    if (s->n_looked > FILES_MAX)
        ADAH_TRY(adah_dataset_note(s->dataset, status, "only the first %d files that may tell of the pictures were looked into", FILES_MAX));
    *found = s->n_files > 0;
    for (int pass = 1; pass >= 0; pass--)
        for (size_t i = 0; i < s->n_files; i++)
            if (s->file[i].kind->is_first == pass)
                ADAH_TRY(read_file(s, &s->file[i], status));
    if (*found && s->dataset->n_records == 0)
        return adah_dataset_fail_all_bad(s->dataset, status);
    for (size_t i = 0; i < s->listing->n && *found; i++)
        if (strstr(adah_path_name(s->listing->path[i]), "class-descriptions"))
            ADAH_TRY(adah_label_names_of_codes(s->dataset, s->listing->path[i], status));
    if (s->n_strange)
        ADAH_TRY(adah_dataset_note(s->dataset, status, "files that name hardly any of the pictures, or are broken, passed over: %zu; the first: %s", s->n_strange,
                                   s->first_strange));
    return *found ? tell(s, status) : ADAH_OK;
}

adah_code adah_dataset_read_foreign(adah_dataset *dataset, const adah_folder_listing *listing, int *found, adah_status *status) {
    search s = {.dataset = dataset, .listing = listing};
    adah_text_add(&s.folder, "%s", "");
    const adah_code code = s.folder.failed ? adah_fail_memory(status, 1) : search_all(&s, found, status);
    dataset->finder = NULL;
    adah_picture_finder_free(&s.finder);
    adah_text_free(&s.folder);
    return code;
}
