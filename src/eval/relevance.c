/* relevance.c - shared labels by counting along inverted lists. */
#include "eval/relevance.h"
#include "base/memory.h"

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
    memcpy(lists->label, label + first, n * sizeof *lists->label);
    qsort(lists->label, n, sizeof *lists->label, by_value);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || lists->label[i] != lists->label[i - 1])
            lists->label[lists->n_labels++] = lists->label[i];
    /* start[l + 2] counts label l, then start[l + 1] is where its next item goes, in the end where it ends. */
    for (size_t j = first; j < first + n; j++)
        lists->start[find_label(lists, label[j]) + 2]++;
    for (size_t l = 2; l < lists->n_labels + 2; l++)
        lists->start[l] += lists->start[l - 1];
    for (size_t i = 0; i < n_items; i++)
        for (size_t j = label_start[i]; j < label_start[i + 1]; j++)
            lists->item[lists->start[find_label(lists, label[j]) + 1]++] = (uint32_t)i;
    return ADAH_OK;
}

void adah_label_lists_free(adah_label_lists *lists) {
    adah_memory_free(lists->label);
    adah_memory_free(lists->item);
    adah_memory_free(lists->start);
    *lists = (adah_label_lists){0};
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
