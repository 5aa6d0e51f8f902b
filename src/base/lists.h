/* lists.h - n lists of numbers in one array: those of list i are item[start[i]] up to item[start[i + 1] - 1]. */
#ifndef ADAH_BASE_LISTS_H
#define ADAH_BASE_LISTS_H

#include "base/status.h"

typedef struct adah_lists {
    uint32_t *item;
    size_t *start; /* n + 1 */
    size_t n, capacity; /* lists that are finished; items that there is room for */
} adah_lists;

static inline const uint32_t *adah_list(const adah_lists *lists, size_t i) { return lists->item + lists->start[i]; }
static inline size_t adah_list_length(const adah_lists *lists, size_t i) { return lists->start[i + 1] - lists->start[i]; }

/* No list yet, room for the starts of n_max. */
adah_code adah_lists_create(adah_lists *lists, size_t n_max, adah_status *status);
/* Adds one list, copied; no more than n_max. */
adah_code adah_lists_add(adah_lists *lists, const uint32_t *items, size_t n, adah_status *status);
/* The lists `which` of `from`, in that order. */
adah_code adah_lists_select(const adah_lists *from, const size_t *which, size_t n, adah_lists *lists, adah_status *status);
void adah_lists_free(adah_lists *lists); /* zeroes it; fine on a zeroed one */

#endif
