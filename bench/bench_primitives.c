/* bench_primitives.c - the layers of a backbone beside the best bare oneDNN primitives, layer by layer: what a forward run, in
 * training with the gradients, would take if nothing but oneDNN took time, and what adah's layers take, measured in turn.
 *
 *     bench_primitives [--network vgg16 | --convolution IN,OUT,SIDE] [--batch 32] [--infer] [--runs 5] [--cold] [--json]
 *
 * The backbone is built as adah builds it and its nodes are walked. For each convolution, pool, norm, sum and concatenation the
 * primitive that is fastest alone counts: of oneDNN's methods (direct, and Winograd's in versions before 3) and of the layouts it
 * may like (its own choice, blocks of 8 and of 16 channels, channels last, plain), each gradient for itself, ReLU fused in
 * where oneDNN can. What it takes to get into the layouts is left out of its times, but not of adah's: a line of their own. A
 * primitive runs once before it is timed, so that its weights and values are as near as they get; adah's layers run one behind
 * the other, after memory has been swept where --cold says so, and then the primitives as well. oneDNN has no primitive for the
 * gradients of sums and concatenations.
 * --convolution measures a single 3 x 3 convolution with ReLU, which adah runs by Winograd's method, beside oneDNN's direct one
 * alone: what the rule in winograd.c is made from. Times are medians of the runs. */
#define _GNU_SOURCE
#include "base/parallel.h"
#include "backbones/backbone.h"
#include "nn/onednn/onednn_versions.h"
#include "nn/winograd/winograd.h"
#include "stopwatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS_MAX = 32, ROWS_MAX = 512, ARGUMENTS_MAX = 16, STEPS_MAX = 3, TRIALS = 3, SWEPT_BYTES = 256 << 20 };

static dnnl_engine_t engine;
static dnnl_stream_t stream;

static void must(dnnl_status_t s, const char *what) {
    if (s != dnnl_success) {
        fprintf(stderr, "bench_primitives: oneDNN refuses %s (status %d)\n", what, (int)s);
        exit(1);
    }
}

static void must_graph(adah_code code, const adah_status *status) {
    if (code != ADAH_OK) {
        fprintf(stderr, "bench_primitives: %s\n", status->message);
        exit(1);
    }
}

/* ---------------------------------------------------------------- a primitive and its arguments */

/* Arguments of one meaning share their memory, whichever primitive they belong to. In whole cache lines: some kernels write past
 * the caches and want that. */
typedef struct room {
    int id;
    size_t n_bytes;
    void *values;
} room;

static void *room_for(int id, size_t n_bytes) {
    static room rooms[64];
    size_t i = 0;
    while (rooms[i].values && rooms[i].id != id)
        i++;
    if (rooms[i].n_bytes < n_bytes || !rooms[i].values) {
        free(rooms[i].values);
        rooms[i] = (room){id, n_bytes, aligned_alloc(64, (n_bytes + 63) / 64 * 64)};
        if (!rooms[i].values)
            must(dnnl_out_of_memory, "memory");
        adah_random r = adah_random_seeded(1, (uint64_t)id);
        for (size_t k = 0; k < n_bytes / sizeof(float); k++)
            ((float *)rooms[i].values)[k] = adah_random_uniform(&r);
    }
    return rooms[i].values;
}

typedef struct step {
    dnnl_primitive_t primitive; /* NULL: none */
    dnnl_exec_arg_t argument[ARGUMENTS_MAX];
    int n;
    double seconds;
    char how[64]; /* oneDNN's name of it */
} step;

static step make_step(const_dnnl_primitive_desc_t pd, const int *ids, int n) {
    step s = {.n = 0};
    const char *name = "";
    must(dnnl_primitive_desc_query(pd, dnnl_query_impl_info_str, 0, &name), "its name");
    snprintf(s.how, sizeof s.how, "%s", name);
    must(dnnl_primitive_create(&s.primitive, pd), "a primitive");
    for (int i = 0; i < n; i++) {
        const const_layout l = dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, ids[i]);
        const size_t n_bytes = dnnl_memory_desc_get_size(l);
        dnnl_memory_t memory;
        if (n_bytes == 0)
            continue;
        must(dnnl_memory_create(&memory, l, engine, ids[i] == DNNL_ARG_WORKSPACE ? DNNL_MEMORY_ALLOCATE : DNNL_MEMORY_NONE), "memory");
        if (ids[i] == DNNL_ARG_WORKSPACE) { /* places, so 0 is one */
            void *values;
            must(dnnl_memory_get_data_handle(memory, &values), "memory");
            memset(values, 0, n_bytes);
        } else {
            room_for(ids[i], n_bytes);
        }
        s.argument[s.n++] = (dnnl_exec_arg_t){ids[i], memory};
    }
    return s;
}

