/* relevance.h - how many labels a query shares with every item of a database. Relevant: at least one. */
#ifndef ADAH_EVAL_RELEVANCE_H
#define ADAH_EVAL_RELEVANCE_H

#include "base/status.h"

/* Which items carry a label. Labels are numbered in ascending order of their value. Zero-initialise. */
typedef struct adah_label_lists {
    size_t n_items;
    uint32_t *label; /* n_labels, ascending */
    size_t n_labels;
    size_t *start;  /* n_labels + 1 */
    uint32_t *item; /* ascending within a label */
} adah_label_lists;

/* Whether labels are as adah_coded_set wants them: ascending without repeats, at most 65,535 an item. `name`: of
 * the items, for the message. */
adah_code adah_labels_check(size_t n, const uint32_t *label, const size_t *label_start, const char *name,
                            adah_status *status);
/* Whether leave_out (may be NULL) names items of a database of n for every query. */
adah_code adah_leave_out_check(const size_t *leave_out, size_t n_queries, size_t n, adah_status *status);

/* For labels that were checked. On an error the lists are freed as after success. */
adah_code adah_label_lists_build(size_t n, const uint32_t *label, const size_t *label_start, adah_label_lists *lists,
                                 adah_status *status);
void adah_label_lists_free(adah_label_lists *lists);

/* How many items carry a label. */
size_t adah_label_lists_items(const adah_label_lists *lists, uint32_t label);
/* Fills shared (n_items) for a query with n labels and returns its maximum. The item leave_out shares nothing; SIZE_MAX:
 * none is left out. */
size_t adah_label_lists_share(const adah_label_lists *lists, const uint32_t *label, size_t n, size_t leave_out,
                              uint16_t *shared);

/* Labels as bitmaps over the database (codes/levels.h), of those that many items carry, for which they take less room than the lists.
 * Zero-initialise. */
typedef struct adah_label_bitmaps {
    size_t length, n_words; /* of a part of the database; of a bitmap */
    uint64_t *words;
    size_t *start;          /* in words, by label; SIZE_MAX: it has none */
} adah_label_bitmaps;

/* On an error the bitmaps are freed as after success. */
adah_code adah_label_bitmaps_build(const adah_label_lists *lists, adah_label_bitmaps *bitmaps, adah_status *status);
void adah_label_bitmaps_free(adah_label_bitmaps *bitmaps);

/* The bitmap of each of a query's n labels that any item carries; returns how many. made: n bitmaps of n_words, for those that are made here. */
size_t adah_label_bitmaps_find(const adah_label_bitmaps *bitmaps, const adah_label_lists *lists, const uint32_t *label, size_t n,
                               uint64_t *made, const uint64_t **bitmap);

#endif
