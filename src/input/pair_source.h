/* pair_source.h - a data set as the pairs a model learns from: words by vocabulary, labels by the chosen similarity.
 *
 * Similarity of two pairs always means a shared label. "labels": those of the data set. "words": informative words of the
 * texts serve as labels. "pairs": every pair is its own label. */
#ifndef ADAH_INPUT_PAIR_SOURCE_H
#define ADAH_INPUT_PAIR_SOURCE_H

#include "data/vocabulary.h"
#include "input/feature_array.h"
#include "input/image_store.h"
#include "input/pair_set.h"

typedef struct adah_pair_source {
    adah_pair_set set; /* its lists are owned here, images and feature arrays borrowed */
    uint32_t *word, *label, *text_word;
    size_t *word_start, *label_start, *text_start, *text_first;
} adah_pair_source;

/* A word is informative when at least this many texts and at most this share of them hold it. */
enum { ADAH_INFORMATIVE_TEXTS_MIN = 5 };
#define ADAH_INFORMATIVE_SHARE_MAX 0.1

/* The labels of every record under a similarity, as label[start[i] .. start[i + 1] - 1]; adah_memory_free both. */
adah_code adah_similarity_labels(const adah_dataset *dataset, adah_similarity similarity, const adah_vocabulary *vocabulary,
                                 uint32_t **label, size_t **start, size_t *n_labels, adah_status *status);

/* A side that is among the arrays is taken from there; else images come from the store and texts become words of the
 * vocabulary. Any of the three may be NULL; a side without a source is not in the set. */
adah_code adah_pair_source_create(const adah_dataset *dataset, const adah_feature_arrays *arrays,
                                  const adah_image_store *store, const adah_vocabulary *vocabulary, adah_similarity similarity, adah_pair_source *source,
                                  adah_status *status);
void adah_pair_source_free(adah_pair_source *source);

#endif
