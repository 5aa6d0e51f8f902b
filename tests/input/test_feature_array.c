/* (unit) Arrays of features beside a data set: every shape and file kind read, every fault told with what was found and expected. */
#define _GNU_SOURCE
#include "base/memory.h"
#include "files/safetensors.h"
#include "input/feature_array.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "data_folder.h"
#include "array_files.h"

enum { N = 4 }; /* lines of the metadata: the second is bad, the last is a query */

static const char metadata[] = "{\"file_name\": \"a\", \"text\": \"red\"}\n"
                               "{\"file_name\": 5}\n"
                               "{\"file_name\": \"c\", \"labels\": [\"x\"]}\n"
                               "{\"file_name\": \"d\", \"split\": \"query\"}\n";

static temporary_folder folder;
static adah_dataset *dataset;
static float values[N * 24];

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    data_folder_put(folder.path, "metadata.jsonl", metadata);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        values[i] = (float)i - 20;
    return adah_dataset_open(folder.path, NULL, &dataset, NULL) != ADAH_OK;
}

static int tear_down(void **state) {
    (void)state;
    adah_dataset_close(dataset);
    data_folder_remove(&folder);
    return 0;
}

static void put(const char *name, adah_shape shape) { array_file_write(folder.path, name, "<f4", shape, values); }

static void put_tensors(const char *name, const adah_safetensors_item *items, size_t n) {
    char path[512];
    TEMPORARY_PATH(folder, name, path);
    assert_int_equal(adah_safetensors_write(path, items, n, NULL, 0, NULL), ADAH_OK);
}

static void drop(const char *name) {
    char path[512];
    TEMPORARY_PATH(folder, name, path);
    assert_int_equal(unlink(path), 0);
}

