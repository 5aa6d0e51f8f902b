/* nn_onednn.c - the fast backend: convolution, normalisation, pooling and fully connected nodes on oneDNN, 2.x or 3.x.
 *
 * A convolution is asked for in blocks of 8 or 16 channels, which nearly all of oneDNN's kernels for the processor at hand know, then in
 * whatever layouts it likes best, then plain, until neither it nor its gradients run on oneDNN's plain loops (tests/nn/test_fast_kernels.c);
 * graph_build.c converts where neighbours disagree. Weights are packed once for all nodes that want them in one layout
 * (packed.c) and again when their version has moved. Backward keeps to the forward's layouts. Pooling (pool.c) and
 * normalisation take their input as it comes.
 * Fully connected layers are matrix products on plain arrays: weights are never copied, and nothing needs
 * preparing, so that a text is encoded milliseconds after the program starts.
 * What oneDNN has no kernel for runs on the reference loops, and a 1x1 convolution that oneDNN would reorder for on pointwise.c.
 *
 * The engine is one a process, the stream one a graph. Scratchpads are the graph's own memory, because primitives
 * that own theirs must stay in the thread that made them.
 *
 * Long because no other file may see oneDNN. */
#include "base/memory.h"
#include "base/parallel.h"
#include "nn/graph/fully_connected.h"
#include "nn/graph/graph_internal.h"
#include "nn/graph/packed.h"
#include "nn/onednn/onednn_versions.h"
#include "nn/winograd/winograd.h"

#include <pthread.h>
#include <string.h>

/* ---------------------------------------------------------------- errors, engine, stream */

static adah_code check(dnnl_status_t s, const char *what, adah_status *status) {
    if (s == dnnl_success)
        return ADAH_OK;
    if (s == dnnl_out_of_memory)
        return adah_fail(status, ADAH_ERROR_MEMORY, "out of memory in oneDNN: %s", what);
    return adah_fail(status, ADAH_ERROR_INTERNAL, "oneDNN refused %s (status %d)", what, (int)s);
}

static dnnl_engine_t engine; /* of the process, never destroyed; NULL: could not be created */

static void create_engine(void) {
    if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success)
        engine = NULL;
}

typedef struct graph_state {
    dnnl_stream_t stream;
    dnnl_primitive_attr_t attr;                  /* the scratchpad is ours */
    float *diff_packed, *diff_plain, *diff_bias; /* a convolution's gradients on their way to the parameters */
    size_t n_diff_packed, n_diff_plain, n_diff_bias;
} graph_state;

static void raise_to(size_t *most, size_t n) { *most = n > *most ? n : *most; }

static adah_code open_state(adah_graph *g, adah_status *status) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (g->engine_state)
        return ADAH_OK;
    pthread_once(&once, create_engine);
    if (!engine)
        return check(dnnl_runtime_error, "a CPU engine", status);
    graph_state *s = adah_memory_zeroed(1, sizeof *s);
    if (!s)
        return adah_fail_memory(status, sizeof *s);
    g->engine_state = s;
    ADAH_TRY(check(dnnl_stream_create(&s->stream, engine, dnnl_stream_default_flags), "a stream", status));
    ADAH_TRY(check(dnnl_primitive_attr_create(&s->attr), "attributes", status));
    return check(dnnl_primitive_attr_set_scratchpad_mode(s->attr, dnnl_scratchpad_mode_user), "a scratchpad", status);
}

static void close_state(adah_graph *g) {
    graph_state *s = g->engine_state;
    if (!s)
        return;
    if (s->stream)
        dnnl_stream_destroy(s->stream);
    if (s->attr)
        dnnl_primitive_attr_destroy(s->attr);
    adah_memory_free(s->diff_packed);
    adah_memory_free(s->diff_plain);
    adah_memory_free(s->diff_bias);
    adah_memory_free(s);
}

/* The shared buffers, once all nodes have said how much they need. */
static adah_code finish(adah_graph *g, adah_status *status) {
    graph_state *s = g->engine_state;
    if (!s)
        return ADAH_OK;
    s->diff_packed = adah_memory_floats(s->n_diff_packed);
    s->diff_plain = adah_memory_floats(s->n_diff_plain);
    s->diff_bias = adah_memory_floats(s->n_diff_bias);
    if (!s->diff_packed || !s->diff_plain || !s->diff_bias)
        return adah_fail_memory(status, s->n_diff_packed * sizeof(float));
    return ADAH_OK;
}

/* ---------------------------------------------------------------- layouts */

static adah_code fail_layout(adah_status *status) {
    return adah_fail(status, ADAH_ERROR_MEMORY, "out of memory for the layout of a tensor");
}

static size_t layout_floats(const_layout l) { return dnnl_memory_desc_get_size(l) / sizeof(float); }

static layout layout_of_shape(adah_shape s, dnnl_format_tag_t tag) {
    const dnnl_dims_t dims = {(dnnl_dim_t)s.dim[0], (dnnl_dim_t)s.dim[1], (dnnl_dim_t)s.dim[2], (dnnl_dim_t)s.dim[3]};
    return layout_tagged(s.n_dims, dims, tag);
}

static layout plain_layout(adah_shape s) {
    static const dnnl_format_tag_t tag[] = {dnnl_a, dnnl_a, dnnl_ab, dnnl_abc, dnnl_abcd};
    return layout_of_shape(s, tag[s.n_dims]);
}

