/* (property) Every operation of the attention module against obvious loops in double, its backward against central differences
 * of those loops; the straight-through rule at its edges; and the module on a graph. */
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "paper/attention.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { VALUES_MAX = 4096 };
#define STEP 1e-6

static void assert_near(double x, double expected, double tolerance, const char *what, size_t i) {
    if (!(fabs(x - expected) <= tolerance))
        fail_msg("%s[%zu] is %.9g, expected %.9g", what, i, x, expected);
}

/* All items of the batch. */
static void forward(const adah_item_operation *o, adah_mask_extent *e, const float *const *x, float *y) {
    for (size_t b = 0; b < e->n_batch; b++)
        o->forward(e, x, y, b);
}

static void backward(const adah_item_operation *o, adah_mask_extent *e, const float *const *x, const float *y, const float *dy,
                     float *const *dx) {
    for (size_t b = 0; b < e->n_batch; b++)
        o->backward(e, x, y, dy, dx, b);
}

/* ---------------------------------------------------------------- threshold */

static void run_threshold(adah_mask_extent *e, const float *p, float *z, float *dp, const float *dz) {
    forward(&adah_operation_threshold, e, &p, z);
    if (dz) {
        const float *const x[] = {p};
        float *const dx[] = {dp};
        backward(&adah_operation_threshold, e, x, z, dz, dx);
    }
}

/* n a power of two: alpha and P / alpha are exact, so the edges of the rule are too. */
static void test_threshold_at_its_edges(void **state) {
    (void)state;
    adah_mask_extent e = {1, 1, 8, ADAH_POOL_ATTENDED, 1, 0, 0, ADAH_MASK_THRESHOLD};
    const float alpha = 0.125f;
    const float p[8] = {0,         nextafterf(0, 1),        nextafterf(alpha, 0),
                        alpha,     nextafterf(alpha, 1),    nextafterf(2 * alpha, 0),
                        2 * alpha, nextafterf(2 * alpha, 1)};
    const float expected[8] = {0, 0, 0, 1, 1, 1, 1, 1};
    const float passes[8] = {1, 1, 1, 1, 1, 1, 1, 0}; /* |P / alpha - 1| <= 1 */
    float z[8], dp[8], dz[8];
    for (int i = 0; i < 8; i++) {
        dz[i] = (float)(i + 1);
        dp[i] = 100;
    }
    run_threshold(&e, p, z, dp, dz);
    for (size_t i = 0; i < 8; i++) {
        assert_true(z[i] == expected[i]);
        /* dF/dP = dF/d(P / alpha) / alpha, added to what is there */
        assert_near((double)dp[i], 100 + (double)(passes[i] * dz[i]) * 8, 0, "dP", i);
    }
    float none[8];
    backward(&adah_operation_threshold, &e, (const float *const[]){p}, z, dz, (float *const[]){NULL});
    run_threshold(&e, p, none, NULL, NULL);
    assert_memory_equal(z, none, sizeof z);
}

/* The ramp and its slope; it is open like the threshold. */
static void test_soft_mask(void **state) {
    (void)state;
    adah_mask_extent e = {1, 1, 8, ADAH_POOL_ATTENDED, 1, 0, 0, ADAH_MASK_SOFT};
    const float p[8] = {0, 0.0625f, 0.125f, 0.1875f, 0.24f, 0.26f, 0.5f, 1}; /* alpha is 1 / 8 */
    const float expected[8] = {0, 0.25f, 0.5f, 0.75f, 0.96f, 1, 1, 1}, slope[8] = {4, 4, 4, 4, 4, 0, 0, 0};
    float z[8], dp[8] = {0}, dz[8];
    for (size_t i = 0; i < 8; i++)
        dz[i] = (float)(i + 1);
    run_threshold(&e, p, z, dp, dz);
    for (size_t i = 0; i < 8; i++) {
        assert_near((double)z[i], (double)expected[i], 1e-6, "Z", i);
        assert_near((double)dp[i], (double)(slope[i] * dz[i]), 1e-6, "dP", i);
    }
    e.is_open = 1;
    run_threshold(&e, p, z, NULL, NULL);
    for (size_t i = 0; i < 8; i++)
        assert_true(z[i] == 1);
}