static adah_feature_arrays open_arrays(void) {
    adah_feature_arrays a;
    adah_status status;
    if (adah_feature_arrays_open(dataset, &a, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return a;
}

static void expect_refused(adah_code code, const char *file, const char *said) {
    adah_feature_arrays a;
    adah_status status = {0};
    assert_int_equal(adah_feature_arrays_open(dataset, &a, &status), code);
    if (!strstr(status.message, file) || !strstr(status.message, said))
        fail_msg("\"%s\" says nothing of \"%s\" and \"%s\"", status.message, file, said);
}

/* The rows of the three good records are 0, 2 and 3. */
static void assert_rows(const adah_feature_array *a, adah_input_kind kind, adah_shape item) {
    static const size_t row[3] = {0, 2, 3};
    const size_t n = adah_shape_count(item);
    assert_int_equal(a->source.shape.kind, kind);
    assert_true(adah_shape_equal(a->source.shape.item, item));
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(a->source.rows.row[i], row[i]);
        assert_int_equal(adah_dataset_record(dataset, i)->row, row[i]);
        assert_memory_equal(a->source.rows.value + a->source.rows.row[i] * n, values + row[i] * n, n * sizeof(float));
    }
}

/* Cut off between opening and looking at the values: zeros are finite, but they are not the file's. */
static void test_cut_off_while_open(void **state) {
    (void)state;
    static const char *const name[2] = {"image.npy", "image.safetensors"};
    for (int k = 0; k < 2; k++)
        for (int all = 0; all < 2; all++) {
            char path[512];
            TEMPORARY_PATH(folder, name[k], path);
            const adah_safetensors_item item = {"image", "F32", ADAH_SHAPE2(N, 24), values, sizeof values};
            if (k)
                put_tensors(name[k], &item, 1);
            else
                put(name[k], ADAH_SHAPE2(N, 24));
            adah_feature_arrays a = open_arrays();
            assert_int_equal(adah_feature_array_check(&a.image, dataset, 0, 3, NULL), ADAH_OK);
            struct stat info;
            assert_int_equal(stat(path, &info), 0);
            assert_int_equal(truncate(path, all ? 0 : info.st_size - 20), 0);
            adah_status status = {0};
            assert_int_equal(adah_feature_array_check(&a.image, dataset, 0, 3, &status), ADAH_ERROR_IO);
            assert_non_null(strstr(status.message, name[k]));
            assert_non_null(strstr(status.message, "was cut off by another program"));
            adah_feature_arrays_close(&a);
            drop(name[k]);
        }
}

static void test_shapes(void **state) {
    (void)state;
    adah_feature_arrays a = open_arrays(); /* none there is fine */
    assert_int_equal(a.image.source.shape.kind, ADAH_INPUT_NONE);
    assert_int_equal(a.text.source.shape.kind, ADAH_INPUT_NONE);
    adah_feature_arrays_close(&a);
    put("image.npy", ADAH_SHAPE4(N, 4, 3, 2));
    put("text.npy", ADAH_SHAPE2(N, 24));
    a = open_arrays();
    assert_rows(&a.image, ADAH_INPUT_MAP, (adah_shape){3, {4, 3, 2, 0}});
    assert_rows(&a.text, ADAH_INPUT_VECTOR, ADAH_SHAPE1(24));
    adah_feature_arrays_close(&a);
    put("image.npy", ADAH_SHAPE2(N, 5));
    put("text.npy", (adah_shape){3, {N, 8, 3, 0}});
    a = open_arrays();
    assert_rows(&a.image, ADAH_INPUT_VECTOR, ADAH_SHAPE1(5));
    assert_rows(&a.text, ADAH_INPUT_TOKENS, ADAH_SHAPE2(8, 3));
    adah_feature_arrays_close(&a);
    adah_feature_arrays_close(&a); /* fine on a zeroed one */
    drop("text.npy");
    put("image.npy", (adah_shape){3, {N, 8, 3, 0}});
    a = open_arrays();
    assert_rows(&a.image, ADAH_INPUT_TOKENS, ADAH_SHAPE2(8, 3));
    adah_feature_arrays_close(&a);
}

/* Named as the side, named "features", or the only one. */
static void test_tensors(void **state) {
    (void)state;
    static const float other[2] = {0};
    static const char *const names[] = {"image", "features", "embeddings"};
    for (size_t i = 0; i < 3; i++) {
        const adah_safetensors_item items[] = {{"another", "F32", ADAH_SHAPE1(2), other, sizeof other},
                                               {names[i], "F32", ADAH_SHAPE2(N, 24), values, sizeof values}};
        put_tensors("image.safetensors", i < 2 ? items : items + 1, i < 2 ? 2 : 1);
        adah_feature_arrays a = open_arrays();
        assert_rows(&a.image, ADAH_INPUT_VECTOR, ADAH_SHAPE1(24));
        assert_null(a.image.converted); /* in the mapped file */
        adah_feature_arrays_close(&a);
    }
    /* A float behind one byte: copied. */
    const adah_safetensors_item odd[] = {{"byte", "U8", ADAH_SHAPE1(1), other, 1},
                                         {"image", "F32", ADAH_SHAPE4(N, 4, 3, 2), values, sizeof values}};
    put_tensors("image.safetensors", odd, 2);
    adah_feature_arrays a = open_arrays();
    assert_rows(&a.image, ADAH_INPUT_MAP, (adah_shape){3, {4, 3, 2, 0}});
    assert_non_null(a.image.converted);
    adah_feature_arrays_close(&a);
    /* 1 as F16 is 0x3c00, as BF16 0x3f80. */
    for (int brain = 0; brain < 2; brain++) {
        uint16_t ones[N * 2];
        for (size_t i = 0; i < N * 2; i++)
            ones[i] = brain ? 0x3f80 : 0x3c00;
        const adah_safetensors_item half = {"image", brain ? "BF16" : "F16", ADAH_SHAPE2(N, 2), ones, sizeof ones};
        put_tensors("image.safetensors", &half, 1);
        a = open_arrays();
        for (size_t i = 0; i < N * 2; i++)
            assert_true(a.image.source.rows.value[i] == 1);
        adah_feature_arrays_close(&a);
    }
}

static void test_faults(void **state) {
    (void)state;
    put("image.npy", ADAH_SHAPE2(N - 1, 5));
    expect_refused(ADAH_ERROR_MISMATCH, "/image.npy", "3 rows, expected 4");
    put("image.npy", ADAH_SHAPE1(N));
    expect_refused(ADAH_ERROR_FORMAT, "/image.npy", "1 dimensions, expected 2 to 4");
    put("image.npy", ADAH_SHAPE2(N, 0));
    expect_refused(ADAH_ERROR_FORMAT, "/image.npy", "4 x 0");
    array_file_write(folder.path, "image.npy", "<c4", ADAH_SHAPE2(N, 5), values);
    expect_refused(ADAH_ERROR_FORMAT, "/image.npy", "'<c4', expected numbers");
    put("image.npy", ADAH_SHAPE2(N, 5));
    put("text.npy", ADAH_SHAPE4(N, 4, 3, 2));
    expect_refused(ADAH_ERROR_FORMAT, "/text.npy", "4 dimensions, expected 2 to 3");
    drop("text.npy");
    const adah_safetensors_item items[] = {{"a", "F32", ADAH_SHAPE2(N, 5), values, N * 5 * 4},
                                           {"b", "F32", ADAH_SHAPE2(N, 5), values, N * 5 * 4}};
    put_tensors("image.safetensors", items, 1);
    expect_refused(ADAH_ERROR_FORMAT, "image.npy", "expected one of them");
    drop("image.npy");
    put_tensors("image.safetensors", items, 2);
    expect_refused(ADAH_ERROR_FORMAT, "/image.safetensors", "2 tensors, none of them named \"image\" or \"features\"");
    const adah_safetensors_item flat = {"image", "F32", ADAH_SHAPE1(N), values, N * 4};
    put_tensors("image.safetensors", &flat, 1);
    expect_refused(ADAH_ERROR_FORMAT, "/image.safetensors", "1 dimensions, expected 2 to 4");
    const adah_safetensors_item whole = {"image", "I32", ADAH_SHAPE2(N, 5), values, N * 5 * 4};
    put_tensors("image.safetensors", &whole, 1);
    expect_refused(ADAH_ERROR_MISMATCH, "/image.safetensors", "type I32, expected F32, F16, BF16 or F64");
    data_folder_put(folder.path, "image.safetensors", "junk");
    expect_refused(ADAH_ERROR_CORRUPT, "/image.safetensors", "damaged");
}

static void test_values_that_are_not_finite(void **state) {
    (void)state;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 3; i++) {
        const float kept = values[2 * 6 + 3];
        values[2 * 6 + 3] = bad[i];
        put("text.npy", ADAH_SHAPE2(N, 6));
        expect_refused(ADAH_ERROR_FORMAT, "/text.npy", "row 2 (c), value 3 is ");
        values[2 * 6 + 3] = kept;
    }
    values[1 * 6] = NAN; /* of a bad record: nobody looks at it */
    put("text.npy", ADAH_SHAPE2(N, 6));
    adah_feature_arrays a = open_arrays();
    adah_feature_arrays_close(&a);
}

