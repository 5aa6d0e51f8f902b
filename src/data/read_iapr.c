/* read_iapr.c - IAPR TC-12 (Grubinger et al. 2006) with the region labels of SAIAPR TC-12 (Escalante et al. 2010):
 *
 *   images/00/25.jpg                    the pictures
 *   annotations_complete_eng/00/25.eng  tags as in XML, but no XML (bare ampersands), in Latin-1
 *   saiapr_tc-12/00/labels.txt          "picture region label": a line a region, all numbers
 *   saiapr_tc-12/wlist.txt              "label name", where it is there; else labels are named "class-LABEL"
 *
 * The text of a record is what stands between <DESCRIPTION> and </DESCRIPTION>. Records without a label or a
 * description are left out. */
#define _GNU_SOURCE
#include "base/file.h"
#include "base/memory.h"
#include "data/published_set.h"
#include "data/text_lines.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBER_MAX = 100000000, NAME_BYTES = 64, LABELS_MAX = 256, ANNOTATION_BYTES_MAX = 1 << 20 };
#define ANNOTATIONS "annotations_complete_eng"
#define REGIONS "saiapr_tc-12"

typedef struct region {
    size_t picture, label;
} region;

typedef struct word {
    size_t label;
    const char *name;
} word;

typedef struct reading {
    const adah_published_source *source;
    const char *root;
    adah_published_set *set;
    word *word; /* of wlist.txt, by label */
    size_t n_words, word_capacity;
    region *region; /* of the folder being read, by picture, then label */
    size_t n_regions, region_capacity;
} reading;

static int compare_words(const void *a, const void *b) {
    const word *x = a, *y = b;
    return (x->label > y->label) - (x->label < y->label);
}

static int compare_regions(const void *a, const void *b) {
    const region *x = a, *y = b;
    if (x->picture != y->picture)
        return x->picture < y->picture ? -1 : 1;
    return (x->label > y->label) - (x->label < y->label);
}

static adah_code read_words(reading *r, adah_status *status) {
    char *path = adah_file_join(r->root, REGIONS "/wlist.txt");
    if (!path)
        return adah_fail_memory(status, strlen(r->root) + NAME_BYTES);
    const int is_there = adah_file_exists(path);
    adah_memory_free(path);
    if (!is_there)
        return ADAH_OK;
    adah_text_lines lines;
    ADAH_TRY(adah_text_lines_open(r->root, REGIONS "/wlist.txt", &lines, status));
    adah_code code = ADAH_OK;
    while (code == ADAH_OK && adah_text_lines_next(&lines)) {
        const char *number, *name;
        size_t offset = 0, n_number, n_name, label;
        if (!adah_text_lines_word(&lines, &offset, &number, &n_number))
            continue;
        if (!adah_text_number(number, n_number, NUMBER_MAX, &label) ||
            !adah_text_lines_word(&lines, &offset, &name, &n_name)) {
            code = adah_text_lines_unexpected(&lines, "the number of a label and its name", status);
            continue;
        }
        n_name = (size_t)(lines.text + lines.n_bytes - name); /* a name may be several words */
        const char *copy = adah_arena_text(&r->set->arena, name, n_name);
        if (!copy || !adah_memory_grow((void **)&r->word, &r->word_capacity, r->n_words, sizeof *r->word))
            code = adah_fail_memory(status, n_name + 1);
        else
            r->word[r->n_words++] = (word){label, copy};
    }
    code = adah_text_lines_finish(&lines, code, status);
    if (r->n_words)
        qsort(r->word, r->n_words, sizeof *r->word, compare_words);
    return code;
}

static adah_code read_regions(reading *r, const char *folder, adah_status *status) {
    char name[NAME_BYTES + 64];
    snprintf(name, sizeof name, REGIONS "/%.*s/labels.txt", NAME_BYTES, folder);
    adah_text_lines lines;
    ADAH_TRY(adah_text_lines_open(r->root, name, &lines, status));
    adah_code code = ADAH_OK;
    r->n_regions = 0;
    while (code == ADAH_OK && adah_text_lines_next(&lines)) {
        size_t offset = 0, n_bytes, n = 0, number[3];
        const char *text;
        while (n < 3 && adah_text_lines_word(&lines, &offset, &text, &n_bytes) &&
               adah_text_number(text, n_bytes, NUMBER_MAX, &number[n]))
            n++;
        if (lines.n_bytes == 0)
            continue;
        if (n < 3 || offset != lines.n_bytes)
            code = adah_text_lines_unexpected(&lines, "the numbers of picture, region and label", status);
        else if (!adah_memory_grow((void **)&r->region, &r->region_capacity, r->n_regions, sizeof *r->region))
            code = adah_fail_memory(status, 2 * r->region_capacity * sizeof *r->region);
        else
            r->region[r->n_regions++] = (region){number[0], number[2]};
    }
    code = adah_text_lines_finish(&lines, code, status);
    if (r->n_regions)
        qsort(r->region, r->n_regions, sizeof *r->region, compare_regions);
    return code;
}

static adah_code name_label(reading *r, size_t number, uint32_t *label, adah_status *status) {
    const word wanted = {number, NULL};
    const word *found = r->n_words ? bsearch(&wanted, r->word, r->n_words, sizeof wanted, compare_words) : NULL;
    char name[NAME_BYTES];
    snprintf(name, sizeof name, "class-%zu", number);
    const char *chosen = found ? found->name : name;
    return adah_published_set_name_label(r->set, chosen, strlen(chosen), label, status);
}

