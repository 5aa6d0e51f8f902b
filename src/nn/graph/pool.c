/* pool.c - max and mean pooling, and the mean over all positions, where channels of a position lie together: in oneDNN's blocks of 8 or 16, or
 * all of them.
 *
 * Such a layout is a row of planes, (planes, H, W, lanes), whose lanes are pooled alike. A window's maximum is that of its first
 * largest value, lane by lane; backward finds it anew by comparing, so that forward leaves nothing behind for it. oneDNN's own
 * kernel for AVX2 takes ten times as long as reading its input does. Means are handed on plain, and read plain values too. */
#include "base/parallel.h"
#include "base/vector.h"
#include "nn/graph/graph_internal.h"

#include <string.h>

/* ---------------------------------------------------------------- planes */

enum { LANES = 16, HALF = 8, WORTH_A_THREAD = 32768 /* floats */ };

typedef struct sizes {
    size_t n_lanes, n_planes, height, width, out_height, out_width;
} sizes;

static sizes sizes_of(const adah_node *node) {
    const adah_shape x = node->x[0]->shape, y = node->shape;
    const size_t n_lanes = node->n_together;
    return (sizes){n_lanes, node->x[0]->n_stored / (x.dim[2] * x.dim[3] * n_lanes), x.dim[2], x.dim[3], y.dim[2], y.dim[3]};
}

static size_t lanes_at_once(const adah_node *node) {
    return node->n_together % LANES == 0 ? LANES : node->n_together % HALF == 0 ? HALF : 1;
}

/* ---------------------------------------------------------------- max pooling */

/* The part of window i along one axis that lies inside. */
typedef struct span {
    size_t begin, end;
} span;

static inline __attribute__((always_inline)) span span_of(size_t i, int size, int stride, int pad, size_t n) {
    const ptrdiff_t begin = (ptrdiff_t)i * stride - pad, end = begin + size;
    return (span){begin > 0 ? (size_t)begin : 0, end < (ptrdiff_t)n ? (size_t)end : n};
}

/* The largest of a window of height by width positions at x, a row of the plane being `row` floats long. */
static inline __attribute__((always_inline)) void window_max(const float *restrict x, size_t row, size_t n_lanes, size_t height,
                                                             size_t width, size_t lanes, float *restrict y) {
    for (size_t l = 0; l < lanes; l++) { /* unrolled to one vector or two, which keeps the maxima in registers */
        float most = x[l];
#pragma GCC unroll 3
        for (size_t p = 0; p < height; p++)
#pragma GCC unroll 3
            for (size_t q = 0; q < width; q++) {
                const float here = x[p * row + q * n_lanes + l];
                most = here > most ? here : most;
            }
        y[l] = most;
    }
}

/* One row of outputs of one plane, lanes at a time. */
static inline __attribute__((always_inline)) void forward_row(const adah_node *node, size_t plane, size_t row, size_t lanes) {
    const sizes s = sizes_of(node);
    const adah_window *w = &node->window;
    const float *x = node->x[0]->value + plane * s.height * s.width * s.n_lanes;
    float *y = node->value + (plane * s.out_height + row) * s.out_width * s.n_lanes;
    const span v = span_of(row, w->size_h, w->stride_h, w->pad_top, s.height);
    for (size_t j = 0; j < s.out_width; j++, y += s.n_lanes) {
        const span u = span_of(j, w->size_w, w->stride_w, w->pad_left, s.width);
        const size_t height = v.end - v.begin, width = u.end - u.begin, length = s.width * s.n_lanes;
        const float *from = x + v.begin * length + u.begin * s.n_lanes;
        if (height == 3 && width == 3) /* the two that networks have, unrolled */
            for (size_t lane = 0; lane < s.n_lanes; lane += lanes)
                window_max(from + lane, length, s.n_lanes, 3, 3, lanes, y + lane);
        else if (height == 2 && width == 2)
            for (size_t lane = 0; lane < s.n_lanes; lane += lanes)
                window_max(from + lane, length, s.n_lanes, 2, 2, lanes, y + lane);
        else
            for (size_t lane = 0; lane < s.n_lanes; lane += lanes)
                window_max(from + lane, length, s.n_lanes, height, width, lanes, y + lane);
    }
}

ADAH_VECTOR_LOOP(void, max_pool_forward_row, (void *context, size_t item), (context, item)) {
    const adah_node *node = context;
    const size_t lanes = lanes_at_once(node), n_rows = node->shape.dim[2], plane = item / n_rows, row = item % n_rows;
    if (lanes == LANES)
        forward_row(node, plane, row, LANES);
    else if (lanes == HALF)
        forward_row(node, plane, row, HALF);
    else
        forward_row(node, plane, row, 1);
}

