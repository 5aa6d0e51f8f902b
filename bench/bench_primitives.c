/* bench_primitives.c - VGG-16's backbone as bare oneDNN primitives, each measured alone: what a training step would take if
 * nothing but them took time. To hold against bench_layers, which runs the same layers as adah does.
 *
 *     bench_primitives [batch]
 *
 * Forward with ReLU fused in, both gradients, ReLU's gradient, pools. Of the methods that oneDNN has for a convolution (direct,
 * and Winograd's in versions before 3) the fastest counts, layer by layer; layouts are those it asks for, and what it takes to get
 * into them is left out. */
#define _POSIX_C_SOURCE 200809L
#include "stopwatch.h"

#include <dnnl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RUNS = 3, ARGUMENTS_MAX = 8 };

static dnnl_engine_t engine;
static dnnl_stream_t stream;

static void must(dnnl_status_t s, const char *what) {
    if (s != dnnl_success) {
        fprintf(stderr, "bench_primitives: oneDNN refuses %s (status %d)\n", what, (int)s);
        exit(1);
    }
}

#if DNNL_VERSION_MAJOR < 3
typedef dnnl_memory_desc_t layout;
typedef const dnnl_memory_desc_t *asked;
#define OF(l) (&(l))
static layout make(int n, const dnnl_dims_t dims, dnnl_format_tag_t tag) {
    layout l;
    must(dnnl_memory_desc_init_by_tag(&l, n, dims, dnnl_f32, tag), "a layout");
    return l;
}
static const dnnl_alg_kind_t methods[] = {dnnl_convolution_direct, dnnl_convolution_winograd};
#else
typedef dnnl_memory_desc_t layout;
typedef const_dnnl_memory_desc_t asked;
#define OF(l) (l)
static layout make(int n, const dnnl_dims_t dims, dnnl_format_tag_t tag) {
    layout l;
    must(dnnl_memory_desc_create_with_tag(&l, n, dims, dnnl_f32, tag), "a layout");
    return l;
}
static const dnnl_alg_kind_t methods[] = {dnnl_convolution_direct};
#endif
enum { N_METHODS = sizeof methods / sizeof *methods };

typedef enum part { FORWARD, TO_INPUT, TO_WEIGHTS } part;

static const dnnl_dims_t ones = {1, 1}, twos = {2, 2}, zeros = {0, 0};

static dnnl_status_t convolution_pd(dnnl_primitive_desc_t *pd, part which, dnnl_alg_kind_t method, asked x, asked w, asked b, asked y,
                                    const_dnnl_primitive_attr_t attr, const_dnnl_primitive_desc_t hint) {
#if DNNL_VERSION_MAJOR < 3
    dnnl_convolution_desc_t d;
    dnnl_status_t s =
        which == FORWARD    ? dnnl_convolution_forward_desc_init(&d, dnnl_forward_training, method, x, w, b, y, ones, ones, ones)
        : which == TO_INPUT ? dnnl_convolution_backward_data_desc_init(&d, method, x, w, y, ones, ones, ones)
                            : dnnl_convolution_backward_weights_desc_init(&d, method, x, w, b, y, ones, ones, ones);
    return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, attr, engine, hint) : s;
#else
    return which == FORWARD ? dnnl_convolution_forward_primitive_desc_create(pd, engine, dnnl_forward_training, method, x, w, b, y,
                                                                             ones, zeros, ones, ones, attr)
           : which == TO_INPUT
               ? dnnl_convolution_backward_data_primitive_desc_create(pd, engine, method, x, w, y, ones, zeros, ones, ones, hint, attr)
               : dnnl_convolution_backward_weights_primitive_desc_create(pd, engine, method, x, w, b, y, ones, zeros, ones, ones,
                                                                         hint, attr);
#endif
}

static dnnl_status_t pool_pd(dnnl_primitive_desc_t *pd, int backward, asked x, asked y, const_dnnl_primitive_desc_t hint) {
#if DNNL_VERSION_MAJOR < 3
    dnnl_pooling_desc_t d;
    dnnl_status_t s = backward ? dnnl_pooling_backward_desc_init(&d, dnnl_pooling_max, x, y, twos, twos, zeros, zeros)
                               : dnnl_pooling_forward_desc_init(&d, dnnl_forward_training, dnnl_pooling_max, x, y, twos, twos,
                                                                zeros, zeros);
    return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, NULL, engine, hint) : s;
