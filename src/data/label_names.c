/* label_names.c - a table of names is read, and the labels' own is made again with them, its numbers as they are. */
#include "data/label_names.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/csv_rows.h"
#include "data/findings.h"
#include "data/foreign_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_MAX = 16, FILE_BYTES_MAX = 64 << 20, NUMBER_BYTES = 24 };

/* from.text[i] is called to[i]. */
typedef struct names {
    adah_string_table from;
    const char **to;
    size_t n_to, capacity;
    adah_arena arena;
} names;

static void names_free(names *n) {
    adah_string_table_free(&n->from);
    adah_memory_free(n->to);
    adah_arena_free(&n->arena);
    *n = (names){0};
}

/* One that is there already keeps its name. */
static adah_code names_add(names *n, const char *from, size_t n_from, const char *to, size_t n_to, adah_status *status) {
    const uint32_t i = adah_string_table_add(&n->from, from, n_from);
    if (i != ADAH_STRING_NONE && i < n->n_to)
        return ADAH_OK;
    if (i == ADAH_STRING_NONE || !adah_memory_grow((void **)&n->to, &n->capacity, n->n_to, sizeof *n->to) ||
        !(n->to[n->n_to] = adah_arena_text(&n->arena, to, n_to)))
        return adah_fail_memory(status, n_from + n_to + 2);
    n->n_to++;
    return ADAH_OK;
}

static adah_code names_add_number(names *n, size_t number, const char *to, size_t n_to, adah_status *status) {
    char digits[NUMBER_BYTES];
    return names_add(n, digits, (size_t)snprintf(digits, sizeof digits, "%zu", number), to, n_to, status);
}

/* Gives the labels their names; two labels never become one: the second keeps its own. */
static adah_code apply(adah_dataset *dataset, const names *n, const char *file, adah_status *status) {
    adah_string_table made = {0}, *old = &dataset->labels;
    size_t n_named = 0;
    for (size_t i = 0; i < old->n; i++) {
        const char *label = old->text[i];
        const uint32_t k = adah_string_table_find(&n->from, label, strlen(label));
        const char *to = k == ADAH_STRING_NONE ? label : n->to[k];
        if (!*to || adah_string_table_find(&made, to, strlen(to)) != ADAH_STRING_NONE)
            to = label;
        n_named += to != label;
        const uint32_t number = adah_string_table_add(&made, to, strlen(to));
        if (number != i) { /* memory, or a label that is called as one before was named */
            adah_string_table_free(&made);
            return number == ADAH_STRING_NONE ? adah_fail_memory(status, strlen(to) + 1) : ADAH_OK;
        }
    }
    if (n_named == 0) {
        adah_string_table_free(&made);
        return ADAH_OK;
    }
    adah_string_table_free(old);
    *old = made;
    return adah_dataset_note(dataset, status, "%zu labels have their names from %s", n_named, file);
}

/* ---------------------------------------------------------------- JSON of Hugging Face */

static int means_labels(const char *key) {
    int rank;
    return adah_key_find(NULL, key, strlen(key), &rank) == ADAH_KEY_LABELS;
}

/* A list "names" below, of a key that means labels where there are several. */
static const json_t *find_names(const json_t *value, const char *under, int only_labels, int depth) { /* NOLINT(misc-no-recursion): DEPTH_MAX */
    const char *key;
    json_t *member;
    const json_t *list = json_object_get(value, "names");
    if (json_is_array(list) && json_is_string(json_array_get(list, 0)) && (!only_labels || means_labels(under)))
        return list;
    const json_t *found = NULL;
    json_object_foreach((json_t *)value, key, member)
        if (!found && depth < DEPTH_MAX)
            found = find_names(member, strcmp(key, "feature") ? key : under, only_labels, depth + 1);
    return found;
}

