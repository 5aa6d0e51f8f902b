/* (property) Every operation, on both backends: the fast one against the plain loops, both against central differences, twice
 * the same bits, and the same values from a graph for inference. A case is a small network and its numbers. */
#include "base/parallel.h"
#include "base/random.h"
#include "nn/graph/tokens.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define STEP 0x1p-6 /* of the differences; kinks stay further away than this moves anything */

enum { MAX_INPUTS = 3, MAX_ARRAYS = 12, N_SAMPLES = 10 };

/* ---------------------------------------------------------------- cases */

typedef enum filling {
    FILL_UNIFORM,  /* in [-1, 1) */
    FILL_DISTINCT, /* all values at least 0.05 apart, in random order */
    FILL_GAPS,     /* -2..8, at least 0.1 from 0 and 6 */
    FILL_IDS,      /* 0..4 and one that is too large; no gradient is asked for */
    FILL_PRESENCE, /* 1, of the last three of each five 0; likewise */
    FILL_TEXTS     /* runs of rows with numbers of their own, each third of them 0; likewise */
} filling;

typedef struct net {
    adah_graph *g;
    adah_parameters *p;
    adah_random *r;
    adah_node *input[MAX_INPUTS];
    filling fill[MAX_INPUTS];
    size_t n_inputs;
} net;

static adah_node *input(net *n, filling fill, adah_shape shape) {
    adah_node *x = adah_graph_input(n->g, shape);
    if (fill < FILL_IDS)
        adah_node_keep(x);
    n->fill[n->n_inputs] = fill;
    n->input[n->n_inputs++] = x;
    return x;
}

/* The parameter of this name, made at the first call with values in [-scale, scale). */
static adah_parameter *parameter(net *n, const char *name, adah_shape shape, float scale) {
    adah_parameter *p = adah_parameters_find(n->p, name);
    if (p)
        return p;
    p = adah_parameters_add(n->p, name, shape, 1);
    assert_non_null(p);
    for (size_t i = 0; i < p->n; i++)
        p->value[i] = scale * (2 * adah_random_uniform(n->r) - 1);
    return p;
}

#define SZ(i) ((size_t)a[i])

/* a: batch, channels, height, width, channels out, kernel h, w, stride h, w, padding top, left, bottom, right,
 * groups, bias */
static adah_node *build_convolution(net *n, const int *a) {
    adah_parameter *w = parameter(n, "w", ADAH_SHAPE4(SZ(4), SZ(1) / SZ(13), SZ(5), SZ(6)), 0.5f);
    adah_parameter *b = a[14] ? parameter(n, "b", ADAH_SHAPE1(SZ(4)), 0.5f) : NULL;
    adah_window window = {0, 0, a[7], a[8], a[9], a[10], a[11], a[12], 0};
    adah_node *x = input(n, FILL_UNIFORM, ADAH_SHAPE4(SZ(0), SZ(1), SZ(2), SZ(3)));
    return adah_graph_convolution(n->g, x, w, b, window, a[13]);
}

static adah_node *convolve(net *n, const char *name, adah_node *x, size_t c_out, int size) {
    adah_parameter *w =
        parameter(n, name, ADAH_SHAPE4(c_out, adah_node_shape(x).dim[1], (size_t)size, (size_t)size), 0.3f);
    int pad = size / 2;
    return adah_graph_convolution(n->g, x, w, NULL, (adah_window){0, 0, 1, 1, pad, pad, pad, pad, 0}, 1);
}

/* To few channels, from a value in the backend's layout; a: batch, channels, height, width, channels between, out */
static adah_node *build_pointwise(net *n, const int *a) {
    adah_node *x = input(n, FILL_UNIFORM, ADAH_SHAPE4(SZ(0), SZ(1), SZ(2), SZ(3)));
    return convolve(n, "w", convolve(n, "v", x, SZ(4), 3), SZ(5), 1);
}

/* Small weights, biases that put whole channels on one side of every kink: negative, between, beyond 6. */
static adah_node *build_activation(net *n, const int *a) { /* ..., relu, relu6 or tanh */
    adah_parameter *w = parameter(n, "w", ADAH_SHAPE4(SZ(4), SZ(1), 3, 3), 0.02f);
    adah_parameter *b = parameter(n, "b", ADAH_SHAPE1(SZ(4)), 0.5f);
    for (size_t i = 0; i < b->n && a[5] < 2; i++)
        b->value[i] = (float[]){-3, 3, 9}[i % 3];
    adah_node *x = input(n, FILL_UNIFORM, ADAH_SHAPE4(SZ(0), SZ(1), SZ(2), SZ(3)));
    adah_node *y = adah_graph_convolution(n->g, x, w, b, (adah_window){0, 0, 1, 1, 1, 1, 1, 1, 0}, 1);
    return a[5] == 0 ? adah_graph_relu(n->g, y) : a[5] == 1 ? adah_graph_relu6(n->g, y) : adah_graph_tanh(n->g, y);
}

static adah_node *build_fully_connected(net *n, const int *a) { /* batch, in (c, h, w), out, bias */
    adah_node *x = input(n, FILL_UNIFORM, ADAH_SHAPE4(SZ(0), SZ(1), SZ(2), SZ(3)));
    adah_parameter *w = parameter(n, "w", ADAH_SHAPE2(SZ(4), SZ(1) * SZ(2) * SZ(3)), 0.5f);
    adah_parameter *b = a[5] ? parameter(n, "b", ADAH_SHAPE1(SZ(4)), 0.5f) : NULL;
    return adah_graph_fully_connected(n->g, x, w, b);
}

