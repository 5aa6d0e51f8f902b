/* (property) The objectives of DCMH and ACMR against loops in double written straight from the papers' equations, their gradients against
 * central differences of those loops, and the kernel of the shallow rivals against its definition. */
#include "base/parallel.h"
#include "base/random.h"
#include "rivals/acmr.h"
#include "rivals/dcmh.h"
#include "rivals/rival_network.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { N_MAX = 21, Q_MAX = 24, CODES_MAX = N_MAX * Q_MAX };
#define STEP 1e-6

typedef struct codes {
    size_t n, q;
    double wide[2][CODES_MAX]; /* image, text */
    float narrow[2][CODES_MAX];
    float similar[N_MAX * N_MAX]; /* symmetric, 1 on the diagonal */
} codes;

static codes draw(size_t n, size_t q, double size, adah_random *r) {
    codes c = {.n = n, .q = q};
    size_t class[N_MAX];
    for (int m = 0; m < 2; m++)
        for (size_t i = 0; i < n * q; i++) {
            c.narrow[m][i] = (float)size * (2 * adah_random_uniform(r) - 1);
            c.wide[m][i] = (double)c.narrow[m][i];
        }
    for (size_t i = 0; i < n; i++)
        class[i] = (size_t)adah_random_below(r, 3);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++)
            c.similar[i * n + j] = class[i] == class[j];
    return c;
}

static void assert_near(double x, double expected, double tolerance, const char *what) {
    if (!(fabs(x - expected) <= tolerance))
        fail_msg("%s is %.9g, expected %.9g", what, x, expected);
}

/* ---------------------------------------------------------------- DCMH */

/* The terms of J with a row of the batch in them, for side m; B as the codes were in `narrow`. */
static void brute_dcmh(const codes *c, int m, const size_t *row, size_t n_batch, double loss[ADAH_DCMH_N_LOSSES]) {
    const double *own = c->wide[m], *other = c->wide[1 - m], all = (double)(n_batch * c->n);
    memset(loss, 0, ADAH_DCMH_N_LOSSES * sizeof *loss);
    for (size_t i = 0; i < n_batch; i++)
        for (size_t j = 0; j < c->n; j++) {
            double theta = 0;
            for (size_t k = 0; k < c->q; k++)
                theta += own[row[i] * c->q + k] * other[j * c->q + k] / 2;
            loss[ADAH_DCMH_SIMILARITY] -= ((double)c->similar[row[i] * c->n + j] * theta - log(1 + exp(theta))) / all;
        }
    for (size_t i = 0; i < n_batch; i++)
        for (size_t k = 0; k < c->q; k++) {
            const size_t at = row[i] * c->q + k;
            const double b = c->narrow[0][at] + c->narrow[1][at] >= 0 ? 1 : -1;
            loss[ADAH_DCMH_QUANTISATION] += (b - own[at]) * (b - own[at]) / all;
        }
    for (size_t k = 0; k < c->q; k++) {
        double sum = 0;
        for (size_t j = 0; j < c->n; j++)
            sum += own[j * c->q + k];
        loss[ADAH_DCMH_BALANCE] += sum * sum / all;
    }
}

static double weighted_dcmh(const codes *c, int m, const size_t *row, size_t n_batch, double gamma, double eta) {
    double loss[ADAH_DCMH_N_LOSSES];
    brute_dcmh(c, m, row, n_batch, loss);
    return loss[ADAH_DCMH_SIMILARITY] + gamma * loss[ADAH_DCMH_QUANTISATION] + eta * loss[ADAH_DCMH_BALANCE];
}

static void check_dcmh(codes *c, int m, size_t n_batch, float gamma, float eta, adah_random *r) {
    size_t row[N_MAX];
    float similar[N_MAX * N_MAX];
    float gradient[CODES_MAX], row_loss[N_MAX];
    double expected[ADAH_DCMH_N_LOSSES], loss[ADAH_DCMH_N_LOSSES] = {0.5, 0.5, 0.5};
    adah_random_permutation(r, c->n, row);
    for (size_t i = 0; i < n_batch; i++)
        memcpy(similar + i * c->n, c->similar + row[i] * c->n, c->n * sizeof *similar);
    for (size_t i = 0; i < n_batch * c->q; i++)
        gradient[i] = 0.25f; /* the derivative is added to what is there */
    const adah_dcmh_side side = {.n = c->n, .n_batch = n_batch, .n_bits = c->q, .own = c->narrow[m], .other = c->narrow[1 - m],
                                 .row = row, .similar = similar, .gamma = gamma, .eta = eta, .row_loss = row_loss};
    adah_dcmh_evaluate(&side, loss, gradient);
    brute_dcmh(c, m, row, n_batch, expected);
    for (int t = 0; t < ADAH_DCMH_N_LOSSES; t++)
        assert_near(loss[t] - 0.5, expected[t], 1e-5 * (1 + fabs(expected[t])), "a term of DCMH");
    for (size_t i = 0; i < n_batch; i++)
        for (size_t k = 0; k < c->q; k++) {
            double *x = &c->wide[m][row[i] * c->q + k];
            const double before = *x;
            *x = before + STEP;
            double slope = weighted_dcmh(c, m, row, n_batch, (double)gamma, (double)eta);
            *x = before - STEP;
            slope = (slope - weighted_dcmh(c, m, row, n_batch, (double)gamma, (double)eta)) / (2 * STEP);
            *x = before;
            assert_near((double)gradient[i * c->q + k] - 0.25, slope, 1e-3 * fabs(slope) + 2e-6, "a derivative of DCMH");
        }
}

