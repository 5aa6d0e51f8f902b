/* published.h - weights as others publish them: whose names a file has, what of a network it lacks or has too much, how its pictures were
 * prepared, and its values with batch normalisation folded in. */
#ifndef ADAH_BACKBONES_PUBLISHED_H
#define ADAH_BACKBONES_PUBLISHED_H

#include "backbones/layers.h"
#include "files/weights.h"

/* One way to name and to learn the weights of a network. A table of them ends with source NULL. */
typedef struct adah_published {
    const char *source;                /* "torchvision", ... */
    const adah_layer_pattern *pattern; /* the names of its tensors, without what stands before all of them */
    float epsilon;                     /* of its batch normalisation */
    const char *rest;                  /* beginnings of names that a file may have as well, with blanks between: the classifier */
    adah_padding padding;              /* of layers with ADAH_PAD_AS_SOURCE */
    adah_style style;                  /* how pixels are prepared, unless the file itself tells it */
    float mean[3], deviation[3];       /* of ADAH_STYLE_MEASURED: red, green, blue */
    const struct adah_attention_pool_names *pool; /* of a network that has one (attention_pool.h) */
} adah_published;

struct adah_backbone;

/* What a file has of a network. */
typedef struct adah_weights_match {
    const struct adah_backbone *backbone;
    const adah_published *published; /* NULL: none of the network's names */
    char prefix[128];                /* what stands before all names, "state_dict." */
    size_t n_found, n_wanted;        /* tensors of its layers */
    char missing[256];               /* the first tensor that is not there, or has another shape, in words; "" */
    char surplus[256];               /* the first tensor that is no part of the network; "" */
} adah_weights_match;

/* The best match of one network. */
void adah_weights_match_backbone(const adah_weights *weights, const struct adah_backbone *backbone, adah_weights_match *match);

/* The network that the file has most of. Returns 1 when it has all of it. */
int adah_weights_recognise(const adah_weights *weights, adah_weights_match *match);

/* Sets weights_style, mean_*, deviation_* and weights_padding as the file's weights want them: what a configuration beside the file says
 * (files/picture_config.h), the file itself, or what its names tell; image_filter and image_crop, where they are "source", by that configuration,
 * else as they are without one. ADAH_ERROR_CORRUPT: the configuration is broken. */
adah_code adah_backbone_prepare(const adah_weights *weights, adah_settings *config, adah_status *status);

/* Fills the parameters "image.backbone.NAME" from the file; with has_fc and a flattened D^I also "image.hashing.0" and ".1" from
 * classifier.0 and classifier.3. The error (MISMATCH) names the file and what it lacks or has too much. */
adah_code adah_backbone_load(adah_parameters *parameters, const adah_settings *config, const adah_weights *weights,
                             adah_status *status);

#endif