/* dx of some lanes of one plane. Each output's gradient goes to the first input of its window that is as large as the output. */
static inline __attribute__((always_inline)) void backward_lanes(const adah_node *node, size_t plane, size_t lane, size_t lanes) {
    const sizes s = sizes_of(node);
    const adah_window *w = &node->window;
    const size_t before = plane * s.height * s.width * s.n_lanes + lane;
    const float *x = node->x[0]->value + before;
    float *dx = node->dx[0] + before;
    for (size_t i = 0; i < s.height * s.width; i++)
        memset(dx + i * s.n_lanes, 0, lanes * sizeof *dx);
    size_t at = plane * s.out_height * s.out_width * s.n_lanes + lane;
    for (size_t i = 0; i < s.out_height; i++) {
        const span v = span_of(i, w->size_h, w->stride_h, w->pad_top, s.height);
        for (size_t j = 0; j < s.out_width; j++, at += s.n_lanes) {
            const span u = span_of(j, w->size_w, w->stride_w, w->pad_left, s.width);
            float most[LANES], left[LANES]; /* what of dy has found no place yet */
            memcpy(most, node->value + at, lanes * sizeof *most);
            memcpy(left, node->gradient + at, lanes * sizeof *left);
            for (size_t p = v.begin; p < v.end; p++)
                for (size_t q = u.begin; q < u.end; q++) {
                    const size_t here = (p * s.width + q) * s.n_lanes;
#pragma omp simd
                    for (size_t l = 0; l < lanes; l++) {
                        const float found = x[here + l] == most[l] ? left[l] : 0;
                        dx[here + l] += found;
                        left[l] -= found;
                    }
                }
        }
    }
}

ADAH_VECTOR_LOOP(void, max_pool_backward_lanes, (void *context, size_t item), (context, item)) {
    const adah_node *node = context;
    const size_t lanes = lanes_at_once(node), n_parts = node->n_together / lanes, plane = item / n_parts;
    const size_t lane = item % n_parts * lanes;
    if (lanes == LANES)
        backward_lanes(node, plane, lane, LANES);
    else if (lanes == HALF)
        backward_lanes(node, plane, lane, HALF);
    else
        backward_lanes(node, plane, lane, 1);
}

static adah_code max_forward(adah_node *node, adah_status *status) {
    (void)status;
    const sizes s = sizes_of(node);
    adah_parallel_for(s.n_planes * s.out_height, 1 + WORTH_A_THREAD / (s.out_width * s.n_lanes), max_pool_forward_row, node);
    return ADAH_OK;
}

static adah_code max_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups, (void)status;
    const sizes s = sizes_of(node);
    const size_t lanes = lanes_at_once(node);
    if (dx[0])
        adah_parallel_for(s.n_planes * (s.n_lanes / lanes), 1 + WORTH_A_THREAD / (s.height * s.width * lanes),
                          max_pool_backward_lanes, node);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- the mean of a window */

static inline __attribute__((always_inline)) void mean_row(const adah_node *node, size_t plane, size_t row, size_t lanes) {
    const sizes s = sizes_of(node);
    const adah_window *w = &node->window;
    const float *x = node->x[0]->value + plane * s.height * s.width * s.n_lanes;
    float *y = node->value + (plane * s.out_height + row) * s.out_width * s.n_lanes;
    const span v = span_of(row, w->size_h, w->stride_h, w->pad_top, s.height);
    for (size_t j = 0; j < s.out_width; j++, y += s.n_lanes) {
        const span u = span_of(j, w->size_w, w->stride_w, w->pad_left, s.width);
        const float share = 1 / (float)((v.end - v.begin) * (u.end - u.begin));
        for (size_t lane = 0; lane < s.n_lanes; lane += lanes) {
            float sum[LANES] = {0};
            for (size_t p = v.begin; p < v.end; p++)
                for (size_t q = u.begin; q < u.end; q++)
                    for (size_t l = 0; l < lanes; l++)
                        sum[l] += x[(p * s.width + q) * s.n_lanes + lane + l];
            for (size_t l = 0; l < lanes; l++)
                y[lane + l] = share * sum[l];
        }
    }
}

ADAH_VECTOR_LOOP(void, mean_pool_forward_row, (void *context, size_t item), (context, item)) {
    const adah_node *node = context;
    const size_t lanes = lanes_at_once(node), n_rows = node->shape.dim[2], plane = item / n_rows, row = item % n_rows;
    if (lanes == LANES)
        mean_row(node, plane, row, LANES);
    else if (lanes == HALF)
        mean_row(node, plane, row, HALF);
    else
        mean_row(node, plane, row, 1);
}