static void free_step(step *s) {
    for (int i = 0; i < s->n; i++)
        dnnl_memory_destroy(s->argument[i].memory);
    if (s->primitive)
        dnnl_primitive_destroy(s->primitive);
    *s = (step){.n = 0};
}

static double run_step(const step *s) {
    for (int i = 0; i < s->n; i++)
        if (s->argument[i].arg != DNNL_ARG_WORKSPACE)
            must(dnnl_memory_set_data_handle(s->argument[i].memory, room_for(s->argument[i].arg, 0)), "memory");
    const double start = now();
    must(dnnl_primitive_execute(s->primitive, stream, s->n, s->argument), "to run");
    must(dnnl_stream_wait(stream), "to run");
    return now() - start;
}

/* oneDNN's plain loops, which are tried only when there is nothing else. */
static int is_plain_loop(const step *s) { return strstr(s->how, "ref") != NULL || strncmp(s->how, "simple", 6) == 0; }

static const char *asked_for = ""; /* the layouts that are being tried, for the name of the fastest */

/* Keeps the faster one of `best` and the primitive of pd. */
static void try_primitive(step *best, const_dnnl_primitive_desc_t pd, const int *ids, int n, int take_plain_loops) {
    step s = make_step(pd, ids, n);
    const size_t n_how = strlen(s.how);
    snprintf(s.how + n_how, sizeof s.how - n_how, "%s", asked_for);
    if (is_plain_loop(&s) == take_plain_loops) {
        s.seconds = run_step(&s);
        for (int i = 0; i < TRIALS && (!best->primitive || s.seconds < 2 * best->seconds); i++) {
            const double seconds = run_step(&s);
            s.seconds = seconds < s.seconds ? seconds : s.seconds;
        }
        if (!best->primitive || s.seconds < best->seconds) {
            free_step(best);
            *best = s;
            return;
        }
    }
    free_step(&s);
}

/* ---------------------------------------------------------------- the primitives of a node */

static const dnnl_format_tag_t tags[] = {dnnl_format_tag_any, dnnl_nChw16c, dnnl_nChw8c, dnnl_nhwc, dnnl_nchw};
static const char *const tag_names[] = {"", ", in 16", ", in 8", ", nhwc", ", nchw"};
#if DNNL_VERSION_MAJOR < 3
static const dnnl_alg_kind_t WINOGRAD = dnnl_convolution_winograd;
#else
static const dnnl_alg_kind_t WINOGRAD = dnnl_convolution_direct; /* there is none */
#endif
enum { N_TAGS = sizeof tags / sizeof *tags };

/* In forward[0] what computes a node, in backward what its gradients; the activation is part of it or a node of its own. */
typedef struct row {
    const adah_node *node;
    int with_activation;
    step forward, backward[STEPS_MAX];
    double bare[2][RUNS_MAX], ours[2][RUNS_MAX]; /* seconds forward and backward */
} row;

static layout layout_of(adah_shape s, dnnl_format_tag_t tag) {
    const dnnl_dims_t dims = {(dnnl_dim_t)s.dim[0], (dnnl_dim_t)s.dim[1], (dnnl_dim_t)s.dim[2], (dnnl_dim_t)s.dim[3]};
    const int is_blocked = tag == dnnl_nChw16c || tag == dnnl_nChw8c;
    const layout l = layout_tagged(s.n_dims, dims, s.n_dims == 2 ? dnnl_ab : is_blocked && s.dim[1] < 8 ? dnnl_nchw : tag);
    if (!l)
        must(dnnl_out_of_memory, "a layout");
    return l;
}

static dnnl_primitive_attr_t with_activation(const adah_node *activation) {
    dnnl_primitive_attr_t attr;
    dnnl_post_ops_t ops;
    must(dnnl_primitive_attr_create(&attr), "attributes");
    must(dnnl_post_ops_create(&ops), "attributes");
    if (activation)
        must(append_eltwise(ops, activation->kind == ADAH_NODE_RELU ? dnnl_eltwise_relu : dnnl_eltwise_clip, 0,
                            activation->kind == ADAH_NODE_RELU ? 0 : 6), "attributes");
    must(dnnl_primitive_attr_set_post_ops(attr, ops), "attributes");
    dnnl_post_ops_destroy(ops);
    return attr;
}

static dnnl_prop_kind_t direction(const adah_node *node) {
    return node->graph->mode == ADAH_GRAPH_TRAIN ? dnnl_forward_training : dnnl_forward_inference;
}

