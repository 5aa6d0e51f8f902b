/* feature.c - E^T: two fully connected layers with ReLU on a bag of words; the magnitude of f^I. */
#include "paper/feature.h"

#include <string.h>

static void scale_forward(void *context, const float *const *x, float *y) {
    const adah_scale *scale = context;
    for (size_t i = 0; i < scale->n; i++)
        y[i] = x[0][i] * scale->factor;
}

static void scale_backward(void *context, const float *const *x, const float *y, const float *dy, float *const *dx) {
    (void)x;
    (void)y;
    const adah_scale *scale = context;
    for (size_t i = 0; dx[0] && i < scale->n; i++)
        dx[0][i] += dy[i] * scale->factor;
}

adah_node *adah_feature_scale(adah_builder *b, adah_node *f, adah_scale *scale) {
    if (!f || b->config->feature_scale == 0 || b->config->feature_scale == 1)
        return f;
    const adah_shape s = adah_node_shape(f);
    *scale = (adah_scale){adah_shape_count(s), b->config->feature_scale};
    return adah_graph_operation(b->graph, (adah_operation){"scale", scale_forward, scale_backward, scale}, &f, 1, s);
}

static void standard_forward(void *context, const float *const *x, float *y, size_t b) {
    const adah_standard *s = context;
    for (size_t i = 0; i < s->n; i++)
        y[b * s->n + i] = (x[0][b * s->n + i] - s->mean[i]) * s->factor[i];
}

static void standard_backward(void *context, const float *const *x, const float *y, const float *dy, float *const *dx, size_t b) {
    (void)x;
    (void)y;
    const adah_standard *s = context;
    for (size_t i = 0; dx[0] && i < s->n; i++)
        dx[0][b * s->n + i] += dy[b * s->n + i] * s->factor[i];
}

adah_node *adah_feature_standard(adah_builder *b, const char *prefix, adah_node *f, adah_standard *standard) {
    const int is_wanted = f && b->config->standard_features && !strcmp(prefix, "image") && b->config->pooling != ADAH_POOL_FLATTEN;
    if (!is_wanted)
        return f;
    const adah_shape s = adah_node_shape(f), values = ADAH_SHAPE1(s.dim[1]);
    const adah_parameter *mean = adah_builder_parameter(b, prefix, ADAH_STANDARD_MEAN_SUFFIX, values, ADAH_INIT_ZERO, ADAH_GROUP_CONSTANT);
    const adah_parameter *factor = adah_builder_parameter(b, prefix, ADAH_STANDARD_FACTOR_SUFFIX, values, ADAH_INIT_ONE, ADAH_GROUP_CONSTANT);
    if (!mean || !factor)
        return NULL;
    *standard = (adah_standard){s.dim[1], mean->value, factor->value};
    const adah_item_operation operation = {"standard", standard_forward, standard_backward, standard};
    return adah_graph_item_operation(b->graph, operation, &f, 1, s);
}

adah_node *adah_feature_vector(adah_builder *b, const char *prefix, adah_node *x, size_t n_hidden, size_t n_feature) {
    char name[ADAH_PARAMETER_NAME_BYTES];
    adah_builder_name(name, prefix, "feature.0");
    x = adah_graph_relu(b->graph, adah_builder_linear(b, name, x, n_hidden, ADAH_INIT_HE, ADAH_GROUP_HEAD));
    x = adah_graph_dropout(b->graph, x, b->config->dropout);
    adah_builder_name(name, prefix, "feature.1");
    return adah_graph_relu(b->graph, adah_builder_linear(b, name, x, n_feature, ADAH_INIT_HE, ADAH_GROUP_HEAD));
}
