/* graph.c - how a graph is built, laid out in memory and run.
 *
 * 1. The builders append nodes and infer shapes; the first fault is remembered for adah_graph_build.
 * 2. adah_graph_build asks the backend, node by node, how it will run it: kernel, layout of its value, layouts it
 *    wants to read. Where a wanted layout differs from the input's, a convert node is put in between, once for all
 *    readers of that layout. A kept node that is not plain gets a convert node to plain, which the caller sees.
 *    So layouts need no thought when running: each node reads, and each kernel writes, what it asked for.
 * 3. Memory. ReLU and the like run in place on a convolution, fully connected or batch norm node that nobody else reads (its
 *    "rider"; the backend may even fuse the two). All values and gradients but those the caller sees lie in one piece of
 *    memory, the arena: it is known when each is first written and last read, and where two are not needed at the same time
 *    they may overlap (arena.c). So backward, going back, works in what it has done with.
 * 4. Neighbouring nodes that take each item of the batch for itself make a chain, which goes through all of its nodes for one item
 *    before the next, so that what is large stays in the cache between them. An array of one is needed as long as the chain.
 * 5. Forward runs the steps in order. Backward first marks the nodes from which a wanted parameter or input can
 *    be reached, then runs the marked ones in reverse; kernels add to the gradients of their inputs, or overwrite
 *    and graph.c adds when something is there already. */
