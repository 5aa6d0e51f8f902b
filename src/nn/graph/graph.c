/* graph.c - the nodes of a graph, and what the caller sees of them.
 *
 * The builders append nodes and infer shapes; the first fault is remembered for adah_graph_build (graph_build.c), which lays the graph
 * out in memory. Then it runs (graph_run.c). */
#include "base/memory.h"
#include "nn/graph/graph_internal.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const kind_name[] = {
    [ADAH_NODE_INPUT] = "input",
    [ADAH_NODE_CONVOLUTION] = "convolution",
    [ADAH_NODE_FULLY_CONNECTED] = "fully connected",
    [ADAH_NODE_BATCH_NORM] = "batch norm",
    [ADAH_NODE_RESPONSE_NORM] = "response norm",
    [ADAH_NODE_MAX_POOL] = "max pool",
    [ADAH_NODE_MEAN_POOL] = "mean pool",
    [ADAH_NODE_AVERAGE_POOL] = "average pool",
    [ADAH_NODE_RELU] = "relu",
    [ADAH_NODE_RELU6] = "relu6",
    [ADAH_NODE_TANH] = "tanh",
    [ADAH_NODE_SOFTMAX] = "softmax",
    [ADAH_NODE_DROPOUT] = "dropout",
    [ADAH_NODE_ADD] = "add",
    [ADAH_NODE_CONCATENATE] = "concatenate",
    [ADAH_NODE_SWISH] = "swish",
    [ADAH_NODE_GATE] = "gate",
    [ADAH_NODE_LAYER_NORM] = "layer norm",
    [ADAH_NODE_GELU] = "gelu",
    [ADAH_NODE_ATTENTION] = "attention",
    [ADAH_NODE_EMBEDDING] = "embedding",
    [ADAH_NODE_ADD_ROWS] = "add rows",
    [ADAH_NODE_PREPEND_ROWS] = "prepend rows",
    [ADAH_NODE_PATCHES] = "patches",
    [ADAH_NODE_MAP] = "map",
    [ADAH_NODE_POOL_ROWS] = "pool rows",
    [ADAH_NODE_OPERATION] = "operation",
    [ADAH_NODE_CONVERT] = "convert",
};

/* ---------------------------------------------------------------- nodes */

adah_graph *adah_graph_create(adah_backend backend, adah_graph_mode mode) {
    adah_graph *g = adah_memory_zeroed(1, sizeof *g);
    if (g) {
        g->engine = backend == ADAH_BACKEND_REFERENCE ? &adah_engine_reference : &adah_engine_onednn;
        g->mode = mode;
    }
    return g;
}

void adah_graph_set_precision(adah_graph *g, adah_precision precision) { g->precision = precision; }

static void free_node(adah_node *node) {
    if (node->state && node->kernel && node->kernel->release)
        node->kernel->release(node->state);
    else
        adah_memory_free(node->state);
    if (node->layout)
        node->graph->engine->layout_free(node->layout);
    adah_memory_free(node->converter);
    adah_memory_free(node->own_value);
    adah_memory_free(node->own_gradient);
    adah_memory_free(node->batch_statistics);
    adah_memory_free(node->x);
    adah_memory_free(node->x_value);
    adah_memory_free(node->dx);
    adah_memory_free(node);
}

int adah_graph_trains(const adah_graph *g) { return g->mode == ADAH_GRAPH_TRAIN; }

void adah_graph_free(adah_graph *g) {
    if (!g)
        return;
    for (size_t i = 0; i < g->n_nodes; i++)
        free_node(g->node[i]);
    if (g->engine->close)
        g->engine->close(g);
    adah_memory_free(g->arena);
    adah_memory_free(g->node);
    adah_memory_free(g->step);
    adah_memory_free(g->spare);
    adah_memory_free(g->chain);
    adah_memory_free(g->scratch);
    adah_memory_free(g);
}

