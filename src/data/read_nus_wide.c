/* read_nus_wide.c - NUS-WIDE as it is published (Chua et al. 2009); line i of every list is picture i of 269,648:
 *
 *   ImageList/Imagelist.txt              "actor\0001_2124494179.jpg": paths with backslashes
 *   ImageList/{Train,Test}Imagelist.txt  the official split, when both are there
 *   ConceptsList/Concepts81.txt          the names of the concepts
 *   Groundtruth/AllLabels/Labels_X.txt   a line 0 or 1 for each picture
 *   NUS_WID_Tags/TagList1k.txt           the words
 *   NUS_WID_Tags/AllTags1k.txt           1,000 numbers 0 or 1, a tab behind each of them, the last one too
 *   Flickr/actor/0001_2124494179.jpg     the pictures
 *
 * The labels are the n concepts that most pictures have (21); pictures with none of them, or with none of the words,
 * are left out: 195,834 stay. The file of tags (half a gigabyte) is gone through once, line by line. */
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/published_set.h"
#include "data/text_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 512 };

typedef struct reading {
    const adah_published_source *source;
    const char *root;
    adah_published_set *set;
    adah_string_table pictures, concepts, words;
    uint8_t *has;    /* concepts.n x pictures.n */
    size_t *n_uses;  /* [concepts.n] */
    uint32_t *label; /* [concepts.n] of the set, ADAH_STRING_NONE when it is not chosen */
    adah_string_table train, test;
} reading;

/* "actor\0001_2124494179.jpg", also with "C:\ImageData\Flickr\" before it, to "actor/0001_2124494179.jpg". Returns
 * its length; 0: too long. */
static size_t clean_path(const adah_text_lines *lines, char *path) {
    if (lines->n_bytes >= NAME_BYTES)
        return 0;
    memcpy(path, lines->text, lines->n_bytes);
    path[lines->n_bytes] = '\0';
    for (char *p = path; (p = strchr(p, '\\'));)
        *p = '/';
    const char *folder = strstr(path, "Flickr/");
    if (folder)
        memmove(path, folder + 7, strlen(folder + 7) + 1);
    return strlen(path);
}

/* A list of distinct names, one a line; paths: of pictures. Blank lines are passed over in other lists. */
static adah_code read_names(const reading *r, const char *name, int are_paths, adah_string_table *names,
                            adah_status *status) {
    adah_text_lines lines;
    ADAH_TRY(adah_text_lines_open(r->root, name, &lines, status));
    adah_code code = ADAH_OK;
    while (code == ADAH_OK && adah_text_lines_next(&lines)) {
        char path[NAME_BYTES];
        const size_t n = are_paths ? clean_path(&lines, path) : lines.n_bytes;
        if (n == 0 && !are_paths)
            continue;
        if (n == 0) {
            code = adah_text_lines_unexpected(&lines, "the path of a picture", status);
            continue;
        }
        const size_t n_before = names->n;
        const uint32_t id = adah_string_table_add(names, are_paths ? path : lines.text, n);
        if (id == ADAH_STRING_NONE)
            code = adah_fail_memory(status, n + 1);
        else if (names->n == n_before)
            code = adah_text_lines_fail(&lines, status, "\"%s\" was seen before, as number %u, expected another name",
                                        names->text[id], (unsigned)id + 1);
    }
    if (code == ADAH_OK && names->n == 0)
        code = adah_text_lines_fail(&lines, status, "the file is empty, expected names, one a line");
    return adah_text_lines_finish(&lines, code, status);
}

static adah_code fail_count(const adah_text_lines *lines, size_t n_expected, const char *what, adah_status *status) {
    return adah_fail(status, ADAH_ERROR_FORMAT, "%s: %zu lines%s, expected %zu, %s", lines->path, lines->line,
                     lines->line > n_expected ? " or more" : "", n_expected, what);
}

