/* layers.h - a network as a list of layers, in the order in which they run.
 *
 * A network of convolutions is a table of what repeats in it and a function that makes this list of the table. From the list come the
 * graph (adah_layers_build), the names of the parameters, and where in a file of published weights each is found (published.h).
 *
 * Batch normalisation is no layer: it is folded into the convolution before it when weights are loaded. */
#ifndef ADAH_BACKBONES_LAYERS_H
#define ADAH_BACKBONES_LAYERS_H

#include "backbones/builder.h"

typedef enum adah_layer_kind {
    ADAH_LAYER_CONVOLUTION,
    ADAH_LAYER_MAX_POOL,
    ADAH_LAYER_ADD,         /* of two layers' values */
    ADAH_LAYER_CONCATENATE, /* along the channels */
    ADAH_LAYER_AVERAGE, /* over all positions */
    ADAH_LAYER_LINEAR,  /* on what that gives; its weights have the shape of a 1 x 1 convolution */
    ADAH_LAYER_GATE,    /* `from` times s of `with` (adah_graph_gate) */
    ADAH_LAYER_MEAN_POOL,
    ADAH_LAYER_NORM, /* of the channels of each position, which become rows (nn/graph/tokens.h) */
    ADAH_LAYER_ROWS, /* a linear layer on each row */
    ADAH_LAYER_MAP,  /* rows as a map as large as that of `with` */
    ADAH_LAYER_RESPONSE_NORM
} adah_layer_kind;

typedef enum adah_activation { ADAH_LINEAR, ADAH_RELU, ADAH_RELU6, ADAH_SWISH, ADAH_HARD_SWISH, ADAH_GELU } adah_activation;

enum {
    ADAH_PIXELS = -1,        /* in place of a layer */
    ADAH_PAD_AS_SOURCE = -1, /* as the weights were learned: settings.def, weights_padding */
    ADAH_LAYERS_MAX = 400
};

/* Where in the network a layer stands; patterns of names refer to it. */
typedef struct adah_layer_place {
    const char *role; /* "stem", "expand", ...: chooses the pattern */
    int number;       /* {n}; also {n-1}, {n-2} */
    int stage, block; /* {s}, {i}, from 0; also {s+1} */
    int part;         /* {k}; also {k+1} */
} adah_layer_place;

typedef struct adah_layer {
    adah_layer_kind kind;
    adah_layer_place place;     /* of a layer with weights */
    int from, with;             /* layers that it reads; `with`: the second one */
    int n_in, n_out;            /* channels; n_in follows from `from` */
    int size, stride, pad;      /* of the window */
    int is_depthwise;           /* each channel for itself */
    int ceil_mode;              /* adah_window */
    int is_hard;                /* of a gate */
    float epsilon;              /* of a norm */
    const char *scale;          /* role of a vector that is published beside and multiplies what it gives (layer scale, Touvron et al. 2021); NULL: none */
    adah_activation activation; /* behind it */
} adah_layer;

typedef struct adah_layers {
    adah_layer item[ADAH_LAYERS_MAX];
    int n;
} adah_layers;

/* Each appends a layer behind layer `from` (ADAH_PIXELS: none) and returns its place in the list. */
int adah_layers_convolution(adah_layers *l, int from, adah_layer_place place, int n_out, int size, int stride, int pad,
                            adah_activation activation);
int adah_layers_depthwise(adah_layers *l, int from, adah_layer_place place, int size, int stride, int pad, adah_activation activation);
int adah_layers_max_pool(adah_layers *l, int from, int size, int stride, int pad, int ceil_mode);
int adah_layers_mean_pool(adah_layers *l, int from, int size); /* of squares beside each other; what is left over is left out */
int adah_layers_norm(adah_layers *l, int from, adah_layer_place place, float epsilon);
int adah_layers_rows(adah_layers *l, int from, adah_layer_place place, int n_out, adah_activation activation);
int adah_layers_map(adah_layers *l, int from, int as); /* as large as layer `as` */
int adah_layers_add(adah_layers *l, int a, int b, adah_activation activation);
int adah_layers_concatenate(adah_layers *l, int a, int b);
/* Squeeze and excitation of n_squeezed channels, the roles "reduce" and "excite" at this place. */
int adah_layers_squeeze(adah_layers *l, int from, adah_layer_place place, int n_squeezed, adah_activation activation, int is_hard);
int adah_layers_response_norm(adah_layers *l, int from); /* CNN-F's */

/* The name that a pattern gives a layer: "features.{n}.expand" -> "features.3.expand". Returns text. */
enum { ADAH_LAYER_NAME_BYTES = 96 };
const char *adah_layer_name(const char *pattern, const adah_layer_place *place, char text[ADAH_LAYER_NAME_BYTES]);

/* A pattern for the layers of a role. A table of them ends with role NULL. */
typedef struct adah_layer_pattern {
    const char *role;
    const char *layer;
    const char *norm; /* of the batch normalisation behind it; NULL: none */
} adah_layer_pattern;
const adah_layer_pattern *adah_layer_find_role(const adah_layer_pattern *patterns, const char *role); /* NULL: none */
const adah_layer_pattern *adah_layer_find_pattern(const adah_layer_pattern *patterns, const adah_layer *layer); /* NULL: none */

/* Layers `begin` up to `end`, without it, and the last one's value. x: pixels (B, 3, S, S), or, where begin is not 0, the value that
 * layer `begin` reads; where end is not l->n, the value is the one that layer `end` reads. Both are cuts (adah_layers_is_cut). `own`: names of
 * the parameters, behind the prefix of the backbone. */
adah_node *adah_layers_build(const adah_layers *l, const adah_layer_pattern *own, adah_builder *b, int begin, int end, adah_node *x);
/* Whether all that layer i and those behind it take from those before is the one value that layer i reads. */
int adah_layers_is_cut(const adah_layers *l, int i);

#endif
