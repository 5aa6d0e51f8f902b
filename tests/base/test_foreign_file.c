/* (unit) test_foreign_file.c - files that are not what they should be are named as what they are, by whoever opens them. */
#define _XOPEN_SOURCE 700
#include "base/foreign_file.h"
#include "base/npy.h"
#include "data/image.h"
#include "data/mat_file.h"
#include "files/safetensors.h"
#include "files/weights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "data_folder.h"
#include "temporary_folder.h"

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

#define BYTES(text) text, sizeof(text) - 1

static const struct {
    const char *bytes;
    size_t n_bytes;
    const char *what;
} cases[] = {
    {BYTES("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"), "Git LFS"},
    {BYTES("/annex/objects/SHA256E-s123--4d7a.safetensors\n"), "git-annex"},
    {BYTES("<!DOCTYPE html>\n<html><head><title>404</title>"), "HTML"},
    {BYTES("\xef\xbb\xbf\r\n  <html lang=\"en\">"), "HTML"},
    {BYTES("<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>"), "XML"},
    {BYTES("Access denied"), "refusal"},
    {BYTES("{\"error\": \"Repository not found\"}"), "JSON"},
    {BYTES("PK\003\004\0\0\010\010\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\020\0\022\0archive/data.pklFB"), "PyTorch"},
    {BYTES("PK\003\004\024\0\0\0\010\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\011\0\0\0weight.npy"), "NumPy"},
    {BYTES("PK\003\004\024\0\0\0\010\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\011\0\0\0readme.txt"), "zip"},
    {BYTES("PK\005\006\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "zip"},
    {BYTES("\200\002\212\012l\374\234F\371 j\250P\031."), "PyTorch"},
    {BYTES("\200\004\225\0\0\0\0"), "pickle"},
    {BYTES("\037\213\010\0\0\0\0\0\0\003"), "gzip"},
    {BYTES("\375" "7zXZ\0"), "xz"},
    {BYTES("\211HDF\r\n\032\n\0\0\0\0"), "HDF5"},
    {BYTES("GGUF\003\0\0\0\0\0\0\0"), "GGUF"},
    {BYTES("\034\0\0\0TFL3\0\0"), "TensorFlow"},
    {BYTES("%PDF-1.7\n%\342\343"), "PDF"},
    {BYTES("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "zeros"},
    {BYTES(""), "empty"},
};
enum { N_CASES = sizeof cases / sizeof *cases };

static void is_told(adah_code code, const adah_status *status, size_t i) {
    assert_int_equal(code, ADAH_ERROR_FORMAT);
    if (!strstr(status->message, cases[i].what))
        fail_msg("\"%s\" does not say %s", status->message, cases[i].what);
}

static void every_reader_tells(void **state) {
    (void)state;
    for (size_t i = 0; i < N_CASES; i++) {
        char path[512];
        adah_status status = {0};
        TEMPORARY_PATH(folder, "file", path);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(cases[i].bytes, 1, cases[i].n_bytes, file), cases[i].n_bytes);
        fclose(file);
        assert_non_null(strstr(adah_foreign_file((const uint8_t *)cases[i].bytes, cases[i].n_bytes), cases[i].what));
        adah_safetensors *tensors;
        is_told(adah_safetensors_open(path, &tensors, &status), &status, i);
        adah_weights *weights;
        const adah_code code = adah_weights_open(path, &weights, &status); /* reads what PyTorch writes, and finds it cut off */
        assert_int_equal(code == ADAH_ERROR_CORRUPT, !strcmp(cases[i].what, "PyTorch"));
        is_told(code == ADAH_ERROR_CORRUPT ? ADAH_ERROR_FORMAT : code, &status, i);
        adah_model *model;
        is_told(adah_model_open(path, &model, &status), &status, i);
        adah_npy array;
        is_told(adah_npy_open(path, ADAH_NPY_FLOAT, &array, &status), &status, i);
        adah_mat_file *mat;
        is_told(adah_mat_file_open(path, &mat, &status), &status, i);
        adah_index *index;
        is_told(adah_index_open(path, &index, &status), &status, i);
        uint8_t rgb[16 * 16 * 3];
        is_told(adah_image_load(path, 16, rgb, &status), &status, i);
    }
}

/* What is what it should be, cut off, is not taken for something else. */
static void cut_off(void **state) {
    (void)state;
    static const uint8_t header[] = "\100\0\0\0\0\0\0\0{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}             ";
    char path[512];
    TEMPORARY_PATH(folder, "cut.safetensors", path);
    for (size_t n = 9; n < 72 + 16; n++) {
        uint8_t bytes[88] = {0};
        memcpy(bytes, header, 72);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, n, file), n);
        fclose(file);
        adah_safetensors *tensors;
        adah_status status = {0};
        assert_int_equal(adah_safetensors_open(path, &tensors, &status), ADAH_ERROR_CORRUPT);
        assert_non_null(strstr(status.message, n < 72 ? "truncated" : "cut off"));
    }
    assert_null(adah_foreign_file((const uint8_t *)"some bytes", 10));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_reader_tells), cmocka_unit_test(cut_off)};
    return cmocka_run_group_tests(tests, begin, end);
}
