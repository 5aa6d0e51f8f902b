/* (unit) .npy matrices: what is written, what is read, what is refused, and failing writes and allocations. */
#define _GNU_SOURCE
#include "base/memory.h"
#include "base/npy.h"
#include "base/random.h"
#include "temporary_folder.h"

#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* ---------------------------------------------------------------- numbers of any type */

/* Writes a file of that type, order and shape with these bytes. */
static void write_numbers(const char *descr, int in_columns, const char *shape, const void *items, size_t n_bytes) {
    char header[118];
    uint8_t bytes[1024] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 118, 0};
    const int n = snprintf(header, sizeof header, "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }", descr, in_columns ? "True" : "False", shape);
    memset(bytes + 10, ' ', 118);
    memcpy(bytes + 10, header, (size_t)n);
    memcpy(bytes + 128, items, n_bytes);
    assert_int_equal(adah_file_publish(path, bytes, 128 + n_bytes, NULL), ADAH_OK);
}

static void expect_floats(const char *descr, const void *items, size_t n_bytes, const float *expected, size_t n) {
    char shape[32];
    adah_npy a;
    adah_status status;
    snprintf(shape, sizeof shape, "(%zu,)", n);
    write_numbers(descr, 0, shape, items, n_bytes);
    if (adah_npy_open_floats(path, 1, 1, &a, &status) != ADAH_OK)
        fail_msg("%s: %s", descr, status.message);
    assert_int_equal(a.n_rows, n);
    for (size_t i = 0; i < n; i++) {
        const float found = ((const float *)a.items)[i];
        if (!(found == expected[i]) && !(isnan(found) && isnan(expected[i])))
            fail_msg("%s: number %zu is %.9g, expected %.9g", descr, i, (double)found, (double)expected[i]);
    }
    assert_int_equal(a.converted != NULL, strcmp(descr, "<f4") != 0);
    adah_npy_close(&a);
}

static void test_every_type_of_number_becomes_float32(void **state) {
    (void)state;
    static const uint16_t half[] = {0x3c00, 0xc000, 0x0001, 0x7bff, 0x8000, 0x7c00, 0xfc00, 0x7e00};
    static const float of_half[] = {1, -2, 0x1p-24f, 65504, -0.0f, INFINITY, -INFINITY, NAN};
    static const double wide[] = {0.1, -1e300, 1e300, 3.4028234663852886e38, 1e-60, NAN, -INFINITY};
    static const float of_wide[] = {0.1f, -INFINITY, INFINITY, FLT_MAX, 0, NAN, -INFINITY};
    static const float plain[] = {1.5f, -3e38f};
    static const int8_t i1[] = {-128, 127, -1};
    static const uint8_t u1[] = {0, 255, 7}, b1[] = {0, 1, 1};
    static const int16_t i2[] = {-32768, 32767, -1};
    static const uint16_t u2[] = {0, 65535, 258};
    static const int32_t i4[] = {INT32_MIN, 16777216, -1};
    static const uint32_t u4[] = {0, UINT32_MAX, 66051};
    static const int64_t i8[] = {INT64_MIN, 1, -1};
    static const uint64_t u8[] = {0, UINT64_MAX, 72623859790382856u};
    expect_floats("<f2", half, sizeof half, of_half, 8);
    expect_floats("<f8", wide, sizeof wide, of_wide, 7);
    expect_floats("<f4", plain, sizeof plain, plain, 2);
    expect_floats("|i1", i1, sizeof i1, (const float[]){-128, 127, -1}, 3);
    expect_floats("|u1", u1, sizeof u1, (const float[]){0, 255, 7}, 3);
    expect_floats("|b1", b1, sizeof b1, (const float[]){0, 1, 1}, 3);
    expect_floats("<i2", i2, sizeof i2, (const float[]){-32768, 32767, -1}, 3);
    expect_floats("<u2", u2, sizeof u2, (const float[]){0, 65535, 258}, 3);
    expect_floats("<i4", i4, sizeof i4, (const float[]){-2147483648.0f, 16777216, -1}, 3);
    expect_floats("<u4", u4, sizeof u4, (const float[]){0, 4294967296.0f, 66051}, 3);
    expect_floats("<i8", i8, sizeof i8, (const float[]){-9223372036854775808.0f, 1, -1}, 3);
    expect_floats("<u8", u8, sizeof u8, (const float[]){0, 18446744073709551616.0f, 72623859790382856.0f}, 3);
    /* The other order of bytes. */
    static const uint8_t f4[] = {0x3f, 0xc0, 0, 0}, f8[] = {0xc0, 0, 0, 0, 0, 0, 0, 0}, f2[] = {0x3c, 0}, s2[] = {0xff, 0xfe}, s4[] = {0, 1, 2, 3};
    expect_floats(">f4", f4, sizeof f4, (const float[]){1.5f}, 1);
    expect_floats(">f8", f8, sizeof f8, (const float[]){-2}, 1);
    expect_floats(">f2", f2, sizeof f2, (const float[]){1}, 1);
    expect_floats(">i2", s2, sizeof s2, (const float[]){-2}, 1);
    expect_floats(">u4", s4, sizeof s4, (const float[]){66051}, 1);
}

