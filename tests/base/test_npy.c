/* (unit) .npy matrices: what is written, what is read, what is refused, and failing writes and allocations. */
#define _GNU_SOURCE
#include "base/memory.h"
#include "base/npy.h"
#include "temporary_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static temporary_folder folder;
static char path[512];

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "a.npy", path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    temporary_folder_remove(&folder);
    return 0;
}

/* Writes a file of version 1.0 with this header text and n_data bytes 1, 2, 3, ... */
static void write_by_hand(const char *header, size_t n_data) {
    uint8_t bytes[1024] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (uint8_t)strlen(header), 0};
    size_t n = 10 + strlen(header);
    memcpy(bytes + 10, header, strlen(header));
    for (size_t i = 0; i < n_data; i++)
        bytes[n + i] = (uint8_t)(i + 1);
    assert_int_equal(adah_file_publish(path, bytes, n + n_data, NULL), ADAH_OK);
}

static void expect_refused(adah_npy_type type, const char *message) {
    adah_npy a = {.n_rows = 77};
    adah_status status = {0};
    const adah_code code = adah_npy_open(path, type, &a, &status);
    if (code != (strstr(status.message, "damaged") ? ADAH_ERROR_CORRUPT : ADAH_ERROR_FORMAT) || !strstr(status.message, message) ||
        !strstr(status.message, path))
        fail_msg("expected \"%s\", got \"%s\"", message, status.message);
    assert_int_equal(a.n_rows, 77);
}

static void test_bytes_written_are_those_numpy_writes(void **state) {
    (void)state;
    const uint8_t codes[6] = {1, 2, 3, 4, 5, 6};
    /* numpy.save(path, numpy.arange(1, 7, dtype="u1").reshape(3, 2)), format 1.0: header padded to 128 bytes */
    char expected[134] = "\x93NUMPY\x01\x00\x76\x00{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2), }";
    memset(expected + 69, ' ', 127 - 69);
    expected[127] = '\n';
    memcpy(expected + 128, codes, sizeof codes);
    assert_int_equal(adah_npy_write(path, ADAH_NPY_UINT8, codes, 3, 2, NULL), ADAH_OK);
    adah_file_map map;
    assert_int_equal(adah_file_open_map(path, &map, NULL), ADAH_OK);
    assert_int_equal(map.n_bytes, sizeof expected);
    assert_memory_equal(map.bytes, expected, sizeof expected);
    adah_file_close_map(&map);
}

static void test_round_trip(void **state) {
    (void)state;
    float features[12];
    for (int i = 0; i < 12; i++)
        features[i] = (float)i / 3 - 1;
    adah_npy a;
    assert_int_equal(adah_npy_write(path, ADAH_NPY_FLOAT, features, 4, 3, NULL), ADAH_OK);
    assert_int_equal(adah_npy_open(path, ADAH_NPY_FLOAT, &a, NULL), ADAH_OK);
    assert_int_equal(a.n_rows, 4);
    assert_int_equal(a.n_columns, 3);
    assert_memory_equal(a.items, features, sizeof features);
    assert_int_equal((uintptr_t)a.items % 64, 0);
    adah_npy_close(&a);
    adah_npy_close(&a); /* fine on a zeroed one */
    assert_int_equal(adah_npy_write(path, ADAH_NPY_UINT8, features, 0, 8, NULL), ADAH_OK);
    assert_int_equal(adah_npy_open(path, ADAH_NPY_UINT8, &a, NULL), ADAH_OK);
    assert_int_equal(a.n_rows, 0);
    assert_int_equal(a.n_columns, 8);
    adah_npy_close(&a);
}

static void test_headers_of_others_are_read(void **state) {
    (void)state;
    const char *const good[] = {
        "{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2), }     \n",
        "{\"shape\":(3,2,),\"fortran_order\":False,\"descr\":\"|u1\"}",
        "  { 'fortran_order' : False , 'shape' : ( 3 , 2 ) , 'descr' : '|u1' }\t\r\n",
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        adah_npy a;
        adah_status status;
        write_by_hand(good[i], 6);
        if (adah_npy_open(path, ADAH_NPY_UINT8, &a, &status) != ADAH_OK)
            fail_msg("%s: %s", good[i], status.message);
        assert_int_equal(a.n_rows, 3);
        assert_int_equal(a.n_columns, 2);
        assert_int_equal(((const uint8_t *)a.items)[5], 6);
        adah_npy_close(&a);
    }
}

