/* (fault) test_convert_fault.c - every allocation and every write of a conversion fails once: the call says so and leaves no
 * data set; what it leaves does not stand in the way of the next. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "data/image.h"
#include "data_folder.h"
#include "fail_allocations.h"
#include "published_sets.h"

static temporary_folder folder;

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    adah_parallel_set_threads(1);
    return adah_image_start(NULL) == ADAH_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    adah_memory_fault_at(0);
    adah_file_fault_at(0);
    adah_parallel_set_threads(0);
    data_folder_remove(&folder);
    return 0;
}

static const char *format, *source;

static adah_code convert(adah_status *status) {
    char from[512], to[512], metadata[512], pictures[512];
    TEMPORARY_PATH(folder, source, from);
    TEMPORARY_PATH(folder, "set", to);
    TEMPORARY_PATH(folder, "set/metadata.jsonl", metadata);
    TEMPORARY_PATH(folder, "set/images", pictures);
    const char *const sources[] = {from};
    adah_convert_result result = {.n_records = 77};
    adah_code code = adah_convert(format, sources, 1, to, NULL, (adah_progress){NULL, NULL}, &result, status);
    assert_int_equal(access(metadata, F_OK) == 0, code == ADAH_OK);
    assert_int_equal(result.n_records == 77, code != ADAH_OK);
    temporary_folder set;
    snprintf(set.path, sizeof set.path, "%.255s", to);
    assert_in_range(temporary_folder_count(&set), 0, 4); /* images, image.npy, text.npy, metadata.jsonl */
    unlink(metadata);
    unlink(pictures); /* a link; a folder stays */
    return code;
}

/* n_writes: of files that appear. */
static void fail_all(const char *with_format, const char *with_source, int n_writes) {
    format = with_format;
    source = with_source;
    fail_allocations(convert, UINT64_MAX);
    for (int n = 1;; n++) {
        adah_status status = {0};
        adah_file_fault_at((uint64_t)n);
        const adah_code code = convert(&status);
        const int fired = adah_file_fault_fired();
        adah_file_fault_at(0);
        if (!fired) {
            assert_int_equal(n, n_writes + 1);
            break;
        }
        assert_int_equal(code, ADAH_ERROR_IO);
        assert_non_null(strstr(status.message, "No space left on device"));
    }
}

static void mirflickr(void **state) {
    (void)state;
    put_mirflickr(folder.path);
    fail_all("mirflickr", "mirflickr", 1);
}

static void nus_wide(void **state) {
    (void)state;
    char root[512];
    TEMPORARY_PATH(folder, "nus", root);
    put_nus_wide(root);
    put_nus_wide_split(root);
    fail_all("nus-wide", "nus", 1);
}

static void iapr(void **state) {
    (void)state;
    char root[512];
    TEMPORARY_PATH(folder, "iapr", root);
    put_iapr(root);
    fail_all("iapr", "iapr", 1);
}

static void coco(void **state) {
    (void)state;
    char root[512];
    TEMPORARY_PATH(folder, "coco", root);
    put_coco(root);
    fail_all("coco", "coco", 1);
}

static void mat(void **state) {
    (void)state;
    char path[512];
    static const double labels[4] = {0, 1, 1, 0}, words[4] = {0, 0, 1, 1};
    static const uint8_t pictures[2 * 3 * 4 * 5] = {1, 2, 3};
    TEMPORARY_PATH(folder, "a.mat", path);
    mat_t *file = mat_create(path, MAT_FT_MAT5);
    mat_put_doubles(file, "LAll", 2, 2, labels);
    mat_put_doubles(file, "YAll", 2, 2, words);
    mat_put(file, "images", MAT_C_UINT8, MAT_T_UINT8, 4, (const size_t[]){2, 3, 4, 5}, pictures,
            MAT_COMPRESSION_NONE);
    Mat_Close(file);
    fail_all("mat", "a.mat", 4); /* two pictures, text.npy, metadata */
    file = mat_create(path, MAT_FT_MAT73);
    mat_put_doubles(file, "LAll", 2, 2, labels);
    mat_put_doubles(file, "YAll", 2, 2, words);
    mat_put_doubles(file, "IAll", 2, 2, words);
    char text[] = "a.jpg";
    matvar_t *cell[3] = {Mat_VarCreate(NULL, MAT_C_CHAR, MAT_T_UTF8, 2, (size_t[]){1, 5}, text, 0),
                         Mat_VarCreate(NULL, MAT_C_CHAR, MAT_T_UTF8, 2, (size_t[]){1, 4}, text, 0), NULL};
    mat_put(file, "FAll", MAT_C_CELL, MAT_T_CELL, 2, (const size_t[]){2, 1}, cell, MAT_COMPRESSION_NONE);
    Mat_Close(file);
    fail_all("mat", "a.mat", 3); /* image.npy, text.npy, metadata */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(mirflickr), TEST(nus_wide), TEST(iapr), TEST(coco), TEST(mat)};
    return cmocka_run_group_tests_name("convert faults", tests, NULL, NULL);
}
