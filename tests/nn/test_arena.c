/* (unit) The plan of the arena: what is needed at one time never overlaps, and no more is taken than must be where that is plain. */
#include "base/random.h"
#include "nn/graph/arena.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static void check_apart(const adah_array_place *p, size_t n, size_t total) {
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(p[i].offset % 16, 0);
        assert_true(p[i].offset + p[i].n_floats <= total);
        for (size_t j = 0; j < i; j++)
            if (p[i].first <= p[j].last && p[j].first <= p[i].last)
                assert_true(p[i].offset + p[i].n_floats <= p[j].offset || p[j].offset + p[j].n_floats <= p[i].offset);
    }
}

static void test_random(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(5, 0);
    for (int round = 0; round < 300; round++) {
        adah_array_place p[40];
        const size_t n = adah_random_below(&r, 41);
        size_t total, sum = 0;
        for (size_t i = 0; i < n; i++) {
            const size_t first = adah_random_below(&r, 30);
            p[i] = (adah_array_place){1 + adah_random_below(&r, 500), first, first + adah_random_below(&r, 10), SIZE_MAX};
            sum += (p[i].n_floats + 15) / 16 * 16;
        }
        assert_int_equal(adah_arena_plan(p, n, &total, NULL), ADAH_OK);
        check_apart(p, n, total);
        assert_true(total <= sum);
    }
}

static void test_chain(void **state) {
    (void)state;
    /* Each is read by the next alone: two at a time. */
    adah_array_place p[4] = {{160, 0, 1, 0}, {320, 1, 2, 0}, {160, 2, 3, 0}, {320, 3, 4, 0}};
    size_t total;
    assert_int_equal(adah_arena_plan(p, 4, &total, NULL), ADAH_OK);
    check_apart(p, 4, total);
    assert_int_equal(total, 480);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random), cmocka_unit_test(test_chain)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