static void test_headers_that_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *header, *message;
        size_t n_data;
    } bad[] = {
        {"", "not a dictionary", 6},
        {"{'descr': '|u1', 'fortran_order': False, }", "not a dictionary", 6},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2)", "not a dictionary", 6},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2), } x", "not a dictionary", 6},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2), 'more': 1}", "not a dictionary", 6},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2), 'shape': (2, 3)}", "not a dictionary", 6},
        {"{'descr': '|u1', 'fortran_order': Maybe, 'shape': (3, 2)}", "not a dictionary", 6},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3, -2)}", "not a dictionary", 6},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (6)}", "not a dictionary", 6},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999, 1)}", "not a dictionary", 6},
        {"{'descr': ['a', '|u1'], 'fortran_order': False, 'shape': (3, 2)}", "not a dictionary", 6},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (6,)}", "1 dimensions, expected 2", 6},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': ()}", "0 dimensions, expected 2", 1},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (1, 2, 3)}", "3 dimensions, expected 2", 6},
        {"{'descr': '|u1', 'fortran_order': True, 'shape': (3, 2)}", "column order", 6},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2)}", "type '<f4', expected '|u1'", 24},
        {"{'descr': '|b1', 'fortran_order': False, 'shape': (3, 2)}", "type '|b1', expected '|u1'", 6},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2)}", "(3, 2) of 1-byte items does not match 5", 5},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2)}", "(3, 2) of 1-byte items does not match 7", 7},
        {"{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 4294967296)}", "does not match 0", 0},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_by_hand(bad[i].header, bad[i].n_data);
        expect_refused(ADAH_NPY_UINT8, bad[i].message);
    }
    write_by_hand("{'descr': '|u1', 'fortran_order': False, 'shape': (3, 2)}", 6);
    expect_refused(ADAH_NPY_FLOAT, "type '|u1', expected '<f4'");
    write_by_hand("{'descr': '>f4', 'fortran_order': False, 'shape': (3, 2)}", 24);
    expect_refused(ADAH_NPY_FLOAT, "type '>f4', expected '<f4'");
    write_by_hand("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2)}", 24); /* 67 bytes of header */
    expect_refused(ADAH_NPY_FLOAT, "data at byte 67, expected a multiple of 4");
}

/* Versions 2 and 3 have four bytes for the header's length; features have up to four dimensions. */
static void test_arrays_of_several_dimensions(void **state) {
    (void)state;
    char header[117];
    float features[120];
    uint8_t bytes[12 + 116 + sizeof features] = {0x93, 'N', 'U', 'M', 'P', 'Y', 0, 0, 116, 0, 0, 0};
    for (int i = 0; i < 120; i++)
        features[i] = (float)i / 7;
    snprintf(header, sizeof header, "%-115s\n", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4, 5), }");
    memcpy(bytes + 12, header, 116);
    memcpy(bytes + 128, features, sizeof features);
    for (uint8_t version = 2; version <= 3; version++) {
        adah_npy a;
        bytes[6] = version;
        assert_int_equal(adah_file_publish(path, bytes, sizeof bytes, NULL), ADAH_OK);
        assert_int_equal(adah_npy_open_array(path, ADAH_NPY_FLOAT, 2, 4, &a, NULL), ADAH_OK);
        assert_int_equal(a.n_dims, 4);
        for (size_t i = 0; i < 4; i++)
            assert_int_equal(a.dim[i], i + 2);
        assert_int_equal(a.n_rows, 2);
        assert_int_equal(a.n_columns, 60);
        assert_memory_equal(a.items, features, sizeof features);
        adah_npy_close(&a);
        expect_refused(ADAH_NPY_FLOAT, "4 dimensions, expected 2");
    }
    adah_npy a;
    adah_status status;
    assert_int_equal(adah_npy_open_array(path, ADAH_NPY_FLOAT, 2, 3, &a, &status), ADAH_ERROR_FORMAT);
    assert_non_null(strstr(status.message, "4 dimensions, expected 2 to 3"));
    for (size_t length = 7; length < 128; length += 5) {
        assert_int_equal(adah_file_publish(path, bytes, length, NULL), ADAH_OK);
        expect_refused(ADAH_NPY_FLOAT, "damaged");
    }
    memset(bytes + 8, 0xff, 4);
    assert_int_equal(adah_file_publish(path, bytes, sizeof bytes, NULL), ADAH_OK);
    expect_refused(ADAH_NPY_FLOAT, "header of 4294967307 bytes in a file of 608");
    write_by_hand("{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296), }", 0);
    assert_int_equal(adah_npy_open_array(path, ADAH_NPY_UINT8, 3, 3, &a, &status), ADAH_ERROR_CORRUPT);
    assert_non_null(strstr(status.message, "(4294967296, 4294967296, 4294967296) of 1-byte items does not match 0"));
    write_by_hand("{'descr': '|u1', 'fortran_order': False, 'shape': (1, 1, 1, 1, 1)}", 1);
    assert_int_equal(adah_npy_open_array(path, ADAH_NPY_UINT8, 2, 4, &a, &status), ADAH_ERROR_FORMAT);
    assert_non_null(strstr(status.message, "5 dimensions, expected 2 to 4"));
}

