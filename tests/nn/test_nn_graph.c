/* (unit) The graph itself: faults of the builders, what is kept, what backward skips, memory that runs out, threads. */
#include "base/memory.h"
#include "base/parallel.h"
#include "nn/graph/graph.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const adah_backend backends[] = {ADAH_BACKEND_REFERENCE, ADAH_BACKEND_ONEDNN};
enum { N_BACKENDS = 2 };

static adah_parameter *add(adah_parameters *p, const char *name, adah_shape shape, unsigned group) {
    adah_random r = adah_random_seeded(1, p->n);
    adah_parameter *q = adah_parameters_add(p, name, shape, group);
    assert_non_null(q);
    adah_parameter_init_he(q, &r);
    return q;
}

static void build(adah_graph *g) {
    adah_status status = {0};
    if (adah_graph_build(g, &status) != ADAH_OK)
        fail_msg("%s", status.message);
}

static void run(adah_graph *g) {
    adah_status status = {0};
    if (adah_graph_forward(g, &status) != ADAH_OK)
        fail_msg("%s", status.message);
}

static void fill(float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(adah_random_mix(i, 9) >> 40) * 0x1p-23f - 1;
}

/* ---------------------------------------------------------------- builders */

typedef struct fault {
    const char *expected;
    adah_node *(*make)(adah_graph *g, adah_node *x, adah_parameters *p);
} fault;

static const adah_window unit = {1, 1, 1, 1, 0, 0, 0, 0, 0};

static adah_node *wrong_channels(adah_graph *g, adah_node *x, adah_parameters *p) {
    return adah_graph_convolution(g, x, add(p, "w", ADAH_SHAPE4(4, 5, 3, 3), 1), NULL, unit, 1);
}
static adah_node *wrong_groups(adah_graph *g, adah_node *x, adah_parameters *p) {
    return adah_graph_convolution(g, x, add(p, "w", ADAH_SHAPE4(4, 3, 3, 3), 1), NULL, unit, 4);
}
static adah_node *wrong_bias(adah_graph *g, adah_node *x, adah_parameters *p) {
    return adah_graph_convolution(g, x, add(p, "w", ADAH_SHAPE4(4, 3, 1, 1), 1), add(p, "b", ADAH_SHAPE1(3), 1), unit,
                                  1);
}
static adah_node *too_large(adah_graph *g, adah_node *x, adah_parameters *p) {
    return adah_graph_convolution(g, x, add(p, "w", ADAH_SHAPE4(4, 3, 9, 3), 1), NULL, unit, 1);
}
static adah_node *no_stride(adah_graph *g, adah_node *x, adah_parameters *p) {
    (void)p;
    return adah_graph_max_pool(g, x, (adah_window){2, 2, 0, 1, 0, 0, 0, 0, 0});
}
static adah_node *much_padding(adah_graph *g, adah_node *x, adah_parameters *p) {
    (void)p;
    return adah_graph_max_pool(g, x, (adah_window){2, 2, 1, 1, 2, 0, 0, 0, 0});
}
static adah_node *no_weights(adah_graph *g, adah_node *x, adah_parameters *p) {
    (void)p;
    return adah_graph_fully_connected(g, x, NULL, NULL);
}
static adah_node *wrong_statistics(adah_graph *g, adah_node *x, adah_parameters *p) {
    return adah_graph_batch_norm(g, x, add(p, "w", ADAH_SHAPE1(3), 1), add(p, "b", ADAH_SHAPE1(3), 1),
                                 add(p, "s", ADAH_SHAPE2(3, 2), 2));
}
static adah_node *no_statistics(adah_graph *g, adah_node *x, adah_parameters *p) {
    return adah_graph_batch_norm(g, x, add(p, "w", ADAH_SHAPE1(3), 1), add(p, "b", ADAH_SHAPE1(3), 1), NULL);
}
static adah_node *even_neighbourhood(adah_graph *g, adah_node *x, adah_parameters *p) {
    (void)p;
    return adah_graph_response_norm(g, x, (adah_response){4, 2, 1e-4f, 0.75f});
}
static adah_node *no_kappa(adah_graph *g, adah_node *x, adah_parameters *p) {
    (void)p;
    return adah_graph_response_norm(g, x, (adah_response){5, 0, 1e-4f, 0.75f});
}
static adah_node *wrong_inputs(adah_graph *g, adah_node *x, adah_parameters *p) {
    return adah_graph_fully_connected(g, x, add(p, "w", ADAH_SHAPE2(4, 5), 1), NULL);
}
static adah_node *wrong_join(adah_graph *g, adah_node *x, adah_parameters *p) {
    (void)p;
    adah_node *both[2] = {x, adah_graph_input(g, ADAH_SHAPE4(2, 3, 8, 7))};
    return adah_graph_concatenate(g, both, 2);
}
static adah_node *wrong_sum(adah_graph *g, adah_node *x, adah_parameters *p) {
    (void)p;
    return adah_graph_add(g, x, adah_graph_input(g, ADAH_SHAPE4(2, 3, 8, 7)));
}
static adah_node *flat_input(adah_graph *g, adah_node *x, adah_parameters *p) {
    (void)x, (void)p;
    return adah_graph_max_pool(g, adah_graph_input(g, ADAH_SHAPE2(2, 3)), unit);
}
static adah_node *wrong_rate(adah_graph *g, adah_node *x, adah_parameters *p) {
    (void)p;
    return adah_graph_dropout(g, x, 1.0f);
}
static adah_node *empty_input(adah_graph *g, adah_node *x, adah_parameters *p) {
    (void)x, (void)p;
    return adah_graph_input(g, ADAH_SHAPE2(2, 0));
}
static adah_node *null_input(adah_graph *g, adah_node *x, adah_parameters *p) {
    (void)x, (void)p;
    return adah_graph_relu(g, NULL);
}

