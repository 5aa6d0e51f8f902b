/* (property) The terms beside the six against loops in double written straight from their formulas, and their gradients against central
 * differences of those loops. */
#include "base/random.h"
#include "learn/terms.h"
#include "nn/graph/cross_entropy.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define STEP 1e-6

static void assert_near(double x, double expected, double tolerance, const char *what) {
    if (!(fabs(x - expected) <= tolerance))
        fail_msg("%s is %.9g, expected %.9g", what, x, expected);
}

static void test_quantisation(void **state) {
    (void)state;
    enum { N = 3, Q = 24 };
    float h[N * Q], gradient[N * Q];
    double expected = 0;
    adah_random r = adah_random_seeded(9, 9);
    for (size_t i = 0; i < N * Q; i++) {
        h[i] = 1.98f * adah_random_uniform(&r) - 0.99f;
        h[i] += h[i] >= 0 ? 0.005f : -0.005f; /* away from the jump of the sign */
        gradient[i] = 1;
        const double gap = (double)h[i] - (h[i] >= 0 ? 1 : -1);
        expected += gap * gap / Q / N;
    }
    assert_near(adah_quantisation_loss(h, N, Q, 1, NULL), expected, 1e-6, "the loss");
    assert_near(adah_quantisation_loss(h, N, Q, 0.7f, gradient), expected, 1e-6,
                "the loss, which has no weight in it");
    for (size_t i = 0; i < N * Q; i++) {
        const double x = (double)h[i], sign = x >= 0 ? 1 : -1;
        const double slope =
            ((x + STEP - sign) * (x + STEP - sign) - (x - STEP - sign) * (x - STEP - sign)) / (2 * STEP);
        assert_near((double)gradient[i] - 1, 0.7 * slope / (N * Q), 1e-6, "a derivative");
    }
    float corner[8] = {0, -0.0f, 1, -1, 0.5f, -0.5f, 2, -2}; /* sign(0) = +1 */
    assert_near(adah_quantisation_loss(corner, 1, 8, 1, NULL), (1 + 1 + 0 + 0 + 0.25 + 0.25 + 1 + 1) / 8.0, 1e-7,
                "the loss at the corners");
}

enum { LABELLED_MAX = 6, LABELS_MAX = 9 };

/* Mean cross-entropy over the rows that have labels. */
static double brute_classifier(const double *x, const float *target, size_t n, size_t n_labels) {
    double loss = 0;
    size_t n_labelled = 0;
    for (size_t i = 0; i < n; i++) {
        double sum = 0, mass = 0;
        for (size_t l = 0; l < n_labels; l++) {
            sum += exp(x[i * n_labels + l]);
            mass += (double)target[i * n_labels + l];
        }
        n_labelled += mass > 0;
        for (size_t l = 0; l < n_labels; l++)
            loss -= (double)target[i * n_labels + l] * log(exp(x[i * n_labels + l]) / sum);
    }
    return n_labelled ? loss / (double)n_labelled : 0;
}

/* Rows with 0, 1, 2, ... labels. */
static void test_classifier(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(10, 10);
    for (size_t n = 1; n <= LABELLED_MAX; n++)
        for (size_t n_labels = 1; n_labels <= LABELS_MAX; n_labels++) {
            float x[LABELLED_MAX * LABELS_MAX], target[LABELLED_MAX * LABELS_MAX] = {0};
            float gradient[LABELLED_MAX * LABELS_MAX] = {0};
            double wide[LABELLED_MAX * LABELS_MAX];
            for (size_t i = 0; i < n; i++) {
                const size_t m = i % (n_labels < 4 ? n_labels + 1 : 4); /* row 0 has none */
                for (size_t l = 0; l < n_labels; l++) {
                    x[i * n_labels + l] = 6 * adah_random_uniform(&r) - 3;
                    wide[i * n_labels + l] = (double)x[i * n_labels + l];
                    target[i * n_labels + l] = l < m ? 1.0f / (float)m : 0;
                }
            }
            const double loss = adah_classifier_loss(x, target, n, n_labels, 2.5f, gradient);
            assert_near(loss, brute_classifier(wide, target, n, n_labels), 1e-5 * (1 + loss), "the loss");
            assert_near(adah_classifier_loss(x, target, n, n_labels, 1, NULL), loss, 0, "the loss alone");
            for (size_t i = 0; i < n * n_labels; i++) {
                const double before = wide[i];
                wide[i] = before + STEP;
                double slope = brute_classifier(wide, target, n, n_labels);
                wide[i] = before - STEP;
                slope = (slope - brute_classifier(wide, target, n, n_labels)) / (2 * STEP);
                wide[i] = before;
                assert_near((double)gradient[i], 2.5 * slope, 1e-3 * fabs(2.5 * slope) + 1e-6, "a derivative");
                if (i < n_labels)
                    assert_true(gradient[i] == 0); /* no labels: left out */
            }
        }
}