/* Remembers the first fault, naming the node that would have come next. Returns NULL for the builders. */
adah_node *adah_graph_refuse(adah_graph *g, adah_code code, adah_node_kind kind, const char *format, ...) {
    if (!g || g->fault.code != ADAH_OK)
        return NULL;
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    adah_fail(&g->fault, code, "network node %zu (%s): %s", g->n_made, kind_name[kind], text);
    return NULL;
}

#define REFUSE(...) (adah_graph_refuse(__VA_ARGS__), 0) /* for the checks, which return 0 */

adah_node *adah_graph_append_node(adah_graph *g, adah_node_kind kind, adah_node *const *x, size_t n_x, adah_shape shape) {
    void *nodes = g->node;
    int room = adah_memory_grow(&nodes, &g->node_capacity, g->n_nodes, sizeof *g->node);
    g->node = nodes;
    adah_node *node = room ? adah_memory_zeroed(1, sizeof *node) : NULL;
    if (!node)
        return NULL;
    node->graph = g;
    node->kind = kind;
    node->number = g->n_made;
    node->shape = shape;
    node->n = node->n_stored = adah_shape_count(shape);
    node->home = node;
    node->x = adah_memory_zeroed(n_x, sizeof *node->x);
    node->x_value = adah_memory_zeroed(n_x, sizeof *node->x_value);
    node->dx = adah_memory_zeroed(n_x, sizeof *node->dx);
    if (!node->x || !node->x_value || !node->dx) {
        free_node(node);
        return NULL;
    }
    if (n_x)
        memcpy(node->x, x, n_x * sizeof *x);
    node->n_x = n_x;
    g->node[g->n_nodes++] = node;
    return node;
}

/* A node of the caller's, after the checks that all kinds share. */
adah_node *adah_graph_new_node(adah_graph *g, adah_node_kind kind, adah_node *const *x, size_t n_x, adah_shape shape) {
    if (!g || g->fault.code != ADAH_OK)
        return NULL;
    size_t n = 1;
    for (int i = 0; i < shape.n_dims; i++)
        if (shape.dim[i] == 0 || shape.dim[i] > INT_MAX || __builtin_mul_overflow(n, shape.dim[i], &n))
            return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "dimension %d of the result is %zu", i, shape.dim[i]);
    if (shape.n_dims < 1 || shape.n_dims > 4 || n > SIZE_MAX / sizeof(float) / 2)
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "the result has %d dimensions and %zu values", shape.n_dims, n);
    adah_node *node = adah_graph_append_node(g, kind, x, n_x, shape);
    if (!node)
        return adah_graph_refuse(g, ADAH_ERROR_MEMORY, kind, "out of memory");
    g->n_made++;
    return node;
}

/* Inputs must exist and be this graph's; n_dims 0: any number of dimensions. */
int adah_graph_check_inputs(adah_graph *g, adah_node_kind kind, adah_node *const *x, size_t n_x, int n_dims) {
    if (!g || g->fault.code != ADAH_OK)
        return 0;
    if (g->is_built)
        return REFUSE(g, ADAH_ERROR_ARGUMENT, kind, "added to a graph that is built already");
    for (size_t i = 0; i < n_x; i++) {
        char text[96];
        if (!x[i] || x[i]->graph != g)
            return REFUSE(g, ADAH_ERROR_ARGUMENT, kind, "input %zu is no node of this graph", i);
        if (n_dims && x[i]->shape.n_dims != n_dims)
            return REFUSE(g, ADAH_ERROR_ARGUMENT, kind, "input of shape %s, expected %d dimensions",
                          adah_shape_text(x[i]->shape, text), n_dims);
    }
    return 1;
}

/* ---------------------------------------------------------------- builders */

adah_node *adah_graph_input(adah_graph *g, adah_shape shape) {
    if (!adah_graph_check_inputs(g, ADAH_NODE_INPUT, NULL, 0, 0))
        return NULL;
    return adah_graph_new_node(g, ADAH_NODE_INPUT, NULL, 0, shape);
}

/* Windows along one axis. Rounding up counts a last window that would leave the input, but none that starts
 * behind it. */
