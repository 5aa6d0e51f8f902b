/* index_answer.c - adah_index_search: queries with their words are asked one after another, others together. */
#include "base/memory.h"
#include "base/sized_options.h"
#include "index/code_search.h"

void adah_search_result_free(adah_search_result *result) {
    adah_memory_free(result->hits);
    *result = (adah_search_result){0};
}

static adah_code ask(const adah_index *x, adah_modality to, const uint8_t *codes, size_t query, const adah_search_options *options,
                     adah_search_result *result, adah_status *status) {
    adah_search_options o = *options;
    adah_word_hits held;
    const char *words = o.words[query];
    ADAH_TRY(adah_word_search(x, words, &held, status));
    if (!codes && !held.n_known)
        return adah_fail(status, ADAH_ERROR_NO_KNOWN_WORD, "\"%.200s\": no record of the index holds any of its words", words);
    o.relaxed = o.relaxed ? o.relaxed + query * x->n_bits : NULL;
    o.fine = o.fine ? o.fine + query * o.n_fine : NULL;
    const adah_code code =
        adah_code_search(x, to, codes ? codes + query * x->n_bits / 8 : NULL, 1, &o, held.n ? &held : NULL, result, status);
    adah_memory_free(held.hit);
    return code;
}

adah_code adah_index_search(const adah_index *index, adah_modality to, const uint8_t *codes, size_t n_queries,
                            const adah_search_options *options, adah_search_result *results, adah_status *status) {
    adah_search_options o;
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_SEARCH, options, &o, status));
    if (!codes && n_queries && (!o.words || o.relaxed || o.fine))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "there are no codes: expected words alone");
    if (!o.words)
        return adah_code_search(index, to, codes, n_queries, &o, NULL, results, status);
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < n_queries; i++)
        results[i] = (adah_search_result){0};
    for (size_t i = 0; i < n_queries && code == ADAH_OK; i++)
        code = ask(index, to, codes, i, &o, &results[i], status);
    for (size_t i = 0; i < n_queries && code != ADAH_OK; i++)
        adah_search_result_free(&results[i]);
    return adah_index_checked(index, code, status);
}