/* a: batch, channels, height, width, behind a convolution to so many channels (0: none), relu behind */
static adah_node *build_batch_norm(net *n, const int *a) {
    adah_node *x = input(n, FILL_UNIFORM, ADAH_SHAPE4(SZ(0), SZ(1), SZ(2), SZ(3)));
    if (a[4])
        x = adah_graph_convolution(n->g, x, parameter(n, "v", ADAH_SHAPE4(SZ(4), SZ(1), 3, 3), 0.5f), NULL,
                                   (adah_window){0, 0, 1, 1, 1, 1, 1, 1, 0}, 1);
    const size_t n_channels = adah_node_shape(x).dim[1];
    adah_parameter *w = parameter(n, "w", ADAH_SHAPE1(n_channels), 2);
    adah_parameter *b = parameter(n, "b", ADAH_SHAPE1(n_channels), 1);
    adah_parameter *statistics = parameter(n, "statistics", ADAH_SHAPE2(2, n_channels), 1);
    statistics->group = 2;
    for (size_t i = 0; i < n_channels && a[5]; i++) { /* whole channels far from the kink of ReLU */
        w->value[i] = 0.2f;
        b->value[i] = i % 2 ? 3 : -3;
    }
    adah_node *y = adah_graph_batch_norm(n->g, x, w, b, statistics);
    return a[5] ? adah_graph_relu(n->g, y) : y;
}

/* a: batch, channels, height, width, channels around, behind a convolution. alpha is large, so that it matters. */
static adah_node *build_response_norm(net *n, const int *a) {
    adah_node *x = input(n, FILL_UNIFORM, ADAH_SHAPE4(SZ(0), SZ(1), SZ(2), SZ(3)));
    if (a[5])
        x = convolve(n, "w", x, SZ(1), 3);
    return adah_graph_response_norm(n->g, x, (adah_response){a[4], 2, 0.5f, 0.75f});
}

/* a: batch, channels, height, width, size h, w, stride h, w, padding top, left, bottom, right, ceil, 1: maximum, 2: mean,
 * behind a convolution (so that the layout is the backend's) */
static adah_node *build_pool(net *n, const int *a) {
    adah_window window = {a[4], a[5], a[6], a[7], a[8], a[9], a[10], a[11], a[12]};
    adah_node *x = input(n, FILL_DISTINCT, ADAH_SHAPE4(SZ(0), SZ(1), SZ(2), SZ(3)));
    if (a[14]) { /* the identity, and not trained: keeps the gaps */
        adah_parameter *w = parameter(n, "w", ADAH_SHAPE4(SZ(1), SZ(1), 1, 1), 0);
        w->group = 2;
        for (size_t i = 0; i < SZ(1); i++)
            w->value[i * SZ(1) + i] = 1;
        x = adah_graph_convolution(n->g, x, w, NULL, (adah_window){0, 0, 1, 1, 0, 0, 0, 0, 0}, 1);
    }
    return a[13] == 2 ? adah_graph_mean_pool(n->g, x, window)
           : a[13] ? adah_graph_max_pool(n->g, x, window)
                   : adah_graph_average_all(n->g, x);
}

static adah_node *build_relu(net *n, const int *a) {
    adah_node *x = input(n, FILL_GAPS, ADAH_SHAPE4(SZ(0), SZ(1), SZ(2), SZ(3)));
    return a[4] ? adah_graph_relu6(n->g, x) : adah_graph_relu(n->g, x);
}

static adah_node *build_tanh(net *n, const int *a) {
    return adah_graph_tanh(n->g, input(n, FILL_UNIFORM, ADAH_SHAPE2(SZ(0), SZ(1))));
}

static adah_node *build_softmax(net *n, const int *a) {
    return adah_graph_softmax(n->g, input(n, FILL_UNIFORM, ADAH_SHAPE4(SZ(0), SZ(1), SZ(2), SZ(3))));
}

static adah_node *build_dropout(net *n, const int *a) {
    adah_node *x = input(n, FILL_UNIFORM, ADAH_SHAPE2(SZ(0), SZ(1)));
    return adah_graph_dropout(n->g, adah_graph_dropout(n->g, x, 0.5f), 0.25f);
}

static adah_node *build_concatenate(net *n, const int *a) { /* batch, height, width, three channel counts */
    adah_node *x[3];
    for (int i = 0; i < 3; i++)
        x[i] = input(n, FILL_UNIFORM, ADAH_SHAPE4(SZ(0), SZ(3 + i), SZ(1), SZ(2)));
    return adah_graph_concatenate(n->g, x, 3);
}