static void test_files_that_are_refused(void **state) {
    (void)state;
    const uint8_t codes[6] = {1, 2, 3, 4, 5, 6};
    assert_int_equal(adah_file_publish(path, "", 0, NULL), ADAH_OK);
    expect_refused(ADAH_NPY_UINT8, "not a .npy file");
    assert_int_equal(adah_file_publish(path, "a,b\n1,2\n", 8, NULL), ADAH_OK);
    expect_refused(ADAH_NPY_UINT8, "not a .npy file");

    uint8_t *bytes;
    size_t n;
    assert_int_equal(adah_npy_write(path, ADAH_NPY_UINT8, codes, 3, 2, NULL), ADAH_OK);
    assert_int_equal(adah_file_read(path, 1000, &bytes, &n, NULL), ADAH_OK);
    for (size_t length = 6; length < n; length++) {
        assert_int_equal(adah_file_publish(path, bytes, length, NULL), ADAH_OK);
        expect_refused(ADAH_NPY_UINT8, "damaged");
    }
    bytes[6] = 4;
    assert_int_equal(adah_file_publish(path, bytes, n, NULL), ADAH_OK);
    expect_refused(ADAH_NPY_UINT8, "version 4.0, expected 1.0, 2.0 or 3.0");
    adah_memory_free(bytes);

    adah_npy a;
    adah_status status;
    TEMPORARY_PATH(folder, "missing.npy", path);
    assert_int_equal(adah_npy_open(path, ADAH_NPY_UINT8, &a, &status), ADAH_ERROR_NOT_FOUND);
    assert_non_null(strstr(status.message, "missing.npy"));
}

static void test_a_matrix_too_large_is_refused(void **state) {
    (void)state;
    assert_int_equal(adah_npy_write(path, ADAH_NPY_FLOAT, NULL, SIZE_MAX / 2, 3, NULL), ADAH_ERROR_ARGUMENT);
    assert_int_equal(adah_npy_write(path, ADAH_NPY_FLOAT, NULL, SIZE_MAX / 2, 1, NULL), ADAH_ERROR_ARGUMENT);
    assert_int_equal(temporary_folder_count(&folder), 0);
}

static void test_failing_writes_leave_the_old_file(void **state) {
    (void)state;
    static uint8_t codes[100000]; /* more than the buffer of a writer */
    codes[0] = 5;
    for (int memory = 0; memory < 2; memory++) {
        assert_int_equal(adah_npy_write(path, ADAH_NPY_UINT8, codes, 1, 1, NULL), ADAH_OK);
        for (uint64_t n = 1;; n++) {
            adah_status status = {0};
            (memory ? adah_memory_fault_at : adah_file_fault_at)(n);
            adah_code code = adah_npy_write(path, ADAH_NPY_UINT8, codes, 1000, 100, &status);
            int fired = memory ? adah_memory_fault_fired() : adah_file_fault_fired();
            adah_memory_fault_at(0);
            adah_file_fault_at(0);
            assert_int_equal(temporary_folder_count(&folder), 1);
            if (!fired || code == ADAH_OK) { /* syncing the folder may do without its memory */
                assert_int_equal(code, ADAH_OK);
                assert_true(n > 2);
                break;
            }
            assert_int_equal(code, memory ? ADAH_ERROR_MEMORY : ADAH_ERROR_IO);
            adah_npy a;
            assert_int_equal(adah_npy_open(path, ADAH_NPY_UINT8, &a, NULL), ADAH_OK);
            assert_int_equal(a.n_rows, 1);
            assert_int_equal(((const uint8_t *)a.items)[0], 5);
            adah_npy_close(&a);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_bytes_written_are_those_numpy_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_headers_of_others_are_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_headers_that_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_arrays_of_several_dimensions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_that_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_matrix_too_large_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failing_writes_leave_the_old_file, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
