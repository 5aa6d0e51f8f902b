/* inverted.c - networks of inverted residuals: MobileNetV2 1.0 (Sandler et al. 2018), EfficientNet-B0 (Tan, Le 2019) and -Lite0 to 4, f
 * (1280, S / 32, S / 32); MobileNetV3-Large (Howard et al. 2019) up to its average, f (960, S / 32, S / 32). */
#include "backbones/networks.h"

#include <math.h>

/* 1 x 1 to n_wide, size x size in each channel alone, squeeze and excitation, 1 x 1 to n_out. */
typedef struct residual {
    int size, stride, n_wide, n_out; /* n_wide as it comes in: the first 1 x 1 is left out */
    int n_squeezed;                  /* 0: no squeeze and excitation */
    adah_activation activation, squeeze_activation;
    int is_hard; /* the gate */
} residual;

/* The sum with what came in where the shape allows. */
static int block(adah_layers *l, int last, const residual *r, adah_layer_place place) {
    const int n_in = l->item[last].n_out, is_wide = r->n_wide > n_in;
    int x = last;
    if (is_wide) {
        place.role = "expand";
        x = adah_layers_convolution(l, x, place, r->n_wide, 1, 1, 0, r->activation);
        place.part++;
    }
    place.role = is_wide ? "depthwise" : "depthwise first";
    x = adah_layers_depthwise(l, x, place, r->size, r->stride, ADAH_PAD_AS_SOURCE, r->activation);
    place.part++;
    if (r->n_squeezed) {
        x = adah_layers_squeeze(l, x, place, r->n_squeezed, r->squeeze_activation, r->is_hard);
        place.part++;
    }
    place.role = is_wide ? "project" : "project first";
    x = adah_layers_convolution(l, x, place, r->n_out, 1, 1, 0, ADAH_LINEAR);
    return r->stride == 1 && n_in == r->n_out ? adah_layers_add(l, last, x, ADAH_LINEAR) : x;
}

/* n blocks of MobileNetV2 and EfficientNet, `expansion` times as wide inside. */
typedef struct stage {
    int size, stride, expansion, n_out, n; /* stride: of the first block */
} stage;

enum { N_STAGES = 7 };

/* A width times a factor, to a multiple of 8 that is not more than a tenth below it. */
static int scale_width(int n, double factor) {
    const double wanted = n * factor;
    const int rounded = (int)(wanted + 4) / 8 * 8;
    return rounded < 0.9 * wanted ? rounded + 8 : rounded;
}

/* Stem and head keep their widths, first and last stage their lengths. */
static void list(adah_layers *l, const stage *stages, double width, double depth, adah_activation activation, int squeezes) {
    adah_layer_place place = {.role = "stem"};
    int last = adah_layers_convolution(l, ADAH_PIXELS, place, 32, 3, 2, ADAH_PAD_AS_SOURCE, activation);
    for (place.stage = 0; place.stage < N_STAGES; place.stage++) {
        const stage *s = &stages[place.stage];
        const int is_inner = place.stage > 0 && place.stage < N_STAGES - 1;
        const int n = is_inner ? (int)ceil(s->n * depth) : s->n;
        for (place.block = 0; place.block < n; place.block++) {
            place.number++;
            const int n_in = l->item[last].n_out;
            const residual r = {.size = s->size, .stride = place.block ? 1 : s->stride, .n_wide = n_in * s->expansion,
                                .n_out = scale_width(s->n_out, width), .n_squeezed = squeezes ? n_in / 4 : 0,
                                .activation = activation, .squeeze_activation = activation};
            last = block(l, last, &r, place);
        }
    }
    place.number++;
    place.role = "head";
    adah_layers_convolution(l, last, place, 1280, 1, 1, 0, activation);
}

/* ---------------------------------------------------------------- names that several networks share */

static const adah_layer_pattern own[] = {{"stem", "features.{n}", NULL},
                                         {"reduce", "features.{n}.reduce", NULL},
                                         {"excite", "features.{n}.excite", NULL},
                                         {"expand", "features.{n}.expand", NULL},
                                         {"depthwise", "features.{n}.depthwise", NULL},
                                         {"depthwise first", "features.{n}.depthwise", NULL},
                                         {"project", "features.{n}.project", NULL},
                                         {"project first", "features.{n}.project", NULL},
                                         {"head", "features.{n}", NULL},
                                         {0}};

static const adah_layer_pattern timm[] = {{"stem", "conv_stem", "bn1"},
                                          {"reduce", "blocks.{s}.{i}.se.conv_reduce", NULL},
                                          {"excite", "blocks.{s}.{i}.se.conv_expand", NULL},
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
    list(l, stages, 1, 1, ADAH_RELU6, 0);
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
                                                  .layers = list_mobilenet_v2, .own = own, .last = "blocks.6", .published = mobilenet_published,
                                                  .logits = logits};

/* ---------------------------------------------------------------- EfficientNet-Lite */

static const stage efficientnet[N_STAGES] = {{3, 1, 1, 16, 1},  {3, 2, 6, 24, 2},  {5, 2, 6, 40, 2}, {3, 2, 6, 80, 3},
                                             {5, 1, 6, 112, 3}, {5, 2, 6, 192, 4}, {3, 1, 6, 320, 1}};