/* About half is kept; the same for the same largest position, and other positions draw other masks; nothing is learned. */
static void test_random_mask(void **state) {
    (void)state;
    enum { N = 49 };
    adah_mask_extent e = {N, 1, N, ADAH_POOL_ATTENDED, 1, 0, 0, ADAH_MASK_RANDOM};
    static float p[N * N], z[N * N], again[N * N], dp[N * N], dz[N * N];
    size_t n_kept = 0, n_same = 0;
    for (size_t i = 0; i < N * N; i++) {
        p[i] = i / N == i % N ? 0.5f : 0.01f;
        dz[i] = 1;
    }
    run_threshold(&e, p, z, dp, dz);
    for (size_t i = 0; i < N * N; i++) {
        assert_true(z[i] == 0 || z[i] == 1);
        assert_true(dp[i] == 0);
        n_kept += z[i] == 1;
        n_same += i >= N && z[i] == z[i - N];
        p[i] += 0.1f;
    }
    assert_true(n_kept > N * N * 0.45 && n_kept < N * N * 0.55 && n_same < N * N * 0.55);
    run_threshold(&e, p, again, NULL, NULL);
    assert_memory_equal(z, again, sizeof z);
}

static void test_threshold_against_loops(void **state) {
    (void)state;
    static float p[VALUES_MAX], z[VALUES_MAX], dp[VALUES_MAX], dz[VALUES_MAX];
    static const size_t sizes[][2] = {{1, 1}, {3, 5}, {4, 49}, {2, 169}, {7, 64}, {1, 1000}};
    adah_random r = adah_random_seeded(1, 1);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        adah_mask_extent e = {sizes[s][0], 1, sizes[s][1], ADAH_POOL_ATTENDED, 1, 0, 0, ADAH_MASK_THRESHOLD};
        const size_t n = e.n_batch * e.n_positions;
        const double alpha = 1 / (double)e.n_positions;
        for (size_t i = 0; i < n; i++) {
            do /* not on an edge, where rounding decides */
                p[i] = (float)alpha * 3 * adah_random_uniform(&r);
            while (fabs((double)p[i] / alpha - 1) < 1e-5 || fabs((double)p[i] / alpha - 2) < 1e-5);
            dz[i] = adah_random_uniform(&r) - 0.5f;
            dp[i] = 0;
        }
        run_threshold(&e, p, z, dp, dz);
        for (size_t i = 0; i < n; i++) {
            const double u = (double)p[i] / alpha;
            assert_true(z[i] == (u >= 1 ? 1.0f : 0.0f));
            assert_near((double)dp[i], fabs(u - 1) <= 1 ? (double)dz[i] / alpha : 0,
                        1e-4 * fabs((double)dz[i]) / alpha, "dP", i);
        }
    }
}

/* Open: everything is kept, whatever P; the gradient passes as ever. */
static void test_open_threshold(void **state) {
    (void)state;
    enum { N = 40 };
    float p[N], z[2][N], dz[N], dp[2][N] = {{0}};
    size_t n_shut = 0;
    adah_random r = adah_random_seeded(10, 10);
    for (size_t i = 0; i < N; i++) {
        p[i] = i ? 3 * adah_random_uniform(&r) / N : 0;
        dz[i] = adah_random_uniform(&r) - 0.5f;
    }
    for (int is_open = 0; is_open < 2; is_open++) {
        adah_mask_extent e = {1, 1, N, ADAH_POOL_ATTENDED, 1, is_open, 0, ADAH_MASK_THRESHOLD};
        run_threshold(&e, p, z[is_open], dp[is_open], dz);
    }
    for (size_t i = 0; i < N; i++) {
        assert_true(z[1][i] == 1);
        n_shut += z[0][i] == 0;
    }
    assert_true(n_shut > 0 && n_shut < N);
    assert_memory_equal(dp[0], dp[1], sizeof dp[0]);
}

