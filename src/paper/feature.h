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

/* (f - mean) / deviation, value by value, of what comes of images, a vector each: (B, C) or (B, C, 1, 1), and stays so. Mean and deviation are those of the
 * training images (learn/standard.h). Of a network that normalises nothing, some values are a hundred times as large as most, whatever the picture, and the first
 * layers would see little else. f itself where the setting standard_features is 0, of texts, and where maps stay maps (pooling "flatten"). */
#define ADAH_STANDARD_MEAN_SUFFIX "standard.mean"
#define ADAH_STANDARD_FACTOR_SUFFIX "standard.factor"
typedef struct adah_standard {
    size_t n;
    const float *mean, *factor; /* the parameters image.standard.mean and .factor, 1 / deviation */
} adah_standard;
adah_node *adah_feature_standard(adah_builder *b, const char *prefix, adah_node *f, adah_standard *standard); /* *standard lives as long as the graph */

#endif