/* The layout a node's value has, spelled out even when plain. */
static layout layout_of(const adah_node *node) {
    return node->layout ? layout_copy(node->layout) : plain_layout(node->shape);
}

/* The graph's spelling of a layout: NULL when it is plain. */
static adah_code to_graph(const_layout l, adah_shape shape, void **out, adah_status *status) {
    layout plain = plain_layout(shape), copy = layout_copy(l);
    if (!plain || !copy) {
        layout_free(plain);
        layout_free(copy);
        return fail_layout(status);
    }
    *out = copy;
    if (dnnl_memory_desc_equal(plain, copy)) {
        layout_free(copy);
        *out = NULL;
    }
    layout_free(plain);
    return ADAH_OK;
}

/* Which of the layouts that keep channels of a position together a node's value has; dnnl_format_tag_undef: none of them. */
static adah_code find_tag(const adah_node *node, dnnl_format_tag_t *tag, adah_status *status) {
    static const dnnl_format_tag_t known[] = {dnnl_nChw16c, dnnl_nChw8c, dnnl_nChw4c, dnnl_nhwc};
    *tag = dnnl_format_tag_undef;
    for (size_t i = 0; node->layout && *tag == dnnl_format_tag_undef && i < sizeof known / sizeof *known; i++) {
        const layout l = layout_of_shape(node->shape, known[i]);
        if (!l)
            return fail_layout(status);
        if (dnnl_memory_desc_equal(l, node->layout))
            *tag = known[i];
        layout_free(l);
    }
    return ADAH_OK;
}

/* The blocks that nearly all of oneDNN's kernels for this processor know. */
static dnnl_format_tag_t block_tag(void) { return adah_winograd_block() == 8 ? dnnl_nChw8c : dnnl_nChw16c; }

/* Channels of a position that lie together; 1: in none of those layouts. */
static size_t channels_together(dnnl_format_tag_t tag, size_t n_channels) {
    return tag == dnnl_nChw16c ? 16 : tag == dnnl_nChw8c ? 8 : tag == dnnl_nChw4c ? 4 : tag == dnnl_nhwc ? n_channels : 1;
}

/* ---------------------------------------------------------------- runners: a primitive with its arguments */

enum { MAX_ARGUMENTS = 10 };

typedef struct runner {
    dnnl_primitive_t primitive; /* NULL: none */
    dnnl_exec_arg_t argument[MAX_ARGUMENTS];
    int n; /* the scratchpad comes last */
} runner;

static adah_code add_argument(runner *r, int id, const_layout l, adah_status *status) {
    dnnl_memory_t memory;
    ADAH_TRY(check(dnnl_memory_create(&memory, l, engine, DNNL_MEMORY_NONE), "an argument", status));
    r->argument[r->n++] = (dnnl_exec_arg_t){id, memory};
    return ADAH_OK;
}

/* Makes the primitive of pd with arguments ids[0..n-1] in this order. */
static adah_code prepare_runner(runner *r, adah_graph *g, const_dnnl_primitive_desc_t pd, const int *ids, int n,
                                adah_status *status) {
    ADAH_TRY(check(dnnl_primitive_create(&r->primitive, pd), "a primitive", status));
    for (int i = 0; i < n; i++)
        ADAH_TRY(add_argument(r, ids[i], dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, ids[i]), status));
    const_layout scratchpad = dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0);
    adah_graph_need_scratch(g, (dnnl_memory_desc_get_size(scratchpad) + sizeof(float) - 1) / sizeof(float));
    return add_argument(r, DNNL_ARG_SCRATCHPAD, scratchpad, status);
}

/* Runs on these arrays, in the order of the ids. */
static adah_code run(runner *r, adah_graph *g, const float *const *array, const char *what, adah_status *status) {
    for (int i = 0; i < r->n; i++) {
        const float *wanted = i < r->n - 1 ? array[i] : g->scratch;
        void *now;
        ADAH_TRY(check(dnnl_memory_get_data_handle(r->argument[i].memory, &now), what, status));
        if (now != wanted)
            ADAH_TRY(
                check(dnnl_memory_set_data_handle(r->argument[i].memory, (void *)(uintptr_t)wanted), what, status));
    }
    const graph_state *s = g->engine_state;
    ADAH_TRY(check(dnnl_primitive_execute(r->primitive, s->stream, r->n, r->argument), what, status));
    return check(dnnl_stream_wait(s->stream), what, status);
}

static void free_runner(runner *r) {
    for (int i = 0; i < r->n; i++)
        dnnl_memory_destroy(r->argument[i].memory);
    if (r->primitive)
        dnnl_primitive_destroy(r->primitive);
}

/* Whether a primitive runs on oneDNN's plain loops, for which one waits; none is not slow. */
static int is_slow(const_dnnl_primitive_desc_t pd) {
    const char *name = "";
    if (!pd || dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name) != dnnl_success)
        return 0;
    return strstr(name, "ref") != NULL || strncmp(name, "simple", 6) == 0;
}

