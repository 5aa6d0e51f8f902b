/* (property) Measures do not depend on the kernel by a bit: those that compare 64 distances at a time and those that go item by item agree, for
 * codes of any length, labels that many or few items carry, queries of many labels, and items that are left out. */
#include "base/random.h"
#include "codes/codes.h"
#include <adah/adah.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N_QUERIES = 37, N_ITEMS_MAX = 2500, N_LABELS = 24, N_BYTES_MAX = 40 };

typedef struct test_set {
    uint8_t codes[N_ITEMS_MAX * N_BYTES_MAX];
    uint32_t label[N_ITEMS_MAX * N_LABELS];
    size_t label_start[N_ITEMS_MAX + 1];
} test_set;

/* Label l is carried by every item with a chance of 1 / (l + 2), the last two by one in 300; the first query of all has every label. Numbers of
 * labels lie close together or far apart. */
static adah_coded_set fill(test_set *s, adah_random *r, size_t n, size_t n_bytes, uint32_t apart, int all) {
    size_t m = 0;
    for (size_t i = 0; i < n; i++) {
        s->label_start[i] = m;
        for (uint32_t l = 0; l < N_LABELS; l++)
            if ((all && i == 0) || adah_random_below(r, l < N_LABELS - 2 ? l + 2 : 300) == 0)
                s->label[m++] = 7 + l * apart;
    }
    s->label_start[n] = m;
    for (size_t i = 0; i < n * n_bytes; i++)
        s->codes[i] = (uint8_t)(adah_random_next(r) & adah_random_next(r));
    return (adah_coded_set){n, s->codes, s->label, s->label_start};
}

static void assert_same(const adah_measures *a, const adah_measures *b) {
    const size_t n_bytes = (a->n_bits + 1) * sizeof(double);
    assert_memory_equal(a->precision_micro, b->precision_micro, n_bytes);
    assert_memory_equal(a->recall_micro, b->recall_micro, n_bytes);
    assert_memory_equal(a->precision_macro, b->precision_macro, n_bytes);
    assert_memory_equal(a->recall_macro, b->recall_macro, n_bytes);
    adah_measures x = *a, y = *b;
    x.precision_micro = x.recall_micro = x.precision_macro = x.recall_macro = NULL;
    y.precision_micro = y.recall_micro = y.precision_macro = y.recall_macro = NULL;
    assert_memory_equal(&x, &y, sizeof x);
}

static void check(adah_coded_set queries, adah_coded_set database, size_t n_bits, const size_t *leave_out, size_t n_cut) {
    size_t n_names;
    const char *const *names = adah_hamming_kernels(&n_names);
    adah_measures plain;
    adah_status status;
    assert_int_equal(adah_hamming_use(names[n_names - 1]), 1);
    memset(&plain, 0, sizeof plain);
    assert_int_equal(adah_measures_compute(queries, database, n_bits, n_cut, leave_out, &plain, &status), ADAH_OK);
    for (size_t i = 0; i + 1 < n_names; i++) {
        adah_measures m;
        assert_int_equal(adah_hamming_use(names[i]), 1);
        memset(&m, 0, sizeof m);
        assert_int_equal(adah_measures_compute(queries, database, n_bits, n_cut, leave_out, &m, &status), ADAH_OK);
        assert_same(&m, &plain);
        adah_measures_free(&m);
    }
    adah_hamming_use(NULL);
    adah_measures_free(&plain);
}

static void test_kernels_do_not_change_a_bit(void **state) {
    (void)state;
    static const size_t n_bits[] = {8, 16, 24, 32, 64, 72, 128, 192, 248, 256, 264, 320}, n_items[] = {1, 63, 64, 511, 513, 1000, N_ITEMS_MAX};
    test_set *sets = calloc(2, sizeof *sets);
    size_t *leave_out = calloc(N_QUERIES, sizeof *leave_out);
    assert_non_null(sets);
    assert_non_null(leave_out);
    adah_random r = adah_random_seeded(11, 0);
    for (size_t b = 0; b < sizeof n_bits / sizeof *n_bits; b++)
        for (size_t k = 0; k < sizeof n_items / sizeof *n_items; k++) {
            const uint32_t apart = k % 2 ? 1 : 100000007u;
            const adah_coded_set queries = fill(&sets[0], &r, N_QUERIES, n_bits[b] / 8, apart, 1);
            const adah_coded_set database = fill(&sets[1], &r, n_items[k], n_bits[b] / 8, apart, 0);
            for (size_t i = 0; i < N_QUERIES; i++)
                leave_out[i] = adah_random_below(&r, 3) == 0 ? SIZE_MAX : adah_random_below(&r, n_items[k]);
            check(queries, database, n_bits[b], NULL, 0);
            check(queries, database, n_bits[b], leave_out, 700);
        }
    free(sets);
    free(leave_out);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_kernels_do_not_change_a_bit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
