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

extern const adah_extra_term adah_term_picture;

static void assert_near(double x, double expected, double tolerance, const char *what) {
    if (!(fabs(x - expected) <= tolerance))
        fail_msg("%s is %.9g, expected %.9g", what, x, expected);
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

/* ---------------------------------------------------------------- contrast */

enum { B = 5, Q = 8 };

/* What the terms see; copied to double to move in small steps. */
typedef struct wide_batch {
    double h[2][B * Q];
    float similarity[B * B];
} wide_batch;

static void draw(wide_batch *w, adah_random *r) {
    for (size_t i = 0; i < B * Q; i++) {
        w->h[0][i] = (double)(1.98f * adah_random_uniform(r) - 0.99f);
        w->h[1][i] = (double)(1.98f * adah_random_uniform(r) - 0.99f);
    }
    for (size_t i = 0; i < B; i++)
        for (size_t j = 0; j < B; j++)
            w->similarity[i * B + j] = i ? (float)((i + j) % 3) / 2 : 0; /* nothing is similar to item 0 */
}

static double dot(const double *a, const double *b) {
    double sum = 0;
    for (size_t c = 0; c < Q; c++)
        sum += a[c] * b[c];
    return sum;
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

static double contrastive_of(const wide_batch *w) {
    double loss = 0;
    for (size_t i = 0; i < B; i++) {
        double x[B];
        for (size_t j = 0; j < B; j++)
            x[j] = dot(w->h[0] + i * Q, w->h[1] + j * Q) / (Q * TEMPERATURE);
        loss += entropy_of(x, w->similarity + i * B, B) / (B - 1);
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

static void test_contrast(void **state) {
    (void)state;
    static wide_batch w;
    adah_random r = adah_random_seeded(11, 11);
    for (int run = 0; run < 5; run++) {
        draw(&w, &r);
        float h[2][B * Q], scratch[3 * B], g[2][B * Q];
        for (size_t i = 0; i < B * Q; i++) {
            h[0][i] = (float)w.h[0][i];
            h[1][i] = (float)w.h[1][i];
            g[0][i] = g[1][i] = 1;
        }
        const double contrast = adah_contrastive_loss(h[0], h[1], w.similarity, B, Q, (float)TEMPERATURE, 0.7f, g[0], g[1], scratch);
        assert_near(contrast, contrastive_of(&w), 1e-5 * (1 + contrast), "the contrastive term");
        check_derivatives(&w, contrastive_of, w.h[0], B * Q, g[0]);
        check_derivatives(&w, contrastive_of, w.h[1], B * Q, g[1]);
        assert_near(adah_contrastive_loss(h[0], h[1], w.similarity, B, Q, (float)TEMPERATURE, 1, NULL, NULL, scratch), contrast, 0,
                    "the contrastive term alone");
    }
}

/* Nothing is similar to anything: no loss, no derivative. */
/* ---------------------------------------------------------------- the picture part's contrast */

enum { N_PICTURES = 5, N_FINE = 6, N_PICTURE_BITS = 8 };

/* Of x against y, each (n, width) in double: the cross-entropy of the own one. */
static double contrast_of_own(const double *x, const double *y, size_t n, size_t width, double scale) {
    double loss = 0;
    for (size_t i = 0; i < n; i++) {
        double sum = 0, own = 0;
        for (size_t j = 0; j < n; j++) {
            double product = 0;
            for (size_t c = 0; c < width; c++)
                product += x[i * width + c] * y[j * width + c];
            sum += exp(scale * product);
            own = i == j ? scale * product : own;
        }
        loss += log(sum) - own;
    }
    return loss / (double)n;
}

/* The vectors' derivative is that of the loss; the bits' is that by their signs, passed on as it is. */
static void test_pictures_apart(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(12, 12);
    const adah_settings config = {.n_fine = N_FINE, .picture_temperature = 0.07f, .picture_code_temperature = 0.1f,
                                  .picture_code_weight = 0.3f};
    float fine[2][N_PICTURES * N_FINE], code[2][N_PICTURES * N_PICTURE_BITS], pair[N_PICTURES * N_PICTURES];
    float fine_gradient[2][N_PICTURES * N_FINE] = {{0}}, code_gradient[2][N_PICTURES * N_PICTURE_BITS] = {{0}};
    float scratch[3 * N_PICTURES + 4 * N_PICTURES * N_PICTURE_BITS];
    double wide[2][N_PICTURES * N_FINE], sign[2][N_PICTURES * N_PICTURE_BITS];
    for (int m = 0; m < 2; m++) {
        for (size_t i = 0; i < N_PICTURES * N_FINE; i++)
            wide[m][i] = (double)(fine[m][i] = 0.4f * (adah_random_uniform(&r) - 0.5f));
        for (size_t i = 0; i < N_PICTURES * N_PICTURE_BITS; i++) {
            code[m][i] = adah_random_uniform(&r) - 0.5f;
            sign[m][i] = code[m][i] >= 0 ? 1 : -1;
        }
    }
    for (size_t i = 0; i < N_PICTURES * N_PICTURES; i++)
        pair[i] = i % (N_PICTURES + 1) == 0;
    const adah_term_view view = {.config = &config, .n_batch = N_PICTURES, .n_picture_bits = N_PICTURE_BITS,
                                 .fine = fine[0], .other_fine = fine[1], .fine_gradient = fine_gradient[0],
                                 .other_fine_gradient = fine_gradient[1], .picture_code = code[0],
                                 .other_picture_code = code[1], .picture_gradient = code_gradient[0],
                                 .other_picture_gradient = code_gradient[1], .pair = pair, .scratch = scratch};
    const double of_fine = 1 / (double)config.picture_temperature;
    const double of_bits = 1 / ((double)config.picture_code_temperature * N_PICTURE_BITS);
    const double expected = contrast_of_own(wide[0], wide[1], N_PICTURES, N_FINE, of_fine) +
                            (double)config.picture_code_weight * contrast_of_own(sign[0], sign[1], N_PICTURES, N_PICTURE_BITS, of_bits);
    assert_near(adah_term_picture.evaluate(&view, 2), expected, 1e-4 * expected, "the loss");
    for (int m = 0; m < 2; m++) {
        for (size_t i = 0; i < N_PICTURES * N_FINE; i++) {
            const double before = wide[m][i];
            wide[m][i] = before + STEP;
            double slope = contrast_of_own(wide[0], wide[1], N_PICTURES, N_FINE, of_fine);
            wide[m][i] = before - STEP;
            slope = (slope - contrast_of_own(wide[0], wide[1], N_PICTURES, N_FINE, of_fine)) / (2 * STEP);
            wide[m][i] = before;
            assert_near((double)fine_gradient[m][i], 2 * slope, 1e-3 * fabs(slope) + 1e-5, "a derivative of a vector");
        }
        for (size_t i = 0; i < N_PICTURES * N_PICTURE_BITS; i++) {
            const double before = sign[m][i];
            sign[m][i] = before + STEP;
            double slope = contrast_of_own(sign[0], sign[1], N_PICTURES, N_PICTURE_BITS, of_bits);
            sign[m][i] = before - STEP;
            slope = (slope - contrast_of_own(sign[0], sign[1], N_PICTURES, N_PICTURE_BITS, of_bits)) / (2 * STEP);
            sign[m][i] = before;
            assert_near((double)code_gradient[m][i], 0.6 * slope, 1e-3 * fabs(slope) + 1e-5, "a derivative of a bit");
        }
    }
}

static void test_nothing_to_learn(void **state) {
    (void)state;
    float h[B * Q], g[B * Q] = {0}, zeros[B * B] = {0}, scratch[3 * B];
    for (size_t i = 0; i < B * Q; i++)
        h[i] = (float)(i % 7) / 7;
    assert_true(adah_contrastive_loss(h, h, zeros, B, Q, 0.3f, 1, g, g, scratch) == 0);
    for (size_t i = 0; i < B * Q; i++)
        assert_true(g[i] == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classifier),
        cmocka_unit_test(test_classifier_of_large_logits),
        cmocka_unit_test(test_contrast),
        cmocka_unit_test(test_pictures_apart),
        cmocka_unit_test(test_nothing_to_learn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