static void test_faults(void **state) {
    (void)state;
    static const fault faults[] = {
        {"weights 'w' of shape 4 x 5 x 3 x 3 do not fit 3 channels in 1 groups", wrong_channels},
        {"do not fit 3 channels in 4 groups", wrong_groups},
        {"bias 'b' of shape 3, expected 4", wrong_bias},
        {"window of 9 x 3 does not fit into 8 x 8", too_large},
        {"window of 2 x 2 with stride 0 x 1", no_stride},
        {"padding 2 0 0 0, expected 0 to less than the window's 2 x 2", much_padding},
        {"no weights", no_weights},
        {"'s' of shape 3 x 2, expected 2 x 3", wrong_statistics},
        {"no statistics", no_statistics},
        {"(response norm): over 4 channels", even_neighbourhood},
        {"kappa 0", no_kappa},
        {"weights 'w' of shape 4 x 5 do not fit 192 inputs", wrong_inputs},
        {"shapes 2 x 3 x 8 x 8 and 2 x 3 x 8 x 7 differ", wrong_join},
        {"(add): shapes 2 x 3 x 8 x 8 and 2 x 3 x 8 x 7 differ", wrong_sum},
        {"input of shape 2 x 3, expected 4 dimensions", flat_input},
        {"rate 1, expected 0 to less than 1", wrong_rate},
        {"dimension 1 of the result is 0", empty_input},
        {"input 0 is no node of this graph", null_input},
    };
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        adah_parameters p = {0};
        adah_status status = {0};
        adah_graph *g = adah_graph_create(ADAH_BACKEND_ONEDNN, ADAH_GRAPH_TRAIN);
        adah_node *x = adah_graph_input(g, ADAH_SHAPE4(2, 3, 8, 8));
        adah_node *y = faults[i].make(g, x, &p);
        assert_null(y);
        assert_null(adah_graph_relu(g, y)); /* a second fault, not reported */
        assert_null(adah_graph_relu(g, x));
        assert_int_equal(adah_graph_check(g, &status), ADAH_ERROR_ARGUMENT);
        if (!strstr(status.message, faults[i].expected))
            fail_msg("'%s' lacks '%s'", status.message, faults[i].expected);
        status.message[0] = '\0';
        assert_int_equal(adah_graph_build(g, &status), ADAH_ERROR_ARGUMENT);
        if (!strstr(status.message, faults[i].expected))
            fail_msg("'%s' lacks '%s'", status.message, faults[i].expected);
        assert_int_equal(adah_graph_forward(g, &status), ADAH_ERROR_ARGUMENT);
        adah_graph_free(g);
        adah_parameters_free(&p);
    }
    adah_status status = {0};
    assert_null(adah_graph_input(NULL, ADAH_SHAPE1(1)));
    assert_int_equal(adah_graph_build(NULL, &status), ADAH_ERROR_MEMORY);
    adah_graph_free(NULL);
}

