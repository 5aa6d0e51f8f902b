/* (property) Vectors for the fine order: rounded to bytes they keep their direction, and cosines are those of plain sums. */
#include "base/random.h"
#include "codes/fine.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 37 };

static float cosine(const int8_t *a, const int8_t *b, size_t n) {
    double ab = 0, aa = 0, bb = 0;
    for (size_t k = 0; k < n; k++) {
        ab += (double)a[k] * b[k];
        aa += (double)a[k] * a[k];
        bb += (double)b[k] * b[k];
    }
    return aa > 0 && bb > 0 ? (float)(ab / sqrt(aa * bb)) : ADAH_NO_SCORE;
}

static void test_cosines(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(1, 2);
    static int8_t query[ADAH_FINE_MAX], all[N][ADAH_FINE_MAX];
    for (size_t n_fine = 8; n_fine <= ADAH_FINE_MAX; n_fine += 8) {
        const int8_t *vector[N];
        float found[N];
        for (size_t k = 0; k < n_fine; k++)
            query[k] = n_fine % 64 ? (int8_t)adah_random_below(&r, 256) : -128;
        for (size_t i = 0; i < N; i++) {
            for (size_t k = 0; k < n_fine; k++)
                all[i][k] = i % 5 == 0 ? 0 : i % 5 == 1 ? (int8_t)-128 : (int8_t)adah_random_below(&r, 256);
            vector[i] = i % 7 ? all[i] : NULL;
        }
        adah_fine_cosines(query, vector, N, n_fine, found);
        for (size_t i = 0; i < N; i++)
            assert_true(found[i] == (vector[i] ? cosine(query, vector[i], n_fine) : ADAH_NO_SCORE));
        for (size_t i = 0; i < N; i++)
            assert_int_equal(adah_fine_is_there(all[i], n_fine), i % 5 != 0);
        memset(query, 0, sizeof query);
        adah_fine_cosines(query, vector, N, n_fine, found);
        for (size_t i = 0; i < N; i++)
            assert_true(found[i] == ADAH_NO_SCORE);
    }
}

/* No value is off by more than half a step, of which the largest has 127; so the cosines of two vectors are, too, nearly theirs. */
static void test_rounding(void **state) {
    (void)state;
    enum { N_FINE = 64 };
    adah_random r = adah_random_seeded(3, 4);
    for (int scale = -20; scale <= 20; scale++) {
        float v[2][N_FINE];
        int8_t rounded[2][N_FINE];
        double ab = 0, aa = 0, bb = 0;
        for (size_t k = 0; k < N_FINE; k++) {
            v[0][k] = ldexpf(2 * adah_random_uniform(&r) - 1, scale);
            v[1][k] = v[0][k] / 3 + ldexpf(2 * adah_random_uniform(&r) - 1, scale);
            ab += (double)v[0][k] * (double)v[1][k];
            aa += (double)v[0][k] * (double)v[0][k];
            bb += (double)v[1][k] * (double)v[1][k];
        }
        adah_fine_round(v[0], 2, N_FINE, rounded[0]);
        for (size_t i = 0; i < 2; i++) {
            float most = 0;
            int largest = 0;
            for (size_t k = 0; k < N_FINE; k++) {
                most = fmaxf(most, fabsf(v[i][k]));
                largest = abs(rounded[i][k]) > largest ? abs(rounded[i][k]) : largest;
            }
            assert_int_equal(largest, 127);
            for (size_t k = 0; k < N_FINE; k++)
                assert_true(fabs((double)v[i][k] / (double)most * 127 - rounded[i][k]) <= 0.5001);
        }
        assert_true(fabs((double)cosine(rounded[0], rounded[1], N_FINE) - ab / sqrt(aa * bb)) < 0.01);
    }
}

/* What has no direction becomes none. */
static void test_no_direction(void **state) {
    (void)state;
    float v[3][8] = {{0}, {1, 2, INFINITY}, {-0.0F}};
    int8_t rounded[3][8];
    memset(rounded, 1, sizeof rounded);
    adah_fine_round(v[0], 3, 8, rounded[0]);
    for (size_t i = 0; i < 3; i++)
        assert_false(adah_fine_is_there(rounded[i], 8));
}

/* By their definitions in fine.h; how many candidates there are never jumps by more than a step, as collections grow. */
static void test_scores_and_candidates(void **state) {
    (void)state;
    assert_true(adah_fine_score(1, 0, 64) == 1 && adah_fine_score(-1, 64, 64) == -1);
    assert_true(adah_fine_score(ADAH_NO_SCORE, 0, 64) == ADAH_NO_SCORE);
    assert_true(fabsf(adah_fine_score(0.5F, 16, 64) - (0.5F + 0.5F / 4) / 1.25F) < 1e-6F);
    static const struct {
        size_t k, n, across, alike;
    } expected[] = {{10, 0, 32, 32},           {10, 3, 32, 24},          {10, 40, 20, 40},        {10, 400, 100, 400},     {100, 400, 100, 400},
                    {101, 400, 200, 400},      {10, 799, 199, 799},      {10, 10000, 200, 10000}, {10, 100000, 200, 1000}, {10, 1000000, 200, 200},
                    {201, 1000000, 400, 400},  {1001, 100000, 1600, 2000}};
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_int_equal(adah_fine_candidates(adah_fine_tier(expected[i].n, 0), expected[i].k), expected[i].across);
        assert_int_equal(adah_fine_candidates(adah_fine_tier(expected[i].n, 1), expected[i].k), expected[i].alike);
    }
    assert_int_equal(adah_fine_candidates(100, SIZE_MAX), SIZE_MAX);
    for (size_t n = 40; n < 30000; n++) {
        const size_t here = adah_fine_tier(n, 1), next = adah_fine_tier(n + 1, 1);
        assert_true(here <= next + 1 && next <= here + 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cosines),
        cmocka_unit_test(test_rounding),
        cmocka_unit_test(test_no_direction),
        cmocka_unit_test(test_scores_and_candidates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