static adah_code prepare_reorder(runner *r, adah_graph *g, const_layout from, const_layout to, adah_status *status) {
    const graph_state *s = g->engine_state;
    static const int ids[] = {DNNL_ARG_FROM, DNNL_ARG_TO};
    dnnl_primitive_desc_t pd;
    ADAH_TRY(check(dnnl_reorder_primitive_desc_create(&pd, from, engine, to, engine, s->attr), "a reorder", status));
    adah_code code = prepare_runner(r, g, pd, ids, 2, status);
    dnnl_primitive_desc_destroy(pd);
    return code;
}

/* ---------------------------------------------------------------- convert nodes */

typedef struct conversion {
    runner forward, backward;
} conversion;

static adah_code convert_forward(adah_node *node, adah_status *status) {
    conversion *c = node->state;
    return run(&c->forward, node->graph, (const float *[]){node->x[0]->value, node->value}, "reorder",
               status);
}

static adah_code convert_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups;
    conversion *c = node->state;
    return run(&c->backward, node->graph, (const float *[]){node->gradient, dx[0]}, "reorder", status);
}

static void convert_release(void *state) {
    conversion *c = state;
    free_runner(&c->forward);
    free_runner(&c->backward);
    adah_memory_free(c);
}

static adah_code prepare_convert(adah_node *node, adah_status *status) {
    static const adah_kernel kernel = {convert_forward, convert_backward, 1, convert_release};
    ADAH_TRY(open_state(node->graph, status));
    conversion *c = node->state = adah_memory_zeroed(1, sizeof *c);
    node->kernel = &kernel;
    layout from = layout_of(node->x[0]), to = layout_of(node);
    adah_code code = c && from && to ? ADAH_OK : adah_fail_memory(status, sizeof *c);
    if (code == ADAH_OK)
        code = prepare_reorder(&c->forward, node->graph, from, to, status);
    if (code == ADAH_OK && node->graph->mode == ADAH_GRAPH_TRAIN)
        code = prepare_reorder(&c->backward, node->graph, to, from, status);
    layout_free(from);
    layout_free(to);
    return code;
}

/* ---------------------------------------------------------------- convolution */

/* Weights in a primitive's layout. */
typedef struct packed_weights {
    adah_packed *copy; /* NULL: the layout is plain, none is needed */
    runner pack;
} packed_weights;

typedef struct convolution {
    runner forward, backward_data, backward_weights;
    packed_weights forward_weights, data_weights;
    runner unpack; /* the weights' gradient to plain; no primitive: it is plain */
} convolution;

/* One way to run a convolution, for the time of preparing it. */
typedef struct convolution_plan {
    layout x, y, w, b; /* as asked for, w for oneDNN to choose (b: plain or NULL) */
    layout w_plain;    /* as in the parameter */
    layout x_set, y_set;
    geometry geometry;
    dnnl_primitive_desc_t forward, to_input, to_weights; /* NULL: not to be had; the last two: not wanted either */
    int fuses;   /* forward computes the activation along */
    int is_slow; /* oneDNN has plain loops alone for one of them */
} convolution_plan;

/* Layouts to ask for, the first best first: those that nearly all of its kernels for this processor know, so that neighbours
 * agree; those it chooses itself; plain ones, for which it has products of matrices where kernels are missing. */
typedef enum convolution_way { IN_BLOCKS, AS_ONEDNN_LIKES, PLAIN, N_WAYS } convolution_way;

static layout ask_layout(adah_shape s, convolution_way way) {
    if (way == IN_BLOCKS && s.dim[1] >= channels_together(block_tag(), 0))
        return layout_of_shape(s, block_tag());
    return way == AS_ONEDNN_LIKES ? layout_of_shape(s, dnnl_format_tag_any) : plain_layout(s); /* pixels are plain, in blocks as well */
}

static adah_code describe_convolution(const adah_node *node, convolution_way way, convolution_plan *p, adah_status *status) {
    const adah_window *win = &node->window;
    const size_t *dim = node->w->shape.dim;
    dnnl_dim_t g = node->groups, out = (dnnl_dim_t)dim[0], in = (dnnl_dim_t)dim[1];
    const dnnl_dims_t grouped = {g, out / g, in, win->size_h, win->size_w};
    const dnnl_dims_t single = {out, in, win->size_h, win->size_w}, bias = {out};
    const dnnl_dim_t *dims = g > 1 ? grouped : single;
    int n_dims = g > 1 ? 5 : 4;
    *p = (convolution_plan){.geometry = {.strides = {win->stride_h, win->stride_w},
                                         .before = {win->pad_top, win->pad_left},
                                         .after = {win->pad_bottom, win->pad_right}}};
    p->x = ask_layout(node->x[0]->shape, way);
    p->y = ask_layout(node->shape, way);
    p->w = layout_tagged(n_dims, dims, dnnl_format_tag_any);
    p->w_plain = layout_tagged(n_dims, dims, g > 1 ? dnnl_abcde : dnnl_abcd);
    p->b = node->b ? layout_tagged(1, bias, dnnl_a) : NULL;
    if (p->x && p->y && p->w && p->w_plain && (p->b || !node->b))
        return ADAH_OK;
    return fail_layout(status);
}

static void free_plan(convolution_plan *p) {
    layout list[] = {p->x, p->y, p->w, p->b, p->w_plain, p->x_set, p->y_set};
    dnnl_primitive_desc_t pds[] = {p->forward, p->to_input, p->to_weights};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        layout_free(list[i]);
    for (size_t i = 0; i < sizeof pds / sizeof *pds; i++)
        if (pds[i])
            dnnl_primitive_desc_destroy(pds[i]);
    *p = (convolution_plan){0};
}