/* A fire module: one value read by two convolutions, joined by channels, and joined once more with itself. */
static adah_node *build_fire(net *n, const int *a) { /* batch, channels, height, width, squeezed, expanded 1, 3 */
    adah_node *x = input(n, FILL_UNIFORM, ADAH_SHAPE4(SZ(0), SZ(1), SZ(2), SZ(3)));
    adah_node *s = adah_graph_tanh(n->g, convolve(n, "squeeze", x, SZ(4), 1));
    adah_node *e[2] = {adah_graph_tanh(n->g, convolve(n, "expand1", s, SZ(5), 1)),
                       adah_graph_tanh(n->g, convolve(n, "expand3", s, SZ(6), 3))};
    adah_node *y = adah_graph_concatenate(n->g, e, 2);
    adah_node_keep(y);
    adah_node *twice[2] = {y, y};
    return convolve(n, "last", adah_graph_concatenate(n->g, twice, 2), 5, 3);
}

/* Two values of other layouts, one of them read twice, and a sum with itself. */
static adah_node *build_add(net *n, const int *a) {
    adah_node *x = input(n, FILL_UNIFORM, ADAH_SHAPE4(SZ(0), SZ(1), SZ(2), SZ(3)));
    adah_node *y = adah_graph_tanh(n->g, convolve(n, "w", x, SZ(1), 3));
    adah_node *z = adah_graph_add(n->g, a[4] ? y : x, a[4] ? x : y);
    return convolve(n, "v", adah_graph_add(n->g, z, z), 5, 1);
}

/* The same weights in two convolutions and in two fully connected nodes. */
static adah_node *build_shared(net *n, const int *a) {
    adah_node *x = input(n, FILL_UNIFORM, ADAH_SHAPE4(SZ(0), SZ(1), SZ(2), SZ(3)));
    adah_node *y = adah_graph_tanh(n->g, convolve(n, "w", convolve(n, "w", x, SZ(1), 3), SZ(1), 3));
    adah_parameter *v = parameter(n, "v", ADAH_SHAPE2(7, SZ(1) * SZ(2) * SZ(3)), 0.2f);
    adah_node *z[2] = {adah_graph_fully_connected(n->g, x, v, NULL), adah_graph_fully_connected(n->g, y, v, NULL)};
    return adah_graph_concatenate(n->g, z, 2);
}

static void multiply_forward(void *context, const float *const *x, float *y) {
    for (size_t i = 0; i < *(const size_t *)context; i++)
        y[i] = x[0][i] * x[1][i];
}

static void multiply_backward(void *context, const float *const *x, const float *y, const float *dy,
                              float *const *dx) {
    (void)y;
    for (size_t i = 0; i < *(const size_t *)context; i++) {
        if (dx[0])
            dx[0][i] += dy[i] * x[1][i];
        if (dx[1])
            dx[1][i] += dy[i] * x[0][i];
    }
}

/* The caller's operation between convolutions, on a value that a normalisation reads too. */
static adah_node *build_operation(net *n, const int *a) {
    static size_t count;
    count = SZ(0) * SZ(1) * SZ(2) * SZ(3);
    adah_shape shape = ADAH_SHAPE4(SZ(0), SZ(1), SZ(2), SZ(3));
    adah_node *x = convolve(n, "w", input(n, FILL_UNIFORM, shape), SZ(1), 3);
    adah_node *both[2] = {x, input(n, FILL_UNIFORM, shape)};
    adah_operation op = {"multiply", multiply_forward, multiply_backward, &count};
    adah_node *y = adah_graph_operation(n->g, op, both, 2, shape);
    adah_node *z[2] = {convolve(n, "v", y, SZ(1), 1),
                       adah_graph_response_norm(n->g, x, (adah_response){3, 2, 0.5f, 0.75f})};
    return adah_graph_concatenate(n->g, z, 2);
}

/* Squeeze and excitation of swish; a: batch, channels, height, width, hard, behind a convolution. Hard kinks stay away: |x| < 3. */
static adah_node *build_gate(net *n, const int *a) {
    adah_node *x = input(n, FILL_UNIFORM, ADAH_SHAPE4(SZ(0), SZ(1), SZ(2), SZ(3)));
    if (a[5])
        x = adah_graph_tanh(n->g, convolve(n, "w", x, SZ(1), 3));
    x = adah_graph_swish(n->g, x, a[4]);
    adah_node *gate = adah_graph_fully_connected(n->g, adah_graph_average_all(n->g, x), parameter(n, "v", ADAH_SHAPE2(SZ(1), SZ(1)), 0.5f),
                                                 parameter(n, "b", ADAH_SHAPE1(SZ(1)), 0.5f));
    return adah_graph_gate(n->g, x, gate, a[4]);
}

/* Rows of so many channels; a: items, rows, channels out, bias, gelu (-1: none, behind it), before another linear layer */
static adah_node *build_linear(net *n, const int *a) {
    adah_node *x = input(n, FILL_UNIFORM, ADAH_SHAPE3(SZ(0), SZ(1), 24));
    adah_parameter *b = a[3] ? parameter(n, "b", ADAH_SHAPE1(SZ(2)), 0.5f) : NULL;
    x = adah_graph_linear(n->g, x, parameter(n, "w", ADAH_SHAPE2(SZ(2), 24), 0.5f), b);
    if (a[4] >= 0)
        x = adah_graph_gelu(n->g, x, (adah_gelu)a[4]);
    return a[5] ? adah_graph_linear(n->g, x, parameter(n, "v", ADAH_SHAPE2(5, SZ(2)), 0.5f), NULL) : x;
}