static geometry geometry_of(const adah_node *node) {
    const adah_window *w = &node->window;
    return (geometry){.strides = {w->stride_h, w->stride_w}, .before = {w->pad_top, w->pad_left}, .after = {w->pad_bottom, w->pad_right}};
}

static void destroy(dnnl_primitive_desc_t pd) {
    if (pd)
        dnnl_primitive_desc_destroy(pd);
}

static void try_convolution(row *r, dnnl_format_tag_t tag, dnnl_alg_kind_t method, int plain_loops) {
    static const int ids[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST, DNNL_ARG_BIAS};
    static const int weights_ids[] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_BIAS};
    static const int input_ids[] = {DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_SRC};
    const adah_node *node = r->node;
    const size_t *dim = node->w->shape.dim;
    const dnnl_dim_t g = node->groups, out = (dnnl_dim_t)dim[0], in = (dnnl_dim_t)dim[1], h = (dnnl_dim_t)dim[2], w = (dnnl_dim_t)dim[3];
    const dnnl_dims_t grouped = {g, out / g, in, h, w}, single = {out, in, h, w}, bias = {out};
    const int n_arguments = node->b ? 4 : 3;
    layout lx = layout_of(node->x[0]->shape, tag), ly = layout_of(node->shape, tag);
    layout lw = layout_tagged(g > 1 ? 5 : 4, g > 1 ? grouped : single, dnnl_format_tag_any);
    layout lb = node->b ? layout_tagged(1, bias, dnnl_a) : NULL;
    const geometry shape = geometry_of(node);
    dnnl_primitive_attr_t attr = with_activation(r->with_activation ? node->activation : NULL), none = with_activation(NULL);
    dnnl_primitive_desc_t forward = NULL, pd = NULL;
    if (convolution_forward_pd(&forward, engine, direction(node), method, lx, lw, lb, ly, &shape, attr) == dnnl_success) {
        try_primitive(&r->forward, forward, ids, n_arguments, plain_loops);
        /* With 3 channels Winograd's gradient of the weights takes seconds. */
        const int trains = node->graph->mode == ADAH_GRAPH_TRAIN && !(in == 3 && method != dnnl_convolution_direct);
        if (trains && convolution_weights_pd(&pd, engine, method, lx, lw, lb, ly, &shape, forward, none) == dnnl_success) {
            try_primitive(&r->backward[0], pd, weights_ids, n_arguments, plain_loops);
            destroy(pd);
        }
        if (trains && node->x[0]->reaches && convolution_data_pd(&pd, engine, method, lx, lw, ly, &shape, forward, none) == dnnl_success) {
            try_primitive(&r->backward[1], pd, input_ids, 3, plain_loops);
            destroy(pd);
        }
    }
    destroy(forward);
    dnnl_primitive_attr_destroy(attr);
    dnnl_primitive_attr_destroy(none);
    layout_free(lx);
    layout_free(ly);
    layout_free(lw);
    layout_free(lb);
}

/* Padding after the input that lets the last window end inside it. */
static dnnl_dim_t padding_after(size_t n, size_t n_out, int size, int stride, int before, int after) {
    const dnnl_dim_t needed = ((dnnl_dim_t)n_out - 1) * stride + size - (dnnl_dim_t)n - before;
    return needed > after ? needed : after;
}

/* hint NULL: forward; else its gradient. */
static dnnl_status_t pool_pd(dnnl_primitive_desc_t *pd, const adah_node *node, const_layout x, const_layout y,
                             const_dnnl_primitive_desc_t hint) {
    const dnnl_alg_kind_t method = node->kind == ADAH_NODE_MAX_POOL ? dnnl_pooling_max : dnnl_pooling_avg_exclude_padding;
    const adah_window *w = &node->window;
    const size_t *in = node->x[0]->shape.dim, *out = node->shape.dim;
    const dnnl_dims_t size = {w->size_h, w->size_w}, strides = {w->stride_h, w->stride_w}, before = {w->pad_top, w->pad_left};
    const dnnl_dims_t after = {padding_after(in[2], out[2], w->size_h, w->stride_h, w->pad_top, w->pad_bottom),
                               padding_after(in[3], out[3], w->size_w, w->stride_w, w->pad_left, w->pad_right)};
#if DNNL_VERSION_MAJOR < 3
    dnnl_pooling_desc_t d;
    const dnnl_status_t s = hint ? dnnl_pooling_backward_desc_init(&d, method, x, y, strides, size, before, after)
                                 : dnnl_pooling_forward_desc_init(&d, direction(node), method, x, y, strides, size, before, after);
    return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, NULL, engine, hint) : s;