/* Items in column order are put into row order, for every number of dimensions. */
static void test_column_order(void **state) {
    (void)state;
    static const char *const shape[] = {"(24,)", "(2, 12)", "(2, 3, 4)", "(2, 2, 2, 3)"};
    static const size_t dim[][4] = {{24, 1, 1, 1}, {2, 12, 1, 1}, {2, 3, 4, 1}, {2, 2, 2, 3}};
    for (int s = 0; s < 4; s++) {
        const size_t *d = dim[s];
        float items[24];
        for (size_t i = 0; i < d[0]; i++)
            for (size_t j = 0; j < d[1]; j++)
                for (size_t k = 0; k < d[2]; k++)
                    for (size_t l = 0; l < d[3]; l++)
                        items[i + d[0] * (j + d[1] * (k + d[2] * l))] = (float)(((i * d[1] + j) * d[2] + k) * d[3] + l);
        write_numbers("<f4", 1, shape[s], items, sizeof items);
        adah_npy a;
        assert_int_equal(adah_npy_open_floats(path, 1, 4, &a, NULL), ADAH_OK);
        for (size_t i = 0; i < 24; i++)
            assert_true(((const float *)a.items)[i] == (float)i);
        assert_int_equal(a.n_rows, d[0]);
        assert_int_equal(a.n_columns, 24 / d[0]);
        adah_npy_close(&a);
    }
}

static void test_what_becomes_no_float(void **state) {
    (void)state;
    static const char *const types[] = {"<c8", "<f16", "<i3", "|O", "|S8", "<U4", "<M8", "f4", "<f", "|f4", "|i2", "<b2", "<f44", ""};
    const uint8_t items[64] = {0};
    adah_npy a;
    adah_status status;
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        write_numbers(types[i], 0, "(1, 2)", items, 16);
        assert_int_equal(adah_npy_open_floats(path, 1, 2, &a, &status), ADAH_ERROR_FORMAT);
        if (!strstr(status.message, types[i]) || !strstr(status.message, "expected numbers: float16, float32, float64, or whole ones"))
            fail_msg("%s: \"%s\"", types[i], status.message);
    }
    write_numbers("<f8", 0, "(3, 3)", items, 64);
    assert_int_equal(adah_npy_open_floats(path, 1, 2, &a, &status), ADAH_ERROR_CORRUPT);
    assert_non_null(strstr(status.message, "shape (3, 3) of 8-byte items does not match 64 bytes"));
    write_numbers("<f2", 1, "(1, 1, 1, 1, 32)", items, 64);
    assert_int_equal(adah_npy_open_floats(path, 1, 4, &a, &status), ADAH_ERROR_FORMAT);
    write_numbers("<f8", 1, "(4294967296, 4294967296)", items, 64);
    assert_int_equal(adah_npy_open_floats(path, 1, 4, &a, &status), ADAH_ERROR_CORRUPT);
    write_numbers("<f8", 0, "(8,)", items, 64);
    adah_memory_fault_at(2); /* the first is of the map */
    assert_int_equal(adah_npy_open_floats(path, 1, 4, &a, &status), ADAH_ERROR_MEMORY);
    adah_memory_fault_at(0);
    /* A float at an odd place is copied. */
    write_by_hand("{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2)}", 24);
    assert_int_equal(adah_npy_open_floats(path, 2, 2, &a, NULL), ADAH_OK);
    assert_non_null(a.converted);
    adah_npy_close(&a);
}

/* Headers changed byte by byte, cut and lengthened: an array or an error that names the file, and every item can be read. */
static void test_headers_at_random(void **state) {
    (void)state;
    static const char *const types[] = {"<f4", ">f8", "<f2", "|u1", "<i8"};
    static const size_t item_bytes[] = {4, 8, 2, 1, 8};
    static const char signs[] = "0123456789(),'<>|fiu{}: ";
    adah_random r = adah_random_seeded(18, 1);
    size_t n_read = 0, n_refused = 0;
    for (int i = 0; i < 2000; i++) {
        uint8_t *bytes, items[96] = {0}, more[512];
        size_t n;
        const size_t t = (size_t)adah_random_below(&r, 5);
        write_numbers(types[t], (int)adah_random_below(&r, 2), "(2, 3, 2)", items, 12 * item_bytes[t]);
        assert_int_equal(adah_file_read(path, 1000, &bytes, &n, NULL), ADAH_OK);
        memset(more, 0, sizeof more);
        memcpy(more, bytes, n);
        adah_memory_free(bytes);
        for (size_t k = (size_t)adah_random_below(&r, 4); k-- > 0;)
            more[adah_random_below(&r, 90)] = (uint8_t)(adah_random_below(&r, 2) ? (uint64_t)signs[adah_random_below(&r, sizeof signs - 1)]
                                                                                 : adah_random_below(&r, 256));
        if (adah_random_below(&r, 4) == 0)
            n = (size_t)adah_random_below(&r, n + 20);
        assert_int_equal(adah_file_publish(path, more, n, NULL), ADAH_OK);
        adah_npy a;
        adah_status status;
        if (adah_npy_open_floats(path, 1, 4, &a, &status) != ADAH_OK) {
            assert_non_null(strstr(status.message, "a.npy"));
            n_refused++;
            continue;
        }
        volatile float sum = 0;
        for (size_t k = 0; k < a.n_rows * a.n_columns; k++)
            sum = sum + ((const float *)a.items)[k];
        adah_npy_close(&a);
        n_read++;
    }
    assert_true(n_read > 250 && n_refused > 250);
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
        cmocka_unit_test_setup_teardown(test_every_type_of_number_becomes_float32, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_column_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_becomes_no_float, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_headers_at_random, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_that_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_matrix_too_large_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failing_writes_leave_the_old_file, set_up, tear_down),
    };
    if (access("/dev/shm", W_OK) == 0) /* thousands of files, each of which is synced */
        setenv("TMPDIR", "/dev/shm", 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
