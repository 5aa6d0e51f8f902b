/* nn_shared.c - the operations every backend runs with the same plain C: elementwise functions, softmax, dropout,
 * concatenation and the caller's own operations. They cost little beside convolutions and matrix products. */
#include "base/memory.h"
#include "base/parallel.h"
#include "base/vector.h"
#include "nn/graph/graph_internal.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 16384, CHUNKS_A_THREAD = 4 }; /* floats at once; how many chunks are worth waking a thread */
enum { DRAWS = 8192 };                         /* random numbers worth it */

/* ---------------------------------------------------------------- elementwise */

typedef struct range {
    const float *x, *y, *dy;
    float *out; /* y forward, dx backward */
    size_t n;
} range;

static size_t chunk_end(const range *r, size_t begin) { return r->n - begin < CHUNK ? r->n : begin + CHUNK; }

static void for_chunks(range r, void (*body)(void *context, size_t chunk)) {
    adah_parallel_for((r.n + CHUNK - 1) / CHUNK, CHUNKS_A_THREAD, body, &r);
}

ADAH_VECTOR_LOOP(void, add_chunk, (void *context, size_t chunk), (context, chunk)) {
    const range *r = context;
    for (size_t i = chunk * CHUNK, end = chunk_end(r, i); i < end; i++)
        r->out[i] += r->x[i];
}

void adah_shared_add(float *y, const float *x, size_t n) { for_chunks((range){.x = x, .out = y, .n = n}, add_chunk); }

/* FORWARD of x gives y; SLOPE of y gives dy/dx. In place (dx == dy) the gradient is replaced, else added to. */
#define DEFINE_ELEMENTWISE(name, FORWARD, SLOPE)                                                                     \
    ADAH_VECTOR_LOOP(void, name##_forward_chunk, (void *context, size_t chunk), (context, chunk)) {                                      \
        const range *r = context;                                                                                    \
        for (size_t i = chunk * CHUNK, end = chunk_end(r, i); i < end; i++) {                                        \
            float x = r->x[i];                                                                                       \
            r->out[i] = FORWARD;                                                                                     \
        }                                                                                                            \
    }                                                                                                                \
    ADAH_VECTOR_LOOP(void, name##_backward_chunk, (void *context, size_t chunk), (context, chunk)) {                                     \
        const range *r = context;                                                                                    \
        size_t begin = chunk * CHUNK, end = chunk_end(r, begin);                                                     \
        if (r->out == r->dy) {                                                                                       \
            for (size_t i = begin; i < end; i++) {                                                                   \
                float y = r->y[i];                                                                                   \
                r->out[i] *= SLOPE;                                                                                  \
            }                                                                                                        \
        } else {                                                                                                     \
            for (size_t i = begin; i < end; i++) {                                                                   \
                float y = r->y[i];                                                                                   \
                r->out[i] += r->dy[i] * (SLOPE);                                                                     \
            }                                                                                                        \
        }                                                                                                            \
    }                                                                                                                \
    static adah_code name##_forward(adah_node *node, adah_status *status) {                                          \
        (void)status;                                                                                                \
        for_chunks((range){.x = node->x[0]->value, .out = node->value, .n = node->n_stored}, name##_forward_chunk);  \
        return ADAH_OK;                                                                                              \
    }                                                                                                                \
    static adah_code name##_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {      \
        (void)groups, (void)status;                                                                                  \
        for_chunks((range){.y = node->value, .dy = node->gradient, .out = dx[0], .n = node->n_stored},               \
                   name##_backward_chunk);                                                                           \
        return ADAH_OK;                                                                                              \
    }

DEFINE_ELEMENTWISE(relu, x < 0 ? 0 : x, y > 0 ? 1.0f : 0.0f)
DEFINE_ELEMENTWISE(relu6, x > 0 ? (x < 6 ? x : 6) : 0, y > 0 && y < 6 ? 1.0f : 0.0f)
DEFINE_ELEMENTWISE(tanh, tanhf(x), 1 - y * y)

/* ---------------------------------------------------------------- rows: softmax, dropout */

/* Rows of the node that hold at least n_floats. */
static size_t rows_of(const adah_node *node, size_t n_floats) { return 1 + n_floats * node->shape.dim[0] / node->n; }

static void softmax_forward_item(adah_node *node, size_t row) {
    size_t n = node->n / node->shape.dim[0];
    const float *x = node->x[0]->value + row * n;
    float *y = node->value + row * n;
    float max = x[0];
    for (size_t i = 1; i < n; i++)
        max = x[i] > max ? x[i] : max;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)(y[i] = expf(x[i] - max));
    for (size_t i = 0; i < n; i++)
        y[i] = (float)((double)y[i] / sum);
}


/* dx = y (dy - sum y dy) */
ADAH_VECTOR_LOOP(void, softmax_backward_item, (adah_node *node, unsigned groups, size_t row), (node, groups, row)) {
    (void)groups;
    const size_t n = node->n / node->shape.dim[0];
    const float *y = node->value + row * n, *dy = node->gradient + row * n;
    float *dx = node->dx[0] + row * n;
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++)
        sum += (double)y[i] * (double)dy[i];
    const float mean = (float)sum;
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        dx[i] += y[i] * (dy[i] - mean);
}

/* y[i] is x[i] * scale where it is kept, else 0. */
ADAH_VECTOR_LOOP(void, keep_some, (const float *x, const uint8_t *is_kept, float scale, size_t n, float *y),
                 (x, is_kept, scale, n, y)) {
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        y[i] = is_kept[i] ? x[i] * scale : 0;
}

/* The same, added to y. */
ADAH_VECTOR_LOOP(void, add_some, (const float *x, const uint8_t *is_kept, float scale, size_t n, float *y),
                 (x, is_kept, scale, n, y)) {
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        y[i] += is_kept[i] ? x[i] * scale : 0;
}