/* ---------------------------------------------------------------- masking and means */

typedef struct mask_case {
    const adah_item_operation *operation;
    int keep, is_mean;
} mask_case;

static const mask_case mask_cases[] = {
    {&adah_operation_mask_attended, 1, 0},
    {&adah_operation_mask_unattended, 0, 0},
    {&adah_operation_mean_attended, 1, 1},
    {&adah_operation_mean_unattended, 0, 1},
};

static size_t n_outputs(const mask_case *c, const adah_mask_extent *e) {
    return e->n_batch * e->n_channels * (c->is_mean ? 1 : e->n_positions);
}

/* One output: for a mask, f where it is kept; for a mean, the mean of those over the kept positions, or over all. */
static double brute_output(const mask_case *c, const adah_mask_extent *e, const double *f, const double *z,
                           size_t i) {
    const size_t n_p = e->n_positions;
    const size_t item = i / (e->n_channels * (c->is_mean ? 1 : n_p));
    double sum = 0, n_kept = 0;
    if (!c->is_mean)
        return (c->keep ? z[item * n_p + i % n_p] : 1 - z[item * n_p + i % n_p]) * f[i];
    for (size_t p = 0; p < n_p; p++) {
        const double w = c->keep ? z[item * n_p + p] : 1 - z[item * n_p + p];
        sum += w * f[i * n_p + p];
        n_kept += w;
    }
    if (e->pooling == ADAH_POOL_ALL)
        return sum / (double)n_p;
    return n_kept > 0 ? sum / n_kept : 0;
}

/* The outputs weighted by dy. */
static double brute_sum(const mask_case *c, const adah_mask_extent *e, const double *f, const double *z,
                        const float *dy) {
    double sum = 0;
    for (size_t i = 0; i < n_outputs(c, e); i++)
        sum += (double)dy[i] * brute_output(c, e, f, z, i);
    return sum;
}

static double slope_of(const mask_case *c, const adah_mask_extent *e, const double *f, const double *z,
                       const float *dy, double *x) {
    const double before = *x;
    *x = before + STEP;
    const double above = brute_sum(c, e, f, z, dy);
    *x = before - STEP;
    const double below = brute_sum(c, e, f, z, dy);
    *x = before;
    return (above - below) / (2 * STEP);
}

static void random_floats(float *x, double *wide, size_t n, adah_random *r) {
    for (size_t i = 0; i < n; i++) {
        x[i] = 4 * adah_random_uniform(r) - 2;
        if (wide)
            wide[i] = (double)x[i];
    }
}

/* Nothing of an item's side is kept: its mean is 0 by definition and has no slope. */
static int is_empty(const mask_case *c, const adah_mask_extent *e, const float *z, size_t item) {
    for (size_t p = 0; p < e->n_positions; p++)
        if (z[item * e->n_positions + p] == (c->keep ? 1.0f : 0.0f))
            return 0;
    return 1;
}

