/* (unit) test_joint_space.c - random, itq and none: rotations are orthogonal, ITQ's loss never grows and ends where the plain statement
 * of its paper ends, every side is centred by itself, the fine order is the encoder's own, and what they must refuse. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "rivals/joint_space.h"
#include "rivals/linear_algebra.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 400, D = 24 };

static float image[N * D], text[N * D];

/* Two noisy views of one latent of which the first values vary more, each in a cone of its own, of length 1. */
static void make(double gap, uint64_t seed) {
    adah_random r = adah_random_seeded(seed, 1);
    for (size_t i = 0; i < N; i++) {
        double square[2] = {0, 0};
        for (size_t j = 0; j < D; j++) {
            const double latent = (double)adah_random_normal(&r) * 3 / (1 + (double)j / 4);
            for (int side = 0; side < 2; side++) {
                float *x = (side ? text : image) + i * D + j;
                *x = (float)(latent + 0.3 * (double)adah_random_normal(&r) + (j % 2 == (size_t)side ? gap : 0));
                square[side] += (double)*x * (double)*x;
            }
        }
        for (size_t j = 0; j < D; j++) {
            image[i * D + j] /= (float)sqrt(square[0]);
            text[i * D + j] /= (float)sqrt(square[1]);
        }
    }
}

static adah_rival_data data_of(size_t n_fine) { return (adah_rival_data){N, D, D, 0, image, text, NULL, n_fine}; }

typedef struct learned {
    adah_hash_function image, text, fine;
} learned;

static learned learn(const char *name, size_t n_bits, size_t n_fine, uint64_t seed, adah_progress progress) {
    learned l = {{0}, {0}, {0}};
    adah_status status = {0};
    const adah_rival_data data = data_of(n_fine);
    if (adah_rival_learn(adah_method_find(name), &data, n_bits, seed, progress, &l.image, &l.text, &l.fine, &status) != ADAH_OK)
        fail_msg("%s: %s", name, status.message);
    return l;
}

static void release(learned *l) {
    adah_hash_function_free(&l->image);
    adah_hash_function_free(&l->text);
    adah_hash_function_free(&l->fine);
}

static double value_of(const adah_hash_function *f, size_t bit, const float *x) {
    double sum = (double)f->bias[bit];
    for (size_t j = 0; j < D; j++)
        sum += (double)f->weight[bit * D + j] * (double)x[j];
    return sum;
}

/* How many bits of text i and image k differ. */
static size_t distance(const learned *l, size_t i, size_t k) {
    size_t n = 0;
    for (size_t b = 0; b < l->image.n_bits; b++)
        n += (value_of(&l->text, b, text + i * D) >= 0) != (value_of(&l->image, b, image + k * D) >= 0);
    return n;
}

/* The share of 100 texts whose own image is among the 10 nearest; ties count half. */
static double recall(const learned *l) {
    double n_found = 0;
    for (size_t i = 0; i < 100; i++) {
        const size_t own = distance(l, i, i);
        double n_before = -0.5;
        for (size_t k = 0; k < N; k++) {
            const size_t d = distance(l, i, k);
            n_before += d < own ? 1 : d == own ? 0.5 : 0;
        }
        n_found += n_before < 10;
    }
    return n_found / 100;
}

static const char *const names[] = {"random", "itq", "none"};

static void words_find_pictures(void **state) {
    (void)state;
    static const double floor[] = {0.85, 0.92, 0.85};
    for (int gap = 0; gap < 2; gap++) {
        make(gap ? 12 : 0, 3);
        for (size_t m = 0; m < 3; m++) {
            learned l = learn(names[m], 24, 0, 1, (adah_progress){0});
            const double found = recall(&l);
            print_message("%-6s gap %d: recall@10 %.2f\n", names[m], gap, found);
            assert_true(found > floor[m]);
            assert_null(l.fine.weight);
            /* Each side is centred by itself: half of every side's bits are ones on average. */
            for (size_t b = 0; b < 24; b++)
                for (int side = 0; side < 2; side++) {
                    double mean = 0;
                    for (size_t i = 0; i < N; i++)
                        mean += value_of(side ? &l.text : &l.image, b, (side ? text : image) + i * D) / N;
                    assert_true(fabs(mean) < 1e-4);
                }
            release(&l);
        }
    }
}

