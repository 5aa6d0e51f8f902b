/* unit_length.c - an operation on each row for itself. */
#include "paper/unit_length.h"
#include "base/vector.h"

#include <math.h>

static float weight_of(const adah_unit_length *u, size_t i) { return u->weight ? u->weight->value[i] : 1; }

/* Of the numbers first to end of a row x. */
static float factor_of(const adah_unit_length *u, const float *x, size_t first, size_t end) {
    float sum = 0;
    for (size_t i = first; u->weight && i < end; i++)
        sum += (weight_of(u, i) * x[i]) * (weight_of(u, i) * x[i]);
    return u->length / fmaxf(sqrtf(u->weight ? sum : adah_vector_dot(x + first, x + first, end - first)), 1e-6f);
}

static void forward(void *context, const float *const *x, float *y, size_t b) {
    const adah_unit_length *u = context;
    const float *in = x[0] + b * u->n;
    for (size_t first = 0, end = u->n_first; first < u->n; first = end, end = u->n) {
        const float factor = factor_of(u, in, first, end);
        for (size_t i = first; i < end; i++)
            y[b * u->n + i] = factor * weight_of(u, i) * in[i];
    }
}

/* dx = s / |w . x| w . (dy - y (y . dy) / s^2). */
static void backward(void *context, const float *const *x, const float *y, const float *dy, float *const *dx, size_t b) {
    const adah_unit_length *u = context;
    if (!dx[0])
        return;
    const float *in = x[0] + b * u->n;
    y += b * u->n;
    dy += b * u->n;
    for (size_t first = 0, end = u->n_first; first < u->n; first = end, end = u->n) {
        const float factor = factor_of(u, in, first, end);
        const float along = adah_vector_dot(y + first, dy + first, end - first) / (u->length * u->length);
        for (size_t i = first; i < end; i++)
            dx[0][b * u->n + i] += factor * weight_of(u, i) * (dy[i] - along * y[i]);
    }
}

adah_node *adah_unit_lengths_node(adah_builder *b, adah_node *x, size_t n_first, float length, const adah_parameter *weight,
                                  adah_unit_length *unit) {
    if (!x)
        return NULL;
    const adah_shape shape = adah_node_shape(x);
    *unit = (adah_unit_length){adah_shape_count(shape) / shape.dim[0], n_first, length, weight};
    const adah_item_operation operation = {"unit length", forward, backward, unit};
    return adah_graph_item_operation(b->graph, operation, &x, 1, shape);
}

adah_node *adah_unit_length_node(adah_builder *b, adah_node *x, float length, const adah_parameter *weight, adah_unit_length *unit) {
    return x ? adah_unit_lengths_node(b, x, adah_node_shape(x).dim[1], length, weight, unit) : NULL;
}