/* Masks at random; item 0's is empty, the last item's full. */
static void check_mask(const mask_case *c, adah_mask_extent e, adah_random *r) {
    static float f[VALUES_MAX], z[VALUES_MAX], y[VALUES_MAX], dy[VALUES_MAX], df[VALUES_MAX], dz[VALUES_MAX];
    static double wide_f[VALUES_MAX], wide_z[VALUES_MAX];
    const size_t n_f = e.n_batch * e.n_channels * e.n_positions, n_z = e.n_batch * e.n_positions;
    const size_t n_y = n_outputs(c, &e);
    random_floats(f, wide_f, n_f, r);
    random_floats(dy, NULL, n_y, r);
    for (size_t i = 0; i < n_z; i++) {
        const size_t item = i / e.n_positions;
        z[i] = item == 0 && e.n_batch > 1 ? 0 : item + 1 == e.n_batch ? 1 : (float)adah_random_below(r, 2);
        wide_z[i] = (double)z[i];
        dz[i] = 0.5f;
    }
    for (size_t i = 0; i < n_f; i++)
        df[i] = -0.5f;
    const float *const x[] = {f, z};
    forward(c->operation, &e, x, y);
    for (size_t i = 0; i < n_y; i++)
        assert_near((double)y[i], brute_output(c, &e, wide_f, wide_z, i), 1e-5, c->operation->name, i);
    backward(c->operation, &e, x, y, dy, (float *const[]){df, dz});
    for (size_t i = 0; i < n_f; i++)
        assert_near((double)df[i] + 0.5, slope_of(c, &e, wide_f, wide_z, dy, &wide_f[i]), 1e-4, "df", i);
    for (size_t i = 0; i < n_z; i++) {
        const int flat = c->is_mean && e.pooling == ADAH_POOL_ATTENDED && is_empty(c, &e, z, i / e.n_positions);
        const double expected = flat ? 0 : slope_of(c, &e, wide_f, wide_z, dy, &wide_z[i]);
        assert_near((double)dz[i] - 0.5, expected, 1e-3 * fmax(1, fabs(expected)), "dZ", i);
    }
    /* Either gradient alone is the same. */
    static float alone[VALUES_MAX];
    for (size_t i = 0; i < n_f; i++)
        alone[i] = -0.5f;
    backward(c->operation, &e, x, y, dy, (float *const[]){alone, NULL});
    assert_memory_equal(alone, df, n_f * sizeof *df);
    for (size_t i = 0; i < n_z; i++)
        alone[i] = 0.5f;
    backward(c->operation, &e, x, y, dy, (float *const[]){NULL, alone});
    assert_memory_equal(alone, dz, n_z * sizeof *dz);
}

static void test_masks_and_means(void **state) {
    (void)state;
    static const size_t sizes[][3] = {{1, 1, 1}, {2, 1, 24}, {3, 3, 5}, {4, 5, 9}, {5, 2, 49}};
    adah_random r = adah_random_seeded(2, 2);
    for (size_t c = 0; c < 4; c++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int all = 0; all < 2; all++)
                check_mask(&mask_cases[c],
                           (adah_mask_extent){sizes[s][0], sizes[s][1], sizes[s][2],
                                              all ? ADAH_POOL_ALL : ADAH_POOL_ATTENDED, 1, 0, 0, ADAH_MASK_THRESHOLD},
                           &r);
}

/* An empty mask: nothing attended gives 0, not a division by 0; a full one leaves nothing unattended. */
static void test_empty_and_full_masks(void **state) {
    (void)state;
    const float f[6] = {1, -2, 3, 4, 5, -6}, empty[3] = {0, 0, 0}, full[3] = {1, 1, 1};
    for (int all = 0; all < 2; all++) {
        adah_mask_extent e = {1, 2, 3, all ? ADAH_POOL_ALL : ADAH_POOL_ATTENDED, 1, 0, 0, ADAH_MASK_THRESHOLD};
        float y[2] = {9, 9};
        forward(&adah_operation_mean_attended, &e, (const float *const[]){f, empty}, y);
        assert_true(y[0] == 0 && y[1] == 0);
        forward(&adah_operation_mean_unattended, &e, (const float *const[]){f, empty}, y);
        assert_near((double)y[0], 2.0 / 3, 1e-6, "mean", 0);
        assert_near((double)y[1], 1, 1e-6, "mean", 1);
        forward(&adah_operation_mean_unattended, &e, (const float *const[]){f, full}, y);
        assert_true(y[0] == 0 && y[1] == 0);
        forward(&adah_operation_mean_attended, &e, (const float *const[]){f, full}, y);
        assert_near((double)y[0], 2.0 / 3, 1e-6, "mean", 0);
        const float dy[2] = {1, 1};
        float df[6] = {0}, dz[3] = {0};
        backward(&adah_operation_mean_attended, &e, (const float *const[]){f, empty}, (const float[]){0, 0}, dy,
                                              (float *const[]){df, dz});
        for (size_t i = 0; i < 6; i++)
            assert_true(df[i] == 0);
        for (size_t i = 0; i < 3; i++) /* over all positions the slope is there even from nothing: f / n */
            assert_near((double)dz[i], all ? ((double)f[i] + (double)f[3 + i]) / 3 : 0, 1e-6, "dZ", i);
    }
}

