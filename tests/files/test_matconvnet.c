/* (unit) Weight files of MatConvNet: every layout of them, layers by place and name, the mean, and what is refused. */
#define _GNU_SOURCE
#include "base/memory.h"
#include "files/weights.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data_folder.h"
#include "matconvnet_file.h"

static temporary_folder folder;
static char path[512];
static float numbers[400];
static double picture[5 * 4 * 3];

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "net.mat", path);
    for (size_t i = 0; i < 400; i++)
        numbers[i] = (float)i + 1;
    for (size_t i = 0; i < 60; i++)
        picture[i] = 100 + 10 * (double)(i / 20) + (i % 20 < 10 ? 1 : 2);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    data_folder_remove(&folder);
    return 0;
}

/* Layer 0 has 4 filters of 2 x 3 on 3 channels, fc6 takes 4 maps of 2 x 2. */
static const matconvnet_layer layers[] = {
    {"conv1", "conv", 4, 3, 2, 3, numbers, numbers + 90},  {"relu1", "relu", 0, 0, 0, 0, NULL, NULL},
    {"conv2", "conv", 4, 4, 1, 1, numbers + 100, numbers}, {"fc6", "conv", 5, 4, 2, 2, numbers + 20, numbers + 7},
    {"fc7", "conv", 6, 5, 1, 1, numbers + 30, numbers + 8}, {"prob", "softmax", 0, 0, 0, 0, NULL, NULL}};
enum { N_LAYERS = sizeof layers / sizeof *layers };
static const matconvnet_style plain = {MAT_FT_MAT5, 0, {5, 4, 3}, picture};

