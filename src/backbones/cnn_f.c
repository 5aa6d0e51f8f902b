/* cnn_f.c - CNN-F, the fast network of Chatfield et al. 2014; f (256, 6, 6) at 224. */
#include "backbones/layers.h"

/* Numbered as VGG's layers are. The maps of 54 and 27 positions at 224 pixels are pooled with the half window at the end. */
static adah_node *features(adah_builder *b, adah_node *x) {
    const adah_response response = {5, 2, 1e-4f, 0.75f};
    x = adah_graph_response_norm(b->graph, adah_backbone_convolution(b, "features.0", x, 64, 11, 4, 0), response);
    x = adah_backbone_convolution(b, "features.4", adah_backbone_max_pool(b, x, 3, 2, 1), 256, 5, 1, 2);
    x = adah_backbone_max_pool(b, adah_graph_response_norm(b->graph, x, response), 3, 2, 1);
    x = adah_backbone_convolution(b, "features.8", x, 256, 3, 1, 1);
    x = adah_backbone_convolution(b, "features.10", x, 256, 3, 1, 1);
    return adah_backbone_max_pool(b, adah_backbone_convolution(b, "features.12", x, 256, 3, 1, 1), 3, 2, 1);
}

const adah_backbone adah_backbone_cnn_f = {
    .name = "cnn_f", .n_side = 224, .n_side_min = 55, .features = features, ADAH_BACKBONE_WITH_FC};
