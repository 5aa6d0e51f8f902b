/* (property) Measures against slow, obvious computations on random codes with many ties, equal to 1e-12.
 *
 * Tiny databases: every order of the items that keeps distances ascending is written down; the tie-aware measures are
 * means over all of them, the bounds their extremes. Larger ones: a full sort and the formulas term by term, on 10,000
 * small sets and some of hundreds of items. */
#include "base/parallel.h"
#include "base/random.h"
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
            fail_msg("%s:%d: %s is %.15g, expected %.15g", __FILE__, __LINE__, #a, (a), (double)(b));                \
    } while (0)

enum { N_MAX = 400, LABELS_MAX = 5, CODE_BYTES_MAX = 4 };

/* A set with room, and the arrays that adah_coded_set wants. */
typedef struct test_set {
    size_t n, n_bytes;
    uint8_t codes[N_MAX * CODE_BYTES_MAX];
    uint32_t label[N_MAX * LABELS_MAX];
    size_t label_start[N_MAX + 1];
} test_set;

/* Codes with few bits set, so that distances repeat; each of LABELS_MAX labels with the given chance. */
static void fill(test_set *s, adah_random *r, size_t n, size_t n_bytes, double chance) {
    s->n = n;
    s->n_bytes = n_bytes;
    s->label_start[0] = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t b = 0; b < n_bytes; b++)
            s->codes[i * n_bytes + b] = (uint8_t)(adah_random_next(r) & adah_random_next(r) & 0x0f);
        size_t m = s->label_start[i];
        for (uint32_t l = 0; l < LABELS_MAX; l++)
            if (adah_random_uniform(r) < chance)
                s->label[m++] = l * 1000000007u;           /* label numbers may be anything, but ascend */
        for (size_t j = s->label_start[i] + 1; j < m; j++) /* insertion sort */
            for (size_t e = j; e > s->label_start[i] && s->label[e] < s->label[e - 1]; e--) {
                uint32_t t = s->label[e];
                s->label[e] = s->label[e - 1];
                s->label[e - 1] = t;
            }
        s->label_start[i + 1] = m;
    }
}

static adah_coded_set coded(const test_set *s) { return (adah_coded_set){s->n, s->codes, s->label, s->label_start}; }

static size_t distance(const test_set *a, size_t i, const test_set *b, size_t j) {
    size_t sum = 0;
    for (size_t byte = 0; byte < a->n_bytes; byte++)
        for (int bit = 0; bit < 8; bit++)
            sum += (a->codes[i * a->n_bytes + byte] ^ b->codes[j * b->n_bytes + byte]) >> bit & 1;
    return sum;
}

static size_t shared(const test_set *a, size_t i, const test_set *b, size_t j) {
    size_t sum = 0;
    for (size_t x = a->label_start[i]; x < a->label_start[i + 1]; x++)
        for (size_t y = b->label_start[j]; y < b->label_start[j + 1]; y++)
            sum += a->label[x] == b->label[y];
    return sum;
}

/* An item as one query sees it. */
typedef struct item {
    size_t distance, position, shared;
} item;

/* What the items in their order give. */
typedef struct ranked {
    size_t n_relevant;
    double ap, ap_at_k, ap_first_k, dcg, ideal;
} ranked;

static int by_rank(const void *a, const void *b) {
    const item *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return x->position < y->position ? -1 : 1;
}

static int by_gain(const void *a, const void *b) {
    const item *x = a, *y = b;
    return x->shared > y->shared ? -1 : x->shared < y->shared;
}

static ranked rank(const item *items, size_t n, size_t k) {
    ranked m = {0};
    item sorted[N_MAX];
    size_t within_k = 0;
    for (size_t i = 0; i < n; i++) {
        if (!items[i].shared)
            continue;
        m.n_relevant++;
        double precision = (double)m.n_relevant / (double)(i + 1);
        m.ap += precision;
        if (m.n_relevant <= k)
            m.ap_first_k += precision;
        if (i < k) {
            m.ap_at_k += precision;
            within_k++;
            m.dcg += (pow(2, (double)items[i].shared) - 1) / log2((double)i + 2);
        }
    }
    if (m.n_relevant) {
        m.ap /= (double)m.n_relevant;
        m.ap_first_k /= (double)(m.n_relevant < k ? m.n_relevant : k);
        m.ap_at_k /= within_k ? (double)within_k : 1;
    }
    memcpy(sorted, items, n * sizeof *items);
    qsort(sorted, n, sizeof *sorted, by_gain);
    for (size_t i = 0; i < n && i < k; i++)
        m.ideal += (pow(2, (double)sorted[i].shared) - 1) / log2((double)i + 2);
    return m;
}

