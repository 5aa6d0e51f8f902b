/* rival_network.c - adds a rival's layers to a graph. */
#include "rivals/rival_network.h"
#include "base/parallel.h"

#include <math.h>
#include <string.h>

enum { MODALITY_HIDDEN = 50 };

typedef struct kernel_pass {
    const adah_anchor_kernel *kernel;
    const float *x;
    float *y;
} kernel_pass;

static void kernel_item(void *context, size_t i) {
    const kernel_pass *pass = context;
    const adah_anchor_kernel *k = pass->kernel;
    const float *x = pass->x + i * k->n_in;
    for (size_t j = 0; j < k->n_anchors; j++) {
        const float *anchor = k->anchor + j * k->n_in;
        float square = 0;
#pragma omp simd reduction(+ : square)
        for (size_t c = 0; c < k->n_in; c++)
            square += (x[c] - anchor[c]) * (x[c] - anchor[c]);
        pass->y[i * k->n_anchors + j] = expf(-square * *k->scale);
    }
}

static void kernel_forward(void *context, const float *const *x, float *y) {
    kernel_pass pass = {context, x[0], y};
    adah_parallel_for(pass.kernel->n_batch, 1, kernel_item, &pass);
}

/* No gradient passes: methods with kernels learn in closed form. */
const adah_operation adah_operation_anchor_kernel = {"kernel", kernel_forward, NULL, NULL};

static adah_node *kernel_node(adah_builder *b, const char *hash, const adah_parameter *anchor, adah_node *x, adah_anchor_kernel *kernel) {
    const adah_shape s = adah_node_shape(x);
    const size_t n_in = adah_shape_count(s) / s.dim[0], n_anchors = anchor->shape.dim[0];
    adah_builder_parameter(b, hash, "anchor", ADAH_SHAPE2(n_anchors, n_in), ADAH_INIT_ZERO, ADAH_GROUP_HEAD);
    const adah_parameter *scale =
        adah_builder_parameter(b, hash, "scale", ADAH_SHAPE1(1), ADAH_INIT_ZERO, ADAH_GROUP_HEAD);
    if (!scale)
        return NULL;
    *kernel = (adah_anchor_kernel){s.dim[0], n_in, n_anchors, anchor->value, scale->value};
    adah_operation op = adah_operation_anchor_kernel;
    op.context = kernel;
    return adah_graph_operation(b->graph, op, &x, 1, ADAH_SHAPE2(s.dim[0], n_anchors));
}

adah_node *adah_rival_network_code(adah_builder *b, const char *prefix, adah_node *x, size_t n_hidden, adah_anchor_kernel *kernel) {
    const size_t n_bits = (size_t)b->config->n_bits;
    const int is_acmr = !strcmp(b->config->method, "acmr");
    char hash[ADAH_PARAMETER_NAME_BYTES], name[ADAH_PARAMETER_NAME_BYTES];
    adah_builder_name(hash, prefix, "hash");
    if (x && adah_node_shape(x).n_dims == 4)
        x = adah_graph_average_all(b->graph, x);
    if (!x)
        return NULL;
    if (adah_settings_is_shallow(b->config)) {
        const adah_parameter *anchor = adah_parameters_find(b->parameters, adah_builder_name(name, hash, "anchor"));
        if (anchor)
            x = kernel_node(b, hash, anchor, x, kernel);
        return adah_builder_linear(b, hash, x, n_bits, ADAH_INIT_ZERO, ADAH_GROUP_HEAD);
    }
    adah_builder_name(name, prefix, "hidden");
    x = adah_builder_linear(b, name, x, n_hidden, is_acmr ? ADAH_INIT_GLOROT : ADAH_INIT_HE, ADAH_GROUP_HEAD);
    x = adah_graph_dropout(b->graph, is_acmr ? adah_graph_tanh(b->graph, x) : adah_graph_relu(b->graph, x), b->config->dropout);
    x = adah_builder_linear(b, hash, x, n_bits, ADAH_INIT_GLOROT, ADAH_GROUP_HEAD);
    return is_acmr ? adah_graph_tanh(b->graph, x) : x;
}

adah_node *adah_rival_network_modality(adah_builder *b, adah_node *code) {
    adah_node *x = adah_builder_linear(b, "modality.0", code, MODALITY_HIDDEN, ADAH_INIT_GLOROT, ADAH_GROUP_ATTENTION);
    return adah_builder_linear(b, "modality.1", adah_graph_tanh(b->graph, x), 1, ADAH_INIT_GLOROT, ADAH_GROUP_ATTENTION);
}
