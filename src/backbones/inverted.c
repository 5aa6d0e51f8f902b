/* inverted.c - networks of inverted residuals: MobileNetV2 1.0 (Sandler et al. 2018) and EfficientNet-Lite0 to 4 (Tan, Le 2019, without
 * squeeze and swish); f (1280, S / 32, S / 32). */
#include "backbones/networks.h"

#include <math.h>

/* n blocks: 1 x 1 to `expansion` times as wide, size x size in each channel alone, 1 x 1 to n_out. */
typedef struct stage {
    int size, stride, expansion, n_out, n; /* stride: of the first block */
} stage;

enum { N_STAGES = 7 };

/* The sum with what came in where the shape allows. */
static int block(adah_layers *l, int last, const stage *s, adah_layer_place place, int stride, int n_out) {
    const int n_in = l->item[last].n_out, is_wide = s->expansion > 1;
    int x = last;
    if (is_wide) {
        place.role = "expand";
        x = adah_layers_convolution(l, x, place, n_in * s->expansion, 1, 1, 0, ADAH_RELU6);
        place.part++;
    }
    place.role = is_wide ? "depthwise" : "depthwise first";
    x = adah_layers_depthwise(l, x, place, s->size, stride, ADAH_PAD_AS_SOURCE, ADAH_RELU6);
    place.part++;
    place.role = is_wide ? "project" : "project first";
    x = adah_layers_convolution(l, x, place, n_out, 1, 1, 0, ADAH_LINEAR);
    return stride == 1 && n_in == n_out ? adah_layers_add(l, last, x, ADAH_LINEAR) : x;
}

/* A width times a factor, to a multiple of 8 that is not more than a tenth below it. */
static int scale_width(int n, double factor) {
    const double wanted = n * factor;
    const int rounded = (int)(wanted + 4) / 8 * 8;
    return rounded < 0.9 * wanted ? rounded + 8 : rounded;
}

/* Stem and head keep their widths, first and last stage their lengths. */
static void list(adah_layers *l, const stage *stages, double width, double depth) {
    adah_layer_place place = {.role = "stem"};
    int last = adah_layers_convolution(l, ADAH_PIXELS, place, 32, 3, 2, ADAH_PAD_AS_SOURCE, ADAH_RELU6);
    for (place.stage = 0; place.stage < N_STAGES; place.stage++) {
        const stage *s = &stages[place.stage];
        const int is_inner = place.stage > 0 && place.stage < N_STAGES - 1;
        const int n = is_inner ? (int)ceil(s->n * depth) : s->n;
        for (place.block = 0; place.block < n; place.block++) {
            place.number++;
            last = block(l, last, s, place, place.block ? 1 : s->stride, scale_width(s->n_out, width));
        }
    }
    place.number++;
    place.role = "head";
    adah_layers_convolution(l, last, place, 1280, 1, 1, 0, ADAH_RELU6);
}

/* ---------------------------------------------------------------- names that several networks share */

static const adah_layer_pattern own[] = {{"stem", "features.{n}", NULL},
                                         {"expand", "features.{n}.expand", NULL},
                                         {"depthwise", "features.{n}.depthwise", NULL},
                                         {"depthwise first", "features.{n}.depthwise", NULL},
                                         {"project", "features.{n}.project", NULL},
                                         {"project first", "features.{n}.project", NULL},
                                         {"head", "features.{n}", NULL},
                                         {0}};

static const adah_layer_pattern timm[] = {{"stem", "conv_stem", "bn1"},
                                          {"expand", "blocks.{s}.{i}.conv_pw", "blocks.{s}.{i}.bn1"},
                                          {"depthwise", "blocks.{s}.{i}.conv_dw", "blocks.{s}.{i}.bn2"},
                                          {"depthwise first", "blocks.{s}.{i}.conv_dw", "blocks.{s}.{i}.bn1"},
                                          {"project", "blocks.{s}.{i}.conv_pwl", "blocks.{s}.{i}.bn3"},
                                          {"project first", "blocks.{s}.{i}.conv_pw", "blocks.{s}.{i}.bn2"},
                                          {"head", "conv_head", "bn2"},
                                          {0}};

/* ---------------------------------------------------------------- MobileNetV2 */

static void list_mobilenet_v2(adah_layers *l) {
    static const stage stages[N_STAGES] = {{3, 1, 1, 16, 1}, {3, 2, 6, 24, 2},  {3, 2, 6, 32, 3}, {3, 2, 6, 64, 4},
                                           {3, 1, 6, 96, 3}, {3, 2, 6, 160, 3}, {3, 1, 6, 320, 1}};
    list(l, stages, 1, 1);
}

static const adah_layer_pattern mobilenet_torchvision[] = {{"stem", "features.0.0", "features.0.1"},
                                                           {"expand", "features.{n}.conv.{k}.0", "features.{n}.conv.{k}.1"},
                                                           {"depthwise", "features.{n}.conv.{k}.0", "features.{n}.conv.{k}.1"},
                                                           {"depthwise first", "features.{n}.conv.{k}.0", "features.{n}.conv.{k}.1"},
                                                           {"project", "features.{n}.conv.{k}", "features.{n}.conv.{k+1}"},
                                                           {"project first", "features.{n}.conv.{k}", "features.{n}.conv.{k+1}"},
                                                           {"head", "features.{n}.0", "features.{n}.1"},
                                                           {0}};