/* The forward primitive, with its ReLU fused in when `fuse`. Any status but success: not to be had. */
static dnnl_status_t create_forward(const adah_node *node, convolution_plan *p, int fuse) {
    const graph_state *s = node->graph->engine_state;
    dnnl_prop_kind_t prop = node->graph->mode == ADAH_GRAPH_TRAIN ? dnnl_forward_training : dnnl_forward_inference;
    dnnl_primitive_attr_t attr = NULL;
    dnnl_post_ops_t ops = NULL;
    dnnl_status_t e = dnnl_primitive_attr_clone(&attr, s->attr);
    if (e == dnnl_success && fuse) {
        int is_relu = node->activation->kind == ADAH_NODE_RELU;
        e = dnnl_post_ops_create(&ops);
        if (e == dnnl_success)
            e = append_eltwise(ops, is_relu ? dnnl_eltwise_relu : dnnl_eltwise_clip, 0, is_relu ? 0 : 6);
        if (e == dnnl_success)
            e = dnnl_primitive_attr_set_post_ops(attr, ops);
    }
    if (e == dnnl_success)
        e = convolution_forward_pd(&p->forward, engine, prop, dnnl_convolution_direct, p->x, p->w, p->b, p->y, &p->geometry, attr);
    if (ops)
        dnnl_post_ops_destroy(ops);
    if (attr)
        dnnl_primitive_attr_destroy(attr);
    return e;
}

/* Fills in a plan that has been described. Any status but success: this way cannot be had. */
static dnnl_status_t create_plan(const adah_node *node, convolution_plan *p) {
    const graph_state *s = node->graph->engine_state;
    p->fuses = node->activation && node->activation->kind != ADAH_NODE_TANH;
    dnnl_status_t e = create_forward(node, p, p->fuses);
    if (e != dnnl_success && p->fuses) {
        p->fuses = 0;
        e = create_forward(node, p, 0);
    }
    if (e != dnnl_success)
        return e;
    p->x_set = layout_copy(dnnl_primitive_desc_query_md(p->forward, dnnl_query_src_md, 0));
    p->y_set = layout_copy(dnnl_primitive_desc_query_md(p->forward, dnnl_query_dst_md, 0));
    if (!p->x_set || !p->y_set)
        return dnnl_out_of_memory;
    if (node->graph->mode == ADAH_GRAPH_TRAIN)
        e = convolution_weights_pd(&p->to_weights, engine, dnnl_convolution_direct, p->x_set, p->w, p->b, p->y_set, &p->geometry,
                                   p->forward, s->attr);
    if (e == dnnl_success && node->graph->mode == ADAH_GRAPH_TRAIN && node->x[0]->reaches)
        e = convolution_data_pd(&p->to_input, engine, dnnl_convolution_direct, p->x_set, p->w, p->y_set, &p->geometry, p->forward,
                                s->attr);
    p->is_slow = is_slow(p->forward) || is_slow(p->to_weights) || is_slow(p->to_input);
    return e;
}

/* The first way that is not slow; where all are, the first that can be had; none at all: p->forward stays NULL. */
static adah_code plan_convolution(const adah_node *node, convolution_plan *p, adah_status *status) {
    convolution_plan slow = {0};
    adah_code code = ADAH_OK;
    for (int way = 0; way < N_WAYS && code == ADAH_OK; way++) {
        code = describe_convolution(node, (convolution_way)way, p, status);
        const dnnl_status_t e = code == ADAH_OK ? create_plan(node, p) : dnnl_success;
        if (e == dnnl_out_of_memory)
            code = check(e, "convolution", status);
        if (code == ADAH_OK && e == dnnl_success && !p->is_slow)
            break;
        if (code == ADAH_OK && e == dnnl_success && !slow.forward)
            slow = *p;
        else
            free_plan(p);
        *p = (convolution_plan){0};
    }
    if (!p->forward)
        *p = slow;
    else
        free_plan(&slow);
    return code;
}

static adah_code prepare_weights(packed_weights *p, adah_node *node, const_layout plain, const_layout packed,
                                 adah_status *status) {
    if (dnnl_memory_desc_equal(plain, packed))
        return ADAH_OK;
    p->copy = adah_packed_acquire(node->w, node->graph->engine, packed, layout_floats(packed));
    if (!p->copy)
        return adah_fail_memory(status, dnnl_memory_desc_get_size(packed));
    return prepare_reorder(&p->pack, node->graph, plain, packed, status);
}

typedef struct packing {
    packed_weights *weights;
    const adah_node *node;
} packing;

static adah_code pack_weights(void *context, float *to, adah_status *status) {
    const packing *p = context;
    return run(&p->weights->pack, p->node->graph, (const float *[]){p->node->w->value, to}, "reorder of weights", status);
}

/* The weights as the primitive wants them. */
static adah_code current_weights(packed_weights *p, const adah_node *node, const float **out, adah_status *status) {
    *out = node->w->value;
    return p->copy ? adah_packed_get(p->copy, pack_weights, &(packing){p, node}, out, status) : ADAH_OK;
}