/* The items that query i ranks. */
static size_t look(const test_set *q, size_t i, const test_set *d, size_t leave_out, item *items) {
    size_t n = 0;
    for (size_t j = 0; j < d->n; j++)
        if (j != leave_out)
            items[n++] = (item){distance(q, i, d, j), j, shared(q, i, d, j)};
    qsort(items, n, sizeof *items, by_rank);
    return n;
}

/* All orders: items[from..] in every arrangement that keeps distances ascending. */
typedef struct orders {
    size_t n, k, n_orders;
    double ap_sum, ap_min, ap_max, ndcg_sum;
} orders;

static void enumerate(item *items, size_t from, orders *o) {
    if (from == o->n) {
        ranked m = rank(items, o->n, o->k);
        o->n_orders++;
        o->ap_sum += m.ap;
        o->ap_min = fmin(o->ap_min, m.ap);
        o->ap_max = fmax(o->ap_max, m.ap);
        o->ndcg_sum += m.dcg / m.ideal;
        return;
    }
    for (size_t i = from; i < o->n && items[i].distance == items[from].distance; i++) {
        item t = items[from];
        items[from] = items[i];
        items[i] = t;
        enumerate(items, from + 1, o);
        items[i] = items[from];
        items[from] = t;
    }
}

static void test_ties_by_writing_down_every_order(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(11, 1);
    static test_set q, d;
    size_t n_seen = 0;
    for (int round = 0; round < 300; round++) {
        size_t k = 1 + adah_random_below(&r, 9);
        fill(&q, &r, 1, 1, 0.4);
        fill(&d, &r, 1 + adah_random_below(&r, 7), 1, 0.3);
        item items[N_MAX];
        size_t n = look(&q, 0, &d, SIZE_MAX, items);
        adah_measures m;
        assert_int_equal(adah_measures_compute(coded(&q), coded(&d), 8, k, NULL, &m, NULL), ADAH_OK);
        if (rank(items, n, k).n_relevant == 0) {
            assert_int_equal(m.n_queries, 0);
            assert_int_equal(m.n_queries_left_out, 1);
        } else {
            orders o = {.n = n, .k = k, .ap_min = 1};
            enumerate(items, 0, &o);
            n_seen += o.n_orders > 1;
            assert_int_equal(m.n_queries, 1);
            ASSERT_CLOSE(m.map_tie_aware, o.ap_sum / (double)o.n_orders);
            ASSERT_CLOSE(m.map_optimistic, o.ap_max);
            ASSERT_CLOSE(m.map_pessimistic, o.ap_min);
            ASSERT_CLOSE(m.ndcg_at_k, o.ndcg_sum / (double)o.n_orders);
        }
        adah_measures_free(&m);
    }
    assert_true(n_seen > 100); /* ties there were */
}

/* The formulas of the tie-aware means and the bounds, term by term, level by level. */
static void by_levels(const item *items, size_t n, size_t k, double *aware, double *best, double *worst, double *dcg) {
    size_t n_relevant = 0, before = 0, p_before = 0;
    *aware = *best = *worst = *dcg = 0;
    for (size_t i = 0; i < n; i++)
        n_relevant += items[i].shared > 0;
    while (before < n) {
        size_t level = 0, p = 0;
        double gain = 0;
        for (; before + level < n && items[before + level].distance == items[before].distance; level++) {
            p += items[before + level].shared > 0;
            gain += pow(2, (double)items[before + level].shared) - 1;
        }
        for (size_t t = 1; t <= level && before + t <= k; t++)
            *dcg += gain / (double)level / log2((double)(before + t) + 1);
        double mean = 0;
        for (size_t t = 1; p && t <= level; t++) {
            double share = level > 1 ? (double)(t - 1) * (double)(p - 1) / (double)(level - 1) : 0;
            mean += ((double)p_before + 1 + share) / (double)(before + t) / (double)level;
        }
        *aware += (double)p * mean / (double)n_relevant;
        for (size_t i = 1; i <= p; i++) {
            *best += (double)(p_before + i) / (double)(before + i) / (double)n_relevant;
            *worst += (double)(p_before + i) / (double)(before + level - p + i) / (double)n_relevant;
        }
        before += level;
        p_before += p;
    }
}