/* Whole numbers, as counts of words are: converted, and read through the rows of the records like floats. */
static void test_other_numbers(void **state) {
    (void)state;
    int32_t whole[N * 24];
    for (size_t i = 0; i < N * 24; i++)
        whole[i] = (int32_t)i - 20;
    array_file_write(folder.path, "text.npy", "<i4", ADAH_SHAPE2(N, 24), whole);
    adah_feature_arrays a = open_arrays();
    assert_rows(&a.text, ADAH_INPUT_VECTOR, ADAH_SHAPE1(24));
    assert_non_null(a.text.npy.converted);
    adah_feature_arrays_close(&a);
}

/* ---------------------------------------------------------------- a file of its own */

static adah_code open_file(const char *name, adah_modality side, adah_input_shape wanted, size_t *n, int *is_single, adah_status *status) {
    char path[512];
    adah_feature_array a = {.path = folder.path};
    TEMPORARY_PATH(folder, name, path);
    const adah_code code = adah_feature_array_open_file(path, side, wanted, &a, n, is_single, status);
    if (code == ADAH_OK) {
        assert_true(adah_input_equal(a.source.shape, wanted));
        assert_memory_equal(a.source.rows.value, values, *n * adah_shape_count(wanted.item) * sizeof(float));
        adah_feature_array_close(&a);
        adah_feature_array_close(&a);
        assert_null(a.path);
    } else {
        assert_ptr_equal(a.path, folder.path); /* untouched */
        assert_non_null(strstr(status->message, name));
    }
    return code;
}

