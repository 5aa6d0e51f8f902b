/* layers.c - convolutions, pools and classifiers that several networks share. */
#include "backbones/layers.h"

adah_node *adah_backbone_convolution(adah_builder *b, const char *layer, adah_node *x, size_t n_out, int size, int stride, int pad) {
    char name[ADAH_PARAMETER_NAME_BYTES];
    adah_builder_name(name, ADAH_BACKBONE_PREFIX, layer);
    const adah_window window = {size, size, stride, stride, pad, pad, pad, pad, 0};
    return adah_graph_relu(b->graph, adah_builder_convolution(b, name, x, n_out, window, 1, ADAH_INIT_HE,
                                                              ADAH_GROUP_BACKBONE));
}

adah_node *adah_backbone_max_pool(adah_builder *b, adah_node *x, int size, int stride, int ceil_mode) {
    return adah_graph_max_pool(b->graph, x, (adah_window){size, size, stride, stride, 0, 0, 0, 0, ceil_mode});
}

adah_node *adah_backbone_fc_logits(adah_builder *b, adah_node *f) {
    const char *const layer[] = {ADAH_BACKBONE_PREFIX ".classifier.0", ADAH_BACKBONE_PREFIX ".classifier.3"};
    for (int i = 0; i < 2; i++)
        f = adah_graph_relu(b->graph, adah_builder_linear(b, layer[i], f, 4096, ADAH_INIT_HE, ADAH_GROUP_BACKBONE));
    return adah_builder_linear(b, ADAH_BACKBONE_PREFIX ".classifier.6", f, 1000, ADAH_INIT_GLOROT, ADAH_GROUP_BACKBONE);
}