static void test_misuse(void **state) {
    (void)state;
    adah_status status = {0};
    adah_graph *g = adah_graph_create(ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER);
    adah_graph *other = adah_graph_create(ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER);
    adah_node *x = adah_graph_input(g, ADAH_SHAPE2(1, 4));
    assert_null(adah_graph_relu(other, x));
    adah_node *y = adah_graph_relu(g, x), *z = adah_graph_tanh(g, y);
    adah_node_keep(z);
    build(g);
    assert_null(adah_node_value(y)); /* not kept */
    assert_non_null(adah_node_value(z));
    assert_int_equal(adah_graph_build(g, &status), ADAH_ERROR_ARGUMENT);
    assert_null(adah_graph_relu(g, z));
    run(g);
    assert_int_equal(adah_graph_backward(g, 1, &status), ADAH_ERROR_ARGUMENT); /* not for training */
    adah_graph_free(other);
    adah_graph_free(g);
}

static void test_shapes(void **state) {
    (void)state;
    static const struct {
        size_t n;
        adah_window w;
        size_t expected;
    } pools[] = {
        {113, {3, 3, 2, 2, 0, 0, 0, 0, 1}, 56}, {112, {3, 3, 2, 2, 0, 0, 0, 0, 1}, 56},
        {112, {3, 3, 2, 2, 0, 0, 0, 0, 0}, 55}, {13, {13, 13, 1, 1, 0, 0, 0, 0, 0}, 1},
        {7, {2, 2, 2, 2, 0, 0, 0, 0, 1}, 4},    {7, {2, 2, 2, 2, 0, 0, 0, 0, 0}, 3},
        {6, {2, 2, 3, 3, 1, 1, 1, 1, 1}, 3},    {5, {2, 2, 3, 3, 0, 0, 1, 1, 1}, 2},
        {4, {1, 1, 3, 3, 0, 0, 0, 0, 1}, 2},    {3, {1, 1, 4, 4, 0, 0, 0, 0, 1}, 1},
    };
    for (size_t i = 0; i < sizeof pools / sizeof *pools; i++) {
        adah_graph *g = adah_graph_create(ADAH_BACKEND_REFERENCE, ADAH_GRAPH_INFER);
        adah_node *x = adah_graph_input(g, ADAH_SHAPE4(1, 2, pools[i].n, pools[i].n));
        adah_shape s = adah_node_shape(adah_graph_max_pool(g, x, pools[i].w));
        assert_true(adah_shape_equal(s, ADAH_SHAPE4(1, 2, pools[i].expected, pools[i].expected)));
        adah_graph_free(g);
    }
    char text[96];
    assert_string_equal(adah_shape_text(ADAH_SHAPE4(2, 3, 5, 7), text), "2 x 3 x 5 x 7");
    assert_string_equal(adah_shape_text((adah_shape){0}, text), "scalar");
    assert_int_equal(adah_shape_count((adah_shape){0}), 1);
}

/* ---------------------------------------------------------------- values */

static void test_borrow(void **state) {
    (void)state;
    const float first[] = {1, -2, 3, -4}, second[] = {-1, 2, -3, 4};
    for (int i = 0; i < N_BACKENDS; i++) {
        adah_status status = {0};
        adah_graph *g = adah_graph_create(backends[i], ADAH_GRAPH_INFER);
        adah_node *x = adah_graph_input(g, ADAH_SHAPE2(2, 2)), *late = adah_graph_input(g, ADAH_SHAPE2(2, 2));
        adah_node *y[2] = {adah_graph_relu(g, x), adah_graph_relu(g, late)};
        adah_node *z = adah_graph_concatenate(g, y, 2);
        adah_node_keep(z);
        adah_node_borrow(x, first);
        build(g);
        adah_node_borrow(late, second);
        assert_ptr_equal(adah_node_value(x), first);
        run(g);
        assert_memory_equal(adah_node_value(z), ((float[]){1, 0, 0, 2, 3, 0, 0, 4}), 8 * sizeof(float));
        adah_node_borrow(late, NULL); /* its own array again, which nobody has filled */
        adah_node_borrow(x, second);
        run(g);
        assert_memory_equal(adah_node_value(z), ((float[]){0, 2, 0, 0, 0, 4, 0, 0}), 8 * sizeof(float));
        adah_node_borrow(x, NULL); /* never had one */
        assert_int_equal(adah_graph_forward(g, &status), ADAH_ERROR_ARGUMENT);
        assert_non_null(strstr(status.message, "has no values"));
        adah_graph_free(g);
    }
}

