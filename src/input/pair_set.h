/* pair_set.h - pairs of images and texts that a model learns from, and the labels that make two of them similar. */
#ifndef ADAH_INPUT_PAIR_SET_H
#define ADAH_INPUT_PAIR_SET_H

#include "input/model_inputs.h"

typedef struct adah_pair_set {
    size_t n;
    adah_input_source image, text; /* borrowed, but the words, which are the set's; both hold every item */
    adah_lists labels;             /* ascending; a list a pair */
    size_t n_labels;
} adah_pair_set;

/* All records of a data set, from inputs that hold their images; texts that are words are looked up. similarity as in
 * similarity_labels.h. */
adah_code adah_pair_set_create(const adah_dataset *dataset, const adah_model_inputs *inputs, adah_similarity similarity,
                               adah_pair_set *set, adah_status *status);
void adah_pair_set_free(adah_pair_set *set); /* zeroes it; fine on a zeroed one */

/* After values were read: ADAH_ERROR_IO when a file that they lie in has been cut off, so that some may have been zeros. */
adah_code adah_pair_set_check(const adah_pair_set *set, adah_status *status);
/* S of items to others, (n, n_others): 1 where two share a label and of an item with itself, else 0. */
void adah_pair_set_similarity(const adah_pair_set *set, const size_t *items, size_t n, const size_t *others, size_t n_others,
                              float *similarity);
/* Label distributions for the classifier: (n, n_labels), uniform over the labels of each. */
void adah_pair_set_targets(const adah_pair_set *set, const size_t *items, size_t n, float *target);

/* Relaxed codes H of items by a model, in batches. Either output may be NULL. (n, q) row-major. */
adah_code adah_pair_set_encode(const adah_pair_set *set, const adah_settings *config, adah_parameters *parameters,
                               const size_t *items, size_t n, float *image_codes, float *text_codes,
                               adah_progress progress, adah_status *status);

#endif
