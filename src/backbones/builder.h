/* builder.h - what the modules E, G and D need to add their layers to a graph.
 *
 * A module asks for its weights by name and shape. On the first graph of a new model they are made and initialised from
 * the seed and the name; every later graph finds them. So a weight's shape and initialisation stand in one place. */
#ifndef ADAH_BACKBONES_BUILDER_H
#define ADAH_BACKBONES_BUILDER_H

#include "nn/graph/graph.h"
#include "settings/settings.h"
#include "settings/parameter_group.h"

#define ADAH_BACKBONE_PREFIX "image.backbone" /* of the parameters of the networks of this folder */

typedef enum adah_init {
    ADAH_INIT_HE,
    ADAH_INIT_GLOROT,
    ADAH_INIT_ZERO,
    ADAH_INIT_ONE,
    ADAH_INIT_STATISTICS /* (2, C): mean 0, variance 1 */
} adah_init;

typedef struct adah_builder {
    adah_graph *graph;
    adah_parameters *parameters;
    const adah_settings *config;
    int creating;           /* 1: missing parameters are made; 0: they are a fault */
    adah_status *status;    /* the first fault of this builder */
    int failed;
} adah_builder;

/* The parameter "<prefix>.<suffix>", NULL on a fault (wrong shape, missing, no memory), with the fault in *status. */
adah_parameter *adah_builder_parameter(adah_builder *b, const char *prefix, const char *suffix, adah_shape shape,
                                       adah_init init, unsigned group);

/* "<prefix>.<suffix>" into name; returns name. */
enum { ADAH_PARAMETER_NAME_BYTES = 128 };
const char *adah_builder_name(char name[ADAH_PARAMETER_NAME_BYTES], const char *prefix, const char *suffix);

/* y = W x + b with parameters "<prefix>.weight" and "<prefix>.bias". */
adah_node *adah_builder_linear(adah_builder *b, const char *prefix, adah_node *x, size_t n_out, adah_init init,
                               unsigned group);
/* The same for a convolution; C_in comes from x. */
adah_node *adah_builder_convolution(adah_builder *b, const char *prefix, adah_node *x, size_t n_out,
                                    adah_window window, size_t groups, adah_init init, unsigned group);
/* A convolution without bias, batch normalisation and ReLU: "<layer>.weight", "<norm>.weight", ".bias", ".statistics". */
adah_node *adah_builder_normed_convolution(adah_builder *b, const char *layer, const char *norm, adah_node *x, size_t n_out,
                                           adah_window window, unsigned group);

#endif