/* Of a plane. */
ADAH_VECTOR_LOOP(void, mean_pool_backward_plane, (void *context, size_t plane), (context, plane)) {
    const adah_node *node = context;
    const sizes s = sizes_of(node);
    const adah_window *w = &node->window;
    const float *dy = node->gradient + plane * s.out_height * s.out_width * s.n_lanes;
    float *dx = node->dx[0] + plane * s.height * s.width * s.n_lanes;
    memset(dx, 0, s.height * s.width * s.n_lanes * sizeof *dx);
    for (size_t i = 0; i < s.out_height; i++) {
        const span v = span_of(i, w->size_h, w->stride_h, w->pad_top, s.height);
        for (size_t j = 0; j < s.out_width; j++, dy += s.n_lanes) {
            const span u = span_of(j, w->size_w, w->stride_w, w->pad_left, s.width);
            const float share = 1 / (float)((v.end - v.begin) * (u.end - u.begin));
            for (size_t p = v.begin; p < v.end; p++)
                for (size_t q = u.begin; q < u.end; q++)
                    for (size_t l = 0; l < s.n_lanes; l++)
                        dx[(p * s.width + q) * s.n_lanes + l] += share * dy[l];
        }
    }
}

static adah_code mean_forward(adah_node *node, adah_status *status) {
    (void)status;
    const sizes s = sizes_of(node);
    adah_parallel_for(s.n_planes * s.out_height, 1 + WORTH_A_THREAD / (s.out_width * s.n_lanes), mean_pool_forward_row, node);
    return ADAH_OK;
}

static adah_code mean_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups, (void)status;
    const sizes s = sizes_of(node);
    if (dx[0])
        adah_parallel_for(s.n_planes, 1 + WORTH_A_THREAD / (s.height * s.width * s.n_lanes), mean_pool_backward_plane, node);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- the mean over all positions */

/* Of an image's channels, the first and how many a plane holds; the last block may be padded. */
typedef struct channels {
    size_t first, n; /* first: among the channels of all images */
} channels;

static channels channels_of(const adah_node *node, const sizes *s, size_t plane) {
    const size_t n_channels = node->shape.dim[1], n_planes = s->n_planes / node->shape.dim[0]; /* of an image */
    const size_t before = plane % n_planes * s->n_lanes, rest = n_channels - before;
    return (channels){plane / n_planes * n_channels + before, rest < s->n_lanes ? rest : s->n_lanes};
}

ADAH_VECTOR_LOOP(void, average_forward_plane, (void *context, size_t plane), (context, plane)) {
    const adah_node *node = context;
    const sizes s = sizes_of(node);
    const size_t n_positions = s.height * s.width;
    const float *x = node->x[0]->value + plane * n_positions * s.n_lanes;
    const float share = 1 / (float)n_positions;
    const channels c = channels_of(node, &s, plane);
    float *y = node->value + c.first;
    if (s.n_lanes == 1) {
        *y = share * adah_vector_sum(x, n_positions);
        return;
    }
    for (size_t lane = 0; lane < c.n; lane += HALF) {
        float sum[HALF] = {0};
        const size_t n = c.n - lane < HALF ? c.n - lane : HALF;
        if (s.n_lanes - lane >= HALF) /* padding is there to read, too */
            for (size_t i = 0; i < n_positions; i++)
#pragma omp simd
                for (size_t l = 0; l < HALF; l++)
                    sum[l] += x[i * s.n_lanes + lane + l];
        else
            for (size_t i = 0; i < n_positions; i++)
                for (size_t l = 0; l < n; l++)
                    sum[l] += x[i * s.n_lanes + lane + l];
        for (size_t l = 0; l < n; l++)
            y[lane + l] = share * sum[l];
    }
}

ADAH_VECTOR_LOOP(void, average_backward_plane, (void *context, size_t plane), (context, plane)) {
    const adah_node *node = context;
    const sizes s = sizes_of(node);
    const size_t n_positions = s.height * s.width;
    const float share = 1 / (float)n_positions;
    const channels c = channels_of(node, &s, plane);
    const float *dy = node->gradient + c.first;
    float *dx = node->dx[0] + plane * n_positions * s.n_lanes;
    for (size_t i = 0; i < n_positions; i++, dx += s.n_lanes) {
        for (size_t l = 0; l < c.n; l++)
            dx[l] = share * dy[l];
        memset(dx + c.n, 0, (s.n_lanes - c.n) * sizeof *dx);
    }
}

static adah_code average_forward(adah_node *node, adah_status *status) {
    (void)status;
    const sizes s = sizes_of(node);
    adah_parallel_for(s.n_planes, 1 + WORTH_A_THREAD / (s.height * s.width * s.n_lanes), average_forward_plane, node);
    return ADAH_OK;
}

static adah_code average_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups, (void)status;
    const sizes s = sizes_of(node);
    if (dx[0])
        adah_parallel_for(s.n_planes, 1 + WORTH_A_THREAD / (s.height * s.width * s.n_lanes), average_backward_plane, node);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- */

const adah_kernel *adah_pool_kernel(adah_node_kind kind) {
    static const adah_kernel max = {max_forward, max_backward, 1, NULL}, average = {average_forward, average_backward, 1, NULL},
                             mean = {mean_forward, mean_backward, 1, NULL};
    return kind == ADAH_NODE_MAX_POOL ? &max : kind == ADAH_NODE_MEAN_POOL ? &mean : &average;
}
