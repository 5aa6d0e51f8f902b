/* (unit) SGD and Adam against their formulas in double precision, step by step; clipping, decay, groups, bad gradients. */
#include "base/parallel.h"
#include "nn/graph/optimiser.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { N = 5000, N_STEPS = 6 };

static void fill(float *x, size_t n, uint64_t seed) {
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(adah_random_mix(i, seed) >> 40) * 0x1p-23f - 1;
}

static void make(adah_parameters *p) {
    assert_non_null(adah_parameters_add(p, "a", ADAH_SHAPE1(N), 1));
    assert_non_null(adah_parameters_add(p, "b", ADAH_SHAPE1(3), 4));
    assert_non_null(adah_parameters_add(p, "c", ADAH_SHAPE1(7), 2));
    assert_int_equal(adah_parameters_train(p, 1 | 2 | 4, NULL), ADAH_OK);
    for (size_t i = 0; i < p->n; i++)
        fill(p->item[i]->value, p->item[i]->n, i);
}

static void test_by_hand(void **state) {
    (void)state;
    adah_parameters p = {0};
    adah_parameter *w = adah_parameters_add(&p, "w", ADAH_SHAPE1(2), 1);
    assert_int_equal(adah_parameters_train(&p, 1, NULL), ADAH_OK);
    const float rate[] = {0.1f};

    /* SGD, momentum 0.5, decay 0.1. w = (1, 2), g = (3, 4): m = g + 0.1 w = (3.1, 4.2), w = (0.69, 1.58).
     * g = 0: m = 0.5 m + 0.1 w = (1.619, 2.258), w = (0.5281, 1.3542). */
    adah_optimiser sgd = ADAH_OPTIMISER_INIT;
    sgd.kind = ADAH_SGD;
    sgd.momentum = 0.5f;
    sgd.weight_decay = 0.1f;
    memcpy(w->value, (float[]){1, 2}, 2 * sizeof(float));
    memcpy(w->gradient, (float[]){3, 4}, 2 * sizeof(float));
    assert_true(adah_optimiser_step(&sgd, &p, 1, rate, 1) == 5.0f);
    assert_true(fabsf(w->value[0] - 0.69f) < 1e-6f && fabsf(w->value[1] - 1.58f) < 1e-6f);
    assert_true(w->gradient[0] == 0 && w->gradient[1] == 0);
    assert_true(adah_optimiser_step(&sgd, &p, 1, rate, 2) == 0.0f);
    assert_true(fabsf(w->value[0] - 0.5281f) < 1e-6f && fabsf(w->value[1] - 1.3542f) < 1e-6f);

    /* The first step of Adam is rate times the sign of the gradient, whatever its size. */
    adah_optimiser adam = ADAH_OPTIMISER_INIT;
    memcpy(w->value, (float[]){1, 2}, 2 * sizeof(float));
    memset(w->moment1, 0, 2 * sizeof(float));
    memcpy(w->gradient, (float[]){1e-3f, -50}, 2 * sizeof(float));
    adah_optimiser_step(&adam, &p, 1, rate, 1);
    assert_true(fabsf(w->value[0] - 0.9f) < 1e-5f && fabsf(w->value[1] - 2.1f) < 1e-5f);
    adah_parameters_free(&p);
}

