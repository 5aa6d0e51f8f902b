/* network.c - E, then G, then D, for the image and for the text: the forward pass of the paper. A rival has a backbone in
 * common with it and rival_network.c behind.
 *
 *     pixels (B,3,S,S) --E^I--> f (B,C,H,W) --G^I--> Z (B,H*W), f̆, f̂ --D^I--> H^I, Ĥ^I (B,q)
 *     words  (B,V)     --E^T--> f (B,D)     --G^T--> Z (B,D),   f̆, f̂ --D^T--> H^T, Ĥ^T (B,q)
 *
 * Either side may also be given features of another encoder: vectors (B,D) go where words go, maps (B,C,H,W) and tokens
 * (B,C,P,1) where f^I is. */
#include "paper/network.h"
#include "backbones/backbone.h"
#include "base/memory.h"
#include "paper/hashing.h"

#include <string.h>

/* G and D behind a feature vector. */
static void vector_half(adah_builder *b, const char *prefix, int with_hidden, adah_side *side) {
    adah_node *attended = side->feature;
    if (b->config->attention) {
        adah_attention_vector(b, prefix, side->feature, &side->attention);
        attended = side->attention.attended;
    }
    side->code = adah_hashing_vector(b, prefix, attended);
    if (with_hidden)
        side->hidden_code = adah_hashing_vector(b, prefix, side->attention.unattended);
}

/* A rival's code of f in place of G and D, and what its adversary makes of that. */
static void plain_half(adah_builder *b, const char *prefix, adah_input_kind kind, int with_modality, adah_side *side) {
    const int n_hidden = strcmp(prefix, "image") ? b->config->n_text_hidden : b->config->n_image_hidden;
    adah_node *f = side->feature;
    if (kind == ADAH_INPUT_TOKENS)
        f = adah_attention_token_mean(b, f, &side->attention);
    side->code = adah_rival_network_code(b, prefix, f, (size_t)n_hidden, &side->kernel);
    if (with_modality)
        side->modality = adah_rival_network_modality(b, side->code);
}

/* The map without a mask: its average over all positions, or flat. */
static adah_node *whole_map(adah_builder *b, adah_node *f) {
    if (!f || b->config->pooling == ADAH_POOL_FLATTEN)
        return f;
    return adah_graph_average_all(b->graph, f);
}

/* G and D behind a feature map. */
static void map_half(adah_builder *b, const char *prefix, adah_input_kind kind, int with_hidden, adah_side *side) {
    const adah_settings *c = b->config;
    adah_node *attended;
    if (kind == ADAH_INPUT_TOKENS) {
        if (c->attention)
            adah_attention_tokens(b, prefix, side->feature, &side->attention);
        attended = c->attention ? side->attention.attended : adah_attention_token_mean(b, side->feature, &side->attention);
    } else {
        if (c->attention)
            adah_attention_image(b, prefix, side->feature, c->pooling, &side->attention);
        attended = c->attention ? side->attention.attended : whole_map(b, side->feature);
    }
    side->code = adah_hashing_image(b, prefix, attended);
    if (with_hidden)
        side->hidden_code = adah_hashing_image(b, prefix, side->attention.unattended);
}

static adah_shape batch_shape(size_t n_batch, adah_input_shape input) {
    const size_t *dim = input.item.dim;
    if (input.kind == ADAH_INPUT_TOKENS)
        return ADAH_SHAPE4(n_batch, dim[1], dim[0], 1);
    return input.item.n_dims == 1 ? ADAH_SHAPE2(n_batch, dim[0]) : ADAH_SHAPE4(n_batch, dim[0], dim[1], dim[2]);
}

static void make_side(adah_builder *b, const char *prefix, const adah_network_plan *plan, adah_input_shape input,
                      adah_side *side) {
    const adah_settings *c = b->config;
    side->input = adah_graph_input(b->graph, batch_shape(plan->n_batch, input));
    if (!adah_settings_is_rival(c) && (input.kind == ADAH_INPUT_VECTOR || input.kind == ADAH_INPUT_WORDS)) {
        side->feature = adah_feature_vector(b, prefix, side->input, (size_t)c->n_text_hidden, (size_t)c->n_text_feature);
        vector_half(b, prefix, plan->keep_hidden, side);
        return;
    }
    side->feature = side->input;
    if (input.kind == ADAH_INPUT_PIXELS)
        side->feature = adah_feature_scale(b, adah_backbone_features(b, c->backbone, side->input), &side->scale);
    if (plan->features_only)
        return;
    if (adah_settings_is_rival(c))
        plain_half(b, prefix, input.kind, plan->with_modality, side);
    else
        map_half(b, prefix, input.kind, plan->keep_hidden, side);
}

static void keep_outputs(adah_builder *b, const adah_network_plan *plan, adah_side *side) {
    if (plan->n_labels && side->code)
        side->logits = adah_builder_linear(b, "classifier", side->code, plan->n_labels, ADAH_INIT_GLOROT, ADAH_GROUP_HEAD);
    adah_node_keep(side->code);
    adah_node_keep(side->hidden_code);
    adah_node_keep(side->logits);
    adah_node_keep(side->modality);
    adah_node_keep(side->attention.mask);
    adah_node_keep(side->attention.probability);
    if (plan->features_only)
        adah_node_keep(side->feature);
}

adah_code adah_network_create(const adah_network_plan *plan, const adah_settings *config, adah_parameters *parameters,
                              adah_network **network, adah_status *status) {
    adah_network *n = adah_memory_zeroed(1, sizeof *n);
    if (!n)
        return adah_fail_memory(status, sizeof *n);
    n->graph = adah_graph_create(plan->backend, plan->mode);
    if (!n->graph) {
        adah_network_free(n);
        return adah_fail_memory(status, 1);
    }
    adah_graph_set_precision(n->graph, config->precision);
    adah_graph_plan_again(n->graph, plan->moving_groups);
    adah_status fault = {0};
    adah_builder b = {n->graph, parameters, config, plan->creating, &fault, 0};
    if (plan->image.kind != ADAH_INPUT_NONE) {
        make_side(&b, "image", plan, plan->image, &n->image);
        keep_outputs(&b, plan, &n->image);
    }
    if (plan->text.kind != ADAH_INPUT_NONE) {
        make_side(&b, "text", plan, plan->text, &n->text);
        keep_outputs(&b, plan, &n->text);
    }
    adah_code code = b.failed             ? adah_fail(status, fault.code, "%s", fault.message)
                     : plan->only_checked ? adah_graph_check(n->graph, status)
                                          : adah_graph_build(n->graph, status);
    if (code != ADAH_OK) {
        adah_network_free(n);
        return code;
    }
    *network = n;
    return ADAH_OK;
}

void adah_network_free(adah_network *n) {
    if (!n)
        return;
    adah_graph_free(n->graph);
    adah_memory_free(n);
}
