/* (property) The rank of the own partner against every order of tiny sets, and against shuffled sorts of larger ones; in the fine order
 * against a sort of all items, and against an index of them; how many codes differ against comparing all with all. */
#define _GNU_SOURCE
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "codes/distinct.h"
#include "codes/fine.h"
#include "temporary_folder.h"

#include <adah/adah.h>

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

enum { N_TINY = 6, N_MAX = 2100, N_FINE_MAX = 850, BYTES_MAX = 8 };
static uint8_t queries[N_MAX * BYTES_MAX], items[N_MAX * BYTES_MAX];
static int8_t query_fine[N_FINE_MAX * 8], item_fine[N_FINE_MAX * 8];

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
        sum += (size_t)__builtin_popcount(queries[query * n_bytes + b] ^ items[item * n_bytes + b]);
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
    if (adah_partners_compute((adah_partner_side){.codes = queries}, (adah_partner_side){.codes = items}, n, n_bytes * 8, 0, &m, &status) != ADAH_OK)
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

/* An item as a query sees it in the fine order. */
typedef struct seen {
    int is_candidate;
    float score; /* of a candidate */
    size_t distance, item;
} seen;

static int by_distance(const void *a, const void *b) {
    const seen *x = a, *y = b;
    return x->distance != y->distance ? (x->distance > y->distance) - (x->distance < y->distance) : (x->item > y->item) - (x->item < y->item);
}

static int is_as_good(const seen *x, const seen *y) {
    return x->is_candidate == y->is_candidate && x->score == y->score && x->distance == y->distance;
}

static int in_fine_order(const void *a, const void *b) {
    const seen *x = a, *y = b;
    if (x->is_candidate != y->is_candidate)
        return x->is_candidate ? -1 : 1;
    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    return (x->distance > y->distance) - (x->distance < y->distance);
}

/* Sorts all that a query sees, and looks where those stand that are as good as its own item. */
static void check_fine(size_t n, size_t n_bytes, size_t n_fine) {
    static seen all[N_FINE_MAX];
    static double rank[N_FINE_MAX];
    double at[3] = {0};
    for (size_t query = 0; query < n; query++) {
        const int8_t *vector[N_FINE_MAX];
        float cosine[N_FINE_MAX];
        for (size_t i = 0; i < n; i++) {
            all[i] = (seen){.distance = distance(query, i, n_bytes), .item = i};
            vector[i] = item_fine + i * n_fine;
        }
        adah_fine_cosines(query_fine + query * n_fine, vector, n, n_fine, cosine);
        qsort(all, n, sizeof *all, by_distance);
        size_t n_candidates = n < 4 ? 1 : n < 800 ? n / 4 : 200; /* and twice that until there are 20 */
        while (n_candidates < 20)
            n_candidates *= 2;
        for (size_t i = 0; i < n && i < n_candidates; i++) {
            all[i].is_candidate = 1;
            all[i].score = cosine[all[i].item];
            if (all[i].score != ADAH_NO_SCORE)
                all[i].score = (float)(((double)all[i].score + (1 - 2 * (double)all[i].distance / (double)(n_bytes * 8)) / 4) / 1.25);
        }
        qsort(all, n, sizeof *all, in_fine_order);
        size_t own = 0, first, behind;
        while (all[own].item != query)
            own++;
        for (first = own; first > 0 && is_as_good(&all[first - 1], &all[own]);)
            first--;
        for (behind = own + 1; behind < n && is_as_good(&all[behind], &all[own]);)
            behind++;
        for (size_t place = first; place < behind; place++)
            for (size_t k = 0; k < 3; k++)
                at[k] += place < (k ? 5 * k : 1) ? 1.0 / (double)(behind - first) / (double)n : 0;
        rank[query] = (double)(first + behind + 1) / 2;
    }
    qsort(rank, n, sizeof *rank, ascending);
    adah_partner_measures m[2];
    for (int i = 0; i < 2; i++) {
        adah_parallel_set_threads(i ? 3 : 1);
        assert_int_equal(adah_partners_compute((adah_partner_side){queries, query_fine, n_fine}, (adah_partner_side){items, item_fine, n_fine}, n, n_bytes * 8,
                                               n_fine != 0, &m[i], NULL),
                         ADAH_OK);
    }
    adah_parallel_set_threads(0);
    ASSERT_CLOSE(m[0].recall_at_1, at[0]);
    ASSERT_CLOSE(m[0].recall_at_5, at[1]);
    ASSERT_CLOSE(m[0].recall_at_10, at[2]);
    ASSERT_CLOSE(m[0].median_rank, (rank[(n - 1) / 2] + rank[n / 2]) / 2);
    assert_memory_equal(&m[0], &m[1], sizeof m[0]);
}

