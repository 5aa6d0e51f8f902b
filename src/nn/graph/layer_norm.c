/* layer_norm.c - layer normalisation, row by row. Backward finds mean and variance of a row again: it is in the cache anyhow.
 *
 * With u = (x - mean) rate, rate = 1 / sqrt(variance + epsilon), g = w dy, over a row of C values:
 *
 *     dx = rate (g - mean of g - u (mean of g u)),   dw += sum over rows of dy u,   db += sum over rows of dy
 *
 * The sums over rows are taken by strips of columns, each by one thread, so that their bits do not depend on how many there are. */
#include "base/memory.h"
#include "base/parallel.h"
#include "base/vector.h"
#include "nn/graph/graph_internal.h"

#include <math.h>

enum { ROWS_FLOATS = 1 << 14 /* of the rows that are worth a thread */, STRIP = 64 };

static size_t n_columns(const adah_node *node) { return node->w->n; }
static size_t n_rows(const adah_node *node) { return node->n / node->w->n; }

/* state: (rows, 2) mean and rate, of backward. */
static inline __attribute__((always_inline)) void find_statistics(const float *x, size_t n, float epsilon, float *mean, float *rate) {
    const float m = adah_vector_sum(x, n) / (float)n;
    adah_lanes sum = {0};
    float rest = 0;
    size_t i = 0;
    for (; i + ADAH_LANES <= n; i += ADAH_LANES) {
        const adah_lanes gap = *(const adah_lanes *)(x + i) - m;
        sum += gap * gap;
    }
    for (; i < n; i++)
        rest += (x[i] - m) * (x[i] - m);
    *mean = m;
    *rate = 1 / sqrtf((adah_lanes_sum(&sum) + rest) / (float)n + epsilon);
}

ADAH_VECTOR_LOOP(void, norm_forward_row, (void *context, size_t row), (context, row)) {
    const adah_node *node = context;
    const size_t n = n_columns(node);
    const float *x = node->x[0]->value + row * n, *w = node->w->value, *b = node->b->value;
    float *y = node->value + row * n, mean, rate;
    find_statistics(x, n, node->rate, &mean, &rate);
    for (size_t i = 0; i < n; i++)
        y[i] = (x[i] - mean) * rate * w[i] + b[i];
}

ADAH_VECTOR_LOOP(void, norm_backward_row, (void *context, size_t row), (context, row)) {
    const adah_node *node = context;
    const size_t n = n_columns(node);
    const float *x = node->x[0]->value + row * n, *w = node->w->value, *dy = node->gradient + row * n;
    float *dx = node->dx[0] ? node->dx[0] + row * n : NULL, *statistics = (float *)node->state + 2 * row, mean, rate;
    find_statistics(x, n, node->rate, &mean, &rate);
    statistics[0] = mean;
    statistics[1] = rate;
    if (!dx)
        return;
    adah_lanes sums = {0}, products = {0};
    float sum = 0, product = 0;
    size_t i = 0;
    for (; i + ADAH_LANES <= n; i += ADAH_LANES) {
        const adah_lanes g = *(const adah_lanes *)(w + i) * *(const adah_lanes *)(dy + i);
        sums += g;
        products += g * (*(const adah_lanes *)(x + i) - mean);
    }
    for (; i < n; i++) {
        sum += w[i] * dy[i];
        product += w[i] * dy[i] * (x[i] - mean);
    }
    sum = (sum + adah_lanes_sum(&sums)) / (float)n;
    product = (product + adah_lanes_sum(&products)) * rate * rate / (float)n;
    for (i = 0; i < n; i++)
        dx[i] += rate * (w[i] * dy[i] - sum - (x[i] - mean) * product);
}

static adah_code forward(adah_node *node, adah_status *status) {
    (void)status;
    adah_parallel_for(n_rows(node), 1 + ROWS_FLOATS / n_columns(node), norm_forward_row, node);
    return ADAH_OK;
}

typedef struct sums {
    adah_node *node;
    float *dw, *db; /* NULL: not wanted */
} sums;

ADAH_VECTOR_LOOP(void, norm_sum_strip, (void *context, size_t strip), (context, strip)) {
    const sums *s = context;
    const adah_node *node = s->node;
    const size_t n = n_columns(node), first = strip * STRIP, width = n - first < STRIP ? n - first : STRIP;
    const float *statistics = node->state;
    float dw[STRIP] = {0}, db[STRIP] = {0};
    for (size_t row = 0; row < n_rows(node); row++) {
        const float *x = node->x[0]->value + row * n + first, *dy = node->gradient + row * n + first;
        const float mean = statistics[2 * row], rate = statistics[2 * row + 1];
        for (size_t i = 0; i < width; i++) {
            db[i] += dy[i];
            dw[i] += dy[i] * (x[i] - mean) * rate;
        }
    }
    for (size_t i = 0; i < width; i++) {
        if (s->dw)
            s->dw[first + i] += dw[i];
        if (s->db)
            s->db[first + i] += db[i];
    }
}

static adah_code backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)dx, (void)status;
    sums s = {node, adah_trains(node->w, groups) ? node->w->gradient : NULL, adah_trains(node->b, groups) ? node->b->gradient : NULL};
    adah_parallel_for(n_rows(node), 1 + ROWS_FLOATS / n_columns(node), norm_backward_row, node);
    if (s.dw || s.db)
        adah_parallel_for((n_columns(node) + STRIP - 1) / STRIP, 1 + ROWS_FLOATS / (STRIP * n_rows(node)), norm_sum_strip, &s);
    return ADAH_OK;
}

adah_code adah_layer_norm_prepare(adah_node *node, adah_status *status) {
    static const adah_kernel kernel = {forward, backward, 0, NULL};
    node->kernel = &kernel;
    if (node->graph->mode == ADAH_GRAPH_TRAIN && !(node->state = adah_memory_floats(2 * n_rows(node))))
        return adah_fail_memory(status, 2 * n_rows(node) * sizeof(float));
    return ADAH_OK;
}
