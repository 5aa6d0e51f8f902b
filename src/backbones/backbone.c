/* backbone.c - the networks as lists of layers, their preprocessing and their weight files. */
#include "backbones/backbone.h"
#include "settings/method.h"
#include "base/processor.h"

#include <stdio.h>
#include <string.h>

#define BACKBONE_PREFIX "image.backbone"

/* The paper's D^I is that of a network that has fully connected layers, and learns as well. */
#define PAPER_WITH_FC "pooling=flatten n_image_hidden=4096 dropout=0.5 finetune=1 n_batch=64"
/* A VGG's activations and gradients take some 70 MB an image: it learns in batches of 64. */
static const adah_backbone backbones[] = {
    {"vgg16", 224, 32, 1, 0, 64, "", PAPER_WITH_FC},
    {"vgg19", 224, 32, 1, 0, 64, "", PAPER_WITH_FC},
    {"cnn_f", 224, 55, 1, 0, 64, "", PAPER_WITH_FC},
    {"squeezenet1_1", 224, 35, 0, 0, 0, "", ""},
    {"mobilenet_v2", 224, 32, 0, 0, 0, "", ""},
    {"small", 64, 16, 0, 1, 0, "finetune=1 attention=1 attention_threshold=1 n_image_hidden=512 contrastive_weight=0 n_batch=32 "
     "n_epochs=25 n_final_epochs=0 rate=0.001 rate_backbone=0.001 weight_decay=0 dropout=0 word_pairs=0", ""},
    {"none", 224, 16, 0, 0, 0, "", ""}, /* images come as features; nobody is told to choose it */
};
enum { N_BACKBONES = sizeof backbones / sizeof *backbones };

const adah_backbone *adah_backbone_find(const char *name) {
    for (int i = 0; i < N_BACKBONES; i++)
        if (!strcmp(backbones[i].name, name))
            return &backbones[i];
    return NULL;
}

const char *adah_backbone_names(void) { return "vgg16, vgg19, cnn_f, squeezenet1_1, mobilenet_v2, small"; }

adah_code adah_backbone_preset(const char *preset, const char *backbone_name, adah_settings *config, adah_status *status) {
    const adah_backbone *backbone = adah_backbone_find(backbone_name);
    if (!backbone)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "unknown backbone \"%s\", expected one of %s", backbone_name,
                         adah_backbone_names());
    adah_settings c;
    ADAH_TRY(adah_settings_preset(preset, &c, status));
    strcpy(c.backbone, backbone->name);
    c.n_side = backbone->n_side;
    ADAH_TRY(adah_settings_change(&c, backbone->settings, status));
    if (c.preset == ADAH_PRESET_PAPER)
        ADAH_TRY(adah_settings_change(&c, backbone->settings_paper, status));
    *config = c;
    return ADAH_OK;
}

void adah_backbone_finetune(adah_settings *config) {
    const adah_backbone *backbone = adah_backbone_find(config->backbone);
    config->finetune = 1;
    if (config->preset == ADAH_PRESET_DEFAULT && adah_method_find(config->method)->has_attention) { /* chosen on frozen features alone */
        config->attention = 1;
        config->weight_decay = config->dropout = 0;
        config->word_pairs = 0;
    }
    if (backbone->n_batch_max && config->n_batch > backbone->n_batch_max)
        config->n_batch = backbone->n_batch_max;
}

adah_code adah_backbone_check(const adah_settings *config, adah_status *status) {
    ADAH_TRY(adah_settings_check(config, status));
    const adah_backbone *backbone = adah_backbone_find(config->backbone);
    if (!backbone)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "backbone is \"%s\", expected one of %s", config->backbone,
                         adah_backbone_names());
    if (config->n_side < backbone->n_side_min)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "n_side is %d, %s needs at least %d", config->n_side, backbone->name,
                         backbone->n_side_min);
    if (config->pooling == ADAH_POOL_FLATTEN && !backbone->has_fc)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "pooling \"flatten\" needs a backbone with fully connected layers, %s has none",
                         backbone->name);
    return ADAH_OK;
}

static adah_node *convolution(adah_builder *b, const char *layer, adah_node *x, size_t n_out, int size, int stride,
                              int pad) {
    char name[ADAH_PARAMETER_NAME_BYTES];
    adah_builder_name(name, BACKBONE_PREFIX, layer);
    const adah_window window = {size, size, stride, stride, pad, pad, pad, pad, 0};
    return adah_graph_relu(b->graph, adah_builder_convolution(b, name, x, n_out, window, 1, ADAH_INIT_HE,
                                                              ADAH_GROUP_BACKBONE));
}

