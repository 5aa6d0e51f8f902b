/* cnn_f.c - CNN-F, the fast network of Chatfield et al. 2014; f (256, 6, 6) at 224. */
#include "backbones/networks.h"

/* Numbered as VGG's layers are. The maps of 54 and 27 positions at 224 pixels are pooled with the half window at the end. */
static void list(adah_layers *l) {
    int x = adah_layers_convolution(l, ADAH_PIXELS, (adah_layer_place){"layer", 0, 0, 0, 0}, 64, 11, 4, 0, ADAH_RELU);
    x = adah_layers_max_pool(l, adah_layers_response_norm(l, x), 3, 2, 0, 1);
    x = adah_layers_convolution(l, x, (adah_layer_place){"layer", 4, 0, 0, 0}, 256, 5, 1, 2, ADAH_RELU);
    x = adah_layers_max_pool(l, adah_layers_response_norm(l, x), 3, 2, 0, 1);
    for (int number = 8; number <= 12; number += 2)
        x = adah_layers_convolution(l, x, (adah_layer_place){"layer", number, 0, 0, 0}, 256, 3, 1, 1, ADAH_RELU);
    adah_layers_max_pool(l, x, 3, 2, 0, 1);
}

static const adah_layer_pattern pattern[] = {{"layer", "features.{n}", NULL}, {0}};
static const adah_published published[] = {{.source = "torchvision", .pattern = pattern, .rest = "classifier."}, {0}};

const adah_backbone adah_backbone_cnn_f = {
    .name = "cnn_f", .n_side = 224, .n_side_min = 55, .layers = list, .own = pattern, .last = "features.8", .published = published, ADAH_BACKBONE_WITH_FC};
