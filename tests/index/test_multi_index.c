/* (property) Search by tables against a loop over all codes: the same hits for every kind of codes and every option; damaged
 * tables do no harm. */
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "index/multi_index.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fail_allocations.h"

typedef enum kind { UNIFORM, UNEVEN, CLUSTERS, TIES, CONSTANT, N_KINDS } kind;
static const char *const kind_name[] = {"uniform", "uneven", "clusters", "ties", "constant"};

enum { N_CENTRES = 300 };

/* A bit that is 1 in about one of `one_in`. */
static unsigned rare_bit(adah_random *r, uint64_t one_in) { return adah_random_below(r, one_in) == 0; }

/* n codes in a block that ends with them, so that the address sanitizer sees a read beyond. */
static uint8_t *make_codes(adah_random *r, kind what, size_t n, size_t n_bits) {
    const size_t n_bytes = n_bits / 8;
    uint8_t *codes = calloc(n ? n * n_bytes : 1, 1),
            (*centre)[ADAH_BITS_MAX / 8] = malloc(N_CENTRES * sizeof *centre);
    for (size_t c = 0; c < N_CENTRES; c++)
        for (size_t b = 0; b < n_bytes; b++)
            centre[c][b] = (uint8_t)adah_random_next(r);
    for (size_t i = 0; i < n; i++) {
        uint8_t *code = codes + i * n_bytes;
        if (what == CLUSTERS || what == TIES)
            memcpy(code, centre[adah_random_below(r, what == TIES ? 3 : N_CENTRES)], n_bytes);
        for (size_t bit = 0; bit < n_bits; bit++) {
            unsigned turned = 0;
            if (what == UNIFORM)
                turned = rare_bit(r, 2);
            else if (what == UNEVEN) /* some bits are always alike, and bits 3 and 5 of a byte agree */
                turned = bit % 8 == 5 ? code[bit / 8] >> 3 & 1 : bit % 11 ? rare_bit(r, 2 + bit % 11 * 3) : 0;
            else if (what == CLUSTERS)
                turned = rare_bit(r, 20);
            code[bit / 8] ^= (uint8_t)(turned << bit % 8);
        }
    }
    free(centre);
    return codes;
}

static int odd(void *context, size_t query, uint64_t position) {
    (*(uint8_t **)context)[position]++;
    return position % 2 == query % 2;
}

static int by_distance_then_position(const void *a, const void *b) {
    const adah_hit *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
}

/* By looking at all codes. expected: room for n. */
static size_t look_at_all(const uint8_t *codes, size_t n, size_t n_bits, const adah_multi_index_query *q,
                          adah_hit *expected) {
    size_t n_all = 0, n_hits;
    for (size_t i = 0; i < n; i++) {
        uint32_t distance = 0;
        for (size_t b = 0; b < n_bits / 8; b++)
            distance += (uint32_t)__builtin_popcount(q->code[b] ^ codes[i * (n_bits / 8) + b]);
        if (distance <= q->radius && (!q->keep || (q->keep[i / 64] >> i % 64 & 1)) &&
            (!q->accept || i % 2 == q->query % 2))
            expected[n_all++] = (adah_hit){i, distance};
    }
    qsort(expected, n_all, sizeof *expected, by_distance_then_position);
    n_hits = n_all < q->k ? n_all : q->k;
    while (q->keep_ties && n_hits > 0 && n_hits < n_all && expected[n_hits].distance == expected[n_hits - 1].distance)
        n_hits++;
    return n_hits;
}