/* Z and 1 - Z split f without loss: attended + unattended is f to the bit. */
static void test_the_halves_add_up(void **state) {
    (void)state;
    static float f[VALUES_MAX], z[VALUES_MAX], attended[VALUES_MAX], unattended[VALUES_MAX], sum[VALUES_MAX];
    adah_random r = adah_random_seeded(3, 3);
    adah_mask_extent e = {3, 5, 49, ADAH_POOL_FLATTEN, 1, 0, 0, ADAH_MASK_THRESHOLD};
    const size_t n = 3 * 5 * 49;
    random_floats(f, NULL, n, &r);
    for (size_t i = 0; i < 3 * 49; i++)
        z[i] = (float)adah_random_below(&r, 2);
    const float *const x[] = {f, z};
    forward(&adah_operation_mask_attended, &e, x, attended);
    forward(&adah_operation_mask_unattended, &e, x, unattended);
    for (size_t i = 0; i < n; i++) {
        sum[i] = attended[i] + unattended[i];
        assert_true(attended[i] == 0 || unattended[i] == 0);
    }
    assert_memory_equal(sum, f, n * sizeof *f);
}

/* ---------------------------------------------------------------- on a graph */

typedef struct rig {
    adah_graph *graph;
    adah_parameters parameters;
    adah_settings config;
    adah_status status;
    adah_builder builder;
    adah_node *f;
    adah_attention attention;
} rig;

static void rig_start(rig *r, adah_backend backend, adah_shape shape) {
    *r = (rig){.graph = adah_graph_create(backend, ADAH_GRAPH_TRAIN), .config = {.seed = 4, .attention_threshold = 1}};
    r->builder = (adah_builder){
        .graph = r->graph, .parameters = &r->parameters, .config = &r->config, .creating = 1, .status = &r->status};
    r->f = adah_graph_input(r->graph, shape);
}

static void rig_run(rig *r, adah_random *random) {
    adah_node_keep(r->attention.probability);
    adah_node_keep(r->attention.mask);
    adah_node_keep(r->attention.attended);
    adah_node_keep(r->attention.unattended);
    assert_int_equal(adah_graph_build(r->graph, &r->status), ADAH_OK);
    random_floats(adah_node_value(r->f), NULL, adah_shape_count(adah_node_shape(r->f)), random);
    for (size_t i = 0; i < r->parameters.n; i++) {
        adah_parameter_init_glorot(r->parameters.item[i], random);
        r->parameters.item[i]->version++;
    }
    assert_int_equal(adah_graph_forward(r->graph, &r->status), ADAH_OK);
}

static void rig_end(rig *r) {
    adah_graph_free(r->graph);
    adah_parameters_free(&r->parameters);
}

/* P of logits m in double. */
static void brute_softmax(const double *m, size_t n, double *p) {
    double highest = m[0], sum = 0;
    for (size_t i = 0; i < n; i++)
        highest = fmax(highest, m[i]);
    for (size_t i = 0; i < n; i++)
        sum += p[i] = exp(m[i] - highest);
    for (size_t i = 0; i < n; i++)
        p[i] /= sum;
}

static const float *values_of(const adah_parameters *p, const char *name, size_t n) {
    const adah_parameter *q = adah_parameters_find(p, name);
    assert_non_null(q);
    assert_int_equal(q->n, n);
    assert_int_equal(q->group, ADAH_GROUP_ATTENTION);
    return q->value;
}