#else
    return backward ? dnnl_pooling_backward_primitive_desc_create(pd, engine, dnnl_pooling_max, x, y, twos, twos, zeros, zeros,
                                                                  zeros, hint, NULL)
                    : dnnl_pooling_forward_primitive_desc_create(pd, engine, dnnl_forward_training, dnnl_pooling_max, x, y, twos,
                                                                 twos, zeros, zeros, zeros, NULL);
#endif
}

static dnnl_status_t relu_pd(dnnl_primitive_desc_t *pd, int backward, asked x, const_dnnl_primitive_desc_t hint) {
#if DNNL_VERSION_MAJOR < 3
    dnnl_eltwise_desc_t d;
    dnnl_status_t s = backward ? dnnl_eltwise_backward_desc_init(&d, dnnl_eltwise_relu_use_dst_for_bwd, x, x, 0, 0)
                               : dnnl_eltwise_forward_desc_init(&d, dnnl_forward_training, dnnl_eltwise_relu_use_dst_for_bwd, x, 0, 0);
    return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, NULL, engine, hint) : s;
#else
    return backward ? dnnl_eltwise_backward_primitive_desc_create(pd, engine, dnnl_eltwise_relu_use_dst_for_bwd, x, x, x, 0, 0, hint,
                                                                  NULL)
                    : dnnl_eltwise_forward_primitive_desc_create(pd, engine, dnnl_forward_training,
                                                                 dnnl_eltwise_relu_use_dst_for_bwd, x, x, 0, 0, NULL);
#endif
}

/* Runs the primitive of pd on memory of its own and destroys pd. Returns the median of its times in seconds. */
static double run(dnnl_primitive_desc_t pd, const int *ids, int n) {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t argument[ARGUMENTS_MAX];
    double seconds[RUNS];
    must(dnnl_primitive_create(&primitive, pd), "a primitive");
    for (int i = 0; i < n; i++) {
        asked l = dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, ids[i]);
        void *values;
        argument[i].arg = ids[i];
        must(dnnl_memory_create(&argument[i].memory, l, engine, DNNL_MEMORY_ALLOCATE), "memory");
        must(dnnl_memory_get_data_handle(argument[i].memory, &values), "memory");
        memset(values, 0, dnnl_memory_desc_get_size(l));
    }
    for (int i = -1; i < RUNS; i++) { /* once to warm up */
        const double start = now();
        must(dnnl_primitive_execute(primitive, stream, n, argument), "to run");
        must(dnnl_stream_wait(stream), "to run");
        if (i >= 0)
            seconds[i] = now() - start;
    }
    for (int i = 0; i < n; i++)
        dnnl_memory_destroy(argument[i].memory);
    dnnl_primitive_destroy(primitive);
    dnnl_primitive_desc_destroy(pd);
    return median(seconds, RUNS);
}

static dnnl_primitive_attr_t with_relu(void) {
    dnnl_primitive_attr_t attr;
    dnnl_post_ops_t ops;
    must(dnnl_primitive_attr_create(&attr), "attributes");
    must(dnnl_post_ops_create(&ops), "attributes");
#if DNNL_VERSION_MAJOR < 3
    must(dnnl_post_ops_append_eltwise(ops, 1, dnnl_eltwise_relu, 0, 0), "attributes");
#else
    must(dnnl_post_ops_append_eltwise(ops, dnnl_eltwise_relu, 0, 0), "attributes");
#endif
    must(dnnl_primitive_attr_set_post_ops(attr, ops), "attributes");
    dnnl_post_ops_destroy(ops);
    return attr;
}

