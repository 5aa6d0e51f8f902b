/* gate.c - x s(x) (swish) and its hard form, and channels multiplied by s(g) of a gate g, as squeeze-and-excitation does, s being
 * 1 / (1 + exp(-x)) or, hard, x / 6 + 1 / 2 held to 0 .. 1. Swish takes any layout, since 0 stays 0; the gate takes those in which channels
 * of a position lie together, as pool.c does: (planes, H, W, lanes). */
#include "base/parallel.h"
#include "base/vector.h"
#include "base/vector_math.h"
#include "nn/graph/graph_internal.h"

enum { CHUNK = 4096, CHUNKS_A_THREAD = 2, LANES = 16, WORTH_A_THREAD = 32768 /* floats */ };

static inline __attribute__((always_inline)) float hard_share(float x) {
    const float s = x * (1.0f / 6) + 0.5f;
    return s < 0 ? 0 : s > 1 ? 1 : s;
}

static inline __attribute__((always_inline)) float share(int is_hard, float x) {
    return is_hard ? hard_share(x) : adah_vector_sigmoid(x);
}

/* ds/dx */
static inline __attribute__((always_inline)) float share_slope(int is_hard, float x) {
    if (is_hard)
        return x > -3 && x < 3 ? 1.0f / 6 : 0;
    const float s = adah_vector_sigmoid(x);
    return s * (1 - s);
}

/* ---------------------------------------------------------------- swish */

#define DEFINE_SWISH(name, is_hard)                                                                                        \
    ADAH_VECTOR_LOOP(void, name##_values, (const float *x, float *y, size_t n), (x, y, n)) {                               \
        for (size_t i = 0; i < n; i++)                                                                                     \
            y[i] = x[i] * share(is_hard, x[i]);                                                                            \
    }                                                                                                                      \
    ADAH_VECTOR_LOOP(void, name##_slopes, (const float *x, const float *dy, float *dx, size_t n), (x, dy, dx, n)) {         \
        for (size_t i = 0; i < n; i++)                                                                                     \
            dx[i] += dy[i] * (share(is_hard, x[i]) + x[i] * share_slope(is_hard, x[i]));                                   \
    }

DEFINE_SWISH(soft, 0)
DEFINE_SWISH(hard, 1)

static size_t chunk_of(const adah_node *node, size_t begin) {
    return node->n_stored - begin < CHUNK ? node->n_stored - begin : CHUNK;
}

static void swish_forward_chunk(void *context, size_t chunk) {
    const adah_node *node = context;
    const size_t at = chunk * CHUNK;
    (node->is_hard ? hard_values : soft_values)(node->x[0]->value + at, node->value + at, chunk_of(node, at));
}

static void swish_backward_chunk(void *context, size_t chunk) {
    const adah_node *node = context;
    const size_t at = chunk * CHUNK;
    (node->is_hard ? hard_slopes : soft_slopes)(node->x[0]->value + at, node->gradient + at, node->dx[0] + at, chunk_of(node, at));
}

adah_code adah_swish_forward(adah_node *node, adah_status *status) {
    (void)status;
    adah_parallel_for((node->n_stored + CHUNK - 1) / CHUNK, CHUNKS_A_THREAD, swish_forward_chunk, node);
    return ADAH_OK;
}

adah_code adah_swish_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups, (void)status;
    if (dx[0])
        adah_parallel_for((node->n_stored + CHUNK - 1) / CHUNK, CHUNKS_A_THREAD, swish_backward_chunk, node);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- gate */

/* Up to LANES channels of one plane. */
typedef struct strip {
    size_t n_positions, n_together, n_lanes; /* n_lanes: of this strip; those behind the last channel hold 0 */
    size_t at, gate;                         /* of the first value, of the first channel's gate */
    size_t n_channels;                       /* lanes that have a gate */
} strip;

static size_t positions_of(const adah_node *node) { return node->shape.dim[2] * node->shape.dim[3]; }

