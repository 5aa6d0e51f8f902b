/* (unit) Weight files: bytes written by hand are read, what is written has the expected bytes, every kind of damage is
 * refused with its reason, and a failing write or allocation leaves no file. */
#define _GNU_SOURCE
#include "base/file.h"
#include "base/memory.h"
#include "files/safetensors.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64], path[96];

static int set_up(void **state) {
    (void)state;
    strcpy(folder, "/tmp/adah-safetensors-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/w.safetensors", folder);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    unlink(path);
    return rmdir(folder); /* fails when a temporary file is left */
}

/* A file of this header and n_data bytes 0, 1, 2, ... */
static void write_raw(const char *header, size_t n_data) {
    uint8_t bytes[4096] = {0};
    size_t n = strlen(header);
    assert_true(8 + n + n_data <= sizeof bytes);
    bytes[0] = (uint8_t)n;
    bytes[1] = (uint8_t)(n >> 8);
    memcpy(bytes + 8, header, n);
    for (size_t i = 0; i < n_data; i++)
        bytes[8 + n + i] = (uint8_t)i;
    assert_int_equal(adah_file_publish(path, bytes, 8 + n + n_data, NULL), ADAH_OK);
}

static adah_safetensors *open_file(void) {
    adah_status status = {0};
    adah_safetensors *f = NULL;
    if (adah_safetensors_open(path, &f, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return f;
}

static void test_read_by_hand(void **state) {
    (void)state;
    /* Out of order, of odd alignment, with an empty tensor, a scalar, five dimensions, and fields to ignore. */
    write_raw("{\"b\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[4,7]},"
              "\"__metadata__\":{\"format\":\"pt\",\"empty\":\"\"},"
              "\"a\":{\"shape\":[],\"dtype\":\"F32\",\"data_offsets\":[0,4],\"more\":1},"
              "\"e\":{\"dtype\":\"I64\",\"shape\":[2,0],\"data_offsets\":[7,7]},"
              "\"\\u00e9\":{\"dtype\":\"BF16\",\"shape\":[1,1,2,1,1],\"data_offsets\":[7,11]},"
              "\"f4\":{\"dtype\":\"F4\",\"shape\":[4],\"data_offsets\":[11,13]}}   ",
              13);
    adah_safetensors *f = open_file();
    assert_int_equal(adah_safetensors_count(f), 5);
    static const char *const order[] = {"a", "b", "e", "\xc3\xa9", "f4"};
    for (size_t i = 0; i < 5; i++)
        assert_string_equal(adah_safetensors_at(f, i)->name, order[i]);
    assert_null(adah_safetensors_at(f, 5));
    const adah_stored_tensor *t = adah_safetensors_find(f, "b");
    assert_string_equal(t->type, "U8");
    assert_int_equal(t->n_dims, 1);
    assert_int_equal(t->n_bytes, 3);
    assert_memory_equal(t->bytes, "\4\5\6", 3);
    t = adah_safetensors_find(f, "\xc3\xa9");
    assert_int_equal(t->n_dims, 5);
    assert_int_equal(t->dim[2], 2);
    assert_null(adah_safetensors_find(f, "c"));
    assert_string_equal(adah_safetensors_metadata(f, "format"), "pt");
    assert_string_equal(adah_safetensors_metadata(f, "empty"), "");
    assert_null(adah_safetensors_metadata(f, "none"));
    float x;
    assert_int_equal(adah_safetensors_read(f, "a", (adah_shape){0}, &x, NULL), ADAH_OK);
    assert_memory_equal(&x, "\0\1\2\3", 4);
    adah_safetensors_close(f);

    write_raw("{}", 0);
    f = open_file();
    assert_int_equal(adah_safetensors_count(f), 0);
    assert_null(adah_safetensors_metadata(f, "format"));
    adah_safetensors_close(f);
    adah_safetensors_close(NULL);
}

static void test_half_precision(void **state) {
    (void)state;
    static const struct {
        uint16_t bits;
        float expected;
    } halves[] = {{0x3c00, 1},
                  {0xc000, -2},
                  {0x7bff, 65504},
                  {0x0001, 0x1p-24f},
                  {0x03ff, 1023 * 0x1p-24f},
                  {0x0400, 0x1p-14f},
                  {0x3555, 0.333251953125f},
                  {0x8000, -0.0f},
                  {0x7c00, INFINITY},
                  {0xfc00, -INFINITY},
                  {0x8001, -0x1p-24f},
                  {0x3bff, 0.99951171875f}};
    enum { N = sizeof halves / sizeof *halves };
    uint16_t f16[N], bf16[4] = {0x3f80, 0xc049, 0x0000, 0x7f80};
    for (size_t i = 0; i < N; i++)
        f16[i] = halves[i].bits;
    const adah_safetensors_item items[] = {{"h", "F16", ADAH_SHAPE1(N), f16, sizeof f16},
                                           {"b", "BF16", ADAH_SHAPE2(2, 2), bf16, sizeof bf16}};
    assert_int_equal(adah_safetensors_write(path, items, 2, NULL, 0, NULL), ADAH_OK);
    adah_safetensors *f = open_file();
    float x[N], y[4];
    assert_int_equal(adah_safetensors_read(f, "h", ADAH_SHAPE1(N), x, NULL), ADAH_OK);
    for (size_t i = 0; i < N; i++)
        assert_memory_equal(&x[i], &halves[i].expected, sizeof x[i]);
    assert_int_equal(adah_safetensors_read(f, "b", ADAH_SHAPE2(2, 2), y, NULL), ADAH_OK);
    assert_memory_equal(y, ((float[]){1, -3.140625f, 0, INFINITY}), sizeof y);
    adah_safetensors_close(f);
}

static void test_written_bytes(void **state) {
    (void)state;
    const float w[] = {1, -2};
    const uint8_t u[] = {7, 8, 9};
    const adah_safetensors_item items[] = {{"w", "F32", ADAH_SHAPE2(1, 2), w, sizeof w},
                                           {"q\"u", "U8", ADAH_SHAPE1(3), u, sizeof u}};
    const char *const metadata[] = {"kind", "adah", "a", "b"};
    const char header[] = "{\"__metadata__\":{\"kind\":\"adah\",\"a\":\"b\"},"
                          "\"w\":{\"dtype\":\"F32\",\"shape\":[1,2],\"data_offsets\":[0,8]},"
                          "\"q\\\"u\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[8,11]}}";
    assert_int_equal(adah_safetensors_write(path, items, 2, metadata, 2, NULL), ADAH_OK);
    uint8_t *bytes;
    size_t n;
    assert_int_equal(adah_file_read(path, 1 << 20, &bytes, &n, NULL), ADAH_OK);
    size_t n_text = sizeof header - 1, begin = (8 + n_text + 63) / 64 * 64;
    assert_int_equal(n, begin + 11);
    assert_int_equal(bytes[0] | bytes[1] << 8, begin - 8);
    for (size_t i = 2; i < 8; i++)
        assert_int_equal(bytes[i], 0);
    assert_memory_equal(bytes + 8, header, n_text);
    for (size_t i = 8 + n_text; i < begin; i++)
        assert_int_equal(bytes[i], ' ');
    assert_memory_equal(bytes + begin, "\0\0\x80\x3f\0\0\0\xc0\7\10\11", 11);

    assert_int_equal(adah_safetensors_write(path, items, 2, metadata, 2, NULL), ADAH_OK);
    uint8_t *again;
    size_t n_again;
    assert_int_equal(adah_file_read(path, 1 << 20, &again, &n_again, NULL), ADAH_OK);
    assert_int_equal(n, n_again);
    assert_memory_equal(bytes, again, n);
    adah_memory_free(bytes);
    adah_memory_free(again);

    adah_safetensors *f = open_file();
    float x[2];
    assert_int_equal(adah_safetensors_read(f, "w", ADAH_SHAPE2(1, 2), x, NULL), ADAH_OK);
    assert_memory_equal(x, w, sizeof w);
    assert_non_null(adah_safetensors_find(f, "q\"u"));
    assert_string_equal(adah_safetensors_metadata(f, "kind"), "adah");

    adah_status status = {0};
    assert_int_equal(adah_safetensors_read(f, "v", ADAH_SHAPE1(2), x, &status), ADAH_ERROR_MISMATCH);
    assert_non_null(strstr(status.message, "no tensor 'v', expected one of shape 2"));
    assert_non_null(strstr(status.message, path));
    assert_int_equal(adah_safetensors_read(f, "w", ADAH_SHAPE2(2, 1), x, &status), ADAH_ERROR_MISMATCH);
    assert_non_null(strstr(status.message, "tensor 'w' has shape 1 x 2, expected 2 x 1"));
    assert_int_equal(adah_safetensors_read(f, "w", ADAH_SHAPE1(2), x, &status), ADAH_ERROR_MISMATCH);
    assert_int_equal(adah_safetensors_read(f, "q\"u", ADAH_SHAPE1(3), x, &status), ADAH_ERROR_MISMATCH);
    assert_non_null(strstr(status.message, "has type U8, expected F32, F16, BF16 or F64"));
    adah_safetensors_close(f);
}

#define TENSOR(name, type, shape, begin, end)                                                                        \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[" begin "," end "]}"

static void test_damage(void **state) {
    (void)state;
    static const struct {
        const char *header;
        size_t n_data;
        const char *reason;
    } damages[] = {
        {"", 0, "does not begin with '{'"},
        {"[1]", 0, "does not begin with '{'"},
        {" {}", 0, "does not begin with '{'"},
        {"{\"a\":", 0, "header, byte"},
        {"{} x", 0, "header, byte"},
        {"{\"a\xff\":1}", 0, "header, byte"},
        {"{\"a\":1}", 0, "'a' needs a dtype, a shape and two data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "'a' needs"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, "'a' needs"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 8, "'a' needs"},
        {"{" TENSOR("a", "F32", "[1]", "0", "4") "," TENSOR("a", "F32", "[1]", "4", "8") "}", 8, "duplicate"},
        {"{" TENSOR("a", "F32", "[-1]", "0", "4") "}", 4, "dimension 0 is no size"},
        {"{" TENSOR("a", "F32", "[1.0]", "0", "4") "}", 4, "dimension 0 is no size"},
        {"{" TENSOR("a", "F32", "[4294967296,2147483648,2,2]", "0", "4") "}", 4, "dimension 2 is no size"},
        {"{" TENSOR("a", "F32", "[4611686018427387904]", "0", "0") "}", 0, "unknown type 'F32' or size"},
        {"{" TENSOR("a", "F33", "[1]", "0", "4") "}", 4, "unknown type 'F33'"},
        {"{" TENSOR("a", "F4", "[1]", "0", "1") "}", 1, "unknown type 'F4' or size"},
        {"{" TENSOR("a", "F32", "[2]", "0", "4") "}", 4, "4 bytes in the file, expected 8 from 2 values of F32"},
        {"{" TENSOR("a", "F32", "[1]", "0", "8") "}", 8, "8 bytes in the file, expected 4"},
        {"{" TENSOR("a", "F32", "[1]", "4", "8") "}", 4, "leave the file's 4 bytes"},
        {"{" TENSOR("a", "F32", "[1]", "4", "0") "}", 8, "leave the file"},
        {"{" TENSOR("a", "F32", "[1]", "-4", "0") "}", 8, "leave the file"},
        {"{" TENSOR("a", "F32", "[1]", "4", "8") "}", 8, "'a' begins at byte 4 of the data, expected 0"},
        {"{" TENSOR("a", "F32", "[1]", "0", "4") "," TENSOR("b", "F32", "[1]", "8", "12") "}", 12,
         "'b' begins at byte 8 of the data, expected 4"},
        {"{" TENSOR("a", "F32", "[1]", "0", "4") "," TENSOR("b", "F32", "[1]", "2", "6") "}", 6,
         "'b' begins at byte 2 of the data, expected 4"},
        {"{" TENSOR("a", "F32", "[1]", "0", "4") "," TENSOR("b", "F32", "[1]", "0", "4") "}", 4,
         "'b' begins at byte 0 of the data, expected 4"},
        {"{" TENSOR("a", "F32", "[1]", "0", "4") "}", 5, "fill 4 of 5 bytes"},
        {"{" TENSOR("a", "F32", "[1]", "0", "99999999999999999999") "}", 5, "header, byte"},
        {"{\"__metadata__\":[]}", 0, "__metadata__ is no object"},
        {"{\"__metadata__\":{\"a\":1}}", 0, "__metadata__ 'a' is no text"},
    };
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        adah_safetensors *f = NULL;
        adah_status status = {0};
        write_raw(damages[i].header, damages[i].n_data);
        assert_int_equal(adah_safetensors_open(path, &f, &status), ADAH_ERROR_CORRUPT);
        assert_null(f);
        if (!strstr(status.message, damages[i].reason) || !strstr(status.message, path))
            fail_msg("%s: '%s' lacks '%s'", damages[i].header, status.message, damages[i].reason);
    }
    /* Every truncation of a good file, and a header length beyond everything. */
    const char good[] = "{" TENSOR("a", "F32", "[1]", "0", "4") "}";
    write_raw(good, 4);
    uint8_t *bytes;
    size_t n;
    assert_int_equal(adah_file_read(path, 1 << 20, &bytes, &n, NULL), ADAH_OK);
    for (size_t length = 0; length < n; length++) {
        adah_safetensors *f = NULL;
        assert_int_equal(adah_file_publish(path, bytes, length, NULL), ADAH_OK);
        assert_true(adah_is_bad_content(adah_safetensors_open(path, &f, NULL)));
    }
    for (int i = 1; i < 8; i++) {
        adah_safetensors *f = NULL;
        adah_status status = {0};
        uint8_t kept = bytes[i];
        bytes[i] = 0xff;
        assert_int_equal(adah_file_publish(path, bytes, n, NULL), ADAH_OK);
        assert_int_equal(adah_safetensors_open(path, &f, &status), ADAH_ERROR_CORRUPT);
        assert_non_null(strstr(status.message, "header of "));
        bytes[i] = kept;
    }
    adah_memory_free(bytes);
    unlink(path);
    adah_safetensors *f = NULL;
    assert_int_equal(adah_safetensors_open(path, &f, NULL), ADAH_ERROR_NOT_FOUND);
}

static void test_refused_items(void **state) {
    (void)state;
    const float w[2] = {0};
    const adah_safetensors_item good = {"w", "F32", ADAH_SHAPE1(2), w, sizeof w};
    adah_safetensors_item items[2] = {good, good};
    adah_status status = {0};
    assert_int_equal(adah_safetensors_write(path, items, 2, NULL, 0, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "'w' is given twice"));
    items[1].name = "__metadata__";
    assert_int_equal(adah_safetensors_write(path, items, 2, NULL, 0, &status), ADAH_ERROR_ARGUMENT);
    items[1].name = "v\xff";
    assert_int_equal(adah_safetensors_write(path, items, 2, NULL, 0, &status), ADAH_ERROR_ARGUMENT);
    items[1].name = "v";
    items[1].n_bytes = 7;
    assert_int_equal(adah_safetensors_write(path, items, 2, NULL, 0, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "7 bytes do not fit"));
    items[1].n_bytes = 8;
    items[1].type = "FLOAT";
    assert_int_equal(adah_safetensors_write(path, items, 2, NULL, 0, &status), ADAH_ERROR_ARGUMENT);
    const char *const twice[] = {"k", "1", "k", "2"}, *const invalid[] = {"k", "\xff"};
    assert_int_equal(adah_safetensors_write(path, &good, 1, twice, 2, &status), ADAH_ERROR_ARGUMENT);
    assert_int_equal(adah_safetensors_write(path, &good, 1, invalid, 1, &status), ADAH_ERROR_ARGUMENT);
    assert_false(adah_file_exists(path));
}

static int count_files(void) {
    DIR *d = opendir(folder);
    int n = 0;
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n - 2; /* . and .. */
}

static void test_faults(void **state) {
    (void)state;
    enum { N = 50000 }; /* several writes */
    float *w = calloc(N, sizeof *w);
    assert_non_null(w);
    const adah_safetensors_item items[] = {{"a", "F32", ADAH_SHAPE1(N), w, N * sizeof *w},
                                           {"b", "F32", ADAH_SHAPE1(3), w, 3 * sizeof *w}};
    for (int kind = 0; kind < 2; kind++) {
        int n_refused = 0;
        for (uint64_t n = 1;; n++) {
            unlink(path);
            (kind ? adah_file_fault_at : adah_memory_fault_at)(n);
            adah_code code = adah_safetensors_write(path, items, 2, NULL, 0, NULL);
            int fired = kind ? adah_file_fault_fired() : adah_memory_fault_fired();
            adah_memory_fault_at(0);
            adah_file_fault_at(0);
            if (!fired || code != ADAH_OK) /* once renamed, a failed sync of the folder is no error */
                assert_int_equal(code, !fired ? ADAH_OK : kind ? ADAH_ERROR_IO : ADAH_ERROR_MEMORY);
            assert_int_equal(count_files(), code == ADAH_OK ? 1 : 0);
            n_refused += code != ADAH_OK;
            if (!fired)
                break;
        }
        assert_in_range(n_refused, 2, 100);
    }
    uint64_t n = 1;
    for (;; n++) {
        adah_safetensors *f = NULL;
        adah_memory_fault_at(n);
        adah_code code = adah_safetensors_open(path, &f, NULL);
        int fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        assert_int_equal(code, fired ? ADAH_ERROR_MEMORY : ADAH_OK);
        adah_safetensors_close(f);
        if (!fired)
            break;
    }
    assert_in_range(n, 3, 100);
    free(w);
}

/* Between opening and reading another program cuts the file off: inside its tensor, or altogether. */
static void test_cut_off_while_open(void **state) {
    (void)state;
    enum { N = 5000 }; /* several pages */
    static float values[N], out[N];
    for (size_t i = 0; i < N; i++)
        values[i] = (float)i + 1;
    const adah_shape shape = ADAH_SHAPE1(N);
    const adah_safetensors_item item = {"t", "F32", shape, values, sizeof values};
    for (int all = 0; all < 2; all++) {
        adah_status status = {0};
        assert_int_equal(adah_safetensors_write(path, &item, 1, NULL, 0, NULL), ADAH_OK);
        adah_safetensors *f = open_file();
        assert_int_equal(adah_safetensors_read(f, "t", shape, out, &status), ADAH_OK);
        assert_memory_equal(out, values, sizeof out);
        assert_int_equal(truncate(path, all ? 0 : N * 4 / 2), 0);
        assert_int_equal(adah_safetensors_read(f, "t", shape, out, &status), ADAH_ERROR_IO);
        assert_non_null(strstr(status.message, path));
        assert_non_null(strstr(status.message, "was cut off by another program"));
        adah_safetensors_close(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read_by_hand, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_half_precision, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_written_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_items, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_faults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_off_while_open, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
