/* code_search.h - search in one state of a collection, of one query with its words or of many without. */
#ifndef ADAH_INDEX_CODE_SEARCH_H
#define ADAH_INDEX_CODE_SEARCH_H

#include "index/word_search.h"

/* As adah_index_search, with whole options, of which the words are not looked at. held: NULL, or the records that hold words of the one
 * query there is; codes may be NULL then. */
adah_code adah_code_search(const adah_index *index, adah_modality to, const uint8_t *codes, size_t n_queries,
                           const adah_search_options *options, const adah_word_hits *held, adah_search_result *results, adah_status *status);

#endif