/* How many of the first 10 are beside an item at their distance, in the sorted order. */
static size_t count_ties(const item *items, size_t n) {
    size_t n_tied = 0;
    for (size_t i = 0; i < n && i < 10; i++)
        n_tied += (i > 0 && items[i - 1].distance == items[i].distance) || (i + 1 < n && items[i + 1].distance == items[i].distance);
    return n_tied;
}

/* Returns the number of queries that counted. */
static size_t check_against_sort(const test_set *q, const test_set *d, const size_t *leave_out, size_t k) {
    size_t n_bits = d->n_bytes * 8, n_queries = 0, n_pooled_relevant = 0, n_tied = 0;
    double map = 0, at_k = 0, first_k = 0, aware = 0, best = 0, worst = 0, ndcg = 0;
    double precision[ADAH_PRECISION_POINTS_MAX] = {0};
    double returned[CODE_BYTES_MAX * 8 + 1] = {0}, relevant[CODE_BYTES_MAX * 8 + 1] = {0};
    double macro_precision[CODE_BYTES_MAX * 8 + 1] = {0}, macro_recall[CODE_BYTES_MAX * 8 + 1] = {0};
    adah_measures m;
    assert_int_equal(adah_measures_compute(coded(q), coded(d), n_bits, k, leave_out, &m, NULL), ADAH_OK);
    for (size_t i = 0; i < q->n; i++) {
        item items[N_MAX];
        size_t n = look(q, i, d, leave_out ? leave_out[i] : SIZE_MAX, items);
        ranked one = rank(items, n, k);
        n_tied += count_ties(items, n);
        if (!one.n_relevant)
            continue;
        double one_aware, one_best, one_worst, one_dcg;
        by_levels(items, n, k, &one_aware, &one_best, &one_worst, &one_dcg);
        n_queries++;
        n_pooled_relevant += one.n_relevant;
        map += one.ap;
        at_k += one.ap_at_k;
        first_k += one.ap_first_k;
        aware += one_aware;
        best += one_best;
        worst += one_worst;
        ndcg += one_dcg / one.ideal;
        for (size_t p = 0; p < m.n_precision; p++) {
            size_t hits = 0;
            for (size_t e = 0; e < m.precision_at[p]; e++)
                hits += items[e].shared > 0;
            precision[p] += (double)hits / (double)m.precision_at[p];
        }
        for (size_t radius = 0; radius <= n_bits; radius++) {
            size_t inside = 0, hits = 0;
            for (size_t e = 0; e < n; e++)
                if (items[e].distance <= radius) {
                    inside++;
                    hits += items[e].shared > 0;
                }
            returned[radius] += (double)inside;
            relevant[radius] += (double)hits;
            macro_precision[radius] += inside ? (double)hits / (double)inside : 0;
            macro_recall[radius] += (double)hits / (double)one.n_relevant;
        }
    }
    double count = n_queries ? (double)n_queries : 1;
    assert_int_equal(m.n_queries, n_queries);
    assert_int_equal(m.n_queries_left_out, q->n - n_queries);
    ASSERT_CLOSE(m.map, map / count);
    ASSERT_CLOSE(m.map_at_k, at_k / count);
    ASSERT_CLOSE(m.map_first_k_relevant, first_k / count);
    ASSERT_CLOSE(m.map_tie_aware, aware / count);
    ASSERT_CLOSE(m.map_optimistic, best / count);
    ASSERT_CLOSE(m.map_pessimistic, worst / count);
    ASSERT_CLOSE(m.ndcg_at_k, ndcg / count);
    ASSERT_CLOSE(m.ties_in_first_10, q->n ? (double)n_tied / (double)q->n : 0);
    for (size_t p = 0; p < m.n_precision; p++)
        ASSERT_CLOSE(m.precision[p], precision[p] / count);
    for (size_t radius = 0; radius <= n_bits; radius++) {
        ASSERT_CLOSE(m.precision_micro[radius], returned[radius] > 0 ? relevant[radius] / returned[radius] : 0);
        ASSERT_CLOSE(m.recall_micro[radius], n_queries ? relevant[radius] / (double)n_pooled_relevant : 0);
        ASSERT_CLOSE(m.precision_macro[radius], macro_precision[radius] / count);
        ASSERT_CLOSE(m.recall_macro[radius], macro_recall[radius] / count);
    }
    adah_measures_free(&m);
    return n_queries;
}