/* state: one byte a value, 1 where it is kept. Each row has its own random numbers, whatever thread draws them. */
static void dropout_forward_row(void *context, size_t row) {
    adah_node *node = context;
    const size_t n = node->n / node->shape.dim[0];
    uint8_t *is_kept = (uint8_t *)node->state + row * n;
    adah_random r = adah_random_seeded(node->graph->seed, adah_random_mix(node->number, row));
    adah_random_compare(&r, node->rate, n, is_kept);
    keep_some(node->x[0]->value + row * n, is_kept, 1 / (1 - node->rate), n, node->value + row * n);
}

/* node->dx[0] is where the gradient goes. */
static void dropout_backward_row(void *context, size_t row) {
    adah_node *node = context;
    const size_t n = node->n / node->shape.dim[0];
    add_some(node->gradient + row * n, (uint8_t *)node->state + row * n, 1 / (1 - node->rate), n, node->dx[0] + row * n);
}

static adah_code dropout_forward(adah_node *node, adah_status *status) {
    (void)status;
    adah_parallel_for(node->shape.dim[0], rows_of(node, DRAWS), dropout_forward_row, node);
    return ADAH_OK;
}

static adah_code dropout_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups, (void)status, (void)dx;
    adah_parallel_for(node->shape.dim[0], rows_of(node, CHUNKS_A_THREAD * CHUNK), dropout_backward_row, node);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- add */

ADAH_VECTOR_LOOP(void, sum_chunk, (void *context, size_t chunk), (context, chunk)) {
    const range *r = context;
    for (size_t i = chunk * CHUNK, end = chunk_end(r, i); i < end; i++)
        r->out[i] = r->x[i] + r->y[i];
}

static adah_code add_forward(adah_node *node, adah_status *status) {
    (void)status;
    for_chunks((range){.x = node->x[0]->value, .y = node->x[1]->value, .out = node->value, .n = node->n_stored}, sum_chunk);
    return ADAH_OK;
}

static adah_code add_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups, (void)status;
    for (int i = 0; i < 2; i++)
        if (dx[i])
            adah_shared_add(dx[i], node->gradient, node->n_stored);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- concatenate */

static adah_code concatenate_forward(adah_node *node, adah_status *status) {
    (void)status;
    size_t stride = node->n_stored / node->n_outer, at = 0;
    for (size_t i = 0; i < node->n_x; i++) {
        size_t n = node->x[i]->n_stored / node->n_outer;
        for (size_t j = 0; j < node->n_outer && node->x[i]->value != node->value + at; j++) /* else it is there already */
            memcpy(node->value + j * stride + at, node->x[i]->value + j * n, n * sizeof(float));
        at += n;
    }
    return ADAH_OK;
}

static adah_code concatenate_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups, (void)status;
    size_t stride = node->n_stored / node->n_outer, at = 0;
    for (size_t i = 0; i < node->n_x; i++) {
        size_t n = node->x[i]->n_stored / node->n_outer;
        for (size_t j = 0; j < node->n_outer && dx[i]; j++)
            for (size_t k = 0; k < n; k++)
                dx[i][j * n + k] += node->gradient[j * stride + at + k];
        at += n;
    }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- the caller's operation */

static adah_code operation_forward(adah_node *node, adah_status *status) {
    (void)status;
    node->operation.forward(node->operation.context, node->x_value, node->value);
    return ADAH_OK;
}

static adah_code operation_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups, (void)status;
    node->operation.backward(node->operation.context, node->x_value, node->value, node->gradient, dx);
    return ADAH_OK;
}

static void operation_forward_item(adah_node *node, size_t b) {
    node->item_operation.forward(node->item_operation.context, node->x_value, node->value, b);
}

static void operation_backward_item(adah_node *node, unsigned groups, size_t b) {
    (void)groups;
    node->item_operation.backward(node->item_operation.context, node->x_value, node->value, node->gradient, node->dx, b);
}

/* ---------------------------------------------------------------- */

adah_code adah_shared_prepare(adah_node *node, adah_status *status) {
    static const adah_kernel kernel[] = {
        [ADAH_NODE_RELU] = {relu_forward, relu_backward, 0, NULL},
        [ADAH_NODE_RELU6] = {relu6_forward, relu6_backward, 0, NULL},
        [ADAH_NODE_TANH] = {tanh_forward, tanh_backward, 0, NULL},
        [ADAH_NODE_DROPOUT] = {dropout_forward, dropout_backward, 0, NULL},
        [ADAH_NODE_ADD] = {add_forward, add_backward, 0, NULL},
        [ADAH_NODE_SWISH] = {adah_swish_forward, adah_swish_backward, 0, NULL},
        [ADAH_NODE_CONCATENATE] = {concatenate_forward, concatenate_backward, 0, NULL},
        [ADAH_NODE_OPERATION] = {operation_forward, operation_backward, 0, NULL},
    };
    static const adah_item_kernel softmax = {softmax_forward_item, softmax_backward_item, NULL};
    static const adah_item_kernel operation = {operation_forward_item, operation_backward_item, NULL};
    node->of_item = node->kind == ADAH_NODE_SOFTMAX ? &softmax : node->item_operation.forward ? &operation : NULL;
    node->kernel = node->of_item ? NULL : adah_tokens_kernel(node->kind);
    if (!node->of_item && !node->kernel)
        node->kernel = &kernel[node->kind];
    if (node->kind == ADAH_NODE_DROPOUT && !(node->state = adah_memory_zeroed(node->n, 1)))
        return adah_fail_memory(status, node->n);
    return ADAH_OK;
}
