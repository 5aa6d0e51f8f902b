/* similarity_labels.h - the labels that make two items similar: they share one.
 *
 * "labels": those of the data set. "words": informative words of the texts serve as labels. "pairs": every pair is its own label. */
#ifndef ADAH_INPUT_SIMILARITY_LABELS_H
#define ADAH_INPUT_SIMILARITY_LABELS_H

#include "base/lists.h"
#include "data/vocabulary.h"
#include "settings/settings.h"

/* A word is informative when at least this many texts and at most this share of them hold it. */
enum { ADAH_INFORMATIVE_TEXTS_MIN = 5 };
#define ADAH_INFORMATIVE_SHARE_MAX 0.1

/* A list a record; adah_lists_free. vocabulary: for "words" alone. */
adah_code adah_similarity_labels(const adah_dataset *dataset, adah_similarity similarity, const adah_vocabulary *vocabulary,
                                 adah_lists *labels, size_t *n_labels, adah_status *status);

#endif