static size_t strips_of_plane(const adah_node *node) { return (node->n_together + LANES - 1) / LANES; }

static size_t strips_of(const adah_node *node) {
    return node->n_stored / (positions_of(node) * node->n_together) * strips_of_plane(node);
}

static strip strip_of(const adah_node *node, size_t i) {
    const size_t n_channels = node->shape.dim[1], plane = i / strips_of_plane(node), lane = i % strips_of_plane(node) * LANES;
    const size_t n_planes = node->n_stored / (positions_of(node) * node->n_together) / node->shape.dim[0]; /* of an item */
    const size_t channel = plane % n_planes * node->n_together + lane, n_left = n_channels > channel ? n_channels - channel : 0;
    strip s = {.n_positions = positions_of(node), .n_together = node->n_together};
    s.n_lanes = node->n_together - lane < LANES ? node->n_together - lane : LANES;
    s.n_channels = n_left < s.n_lanes ? n_left : s.n_lanes;
    s.at = plane * s.n_positions * s.n_together + lane;
    s.gate = plane / n_planes * n_channels + channel;
    return s;
}

static void shares_of(const adah_node *node, const strip *s, float shares[LANES]) {
    for (size_t l = 0; l < LANES; l++)
        shares[l] = l < s->n_channels ? share(node->is_hard, node->x[1]->value[s->gate + l]) : 0;
}

static inline __attribute__((always_inline)) void multiply(const strip *s, const float *shares, const float *x, float *y, size_t lanes,
                                                           int adds) {
    for (size_t p = 0; p < s->n_positions; p++)
        for (size_t l = 0; l < lanes; l++) {
            const size_t i = p * s->n_together + l;
            y[i] = (adds ? y[i] : 0) + x[i] * shares[l];
        }
}

ADAH_VECTOR_LOOP(void, gate_forward_strip, (void *context, size_t i), (context, i)) {
    const adah_node *node = context;
    const strip s = strip_of(node, i);
    float shares[LANES];
    shares_of(node, &s, shares);
    multiply(&s, shares, node->x[0]->value + s.at, node->value + s.at, s.n_lanes, 0);
}

ADAH_VECTOR_LOOP(void, gate_backward_strip, (void *context, size_t i), (context, i)) {
    const adah_node *node = context;
    const strip s = strip_of(node, i);
    const float *x = node->x[0]->value + s.at, *dy = node->gradient + s.at;
    float shares[LANES], sums[LANES] = {0};
    if (node->dx[0]) {
        shares_of(node, &s, shares);
        multiply(&s, shares, dy, node->dx[0] + s.at, s.n_lanes, 1);
    }
    if (!node->dx[1])
        return;
    for (size_t p = 0; p < s.n_positions; p++)
        for (size_t l = 0; l < s.n_lanes; l++)
            sums[l] += x[p * s.n_together + l] * dy[p * s.n_together + l];
    for (size_t l = 0; l < s.n_channels; l++)
        node->dx[1][s.gate + l] += sums[l] * share_slope(node->is_hard, node->x[1]->value[s.gate + l]);
}

static size_t strips_a_thread(const adah_node *node) { return 1 + WORTH_A_THREAD * strips_of(node) / node->n_stored; }

static adah_code gate_forward(adah_node *node, adah_status *status) {
    (void)status;
    adah_parallel_for(strips_of(node), strips_a_thread(node), gate_forward_strip, node);
    return ADAH_OK;
}

static adah_code gate_backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups, (void)status, (void)dx;
    adah_parallel_for(strips_of(node), strips_a_thread(node), gate_backward_strip, node);
    return ADAH_OK;
}

void adah_gate_prepare(adah_node *node, size_t n_together) {
    static const adah_kernel kernel = {gate_forward, gate_backward, 0, NULL};
    node->kernel = &kernel;
    node->n_together = n_together;
}
