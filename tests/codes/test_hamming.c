/* (property) Every kernel against a loop over single bits, and the k nearest against a full sort. */
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "codes/codes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned distance_by_bits(const uint8_t *a, const uint8_t *b, size_t n_bits) {
    unsigned sum = 0;
    for (size_t i = 0; i < n_bits; i++)
        sum += (a[i >> 3] >> (i & 7) & 1) != (b[i >> 3] >> (i & 7) & 1);
    return sum;
}

static void fill_random(adah_random *r, uint8_t *bytes, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++)
        bytes[i] = (uint8_t)adah_random_next(r);
}

/* All lengths; numbers of codes around the steps of the kernels; codes at odd addresses that end with their
 * allocation, so that the address sanitizer sees a read or write beyond. */
static void check_kernel(const char *name) {
    adah_random r = adah_random_seeded(7, 1);
    static const size_t counts[] = {0, 1, 2, 7, 8, 15, 16, 17, 31, 32, 33, 67};
    assert_int_equal(adah_hamming_use(name), 1);
    for (size_t n_bits = 8; n_bits <= ADAH_BITS_MAX; n_bits += 8)
        for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
            size_t n = counts[c], n_bytes = n_bits / 8;
            for (size_t shift = 0; shift < 4; shift += 3) {
                uint8_t *block = malloc(shift + (n + 1) * n_bytes);
                uint16_t *distance = malloc((n ? n : 1) * sizeof *distance);
                uint8_t *query = block + shift, *codes = query + n_bytes;
                fill_random(&r, query, (n + 1) * n_bytes);
                if (n > 2) { /* the extremes */
                    memcpy(codes, query, n_bytes);
                    for (size_t i = 0; i < n_bytes; i++)
                        codes[n_bytes + i] = (uint8_t)~query[i];
                }
                adah_hamming_distances(query, codes, n, n_bits, distance);
                for (size_t i = 0; i < n; i++)
                    if (distance[i] != distance_by_bits(query, codes + i * n_bytes, n_bits))
                        fail_msg("kernel %s, %zu bits, %zu codes: code %zu at distance %u, expected %u", name, n_bits,
                                 n, i, distance[i], distance_by_bits(query, codes + i * n_bytes, n_bits));
                free(block);
                free(distance);
            }
        }
    adah_hamming_use(NULL);
}

static void test_kernels_agree_with_single_bits(void **state) {
    (void)state;
    size_t n;
    const char *const *names = adah_hamming_kernels(&n);
    for (size_t i = 0; i < n; i++)
        check_kernel(names[i]);
}

/* Faster, for the large sets. */
static unsigned distance_by_bytes(const uint8_t *a, const uint8_t *b, size_t n_bytes) {
    unsigned sum = 0;
    for (size_t i = 0; i < n_bytes; i++)
        sum += (unsigned)__builtin_popcount(a[i] ^ b[i]);
    return sum;
}

static int by_distance_then_position(const void *a, const void *b) {
    const adah_hit *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
}

/* Compares adah_hamming_nearest with a full sort, for several k and numbers of threads. Sets of more than 8 MiB are
 * cut into parts. */
static void check_nearest(const uint8_t *query, const uint8_t *codes, size_t n, size_t n_bits) {
    adah_hit *expected = malloc(n * sizeof *expected), *hits = malloc(n * sizeof *hits);
    for (size_t i = 0; i < n; i++)
        expected[i] = (adah_hit){i, distance_by_bytes(query, codes + i * (n_bits / 8), n_bits / 8)};
    qsort(expected, n, sizeof *expected, by_distance_then_position);
    const size_t ks[] = {1, 2, 10, 100, n / 3, n - 1, n};
    for (int n_threads = 1; n_threads <= 5; n_threads += 2) {
        adah_parallel_set_threads(n_threads);
        for (size_t j = 0; j < sizeof ks / sizeof *ks; j++) {
            size_t n_hits = 0;
            assert_int_equal(adah_hamming_nearest(query, codes, n, n_bits, ks[j], hits, &n_hits, NULL), ADAH_OK);
            assert_int_equal(n_hits, ks[j]);
            for (size_t i = 0; i < n_hits; i++)
                if (hits[i].position != expected[i].position || hits[i].distance != expected[i].distance)
                    fail_msg("%zu bits, n %zu, k %zu, %d threads: hit %zu is (%zu, %u), expected (%zu, %u)", n_bits,
                             n, ks[j], n_threads, i, (size_t)hits[i].position, hits[i].distance,
                             (size_t)expected[i].position, expected[i].distance);
        }
    }
    adah_parallel_set_threads(0);
    free(expected);
    free(hits);
}

static void test_nearest_among_random_codes(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(7, 2);
    static const struct {
        size_t n, n_bits;
    } cases[] = {{1000, 8}, {5000, 16}, {70000, 64}, {90001, 32}, {9000, 256}, {20000, 40}, {170001, 1024}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        size_t n_bytes = cases[c].n_bits / 8;
        uint8_t *codes = malloc((cases[c].n + 1) * n_bytes);
        fill_random(&r, codes, (cases[c].n + 1) * n_bytes);
        check_nearest(codes, codes + n_bytes, cases[c].n, cases[c].n_bits);
        free(codes);
    }
}

/* Few distinct codes: nearly all hits are ties, which position alone orders. */
static void test_nearest_among_ties(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(7, 3);
    enum { N = 210001, N_BYTES = 64, N_DISTINCT = 6 };
    uint8_t distinct[N_DISTINCT][N_BYTES], *codes = malloc(N * N_BYTES);
    fill_random(&r, distinct[0], sizeof distinct);
    for (size_t i = 0; i < N; i++)
        memcpy(codes + i * N_BYTES, distinct[adah_random_below(&r, N_DISTINCT)], N_BYTES);
    check_nearest(distinct[0], codes, N, N_BYTES * 8);
    free(codes);
}

/* Distances that only fall make every item a candidate; those that only rise, none after the first k. */
static void test_nearest_among_sorted_codes(void **state) {
    (void)state;
    enum { N = 140001, N_BYTES = 64 };
    const uint8_t query[N_BYTES] = {0};
    uint8_t *codes = calloc(N, N_BYTES);
    for (int rising = 0; rising < 2; rising++) {
        memset(codes, 0, N * N_BYTES);
        for (size_t i = 0; i < N; i++) {
            size_t d = (rising ? i : N - 1 - i) * N_BYTES * 8 / N;
            for (size_t bit = 0; bit < d; bit++)
                codes[i * N_BYTES + (bit >> 3)] |= (uint8_t)(1 << (bit & 7));
        }
        check_nearest(query, codes, N, N_BYTES * 8);
    }
    free(codes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kernels_agree_with_single_bits),
        cmocka_unit_test(test_nearest_among_random_codes),
        cmocka_unit_test(test_nearest_among_ties),
        cmocka_unit_test(test_nearest_among_sorted_codes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