#include "base/clock.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "nn/graph/arena.h"
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
    [ADAH_NODE_AVERAGE_POOL] = "average pool",
    [ADAH_NODE_RELU] = "relu",
    [ADAH_NODE_RELU6] = "relu6",
    [ADAH_NODE_TANH] = "tanh",
    [ADAH_NODE_SOFTMAX] = "softmax",
    [ADAH_NODE_DROPOUT] = "dropout",
    [ADAH_NODE_ADD] = "add",
    [ADAH_NODE_CONCATENATE] = "concatenate",
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
__attribute__((format(printf, 4, 5))) static adah_node *fail(adah_graph *g, adah_code code, adah_node_kind kind,
                                                             const char *format, ...) {
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

#define REFUSE(...) (fail(__VA_ARGS__), 0) /* for the checks, which return 0 */

static adah_node *append_node(adah_graph *g, adah_node_kind kind, adah_node *const *x, size_t n_x, adah_shape shape) {
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
static adah_node *new_node(adah_graph *g, adah_node_kind kind, adah_node *const *x, size_t n_x, adah_shape shape) {
    if (!g || g->fault.code != ADAH_OK)
        return NULL;
    size_t n = 1;
    for (int i = 0; i < shape.n_dims; i++)
        if (shape.dim[i] == 0 || shape.dim[i] > INT_MAX || __builtin_mul_overflow(n, shape.dim[i], &n))
            return fail(g, ADAH_ERROR_ARGUMENT, kind, "dimension %d of the result is %zu", i, shape.dim[i]);
    if (shape.n_dims < 1 || shape.n_dims > 4 || n > SIZE_MAX / sizeof(float) / 2)
        return fail(g, ADAH_ERROR_ARGUMENT, kind, "the result has %d dimensions and %zu values", shape.n_dims, n);
    adah_node *node = append_node(g, kind, x, n_x, shape);
    if (!node)
        return fail(g, ADAH_ERROR_MEMORY, kind, "out of memory");
    g->n_made++;
    return node;
}

/* Inputs must exist and be this graph's; n_dims 0: any number of dimensions. */
static int check_inputs(adah_graph *g, adah_node_kind kind, adah_node *const *x, size_t n_x, int n_dims) {
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
    if (!check_inputs(g, ADAH_NODE_INPUT, NULL, 0, 0))
        return NULL;
    return new_node(g, ADAH_NODE_INPUT, NULL, 0, shape);
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

static int check_bias(adah_graph *g, adah_node_kind kind, const adah_parameter *b, size_t n) {
    char text[96];
    if (b && !adah_shape_equal(b->shape, ADAH_SHAPE1(n)))
        return REFUSE(g, ADAH_ERROR_ARGUMENT, kind, "bias '%s' of shape %s, expected %zu", b->name,
                      adah_shape_text(b->shape, text), n);
    return 1;
}

adah_node *adah_graph_convolution(adah_graph *g, adah_node *x, adah_parameter *w, adah_parameter *b,
                                  adah_window window, int groups) {
    const adah_node_kind kind = ADAH_NODE_CONVOLUTION;
    if (!check_inputs(g, kind, &x, 1, 4))
        return NULL;
    char text[96];
    size_t c_in = x->shape.dim[1];
    if (!w)
        return fail(g, ADAH_ERROR_ARGUMENT, kind, "no weights");
    if (w->shape.n_dims != 4 || groups < 1 || c_in % (size_t)groups || w->shape.dim[1] != c_in / (size_t)groups ||
        w->shape.dim[0] % (size_t)groups)
        return fail(g, ADAH_ERROR_ARGUMENT, kind, "weights '%s' of shape %s do not fit %zu channels in %d groups",
                    w->name, adah_shape_text(w->shape, text), c_in, groups);
    window.size_h = (int)w->shape.dim[2];
    window.size_w = (int)w->shape.dim[3];
    window.ceil_mode = 0;
    size_t height, width;
    if (!check_window(g, kind, &window, x->shape, &height, &width) || !check_bias(g, kind, b, w->shape.dim[0]))
        return NULL;
    adah_node *node = new_node(g, kind, &x, 1, ADAH_SHAPE4(x->shape.dim[0], w->shape.dim[0], height, width));
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
    if (!check_inputs(g, kind, &x, 1, 0))
        return NULL;
    char text[96];
    size_t n_in = x->n / x->shape.dim[0];
    if (!w)
        return fail(g, ADAH_ERROR_ARGUMENT, kind, "no weights");
    if (w->shape.n_dims != 2 || w->shape.dim[1] != n_in)
        return fail(g, ADAH_ERROR_ARGUMENT, kind, "weights '%s' of shape %s do not fit %zu inputs", w->name,
                    adah_shape_text(w->shape, text), n_in);
    if (!check_bias(g, kind, b, w->shape.dim[0]))
        return NULL;
    adah_node *node = new_node(g, kind, &x, 1, ADAH_SHAPE2(x->shape.dim[0], w->shape.dim[0]));
    if (node) {
        node->w = w;
        node->b = b;
    }
    return node;
}

adah_node *adah_graph_batch_norm(adah_graph *g, adah_node *x, adah_parameter *w, adah_parameter *b,
                                 adah_parameter *statistics) {
    const adah_node_kind kind = ADAH_NODE_BATCH_NORM;
    if (!check_inputs(g, kind, &x, 1, 4))
        return NULL;
    const size_t n_channels = x->shape.dim[1];
    const adah_parameter *all[] = {w, b, statistics};
    for (int i = 0; i < 3; i++) {
        const adah_shape expected = i == 2 ? ADAH_SHAPE2(2, n_channels) : ADAH_SHAPE1(n_channels);
        char text[96], wanted[96];
        if (!all[i])
            return fail(g, ADAH_ERROR_ARGUMENT, kind, "no %s", i == 0 ? "weights" : i == 1 ? "bias" : "statistics");
        if (!adah_shape_equal(all[i]->shape, expected))
            return fail(g, ADAH_ERROR_ARGUMENT, kind, "'%s' of shape %s, expected %s", all[i]->name,
                        adah_shape_text(all[i]->shape, text), adah_shape_text(expected, wanted));
    }
    adah_node *node = new_node(g, kind, &x, 1, x->shape);
    if (node) {
        node->w = w;
        node->b = b;
        node->statistics = statistics;
    }
    return node;
}

adah_node *adah_graph_response_norm(adah_graph *g, adah_node *x, adah_response response) {
    const adah_node_kind kind = ADAH_NODE_RESPONSE_NORM;
    if (!check_inputs(g, kind, &x, 1, 4))
        return NULL;
    if (response.size < 1 || response.size % 2 == 0 || !(response.kappa > 0) || !(response.alpha >= 0))
        return fail(g, ADAH_ERROR_ARGUMENT, kind, "over %d channels with kappa %g and alpha %g, expected an odd number, "
                    "kappa above 0, alpha at least 0", response.size, (double)response.kappa, (double)response.alpha);
    adah_node *node = new_node(g, kind, &x, 1, x->shape);
    if (node)
        node->response = response;
    return node;
}

static adah_node *new_pool(adah_graph *g, adah_node_kind kind, adah_node *x, adah_window window) {
    size_t height, width;
    if (!check_inputs(g, kind, &x, 1, 4) || !check_window(g, kind, &window, x->shape, &height, &width))
        return NULL;
    adah_node *node = new_node(g, kind, &x, 1, ADAH_SHAPE4(x->shape.dim[0], x->shape.dim[1], height, width));
    if (node)
        node->window = window;
    return node;
}

adah_node *adah_graph_max_pool(adah_graph *g, adah_node *x, adah_window window) {
    return new_pool(g, ADAH_NODE_MAX_POOL, x, window);
}

adah_node *adah_graph_average_pool(adah_graph *g, adah_node *x, adah_window window) {
    return new_pool(g, ADAH_NODE_AVERAGE_POOL, x, window);
}

adah_node *adah_graph_average_all(adah_graph *g, adah_node *x) {
    if (!check_inputs(g, ADAH_NODE_AVERAGE_POOL, &x, 1, 4))
        return NULL;
    const adah_window all = {(int)x->shape.dim[2], (int)x->shape.dim[3], 1, 1, 0, 0, 0, 0, 0};
    return new_pool(g, ADAH_NODE_AVERAGE_POOL, x, all);
}

static adah_node *new_same_shape(adah_graph *g, adah_node_kind kind, adah_node *x) {
    return check_inputs(g, kind, &x, 1, 0) ? new_node(g, kind, &x, 1, x->shape) : NULL;
}

adah_node *adah_graph_relu(adah_graph *g, adah_node *x) { return new_same_shape(g, ADAH_NODE_RELU, x); }
adah_node *adah_graph_relu6(adah_graph *g, adah_node *x) { return new_same_shape(g, ADAH_NODE_RELU6, x); }
adah_node *adah_graph_tanh(adah_graph *g, adah_node *x) { return new_same_shape(g, ADAH_NODE_TANH, x); }
adah_node *adah_graph_softmax(adah_graph *g, adah_node *x) { return new_same_shape(g, ADAH_NODE_SOFTMAX, x); }

adah_node *adah_graph_dropout(adah_graph *g, adah_node *x, float rate) {
    if (!check_inputs(g, ADAH_NODE_DROPOUT, &x, 1, 0))
        return NULL;
    if (!(rate >= 0 && rate < 1))
        return fail(g, ADAH_ERROR_ARGUMENT, ADAH_NODE_DROPOUT, "rate %g, expected 0 to less than 1", (double)rate);
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
    if (!check_inputs(g, ADAH_NODE_ADD, both, 2, 0))
        return NULL;
    if (!adah_shape_equal(a->shape, b->shape))
        return fail(g, ADAH_ERROR_ARGUMENT, ADAH_NODE_ADD, "shapes %s and %s differ", adah_shape_text(a->shape, first),
                    adah_shape_text(b->shape, second));
    return new_node(g, ADAH_NODE_ADD, both, 2, a->shape);
}

adah_node *adah_graph_concatenate(adah_graph *g, adah_node *const *x, size_t n) {
    const adah_node_kind kind = ADAH_NODE_CONCATENATE;
    if (!check_inputs(g, kind, x, n, 0))
        return NULL;
    if (n == 0 || x[0]->shape.n_dims < 2)
        return fail(g, ADAH_ERROR_ARGUMENT, kind, "needs inputs of at least two dimensions");
    adah_shape shape = x[0]->shape;
    shape.dim[1] = 0;
    for (size_t i = 0; i < n; i++) {
        adah_shape other = x[i]->shape;
        shape.dim[1] += other.dim[1];
        other.dim[1] = x[0]->shape.dim[1];
        char first[96], text[96];
        if (!adah_shape_equal(other, x[0]->shape))
            return fail(g, ADAH_ERROR_ARGUMENT, kind, "shapes %s and %s differ in more than dimension 1",
                        adah_shape_text(x[0]->shape, first), adah_shape_text(x[i]->shape, text));
    }
    return new_node(g, kind, x, n, shape);
}

adah_node *adah_graph_operation(adah_graph *g, adah_operation op, adah_node *const *x, size_t n, adah_shape shape) {
    if (!check_inputs(g, ADAH_NODE_OPERATION, x, n, 0))
        return NULL;
    adah_node *node = new_node(g, ADAH_NODE_OPERATION, x, n, shape);
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

/* ---------------------------------------------------------------- build: schedule and layouts */

static int append_step(adah_graph *g, adah_node *node) {
    void *steps = g->step;
    int room = adah_memory_grow(&steps, &g->step_capacity, g->n_steps, sizeof *g->step);
    g->step = steps;
    if (room) {
        node->step = g->n_steps;
        g->step[g->n_steps++] = node;
    }
    return room;
}

static int same_layout(const adah_graph *g, const void *a, const void *b) {
    return a && b ? g->engine->layout_equal(a, b) : a == b;
}

/* The node that holds x's values in `layout` (which it takes over): x itself or a converter. */
static adah_code convert(adah_node *x, void *layout, adah_node **out, adah_status *status) {
    adah_graph *g = x->graph;
    adah_node *found = same_layout(g, x->layout, layout) ? x : NULL;
    for (size_t i = 0; i < x->n_converters && !found; i++)
        if (same_layout(g, x->converter[i]->layout, layout))
            found = x->converter[i];
    if (found) {
        if (layout)
            g->engine->layout_free(layout);
        *out = found;
        return ADAH_OK;
    }
    void *converters = x->converter;
    int room = adah_memory_grow(&converters, &x->converter_capacity, x->n_converters, sizeof *x->converter);
    x->converter = converters;
    adah_node *node = room ? append_node(g, ADAH_NODE_CONVERT, &x, 1, x->shape) : NULL;
    if (!node) {
        if (layout)
            g->engine->layout_free(layout);
        return adah_fail_memory(status, sizeof *node);
    }
    node->layout = layout;
    node->n_stored = layout ? g->engine->layout_floats(layout) : node->n;
    node->reaches = x->reaches;
    x->converter[x->n_converters++] = node;
    ADAH_TRY(g->engine->prepare_convert(node, status));
    *out = node;
    return append_step(g, node) ? ADAH_OK : adah_fail_memory(status, sizeof *node);
}

static int is_elementwise(adah_node_kind kind) {
    return kind == ADAH_NODE_RELU || kind == ADAH_NODE_RELU6 || kind == ADAH_NODE_TANH;
}

/* Kernel, layout and wanted layouts of one node. */
static adah_code choose_kernel(adah_node *node, void **wanted, adah_status *status) {
    const adah_engine *engine = node->graph->engine;
    switch (node->kind) {
    case ADAH_NODE_INPUT: return ADAH_OK;
    case ADAH_NODE_BATCH_NORM:
        if (node->graph->mode == ADAH_GRAPH_TRAIN && !(node->batch_statistics = adah_memory_floats(node->statistics->n)))
            return adah_fail_memory(status, node->statistics->n * sizeof(float));
        return engine->prepare(node, wanted, status);
    case ADAH_NODE_CONVOLUTION:
    case ADAH_NODE_FULLY_CONNECTED:
    case ADAH_NODE_RESPONSE_NORM:
    case ADAH_NODE_MAX_POOL:
    case ADAH_NODE_AVERAGE_POOL: return engine->prepare(node, wanted, status);
    case ADAH_NODE_RELU:
    case ADAH_NODE_RELU6:
    case ADAH_NODE_TANH:
    case ADAH_NODE_ADD: /* of any layout, that of the first input: 0 stays 0 in the padding */
        if (node->x[0]->layout) {
            int complete = (node->layout = engine->layout_copy(node->x[0]->layout)) != NULL;
            for (size_t i = 0; i < node->n_x; i++)
                complete &= (wanted[i] = engine->layout_copy(node->x[0]->layout)) != NULL;
            if (!complete)
                return adah_fail_memory(status, 1);
        }
        break;
    case ADAH_NODE_CONCATENATE:
        node->n_outer = node->shape.dim[0];
        ADAH_TRY(engine->prepare(node, wanted, status));
        break;
    default: break;
    }
    return adah_shared_prepare(node, status);
}

static adah_code prepare(adah_node *node, adah_status *status) {
    adah_graph *g = node->graph;
    void **wanted = adah_memory_zeroed(node->n_x, sizeof *wanted);
    if (!wanted)
        return adah_fail_memory(status, node->n_x * sizeof *wanted);
    node->reaches = node->w || node->b || (node->kind == ADAH_NODE_INPUT && node->kept);
    for (size_t i = 0; i < node->n_x; i++)
        node->reaches |= node->x[i]->reaches;
    if (node->kind == ADAH_NODE_OPERATION && !node->operation.backward && !node->item_operation.backward)
        node->reaches = 0;
    adah_code code = choose_kernel(node, wanted, status);
    if (code == ADAH_OK && node->layout)
        node->n_stored = g->engine->layout_floats(node->layout);
    for (size_t i = 0; i < node->n_x; i++) {
        if (code == ADAH_OK)
            code = convert(node->x[i], wanted[i], &node->x[i], status);
        else if (wanted[i])
            g->engine->layout_free(wanted[i]);
    }
    adah_memory_free(wanted);
    if (code == ADAH_OK && !append_step(g, node))
        code = adah_fail_memory(status, sizeof *node);
    if (code == ADAH_OK && node->kept) {
        adah_node *plain;
        ADAH_TRY(convert(node, NULL, &plain, status));
        plain->exposed = 1;
        plain->home->pinned = 1;
    }
    return code;
}

/* An elementwise node runs in place on a node whose backward does not need its own value. */
static void find_riders(adah_graph *g) {
    for (size_t i = 0; i < g->n_nodes; i++)
        for (size_t j = 0; j < g->node[i]->n_x; j++)
            g->node[i]->x[j]->n_uses++;
    for (size_t i = 0; i < g->n_nodes; i++) {
        adah_node *node = g->node[i], *x = is_elementwise(node->kind) ? node->x[0] : NULL;
        if (!x || x->n_uses > 1 || x->kept ||
            (x->kind != ADAH_NODE_CONVOLUTION && x->kind != ADAH_NODE_FULLY_CONNECTED && x->kind != ADAH_NODE_BATCH_NORM))
            continue;
        node->home = x;
        x->rider = node;
    }
}

/* ---------------------------------------------------------------- build: memory */

static int in_arena(const adah_node *home) { return !home->pinned && home->kind != ADAH_NODE_INPUT && !home->value; }

/* What a concatenation alone reads is written into the concatenation's own value at once, where that is one piece of it (of one
 * image in blocks of channels). Nobody asks for gradients then, so that nothing else has to lie there. */
static void find_inside(adah_graph *g) {
    for (size_t i = 0; i < g->n_steps && g->mode == ADAH_GRAPH_INFER; i++) {
        adah_node *node = g->step[i];
        size_t at = 0;
        for (size_t j = 0; node->kind == ADAH_NODE_CONCATENATE && node->n_outer == 1 && j < node->n_x; j++) {
            adah_node *home = node->x[j]->home;
            if (node->x[j]->n_uses == 1 && in_arena(home) && home->n_stored == node->x[j]->n_stored) {
                home->inside = node;
                home->inside_at = at;
            }
            at += node->x[j]->n_stored;
        }
    }
}

/* The node whose place in memory a value lies in. */
static const adah_node *place_of(const adah_node *node) {
    const adah_node *home = node->home;
    return home->inside ? place_of(home->inside) : home;
}

static float *value_inside(const adah_node *home) {
    return (home->inside->inside ? value_inside(home->inside) : home->inside->value) + home->inside_at;
}

/* Times: forward of step i at i, backward at 2 n - 1 - i. */
typedef struct lifetimes {
    adah_array_place *place; /* [2 n]: the value of step i's node at i, its gradient at n + i; n_floats 0: none */
    size_t n;
} lifetimes;

static size_t backward_time(const lifetimes *l, size_t step) { return 2 * l->n - 1 - step; }

static void live(adah_array_place *place, size_t time) {
    place->first = time < place->first ? time : place->first;
    place->last = time > place->last ? time : place->last;
}

/* Of a node that is written or read at its step, and so all through its chain. */
static void live_forward(adah_array_place *place, const adah_node *at) {
    live(place, at->first);
    live(place, at->last);
}

static void live_backward(const lifetimes *l, adah_array_place *place, const adah_node *at) {
    live(place, backward_time(l, at->first));
    live(place, backward_time(l, at->last));
}

/* A value lives from its step to the last one that reads it and, in training, to the backward of those and of its own; all the
 * time where adah_graph_forward_again wants it: steps before it run again while it stays. */
static void value_lifetimes(const adah_graph *g, lifetimes *l) {
    for (size_t i = 0; i < l->n; i++) {
        const adah_node *node = g->step[i];
        const int goes_back = g->mode == ADAH_GRAPH_TRAIN && node->reaches;
        for (size_t j = 0; j <= node->n_x; j++) {
            adah_array_place *place = &l->place[place_of(j < node->n_x ? node->x[j] : node)->step];
            live_forward(place, node);
            if (goes_back)
                live_backward(l, place, node);
        }
        if (node->stays) {
            live(&l->place[place_of(node)->step], 0);
            live(&l->place[place_of(node)->step], 2 * l->n);
        }
    }
}

/* A gradient lives from the backward of its node's last reader to its own. */
static void gradient_lifetimes(const adah_graph *g, lifetimes *l) {
    for (size_t i = 0; i < l->n; i++) {
        const adah_node *node = g->step[i];
        for (size_t j = 0; j < node->n_x && node->reaches; j++) {
            const adah_node *home = node->x[j]->home;
            if (!home->reaches || home->pinned)
                continue;
            adah_array_place *place = &l->place[l->n + home->step];
            place->n_floats = home->n_stored;
            live_backward(l, place, node);
            live_backward(l, place, home);
        }
    }
}

static adah_code allocate_own(float **memory, size_t n, adah_status *status) {
    *memory = adah_memory_floats(n);
    return *memory ? ADAH_OK : adah_fail_memory(status, n * sizeof(float));
}

/* What the caller sees and writes has memory of its own. */
static adah_code allocate_seen(adah_graph *g, adah_status *status) {
    const int trains = g->mode == ADAH_GRAPH_TRAIN;
    for (size_t i = 0; i < g->n_steps; i++) {
        adah_node *node = g->step[i];
        if (node->home == node && !node->value && !in_arena(node)) {
            ADAH_TRY(allocate_own(&node->own_value, node->n_stored, status));
            node->value = node->own_value;
        }
        if (node->pinned && trains) {
            ADAH_TRY(allocate_own(&node->own_gradient, node->n_stored, status));
            node->gradient = node->own_gradient;
        }
        if (trains && node->kernel && node->kernel->overwrites && (node->x[0]->n_uses > 1 || node->x[0]->exposed) &&
            node->x[0]->n_stored > g->n_spare)
            g->n_spare = node->x[0]->n_stored;
    }
    return g->n_spare ? allocate_own(&g->spare, g->n_spare, status) : ADAH_OK;
}

static adah_code place_arrays(adah_graph *g, lifetimes *l, adah_status *status) {
    for (size_t i = 0; i < 2 * l->n; i++) {
        l->place[i].first = SIZE_MAX;
        if (i < l->n && g->step[i]->home == g->step[i] && in_arena(g->step[i]) && !g->step[i]->inside)
            l->place[i].n_floats = g->step[i]->n_stored;
    }
    value_lifetimes(g, l);
    if (g->mode == ADAH_GRAPH_TRAIN)
        gradient_lifetimes(g, l);
    size_t n_floats;
    ADAH_TRY(adah_arena_plan(l->place, 2 * l->n, &n_floats, status));
    ADAH_TRY(allocate_own(&g->arena, n_floats, status));
    for (size_t i = 0; i < l->n; i++) {
        adah_node *node = g->step[i];
        if (l->place[i].n_floats)
            node->value = g->arena + l->place[i].offset;
        if (l->place[l->n + i].n_floats)
            node->gradient = g->arena + l->place[l->n + i].offset;
    }
    return ADAH_OK;
}

static adah_code place(adah_graph *g, adah_status *status) {
    lifetimes l = {adah_memory_zeroed(2 * g->n_steps, sizeof *l.place), g->n_steps};
    adah_code code = l.place ? place_arrays(g, &l, status) : adah_fail_memory(status, 2 * g->n_steps * sizeof *l.place);
    adah_memory_free(l.place);
    if (code == ADAH_OK)
        code = allocate_seen(g, status);
    for (size_t i = 0; i < g->n_steps && code == ADAH_OK; i++)
        if (g->step[i]->inside)
            g->step[i]->value = value_inside(g->step[i]);
    for (size_t i = 0; i < g->n_steps && code == ADAH_OK; i++) {
        adah_node *node = g->step[i];
        if (node->home != node) {
            node->value = node->home->value;
            node->gradient = node->home->gradient;
        }
    }
    return code;
}

/* Nodes that no parameter of the moving groups and no dropout lies upstream of. */
static void find_staying(adah_graph *g) {
    for (size_t i = 0; i < g->n_steps; i++) {
        adah_node *node = g->step[i];
        node->stays = g->moving_groups && node->kind != ADAH_NODE_DROPOUT && !adah_trains(node->w, g->moving_groups) &&
                      !adah_trains(node->b, g->moving_groups);
        for (size_t j = 0; j < node->n_x; j++)
            node->stays &= node->x[j]->stays;
    }
}

/* The items of a node that takes each for itself; 0: it does not. */
static size_t n_items(const adah_node *node) {
    return node->of_item ? node->x[0]->shape.dim[0] : 0;
}

static void find_chains(adah_graph *g) {
    for (size_t i = 0, end; i < g->n_steps; i = end) {
        const size_t n = n_items(g->step[i]);
        for (end = i + 1; n && end < g->n_steps && n_items(g->step[end]) == n;)
            end++;
        for (size_t j = i; j < end; j++) {
            g->step[j]->first = i;
            g->step[j]->last = end - 1;
        }
    }
}

static adah_code build(adah_graph *g, adah_status *status) {
    find_riders(g);
    size_t n_nodes = g->n_nodes; /* converters come behind */
    for (size_t i = 0; i < n_nodes; i++)
        ADAH_TRY(prepare(g->node[i], status));
    for (size_t i = 0; i < g->n_nodes; i++)
        g->node[i]->n_uses = 0;
    for (size_t i = 0; i < g->n_steps; i++)
        for (size_t j = 0; j < g->step[i]->n_x; j++)
            g->step[i]->x[j]->n_uses++;
    find_staying(g);
    find_inside(g);
    find_chains(g);
    if (!(g->chain = adah_memory_zeroed(g->n_steps, sizeof *g->chain)))
        return adah_fail_memory(status, g->n_steps * sizeof *g->chain);
    ADAH_TRY(place(g, status));
    ADAH_TRY(allocate_own(&g->scratch, g->n_scratch, status));
    return g->engine->finish ? g->engine->finish(g, status) : ADAH_OK;
}

adah_code adah_graph_check(const adah_graph *g, adah_status *status) {
    return g->fault.code == ADAH_OK ? ADAH_OK : adah_fail(status, g->fault.code, "%s", g->fault.message);
}

adah_code adah_graph_build(adah_graph *g, adah_status *status) {
    if (!g)
        return adah_fail_memory(status, sizeof *g);
    if (g->is_built)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "the network is built already");
    g->n_threads = adah_parallel_threads();
    if (g->fault.code == ADAH_OK && build(g, &g->fault) == ADAH_OK) {
        g->is_built = 1;
        return ADAH_OK;
    }
    return adah_fail(status, g->fault.code, "%s", g->fault.message);
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

/* ---------------------------------------------------------------- running */

static double clock_of(const adah_graph *g) { return g->measures ? adah_clock_seconds() : 0; }

/* The nodes of g->chain on an item, or all of them on the way back. */
typedef struct chain {
    adah_node *const *node;
    size_t n;
    unsigned groups;
} chain;

enum { WORTH_A_THREAD = 1 << 16 /* so many floats read and written */ };

/* Items that are worth a thread. */
static size_t items_at_once(const chain *c) {
    size_t n_floats = 0;
    for (size_t i = 0; i < c->n; i++) {
        n_floats += c->node[i]->n;
        for (size_t j = 0; j < c->node[i]->n_x; j++)
            n_floats += c->node[i]->x[j]->n;
    }
    return 1 + WORTH_A_THREAD / (1 + n_floats / n_items(c->node[0]));
}

static void chain_forward(void *context, size_t b) {
    const chain *c = context;
    for (size_t i = 0; i < c->n; i++)
        c->node[i]->of_item->forward(c->node[i], b);
}

static void chain_backward(void *context, size_t b) {
    const chain *c = context;
    for (size_t i = 0; i < c->n; i++)
        c->node[i]->of_item->backward(c->node[i], c->groups, b);
}

/* Whether the node runs; then its inputs are found. */
static int begin_forward(adah_node *node, int again) {
    for (size_t i = 0; i < node->n_x; i++)
        node->x_value[i] = node->x[i]->value;
    return (node->kernel || node->of_item) && !node->fused && !(again && node->stays);
}

static adah_code run_forward(adah_graph *g, int again, adah_status *status) {
    for (size_t i = 0; i < g->n_steps; i++) {
        adah_node *node = g->step[i];
        if (node->kind == ADAH_NODE_INPUT && !node->value)
            return adah_fail(status, ADAH_ERROR_ARGUMENT, "network node %zu (input) has no values", node->number);
        if (!begin_forward(node, again))
            continue;
        const double start = clock_of(g);
        if (n_items(node)) {
            chain c = {.node = g->chain};
            for (size_t j = i; j <= node->last; j++)
                if (begin_forward(g->step[j], again))
                    g->chain[c.n++] = g->step[j];
            i = node->last;
            adah_parallel_for(n_items(node), items_at_once(&c), chain_forward, &c);
        } else {
            ADAH_TRY(node->kernel->forward(node, status));
        }
        node->seconds[0] += clock_of(g) - start;
    }
    return ADAH_OK;
}

/* Marks the nodes whose gradient is needed: a parameter of `groups` or a kept input lies upstream. */
static adah_code mark_wanted(adah_graph *g, unsigned groups, adah_status *status) {
    for (size_t i = 0; i < g->n_steps; i++) {
        adah_node *node = g->step[i];
        const adah_parameter *parameter[] = {node->w, node->b};
        node->has_gradient = node->exposed; /* the caller's seed */
        node->wanted = node->kind == ADAH_NODE_INPUT && node->exposed;
        for (size_t j = 0; j < 2; j++) {
            if (!adah_trains(parameter[j], groups))
                continue;
            if (!parameter[j]->gradient)
                return adah_fail(status, ADAH_ERROR_ARGUMENT, "parameter '%s' has no gradient to add to",
                                 parameter[j]->name);
            node->wanted = 1;
        }
        for (size_t j = 0; j < node->n_x; j++)
            node->wanted |= node->x[j]->wanted;
        node->wanted &= node->reaches;
    }
    return ADAH_OK;
}

/* Whether the input's backward does this node's as well. */
static int leaves_to_input(const adah_node *node, unsigned groups) {
    return node->fused_backward && (adah_trains(node->x[0]->w, groups) || adah_trains(node->x[0]->b, groups));
}

static int runs_backward(const adah_node *node) {
    return (node->kernel || node->of_item) && node->wanted && node->has_gradient;
}

/* Where the gradients of the node's inputs go. */
static void begin_backward(adah_node *node) {
    const int overwrites = node->kernel && node->kernel->overwrites;
    for (size_t j = 0; j < node->n_x; j++) {
        adah_node *x = node->x[j];
        node->dx[j] = x->wanted ? x->gradient : NULL;
        if (!x->wanted || node->home == x)
            continue;
        if (overwrites)
            node->dx[j] = x->has_gradient ? node->graph->spare : x->gradient;
        else if (!x->has_gradient)
            memset(x->gradient, 0, x->n_stored * sizeof(float));
        if (!overwrites)
            x->has_gradient = 1; /* at once: the same node may be an input twice */
    }
}

/* Node i and those of its chain that are before it. Returns the last one that ran, going back. */
static size_t run_chain_backward(adah_graph *g, size_t i, unsigned groups) {
    chain c = {.node = g->chain, .groups = groups};
    const size_t first = g->step[i]->first;
    for (size_t j = i + 1; j-- > first;)
        if (runs_backward(g->step[j])) {
            begin_backward(g->step[j]);
            g->chain[c.n++] = g->step[j];
        }
    adah_parallel_for(n_items(g->step[i]), items_at_once(&c), chain_backward, &c);
    for (size_t j = 0; j < c.n; j++)
        if (c.node[j]->of_item->sum)
            c.node[j]->of_item->sum(c.node[j], groups);
    return first;
}

static adah_code run_backward(adah_graph *g, unsigned groups, adah_status *status) {
    ADAH_TRY(mark_wanted(g, groups, status));
    for (size_t i = g->n_steps; i-- > 0;) {
        adah_node *node = g->step[i];
        if (!runs_backward(node))
            continue;
        const double start = clock_of(g);
        if (n_items(node)) {
            i = run_chain_backward(g, i, groups);
            node->seconds[1] += clock_of(g) - start;
            continue;
        }
        begin_backward(node);
        if (!leaves_to_input(node, groups))
            ADAH_TRY(node->kernel->backward(node, groups, node->dx, status));
        node->seconds[1] += clock_of(g) - start;
        for (size_t j = 0; j < node->n_x; j++) {
            adah_node *x = node->x[j];
            if (node->dx[j] && node->dx[j] == g->spare)
                adah_shared_add(x->gradient, g->spare, x->n_stored);
            x->has_gradient |= x->wanted;
        }
    }
    return ADAH_OK;
}

typedef enum direction { FORWARD, FORWARD_AGAIN, BACKWARD } direction;

/* Primitives are prepared for a number of threads; another setting of the calling thread must not reach them. */
static adah_code run_with_threads(adah_graph *g, direction which, unsigned groups, adah_status *status) {
    int before = adah_parallel_threads();
    if (before != g->n_threads)
        adah_parallel_set_threads(g->n_threads);
    adah_code code = which == BACKWARD ? run_backward(g, groups, status) : run_forward(g, which == FORWARD_AGAIN, status);
    if (before != g->n_threads)
        adah_parallel_set_threads(before);
    return code;
}

adah_code adah_graph_forward(adah_graph *g, adah_status *status) {
    if (!g->is_built)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "the network is not built");
    ADAH_TRY(run_with_threads(g, FORWARD, 0, status));
    g->has_values = g->has_run = 1;
    return ADAH_OK;
}

void adah_graph_plan_again(adah_graph *g, unsigned groups) { g->moving_groups = groups; }

adah_code adah_graph_forward_again(adah_graph *g, adah_status *status) {
    if (!g->has_values || !g->moving_groups)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "running again needs a network that has been planned for it and has run");
    ADAH_TRY(run_with_threads(g, FORWARD_AGAIN, 0, status));
    g->has_run = 1;
    return ADAH_OK;
}

void adah_graph_update_statistics(adah_graph *g, float share) {
    for (size_t i = 0; i < g->n_steps; i++) {
        const adah_node *node = g->step[i];
        for (size_t j = 0; node->batch_statistics && j < node->statistics->n; j++)
            node->statistics->value[j] += share * (node->batch_statistics[j] - node->statistics->value[j]);
        if (node->batch_statistics)
            node->statistics->version++;
    }
}

void adah_graph_clear_gradients(adah_graph *g) {
    for (size_t i = 0; i < g->n_steps; i++)
        if (g->step[i]->own_gradient)
            memset(g->step[i]->own_gradient, 0, g->step[i]->n_stored * sizeof(float));
}

adah_code adah_graph_backward(adah_graph *g, unsigned groups, adah_status *status) {
    if (g->mode != ADAH_GRAPH_TRAIN || !g->has_run)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "backward needs a network for training that has run forward");
    g->has_run = 0; /* what backward leaves of the values is not whole */
    return run_with_threads(g, BACKWARD, groups, status);
}

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
                              : node->kind == ADAH_NODE_FULLY_CONNECTED ? node->shape.dim[0] * node->w->n
                                                                        : 0;
    times->n_operations = 2 * (double)n_products;
    return 1;
}