static adah_node *max_pool(adah_builder *b, adah_node *x, int size, int stride, int ceil_mode) {
    return adah_graph_max_pool(b->graph, x, (adah_window){size, size, stride, stride, 0, 0, 0, 0, ceil_mode});
}

/* Widths of 3 x 3 convolutions in order; 0: 2 x 2 max pool. torchvision numbers every layer: a convolution and
 * its ReLU take two numbers, a pool one. */
static adah_node *vgg(adah_builder *b, adah_node *x, const int *widths, int n) {
    for (int i = 0, number = 0; i < n; i++) {
        char layer[32];
        snprintf(layer, sizeof layer, "features.%d", number);
        x = widths[i] ? convolution(b, layer, x, (size_t)widths[i], 3, 1, 1) : max_pool(b, x, 2, 2, 0);
        number += widths[i] ? 2 : 1;
    }
    return x;
}

/* Numbered as VGG's layers are. The maps of 54 and 27 positions at 224 pixels are pooled with the half window at the end. */
static adah_node *cnn_f(adah_builder *b, adah_node *x) {
    const adah_response response = {5, 2, 1e-4f, 0.75f};
    x = adah_graph_response_norm(b->graph, convolution(b, "features.0", x, 64, 11, 4, 0), response);
    x = convolution(b, "features.4", max_pool(b, x, 3, 2, 1), 256, 5, 1, 2);
    x = max_pool(b, adah_graph_response_norm(b->graph, x, response), 3, 2, 1);
    x = convolution(b, "features.8", x, 256, 3, 1, 1);
    x = convolution(b, "features.10", x, 256, 3, 1, 1);
    return max_pool(b, convolution(b, "features.12", x, 256, 3, 1, 1), 3, 2, 1);
}

/* A Fire module: squeeze 1 x 1, then expand 1 x 1 beside expand 3 x 3. */
static adah_node *fire(adah_builder *b, int number, adah_node *x, size_t n_squeeze, size_t n_expand) {
    char layer[48];
    snprintf(layer, sizeof layer, "features.%d.squeeze", number);
    x = convolution(b, layer, x, n_squeeze, 1, 1, 0);
    snprintf(layer, sizeof layer, "features.%d.expand1x1", number);
    adah_node *narrow = convolution(b, layer, x, n_expand, 1, 1, 0);
    snprintf(layer, sizeof layer, "features.%d.expand3x3", number);
    adah_node *wide = convolution(b, layer, x, n_expand, 3, 1, 1);
    return adah_graph_concatenate(b->graph, (adah_node *[]){narrow, wide}, 2);
}

static adah_node *squeezenet(adah_builder *b, adah_node *x) {
    x = max_pool(b, convolution(b, "features.0", x, 64, 3, 2, 0), 3, 2, 1);
    x = fire(b, 4, fire(b, 3, x, 16, 64), 16, 64);
    x = max_pool(b, x, 3, 2, 1);
    x = fire(b, 7, fire(b, 6, x, 32, 128), 32, 128);
    x = max_pool(b, x, 3, 2, 1);
    x = fire(b, 10, fire(b, 9, x, 48, 192), 48, 192);
    return fire(b, 12, fire(b, 11, x, 64, 256), 64, 256);
}

/* A convolution with TensorFlow's "same" padding, which puts the odd pixel at the end; ReLU6 unless `is_linear`. */
static adah_node *same_convolution(adah_builder *b, const char *layer, adah_node *x, size_t n_out, int size, int stride,
                                   size_t groups, int is_linear) {
    if (!x)
        return NULL;
    char name[ADAH_PARAMETER_NAME_BYTES];
    adah_builder_name(name, BACKBONE_PREFIX, layer);
    const adah_shape s = adah_node_shape(x);
    int before[2], after[2];
    for (int i = 0; i < 2; i++) {
        const int n = (int)s.dim[2 + i], reach = ((n + stride - 1) / stride - 1) * stride + size;
        const int padding = reach > n ? reach - n : 0;
        before[i] = padding / 2;
        after[i] = padding - before[i];
    }
    const adah_window window = {size, size, stride, stride, before[0], before[1], after[0], after[1], 0};
    x = adah_builder_convolution(b, name, x, n_out, window, groups, ADAH_INIT_HE, ADAH_GROUP_BACKBONE);
    return is_linear ? x : adah_graph_relu6(b->graph, x);
}

