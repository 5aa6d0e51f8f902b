/* vgg.c - VGG-16 and VGG-19 (Simonyan, Zisserman 2015), with batch normalisation or without; f (512, 7, 7) at 224. */
#include "backbones/networks.h"

/* Widths of 3 x 3 convolutions in order; 0: 2 x 2 max pool. torchvision numbers every layer: a convolution and its ReLU take two
 * numbers, one more with a normalisation between them, a pool one. */
static void list(adah_layers *l, const int *widths, int n_widths) {
    int last = ADAH_PIXELS, number = 0, number_normed = 0;
    for (int i = 0; i < n_widths; i++) {
        const adah_layer_place place = {.role = "layer", .number = number, .stage = number_normed};
        last = widths[i] ? adah_layers_convolution(l, last, place, widths[i], 3, 1, 1, ADAH_RELU)
                         : adah_layers_max_pool(l, last, 2, 2, 0, 0);
        number += widths[i] ? 2 : 1;
        number_normed += widths[i] ? 3 : 1;
    }
}

static void list16(adah_layers *l) {
    static const int widths[] = {64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0};
    list(l, widths, sizeof widths / sizeof *widths);
}

static void list19(adah_layers *l) {
    static const int widths[] = {64,  64,  0,   128, 128, 0, 256, 256, 256, 256, 0,
                                 512, 512, 512, 512, 0,   512, 512, 512, 512, 0};
    list(l, widths, sizeof widths / sizeof *widths);
}

static const adah_layer_pattern plain[] = {{"layer", "features.{n}", NULL}, {0}};
static const adah_layer_pattern normed[] = {{"layer", "features.{s}", "features.{s+1}"}, {0}};
static const adah_published published[] = {
    {.source = "torchvision", .pattern = plain, .rest = "classifier. pre_logits. head."},
    {.source = "torchvision, with batch normalisation", .pattern = normed, .epsilon = 1e-5f, .rest = "classifier. pre_logits. head."},
    {0}};

/* It normalises nothing, so that some channels are a hundred times as large as most, whatever the picture; other networks have no such ones
 * (docs/measured/encoders.md). */
#define SETTINGS .settings = "standard_features=1"

const adah_backbone adah_backbone_vgg16 = {
    .name = "vgg16", .n_side = 224, .n_side_min = 32, SETTINGS, .layers = list16, .own = plain, .last = "features.24", .published = published, ADAH_BACKBONE_WITH_FC};
const adah_backbone adah_backbone_vgg19 = {
    .name = "vgg19", .n_side = 224, .n_side_min = 32, SETTINGS, .layers = list19, .own = plain, .last = "features.28", .published = published, ADAH_BACKBONE_WITH_FC};
