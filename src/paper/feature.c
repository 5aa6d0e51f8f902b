/* feature.c - E^T: two fully connected layers with ReLU on a bag of words; the magnitude of f^I. */
#include "paper/feature.h"

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

adah_node *adah_feature_vector(adah_builder *b, const char *prefix, adah_node *x, size_t n_hidden, size_t n_feature) {
    char name[ADAH_PARAMETER_NAME_BYTES];
    adah_builder_name(name, prefix, "feature.0");
    x = adah_graph_relu(b->graph, adah_builder_linear(b, name, x, n_hidden, ADAH_INIT_HE, ADAH_GROUP_HEAD));
    x = adah_graph_dropout(b->graph, x, b->config->dropout);
    adah_builder_name(name, prefix, "feature.1");
    return adah_graph_relu(b->graph, adah_builder_linear(b, name, x, n_feature, ADAH_INIT_HE, ADAH_GROUP_HEAD));
}