static void test_classifier_of_large_logits(void **state) {
    (void)state;
    const float x[6] = {900, -900, 0, -3e4f, -3e4f, -3e4f};
    const float target[6] = {1, 0, 0, 0, 0.5f, 0.5f};
    float gradient[6] = {0};
    assert_near(adah_classifier_loss(x, target, 2, 3, 1, gradient), log(3) / 2, 1e-3, "the loss");
    const double expected[6] = {0, 0, 0, 1.0 / 6, 1.0 / 6 - 0.25, 1.0 / 6 - 0.25};
    for (int i = 0; i < 6; i++)
        assert_near((double)gradient[i], expected[i], 1e-3, "a derivative");
}

/* ---------------------------------------------------------------- balance, proxies, contrast */

enum { B = 5, BANK = 4, Q = 8, L = 3, COLUMNS = B + BANK };

/* What the terms see; copied to double to move in small steps. */
typedef struct wide_batch {
    double h[2][B * Q], bank[BANK * Q], proxy[L * Q];
    float target[B * L], similarity[B * COLUMNS];
} wide_batch;

static void draw(wide_batch *w, adah_random *r) {
    for (size_t i = 0; i < B * Q; i++) {
        w->h[0][i] = (double)(1.98f * adah_random_uniform(r) - 0.99f);
        w->h[1][i] = (double)(1.98f * adah_random_uniform(r) - 0.99f);
    }
    for (size_t i = 0; i < BANK * Q; i++)
        w->bank[i] = (double)(1.98f * adah_random_uniform(r) - 0.99f);
    for (size_t i = 0; i < L * Q; i++)
        w->proxy[i] = (double)(1.98f * adah_random_uniform(r) - 0.99f);
    for (size_t i = 0; i < B; i++) {
        const size_t n = i % (L + 1); /* row 0 has no labels, and nothing is similar to it */
        for (size_t l = 0; l < L; l++)
            w->target[i * L + l] = l < n ? 1.0f / (float)n : 0;
        for (size_t j = 0; j < COLUMNS; j++)
            w->similarity[i * COLUMNS + j] = i ? (float)((i + j) % 3) / 2 : 0;
    }
}

static double dot(const double *a, const double *b) {
    double sum = 0;
    for (size_t c = 0; c < Q; c++)
        sum += a[c] * b[c];
    return sum;
}

static double balance_of(const wide_batch *w) {
    double loss = 0;
    for (size_t c = 0; c < Q; c++) {
        double mean = 0;
        for (size_t i = 0; i < B; i++)
            mean += w->h[0][i * Q + c] / B;
        loss += mean * mean / Q;
    }
    return loss;
}

/* Cross-entropy of n logits against weights that are divided by their sum. */
static double entropy_of(const double *x, const float *weight, size_t n) {
    double sum = 0, mass = 0, loss = 0;
    for (size_t l = 0; l < n; l++) {
        sum += exp(x[l]);
        mass += (double)weight[l];
    }
    for (size_t l = 0; l < n && mass > 0; l++)
        loss -= (double)weight[l] / mass * log(exp(x[l]) / sum);
    return loss;
}

#define TEMPERATURE 0.3

static double proxy_of(const wide_batch *w) {
    double loss = 0;
    for (size_t i = 0; i < B; i++) {
        double x[L];
        for (size_t l = 0; l < L; l++) {
            const double *h = w->h[0] + i * Q, *c = w->proxy + l * Q;
            x[l] = dot(h, c) / sqrt(dot(h, h) * dot(c, c)) / TEMPERATURE;
        }
        loss += entropy_of(x, w->target + i * L, L) / (B - 2); /* two of the five have no labels */
    }
    return loss;
}

static double contrastive_of(const wide_batch *w) {
    double loss = 0;
    for (size_t i = 0; i < B; i++) {
        double x[COLUMNS];
        for (size_t j = 0; j < COLUMNS; j++)
            x[j] = dot(w->h[0] + i * Q, j < B ? w->h[1] + j * Q : w->bank + (j - B) * Q) / (Q * TEMPERATURE);
        loss += entropy_of(x, w->similarity + i * COLUMNS, COLUMNS) / (B - 1);
    }
    return loss;
}

