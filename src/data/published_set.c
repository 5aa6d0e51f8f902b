/* published_set.c - records in an arena, and what several readers need. */
#define _GNU_SOURCE
#include "data/published_set.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/metadata_path.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unicode/utf8.h>

static int is_utf8(const char *text, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes;) {
        UChar32 c;
        U8_NEXT(text, i, n_bytes, c);
        if (c <= 0)
            return 0;
    }
    return 1;
}

/* A copy as UTF-8; NULL when memory is out. NUL bytes, which no text has, become blanks. */
static char *copy_utf8(adah_arena *arena, const char *text, size_t n_bytes) {
    if (is_utf8(text, n_bytes))
        return adah_arena_text(arena, text, n_bytes);
    char *copy = n_bytes < SIZE_MAX / 2 ? adah_arena_alloc(arena, 2 * n_bytes + 1, 1) : NULL;
    size_t n = 0;
    for (size_t i = 0; copy && i < n_bytes; i++) {
        const uint8_t c = (uint8_t)text[i];
        if (c >= 0x80)
            copy[n++] = (char)(0xc0 | c >> 6);
        copy[n++] = (char)(c >= 0x80 ? 0x80 | (c & 0x3f) : c ? c : ' ');
    }
    if (copy)
        copy[n] = '\0';
    return copy;
}

adah_code adah_published_set_add(adah_published_set *set, const char *file_name, const char *text, size_t n_text,
                             adah_status *status) {
    if (!adah_memory_grow((void **)&set->record, &set->capacity, set->n_records, sizeof *set->record))
        return adah_fail_memory(status, 2 * set->capacity * sizeof *set->record);
    adah_record record = {.file_name = copy_utf8(&set->arena, file_name, strlen(file_name)),
                          .text = copy_utf8(&set->arena, text, n_text),
                          .n_texts = 1,
                          .split = ADAH_SPLIT_TRAIN};
    if (!record.file_name || !record.text)
        return adah_fail_memory(status, strlen(file_name) + n_text);
    const size_t n_name = strlen(record.file_name), n_before = set->file_names.n;
    const char *fault = adah_dataset_path_fault((adah_raw_text){record.file_name, n_name});
    if (fault)
        return adah_fail(status, ADAH_ERROR_FORMAT, "picture \"%s\" %s", record.file_name, fault);
    if (adah_string_table_add(&set->file_names, record.file_name, n_name) == ADAH_STRING_NONE)
        return adah_fail_memory(status, n_name + 1);
    if (set->file_names.n == n_before)
        return adah_fail(status, ADAH_ERROR_FORMAT, "picture \"%s\" was seen before, expected each once",
                         record.file_name);
    set->record[set->n_records++] = record;
    return ADAH_OK;
}

adah_code adah_published_set_label(adah_published_set *set, const uint32_t *label, size_t n_labels, adah_status *status) {
    uint32_t *copy = adah_arena_alloc(&set->arena, n_labels * sizeof *label, sizeof *label);
    if (!copy)
        return adah_fail_memory(status, n_labels * sizeof *label);
    if (n_labels)
        memcpy(copy, label, n_labels * sizeof *label);
    set->record[set->n_records - 1].label = copy;
    set->record[set->n_records - 1].n_labels = n_labels;
    return ADAH_OK;
}

adah_code adah_published_set_name_label(adah_published_set *set, const char *name, size_t n_bytes, uint32_t *label,
                                    adah_status *status) {
    const char *utf8 = copy_utf8(&set->arena, name, n_bytes);
    *label = utf8 ? adah_string_table_add(&set->labels, utf8, strlen(utf8)) : ADAH_STRING_NONE;
    return *label == ADAH_STRING_NONE ? adah_fail_memory(status, n_bytes + 1) : ADAH_OK;
}

void adah_published_set_free(adah_published_set *set) {
    if (set->close_reader)
        set->close_reader(set->reader);
    for (int side = 0; side < 2; side++)
        adah_memory_free(set->vector[side]);
    adah_memory_free(set->record);
    adah_string_table_free(&set->labels);
    adah_string_table_free(&set->file_names);
    adah_arena_free(&set->arena);
    *set = (adah_published_set){0};
}

adah_code adah_published_set_find_pictures(adah_published_set *set, const adah_published_source *source, const char *root,
                                       const char *const *names, adah_status *status) {
    char *path = NULL;
    if (source->options->images)
        path = adah_memory_text(source->options->images);
    else
        for (; *names; names++) {
            path = adah_file_join(root, *names);
            if (!path || adah_file_exists(path))
                break;
            adah_memory_free(path);
            path = NULL;
        }
    if (!path && !*names && !source->options->images)
        return ADAH_OK;
    set->pictures = path ? adah_arena_text(&set->arena, path, strlen(path)) : NULL;
    adah_memory_free(path);
    return set->pictures ? ADAH_OK : adah_fail_memory(status, strlen(root) + 16);
}

adah_code adah_published_report(adah_progress progress, const char *stage, size_t done, size_t total,
                            adah_status *status) {
    const adah_progress_event event = {.stage = stage, .done = done, .total = total, .detail = ""};
    if (progress.function && progress.function(progress.user, &event) != 0)
        return adah_fail(status, ADAH_ERROR_CANCELLED, "cancelled while %s", stage);
    return ADAH_OK;
}

static int is_shown(const struct dirent *entry) { return entry->d_name[0] != '.'; }

adah_code adah_folder_list_open(const char *folder, const char *name, adah_folder_list *list, adah_status *status) {
    *list = (adah_folder_list){0};
    char *path = *name ? adah_file_join(folder, name) : adah_memory_text(folder);
    if (!path)
        return adah_fail_memory(status, strlen(folder) + strlen(name) + 2);
    const int n = scandir(path, &list->entry, is_shown, versionsort);
    const adah_code code = n < 0 ? adah_fail_system(status, path, "cannot be listed") : ADAH_OK;
    list->n = n < 0 ? 0 : (size_t)n;
    adah_memory_free(path);
    return code;
}

const char *adah_folder_list_name(const adah_folder_list *list, size_t i) { return list->entry[i]->d_name; }

void adah_folder_list_close(adah_folder_list *list) {
    for (size_t i = 0; i < list->n; i++)
        free(list->entry[i]);
    free(list->entry);
    *list = (adah_folder_list){0};
}