#else
    const dnnl_dims_t dilation = {0, 0};
    return hint ? dnnl_pooling_backward_primitive_desc_create(pd, engine, method, x, y, strides, size, dilation, before, after, hint, NULL)
                : dnnl_pooling_forward_primitive_desc_create(pd, engine, direction(node), method, x, y, strides, size, dilation,
                                                             before, after, NULL);
#endif
}

static void try_pool(row *r, dnnl_format_tag_t tag, int plain_loops) {
    static const int ids[] = {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_WORKSPACE};
    static const int backward_ids[] = {DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC, DNNL_ARG_WORKSPACE};
    const adah_node *node = r->node;
    layout lx = layout_of(node->x[0]->shape, tag == dnnl_format_tag_any ? dnnl_nchw : tag), ly = layout_of(node->shape, tag);
    dnnl_primitive_desc_t forward = NULL, pd = NULL;
    if (pool_pd(&forward, node, lx, ly, NULL) == dnnl_success) {
        try_primitive(&r->forward, forward, ids, 3, plain_loops);
        if (node->graph->mode == ADAH_GRAPH_TRAIN && pool_pd(&pd, node, lx, ly, forward) == dnnl_success) {
            try_primitive(&r->backward[0], pd, backward_ids, 3, plain_loops);
            destroy(pd);
        }
    }
    destroy(forward);
    layout_free(lx);
    layout_free(ly);
}

static void try_norm(row *r, dnnl_format_tag_t tag, int plain_loops) {
    static const int ids[] = {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_SCALE, DNNL_ARG_SHIFT, DNNL_ARG_MEAN, DNNL_ARG_VARIANCE,
                              DNNL_ARG_WORKSPACE};
    static const int backward_ids[] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC, DNNL_ARG_SCALE, DNNL_ARG_MEAN,
                                       DNNL_ARG_VARIANCE, DNNL_ARG_DIFF_SCALE, DNNL_ARG_DIFF_SHIFT, DNNL_ARG_WORKSPACE,
                                       DNNL_ARG_SHIFT};
    const adah_node *node = r->node;
    const int trains = node->graph->mode == ADAH_GRAPH_TRAIN;
    const unsigned flags = dnnl_use_scale | dnnl_use_shift | (trains ? 0u : (unsigned)dnnl_use_global_stats) |
                           (r->with_activation ? (unsigned)dnnl_fuse_norm_relu : 0u);
    layout x = layout_of(node->shape, tag);
    dnnl_primitive_attr_t none = with_activation(NULL);
    dnnl_primitive_desc_t forward = NULL, pd = NULL;
    if (norm_forward_pd(&forward, engine, direction(node), x, flags, none) == dnnl_success) {
        try_primitive(&r->forward, forward, ids, trains ? 7 : 6, plain_loops);
        if (trains && norm_backward_pd(&pd, engine, x, flags, forward, none) == dnnl_success) {
            try_primitive(&r->backward[0], pd, backward_ids, DNNL_VERSION_MAJOR < 3 ? 10 : 9, plain_loops);
            destroy(pd);
        }
    }
    destroy(forward);
    dnnl_primitive_attr_destroy(none);
    layout_free(x);
}

static void try_response(row *r, dnnl_format_tag_t tag, int plain_loops) {
    static const int ids[] = {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_WORKSPACE};
    static const int backward_ids[] = {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC, DNNL_ARG_WORKSPACE};
    const adah_node *node = r->node;
    const int trains = node->graph->mode == ADAH_GRAPH_TRAIN;
    layout x = layout_of(node->shape, tag);
    dnnl_primitive_attr_t none = with_activation(NULL);
    dnnl_primitive_desc_t forward = NULL, pd = NULL;
    if (response_forward_pd(&forward, engine, direction(node), x, &node->response, none) == dnnl_success) {
        try_primitive(&r->forward, forward, ids, trains ? 3 : 2, plain_loops);
        if (trains && response_backward_pd(&pd, engine, x, &node->response, forward, none) == dnnl_success) {
            try_primitive(&r->backward[0], pd, backward_ids, 4, plain_loops);
            destroy(pd);
        }
    }
    destroy(forward);
    dnnl_primitive_attr_destroy(none);
    layout_free(x);
}

static dnnl_status_t eltwise_pd(dnnl_primitive_desc_t *pd, adah_node_kind kind, int backward, dnnl_prop_kind_t prop, const_layout x,
                                const_dnnl_primitive_desc_t hint) {
    const dnnl_alg_kind_t method =
        kind == ADAH_NODE_RELU ? dnnl_eltwise_relu_use_dst_for_bwd : dnnl_eltwise_clip_v2_use_dst_for_bwd;
    const float high = kind == ADAH_NODE_RELU ? 0 : 6;
#if DNNL_VERSION_MAJOR < 3
    dnnl_eltwise_desc_t d;
    const dnnl_status_t s = backward ? dnnl_eltwise_backward_desc_init(&d, method, x, x, 0, high)
                                     : dnnl_eltwise_forward_desc_init(&d, prop, method, x, 0, high);
    return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, NULL, engine, hint) : s;
