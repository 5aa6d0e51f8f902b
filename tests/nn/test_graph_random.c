/* (property) Small random networks, whose values and gradients are the same whatever memory the arena shares: a graph that keeps
 * a few nodes against one that keeps every node, where each value has memory of its own, and the fast backend against
 * the plain loops. Each runs as a training does: forward, backward of group 1, parameters move, forward again,
 * backward of group 2. */
#include "base/memory.h"
#include "nn/winograd/winograd.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { N_NETWORKS = 150, N_STEPS_MAX = 14, N_NODES_MAX = N_STEPS_MAX + 4, N_ROUNDS = 2 };

typedef enum keeping { KEEP_FEW, KEEP_ALL } keeping;

typedef struct net {
    adah_graph *g;
    adah_node *node[N_NODES_MAX];
    int kept[N_NODES_MAX]; /* by KEEP_FEW as well: the loss reads these */
    size_t count[N_NODES_MAX];
    size_t n_nodes, n_inputs;
} net;

/* ---------------------------------------------------------------- operations of the caller's */

static void square_forward(void *context, const float *const *x, float *y) {
    for (size_t i = 0; i < *(const size_t *)context; i++)
        y[i] = 0.25f * x[0][i] * x[0][i];
}

static void square_backward(void *context, const float *const *x, const float *y, const float *dy, float *const *dx) {
    (void)y;
    for (size_t i = 0; dx[0] && i < *(const size_t *)context; i++)
        dx[0][i] += 0.5f * x[0][i] * dy[i];
}

/* ---------------------------------------------------------------- a network from its seed */

typedef struct maker {
    net *n;
    adah_parameters *p;
    adah_random r, values;
    adah_graph_mode mode;
} maker;

static size_t below(maker *m, size_t n) { return adah_random_below(&m->r, n); }

/* With values within +-scale around `centre`; found again by the next graph. */
static adah_parameter *parameter(maker *m, const char *kind, adah_shape shape, float centre, float scale) {
    char name[32];
    snprintf(name, sizeof name, "%s%zu", kind, m->n->n_nodes);
    const unsigned group = below(m, 2) ? 1 : 2;
    adah_parameter *p = adah_parameters_find(m->p, name);
    if (p)
        return p;
    p = adah_parameters_add(m->p, name, shape, group);
    assert_non_null(p);
    for (size_t i = 0; i < p->n; i++)
        p->value[i] = centre + scale * (2 * adah_random_uniform(&m->values) - 1);
    return p;
}

static adah_node *convolution(maker *m, adah_node *x) {
    static const size_t outs[] = {3, 8, 16, 16, 20, 32};
    const adah_shape s = adah_node_shape(x);
    const size_t n_out = outs[below(m, 6)], size = below(m, 3) ? 3 : 1;
    const int pad = size == 3 && (s.dim[2] < 3 || s.dim[3] < 3 || below(m, 3)), stride = below(m, 4) ? 1 : 2;
    const float scale = sqrtf(4.0f / (float)(s.dim[1] * size * size));
    adah_parameter *w = parameter(m, "w", ADAH_SHAPE4(n_out, s.dim[1], size, size), 0, scale);
    adah_parameter *b = below(m, 3) ? parameter(m, "b", ADAH_SHAPE1(n_out), 0, 0.5f) : NULL;
    return adah_graph_convolution(m->n->g, x, w, b, (adah_window){0, 0, stride, stride, pad, pad, pad, pad, 0}, 1);
}

static adah_node *batch_norm(maker *m, adah_node *x) {
    const adah_shape s = adah_node_shape(x);
    if (s.dim[0] * s.dim[2] * s.dim[3] < 8) /* the variance of so few may be nothing but rounding */
        return adah_graph_tanh(m->n->g, x);
    adah_parameter *w = parameter(m, "w", ADAH_SHAPE1(s.dim[1]), 0.5f, 0.3f);
    adah_parameter *b = parameter(m, "b", ADAH_SHAPE1(s.dim[1]), 0, 0.5f);
    adah_parameter *statistics = parameter(m, "s", ADAH_SHAPE2(2, s.dim[1]), 0.75f, 0.25f);
    statistics->group = 4;
    return adah_graph_batch_norm(m->n->g, x, w, b, statistics);
}

