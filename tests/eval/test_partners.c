/* (property) The rank of the own partner against every order of tiny sets, and against shuffled sorts of larger ones; how many codes
 * differ against comparing all with all. */
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "codes/distinct.h"
#include "eval/partners.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ASSERT_CLOSE(a, b)                                                                                           \
    do {                                                                                                             \
        const double a_ = (a), b_ = (b);                                                                             \
        if (!(fabs(a_ - b_) < 1e-12))                                                                                \
            fail_msg("%s:%d: %s is %.15g, expected %.15g", __FILE__, __LINE__, #a, a_, b_);                          \
    } while (0)

enum { N_TINY = 6, N_MAX = 3000, BYTES_MAX = 8 };
static uint8_t queries[N_MAX * BYTES_MAX], items[N_MAX * BYTES_MAX];

/* Codes with few bits set, so that distances repeat. */
static void fill(adah_random *r, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++) {
        queries[i] = (uint8_t)(adah_random_next(r) & adah_random_next(r) & 0x1f);
        items[i] = (uint8_t)(adah_random_next(r) & adah_random_next(r) & 0x1f);
    }
}

static size_t distance(size_t query, size_t item, size_t n_bytes) {
    size_t sum = 0;
    for (size_t b = 0; b < n_bytes; b++)
        for (int bit = 0; bit < 8; bit++)
            sum += (queries[query * n_bytes + b] ^ items[item * n_bytes + b]) >> bit & 1;
    return sum;
}

/* What is measured of one query, summed over orders. */
typedef struct sums {
    double n, at_1, at_5, at_10, rank;
} sums;

/* Adds the rank of the own item when `order`, a permutation of the items, decides among equal distances. */
static void add_order(sums *s, size_t query, const size_t *order, size_t n, size_t n_bytes) {
    size_t rank = 1, own = 0;
    while (order[own] != query)
        own++;
    for (size_t k = 0; k < n; k++) {
        const size_t d = distance(query, order[k], n_bytes), d_own = distance(query, query, n_bytes);
        rank += d < d_own || (d == d_own && k < own);
    }
    s->n++;
    s->at_1 += rank <= 1;
    s->at_5 += rank <= 5;
    s->at_10 += rank <= 10;
    s->rank += (double)rank;
}