static size_t count_windows(size_t n, int size, int stride, int pad_before, int pad_after, int ceil_mode) {
    size_t room = n + (size_t)pad_before + (size_t)pad_after - (size_t)size;
    size_t count = room / (size_t)stride + 1;
    if (ceil_mode && room % (size_t)stride && count * (size_t)stride < n + (size_t)pad_before)
        count++;
    return count;
}

static int check_window(adah_graph *g, adah_node_kind kind, const adah_window *w, adah_shape x, size_t *height,
                        size_t *width) {
    if (w->size_h < 1 || w->size_w < 1 || w->stride_h < 1 || w->stride_w < 1)
        return REFUSE(g, ADAH_ERROR_ARGUMENT, kind, "window of %d x %d with stride %d x %d", w->size_h, w->size_w,
                      w->stride_h, w->stride_w);
    if (w->pad_top < 0 || w->pad_top >= w->size_h || w->pad_bottom < 0 || w->pad_bottom >= w->size_h ||
        w->pad_left < 0 || w->pad_left >= w->size_w || w->pad_right < 0 || w->pad_right >= w->size_w)
        return REFUSE(g, ADAH_ERROR_ARGUMENT, kind,
                      "padding %d %d %d %d, expected 0 to less than the window's %d x %d", w->pad_top, w->pad_left,
                      w->pad_bottom, w->pad_right, w->size_h, w->size_w);
    if (x.dim[2] + (size_t)(w->pad_top + w->pad_bottom) < (size_t)w->size_h ||
        x.dim[3] + (size_t)(w->pad_left + w->pad_right) < (size_t)w->size_w)
        return REFUSE(g, ADAH_ERROR_ARGUMENT, kind, "window of %d x %d does not fit into %zu x %zu with its padding",
                      w->size_h, w->size_w, x.dim[2], x.dim[3]);
    *height = count_windows(x.dim[2], w->size_h, w->stride_h, w->pad_top, w->pad_bottom, w->ceil_mode);
    *width = count_windows(x.dim[3], w->size_w, w->stride_w, w->pad_left, w->pad_right, w->ceil_mode);
    return 1;
}

int adah_graph_check_bias(adah_graph *g, adah_node_kind kind, const adah_parameter *b, size_t n) {
    char text[96];
    if (b && !adah_shape_equal(b->shape, ADAH_SHAPE1(n)))
        return REFUSE(g, ADAH_ERROR_ARGUMENT, kind, "bias '%s' of shape %s, expected %zu", b->name,
                      adah_shape_text(b->shape, text), n);
    return 1;
}

adah_node *adah_graph_convolution(adah_graph *g, adah_node *x, adah_parameter *w, adah_parameter *b,
                                  adah_window window, int groups) {
    const adah_node_kind kind = ADAH_NODE_CONVOLUTION;
    if (!adah_graph_check_inputs(g, kind, &x, 1, 4))
        return NULL;
    char text[96];
    size_t c_in = x->shape.dim[1];
    if (!w)
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "no weights");
    if (w->shape.n_dims != 4 || groups < 1 || c_in % (size_t)groups || w->shape.dim[1] != c_in / (size_t)groups ||
        w->shape.dim[0] % (size_t)groups)
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "weights '%s' of shape %s do not fit %zu channels in %d groups",
                    w->name, adah_shape_text(w->shape, text), c_in, groups);
    window.size_h = (int)w->shape.dim[2];
    window.size_w = (int)w->shape.dim[3];
    window.ceil_mode = 0;
    size_t height, width;
    if (!check_window(g, kind, &window, x->shape, &height, &width) || !adah_graph_check_bias(g, kind, b, w->shape.dim[0]))
        return NULL;
    adah_node *node = adah_graph_new_node(g, kind, &x, 1, ADAH_SHAPE4(x->shape.dim[0], w->shape.dim[0], height, width));
    if (node) {
        node->w = w;
        node->b = b;
        node->window = window;
        node->groups = groups;
    }
    return node;
}