static adah_node *pool(maker *m, adah_node *x) {
    const adah_shape s = adah_node_shape(x);
    const int size = s.dim[2] < 3 || s.dim[3] < 3 ? 1 : 2 + (int)below(m, 2), stride = 1 + (int)below(m, 2);
    const adah_window w = {size, size, stride, stride, 0, 0, 0, 0, (int)below(m, 2)};
    return below(m, 3) ? adah_graph_max_pool(m->n->g, x, w) : adah_graph_mean_pool(m->n->g, x, w);
}

/* With another node of the same shape (add) or of the same but for the channels; with itself where there is none. */
static adah_node *join(maker *m, adah_node *x, int adds) {
    adah_node *fitting[N_NODES_MAX + 1] = {x}, *both[3] = {x, x, x};
    size_t n = 1;
    for (size_t i = 0; i < m->n->n_nodes; i++) {
        adah_shape s = adah_node_shape(m->n->node[i]);
        if (!adds)
            s.dim[1] = adah_node_shape(x).dim[1];
        if (adah_shape_equal(s, adah_node_shape(x)))
            fitting[n++] = m->n->node[i];
    }
    both[below(m, 2)] = fitting[below(m, n)];
    both[2] = fitting[below(m, n)];
    return adds ? adah_graph_add(m->n->g, both[0], both[1]) : adah_graph_concatenate(m->n->g, both, 2 + below(m, 2));
}

static adah_node *operation(maker *m, adah_node *x) {
    size_t *count = &m->n->count[m->n->n_nodes];
    *count = adah_shape_count(adah_node_shape(x));
    const adah_operation op = {"square", square_forward, below(m, 3) ? square_backward : NULL, count};
    return adah_graph_operation(m->n->g, op, &x, 1, adah_node_shape(x));
}

static adah_node *any_node(maker *m) {
    const size_t n = m->n->n_nodes;
    adah_node *x = m->n->node[below(m, 3) ? n - 1 : below(m, n)]; /* mostly on from the last */
    switch (below(m, 14)) {
    case 0: return adah_graph_relu6(m->n->g, x);
    case 1: return adah_graph_tanh(m->n->g, x);
    case 2: return batch_norm(m, x);
    case 3: return pool(m, x);
    case 4: return join(m, x, 1);
    case 5: return join(m, x, 0);
    case 6: return adah_graph_dropout(m->n->g, x, 0.3f);
    case 7: return operation(m, x);
    case 8:
    case 9: return adah_graph_relu(m->n->g, x);
    case 10: return adah_graph_response_norm(m->n->g, x, (adah_response){3, 2, 0.1f, 0.75f});
    default: return convolution(m, x);
    }
}

static void append(maker *m, adah_node *x, int kept, keeping k) {
    assert_non_null(x);
    for (size_t i = 0; i < m->n->n_nodes; i++)
        if (m->n->node[i] == x) /* dropout in inferring */
            return;
    if (kept || k == KEEP_ALL)
        adah_node_keep(x);
    m->n->kept[m->n->n_nodes] = kept;
    m->n->count[m->n->n_nodes] = adah_shape_count(adah_node_shape(x));
    m->n->node[m->n->n_nodes++] = x;
}

