/* pair_set.h - pairs of images and texts as the model takes them in, and batches cut from them. */
#ifndef ADAH_INPUT_PAIR_SET_H
#define ADAH_INPUT_PAIR_SET_H

#include "base/file.h"
#include "paper/network.h"

/* Items given as floats, one after another. */
typedef struct adah_float_rows {
    const float *value;
    const size_t *row; /* the item of pair i is the row[i]-th; NULL: the i-th */
    float scale;       /* every value is multiplied by this; 0 stands for 1 */
} adah_float_rows;

/* n pairs. Everything is borrowed and only read. */
typedef struct adah_pair_set {
    size_t n;
    adah_input_shape image, text; /* what they are given as */
    adah_float_rows image_float, text_float; /* MAP, TOKENS, VECTOR */
    const uint8_t *image_rgb;    /* PIXELS: n * S * S * 3 bytes; normalised in the style of the configuration */
    adah_file_map image_file, text_file; /* where the values above lie, to be asked after they were read; zeroed: in memory */
    const uint8_t *has_image;    /* n, 1 where there is an image; NULL: all have one */
    const uint32_t *word;        /* WORDS: those of text i: word[word_start[i] .. word_start[i + 1] - 1], ascending */
    const size_t *word_start;    /* n + 1 */
    /* Where some item has several texts: those of item i are text_first[i] .. text_first[i + 1] - 1, text t has the words
     * text_word[text_start[t] .. text_start[t + 1] - 1]; `word` are those of all its texts together. Else NULL. */
    const uint32_t *text_word;
    const size_t *text_start, *text_first;
    const uint32_t *label;       /* labels the similarity is made of, as above */
    const size_t *label_start;
    size_t n_labels;
} adah_pair_set;

static inline int adah_pair_set_has_image(const adah_pair_set *set, size_t i) {
    return !set->has_image || set->has_image[i];
}
/* After values were read: ADAH_ERROR_IO when a file that they lie in has been cut off, so that some may have been zeros. */
adah_code adah_pair_set_check(const adah_pair_set *set, adah_status *status);
/* Writes the images of the n items into x, shaped as the network's input; rows beyond n are zeroed. Parallel. */
void adah_pair_set_images(const adah_pair_set *set, const adah_settings *config, const size_t *items, size_t n,
                          size_t n_batch, float *x);
/* The same for the texts. Bags of words: each row has length 1, all present words weigh the same; x: (n_batch, V). */
void adah_pair_set_texts(const adah_pair_set *set, const size_t *items, size_t n, size_t n_batch, float *x);
/* The same, but of an item with several texts one is drawn, from the seed, the stream and the item alone. */
void adah_pair_set_draw_texts(const adah_pair_set *set, const size_t *items, size_t n, size_t n_batch, uint64_t seed, uint64_t stream, float *x);
/* One item as the network takes it in: tokens (P, C) are turned to (C, P). */
void adah_float_item(const adah_float_rows *rows, adah_input_shape input, size_t i, float *x);
/* One bag from word numbers. x: (V). */
void adah_text_bag(const uint32_t *words, size_t n, size_t n_words, float *x);
/* S of items to others, (n, n_others): 1 where two share a label and of an item with itself, else 0. graded: the labels they
 * share over the labels that either has. */
void adah_pair_set_similarity(const adah_pair_set *set, const size_t *items, size_t n, const size_t *others, size_t n_others,
                              int graded, float *similarity);
/* Label distributions for the classifier: (n, n_labels), uniform over the labels of each. */
void adah_pair_set_targets(const adah_pair_set *set, const size_t *items, size_t n, float *target);

/* Relaxed codes H of items by a model, in batches. Either output may be NULL. (n, q) row-major. */
adah_code adah_pair_set_encode(const adah_pair_set *set, const adah_settings *config, adah_parameters *parameters,
                               const size_t *items, size_t n, float *image_codes, float *text_codes,
                               adah_progress progress, adah_status *status);

#endif