adah_node *adah_graph_fully_connected(adah_graph *g, adah_node *x, adah_parameter *w, adah_parameter *b) {
    const adah_node_kind kind = ADAH_NODE_FULLY_CONNECTED;
    if (!adah_graph_check_inputs(g, kind, &x, 1, 0))
        return NULL;
    char text[96];
    size_t n_in = x->n / x->shape.dim[0];
    if (!w)
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "no weights");
    if (w->shape.n_dims != 2 || w->shape.dim[1] != n_in)
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "weights '%s' of shape %s do not fit %zu inputs", w->name,
                    adah_shape_text(w->shape, text), n_in);
    if (!adah_graph_check_bias(g, kind, b, w->shape.dim[0]))
        return NULL;
    adah_node *node = adah_graph_new_node(g, kind, &x, 1, ADAH_SHAPE2(x->shape.dim[0], w->shape.dim[0]));
    if (node) {
        node->w = w;
        node->b = b;
    }
    return node;
}

adah_node *adah_graph_batch_norm(adah_graph *g, adah_node *x, adah_parameter *w, adah_parameter *b,
                                 adah_parameter *statistics) {
    const adah_node_kind kind = ADAH_NODE_BATCH_NORM;
    if (!adah_graph_check_inputs(g, kind, &x, 1, 4))
        return NULL;
    const size_t n_channels = x->shape.dim[1];
    const adah_parameter *all[] = {w, b, statistics};
    for (int i = 0; i < 3; i++) {
        const adah_shape expected = i == 2 ? ADAH_SHAPE2(2, n_channels) : ADAH_SHAPE1(n_channels);
        char text[96], wanted[96];
        if (!all[i])
            return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "no %s", i == 0 ? "weights" : i == 1 ? "bias" : "statistics");
        if (!adah_shape_equal(all[i]->shape, expected))
            return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "'%s' of shape %s, expected %s", all[i]->name,
                        adah_shape_text(all[i]->shape, text), adah_shape_text(expected, wanted));
    }
    adah_node *node = adah_graph_new_node(g, kind, &x, 1, x->shape);
    if (node) {
        node->w = w;
        node->b = b;
        node->statistics = statistics;
    }
    return node;
}

adah_node *adah_graph_response_norm(adah_graph *g, adah_node *x, adah_response response) {
    const adah_node_kind kind = ADAH_NODE_RESPONSE_NORM;
    if (!adah_graph_check_inputs(g, kind, &x, 1, 4))
        return NULL;
    if (response.size < 1 || response.size % 2 == 0 || !(response.kappa > 0) || !(response.alpha >= 0))
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "over %d channels with kappa %g and alpha %g, expected an odd number, "
                    "kappa above 0, alpha at least 0", response.size, (double)response.kappa, (double)response.alpha);
    adah_node *node = adah_graph_new_node(g, kind, &x, 1, x->shape);
    if (node)
        node->response = response;
    return node;
}

static adah_node *new_pool(adah_graph *g, adah_node_kind kind, adah_node *x, adah_window window) {
    size_t height, width;
    if (!adah_graph_check_inputs(g, kind, &x, 1, 4) || !check_window(g, kind, &window, x->shape, &height, &width))
        return NULL;
    adah_node *node = adah_graph_new_node(g, kind, &x, 1, ADAH_SHAPE4(x->shape.dim[0], x->shape.dim[1], height, width));
    if (node)
        node->window = window;
    return node;
}

adah_node *adah_graph_max_pool(adah_graph *g, adah_node *x, adah_window window) {
    return new_pool(g, ADAH_NODE_MAX_POOL, x, window);
}

adah_node *adah_graph_mean_pool(adah_graph *g, adah_node *x, adah_window window) {
    return new_pool(g, ADAH_NODE_MEAN_POOL, x, window);
}