static adah_code prepare_backward_data(adah_node *node, const convolution_plan *p, adah_status *status) {
    static const int ids[] = {DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_SRC};
    convolution *c = node->state;
    ADAH_TRY(prepare_runner(&c->backward_data, node->graph, p->to_input, ids, 3, status));
    return prepare_weights(&c->data_weights, node, p->w_plain, dnnl_primitive_desc_query_md(p->to_input, dnnl_query_weights_md, 0),
                           status);
}

static adah_code prepare_backward_weights(adah_node *node, const convolution_plan *p, adah_status *status) {
    static const int ids[] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_BIAS};
    convolution *c = node->state;
    graph_state *s = node->graph->engine_state;
    ADAH_TRY(prepare_runner(&c->backward_weights, node->graph, p->to_weights, ids, node->b ? 4 : 3, status));
    const_layout packed = dnnl_primitive_desc_query_md(p->to_weights, dnnl_query_diff_weights_md, 0);
    raise_to(&s->n_diff_packed, layout_floats(packed));
    raise_to(&s->n_diff_plain, node->w->n);
    raise_to(&s->n_diff_bias, node->b ? node->b->n : 0);
    return dnnl_memory_desc_equal(packed, p->w_plain) ? ADAH_OK
                                                      : prepare_reorder(&c->unpack, node->graph, packed, p->w_plain, status);
}

static adah_code convolution_forward(adah_node *node, adah_status *status) {
    convolution *c = node->state;
    const float *w;
    ADAH_TRY(current_weights(&c->forward_weights, node, &w, status));
    const float *array[] = {node->x[0]->value, w, node->value, node->b ? node->b->value : NULL};
    return run(&c->forward, node->graph, array, "convolution", status);
}

static adah_code convolution_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    convolution *c = node->state;
    graph_state *s = node->graph->engine_state;
    int trains_w = adah_trains(node->w, groups), trains_b = adah_trains(node->b, groups);
    if (trains_w || trains_b) {
        const float *array[] = {node->x[0]->value, node->gradient, s->diff_packed, s->diff_bias};
        ADAH_TRY(run(&c->backward_weights, node->graph, array, "convolution backward to its weights", status));
    }
    if (trains_w) {
        const float *diff = s->diff_packed;
        if (c->unpack.primitive) {
            diff = s->diff_plain;
            ADAH_TRY(run(&c->unpack, node->graph, (const float *[]){s->diff_packed, diff}, "reorder of weights", status));
        }
        adah_shared_add(node->w->gradient, diff, node->w->n);
    }
    if (trains_b)
        adah_shared_add(node->b->gradient, s->diff_bias, node->b->n);
    if (dx[0]) {
        const float *w;
        ADAH_TRY(current_weights(&c->data_weights, node, &w, status));
        ADAH_TRY(run(&c->backward_data, node->graph, (const float *[]){node->gradient, w, dx[0]},
                     "convolution backward to its input", status));
    }
    return ADAH_OK;
}

static void convolution_release(void *state) {
    convolution *c = state;
    runner *list[] = {&c->forward,           &c->backward_data, &c->backward_weights, &c->forward_weights.pack,
                      &c->data_weights.pack, &c->unpack};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        free_runner(list[i]);
    adah_packed_release(c->forward_weights.copy);
    adah_packed_release(c->data_weights.copy);
    adah_memory_free(c);
}

static adah_code prepare_primitives(adah_node *node, const convolution_plan *p, void **wanted, adah_status *status) {
    static const adah_kernel kernel = {convolution_forward, convolution_backward, 1, convolution_release};
    static const int ids[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_BIAS};
    convolution *c = node->state = adah_memory_zeroed(1, sizeof *c);
    if (!c)
        return adah_fail_memory(status, sizeof *c);
    node->kernel = &kernel;
    if (p->fuses)
        node->activation->fused = 1;
    ADAH_TRY(to_graph(p->x_set, node->x[0]->shape, wanted, status));
    ADAH_TRY(to_graph(p->y_set, node->shape, &node->layout, status));
    ADAH_TRY(prepare_runner(&c->forward, node->graph, p->forward, ids, node->b ? 4 : 3, status));
    ADAH_TRY(prepare_weights(&c->forward_weights, node, p->w_plain,
                             dnnl_primitive_desc_query_md(p->forward, dnnl_query_weights_md, 0), status));
    if (p->to_weights)
        ADAH_TRY(prepare_backward_weights(node, p, status));
    return p->to_input ? prepare_backward_data(node, p, status) : ADAH_OK;
}

/* Winograd's method takes blocks of channels, or an input as it comes where the channels of a position lie together. */
static adah_code prepare_winograd(adah_node *node, void **wanted, adah_status *status) {
    dnnl_format_tag_t tag;
    ADAH_TRY(find_tag(node->x[0], &tag, status));
    const int is_together = tag == dnnl_nhwc;
    if (!is_together)
        tag = block_tag();
    wanted[0] = layout_of_shape(node->x[0]->shape, tag);
    node->layout = layout_of_shape(node->shape, tag);
    if (!wanted[0] || !node->layout)
        return fail_layout(status);
    if (node->activation && node->activation->kind != ADAH_NODE_TANH)
        node->activation->fused = node->activation->fused_backward = 1;
    return adah_winograd_prepare(node, is_together, status);
}

