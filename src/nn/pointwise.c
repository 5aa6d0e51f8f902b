/* pointwise.c - 1x1 convolutions with few outputs on a plain input: sums over channels, where the input lies.
 *
 * The paper's M = conv1x1(f) has one output. oneDNN would reorder the input to a blocked layout first, which took as long as its
 * convolution does (7 to 8 ms each, 128 cached maps of 1280 x 7 x 7, one thread); these loops read the input once. */
#include "nn/graph_internal.h"
#include "base/parallel.h"

enum { OUTPUTS_MAX = 4 };

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

static float dot(const float *a, const float *b, size_t n) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t p = 0; p < n; p++)
        sum += a[p] * b[p];
    return sum;
}

/* y(b, o, p) = bias(o) + sum over c of w(o, c) x(b, c, p) */
static void forward_item(void *context, size_t b) {
    adah_node *node = context;
    const sizes s = sizes_of(node);
    const float *x = node->x[0]->value + b * s.n_in * s.n_positions;
    for (size_t o = 0; o < s.n_out; o++) {
        float *y = node->value + (b * s.n_out + o) * s.n_positions;
        for (size_t p = 0; p < s.n_positions; p++)
            y[p] = node->b ? node->b->value[o] : 0;
        for (size_t c = 0; c < s.n_in; c++)
            add_row(node->w->value[o * s.n_in + c], x + c * s.n_positions, s.n_positions, y);
    }
}

static adah_code forward(adah_node *node, adah_status *status) {
    (void)status;
    adah_parallel_for(node->shape.dim[0], 1, forward_item, node);
    return ADAH_OK;
}

/* dw(o, c) += sum over b, p of dy(b, o, p) x(b, c, p) */
static void weight_gradient_channel(void *context, size_t c) {
    adah_node *node = context;
    const sizes s = sizes_of(node);
    for (size_t o = 0; o < s.n_out; o++) {
        double sum = 0;
        for (size_t b = 0; b < node->shape.dim[0]; b++)
            sum += (double)dot(node->gradient + (b * s.n_out + o) * s.n_positions,
                               node->x[0]->value + (b * s.n_in + c) * s.n_positions, s.n_positions);
        node->w->gradient[o * s.n_in + c] += (float)sum;
    }
}

/* dx(b, c, p) += sum over o of w(o, c) dy(b, o, p); node->dx[0] is dx. */
static void input_gradient_item(void *context, size_t b) {
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
        adah_parallel_for(s.n_in, 16, weight_gradient_channel, node);
    for (size_t i = 0; adah_trains(node->b, groups) && i < node->n; i++)
        node->b->gradient[i / s.n_positions % s.n_out] += node->gradient[i];
    if (dx[0])
        adah_parallel_for(node->shape.dim[0], 1, input_gradient_item, node);
    return ADAH_OK;
}

const adah_kernel *adah_pointwise_kernel(const adah_node *node) {
    static const adah_kernel kernel = {forward, backward, 0, NULL};
    const adah_window *w = &node->window;
    const int is_pointwise = node->kind == ADAH_NODE_CONVOLUTION && node->groups == 1 && w->size_h == 1 && w->size_w == 1 &&
                             w->stride_h == 1 && w->stride_w == 1;
    return is_pointwise && node->shape.dim[1] <= OUTPUTS_MAX && !node->x[0]->layout ? &kernel : NULL;
}