static void test_files_of_their_own(void **state) {
    (void)state;
    static const adah_input_shape wanted[] = {{.kind = ADAH_INPUT_VECTOR, .item = ADAH_SHAPE1(6)},
                                              {.kind = ADAH_INPUT_TOKENS, .item = ADAH_SHAPE2(2, 3)},
                                              {.kind = ADAH_INPUT_MAP, .item = {3, {1, 2, 3, 0}}}};
    size_t n;
    int is_single;
    adah_status status;
    for (size_t w = 0; w < 3; w++) {
        const adah_shape item = wanted[w].item;
        adah_shape several = {item.n_dims + 1, {N}};
        memcpy(several.dim + 1, item.dim, (size_t)item.n_dims * sizeof *item.dim);
        put("q.npy", item);
        assert_int_equal(open_file("q.npy", ADAH_IMAGE, wanted[w], &n, &is_single, &status), ADAH_OK);
        assert_true(n == 1 && is_single == 1);
        put("q.npy", several);
        assert_int_equal(open_file("q.npy", ADAH_IMAGE, wanted[w], &n, &is_single, &status), ADAH_OK);
        assert_true(n == N && is_single == 0);
        const adah_safetensors_item tensor = {"features", "F32", several, values, adah_shape_count(several) * sizeof(float)};
        put_tensors("q.safetensors", &tensor, 1);
        assert_int_equal(open_file("q.safetensors", ADAH_TEXT, wanted[w], &n, &is_single, &status), w < 2 ? ADAH_OK : ADAH_ERROR_FORMAT);
    }
    put("q.npy", ADAH_SHAPE2(N, 5));
    assert_int_equal(open_file("q.npy", ADAH_TEXT, wanted[0], &n, &is_single, &status), ADAH_ERROR_MISMATCH);
    assert_non_null(strstr(status.message, "shape 4 x 5, but the model takes texts given as \"vector 6\": expected (6) or (n, 6)"));
    put("q.npy", ADAH_SHAPE1(5));
    assert_int_equal(open_file("q.npy", ADAH_TEXT, wanted[1], &n, &is_single, &status), ADAH_ERROR_MISMATCH);
    assert_non_null(strstr(status.message, "expected (2, 3) or (n, 2, 3)"));
    put("q.npy", ADAH_SHAPE2(0, 6));
    assert_int_equal(open_file("q.npy", ADAH_IMAGE, wanted[0], &n, &is_single, &status), ADAH_ERROR_FORMAT);
    assert_non_null(strstr(status.message, "no rows"));
    values[7] = NAN;
    put("q.npy", ADAH_SHAPE2(N, 6));
    assert_int_equal(open_file("q.npy", ADAH_IMAGE, wanted[0], &n, &is_single, &status), ADAH_ERROR_FORMAT);
    assert_non_null(strstr(status.message, "row 1, value 1 is nan, expected finite values of float32"));
    assert_int_equal(open_file("none.npy", ADAH_IMAGE, wanted[0], &n, &is_single, &status), ADAH_ERROR_NOT_FOUND);
    data_folder_put(folder.path, "q.npy", "1 2 3\n");
    assert_int_equal(open_file("q.npy", ADAH_IMAGE, wanted[0], &n, &is_single, &status), ADAH_ERROR_FORMAT);
}