adah_node *adah_graph_average_all(adah_graph *g, adah_node *x) {
    if (!adah_graph_check_inputs(g, ADAH_NODE_AVERAGE_POOL, &x, 1, 4))
        return NULL;
    const adah_window all = {(int)x->shape.dim[2], (int)x->shape.dim[3], 1, 1, 0, 0, 0, 0, 0};
    return new_pool(g, ADAH_NODE_AVERAGE_POOL, x, all);
}

static adah_node *new_same_shape(adah_graph *g, adah_node_kind kind, adah_node *x) {
    return adah_graph_check_inputs(g, kind, &x, 1, 0) ? adah_graph_new_node(g, kind, &x, 1, x->shape) : NULL;
}

adah_node *adah_graph_relu(adah_graph *g, adah_node *x) { return new_same_shape(g, ADAH_NODE_RELU, x); }
adah_node *adah_graph_relu6(adah_graph *g, adah_node *x) { return new_same_shape(g, ADAH_NODE_RELU6, x); }
adah_node *adah_graph_tanh(adah_graph *g, adah_node *x) { return new_same_shape(g, ADAH_NODE_TANH, x); }
adah_node *adah_graph_swish(adah_graph *g, adah_node *x, int is_hard) {
    adah_node *node = new_same_shape(g, ADAH_NODE_SWISH, x);
    if (node)
        node->is_hard = is_hard;
    return node;
}

adah_node *adah_graph_gate(adah_graph *g, adah_node *x, adah_node *gate, int is_hard) {
    adah_node *const both[2] = {x, gate};
    char first[96], second[96];
    if (!adah_graph_check_inputs(g, ADAH_NODE_GATE, both, 2, 0))
        return NULL;
    if (x->shape.n_dims != 4 || gate->shape.dim[0] != x->shape.dim[0] || gate->n != x->shape.dim[0] * x->shape.dim[1] ||
        gate->shape.n_dims < 2 || gate->shape.dim[1] != x->shape.dim[1])
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, ADAH_NODE_GATE, "a gate of shape %s for %s", adah_shape_text(gate->shape, first),
                    adah_shape_text(x->shape, second));
    adah_node *node = adah_graph_new_node(g, ADAH_NODE_GATE, both, 2, x->shape);
    if (node)
        node->is_hard = is_hard;
    return node;
}

adah_node *adah_graph_softmax(adah_graph *g, adah_node *x) { return new_same_shape(g, ADAH_NODE_SOFTMAX, x); }

adah_node *adah_graph_dropout(adah_graph *g, adah_node *x, float rate) {
    if (!adah_graph_check_inputs(g, ADAH_NODE_DROPOUT, &x, 1, 0))
        return NULL;
    if (!(rate >= 0 && rate < 1))
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, ADAH_NODE_DROPOUT, "rate %g, expected 0 to less than 1", (double)rate);
    if (g->mode == ADAH_GRAPH_INFER || rate == 0)
        return x;
    adah_node *node = new_same_shape(g, ADAH_NODE_DROPOUT, x);
    if (node)
        node->rate = rate;
    return node;
}

adah_node *adah_graph_add(adah_graph *g, adah_node *a, adah_node *b) {
    adah_node *const both[2] = {a, b};
    char first[96], second[96];
    if (!adah_graph_check_inputs(g, ADAH_NODE_ADD, both, 2, 0))
        return NULL;
    if (!adah_shape_equal(a->shape, b->shape))
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, ADAH_NODE_ADD, "shapes %s and %s differ", adah_shape_text(a->shape, first),
                    adah_shape_text(b->shape, second));
    return adah_graph_new_node(g, ADAH_NODE_ADD, both, 2, a->shape);
}

