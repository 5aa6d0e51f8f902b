/* gelu.c - GELU and its two approximations, all of the form y = x s(x), and so dy/dx = s + x s'. The slope is of x: in training the node has
 * a value of its own; elsewhere it runs in place, or along with the layer before it (fully_connected.c). */
#include "nn/graph/gelu.h"
#include "base/parallel.h"
#include "base/vector.h"
#include "base/vector_math.h"
#include "nn/graph/graph_internal.h"

enum { CHUNK = 4096, CHUNKS_A_THREAD = 2 };

static const float root = 0.7978845608f, cube = 0.044715f; /* sqrt(2 / pi) */

static inline __attribute__((always_inline)) float share(adah_gelu gelu, float x) {
    return gelu == ADAH_GELU_EXACT  ? adah_vector_normal(x, adah_vector_bell(x))
           : gelu == ADAH_GELU_TANH ? adah_vector_sigmoid(2 * root * (x + cube * x * x * x))
                                    : adah_vector_sigmoid(1.702f * x);
}

static inline __attribute__((always_inline)) float slope(adah_gelu gelu, float x) {
    if (gelu == ADAH_GELU_EXACT) {
        const float bell = adah_vector_bell(x);
        return adah_vector_normal(x, bell) + x * bell * (0.5f * root);
    }
    const float s = share(gelu, x);
    return s + x * s * (1 - s) * (gelu == ADAH_GELU_TANH ? 2 * root * (1 + 3 * cube * x * x) : 1.702f);
}

#define DEFINE_GELU(name, gelu)                                                                                            \
    ADAH_VECTOR_LOOP(void, name##_values, (const float *x, float *y, size_t n), (x, y, n)) {                               \
        for (size_t i = 0; i < n; i++)                                                                                     \
            y[i] = x[i] * share(gelu, x[i]);                                                                               \
    }                                                                                                                      \
    ADAH_VECTOR_LOOP(void, name##_slopes, (const float *x, const float *dy, float *dx, size_t n), (x, dy, dx, n)) {         \
        for (size_t i = 0; i < n; i++)                                                                                     \
            dx[i] += dy[i] * slope(gelu, x[i]);                                                                            \
    }

DEFINE_GELU(exact, ADAH_GELU_EXACT)
DEFINE_GELU(tanh, ADAH_GELU_TANH)
DEFINE_GELU(quick, ADAH_GELU_QUICK)

void adah_gelu_values(adah_gelu gelu, const float *x, float *y, size_t n) {
    (gelu == ADAH_GELU_EXACT ? exact_values : gelu == ADAH_GELU_TANH ? tanh_values : quick_values)(x, y, n);
}

static size_t chunk_of(const adah_node *node, size_t begin) { return node->n - begin < CHUNK ? node->n - begin : CHUNK; }

static void forward_chunk(void *context, size_t chunk) {
    const adah_node *node = context;
    const size_t at = chunk * CHUNK;
    adah_gelu_values(node->gelu, node->x[0]->value + at, node->value + at, chunk_of(node, at));
}

static void backward_chunk(void *context, size_t chunk) {
    const adah_node *node = context;
    const size_t at = chunk * CHUNK;
    (node->gelu == ADAH_GELU_EXACT  ? exact_slopes
     : node->gelu == ADAH_GELU_TANH ? tanh_slopes
                                    : quick_slopes)(node->x[0]->value + at, node->gradient + at, node->dx[0] + at, chunk_of(node, at));
}

static adah_code forward(adah_node *node, adah_status *status) {
    (void)status;
    adah_parallel_for((node->n + CHUNK - 1) / CHUNK, CHUNKS_A_THREAD, forward_chunk, node);
    return ADAH_OK;
}

static adah_code backward(adah_node *node, unsigned groups, float *const *dx, adah_status *status) {
    (void)groups, (void)status;
    if (dx[0])
        adah_parallel_for((node->n + CHUNK - 1) / CHUNK, CHUNKS_A_THREAD, backward_chunk, node);
    return ADAH_OK;
}

adah_code adah_gelu_prepare(adah_node *node, adah_status *status) {
    static const adah_kernel kernel = {forward, backward, 0, NULL};
    (void)status;
    node->kernel = &kernel;
    return ADAH_OK;
}