static void list_lite0(adah_layers *l) { list(l, efficientnet, 1, 1, ADAH_RELU6, 0); }
static void list_lite1(adah_layers *l) { list(l, efficientnet, 1, 1.1, ADAH_RELU6, 0); }
static void list_lite2(adah_layers *l) { list(l, efficientnet, 1.1, 1.2, ADAH_RELU6, 0); }
static void list_lite3(adah_layers *l) { list(l, efficientnet, 1.2, 1.4, ADAH_RELU6, 0); }
static void list_lite4(adah_layers *l) { list(l, efficientnet, 1.4, 1.8, ADAH_RELU6, 0); }

/* The names of EfficientNet-PyTorch, whose weights are those of TensorFlow. */
static const adah_layer_pattern efficientnet_pytorch[] = {
    {"stem", "_conv_stem", "_bn0"},
    {"reduce", "_blocks.{n-1}._se_reduce", NULL},
    {"excite", "_blocks.{n-1}._se_expand", NULL},
    {"expand", "_blocks.{n-1}._expand_conv", "_blocks.{n-1}._bn0"},
    {"depthwise", "_blocks.{n-1}._depthwise_conv", "_blocks.{n-1}._bn1"},
    {"depthwise first", "_blocks.{n-1}._depthwise_conv", "_blocks.{n-1}._bn1"},
    {"project", "_blocks.{n-1}._project_conv", "_blocks.{n-1}._bn2"},
    {"project first", "_blocks.{n-1}._project_conv", "_blocks.{n-1}._bn2"},
    {"head", "_conv_head", "_bn1"},
    {0}};

static const adah_published lite_published[] = {
    {.source = "adah", .pattern = own, .rest = "classifier.", .padding = ADAH_PADDING_SAME, .style = ADAH_STYLE_MEASURED,
     .mean = {127, 127, 127}, .deviation = {128, 128, 128}},
    {.source = "EfficientNet-PyTorch", .pattern = efficientnet_pytorch, .epsilon = 1e-3f, .rest = "_fc.", .padding = ADAH_PADDING_SAME,
     .style = ADAH_STYLE_MEASURED, .mean = {127, 127, 127}, .deviation = {128, 128, 128}},
    {.source = "timm, from TensorFlow", .pattern = timm, .epsilon = 1e-3f, .rest = "classifier.", .padding = ADAH_PADDING_SAME,
     .style = ADAH_STYLE_TENSORFLOW},
    {0}};

#define LITE(number, side)                                                                                        \
    const adah_backbone adah_backbone_efficientnet_lite##number = {.name = "efficientnet_lite" #number,          \
                                                                   .n_side = side,                               \
                                                                   .n_side_min = 32,                             \
                                                                   .layers = list_lite##number,                  \
                                                                   .own = own,                                   \
                                                                   .last = "blocks.6",                           \
                                                                   .published = lite_published}
LITE(0, 224);
LITE(1, 240);
LITE(2, 260);
LITE(3, 280);
LITE(4, 300);

/* ---------------------------------------------------------------- EfficientNet-B0 */

static void list_b0(adah_layers *l) { list(l, efficientnet, 1, 1, ADAH_SWISH, 1); }

static const adah_layer_pattern b0_torchvision[] = {{"stem", "features.0.0", "features.0.1"},
                                                    {"expand", "features.{s+1}.{i}.block.{k}.0", "features.{s+1}.{i}.block.{k}.1"},
                                                    {"depthwise", "features.{s+1}.{i}.block.{k}.0", "features.{s+1}.{i}.block.{k}.1"},
                                                    {"depthwise first", "features.{s+1}.{i}.block.{k}.0", "features.{s+1}.{i}.block.{k}.1"},
                                                    {"reduce", "features.{s+1}.{i}.block.{k}.fc1", NULL},
                                                    {"excite", "features.{s+1}.{i}.block.{k}.fc2", NULL},
                                                    {"project", "features.{s+1}.{i}.block.{k}.0", "features.{s+1}.{i}.block.{k}.1"},
                                                    {"project first", "features.{s+1}.{i}.block.{k}.0", "features.{s+1}.{i}.block.{k}.1"},
                                                    {"head", "features.8.0", "features.8.1"},
                                                    {0}};

static const adah_published b0_published[] = {
    {.source = "adah", .pattern = own, .rest = "classifier."},
    {.source = "torchvision", .pattern = b0_torchvision, .epsilon = 1e-5f, .rest = "classifier."},
    {.source = "timm", .pattern = timm, .epsilon = 1e-5f, .rest = "classifier."},
    {.source = "EfficientNet-PyTorch", .pattern = efficientnet_pytorch, .epsilon = 1e-3f, .rest = "_fc.", .padding = ADAH_PADDING_SAME},
    {0}};

const adah_backbone adah_backbone_efficientnet_b0 = {
    .name = "efficientnet_b0", .n_side = 224, .n_side_min = 32, .layers = list_b0, .own = own, .last = "blocks.6", .published = b0_published};

