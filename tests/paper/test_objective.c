/* (property) The losses against objective_plain.c, which writes the equations down in double, and their gradients against central
 * differences of it. Random codes keep every triplet away from the kink of its hinge, so that both see the
 * same active triplets. */
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "paper/objective.h"
#include "paper/objective_plain.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_ARRAYS = 4, BATCH_MAX = 33, BITS_MAX = 24, N_SAMPLES = 25 };
enum { CODES_MAX = BATCH_MAX * BITS_MAX };
#define STEP 1e-6
#define KINK 2e-5 /* no triplet is nearer to its kink than this; a step changes each of its two distances by at most STEP */

typedef struct batch {
    size_t n, q;
    double margin;
    int mean_over_active;
    float similar[BATCH_MAX * BATCH_MAX];
    float codes[N_ARRAYS][CODES_MAX]; /* image, text, image hidden, text hidden */
    double wide[N_ARRAYS][CODES_MAX]; /* the same, to move in small steps */
} batch;

/* The batch as objective_plain.h has it. */
static adah_plain_batch plain_of(const batch *b) {
    static double d[BATCH_MAX];
    return (adah_plain_batch){b->n, b->q, b->wide[0], b->wide[1], b->wide[2], b->wide[3], b->similar, b->margin, b->mean_over_active, d};
}

/* Query and database of every term, as numbers of the arrays. */
static const int of_term[ADAH_N_TERMS][2] = {
    [ADAH_TERM_TEXT_TO_IMAGE] = {1, 0},        [ADAH_TERM_IMAGE_TO_TEXT] = {0, 1},
    [ADAH_TERM_IMAGE_TO_IMAGE] = {0, 0},       [ADAH_TERM_TEXT_TO_TEXT] = {1, 1},
    [ADAH_TERM_TEXT_TO_IMAGE_HIDDEN] = {1, 2}, [ADAH_TERM_IMAGE_TO_TEXT_HIDDEN] = {0, 3},
};

static double plain_term(const batch *b, int term) {
    const adah_plain_batch p = plain_of(b);
    return adah_plain_ranking_loss(&p, b->wide[of_term[term][0]], b->wide[of_term[term][1]]);
}

/* How near any triplet of a term is to its kink. */
static double distance_to_kink(const batch *b, int term) {
    const double *query = b->wide[of_term[term][0]], *database = b->wide[of_term[term][1]];
    double kink = INFINITY, d[BATCH_MAX];
    for (size_t i = 0; i < b->n; i++) {
        const float *s = b->similar + i * b->n;
        for (size_t j = 0; j < b->n; j++) {
            d[j] = 0;
            for (size_t c = 0; c < b->q; c++)
                d[j] += pow(query[i * b->q + c] - database[j * b->q + c], 2);
            d[j] = sqrt(d[j]);
        }
        for (size_t j = 0; j < b->n; j++)
            for (size_t k = 0; k < b->n; k++)
                if (s[j] > s[k] && !(query == database && (i == j || i == k)))
                    kink = fmin(kink, fabs(b->margin + d[j] - d[k]));
    }
    return kink;
}

static double plain_objective(const batch *b, const float *weight) {
    double sum = 0;
    for (int t = 0; t < ADAH_N_TERMS; t++)
        if (weight[t] != 0)
            sum += (double)weight[t] * plain_term(b, t);
    return sum;
}

static void draw_codes(batch *b, adah_random *r) {
    for (int a = 0; a < N_ARRAYS; a++)
        for (size_t i = 0; i < b->n * b->q; i++) {
            b->codes[a][i] = 1.98f * adah_random_uniform(r) - 0.99f;
            b->wide[a][i] = (double)b->codes[a][i];
        }
}

/* Codes away from every kink. */
static void draw_smooth(batch *b, adah_random *r) {
    for (int attempt = 0; attempt < 200; attempt++) {
        double kink = INFINITY;
        draw_codes(b, r);
        for (int t = 0; t < ADAH_N_TERMS; t++)
            kink = fmin(kink, distance_to_kink(b, t));
        if (kink > KINK)
            return;
    }
    fail_msg("no codes away from the kinks in 200 attempts");
}

typedef enum pattern { CLASSES, ALL_SIMILAR, NONE_SIMILAR, ANYTHING, N_PATTERNS } pattern;