static const adah_layer_pattern mobilenet_transformers[] = {
    {"stem", "conv_stem.first_conv.convolution", "conv_stem.first_conv.normalization"},
    {"expand", "layer.{n-2}.expand_1x1.convolution", "layer.{n-2}.expand_1x1.normalization"},
    {"depthwise", "layer.{n-2}.conv_3x3.convolution", "layer.{n-2}.conv_3x3.normalization"},
    {"depthwise first", "conv_stem.conv_3x3.convolution", "conv_stem.conv_3x3.normalization"},
    {"project", "layer.{n-2}.reduce_1x1.convolution", "layer.{n-2}.reduce_1x1.normalization"},
    {"project first", "conv_stem.reduce_1x1.convolution", "conv_stem.reduce_1x1.normalization"},
    {"head", "conv_1x1.convolution", "conv_1x1.normalization"},
    {0}};

static const adah_published mobilenet_published[] = {
    {.source = "adah", .pattern = own, .rest = "classifier.", .padding = ADAH_PADDING_SAME},
    {.source = "torchvision", .pattern = mobilenet_torchvision, .epsilon = 1e-5f, .rest = "classifier."},
    {.source = "timm", .pattern = timm, .epsilon = 1e-5f, .rest = "classifier."},
    {.source = "transformers", .pattern = mobilenet_transformers, .epsilon = 1e-3f, .rest = "classifier.",
     .padding = ADAH_PADDING_SAME, .style = ADAH_STYLE_TENSORFLOW},
    {0}};

static adah_node *logits(adah_builder *b, adah_node *f) {
    return adah_builder_linear(b, ADAH_BACKBONE_PREFIX ".classifier.1", adah_graph_average_all(b->graph, f), 1000, ADAH_INIT_GLOROT,
                               ADAH_GROUP_BACKBONE);
}

const adah_backbone adah_backbone_mobilenet_v2 = {.name = "mobilenet_v2", .n_side = 224, .n_side_min = 32,
                                                  .layers = list_mobilenet_v2, .own = own, .published = mobilenet_published,
                                                  .logits = logits};

/* ---------------------------------------------------------------- EfficientNet-Lite */

static const stage efficientnet[N_STAGES] = {{3, 1, 1, 16, 1},  {3, 2, 6, 24, 2},  {5, 2, 6, 40, 2}, {3, 2, 6, 80, 3},
                                             {5, 1, 6, 112, 3}, {5, 2, 6, 192, 4}, {3, 1, 6, 320, 1}};

static void list_lite0(adah_layers *l) { list(l, efficientnet, 1, 1); }
static void list_lite1(adah_layers *l) { list(l, efficientnet, 1, 1.1); }
static void list_lite2(adah_layers *l) { list(l, efficientnet, 1.1, 1.2); }
static void list_lite3(adah_layers *l) { list(l, efficientnet, 1.2, 1.4); }
static void list_lite4(adah_layers *l) { list(l, efficientnet, 1.4, 1.8); }

/* The names of EfficientNet-PyTorch, whose weights are those of TensorFlow. */
static const adah_layer_pattern efficientnet_pytorch[] = {
    {"stem", "_conv_stem", "_bn0"},
    {"expand", "_blocks.{n-1}._expand_conv", "_blocks.{n-1}._bn0"},
    {"depthwise", "_blocks.{n-1}._depthwise_conv", "_blocks.{n-1}._bn1"},
    {"depthwise first", "_blocks.{n-1}._depthwise_conv", "_blocks.{n-1}._bn1"},
    {"project", "_blocks.{n-1}._project_conv", "_blocks.{n-1}._bn2"},
    {"project first", "_blocks.{n-1}._project_conv", "_blocks.{n-1}._bn2"},
    {"head", "_conv_head", "_bn1"},
    {0}};

static const adah_published lite_published[] = {
    {.source = "adah", .pattern = own, .rest = "classifier.", .padding = ADAH_PADDING_SAME, .style = ADAH_STYLE_MEASURED,
     .mean = 127, .deviation = 128},
    {.source = "EfficientNet-PyTorch", .pattern = efficientnet_pytorch, .epsilon = 1e-3f, .rest = "_fc.", .padding = ADAH_PADDING_SAME,
     .style = ADAH_STYLE_MEASURED, .mean = 127, .deviation = 128},
    {.source = "timm, from TensorFlow", .pattern = timm, .epsilon = 1e-3f, .rest = "classifier.", .padding = ADAH_PADDING_SAME,
     .style = ADAH_STYLE_TENSORFLOW},
    {0}};

#define LITE(number, side)                                                                                        \
    const adah_backbone adah_backbone_efficientnet_lite##number = {.name = "efficientnet_lite" #number,          \
                                                                   .n_side = side,                               \
                                                                   .n_side_min = 32,                             \
                                                                   .layers = list_lite##number,                  \
                                                                   .own = own,                                   \
                                                                   .published = lite_published}
LITE(0, 224);
LITE(1, 240);
LITE(2, 260);
LITE(3, 280);
LITE(4, 300);