static void planes_are_orthogonal(void **state) {
    (void)state;
    make(5, 4);
    for (size_t m = 0; m < 3; m++) {
        learned l = learn(names[m], m < 2 ? 2 * D : D, 16, 1, (adah_progress){0});
        for (size_t a = 0; a < D; a++)
            for (size_t b = 0; b < D; b++) {
                double product = 0, squares[2] = {0, 0};
                for (size_t j = 0; j < D; j++) {
                    const double x = (double)l.image.weight[a * D + j], y = (double)l.image.weight[b * D + j];
                    product += x * y;
                    squares[0] += x * x;
                    squares[1] += y * y;
                }
                assert_true(fabs(product / sqrt(squares[0] * squares[1]) - (a == b)) < 1e-5);
            }
        for (size_t a = 0; a < 16; a++)
            for (size_t b = 0; b < 16; b++) {
                double product = 0;
                for (size_t j = 0; j < D; j++)
                    product += (double)l.fine.weight[a * D + j] * (double)l.fine.weight[b * D + j];
                assert_true(fabs(product - (a == b)) < 1e-5);
            }
        if (m < 2) /* further bits are of another rotation */
            assert_memory_not_equal(l.image.weight, l.image.weight + D * D, D * sizeof(float));
        release(&l);
    }
}

/* ---------------------------------------------------------------- ITQ against its plain statement */

typedef struct descent {
    double last;
    size_t n;
} descent;

static int watch(void *user, const adah_progress_event *event) {
    descent *d = user;
    const double loss = strtod(strstr(event->detail, "objective ") + strlen("objective "), NULL);
    assert_string_equal(event->stage, "rotating");
    assert_true(d->n == 0 || loss <= d->last * (1 + 1e-9));
    d->last = loss;
    d->n++;
    return 0;
}

/* The squared distance of all values from their signs. */
static double loss_of(const learned *l) {
    double loss = 0;
    for (int side = 0; side < 2; side++)
        for (size_t i = 0; i < N; i++)
            for (size_t b = 0; b < l->image.n_bits; b++) {
                const double h = value_of(side ? &l->text : &l->image, b, (side ? text : image) + i * D);
                loss += (fabs(h) - 1) * (fabs(h) - 1);
            }
    return loss;
}

static void itq_descends(void **state) {
    (void)state;
    make(5, 5);
    for (uint64_t seed = 0; seed < 3; seed++)
        for (size_t k = 8; k <= 24; k += 8) {
            descent d = {0, 0};
            learned l = learn("itq", k, 0, seed, (adah_progress){watch, &d});
            assert_true(d.n >= 5 && d.n <= 50);
            const double loss = loss_of(&l);
            assert_true(loss <= d.last * (1 + 1e-4) && loss > 0.95 * d.last); /* turned once more after the last report, or not at all */
            release(&l);
        }
}

/* ---------------------------------------------------------------- the fine order */

static double cosine_of(const double *a, const double *b, size_t n) {
    double ab = 0, aa = 0, bb = 0;
    for (size_t j = 0; j < n; j++) {
        ab += a[j] * b[j];
        aa += a[j] * a[j];
        bb += b[j] * b[j];
    }
    return ab / sqrt(aa * bb);
}