static void make(net *n, uint64_t seed, adah_backend backend, keeping k, int again, adah_parameters *p) {
    *n = (net){0};
    maker m = {n, p, adah_random_seeded(seed, 1), adah_random_seeded(seed, 2), ADAH_GRAPH_TRAIN};
    m.mode = below(&m, 4) ? ADAH_GRAPH_TRAIN : ADAH_GRAPH_INFER;
    n->g = adah_graph_create(backend, m.mode);
    if (again)
        adah_graph_plan_again(n->g, 1);
    static const size_t channels[] = {3, 16, 32};
    const size_t n_batch = 1 + below(&m, 3), height = 1 + below(&m, 10), width = 1 + below(&m, 10);
    n->n_inputs = 1 + below(&m, 2);
    for (size_t i = 0; i < n->n_inputs; i++) {
        const size_t c = channels[below(&m, 3)];
        append(&m, adah_graph_input(n->g, ADAH_SHAPE4(n_batch, c, height, width)), below(&m, 2) != 0, k);
    }
    for (size_t n_steps = 4 + below(&m, N_STEPS_MAX - 3); n_steps > 0; n_steps--) {
        adah_node *x = any_node(&m);
        append(&m, x, below(&m, 6) == 0, k);
    }
    adah_node *last = n->node[n->n_nodes - 1];
    const size_t n_in = adah_shape_count(adah_node_shape(last)) / n_batch;
    append(&m,
           adah_graph_fully_connected(n->g, last, parameter(&m, "w", ADAH_SHAPE2(5, n_in), 0, 1 / sqrtf((float)n_in)),
                                      NULL),
           1, k);
    adah_status status = {0};
    if (adah_graph_build(n->g, &status) != ADAH_OK)
        fail_msg("network %llu: %s", (unsigned long long)seed, status.message);
    adah_random r = adah_random_seeded(seed, 3);
    for (size_t i = 0; i < n->n_inputs; i++)
        for (size_t j = 0; j < adah_shape_count(adah_node_shape(n->node[i])); j++)
            adah_node_value(n->node[i])[j] = 2 * adah_random_uniform(&r) - 1;
}

/* ---------------------------------------------------------------- what comes out */

enum { N_ARRAYS_MAX = 512 };

/* All kept values, gradients of kept inputs and of parameters, of both rounds. */
typedef struct results {
    float *array[N_ARRAYS_MAX];
    size_t count[N_ARRAYS_MAX], n;
} results;

static void put(results *all, const float *value, size_t n) {
    float *copy = adah_memory_floats(n);
    assert_non_null(copy);
    assert_true(all->n < N_ARRAYS_MAX);
    memcpy(copy, value, n * sizeof *value);
    all->array[all->n] = copy;
    all->count[all->n++] = n;
}

static void free_results(results *all) {
    for (size_t i = 0; i < all->n; i++)
        adah_memory_free(all->array[i]);
}

/* The largest difference of two arrays, as a share of what they hold. */
static double difference(const results *a, const results *b) {
    double most = 0;
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < a->n; i++) {
        double square = 0, apart = 0;
        assert_int_equal(a->count[i], b->count[i]);
        for (size_t j = 0; j < a->count[i]; j++) {
            const double d = (double)a->array[i][j] - (double)b->array[i][j];
            apart += d * d;
            square += (double)b->array[i][j] * (double)b->array[i][j];
        }
        const double share = sqrt(apart) / (sqrt(square) + 0.03 * sqrt((double)a->count[i]));
        most = share >= most ? share : most; /* NaN counts as equal nowhere */
        assert_true(isfinite(share));
    }
    return most;
}

static void move_parameters(adah_parameters *p, unsigned group, float factor) {
    for (size_t i = 0; i < p->n; i++)
        if (p->item[i]->group == group) {
            for (size_t j = 0; j < p->item[i]->n; j++)
                p->item[i]->value[j] *= factor;
            p->item[i]->version++;
        }
}