static void check_query(const adah_multi_index *view, const uint8_t *codes, const adah_multi_index_query *q,
                        const char *what) {
    adah_hit *expected = malloc(view->n * sizeof *expected), *hits;
    uint8_t *n_asked = calloc(view->n, 1);
    adah_multi_index_query query = *q;
    adah_multi_index_work work;
    size_t n_hits;
    int done;
    query.context = &n_asked;
    const size_t n_expected = look_at_all(codes, view->n, view->n_bits, q, expected);
    assert_int_equal(adah_multi_index_search(view, codes, &query, &hits, &n_hits, &done, &work, NULL), ADAH_OK);
    if (!done) {
        assert_true(q->budget < INFINITY);
        assert_null(hits);
        assert_int_equal(n_hits, 0);
    } else {
        if (n_hits != n_expected)
            fail_msg("%s, %d tables, %zu codes of %zu bits, k %zu, radius %u, ties %d: %zu hits, expected %zu", what,
                     view->n_tables, view->n, view->n_bits, q->k, q->radius, q->keep_ties, n_hits, n_expected);
        for (size_t i = 0; i < n_hits; i++)
            if (hits[i].position != expected[i].position || hits[i].distance != expected[i].distance)
                fail_msg("%s, %d tables, %zu codes of %zu bits, k %zu, radius %u, ties %d: hit %zu is (%zu, %u), "
                         "expected (%zu, %u)",
                         what, view->n_tables, view->n, view->n_bits, q->k, q->radius, q->keep_ties, i,
                         (size_t)hits[i].position, hits[i].distance, (size_t)expected[i].position,
                         expected[i].distance);
        assert_true((hits == NULL) == (n_hits == 0));
    }
    for (size_t i = 0; i < view->n; i++)
        assert_true(n_asked[i] <= 1);
    adah_memory_free(hits);
    free(expected);
    free(n_asked);
}

/* Options at random, for a code of the set, one near it, or any. */
static void check_options(adah_random *r, const adah_multi_index *view, const uint8_t *codes, const char *what,
                          int n_queries) {
    const size_t n = view->n, n_bytes = view->n_bits / 8;
    uint64_t *keep = malloc((n + 63) / 64 * sizeof *keep);
    for (int i = 0; i < n_queries; i++) {
        const size_t ks[] = {0, 1, 2, 10, n / 2, n, SIZE_MAX};
        const uint32_t radii[] = {UINT32_MAX, UINT32_MAX, (uint32_t)view->n_bits, (uint32_t)view->n_bits / 4, 3, 0};
        const double budgets[] = {INFINITY, INFINITY, INFINITY, 3e5, 2e4, 0};
        uint8_t code[ADAH_BITS_MAX / 8];
        for (size_t b = 0; b < n_bytes; b++)
            code[b] = (uint8_t)adah_random_next(r);
        if (i % 3)
            memcpy(code, codes + adah_random_below(r, n) * n_bytes, n_bytes);
        if (i % 3 == 2)
            for (int turned = 0; turned < 3; turned++)
                code[adah_random_below(r, n_bytes)] ^= (uint8_t)(1 << adah_random_below(r, 8));
        const unsigned one_in = 1 + (unsigned)adah_random_below(r, 4);
        for (size_t w = 0; w < (n + 63) / 64; w++)
            keep[w] = adah_random_next(r) & (one_in > 3 ? 0 : adah_random_next(r));
        const adah_multi_index_query q = {.code = code,
                                          .k = ks[adah_random_below(r, sizeof ks / sizeof *ks)],
                                          .radius = radii[adah_random_below(r, sizeof radii / sizeof *radii)],
                                          .keep_ties = (int)adah_random_below(r, 2),
                                          .keep = adah_random_below(r, 3) ? NULL : keep,
                                          .accept = adah_random_below(r, 3) ? NULL : odd,
                                          .query = (size_t)i,
                                          .budget = budgets[adah_random_below(r, sizeof budgets / sizeof *budgets)]};
        check_query(view, codes, &q, what);
    }
    free(keep);
}