static adah_code prepare_convolution(adah_node *node, void **wanted, adah_status *status) {
    if (adah_winograd_fits(node))
        return prepare_winograd(node, wanted, status);
    ADAH_TRY(open_state(node->graph, status));
    convolution_plan plan;
    adah_code code = plan_convolution(node, &plan, status);
    if (code == ADAH_OK && plan.forward)
        code = prepare_primitives(node, &plan, wanted, status);
    else if (code == ADAH_OK)
        node->kernel = adah_reference_kernel(node->kind);
    free_plan(&plan);
    return code;
}

/* ---------------------------------------------------------------- pooling */

/* Max and mean pooling take their input as it comes where channels lie together, else in blocks. */
static adah_code prepare_max_pool(adah_node *node, void **wanted, adah_status *status) {
    dnnl_format_tag_t tag;
    ADAH_TRY(find_tag(node->x[0], &tag, status));
    if (tag == dnnl_format_tag_undef)
        tag = block_tag();
    node->kernel = adah_pool_kernel(node->kind);
    node->n_together = channels_together(tag, node->shape.dim[1]);
    wanted[0] = layout_of_shape(node->x[0]->shape, tag);
    node->layout = layout_of_shape(node->shape, tag);
    return wanted[0] && node->layout ? ADAH_OK : fail_layout(status);
}

/* The mean over all positions takes its input as it comes where it can, and is plain. */
static adah_code prepare_average_all(adah_node *node, void **wanted, adah_status *status) {
    dnnl_format_tag_t tag;
    ADAH_TRY(find_tag(node->x[0], &tag, status));
    node->kernel = adah_pool_kernel(node->kind);
    node->n_together = channels_together(tag, node->shape.dim[1]);
    if (tag == dnnl_format_tag_undef)
        return ADAH_OK;
    wanted[0] = layout_of_shape(node->x[0]->shape, tag);
    return wanted[0] ? ADAH_OK : fail_layout(status);
}

/* ---------------------------------------------------------------- batch norm */

typedef struct norm {
    runner forward, backward;
    float *diff;   /* (2, C) gradients of w and b */
    float *unread; /* the input's gradient where nobody wants it; made when first needed */
} norm;

static adah_code norm_forward(adah_node *node, adah_status *status) {
    norm *s = node->state;
    const float *statistics = node->batch_statistics ? node->batch_statistics : node->statistics->value;
    const float *array[] = {node->x[0]->value, node->value, node->w->value, node->b->value, statistics,
                            statistics + node->w->n};
    return run(&s->forward, node->graph, array, "batch norm", status);
}

static adah_code norm_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    norm *s = node->state;
    const size_t n = node->w->n;
    const float *statistics = node->batch_statistics;
    if (!dx[0] && !s->unread && !(s->unread = adah_memory_floats(node->n_stored)))
        return adah_fail_memory(status, node->n_stored * sizeof(float));
    const float *array[] = {node->x[0]->value, node->gradient, dx[0] ? dx[0] : s->unread, node->w->value,
                            statistics, statistics + n, s->diff, s->diff + n, node->b->value};
    ADAH_TRY(run(&s->backward, node->graph, array, "batch norm backward", status));
    for (size_t c = 0; c < n && adah_trains(node->w, groups); c++)
        node->w->gradient[c] += s->diff[c];
    for (size_t c = 0; c < n && adah_trains(node->b, groups); c++)
        node->b->gradient[c] += s->diff[n + c];
    return ADAH_OK;
}

static void norm_release(void *state) {
    norm *s = state;
    free_runner(&s->forward);
    free_runner(&s->backward);
    adah_memory_free(s->diff);
    adah_memory_free(s->unread);
    adah_memory_free(s);
}

static adah_code prepare_norm(adah_node *node, void **wanted, adah_status *status) {
    static const adah_kernel kernel = {norm_forward, norm_backward, 1, norm_release};
    static const int forward_ids[] = {DNNL_ARG_SRC,   DNNL_ARG_DST,  DNNL_ARG_SCALE,
                                      DNNL_ARG_SHIFT, DNNL_ARG_MEAN, DNNL_ARG_VARIANCE};
    static const int backward_ids[] = {DNNL_ARG_SRC,  DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC,   DNNL_ARG_SCALE,
                                       DNNL_ARG_MEAN, DNNL_ARG_VARIANCE, DNNL_ARG_DIFF_SCALE, DNNL_ARG_DIFF_SHIFT,
                                       DNNL_ARG_SHIFT};
    const int n_backward = DNNL_VERSION_MAJOR < 3 ? 9 : 8; /* 2.x wants to see the shift, too */
    ADAH_TRY(open_state(node->graph, status));
    graph_state *g = node->graph->engine_state;
    const int trains = node->graph->mode == ADAH_GRAPH_TRAIN;
    const int fuse = !trains && node->activation && node->activation->kind == ADAH_NODE_RELU;
    const unsigned flags = dnnl_use_scale | dnnl_use_shift | (trains ? 0u : (unsigned)dnnl_use_global_stats) |
                           (fuse ? (unsigned)dnnl_fuse_norm_relu : 0u);
    layout x = layout_of(node->x[0]);
    dnnl_primitive_desc_t pd = NULL, backward_pd = NULL;
    if (!x)
        return fail_layout(status);
    adah_code code = ADAH_OK;
    dnnl_status_t e =
        norm_forward_pd(&pd, engine, trains ? dnnl_forward_training : dnnl_forward_inference, x, flags, g->attr);
    if (e == dnnl_success && trains)
        e = norm_backward_pd(&backward_pd, engine, x, flags, pd, g->attr);
    if (e == dnnl_unimplemented) {
        node->kernel = adah_reference_kernel(node->kind);
    } else if ((code = check(e, "batch norm", status)) == ADAH_OK) {
        norm *s = node->state = adah_memory_zeroed(1, sizeof *s);
        node->kernel = &kernel;
        if (!s)
            code = adah_fail_memory(status, sizeof *s);
        if (code == ADAH_OK)
            code = to_graph(x, node->shape, wanted, status);
        if (code == ADAH_OK)
            code = to_graph(x, node->shape, &node->layout, status);
        if (code == ADAH_OK)
            code = prepare_runner(&s->forward, node->graph, pd, forward_ids, 6, status);
        if (code == ADAH_OK && trains)
            code = prepare_runner(&s->backward, node->graph, backward_pd, backward_ids, n_backward, status);
        if (code == ADAH_OK && trains && !(s->diff = adah_memory_floats(2 * node->w->n)))
            code = adah_fail_memory(status, 2 * node->w->n * sizeof(float));
        if (code == ADAH_OK && fuse)
            node->activation->fused = 1;
    }
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    if (backward_pd)
        dnnl_primitive_desc_destroy(backward_pd);
    layout_free(x);
    return code;
}