static adah_code read_concept(reading *r, size_t k, adah_status *status) {
    char name[NAME_BYTES + 64];
    snprintf(name, sizeof name, "Groundtruth/AllLabels/Labels_%.*s.txt", NAME_BYTES, r->concepts.text[k]);
    adah_text_lines lines;
    ADAH_TRY(adah_text_lines_open(r->root, name, &lines, status));
    uint8_t *has = r->has + k * r->pictures.n;
    adah_code code = ADAH_OK;
    size_t n = 0;
    for (; code == ADAH_OK && n < r->pictures.n && adah_text_lines_next(&lines); n++) {
        if (lines.n_bytes != 1 || (*lines.text != '0' && *lines.text != '1'))
            code = adah_text_lines_unexpected(&lines, "0 or 1", status);
        else if ((has[n] = *lines.text == '1'))
            r->n_uses[k]++;
    }
    while (code == ADAH_OK && n <= r->pictures.n && adah_text_lines_next(&lines))
        n += lines.n_bytes > 0; /* empty lines at the end do no harm */
    if (code == ADAH_OK && n != r->pictures.n)
        code = fail_count(&lines, r->pictures.n, "as many as there are pictures", status);
    return adah_text_lines_finish(&lines, code, status);
}

/* The most frequent concepts become labels, in the order of the list; of equal ones the first of the list. */
static adah_code choose_concepts(reading *r, adah_status *status) {
    const size_t n_wanted = r->source->options->n_concepts;
    for (size_t k = 0; k < r->concepts.n; k++) {
        size_t n_before = 0;
        for (size_t j = 0; j < r->concepts.n; j++)
            n_before += r->n_uses[j] > r->n_uses[k] || (r->n_uses[j] == r->n_uses[k] && j < k);
        r->label[k] = ADAH_STRING_NONE;
        if (n_before < n_wanted && r->n_uses[k])
            ADAH_TRY(adah_published_set_name_label(r->set, r->concepts.text[k], strlen(r->concepts.text[k]), &r->label[k],
                                               status));
    }
    return ADAH_OK;
}

static adah_code read_concepts(reading *r, adah_status *status) {
    ADAH_TRY(read_names(r, "ConceptsList/Concepts81.txt", 0, &r->concepts, status));
    r->has = adah_memory_zeroed(r->concepts.n, r->pictures.n);
    r->n_uses = adah_memory_zeroed(r->concepts.n, sizeof *r->n_uses);
    r->label = adah_memory_zeroed(r->concepts.n, sizeof *r->label);
    if (!r->has || !r->n_uses || !r->label)
        return adah_fail_memory(status, r->concepts.n * (r->pictures.n + 16));
    for (size_t k = 0; k < r->concepts.n; k++) {
        ADAH_TRY(adah_published_report(r->source->progress, "reading labels", k, r->concepts.n, status));
        ADAH_TRY(read_concept(r, k, status));
    }
    return choose_concepts(r, status);
}

/* Whether root/name is there; -1 when memory is out. */
static int is_there(const reading *r, const char *name) {
    char *path = adah_file_join(r->root, name);
    const int found = path ? adah_file_exists(path) : -1;
    adah_memory_free(path);
    return found;
}

static adah_code read_lists(reading *r, adah_status *status) {
    static const char *const train = "ImageList/TrainImagelist.txt", *const test = "ImageList/TestImagelist.txt";
    const int other = is_there(r, "ImageList/ImageList.txt"), has_train = is_there(r, train),
              has_test = is_there(r, test);
    if (other < 0 || has_train < 0 || has_test < 0)
        return adah_fail_memory(status, strlen(r->root) + 32);
    ADAH_TRY(read_names(r, other ? "ImageList/ImageList.txt" : "ImageList/Imagelist.txt", 1, &r->pictures, status));
    r->set->has_split = has_train && has_test;
    if (!r->set->has_split)
        return ADAH_OK;
    ADAH_TRY(read_names(r, train, 1, &r->train, status));
    return read_names(r, test, 1, &r->test, status);
}

/* The words of the line of tags. */
static adah_code read_tags(const reading *r, const adah_text_lines *lines, adah_text *text, adah_status *status) {
    const char *flag;
    size_t offset = 0, n_flag, n = 0;
    for (; adah_text_lines_word(lines, &offset, &flag, &n_flag); n++) {
        if (n_flag != 1 || (*flag != '0' && *flag != '1'))
            return adah_text_lines_fail(lines, status, "number %zu is \"%.*s\", expected 0 or 1", n + 1,
                                        n_flag < 40 ? (int)n_flag : 40, flag);
        if (*flag == '1' && n < r->words.n) {
            if (text->n_bytes)
                adah_text_add_bytes(text, " ", 1);
            adah_text_add_bytes(text, r->words.text[n], strlen(r->words.text[n]));
        }
    }
    if (n != r->words.n)
        return adah_text_lines_fail(lines, status, "%zu numbers, expected %zu, one for each line of TagList1k.txt", n,
                                    r->words.n);
    return text->failed ? adah_fail_memory(status, text->n_bytes) : ADAH_OK;
}

