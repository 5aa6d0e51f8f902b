/* fail_allocations.h - every allocation of a piece of work fails once.
 * Include it behind cmocka.h. */
#ifndef ADAH_TESTS_FAIL_ALLOCATIONS_H
#define ADAH_TESTS_FAIL_ALLOCATIONS_H

#include "base/memory.h"
#include "base/status.h"

#include <string.h>

/* Fails the 1st, 2nd, ... allocation of `work` until none is left to fail; `work` checks its outputs. Beyond the
 * first `n_dense` the steps grow, to keep long work short. */
static inline void fail_allocations(adah_code (*work)(adah_status *), uint64_t n_dense) {
    uint64_t n_failed = 0;
    for (uint64_t n = 1;; n += 1 + (n > n_dense ? n / 16 : 0)) {
        adah_status status = {0};
        adah_memory_fault_at(n);
        adah_code code = work(&status);
        int fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        if (!fired) {
            assert_int_equal(code, ADAH_OK);
            break;
        }
        if (code != ADAH_OK) { /* a hint may be done without; results may not */
            assert_int_equal(code, ADAH_ERROR_MEMORY);
            assert_int_equal(status.code, ADAH_ERROR_MEMORY);
            assert_non_null(strstr(status.message, "out of memory"));
            n_failed++;
        }
    }
    assert_true(n_failed > 0);
    assert_int_equal(work(NULL), ADAH_OK);
}

#endif
