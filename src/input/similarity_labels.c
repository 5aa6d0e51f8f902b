/* similarity_labels.c - labels of a data set, words as labels, pairs as labels. */
#include "input/similarity_labels.h"
#include "base/memory.h"
#include "input/word_lists.h"

static adah_code informative_words(const adah_dataset *dataset, const adah_vocabulary *vocabulary, adah_lists *labels,
                                   adah_status *status) {
    const size_t n = adah_vocabulary_size(vocabulary);
    const double most = ADAH_INFORMATIVE_SHARE_MAX * (double)adah_vocabulary_texts(vocabulary);
    uint8_t *keep = adah_memory_zeroed(n, 1);
    if (!keep)
        return adah_fail_memory(status, n);
    for (size_t i = 0; i < n; i++) {
        const uint32_t texts = adah_vocabulary_documents(vocabulary, i);
        keep[i] = texts >= ADAH_INFORMATIVE_TEXTS_MIN && texts <= most && !adah_vocabulary_is_pair(vocabulary, i);
    }
    const adah_code code = adah_words_look_up(dataset, vocabulary, keep, labels, status);
    adah_memory_free(keep);
    return code;
}

static adah_code own_labels(const adah_dataset *dataset, int pairs, adah_lists *labels, adah_status *status) {
    const size_t n = adah_dataset_count(dataset);
    ADAH_TRY(adah_lists_create(labels, n, status));
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < n && code == ADAH_OK; i++) {
        const adah_record *r = adah_dataset_record(dataset, i);
        const uint32_t pair = (uint32_t)i;
        code = pairs ? adah_lists_add(labels, &pair, 1, status) : adah_lists_add(labels, r->label, r->n_labels, status);
    }
    if (code != ADAH_OK)
        adah_lists_free(labels);
    return code;
}

adah_code adah_similarity_labels(const adah_dataset *dataset, adah_similarity similarity, const adah_vocabulary *vocabulary,
                                 adah_lists *labels, size_t *n_labels, adah_status *status) {
    if (similarity == ADAH_SIMILARITY_WORDS) {
        *n_labels = adah_vocabulary_size(vocabulary);
        return informative_words(dataset, vocabulary, labels, status);
    }
    const int pairs = similarity == ADAH_SIMILARITY_PAIRS;
    *n_labels = pairs ? adah_dataset_count(dataset) : adah_dataset_label_count(dataset);
    return own_labels(dataset, pairs, labels, status);
}
