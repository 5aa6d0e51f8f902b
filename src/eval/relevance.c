/* relevance.c - shared labels by counting along inverted lists, or by a bitmap for each label. */
#include "eval/relevance.h"
#include "base/memory.h"
#include "codes/levels.h"

#include <stdlib.h>
#include <string.h>

adah_code adah_labels_check(size_t n, const uint32_t *label, const size_t *label_start, const char *name,
                            adah_status *status) {
    if (n > UINT32_MAX)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "measures: %zu %s, expected at most %u", n, name, UINT32_MAX);
    for (size_t i = 0; i < n; i++) {
        size_t start = label_start[i], end = label_start[i + 1];
        if (end < start || end - start > UINT16_MAX || (end > start && !label))
            return adah_fail(
                status, ADAH_ERROR_ARGUMENT,
                "measures: labels %zu .. %zu of item %zu of the %s, expected at most %u in ascending order", start,
                end, i, name, UINT16_MAX);
        for (size_t j = start + 1; j < end; j++)
            if (label[j] <= label[j - 1])
                return adah_fail(status, ADAH_ERROR_ARGUMENT,
                                 "measures: label %u after %u at item %zu of the %s, expected ascending labels",
                                 label[j], label[j - 1], i, name);
    }
    return ADAH_OK;
}

adah_code adah_leave_out_check(const size_t *leave_out, size_t n_queries, size_t n, adah_status *status) {
    for (size_t i = 0; leave_out && i < n_queries; i++)
        if (leave_out[i] != SIZE_MAX && leave_out[i] >= n)
            return adah_fail(status, ADAH_ERROR_ARGUMENT,
                             "measures: query %zu leaves out item %zu of a database of %zu", i, leave_out[i], n);
    return ADAH_OK;
}

static int by_value(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* The number of a label; n_labels when no item has it. */
static size_t find_label(const adah_label_lists *lists, uint32_t label) {
    const uint32_t *found = bsearch(&label, lists->label, lists->n_labels, sizeof label, by_value);
    return found ? (size_t)(found - lists->label) : lists->n_labels;
}

/* Counts or files the items of each label. number: of labels from `least` on, where these lie close together; NULL: to be looked up. */
static size_t number_of(const adah_label_lists *lists, const uint32_t *number, uint32_t least, uint32_t label) {
    return number ? number[label - least] : find_label(lists, label);
}

static void fill_lists(adah_label_lists *lists, const uint32_t *label, const size_t *label_start, const uint32_t *number, uint32_t least) {
    const size_t first = label_start[0], end = label_start[lists->n_items];
    /* start[l + 2] counts label l, then start[l + 1] is where its next item goes, in the end where it ends. */
    for (size_t j = first; j < end; j++)
        lists->start[number_of(lists, number, least, label[j]) + 2]++;
    for (size_t l = 2; l < lists->n_labels + 2; l++)
        lists->start[l] += lists->start[l - 1];
    for (size_t i = 0; i < lists->n_items; i++)
        for (size_t j = label_start[i]; j < label_start[i + 1]; j++)
            lists->item[lists->start[number_of(lists, number, least, label[j]) + 1]++] = (uint32_t)i;
}

/* The labels there are, by sorting them. */
static void list_labels(adah_label_lists *lists, const uint32_t *label, size_t n) {
    memcpy(lists->label, label, n * sizeof *lists->label);
    qsort(lists->label, n, sizeof *lists->label, by_value);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || lists->label[i] != lists->label[i - 1])
            lists->label[lists->n_labels++] = lists->label[i];
}

/* The same where there are not many more numbers than labels: by marking those that occur, which then become the labels' numbers. */
static void number_labels(adah_label_lists *lists, const uint32_t *label, size_t n, uint32_t *number, uint32_t least, size_t n_numbers) {
    for (size_t j = 0; j < n; j++)
        number[label[j] - least] = 1;
    for (size_t v = 0; v < n_numbers; v++)
        if (number[v]) {
            number[v] = (uint32_t)lists->n_labels;
            lists->label[lists->n_labels++] = least + (uint32_t)v;
        }
}

adah_code adah_label_lists_build(size_t n_items, const uint32_t *label, const size_t *label_start,
                                 adah_label_lists *lists, adah_status *status) {
    size_t first = n_items ? label_start[0] : 0, n = n_items ? label_start[n_items] - first : 0;
    lists->n_items = n_items;
    lists->label = adah_memory_resize(NULL, n, sizeof *lists->label);
    lists->item = adah_memory_resize(NULL, n, sizeof *lists->item);
    lists->start = adah_memory_zeroed(n + 2, sizeof *lists->start);
    if (!lists->label || !lists->item || !lists->start)
        return adah_fail_memory(status, n * (sizeof *lists->label + sizeof *lists->item + sizeof *lists->start));
    if (n == 0)
        return ADAH_OK;
    uint32_t least = UINT32_MAX, most = 0;
    for (size_t j = first; j < first + n; j++) {
        least = label[j] < least ? label[j] : least;
        most = label[j] > most ? label[j] : most;
    }
    const size_t n_numbers = (size_t)(most - least) + 1;
    uint32_t *number = NULL;
    if (n_numbers <= 2 * n) {
        number = adah_memory_zeroed(n_numbers, sizeof *number);
        if (!number)
            return adah_fail_memory(status, n_numbers * sizeof *number);
        number_labels(lists, label + first, n, number, least, n_numbers);
    } else
        list_labels(lists, label + first, n);
    fill_lists(lists, label, label_start, number, least);
    adah_memory_free(number);
    return ADAH_OK;
}