static void test_ten_thousand_small_sets(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(11, 5);
    static test_set q, d;
    static size_t leave_out[N_MAX];
    size_t n_queries = 0;
    for (int round = 0; round < 10000; round++) {
        const size_t n_bytes = 1 + adah_random_below(&r, 2);
        const double chance = 0.05 + 0.5 * (double)adah_random_uniform(&r);
        fill(&q, &r, 1 + adah_random_below(&r, 6), n_bytes, chance);
        fill(&d, &r, 1 + adah_random_below(&r, 40), n_bytes, chance);
        for (size_t i = 0; i < q.n; i++)
            leave_out[i] = adah_random_below(&r, 2) ? adah_random_below(&r, d.n) : SIZE_MAX;
        n_queries += check_against_sort(&q, &d, round % 3 ? NULL : leave_out, 1 + adah_random_below(&r, 50));
    }
    assert_true(n_queries > 20000);
}

static void test_larger_sets_by_sorting(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(11, 2);
    static test_set q, d;
    static size_t leave_out[N_MAX];
    for (int round = 0; round < 40; round++) {
        size_t n_bytes = 1 + adah_random_below(&r, CODE_BYTES_MAX);
        fill(&q, &r, 10 + adah_random_below(&r, 60), n_bytes, round % 4 ? 0.3 : 0.1);
        fill(&d, &r, 20 + adah_random_below(&r, N_MAX - 20), n_bytes, round % 4 ? 0.3 : 0.05);
        for (size_t i = 0; i < q.n; i++)
            leave_out[i] = adah_random_below(&r, 3) ? adah_random_below(&r, d.n) : SIZE_MAX;
        assert_true(check_against_sort(&q, &d, round % 2 ? leave_out : NULL, 1 + adah_random_below(&r, 100)) > 0);
    }
}

static void test_a_set_measured_against_itself(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(11, 3);
    static test_set d;
    static size_t leave_out[N_MAX];
    fill(&d, &r, 110, 2, 0.3); /* so that precision@N must stop at the 109 others */
    for (size_t i = 0; i < d.n; i++)
        leave_out[i] = i;
    assert_true(check_against_sort(&d, &d, leave_out, 50) > 0);
    d.n = 100;
    assert_true(check_against_sort(&d, &d, leave_out, 50) > 0);
}

/* The same bits from any number of threads. */
static void test_threads_do_not_change_a_bit(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(11, 4);
    static test_set q, d;
    adah_measures m[4];
    fill(&q, &r, N_MAX, 4, 0.3);
    fill(&d, &r, N_MAX, 4, 0.3);
    for (int i = 0; i < 4; i++) {
        adah_parallel_set_threads(i + 1);
        assert_int_equal(adah_measures_compute(coded(&q), coded(&d), 32, 0, NULL, &m[i], NULL), ADAH_OK);
    }
    adah_parallel_set_threads(0);
    for (int i = 1; i < 4; i++) {
        assert_memory_equal(m[i].precision_micro, m[0].precision_micro, 4 * 33 * sizeof(double));
        assert_memory_equal(m[i].precision, m[0].precision, sizeof m[i].precision);
        assert_memory_equal(&m[i].map, &m[0].map, 4 * sizeof(double));
        assert_memory_equal(&m[i].map_at_k, &m[0].map_at_k, 3 * sizeof(double));
        adah_measures_free(&m[i]);
    }
    adah_measures_free(&m[0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ties_by_writing_down_every_order),
        cmocka_unit_test(test_ten_thousand_small_sets),
        cmocka_unit_test(test_larger_sets_by_sorting),
        cmocka_unit_test(test_a_set_measured_against_itself),
        cmocka_unit_test(test_threads_do_not_change_a_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