static void check_codes(adah_random *r, kind what, size_t n, size_t n_bits, int n_tables, int n_queries) {
    uint8_t *codes = make_codes(r, what, n, n_bits), *image;
    size_t n_image_bytes;
    adah_status status;
    if (adah_multi_index_build(codes, n, n_bits, n_tables, &image, &n_image_bytes, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    assert_true((image == NULL) == (n == 0));
    if (image) {
        adah_multi_index view;
        if (adah_multi_index_view(image, n_image_bytes, n, n_bits, &view, &status) != ADAH_OK ||
            adah_multi_index_verify(&view, codes, &status) != ADAH_OK)
            fail_msg("%s", status.message);
        assert_int_equal(view.n_tables, n_tables);
        check_options(r, &view, codes, kind_name[what], n_queries);
    }
    adah_memory_free(image);
    free(codes);
}

static void test_small_sets(void **state) {
    (void)state;
    static const size_t counts[] = {0, 1, 2, 3, 17, 64, 200, 1000, 5000};
    static const size_t lengths[] = {8, 16, 24, 40, 64, 72, 128, 136, 200, 256, 512, 1000, 1024};
    adah_random r = adah_random_seeded(8, 1);
    for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            if (counts[c] * lengths[l] > 1000000)
                continue; /* long codes in small sets */
            for (kind what = 0; what < N_KINDS; what++)
                check_codes(&r, what, counts[c], lengths[l], 1 + (int)adah_random_below(&r, 8), 12);
        }
}

static void test_numbers_of_tables(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(8, 2);
    for (int n_tables = 1; n_tables <= 8; n_tables++)
        for (kind what = 0; what < N_KINDS; what++) {
            check_codes(&r, what, 3000, 64, n_tables, 30);
            check_codes(&r, what, 300, 8, n_tables, 10);
        }
    check_codes(&r, CLUSTERS, 700, 256, ADAH_MULTI_INDEX_TABLES_MAX, 30);
}

/* Sets for which tables are chosen: clusters get some, even long codes none, and threads do not change them. */
static void test_chosen_tables(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(8, 3);
    for (size_t n_bits = 64; n_bits <= 128; n_bits += 64) {
        enum { N = 300000 };
        uint8_t *codes = make_codes(&r, CLUSTERS, N, n_bits), *image[2];
        size_t n_image_bytes[2];
        for (int i = 0; i < 2; i++) {
            adah_parallel_set_threads(1 + 2 * i);
            assert_int_equal(adah_multi_index_build(codes, N, n_bits, 0, &image[i], &n_image_bytes[i], NULL),
                             ADAH_OK);
            assert_non_null(image[i]);
            assert_in_range(n_image_bytes[i], 1, 2 * N * n_bits / 8);
        }
        assert_int_equal(n_image_bytes[0], n_image_bytes[1]);
        assert_memory_equal(image[0], image[1], n_image_bytes[0]);
        adah_multi_index view;
        assert_int_equal(adah_multi_index_view(image[0], n_image_bytes[0], N, n_bits, &view, NULL), ADAH_OK);
        assert_int_equal(adah_multi_index_verify(&view, codes, NULL), ADAH_OK);
        check_options(&r, &view, codes, "chosen", 40);
        adah_parallel_set_threads(0);
        adah_memory_free(image[0]);
        adah_memory_free(image[1]);
        free(codes);
    }
    uint8_t *codes = make_codes(&r, UNIFORM, 30000, 256), *image;
    size_t n_image_bytes;
    assert_int_equal(adah_multi_index_build(codes, 30000, 256, 0, &image, &n_image_bytes, NULL), ADAH_OK);
    assert_null(image);
    assert_int_equal(n_image_bytes, 0);
    free(codes);
}

/* Searches with many keys at a radius, whose codes are estimated and not counted. */
static void test_large_sets(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(8, 4);
    check_codes(&r, UNIFORM, 200000, 64, 3, 24);
    check_codes(&r, CLUSTERS, 200000, 40, 2, 24);
}

/* Flips bytes anywhere, and sets numbers to extremes: whatever a search then answers, it stays inside. */
static void test_damaged_images(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(8, 5);
    size_t n_viewed = 0, n_refused = 0, n_verified = 0;
    for (int round = 0; round < 300; round++) {
        const size_t n = 1 + adah_random_below(&r, 2000), n_bits = 8 * (1 + adah_random_below(&r, 20));
        uint8_t *codes = make_codes(&r, (kind)adah_random_below(&r, N_KINDS), n, n_bits), *image, *damaged;
        size_t n_image_bytes;
        assert_int_equal(
            adah_multi_index_build(codes, n, n_bits, 1 + (int)adah_random_below(&r, 4), &image, &n_image_bytes, NULL),
            ADAH_OK);
        damaged = malloc(n_image_bytes);
        memcpy(damaged, image, n_image_bytes);
        const int in_header = round % 4 == 0;
        for (uint64_t flips = 1 + adah_random_below(&r, 20); flips > 0; flips--) {
            size_t at = in_header ? adah_random_below(&r, 128) : 128 + adah_random_below(&r, n_image_bytes - 128);
            damaged[at] ^= (uint8_t)(1 + adah_random_below(&r, 255));
            at &= ~(size_t)3;
            if (!in_header && flips % 3 == 0)
                memset(damaged + at, flips % 2 ? 0xff : 0, 4);
        }
        adah_multi_index view;
        adah_status status;
        if (adah_multi_index_view(damaged, n_image_bytes, n, n_bits, &view, &status) != ADAH_OK) {
            assert_int_equal(status.code, ADAH_ERROR_CORRUPT);
            n_refused++;
        } else {
            n_viewed++;
            if (adah_multi_index_verify(&view, codes, &status) == ADAH_OK)
                n_verified++;
            else
                assert_int_equal(status.code, ADAH_ERROR_CORRUPT);
            for (size_t k = 1; k <= n; k += n) {
                adah_hit *hits;
                size_t n_hits;
                int done;
                const adah_multi_index_query q = {
                    .code = codes, .k = k == 1 ? 1 : SIZE_MAX, .radius = UINT32_MAX, .budget = INFINITY};
                if (adah_multi_index_search(&view, codes, &q, &hits, &n_hits, &done, NULL, &status) != ADAH_OK)
                    assert_int_equal(status.code, ADAH_ERROR_CORRUPT);
                for (size_t i = 0; i < n_hits; i++)
                    assert_in_range(hits[i].position, 0, n - 1);
                adah_memory_free(hits);
            }
        }
        free(damaged);
        adah_memory_free(image);
        free(codes);
    }
    assert_true(n_refused > 50);
    assert_true(n_viewed > 150);
    assert_true(n_verified < n_viewed / 2); /* damage of the filling between the parts alone is none */
}

static void test_refused_images(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(8, 6);
    uint8_t *codes = make_codes(&r, UNIFORM, 100, 64), *image;
    size_t n;
    adah_multi_index view;
    adah_status status;
    assert_int_equal(adah_multi_index_build(codes, 100, 64, 3, &image, &n, NULL), ADAH_OK);
    assert_int_equal(adah_multi_index_view(image, n, 100, 64, &view, &status), ADAH_OK);
    assert_int_equal(adah_multi_index_view(image, n, 99, 64, &view, &status), ADAH_ERROR_CORRUPT);
    assert_non_null(strstr(status.message, "made for 100 codes of 64 bits, but there are 99 of 64"));
    assert_int_equal(adah_multi_index_view(image, n, 100, 72, &view, &status), ADAH_ERROR_CORRUPT);
    for (size_t cut = 0; cut < n; cut += cut < 200 ? 1 : n / 16)
        assert_int_equal(adah_multi_index_view(image, cut, 100, 64, &view, &status), ADAH_ERROR_CORRUPT);
    adah_memory_free(image);
    assert_int_equal(adah_multi_index_build(codes, 100, 60, 0, &image, &n, &status), ADAH_ERROR_ARGUMENT);
    assert_int_equal(adah_multi_index_build(codes, 100, 64, -1, &image, &n, &status), ADAH_ERROR_ARGUMENT);
    assert_int_equal(adah_multi_index_build(codes, 100, 8, 9, &image, &n, &status), ADAH_ERROR_ARGUMENT);
    free(codes);
}

/* ---- memory that is out ---- */

static uint8_t *fault_codes;
enum { N_FAULT = 25000 };

static adah_code work_on_tables(adah_status *status) {
    uint8_t *image;
    size_t n_image_bytes, n_hits = 0;
    adah_hit *hits = NULL;
    int done;
    adah_multi_index view;
    adah_code code = adah_multi_index_build(fault_codes, N_FAULT, 64, 2, &image, &n_image_bytes, status);
    if (code != ADAH_OK) {
        assert_null(image);
        return code;
    }
    code = adah_multi_index_view(image, n_image_bytes, N_FAULT, 64, &view, status);
    if (code == ADAH_OK)
        code = adah_multi_index_verify(&view, fault_codes, status);
    for (size_t k = 10; k <= 1000 && code == ADAH_OK; k *= 100) {
        const adah_multi_index_query q = {
            .code = fault_codes, .k = k, .radius = UINT32_MAX, .keep_ties = 1, .budget = INFINITY};
        code = adah_multi_index_search(&view, fault_codes, &q, &hits, &n_hits, &done, NULL, status);
        assert_true(code == ADAH_OK ? n_hits >= k : hits == NULL && n_hits == 0);
        adah_memory_free(hits);
    }
    adah_memory_free(image);
    return code;
}

static void test_memory_out(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(8, 7);
    fault_codes = make_codes(&r, UNIFORM, N_FAULT, 64);
    fail_allocations(work_on_tables, 40);
    free(fault_codes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_sets),     cmocka_unit_test(test_numbers_of_tables),
        cmocka_unit_test(test_chosen_tables),  cmocka_unit_test(test_large_sets),
        cmocka_unit_test(test_damaged_images), cmocka_unit_test(test_refused_images),
        cmocka_unit_test(test_memory_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
