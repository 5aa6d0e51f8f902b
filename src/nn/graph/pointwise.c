/* pointwise.c - 1x1 convolutions with few outputs on a plain input: sums over channels, where the input lies.
 *
 * The paper's M = conv1x1(f) has one output. oneDNN would reorder the input to a blocked layout first, which took as long as its
 * convolution does (7 to 8 ms each, 128 cached maps of 1280 x 7 x 7, one thread); these loops read the input once. */
#include "base/memory.h"
#include "base/parallel.h"
#include "base/vector.h"
#include "nn/graph/graph_internal.h"

enum { OUTPUTS_MAX = 4, CHANNELS = 256 /* of the weights' gradient, summed at a time */ };

/* x (B, C, P), y (B, O, P), w (O, C) */
typedef struct sizes {
    size_t n_in, n_out, n_positions;
} sizes;

static sizes sizes_of(const adah_node *node) {
    return (sizes){node->x[0]->shape.dim[1], node->shape.dim[1], node->shape.dim[2] * node->shape.dim[3]};
}

/* y(b, o, p) = bias(o) + sum over c of w(o, c) x(b, c, p) */
ADAH_VECTOR_LOOP(void, forward_item, (adah_node *node, size_t b), (node, b)) {
    const sizes s = sizes_of(node);
    const float *x = node->x[0]->value + b * s.n_in * s.n_positions;
    for (size_t o = 0; o < s.n_out; o++) {
        float *y = node->value + (b * s.n_out + o) * s.n_positions;
        for (size_t p = 0; p < s.n_positions; p++)
            y[p] = node->b ? node->b->value[o] : 0;
        adah_vector_add_rows(node->w->value + o * s.n_in, x, s.n_in, s.n_positions, y);
    }
}

/* What item b adds to dw(o, c), the sum over p of dy(b, o, p) x(b, c, p), to node->state (B, O, C); and
 * dx(b, c, p) += sum over o of w(o, c) dy(b, o, p); node->dx[0] is dx. */
ADAH_VECTOR_LOOP(void, backward_item, (adah_node *node, unsigned groups, size_t b), (node, groups, b)) {
    const sizes s = sizes_of(node);
    const float *x = node->x[0]->value + b * s.n_in * s.n_positions;
    for (size_t o = 0; o < s.n_out; o++) {
        const float *dy = node->gradient + (b * s.n_out + o) * s.n_positions;
        float *sum = (float *)node->state + (b * s.n_out + o) * s.n_in;
        size_t c = adah_trains(node->w, groups) ? 0 : s.n_in;
        for (; c + 4 <= s.n_in; c += 4)
            adah_vector_four_dots(dy, x + c * s.n_positions, s.n_positions, sum + c);
        for (; c < s.n_in; c++)
            sum[c] = adah_vector_dot(dy, x + c * s.n_positions, s.n_positions);
        for (c = 0; node->dx[0] && c < s.n_in; c++)
            adah_vector_add_rows(node->w->value + o * s.n_in + c, dy, 1, s.n_positions,
                                 node->dx[0] + (b * s.n_in + c) * s.n_positions);
    }
}

/* dw += the sum over the items, of some neighbouring weights. */
ADAH_VECTOR_LOOP(void, sum_weights, (void *context, size_t block), (context, block)) {
    const adah_node *node = context;
    const size_t first = block * CHANNELS, n = node->w->n - first < CHANNELS ? node->w->n - first : CHANNELS;
    double sum[CHANNELS] = {0};
    for (size_t b = 0; b < node->shape.dim[0]; b++)
        for (size_t c = 0; c < n; c++)
            sum[c] += (double)((const float *)node->state)[b * node->w->n + first + c];
    for (size_t c = 0; c < n; c++)
        node->w->gradient[first + c] += (float)sum[c];
}

static void sum(adah_node *node, unsigned groups) {
    const sizes s = sizes_of(node);
    if (adah_trains(node->w, groups))
        adah_parallel_for((node->w->n + CHANNELS - 1) / CHANNELS, 4, sum_weights, node);
    for (size_t i = 0; adah_trains(node->b, groups) && i < node->n; i++)
        node->b->gradient[i / s.n_positions % s.n_out] += node->gradient[i];
}

int adah_pointwise_fits(const adah_node *node) {
    const adah_window *w = &node->window;
    const int is_pointwise = node->kind == ADAH_NODE_CONVOLUTION && node->groups == 1 && w->size_h == 1 && w->size_w == 1 &&
                             w->stride_h == 1 && w->stride_w == 1;
    return is_pointwise && node->shape.dim[1] <= OUTPUTS_MAX && !node->x[0]->layout;
}

adah_code adah_pointwise_prepare(adah_node *node, adah_status *status) {
    static const adah_item_kernel kernel = {forward_item, backward_item, sum};
    const size_t n_sums = node->graph->mode == ADAH_GRAPH_TRAIN ? node->shape.dim[0] * node->w->n : 0;
    node->of_item = &kernel;
    if (n_sums && !(node->state = adah_memory_floats(n_sums)))
        return adah_fail_memory(status, n_sums * sizeof(float));
    return ADAH_OK;
}
