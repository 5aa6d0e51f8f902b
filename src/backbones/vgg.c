/* vgg.c - VGG-16 and VGG-19 (Simonyan, Zisserman 2015); f (512, 7, 7) at 224. */
#include "backbones/layers.h"

#include <stdio.h>

/* Widths of 3 x 3 convolutions in order; 0: 2 x 2 max pool. torchvision numbers every layer: a convolution and
 * its ReLU take two numbers, a pool one. */
static adah_node *features(adah_builder *b, adah_node *x, const int *widths, int n) {
    for (int i = 0, number = 0; i < n; i++) {
        char layer[32];
        snprintf(layer, sizeof layer, "features.%d", number);
        x = widths[i] ? adah_backbone_convolution(b, layer, x, (size_t)widths[i], 3, 1, 1) : adah_backbone_max_pool(b, x, 2, 2, 0);
        number += widths[i] ? 2 : 1;
    }
    return x;
}

static adah_node *features16(adah_builder *b, adah_node *x) {
    static const int widths[] = {64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0};
    return features(b, x, widths, sizeof widths / sizeof *widths);
}

static adah_node *features19(adah_builder *b, adah_node *x) {
    static const int widths[] = {64,  64,  0,   128, 128, 0, 256, 256, 256, 256, 0,
                                 512, 512, 512, 512, 0,   512, 512, 512, 512, 0};
    return features(b, x, widths, sizeof widths / sizeof *widths);
}

const adah_backbone adah_backbone_vgg16 = {
    .name = "vgg16", .n_side = 224, .n_side_min = 32, .features = features16, ADAH_BACKBONE_WITH_FC};
const adah_backbone adah_backbone_vgg19 = {
    .name = "vgg19", .n_side = 224, .n_side_min = 32, .features = features19, ADAH_BACKBONE_WITH_FC};
