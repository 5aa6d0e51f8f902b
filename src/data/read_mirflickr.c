/* read_mirflickr.c - MIRFLICKR-25K as it is published (Huiskes, Lew 2008):
 *
 *   im1.jpg ...                          the pictures
 *   meta/tags/tags1.txt ...              the tags of each, one a line
 *   doc/common_tags.txt                  "tag count": the tags that 20 pictures or more bear
 *   mirflickr25k_annotations_v080/X.txt  the numbers of the pictures of class X, one a line
 *
 * The annotations may also be in annotations/, lie beside the folder, or be named as second source. Classes that end in
 * _r1 (relevant in a narrower sense) are left out, which leaves 24. A record's text is its common tags. Those without
 * any, or without a class, are left out: 20,015 of 25,000 stay. */
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/published_set.h"
#include "data/text_lines.h"

#include <stdio.h>
#include <string.h>

enum { PICTURES_MAX = 1000000, COMMON_USES = 20 };

typedef struct reading {
    const adah_published_source *source;
    const char *root;
    adah_published_set *set;
    adah_string_table tags; /* common ones */
    size_t n_pictures;
    adah_string_table classes; /* names of files, numbered as the labels */
    uint8_t *has;              /* n_pictures x classes.n */
} reading;

static adah_code read_common_tags(reading *r, adah_status *status) {
    adah_text_lines lines;
    ADAH_TRY(adah_text_lines_open(r->root, "doc/common_tags.txt", &lines, status));
    adah_code code = ADAH_OK;
    while (code == ADAH_OK && adah_text_lines_next(&lines)) {
        const char *tag, *count;
        size_t offset = 0, n_tag, n_count, n_uses;
        if (!adah_text_lines_word(&lines, &offset, &tag, &n_tag))
            continue;
        if (!adah_text_lines_word(&lines, &offset, &count, &n_count) || offset != lines.n_bytes ||
            !adah_text_number(count, n_count, SIZE_MAX, &n_uses))
            code = adah_text_lines_unexpected(&lines, "a tag and its count", status);
        else if (n_uses >= COMMON_USES && adah_string_table_add(&r->tags, tag, n_tag) == ADAH_STRING_NONE)
            code = adah_fail_memory(status, n_tag + 1);
    }
    if (code == ADAH_OK && r->tags.n == 0)
        code = adah_text_lines_fail(&lines, status, "no tag with a count of %d or more", COMMON_USES);
    return adah_text_lines_finish(&lines, code, status);
}

static void name_tags(char *name, size_t n_bytes, size_t picture) {
    snprintf(name, n_bytes, "meta/tags/tags%zu.txt", picture);
}

/* Pictures are numbered from 1 without gaps, and so are the files of their tags. */
static adah_code count_pictures(reading *r, adah_status *status) {
    int is_there = 1;
    while (is_there && r->n_pictures < PICTURES_MAX) {
        char name[64];
        name_tags(name, sizeof name, r->n_pictures + 1);
        char *path = adah_file_join(r->root, name);
        if (!path)
            return adah_fail_memory(status, strlen(r->root) + sizeof name);
        is_there = adah_file_exists(path);
        adah_memory_free(path);
        r->n_pictures += (size_t)is_there;
    }
    if (r->n_pictures == 0)
        return adah_fail(status, ADAH_ERROR_NOT_FOUND, "%s: no meta/tags/tags1.txt there, expected MIRFLICKR-25K", r->root);
    return ADAH_OK;
}

/* The folder of the annotations, in memory that the caller frees. */
static adah_code find_annotations(const reading *r, char **found, adah_status *status) {
    static const char *const names[] = {"mirflickr25k_annotations_v080", "annotations",
                                        "../mirflickr25k_annotations_v080"};
    if (r->source->n_paths > 1) {
        *found = adah_memory_text(r->source->path[1]);
        return *found ? ADAH_OK : adah_fail_memory(status, strlen(r->source->path[1]) + 1);
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        *found = adah_file_join(r->root, names[i]);
        if (!*found)
            return adah_fail_memory(status, strlen(r->root) + strlen(names[i]) + 2);
        if (adah_file_exists(*found))
            return ADAH_OK;
        adah_memory_free(*found);
    }
    return adah_fail(status, ADAH_ERROR_NOT_FOUND, "%s: no folder %s there, nor one named as second source", r->root,
                     names[0]);
}

static int is_class(const char *name) {
    const size_t n = strlen(name);
    return n > 4 && strcmp(name + n - 4, ".txt") == 0 && strncmp(name, "README", 6) != 0 &&
           !(n > 7 && strcmp(name + n - 7, "_r1.txt") == 0);
}

static adah_code read_class(reading *r, const char *folder, size_t k, adah_status *status) {
    adah_text_lines lines;
    ADAH_TRY(adah_text_lines_open(folder, r->classes.text[k], &lines, status));
    adah_code code = ADAH_OK;
    while (code == ADAH_OK && adah_text_lines_next(&lines)) {
        size_t number;
        if (lines.n_bytes == 0)
            continue;
        if (!adah_text_number(lines.text, lines.n_bytes, r->n_pictures, &number) || number == 0) {
            char expected[64];
            snprintf(expected, sizeof expected, "the number of a picture, 1 to %zu", r->n_pictures);
            code = adah_text_lines_unexpected(&lines, expected, status);
        } else {
            r->has[(number - 1) * r->classes.n + k] = 1;
        }
    }
    return adah_text_lines_finish(&lines, code, status);
}