/* P and Z of the graph against logits from plain loops. */
static void check_mask_of(rig *r, const double *m, size_t n_batch, size_t n) {
    const float *p = adah_node_value(r->attention.probability), *z = adah_node_value(r->attention.mask);
    for (size_t b = 0; b < n_batch; b++) {
        double expected[64];
        size_t n_attended = 0;
        brute_softmax(m + b * n, n, expected);
        for (size_t i = 0; i < n; i++) {
            assert_near((double)p[b * n + i], expected[i], 1e-5, "P", i);
            if (fabs(expected[i] * (double)n - 1) > 1e-4)
                assert_true(z[b * n + i] == (expected[i] * (double)n >= 1 ? 1.0f : 0.0f));
            n_attended += z[b * n + i] == 1;
        }
        assert_true(n_attended > 0 && n_attended < n);
    }
}

static void test_image_module(void **state) {
    (void)state;
    enum { B = 3, C = 6, H = 4, W = 5, P = H * W };
    static const adah_pooling poolings[] = {ADAH_POOL_ATTENDED, ADAH_POOL_ALL, ADAH_POOL_FLATTEN};
    for (int backend = 0; backend < 2; backend++)
        for (int k = 0; k < 3; k++) {
            rig r;
            adah_random random = adah_random_seeded(6, 6);
            rig_start(&r, (adah_backend)backend, ADAH_SHAPE4(B, C, H, W));
            adah_attention_image(&r.builder, "image", r.f, poolings[k], &r.attention);
            rig_run(&r, &random);
            const float *w = values_of(&r.parameters, "image.attention.weight", C);
            const float *bias = values_of(&r.parameters, "image.attention.bias", 1);
            const float *f = adah_node_value(r.f);
            double m[B * P];
            for (size_t b = 0; b < B; b++)
                for (size_t p = 0; p < P; p++) {
                    m[b * P + p] = (double)bias[0];
                    for (size_t c = 0; c < C; c++)
                        m[b * P + p] += (double)w[c] * (double)f[(b * C + c) * P + p];
                }
            check_mask_of(&r, m, B, P);
            const float *z = adah_node_value(r.attention.mask), *y[2];
            y[0] = adah_node_value(r.attention.attended);
            y[1] = adah_node_value(r.attention.unattended);
            for (size_t b = 0; b < B; b++)
                for (size_t c = 0; c < C; c++) {
                    const float *row = f + (b * C + c) * P;
                    double sum[2] = {0, 0}, count[2] = {0, 0};
                    for (size_t p = 0; p < P; p++) {
                        const int half = z[b * P + p] == 0; /* the mask is one for all channels */
                        sum[half] += (double)row[p];
                        count[half]++;
                        if (k == 2) {
                            assert_true(y[half][(b * C + c) * P + p] == row[p]);
                            assert_true(y[!half][(b * C + c) * P + p] == 0);
                        }
                    }
                    for (int half = 0; half < 2 && k < 2; half++)
                        assert_near((double)y[half][b * C + c], sum[half] / (k ? P : count[half]), 1e-5, "mean", c);
                }
            rig_end(&r);
        }
}

static void test_vector_module(void **state) {
    (void)state;
    enum { B = 3, D = 24 };
    for (int backend = 0; backend < 2; backend++) {
        rig r;
        adah_random random = adah_random_seeded(7, 7);
        rig_start(&r, (adah_backend)backend, ADAH_SHAPE2(B, D));
        adah_attention_vector(&r.builder, "text", r.f, &r.attention);
        rig_run(&r, &random);
        const float *w = values_of(&r.parameters, "text.attention.weight", D * D);
        const float *bias = values_of(&r.parameters, "text.attention.bias", D);
        const float *f = adah_node_value(r.f);
        double m[B * D];
        for (size_t b = 0; b < B; b++)
            for (size_t i = 0; i < D; i++) {
                m[b * D + i] = (double)bias[i];
                for (size_t j = 0; j < D; j++)
                    m[b * D + i] += (double)w[i * D + j] * (double)f[b * D + j];
            }
        check_mask_of(&r, m, B, D);
        for (size_t i = 0; i < B * D; i++) {
            const int attends = adah_node_value(r.attention.mask)[i] == 1;
            assert_true(adah_node_value(r.attention.attended)[i] == (attends ? f[i] : 0));
            assert_true(adah_node_value(r.attention.unattended)[i] == (attends ? 0 : f[i]));
        }
        rig_end(&r);
    }
}

