/* (fault) The exact scan when the n-th allocation fails, for every n: an error, empty lists, nothing lost. */
#include "base/parallel.h"
#include "base/random.h"
#include "codes/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fail_allocations.h"

enum { N = 20000, N_BYTES = 9, N_QUERIES = 70 };

static uint8_t codes[(N + N_QUERIES) * N_BYTES];
static adah_scan_options options;
static size_t n_queries;

static adah_code work(adah_status *status) {
    const adah_code_run runs[2] = {{codes, N / 3, 5, NULL}, {codes + N / 3 * N_BYTES, N - N / 3, 5 + N / 3, NULL}};
    adah_hit_list lists[N_QUERIES];
    const adah_code code = adah_scan(runs, 2, N_BYTES * 8, codes + N * N_BYTES, n_queries, &options, lists, status);
    for (size_t q = 0; q < n_queries; q++)
        if (code != ADAH_OK)
            assert_true(lists[q].hit == NULL && lists[q].n == 0);
        else
            assert_true(lists[q].n >= 10);
    adah_hit_lists_free(lists, n_queries);
    return code;
}

static void fail_each(adah_scan_options with, size_t queries) {
    adah_random r = adah_random_seeded(1, 1);
    for (size_t i = 0; i < sizeof codes; i++)
        codes[i] = (uint8_t)adah_random_next(&r);
    options = with;
    n_queries = queries;
    for (int n_threads = 1; n_threads <= 3; n_threads += 2) {
        adah_parallel_set_threads(n_threads);
        fail_allocations(work, 30);
    }
}

static void test_k_nearest(void **state) {
    (void)state;
    fail_each((adah_scan_options){.k = 10, .radius = UINT32_MAX}, 1);
    fail_each((adah_scan_options){.k = 1000, .radius = UINT32_MAX, .keep_ties = 1}, N_QUERIES);
}

static void test_all_within_a_radius(void **state) {
    (void)state;
    fail_each((adah_scan_options){.k = SIZE_MAX, .radius = 40}, 3);
    fail_each((adah_scan_options){.k = SIZE_MAX, .radius = 30}, N_QUERIES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_k_nearest),
        cmocka_unit_test(test_all_within_a_radius),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