/* The mean square over the train records, rows 0 and 2, is 1 after scaling; padding does not count. */
static void test_scale(void **state) {
    (void)state;
    memset(values, 0, sizeof values);
    values[0] = 3;      /* row 0 */
    values[2 * 8] = -4; /* row 2 */
    values[3 * 8] = 99; /* the query's */
    put("image.npy", ADAH_SHAPE2(N, 8));
    put("text.npy", (adah_shape){3, {N, 4, 2, 0}});
    adah_feature_arrays a = open_arrays();
    assert_float_equal(adah_feature_measure(&a.image.source, dataset), sqrt(16.0 / 25), 1e-6);
    assert_float_equal(adah_feature_measure(&a.text.source, dataset), sqrt(4.0 / 25), 1e-6);
    adah_feature_arrays_close(&a);
    memset(values, 0, sizeof values);
    put("image.npy", ADAH_SHAPE2(N, 8));
    a = open_arrays();
    assert_true(adah_feature_measure(&a.image.source, dataset) == 1);
    adah_feature_arrays_close(&a);
}

static void test_what_a_model_takes(void **state) {
    (void)state;
    adah_model_state model = {.image = {.kind = ADAH_INPUT_TOKENS, .item = ADAH_SHAPE2(4, 6)}, .text = adah_input_words(5)};
    adah_feature_arrays a;
    adah_status status;
    model.config.feature_scale = 0.5f;
    put("text.npy", ADAH_SHAPE1(7)); /* not looked at: the model takes words */
    assert_int_equal(adah_feature_arrays_open_for(&model, dataset, &a, &status), ADAH_ERROR_MISMATCH);
    assert_non_null(strstr(status.message, "neither image.npy nor image.safetensors"));
    assert_non_null(strstr(status.message, "\"tokens 4 6\""));
    put("image.npy", ADAH_SHAPE2(N, 24));
    assert_int_equal(adah_feature_arrays_open_for(&model, dataset, &a, &status), ADAH_ERROR_MISMATCH);
    assert_non_null(strstr(status.message, "\"vector 24\", the model expects \"tokens 4 6\""));
    put("image.npy", (adah_shape){3, {N, 4, 6, 0}});
    assert_int_equal(adah_feature_arrays_open_for(&model, dataset, &a, &status), ADAH_OK);
    assert_true(a.image.source.rows.scale == 0.5f);
    assert_null(a.text.path);
    float x[24]; /* (P, C) to (C, P), scaled */
    int is_there = 0;
    assert_int_equal(adah_input_read_item(&a.image.source, 1, x, &is_there, NULL), ADAH_OK);
    assert_true(is_there);
    for (size_t p = 0; p < 4; p++)
        for (size_t c = 0; c < 6; c++)
            assert_true(x[c * 4 + p] == values[2 * 24 + p * 6 + c] / 2);
    adah_feature_arrays_close(&a);
}

static void test_memory(void **state) {
    (void)state;
    const adah_safetensors_item odd[] = {{"byte", "U8", ADAH_SHAPE1(1), values, 1},
                                         {"image", "F32", ADAH_SHAPE2(N, 24), values, sizeof values}};
    put_tensors("image.safetensors", odd, 2);
    put("text.npy", ADAH_SHAPE2(N, 24));
    for (uint64_t n = 1;; n++) {
        adah_feature_arrays a = {.image.path = folder.path};
        adah_status status = {0};
        adah_memory_fault_at(n);
        const adah_code code = adah_feature_arrays_open(dataset, &a, &status);
        const int fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        if (!fired) {
            assert_int_equal(code, ADAH_OK);
            adah_feature_arrays_close(&a);
            assert_true(n > 10);
            break;
        }
        assert_int_equal(code, ADAH_ERROR_MEMORY);
        assert_ptr_equal(a.image.path, folder.path); /* untouched */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_shapes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_off_while_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tensors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_faults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_values_that_are_not_finite, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_other_numbers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_of_their_own, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_scale, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_a_model_takes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