static void draw_similar(batch *b, pattern p, adah_random *r) {
    size_t class[BATCH_MAX];
    const size_t columns = b->n;
    for (size_t i = 0; i < columns; i++)
        class[i] = (size_t)adah_random_below(r, 3);
    for (size_t i = 0; i < b->n; i++)
        for (size_t j = 0; j < columns; j++)
            b->similar[i * columns + j] = p == CLASSES        ? class[i] == class[j]
                                          : p == ALL_SIMILAR  ? 1
                                          : p == NONE_SIMILAR ? i == j
                                                              : (float)adah_random_below(r, 2); /* not even like itself */
}

static adah_batch_codes codes_of(const batch *b) {
    return (adah_batch_codes){b->codes[0], b->codes[1], b->codes[2], b->codes[3]};
}

static adah_objective *objective_of(const batch *b) {
    adah_objective *o = NULL;
    const adah_objective_options options = {b->n, b->q, (float)b->margin, b->mean_over_active};
    assert_int_equal(adah_objective_create(&options, &o, NULL), ADAH_OK);
    return o;
}

static void assert_near(double x, double expected, double tolerance, const char *what) {
    if (!(fabs(x - expected) <= tolerance))
        fail_msg("%s is %.9g, expected %.9g", what, x, expected);
}

static void check_losses(adah_objective *o, const batch *b, const float *weight) {
    double loss[ADAH_N_TERMS];
    const adah_batch_codes codes = codes_of(b);
    for (int t = 0; t < ADAH_N_TERMS; t++)
        loss[t] = -5;
    adah_objective_evaluate(o, &codes, b->similar, weight, loss, NULL);
    for (int t = 0; t < ADAH_N_TERMS; t++) {
        const double expected = weight[t] != 0 ? plain_term(b, t) : 0;
        assert_near(loss[t], expected, 1e-5 * (1 + fabs(expected)), adah_term_name[t].key);
    }
}

/* F is the sum of its two parts, and these of their terms. */
static void check_sums(const batch *b) {
    const adah_plain_batch p = plain_of(b);
    double retrieval = 0, adversarial = 0;
    for (int t = 0; t < ADAH_N_TERMS; t++)
        *(t < ADAH_TERM_TEXT_TO_IMAGE_HIDDEN ? &retrieval : &adversarial) += plain_term(b, t);
    assert_near(adah_plain_retrieval_loss(&p), retrieval, 1e-12 * (1 + retrieval), "the retrieval loss");
    assert_near(adah_plain_adversarial_loss(&p), adversarial, 1e-12 * (1 + adversarial), "the adversarial loss");
    assert_near(adah_plain_objective(&p), retrieval + adversarial, 1e-12 * (1 + retrieval + adversarial), "F");
}

static void check_gradients(adah_objective *o, batch *b, const float *weight, adah_random *r) {
    static float gradient[N_ARRAYS][CODES_MAX];
    for (int a = 0; a < N_ARRAYS; a++)
        for (size_t i = 0; i < b->n * b->q; i++)
            gradient[a][i] = 0.25f; /* the derivative is added to what is there */
    double loss[ADAH_N_TERMS];
    const adah_batch_codes codes = codes_of(b);
    const adah_batch_gradients gradients = {gradient[0], gradient[1], gradient[2], gradient[3]};
    adah_objective_evaluate(o, &codes, b->similar, weight, loss, &gradients);
    double largest = 0;
    for (int a = 0; a < N_ARRAYS; a++)
        for (size_t i = 0; i < b->n * b->q; i++)
            largest = fmax(largest, fabs((double)gradient[a][i] - 0.25));
    for (int a = 0; a < N_ARRAYS; a++)
        for (size_t s = 0; s < N_SAMPLES && s < b->n * b->q; s++) {
            const size_t i = b->n * b->q <= N_SAMPLES ? s : (size_t)adah_random_below(r, b->n * b->q);
            const double before = b->wide[a][i];
            b->wide[a][i] = before + STEP;
            double expected = plain_objective(b, weight);
            b->wide[a][i] = before - STEP;
            expected = (expected - plain_objective(b, weight)) / (2 * STEP);
            b->wide[a][i] = before;
            const double found = (double)gradient[a][i] - 0.25;
            if (!(fabs(found - expected) <= 1e-3 * fmax(fabs(expected), 0.01 * largest) + 1e-7))
                fail_msg("B %zu, q %zu: gradient of array %d [%zu] is %.8g, by differences %.8g", b->n, b->q, a, i,
                         found, expected);
        }
}