static adah_code read_infos(const char *bytes, size_t n_bytes, names *n, adah_status *status) {
    json_error_t error;
    int is_out_of_memory;
    json_t *all = adah_json_load(bytes, n_bytes, 0, &error, &is_out_of_memory);
    if (is_out_of_memory)
        return adah_fail_memory(status, n_bytes);
    const json_t *list = find_names(all, "", 1, 0);
    list = list ? list : find_names(all, "", 0, 0);
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < json_array_size(list) && code == ADAH_OK; i++) {
        const json_t *name = json_array_get(list, i);
        if (json_is_string(name))
            code = names_add_number(n, i, json_string_value(name), json_string_length(name), status);
    }
    json_decref(all);
    return code;
}

/* ---------------------------------------------------------------- the head of README.md */

typedef struct line {
    const char *text; /* without blanks around it */
    size_t n_bytes, n_indent;
} line;

static int next_line(const char *bytes, size_t n_bytes, size_t *offset, line *l) {
    if (*offset >= n_bytes)
        return 0;
    const char *newline = memchr(bytes + *offset, '\n', n_bytes - *offset);
    size_t start = *offset, end = newline ? (size_t)(newline - bytes) : n_bytes;
    *offset = end + 1;
    while (end > start && strchr(" \r\t", bytes[end - 1]))
        end--;
    const size_t first = start;
    while (start < end && bytes[start] == ' ')
        start++;
    *l = (line){bytes + start, end - start, start - first};
    return 1;
}

static int is_line(const line *l, const char *wanted) { return l->n_bytes == strlen(wanted) && memcmp(l->text, wanted, l->n_bytes) == 0; }

static int begins(const line *l, const char *wanted) { return l->n_bytes >= strlen(wanted) && memcmp(l->text, wanted, strlen(wanted)) == 0; }

/* "'0': cat" or "- cat". 0: the line is no item. */
static int take_item(const line *l, size_t n_before, size_t *number, const char **name, size_t *n_name) {
    size_t at = 0;
    *number = n_before;
    if (begins(l, "- ")) {
        at = 2;
    } else {
        const size_t quote = l->n_bytes && (l->text[0] == '\'' || l->text[0] == '"');
        for (at = quote, *number = 0; at < l->n_bytes && l->text[at] >= '0' && l->text[at] <= '9' && at < NUMBER_BYTES / 2; at++)
            *number = 10 * *number + (size_t)(l->text[at] - '0');
        if (at == quote || at + quote + 1 >= l->n_bytes || l->text[at + quote] != ':')
            return 0;
        at += quote + 1;
    }
    while (at < l->n_bytes && l->text[at] == ' ')
        at++;
    *name = l->text + at;
    *n_name = l->n_bytes - at;
    if (*n_name >= 2 && strchr("'\"", **name) && (*name)[*n_name - 1] == **name)
        ++*name, *n_name -= 2;
    return *n_name > 0;
}

