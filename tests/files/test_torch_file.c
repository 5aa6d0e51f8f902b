/* (unit) test_torch_file.c - files as PyTorch writes them: the values of both forms; pickles that name code, nest without end, lie about sizes
 * or are cut off are refused, whatever byte of a file is changed. */
#define _GNU_SOURCE
#include "base/file.h"
#include "base/memory.h"
#include "files/pickle.h"
#include "files/weights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "data_folder.h"
#include "temporary_folder.h"

#define CORPUS ADAH_SOURCE_DIR "/fuzz/corpus/weights/"

static temporary_folder folder;

static int begin(void **state) {
    (void)state;
    folder = temporary_folder_create();
    return 0;
}

static int end(void **state) {
    (void)state;
    data_folder_remove(&folder);
    return 0;
}

/* A file in memory, since thousands are written. */
static const char *memory_file(void) {
    static char name[32];
    static int fd = -1;
    if (fd < 0)
        fd = memfd_create("weights", 0);
    assert_true(fd >= 0);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    return name;
}

static void put_file(const char *path, const uint8_t *bytes, size_t n) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n, file), n);
    fclose(file);
}

static uint8_t *get_file(const char *path, size_t *n) {
    uint8_t *bytes;
    assert_int_equal(adah_file_read(path, 1 << 20, &bytes, n, NULL), ADAH_OK);
    return bytes;
}

/* ---------------------------------------------------------------- values */

