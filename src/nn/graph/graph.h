/* graph.h - a network as a graph of operations, built once for a fixed batch size and run many times.
 *
 * Building reads like the paper, one line an operation:
 *
 *     adah_node *x = adah_graph_input(g, ADAH_SHAPE4(B, 3, 224, 224));
 *     adah_node *f = adah_graph_relu(g, adah_graph_convolution(g, x, w, b, ...));
 *     adah_node *y = adah_graph_fully_connected(g, f, w2, b2);
 *     ADAH_TRY(adah_graph_build(g, status));
 *
 * Builders never need checking one by one: a bad shape or lack of memory makes that builder return NULL, every
 * builder given NULL returns NULL, and adah_graph_build reports the first fault. Nodes belong to the graph.
 *
 * Nodes run in the order of their creation, backward in the reverse. The oneDNN backend keeps activations in
 * its own blocked layouts between the operations it runs itself and reorders only at the edges: inputs,
 * outputs asked for, and operations in plain C (those made with adah_graph_operation).
 * Reference backend: plain loops; the specification of every operation.
 *
 * Parameters outlive the graphs over them. A graph is used by one thread at a time; different graphs over the same
 * parameters may run at once as long as none trains. A graph always runs on as many threads as a loop had when it was built, and the same input
 * then gives the same bits. Different batch sizes may differ in the last bits: large ones use other kernels.
 * Values, gradients and weights are float32. */
#ifndef ADAH_NN_GRAPH_GRAPH_H
#define ADAH_NN_GRAPH_GRAPH_H

#include "nn/graph/tensor.h"

typedef struct adah_graph adah_graph;
typedef struct adah_node adah_node;

typedef enum adah_backend { ADAH_BACKEND_ONEDNN = 0, ADAH_BACKEND_REFERENCE = 1 } adah_backend;
typedef enum adah_graph_mode { ADAH_GRAPH_INFER = 0, ADAH_GRAPH_TRAIN = 1 } adah_graph_mode;

/* INFER: no gradients, dropout is the identity. NULL when memory is out. */
adah_graph *adah_graph_create(adah_backend backend, adah_graph_mode mode);
void adah_graph_free(adah_graph *g);
int adah_graph_trains(const adah_graph *g); /* 1: of mode TRAIN */
/* Before build. bfloat16, on processors that have products of it: the 3 x 3 convolutions' values and the gradients of their
 * inputs; elsewhere float32, as ever. */
void adah_graph_set_precision(adah_graph *g, adah_precision precision);
adah_code adah_graph_build(adah_graph *g, adah_status *status);
/* The first fault of the builders, as adah_graph_build reports it, without building. */
adah_code adah_graph_check(const adah_graph *g, adah_status *status);

/* ---- operations. x: (B, ...); weights as in the parameter's shape; bias may be NULL. ---- */

typedef struct adah_window {
    int size_h, size_w, stride_h, stride_w;
    int pad_top, pad_left, pad_bottom, pad_right;
    int ceil_mode; /* pooling: a last window that starts inside the input or its top/left padding counts (Caffe) */
} adah_window;

adah_node *adah_graph_input(adah_graph *g, adah_shape shape);
/* w: (C_out, C_in / groups, kh, kw), b: (C_out). window gives stride and padding; sizes are the weight's. */
adah_node *adah_graph_convolution(adah_graph *g, adah_node *x, adah_parameter *w, adah_parameter *b,
                                  adah_window window, int groups);
/* x: (B, ...) flattened to (B, in); w: (out, in); b: (out). Gives (B, out). */
adah_node *adah_graph_fully_connected(adah_graph *g, adah_node *x, adah_parameter *w, adah_parameter *b);
/* Batch normalisation (Ioffe, Szegedy 2015): y = w (x - mean) / sqrt(variance + 1e-5) + b for each channel of x: (B, C, H, W);
 * w, b: (C). TRAIN: mean and variance (of the population) over the batch and its positions; INFER: the rows of
 * `statistics`: (2, C). */
adah_node *adah_graph_batch_norm(adah_graph *g, adah_node *x, adah_parameter *w, adah_parameter *b,
                                 adah_parameter *statistics);
/* Local response normalisation (Krizhevsky et al. 2012): y = x (kappa + alpha sum)^-beta, the sum being that of x^2 over the
 * `size` channels (odd) around its own at the same position. alpha is not divided by size. */
typedef struct adah_response {
    int size;
    float kappa, alpha, beta;
} adah_response;
adah_node *adah_graph_response_norm(adah_graph *g, adah_node *x, adah_response response);
adah_node *adah_graph_max_pool(adah_graph *g, adah_node *x, adah_window window);
/* Mean over the positions of the window that lie inside the input (padding excluded). */
adah_node *adah_graph_mean_pool(adah_graph *g, adah_node *x, adah_window window);
adah_node *adah_graph_average_all(adah_graph *g, adah_node *x); /* over all positions: (B, C, 1, 1) */
adah_node *adah_graph_relu(adah_graph *g, adah_node *x);
adah_node *adah_graph_relu6(adah_graph *g, adah_node *x);
adah_node *adah_graph_tanh(adah_graph *g, adah_node *x);
/* x s(x), s(x) being 1 / (1 + exp(-x)), or, hard, x / 6 + 1 / 2 held to 0 .. 1 (Howard et al. 2019). */
adah_node *adah_graph_swish(adah_graph *g, adah_node *x, int is_hard);
/* Each channel of x: (B, C, H, W) times s of its gate: (B, C) or (B, C, 1, 1) (Hu et al. 2018). */
adah_node *adah_graph_gate(adah_graph *g, adah_node *x, adah_node *gate, int is_hard);
/* Over everything but the first dimension. */
adah_node *adah_graph_softmax(adah_graph *g, adah_node *x);
/* Inverted dropout: in training x / (1 - rate) with probability 1 - rate, else 0. Masks follow from
 * adah_graph_set_seed and the node's number alone. */
