/* small.c - five convolutions with batch normalisation, for training from scratch; f (128, 8, 8) at 64. */
#include "backbones/backbone.h"

#include <stdio.h>

static adah_node *normed(adah_builder *b, int number, adah_node *x, size_t n_out, int size, int stride) {
    char layer[ADAH_PARAMETER_NAME_BYTES], norm[ADAH_PARAMETER_NAME_BYTES];
    snprintf(layer, sizeof layer, ADAH_BACKBONE_PREFIX ".features.%d", number);
    snprintf(norm, sizeof norm, ADAH_BACKBONE_PREFIX ".norm.%d", number);
    const int pad = size / 2;
    return adah_builder_normed_convolution(b, layer, norm, x, n_out,
                                           (adah_window){size, size, stride, stride, pad, pad, pad, pad, 0},
                                           ADAH_GROUP_BACKBONE);
}

static adah_node *halved(adah_builder *b, adah_node *x) {
    return adah_graph_max_pool(b->graph, x, (adah_window){2, 2, 2, 2, 0, 0, 0, 0, 0});
}

static adah_node *features(adah_builder *b, adah_node *x) {
    x = normed(b, 0, x, 32, 5, 2);
    x = halved(b, normed(b, 1, x, 64, 3, 1));
    x = halved(b, normed(b, 2, x, 96, 3, 1));
    x = normed(b, 3, x, 128, 3, 1);
    return normed(b, 4, x, 128, 3, 1);
}

const adah_backbone adah_backbone_small = {
    .name = "small",
    .n_side = 64,
    .n_side_min = 16,
    .from_scratch = 1,
    .settings = "finetune=1 attention=1 attention_threshold=1 n_image_hidden=512 contrastive_weight=0 n_batch=32 n_epochs=25 "
                "n_final_epochs=0 rate=0.001 rate_backbone=0.001 weight_decay=0 dropout=0 word_pairs=0 "
                "n_text_hidden=512 n_text_feature=512 n_fine=0 n_appearance=0 picture_share=0",
    .features = features};
