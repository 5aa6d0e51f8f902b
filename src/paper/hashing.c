/* hashing.c - D^I and D^T: from (un)attended features to relaxed codes in (-1, 1). */
#include "paper/hashing.h"

adah_node *adah_hashing_vector(adah_builder *b, const char *prefix, adah_node *x) {
    char name[ADAH_PARAMETER_NAME_BYTES];
    adah_builder_name(name, prefix, "hashing.code");
    return adah_graph_tanh(b->graph, adah_builder_linear(b, name, x, (size_t)adah_settings_class_bits(b->config), ADAH_INIT_GLOROT,
                                                         ADAH_GROUP_HEAD));
}

adah_node *adah_hashing_image(adah_builder *b, const char *prefix, adah_node *x) {
    const int n_layers = b->config->pooling == ADAH_POOL_FLATTEN ? 2 : 1;
    const char *const layer[] = {"hashing.0", "hashing.1"};
    for (int i = 0; i < n_layers; i++) {
        char name[ADAH_PARAMETER_NAME_BYTES];
        adah_builder_name(name, prefix, layer[i]);
        x = adah_graph_relu(b->graph, adah_builder_linear(b, name, x, (size_t)b->config->n_image_hidden, ADAH_INIT_HE,
                                                          ADAH_GROUP_HEAD));
        x = adah_graph_dropout(b->graph, x, b->config->dropout);
    }
    return adah_hashing_vector(b, prefix, x);
}
