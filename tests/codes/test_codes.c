/* (unit) Packing of codes, and the k nearest of small sets worked out by hand. */
#include "base/memory.h"
#include "codes/codes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_pack_takes_the_sign_bit_by_bit(void **state) {
    (void)state;
    /* Bit i of a code is bit i & 7 of byte i >> 3; both zeros are +1. */
    const float h[2 * 16] = {
        0.5f,  -0.5f, 0.0f,  -0.0f, -1e-30f, 1.0f,  -1.0f, -0.1f, /* 1 0 1 1 0 1 0 0 = 0x2d */
        -1.0f, -1.0f, -1.0f, -1.0f, -1.0f,   -1.0f, -1.0f, 0.9f,  /* 0x80 */
        1.0f,  1.0f,  1.0f,  1.0f,  1.0f,    1.0f,  1.0f,  1.0f,  /* 0xff */
        -1.0f, 1.0f,  -1.0f, -1.0f, -1.0f,   -1.0f, -1.0f, -1.0f, /* 0x02 */
    };
    const uint8_t expected[4] = {0x2d, 0x80, 0xff, 0x02};
    uint8_t codes[5] = {0, 0, 0, 0, 0x77};
    adah_codes_pack(h, 2, 16, codes);
    assert_memory_equal(codes, expected, 4);
    assert_int_equal(codes[4], 0x77); /* nothing behind */
}

static void test_nearest_orders_by_distance_then_position(void **state) {
    (void)state;
    /* Query 0: distances 3 1 2 1 8 0 1 */
    const uint8_t query = 0, codes[7] = {0x07, 0x80, 0x11, 0x01, 0xff, 0x00, 0x10};
    const adah_hit expected[7] = {{5, 0}, {1, 1}, {3, 1}, {6, 1}, {2, 2}, {0, 3}, {4, 8}};
    for (size_t k = 0; k <= 9; k++) {
        adah_hit hits[9];
        size_t n_hits = 99;
        assert_int_equal(adah_hamming_nearest(&query, codes, 7, 8, k, hits, &n_hits, NULL), ADAH_OK);
        assert_int_equal(n_hits, k < 7 ? k : 7);
        for (size_t i = 0; i < n_hits; i++) {
            assert_int_equal(hits[i].position, expected[i].position);
            assert_int_equal(hits[i].distance, expected[i].distance);
        }
    }
}

static void test_nearest_of_nothing(void **state) {
    (void)state;
    const uint8_t query[2] = {0, 0};
    size_t n_hits = 99;
    adah_hit hit;
    assert_int_equal(adah_hamming_nearest(query, NULL, 0, 16, 5, &hit, &n_hits, NULL), ADAH_OK);
    assert_int_equal(n_hits, 0);
}

static void test_nearest_refuses_other_lengths(void **state) {
    (void)state;
    const uint8_t query[200] = {0};
    const size_t bad[] = {0, 1, 7, 12, 33, 1032, SIZE_MAX};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        adah_status status = {0};
        adah_hit hit = {77, 77};
        size_t n_hits = 99;
        assert_int_equal(adah_hamming_nearest(query, query, 1, bad[i], 1, &hit, &n_hits, &status),
                         ADAH_ERROR_ARGUMENT);
        assert_non_null(strstr(status.message, "multiple of 8 from 8 to 1024"));
        assert_int_equal(n_hits, 99);
        assert_int_equal(hit.position, 77);
    }
}

static void test_nearest_reports_lack_of_memory(void **state) {
    (void)state;
    const uint8_t query = 0, codes[7] = {0x07, 0x80, 0x11, 0x01, 0xff, 0x00, 0x10};
    for (uint64_t n = 1;; n++) {
        adah_hit hits[3];
        size_t n_hits = 99;
        adah_status status = {0};
        adah_memory_fault_at(n);
        adah_code code = adah_hamming_nearest(&query, codes, 7, 8, 3, hits, &n_hits, &status);
        int fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        if (!fired) {
            assert_int_equal(code, ADAH_OK);
            assert_true(n > 1);
            break;
        }
        assert_int_equal(code, ADAH_ERROR_MEMORY);
        assert_int_equal(status.code, ADAH_ERROR_MEMORY);
        assert_int_equal(n_hits, 99);
    }
}

static void test_kernels_are_chosen_by_name(void **state) {
    (void)state;
    size_t n;
    const char *const *names = adah_hamming_kernels(&n);
    assert_true(n >= 1);
    assert_string_equal(names[n - 1], "scalar");
    for (size_t i = 0; i < n; i++) {
        print_message("kernel %s\n", names[i]);
        assert_int_equal(adah_hamming_use(names[i]), 1);
    }
    assert_int_equal(adah_hamming_use("abacus"), 0);
    assert_int_equal(adah_hamming_use(""), 0);
    assert_int_equal(adah_hamming_use(NULL), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pack_takes_the_sign_bit_by_bit),
        cmocka_unit_test(test_nearest_orders_by_distance_then_position),
        cmocka_unit_test(test_nearest_of_nothing),
        cmocka_unit_test(test_nearest_refuses_other_lengths),
        cmocka_unit_test(test_nearest_reports_lack_of_memory),
        cmocka_unit_test(test_kernels_are_chosen_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