static void test_dcmh(void **state) {
    (void)state;
    static const float weight[][2] = {{0, 0}, {1, 1}, {3, 0}, {0, 0.5f}};
    adah_random r = adah_random_seeded(1, 1);
    for (size_t n = 2; n <= N_MAX; n += 19)
        for (size_t w = 0; w < 4; w++)
            for (int m = 0; m < 2; m++) {
                codes c = draw(n, w % 2 ? 8 : Q_MAX, 1.5, &r);
                check_dcmh(&c, m, n > 2 ? 7 : 2, weight[w][0], weight[w][1], &r);
            }
}

/* Products that overflow an exponential. */
static void test_dcmh_of_large_codes(void **state) {
    (void)state;
    const float own[2] = {100, -100}, other[2] = {50, 50};
    const size_t row[2] = {0, 1};
    const float similar[4] = {1, 0, 1, 0};
    float gradient[2] = {0}, row_loss[2];
    double loss[ADAH_DCMH_N_LOSSES] = {0};
    const adah_dcmh_side side = {.n = 2, .n_batch = 2, .n_bits = 1, .own = own, .other = other, .row = row, .similar = similar,
                                 .row_loss = row_loss};
    adah_dcmh_evaluate(&side, loss, gradient);
    /* Theta is 2500 in row 0, -2500 in row 1: each misses one of its two pairs by 2500. */
    assert_near(loss[ADAH_DCMH_SIMILARITY], (2500 + 2500) / 4.0, 1e-3, "the likelihood");
    assert_near((double)gradient[0], 25 / 4.0, 1e-5, "the derivative of row 0");
    assert_near((double)gradient[1], -25 / 4.0, 1e-5, "the derivative of row 1");
}

/* ---------------------------------------------------------------- ACMR */

static double distance(const codes *c, size_t i, size_t j) {
    double sum = 0;
    for (size_t k = 0; k < c->q; k++) {
        const double gap = c->wide[0][i * c->q + k] - c->wide[1][j * c->q + k];
        sum += gap * gap;
    }
    return sqrt(sum);
}

/* Item by item and direction by direction. */
static double brute_structure(const codes *c, double margin) {
    double loss = 0;
    for (int direction = 0; direction < 2; direction++)
        for (size_t i = 0; i < c->n; i++) {
            double near = 0, far = 0, n_near = 0, n_far = 0;
            for (size_t j = 0; j < c->n; j++) {
                const double d = direction == 0 ? distance(c, i, j) : distance(c, j, i);
                if (c->similar[i * c->n + j] > 0) {
                    near += d;
                    n_near++;
                } else {
                    far += fmax(0, margin - d);
                    n_far++;
                }
            }
            loss += (n_near > 0 ? near / n_near : 0) + (n_far > 0 ? far / n_far : 0);
        }
    return loss / (double)(2 * c->n);
}

static void check_structure(codes *c, float margin) {
    float gradient[2][CODES_MAX], scratch[(N_MAX + 1) * N_MAX];
    for (size_t i = 0; i < CODES_MAX; i++)
        gradient[0][i] = gradient[1][i] = 0.25f;
    const double loss = adah_acmr_structure(c->narrow[0], c->narrow[1], c->similar, c->n, c->q, margin, scratch, gradient[0],
                                            gradient[1]);
    assert_near(loss, brute_structure(c, (double)margin), 1e-5 * (1 + loss), "the structure loss");
    for (int m = 0; m < 2; m++)
        for (size_t i = 0; i < c->n * c->q; i++) {
            const double before = c->wide[m][i];
            c->wide[m][i] = before + STEP;
            double slope = brute_structure(c, (double)margin);
            c->wide[m][i] = before - STEP;
            slope = (slope - brute_structure(c, (double)margin)) / (2 * STEP);
            c->wide[m][i] = before;
            assert_near((double)gradient[m][i] - 0.25, slope, 1e-3 * fabs(slope) + 2e-6, "a derivative of the structure loss");
        }
}

static void test_structure(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(2, 2);
    for (size_t n = 2; n <= N_MAX; n += 19)
        for (int p = 0; p < 3; p++) {
            codes c = draw(n, p == 1 ? 8 : Q_MAX, 0.99, &r);
            for (size_t i = 0; i < n * n && p == 2; i++) /* all are similar: no item is far */
                c.similar[i] = 1;
            check_structure(&c, 0);
            check_structure(&c, c.q == 8 ? 2.5f : 4.0f); /* about the mean distance: half of the hinges are active */
        }
}

