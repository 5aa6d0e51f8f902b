/* squeezenet.c - SqueezeNet 1.0 and 1.1 (Iandola et al. 2016); f (512, 13, 13) at 224. */
#include "backbones/networks.h"

/* A Fire module: squeeze 1 x 1, then expand 1 x 1 beside expand 3 x 3. number 0: a max pool in its place. */
typedef struct fire {
    int number, n_squeeze, n_expand;
} fire;

static void list(adah_layers *l, int last, const fire *f) {
    for (; f->number >= 0; f++) {
        if (!f->number) {
            last = adah_layers_max_pool(l, last, 3, 2, 0, 1);
            continue;
        }
        last = adah_layers_convolution(l, last, (adah_layer_place){"squeeze", f->number, 0, 0, 0}, f->n_squeeze, 1, 1, 0, ADAH_RELU);
        const int narrow =
            adah_layers_convolution(l, last, (adah_layer_place){"narrow", f->number, 0, 0, 0}, f->n_expand, 1, 1, 0, ADAH_RELU);
        const int wide = adah_layers_convolution(l, last, (adah_layer_place){"wide", f->number, 0, 0, 0}, f->n_expand, 3, 1, 1, ADAH_RELU);
        last = adah_layers_concatenate(l, narrow, wide);
    }
}

static void list1_0(adah_layers *l) {
    static const fire fires[] = {{0, 0, 0},    {3, 16, 64},  {4, 16, 64},   {5, 32, 128}, {0, 0, 0},
                                 {7, 32, 128}, {8, 48, 192}, {9, 48, 192}, {10, 64, 256}, {0, 0, 0}, {12, 64, 256}, {-1, 0, 0}};
    list(l, adah_layers_convolution(l, ADAH_PIXELS, (adah_layer_place){.role = "stem"}, 96, 7, 2, 0, ADAH_RELU), fires);
}

static void list1_1(adah_layers *l) {
    static const fire fires[] = {{0, 0, 0}, {3, 16, 64},  {4, 16, 64},  {0, 0, 0},     {6, 32, 128}, {7, 32, 128},
                                 {0, 0, 0}, {9, 48, 192}, {10, 48, 192}, {11, 64, 256}, {12, 64, 256}, {-1, 0, 0}};
    list(l, adah_layers_convolution(l, ADAH_PIXELS, (adah_layer_place){.role = "stem"}, 64, 3, 2, 0, ADAH_RELU), fires);
}

static const adah_layer_pattern pattern[] = {{"stem", "features.0", NULL},
                                             {"squeeze", "features.{n}.squeeze", NULL},
                                             {"narrow", "features.{n}.expand1x1", NULL},
                                             {"wide", "features.{n}.expand3x3", NULL},
                                             {0}};
static const adah_published published[] = {{.source = "torchvision", .pattern = pattern, .rest = "classifier."}, {0}};

static adah_node *logits(adah_builder *b, adah_node *f) {
    adah_node *x = adah_builder_convolution(b, ADAH_BACKBONE_PREFIX ".classifier.1", f, 1000,
                                            (adah_window){.size_h = 1, .size_w = 1, .stride_h = 1, .stride_w = 1}, 1, ADAH_INIT_HE,
                                            ADAH_GROUP_BACKBONE);
    return adah_graph_average_all(b->graph, adah_graph_relu(b->graph, x));
}

const adah_backbone adah_backbone_squeezenet1_0 = {
    .name = "squeezenet1_0", .n_side = 224, .n_side_min = 35, .layers = list1_0, .own = pattern, .last = "features.12", .published = published, .logits = logits};
const adah_backbone adah_backbone_squeezenet1_1 = {
    .name = "squeezenet1_1", .n_side = 224, .n_side_min = 35, .layers = list1_1, .own = pattern, .last = "features.12", .published = published, .logits = logits};