#else
    return backward ? dnnl_eltwise_backward_primitive_desc_create(pd, engine, method, x, x, x, 0, high, hint, NULL)
                    : dnnl_eltwise_forward_primitive_desc_create(pd, engine, prop, method, x, x, 0, high, NULL);
#endif
}

/* ReLU or ReLU6, and its gradient from its own value; `only_backward` where a convolution has it fused in. */
static void try_relu(row *r, const adah_node *relu, int only_backward, step *backward) {
    static const int ids[] = {DNNL_ARG_SRC, DNNL_ARG_DST}, backward_ids[] = {DNNL_ARG_DST, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC};
    layout x = layout_of(relu->shape, dnnl_nchw); /* the order does not matter */
    dnnl_primitive_desc_t forward, pd;
    must(eltwise_pd(&forward, relu->kind, 0, direction(relu), x, NULL), "ReLU");
    if (!only_backward)
        try_primitive(&r->forward, forward, ids, 2, 0);
    if (relu->graph->mode == ADAH_GRAPH_TRAIN) {
        must(eltwise_pd(&pd, relu->kind, 1, dnnl_forward_training, x, forward), "ReLU's gradient");
        try_primitive(backward, pd, backward_ids, 3, 0);
        destroy(pd);
    }
    destroy(forward);
    layout_free(x);
}

static void try_sum(row *r) {
    static const int ids[] = {DNNL_ARG_SRC_0, DNNL_ARG_SRC_1, DNNL_ARG_DST};
    layout x = layout_of(r->node->shape, dnnl_nchw); /* the order does not matter */
    dnnl_primitive_desc_t pd;
#if DNNL_VERSION_MAJOR < 3
    dnnl_binary_desc_t d;
    must(dnnl_binary_desc_init(&d, dnnl_binary_add, x, x, x), "a sum");
    must(dnnl_primitive_desc_create(&pd, &d, NULL, engine, NULL), "a sum");
#else
    must(dnnl_binary_primitive_desc_create(&pd, engine, dnnl_binary_add, x, x, x, NULL), "a sum");
#endif
    try_primitive(&r->forward, pd, ids, 3, 0);
    destroy(pd);
    layout_free(x);
}

static void try_concatenation(row *r, dnnl_format_tag_t tag, int plain_loops) {
    enum { INPUTS_MAX = ARGUMENTS_MAX - 1 };
    const adah_node *node = r->node;
    const int n = (int)node->n_x;
    int ids[ARGUMENTS_MAX] = {DNNL_ARG_DST};
    layout y = layout_of(node->shape, tag), x[INPUTS_MAX];
    dnnl_primitive_desc_t pd = NULL;
    if (n > INPUTS_MAX)
        must(dnnl_invalid_arguments, "so many inputs");
#if DNNL_VERSION_MAJOR < 3
    dnnl_memory_desc_t together[INPUTS_MAX];
#endif
    for (int i = 0; i < n; i++) {
        x[i] = layout_of(node->x[i]->shape, tag);
        ids[1 + i] = DNNL_ARG_MULTIPLE_SRC + i;
#if DNNL_VERSION_MAJOR < 3
        together[i] = *x[i];
#endif
    }
#if DNNL_VERSION_MAJOR < 3
    const dnnl_status_t e = dnnl_concat_primitive_desc_create(&pd, y, n, 1, together, NULL, engine);
#else
    const dnnl_status_t e = dnnl_concat_primitive_desc_create(&pd, engine, y, n, 1, (const_dnnl_memory_desc_t *)x, NULL);
#endif
    if (e == dnnl_success)
        try_primitive(&r->forward, pd, ids, n + 1, plain_loops);
    destroy(pd);
    layout_free(y);
    for (int i = 0; i < n; i++)
        layout_free(x[i]);
}