static adah_weights *open_file(void) {
    adah_weights *w;
    adah_status status = {0};
    if (adah_weights_open(path, &w, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return w;
}

static void assert_tensor(const adah_weights *w, const char *name, adah_shape shape, const float *expected) {
    adah_status status = {0};
    float x[400];
    if (adah_weights_read(w, name, shape, x, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    assert_memory_equal(x, expected, adah_shape_count(shape) * sizeof *x);
}

/* Numbers come back in PyTorch's order from every kind of file. */
static void test_read(void **state) {
    (void)state;
    static const enum mat_ft versions[] = {MAT_FT_MAT5, MAT_FT_MAT73};
    for (int i = 0; i < 4; i++) {
        matconvnet_style style = plain;
        style.version = versions[i / 2];
        style.is_old = i % 2;
        matconvnet_write(path, layers, N_LAYERS, style);
        adah_weights *w = open_file();
        assert_tensor(w, "features.0.weight", ADAH_SHAPE4(4, 3, 2, 3), numbers);
        assert_tensor(w, "features.0.bias", ADAH_SHAPE1(4), numbers + 90);
        assert_tensor(w, "features.2.weight", ADAH_SHAPE4(4, 4, 1, 1), numbers + 100);
        assert_tensor(w, "classifier.0.weight", ADAH_SHAPE2(5, 16), numbers + 20);
        assert_tensor(w, "classifier.0.bias", ADAH_SHAPE1(5), numbers + 7);
        assert_tensor(w, "classifier.3.weight", ADAH_SHAPE2(6, 5), numbers + 30);
        adah_settings c = {0};
        adah_weights_style(w, &c);
        assert_int_equal(c.weights_style, ADAH_STYLE_MATCONVNET);
        assert_true(c.mean_red == 101.5f && c.mean_green == 111.5f && c.mean_blue == 121.5f);
        adah_weights_close(w);
    }
}

static void test_mean(void **state) {
    (void)state;
    static const double rgb[] = {123.68, 116.779, 103.939};
    static const size_t dims[][3] = {{1, 1, 3}, {3, 1, 1}, {1, 3, 1}};
    for (int i = 0; i < 3; i++) {
        matconvnet_style style = {MAT_FT_MAT5, 0, {dims[i][0], dims[i][1], dims[i][2]}, rgb};
        matconvnet_write(path, layers, N_LAYERS, style);
        adah_weights *w = open_file();
        adah_settings c = {0};
        adah_weights_style(w, &c);
        assert_true(c.mean_red == 123.68f && c.mean_green == 116.779f && c.mean_blue == 103.939f);
        adah_weights_close(w);
    }
}

/* ---------------------------------------------------------------- refused */

static void assert_says(const adah_status *status, const char *word) {
    if (!strstr(status->message, word))
        fail_msg("\"%s\" says nothing of \"%s\"", status->message, word);
}

static void refuse(const char *name, adah_shape shape, adah_code expected, const char *const *words) {
    adah_weights *w = open_file();
    adah_status status = {0};
    float x[400];
    assert_int_equal(adah_weights_read(w, name, shape, x, &status), expected);
    assert_says(&status, path);
    for (int i = 0; words[i]; i++)
        assert_says(&status, words[i]);
    adah_weights_close(w);
}

static void test_what_does_not_fit(void **state) {
    (void)state;
    matconvnet_write(path, layers, N_LAYERS, plain);
    refuse("features.0.weight", ADAH_SHAPE4(4, 3, 3, 2), ADAH_ERROR_MISMATCH,
           (const char *const[]){"'conv1'", "4 filters of 3 x 2 x 3", "4 x 3 x 3 x 2", NULL});
    refuse("features.0.bias", ADAH_SHAPE1(5), ADAH_ERROR_MISMATCH, (const char *const[]){"'conv1'", "4 biases", "5", NULL});
    refuse("features.1.weight", ADAH_SHAPE4(1, 1, 1, 1), ADAH_ERROR_MISMATCH,
           (const char *const[]){"'relu1'", "'relu'", "'conv'", NULL});
    refuse("features.6.weight", ADAH_SHAPE4(1, 1, 1, 1), ADAH_ERROR_MISMATCH,
           (const char *const[]){"6 layers", "features.6.weight", "1 x 1 x 1 x 1", NULL});
    refuse("classifier.0.weight", ADAH_SHAPE2(5, 9), ADAH_ERROR_MISMATCH,
           (const char *const[]){"'fc6'", "5 filters of 4 x 2 x 2", "5 x 9", NULL});
    refuse("classifier.6.weight", ADAH_SHAPE2(1, 1), ADAH_ERROR_MISMATCH, (const char *const[]){"classifier.6", NULL});
    refuse("classifier.1.weight", ADAH_SHAPE2(1, 1), ADAH_ERROR_MISMATCH, (const char *const[]){"classifier.1", NULL});
}

static void test_layer_without_its_weights(void **state) {
    (void)state;
    matconvnet_layer broken[N_LAYERS];
    memcpy(broken, layers, sizeof broken);
    broken[0].n_out = 0;
    matconvnet_write(path, broken, N_LAYERS, plain);
    refuse("features.0.weight", ADAH_SHAPE4(4, 3, 2, 3), ADAH_ERROR_FORMAT, (const char *const[]){"'conv1'", "filters", NULL});
}

static void refuse_open(const char *word) {
    adah_weights *w = NULL;
    adah_status status = {0};
    assert_int_equal(adah_weights_open(path, &w, &status), ADAH_ERROR_FORMAT);
    assert_null(w);
    assert_says(&status, path);
    assert_says(&status, word);
}

static void test_files_that_are_no_network(void **state) {
    (void)state;
    static const double negative[3] = {-1, 2, 3};
    matconvnet_style style = plain;
    style.average = NULL;
    matconvnet_write(path, layers, N_LAYERS, style);
    refuse_open("averageImage");
    style = plain;
    style.mean[2] = 2;
    matconvnet_write(path, layers, N_LAYERS, style);
    refuse_open("40 values");
    matconvnet_write(path, layers, N_LAYERS, (matconvnet_style){MAT_FT_MAT5, 0, {1, 1, 3}, negative});
    refuse_open("-1");
    mat_t *file = Mat_CreateVer(path, NULL, MAT_FT_MAT5);
    matvar_t *v = matconvnet_array("layers", MAT_C_SINGLE, MAT_T_SINGLE, 2, (const size_t[]){2, 2}, numbers);
    assert_int_equal(Mat_VarWrite(file, v, MAT_COMPRESSION_NONE), 0);
    Mat_VarFree(v);
    Mat_Close(file);
    refuse_open("layers");
}

/* The n-th allocation fails, for every n; leaks show under AddressSanitizer. */
static void test_memory_faults(void **state) {
    (void)state;
    matconvnet_write(path, layers, N_LAYERS, plain);
    for (uint64_t n = 1;; n++) {
        adah_weights *w = NULL;
        adah_status status = {0};
        adah_memory_fault_at(n);
        const adah_code code = adah_weights_open(path, &w, &status);
        const int fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        adah_weights_close(w);
        if (!fired) {
            assert_int_equal(code, ADAH_OK);
            assert_true(n > 2);
            return;
        }
        assert_int_equal(code, ADAH_ERROR_MEMORY);
        assert_null(w);
    }
}

/* A file cut off anywhere is refused when it is opened or read; nothing is printed. */
static void open_cut_files(void) {
    size_t n_bytes;
    char *bytes = data_folder_read(folder.path, "net.mat", &n_bytes);
    for (size_t n = 0; n < n_bytes; n += n < 400 ? 7 : 111) {
        data_folder_write(folder.path, "net.mat", bytes, n);
        adah_weights *w = NULL;
        float x[400];
        adah_status status = {0};
        if (adah_weights_open(path, &w, &status) != ADAH_OK)
            assert_true(status.message[0]);
        else if (adah_weights_read(w, "features.0.weight", ADAH_SHAPE4(4, 3, 2, 3), x, &status) == ADAH_OK)
            assert_memory_equal(x, numbers, 72 * sizeof *x);
        adah_weights_close(w);
    }
    free(bytes);
}

static void test_cut_files(void **state) {
    (void)state;
    for (int old = 0; old < 2; old++) {
        matconvnet_style style = plain;
        style.is_old = old;
        matconvnet_write(path, layers, N_LAYERS, style);
        assert_int_equal(data_folder_stderr_of(open_cut_files), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_mean, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_does_not_fit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_layer_without_its_weights, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_files_that_are_no_network, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory_faults, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut_files, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
