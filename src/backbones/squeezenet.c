/* squeezenet.c - SqueezeNet v1.1 (Iandola et al. 2016); f (512, 13, 13) at 224. */
#include "backbones/layers.h"

#include <stdio.h>

/* A Fire module: squeeze 1 x 1, then expand 1 x 1 beside expand 3 x 3. */
static adah_node *fire(adah_builder *b, int number, adah_node *x, size_t n_squeeze, size_t n_expand) {
    char layer[48];
    snprintf(layer, sizeof layer, "features.%d.squeeze", number);
    x = adah_backbone_convolution(b, layer, x, n_squeeze, 1, 1, 0);
    snprintf(layer, sizeof layer, "features.%d.expand1x1", number);
    adah_node *narrow = adah_backbone_convolution(b, layer, x, n_expand, 1, 1, 0);
    snprintf(layer, sizeof layer, "features.%d.expand3x3", number);
    adah_node *wide = adah_backbone_convolution(b, layer, x, n_expand, 3, 1, 1);
    return adah_graph_concatenate(b->graph, (adah_node *[]){narrow, wide}, 2);
}

static adah_node *features(adah_builder *b, adah_node *x) {
    x = adah_backbone_max_pool(b, adah_backbone_convolution(b, "features.0", x, 64, 3, 2, 0), 3, 2, 1);
    x = fire(b, 4, fire(b, 3, x, 16, 64), 16, 64);
    x = adah_backbone_max_pool(b, x, 3, 2, 1);
    x = fire(b, 7, fire(b, 6, x, 32, 128), 32, 128);
    x = adah_backbone_max_pool(b, x, 3, 2, 1);
    x = fire(b, 10, fire(b, 9, x, 48, 192), 48, 192);
    return fire(b, 12, fire(b, 11, x, 64, 256), 64, 256);
}

static adah_node *logits(adah_builder *b, adah_node *f) {
    return adah_graph_average_all(b->graph, adah_backbone_convolution(b, "classifier.1", f, 1000, 1, 1, 0));
}

const adah_backbone adah_backbone_squeezenet1_1 = {
    .name = "squeezenet1_1", .n_side = 224, .n_side_min = 35, .features = features, .logits = logits};