static const float weights[][ADAH_N_TERMS] = {
    {1, 1, 1, 1, 1, 1},          {1, 1, 1, 1, 0, 0}, {0.5f, 0.5f, 0, 0, -1, -1}, /* the step of G */
    {0, 2, -0.25f, 0, 3, -0.5f}, {0, 0, 0, 0, 0, 0},
};
enum { N_WEIGHTS = sizeof weights / sizeof *weights };

static void test_losses_and_gradients(void **state) {
    (void)state;
    static const size_t sizes[] = {2, 3, 7, 33}, bits[] = {8, 24};
    static batch b;
    adah_random r = adah_random_seeded(1, 2);
    for (size_t s = 0; s < 4; s++)
        for (size_t c = 0; c < 2; c++)
            for (int mean = 0; mean < 2; mean++)
                for (int p = 0; p < N_PATTERNS; p++) {
                    b.n = sizes[s];
                    b.q = bits[c];
                    b.mean_over_active = mean;
                    /* Distances of random codes are about 0.8 sqrt(2 q / 3); margins that activate few, half, all. */
                    b.margin = (double)(float)(p == ANYTHING ? 0.05 : mean ? 1.0 : 6.0);
                    draw_similar(&b, (pattern)p, &r);
                    draw_smooth(&b, &r);
                    check_sums(&b);
                    adah_objective *o = objective_of(&b);
                    for (size_t w = 0; w < N_WEIGHTS; w++)
                        check_losses(o, &b, weights[w]);
                    check_gradients(o, &b, weights[(size_t)p % N_WEIGHTS], &r);
                    if (b.n < 33)
                        for (size_t w = 0; w < N_WEIGHTS; w++)
                            check_gradients(o, &b, weights[w], &r);
                    adah_objective_free(o);
                }
}

/* By hand: two pairs, q = 8, opposite codes. */
static void test_two_pairs_by_hand(void **state) {
    (void)state;
    static batch b;
    b = (batch){.n = 2, .q = 8, .margin = 1.5, .mean_over_active = 0, .similar = {1, 0, 0, 1}};
    for (size_t c = 0; c < 8; c++) {
        b.codes[0][c] = b.codes[1][c] = b.codes[2][c] = 1;
        b.codes[0][8 + c] = b.codes[1][8 + c] = b.codes[2][8 + c] = -1;
        b.codes[3][c] = -1; /* the hidden texts are swapped */
        b.codes[3][8 + c] = 1;
    }
    const float weight[ADAH_N_TERMS] = {1, 1, 1, 1, 1, 1};
    const adah_batch_codes codes = codes_of(&b);
    double loss[ADAH_N_TERMS];
    adah_objective *o = objective_of(&b);
    adah_objective_evaluate(o, &codes, b.similar, weight, loss, NULL);
    adah_objective_free(o);
    for (int t = 0; t < ADAH_TERM_IMAGE_TO_TEXT_HIDDEN; t++)
        assert_true(loss[t] == 0); /* far apart: 2 sqrt(8) > margin; within a modality there is no positive */
    assert_near(loss[ADAH_TERM_IMAGE_TO_TEXT_HIDDEN], 1.5 + 2 * sqrt(8), 1e-6, "the swapped term");
}

/* S(i,i) = 0 would make an item its own negative, S(i,i) = 1 its own positive: both only across modalities. */
static void test_same_set_leaves_itself_out(void **state) {
    (void)state;
    static batch b;
    adah_random r = adah_random_seeded(5, 5);
    b = (batch){.n = 2, .q = 8, .margin = 9, .mean_over_active = 0};
    draw_codes(&b, &r);
    const adah_batch_codes codes = codes_of(&b);
    const float weight[ADAH_N_TERMS] = {1, 1, 1, 1, 1, 1};
    for (int diagonal = 0; diagonal < 2; diagonal++) {
        b.similar[0] = b.similar[3] = (float)diagonal;
        b.similar[1] = b.similar[2] = (float)!diagonal;
        double loss[ADAH_N_TERMS];
        adah_objective *o = objective_of(&b);
        adah_objective_evaluate(o, &codes, b.similar, weight, loss, NULL);
        adah_objective_free(o);
        assert_true(loss[ADAH_TERM_IMAGE_TO_IMAGE] == 0 && loss[ADAH_TERM_TEXT_TO_TEXT] == 0);
        assert_true(loss[ADAH_TERM_TEXT_TO_IMAGE] > 0 && loss[ADAH_TERM_IMAGE_TO_TEXT_HIDDEN] > 0);
    }
}