/* Values in the middle of a network stay valid to the end, whatever memory is shared behind them. */
static void test_kept_values(void **state) {
    (void)state;
    enum { DEPTH = 6, N = 2 * 16 * 9 * 9 };
    adah_parameters p = {0};
    adah_parameter *w = add(&p, "w", ADAH_SHAPE4(16, 16, 3, 3), 1), *b = add(&p, "b", ADAH_SHAPE1(16), 1);
    float expected[DEPTH][N];
    for (int i = 0; i < N_BACKENDS; i++) {
        adah_graph *g = adah_graph_create(backends[i], ADAH_GRAPH_INFER);
        adah_node *x = adah_graph_input(g, ADAH_SHAPE4(2, 16, 9, 9)), *y[DEPTH], *last = x;
        for (int j = 0; j < DEPTH; j++) {
            last = adah_graph_convolution(g, last, w, b, (adah_window){0, 0, 1, 1, 1, 1, 1, 1, 0}, 1);
            y[j] = last = j % 2 ? adah_graph_relu(g, last) : last;
            if (j != 3)
                adah_node_keep(last);
        }
        build(g);
        fill(adah_node_value(x), N);
        run(g);
        for (int j = 0; j < DEPTH; j++) {
            const float *value = adah_node_value(y[j]);
            if (i == 0 && value)
                memcpy(expected[j], value, sizeof expected[j]);
            for (int k = 0; k < N && value; k++)
                assert_true(fabsf(value[k] - expected[j][k]) < 1e-4f);
        }
        adah_graph_free(g);
    }
    adah_parameters_free(&p);
}

/* What a batch is normalised with and what remains of it: by hand for two channels of four values. */
static void test_statistics(void **state) {
    (void)state;
    for (int i = 0; i < N_BACKENDS; i++) {
        adah_parameters p = {0};
        adah_parameter *w = add(&p, "w", ADAH_SHAPE1(2), 1), *b = add(&p, "b", ADAH_SHAPE1(2), 1);
        adah_parameter *s = add(&p, "s", ADAH_SHAPE2(2, 2), 2);
        memcpy(w->value, (float[]){2, 1}, 8);
        memcpy(b->value, (float[]){0, -1}, 8);
        memcpy(s->value, (float[]){10, 20, 4, 8}, 16);
        for (int trains = 0; trains < 2; trains++) {
            adah_graph *g = adah_graph_create(backends[i], trains ? ADAH_GRAPH_TRAIN : ADAH_GRAPH_INFER);
            adah_node *x = adah_graph_input(g, ADAH_SHAPE4(2, 2, 1, 2));
            adah_node *y = adah_graph_batch_norm(g, x, w, b, s);
            adah_node_keep(y);
            build(g);
            /* Channel 0: 1 3 5 7, mean 4, variance 5; channel 1: 0 0 2 2, mean 1, variance 1. */
            memcpy(adah_node_value(x), (float[]){1, 3, 0, 0, 5, 7, 2, 2}, 32);
            run(g);
            const float *out = adah_node_value(y);
            if (trains) {
                assert_true(fabsf(out[0] - 2 * -3 / sqrtf(5)) < 1e-4f);
                assert_true(fabsf(out[6] - (1 - 1)) < 1e-4f);
                adah_graph_update_statistics(g, 0.5f);
                const float expected[] = {7, 10.5f, 4.5f, 4.5f};
                for (int k = 0; k < 4; k++)
                    assert_true(fabsf(s->value[k] - expected[k]) < 1e-4f);
            } else {
                assert_true(fabsf(out[0] - 2 * -9 / 2.0f) < 1e-4f);
                assert_true(fabsf(out[6] - (-18 / sqrtf(8) - 1)) < 1e-4f);
                adah_graph_update_statistics(g, 1); /* nothing was measured */
                assert_true(s->value[0] == 10);
            }
            adah_graph_free(g);
        }
        adah_parameters_free(&p);
    }
}