/* The fastest method's seconds; times[]: forward, gradient of the input (0 for pixels), of the weights. */
static void measure_convolution(int n_batch, int n_in, int n_out, int side, double times[3]) {
    static const int ids[3][4] = {{DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_BIAS, DNNL_ARG_DST},
                                  {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST, 0},
                                  {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_BIAS, DNNL_ARG_DIFF_DST}};
    static const int n_ids[3] = {4, 3, 4};
    const dnnl_dims_t x_dims = {n_batch, n_in, side, side}, y_dims = {n_batch, n_out, side, side}, w_dims = {n_out, n_in, 3, 3},
                      b_dims = {n_out};
    layout x = make(4, x_dims, dnnl_format_tag_any), y = make(4, y_dims, dnnl_format_tag_any);
    layout w = make(4, w_dims, dnnl_format_tag_any), b = make(1, b_dims, dnnl_a);
    dnnl_primitive_attr_t attr = with_relu();
    for (int part_ = FORWARD; part_ <= TO_WEIGHTS; part_++) {
        times[part_] = 0;
        for (int i = 0; i < N_METHODS && (part_ != TO_INPUT || n_in > 3); i++) {
            dnnl_primitive_desc_t forward = NULL, pd = NULL;
            if (convolution_pd(&forward, FORWARD, methods[i], OF(x), OF(w), OF(b), OF(y), attr, NULL) != dnnl_success)
                continue;
            if (part_ == FORWARD)
                pd = forward;
            else if (convolution_pd(&pd, (part)part_, methods[i], OF(x), OF(w), OF(b), OF(y), NULL, forward) != dnnl_success)
                pd = NULL;
            if (pd && !(n_in == 3 && i > 0)) { /* with 3 channels Winograd's gradient of the weights takes seconds */
                const double seconds = run(pd, ids[part_], n_ids[part_]);
                times[part_] = times[part_] == 0 || seconds < times[part_] ? seconds : times[part_];
            } else if (pd) {
                dnnl_primitive_desc_destroy(pd);
            }
            if (pd != forward)
                dnnl_primitive_desc_destroy(forward);
        }
    }
    dnnl_primitive_attr_destroy(attr);
}

static double measure_relu_gradient(int n_batch, int n_channels, int side) {
    static const int ids[] = {DNNL_ARG_DST, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC};
    const dnnl_dims_t dims = {n_batch, n_channels, side, side};
    layout x = make(4, dims, dnnl_nChw16c);
    dnnl_primitive_desc_t forward, backward;
    must(relu_pd(&forward, 0, OF(x), NULL), "ReLU");
    must(relu_pd(&backward, 1, OF(x), forward), "ReLU's gradient");
    dnnl_primitive_desc_destroy(forward);
    return run(backward, ids, 3);
}

static double measure_pool(int n_batch, int n_channels, int side, double *backward_seconds) {
    static const int forward_ids[] = {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_WORKSPACE};
    static const int backward_ids[] = {DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_SRC, DNNL_ARG_WORKSPACE};
    const dnnl_dims_t x_dims = {n_batch, n_channels, side, side}, y_dims = {n_batch, n_channels, side / 2, side / 2};
    layout x = make(4, x_dims, dnnl_nChw16c), y = make(4, y_dims, dnnl_nChw16c);
    dnnl_primitive_desc_t forward, backward;
    must(pool_pd(&forward, 0, OF(x), OF(y), NULL), "a pool");
    must(pool_pd(&backward, 1, OF(x), OF(y), forward), "a pool's gradient");
    *backward_seconds = run(backward, backward_ids, 3);
    return run(forward, forward_ids, 3);
}

int main(int argc, char **argv) {
    static const int widths[] = {64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0};
    const int n_batch = argc > 1 ? atoi(argv[1]) : 32;
    if (n_batch < 1) {
        fprintf(stderr, "usage: bench_primitives [batch]\n");
        return 2;
    }
    must(dnnl_engine_create(&engine, dnnl_cpu, 0), "an engine");
    must(dnnl_stream_create(&stream, engine, dnnl_stream_default_flags), "a stream");
    double forward = 0, backward = 0;
    for (int i = 0, n_in = 3, side = 224; i < (int)(sizeof widths / sizeof *widths); i++) {
        double times[3] = {0}, relu = 0;
        if (widths[i]) {
            measure_convolution(n_batch, n_in, widths[i], side, times);
            relu = measure_relu_gradient(n_batch, widths[i], side);
            n_in = widths[i];
        } else {
            times[0] = measure_pool(n_batch, n_in, side, &times[1]);
            side /= 2;
        }
        printf("%-11s %3d channels, side %3d: forward %7.2f ms, gradient of the input %7.2f, of weights %7.2f, of ReLU %6.2f\n",
               widths[i] ? "convolution" : "pool", n_in, side, 1e3 * times[0], 1e3 * times[1], 1e3 * times[2], 1e3 * relu);
        forward += times[0];
        backward += times[1] + times[2] + relu;
    }
    const dnnl_version_t *v = dnnl_version();
    printf("{\"program\":\"bench_primitives\",\"onednn\":\"%d.%d.%d\",\"batch\":%d,\"forward_seconds\":%.6f,\"backward_seconds\":%.6f,"
           "\"seconds\":%.6f}\n", v->major, v->minor, v->patch, n_batch, forward, backward, forward + backward);
    dnnl_stream_destroy(stream);
    dnnl_engine_destroy(engine);
    return 0;
}