static adah_node *build_layer_norm(net *n, const int *a) { /* items, rows, channels */
    const size_t n_channels = SZ(2);
    return adah_graph_layer_norm(n->g, input(n, FILL_UNIFORM, ADAH_SHAPE3(SZ(0), SZ(1), n_channels)),
                                 parameter(n, "w", ADAH_SHAPE1(n_channels), 2), parameter(n, "b", ADAH_SHAPE1(n_channels), 1), 1e-5f);
}

static adah_node *build_gelu(net *n, const int *a) { /* values, which */
    return adah_graph_gelu(n->g, input(n, FILL_GAPS, ADAH_SHAPE2(1, SZ(0))), (adah_gelu)a[1]);
}

/* items, rows, rows of the others (0: of itself), channels, heads, causal, with presence (2: packed), with distances up to so many rows (0: none) */
static adah_node *build_attention(net *n, const int *a) {
    adah_node *x = input(n, FILL_UNIFORM, ADAH_SHAPE3(SZ(0), SZ(1), SZ(3) * (a[2] ? 1 : 3)));
    adah_node *other = a[2] ? input(n, FILL_UNIFORM, ADAH_SHAPE3(SZ(0), SZ(2), SZ(3) * 2)) : NULL;
    adah_node *presence = a[6] ? input(n, a[6] > 1 ? FILL_TEXTS : FILL_PRESENCE, ADAH_SHAPE2(SZ(0), a[2] ? SZ(2) : SZ(1))) : NULL;
    adah_parameter *distance = a[7] ? parameter(n, "distance", ADAH_SHAPE2(SZ(4), 2 * SZ(7) - 1), 2) : NULL;
    if (distance)
        distance->group = 2; /* it does not learn */
    return adah_graph_attention(n->g, x, other, presence,
                                (adah_attention_form){.n_heads = SZ(4), .is_causal = a[5], .is_packed = a[6] > 1, .distance = distance});
}

/* items, tokens, channels, way to take one, with presence: embedding, positions, rows before them */
static adah_node *build_embedding(net *n, const int *a) {
    adah_node *x = adah_graph_embedding(n->g, input(n, FILL_IDS, ADAH_SHAPE2(SZ(0), SZ(1))), parameter(n, "table", ADAH_SHAPE2(5, SZ(2)), 1));
    x = adah_graph_add_rows(n->g, x, parameter(n, "positions", ADAH_SHAPE2(SZ(1) + 1, SZ(2)), 1));
    adah_node *presence = a[4] ? input(n, FILL_PRESENCE, ADAH_SHAPE2(SZ(0), SZ(1))) : NULL;
    return a[3] < 0 ? adah_graph_prepend_rows(n->g, x, 0, parameter(n, "first", ADAH_SHAPE2(2, SZ(2)), 1))
                    : adah_graph_pool_rows(n->g, x, presence, (adah_row_pick)a[3]);
}

/* items, channels, height, width, size, with a centre: squares, a row before them, and a map of them again */
static adah_node *build_patches(net *n, const int *a) {
    adah_node *x = adah_graph_patches(n->g, input(n, FILL_UNIFORM, ADAH_SHAPE4(SZ(0), SZ(1), SZ(2), SZ(3))), SZ(4));
    x = adah_graph_prepend_rows(n->g, x, 0, parameter(n, "first", ADAH_SHAPE2(1, adah_node_shape(x).dim[2]), 1));
    adah_node *centre = a[5] ? adah_graph_pool_rows(n->g, x, NULL, ADAH_ROW_FIRST) : NULL;
    return adah_graph_map(n->g, x, SZ(2) / SZ(4), SZ(3) / SZ(4), centre);
}

/* Learned rows look at an item's: items, rows, channels, heads */
static adah_node *build_probe(net *n, const int *a) {
    adah_node *probe = adah_graph_prepend_rows(n->g, NULL, SZ(0), parameter(n, "probe", ADAH_SHAPE2(1, SZ(2)), 1));
    return adah_graph_attention(n->g, probe, input(n, FILL_UNIFORM, ADAH_SHAPE3(SZ(0), SZ(1), 2 * SZ(2))), NULL,
                                (adah_attention_form){.n_heads = SZ(3)});
}

typedef struct test_case {
    const char *name;
    adah_node *(*build)(net *n, const int *a);
    int a[16];
} test_case;

