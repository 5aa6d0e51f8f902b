/* rival_network.c - adds a rival's layers to a graph. */
#include "rivals/rival_network.h"
#include "base/memory.h"
#include "base/parallel.h"

#include <math.h>
#include <string.h>

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

static adah_node *kernel_node(adah_builder *b, const char *hash, const adah_parameter *anchor, adah_node *x, adah_side *side) {
    const adah_shape s = adah_node_shape(x);
    const size_t n_in = adah_shape_count(s) / s.dim[0], n_anchors = anchor->shape.dim[0];
    adah_builder_parameter(b, hash, "anchor", ADAH_SHAPE2(n_anchors, n_in), ADAH_INIT_ZERO, ADAH_GROUP_HEAD);
    const adah_parameter *scale =
        adah_builder_parameter(b, hash, "scale", ADAH_SHAPE1(1), ADAH_INIT_ZERO, ADAH_GROUP_HEAD);
    adah_anchor_kernel *kernel = scale ? adah_memory_alloc(sizeof *kernel) : NULL;
    if (scale && !kernel && !b->failed) {
        adah_fail_memory(b->status, sizeof *kernel);
        b->failed = 1;
    }
    if (!kernel)
        return NULL;
    *kernel = (adah_anchor_kernel){s.dim[0], n_in, n_anchors, anchor->value, scale->value};
    side->own = kernel;
    adah_operation op = adah_operation_anchor_kernel;
    op.context = kernel;
    return adah_graph_operation(b->graph, op, &x, 1, ADAH_SHAPE2(s.dim[0], n_anchors));
}

adah_node *adah_rival_input(adah_builder *b, adah_side *side) {
    adah_node *x = side->feature;
    if (side->kind == ADAH_INPUT_TOKENS)
        x = adah_attention_token_mean(b, x, &side->attention);
    return x && adah_node_shape(x).n_dims == 4 ? adah_graph_average_all(b->graph, x) : x;
}

adah_node *adah_rival_hidden(adah_builder *b, const char *prefix, adah_side *side, adah_init init) {
    const int n_hidden = strcmp(prefix, "image") ? b->config->n_text_hidden : b->config->n_image_hidden;
    char name[ADAH_PARAMETER_NAME_BYTES];
    adah_builder_name(name, prefix, "hidden");
    adah_node *x = adah_rival_input(b, side);
    side->average = adah_graph_trains(b->graph) ? NULL : x;
    return adah_builder_linear(b, name, adah_feature_standard(b, prefix, x, &side->standard), (size_t)n_hidden, init, ADAH_GROUP_HEAD);
}

adah_node *adah_rival_code(adah_builder *b, const char *prefix, adah_node *x, adah_init init) {
    char name[ADAH_PARAMETER_NAME_BYTES];
    adah_builder_name(name, prefix, "hash");
    return adah_builder_linear(b, name, x, (size_t)b->config->n_bits, init, ADAH_GROUP_HEAD);
}

void adah_rival_build_shallow(adah_builder *b, const char *prefix, const adah_network_plan *plan, adah_side *side) {
    (void)plan;
    char hash[ADAH_PARAMETER_NAME_BYTES], name[ADAH_PARAMETER_NAME_BYTES];
    adah_builder_name(hash, prefix, "hash");
    const adah_parameter *anchor = adah_parameters_find(b->parameters, adah_builder_name(name, hash, "anchor"));
    adah_node *x = adah_rival_input(b, side);
    if (x && anchor)
        x = kernel_node(b, hash, anchor, x, side);
    side->class_code = adah_rival_code(b, prefix, x, ADAH_INIT_ZERO);
}
