/* (property) Convolutions by Winograd's method, every family of kernels, against the plain loops: values, and the gradients of input, weights
 * and bias, over random shapes. Large batches go through in several chunks. */
#include "base/random.h"
#include "nn/graph/graph.h"
#include "nn/winograd/winograd.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct shape {
    size_t n_batch, n_in, n_out, height, width;
    int pad_top, pad_left, pad_bottom, pad_right, has_bias, relu; /* relu: 0 none, 1, 6 */
    adah_precision precision;
} shape;

typedef struct results {
    float *y, *dx, *dw, *db; /* dx, dw, db: NULL when inferring */
    size_t n_y, n_x, n_w, n_b;
} results;

static float *copy(const float *from, size_t n) {
    float *to = malloc((n + 1) * sizeof *to);
    assert_non_null(to);
    memcpy(to, from, n * sizeof *to);
    return to;
}

static void fill(float *x, size_t n, adah_random *r, float scale) {
    for (size_t i = 0; i < n; i++)
        x[i] = scale * (2 * adah_random_uniform(r) - 1);
}

static adah_parameter *parameter(adah_parameters *p, const char *name, adah_shape s, adah_random *r, float scale) {
    adah_parameter *made = adah_parameters_add(p, name, s, 1);
    assert_non_null(made);
    fill(made->value, made->n, r, scale);
    return made;
}

/* kinks: the values that say where ReLU is near one; NULL: this run's own. */
static results run(const shape *s, adah_backend backend, adah_graph_mode mode, const float *kinks) {
    adah_random r = adah_random_seeded(7, s->n_in * 31 + s->height);
    adah_status status;
    adah_parameters p = {0};
    adah_graph *g = adah_graph_create(backend, mode);
    adah_graph_set_precision(g, s->precision);
    adah_parameter *w = parameter(&p, "w", ADAH_SHAPE4(s->n_out, s->n_in, 3, 3), &r, 1 / sqrtf((float)s->n_in));
    adah_parameter *b = parameter(&p, "b", ADAH_SHAPE1(s->n_out), &r, 1);
    assert_int_equal(adah_parameters_train(&p, 1, &status), ADAH_OK);
    adah_node *x = adah_graph_input(g, ADAH_SHAPE4(s->n_batch, s->n_in, s->height, s->width));
    adah_node_keep(x);
    const adah_window window = {0, 0, 1, 1, s->pad_top, s->pad_left, s->pad_bottom, s->pad_right, 0};
    adah_node *y = adah_graph_convolution(g, x, w, s->has_bias ? b : NULL, window, 1);
    y = s->relu == 1 ? adah_graph_relu(g, y) : s->relu == 6 ? adah_graph_relu6(g, y) : y;
    adah_node_keep(y);
    if (adah_graph_build(g, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    results out = {.n_y = adah_shape_count(adah_node_shape(y)), .n_x = adah_shape_count(adah_node_shape(x)), .n_w = w->n,
                   .n_b = b->n};
    fill(adah_node_value(x), out.n_x, &r, 2);
    assert_int_equal(adah_graph_forward(g, &status), ADAH_OK);
    out.y = copy(adah_node_value(y), out.n_y);
    if (mode == ADAH_GRAPH_TRAIN) {
        adah_graph_clear_gradients(g);
        fill(adah_node_gradient(y), out.n_y, &r, 1);
        for (size_t i = 0; i < out.n_y; i++) { /* whichever side of it, no gradient there */
            const float at = (kinks ? kinks : out.y)[i];
            if (s->relu && (fabsf(at) < 1e-3f || fabsf(at - 6) < 1e-3f))
                adah_node_gradient(y)[i] = 0;
        }
        assert_int_equal(adah_graph_backward(g, 1, &status), ADAH_OK);
        out.dx = copy(adah_node_gradient(x), out.n_x);
        out.dw = copy(w->gradient, w->n);
        out.db = copy(b->gradient, b->n);
        /* The gradient of the input alone, as behind layers that do not learn. */
        float *dy = copy(adah_node_gradient(y), out.n_y);
        assert_int_equal(adah_graph_forward(g, &status), ADAH_OK);
        adah_graph_clear_gradients(g);
        memcpy(adah_node_gradient(y), dy, out.n_y * sizeof *dy);
        assert_int_equal(adah_graph_backward(g, 2, &status), ADAH_OK);
        assert_memory_equal(adah_node_gradient(x), out.dx, out.n_x * sizeof *out.dx);
        free(dy);
    }
    adah_graph_free(g);
    adah_parameters_free(&p);
    return out;
}

static void free_results(results *r) {
    free(r->y);
    free(r->dx);
    free(r->dw);
    free(r->db);
}

/* Close in units of the largest value. */
static void compare(const float *fast, const float *slow, size_t n, const char *what, const char *name, const shape *s) {
    const float tolerance = s->precision == ADAH_BFLOAT16 ? 0.03f : 2e-5f; /* bfloat16 has 8 bits */
    float most = 1e-6f;
    for (size_t i = 0; i < n; i++)
        most = fmaxf(most, fabsf(slow[i]));
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(fast[i] - slow[i]) <= tolerance * most))
            fail_msg("%s, %s %zu of %zu: %g, expected %g (largest %g); batch %zu, %zu to %zu channels, %zu x %zu, padding %d "
                     "%d %d %d, relu %d", name, what, i, n, (double)fast[i], (double)slow[i], (double)most, s->n_batch,
                     s->n_in, s->n_out, s->height, s->width, s->pad_top, s->pad_left, s->pad_bottom, s->pad_right, s->relu);
}