static const test_case cases[] = {
    {"convolution 3x3", build_convolution, {1, 3, 7, 5, 5, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}},
    {"convolution 3x3, stride 2", build_convolution, {3, 3, 13, 13, 17, 3, 3, 2, 2, 0, 0, 0, 0, 1, 1}},
    {"convolution 3x3, pads bottom and right", build_convolution, {1, 3, 8, 8, 16, 3, 3, 2, 2, 0, 0, 1, 1, 1, 1}},
    {"convolution 3x3, 16 to 32", build_convolution, {3, 16, 13, 13, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}},
    {"convolution 3x3, 64 to 64", build_convolution, {2, 64, 14, 14, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}},
    {"convolution 3x3, 32 to 32, batch 5", build_convolution, {5, 32, 13, 13, 32, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1}},
    {"convolution 3x3, 16 to 48, batch 4", build_convolution, {4, 16, 9, 28, 48, 3, 3, 1, 1, 1, 1, 1, 1, 1, 0}},
    {"convolution 3x3, 17 to 5", build_convolution, {3, 17, 7, 5, 5, 3, 3, 1, 1, 1, 1, 1, 1, 1, 0}},
    {"convolution 1x1, 32 to 17", build_convolution, {1, 32, 13, 13, 17, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1}},
    {"convolution 1x1, to one channel", build_convolution, {3, 48, 7, 5, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1}},
    {"convolution 1x1, to three channels", build_convolution, {3, 17, 7, 5, 3, 1, 1, 1, 1, 0, 0, 0, 0, 1, 0}},
    {"convolution 1x1, to one channel behind another", build_pointwise, {3, 16, 7, 5, 32, 1}},
    {"convolution 1x1, stride 2", build_convolution, {3, 16, 13, 7, 16, 1, 1, 2, 2, 0, 0, 0, 0, 1, 0}},
    {"convolution 5x3, uneven", build_convolution, {1, 5, 13, 7, 3, 5, 3, 2, 1, 3, 0, 1, 2, 1, 1}},
    {"convolution 2 groups", build_convolution, {3, 6, 7, 5, 4, 3, 3, 1, 1, 1, 1, 1, 1, 2, 1}},
    {"convolution 2 groups, 32 to 32", build_convolution, {1, 32, 7, 7, 32, 3, 3, 1, 1, 1, 1, 1, 1, 2, 1}},
    {"convolution depthwise 17", build_convolution, {3, 17, 7, 5, 17, 3, 3, 1, 1, 1, 1, 1, 1, 17, 1}},
    {"convolution depthwise 32, stride 2", build_convolution, {1, 32, 13, 13, 32, 3, 3, 2, 2, 0, 0, 1, 1, 32, 1}},
    {"convolution depthwise, two outputs each", build_convolution, {1, 3, 7, 5, 6, 3, 3, 1, 1, 1, 1, 1, 1, 3, 0}},
    {"convolution 7x7 to one position", build_convolution, {3, 16, 7, 7, 17, 7, 7, 1, 1, 0, 0, 0, 0, 1, 1}},
    {"convolution of a borrowed shape 1x1", build_convolution, {3, 5, 1, 1, 3, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1}},
    {"relu on convolution", build_activation, {3, 3, 7, 5, 17, 0}},
    {"relu on convolution, whole blocks", build_activation, {1, 16, 13, 13, 32, 0}},
    {"relu6 on convolution", build_activation, {3, 3, 7, 5, 17, 1}},
    {"relu on convolution, batch 5", build_activation, {5, 32, 13, 13, 32, 0}},
    {"relu6 on convolution, batch 5", build_activation, {5, 32, 13, 13, 32, 1}},
    {"relu6 on convolution, whole blocks", build_activation, {1, 16, 13, 13, 32, 1}},
    {"tanh on convolution", build_activation, {1, 3, 7, 5, 17, 2}},
    {"fully connected", build_fully_connected, {3, 5, 7, 1, 17, 1}},
    {"fully connected, batch 1", build_fully_connected, {1, 3, 7, 5, 32, 1}},
    {"fully connected, no bias, one output", build_fully_connected, {3, 17, 1, 1, 1, 0}},
    {"batch norm", build_batch_norm, {3, 5, 7, 5, 0, 0}},
    {"batch norm, one position", build_batch_norm, {7, 3, 1, 1, 0, 0}},
    {"batch norm behind a convolution", build_batch_norm, {3, 3, 7, 5, 17, 0}},
    {"batch norm behind a convolution, whole blocks", build_batch_norm, {4, 16, 9, 8, 32, 0}},
    {"relu on batch norm", build_batch_norm, {3, 3, 7, 5, 17, 1}},
    {"relu on batch norm, whole blocks", build_batch_norm, {4, 16, 8, 8, 32, 1}},
    {"response norm", build_response_norm, {3, 17, 7, 5, 5, 0}},
    {"response norm, fewer channels than it spans", build_response_norm, {1, 2, 3, 5, 5, 0}},
    {"response norm over 3, one position", build_response_norm, {5, 7, 1, 1, 3, 0}},
    {"response norm behind a convolution", build_response_norm, {3, 5, 7, 5, 5, 1}},
    {"response norm behind a convolution, whole blocks", build_response_norm, {4, 32, 9, 8, 5, 1}},
    {"response norm behind a convolution, 64, one image", build_response_norm, {1, 64, 7, 7, 5, 1}},
    {"swish and its gate", build_gate, {3, 5, 7, 5, 0, 0}},
    {"swish and its gate behind a convolution", build_gate, {3, 17, 7, 5, 0, 1}},
    {"swish and its gate behind a convolution, whole blocks", build_gate, {2, 32, 6, 5, 0, 1}},
    {"hard swish and its gate", build_gate, {2, 5, 7, 5, 1, 0}},
    {"hard swish and its gate behind a convolution, whole blocks", build_gate, {2, 48, 6, 5, 1, 1}},
    {"max pool 2x2", build_pool, {3, 3, 8, 6, 2, 2, 2, 2, 0, 0, 0, 0, 0, 1, 0}},
    {"max pool 3x3 stride 2 ceil", build_pool, {1, 5, 13, 12, 3, 3, 2, 2, 0, 0, 0, 0, 1, 1, 0}},
    {"max pool 3x3 stride 2 ceil, blocks", build_pool, {3, 16, 14, 13, 3, 3, 2, 2, 0, 0, 0, 0, 1, 1, 1}},
    {"max pool 3x3 stride 2 ceil, padded", build_pool, {1, 17, 7, 5, 3, 3, 2, 2, 1, 1, 1, 1, 1, 1, 1}},
    {"max pool, last window beyond the padding", build_pool, {1, 3, 6, 6, 2, 2, 3, 3, 1, 1, 1, 1, 1, 1, 0}},
    {"max pool, uneven padding", build_pool, {3, 3, 7, 5, 3, 2, 2, 1, 0, 1, 2, 0, 0, 1, 1}},
    {"mean pool 2x2", build_pool, {3, 3, 8, 6, 2, 2, 2, 2, 0, 0, 0, 0, 0, 2, 0}},
    {"mean pool 2x2, odd, blocks", build_pool, {2, 32, 7, 9, 2, 2, 2, 2, 0, 0, 0, 0, 0, 2, 1}},
    {"mean pool 3x3 stride 2, padded, part of a block", build_pool, {1, 17, 7, 5, 3, 3, 2, 2, 1, 1, 1, 1, 0, 2, 1}},
    {"average pool, whole map", build_pool, {3, 17, 7, 7, 7, 7, 1, 1, 0, 0, 0, 0, 0, 0, 1}},
    {"average pool, whole map, plain", build_pool, {1, 5, 7, 5, 7, 5, 1, 1, 0, 0, 0, 0, 0, 0, 0}},
    {"relu", build_relu, {3, 17, 7, 5, 0}},
    {"relu6", build_relu, {1, 5, 13, 13, 1}},
    {"tanh", build_tanh, {3, 17}},
    {"softmax over positions", build_softmax, {3, 1, 13, 13}},
    {"softmax over everything", build_softmax, {1, 5, 7, 5}},
    {"dropout", build_dropout, {3, 17}},
    {"concatenate", build_concatenate, {3, 7, 5, 3, 17, 5}},
    {"concatenate whole blocks", build_concatenate, {1, 7, 5, 16, 32, 16}},
    {"fire module", build_fire, {3, 16, 7, 5, 16, 16, 32}},
    {"fire module, batch 4", build_fire, {4, 32, 8, 9, 16, 64, 64}},
    {"fire module, odd channels", build_fire, {1, 3, 13, 13, 5, 17, 3}},
    {"fire module, channels of 8", build_fire, {1, 8, 7, 7, 8, 24, 8}},
    {"add, plain first", build_add, {3, 5, 7, 5, 0}},
    {"add, blocks first", build_add, {1, 16, 7, 5, 1}},
    {"shared weights", build_shared, {3, 5, 7, 5}},
    {"shared weights, whole blocks", build_shared, {1, 16, 7, 5}},
    {"linear", build_linear, {2, 3, 7, 1, -1, 0}},
    {"linear, many rows", build_linear, {3, 19, 70, 1, -1, 0}},
    {"linear, more rows than outputs, no bias", build_linear, {5, 23, 17, 0, -1, 1}},
    {"gelu on linear", build_linear, {2, 3, 7, 1, 0, 1}},
    {"gelu on linear, many rows", build_linear, {3, 19, 70, 1, 0, 1}},
    {"gelu by tanh on linear, more rows than outputs", build_linear, {5, 23, 17, 1, 1, 1}},
    {"quick gelu on linear, kept", build_linear, {3, 19, 70, 0, 2, 0}},
    {"layer norm", build_layer_norm, {2, 3, 37}},
    {"layer norm, many rows", build_layer_norm, {5, 67, 128}},
    {"gelu", build_gelu, {5000, 0}},
    {"gelu by tanh", build_gelu, {5000, 1}},
    {"quick gelu", build_gelu, {5000, 2}},
    {"attention", build_attention, {2, 7, 0, 12, 3, 0, 0}},
    {"attention, one row", build_attention, {2, 1, 0, 10, 1, 0, 0}},
    {"attention, more rows than are taken at a time", build_attention, {2, 69, 0, 32, 2, 0, 0}},
    {"attention, wide heads", build_attention, {1, 50, 0, 144, 2, 0, 0}},
    {"attention, causal", build_attention, {2, 53, 0, 16, 2, 1, 0}},
    {"attention, padding", build_attention, {3, 15, 0, 24, 4, 0, 1}},
    {"attention, causal with padding", build_attention, {2, 65, 0, 24, 4, 1, 1}},
    {"attention with distances", build_attention, {2, 7, 0, 12, 3, 0, 0, 7}},
    {"attention with distances, padding", build_attention, {2, 53, 0, 24, 4, 0, 1, 60}},
    {"attention with distances, causal", build_attention, {2, 17, 0, 16, 2, 1, 0, 20}},
    {"attention of packed texts", build_attention, {2, 70, 0, 24, 3, 0, 2}},
    {"attention of packed texts, longer than what is taken at a time", build_attention, {1, 150, 0, 16, 2, 1, 2}},
    {"attention of packed texts with distances", build_attention, {2, 70, 0, 24, 3, 0, 2, 50}},
    {"attention to others", build_attention, {2, 5, 9, 24, 3, 0, 0}},
    {"attention to others, padding", build_attention, {2, 50, 70, 24, 3, 0, 1}},
    {"attention of a learned row", build_probe, {3, 17, 16, 2}},
    {"embedding and positions, rows before them", build_embedding, {3, 7, 9, -1, 0}},
    {"embedding, first row", build_embedding, {2, 7, 33, 0, 0}},
    {"embedding, mean of rows", build_embedding, {2, 10, 9, 1, 1}},
    {"embedding, mean of all rows", build_embedding, {2, 10, 9, 1, 0}},
    {"embedding, last row", build_embedding, {3, 10, 9, 2, 1}},
    {"embedding, last of all rows", build_embedding, {2, 4, 9, 2, 0}},
    {"patches and their map", build_patches, {2, 3, 9, 8, 4, 0}},
    {"patches and their map around the first row", build_patches, {2, 3, 12, 9, 3, 1}},
    {"positions of a map", build_patches, {2, 17, 3, 5, 1, 1}},
    {"operation between convolutions", build_operation, {3, 5, 7, 5}},
    {"operation between convolutions, whole blocks", build_operation, {1, 16, 13, 13}},
};