static adah_split split_of(const reading *r, const char *picture) {
    if (!r->set->has_split || adah_string_table_find(&r->train, picture, strlen(picture)) != ADAH_STRING_NONE)
        return ADAH_SPLIT_TRAIN;
    const int is_test = adah_string_table_find(&r->test, picture, strlen(picture)) != ADAH_STRING_NONE;
    return is_test ? ADAH_SPLIT_QUERY : ADAH_SPLIT_DATABASE;
}

static adah_code add_picture(reading *r, size_t i, const adah_text *text, uint32_t *label, adah_status *status) {
    size_t n_labels = 0;
    for (size_t k = 0; k < r->concepts.n; k++)
        if (r->label[k] != ADAH_STRING_NONE && r->has[k * r->pictures.n + i])
            label[n_labels++] = r->label[k];
    if (n_labels == 0 || text->n_bytes == 0) {
        r->set->n_left_out++;
        return ADAH_OK;
    }
    char name[NAME_BYTES + 16];
    snprintf(name, sizeof name, "images/%s", r->pictures.text[i]);
    ADAH_TRY(adah_published_set_add(r->set, name, text->bytes, text->n_bytes, status));
    r->set->record[r->set->n_records - 1].split = split_of(r, r->pictures.text[i]);
    return adah_published_set_label(r->set, label, n_labels, status);
}

static adah_code add_pictures(reading *r, adah_status *status) {
    adah_text_lines lines;
    ADAH_TRY(adah_text_lines_open(r->root, "NUS_WID_Tags/AllTags1k.txt", &lines, status));
    uint32_t *label = adah_memory_zeroed(r->concepts.n, sizeof *label);
    adah_code code = label ? ADAH_OK : adah_fail_memory(status, r->concepts.n * sizeof *label);
    adah_text text = {0};
    size_t n = 0;
    for (; code == ADAH_OK && n < r->pictures.n && adah_text_lines_next(&lines); n++) {
        if (n % 4096 == 0)
            code = adah_published_report(r->source->progress, "reading tags", n, r->pictures.n, status);
        text.n_bytes = 0;
        if (code == ADAH_OK)
            code = read_tags(r, &lines, &text, status);
        if (code == ADAH_OK)
            code = add_picture(r, n, &text, label, status);
    }
    while (code == ADAH_OK && n <= r->pictures.n && adah_text_lines_next(&lines))
        n += lines.n_bytes > 0;
    if (code == ADAH_OK && n != r->pictures.n)
        code = fail_count(&lines, r->pictures.n, "as many as there are pictures", status);
    adah_text_free(&text);
    adah_memory_free(label);
    return adah_text_lines_finish(&lines, code, status);
}

static adah_code read_all(reading *r, adah_status *status) {
    static const char *const pictures[] = {"Flickr", "images", NULL};
    ADAH_TRY(read_lists(r, status));
    ADAH_TRY(read_concepts(r, status));
    ADAH_TRY(read_names(r, "NUS_WID_Tags/TagList1k.txt", 0, &r->words, status));
    ADAH_TRY(adah_published_set_find_pictures(r->set, r->source, r->root, pictures, status));
    return add_pictures(r, status);
}

static adah_code read_nus_wide(const adah_published_source *source, adah_published_set *set, adah_status *status) {
    reading r = {.source = source, .root = source->path[0], .set = set};
    const adah_code code = read_all(&r, status);
    adah_string_table *const tables[] = {&r.pictures, &r.concepts, &r.words, &r.train, &r.test};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        adah_string_table_free(tables[i]);
    adah_memory_free(r.has);
    adah_memory_free(r.n_uses);
    adah_memory_free(r.label);
    return code;
}

const adah_published_format adah_published_nus_wide = {
    .name = "nus-wide",
    .source = "NUS-WIDE: the folder with ImageList, ConceptsList, Groundtruth, NUS_WID_Tags and Flickr",
    .n_sources_max = 1,
    .read = read_nus_wide,
};
