/* pair_set.h - pairs of images and texts as the model takes them in, and batches cut from them. */
#ifndef ADAH_MODEL_PAIR_SET_H
#define ADAH_MODEL_PAIR_SET_H

#include "model/network.h"

/* n pairs. Everything is borrowed and only read. */
typedef struct adah_pair_set {
    size_t n;
    adah_image_input image;      /* what the images are given as */
    adah_shape image_item;       /* shape of one, as in adah_network_plan */
    const float *image_float;    /* MAP, VECTOR: n items */
    const uint8_t *image_rgb;    /* PIXELS: n * S * S * 3 bytes; normalised in the style of the configuration */
    const uint8_t *has_image;    /* n, 1 where there is an image; NULL: all have one */
    const uint32_t *word;        /* words of text i: word[word_start[i] .. word_start[i + 1] - 1], ascending */
    const size_t *word_start;    /* n + 1 */
    size_t n_words;              /* V */
    const uint32_t *label;       /* labels the similarity is made of, as above */
    const size_t *label_start;
    size_t n_labels;
} adah_pair_set;

/* Writes the images of the n items into x: (n_batch, item); rows beyond n are zeroed. Parallel. */
void adah_pair_set_images(const adah_pair_set *set, const adah_config *config, const size_t *items, size_t n,
                          size_t n_batch, float *x);
/* Their bags of words: each row has length 1, all present words weigh the same; x: (n_batch, V). */
void adah_pair_set_texts(const adah_pair_set *set, const size_t *items, size_t n, size_t n_batch, float *x);
/* One bag from word numbers. x: (V). */
void adah_text_bag(const uint32_t *words, size_t n, size_t n_words, float *x);
/* S of the batch: (n, n), 1 where two share a label, and on the diagonal. */
void adah_pair_set_similar(const adah_pair_set *set, const size_t *items, size_t n, uint8_t *similar);
/* The same of the items train[row[i]], i < n, to all of train: (n, n_train). Parallel. */
void adah_pair_set_similar_to_all(const adah_pair_set *set, const size_t *train, size_t n_train, const size_t *row, size_t n,
                                  uint8_t *similar);
/* Label distributions for the classifier: (n, n_labels), uniform over the labels of each. */
void adah_pair_set_targets(const adah_pair_set *set, const size_t *items, size_t n, float *target);

/* Relaxed codes H of items by a model, in batches. Either output may be NULL. (n, q) row-major. */
adah_code adah_pair_set_encode(const adah_pair_set *set, const adah_config *config, adah_parameters *parameters,
                               const size_t *items, size_t n, float *image_codes, float *text_codes,
                               adah_progress progress, adah_status *status);

#endif
