/* (unit) Weights in other layouts: one copy for all graphs over a parameter, current in each of them, freed with the last.
 */
#include "base/memory.h"
#include "base/parallel.h"
#include "nn/graph/packed.h"
#include "nn/winograd/winograd.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { N_CHANNELS = 32, N_SIDE = 9, N_X = N_CHANNELS * N_SIDE * N_SIDE, N_THREADS = 4, N_ROUNDS = 3 };

static void fill(float *x, size_t n, uint64_t seed) {
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(adah_random_mix(i, seed) >> 40) * 0x1p-24f - 0.5f;
}

/* Two convolutions: by Winograd's method, and one that oneDNN packs weights for. */
static void make_parameters(adah_parameters *p) {
    adah_random r = adah_random_seeded(3, 1);
    adah_parameter *w = adah_parameters_add(p, "w", ADAH_SHAPE4(N_CHANNELS, N_CHANNELS, 3, 3), 1);
    adah_parameter *v = adah_parameters_add(p, "v", ADAH_SHAPE4(N_CHANNELS, N_CHANNELS, 5, 5), 1);
    assert_true(w && v);
    adah_parameter_init_he(w, &r);
    adah_parameter_init_he(v, &r);
}

typedef struct network {
    adah_graph *g;
    adah_node *x, *y;
} network;

