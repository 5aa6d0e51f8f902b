/* transformer.c - blocks of attention and of two linear layers, and where their weights come from.
 *
 * Queries, keys and values are one linear layer of 3 C outputs, whatever the file has. */
#include "backbones/transformer.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- building */

adah_node *adah_transformer_linear(adah_builder *b, const char *prefix, adah_node *x, size_t n_out, int has_bias, unsigned group) {
    if (!x)
        return NULL;
    const adah_shape s = adah_node_shape(x);
    adah_parameter *w = adah_builder_parameter(b, prefix, "weight", ADAH_SHAPE2(n_out, s.dim[s.n_dims - 1]), ADAH_INIT_GLOROT, group);
    adah_parameter *bias = has_bias ? adah_builder_parameter(b, prefix, "bias", ADAH_SHAPE1(n_out), ADAH_INIT_ZERO, group) : NULL;
    return adah_graph_linear(b->graph, x, w, bias);
}

adah_node *adah_transformer_norm(adah_builder *b, const char *prefix, adah_node *x, float epsilon, unsigned group) {
    if (!x)
        return NULL;
    const adah_shape s = adah_node_shape(x), shape = ADAH_SHAPE1(s.dim[s.n_dims - 1]);
    adah_parameter *w = adah_builder_parameter(b, prefix, "weight", shape, ADAH_INIT_ONE, group);
    adah_parameter *bias = adah_builder_parameter(b, prefix, "bias", shape, ADAH_INIT_ZERO, group);
    return adah_graph_layer_norm(b->graph, x, w, bias, epsilon);
}

/* "<prefix>.<number>.<part>" */
static const char *part_name(char name[ADAH_PARAMETER_NAME_BYTES], const char *prefix, size_t number, const char *part) {
    snprintf(name, ADAH_PARAMETER_NAME_BYTES, "%s.%zu.%s", prefix, number, part);
    return name;
}

adah_node *adah_transformer_block(adah_builder *b, const char *prefix, size_t number, const adah_transformer *t, adah_node *x,
                                  adah_node *presence, unsigned group) {
    char name[ADAH_PARAMETER_NAME_BYTES];
    adah_graph *g = b->graph;
    adah_node *y = x;
    if (!t->is_post_norm)
        y = adah_transformer_norm(b, part_name(name, prefix, number, "norm1"), y, t->epsilon, group);
    y = adah_transformer_linear(b, part_name(name, prefix, number, "attention"), y, 3 * t->n_channels, 1, group);
    const adah_attention_form form = {.n_heads = t->n_heads, .is_causal = t->is_causal, .is_packed = t->is_packed,
                                      .distance = t->n_distant ? adah_builder_parameter(b, prefix, "distance", ADAH_SHAPE2(t->n_heads, 2 * t->n_distant - 1),
                                                                                         ADAH_INIT_ZERO, group) : NULL};
    y = adah_graph_attention(g, y, NULL, presence, form);
    y = adah_transformer_linear(b, part_name(name, prefix, number, "projection"), y, t->n_channels, 1, group);
    x = adah_graph_add(g, x, y);
    if (t->is_post_norm)
        x = adah_transformer_norm(b, part_name(name, prefix, number, "norm1"), x, t->epsilon, group);
    y = t->is_post_norm ? x : adah_transformer_norm(b, part_name(name, prefix, number, "norm2"), x, t->epsilon, group);
    y = adah_transformer_linear(b, part_name(name, prefix, number, "up"), y, t->n_hidden, 1, group);
    y = adah_transformer_linear(b, part_name(name, prefix, number, "down"), adah_graph_gelu(g, y, t->gelu), t->n_channels, 1, group);
    x = adah_graph_add(g, x, y);
    return t->is_post_norm ? adah_transformer_norm(b, part_name(name, prefix, number, "norm2"), x, t->epsilon, group) : x;
}

