/* (property) Fully connected layers of a batch, every family of kernels, against the plain loops: values, and the gradients of input, weights
 * and bias, over shapes that fill panels, chunks and pieces or do not; on dense inputs and on bags of words; of tokens in encoding, with weights that
 * are kept. */
#include "base/random.h"
#include "nn/graph/product.h"
#include "nn/graph/tokens.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

typedef struct shape {
    size_t n_items, n_in, n_out;
    int has_bias, relu, is_bag;
} shape;

typedef struct results {
    float *array[4]; /* y, dx (NULL of a bag: inputs that are kept are no bags), dw, db */
    size_t n[4];
} results;

static void fill(float *x, size_t n, adah_random *r, float scale) {
    for (size_t i = 0; i < n; i++)
        x[i] = scale * (2 * adah_random_uniform(r) - 1);
}

static void copy(results *out, int which, const float *from, size_t n) {
    assert_non_null(out->array[which] = malloc(n * sizeof *from));
    memcpy(out->array[which], from, n * sizeof *from);
    out->n[which] = n;
}

/* kinks: the values that say where ReLU is near one; NULL: this run's own. The gradients of the parameters start at 0.25. */
static results run(const shape *s, adah_backend backend, const float *kinks) {
    adah_random r = adah_random_seeded(5, s->n_in * 31 + s->n_out);
    adah_status status;
    adah_parameters p = {0};
    adah_graph *g = adah_graph_create(backend, ADAH_GRAPH_TRAIN);
    adah_parameter *w = adah_parameters_add(&p, "w", ADAH_SHAPE2(s->n_out, s->n_in), 1);
    adah_parameter *b = adah_parameters_add(&p, "b", ADAH_SHAPE1(s->n_out), 1);
    assert_int_equal(adah_parameters_train(&p, 1, &status), ADAH_OK);
    fill(w->value, w->n, &r, 1 / sqrtf((float)s->n_in));
    fill(b->value, b->n, &r, 1);
    adah_node *x = adah_graph_input(g, ADAH_SHAPE2(s->n_items, s->n_in));
    if (!s->is_bag)
        adah_node_keep(x);
    adah_node *y = adah_graph_fully_connected(g, x, w, s->has_bias ? b : NULL);
    y = s->relu ? adah_graph_relu(g, y) : y;
    adah_node_keep(y);
    if (adah_graph_build(g, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    results out = {{0}, {0}};
    for (int again = 0; again < 2; again++) { /* the second run is the one that counts: a bag, then, after none */
        fill(adah_node_value(x), s->n_items * s->n_in, &r, 2);
        for (size_t i = 0; again && s->is_bag && i < s->n_items * s->n_in; i++)
            if (adah_random_below(&r, 40))
                adah_node_value(x)[i] = 0;
        assert_int_equal(adah_graph_forward(g, &status), ADAH_OK);
        adah_graph_clear_gradients(g);
        fill(adah_node_gradient(y), s->n_items * s->n_out, &r, 1);
        for (size_t i = 0; s->relu && again && i < s->n_items * s->n_out; i++) /* whichever side of the kink, no gradient there */
            if (fabsf((kinks ? kinks : adah_node_value(y))[i]) < 1e-4f)
                adah_node_gradient(y)[i] = 0;
        for (size_t i = 0; i < w->n; i++)
            w->gradient[i] = 0.25f;
        for (size_t i = 0; i < b->n; i++)
            b->gradient[i] = 0.25f;
        assert_int_equal(adah_graph_backward(g, 1, &status), ADAH_OK);
    }
    copy(&out, 0, adah_node_value(y), s->n_items * s->n_out);
    if (!s->is_bag)
        copy(&out, 1, adah_node_gradient(x), s->n_items * s->n_in);
    copy(&out, 2, w->gradient, w->n);
    copy(&out, 3, b->gradient, b->n);
    adah_graph_free(g);
    adah_parameters_free(&p);
    return out;
}

static void check(const shape *s, const char *family) {
    static const char *const name[] = {"y", "dx", "dw", "db"};
    results slow = run(s, ADAH_BACKEND_REFERENCE, NULL), fast = run(s, ADAH_BACKEND_ONEDNN, slow.array[0]);
    for (int k = 0; k < 4; k++) {
        float largest = 0;
        for (size_t i = 0; i < slow.n[k]; i++)
            largest = fmaxf(largest, fabsf(slow.array[k][i]));
        for (size_t i = 0; i < slow.n[k]; i++)
            if (!(fabsf(fast.array[k][i] - slow.array[k][i]) <= 2e-5f * largest))
                fail_msg("%s, %zu x %zu -> %zu: %s[%zu] is %.9g, expected %.9g", family, s->n_items, s->n_in, s->n_out, name[k], i,
                         (double)fast.array[k][i], (double)slow.array[k][i]);
        free(slow.array[k]);
        free(fast.array[k]);
    }
}

static void test_families(void **state) {
    (void)state;
    static const char *const family[] = {"plain", "avx2", "avx512"};
    static const shape fixed[] = {{16, 1, 1, 1, 0, 0},      {16, 128, 48, 1, 1, 0},  {64, 64, 96, 0, 0, 0},
                                  {128, 129, 50, 1, 1, 0},  {65, 300, 33, 1, 0, 0},  {32, 257, 130, 0, 1, 0},
                                  {128, 400, 100, 1, 1, 1}, {17, 203, 49, 0, 0, 1},  {70, 128, 97, 1, 0, 1},
                                  {130, 20, 300, 1, 1, 0}};
    adah_random r = adah_random_seeded(6, 6);
    for (int f = 0; f < 3; f++) {
        if (!adah_product_use(family[f])) {
            print_message("SKIP: this processor has no kernels \"%s\"\n", family[f]);
            continue;
        }
        for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
            check(&fixed[i], family[f]);
        for (int i = 0; i < 40; i++) {
            const shape s = {16 + adah_random_below(&r, 120), 1 + adah_random_below(&r, 300), 1 + adah_random_below(&r, 150),
                             (int)adah_random_below(&r, 2),   (int)adah_random_below(&r, 2),  (int)adah_random_below(&r, 2)};
            check(&s, family[f]);
        }
    }
    assert_true(adah_product_use(NULL));
}

/* A layer of tokens in encoding: the second run takes weights that are kept, and has the first one's bits. */
static void check_kept(size_t n_rows, size_t n_in, size_t n_out, const char *family) {
    adah_status status;
    adah_parameters p = {0};
    adah_parameter *w = adah_parameters_add(&p, "w", ADAH_SHAPE2(n_out, n_in), 1), *b = adah_parameters_add(&p, "b", ADAH_SHAPE1(n_out), 1);
    adah_random r = adah_random_seeded(7, n_rows * n_in + n_out);
    fill(w->value, w->n, &r, 1 / sqrtf((float)n_in));
    fill(b->value, b->n, &r, 1);
    float *first[2];
    for (int backend = 0; backend < 2; backend++) {
        adah_graph *g = adah_graph_create(backend ? ADAH_BACKEND_REFERENCE : ADAH_BACKEND_ONEDNN, ADAH_GRAPH_INFER);
        adah_node *x = adah_graph_input(g, ADAH_SHAPE3(1, n_rows, n_in));
        adah_node *y = adah_graph_gelu(g, adah_graph_linear(g, x, w, b), ADAH_GELU_EXACT);
        adah_node_keep(y);
        assert_int_equal(adah_graph_build(g, &status), ADAH_OK);
        adah_random values = adah_random_seeded(8, n_rows);
        fill(adah_node_value(x), n_rows * n_in, &values, 2);
        assert_int_equal(adah_graph_forward(g, &status), ADAH_OK);
        assert_non_null(first[backend] = malloc(n_rows * n_out * sizeof(float)));
        memcpy(first[backend], adah_node_value(y), n_rows * n_out * sizeof(float));
        for (int run = 0; run < 2; run++) {
            memset(adah_node_value(y), 0, n_rows * n_out * sizeof(float));
            assert_int_equal(adah_graph_forward(g, &status), ADAH_OK);
            if (memcmp(first[backend], adah_node_value(y), n_rows * n_out * sizeof(float)))
                fail_msg("%s, %zu x %zu -> %zu: another run has other bits", family, n_rows, n_in, n_out);
        }
        adah_graph_free(g);
    }
    for (size_t i = 0; i < n_rows * n_out; i++)
        if (!(fabsf(first[0][i] - first[1][i]) <= 2e-5f))
            fail_msg("%s, %zu x %zu -> %zu: y[%zu] is %.9g, expected %.9g", family, n_rows, n_in, n_out, i, (double)first[0][i],
                     (double)first[1][i]);
    free(first[0]);
    free(first[1]);
    adah_parameters_free(&p);
}

static void test_kept(void **state) {
    (void)state;
    static const char *const family[] = {"plain", "avx2", "avx512"};
    static const size_t shapes[][3] = {{50, 130, 300}, {54, 128, 64}, {55, 40, 700}, {97, 257, 65}, {102, 16, 640}, {200, 300, 515}, {16, 7, 1}};
    for (int f = 0; f < 3; f++) /* test_families tells of those that are skipped */
        for (size_t i = 0; adah_product_use(family[f]) && i < sizeof shapes / sizeof *shapes; i++)
            check_kept(shapes[i][0], shapes[i][1], shapes[i][2], family[f]);
    assert_true(adah_product_use(NULL));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_families), cmocka_unit_test(test_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
