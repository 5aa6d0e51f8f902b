/* lists.c - items are appended; the array grows by itself. */
#include "base/lists.h"
#include "base/memory.h"

#include <string.h>

adah_code adah_lists_create(adah_lists *l, size_t n_max, adah_status *status) {
    *l = (adah_lists){.start = adah_memory_zeroed(n_max + 1, sizeof *l->start)};
    if (l->start && adah_memory_grow((void **)&l->item, &l->capacity, 0, sizeof *l->item)) /* never NULL, so that any list has a place */
        return ADAH_OK;
    adah_lists_free(l);
    return adah_fail_memory(status, (n_max + 1) * sizeof *l->start);
}

adah_code adah_lists_add(adah_lists *l, const uint32_t *items, size_t n, adah_status *status) {
    const size_t n_items = l->start[l->n];
    while (n_items + n > l->capacity)
        if (!adah_memory_grow((void **)&l->item, &l->capacity, l->capacity, sizeof *l->item))
            return adah_fail_memory(status, l->capacity * 2 * sizeof *l->item);
    if (n)
        memcpy(l->item + n_items, items, n * sizeof *items);
    l->start[++l->n] = n_items + n;
    return ADAH_OK;
}

adah_code adah_lists_select(const adah_lists *from, const size_t *which, size_t n, adah_lists *lists, adah_status *status) {
    ADAH_TRY(adah_lists_create(lists, n, status));
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < n && code == ADAH_OK; i++)
        code = adah_lists_add(lists, adah_list(from, which[i]), adah_list_length(from, which[i]), status);
    if (code != ADAH_OK)
        adah_lists_free(lists);
    return code;
}

void adah_lists_free(adah_lists *l) {
    adah_memory_free(l->item);
    adah_memory_free(l->start);
    *l = (adah_lists){0};
}
