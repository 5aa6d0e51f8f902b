/* attention_pool.c - the mean has a row of positions of its own. Keys and values are made of linear layers apart, and joined as maps are. */
#include "backbones/attention_pool.h"
#include "backbones/resample.h"
#include "backbones/transformer.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

#define OWN(name) ADAH_BACKBONE_PREFIX ".pool." name

enum { GROUP = ADAH_GROUP_BACKBONE };

/* (B, N, C) twice -> (B, N, 2 C) */
static adah_node *join(adah_graph *g, adah_node *keys, adah_node *values) {
    if (!keys || !values)
        return NULL;
    const size_t n = adah_node_shape(keys).dim[1];
    adah_node *const maps[] = {adah_graph_map(g, keys, n, 1, NULL), adah_graph_map(g, values, n, 1, NULL)};
    return adah_graph_patches(g, adah_graph_concatenate(g, maps, 2), 1);
}

adah_node *adah_attention_pool_build(adah_builder *b, const adah_attention_pool *pool, adah_node *f) {
    if (!f)
        return NULL;
    const adah_shape s = adah_node_shape(f);
    const size_t n_channels = s.dim[1], height = s.dim[2], width = s.dim[3];
    adah_graph *g = b->graph;
    adah_node *mean = adah_graph_add_rows(g, adah_graph_patches(g, adah_graph_average_all(g, f), 1),
                                          adah_builder_parameter(b, ADAH_BACKBONE_PREFIX ".pool", "mean", ADAH_SHAPE2(1, n_channels),
                                                                 ADAH_INIT_GLOROT, GROUP));
    adah_node *rows = adah_graph_add_rows(g, adah_graph_patches(g, f, 1),
                                          adah_builder_parameter(b, ADAH_BACKBONE_PREFIX ".pool", "positions",
                                                                 ADAH_SHAPE2(height * width, n_channels), ADAH_INIT_GLOROT, GROUP));
    rows = adah_graph_concatenate(g, (adah_node *[]){mean, rows}, 2);
    adah_node *query = adah_transformer_linear(b, OWN("query"), mean, n_channels, 1, GROUP);
    adah_node *keys = adah_transformer_linear(b, OWN("key"), rows, n_channels, 1, GROUP);
    adah_node *values = adah_transformer_linear(b, OWN("value"), rows, n_channels, 1, GROUP);
    adah_node *picture = adah_graph_attention(g, query, join(g, keys, values), NULL, (adah_attention_form){.n_heads = pool->n_heads});
    picture = adah_graph_pool_rows(g, adah_transformer_linear(b, OWN("joint"), picture, pool->n_out, 1, GROUP), NULL, ADAH_ROW_FIRST);
    return adah_graph_map(g, adah_transformer_linear(b, OWN("joint"), values, pool->n_out, 1, GROUP), height, width, picture);
}

/* ---------------------------------------------------------------- loading */

static size_t whole_root(size_t n) {
    size_t root = 0;
    while ((root + 1) * (root + 1) <= n)
        root++;
    return root;
}

static adah_code load_positions(const adah_parameters *parameters, const char *name, const adah_weights *weights, adah_status *status) {
    adah_parameter *mean = adah_parameters_find(parameters, OWN("mean")), *rest = adah_parameters_find(parameters, OWN("positions"));
    const adah_stored_tensor *t = adah_weights_find(weights, name);
    const size_t n = mean->n, n_to = whole_root(rest->shape.dim[0]), n_rows = t && t->n_dims == 2 ? t->dim[0] : rest->shape.dim[0] + 1;
    const size_t n_from = whole_root(n_rows - 1);
    if (n_rows < 2 || n_from * n_from + 1 != n_rows)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: tensor '%s' has %zu rows, expected one more than a square number",
                         adah_weights_path(weights), name, n_rows);
    float *rows = adah_memory_floats(n_rows * n);
    if (!rows)
        return adah_fail_memory(status, n_rows * n * sizeof *rows);
    const adah_code code = adah_weights_read(weights, name, ADAH_SHAPE2(n_rows, n), rows, status);
    if (code == ADAH_OK) {
        memcpy(mean->value, rows, n * sizeof *rows);
        if (n_from == n_to)
            memcpy(rest->value, rows + n, rest->n * sizeof *rows);
        else
            adah_resample_grid(rows + n, n_from, rest->value, n_to, n);
        mean->version++;
        rest->version++;
    }
    adah_memory_free(rows);
    return code;
}

adah_code adah_attention_pool_load(const adah_parameters *parameters, const adah_attention_pool_names *names, const char *prefix,
                                   const adah_weights *weights, adah_status *status) {
    const char *const layers[][2] = {{OWN("query."), names->query}, {OWN("key."), names->key}, {OWN("value."), names->value},
                                     {OWN("joint."), names->joint}};
    static const char *const kinds[] = {"weight", "bias"};
    char own[ADAH_PARAMETER_NAME_BYTES], name[ADAH_PARAMETER_NAME_BYTES * 2];
    snprintf(name, sizeof name, "%s%s", prefix, names->positions);
    ADAH_TRY(load_positions(parameters, name, weights, status));
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++)
        for (size_t k = 0; k < 2; k++) {
            snprintf(own, sizeof own, "%s%s", layers[i][0], kinds[k]);
            snprintf(name, sizeof name, "%s%s%s", prefix, layers[i][1], kinds[k]);
            ADAH_TRY(adah_transformer_load_one(parameters, own, name, (adah_shape){0}, weights, status));
        }
    return ADAH_OK;
}