static void run(net *n, uint64_t seed, int again, adah_parameters *p, results *all) {
    const int trains = adah_node_gradient(n->node[n->n_nodes - 1]) != NULL;
    adah_status status = {0};
    all->n = 0;
    for (unsigned round = 0; round < N_ROUNDS; round++) {
        adah_graph_set_seed(n->g, seed + round);
        if ((round && again ? adah_graph_forward_again(n->g, &status) : adah_graph_forward(n->g, &status)) != ADAH_OK)
            fail_msg("%s", status.message);
        for (size_t i = n->n_inputs; i < n->n_nodes; i++)
            if (n->kept[i])
                put(all, adah_node_value(n->node[i]), n->count[i]);
        move_parameters(p, 1, round ? 2 : 0.5f);
        if (!trains)
            continue;
        adah_graph_clear_gradients(n->g);
        adah_random r = adah_random_seeded(seed, 4 + round);
        for (size_t i = n->n_inputs; i < n->n_nodes; i++)
            for (size_t j = 0; n->kept[i] && j < n->count[i]; j++)
                adah_node_gradient(n->node[i])[j] = 2 * adah_random_uniform(&r) - 1;
        move_parameters(p, 1, round ? 0.5f : 2); /* back for backward */
        assert_int_equal(adah_parameters_train(p, 3, NULL), ADAH_OK);
        if (adah_graph_backward(n->g, 1u << round, &status) != ADAH_OK)
            fail_msg("%s", status.message);
        move_parameters(p, 1, round ? 2 : 0.5f);
        for (size_t i = 0; i < n->n_inputs; i++)
            if (n->kept[i])
                put(all, adah_node_gradient(n->node[i]), n->count[i]);
        for (size_t i = 0; i < p->n; i++)
            if (p->item[i]->gradient) {
                put(all, p->item[i]->gradient, p->item[i]->n);
                memset(p->item[i]->gradient, 0, p->item[i]->n * sizeof(float));
            }
    }
}

/* One of the graphs of this seed, run; noise: by how much, up or down, its inputs are changed. */
static void results_of(uint64_t seed, adah_backend backend, keeping k, int again, float noise, results *all) {
    adah_parameters p = {0};
    net n;
    make(&n, seed, backend, k, again, &p);
    adah_random r = adah_random_seeded(seed, 6);
    for (size_t i = 0; i < n.n_inputs; i++)
        for (size_t j = 0; j < n.count[i]; j++)
            adah_node_value(n.node[i])[j] += adah_random_below(&r, 2) ? noise : -noise;
    run(&n, seed, again, &p, all);
    adah_graph_free(n.g);
    adah_parameters_free(&p);
}

/* ---------------------------------------------------------------- */

/* The plain loops compute the same numbers, whatever is kept. */
static void test_memory(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < N_NETWORKS; seed++) {
        static results expected, found;
        results_of(seed, ADAH_BACKEND_REFERENCE, KEEP_ALL, 0, 0, &expected);
        for (int again = 0; again < 2; again++) {
            results_of(seed, ADAH_BACKEND_REFERENCE, KEEP_FEW, again, 0, &found);
            const double d = difference(&found, &expected);
            if (d != 0)
                fail_msg("network %llu%s: %g apart", (unsigned long long)seed, again ? ", run again" : "", d);
            free_results(&found);
        }
        free_results(&expected);
    }
}

/* Rounding takes a value near a kink (of ReLU, of a maximum) across it: networks where a change much larger than
 * rounding does so are left out. */
static void test_backends(void **state) {
    (void)state;
    static const char *const kernels[] = {"plain", "avx2", "avx512", NULL};
    const float noise = 0x1p-16f;
    int n_compared = 0;
    for (uint64_t seed = 0; seed < N_NETWORKS; seed++) {
        static results expected, found;
        double moved = 0;
        results_of(seed, ADAH_BACKEND_REFERENCE, KEEP_ALL, 0, 0, &expected);
        for (int i = 0; i < 2; i++) {
            results_of(seed, ADAH_BACKEND_REFERENCE, KEEP_ALL, 0, i ? noise : -noise, &found);
            moved = fmax(moved, difference(&found, &expected));
            free_results(&found);
        }
        for (int i = 0; i < 3 && moved < 2e-3; i++) { /* few kept; run again; all kept */
            adah_winograd_use(kernels[(seed + (uint64_t)i) % 4]);
            results_of(seed, ADAH_BACKEND_ONEDNN, i < 2 ? KEEP_FEW : KEEP_ALL, i == 1, 0, &found);
            const double d = difference(&found, &expected);
            if (d > 4e-3)
                fail_msg("network %llu, graph %d: %g apart", (unsigned long long)seed, i, d);
            free_results(&found);
            n_compared++;
        }
        free_results(&expected);
    }
    adah_winograd_use(NULL);
    assert_true(n_compared > N_NETWORKS);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_memory), cmocka_unit_test(test_backends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