/* Nobody wants the gradient of the input: that of the weights comes out all the same, and the caller's own stays. */
static void test_unwanted_input(void **state) {
    (void)state;
    for (int i = 0; i < N_BACKENDS; i++) {
        adah_parameters p = {0};
        adah_parameter *w = add(&p, "w", ADAH_SHAPE1(3), 1), *b = add(&p, "b", ADAH_SHAPE1(3), 1);
        adah_parameter *s = add(&p, "s", ADAH_SHAPE2(2, 3), 2);
        adah_graph *g = adah_graph_create(backends[i], ADAH_GRAPH_TRAIN);
        adah_node *x = adah_graph_input(g, ADAH_SHAPE4(2, 3, 2, 2)), *y = adah_graph_batch_norm(g, x, w, b, s);
        adah_node_keep(y);
        build(g);
        assert_int_equal(adah_parameters_train(&p, 1, NULL), ADAH_OK);
        fill(adah_node_value(x), 24);
        run(g);
        adah_graph_clear_gradients(g);
        fill(adah_node_gradient(y), 24);
        float first[3];
        for (int round = 0; round < 2; round++) {
            memset(w->gradient, 0, sizeof first);
            run(g);
            assert_int_equal(adah_graph_backward(g, 1, NULL), ADAH_OK);
            if (round == 0)
                memcpy(first, w->gradient, sizeof first);
            assert_memory_equal(w->gradient, first, sizeof first);
            assert_true(fabsf(first[0]) + fabsf(first[1]) + fabsf(first[2]) > 0.01f);
        }
        adah_graph_free(g);
        adah_parameters_free(&p);
    }
}

static void test_dropout(void **state) {
    (void)state;
    enum { N = 4 * 1000 };
    for (int i = 0; i < N_BACKENDS; i++) {
        adah_graph *g = adah_graph_create(backends[i], ADAH_GRAPH_TRAIN);
        adah_node *x = adah_graph_input(g, ADAH_SHAPE2(4, 1000)), *y = adah_graph_dropout(g, x, 0.25f);
        adah_node_keep(y);
        build(g);
        for (int j = 0; j < N; j++)
            adah_node_value(x)[j] = 1;
        float first[N];
        adah_graph_set_seed(g, 5);
        run(g);
        memcpy(first, adah_node_value(y), sizeof first);
        int n_dropped = 0, n_repeated = 0;
        for (int j = 0; j < N; j++) {
            assert_true(first[j] == 0 || fabsf(first[j] - 4.0f / 3) < 1e-6f);
            n_dropped += first[j] == 0;
            n_repeated += j >= 1000 && first[j] == first[j - 1000];
        }
        assert_in_range(n_dropped, 900, 1100);
        assert_in_range(n_repeated, 1500, 2250); /* rows are independent: 62.5 % of 3000 agree by chance */
        run(g);
        assert_memory_equal(first, adah_node_value(y), sizeof first);
        adah_graph_set_seed(g, 6);
        run(g);
        assert_memory_not_equal(first, adah_node_value(y), sizeof first);
        adah_graph_free(g);

        g = adah_graph_create(backends[i], ADAH_GRAPH_INFER);
        x = adah_graph_input(g, ADAH_SHAPE2(4, 1000));
        assert_ptr_equal(adah_graph_dropout(g, x, 0.25f), x);
        adah_graph_free(g);
    }
}

/* ---------------------------------------------------------------- backward */

static void double_forward(void *context, const float *const *x, float *y) {
    (void)context;
    for (size_t i = 0; i < 6; i++)
        y[i] = 2 * x[0][i];
}

static void double_backward(void *context, const float *const *x, const float *y, const float *dy, float *const *dx) {
    (void)x, (void)y;
    ++*(int *)context;
    for (size_t i = 0; i < 6 && dx[0]; i++)
        dx[0][i] += 2 * dy[i];
}

static int is_zero(const float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (x[i] != 0)
            return 0;
    return 1;
}

