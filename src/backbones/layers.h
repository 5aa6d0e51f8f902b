/* layers.h - what the networks of this folder are made of. */
#ifndef ADAH_BACKBONES_LAYERS_H
#define ADAH_BACKBONES_LAYERS_H

#include "backbones/backbone.h"

/* A convolution of size x size and its ReLU, or a max pool. */
adah_node *adah_backbone_convolution(adah_builder *b, const char *layer, adah_node *x, size_t n_out, int size, int stride, int pad);
adah_node *adah_backbone_max_pool(adah_builder *b, adah_node *x, int size, int stride, int ceil_mode);
/* The classifier of three fully connected layers, of which D^I can take the first two. */
adah_node *adah_backbone_fc_logits(adah_builder *b, adah_node *f);

/* What the networks with this classifier have in common. The paper's D^I is theirs, and they learn as well. The activations and
 * gradients of a VGG take some 70 MB an image: it learns in batches of 64. */
#define ADAH_BACKBONE_WITH_FC \
    .has_fc = 1, .logits = adah_backbone_fc_logits, .n_batch_max = 64, \
    .settings_paper = "pooling=flatten n_image_hidden=4096 dropout=0.5 finetune=1 n_batch=64"

#endif
