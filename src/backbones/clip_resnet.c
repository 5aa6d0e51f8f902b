/* clip_resnet.c - CLIP's ResNet-50 (Radford et al. 2021): three convolutions to begin with, means in place of strides, and attention over the last
 * map (attention_pool.h); f (1024, 7, 7) at 224. */
#include "backbones/attention_pool.h"
#include "backbones/clip_pixels.h"
#include "backbones/networks.h"

static int block(adah_layers *l, int last, adah_layer_place place, int width, int stride) {
    const int n_out = 4 * width;
    place.role = "first";
    place.part = 0;
    int x = adah_layers_convolution(l, last, place, width, 1, 1, 0, ADAH_RELU), shortcut = last;
    place.role = "second";
    place.part++;
    x = adah_layers_convolution(l, x, place, width, 3, 1, 1, ADAH_RELU);
    if (stride > 1)
        x = adah_layers_mean_pool(l, x, stride);
    place.role = "third";
    place.part++;
    x = adah_layers_convolution(l, x, place, n_out, 1, 1, 0, ADAH_LINEAR);
    if (l->item[last].n_out != n_out || stride > 1) {
        place.role = "shortcut";
        if (stride > 1)
            shortcut = adah_layers_mean_pool(l, last, stride);
        shortcut = adah_layers_convolution(l, shortcut, place, n_out, 1, 1, 0, ADAH_LINEAR);
    }
    return adah_layers_add(l, x, shortcut, ADAH_RELU);
}

static void list50(adah_layers *l) {
    static const int n_blocks[] = {3, 4, 6, 3}, stem[] = {32, 32, 64};
    adah_layer_place place = {.role = "stem"};
    int last = ADAH_PIXELS;
    for (; place.part < 3; place.part++)
        last = adah_layers_convolution(l, last, place, stem[place.part], 3, place.part ? 1 : 2, 1, ADAH_RELU);
    last = adah_layers_mean_pool(l, last, 2);
    for (place.stage = 0; place.stage < 4; place.stage++)
        for (place.block = 0; place.block < n_blocks[place.stage]; place.block++)
            last = block(l, last, place, 64 << place.stage, place.stage && !place.block ? 2 : 1);
}

static const adah_layer_pattern own[] = {{"stem", "conv{k+1}", NULL},
                                         {"first", "layer{s+1}.{i}.conv{k+1}", NULL},
                                         {"second", "layer{s+1}.{i}.conv{k+1}", NULL},
                                         {"third", "layer{s+1}.{i}.conv{k+1}", NULL},
                                         {"shortcut", "layer{s+1}.{i}.downsample", NULL},
                                         {0}};
static const adah_layer_pattern openai[] = {{"stem", "conv{k+1}", "bn{k+1}"},
                                            {"first", "layer{s+1}.{i}.conv{k+1}", "layer{s+1}.{i}.bn{k+1}"},
                                            {"second", "layer{s+1}.{i}.conv{k+1}", "layer{s+1}.{i}.bn{k+1}"},
                                            {"third", "layer{s+1}.{i}.conv{k+1}", "layer{s+1}.{i}.bn{k+1}"},
                                            {"shortcut", "layer{s+1}.{i}.downsample.0", "layer{s+1}.{i}.downsample.1"},
                                            {0}};
static const adah_layer_pattern timm[] = {{"stem", "stem.conv{k+1}.conv", "stem.conv{k+1}.bn"},
                                          {"first", "stages.{s}.{i}.conv1_1x1.conv", "stages.{s}.{i}.conv1_1x1.bn"},
                                          {"second", "stages.{s}.{i}.conv2_kxk.conv", "stages.{s}.{i}.conv2_kxk.bn"},
                                          {"third", "stages.{s}.{i}.conv3_1x1.conv", "stages.{s}.{i}.conv3_1x1.bn"},
                                          {"shortcut", "stages.{s}.{i}.shortcut.conv.conv", "stages.{s}.{i}.shortcut.conv.bn"},
                                          {0}};
static const adah_attention_pool_names openai_pool = {"attnpool.positional_embedding", "attnpool.q_proj.", "attnpool.k_proj.",
                                                      "attnpool.v_proj.", "attnpool.c_proj."},
                                       timm_pool = {"head.pos_embed", "head.q.", "head.k.", "head.v.", "head.proj."};
static const adah_published published[] = {
    {.source = "OpenAI, open_clip", .pattern = openai, .epsilon = 1e-5f, .rest = "attnpool.", .pool = &openai_pool, ADAH_PIXELS_OF_CLIP},
    {.source = "timm", .pattern = timm, .epsilon = 1e-5f, .rest = "head.", .pool = &timm_pool, ADAH_PIXELS_OF_CLIP},
    {.source = "adah", .pattern = own, .rest = "pool.", ADAH_PIXELS_OF_CLIP},
    {0}};
static const adah_attention_pool pool = {.n_heads = 32, .n_out = 1024};

const adah_backbone adah_backbone_clip_resnet50 = {.name = "clip_resnet50", .n_side = 224, .n_side_min = 32, .n_batch_max = 32,
                                                   .layers = list50, .own = own, .last = "layer4", .pool = &pool, .published = published};