/* With all directions the cosines are the encoder's; with fewer they differ by what is left out, the less the more there are. */
static void the_fine_order_is_the_encoders(void **state) {
    (void)state;
    make(5, 6);
    double before = INFINITY;
    for (size_t n_fine = 8; n_fine <= D; n_fine += 8) {
        learned l = learn("itq", 8, n_fine, 2, (adah_progress){0});
        double worst = 0;
        for (size_t i = 0; i < 60; i++)
            for (size_t k = 0; k < 60; k++) {
                double a[D], b[D], x[D], y[D];
                for (size_t f = 0; f < n_fine; f++) {
                    a[f] = value_of(&l.fine, f, text + i * D);
                    b[f] = value_of(&l.fine, f, image + k * D);
                }
                for (size_t j = 0; j < D; j++) {
                    x[j] = (double)text[i * D + j];
                    y[j] = (double)image[k * D + j];
                }
                worst = fmax(worst, fabs(cosine_of(a, b, n_fine) - cosine_of(x, y, D)));
            }
        print_message("%zu of %d values: cosines differ by at most %.4f\n", n_fine, D, worst);
        assert_true(worst < before && worst < (n_fine == D ? 1e-5 : 0.6));
        before = worst;
        for (size_t f = 0; f < n_fine; f++)
            assert_true(l.fine.bias[f] == 0);
        release(&l);
    }
}

/* ---------------------------------------------------------------- odd data */

static void refuse(const char *name, const adah_rival_data *data, size_t n_bits, adah_code code, const char *words) {
    adah_hash_function a = {0}, b = {0}, c = {0};
    adah_status status = {0};
    assert_int_equal(adah_rival_learn(adah_method_find(name), data, n_bits, 0, (adah_progress){0}, &a, &b, &c, &status), code);
    if (!strstr(status.message, words))
        fail_msg("\"%s\" does not say \"%s\"", status.message, words);
    assert_true(!a.weight && !b.weight && !c.weight);
}

static int stop(void *user, const adah_progress_event *event) {
    (void)user;
    (void)event;
    return 1;
}

static void refusals(void **state) {
    (void)state;
    make(0, 7);
    adah_rival_data data = data_of(0);
    for (size_t m = 0; m < 3; m++) {
        data.n_text = D / 2;
        refuse(names[m], &data, 8, ADAH_ERROR_MISMATCH, "images are vectors of 24 values and texts of 12");
        data = data_of(32);
        refuse(names[m], &data, 8, ADAH_ERROR_ARGUMENT, "n_fine is 32, expected at most 24");
        data = data_of(0);
    }
    refuse("none", &data, 32, ADAH_ERROR_ARGUMENT, "32 bits, expected at most 24");
    adah_hash_function a = {0}, b = {0};
    assert_int_equal(adah_rival_learn(adah_method_find("itq"), &data, 16, 0, (adah_progress){stop, NULL}, &a, &b, NULL, NULL), ADAH_ERROR_CANCELLED);
    assert_null(a.weight);
    for (size_t i = 0; i < N * D; i++)
        image[i] = text[i] = 0.2f;
    refuse("itq", &data, 16, ADAH_ERROR_MISMATCH, "all the same");
}

/* Fewer directions than bits, two rows, one value: finite, and as many bits as asked for. */
static void odd_data(void **state) {
    (void)state;
    make(0, 8);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 3; j < D; j++)
            image[i * D + j] = text[i * D + j] = 0;
    static const size_t n_rows[] = {N, 2, 3};
    for (size_t m = 0; m < 3; m++)
        for (size_t r = 0; r < 3; r++) {
            adah_rival_data data = data_of(16);
            data.n = n_rows[r];
            learned l = {{0}, {0}, {0}};
            assert_int_equal(adah_rival_learn(adah_method_find(names[m]), &data, 16, 1, (adah_progress){0}, &l.image, &l.text, &l.fine, NULL),
                             ADAH_OK);
            for (size_t b = 0; b < 16; b++)
                assert_true(isfinite(value_of(&l.image, b, image)) && isfinite(value_of(&l.text, b, text)) && isfinite(value_of(&l.fine, b, text)));
            release(&l);
        }
}

static int begin(void **state) {
    (void)state;
    int n_threads;
    return adah_algebra_begin(&n_threads, NULL) != ADAH_OK;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_find_pictures), cmocka_unit_test(planes_are_orthogonal), cmocka_unit_test(itq_descends),
        cmocka_unit_test(the_fine_order_is_the_encoders), cmocka_unit_test(refusals), cmocka_unit_test(odd_data),
    };
    return cmocka_run_group_tests(tests, begin, NULL);
}