static network make_network(const adah_parameters *p, adah_backend backend, adah_graph_mode mode,
                            adah_precision precision) {
    network n = {.g = adah_graph_create(backend, mode)};
    adah_status status = {0};
    adah_graph_set_precision(n.g, precision);
    n.x = adah_graph_input(n.g, ADAH_SHAPE4(1, N_CHANNELS, N_SIDE, N_SIDE));
    n.y = adah_graph_convolution(n.g, n.x, p->item[0], NULL, (adah_window){0, 0, 1, 1, 1, 1, 1, 1, 0}, 1);
    n.y = adah_graph_convolution(n.g, n.y, p->item[1], NULL, (adah_window){0, 0, 1, 1, 2, 2, 2, 2, 0}, 1);
    adah_node_keep(n.y);
    if (adah_graph_build(n.g, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    fill(adah_node_value(n.x), N_X, 7);
    return n;
}

static network make_fast(const adah_parameters *p) {
    return make_network(p, ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER, ADAH_FLOAT32);
}

static const float *run(network n) {
    adah_status status = {0};
    if (adah_graph_forward(n.g, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return adah_node_value(n.y);
}

/* What the plain loops give, within float's rounding. */
static void check_right(network n, const adah_parameters *p) {
    network plain = make_network(p, ADAH_BACKEND_REFERENCE, ADAH_GRAPH_INFER, ADAH_FLOAT32);
    const float *fast = run(n), *slow = run(plain);
    for (size_t i = 0; i < N_X; i++)
        if (!(fast[i] - slow[i] < 1e-3f && slow[i] - fast[i] < 1e-3f))
            fail_msg("value %zu is %g, expected %g", i, (double)fast[i], (double)slow[i]);
    adah_graph_free(plain.g);
}

static void move(adah_parameters *p, uint64_t seed) {
    for (size_t i = 0; i < p->n; i++) {
        fill(p->item[i]->value, p->item[i]->n, seed + i);
        for (size_t j = 0; j < p->item[i]->n; j++)
            p->item[i]->value[j] *= 0.1f;
        p->item[i]->version++;
    }
}

static void check_counts(const adah_parameters *p, size_t n_w, size_t n_v) {
    assert_int_equal(adah_packed_count(p->item[0]), n_w);
    assert_int_equal(adah_packed_count(p->item[1]), n_v);
}

/* ---------------------------------------------------------------- graphs */

static void test_shared(void **state) {
    (void)state;
    adah_parameters p = {0};
    make_parameters(&p);
    network first = make_fast(&p);
    const size_t n_v = adah_packed_count(p.item[1]); /* oneDNN may like plain weights on some processor */
    check_counts(&p, 1, n_v);
    check_right(first, &p);
    network second = make_fast(&p);
    check_counts(&p, 1, n_v);
    check_right(second, &p);
    assert_memory_equal(run(first), run(second), N_X * sizeof(float));

    /* Both live while the parameters move: who runs first packs anew, for the other as well. */
    move(&p, 20);
    check_right(second, &p);
    check_right(first, &p);
    move(&p, 30);
    check_right(first, &p);

    adah_graph_free(first.g);
    check_counts(&p, 1, n_v);
    check_right(second, &p);
    adah_graph_free(second.g);
    check_counts(&p, 0, 0);

    network third = make_fast(&p);
    check_right(third, &p);
    adah_graph_free(third.g);
    check_counts(&p, 0, 0);
    adah_parameters_free(&p);
}

/* Another precision is another layout; training has none of Winograd's. */
static void test_layouts(void **state) {
    (void)state;
    adah_parameters p = {0};
    make_parameters(&p);
    network whole = make_fast(&p);
    network rounded = make_network(&p, ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER, ADAH_BFLOAT16);
    const size_t n_w = adah_winograd_has_bf16() ? 2 : 1, n_v = adah_packed_count(p.item[1]);
    check_counts(&p, n_w, n_v);
    run(rounded);
    check_right(whole, &p);
    assert_int_equal(memcmp(run(rounded), run(whole), N_X * sizeof(float)) != 0, n_w == 2);
    network trained = make_network(&p, ADAH_BACKEND_ONEDNN, ADAH_GRAPH_TRAIN, ADAH_FLOAT32);
    assert_int_equal(adah_packed_count(p.item[0]), n_w);
    move(&p, 40);
    check_right(trained, &p);
    check_right(whole, &p);
    adah_graph_free(whole.g);
    adah_graph_free(trained.g);
    check_counts(&p, 1, n_v);
    adah_graph_free(rounded.g);
    check_counts(&p, 0, 0);
    adah_parameters_free(&p);
}

/* The first forward of several graphs at once, and again when the parameters have moved. */
static void *run_thread(void *context) {
    network *n = context;
    return adah_graph_forward(n->g, NULL) == ADAH_OK ? n : NULL;
}

static void test_at_once(void **state) {
    (void)state;
    const int n_before = adah_parallel_threads();
    adah_parallel_set_threads(1);
    adah_parameters p = {0};
    make_parameters(&p);
    network net[N_THREADS];
    for (int i = 0; i < N_THREADS; i++)
        net[i] = make_fast(&p);
    for (int round = 0; round < N_ROUNDS; round++) {
        pthread_t thread[N_THREADS];
        for (int i = 0; i < N_THREADS; i++)
            assert_int_equal(pthread_create(&thread[i], NULL, run_thread, &net[i]), 0);
        for (int i = 0; i < N_THREADS; i++) {
            void *done;
            pthread_join(thread[i], &done);
            assert_ptr_equal(done, &net[i]);
        }
        for (int i = 1; i < N_THREADS; i++)
            assert_memory_equal(adah_node_value(net[i].y), adah_node_value(net[0].y), N_X * sizeof(float));
        check_right(net[round % N_THREADS], &p);
        move(&p, 50 + (uint64_t)round);
    }
    for (int i = 0; i < N_THREADS; i++)
        adah_graph_free(net[i].g);
    check_counts(&p, 0, 0);
    adah_parameters_free(&p);
    adah_parallel_set_threads(n_before);
}

/* ---------------------------------------------------------------- copies */

static const char layouts[2];

typedef struct packing {
    const adah_parameter *p;
    int n_packed;
    adah_code code;
} packing;

static adah_code pack(void *context, float *to, adah_status *status) {
    packing *k = context;
    (void)status;
    k->n_packed++;
    memcpy(to, k->p->value, k->p->n * sizeof *to);
    return k->code;
}

/* Packed once a version; what failed is packed again. */
static void test_versions(void **state) {
    (void)state;
    adah_parameters p = {0};
    make_parameters(&p);
    adah_parameter *w = p.item[0];
    adah_packed *a = adah_packed_acquire(w, NULL, &layouts[0], w->n),
                *b = adah_packed_acquire(w, NULL, &layouts[0], w->n);
    adah_packed *other = adah_packed_acquire(w, NULL, &layouts[1], w->n);
    assert_non_null(a);
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, other);
    packing k = {w, 0, ADAH_ERROR_INTERNAL};
    const float *values;
    assert_int_equal(adah_packed_get(a, pack, &k, &values, NULL), ADAH_ERROR_INTERNAL);
    k.code = ADAH_OK;
    for (int version = 0; version < 3; version++) {
        for (int i = 0; i < 2; i++) {
            assert_int_equal(adah_packed_get(i ? a : b, pack, &k, &values, NULL), ADAH_OK);
            assert_memory_equal(values, w->value, w->n * sizeof *values);
        }
        assert_int_equal(k.n_packed, version + 2);
        move(&p, 60 + (uint64_t)version);
    }
    adah_packed_release(a);
    assert_int_equal(adah_packed_count(w), 2);
    adah_packed_release(b);
    adah_packed_release(other);
    adah_packed_release(NULL);
    assert_int_equal(adah_packed_count(w), 0);
    adah_parameters_free(&p);
}

/* Threads that acquire, use and release on their own. */
static void *acquire_thread(void *context) {
    adah_parameter *w = context;
    packing k = {w, 0, ADAH_OK};
    int n_right = 0;
    for (int i = 0; i < 100; i++) {
        adah_packed *c = adah_packed_acquire(w, NULL, &layouts[i % 2], w->n);
        const float *values;
        n_right += adah_packed_get(c, pack, &k, &values, NULL) == ADAH_OK &&
                   !memcmp(values, w->value, w->n * sizeof *values);
        adah_packed_release(c);
    }
    return n_right == 100 ? w : NULL;
}

static void test_users_at_once(void **state) {
    (void)state;
    adah_parameters p = {0};
    make_parameters(&p);
    pthread_t thread[N_THREADS];
    for (int i = 0; i < N_THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, acquire_thread, p.item[0]), 0);
    for (int i = 0; i < N_THREADS; i++) {
        void *done;
        pthread_join(thread[i], &done);
        assert_ptr_equal(done, p.item[0]);
    }
    check_counts(&p, 0, 0);
    adah_parameters_free(&p);
}

/* Memory that runs out beside a graph that runs: the new one fails, the old one's copies stay. */
static void test_memory_faults(void **state) {
    (void)state;
    adah_parameters p = {0};
    make_parameters(&p);
    for (int shares = 0; shares < 2; shares++) {
        network old = {0};
        if (shares)
            old = make_fast(&p);
        const size_t n_w = adah_packed_count(p.item[0]), n_v = adah_packed_count(p.item[1]);
        for (uint64_t n = 1;; n++) {
            adah_status status = {0};
            adah_memory_fault_at(n);
            adah_graph *g = adah_graph_create(ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER);
            adah_node *x = adah_graph_input(g, ADAH_SHAPE4(1, N_CHANNELS, N_SIDE, N_SIDE));
            x = adah_graph_convolution(g, x, p.item[0], NULL, (adah_window){0, 0, 1, 1, 1, 1, 1, 1, 0}, 1);
            adah_graph_convolution(g, x, p.item[1], NULL, (adah_window){0, 0, 1, 1, 2, 2, 2, 2, 0}, 1);
            const adah_code code = adah_graph_build(g, &status);
            const int fired = adah_memory_fault_fired();
            adah_memory_fault_at(0);
            assert_int_equal(code, fired ? ADAH_ERROR_MEMORY : ADAH_OK);
            adah_graph_free(g);
            check_counts(&p, n_w, n_v);
            if (!fired)
                break;
        }
        if (shares)
            check_right(old, &p);
        adah_graph_free(old.g);
    }
    adah_parameters_free(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shared),        cmocka_unit_test(test_layouts),  cmocka_unit_test(test_at_once),
        cmocka_unit_test(test_users_at_once), cmocka_unit_test(test_versions), cmocka_unit_test(test_memory_faults),
    };
    adah_winograd_use("best"); /* here, where its shapes would not ask for it */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
