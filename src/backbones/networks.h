/* networks.h - what the files that describe networks include. */
#ifndef ADAH_BACKBONES_NETWORKS_H
#define ADAH_BACKBONES_NETWORKS_H

#include "backbones/backbone.h"
#include "backbones/layers.h"
#include "backbones/published.h"

/* The classifier of three fully connected layers, of which D^I can take the first two. */
adah_node *adah_backbone_fc_logits(adah_builder *b, adah_node *f);

/* What the networks with this classifier have in common. The paper's D^I is theirs, and they learn as well. The activations and
 * gradients of a VGG take some 70 MB an image: it learns in batches of 64. */
#define ADAH_BACKBONE_WITH_FC \
    .has_fc = 1, .logits = adah_backbone_fc_logits, .n_batch_max = 64, \
    .settings_paper = "pooling=flatten n_image_hidden=4096 dropout=0.5 finetune=1 n_batch=64 standard_features=0"

#endif