/* 1 x 1 to wider, 3 x 3 in each channel alone, 1 x 1 to narrow; added to what came in where the shape allows. */
static adah_node *inverted_residual(adah_builder *b, int number, adah_node *x, size_t expansion, size_t n_out, int stride) {
    if (!x)
        return NULL;
    char layer[48];
    const size_t n_in = adah_node_shape(x).dim[1], n_wide = n_in * expansion;
    adah_node *y = x;
    if (expansion > 1) {
        snprintf(layer, sizeof layer, "features.%d.expand", number);
        y = same_convolution(b, layer, y, n_wide, 1, 1, 1, 0);
    }
    snprintf(layer, sizeof layer, "features.%d.depthwise", number);
    y = same_convolution(b, layer, y, n_wide, 3, stride, n_wide, 0);
    snprintf(layer, sizeof layer, "features.%d.project", number);
    y = same_convolution(b, layer, y, n_out, 1, 1, 1, 1);
    return stride == 1 && n_in == n_out ? adah_graph_add(b->graph, x, y) : y;
}

static adah_node *mobilenet(adah_builder *b, adah_node *x) {
    static const struct {
        size_t expansion, n_out;
        int n, stride; /* stride: of the first of n */
    } stage[] = {{1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}};
    int number = 1;
    x = same_convolution(b, "features.0", x, 32, 3, 2, 1, 0);
    for (size_t s = 0; s < sizeof stage / sizeof *stage; s++)
        for (int i = 0; i < stage[s].n; i++)
            x = inverted_residual(b, number++, x, stage[s].expansion, stage[s].n_out, i ? 1 : stage[s].stride);
    return same_convolution(b, "features.18", x, 1280, 1, 1, 1, 0);
}

static adah_node *normed(adah_builder *b, int number, adah_node *x, size_t n_out, int size, int stride) {
    char layer[ADAH_PARAMETER_NAME_BYTES], norm[ADAH_PARAMETER_NAME_BYTES];
    snprintf(layer, sizeof layer, BACKBONE_PREFIX ".features.%d", number);
    snprintf(norm, sizeof norm, BACKBONE_PREFIX ".norm.%d", number);
    const int pad = size / 2;
    return adah_builder_normed_convolution(b, layer, norm, x, n_out,
                                           (adah_window){size, size, stride, stride, pad, pad, pad, pad, 0},
                                           ADAH_GROUP_BACKBONE);
}

static adah_node *small(adah_builder *b, adah_node *x) {
    x = normed(b, 0, x, 32, 5, 2);
    x = max_pool(b, normed(b, 1, x, 64, 3, 1), 2, 2, 0);
    x = max_pool(b, normed(b, 2, x, 96, 3, 1), 2, 2, 0);
    x = normed(b, 3, x, 128, 3, 1);
    return normed(b, 4, x, 128, 3, 1);
}

adah_node *adah_backbone_features(adah_builder *b, const char *name, adah_node *x) {
    static const int vgg16[] = {64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0};
    static const int vgg19[] = {64,  64, 0,   128, 128, 0,   256, 256, 256, 256, 0,
                                512, 512, 512, 512, 0,   512, 512, 512, 512, 0};
    if (!strcmp(name, "vgg16"))
        return vgg(b, x, vgg16, sizeof vgg16 / sizeof *vgg16);
    if (!strcmp(name, "vgg19"))
        return vgg(b, x, vgg19, sizeof vgg19 / sizeof *vgg19);
    if (!strcmp(name, "cnn_f"))
        return cnn_f(b, x);
    if (!strcmp(name, "squeezenet1_1"))
        return squeezenet(b, x);
    if (!strcmp(name, "mobilenet_v2"))
        return mobilenet(b, x);
    return small(b, x);
}

