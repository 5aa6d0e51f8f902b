/* word_search.h - which records of a state hold the words of a query. */
#ifndef ADAH_INDEX_WORD_SEARCH_H
#define ADAH_INDEX_WORD_SEARCH_H

#include "index/index_state.h"

/* The rest of a query's words are passed over. */
enum { ADAH_QUERY_WORDS_MAX = 63 };

typedef struct adah_word_hit {
    uint64_t row;
    float share; /* of what the words of the query tell: 1: it holds all of them */
} adah_word_hit;

typedef struct adah_word_hits {
    adah_word_hit *hit; /* in order of row */
    size_t n, capacity;
    size_t n_known; /* words of the query that some record holds; others do not count */
} adah_word_hits;

/* The records, not deleted, that hold a word of the query, or have all of it as the name of their file or a label, which counts as all
 * words. The rarest word of the query finds records; another does as long as no more than a fifth of all records hold it, or all words
 * of the query are so common, and it and those that are rarer stand in at most 20,000 records, summed up. Records that hold only the rest, but
 * not all words, are left out.
 * ADAH_ERROR_ARGUMENT: the query is no UTF-8; ADAH_ERROR_CORRUPT: damaged. hits: adah_memory_free(hits->hit). */
adah_code adah_word_search(const adah_index *index, const char *query, adah_word_hits *hits, adah_status *status);

#endif