/* gradient is 1 + 0.7 * the derivative of loss_of with respect to x (n), which lies in w. */
static void check_derivatives(const wide_batch *w, double (*loss_of)(const wide_batch *), double *x, size_t n,
                              const float *gradient) {
    for (size_t i = 0; i < n; i++) {
        const double before = x[i];
        x[i] = before + STEP;
        double slope = loss_of(w);
        x[i] = before - STEP;
        slope = (slope - loss_of(w)) / (2 * STEP);
        x[i] = before;
        assert_near((double)gradient[i] - 1, 0.7 * slope, 1e-3 * fabs(slope) + 2e-6, "a derivative");
    }
}

static void test_balance_proxies_contrast(void **state) {
    (void)state;
    static wide_batch w;
    adah_random r = adah_random_seeded(11, 11);
    for (int run = 0; run < 5; run++) {
        draw(&w, &r);
        float h[2][B * Q], bank[BANK * Q], proxy[L * Q], scratch[2 * B * L + 3 * COLUMNS], g[4][B * Q];
        for (size_t i = 0; i < B * Q; i++) {
            h[0][i] = (float)w.h[0][i];
            h[1][i] = (float)w.h[1][i];
            g[0][i] = g[1][i] = g[2][i] = g[3][i] = 1;
        }
        for (size_t i = 0; i < BANK * Q; i++)
            bank[i] = (float)w.bank[i];
        for (size_t i = 0; i < L * Q; i++)
            proxy[i] = (float)w.proxy[i];
        assert_near(adah_balance_loss(h[0], B, Q, 0.7f, g[0]), balance_of(&w), 1e-6, "the balance");
        check_derivatives(&w, balance_of, w.h[0], B * Q, g[0]);
        float g_proxy[L * Q];
        for (size_t i = 0; i < L * Q; i++)
            g_proxy[i] = 1;
        const double by_proxy =
            adah_proxy_loss(h[0], proxy, w.target, B, Q, L, (float)TEMPERATURE, 0.7f, g[1], g_proxy, scratch);
        assert_near(by_proxy, proxy_of(&w), 1e-5 * (1 + by_proxy), "the proxy loss");
        check_derivatives(&w, proxy_of, w.h[0], B * Q, g[1]);
        check_derivatives(&w, proxy_of, w.proxy, L * Q, g_proxy);
        const double contrast = adah_contrastive_loss(h[0], h[1], bank, BANK, w.similarity, B, Q, (float)TEMPERATURE, 0.7f, g[2],
                                                      g[3], scratch);
        assert_near(contrast, contrastive_of(&w), 1e-5 * (1 + contrast), "the contrastive term");
        check_derivatives(&w, contrastive_of, w.h[0], B * Q, g[2]);
        check_derivatives(&w, contrastive_of, w.h[1], B * Q, g[3]);
        assert_near(adah_contrastive_loss(h[0], h[1], bank, BANK, w.similarity, B, Q, (float)TEMPERATURE, 1, NULL, NULL, scratch),
                    contrast, 0, "the contrastive term alone");
    }
}

/* Nothing is similar to anything, no item has a label: no loss, no derivative. */
static void test_nothing_to_learn(void **state) {
    (void)state;
    float h[B * Q], g[B * Q] = {0}, zeros[B * COLUMNS] = {0}, proxy[L * Q], g_proxy[L * Q] = {0}, scratch[2 * B * L + 3 * COLUMNS];
    for (size_t i = 0; i < B * Q; i++)
        h[i] = (float)(i % 7) / 7;
    for (size_t i = 0; i < L * Q; i++)
        proxy[i] = (float)(i % 5) / 5;
    assert_true(adah_contrastive_loss(h, h, NULL, 0, zeros, B, Q, 0.3f, 1, g, g, scratch) == 0);
    assert_true(adah_proxy_loss(h, proxy, zeros, B, Q, L, 0.3f, 1, g, g_proxy, scratch) == 0);
    for (size_t i = 0; i < B * Q; i++)
        assert_true(g[i] == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantisation),
        cmocka_unit_test(test_classifier),
        cmocka_unit_test(test_classifier_of_large_logits),
        cmocka_unit_test(test_balance_proxies_contrast),
        cmocka_unit_test(test_nothing_to_learn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
