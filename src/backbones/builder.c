/* builder.c - finds or makes parameters for the modules. */
#include "backbones/builder.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

const char *adah_builder_name(char name[ADAH_PARAMETER_NAME_BYTES], const char *prefix, const char *suffix) {
    snprintf(name, ADAH_PARAMETER_NAME_BYTES, "%s.%s", prefix, suffix);
    return name;
}

adah_parameter *adah_builder_parameter(adah_builder *b, const char *prefix, const char *suffix, adah_shape shape,
                                       adah_init init, unsigned group) {
    char name[ADAH_PARAMETER_NAME_BYTES], found[96], expected[96];
    adah_builder_name(name, prefix, suffix);
    if (b->failed)
        return NULL;
    adah_parameter *p = adah_parameters_find(b->parameters, name);
    if (p && !adah_shape_equal(p->shape, shape)) {
        adah_fail(b->status, ADAH_ERROR_MISMATCH, "parameter %s is %s, expected %s", name,
                  adah_shape_text(p->shape, found), adah_shape_text(shape, expected));
        b->failed = 1;
        return NULL;
    }
    if (p)
        return p;
    if (!b->creating)
        adah_fail(b->status, ADAH_ERROR_FORMAT, "parameter %s is missing", name);
    else if (!(p = adah_parameters_add(b->parameters, name, shape, group)))
        adah_fail_memory(b->status, adah_shape_count(shape) * sizeof(float));
    if (!p) {
        b->failed = 1;
        return NULL;
    }
    adah_random r = adah_random_seeded(b->config->seed, XXH3_64bits(name, strlen(name)));
    if (init == ADAH_INIT_HE)
        adah_parameter_init_he(p, &r);
    else if (init == ADAH_INIT_GLOROT)
        adah_parameter_init_glorot(p, &r);
    if (init == ADAH_INIT_ONE || init == ADAH_INIT_STATISTICS)
        for (size_t i = init == ADAH_INIT_ONE ? 0 : p->n / 2; i < p->n; i++)
            p->value[i] = 1;
    return p;
}

adah_node *adah_builder_linear(adah_builder *b, const char *prefix, adah_node *x, size_t n_out, adah_init init,
                               unsigned group) {
    if (!x)
        return NULL;
    const adah_shape s = adah_node_shape(x);
    adah_parameter *w = adah_builder_parameter(b, prefix, "weight",
                                               ADAH_SHAPE2(n_out, adah_shape_count(s) / s.dim[0]), init, group);
    adah_parameter *bias = adah_builder_parameter(b, prefix, "bias", ADAH_SHAPE1(n_out), ADAH_INIT_ZERO, group);
    return adah_graph_fully_connected(b->graph, x, w, bias);
}

adah_node *adah_builder_convolution(adah_builder *b, const char *prefix, adah_node *x, size_t n_out,
                                    adah_window window, size_t groups, adah_init init, unsigned group) {
    if (!x)
        return NULL;
    adah_parameter *w = adah_builder_parameter(
        b, prefix, "weight",
        ADAH_SHAPE4(n_out, adah_node_shape(x).dim[1] / groups, (size_t)window.size_h, (size_t)window.size_w), init, group);
    adah_parameter *bias = adah_builder_parameter(b, prefix, "bias", ADAH_SHAPE1(n_out), ADAH_INIT_ZERO, group);
    return adah_graph_convolution(b->graph, x, w, bias, window, (int)groups);
}

adah_node *adah_builder_normed_convolution(adah_builder *b, const char *layer, const char *norm, adah_node *x, size_t n_out,
                                           adah_window window, unsigned group) {
    if (!x)
        return NULL;
    const adah_shape shape =
        ADAH_SHAPE4(n_out, adah_node_shape(x).dim[1], (size_t)window.size_h, (size_t)window.size_w);
    adah_parameter *filter = adah_builder_parameter(b, layer, "weight", shape, ADAH_INIT_HE, group);
    adah_parameter *w = adah_builder_parameter(b, norm, "weight", ADAH_SHAPE1(n_out), ADAH_INIT_ONE, group);
    adah_parameter *bias = adah_builder_parameter(b, norm, "bias", ADAH_SHAPE1(n_out), ADAH_INIT_ZERO, group);
    adah_parameter *statistics = adah_builder_parameter(b, norm, "statistics", ADAH_SHAPE2(2, n_out), ADAH_INIT_STATISTICS,
                                                        ADAH_GROUP_STATISTICS);
    adah_node *y = adah_graph_convolution(b->graph, x, filter, NULL, window, 1);
    return adah_graph_relu(b->graph, adah_graph_batch_norm(b->graph, y, w, bias, statistics));
}