/* A mask opened on a graph that is built, as a training does, keeps everything, and shut again it is as before. */
static void test_open_module(void **state) {
    (void)state;
    enum { B = 2, C = 3, H = 4, W = 4, P = H * W };
    for (int is_map = 0; is_map < 2; is_map++) {
        rig r;
        adah_random random = adah_random_seeded(11, 11);
        rig_start(&r, ADAH_BACKEND_ONEDNN, is_map ? ADAH_SHAPE4(B, C, H, W) : ADAH_SHAPE2(B, P));
        if (is_map)
            adah_attention_image(&r.builder, "image", r.f, ADAH_POOL_ATTENDED, &r.attention);
        else
            adah_attention_vector(&r.builder, "text", r.f, &r.attention);
        assert_int_equal(r.attention.extent.is_open, 0);
        rig_run(&r, &random);
        const float *z = adah_node_value(r.attention.mask), *f = adah_node_value(r.f);
        float shut[B * P];
        memcpy(shut, z, sizeof shut);
        r.attention.extent.is_open = 1;
        assert_int_equal(adah_graph_forward(r.graph, NULL), ADAH_OK);
        assert_memory_not_equal(shut, z, sizeof shut);
        for (size_t i = 0; i < B * P; i++)
            assert_true(z[i] == 1);
        for (size_t i = 0; i < (is_map ? B * C : B * P); i++) {
            double expected = is_map ? 0 : (double)f[i];
            for (size_t p = 0; is_map && p < P; p++)
                expected += (double)f[i * P + p] / P;
            assert_near((double)adah_node_value(r.attention.attended)[i], expected, 1e-5, "attended", i);
            assert_true(adah_node_value(r.attention.unattended)[i] == 0);
        }
        r.attention.extent.is_open = 0;
        assert_int_equal(adah_graph_forward(r.graph, NULL), ADAH_OK);
        assert_memory_equal(shut, z, sizeof shut);
        rig_end(&r);
    }
}

/* Softmax and threshold on a row of n values. */
static size_t count_attended(const float *m, size_t n, adah_backend backend) {
    adah_graph *g = adah_graph_create(backend, ADAH_GRAPH_INFER);
    adah_mask_extent e = {1, 1, n, ADAH_POOL_ATTENDED, 1, 0, 0, ADAH_MASK_THRESHOLD};
    adah_item_operation op = adah_operation_threshold;
    op.context = &e;
    adah_node *x = adah_graph_input(g, ADAH_SHAPE2(1, n)), *p = adah_graph_softmax(g, x);
    adah_node *z = adah_graph_item_operation(g, op, &p, 1, ADAH_SHAPE2(1, n));
    adah_node_keep(z);
    assert_int_equal(adah_graph_build(g, NULL), ADAH_OK);
    memcpy(adah_node_value(x), m, n * sizeof *m);
    assert_int_equal(adah_graph_forward(g, NULL), ADAH_OK);
    size_t n_attended = 0;
    for (size_t i = 0; i < n; i++)
        n_attended += adah_node_value(z)[i] == 1;
    adah_graph_free(g);
    return n_attended;
}

/* Every P is alpha: rounding must not put some below the threshold. And whatever the logits, the most probable
 * position is attended. */
static void test_uniform_attends_to_all(void **state) {
    (void)state;
    static float m[VALUES_MAX];
    adah_random r = adah_random_seeded(8, 8);
    for (size_t n = 1; n <= 600; n += n < 200 ? 1 : 13)
        for (int backend = 0; backend < 2; backend++) {
            const float level = 40 * adah_random_uniform(&r) - 20;
            for (size_t i = 0; i < n; i++)
                m[i] = level;
            assert_int_equal(count_attended(m, n, (adah_backend)backend), n);
            for (size_t i = 0; i < n; i++)
                m[i] = level + (float)adah_random_below(&r, 2) * 1e-6f;
            assert_true(count_attended(m, n, (adah_backend)backend) > 0);
        }
}