/* Finds the fastest primitives of a row; none for what oneDNN has no primitive for. */
static void find_primitives(row *r, int direct_alone) {
    const adah_node *node = r->node;
    const int is_spread = node->kind == ADAH_NODE_BATCH_NORM || node->kind == ADAH_NODE_RESPONSE_NORM || node->kind == ADAH_NODE_CONCATENATE;
    for (int plain_loops = 0; plain_loops < 2 && !r->forward.primitive; plain_loops++)
        for (int i = is_spread ? 1 : 0; i < N_TAGS; i++) {
            asked_for = tag_names[i];
            switch (node->kind) {
            case ADAH_NODE_CONVOLUTION:
                try_convolution(r, tags[i], dnnl_convolution_direct, plain_loops);
                if (!direct_alone && WINOGRAD != dnnl_convolution_direct)
                    try_convolution(r, tags[i], WINOGRAD, plain_loops);
                break;
            case ADAH_NODE_MAX_POOL:
            case ADAH_NODE_AVERAGE_POOL: try_pool(r, tags[i], plain_loops); break;
            case ADAH_NODE_BATCH_NORM: try_norm(r, tags[i], plain_loops); break;
            case ADAH_NODE_RESPONSE_NORM: try_response(r, tags[i], plain_loops); break;
            case ADAH_NODE_CONCATENATE: try_concatenation(r, tags[i], plain_loops); break;
            default: break;
            }
        }
    asked_for = "";
    if (node->kind == ADAH_NODE_RELU || node->kind == ADAH_NODE_RELU6)
        try_relu(r, node, 0, &r->backward[0]);
    if (node->kind == ADAH_NODE_ADD)
        try_sum(r);
    if (node->kind == ADAH_NODE_CONVOLUTION && r->with_activation)
        try_relu(r, node->activation, 1, &r->backward[2]);
}

/* ---------------------------------------------------------------- the backbone, and measuring */

typedef struct bench {
    const char *network;
    size_t n_in, n_out, n_side; /* of the single convolution; 0: none */
    size_t n_batch;
    int infers, is_cold, n_runs, json;
    adah_graph *g;
    row row[ROWS_MAX];
    size_t n_rows;
    double conversions[2][RUNS_MAX]; /* seconds that adah takes to get from layout to layout */
} bench;

static adah_node *build(bench *b, adah_parameters *p) {
    adah_status fault = {0};
    adah_settings config = {.n_side = 224};
    b->g = adah_graph_create(ADAH_BACKEND_ONEDNN, b->infers ? ADAH_GRAPH_INFER : ADAH_GRAPH_TRAIN);
    adah_builder builder = {b->g, p, &config, 1, &fault, 0};
    const size_t n_side = b->n_in ? b->n_side : (size_t)adah_backbone_find(b->network)->n_side;
    adah_node *x = adah_graph_input(b->g, ADAH_SHAPE4(b->n_batch, b->n_in ? b->n_in : 3, n_side, n_side)), *y;
    if (b->n_in) {
        adah_parameter *w = adah_parameters_add(p, "w", ADAH_SHAPE4(b->n_out, b->n_in, 3, 3), ADAH_GROUP_BACKBONE);
        adah_parameter *bias = adah_parameters_add(p, "b", ADAH_SHAPE1(b->n_out), ADAH_GROUP_BACKBONE);
        adah_random r = adah_random_seeded(1, 1);
        for (size_t i = 0; w && i < w->n; i++)
            w->value[i] = adah_random_uniform(&r) - 0.5f;
        if (!b->infers)
            adah_node_keep(x); /* so that its gradient is wanted, as inside a network */
        y = adah_graph_relu(b->g, adah_graph_convolution(b->g, x, w, bias, (adah_window){0, 0, 1, 1, 1, 1, 1, 1, 0}, 1));
    } else {
        y = adah_backbone_features(&builder, b->network, x);
    }
    adah_node_keep(y);
    must_graph(builder.failed ? ADAH_ERROR_ARGUMENT : ADAH_OK, &fault);
    must_graph(adah_graph_build(b->g, &fault), &fault);
    adah_random r = adah_random_seeded(1, 0);
    for (size_t i = 0; i < adah_shape_count(adah_node_shape(x)); i++)
        adah_node_value(x)[i] = 2 * adah_random_uniform(&r) - 1;
    if (!b->infers)
        must_graph(adah_parameters_train(p, ADAH_GROUP_BACKBONE, &fault), &fault);
    return y;
}

/* So that nothing of a layer is in a cache any more. */
static void sweep(const bench *b) {
    static char *memory;
    if (!b->is_cold)
        return;
    if (!memory && !(memory = malloc(SWEPT_BYTES)))
        must(dnnl_out_of_memory, "memory");
    for (size_t i = 0; i < SWEPT_BYTES; i += 64)
        memory[i]++;
}

/* One forward and, in training, one backward run; weights count as moved, so that what is made of them is made anew. */
static void run_graph(const bench *b, adah_parameters *p, adah_node *y) {
    adah_status status;
    for (size_t i = 0; i < p->n && !b->infers; i++)
        p->item[i]->version++;
    must_graph(adah_graph_forward(b->g, &status), &status);
    if (b->infers)
        return;
    adah_graph_clear_gradients(b->g);
    float *dy = adah_node_gradient(y);
    for (size_t i = 0; i < adah_shape_count(adah_node_shape(y)); i++)
        dy[i] = 1e-3f;
    must_graph(adah_graph_backward(b->g, ADAH_GROUP_BACKBONE, &status), &status);
}