adah_node *adah_graph_dropout(adah_graph *g, adah_node *x, float rate);
adah_node *adah_graph_add(adah_graph *g, adah_node *a, adah_node *b); /* of one shape */
adah_node *adah_graph_concatenate(adah_graph *g, adah_node *const *x, size_t n); /* along dimension 1 */

/* An operation of the caller's, in plain row-major float. inputs: x[i] with gradients dx[i] (NULL where no
 * gradient is wanted); backward ADDS into dx[i]. y, dy: the output. context is the caller's and must outlive
 * the graph. backward NULL: no gradient passes. */
typedef struct adah_operation {
    const char *name;
    void (*forward)(void *context, const float *const *x, float *y);
    void (*backward)(void *context, const float *const *x, const float *y, const float *dy, float *const *dx);
    void *context;
} adah_operation;
adah_node *adah_graph_operation(adah_graph *g, adah_operation op, adah_node *const *x, size_t n, adah_shape shape);
/* One that takes each item of the batch for itself: called for item b, of b = 0 ... B - 1, with the arrays of all, on any thread.
 * The graph runs neighbours of this kind together, item after item. B: of the first input. */
typedef struct adah_item_operation {
    const char *name;
    void (*forward)(void *context, const float *const *x, float *y, size_t b);
    void (*backward)(void *context, const float *const *x, const float *y, const float *dy, float *const *dx, size_t b);
    void *context;
} adah_item_operation;
adah_node *adah_graph_item_operation(adah_graph *g, adah_item_operation op, adah_node *const *x, size_t n, adah_shape shape);

/* What operations on tokens are told (tokens.h). */
typedef enum adah_gelu { ADAH_GELU_EXACT = 0, ADAH_GELU_TANH, ADAH_GELU_QUICK } adah_gelu;
typedef struct adah_attention_form {
    size_t n_heads;
    int is_causal;
    int is_packed; /* an item's rows are those of several texts side by side, which do not look at each other */
    adah_parameter *distance; /* (n_heads, 2 R - 1): what is added to a head's score of row p and key k stands at k - p + R - 1. NULL: nothing */
} adah_attention_form;
typedef enum adah_row_pick { ADAH_ROW_FIRST = 0, ADAH_ROW_MEAN, ADAH_ROW_LAST } adah_row_pick;

/* ---- running ---- */

adah_shape adah_node_shape(const adah_node *node);
/* Plain row-major values. Of an input: write here before forward. Of any other node that was marked with
 * adah_node_keep before build: valid after forward. */
float *adah_node_value(adah_node *node);
/* Plain row-major gradient of a kept node, NULL in INFER graphs: adah_graph_clear_gradients zeroes it, the caller
 * writes the loss's derivative into it, adah_graph_backward propagates it. After backward that of a kept input is
 * the whole derivative; that of other nodes is of no use, so clear and write it anew for the next forward and backward. */
float *adah_node_gradient(adah_node *node);
void adah_node_keep(adah_node *node); /* before build; NULL is fine */
/* Lets an input node borrow the caller's (B, ...) array in place of its own, without a copy; NULL ends that.
 * Borrowed before build, the node gets no array of its own. */
void adah_node_borrow(adah_node *input, const float *values);

void adah_graph_set_seed(adah_graph *g, uint64_t seed); /* of dropout, for the next forward */
adah_code adah_graph_forward(adah_graph *g, adah_status *status);
/* Before build: adah_graph_forward_again will be used when nothing has changed since the last forward but parameters of these
 * groups (and the seed). What does not depend on them is kept. */
void adah_graph_plan_again(adah_graph *g, unsigned groups);
/* As adah_graph_forward, on the same inputs, computing only what depends on the groups of adah_graph_plan_again and on dropout. */
adah_code adah_graph_forward_again(adah_graph *g, adah_status *status);
/* After a forward of a TRAIN graph: moves the statistics of every batch normalisation by `share` (0..1) of the way to those
 * of the batch. */
void adah_graph_update_statistics(adah_graph *g, float share);
void adah_graph_clear_gradients(adah_graph *g); /* of kept nodes */
/* Once after each forward. Adds to `gradient` of every parameter whose group is in `groups`; work that reaches no such
 * parameter is skipped. Gradients of inputs are computed only for kept inputs. */
adah_code adah_graph_backward(adah_graph *g, unsigned groups, adah_status *status);

/* ---- times ---- */

typedef struct adah_node_times {
    const char *kind;        /* "convolution", ... */
    adah_shape input, value; /* input: of the first one; n_dims 0: none */
    adah_shape weights;      /* n_dims 0: none */
    double n_operations;     /* multiplications and additions of a forward run by the plain method; 0 but for products */
    double forward, backward; /* seconds, summed over the runs */
} adah_node_times;

/* From now on each node's time is taken, starting from 0; on 0: no longer. */
void adah_graph_measure(adah_graph *g, int on);
/* Of the i-th node in running order; 0: there is none. */
int adah_graph_times(const adah_graph *g, size_t i, adah_node_times *times);

#endif
