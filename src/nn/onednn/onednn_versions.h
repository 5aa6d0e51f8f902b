/* onednn_versions.h - what of oneDNN 2.x and 3.x differs, under one set of names: layouts, and how primitives are described. */
#ifndef ADAH_NN_ONEDNN_ONEDNN_VERSIONS_H
#define ADAH_NN_ONEDNN_ONEDNN_VERSIONS_H

#include "base/memory.h"
#include "nn/graph/graph_internal.h"

#include <dnnl.h>

/* Sizes along height and width, of convolutions. */
typedef struct geometry {
    dnnl_dims_t strides, before, after; /* before, after: padding */
} geometry;

#if DNNL_VERSION_MAJOR < 3

typedef dnnl_memory_desc_t *layout; /* in memory of ours */
typedef const dnnl_memory_desc_t *const_layout;

static inline layout layout_copy(const_layout from) {
    layout to = adah_memory_alloc(sizeof *to);
    if (to)
        *to = *from;
    return to;
}

static inline void layout_free(layout l) { adah_memory_free(l); }

static inline layout layout_tagged(int n_dims, const dnnl_dims_t dims, dnnl_format_tag_t tag) {
    dnnl_memory_desc_t l;
    return dnnl_memory_desc_init_by_tag(&l, n_dims, dims, dnnl_f32, tag) == dnnl_success ? layout_copy(&l) : NULL;
}

static inline dnnl_status_t append_eltwise(dnnl_post_ops_t ops, dnnl_alg_kind_t kind, float alpha, float beta) {
    return dnnl_post_ops_append_eltwise(ops, 1.0f, kind, alpha, beta);
}

static inline dnnl_status_t convolution_forward_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t e, dnnl_prop_kind_t prop,
                                                   dnnl_alg_kind_t alg, const_layout x, const_layout w, const_layout b,
                                                   const_layout y, const geometry *g, const_dnnl_primitive_attr_t attr) {
    dnnl_convolution_desc_t d;
    dnnl_status_t s = dnnl_convolution_forward_desc_init(&d, prop, alg, x, w, b, y, g->strides, g->before, g->after);
    return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, attr, e, NULL) : s;
}

static inline dnnl_status_t convolution_data_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t e, dnnl_alg_kind_t alg,
                                                const_layout dx, const_layout w, const_layout dy, const geometry *g,
                                                const_dnnl_primitive_desc_t forward, const_dnnl_primitive_attr_t attr) {
    dnnl_convolution_desc_t d;
    dnnl_status_t s = dnnl_convolution_backward_data_desc_init(&d, alg, dx, w, dy, g->strides, g->before, g->after);
    return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, attr, e, forward) : s;
}

static inline dnnl_status_t convolution_weights_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t e, dnnl_alg_kind_t alg,
                                                   const_layout x, const_layout dw, const_layout db, const_layout dy,
                                                   const geometry *g, const_dnnl_primitive_desc_t forward,
                                                   const_dnnl_primitive_attr_t attr) {
    dnnl_convolution_desc_t d;
    dnnl_status_t s =
        dnnl_convolution_backward_weights_desc_init(&d, alg, x, dw, db, dy, g->strides, g->before, g->after);
    return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, attr, e, forward) : s;
}

static inline dnnl_status_t norm_forward_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t e, dnnl_prop_kind_t prop, const_layout x,
                                            unsigned flags, const_dnnl_primitive_attr_t attr) {
    dnnl_batch_normalization_desc_t d;
    dnnl_status_t s = dnnl_batch_normalization_forward_desc_init(&d, prop, x, ADAH_NORM_EPSILON, flags);
    return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, attr, e, NULL) : s;
}

static inline dnnl_status_t norm_backward_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t e, const_layout x, unsigned flags,
                                             const_dnnl_primitive_desc_t forward, const_dnnl_primitive_attr_t attr) {
    dnnl_batch_normalization_desc_t d;
    dnnl_status_t s = dnnl_batch_normalization_backward_desc_init(&d, dnnl_backward, x, x, ADAH_NORM_EPSILON, flags);
    return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, attr, e, forward) : s;
}

/* oneDNN divides alpha by the size. */
static inline dnnl_status_t response_forward_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t e, dnnl_prop_kind_t prop, const_layout x,
                                                const adah_response *r, const_dnnl_primitive_attr_t attr) {
    dnnl_lrn_desc_t d;
    dnnl_status_t s = dnnl_lrn_forward_desc_init(&d, prop, dnnl_lrn_across_channels, x, r->size,
                                                 r->alpha * (float)r->size, r->beta, r->kappa);
    return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, attr, e, NULL) : s;
}

