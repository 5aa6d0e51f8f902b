/* convnext.c - ConvNeXt-Tiny (Liu et al. 2022); f (768, 7, 7) at 224, up to the classifier's average. A block's norm and its two wide layers take
 * the channels of each position as a row. */
#include "backbones/networks.h"

static int norm(adah_layers *l, int from, adah_layer_place place) { return adah_layers_norm(l, from, place, 1e-6f); }

static int block(adah_layers *l, int last, adah_layer_place place) {
    const int n = l->item[last].n_out;
    place.role = "depthwise";
    const int map = adah_layers_depthwise(l, last, place, 7, 1, 3, ADAH_LINEAR);
    place.role = "norm";
    int x = norm(l, map, place);
    place.role = "up";
    x = adah_layers_rows(l, x, place, 4 * n, ADAH_GELU);
    place.role = "down";
    x = adah_layers_rows(l, x, place, n, ADAH_LINEAR);
    l->item[x].scale = "scale";
    return adah_layers_add(l, last, adah_layers_map(l, x, map), ADAH_LINEAR);
}

/* number: torchvision counts what makes the map smaller and the blocks of a stage. */
static void list_tiny(adah_layers *l) {
    static const int n_blocks[] = {3, 3, 9, 3}, n_channels[] = {96, 192, 384, 768};
    adah_layer_place place = {.role = "stem"};
    int last = adah_layers_convolution(l, ADAH_PIXELS, place, n_channels[0], 4, 4, 0, ADAH_LINEAR);
    place.role = "stem norm";
    last = adah_layers_map(l, norm(l, last, place), last);
    for (place.stage = 0; place.stage < 4; place.stage++) {
        place.block = 0;
        place.number = 2 * place.stage;
        if (place.stage) {
            place.role = "smaller norm";
            last = adah_layers_map(l, norm(l, last, place), last);
            place.role = "smaller";
            last = adah_layers_convolution(l, last, place, n_channels[place.stage], 2, 2, 0, ADAH_LINEAR);
        }
        place.number++;
        for (; place.block < n_blocks[place.stage]; place.block++)
            last = block(l, last, place);
    }
}

static const adah_layer_pattern own[] = {{"stem", "stem.0", NULL},
                                         {"stem norm", "stem.1", NULL},
                                         {"smaller norm", "stages.{s}.downsample.0", NULL},
                                         {"smaller", "stages.{s}.downsample.1", NULL},
                                         {"depthwise", "stages.{s}.blocks.{i}.depthwise", NULL},
                                         {"norm", "stages.{s}.blocks.{i}.norm", NULL},
                                         {"up", "stages.{s}.blocks.{i}.up", NULL},
                                         {"down", "stages.{s}.blocks.{i}.down", NULL},
                                         {0}};
static const adah_layer_pattern torchvision[] = {{"stem", "features.0.0", NULL},
                                                 {"stem norm", "features.0.1", NULL},
                                                 {"smaller norm", "features.{n}.0", NULL},
                                                 {"smaller", "features.{n}.1", NULL},
                                                 {"depthwise", "features.{n}.{i}.block.0", NULL},
                                                 {"norm", "features.{n}.{i}.block.2", NULL},
                                                 {"up", "features.{n}.{i}.block.3", NULL},
                                                 {"down", "features.{n}.{i}.block.5", NULL},
                                                 {"scale", "features.{n}.{i}.layer_scale", NULL},
                                                 {0}};
static const adah_layer_pattern timm[] = {{"stem", "stem.0", NULL},
                                          {"stem norm", "stem.1", NULL},
                                          {"smaller norm", "stages.{s}.downsample.0", NULL},
                                          {"smaller", "stages.{s}.downsample.1", NULL},
                                          {"depthwise", "stages.{s}.blocks.{i}.conv_dw", NULL},
                                          {"norm", "stages.{s}.blocks.{i}.norm", NULL},
                                          {"up", "stages.{s}.blocks.{i}.mlp.fc1", NULL},
                                          {"down", "stages.{s}.blocks.{i}.mlp.fc2", NULL},
                                          {"scale", "stages.{s}.blocks.{i}.gamma", NULL},
                                          {0}};
static const adah_layer_pattern transformers[] = {{"stem", "embeddings.patch_embeddings", NULL},
                                                  {"stem norm", "embeddings.layernorm", NULL},
                                                  {"smaller norm", "encoder.stages.{s}.downsampling_layer.0", NULL},
                                                  {"smaller", "encoder.stages.{s}.downsampling_layer.1", NULL},
                                                  {"depthwise", "encoder.stages.{s}.layers.{i}.dwconv", NULL},
                                                  {"norm", "encoder.stages.{s}.layers.{i}.layernorm", NULL},
                                                  {"up", "encoder.stages.{s}.layers.{i}.pwconv1", NULL},
                                                  {"down", "encoder.stages.{s}.layers.{i}.pwconv2", NULL},
                                                  {"scale", "encoder.stages.{s}.layers.{i}.layer_scale_parameter", NULL},
                                                  {0}};
static const adah_layer_pattern authors[] = {{"stem", "downsample_layers.0.0", NULL},
                                             {"stem norm", "downsample_layers.0.1", NULL},
                                             {"smaller norm", "downsample_layers.{s}.0", NULL},
                                             {"smaller", "downsample_layers.{s}.1", NULL},
                                             {"depthwise", "stages.{s}.{i}.dwconv", NULL},
                                             {"norm", "stages.{s}.{i}.norm", NULL},
                                             {"up", "stages.{s}.{i}.pwconv1", NULL},
                                             {"down", "stages.{s}.{i}.pwconv2", NULL},
                                             {"scale", "stages.{s}.{i}.gamma", NULL},
                                             {0}};
static const adah_published published[] = {{.source = "torchvision", .pattern = torchvision, .rest = "classifier."},
                                           {.source = "timm", .pattern = timm, .rest = "head. norm_pre."},
                                           {.source = "transformers", .pattern = transformers, .rest = "classifier. layernorm."},
                                           {.source = "its authors", .pattern = authors, .rest = "head. norm."},
                                           {.source = "adah", .pattern = own, .rest = ""},
                                           {0}};

const adah_backbone adah_backbone_convnext_tiny = {.name = "convnext_tiny", .n_side = 224, .n_side_min = 32, .n_batch_max = 32,
                                                   .layers = list_tiny, .own = own, .last = "stages.3", .published = published};