static void expect(const adah_weights *w, const char *name, adah_shape shape, const float *expected) {
    float x[6] = {0};
    adah_status status = {0};
    if (adah_weights_read(w, name, shape, x, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    assert_memory_equal(x, expected, adah_shape_count(shape) * sizeof *x);
}

/* A tensor of 0 to 5, in several types, transposed, as a view of a part, as a parameter; a whole number; one of no values. */
static void values_of(const char *path) {
    static const float a[6] = {0, 1, 2, 3, 4, 5}, turned[6] = {0, 3, 1, 4, 2, 5};
    adah_weights *w;
    adah_status status = {0};
    if (adah_weights_open(path, &w, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    assert_int_equal(adah_weights_count(w), 9);
    static const char *const same[] = {"a", "b", "c", "d", "g"};
    for (size_t i = 0; i < 5; i++)
        expect(w, same[i], ADAH_SHAPE2(2, 3), a);
    expect(w, "f", ADAH_SHAPE2(3, 2), turned);
    expect(w, "v", ADAH_SHAPE1(3), a + 3);
    float x;
    assert_string_equal(adah_weights_find(w, "b")->type, "F16");
    assert_string_equal(adah_weights_find(w, "c")->type, "BF16");
    assert_string_equal(adah_weights_find(w, "d")->type, "F64");
    assert_int_equal(adah_weights_find(w, "h")->n_bytes, 0);
    assert_int_equal(adah_weights_read(w, "e", (adah_shape){0}, &x, &status), ADAH_ERROR_MISMATCH);
    assert_non_null(strstr(status.message, "has type I64, expected F32"));
    assert_int_equal(adah_weights_read(w, "a", ADAH_SHAPE2(3, 2), &x, &status), ADAH_ERROR_MISMATCH);
    assert_non_null(strstr(status.message, "'a' has shape 2 x 3, expected 3 x 2"));
    adah_weights_close(w);
}

static void both_forms(void **state) {
    (void)state;
    values_of(CORPUS "zip.pth");
    values_of(CORPUS "older.pth");
    values_of(CORPUS "proto4.pth");
}

/* Keys with dots between; what an optimiser keeps under numbers is passed over. */
static void nested_dictionaries(void **state) {
    (void)state;
    adah_weights *w;
    assert_int_equal(adah_weights_open(CORPUS "nested.pt", &w, NULL), ADAH_OK);
    assert_int_equal(adah_weights_count(w), 1);
    expect(w, "state_dict.module.a", ADAH_SHAPE2(2, 3), (const float[]){0, 1, 2, 3, 4, 5});
    adah_weights_close(w);
}

/* ---------------------------------------------------------------- damage */

/* Neither crashes nor reads what is not there (a sanitizer tells). */
static void open_and_read(const char *path) {
    adah_weights *w;
    if (adah_weights_open(path, &w, NULL) != ADAH_OK)
        return;
    float x[6];
    for (size_t i = 0; i < adah_weights_count(w); i++) {
        const adah_stored_tensor *t = adah_weights_at(w, i);
        adah_weights_read(w, t->name, ADAH_SHAPE2(2, 3), x, NULL);
        adah_weights_read(w, t->name, ADAH_SHAPE2(3, 2), x, NULL);
        adah_weights_read(w, t->name, ADAH_SHAPE1(3), x, NULL);
    }
    adah_weights_close(w);
}

static void any_byte_changed(void **state) {
    (void)state;
    static const char *const files[] = {CORPUS "zip.pth", CORPUS "older.pth", CORPUS "nested.pt"};
    const char *path = memory_file();
    for (size_t f = 0; f < 3; f++) {
        size_t n;
        uint8_t *bytes = get_file(files[f], &n);
        for (size_t i = 0; i < n; i++) {
            static const uint8_t change[] = {1, 0x80, 0xff};
            bytes[i] ^= change[i % 3];
            put_file(path, bytes, n);
            open_and_read(path);
            bytes[i] ^= change[i % 3];
        }
        adah_memory_free(bytes);
    }
}

static void cut_off(void **state) {
    (void)state;
    static const char *const files[] = {CORPUS "zip.pth", CORPUS "older.pth"};
    const char *path = memory_file();
    for (size_t f = 0; f < 2; f++) {
        size_t n;
        uint8_t *bytes = get_file(files[f], &n);
        for (size_t i = 64; i < n; i++) { /* before, it might be any archive */
            adah_weights *w;
            adah_status status = {0};
            put_file(path, bytes, i);
            if (adah_weights_open(path, &w, &status) != ADAH_ERROR_CORRUPT)
                fail_msg("%s, cut off after %zu of %zu bytes: \"%s\"", files[f], i, n, status.message);
            assert_true(strstr(status.message, "cut off") || strstr(status.message, "truncated"));
        }
        adah_memory_free(bytes);
    }
}

/* ---------------------------------------------------------------- pickles by hand */

static adah_code read_pickle(const char *bytes, size_t n, adah_status *status) {
    adah_pickle *pickle;
    size_t n_read;
    *status = (adah_status){0};
    const adah_code code = adah_pickle_read("file", (const uint8_t *)bytes, n, &pickle, &n_read, status);
    if (code == ADAH_OK)
        adah_pickle_free(pickle);
    return code;
}

#define REFUSED(bytes, code, says)                                                     \
    do {                                                                               \
        adah_status status_;                                                           \
        assert_int_equal(read_pickle(bytes, sizeof(bytes) - 1, &status_), code);       \
        if (!strstr(status_.message, says))                                            \
            fail_msg("\"%s\" does not say \"%s\"", status_.message, says);             \
    } while (0)

static void names_of_code(void **state) {
    (void)state;
    REFUSED("\200\002cos\nsystem\nX\004\0\0\0lsls\205R.", ADAH_ERROR_FORMAT, "'os.system'");
    REFUSED("\200\004\214\010builtins\214\004eval\223\214\0011\205R.", ADAH_ERROR_FORMAT, "'builtins.eval'");
    REFUSED("\200\002ctorch._utils\n_rebuild_tensor_v3\n.", ADAH_ERROR_FORMAT, "'torch._utils._rebuild_tensor_v3'");
    REFUSED("\200\002c__builtin__\ngetattr\n.", ADAH_ERROR_FORMAT, "'__builtin__.getattr'");
    REFUSED("\200\002ccollections\nOrderedDict\n)\201.", ADAH_ERROR_CORRUPT, "opcode 129"); /* NEWOBJ */
    REFUSED("\200\002ctorch\nFloatStorage\n)R.", ADAH_ERROR_CORRUPT, "no function");
    REFUSED("\200\002X\001\0\0\0a)R.", ADAH_ERROR_CORRUPT, "no function");
    REFUSED("\200\002]}b.", ADAH_ERROR_CORRUPT, "no dictionary");
    REFUSED("\200\002(ios\nsystem\n.", ADAH_ERROR_CORRUPT, "opcode 105"); /* INST */
    REFUSED("\200\002c\001\ns\n.", ADAH_ERROR_CORRUPT, "a name that is none");
}

static void broken_machines(void **state) {
    (void)state;
    REFUSED("", ADAH_ERROR_CORRUPT, "cut off");
    REFUSED("\200\002.", ADAH_ERROR_CORRUPT, "the stack is empty");
    REFUSED("\200\002t.", ADAH_ERROR_CORRUPT, "no mark");
    REFUSED("\200\002(.", ADAH_ERROR_CORRUPT, "the stack is empty");
    REFUSED("\200\002N(\205.", ADAH_ERROR_CORRUPT, "the stack is empty"); /* not what lies below the mark */
    REFUSED("\200\002Na.", ADAH_ERROR_CORRUPT, "items of what is no list");
    REFUSED("\200\002}Na.", ADAH_ERROR_CORRUPT, "items of what is no list");
    REFUSED("\200\002}(Nu.", ADAH_ERROR_CORRUPT, "a key without a value");
    REFUSED("\200\002h\005.", ADAH_ERROR_CORRUPT, "place 5 of the memo is empty");
    REFUSED("\200\002Nr\377\377\377\377.", ADAH_ERROR_CORRUPT, "of the memo");
    REFUSED("\200\002X\377\377\377\377a.", ADAH_ERROR_CORRUPT, "cut off");
    REFUSED("\200\002\215\377\377\377\377\377\377\377\377a.", ADAH_ERROR_CORRUPT, "cut off");
    REFUSED("\200\002\213\377\377\377\377.", ADAH_ERROR_CORRUPT, "cut off");
    REFUSED("\200\002NQ.", ADAH_ERROR_CORRUPT, "no storage");
    REFUSED("\200\002)Q.", ADAH_ERROR_CORRUPT, "no storage");
}

/* What a few bytes must not grow to. */
static void bombs(void **state) {
    (void)state;
    enum { N = 3 << 20 };
    char *bytes = malloc(N);
    adah_status status;
    assert_non_null(bytes);
    memset(bytes, ']', N); /* as many values as bytes */
    assert_int_equal(read_pickle(bytes, N, &status), ADAH_ERROR_FORMAT);
    assert_non_null(strstr(status.message, "more than 500000 values"));
    /* a list of 100,000 pairs, made a dictionary again and again */
    size_t n = 0;
    bytes[n++] = ']';
    n += (size_t)sprintf(bytes + n, "q%c(NN\206q\002", 1);
    for (int i = 0; i < 100000; i++)
        n += (size_t)sprintf(bytes + n, "h\002");
    bytes[n++] = 'l';
    n += (size_t)sprintf(bytes + n, "q\003ccollections\nOrderedDict\nq\004");
    while (n + 8 < N)
        n += (size_t)sprintf(bytes + n, "h\004h\003\205R");
    assert_int_equal(read_pickle(bytes, n, &status), ADAH_ERROR_CORRUPT);
    assert_non_null(strstr(status.message, "beyond all measure"));
    free(bytes);
}

static void every_allocation_fails(void **state) {
    (void)state;
    static const char *const files[] = {CORPUS "zip.pth", CORPUS "older.pth"};
    for (size_t f = 0; f < 2; f++)
        for (uint64_t i = 1;; i++) {
            adah_weights *w;
            adah_memory_fault_at(i);
            const adah_code code = adah_weights_open(files[f], &w, NULL);
            const int has_fired = adah_memory_fault_fired();
            adah_memory_fault_at(0);
            if (code == ADAH_OK)
                adah_weights_close(w);
            if (!has_fired)
                break;
            assert_true(code == ADAH_OK || code == ADAH_ERROR_MEMORY);
        }
}

/* ---------------------------------------------------------------- files of many parts */

/* A safetensors file of one tensor of two values. */
static void put_part(const char *name, const char *tensor, float first) {
    char path[512], header[256];
    TEMPORARY_PATH(folder, name, path);
    const int n = snprintf(header, sizeof header, "{\"%s\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", tensor);
    const float values[2] = {first, first + 1};
    uint8_t bytes[300] = {(uint8_t)n};
    memcpy(bytes + 8, header, (size_t)n);
    memcpy(bytes + 8 + n, values, sizeof values);
    put_file(path, bytes, 8 + (size_t)n + 8);
}

static adah_code open_index(const char *index, adah_weights **w, adah_status *status) {
    char path[512];
    TEMPORARY_PATH(folder, "model.safetensors.index.json", path);
    put_file(path, (const uint8_t *)index, strlen(index));
    return adah_weights_open(path, w, status);
}

static void many_files(void **state) {
    (void)state;
    adah_weights *w;
    adah_status status = {0};
    put_part("part-1.safetensors", "a", 1);
    put_part("part-2.safetensors", "b", 3);
    if (open_index("{\"metadata\":{},\"weight_map\":{\"a\":\"part-1.safetensors\",\"b\":\"part-2.safetensors\"}}", &w, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    assert_int_equal(adah_weights_count(w), 2);
    expect(w, "a", ADAH_SHAPE1(2), (const float[]){1, 2});
    expect(w, "b", ADAH_SHAPE1(2), (const float[]){3, 4});
    adah_weights_close(w);
    assert_int_equal(open_index("{\"weight_map\":{\"c\":\"part-1.safetensors\"}}", &w, &status), ADAH_ERROR_CORRUPT);
    assert_non_null(strstr(status.message, "'c' is not in part-1.safetensors"));
    assert_int_equal(open_index("{\"weight_map\":{\"a\":\"../part-1.safetensors\"}}", &w, &status), ADAH_ERROR_CORRUPT);
    assert_non_null(strstr(status.message, "in no file of the same folder"));
    assert_int_equal(open_index("{\"weight_map\":{\"a\":\"part-3.safetensors\"}}", &w, &status), ADAH_ERROR_NOT_FOUND);
    assert_non_null(strstr(status.message, "part-3.safetensors"));
    assert_int_equal(open_index("{\"weight_map\":{\"a\"", &w, &status), ADAH_ERROR_CORRUPT);
    assert_int_equal(open_index("{\"weight_map\":[]}", &w, &status), ADAH_ERROR_CORRUPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_forms),     cmocka_unit_test(nested_dictionaries), cmocka_unit_test(any_byte_changed),
        cmocka_unit_test(cut_off),        cmocka_unit_test(names_of_code),       cmocka_unit_test(broken_machines),
        cmocka_unit_test(bombs),          cmocka_unit_test(every_allocation_fails), cmocka_unit_test(many_files),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