adah_node *adah_backbone_logits(adah_builder *b, const char *name, adah_node *f) {
    if (!f)
        return NULL;
    if (!strcmp(name, "squeezenet1_1"))
        return adah_graph_average_all(b->graph, convolution(b, "classifier.1", f, 1000, 1, 1, 0));
    if (!strcmp(name, "mobilenet_v2"))
        return adah_builder_linear(b, BACKBONE_PREFIX ".classifier.1", adah_graph_average_all(b->graph, f), 1000,
                                   ADAH_INIT_GLOROT, ADAH_GROUP_BACKBONE);
    const char *const layer[] = {BACKBONE_PREFIX ".classifier.0", BACKBONE_PREFIX ".classifier.3"};
    for (int i = 0; i < 2; i++)
        f = adah_graph_relu(b->graph, adah_builder_linear(b, layer[i], f, 4096, ADAH_INIT_HE, ADAH_GROUP_BACKBONE));
    return adah_builder_linear(b, BACKBONE_PREFIX ".classifier.6", f, 1000, ADAH_INIT_GLOROT, ADAH_GROUP_BACKBONE);
}

/* Pixels to their channels' planes, each value times scale plus shift. The compiler makes vectors of it where bytes can be picked. */
__attribute__((always_inline)) static inline void split(const uint8_t *restrict rgb, size_t n, const float *scale, const float *shift,
                                                        float *restrict red, float *restrict green, float *restrict blue) {
    const float scale_r = scale[0], scale_g = scale[1], scale_b = scale[2], shift_r = shift[0], shift_g = shift[1], shift_b = shift[2];
    for (size_t i = 0; i < n; i++) {
        red[i] = (float)rgb[3 * i] * scale_r + shift_r;
        green[i] = (float)rgb[3 * i + 1] * scale_g + shift_g;
        blue[i] = (float)rgb[3 * i + 2] * scale_b + shift_b;
    }
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) static void split_avx2(const uint8_t *rgb, size_t n, const float *scale, const float *shift, float *red,
                                                       float *green, float *blue) {
    split(rgb, n, scale, shift, red, green, blue);
}
#endif

void adah_backbone_normalise(const adah_settings *config, const uint8_t *rgb, size_t n_side, float *x) {
    static const float caffe_mean[3] = {123, 117, 104}; /* of R, G, B */
    static const float mean[3] = {0.485f, 0.456f, 0.406f}, deviation[3] = {0.229f, 0.224f, 0.225f};
    const float own_mean[3] = {config->mean_red, config->mean_green, config->mean_blue};
    const int caffe = config->weights_style == ADAH_STYLE_CAFFE, tensorflow = config->weights_style == ADAH_STYLE_TENSORFLOW;
    const int matconvnet = config->weights_style == ADAH_STYLE_MATCONVNET;
    const size_t n = n_side * n_side;
    float scale[3], shift[3], *red = x + (caffe ? 2 : 0) * n, *green = x + n, *blue = x + (caffe ? 0 : 2) * n;
    for (size_t c = 0; c < 3; c++) {
        scale[c] = caffe || matconvnet ? 1 : tensorflow ? 1 / 127.5f : 1 / (255 * deviation[c]);
        shift[c] = caffe ? -caffe_mean[c] : matconvnet ? -own_mean[c] : tensorflow ? -1 : -mean[c] / deviation[c];
    }
#if defined(__x86_64__)
    if (adah_processor_vectors() >= ADAH_VECTORS_AVX2) {
        split_avx2(rgb, n, scale, shift, red, green, blue);
        return;
    }
#endif
    split(rgb, n, scale, shift, red, green, blue);
}

/* Where in a weight file parameter `name` comes from; NULL: not from there. */
static const char *source_of(const char *name, const adah_settings *config, char text[ADAH_PARAMETER_NAME_BYTES]) {
    const size_t n = strlen(BACKBONE_PREFIX ".");
    if (!strncmp(name, BACKBONE_PREFIX ".", n))
        return name + n;
    if (config->pooling != ADAH_POOL_FLATTEN || strncmp(name, "image.hashing.", 14))
        return NULL;
    if (name[14] != '0' && name[14] != '1')
        return NULL;
    snprintf(text, ADAH_PARAMETER_NAME_BYTES, "classifier.%c%s", name[14] == '0' ? '0' : '3', name + 15);
    return text;
}

adah_code adah_backbone_load(adah_parameters *parameters, const adah_settings *config, const adah_weights *weights,
                             adah_status *status) {
    for (size_t i = 0; i < parameters->n; i++) {
        adah_parameter *p = parameters->item[i];
        char text[ADAH_PARAMETER_NAME_BYTES];
        const char *source = source_of(p->name, config, text);
        if (!source)
            continue;
        if (adah_weights_has(weights, p->name))
            source = p->name; /* the file is an adah model */
        ADAH_TRY(adah_weights_read(weights, source, p->shape, p->value, status));
        p->version++;
    }
    return ADAH_OK;
}
