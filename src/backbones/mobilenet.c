/* mobilenet.c - MobileNetV2 1.0 (Sandler et al. 2018), normalisation folded into the weights; f (1280, 7, 7) at 224. */
#include "backbones/layers.h"

#include <stdio.h>

/* A convolution with TensorFlow's "same" padding, which puts the odd pixel at the end; ReLU6 unless `is_linear`. */
static adah_node *same_convolution(adah_builder *b, const char *layer, adah_node *x, size_t n_out, int size, int stride,
                                   size_t groups, int is_linear) {
    if (!x)
        return NULL;
    char name[ADAH_PARAMETER_NAME_BYTES];
    adah_builder_name(name, ADAH_BACKBONE_PREFIX, layer);
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

static adah_node *features(adah_builder *b, adah_node *x) {
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

static adah_node *logits(adah_builder *b, adah_node *f) {
    return adah_builder_linear(b, ADAH_BACKBONE_PREFIX ".classifier.1", adah_graph_average_all(b->graph, f), 1000, ADAH_INIT_GLOROT,
                               ADAH_GROUP_BACKBONE);
}

const adah_backbone adah_backbone_mobilenet_v2 = {
    .name = "mobilenet_v2", .n_side = 224, .n_side_min = 32, .features = features, .logits = logits};