/* Several steps over two groups with rates of their own, clipped by their common norm. */
static void test_against_formulas(void **state) {
    (void)state;
    for (int variant = 0; variant < 8; variant++) {
        adah_optimiser o = ADAH_OPTIMISER_INIT;
        o.kind = variant & 1 ? ADAH_SGD : ADAH_ADAM;
        o.weight_decay = variant & 2 ? 0.05f : 0;
        o.clip_norm = variant & 4 ? 20.0f : 0;
        adah_parameters p = {0};
        make(&p);
        const float rate[] = {0.01f, 9.0f, 0.1f};
        static double w[N + 3], m[N + 3], v[N + 3];
        float untouched[7];
        memcpy(untouched, p.item[2]->value, sizeof untouched);
        for (size_t i = 0; i < N + 3; i++) {
            w[i] = (double)(i < N ? p.item[0]->value[i] : p.item[1]->value[i - N]);
            m[i] = v[i] = 0;
        }
        for (int step = 1; step <= N_STEPS; step++) {
            for (size_t i = 0; i < p.n; i++)
                fill(p.item[i]->gradient, p.item[i]->n, 100 * (size_t)step + i);
            double sum = 0;
            for (size_t i = 0; i < N + 3; i++) {
                double g = (double)(i < N ? p.item[0]->gradient[i] : p.item[1]->gradient[i - N]);
                sum += g * g;
            }
            double norm = sqrt(sum), scale = variant & 4 && norm > 20 ? 20 / norm : 1;
            for (size_t i = 0; i < N + 3; i++) {
                double g = scale * (double)(i < N ? p.item[0]->gradient[i] : p.item[1]->gradient[i - N]);
                double r = i < N ? 0.01 : 0.1, decay = variant & 2 ? 0.05 : 0;
                if (variant & 1) {
                    m[i] = 0.9 * m[i] + g + decay * w[i];
                    w[i] -= r * m[i];
                } else {
                    m[i] = 0.9 * m[i] + 0.1 * g;
                    v[i] = 0.999 * v[i] + 0.001 * g * g;
                    double mean = m[i] / (1 - pow(0.9, step)), variance = v[i] / (1 - pow(0.999, step));
                    w[i] -= r * (mean / (sqrt(variance) + 1e-8) + decay * w[i]);
                }
            }
            uint64_t version = p.item[0]->version;
            float found = adah_optimiser_step(&o, &p, 1 | 4, rate, (uint64_t)step);
            assert_true(fabs((double)found / norm - 1) < 1e-6);
            assert_int_equal(p.item[0]->version, version + 1);
            for (size_t i = 0; i < N + 3; i++) {
                double x = (double)(i < N ? p.item[0]->value[i] : p.item[1]->value[i - N]);
                if (!(fabs(x - w[i]) < 2e-5))
                    fail_msg("variant %d step %d: value %zu is %.9g, expected %.9g", variant, step, i, x, w[i]);
            }
            for (size_t i = 0; i < N; i++)
                assert_true(p.item[0]->gradient[i] == 0);
        }
        assert_memory_equal(untouched, p.item[2]->value, sizeof untouched); /* group 2 took no part */
        assert_true(p.item[2]->gradient[0] != 0);
        adah_parameters_free(&p);
    }
}

static void test_bad_gradients(void **state) {
    (void)state;
    const float bad[] = {NAN, INFINITY, -INFINITY, 3e38f};
    const float rate[] = {1, 1, 1};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        adah_parameters p = {0};
        make(&p);
        float before[3];
        memcpy(before, p.item[1]->value, sizeof before);
        uint64_t version = p.item[1]->version;
        fill(p.item[1]->gradient, 3, 1);
        for (int j = 0; j < 4; j++) /* squares of 3e38 sum to more than a float holds */
            p.item[0]->gradient[N - 1 - j] = bad[i];
        adah_optimiser o = ADAH_OPTIMISER_INIT;
        o.clip_norm = 1;
        assert_false(isfinite(adah_optimiser_step(&o, &p, 1 | 4, rate, 1)));
        assert_memory_equal(before, p.item[1]->value, sizeof before);
        assert_int_equal(p.item[1]->version, version);
        assert_true(p.item[1]->moment1[0] == 0);
        assert_true(p.item[0]->gradient[N - 1] == 0 && p.item[1]->gradient[0] == 0); /* the next step starts afresh */
        adah_parameters_free(&p);
    }
}

/* A parameter that is not trained has no gradient and is passed over. */
static void test_without_gradient(void **state) {
    (void)state;
    adah_parameters p = {0};
    adah_parameter *w = adah_parameters_add(&p, "w", ADAH_SHAPE1(2), 1);
    const adah_optimiser o = ADAH_OPTIMISER_INIT;
    assert_true(adah_optimiser_step(&o, &p, 1, (float[]){1}, 1) == 0);
    assert_int_equal(w->version, 1);
    adah_parameters_free(&p);
}

static void test_threads(void **state) {
    (void)state;
    enum { LARGE = 300001 };
    float *result[2], norm[2];
    for (int i = 0; i < 2; i++) {
        adah_parallel_set_threads(i ? 4 : 1);
        adah_parameters p = {0};
        adah_parameter *w = adah_parameters_add(&p, "w", ADAH_SHAPE1(LARGE), 1);
        assert_int_equal(adah_parameters_train(&p, 1, NULL), ADAH_OK);
        fill(w->gradient, LARGE, 1);
        adah_optimiser o = ADAH_OPTIMISER_INIT;
        o.clip_norm = 1;
        norm[i] = adah_optimiser_step(&o, &p, 1, (float[]){1}, 1);
        result[i] = malloc(LARGE * sizeof(float));
        assert_non_null(result[i]);
        memcpy(result[i], w->value, LARGE * sizeof(float));
        adah_parameters_free(&p);
    }
    adah_parallel_set_threads(0);
    assert_true(norm[0] == norm[1]);
    assert_memory_equal(result[0], result[1], LARGE * sizeof(float));
    free(result[0]);
    free(result[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),       cmocka_unit_test(test_against_formulas),
        cmocka_unit_test(test_bad_gradients), cmocka_unit_test(test_without_gradient),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