/* x - fc(v, group 1) - double - fc(w, group 2) - y: group 2 alone never reaches the operation. */
static void test_groups(void **state) {
    (void)state;
    for (int i = 0; i < N_BACKENDS; i++) {
        adah_parameters p = {0};
        adah_status status = {0};
        adah_parameter *v = add(&p, "v", ADAH_SHAPE2(3, 4), 1), *w = add(&p, "w", ADAH_SHAPE2(2, 3), 2);
        int n_calls = 0;
        adah_graph *g = adah_graph_create(backends[i], ADAH_GRAPH_TRAIN);
        adah_node *x = adah_graph_input(g, ADAH_SHAPE2(2, 4)), *h = adah_graph_fully_connected(g, x, v, NULL);
        adah_operation op = {"double", double_forward, double_backward, &n_calls};
        adah_node *y = adah_graph_fully_connected(g, adah_graph_operation(g, op, &h, 1, ADAH_SHAPE2(2, 3)), w, NULL);
        adah_node_keep(y);
        build(g);
        fill(adah_node_value(x), 8);
        assert_int_equal(adah_graph_backward(g, 1, &status), ADAH_ERROR_ARGUMENT); /* no forward yet */
        run(g);
        assert_int_equal(adah_graph_backward(g, 1, &status), ADAH_ERROR_ARGUMENT); /* nowhere to add */
        assert_non_null(strstr(status.message, "'v' has no gradient"));
        assert_int_equal(adah_parameters_train(&p, 3, NULL), ADAH_OK);
        assert_null(adah_node_gradient(x));
        adah_graph_clear_gradients(g);
        for (int j = 0; j < 4; j++)
            adah_node_gradient(y)[j] = 1;

        run(g);
        assert_int_equal(adah_graph_backward(g, 2, &status), ADAH_OK);
        assert_int_equal(n_calls, 0);
        assert_true(is_zero(v->gradient, v->n) && !is_zero(w->gradient, w->n));
        float once[6];
        memcpy(once, w->gradient, sizeof once);

        assert_int_equal(adah_graph_backward(g, 1, &status), ADAH_ERROR_ARGUMENT); /* once after each forward */
        run(g);
        assert_int_equal(adah_graph_backward(g, 1, &status), ADAH_OK);
        assert_int_equal(n_calls, 1);
        assert_true(!is_zero(v->gradient, v->n));
        assert_memory_equal(once, w->gradient, sizeof once);

        run(g);
        assert_int_equal(adah_graph_backward(g, 3, &status), ADAH_OK); /* adds */
        for (int j = 0; j < 6; j++)
            assert_true(fabsf(w->gradient[j] - 2 * once[j]) < 1e-5f);
        run(g);
        assert_int_equal(adah_graph_backward(g, 4, &status), ADAH_OK); /* nobody's group */
        assert_int_equal(n_calls, 2);
        adah_graph_clear_gradients(g);
        assert_true(is_zero(adah_node_gradient(y), 4));
        adah_graph_free(g);
        adah_parameters_free(&p);
    }
}

/* Running again computes what depends on the groups that move and on dropout, and nothing else; backward goes on from there. */
static void test_again(void **state) {
    (void)state;
    for (int i = 0; i < N_BACKENDS; i++) {
        float gradient[2][12], value[2][4];
        for (int again = 0; again < 2; again++) {
            adah_parameters p = {0};
            adah_status status = {0};
            adah_parameter *u = add(&p, "u", ADAH_SHAPE2(3, 4), 2), *v = add(&p, "v", ADAH_SHAPE2(3, 3), 1);
            adah_parameter *w = add(&p, "w", ADAH_SHAPE2(2, 3), 2);
            int n_calls = 0;
            adah_graph *g = adah_graph_create(backends[i], ADAH_GRAPH_TRAIN);
            adah_node *x = adah_graph_input(g, ADAH_SHAPE2(2, 4)), *h = adah_graph_fully_connected(g, x, u, NULL);
            h = adah_graph_operation(g, (adah_operation){"double", double_forward, double_backward, &n_calls}, &h, 1,
                                     ADAH_SHAPE2(2, 3));
            adah_node *y = adah_graph_fully_connected(g, adah_graph_fully_connected(g, h, v, NULL), w, NULL);
            adah_node_keep(y);
            assert_int_equal(adah_graph_forward_again(g, &status), ADAH_ERROR_ARGUMENT);
            adah_graph_plan_again(g, 1);
            build(g);
            fill(adah_node_value(x), 8);
            assert_int_equal(adah_graph_forward_again(g, &status), ADAH_ERROR_ARGUMENT); /* nothing to go on from */
            assert_int_equal(adah_parameters_train(&p, 3, NULL), ADAH_OK);
            run(g);
            adah_graph_clear_gradients(g);
            fill(adah_node_gradient(y), 4);
            assert_int_equal(adah_graph_backward(g, 3, &status), ADAH_OK);
            for (size_t j = 0; j < v->n; j++)
                v->value[j] += 0.25f;
            v->version++;
            memset(u->gradient, 0, u->n * sizeof(float));
            if (again)
                u->value[0] += 1000; /* must not be noticed */
            assert_int_equal(again ? adah_graph_forward_again(g, &status) : adah_graph_forward(g, &status), ADAH_OK);
            if (again)
                u->value[0] -= 1000;
            memcpy(value[again], adah_node_value(y), sizeof value[again]);
            adah_graph_clear_gradients(g);
            fill(adah_node_gradient(y), 4);
            assert_int_equal(adah_graph_backward(g, 2, &status), ADAH_OK);
            memcpy(gradient[again], u->gradient, sizeof gradient[again]);
            adah_graph_free(g);
            adah_parameters_free(&p);
        }
        assert_memory_equal(value[0], value[1], sizeof value[0]);
        assert_memory_equal(gradient[0], gradient[1], sizeof gradient[0]);
        assert_false(is_zero(gradient[0], 12));
    }
}