/* All codes equal: every triplet violates by the margin; the norm has no derivative there and 0 is taken. */
static void test_equal_codes(void **state) {
    (void)state;
    static batch b;
    static float gradient[N_ARRAYS][CODES_MAX];
    adah_random r = adah_random_seeded(6, 6);
    b = (batch){.n = 7, .q = 24, .margin = 2.5, .mean_over_active = 1};
    draw_similar(&b, CLASSES, &r);
    for (int a = 0; a < N_ARRAYS; a++)
        for (size_t i = 0; i < b.n * b.q; i++)
            b.codes[a][i] = (float)(i % b.q) / 30;
    memset(gradient, 0, sizeof gradient);
    const float weight[ADAH_N_TERMS] = {1, 1, 1, 1, 1, 1};
    const adah_batch_codes codes = codes_of(&b);
    const adah_batch_gradients gradients = {gradient[0], gradient[1], gradient[2], gradient[3]};
    double loss[ADAH_N_TERMS];
    adah_objective *o = objective_of(&b);
    adah_objective_evaluate(o, &codes, b.similar, weight, loss, &gradients);
    adah_objective_free(o);
    for (int t = 0; t < ADAH_N_TERMS; t++)
        assert_near(loss[t], 2.5, 1e-6, adah_term_name[t].key);
    for (int a = 0; a < N_ARRAYS; a++)
        for (size_t i = 0; i < b.n * b.q; i++)
            assert_true(gradient[a][i] == 0);
}

static void test_without_hidden_codes(void **state) {
    (void)state;
    static batch b;
    static float gradient[2][2][CODES_MAX];
    adah_random r = adah_random_seeded(7, 7);
    b = (batch){.n = 7, .q = 8, .margin = 2, .mean_over_active = 1};
    draw_similar(&b, CLASSES, &r);
    draw_codes(&b, &r);
    memset(gradient, 0, sizeof gradient);
    adah_objective *o = objective_of(&b);
    double loss[2][ADAH_N_TERMS];
    const adah_batch_codes with = codes_of(&b), without = {b.codes[0], b.codes[1], NULL, NULL};
    const adah_batch_gradients gradients[2] = {{gradient[0][0], gradient[0][1], NULL, NULL},
                                               {gradient[1][0], gradient[1][1], NULL, NULL}};
    adah_objective_evaluate(o, &with, b.similar, weights[1], loss[0], &gradients[0]);
    adah_objective_evaluate(o, &without, b.similar, weights[0], loss[1], &gradients[1]);
    adah_objective_free(o);
    assert_memory_equal(loss[0], loss[1], sizeof loss[0]);
    assert_true(loss[1][ADAH_TERM_TEXT_TO_IMAGE] > 0 && loss[1][ADAH_TERM_TEXT_TO_IMAGE_HIDDEN] == 0);
    assert_memory_equal(gradient[0], gradient[1], sizeof gradient[0]);
}

/* The same bits again, from another object, and from any number of threads. */
static void test_same_bits(void **state) {
    (void)state;
    static batch b;
    static float gradient[3][N_ARRAYS][CODES_MAX];
    double loss[3][ADAH_N_TERMS];
    adah_random r = adah_random_seeded(8, 8);
    b = (batch){.n = 33, .q = 24, .margin = 2, .mean_over_active = 1};
    draw_similar(&b, CLASSES, &r);
    draw_codes(&b, &r);
    memset(gradient, 0, sizeof gradient);
    const adah_batch_codes codes = codes_of(&b);
    adah_objective *o = objective_of(&b), *other = objective_of(&b);
    for (int run = 0; run < 3; run++) {
        adah_parallel_set_threads(run == 1 ? 1 : 4);
        const adah_batch_gradients g = {gradient[run][0], gradient[run][1], gradient[run][2], gradient[run][3]};
        adah_objective_evaluate(run == 2 ? other : o, &codes, b.similar, weights[3], loss[run], &g);
    }
    adah_parallel_set_threads(1);
    adah_objective_free(o);
    adah_objective_free(other);
    for (int run = 1; run < 3; run++) {
        assert_memory_equal(loss[run], loss[0], sizeof loss[0]);
        assert_memory_equal(gradient[run], gradient[0], sizeof gradient[0]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses_and_gradients),
        cmocka_unit_test(test_two_pairs_by_hand),
        cmocka_unit_test(test_same_set_leaves_itself_out),
        cmocka_unit_test(test_equal_codes),
        cmocka_unit_test(test_without_hidden_codes),
        cmocka_unit_test(test_same_bits),
    };
    adah_parallel_set_threads(1); /* so little work that threads only wait for each other */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