/* ---------------------------------------------------------------- running a case */

typedef struct array { /* a value with its gradient */
    char name[32];
    float *value;
    const float *gradient;
    size_t n;
    adah_parameter *parameter;
} array;

typedef struct built {
    net n;
    adah_node *output;
    size_t n_output;
    array item[MAX_ARRAYS]; /* inputs, then parameters */
    size_t n_items;
} built;

/* The number of row i's text: the texts have 1, 4, 9 ... rows. */
static float text_at(size_t i) {
    size_t k = 1;
    for (; i >= k * k; k++)
        i -= k * k;
    return k % 3 ? (float)k : 0;
}

static void fill(float *x, size_t n, filling how, adah_random *r) {
    size_t *order = malloc(n * sizeof *order);
    assert_non_null(order);
    adah_random_permutation(r, n, order);
    for (size_t i = 0; i < n; i++) {
        float u = adah_random_uniform(r);
        x[i] = how == FILL_DISTINCT ? 0.05f * ((float)order[i] - (float)(n / 2)) : 2 * u - 1;
        if (how == FILL_IDS)
            x[i] = (float)(order[i] % 6);
        if (how == FILL_PRESENCE)
            x[i] = i % 5 < 2;
        if (how == FILL_TEXTS)
            x[i] = text_at(i);
        if (how == FILL_GAPS)
            x[i] = (float[]){-2, 0.1f, 6.1f}[i % 3] + u * (float[]){1.9f, 5.8f, 1.9f}[i % 3];
    }
    free(order);
}

