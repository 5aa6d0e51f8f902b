/* pointwise.c - 1x1 convolutions with few outputs on a plain input: sums over channels, where the input lies.
 *
 * The paper's M = conv1x1(f) has one output. oneDNN would reorder the input to a blocked layout first, which took as long as its
 * convolution does (7 to 8 ms each, 128 cached maps of 1280 x 7 x 7, one thread); these loops read the input once. */
#include "nn/graph_internal.h"
#include "base/parallel.h"
#include "base/vector.h"

enum { OUTPUTS_MAX = 4, AT_ONCE = 8 /* channels added before y is written back */, CHANNELS = 32 /* of one item of work */ };

/* x (B, C, P), y (B, O, P), w (O, C) */
typedef struct sizes {
    size_t n_in, n_out, n_positions;
} sizes;

static sizes sizes_of(const adah_node *node) {
    return (sizes){node->x[0]->shape.dim[1], node->shape.dim[1], node->shape.dim[2] * node->shape.dim[3]};
}

/* y += w x */
static void add_row(float w, const float *x, size_t n, float *y) {
#pragma omp simd
    for (size_t p = 0; p < n; p++)
        y[p] += w * x[p];
}

/* The same for AT_ONCE channels of n positions, one after the other. */
static void add_rows(const float *w, const float *x, size_t n, float *y) {
#pragma omp simd
    for (size_t p = 0; p < n; p++) {
        float sum = y[p];
        for (size_t c = 0; c < AT_ONCE; c++)
            sum += w[c] * x[c * n + p];
        y[p] = sum;
    }
}

/* y(b, o, p) = bias(o) + sum over c of w(o, c) x(b, c, p) */
ADAH_VECTOR_LOOP(void, pointwise_forward_item, (void *context, size_t b), (context, b)) {
    adah_node *node = context;
    const sizes s = sizes_of(node);
    const float *x = node->x[0]->value + b * s.n_in * s.n_positions;
    for (size_t o = 0; o < s.n_out; o++) {
        const float *w = node->w->value + o * s.n_in;
        float *y = node->value + (b * s.n_out + o) * s.n_positions;
        for (size_t p = 0; p < s.n_positions; p++)
            y[p] = node->b ? node->b->value[o] : 0;
        size_t c = 0;
        for (; c + AT_ONCE <= s.n_in; c += AT_ONCE)
            add_rows(w + c, x + c * s.n_positions, s.n_positions, y);
        for (; c < s.n_in; c++)
            add_row(w[c], x + c * s.n_positions, s.n_positions, y);
    }
}

static adah_code forward(adah_node *node, adah_status *status) {
    (void)status;
    adah_parallel_for(node->shape.dim[0], 1, pointwise_forward_item, node);
    return ADAH_OK;
}

/* dw(o, c) += sum over b, p of dy(b, o, p) x(b, c, p), for some neighbouring channels: an item's lie side by side. */
ADAH_VECTOR_LOOP(void, pointwise_weight_gradient, (void *context, size_t block), (context, block)) {
    adah_node *node = context;
    const sizes s = sizes_of(node);
    const size_t first = block * CHANNELS, n = s.n_in - first < CHANNELS ? s.n_in - first : CHANNELS;
    for (size_t o = 0; o < s.n_out; o++) {
        double sum[CHANNELS] = {0};
        for (size_t b = 0; b < node->shape.dim[0]; b++) {
            const float *dy = node->gradient + (b * s.n_out + o) * s.n_positions;
            const float *x = node->x[0]->value + (b * s.n_in + first) * s.n_positions;
            for (size_t c = 0; c < n; c++)
                sum[c] += (double)adah_vector_dot(dy, x + c * s.n_positions, s.n_positions);
        }
        for (size_t c = 0; c < n; c++)
            node->w->gradient[o * s.n_in + first + c] += (float)sum[c];
    }
}

/* dx(b, c, p) += sum over o of w(o, c) dy(b, o, p); node->dx[0] is dx. */
ADAH_VECTOR_LOOP(void, pointwise_input_gradient, (void *context, size_t b), (context, b)) {
    adah_node *node = context;
    const sizes s = sizes_of(node);
    for (size_t o = 0; o < s.n_out; o++)
        for (size_t c = 0; c < s.n_in; c++)
            add_row(node->w->value[o * s.n_in + c], node->gradient + (b * s.n_out + o) * s.n_positions, s.n_positions,
                    node->dx[0] + (b * s.n_in + c) * s.n_positions);
}

static adah_code backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)status;
    const sizes s = sizes_of(node);
    if (adah_trains(node->w, groups))
        adah_parallel_for((s.n_in + CHANNELS - 1) / CHANNELS, 1, pointwise_weight_gradient, node);
    for (size_t i = 0; adah_trains(node->b, groups) && i < node->n; i++)
        node->b->gradient[i / s.n_positions % s.n_out] += node->gradient[i];
    if (dx[0])
        adah_parallel_for(node->shape.dim[0], 1, pointwise_input_gradient, node);
    return ADAH_OK;
}

const adah_kernel *adah_pointwise_kernel(const adah_node *node) {
    static const adah_kernel kernel = {forward, backward, 0, NULL};
    const adah_window *w = &node->window;
    const int is_pointwise = node->kind == ADAH_NODE_CONVOLUTION && node->groups == 1 && w->size_h == 1 && w->size_w == 1 &&
                             w->stride_h == 1 && w->stride_w == 1;
    return is_pointwise && node->shape.dim[1] <= OUTPUTS_MAX && !node->x[0]->layout ? &kernel : NULL;
}
