/* network.c - E, then G, then D, for the image and for the text: the forward pass of the paper. A rival has E^I in common
 * with it and plain_network.c behind.
 *
 *     pixels (B,3,S,S) --E^I--> f (B,C,H,W) --G^I--> Z (B,H*W), f̆, f̂ --D^I--> H^I, Ĥ^I (B,q)
 *     words  (B,V)     --E^T--> f (B,D)     --G^T--> Z (B,D),   f̆, f̂ --D^T--> H^T, Ĥ^T (B,q)
 */
#include "model/network.h"
#include "base/memory.h"
#include "model/backbone.h"
#include "model/hashing.h"

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
static void plain_half(adah_builder *b, const char *prefix, int n_hidden, int with_modality, adah_side *side) {
    side->code = adah_plain_code(b, prefix, side->feature, (size_t)n_hidden, &side->kernel);
    if (with_modality)
        side->modality = adah_plain_modality(b, side->code);
}

static void text_side(adah_builder *b, const adah_network_plan *plan, adah_side *side) {
    const adah_config *c = b->config;
    side->input = adah_graph_input(b->graph, ADAH_SHAPE2(plan->n_batch, plan->n_words));
    if (adah_config_is_rival(c)) {
        side->feature = side->input;
        plain_half(b, "text", c->n_text_hidden, plan->with_modality, side);
        return;
    }
    side->feature = adah_feature_vector(b, "text", side->input, (size_t)c->n_text_hidden, (size_t)c->n_text_feature);
    vector_half(b, "text", plan->keep_hidden, side);
}

/* The map without a mask: its average over all positions, or flat. */
static adah_node *whole_map(adah_builder *b, adah_node *f) {
    if (!f || b->config->pooling == ADAH_POOL_FLATTEN)
        return f;
    return adah_graph_average_all(b->graph, f);
}

static void image_side(adah_builder *b, const adah_network_plan *plan, adah_side *side) {
    const adah_config *c = b->config;
    const adah_shape item = plan->image_item;
    adah_shape shape = {item.n_dims + 1, {plan->n_batch, item.dim[0], item.dim[1], item.dim[2]}};
    side->input = adah_graph_input(b->graph, shape);
    if (plan->image == ADAH_INPUT_VECTOR && !adah_config_is_rival(c)) {
        side->feature =
            adah_feature_vector(b, "image", side->input, (size_t)c->n_text_hidden, (size_t)c->n_text_feature);
        vector_half(b, "image", plan->keep_hidden, side);
        return;
    }
    side->feature = side->input;
    if (plan->image == ADAH_INPUT_PIXELS)
        side->feature = adah_feature_scale(b, adah_backbone_features(b, c->backbone, side->input), &side->scale);
    if (plan->features_only)
        return;
    if (adah_config_is_rival(c)) {
        plain_half(b, "image", c->n_image_hidden, plan->with_modality, side);
        return;
    }
    if (c->attention)
        adah_attention_image(b, "image", side->feature, c->pooling, &side->attention);
    side->code = adah_hashing_image(b, "image", c->attention ? side->attention.attended : whole_map(b, side->feature));
    if (plan->keep_hidden)
        side->hidden_code = adah_hashing_image(b, "image", side->attention.unattended);
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

adah_code adah_network_create(const adah_network_plan *plan, const adah_config *config, adah_parameters *parameters,
                              adah_network **network, adah_status *status) {
    adah_network *n = adah_memory_zeroed(1, sizeof *n);
    if (!n)
        return adah_fail_memory(status, sizeof *n);
    n->graph = adah_graph_create(plan->backend, plan->mode);
    if (!n->graph) {
        adah_network_free(n);
        return adah_fail_memory(status, 1);
    }
    adah_status fault = {0};
    adah_builder b = {n->graph, parameters, config, plan->creating, &fault, 0};
    if (plan->image != ADAH_INPUT_NONE) {
        image_side(&b, plan, &n->image);
        keep_outputs(&b, plan, &n->image);
    }
    if (plan->n_words) {
        text_side(&b, plan, &n->text);
        keep_outputs(&b, plan, &n->text);
    }
    adah_code code = b.failed ? adah_fail(status, fault.code, "%s", fault.message) : adah_graph_build(n->graph, status);
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