/* An operation without backward stops the gradient: the rounding of codes, for instance. */
static void test_stopped_gradient(void **state) {
    (void)state;
    for (int i = 0; i < N_BACKENDS; i++) {
        adah_parameters p = {0};
        adah_status status = {0};
        adah_parameter *v = add(&p, "v", ADAH_SHAPE2(3, 4), 1);
        assert_int_equal(adah_parameters_train(&p, 1, NULL), ADAH_OK);
        adah_graph *g = adah_graph_create(backends[i], ADAH_GRAPH_TRAIN);
        adah_node *h = adah_graph_fully_connected(g, adah_graph_input(g, ADAH_SHAPE2(2, 4)), v, NULL);
        adah_node *y =
            adah_graph_operation(g, (adah_operation){"double", double_forward, NULL, NULL}, &h, 1, ADAH_SHAPE2(2, 3));
        adah_node_keep(y);
        build(g);
        run(g);
        adah_node_gradient(y)[0] = 1;
        assert_int_equal(adah_graph_backward(g, 1, &status), ADAH_OK);
        assert_true(is_zero(v->gradient, v->n));
        adah_graph_free(g);
        adah_parameters_free(&p);
    }
}

/* ---------------------------------------------------------------- memory that runs out, threads */

typedef struct network {
    adah_graph *g;
    adah_node *x, *y;
} network;

/* A little of everything. */
static network make_network(adah_backend backend, adah_graph_mode mode, const adah_parameters *p) {
    network n = {.g = adah_graph_create(backend, mode)};
    adah_parameter *const *w = p->item;
    n.x = adah_graph_input(n.g, ADAH_SHAPE4(2, 3, 9, 7));
    adah_node *a = adah_graph_convolution(n.g, n.x, w[0], w[1], (adah_window){0, 0, 1, 1, 1, 1, 1, 1, 0}, 1);
    a = adah_graph_relu(n.g, adah_graph_batch_norm(n.g, a, w[5], w[6], w[7]));
    adah_node *both[2] = {adah_graph_convolution(n.g, a, w[2], NULL, unit, 16),
                          adah_graph_max_pool(n.g, a, (adah_window){3, 3, 1, 1, 1, 1, 1, 1, 0})};
    a = adah_graph_concatenate(n.g, both, 2);
    adah_node_keep(a);
    a = adah_graph_max_pool(n.g, a, (adah_window){3, 3, 2, 2, 0, 0, 0, 0, 1});
    n.y = adah_graph_softmax(n.g, adah_graph_fully_connected(n.g, adah_graph_dropout(n.g, a, 0.5f), w[3], w[4]));
    adah_node_keep(n.y);
    return n;
}

static void make_parameters(adah_parameters *p) {
    add(p, "w0", ADAH_SHAPE4(16, 3, 3, 3), 1);
    add(p, "b0", ADAH_SHAPE1(16), 1);
    add(p, "w1", ADAH_SHAPE4(16, 1, 1, 1), 1);
    add(p, "w2", ADAH_SHAPE2(5, 32 * 4 * 3), 1);
    add(p, "b2", ADAH_SHAPE1(5), 1);
    add(p, "w3", ADAH_SHAPE1(16), 1);
    add(p, "b3", ADAH_SHAPE1(16), 1);
    adah_parameter *statistics = add(p, "s3", ADAH_SHAPE2(2, 16), 2);
    for (size_t i = 0; i < statistics->n; i++)
        statistics->value[i] = (float)(i >= 16);
}

static void test_memory_faults(void **state) {
    (void)state;
    adah_parameters p = {0};
    make_parameters(&p);
    for (int i = 0; i < 2 * N_BACKENDS; i++) {
        adah_graph_mode mode = i % 2 ? ADAH_GRAPH_TRAIN : ADAH_GRAPH_INFER;
        uint64_t n = 1;
        for (;; n++) {
            adah_status status = {0};
            adah_memory_fault_at(n);
            network net = make_network(backends[i / 2], mode, &p);
            adah_code code = adah_graph_build(net.g, &status);
            int fired = adah_memory_fault_fired();
            adah_memory_fault_at(0);
            if (fired && code != ADAH_ERROR_MEMORY)
                fail_msg("allocation %d failed, but build gave %d: %s", (int)n, (int)code, status.message);
            if (!fired)
                assert_int_equal(code, ADAH_OK);
            adah_graph_free(net.g);
            if (!fired)
                break;
        }
        assert_in_range(n, 40, 1000);
    }
    adah_parameters_free(&p);

    for (uint64_t n = 1;; n++) { /* and parameters */
        adah_parameters q = {0};
        adah_memory_fault_at(n);
        int complete = adah_parameters_add(&q, "w", ADAH_SHAPE2(2, 3), 1) != NULL &&
                       adah_parameters_train(&q, 1, NULL) == ADAH_OK;
        int fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        assert_int_equal(complete, !fired);
        adah_parameters_free(&q);
        if (!fired)
            break;
    }
}