/* Vectors of few values, some of them none: cosines repeat. Sets below and beyond the number of candidates. */
static void the_fine_order(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 2, 9, 79, 80, 81, 300, N_FINE_MAX};
    adah_random random = adah_random_seeded(5, 1);
    for (size_t trial = 0; trial < 4 * sizeof sizes / sizeof *sizes; trial++) {
        const size_t n = sizes[trial / 4], n_bytes = 1 + trial % 3, n_fine = 8;
        fill(&random, n * n_bytes);
        for (size_t i = 0; i < n * n_fine; i++) {
            query_fine[i] = (int8_t)adah_random_below(&random, 2);
            item_fine[i] = (int8_t)(trial % 2 ? (int)adah_random_below(&random, 9) - 4 : (int)adah_random_below(&random, 2));
        }
        for (size_t i = 0; i < n / 20; i++)
            memset((i % 2 ? query_fine : item_fine) + adah_random_below(&random, n) * n_fine, 0, n_fine);
        check_fine(n, n_bytes, n_fine);
    }
}

/* The answers of an index of the same items, for vectors without ties: the share of queries whose own item is among them is the recall. */
static void as_a_search_gives_it(void **state) {
    (void)state;
    enum { N = N_FINE_MAX, N_FINE = 8 };
    adah_random random = adah_random_seeded(6, 1);
    static adah_search_result results[N];
    fill(&random, N * 2);
    for (size_t i = 0; i < N * N_FINE; i++) {
        query_fine[i] = (int8_t)((int)adah_random_below(&random, 255) - 127);
        item_fine[i] = (int8_t)((query_fine[i] + (int)adah_random_below(&random, 255) - 127) / 2);
    }
    temporary_folder folder = temporary_folder_create();
    char path[1024];
    snprintf(path, sizeof path, "%s/items.adah", folder.path);
    adah_index_writer *writer = NULL;
    adah_index *index = NULL;
    assert_int_equal(adah_index_writer_create(path, NULL, 16, &writer, NULL), ADAH_OK);
    for (size_t i = 0; i < N; i++) {
        const adah_index_item item = {.id = i, .image_code = items + 2 * i, .image_fine = item_fine + i * N_FINE, .n_image_fine = N_FINE};
        assert_int_equal(adah_index_writer_add(writer, &item, NULL, NULL), ADAH_OK);
    }
    assert_int_equal(adah_index_writer_commit(writer, NULL), ADAH_OK);
    adah_index_writer_close(writer);
    assert_int_equal(adah_index_open(path, &index, NULL), ADAH_OK);
    adah_search_options options;
    adah_search_options_init(&options);
    options.fine = query_fine;
    options.n_fine = N_FINE;
    options.fine_of = ADAH_TEXT; /* of the other kind */
    assert_int_equal(adah_index_search(index, ADAH_IMAGE, queries, N, &options, results, NULL), ADAH_OK);
    double at_1 = 0, at_10 = 0;
    for (size_t query = 0; query < N; query++) {
        assert_int_equal(results[query].n_hits, 10);
        at_1 += results[query].hits[0].id == query;
        for (size_t i = 0; i < 10; i++)
            at_10 += results[query].hits[i].id == query;
        adah_search_result_free(&results[query]);
    }
    adah_index_close(index);
    temporary_folder_remove(&folder);
    adah_partner_measures m;
    assert_int_equal(adah_partners_compute((adah_partner_side){queries, query_fine, N_FINE}, (adah_partner_side){items, item_fine, N_FINE}, N, 16, 1, &m, NULL),
                     ADAH_OK);
    assert_true(at_1 > 0 && at_10 > at_1 && at_10 < N);
    ASSERT_CLOSE(m.recall_at_1, at_1 / N);
    ASSERT_CLOSE(m.recall_at_10, at_10 / N);
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
    const adah_partner_side side[2] = {{queries, query_fine, 8}, {items, item_fine, 8}};
    size_t n_distinct = 77, n_most = 77;
    adah_memory_fault_at(1);
    assert_int_equal(adah_partners_compute(side[0], side[1], 5, 8, 0, &m, NULL), ADAH_ERROR_MEMORY);
    adah_memory_fault_at(1);
    assert_int_equal(adah_codes_count_distinct(items, 5, 8, &n_distinct, &n_most, NULL), ADAH_ERROR_MEMORY);
    adah_parallel_set_threads(1);
    for (uint64_t n = 1;; n++) {
        adah_memory_fault_at(n);
        const adah_code code = adah_partners_compute(side[0], side[1], 60, 8, 1, &m, NULL);
        if (!adah_memory_fault_fired()) {
            assert_int_equal(code, ADAH_OK);
            assert_int_equal(m.n_queries, 60);
            assert_true(n > 2);
            break;
        }
        assert_int_equal(code, ADAH_ERROR_MEMORY);
        assert_int_equal(m.n_queries, 77);
    }
    adah_memory_fault_at(0);
    adah_parallel_set_threads(0);
    assert_true(m.n_queries == 60 && n_distinct == 77 && n_most == 77);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_of_tiny_sets), cmocka_unit_test(shuffled_orders_of_larger_sets),
        cmocka_unit_test(counts_of_large_sets),     cmocka_unit_test(the_fine_order),
        cmocka_unit_test(as_a_search_gives_it),     cmocka_unit_test(no_queries),
        cmocka_unit_test(different_codes),          cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