/* ---------------------------------------------------------------- response norm */

typedef struct response_norm {
    runner forward, backward;
    void *workspace; /* in training, what forward leaves to backward */
} response_norm;

static adah_code response_forward(adah_node *node, adah_status *status) {
    response_norm *r = node->state;
    return run(&r->forward, node->graph, (const float *[]){node->x[0]->value, node->value, r->workspace}, "response norm", status);
}

static adah_code response_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups;
    response_norm *r = node->state;
    return run(&r->backward, node->graph,
               (const float *[]){node->x[0]->value, node->gradient, dx[0], r->workspace}, "response norm backward", status);
}

static void response_release(void *state) {
    response_norm *r = state;
    free_runner(&r->forward);
    free_runner(&r->backward);
    adah_memory_free(r->workspace);
    adah_memory_free(r);
}

static adah_code prepare_response(adah_node *node, void **wanted, adah_status *status) {
    static const adah_kernel kernel = {response_forward, response_backward, 1, response_release};
    static const int forward_ids[] = {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_WORKSPACE};
    static const int backward_ids[] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC, DNNL_ARG_WORKSPACE};
    ADAH_TRY(open_state(node->graph, status));
    graph_state *s = node->graph->engine_state;
    const int trains = node->graph->mode == ADAH_GRAPH_TRAIN;
    layout x = layout_of(node->x[0]);
    dnnl_primitive_desc_t pd = NULL, backward_pd = NULL;
    if (!x)
        return fail_layout(status);
    adah_code code = ADAH_OK;
    dnnl_status_t e = response_forward_pd(&pd, engine, trains ? dnnl_forward_training : dnnl_forward_inference, x,
                                          &node->response, s->attr);
    if (e == dnnl_success && trains)
        e = response_backward_pd(&backward_pd, engine, x, &node->response, pd, s->attr);
    if (e == dnnl_unimplemented) {
        node->kernel = adah_reference_kernel(node->kind);
    } else if ((code = check(e, "response norm", status)) == ADAH_OK) {
        response_norm *r = node->state = adah_memory_zeroed(1, sizeof *r);
        const size_t n_bytes = dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(pd, dnnl_query_workspace_md, 0));
        node->kernel = &kernel;
        if (!r)
            code = adah_fail_memory(status, sizeof *r);
        if (code == ADAH_OK && trains && !(r->workspace = adah_memory_floats((n_bytes + sizeof(float) - 1) / sizeof(float))))
            code = adah_fail_memory(status, n_bytes);
        if (code == ADAH_OK)
            code = to_graph(x, node->shape, wanted, status);
        if (code == ADAH_OK)
            code = to_graph(x, node->shape, &node->layout, status);
        if (code == ADAH_OK)
            code = prepare_runner(&r->forward, node->graph, pd, forward_ids, trains ? 3 : 2, status);
        if (code == ADAH_OK && trains)
            code = prepare_runner(&r->backward, node->graph, backward_pd, backward_ids, 4, status);
    }
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    if (backward_pd)
        dnnl_primitive_desc_destroy(backward_pd);
    layout_free(x);
    return code;
}

/* ---------------------------------------------------------------- fully connected: of few items */

/* Y = X W' + 1 b' */
static adah_code fully_connected_forward(adah_node *node, adah_status *status) {
    dnnl_dim_t n_rows = (dnnl_dim_t)adah_node_rows(node), n_out = (dnnl_dim_t)adah_node_out(node);
    dnnl_dim_t n_in = (dnnl_dim_t)adah_node_in(node);
    for (dnnl_dim_t i = 0; i < n_rows && node->b; i++)
        memcpy(node->value + i * n_out, node->b->value, (size_t)n_out * sizeof(float));
    return check(dnnl_sgemm('N', 'T', n_rows, n_out, n_in, 1, node->x[0]->value, n_in, node->w->value, n_in,
                            node->b ? 1 : 0, node->value, n_out),
                 "a matrix product", status);
}

