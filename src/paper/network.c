/* network.c - one graph with an image side and a text side. Each side has an input, of pixels a backbone, and behind that what the
 * method builds: the paper's modules (forward.c) or a rival's. */
#include "paper/network.h"
#include "backbones/cut.h"
#include "base/memory.h"
#include "settings/method.h"

static adah_shape batch_shape(size_t n_batch, adah_input_shape input) {
    const size_t *dim = input.item.dim;
    if (input.kind == ADAH_INPUT_TOKENS)
        return ADAH_SHAPE4(n_batch, dim[1], dim[0], 1);
    if (input.item.n_dims == 2)
        return ADAH_SHAPE3(n_batch, dim[0], dim[1]);
    return input.item.n_dims == 1 ? ADAH_SHAPE2(n_batch, dim[0]) : ADAH_SHAPE4(n_batch, dim[0], dim[1], dim[2]);
}

/* A method builds the class part, and the paper's own the picture part beside it. */
static void build_codes(adah_builder *b, const char *prefix, const adah_network_plan *plan, adah_side *side) {
    adah_method_find(b->config->method)->build(b, prefix, plan, side);
    adah_node *const part[] = {side->class_code, side->picture_code};
    side->code = part[0] && part[1] ? adah_graph_concatenate(b->graph, part, 2) : part[0] ? part[0] : part[1];
}

static void make_side(adah_builder *b, const char *prefix, const adah_network_plan *plan, adah_input_shape input,
                      adah_side *side) {
    side->kind = input.kind;
    side->n_words = input.n_words;
    side->input = side->feature = adah_graph_input(b->graph, batch_shape(plan->n_batch, input));
    if (input.kind == ADAH_INPUT_PIXELS && plan->to_cut)
        side->feature = adah_backbone_begin(b, side->input);
    else if (input.kind == ADAH_INPUT_PIXELS)
        side->feature = adah_feature_scale(b, adah_backbone_features(b, b->config->backbone, side->input), &side->scale);
    else if (input.kind == ADAH_INPUT_MIDDLE)
        side->feature = adah_feature_scale(b, adah_backbone_end(b, side->input), &side->scale);
    if (!plan->features_only)
        build_codes(b, prefix, plan, side);
}

static void keep_outputs(adah_builder *b, const adah_network_plan *plan, adah_side *side) {
    if (plan->n_labels && side->class_code)
        side->logits = adah_builder_linear(b, "classifier", side->class_code, plan->n_labels, ADAH_INIT_GLOROT, ADAH_GROUP_HEAD);
    adah_node_keep(side->code);
    adah_node_keep(side->class_code);
    adah_node_keep(side->picture_code);
    adah_node_keep(side->hidden_code);
    adah_node_keep(side->fine);
    adah_node_keep(side->average);
    adah_node_keep(side->appearance);
    adah_node_keep(side->logits);
    adah_node_keep(side->adversary);
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
    adah_graph_plan_again(n->graph, plan->groups_between);
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
    adah_memory_free(n->image.own);
    adah_memory_free(n->text.own);
    adah_memory_free(n);
}
