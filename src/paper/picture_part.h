/* picture_part.h - P, what tells one picture from another of its class. The paper has no such part: its codes know classes.
 *
 *     v     = u / |u|,  u = W2 relu(W1 x + b1) + b2     the vector for the fine order, n_fine long
 *     H^P   = tanh(W3 v + b3)                           the last picture_share of the bits of a code
 *
 * x is the mean of an image's map, a vector as it is, or the words of a text as (w . x) / |w . x|, w being the logarithm of how
 * rare a word is, and 0 for a pair of words. A code begins with H of the class part.
 * An image's vector for the fine order ends with its appearance, which only another image has, too:
 *
 *     a     = 2 W4 (x - m) / |W4 (x - m)|               x is the mean of a map, or a vector as it is
 *
 * m and the principal components W4, each divided by the fourth root of its eigenvalue, are constants (learn/appearance.h). Altered
 * copies of a picture have an alike x, while v has learned what captions say of it. The 2 is what brought altered copies to the front
 * at hardly any cost for their labels (docs/measured/pictures.md).
 *
 * What is learned: the contrast of each pair with the others of its batch (learn/term_picture.c). */
#ifndef ADAH_PAPER_PICTURE_PART_H
#define ADAH_PAPER_PICTURE_PART_H

#include "paper/network.h"

#define ADAH_WORD_WEIGHT_SUFFIX "picture.word_weight"

/* The constant w, to be filled in once a model's words are known; NULL: no picture part reads words. */
float *adah_picture_part_word_weight(adah_parameters *parameters);

/* W4 (n_appearance, C) and its bias, -W4 m, of a network that has them. */
typedef struct adah_appearance {
    adah_parameter *weight, *bias;
} adah_appearance;
adah_appearance adah_picture_part_appearance(adah_parameters *parameters);

/* Sets side->fine (B, n_fine) and side->picture_code (B, picture bits); neither where n_fine is 0. Of an image, and not in training,
 * side->average, x (B, C), and side->appearance (B, n_appearance), where that is not 0. n_hidden: rows of W1. */
void adah_picture_part_build(adah_builder *b, const char *prefix, adah_node *x, int n_hidden, adah_side *side);

/* The vector for the fine order of item i of the batch, after a forward pass: v and behind it the appearance. Returns how many values
 * these are, at most ADAH_FINE_MAX. */
size_t adah_picture_part_vector(const adah_side *side, size_t i, float *vector);

#endif