enum { N_OUT = 10 };

typedef struct job {
    network net;
    float result[N_OUT];
    adah_code code;
} job;

static void *run_job(void *context) {
    job *j = context;
    adah_parallel_set_threads(3); /* not what the graph was built with */
    for (int i = 0; i < 20; i++)
        if ((j->code = adah_graph_forward(j->net.g, NULL)) != ADAH_OK)
            return NULL;
    memcpy(j->result, adah_node_value(j->net.y), sizeof j->result);
    return NULL;
}

/* Graphs built here run in other threads, two at a time over the same parameters, and give the same bits. */
static void test_threads(void **state) {
    (void)state;
    adah_parameters p = {0};
    make_parameters(&p);
    job jobs[3];
    for (int i = 0; i < 3; i++) {
        jobs[i].net = make_network(ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER, &p);
        build(jobs[i].net.g);
        fill(adah_node_value(jobs[i].net.x), 2 * 3 * 9 * 7);
    }
    pthread_t thread[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, run_job, &jobs[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_join(thread[i], NULL);
    run(jobs[2].net.g);
    memcpy(jobs[2].result, adah_node_value(jobs[2].net.y), sizeof jobs[2].result);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(jobs[i].code, ADAH_OK);
        assert_memory_equal(jobs[i].result, jobs[2].result, sizeof jobs[i].result);
    }
    for (int i = 0; i < 3; i++)
        adah_graph_free(jobs[i].net.g);
    adah_parameters_free(&p);
}

/* ---------------------------------------------------------------- parameters */

static void test_parameters(void **state) {
    (void)state;
    adah_parameters p = {0};
    adah_parameter *w = add(&p, "w", ADAH_SHAPE4(200, 10, 3, 3), 1);
    add(&p, "v", ADAH_SHAPE2(300, 500), 2);
    assert_null(adah_parameters_add(&p, "w", ADAH_SHAPE1(3), 1)); /* a name twice */
    assert_ptr_equal(adah_parameters_find(&p, "w"), w);
    assert_null(adah_parameters_find(&p, "u"));
    assert_int_equal(adah_parameters_train(&p, 1, NULL), ADAH_OK);
    float *gradient = w->gradient;
    assert_int_equal(adah_parameters_train(&p, 3, NULL), ADAH_OK);
    assert_ptr_equal(w->gradient, gradient); /* the second time changes nothing */
    assert_non_null(adah_parameters_find(&p, "v")->gradient);

    adah_random r = adah_random_seeded(4, 4);
    for (int glorot = 0; glorot < 2; glorot++)
        for (size_t i = 0; i < p.n; i++) {
            adah_parameter *q = p.item[i];
            uint64_t version = q->version;
            (glorot ? adah_parameter_init_glorot : adah_parameter_init_he)(q, &r);
            assert_true(q->version > version);
            double sum = 0, squares = 0, fan_in = i ? 500 : 90, fan_out = i ? 300 : 1800;
            for (size_t j = 0; j < q->n; j++) {
                sum += (double)q->value[j];
                squares += (double)q->value[j] * (double)q->value[j];
            }
            double expected = 2 / (glorot ? fan_in + fan_out : fan_in), variance = squares / (double)q->n;
            assert_true(fabs(variance / expected - 1) < 0.05);
            assert_true(fabs(sum / (double)q->n) < 0.05 * sqrt(expected));
        }
    adah_parameters_free(&p);
    assert_int_equal(p.n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),  cmocka_unit_test(test_misuse),           cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_borrow),  cmocka_unit_test(test_kept_values), cmocka_unit_test(test_statistics), cmocka_unit_test(test_unwanted_input),      cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_groups), cmocka_unit_test(test_again), cmocka_unit_test(test_stopped_gradient), cmocka_unit_test(test_memory_faults),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