/* ---------------------------------------------------------------- MobileNetV3-Large */

/* Stages are timm's. Squeezed channels: a quarter of the wide ones, to a multiple of 8. */
static void list_mobilenet_v3(adah_layers *l) {
    static const struct {
        int stage, block, size, stride, n_wide, n_out, n_squeezed;
        adah_activation activation;
    } rows[] = {{0, 0, 3, 1, 16, 16, 0, ADAH_RELU},         {1, 0, 3, 2, 64, 24, 0, ADAH_RELU},
                {1, 1, 3, 1, 72, 24, 0, ADAH_RELU},         {2, 0, 5, 2, 72, 40, 24, ADAH_RELU},
                {2, 1, 5, 1, 120, 40, 32, ADAH_RELU},       {2, 2, 5, 1, 120, 40, 32, ADAH_RELU},
                {3, 0, 3, 2, 240, 80, 0, ADAH_HARD_SWISH},  {3, 1, 3, 1, 200, 80, 0, ADAH_HARD_SWISH},
                {3, 2, 3, 1, 184, 80, 0, ADAH_HARD_SWISH},  {3, 3, 3, 1, 184, 80, 0, ADAH_HARD_SWISH},
                {4, 0, 3, 1, 480, 112, 120, ADAH_HARD_SWISH}, {4, 1, 3, 1, 672, 112, 168, ADAH_HARD_SWISH},
                {5, 0, 5, 2, 672, 160, 168, ADAH_HARD_SWISH}, {5, 1, 5, 1, 960, 160, 240, ADAH_HARD_SWISH},
                {5, 2, 5, 1, 960, 160, 240, ADAH_HARD_SWISH}};
    int last = adah_layers_convolution(l, ADAH_PIXELS, (adah_layer_place){.role = "stem"}, 16, 3, 2, ADAH_PAD_AS_SOURCE, ADAH_HARD_SWISH);
    const int n_rows = sizeof rows / sizeof *rows;
    for (int i = 0; i < n_rows; i++) {
        const residual r = {.size = rows[i].size, .stride = rows[i].stride, .n_wide = rows[i].n_wide, .n_out = rows[i].n_out,
                            .n_squeezed = rows[i].n_squeezed, .activation = rows[i].activation, .squeeze_activation = ADAH_RELU, .is_hard = 1};
        last = block(l, last, &r, (adah_layer_place){.number = i + 1, .stage = rows[i].stage, .block = rows[i].block});
    }
    adah_layers_convolution(l, last, (adah_layer_place){.role = "head", .number = n_rows + 1}, 960, 1, 1, 0, ADAH_HARD_SWISH);
}

static const adah_layer_pattern v3_torchvision[] = {{"stem", "features.0.0", "features.0.1"},
                                                    {"expand", "features.{n}.block.{k}.0", "features.{n}.block.{k}.1"},
                                                    {"depthwise", "features.{n}.block.{k}.0", "features.{n}.block.{k}.1"},
                                                    {"depthwise first", "features.{n}.block.{k}.0", "features.{n}.block.{k}.1"},
                                                    {"reduce", "features.{n}.block.{k}.fc1", NULL},
                                                    {"excite", "features.{n}.block.{k}.fc2", NULL},
                                                    {"project", "features.{n}.block.{k}.0", "features.{n}.block.{k}.1"},
                                                    {"project first", "features.{n}.block.{k}.0", "features.{n}.block.{k}.1"},
                                                    {"head", "features.{n}.0", "features.{n}.1"},
                                                    {0}};

static const adah_layer_pattern v3_timm[] = {{"stem", "conv_stem", "bn1"},
                                             {"reduce", "blocks.{s}.{i}.se.conv_reduce", NULL},
                                             {"excite", "blocks.{s}.{i}.se.conv_expand", NULL},
                                             {"expand", "blocks.{s}.{i}.conv_pw", "blocks.{s}.{i}.bn1"},
                                             {"depthwise", "blocks.{s}.{i}.conv_dw", "blocks.{s}.{i}.bn2"},
                                             {"depthwise first", "blocks.{s}.{i}.conv_dw", "blocks.{s}.{i}.bn1"},
                                             {"project", "blocks.{s}.{i}.conv_pwl", "blocks.{s}.{i}.bn3"},
                                             {"project first", "blocks.{s}.{i}.conv_pw", "blocks.{s}.{i}.bn2"},
                                             {"head", "blocks.6.0.conv", "blocks.6.0.bn1"},
                                             {0}};

static const adah_published v3_published[] = {
    {.source = "adah", .pattern = own, .rest = "classifier."},
    {.source = "torchvision", .pattern = v3_torchvision, .epsilon = 1e-3f, .rest = "classifier."},
    {.source = "timm", .pattern = v3_timm, .epsilon = 1e-5f, .rest = "conv_head. norm_head. classifier."},
    {0}};

const adah_backbone adah_backbone_mobilenet_v3_large = {
    .name = "mobilenet_v3_large", .n_side = 224, .n_side_min = 32, .layers = list_mobilenet_v3, .own = own, .last = "blocks.5", .published = v3_published};
