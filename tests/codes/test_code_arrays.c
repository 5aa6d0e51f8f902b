/* (property) test_code_arrays.c - distances, the nearest and what is within a radius of codes in memory, next to counting bits one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "codes/codes.h"

#include <stdlib.h>
#include <string.h>

enum { N_QUERIES = 7, N = 300, K = 20 };

static unsigned slow_distance(const uint8_t *a, const uint8_t *b, size_t n_bits) {
    unsigned n = 0;
    for (size_t i = 0; i < n_bits; i++)
        n += (a[i / 8] >> i % 8 & 1) != (b[i / 8] >> i % 8 & 1);
    return n;
}

static void fill(uint8_t *bytes, size_t n, uint64_t seed) {
    adah_random r = adah_random_seeded(seed, 0);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(adah_random_next(&r) & 0x0f); /* with many ties */
}

/* All codes by (distance, position), as a sort that is too simple to fail gives them. */
static void slow_order(const uint16_t *distance, uint64_t order[N]) {
    size_t n = 0;
    for (unsigned d = 0; d <= ADAH_BITS_MAX; d++)
        for (size_t i = 0; i < N; i++)
            if (distance[i] == d)
                order[n++] = i;
    assert_int_equal(n, N);
}

static void compare(size_t n_bits) {
    static uint8_t queries[N_QUERIES * ADAH_BITS_MAX / 8], codes[N * ADAH_BITS_MAX / 8];
    static uint16_t distance[N_QUERIES * N];
    uint64_t position[N_QUERIES * K], order[N], *within = NULL;
    uint32_t near[N_QUERIES * K], *near_within = NULL;
    size_t start[N_QUERIES + 1];
    const uint32_t radius = (uint32_t)n_bits / 5;
    fill(queries, N_QUERIES * n_bits / 8, n_bits);
    fill(codes, N * n_bits / 8, n_bits + 1);
    assert_int_equal(adah_hamming_pairs(queries, N_QUERIES, codes, N, n_bits, distance, NULL), ADAH_OK);
    assert_int_equal(adah_hamming_nearest_k(queries, N_QUERIES, codes, N, n_bits, K, position, near, NULL), ADAH_OK);
    assert_int_equal(adah_hamming_within(queries, N_QUERIES, codes, N, n_bits, radius, start, &within, &near_within, NULL), ADAH_OK);
    assert_int_equal(start[0], 0);
    for (size_t q = 0; q < N_QUERIES; q++) {
        const uint16_t *row = distance + q * N;
        for (size_t i = 0; i < N; i++)
            assert_int_equal(row[i], slow_distance(queries + q * n_bits / 8, codes + i * n_bits / 8, n_bits));
        slow_order(row, order);
        for (size_t i = 0; i < K; i++) {
            assert_int_equal(position[q * K + i], order[i]);
            assert_int_equal(near[q * K + i], row[order[i]]);
        }
        size_t n = 0;
        while (n < N && row[order[n]] <= radius)
            n++;
        assert_int_equal(start[q + 1] - start[q], n);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(within[start[q] + i], order[i]);
            assert_int_equal(near_within[start[q] + i], row[order[i]]);
        }
    }
    adah_free(within);
    adah_free(near_within);
}

static void test_every_length(void **state) {
    (void)state;
    for (size_t n_bits = ADAH_BITS_MIN; n_bits <= 136; n_bits += 8)
        compare(n_bits);
    compare(ADAH_BITS_MAX);
}

/* A row of distances is made of several tiles by several threads. */
static void test_long_rows(void **state) {
    (void)state;
    enum { MANY = 50001, BITS = 24 };
    uint8_t *codes = malloc(MANY * BITS / 8);
    uint16_t *distance = malloc(2 * MANY * sizeof *distance);
    assert_true(codes && distance);
    fill(codes, MANY * BITS / 8, 9);
    for (int n_threads = 1; n_threads <= 3; n_threads++) {
        memset(distance, 0xff, 2 * MANY * sizeof *distance);
        adah_parallel_set_threads(n_threads);
        assert_int_equal(adah_hamming_pairs(codes + 300, 2, codes, MANY, BITS, distance, NULL), ADAH_OK);
        for (size_t i = 0; i < 2 * MANY; i++)
            assert_int_equal(distance[i], slow_distance(codes + 300 + i / MANY * 3, codes + i % MANY * 3, BITS));
    }
    adah_parallel_set_threads(0);
    free(codes);
    free(distance);
}

static void test_nothing_and_nonsense(void **state) {
    (void)state;
    const uint8_t code[16] = {1};
    uint16_t distance = 77;
    uint64_t position = 77, *within = NULL;
    uint32_t near = 77, *near_within = NULL;
    size_t start[2] = {7, 7};
    adah_status status;
    assert_int_equal(adah_hamming_pairs(NULL, 0, code, 1, 8, &distance, NULL), ADAH_OK);
    assert_int_equal(adah_hamming_pairs(code, 1, NULL, 0, 8, &distance, NULL), ADAH_OK);
    assert_int_equal(adah_hamming_nearest_k(NULL, 0, code, 1, 8, 1, &position, &near, NULL), ADAH_OK);
    assert_int_equal(adah_hamming_nearest_k(code, 1, NULL, 0, 8, 0, &position, &near, NULL), ADAH_OK);
    assert_int_equal(adah_hamming_nearest_k(code, 1, code, 2, 8, 3, &position, &near, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "nearest 3 of 2"));
    assert_int_equal(adah_hamming_within(code, 1, NULL, 0, 8, 5, start, &within, &near_within, NULL), ADAH_OK);
    assert_true(start[0] == 0 && start[1] == 0);
    adah_free(within);
    adah_free(near_within);
    static const size_t bad[] = {0, 7, 9, 1032};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(adah_hamming_pairs(code, 1, code, 1, bad[i], &distance, &status), ADAH_ERROR_ARGUMENT);
        assert_int_equal(adah_hamming_nearest_k(code, 1, code, 1, bad[i], 1, &position, &near, &status), ADAH_ERROR_ARGUMENT);
        assert_int_equal(adah_hamming_within(code, 1, code, 1, bad[i], 1, start, &within, &near_within, &status), ADAH_ERROR_ARGUMENT);
    }
    assert_true(distance == 77 && position == 77 && near == 77);
}

static void test_every_allocation_may_fail(void **state) {
    (void)state;
    static uint8_t codes[N * 2];
    fill(codes, sizeof codes, 5);
    for (int which = 0; which < 2; which++) {
        size_t nth = 0;
        for (int has_failed = 1; has_failed;) {
            uint64_t position[2 * K], *within = NULL;
            uint32_t near[2 * K], *near_within = NULL;
            size_t start[3];
            adah_memory_fault_at(++nth);
            const adah_code code = which ? adah_hamming_within(codes, 2, codes, N, 16, 4, start, &within, &near_within, NULL)
                                         : adah_hamming_nearest_k(codes, 2, codes, N, 16, K, position, near, NULL);
            has_failed = adah_memory_fault_fired();
            adah_memory_fault_at(0);
            assert_int_equal(code, has_failed ? ADAH_ERROR_MEMORY : ADAH_OK);
            assert_true(!has_failed || !within);
            adah_free(within);
            adah_free(near_within);
        }
        assert_true(nth > 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_long_rows),
        cmocka_unit_test(test_nothing_and_nonsense),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