static void build_case(const test_case *c, adah_backend backend, adah_graph_mode mode, adah_parameters *p, built *b) {
    adah_status status = {0};
    adah_random r = adah_random_seeded(7, 7);
    *b = (built){.n = {.g = adah_graph_create(backend, mode), .p = p, .r = &r}};
    b->output = c->build(&b->n, c->a);
    adah_node_keep(b->output);
    if (adah_graph_build(b->n.g, &status) != ADAH_OK)
        fail_msg("%s: %s", c->name, status.message);
    if (mode == ADAH_GRAPH_TRAIN)
        assert_int_equal(adah_parameters_train(p, 1, &status), ADAH_OK);
    b->n_output = adah_shape_count(adah_node_shape(b->output));
    adah_graph_set_seed(b->n.g, 99);
    r = adah_random_seeded(8, 8);
    for (size_t i = 0; i < b->n.n_inputs; i++) {
        if (b->n.fill[i] >= FILL_IDS) {
            fill(adah_node_value(b->n.input[i]), adah_shape_count(adah_node_shape(b->n.input[i])), b->n.fill[i], &r);
            continue;
        }
        array *t = &b->item[b->n_items++];
        *t = (array){.n = adah_shape_count(adah_node_shape(b->n.input[i]))};
        snprintf(t->name, sizeof t->name, "input %zu", i);
        t->value = adah_node_value(b->n.input[i]);
        t->gradient = adah_node_gradient(b->n.input[i]);
        fill(t->value, t->n, b->n.fill[i], &r);
    }
    for (size_t i = 0; i < p->n; i++) {
        if (p->item[i]->group != 1)
            continue;
        array *t = &b->item[b->n_items++];
        *t = (array){.value = p->item[i]->value,
                     .gradient = p->item[i]->gradient,
                     .n = p->item[i]->n,
                     .parameter = p->item[i]};
        snprintf(t->name, sizeof t->name, "parameter %.16s", p->item[i]->name);
    }
}

static void forward(built *b) {
    adah_status status = {0};
    if (adah_graph_forward(b->n.g, &status) != ADAH_OK)
        fail_msg("%s", status.message);
}

/* The loss is the sum of output i times coefficient(i). */
static float coefficient(size_t i) { return (float)((double)(adah_random_mix(i, 5) >> 40) * 0x1p-23 - 1); }

static double loss(built *b) {
    forward(b);
    double sum = 0;
    for (size_t i = 0; i < b->n_output; i++)
        sum += (double)coefficient(i) * (double)adah_node_value(b->output)[i];
    return sum;
}

