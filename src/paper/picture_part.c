/* picture_part.c - one hidden layer, a vector of length one, and its bits. */
#include "paper/picture_part.h"

#include <string.h>

/* What a layer reads has this length, so that weights of the usual size do something. */
static const float READ_LENGTH = 8;

static const float APPEARANCE_LENGTH = 2;
#define APPEARANCE "picture.appearance"

static adah_node *linear(adah_builder *b, const char *prefix, const char *suffix, adah_node *x, int n, adah_init init) {
    char name[ADAH_PARAMETER_NAME_BYTES];
    return adah_builder_linear(b, adah_builder_name(name, prefix, suffix), x, (size_t)n, init, ADAH_GROUP_HEAD);
}

/* Training needs neither. */
static void build_appearance(adah_builder *b, const char *prefix, adah_node *x, adah_side *side) {
    char name[ADAH_PARAMETER_NAME_BYTES];
    if (!adah_settings_appearance(b->config) || strcmp(prefix, "image") || adah_graph_trains(b->graph))
        return;
    x = adah_builder_linear(b, adah_builder_name(name, prefix, APPEARANCE), x, adah_settings_appearance(b->config), ADAH_INIT_ZERO,
                            ADAH_GROUP_CONSTANT);
    side->appearance = adah_unit_length_node(b, x, APPEARANCE_LENGTH, NULL, &side->unit_appearance);
}

void adah_picture_part_build(adah_builder *b, const char *prefix, adah_node *x, int n_hidden, adah_side *side) {
    const adah_settings *c = b->config;
    if (!c->n_fine)
        return;
    build_appearance(b, prefix, x, side);
    x = adah_feature_standard(b, prefix, x, &side->standard);
    if (x && side->n_words) {
        const adah_shape words = ADAH_SHAPE1(adah_node_shape(x).dim[1]);
        const adah_parameter *weight =
            adah_builder_parameter(b, prefix, ADAH_WORD_WEIGHT_SUFFIX, words, ADAH_INIT_ONE, ADAH_GROUP_CONSTANT);
        x = adah_unit_lengths_node(b, x, side->n_words, READ_LENGTH, weight, &side->unit_words);
        x = adah_graph_dropout(b->graph, x, c->picture_word_dropout);
    }
    x = adah_graph_relu(b->graph, linear(b, prefix, "picture.0", x, n_hidden, ADAH_INIT_HE));
    x = linear(b, prefix, "fine", adah_graph_dropout(b->graph, x, c->picture_dropout), c->n_fine, ADAH_INIT_GLOROT);
    side->fine = adah_unit_length_node(b, x, 1, NULL, &side->unit_fine);
    const int n_bits = adah_settings_picture_bits(c);
    if (n_bits) {
        x = adah_unit_length_node(b, x, READ_LENGTH, NULL, &side->unit_code);
        side->picture_code = adah_graph_tanh(b->graph, linear(b, prefix, "picture.code", x, n_bits, ADAH_INIT_GLOROT));
    }
}

float *adah_picture_part_word_weight(adah_parameters *parameters) {
    adah_parameter *p = adah_parameters_find(parameters, "text." ADAH_WORD_WEIGHT_SUFFIX);
    if (!p)
        return NULL;
    p->version++;
    return p->value;
}

adah_appearance adah_picture_part_appearance(adah_parameters *parameters) {
    return (adah_appearance){adah_parameters_find(parameters, "image." APPEARANCE ".weight"),
                             adah_parameters_find(parameters, "image." APPEARANCE ".bias")};
}

size_t adah_picture_part_vector(const adah_side *side, size_t i, float *vector) {
    size_t n = 0;
    const adah_node *const part[] = {side->fine, side->appearance};
    for (size_t k = 0; k < 2; k++)
        if (part[k]) {
            const size_t n_part = adah_node_shape(part[k]).dim[1];
            memcpy(vector + n, adah_node_value((adah_node *)part[k]) + i * n_part, n_part * sizeof *vector);
            n += n_part;
        }
    return n;
}