static inline dnnl_status_t response_backward_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t e, const_layout x,
                                                 const adah_response *r, const_dnnl_primitive_desc_t forward,
                                                 const_dnnl_primitive_attr_t attr) {
    dnnl_lrn_desc_t d;
    dnnl_status_t s = dnnl_lrn_backward_desc_init(&d, dnnl_lrn_across_channels, x, x, r->size, r->alpha * (float)r->size,
                                                  r->beta, r->kappa);
    return s == dnnl_success ? dnnl_primitive_desc_create(pd, &d, attr, e, forward) : s;
}

#else

typedef dnnl_memory_desc_t layout;
typedef const_dnnl_memory_desc_t const_layout;

static const dnnl_dims_t no_dilation;

static inline layout layout_copy(const_layout from) {
    layout to = NULL;
    return dnnl_memory_desc_clone(&to, from) == dnnl_success ? to : NULL;
}

static inline void layout_free(layout l) {
    if (l)
        dnnl_memory_desc_destroy(l);
}

static inline layout layout_tagged(int n_dims, const dnnl_dims_t dims, dnnl_format_tag_t tag) {
    layout l = NULL;
    return dnnl_memory_desc_create_with_tag(&l, n_dims, dims, dnnl_f32, tag) == dnnl_success ? l : NULL;
}

static inline dnnl_status_t append_eltwise(dnnl_post_ops_t ops, dnnl_alg_kind_t kind, float alpha, float beta) {
    return dnnl_post_ops_append_eltwise(ops, kind, alpha, beta);
}

static inline dnnl_status_t convolution_forward_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t e, dnnl_prop_kind_t prop,
                                                   dnnl_alg_kind_t alg, const_layout x, const_layout w, const_layout b,
                                                   const_layout y, const geometry *g, const_dnnl_primitive_attr_t attr) {
    return dnnl_convolution_forward_primitive_desc_create(pd, e, prop, alg, x, w, b, y, g->strides, no_dilation,
                                                          g->before, g->after, attr);
}

static inline dnnl_status_t convolution_data_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t e, dnnl_alg_kind_t alg,
                                                const_layout dx, const_layout w, const_layout dy, const geometry *g,
                                                const_dnnl_primitive_desc_t forward, const_dnnl_primitive_attr_t attr) {
    return dnnl_convolution_backward_data_primitive_desc_create(pd, e, alg, dx, w, dy, g->strides, no_dilation,
                                                                g->before, g->after, forward, attr);
}

static inline dnnl_status_t convolution_weights_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t e, dnnl_alg_kind_t alg,
                                                   const_layout x, const_layout dw, const_layout db, const_layout dy,
                                                   const geometry *g, const_dnnl_primitive_desc_t forward,
                                                   const_dnnl_primitive_attr_t attr) {
    return dnnl_convolution_backward_weights_primitive_desc_create(pd, e, alg, x, dw, db, dy, g->strides, no_dilation,
                                                                   g->before, g->after, forward, attr);
}

static inline dnnl_status_t norm_forward_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t e, dnnl_prop_kind_t prop, const_layout x,
                                            unsigned flags, const_dnnl_primitive_attr_t attr) {
    return dnnl_batch_normalization_forward_primitive_desc_create(pd, e, prop, x, x, ADAH_NORM_EPSILON, flags, attr);
}

static inline dnnl_status_t norm_backward_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t e, const_layout x, unsigned flags,
                                             const_dnnl_primitive_desc_t forward, const_dnnl_primitive_attr_t attr) {
    return dnnl_batch_normalization_backward_primitive_desc_create(pd, e, dnnl_backward, x, x, x, ADAH_NORM_EPSILON,
                                                                   flags, forward, attr);
}

/* oneDNN divides alpha by the size. */
static inline dnnl_status_t response_forward_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t e, dnnl_prop_kind_t prop, const_layout x,
                                                const adah_response *r, const_dnnl_primitive_attr_t attr) {
    return dnnl_lrn_forward_primitive_desc_create(pd, e, prop, dnnl_lrn_across_channels, x, x, r->size,
                                                  r->alpha * (float)r->size, r->beta, r->kappa, attr);
}

static inline dnnl_status_t response_backward_pd(dnnl_primitive_desc_t *pd, dnnl_engine_t e, const_layout x,
                                                 const adah_response *r, const_dnnl_primitive_desc_t forward,
                                                 const_dnnl_primitive_attr_t attr) {
    return dnnl_lrn_backward_primitive_desc_create(pd, e, dnnl_lrn_across_channels, x, x, x, r->size,
                                                   r->alpha * (float)r->size, r->beta, r->kappa, forward, attr);
}

#endif

#endif