/* G's weights at the start. "random": Glorot's, smaller; "energy": M grows with what is active there. */
static void test_start(void **state) {
    (void)state;
    enum { C = 6, P = 16, D = 5 };
    adah_settings config = {.attention_init = 0.2f};
    adah_parameters p = {0};
    adah_parameter *w = adah_parameters_add(&p, "w", ADAH_SHAPE4(1, C, 1, 1), 4);
    adah_parameter *v = adah_parameters_add(&p, "v", ADAH_SHAPE2(D, D), 4);
    float before[D * D];
    adah_random r = adah_random_seeded(9, 9);
    random_floats(w->value, NULL, C, &r);
    random_floats(v->value, NULL, D * D, &r);
    memcpy(before, v->value, sizeof before);
    config.attention_start = ADAH_START_RANDOM;
    adah_attention_start(&config, v);
    for (size_t i = 0; i < D * D; i++)
        assert_near((double)v->value[i], 0.2 * (double)before[i], 1e-6, "random", i);
    config.attention_start = ADAH_START_ENERGY;
    adah_attention_start(&config, v);
    for (size_t i = 0; i < D * D; i++)
        assert_true(v->value[i] == (i % (D + 1) == 0 ? 0.2f : 0)); /* its own element */
    adah_attention_start(&config, w);
    for (size_t i = 1; i < C; i++)
        assert_true(w->value[0] > 0 && w->value[i] == w->value[0]); /* the mean over channels */
    adah_parameters_free(&p);

    /* So a map with half of its positions active starts with those attended. */
    rig g;
    rig_start(&g, ADAH_BACKEND_ONEDNN, ADAH_SHAPE4(1, C, 4, 4));
    g.config.attention_init = 0.1f;
    g.config.attention_start = ADAH_START_ENERGY;
    adah_attention_image(&g.builder, "image", g.f, ADAH_POOL_ATTENDED, &g.attention);
    adah_node_keep(g.attention.mask);
    assert_int_equal(adah_graph_build(g.graph, NULL), ADAH_OK);
    for (size_t i = 0; i < C * P; i++)
        adah_node_value(g.f)[i] = (i % P < P / 2 ? 2.0f : 0.1f) + 0.1f * adah_random_uniform(&r);
    assert_int_equal(adah_graph_forward(g.graph, NULL), ADAH_OK);
    for (size_t i = 0; i < P; i++)
        assert_true(adah_node_value(g.attention.mask)[i] == (i < P / 2 ? 1.0f : 0.0f));
    rig_end(&g);
}

static void test_nothing_in_nothing_out(void **state) {
    (void)state;
    adah_attention a = {.mask = (adah_node *)&a};
    adah_attention_image(NULL, "image", NULL, ADAH_POOL_ALL, &a);
    assert_null(a.mask);
    a.mask = (adah_node *)&a;
    adah_attention_vector(NULL, "text", NULL, &a);
    assert_null(a.mask);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threshold_at_its_edges),
        cmocka_unit_test(test_soft_mask),
        cmocka_unit_test(test_random_mask),
        cmocka_unit_test(test_threshold_against_loops),
        cmocka_unit_test(test_open_threshold),
        cmocka_unit_test(test_masks_and_means),
        cmocka_unit_test(test_empty_and_full_masks),
        cmocka_unit_test(test_the_halves_add_up),
        cmocka_unit_test(test_image_module),
        cmocka_unit_test(test_vector_module),
        cmocka_unit_test(test_open_module),
        cmocka_unit_test(test_uniform_attends_to_all),
        cmocka_unit_test(test_start),
        cmocka_unit_test(test_nothing_in_nothing_out),
    };
    adah_parallel_set_threads(1); /* so little work that threads only wait for each other */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
