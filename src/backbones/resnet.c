/* resnet.c - ResNet-18 and ResNet-50 (He et al. 2016; the stride of a bottleneck is its 3 x 3 convolution's, as torchvision, timm and
 * transformers have it); f (512 or 2048, 7, 7) at 224. */
#include "backbones/networks.h"

/* The stages have 64, 128, 256, 512 channels inside; n: how many blocks each. */
static void list(adah_layers *l, const int n[4], int is_bottleneck) {
    adah_layer_place place = {.role = "stem"};
    int last = adah_layers_convolution(l, ADAH_PIXELS, place, 64, 7, 2, 3, ADAH_RELU);
    last = adah_layers_max_pool(l, last, 3, 2, 1, 0);
    for (place.stage = 0; place.stage < 4; place.stage++)
        for (place.block = 0; place.block < n[place.stage]; place.block++) {
            const int width = 64 << place.stage, n_out = is_bottleneck ? 4 * width : width;
            const int stride = place.stage && !place.block ? 2 : 1;
            int x = last, shortcut = last;
            place.part = 0;
            if (is_bottleneck) {
                place.role = "inner";
                x = adah_layers_convolution(l, x, place, width, 1, 1, 0, ADAH_RELU);
                place.part++;
            }
            place.role = "inner";
            x = adah_layers_convolution(l, x, place, width, 3, stride, 1, ADAH_RELU);
            place.part++;
            x = adah_layers_convolution(l, x, place, n_out, is_bottleneck ? 1 : 3, 1, is_bottleneck ? 0 : 1, ADAH_LINEAR);
            if (stride != 1 || l->item[last].n_out != n_out) {
                place.role = "shortcut";
                shortcut = adah_layers_convolution(l, last, place, n_out, 1, stride, 0, ADAH_LINEAR);
            }
            last = adah_layers_add(l, x, shortcut, ADAH_RELU);
        }
}

static void list18(adah_layers *l) { list(l, (const int[]){2, 2, 2, 2}, 0); }
static void list50(adah_layers *l) { list(l, (const int[]){3, 4, 6, 3}, 1); }

static const adah_layer_pattern own[] = {{"stem", "conv1", NULL},
                                         {"inner", "layer{s+1}.{i}.conv{k+1}", NULL},
                                         {"shortcut", "layer{s+1}.{i}.downsample", NULL},
                                         {0}};
static const adah_layer_pattern torchvision[] = {{"stem", "conv1", "bn1"},
                                                 {"inner", "layer{s+1}.{i}.conv{k+1}", "layer{s+1}.{i}.bn{k+1}"},
                                                 {"shortcut", "layer{s+1}.{i}.downsample.0", "layer{s+1}.{i}.downsample.1"},
                                                 {0}};
static const adah_layer_pattern transformers[] = {
    {"stem", "embedder.embedder.convolution", "embedder.embedder.normalization"},
    {"inner", "encoder.stages.{s}.layers.{i}.layer.{k}.convolution", "encoder.stages.{s}.layers.{i}.layer.{k}.normalization"},
    {"shortcut", "encoder.stages.{s}.layers.{i}.shortcut.convolution", "encoder.stages.{s}.layers.{i}.shortcut.normalization"},
    {0}};
static const adah_published published[] = {
    {.source = "adah", .pattern = own, .rest = "fc."},
    {.source = "torchvision, timm", .pattern = torchvision, .epsilon = 1e-5f, .rest = "fc."},
    {.source = "transformers", .pattern = transformers, .epsilon = 1e-5f, .rest = "classifier."},
    {0}};

const adah_backbone adah_backbone_resnet18 = {
    .name = "resnet18", .n_side = 224, .n_side_min = 32, .layers = list18, .own = own, .last = "layer4", .published = published};
const adah_backbone adah_backbone_resnet50 = {
    .name = "resnet50", .n_side = 224, .n_side_min = 32, .layers = list50, .own = own, .last = "layer4", .published = published};