adah_node *adah_transformer_blocks(adah_builder *b, const char *prefix, const adah_transformer *t, adah_node *x, adah_node *presence,
                                   unsigned group) {
    for (size_t i = 0; i < t->n_layers; i++)
        x = adah_transformer_block(b, prefix, i, t, x, presence, group);
    return x;
}

/* ---------------------------------------------------------------- names */

const adah_transformer_names adah_transformer_names_bert = {
    .norm1 = "attention.output.LayerNorm.", .query = "attention.self.query.", .key = "attention.self.key.",
    .value = "attention.self.value.", .projection = "attention.output.dense.", .norm2 = "output.LayerNorm.",
    .up = "intermediate.dense.", .down = "output.dense."};
const adah_transformer_names adah_transformer_names_distilbert = {
    .norm1 = "sa_layer_norm.", .query = "attention.q_lin.", .key = "attention.k_lin.", .value = "attention.v_lin.",
    .projection = "attention.out_lin.", .norm2 = "output_layer_norm.", .up = "ffn.lin1.", .down = "ffn.lin2."};
const adah_transformer_names adah_transformer_names_mpnet = {
    .norm1 = "attention.LayerNorm.", .query = "attention.attn.q.", .key = "attention.attn.k.", .value = "attention.attn.v.",
    .projection = "attention.attn.o.", .norm2 = "output.LayerNorm.", .up = "intermediate.dense.", .down = "output.dense."};
const adah_transformer_names adah_transformer_names_clip = {
    .norm1 = "layer_norm1.", .query = "self_attn.q_proj.", .key = "self_attn.k_proj.", .value = "self_attn.v_proj.",
    .projection = "self_attn.out_proj.", .norm2 = "layer_norm2.", .up = "mlp.fc1.", .down = "mlp.fc2."};
const adah_transformer_names adah_transformer_names_vit = {
    .norm1 = "layernorm_before.", .query = "attention.attention.query.", .key = "attention.attention.key.",
    .value = "attention.attention.value.", .projection = "attention.output.dense.", .norm2 = "layernorm_after.",
    .up = "intermediate.dense.", .down = "output.dense."};
const adah_transformer_names adah_transformer_names_dinov2 = {
    .norm1 = "norm1.", .query = "attention.attention.query.", .key = "attention.attention.key.", .value = "attention.attention.value.",
    .projection = "attention.output.dense.", .norm2 = "norm2.", .up = "mlp.fc1.", .down = "mlp.fc2.",
    .scale1 = "layer_scale1.lambda1", .scale2 = "layer_scale2.lambda1"};
const adah_transformer_names adah_transformer_names_timm = {
    .norm1 = "norm1.", .query = "attn.qkv.", .projection = "attn.proj.", .norm2 = "norm2.", .up = "mlp.fc1.", .down = "mlp.fc2."};
const adah_transformer_names adah_transformer_names_timm_scaled = {
    .norm1 = "norm1.", .query = "attn.qkv.", .projection = "attn.proj.", .norm2 = "norm2.", .up = "mlp.fc1.", .down = "mlp.fc2.",
    .scale1 = "ls1.gamma", .scale2 = "ls2.gamma"};
const adah_transformer_names adah_transformer_names_openai = {
    .norm1 = "ln_1.", .query = "attn.in_proj_", .projection = "attn.out_proj.", .norm2 = "ln_2.", .up = "mlp.c_fc.", .down = "mlp.c_proj."};
const adah_transformer_names adah_transformer_names_torchvision = {
    .norm1 = "ln_1.", .query = "self_attention.in_proj_", .projection = "self_attention.out_proj.", .norm2 = "ln_2.", .up = "mlp.0.",
    .down = "mlp.3."};

/* ---------------------------------------------------------------- loading */

adah_code adah_transformer_load_one(const adah_parameters *parameters, const char *parameter, const char *name, adah_shape shape,
                                    const adah_weights *weights, adah_status *status) {
    adah_parameter *p = adah_parameters_find(parameters, parameter);
    if (!p)
        return ADAH_OK;
    p->version++;
    return adah_weights_read(weights, name, shape.n_dims ? shape : p->shape, p->value, status);
}