void adah_label_lists_free(adah_label_lists *lists) {
    adah_memory_free(lists->label);
    adah_memory_free(lists->item);
    adah_memory_free(lists->start);
    *lists = (adah_label_lists){0};
}

size_t adah_label_lists_items(const adah_label_lists *lists, uint32_t label) {
    const size_t l = find_label(lists, label);
    return l == lists->n_labels ? 0 : lists->start[l + 1] - lists->start[l];
}

size_t adah_label_lists_share(const adah_label_lists *lists, const uint32_t *label, size_t n, size_t leave_out,
                              uint16_t *shared) {
    memset(shared, 0, lists->n_items * sizeof *shared);
    for (size_t i = 0; i < n; i++) {
        size_t l = find_label(lists, label[i]);
        if (l == lists->n_labels)
            continue;
        for (size_t e = lists->start[l]; e < lists->start[l + 1]; e++)
            shared[lists->item[e]]++;
    }
    if (leave_out != SIZE_MAX)
        shared[leave_out] = 0;
    uint16_t most = 0;
    for (size_t i = 0; i < lists->n_items; i++)
        most = shared[i] > most ? shared[i] : most;
    return most;
}

static void set_bits(const adah_label_lists *lists, size_t label, size_t length, uint64_t *bitmap) {
    size_t part = 0, end = length; /* where the part ends that the items have come to */
    for (size_t e = lists->start[label]; e < lists->start[label + 1]; e++) {
        const size_t item = lists->item[e];
        for (; item >= end; end += length)
            part++;
        const size_t i = item - (end - length);
        bitmap[i / ADAH_PART_WORD * ADAH_PARTS + part] |= (uint64_t)1 << i % ADAH_PART_WORD;
    }
}

adah_code adah_label_bitmaps_build(const adah_label_lists *lists, adah_label_bitmaps *bitmaps, adah_status *status) {
    const size_t length = adah_part_length(lists->n_items), n_words = length / ADAH_PART_WORD * ADAH_PARTS;
    *bitmaps = (adah_label_bitmaps){.length = length, .n_words = n_words};
    bitmaps->start = adah_memory_resize(NULL, lists->n_labels, sizeof *bitmaps->start);
    if (!bitmaps->start)
        return adah_fail_memory(status, lists->n_labels * sizeof *bitmaps->start);
    size_t n = 0;
    for (size_t l = 0; l < lists->n_labels; l++) {
        const size_t n_items = lists->start[l + 1] - lists->start[l];
        bitmaps->start[l] = n_items * sizeof *lists->item >= n_words * sizeof *bitmaps->words ? n++ * n_words : SIZE_MAX;
    }
    bitmaps->words = adah_memory_zeroed(n, n_words * sizeof *bitmaps->words);
    if (!bitmaps->words)
        return adah_fail_memory(status, n * n_words * sizeof *bitmaps->words);
    for (size_t l = 0; l < lists->n_labels; l++)
        if (bitmaps->start[l] != SIZE_MAX)
            set_bits(lists, l, length, bitmaps->words + bitmaps->start[l]);
    return ADAH_OK;
}

void adah_label_bitmaps_free(adah_label_bitmaps *bitmaps) {
    adah_memory_free(bitmaps->words);
    adah_memory_free(bitmaps->start);
    *bitmaps = (adah_label_bitmaps){0};
}

size_t adah_label_bitmaps_find(const adah_label_bitmaps *bitmaps, const adah_label_lists *lists, const uint32_t *label, size_t n,
                               uint64_t *made, const uint64_t **bitmap) {
    size_t n_found = 0;
    for (size_t i = 0; i < n; i++) {
        const size_t l = find_label(lists, label[i]);
        if (l == lists->n_labels)
            continue;
        if (bitmaps->start[l] == SIZE_MAX) {
            memset(made, 0, bitmaps->n_words * sizeof *made);
            set_bits(lists, l, bitmaps->length, made);
            bitmap[n_found++] = made;
            made += bitmaps->n_words;
        } else
            bitmap[n_found++] = bitmaps->words + bitmaps->start[l];
    }
    return n_found;
}