adah_node *adah_graph_concatenate(adah_graph *g, adah_node *const *x, size_t n) {
    const adah_node_kind kind = ADAH_NODE_CONCATENATE;
    if (!adah_graph_check_inputs(g, kind, x, n, 0))
        return NULL;
    if (n == 0 || x[0]->shape.n_dims < 2)
        return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "needs inputs of at least two dimensions");
    adah_shape shape = x[0]->shape;
    shape.dim[1] = 0;
    for (size_t i = 0; i < n; i++) {
        adah_shape other = x[i]->shape;
        shape.dim[1] += other.dim[1];
        other.dim[1] = x[0]->shape.dim[1];
        char first[96], text[96];
        if (!adah_shape_equal(other, x[0]->shape))
            return adah_graph_refuse(g, ADAH_ERROR_ARGUMENT, kind, "shapes %s and %s differ in more than dimension 1",
                        adah_shape_text(x[0]->shape, first), adah_shape_text(x[i]->shape, text));
    }
    return adah_graph_new_node(g, kind, x, n, shape);
}

adah_node *adah_graph_operation(adah_graph *g, adah_operation op, adah_node *const *x, size_t n, adah_shape shape) {
    if (!adah_graph_check_inputs(g, ADAH_NODE_OPERATION, x, n, 0))
        return NULL;
    adah_node *node = adah_graph_new_node(g, ADAH_NODE_OPERATION, x, n, shape);
    if (node)
        node->operation = op;
    return node;
}

adah_node *adah_graph_item_operation(adah_graph *g, adah_item_operation op, adah_node *const *x, size_t n, adah_shape shape) {
    adah_node *node = adah_graph_operation(g, (adah_operation){.name = op.name}, x, n, shape);
    if (node)
        node->item_operation = op;
    return node;
}

void adah_node_keep(adah_node *node) {
    if (node)
        node->kept = 1;
}

adah_shape adah_node_shape(const adah_node *node) { return node ? node->shape : (adah_shape){0}; }

adah_code adah_graph_check(const adah_graph *g, adah_status *status) {
    return g->fault.code == ADAH_OK ? ADAH_OK : adah_fail(status, g->fault.code, "%s", g->fault.message);
}

/* ---------------------------------------------------------------- what the caller sees */

/* The node whose memory the caller sees: itself or its converter to plain. NULL: not kept. */
static adah_node *exposed(adah_node *node) {
    if (!node || node->exposed)
        return node;
    for (size_t i = 0; i < node->n_converters; i++)
        if (node->converter[i]->exposed)
            return node->converter[i];
    return NULL;
}

float *adah_node_value(adah_node *node) {
    if (node && node->kind == ADAH_NODE_INPUT)
        return node->value;
    const adah_node *plain = exposed(node);
    return plain ? plain->value : NULL;
}

float *adah_node_gradient(adah_node *node) {
    const adah_node *plain = exposed(node);
    return plain ? plain->gradient : NULL;
}

void adah_node_borrow(adah_node *input, const float *values) {
    if (input && input->kind == ADAH_NODE_INPUT)
        input->value = values ? (float *)(uintptr_t)values : input->own_value; /* kernels never write to inputs */
}

void adah_graph_set_seed(adah_graph *g, uint64_t seed) { g->seed = seed; }

/* ---------------------------------------------------------------- times */

void adah_graph_measure(adah_graph *g, int on) {
    g->measures = on;
    for (size_t i = 0; i < g->n_steps; i++)
        g->step[i]->seconds[0] = g->step[i]->seconds[1] = 0;
}

int adah_graph_times(const adah_graph *g, size_t i, adah_node_times *times) {
    if (i >= g->n_steps)
        return 0;
    const adah_node *node = g->step[i];
    *times = (adah_node_times){.kind = kind_name[node->kind], .value = node->shape, .forward = node->seconds[0],
                               .backward = node->seconds[1]};
    if (node->n_x)
        times->input = node->x[0]->shape;
    if (node->w)
        times->weights = node->w->shape;
    const size_t n_products = node->kind == ADAH_NODE_CONVOLUTION       ? node->n * (node->w->n / node->w->shape.dim[0])
                              : node->kind == ADAH_NODE_FULLY_CONNECTED ? adah_node_rows(node) * node->w->n
                                                                        : 0;
    times->n_operations = 2 * (double)n_products;
    return 1;
}
