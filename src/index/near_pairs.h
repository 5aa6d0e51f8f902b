/* near_pairs.h - which vectors of many are as near to each other as copies of one picture are. */
#ifndef ADAH_INDEX_NEAR_PAIRS_H
#define ADAH_INDEX_NEAR_PAIRS_H

#include "base/status.h"

typedef struct adah_near_pair {
    uint32_t a, b; /* a < b */
} adah_near_pair;

/* Of n vectors of n_values values, none of them zeros, the pairs that stand out: 1 - cosine is at most `ratio` of 1 - the cosine with the 8th nearest
 * vector that is known, for both of them; and those whose cosine is at least .95, however crowded it is there. pairs: ascending, each once
 * (adah_memory_free). The same for any number of threads. ADAH_ERROR_ARGUMENT: more than 2^32 - 1 vectors. */
adah_code adah_near_pairs_find(const int8_t *vectors, size_t n, size_t n_values, float ratio, adah_progress progress, adah_near_pair **pairs,
                               size_t *n_pairs, adah_status *status);

#endif
