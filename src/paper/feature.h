/* feature.h - E, feature learning: f^I = E^I(I), f^T = E^T(T). (Zhang, Lai, Feng 2018, the feature learning module.)
 * Pictures go through a backbone (backbone.h); texts, and vectors in place of pictures, through two layers. */
#ifndef ADAH_PAPER_FEATURE_H
#define ADAH_PAPER_FEATURE_H

#include "backbones/builder.h"

/* f = relu(W2 relu(W1 x + b1) + b2). x: (B, V) -> f: (B, n_feature). prefix: "text" or "image". */
adah_node *adah_feature_vector(adah_builder *b, const char *prefix, adah_node *x, size_t n_hidden, size_t n_feature);

/* f * config->feature_scale. Pre-trained networks give features of any magnitude; G's softmax and D's layers want about 1. */
typedef struct adah_scale {
    size_t n;
    float factor;
} adah_scale;
adah_node *adah_feature_scale(adah_builder *b, adah_node *f, adah_scale *scale); /* *scale lives as long as the graph */

#endif
