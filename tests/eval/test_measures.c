/* (unit) Measures worked out by hand, the empty cases, and what is refused. */
#include "base/memory.h"
#include <adah/adah.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ASSERT_CLOSE(a, b)                                                                                           \
    do {                                                                                                             \
        if (!(fabs((a) - (b)) < 1e-12))                                                                              \
            fail_msg("%s is %.15g, expected %.15g", #a, (a), (double)(b));                                           \
    } while (0)

/* The database: 7 items of 8 bits. Seen from code 0:
 *
 *     item      0    1    2    3    4    5    6
 *     distance  1    0    1    2    1    1    3
 *     labels    0    2    2   0,1   -    1    3
 *
 * A query with labels 0 and 1 and code 0 ranks 1 | 0 2 4 5 | 3 | 6, levels divided by bars; relevant are 0, 5 and 3
 * at ranks 2, 5 and 6, with 1, 1 and 2 shared labels. */
static const uint8_t item_codes[7] = {0x01, 0x00, 0x02, 0x03, 0x04, 0x08, 0x07};
static const uint32_t item_labels[7] = {0, 2, 2, 0, 1, 1, 3};
static const size_t item_starts[8] = {0, 1, 2, 3, 5, 5, 6, 7};
static const adah_coded_set database = {7, item_codes, item_labels, item_starts};

/* Queries: the one above; code 0xff with label 3, whose only relevant item, 6, is its nearest at distance 5; one
 * without labels; one whose label no item has. */
static const uint8_t query_codes[4] = {0x00, 0xff, 0x00, 0x00};
static const uint32_t query_labels[4] = {0, 1, 3, 99};
static const size_t query_starts[5] = {0, 2, 3, 3, 4};

static adah_coded_set queries(size_t first, size_t n) {
    return (adah_coded_set){n, query_codes + first, query_labels, query_starts + first};
}

static adah_measures compute(adah_coded_set q, adah_coded_set d, size_t n_bits, size_t n_cut,
                             const size_t *leave_out) {
    adah_measures m;
    adah_status status = {0};
    if (adah_measures_compute(q, d, n_bits, n_cut, leave_out, &m, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return m;
}

static void test_average_precision_of_one_query(void **state) {
    (void)state;
    adah_measures m = compute(queries(0, 1), database, 8, 2, NULL);
    assert_int_equal(m.n_queries, 1);
    assert_int_equal(m.n_queries_left_out, 0);
    assert_int_equal(m.n_database, 7);
    assert_int_equal(m.n_bits, 8);
    assert_int_equal(m.n_cut, 2);
    /* relevant at ranks 2, 5, 6 */
    ASSERT_CLOSE(m.map, (1.0 / 2 + 2.0 / 5 + 3.0 / 6) / 3);
    /* The two relevant of the four items at ranks 2..5 lie, equally often, at {2,3} {2,4} {2,5} {3,4} {3,5} {4,5}:
     * 1/2 + 2/3, 1/2 + 2/4, 1/2 + 2/5, 1/3 + 2/4, 1/3 + 2/5, 1/4 + 2/5. The first is the best, the last the worst. */
    double best = 1.0 / 2 + 2.0 / 3, worst = 1.0 / 4 + 2.0 / 5;
    double mean =
        (best + (1.0 / 2 + 2.0 / 4) + (1.0 / 2 + 2.0 / 5) + (1.0 / 3 + 2.0 / 4) + (1.0 / 3 + 2.0 / 5) + worst) / 6;
    ASSERT_CLOSE(m.map_tie_aware, (mean + 3.0 / 6) / 3);
    ASSERT_CLOSE(m.map_optimistic, (best + 3.0 / 6) / 3);
    ASSERT_CLOSE(m.map_pessimistic, (worst + 3.0 / 6) / 3);
    /* Within the first 2 ranks one is relevant, at rank 2; the first 2 relevant are at ranks 2 and 5. */
    ASSERT_CLOSE(m.map_at_k, (1.0 / 2) / 1);
    ASSERT_CLOSE(m.map_first_k_relevant, (1.0 / 2 + 2.0 / 5) / 2);
    adah_measures_free(&m);

    m = compute(queries(0, 1), database, 8, 1, NULL); /* nothing relevant at rank 1 */
    ASSERT_CLOSE(m.map_at_k, 0);
    ASSERT_CLOSE(m.map_first_k_relevant, 1.0 / 2);
    ASSERT_CLOSE(m.ndcg_at_k, 0);
    adah_measures_free(&m);

    m = compute(queries(0, 1), database, 8, 0, NULL); /* the default, beyond the database */
    assert_int_equal(m.n_cut, 50);
    ASSERT_CLOSE(m.map_at_k, m.map);
    ASSERT_CLOSE(m.map_first_k_relevant, m.map);
    adah_measures_free(&m);
}

static void test_ndcg_of_one_query(void **state) {
    (void)state;
    /* Gains 1, 1 and 3. In the level at ranks 2..5 each rank has a mean gain of 2/4. Ideal order: 3 1 1. */
    double discount[7];
    for (int r = 1; r <= 6; r++)
        discount[r] = 1 / log2(r + 1);
    adah_measures m = compute(queries(0, 1), database, 8, 2, NULL);
    ASSERT_CLOSE(m.ndcg_at_k, 0.5 * discount[2] / (3 * discount[1] + discount[2]));
    adah_measures_free(&m);
    m = compute(queries(0, 1), database, 8, 6, NULL);
    ASSERT_CLOSE(m.ndcg_at_k, (0.5 * (discount[2] + discount[3] + discount[4] + discount[5]) + 3 * discount[6]) /
                                  (3 * discount[1] + discount[2] + discount[3]));
    adah_measures_free(&m);
}

static void test_precision_at_n(void **state) {
    (void)state;
    adah_measures m = compute(queries(0, 2), database, 8, 0, NULL);
    assert_int_equal(m.n_precision, 2); /* a database of 7 ends before 10 */
    assert_int_equal(m.precision_at[0], 1);
    assert_int_equal(m.precision_at[1], 5);
    ASSERT_CLOSE(m.precision[0], (0.0 + 1.0) / 2);
    ASSERT_CLOSE(m.precision[1], (2.0 / 5 + 1.0 / 5) / 2);
    adah_measures_free(&m);
}

/* Items with one code in a row, every second one relevant: ranks are positions. */
static void test_points_of_the_precision_curve(void **state) {
    (void)state;
    enum { N = 12345 };
    uint8_t *codes = calloc(N, 1);
    uint32_t *labels = malloc(N * sizeof *labels);
    size_t *starts = malloc((N + 1) * sizeof *starts);
    for (size_t i = 0; i <= N; i++)
        starts[i] = i;
    for (size_t i = 0; i < N; i++)
        labels[i] = i % 2;
    adah_measures m = compute(queries(0, 0), (adah_coded_set){N, codes, labels, starts}, 8, 0, NULL);
    const size_t expected[] = {1,    5,    10,   50,   100,  200,  400,  600,  800,  1000, 1500, 2000, 2500, 3000,
                               3500, 4000, 4500, 5000, 5500, 6000, 6500, 7000, 7500, 8000, 8500, 9000, 9500, 10000};
    assert_int_equal(m.n_precision, 28);
    assert_memory_equal(m.precision_at, expected, sizeof expected);
    adah_measures_free(&m);
    for (uint32_t label = 0; label < 2; label++) { /* relevant are the odd ranks, then the even ones */
        const size_t query_start[2] = {0, 1};
        m = compute((adah_coded_set){1, codes, &label, query_start}, (adah_coded_set){N, codes, labels, starts}, 8, 0,
                    NULL);
        for (size_t p = 0; p < m.n_precision; p++)
            ASSERT_CLOSE(m.precision[p], (double)((expected[p] + 1 - label) / 2) / (double)expected[p]);
        adah_measures_free(&m);
    }
    free(codes);
    free(labels);
    free(starts);
}

static void test_precision_and_recall_by_radius(void **state) {
    (void)state;
    /* returned and relevant within radius r:  query 0: 1,0 5,2 6,3 7,3 7,3 ...    query 1: nothing up to 4, then
     * 1,1 2,1 6,1 7,1 */
    static const double returned[2][9] = {{1, 5, 6, 7, 7, 7, 7, 7, 7}, {0, 0, 0, 0, 0, 1, 2, 6, 7}};
    static const double relevant[2][9] = {{0, 2, 3, 3, 3, 3, 3, 3, 3}, {0, 0, 0, 0, 0, 1, 1, 1, 1}};
    adah_measures m = compute(queries(0, 4), database, 8, 0, NULL);
    assert_int_equal(m.n_queries, 2);
    assert_int_equal(m.n_queries_left_out, 2);
    for (int r = 0; r <= 8; r++) {
        double p1 = returned[1][r] > 0 ? relevant[1][r] / returned[1][r] : 0;
        ASSERT_CLOSE(m.precision_micro[r], (relevant[0][r] + relevant[1][r]) / (returned[0][r] + returned[1][r]));
        ASSERT_CLOSE(m.recall_micro[r], (relevant[0][r] + relevant[1][r]) / 4);
        ASSERT_CLOSE(m.precision_macro[r], (relevant[0][r] / returned[0][r] + p1) / 2);
        ASSERT_CLOSE(m.recall_macro[r], (relevant[0][r] / 3 + relevant[1][r]) / 2);
    }
    ASSERT_CLOSE(m.map, ((1.0 / 2 + 2.0 / 5 + 3.0 / 6) / 3 + 1) / 2);
    adah_measures_free(&m);
    assert_null(m.precision_micro);
    adah_measures_free(&m); /* fine twice */

    m = compute(queries(1, 1), database, 8, 0, NULL); /* nothing returned at all within 4 */
    ASSERT_CLOSE(m.precision_micro[4], 0);
    ASSERT_CLOSE(m.precision_macro[4], 0);
    ASSERT_CLOSE(m.recall_micro[4], 0);
    adah_measures_free(&m);
}

static void test_a_query_leaves_itself_out(void **state) {
    (void)state;
    /* Without item 3 query 0 ranks 1 | 0 2 4 5 | 6: relevant at 2 and 5, one shared label each. */
    const size_t leave_out[2] = {3, SIZE_MAX};
    adah_measures m = compute(queries(0, 2), database, 8, 0, leave_out);
    ASSERT_CLOSE(m.map, ((1.0 / 2 + 2.0 / 5) / 2 + 1) / 2);
    ASSERT_CLOSE(m.recall_macro[1], (2.0 / 2 + 0) / 2);
    ASSERT_CLOSE(m.precision_micro[8], (2.0 + 1) / (6 + 7));
    double discounts = 1 / log2(3) + 1 / log2(4) + 1 / log2(5) + 1 / log2(6);
    ASSERT_CLOSE(m.ndcg_at_k, (0.5 * discounts / (1 + 1 / log2(3)) + 1) / 2);
    adah_measures_free(&m);
    /* The only relevant item left out leaves nothing to measure. */
    const size_t only[1] = {6};
    m = compute(queries(1, 1), database, 8, 0, only);
    assert_int_equal(m.n_queries, 0);
    assert_int_equal(m.n_queries_left_out, 1);
    adah_measures_free(&m);
}

static void expect_zeros(adah_measures *m, size_t n_left_out) {
    assert_int_equal(m->n_queries, 0);
    assert_int_equal(m->n_queries_left_out, n_left_out);
    ASSERT_CLOSE(m->map + m->map_tie_aware + m->map_optimistic + m->map_pessimistic, 0);
    ASSERT_CLOSE(m->map_at_k + m->map_first_k_relevant + m->ndcg_at_k, 0);
    for (size_t p = 0; p < m->n_precision; p++)
        ASSERT_CLOSE(m->precision[p], 0);
    for (size_t r = 0; r <= m->n_bits; r++)
        ASSERT_CLOSE(m->precision_micro[r] + m->recall_micro[r] + m->precision_macro[r] + m->recall_macro[r], 0);
    adah_measures_free(m);
}

static void test_nothing_to_measure_gives_zeros(void **state) {
    (void)state;
    const adah_coded_set none = {0, NULL, NULL, NULL};
    adah_measures m = compute(queries(0, 4), none, 8, 0, NULL);
    assert_int_equal(m.n_precision, 0);
    expect_zeros(&m, 4);
    m = compute(none, database, 8, 0, NULL);
    expect_zeros(&m, 0);
    m = compute(none, none, 8, 0, NULL);
    expect_zeros(&m, 0);
    m = compute(queries(2, 2), database, 8, 0, NULL);
    expect_zeros(&m, 2);
}

/* 2^1500 is beyond a double; NDCG stays a number, also when only the largest gain is left out. */
static void test_gains_of_very_many_labels(void **state) {
    (void)state;
    enum { N = 1500 };
    uint32_t many[N + 3];
    for (uint32_t i = 0; i < N; i++)
        many[i] = i;
    many[N] = 0;     /* item 1 */
    many[N + 1] = 0; /* item 2 */
    many[N + 2] = 1;
    const size_t starts[4] = {0, N, N + 1, N + 3}, query_start[2] = {0, N};
    const uint8_t codes[3] = {0x07, 0x00, 0x01}, zero = 0;
    const adah_coded_set query = {1, &zero, many, query_start}, items = {3, codes, many, starts};
    /* ranks: item 1, item 2, item 0; the gain of item 0 outweighs all: 1 / log2(4) */
    adah_measures m = compute(query, items, 8, 0, NULL);
    ASSERT_CLOSE(m.ndcg_at_k, 0.5);
    adah_measures_free(&m);
    const size_t leave_out = 0; /* gains 1, 3 */
    m = compute(query, items, 8, 0, &leave_out);
    ASSERT_CLOSE(m.ndcg_at_k, (1 + 3 / log2(3)) / (3 + 1 / log2(3)));
    adah_measures_free(&m);
}

/* The only relevant item behind a million others: sums over so many ranks must not blur the last. */
static void test_the_last_of_a_million(void **state) {
    (void)state;
    enum { N = 1000000 };
    uint8_t *codes = calloc(N, 1);
    size_t *starts = calloc(N + 1, sizeof *starts);
    assert_non_null(codes);
    assert_non_null(starts);
    codes[0] = 1;
    for (size_t i = 1; i <= N; i++)
        starts[i] = 1; /* item 0 has the one label */
    const uint32_t label = 5;
    const uint8_t zero = 0;
    const size_t query_start[2] = {0, 1};
    adah_measures m = compute((adah_coded_set){1, &zero, &label, query_start}, (adah_coded_set){N, codes, &label, starts}, 8,
                              N, NULL);
    ASSERT_CLOSE(m.ndcg_at_k, 1 / log2(N + 1.0));
    ASSERT_CLOSE(m.map * N, 1);
    ASSERT_CLOSE(m.map_tie_aware * N, 1);
    adah_measures_free(&m);
    free(codes);
    free(starts);
}

static void expect_refused(adah_coded_set q, adah_coded_set d, size_t n_bits, const size_t *leave_out,
                           const char *message) {
    adah_measures m = {.n_queries = 77};
    adah_status status = {0};
    assert_int_equal(adah_measures_compute(q, d, n_bits, 0, leave_out, &m, &status), ADAH_ERROR_ARGUMENT);
    if (!strstr(status.message, message))
        fail_msg("expected \"%s\", got \"%s\"", message, status.message);
    assert_int_equal(m.n_queries, 77);
}

static void test_nonsense_is_refused(void **state) {
    (void)state;
    const size_t bits[] = {0, 4, 12, 1032};
    for (size_t i = 0; i < 4; i++)
        expect_refused(queries(0, 1), database, bits[i], NULL, "multiple of 8 from 8 to 1024");
    adah_coded_set bad = database;
    bad.codes = NULL;
    expect_refused(queries(0, 1), bad, 8, NULL, "database items have no codes");
    bad = database;
    bad.label_start = NULL;
    expect_refused(bad, database, 8, NULL, "queries have no codes or no labels");
    const size_t falling[8] = {0, 1, 2, 3, 5, 4, 6, 7};
    bad = database;
    bad.label_start = falling;
    expect_refused(queries(0, 1), bad, 8, NULL, "labels 5 .. 4 of item 4");
    const uint32_t twice[7] = {0, 2, 2, 1, 1, 1, 3};
    bad = database;
    bad.label = twice;
    expect_refused(queries(0, 1), bad, 8, NULL, "label 1 after 1 at item 3 of the database items");
    bad.label = NULL;
    expect_refused(queries(0, 1), bad, 8, NULL, "labels 0 .. 1 of item 0");
    const size_t leave_out[2] = {SIZE_MAX, 7};
    expect_refused(queries(0, 2), database, 8, leave_out, "query 1 leaves out item 7 of a database of 7");
}

static void test_every_allocation_may_fail(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        adah_measures m = {.n_queries = 77};
        adah_status status = {0};
        adah_memory_fault_at(n);
        adah_code code = adah_measures_compute(queries(0, 4), database, 8, 0, NULL, &m, &status);
        int fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        if (!fired) {
            assert_int_equal(code, ADAH_OK);
            assert_true(n > 15);
            adah_measures_free(&m);
            break;
        }
        assert_int_equal(code, ADAH_ERROR_MEMORY);
        assert_int_equal(status.code, ADAH_ERROR_MEMORY);
        assert_int_equal(m.n_queries, 77);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_average_precision_of_one_query),
        cmocka_unit_test(test_ndcg_of_one_query),
        cmocka_unit_test(test_precision_at_n),
        cmocka_unit_test(test_points_of_the_precision_curve),
        cmocka_unit_test(test_precision_and_recall_by_radius),
        cmocka_unit_test(test_a_query_leaves_itself_out),
        cmocka_unit_test(test_nothing_to_measure_gives_zeros),
        cmocka_unit_test(test_gains_of_very_many_labels),
        cmocka_unit_test(test_the_last_of_a_million),
        cmocka_unit_test(test_nonsense_is_refused),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
