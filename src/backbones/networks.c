/* networks.c - what networks share beside layers. */
#include "backbones/networks.h"

adah_node *adah_backbone_fc_logits(adah_builder *b, adah_node *f) {
    const char *const layer[] = {ADAH_BACKBONE_PREFIX ".classifier.0", ADAH_BACKBONE_PREFIX ".classifier.3"};
    for (int i = 0; i < 2; i++)
        f = adah_graph_relu(b->graph, adah_builder_linear(b, layer[i], f, 4096, ADAH_INIT_HE, ADAH_GROUP_BACKBONE));
    return adah_builder_linear(b, ADAH_BACKBONE_PREFIX ".classifier.6", f, 1000, ADAH_INIT_GLOROT, ADAH_GROUP_BACKBONE);
}