static int fuses_activation(const adah_node *node) {
    const adah_node *activation = node->activation;
    return activation && ((node->kind == ADAH_NODE_CONVOLUTION && (activation->kind == ADAH_NODE_RELU || activation->kind == ADAH_NODE_RELU6)) ||
                     (node->kind == ADAH_NODE_BATCH_NORM && activation->kind == ADAH_NODE_RELU));
}

static void find_rows(bench *b) {
    for (size_t i = 0; i < b->g->n_steps && b->n_rows < ROWS_MAX; i++) {
        const adah_node *node = b->g->step[i];
        const int is_inside = node->n_x > 0 && node->x[0]->activation == node && fuses_activation(node->x[0]);
        row *r = &b->row[b->n_rows];
        *r = (row){.node = node, .with_activation = fuses_activation(node)};
        if (!is_inside)
            find_primitives(r, b->n_in > 0);
        b->n_rows += r->forward.primitive != NULL;
    }
}

static double timed(const bench *b, const step *s) {
    if (!s->primitive)
        return 0;
    run_step(s);
    sweep(b);
    return run_step(s);
}

static void measure(bench *b, adah_parameters *p, adah_node *y) {
    find_rows(b);
    run_graph(b, p, y);
    for (int run = 0; run < b->n_runs; run++) {
        sweep(b);
        adah_graph_measure(b->g, 1);
        run_graph(b, p, y);
        for (size_t i = 0; i < b->g->n_steps; i++)
            for (int k = 0; k < 2 && b->g->step[i]->kind == ADAH_NODE_CONVERT; k++)
                b->conversions[k][run] += b->g->step[i]->seconds[k];
        for (size_t i = 0; i < b->n_rows; i++) {
            row *r = &b->row[i];
            for (int k = 0; k < 2; k++)
                r->ours[k][run] = r->node->seconds[k] + (r->with_activation ? r->node->activation->seconds[k] : 0);
            r->bare[0][run] = timed(b, &r->forward);
            for (int k = 0; k < STEPS_MAX; k++)
                r->bare[1][run] += timed(b, &r->backward[k]);
        }
    }
}

/* ---------------------------------------------------------------- printing */

static void print_shape(adah_shape s, char *text) {
    int n = 0;
    for (int i = 1; i < s.n_dims; i++)
        n += sprintf(text + n, "%s%zu", i > 1 ? " x " : "", s.dim[i]);
    text[n] = '\0';
}

static const char *kind_of(const row *r) {
    switch (r->node->kind) {
    case ADAH_NODE_CONVOLUTION: return r->node->groups > 1 ? "convolution, groups" : "convolution";
    case ADAH_NODE_BATCH_NORM: return "batch norm";
    case ADAH_NODE_RESPONSE_NORM: return "response norm";
    case ADAH_NODE_MAX_POOL: return "max pool";
    case ADAH_NODE_AVERAGE_POOL: return "average pool";
    case ADAH_NODE_ADD: return "sum";
    case ADAH_NODE_CONCATENATE: return "concatenation";
    default: return "ReLU";
    }
}

static void print_row(const bench *b, const row *r, const double bare[2], const double ours[2]) {
    char in[96], out[96];
    print_shape(r->node->x[0]->shape, in);
    print_shape(r->node->shape, out);
    printf("| %s", kind_of(r));
    if (r->node->kind == ADAH_NODE_CONVOLUTION)
        printf(" %d x %d%s", r->node->window.size_h, r->node->window.size_w, r->node->window.stride_h > 1 ? ", strides" : "");
    printf(" | %s | %s | %.3f | %.3f | %.2f | %s |", in, out, 1e3 * ours[0], 1e3 * bare[0], ours[0] / bare[0], r->forward.how);
    if (!b->infers && bare[1] > 0)
        printf(" %.3f | %.3f | %.2f |", 1e3 * ours[1], 1e3 * bare[1], ours[1] / bare[1]);
    else if (!b->infers)
        printf(" %.3f | | |", 1e3 * ours[1]);
    printf("\n");
}