/* All orders of items k .. n - 1 behind the first k. */
static void add_orders(sums *s, size_t query, size_t *order, size_t k, size_t n, size_t n_bytes) {
    if (k == n)
        add_order(s, query, order, n, n_bytes);
    for (size_t i = k; i < n; i++) {
        const size_t t = order[k];
        order[k] = order[i];
        order[i] = t;
        add_orders(s, query, order, k + 1, n, n_bytes);
        order[i] = order[k];
        order[k] = t;
    }
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static adah_partner_measures compute(size_t n, size_t n_bytes) {
    adah_partner_measures m;
    adah_status status = {0};
    if (adah_partners_compute(queries, items, n, n_bytes * 8, &m, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    assert_int_equal(m.n_queries, n);
    return m;
}

static void every_order_of_tiny_sets(void **state) {
    (void)state;
    adah_random random = adah_random_seeded(1, 1);
    for (size_t trial = 0; trial < 300; trial++) {
        const size_t n = 1 + trial % N_TINY;
        double at_1 = 0, at_5 = 0, rank[N_TINY];
        fill(&random, n);
        for (size_t query = 0; query < n; query++) {
            size_t order[N_TINY];
            sums s = {0};
            for (size_t i = 0; i < n; i++)
                order[i] = i;
            add_orders(&s, query, order, 0, n, 1);
            at_1 += s.at_1 / s.n / (double)n;
            at_5 += s.at_5 / s.n / (double)n;
            rank[query] = s.rank / s.n;
        }
        const adah_partner_measures m = compute(n, 1);
        qsort(rank, n, sizeof *rank, ascending);
        ASSERT_CLOSE(m.recall_at_1, at_1);
        ASSERT_CLOSE(m.recall_at_5, at_5);
        ASSERT_CLOSE(m.recall_at_10, 1.0);
        ASSERT_CLOSE(m.median_rank, (rank[(n - 1) / 2] + rank[n / 2]) / 2);
    }
}

/* Random orders: means, to what so many draws can tell. */
static void shuffled_orders_of_larger_sets(void **state) {
    (void)state;
    enum { N = 40, N_SHUFFLES = 400 };
    adah_random random = adah_random_seeded(2, 1);
    for (size_t trial = 0; trial < 10; trial++) {
        sums all = {0};
        double rank[N];
        fill(&random, N * 2);
        for (size_t query = 0; query < N; query++) {
            sums s = {0};
            for (size_t shuffle = 0; shuffle < N_SHUFFLES; shuffle++) {
                size_t order[N];
                adah_random_permutation(&random, N, order);
                add_order(&s, query, order, N, 2);
            }
            all.at_1 += s.at_1 / s.n / N;
            all.at_5 += s.at_5 / s.n / N;
            all.at_10 += s.at_10 / s.n / N;
            rank[query] = s.rank / s.n;
        }
        const adah_partner_measures m = compute(N, 2);
        qsort(rank, N, sizeof *rank, ascending);
        /* The deviation of a mean of 16,000 draws is below .004, that of a rank below .6. */
        assert_true(fabs(m.recall_at_1 - all.at_1) < 0.02);
        assert_true(fabs(m.recall_at_5 - all.at_5) < 0.02);
        assert_true(fabs(m.recall_at_10 - all.at_10) < 0.02);
        assert_true(fabs(m.median_rank - (rank[N / 2 - 1] + rank[N / 2]) / 2) < 3);
    }
}

/* The closed form from a full count of distances, at sizes beyond one stretch of the scan. */
static void counts_of_large_sets(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 7, 1023, 1024, 1025, N_MAX};
    static double rank[N_MAX];
    adah_random random = adah_random_seeded(3, 1);
    for (size_t trial = 0; trial < sizeof sizes / sizeof *sizes; trial++) {
        const size_t n = sizes[trial], n_bytes = trial % 2 ? BYTES_MAX : 4;
        double at_10 = 0;
        fill(&random, n * n_bytes);
        for (size_t query = 0; query < n; query++) {
            size_t at[BYTES_MAX * 8 + 1] = {0}, before = 0, own = distance(query, query, n_bytes);
            for (size_t i = 0; i < n; i++)
                at[distance(query, i, n_bytes)]++;
            for (size_t d = 0; d < own; d++)
                before += at[d];
            double p = (10.0 - (double)before) / (double)at[own];
            at_10 += p < 0 ? 0 : p > 1 ? 1 : p;
            rank[query] = (double)before + ((double)at[own] + 1) / 2;
        }
        adah_parallel_set_threads(1);
        const adah_partner_measures m = compute(n, n_bytes);
        qsort(rank, n, sizeof *rank, ascending);
        assert_true(fabs(m.recall_at_10 - at_10 / (double)n) < 1e-12);
        ASSERT_CLOSE(m.median_rank, (rank[(n - 1) / 2] + rank[n / 2]) / 2);
        assert_true(m.recall_at_1 <= m.recall_at_5 && m.recall_at_5 <= m.recall_at_10);
        adah_parallel_set_threads(3);
        const adah_partner_measures again = compute(n, n_bytes);
        assert_memory_equal(&m, &again, sizeof m);
    }
    adah_parallel_set_threads(0);
}

static void no_queries(void **state) {
    (void)state;
    const adah_partner_measures m = compute(0, 1);
    assert_true(m.recall_at_1 == 0 && m.recall_at_10 == 0 && m.median_rank == 0);
}

static void different_codes(void **state) {
    (void)state;
    adah_random random = adah_random_seeded(4, 1);
    for (size_t trial = 0; trial < 200; trial++) {
        const size_t n = adah_random_below(&random, 300), n_bytes = 1 + trial % 3;
        size_t n_distinct, n_most, expected = 0, most = 0;
        fill(&random, n * n_bytes);
        for (size_t i = 0; i < n; i++) {
            size_t n_same = 0, first = n;
            for (size_t k = 0; k < n; k++)
                if (!memcmp(items + i * n_bytes, items + k * n_bytes, n_bytes)) {
                    n_same++;
                    first = first < k ? first : k;
                }
            expected += first == i;
            most = most > n_same ? most : n_same;
        }
        assert_int_equal(adah_codes_count_distinct(items, n, n_bytes * 8, &n_distinct, &n_most, NULL), ADAH_OK);
        assert_int_equal(n_distinct, expected);
        assert_int_equal(n_most, most);
    }
}

static void memory_runs_out(void **state) {
    (void)state;
    adah_partner_measures m = {.n_queries = 77};
    size_t n_distinct = 77, n_most = 77;
    adah_memory_fault_at(1);
    assert_int_equal(adah_partners_compute(queries, items, 5, 8, &m, NULL), ADAH_ERROR_MEMORY);
    adah_memory_fault_at(1);
    assert_int_equal(adah_codes_count_distinct(items, 5, 8, &n_distinct, &n_most, NULL), ADAH_ERROR_MEMORY);
    adah_memory_fault_at(0);
    assert_true(m.n_queries == 77 && n_distinct == 77 && n_most == 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_of_tiny_sets), cmocka_unit_test(shuffled_orders_of_larger_sets),
        cmocka_unit_test(counts_of_large_sets),     cmocka_unit_test(no_queries),
        cmocka_unit_test(different_codes),          cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