/* One block's. */
typedef struct block {
    const adah_parameters *parameters;
    const char *prefix, *source;
    size_t number;
    const adah_weights *weights;
} block;

/* Tensors "<source><number>.<tensor>" and "weight" or "bias" go to part n_th of n_parts of the parameter, rows one after the other. */
static adah_code load_part(const block *k, const char *part, const char *tensor, size_t nth, size_t n_parts, adah_status *status) {
    static const char *const kinds[] = {"weight", "bias"};
    for (size_t i = 0; i < 2; i++) {
        char name[ADAH_PARAMETER_NAME_BYTES], own[ADAH_PARAMETER_NAME_BYTES], source[ADAH_PARAMETER_NAME_BYTES];
        adah_builder_name(own, part_name(name, k->prefix, k->number, part), kinds[i]);
        snprintf(source, sizeof source, "%s%zu.%s%s", k->source, k->number, tensor, kinds[i]);
        adah_parameter *p = adah_parameters_find(k->parameters, own);
        if (!p)
            return adah_fail(status, ADAH_ERROR_INTERNAL, "no parameter %s", own);
        adah_shape shape = p->shape;
        shape.dim[0] /= n_parts;
        ADAH_TRY(adah_weights_read(k->weights, source, shape, p->value + nth * (p->n / n_parts), status));
        p->version++;
    }
    return ADAH_OK;
}

/* The rows of a layer's weights and bias times those of a vector. */
static adah_code fold_scale(const block *k, const char *part, const char *tensor, adah_status *status) {
    char name[ADAH_PARAMETER_NAME_BYTES], own[ADAH_PARAMETER_NAME_BYTES], source[ADAH_PARAMETER_NAME_BYTES];
    if (!tensor)
        return ADAH_OK;
    adah_parameter *w = adah_parameters_find(k->parameters, adah_builder_name(own, part_name(name, k->prefix, k->number, part), "weight"));
    adah_parameter *b = adah_parameters_find(k->parameters, adah_builder_name(own, name, "bias"));
    float *scale = adah_memory_floats(b->n);
    if (!scale)
        return adah_fail_memory(status, b->n * sizeof *scale);
    snprintf(source, sizeof source, "%s%zu.%s", k->source, k->number, tensor);
    const adah_code code = adah_weights_read(k->weights, source, b->shape, scale, status);
    for (size_t i = 0; code == ADAH_OK && i < w->n; i++)
        w->value[i] *= scale[i / (w->n / b->n)];
    for (size_t i = 0; code == ADAH_OK && i < b->n; i++)
        b->value[i] *= scale[i];
    adah_memory_free(scale);
    return code;
}

adah_code adah_transformer_load(const adah_parameters *parameters, const char *prefix, const adah_transformer *t, const char *source,
                                const adah_transformer_names *names, const adah_weights *weights, adah_status *status) {
    for (size_t i = 0; i < t->n_layers; i++) {
        const block k = {parameters, prefix, source, i, weights};
        const char *const attention[] = {names->query, names->key, names->value};
        const size_t n_parts = names->key ? 3 : 1;
        for (size_t j = 0; j < n_parts; j++)
            ADAH_TRY(load_part(&k, "attention", attention[j], j, n_parts, status));
        ADAH_TRY(load_part(&k, "norm1", names->norm1, 0, 1, status));
        ADAH_TRY(load_part(&k, "projection", names->projection, 0, 1, status));
        ADAH_TRY(load_part(&k, "norm2", names->norm2, 0, 1, status));
        ADAH_TRY(load_part(&k, "up", names->up, 0, 1, status));
        ADAH_TRY(load_part(&k, "down", names->down, 0, 1, status));
        ADAH_TRY(fold_scale(&k, "projection", names->scale1, status));
        ADAH_TRY(fold_scale(&k, "down", names->scale2, status));
    }
    return ADAH_OK;
}
