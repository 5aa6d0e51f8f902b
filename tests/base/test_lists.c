/* (unit) Lists of numbers in one array: added, chosen, out of memory. */
#include "base/lists.h"
#include "base/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum { N = 50 };

/* List i holds i, i + 1, ..., 2 i - 1. */
static adah_code make(adah_lists *lists, adah_status *status) {
    uint32_t items[N];
    ADAH_TRY(adah_lists_create(lists, N, status));
    for (uint32_t i = 0; i < N; i++) {
        for (uint32_t k = 0; k < i; k++)
            items[k] = i + k;
        const adah_code code = adah_lists_add(lists, items, i, status);
        if (code != ADAH_OK) {
            adah_lists_free(lists);
            return code;
        }
    }
    return ADAH_OK;
}

static void expect_list(const adah_lists *lists, size_t at, size_t i) {
    assert_int_equal(adah_list_length(lists, at), i);
    assert_non_null(adah_list(lists, at));
    for (size_t k = 0; k < i; k++)
        assert_int_equal(adah_list(lists, at)[k], i + k);
}

static void lists_are_what_was_added(void **state) {
    (void)state;
    static const size_t which[] = {49, 0, 7, 7, 1};
    adah_lists lists, some;
    assert_int_equal(make(&lists, NULL), ADAH_OK);
    assert_int_equal(lists.n, N);
    for (size_t i = 0; i < N; i++)
        expect_list(&lists, i, i);
    assert_int_equal(adah_lists_select(&lists, which, 5, &some, NULL), ADAH_OK);
    assert_int_equal(some.n, 5);
    for (size_t i = 0; i < 5; i++)
        expect_list(&some, i, which[i]);
    adah_lists_free(&some);
    assert_int_equal(adah_lists_select(&lists, which, 0, &some, NULL), ADAH_OK);
    assert_int_equal(some.n, 0);
    adah_lists_free(&some);
    adah_lists_free(&some); /* fine on a zeroed one */
    adah_lists_free(&lists);
}

static void memory_that_is_out_is_told(void **state) {
    (void)state;
    static const size_t which[] = {49, 48};
    for (uint64_t n = 1;; n++) {
        adah_lists lists, some;
        adah_memory_fault_at(n);
        adah_code code = make(&lists, NULL);
        if (code == ADAH_OK) {
            code = adah_lists_select(&lists, which, 2, &some, NULL);
            adah_lists_free(&lists);
        }
        const int fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        assert_int_equal(code, fired ? ADAH_ERROR_MEMORY : ADAH_OK);
        if (!fired) {
            adah_lists_free(&some);
            assert_true(n > 8);
            return;
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(lists_are_what_was_added), cmocka_unit_test(memory_that_is_out_is_told)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