/* The labels of a picture, each once; more than LABELS_MAX are an error. */
static adah_code find_labels(reading *r, size_t picture, uint32_t *label, size_t *n_labels, adah_status *status) {
    *n_labels = 0;
    for (size_t i = 0; i < r->n_regions; i++) {
        if (r->region[i].picture != picture ||
            (i && r->region[i - 1].picture == picture && r->region[i - 1].label == r->region[i].label))
            continue;
        if (*n_labels == LABELS_MAX)
            return adah_fail(status, ADAH_ERROR_FORMAT, "%s/" REGIONS ": more than %d labels of picture %zu", r->root,
                             LABELS_MAX, picture);
        ADAH_TRY(name_label(r, r->region[i].label, &label[(*n_labels)++], status));
    }
    return ADAH_OK;
}

static int is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* The description inside the annotation, blanks around it cut off and line breaks made blanks; NULL: none there. */
static char *find_description(char *text, size_t *n_bytes) {
    static const char begin[] = "<DESCRIPTION>", end[] = "</DESCRIPTION>";
    char *start = strstr(text, begin), *stop = start ? strstr(start, end) : NULL;
    if (!stop)
        return NULL;
    start += sizeof begin - 1;
    while (start < stop && is_blank(*start))
        start++;
    while (stop > start && is_blank(stop[-1]))
        stop--;
    for (char *p = start; p < stop; p++)
        if (is_blank(*p))
            *p = ' ';
    *n_bytes = (size_t)(stop - start);
    return start;
}

static adah_code add_picture(reading *r, const char *folder, const char *name, size_t picture, adah_status *status) {
    uint32_t label[LABELS_MAX];
    size_t n_labels, n_file, n_text = 0;
    ADAH_TRY(find_labels(r, picture, label, &n_labels, status));
    char inside[3 * NAME_BYTES];
    snprintf(inside, sizeof inside, ANNOTATIONS "/%.*s/%.*s", NAME_BYTES, folder, NAME_BYTES, name);
    char *path = adah_file_join(r->root, inside);
    if (!path)
        return adah_fail_memory(status, strlen(r->root) + sizeof inside);
    uint8_t *bytes = NULL;
    adah_code code = adah_file_read(path, ANNOTATION_BYTES_MAX, &bytes, &n_file, status);
    const char *text = code == ADAH_OK ? find_description((char *)bytes, &n_text) : NULL;
    if (code == ADAH_OK && !text)
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: no <DESCRIPTION>...</DESCRIPTION> in it", path);
    if (code == ADAH_OK && (n_labels == 0 || n_text == 0)) {
        r->set->n_left_out++;
    } else if (code == ADAH_OK) {
        snprintf(inside, sizeof inside, "images/%.*s/%zu.jpg", NAME_BYTES, folder, picture);
        code = adah_published_set_add(r->set, inside, text, n_text, status);
        if (code == ADAH_OK)
            code = adah_published_set_label(r->set, label, n_labels, status);
    }
    adah_memory_free(bytes);
    adah_memory_free(path);
    return code;
}

/* "25.eng" to 25; 0: another kind of file. */
static int is_annotation(const char *name, size_t *picture) {
    const size_t n = strlen(name);
    return n > 4 && n < NAME_BYTES && strcmp(name + n - 4, ".eng") == 0 &&
           adah_text_number(name, n - 4, NUMBER_MAX, picture);
}

static adah_code read_folder(reading *r, const char *folder, adah_status *status) {
    char inside[2 * NAME_BYTES];
    snprintf(inside, sizeof inside, ANNOTATIONS "/%.*s", NAME_BYTES, folder);
    ADAH_TRY(read_regions(r, folder, status));
    adah_folder_list list;
    ADAH_TRY(adah_folder_list_open(r->root, inside, &list, status));
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < list.n && code == ADAH_OK; i++) {
        size_t picture;
        if (is_annotation(adah_folder_list_name(&list, i), &picture))
            code = add_picture(r, folder, adah_folder_list_name(&list, i), picture, status);
    }
    adah_folder_list_close(&list);
    return code;
}

static adah_code read_all(reading *r, adah_status *status) {
    static const char *const pictures[] = {"images", NULL};
    ADAH_TRY(read_words(r, status));
    adah_folder_list list;
    ADAH_TRY(adah_folder_list_open(r->root, ANNOTATIONS, &list, status));
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < list.n && code == ADAH_OK; i++) {
        const char *folder = adah_folder_list_name(&list, i);
        size_t number;
        code = adah_published_report(r->source->progress, "reading descriptions", i, list.n, status);
        if (code == ADAH_OK && strlen(folder) < NAME_BYTES &&
            adah_text_number(folder, strlen(folder), NUMBER_MAX, &number))
            code = read_folder(r, folder, status);
    }
    adah_folder_list_close(&list);
    return code == ADAH_OK ? adah_published_set_find_pictures(r->set, r->source, r->root, pictures, status) : code;
}

static adah_code read_iapr(const adah_published_source *source, adah_published_set *set, adah_status *status) {
    reading r = {.source = source, .root = source->path[0], .set = set};
    const adah_code code = read_all(&r, status);
    adah_memory_free(r.word);
    adah_memory_free(r.region);
    return code;
}

const adah_published_format adah_published_iapr = {
    .name = "iapr",
    .source = "IAPR TC-12: the folder with images, annotations_complete_eng and saiapr_tc-12",
    .n_sources_max = 1,
    .read = read_iapr,
};