static void backward(built *b) {
    adah_status status = {0};
    for (size_t i = 0; i < b->n.p->n; i++)
        if (b->n.p->item[i]->gradient)
            memset(b->n.p->item[i]->gradient, 0, b->n.p->item[i]->n * sizeof(float));
    adah_graph_clear_gradients(b->n.g);
    for (size_t i = 0; i < b->n_output; i++)
        adah_node_gradient(b->output)[i] = coefficient(i);
    if (adah_graph_backward(b->n.g, 1, &status) != ADAH_OK)
        fail_msg("%s", status.message);
}

static float *copy(const float *x, size_t n) {
    float *y = malloc(n * sizeof *y);
    assert_non_null(y);
    return memcpy(y, x, n * sizeof *y);
}

static double largest(const float *x, size_t n) {
    double most = 0;
    for (size_t i = 0; i < n; i++)
        most = fmax(most, fabs((double)x[i]));
    return most;
}

static void assert_close(const test_case *c, const char *what, const float *x, const float *expected, size_t n) {
    double scale = largest(expected, n);
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)x[i] - (double)expected[i]) <= 1e-4 * scale))
            fail_msg("%s: %s[%zu] is %.8g, expected %.8g", c->name, what, i, (double)x[i], (double)expected[i]);
}

static void assert_same(const test_case *c, const char *what, const float *x, const float *expected, size_t n) {
    if (memcmp(x, expected, n * sizeof *x) != 0)
        fail_msg("%s: %s differs from run to run", c->name, what);
}

/* Some coordinates of every input and parameter against central differences of the loss. */
static void assert_gradients(const test_case *c, built *b, float *const *gradient) {
    adah_random r = adah_random_seeded(3, 3);
    for (size_t i = 0; i < b->n_items; i++) {
        array *t = &b->item[i];
        double scale = largest(gradient[i], t->n);
        for (size_t s = 0; s < N_SAMPLES && s < t->n; s++) {
            size_t j = t->n <= N_SAMPLES ? s : (size_t)adah_random_below(&r, t->n);
            float before = t->value[j];
            double sum[2];
            for (int side = 0; side < 2; side++) {
                t->value[j] = before + (side ? -(float)STEP : (float)STEP);
                if (t->parameter)
                    t->parameter->version++;
                sum[side] = loss(b);
            }
            t->value[j] = before;
            if (t->parameter)
                t->parameter->version++;
            double expected = (sum[0] - sum[1]) / (2 * STEP);
            if (!(fabs(expected - (double)gradient[i][j]) <= 1e-3 * scale))
                fail_msg("%s: gradient of %s[%zu] is %.8g, by differences %.8g", c->name, t->name, j,
                         (double)gradient[i][j], expected);
        }
    }
}

static void check_case(const test_case *c) {
    adah_parameters p = {0};
    float *y[2], *gradient[2][MAX_ARRAYS];
    size_t n_items = 0, n_output = 0;
    for (int backend = 0; backend < 2; backend++) {
        built b;
        build_case(c, backend ? ADAH_BACKEND_ONEDNN : ADAH_BACKEND_REFERENCE, ADAH_GRAPH_TRAIN, &p, &b);
        forward(&b);
        adah_graph_update_statistics(b.n.g, 1); /* what is inferred with */
        y[backend] = copy(adah_node_value(b.output), b.n_output);
        backward(&b);
        n_items = b.n_items;
        n_output = b.n_output;
        for (size_t i = 0; i < n_items; i++)
            gradient[backend][i] = copy(b.item[i].gradient, b.item[i].n);
        if (backend) {
            assert_close(c, "output", y[1], y[0], n_output);
            for (size_t i = 0; i < n_items; i++)
                assert_close(c, b.item[i].name, gradient[1][i], gradient[0][i], b.item[i].n);
        }
        built single; /* many small runs: on one thread */
        int n_threads = adah_parallel_threads();
        adah_parallel_set_threads(1);
        build_case(c, backend ? ADAH_BACKEND_ONEDNN : ADAH_BACKEND_REFERENCE, ADAH_GRAPH_TRAIN, &p, &single);
        adah_parallel_set_threads(n_threads);
        assert_gradients(c, &single, gradient[backend]);
        adah_graph_free(single.n.g);
        forward(&b);
        assert_same(c, "output", adah_node_value(b.output), y[backend], n_output);
        backward(&b);
        for (size_t i = 0; i < n_items; i++)
            assert_same(c, b.item[i].name, b.item[i].gradient, gradient[backend][i], b.item[i].n);
        adah_graph_free(b.n.g);

        if (c->build != build_dropout) {
            build_case(c, backend ? ADAH_BACKEND_ONEDNN : ADAH_BACKEND_REFERENCE, ADAH_GRAPH_INFER, &p, &b);
            forward(&b);
            forward(&b);
            assert_close(c, "inferred output", adah_node_value(b.output), y[0], n_output);
            assert_null(adah_node_gradient(b.output));
            adah_graph_free(b.n.g);
        }
    }
    for (int backend = 0; backend < 2; backend++) {
        free(y[backend]);
        for (size_t i = 0; i < n_items; i++)
            free(gradient[backend][i]);
    }
    adah_parameters_free(&p);
}

static void test_operations(void **state) {
    (void)state;
    const char *only = getenv("ADAH_TEST_CASE"); /* part of a name, to look at one case */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (!only || strstr(cases[i].name, only))
            check_case(&cases[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_operations)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
