/* near_pairs.h - which vectors of many are as near to each other as copies of one picture are. */
#ifndef ADAH_INDEX_NEAR_PAIRS_H
#define ADAH_INDEX_NEAR_PAIRS_H

#include "base/status.h"

#include <stdatomic.h>

typedef struct adah_near_pair {
    uint32_t a, b; /* a < b */
} adah_near_pair;

/* Groups of pairs that are near however crowded it is there, which are joined at once: of many blank pages there are too many to be kept. */
typedef struct adah_near_groups {
    _Atomic uint32_t *parent; /* n, by the caller, each its own number to begin with; then see adah_near_groups_first */
    int (*joins)(const void *context, uint32_t a, uint32_t b); /* 0: this pair is not joined; any thread */
    const void *context;
} adah_near_groups;

/* The lowest of the group of a vector. Any thread. */
uint32_t adah_near_groups_first(const adah_near_groups *groups, uint32_t item);

/* Of n vectors of n_values values, none of them zeros, the pairs that stand out: 1 - cosine is at most `ratio` of 1 - the cosine with the 8th nearest
 * vector that is known, for both of them, and their cosine at least .75; and those whose cosine is at least .95, however crowded it is there, which make groups instead where
 * `groups` is given. pairs: ascending, each once
 * (adah_memory_free). The same for any number of threads. ADAH_ERROR_ARGUMENT: more than 2^32 - 1 vectors. */
adah_code adah_near_pairs_find(const int8_t *vectors, size_t n, size_t n_values, float ratio, const adah_near_groups *groups, adah_progress progress,
                               adah_near_pair **pairs, size_t *n_pairs, adah_status *status);

#endif