/* dX += dY W;  dW += dY' X;  db += dY' 1 */
static adah_code fully_connected_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    dnnl_dim_t n_rows = (dnnl_dim_t)adah_node_rows(node), n_out = (dnnl_dim_t)adah_node_out(node);
    dnnl_dim_t n_in = (dnnl_dim_t)adah_node_in(node);
    const float *dy = node->gradient;
    if (adah_trains(node->w, groups))
        ADAH_TRY(check(dnnl_sgemm('T', 'N', n_out, n_in, n_rows, 1, dy, n_out, node->x[0]->value, n_in, 1,
                                  node->w->gradient, n_in),
                       "a matrix product", status));
    if (adah_trains(node->b, groups))
        for (dnnl_dim_t i = 0; i < n_rows; i++)
            for (dnnl_dim_t j = 0; j < n_out; j++)
                node->b->gradient[j] += dy[i * n_out + j];
    if (!dx[0])
        return ADAH_OK;
    return check(dnnl_sgemm('N', 'N', n_rows, n_in, n_out, 1, dy, n_out, node->w->value, n_in, 1, dx[0], n_in),
                 "a matrix product", status);
}

/* ---------------------------------------------------------------- concatenate */

/* Channels can be joined by copying slices when they come in whole blocks. Then the result has the first input's
 * layout and all are read in it; else everything is plain. */
static adah_code prepare_concatenate(adah_node *node, void **wanted, adah_status *status) {
    dnnl_format_tag_t tag;
    ADAH_TRY(find_tag(node->x[0], &tag, status));
    if (tag == dnnl_format_tag_undef)
        return ADAH_OK;
    const size_t block = tag == dnnl_nhwc ? 1 : channels_together(tag, 0);
    for (size_t i = 0; i < node->n_x; i++)
        if (node->x[i]->shape.dim[1] % block)
            return ADAH_OK;
    node->layout = layout_of_shape(node->shape, tag);
    int complete = node->layout != NULL;
    for (size_t i = 0; i < node->n_x; i++)
        complete &= (wanted[i] = layout_of_shape(node->x[i]->shape, tag)) != NULL;
    if (tag == dnnl_nhwc)
        node->n_outer = node->n / node->shape.dim[1];
    return complete ? ADAH_OK : fail_layout(status);
}

/* ---------------------------------------------------------------- gate */

/* In the layout that the map comes in, where channels of a position lie together in it; else plain. */
static adah_code prepare_gate(adah_node *node, void **wanted, adah_status *status) {
    dnnl_format_tag_t tag;
    ADAH_TRY(find_tag(node->x[0], &tag, status));
    adah_gate_prepare(node, channels_together(tag, node->shape.dim[1]));
    if (tag == dnnl_format_tag_undef)
        return ADAH_OK;
    wanted[0] = layout_of_shape(node->shape, tag);
    node->layout = layout_of_shape(node->shape, tag);
    return wanted[0] && node->layout ? ADAH_OK : fail_layout(status);
}

/* ---------------------------------------------------------------- */

static adah_code prepare(adah_node *node, void **wanted, adah_status *status) {
    static const adah_kernel fully_connected = {fully_connected_forward, fully_connected_backward, 0, NULL};
    if (adah_pointwise_fits(node))
        return adah_pointwise_prepare(node, status);
    if (adah_fully_connected_fits(node))
        return adah_fully_connected_prepare(node, status);
    switch (node->kind) {
    case ADAH_NODE_CONVOLUTION: return prepare_convolution(node, wanted, status);
    case ADAH_NODE_BATCH_NORM: return prepare_norm(node, wanted, status);
    case ADAH_NODE_RESPONSE_NORM: return prepare_response(node, wanted, status);
    case ADAH_NODE_MAX_POOL:
    case ADAH_NODE_MEAN_POOL: return prepare_max_pool(node, wanted, status);
    case ADAH_NODE_AVERAGE_POOL: return prepare_average_all(node, wanted, status);
    case ADAH_NODE_CONCATENATE: return prepare_concatenate(node, wanted, status);
    case ADAH_NODE_GATE: return prepare_gate(node, wanted, status);
    case ADAH_NODE_LAYER_NORM: return adah_layer_norm_prepare(node, status);
    case ADAH_NODE_GELU: return adah_gelu_prepare(node, status);
    case ADAH_NODE_ATTENTION: return adah_multi_head_prepare(node, status);
    default: node->kernel = &fully_connected; return ADAH_OK;
    }
}

static int engine_layout_equal(const void *a, const void *b) {
    return dnnl_memory_desc_equal((const_layout)a, (const_layout)b);
}
static void *engine_layout_copy(const void *l) { return layout_copy((const_layout)l); }
static void engine_layout_free(void *l) { layout_free(l); }
static size_t engine_layout_floats(const void *l) { return layout_floats((const_layout)l); }

const adah_engine adah_engine_onednn = {
    .prepare = prepare,
    .prepare_convert = prepare_convert,
    .finish = finish,
    .close = close_state,
    .layout_equal = engine_layout_equal,
    .layout_copy = engine_layout_copy,
    .layout_free = engine_layout_free,
    .layout_floats = engine_layout_floats,
};