static void print(bench *b) {
    const size_t n = (size_t)b->n_runs;
    const dnnl_version_t *v = dnnl_version();
    double bare[2] = {0}, ours[2] = {0};
    if (!b->json) {
        printf("%s, batch %zu, %d threads, oneDNN %d.%d.%d; milliseconds\n\n", b->n_in ? "a convolution" : b->network, b->n_batch,
               adah_parallel_threads(), v->major, v->minor, v->patch);
        printf("| layer | input | output | forward, adah | oneDNN | times | its kernel |%s\n", b->infers ? "" : " backward, adah | oneDNN | times |");
        printf("|---|---|---|---:|---:|---:|---|%s\n", b->infers ? "" : "---:|---:|---:|");
    }
    for (size_t i = 0; i < b->n_rows; i++) {
        row *r = &b->row[i];
        const double x[2] = {median(r->bare[0], n), median(r->bare[1], n)}, y[2] = {median(r->ours[0], n), median(r->ours[1], n)};
        for (int k = 0; k < 2; k++) {
            bare[k] += x[k];
            ours[k] += y[k];
        }
        if (!b->json)
            print_row(b, r, x, y);
    }
    const double conversions[2] = {median(b->conversions[0], n), median(b->conversions[1], n)};
    if (!b->json) {
        printf("\nforward: adah %.3f ms and %.3f from layout to layout, oneDNN %.3f: %.3f and %.3f times\n", 1e3 * ours[0],
               1e3 * conversions[0], 1e3 * bare[0], ours[0] / bare[0], (ours[0] + conversions[0]) / bare[0]);
        if (!b->infers)
            printf("backward: adah %.3f ms and %.3f, oneDNN %.3f: %.3f and %.3f times\n", 1e3 * ours[1], 1e3 * conversions[1],
                   1e3 * bare[1], ours[1] / bare[1], (ours[1] + conversions[1]) / bare[1]);
        return;
    }
    printf("{\"program\":\"bench_primitives\",\"onednn\":\"%d.%d.%d\",\"network\":\"%s\",\"batch\":%zu,\"infer\":%d,\"threads\":%d,"
           "\"forward_seconds\":%.6f,\"backward_seconds\":%.6f,\"seconds\":%.6f,\"adah_forward_seconds\":%.6f,"
           "\"adah_backward_seconds\":%.6f,\"adah_conversion_seconds\":%.6f}\n", v->major, v->minor, v->patch,
           b->n_in ? "a convolution" : b->network, b->n_batch, b->infers, adah_parallel_threads(), bare[0], bare[1], bare[0] + bare[1],
           ours[0], ours[1], conversions[0] + conversions[1]);
}

static _Noreturn void usage(void) {
    fprintf(stderr, "usage: bench_primitives [--network NAME | --convolution IN,OUT,SIDE] [--batch N] [--infer] [--runs 1..%d] [--cold] "
            "[--json]\nnetworks: %s; IN and OUT are multiples of 16\n", RUNS_MAX, adah_backbone_names());
    exit(2);
}

int main(int argc, char **argv) {
    static bench b = {.network = "vgg16", .n_batch = 32, .n_runs = 5};
    for (int i = 1; i < argc; i++) {
        const char *value = i + 1 < argc ? argv[i + 1] : "";
        if (!strcmp(argv[i], "--infer"))
            b.infers = 1;
        else if (!strcmp(argv[i], "--cold"))
            b.is_cold = 1;
        else if (!strcmp(argv[i], "--json"))
            b.json = 1;
        else if (!strcmp(argv[i], "--network") && ++i)
            b.network = value;
        else if (!strcmp(argv[i], "--convolution") && ++i) {
            if (sscanf(value, "%zu,%zu,%zu", &b.n_in, &b.n_out, &b.n_side) != 3 || !b.n_in || !b.n_out || !b.n_side || b.n_in % 16 ||
                b.n_out % 16)
                usage();
        } else if (!strcmp(argv[i], "--batch") && ++i)
            b.n_batch = strtoul(value, NULL, 10);
        else if (!strcmp(argv[i], "--runs") && ++i)
            b.n_runs = atoi(value);
        else
            usage();
    }
    if (b.n_batch == 0 || b.n_runs < 1 || b.n_runs > RUNS_MAX || !adah_backbone_find(b.network))
        usage();
    must(dnnl_engine_create(&engine, dnnl_cpu, 0), "an engine");
    must(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags), "a stream");
    adah_parameters p = {0};
    if (b.n_in)
        adah_winograd_use("best");
    measure(&b, &p, build(&b, &p));
    print(&b);
    for (size_t i = 0; i < b.n_rows; i++) {
        free_step(&b.row[i].forward);
        for (int k = 0; k < STEPS_MAX; k++)
            free_step(&b.row[i].backward[k]);
    }
    adah_graph_free(b.g);
    adah_parameters_free(&p);
    dnnl_stream_destroy(stream);
    dnnl_engine_destroy(engine);
    return 0;
}
