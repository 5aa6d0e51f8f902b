/* (property) mAP of real-valued codes: worked out by hand, against a plain sort by exact integer comparison where cosines tie, and
 * against the formula in double on random vectors; what is refused. */
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "eval/measures_real.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ASSERT_CLOSE(a, b)                                                                                           \
    do {                                                                                                             \
        if (!(fabs((a) - (b)) < 1e-12))                                                                              \
            fail_msg("%s:%d: %s is %.15g, expected %.15g", __FILE__, __LINE__, #a, (a), (double)(b));                \
    } while (0)

enum { N_MAX = 60, D_MAX = 40, LABELS_MAX = 4 };

static adah_measures_real compute(adah_real_set q, adah_real_set d, size_t n_dimensions, const size_t *leave_out) {
    adah_measures_real m;
    adah_status status = {0};
    if (adah_measures_real_compute(q, d, n_dimensions, leave_out, &m, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return m;
}

/* Seen from (1, 0): cosines 0 (zeros), 1, -1, 0.6, 0, 1, 0.6. Ranks: 1 5 | 3 6 | 0 4 | 2. */
static const float plane[14] = {0, 0, 2, 0, -1, 0, 3, 4, 0, -5, 0.5f, 0, 6, -8};
static const uint32_t plane_label[7] = {7, 8, 7, 8, 7, 7, 8};
static const size_t plane_start[8] = {0, 1, 2, 3, 4, 5, 6, 7};
static const adah_real_set plane_set = {7, plane, plane_label, plane_start};

static void test_by_hand(void **state) {
    (void)state;
    static const float east[6] = {1, 0, 1000, 0, 1, 0};
    static const uint32_t label[3] = {7, 8, 9};
    static const size_t start[4] = {0, 1, 2, 3};
    const adah_real_set queries = {3, east, label, start};
    /* label 7 at ranks 2, 5, 6, 7; label 8 at 1, 3, 4; nothing has label 9 */
    const double seven = (1.0 / 2 + 2.0 / 5 + 3.0 / 6 + 4.0 / 7) / 4, eight = (1.0 + 2.0 / 3 + 3.0 / 4) / 3;
    adah_measures_real m = compute(queries, plane_set, 2, NULL);
    assert_int_equal(m.n_queries, 2);
    assert_int_equal(m.n_queries_left_out, 1);
    assert_int_equal(m.n_database, 7);
    assert_int_equal(m.n_dimensions, 2);
    ASSERT_CLOSE(m.map, (seven + eight) / 2);
    /* Item 5 is the first query itself: 7 at ranks 4, 5, 6. Item 1 is the second: 8 at ranks 2, 3. */
    const size_t leave_out[3] = {5, 1, SIZE_MAX};
    m = compute(queries, plane_set, 2, leave_out);
    ASSERT_CLOSE(m.map, ((1.0 / 4 + 2.0 / 5 + 3.0 / 6) / 3 + (1.0 / 2 + 2.0 / 3) / 2) / 2);
    /* A query of zeros is equally near to all: by position. */
    static const float nowhere[2] = {0, 0};
    m = compute((adah_real_set){1, nowhere, label + 1, start}, plane_set, 2, NULL);
    ASSERT_CLOSE(m.map, (1.0 / 2 + 2.0 / 4 + 3.0 / 7) / 3);
    /* Nothing to measure. */
    const adah_real_set none = {0, NULL, NULL, NULL};
    m = compute(queries, none, 2, NULL);
    assert_int_equal(m.n_queries_left_out, 3);
    ASSERT_CLOSE(m.map, 0);
    m = compute(none, plane_set, 2, NULL);
    ASSERT_CLOSE(m.map, 0);
}

typedef struct test_set {
    size_t n, d;
    float vector[N_MAX * D_MAX];
    uint32_t label[N_MAX * LABELS_MAX];
    size_t label_start[N_MAX + 1];
} test_set;

/* Values -1, 0 and 1 when `few`, else normal ones. */
static void fill(test_set *s, adah_random *r, size_t n, size_t d, int few) {
    s->n = n;
    s->d = d;
    s->label_start[0] = 0;
    for (size_t i = 0; i < n * d; i++)
        s->vector[i] = few ? (float)adah_random_below(r, 3) - 1 : adah_random_normal(r);
    for (size_t i = 0; i < n; i++) {
        size_t m = s->label_start[i];
        for (uint32_t l = 0; l < LABELS_MAX; l++)
            if (adah_random_below(r, 4) == 0)
                s->label[m++] = 10 * l;
        s->label_start[i + 1] = m;
    }
}

static adah_real_set real(const test_set *s) { return (adah_real_set){s->n, s->vector, s->label, s->label_start}; }

static int is_relevant(const test_set *a, size_t i, const test_set *b, size_t j) {
    for (size_t x = a->label_start[i]; x < a->label_start[i + 1]; x++)
        for (size_t y = b->label_start[j]; y < b->label_start[j + 1]; y++)
            if (a->label[x] == b->label[y])
                return 1;
    return 0;
}

static double dot(const float *a, const float *b, size_t d) {
    double sum = 0;
    for (size_t i = 0; i < d; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* Whether item i of the database is before item j. In small whole numbers a / sqrt(x) > b / sqrt(y) is decided by squares. */
static int is_before(const test_set *q, size_t query, const test_set *d, size_t i, size_t j, int few) {
    const float *v = q->vector + query * q->d, *x = d->vector + i * d->d, *y = d->vector + j * d->d;
    double a = dot(v, x, d->d), b = dot(v, y, d->d), xx = dot(x, x, d->d), yy = dot(y, y, d->d);
    if (few) {
        a = a * fabs(a) * (yy > 0 ? yy : 1);
        b = b * fabs(b) * (xx > 0 ? xx : 1);
    } else {
        a /= sqrt(xx * dot(v, v, d->d));
        b /= sqrt(yy * dot(v, v, d->d));
    }
    return a != b ? a > b : i < j;
}

/* Ranks by counting the items before each. */
static void check(const test_set *q, const test_set *d, const size_t *leave_out, int few) {
    double sum = 0;
    size_t n_queries = 0;
    for (size_t query = 0; query < q->n; query++) {
        const size_t out = leave_out ? leave_out[query] : SIZE_MAX;
        double ap = 0;
        size_t n_relevant = 0;
        for (size_t i = 0; i < d->n; i++) {
            if (i == out || !is_relevant(q, query, d, i))
                continue;
            size_t rank = 1, nth = 1;
            for (size_t j = 0; j < d->n; j++)
                if (j != out && j != i && is_before(q, query, d, j, i, few)) {
                    rank++;
                    nth += (size_t)is_relevant(q, query, d, j);
                }
            ap += (double)nth / (double)rank;
            n_relevant++;
        }
        sum += n_relevant ? ap / (double)n_relevant : 0;
        n_queries += n_relevant > 0;
    }
    const adah_measures_real m = compute(real(q), real(d), d->d, leave_out);
    assert_int_equal(m.n_queries, n_queries);
    assert_int_equal(m.n_queries_left_out, q->n - n_queries);
    ASSERT_CLOSE(m.map, n_queries ? sum / (double)n_queries : 0);
}

static void test_random_sets(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(12, 1);
    static test_set q, d;
    static size_t leave_out[N_MAX];
    for (int round = 0; round < 1000; round++) {
        const int few = round % 2; /* up to 8 dimensions no two square roots round to different sides of a tie */
        const size_t n_dimensions = 1 + adah_random_below(&r, few ? 8 : D_MAX);
        fill(&q, &r, 1 + adah_random_below(&r, 20), n_dimensions, few);
        fill(&d, &r, 1 + adah_random_below(&r, round % 10 ? 15 : N_MAX), n_dimensions, few);
        for (size_t i = 0; i < q.n; i++)
            leave_out[i] = adah_random_below(&r, 2) ? adah_random_below(&r, d.n) : SIZE_MAX;
        check(&q, &d, round % 3 ? NULL : leave_out, few);
    }
}

static void test_threads_do_not_change_a_bit(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(12, 2);
    static test_set q, d;
    double map[4];
    fill(&q, &r, N_MAX, D_MAX, 0);
    fill(&d, &r, N_MAX, D_MAX, 0);
    for (int i = 0; i < 4; i++) {
        adah_parallel_set_threads(i + 1);
        map[i] = compute(real(&q), real(&d), D_MAX, NULL).map;
    }
    adah_parallel_set_threads(0);
    for (int i = 1; i < 4; i++)
        assert_memory_equal(&map[i], &map[0], sizeof *map);
}

static void expect_refused(adah_real_set q, adah_real_set d, size_t n_dimensions, const size_t *leave_out,
                           const char *message) {
    adah_measures_real m = {.n_queries = 77};
    adah_status status = {0};
    assert_int_equal(adah_measures_real_compute(q, d, n_dimensions, leave_out, &m, &status), ADAH_ERROR_ARGUMENT);
    if (!strstr(status.message, message))
        fail_msg("expected \"%s\", got \"%s\"", message, status.message);
    assert_int_equal(m.n_queries, 77);
}

static void test_nonsense_is_refused(void **state) {
    (void)state;
    expect_refused(plane_set, plane_set, 0, NULL, "0 dimensions");
    adah_real_set bad = plane_set;
    bad.vector = NULL;
    expect_refused(bad, plane_set, 2, NULL, "queries have no vectors");
    bad = plane_set;
    bad.label_start = NULL;
    expect_refused(plane_set, bad, 2, NULL, "database items have no vectors or no labels");
    float values[14];
    memcpy(values, plane, sizeof values);
    values[9] = NAN;
    bad = plane_set;
    bad.vector = values;
    expect_refused(plane_set, bad, 2, NULL, "in vector 4 of the database items, expected a finite number");
    const uint32_t label[2] = {3, 3};
    const size_t start[2] = {0, 2};
    expect_refused((adah_real_set){1, plane, label, start}, plane_set, 2, NULL, "label 3 after 3 at item 0 of the queries");
    const size_t leave_out[7] = {SIZE_MAX, 7, 0, 0, 0, 0, 0};
    expect_refused(plane_set, plane_set, 2, leave_out, "query 1 leaves out item 7 of a database of 7");
}

static void test_every_allocation_may_fail(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        adah_measures_real m = {.n_queries = 77};
        adah_status status = {0};
        adah_memory_fault_at(n);
        const adah_code code = adah_measures_real_compute(plane_set, plane_set, 2, NULL, &m, &status);
        const int fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        if (!fired) {
            assert_int_equal(code, ADAH_OK);
            assert_true(n > 8);
            break;
        }
        assert_int_equal(code, ADAH_ERROR_MEMORY);
        assert_int_equal(m.n_queries, 77);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_random_sets),
        cmocka_unit_test(test_threads_do_not_change_a_bit),
        cmocka_unit_test(test_nonsense_is_refused),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