/* The names under "class_label:" and "names:" of the first feature that means labels. */
static adah_code read_head(const char *bytes, size_t n_bytes, names *n, adah_status *status) {
    line l;
    size_t offset = 0, number, n_name;
    const char *name;
    int of_labels = 0, is_class = 0, is_list = 0;
    if (!next_line(bytes, n_bytes, &offset, &l) || !is_line(&l, "---"))
        return ADAH_OK;
    while (next_line(bytes, n_bytes, &offset, &l) && !is_line(&l, "---")) {
        if (is_list && take_item(&l, n->n_to, &number, &name, &n_name)) {
            ADAH_TRY(names_add_number(n, number, name, n_name, status));
            continue;
        }
        if (n->n_to)
            break;
        is_list = is_class && of_labels && is_line(&l, "names:");
        is_class = is_line(&l, "class_label:") || is_list;
        if (begins(&l, "- name: ")) {
            char key[64];
            snprintf(key, sizeof key, "%.*s", (int)(l.n_bytes - 8), l.text + 8);
            of_labels = means_labels(key);
        }
    }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- files */

/* The whole of folder/name; *bytes NULL: it is not there, or not readable, or not UTF-8. */
static adah_code read_whole(const adah_dataset *dataset, const char *name, uint8_t **bytes, size_t *n_bytes, adah_status *status) {
    adah_status why = {0};
    *bytes = NULL;
    char *path = adah_file_join(dataset->folder, name);
    if (!path)
        return adah_fail_memory(status, strlen(name) + 2);
    const adah_code code = adah_file_exists(path) ? adah_file_read(path, FILE_BYTES_MAX, bytes, n_bytes, &why) : ADAH_ERROR_NOT_FOUND;
    adah_memory_free(path);
    if (code == ADAH_ERROR_MEMORY)
        return adah_fail(status, code, "%s", why.message);
    if (code == ADAH_OK && !adah_findings_is_utf8((const char *)*bytes, *n_bytes)) {
        adah_memory_free(*bytes);
        *bytes = NULL;
    } else if (code != ADAH_OK) {
        *bytes = NULL;
    }
    return ADAH_OK;
}

static const char *const number_files[] = {"dataset_infos.json", "dataset_info.json", "README.md"};
enum { N_NUMBER_FILES = sizeof number_files / sizeof *number_files };

int adah_label_names_is_file(const char *name) {
    for (size_t i = 0; i < N_NUMBER_FILES; i++)
        if (!strcmp(name, number_files[i]))
            return 1;
    return strstr(name, "class-descriptions") != NULL;
}

static int are_numbers(const adah_string_table *labels) {
    for (size_t i = 0; i < labels->n; i++)
        if (strspn(labels->text[i], "0123456789") != strlen(labels->text[i]) && strcmp(labels->text[i], "-1") != 0)
            return 0;
    return labels->n > 0;
}

adah_code adah_label_names_of_numbers(adah_dataset *dataset, adah_status *status) {
    int is_done = !are_numbers(&dataset->labels);
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < N_NUMBER_FILES && !is_done && code == ADAH_OK; i++) {
        uint8_t *bytes;
        size_t n_bytes;
        names n = {0};
        ADAH_TRY(read_whole(dataset, number_files[i], &bytes, &n_bytes, status));
        if (bytes)
            code = (strstr(number_files[i], ".json") ? read_infos : read_head)((const char *)bytes, n_bytes, &n, status);
        adah_memory_free(bytes);
        is_done = n.n_to > 0;
        if (is_done && code == ADAH_OK)
            code = apply(dataset, &n, number_files[i], status);
        names_free(&n);
    }
    return code;
}

adah_code adah_label_names_of_codes(adah_dataset *dataset, const char *name, adah_status *status) {
    uint8_t *bytes;
    size_t n_bytes, next;
    names n = {0};
    adah_status why;
    ADAH_TRY(read_whole(dataset, name, &bytes, &n_bytes, status));
    if (!bytes)
        return ADAH_OK;
    adah_csv_rows rows = {.dataset = dataset, .bytes = (const char *)bytes, .n_bytes = n_bytes};
    adah_csv_begin(&rows);
    adah_code code = ADAH_OK;
    for (; code == ADAH_OK && rows.position < rows.n_bytes; adah_csv_move(&rows, next), adah_csv_pass_blank_lines(&rows)) {
        next = adah_csv_end_of_line(&rows);
        const adah_code bad = adah_csv_read(&rows, &next, &why);
        const adah_raw_text from = bad == ADAH_OK ? adah_csv_field(&rows, 0) : (adah_raw_text){0};
        if (bad == ADAH_ERROR_MEMORY)
            code = adah_fail(status, bad, "%s", why.message);
        else if (bad == ADAH_OK && rows.n_fields == 2)
            code = names_add(&n, from.bytes, from.n_bytes, adah_csv_field(&rows, 1).bytes, adah_csv_field(&rows, 1).n_bytes, status);
    }
    if (code == ADAH_OK)
        code = apply(dataset, &n, name, status);
    adah_csv_free(&rows);
    adah_memory_free(bytes);
    names_free(&n);
    return code;
}