static void test_structure_of_equal_codes(void **state) {
    (void)state;
    float code[2 * 8], gradient[2][2 * 8] = {{0}, {0}}, scratch[6];
    const float similar[4] = {1, 0, 0, 1};
    for (int i = 0; i < 16; i++)
        code[i] = 0.5f;
    assert_near(adah_acmr_structure(code, code, similar, 2, 8, 1.5f, scratch, gradient[0], gradient[1]), 1.5, 1e-6, "the loss");
    for (int i = 0; i < 16; i++)
        assert_true(gradient[0][i] == 0 && gradient[1][i] == 0); /* the norm has no derivative there */
}

static double brute_modality(const double *image, const double *text, size_t n) {
    double loss = 0;
    for (size_t i = 0; i < n; i++)
        loss += log(1 + exp(-image[i])) + log(1 + exp(text[i]));
    return loss / (double)(2 * n);
}

static void test_modality(void **state) {
    (void)state;
    enum { N = 9 };
    adah_random r = adah_random_seeded(3, 3);
    double wide[2][N];
    float narrow[2][N], gradient[2][N];
    for (int m = 0; m < 2; m++)
        for (int i = 0; i < N; i++) {
            narrow[m][i] = 8 * adah_random_uniform(&r) - 4;
            wide[m][i] = (double)narrow[m][i];
            gradient[m][i] = 1;
        }
    const double loss = adah_acmr_modality(narrow[0], narrow[1], N, -0.5f, gradient[0], gradient[1]);
    assert_near(loss, brute_modality(wide[0], wide[1], N), 1e-6, "the loss");
    for (int m = 0; m < 2; m++)
        for (int i = 0; i < N; i++) {
            const double before = wide[m][i];
            wide[m][i] = before + STEP;
            double slope = brute_modality(wide[0], wide[1], N);
            wide[m][i] = before - STEP;
            slope = (slope - brute_modality(wide[0], wide[1], N)) / (2 * STEP);
            wide[m][i] = before;
            assert_near((double)gradient[m][i] - 1, -0.5 * slope, 1e-6, "a derivative");
        }
    const float far[2] = {-3e4f, 3e4f};
    float none[2] = {0};
    assert_near(adah_acmr_modality(&far[0], &far[1], 1, 1, &none[0], &none[1]), 3e4, 1, "the loss of large logits");
    assert_near((double)none[0], -0.5, 1e-6, "its derivative");
}

/* ---------------------------------------------------------------- kernel, threads */

static void test_kernel(void **state) {
    (void)state;
    enum { N = 5, D = 7, M = 3 };
    adah_random r = adah_random_seeded(4, 4);
    float x[N * D], anchor[M * D], y[N * M];
    const float scale = 0.3f;
    for (int i = 0; i < N * D; i++)
        x[i] = adah_random_normal(&r);
    for (int i = 0; i < M * D; i++)
        anchor[i] = adah_random_normal(&r);
    memcpy(x, anchor, D * sizeof *x); /* item 0 is anchor 0 */
    adah_anchor_kernel kernel = {N, D, M, anchor, &scale};
    const float *const in[] = {x};
    adah_operation_anchor_kernel.forward(&kernel, in, y);
    assert_true(y[0] == 1);
    for (int i = 0; i < N; i++)
        for (int j = 0; j < M; j++) {
            double square = 0;
            for (int c = 0; c < D; c++)
                square += pow((double)x[i * D + c] - (double)anchor[j * D + c], 2);
            assert_near((double)y[i * M + j], exp(-square * (double)scale), 1e-5, "a kernel");
        }
}

/* Any number of threads gives the same bits. */
static void test_same_bits(void **state) {
    (void)state;
    float gradient[2][3][CODES_MAX] = {{{0}}}, scratch[(N_MAX + 1) * N_MAX];
    double loss[2][ADAH_DCMH_N_LOSSES] = {{0}}, structure[2];
    adah_random r = adah_random_seeded(5, 5);
    const codes c = draw(N_MAX, Q_MAX, 1, &r);
    size_t row[N_MAX];
    adah_random_permutation(&r, N_MAX, row);
    for (int run = 0; run < 2; run++) {
        adah_parallel_set_threads(run ? 4 : 1);
        const adah_dcmh_side side = {.n = c.n, .n_batch = c.n, .n_bits = c.q, .own = c.narrow[0], .other = c.narrow[1], .row = row,
                                     .similar = c.similar, .gamma = 1, .eta = 1, .row_loss = scratch};
        adah_dcmh_evaluate(&side, loss[run], gradient[run][0]);
        structure[run] = adah_acmr_structure(c.narrow[0], c.narrow[1], c.similar, c.n, c.q, 3, scratch, gradient[run][1],
                                             gradient[run][2]);
    }
    adah_parallel_set_threads(1);
    assert_memory_equal(loss[0], loss[1], sizeof loss[0]);
    assert_memory_equal(&structure[0], &structure[1], sizeof structure[0]);
    assert_memory_equal(gradient[0], gradient[1], sizeof gradient[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dcmh),
        cmocka_unit_test(test_dcmh_of_large_codes),
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_structure_of_equal_codes),
        cmocka_unit_test(test_modality),
        cmocka_unit_test(test_kernel),
        cmocka_unit_test(test_same_bits),
    };
    adah_parallel_set_threads(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
