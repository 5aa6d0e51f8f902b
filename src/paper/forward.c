/* forward.c - E, then G, then D, for the image and for the text: the forward pass of the paper.
 *
 *     pixels (B,3,S,S) --E^I--> f (B,C,H,W) --G^I--> Z (B,H*W), f̆, f̂ --D^I--> H^I, Ĥ^I (B,q)
 *     words  (B,V)     --E^T--> f (B,D)     --G^T--> Z (B,D),   f̆, f̂ --D^T--> H^T, Ĥ^T (B,q)
 *
 * Either side may also be given features of another encoder: vectors (B,D) go where words go, maps (B,C,H,W) and tokens
 * (B,C,P,1) where f^I is. E^I is the backbone, which network.c puts before this. */
#include "paper/hashing.h"
#include "paper/network.h"
#include "paper/picture_part.h"

#include <string.h>

/* What follows from the averages of images is learned with a network that does not train. */
static int is_measured(adah_builder *b, const char *prefix) { return !strcmp(prefix, "image") && !adah_graph_trains(b->graph); }

/* E^T, G and D. */
static void vector_side(adah_builder *b, const char *prefix, int with_hidden, adah_side *side) {
    const adah_settings *c = b->config;
    side->average = is_measured(b, prefix) ? side->input : NULL;
    adah_picture_part_build(b, prefix, side->input, c->n_picture_text_hidden, side);
    if (!adah_settings_class_bits(c))
        return;
    adah_node *x = adah_feature_standard(b, prefix, side->input, &side->standard);
    side->feature = adah_feature_vector(b, prefix, x, (size_t)c->n_text_hidden, (size_t)c->n_text_feature);
    adah_node *attended = side->feature;
    if (c->attention) {
        adah_attention_vector(b, prefix, side->feature, &side->attention);
        attended = side->attention.attended;
    }
    side->class_code = adah_hashing_vector(b, prefix, attended);
    if (with_hidden)
        side->hidden_code = adah_hashing_vector(b, prefix, side->attention.unattended);
}

/* The map without a mask: its average over all positions, or flat. */
static adah_node *whole_map(adah_builder *b, adah_node *f) {
    if (!f || b->config->pooling == ADAH_POOL_FLATTEN)
        return f;
    return adah_graph_average_all(b->graph, f);
}

/* What the picture part reads: the mean of the whole map, whatever a mask hides of it. */
static adah_node *whole_picture(adah_builder *b, adah_side *side, adah_node *attended) {
    const int is_whole = !b->config->attention && (side->kind == ADAH_INPUT_TOKENS || b->config->pooling != ADAH_POOL_FLATTEN);
    const int is_read = b->config->n_fine || !adah_graph_trains(b->graph);
    if (is_whole || !side->feature || !is_read)
        return attended;
    if (side->kind == ADAH_INPUT_TOKENS)
        return adah_attention_token_mean(b, side->feature, &side->whole);
    return adah_graph_average_all(b->graph, side->feature);
}

/* G and D of a feature map. */
static void map_side(adah_builder *b, const char *prefix, int with_hidden, adah_side *side) {
    const adah_settings *c = b->config;
    adah_node *attended;
    if (side->kind == ADAH_INPUT_TOKENS) {
        if (c->attention)
            adah_attention_tokens(b, prefix, side->feature, &side->attention);
        attended = c->attention ? side->attention.attended : adah_attention_token_mean(b, side->feature, &side->attention);
    } else {
        if (c->attention)
            adah_attention_image(b, prefix, side->feature, c->pooling, &side->attention);
        attended = c->attention ? side->attention.attended : whole_map(b, side->feature);
    }
    adah_node *whole = whole_picture(b, side, attended);
    side->average = is_measured(b, prefix) ? whole : NULL;
    adah_picture_part_build(b, prefix, whole, c->n_picture_hidden, side);
    if (!adah_settings_class_bits(c))
        return;
    side->class_code = adah_hashing_image(b, prefix, adah_feature_standard(b, prefix, attended, &side->standard));
    if (with_hidden)
        side->hidden_code =
            adah_hashing_image(b, prefix, adah_feature_standard(b, prefix, side->attention.unattended, &side->standard));
}

void adah_paper_build(adah_builder *b, const char *prefix, const adah_network_plan *plan, adah_side *side) {
    if (side->kind == ADAH_INPUT_VECTOR || side->kind == ADAH_INPUT_WORDS || side->kind == ADAH_INPUT_SENTENCE)
        vector_side(b, prefix, plan->with_adversary, side);
    else
        map_side(b, prefix, plan->with_adversary, side);
}
