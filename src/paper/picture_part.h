/* picture_part.h - P, what tells one picture from another of its class. The paper has no such part: its codes know classes.
 *
 *     v     = u / |u|,  u = W2 relu(W1 x + b1) + b2     the vector for the fine order, n_fine long
 *     H^P   = tanh(W3 v + b3)                           the last picture_share of the bits of a code
 *
 * x is the mean of an image's map, a vector as it is, or the words of a text as (w . x) / |w . x|, w being the logarithm of how
 * rare a word is, and 0 for a pair of words. A code begins with H of the class part.
 * What is learned: the contrast of each pair with the others of its batch (learn/term_picture.c). */
#ifndef ADAH_PAPER_PICTURE_PART_H
#define ADAH_PAPER_PICTURE_PART_H

#include "paper/network.h"

#define ADAH_WORD_WEIGHT_SUFFIX "picture.word_weight"

/* The constant w, to be filled in once a model's words are known; NULL: no picture part reads words. */
float *adah_picture_part_word_weight(adah_parameters *parameters);

/* Sets side->fine (B, n_fine) and side->picture_code (B, picture bits); neither where n_fine is 0. n_hidden: rows of W1. */
void adah_picture_part_build(adah_builder *b, const char *prefix, adah_node *x, int n_hidden, adah_side *side);

#endif