static adah_code read_classes(reading *r, const char *folder, adah_status *status) {
    adah_folder_list list;
    ADAH_TRY(adah_folder_list_open(folder, "", &list, status));
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < list.n && code == ADAH_OK; i++) {
        const char *name = adah_folder_list_name(&list, i);
        uint32_t label;
        if (!is_class(name))
            continue;
        code = adah_published_set_name_label(r->set, name, strlen(name) - 4, &label, status);
        if (code == ADAH_OK && label != r->classes.n)
            code = adah_fail(status, ADAH_ERROR_FORMAT, "%s/%s: a class of that name was seen before", folder, name);
        if (code == ADAH_OK && adah_string_table_add(&r->classes, name, strlen(name)) == ADAH_STRING_NONE)
            code = adah_fail_memory(status, strlen(name) + 1);
    }
    adah_folder_list_close(&list);
    ADAH_TRY(code);
    if (r->classes.n == 0)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: no files there, expected one a class, as sky.txt", folder);
    r->has = adah_memory_zeroed(r->n_pictures, r->classes.n);
    if (!r->has)
        return adah_fail_memory(status, r->n_pictures * r->classes.n);
    for (size_t k = 0; k < r->classes.n; k++)
        ADAH_TRY(read_class(r, folder, k, status));
    return ADAH_OK;
}

/* The common tags of a picture, blanks between. */
static adah_code read_tags(const reading *r, size_t picture, adah_text *text, adah_status *status) {
    char name[64];
    name_tags(name, sizeof name, picture);
    adah_text_lines lines;
    ADAH_TRY(adah_text_lines_open(r->root, name, &lines, status));
    while (adah_text_lines_next(&lines))
        if (adah_string_table_find(&r->tags, lines.text, lines.n_bytes) != ADAH_STRING_NONE) {
            if (text->n_bytes)
                adah_text_add_bytes(text, " ", 1);
            adah_text_add_bytes(text, lines.text, lines.n_bytes);
        }
    return adah_text_lines_finish(&lines, text->failed ? adah_fail_memory(status, text->n_bytes) : ADAH_OK, status);
}

static adah_code add_picture(reading *r, size_t picture, uint32_t *label, adah_status *status) {
    size_t n_labels = 0;
    for (size_t k = 0; k < r->classes.n; k++)
        if (r->has[(picture - 1) * r->classes.n + k])
            label[n_labels++] = (uint32_t)k;
    adah_text text = {0};
    adah_code code = n_labels ? read_tags(r, picture, &text, status) : ADAH_OK;
    if (code == ADAH_OK && text.n_bytes == 0) {
        r->set->n_left_out++;
    } else if (code == ADAH_OK) {
        char name[64];
        snprintf(name, sizeof name, "images/im%zu.jpg", picture);
        code = adah_published_set_add(r->set, name, text.bytes, text.n_bytes, status);
        if (code == ADAH_OK)
            code = adah_published_set_label(r->set, label, n_labels, status);
    }
    adah_text_free(&text);
    return code;
}

static adah_code read_all(reading *r, adah_status *status) {
    static const char *const pictures[] = {"", NULL};
    ADAH_TRY(count_pictures(r, status));
    ADAH_TRY(read_common_tags(r, status));
    char *annotations;
    ADAH_TRY(find_annotations(r, &annotations, status));
    adah_code code = read_classes(r, annotations, status);
    adah_memory_free(annotations);
    ADAH_TRY(code);
    ADAH_TRY(adah_published_set_find_pictures(r->set, r->source, r->root, pictures, status));
    uint32_t *label = adah_memory_zeroed(r->classes.n, sizeof *label);
    if (!label)
        return adah_fail_memory(status, r->classes.n * sizeof *label);
    for (size_t i = 1; i <= r->n_pictures && code == ADAH_OK; i++) {
        if (i % 256 == 1)
            code = adah_published_report(r->source->progress, "reading tags", i - 1, r->n_pictures, status);
        if (code == ADAH_OK)
            code = add_picture(r, i, label, status);
    }
    adah_memory_free(label);
    return code;
}

static adah_code read_mirflickr(const adah_published_source *source, adah_published_set *set, adah_status *status) {
    reading r = {.source = source, .root = source->path[0], .set = set};
    const adah_code code = read_all(&r, status);
    adah_string_table_free(&r.tags);
    adah_string_table_free(&r.classes);
    adah_memory_free(r.has);
    return code;
}

const adah_published_format adah_published_mirflickr = {
    .name = "mirflickr",
    .source = "MIRFLICKR-25K: the folder with im1.jpg, meta/tags and doc; annotations inside it, next to it or as a\n"
              "second --from",
    .n_sources_max = 2,
    .read = read_mirflickr,
};