static const char *const families[] = {"avx512_bf16", "avx512", "avx2", "plain"};

static void check(const shape *s) {
    results slow = run(s, ADAH_BACKEND_REFERENCE, ADAH_GRAPH_TRAIN, NULL);
    for (size_t f = 0; f < sizeof families / sizeof *families; f++) {
        if (!adah_winograd_use(families[f]))
            continue;
        results fast = run(s, ADAH_BACKEND_ONEDNN, ADAH_GRAPH_TRAIN, slow.y);
        results inferred = run(s, ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER, NULL);
        compare(fast.y, slow.y, slow.n_y, "value", families[f], s);
        compare(fast.dx, slow.dx, slow.n_x, "gradient of the input", families[f], s);
        compare(fast.dw, slow.dw, slow.n_w, "gradient of weights", families[f], s);
        compare(fast.db, slow.db, slow.n_b, "gradient of the bias", families[f], s);
        assert_memory_equal(fast.y, inferred.y, slow.n_y * sizeof(float));
        free_results(&fast);
        free_results(&inferred);
    }
    adah_winograd_use(NULL);
    free_results(&slow);
}

static void test_chosen_shapes(void **state) {
    (void)state;
    static const shape shapes[] = {
        {1, 16, 16, 1, 1, 1, 1, 1, 1, 1, 0, ADAH_FLOAT32},   /* one position */
        {1, 16, 32, 4, 4, 1, 1, 1, 1, 1, 1, ADAH_FLOAT32},   /* one tile */
        {2, 32, 16, 5, 9, 1, 1, 1, 1, 1, 6, ADAH_FLOAT32},   /* tiles that hang over */
        {3, 48, 80, 7, 6, 0, 0, 0, 0, 0, 1, ADAH_FLOAT32},   /* no padding; a panel and a bit */
        {2, 16, 144, 6, 6, 2, 2, 2, 2, 1, 0, ADAH_FLOAT32},  /* wide padding; three panels */
        {1, 16, 16, 8, 3, 2, 0, 0, 1, 1, 0, ADAH_FLOAT32},   /* padding of one side */
        {9, 128, 64, 14, 14, 1, 1, 1, 1, 1, 1, ADAH_FLOAT32},
        {40, 16, 16, 45, 47, 1, 1, 1, 1, 1, 1, ADAH_FLOAT32}, /* chunks; the last is not full */
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        check(&shapes[i]);
}

static void test_random_shapes(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(3, 1);
    for (int i = 0; i < 25; i++) {
        shape s = {.n_batch = 1 + adah_random_below(&r, 4),
                   .n_in = 16 * (1 + adah_random_below(&r, 4)),
                   .n_out = 16 * (1 + adah_random_below(&r, 6)),
                   .height = 1 + adah_random_below(&r, 14),
                   .width = 1 + adah_random_below(&r, 14),
                   .pad_top = (int)adah_random_below(&r, 3),
                   .pad_left = (int)adah_random_below(&r, 3),
                   .pad_bottom = (int)adah_random_below(&r, 3),
                   .pad_right = (int)adah_random_below(&r, 3),
                   .has_bias = (int)adah_random_below(&r, 2),
                   .relu = (int[]){0, 1, 6}[adah_random_below(&r, 3)]};
        if (s.height + (size_t)(s.pad_top + s.pad_bottom) >= 3 && s.width + (size_t)(s.pad_left + s.pad_right) >= 3)
            check(&s);
    }
}

/* Rounded factors: near the plain loops, and not the same as float32. */
static void test_bf16(void **state) {
    (void)state;
    if (!adah_precision_supported(ADAH_BFLOAT16)) {
        printf("SKIPPED: this processor cannot multiply bfloat16\n");
        return;
    }
    static const shape shapes[] = {{2, 32, 16, 5, 9, 1, 1, 1, 1, 1, 0, ADAH_BFLOAT16},
                                   {3, 48, 80, 7, 6, 0, 0, 0, 0, 0, 0, ADAH_BFLOAT16},
                                   {9, 128, 64, 14, 14, 1, 1, 1, 1, 1, 0, ADAH_BFLOAT16},
                                   {2, 16, 144, 6, 6, 2, 2, 2, 2, 1, 0, ADAH_BFLOAT16}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        check(&shapes[i]);
        assert_int_equal(adah_winograd_use("best"), 1);
        shape exact = shapes[i];
        exact.precision = ADAH_FLOAT32;
        results rounded = run(&shapes[i], ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER, NULL);
        results whole = run(&exact, ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER, NULL);
        assert_memory_not_equal(rounded.y, whole.y, whole.n_y * sizeof(float));
        free_results(&rounded);
        free_results(&whole);
    }
    adah_winograd_use(NULL);
}

static void test_families(void **state) {
    (void)state;
    assert_int_equal(adah_winograd_use("abacus"), 0);
    assert_int_equal(adah_winograd_use("plain"), 1);
    assert_int_equal(adah_winograd_use("best"), 1);
    assert_int_equal(adah_winograd_use(NULL), 1);
}

static int is_taken(size_t n_batch, size_t n_channels, size_t n_side, adah_precision precision) {
    adah_parameters p = {0};
    adah_graph *g = adah_graph_create(ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER);
    adah_graph_set_precision(g, precision);
    adah_parameter *w = adah_parameters_add(&p, "w", ADAH_SHAPE4(n_channels, n_channels, 3, 3), 1);
    adah_node *x = adah_graph_input(g, ADAH_SHAPE4(n_batch, n_channels, n_side, n_side));
    const adah_node *y = adah_graph_convolution(g, x, w, NULL, (adah_window){0, 0, 1, 1, 1, 1, 1, 1, 0}, 1);
    adah_node_keep((adah_node *)(uintptr_t)y);
    assert_int_equal(adah_graph_build(g, NULL), ADAH_OK);
    const int is = adah_winograd_fits(y);
    adah_graph_free(g);
    adah_parameters_free(&p);
    return is;
}

/* A map of one tile is left to the direct method, large maps and large batches are not; kernels asked for by name take all. */
static void test_rule(void **state) {
    (void)state;
    assert_false(is_taken(1, 64, 4, ADAH_FLOAT32));
    assert_true(is_taken(1, 64, 56, ADAH_FLOAT32));
    assert_true(is_taken(32, 64, 8, ADAH_FLOAT32));
    if (adah_precision_supported(ADAH_BFLOAT16))
        assert_true(is_taken(1, 64, 4, ADAH_BFLOAT16));
    assert_true(adah_winograd_use("plain"));
    assert_true(is_taken(1, 64, 4, ADAH_FLOAT32));
    adah_winograd_use(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_chosen_shapes),
        cmocka_unit_test(test_random_shapes),
        cmocka_unit_test(test_bf16),
        cmocka_unit_test(test_families),
        cmocka_unit_test(test_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
