/* (unit) Raw data of cameras by the picture in them: which of several, which way up, in data sets and models' input, and damaged files. */
#define _GNU_SOURCE
#include "data/image.h"
#include "data/picture_tags.h"
#include "data/raw_preview.h"

#include <adah/adah.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "data_folder.h"
#include "raw_bytes.h"

enum { ROOM = 1 << 16 };
static temporary_folder folder;
static adah_status status;
static uint8_t *small_jpeg, *large_jpeg;
static size_t n_small, n_large;

static void expect_ok(adah_code code) {
    if (code != ADAH_OK)
        fail_msg("%s", status.message);
}
#define OK(call) expect_ok(call)

/* Red above, blue below, of twice as many columns as rows. */
static uint8_t *make_jpeg(size_t n_height, size_t *n_bytes) {
    const size_t n_width = 2 * n_height;
    adah_picture picture = {n_width, n_height, calloc(n_width * n_height, 3)};
    uint8_t *jpeg;
    for (size_t i = 0; i < n_width * n_height; i++)
        picture.rgb[3 * i + (i < n_width * n_height / 2 ? 0 : 2)] = 250;
    OK(adah_image_encode_jpeg(&picture, 90, &jpeg, n_bytes, &status));
    free(picture.rgb);
    return jpeg;
}

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    small_jpeg = make_jpeg(16, &n_small);
    large_jpeg = make_jpeg(64, &n_large);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    data_folder_remove(&folder);
    adah_free(small_jpeg);
    adah_free(large_jpeg);
    return 0;
}

static size_t make_raw(unsigned orientation, uint8_t *bytes) {
    return raw_file(small_jpeg, n_small, large_jpeg, n_large, orientation, "2019:06:01 18:30:07", bytes);
}

static void takes_the_largest_picture(void **state) {
    (void)state;
    static const char *const names[] = {"a.dng", "a.CR2", "b/c.nef", "x.arw", "x.orf", "x.rw2", "x.RAF", "x.pef", "x.cr3"};
    uint8_t bytes[ROOM], *jpeg;
    size_t n;
    const size_t n_bytes = make_raw(1, bytes);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        OK(adah_raw_preview(names[i], bytes, n_bytes, &jpeg, &n, &status));
        assert_int_equal(n, n_large);
        assert_memory_equal(jpeg, large_jpeg, n);
        adah_free(jpeg);
    }
    OK(adah_raw_preview("picture", bytes, n_bytes, &jpeg, &n, &status)); /* known by what is in it */
    assert_memory_equal(jpeg, large_jpeg, n);
    adah_free(jpeg);
    OK(adah_raw_preview("a.tif", bytes, n_bytes, &jpeg, &n, &status)); /* a finished picture that has a small one of itself */
    assert_null(jpeg);
    bytes[8] = 0; /* no directory: any TIFF */
    OK(adah_raw_preview("a.tiff", bytes, n_bytes, &jpeg, &n, &status));
    assert_null(jpeg);
    OK(adah_raw_preview("a.jpg", large_jpeg, n_large, &jpeg, &n, &status));
    assert_null(jpeg);
    OK(adah_raw_preview("a.jpg", (const uint8_t *)"II*", 3, &jpeg, &n, &status));
    assert_null(jpeg);
    const size_t n_other = raw_file(large_jpeg, n_large, small_jpeg, n_small, 1, NULL, bytes);
    OK(adah_raw_preview("a.dng", bytes, n_other, &jpeg, &n, &status));
    assert_memory_equal(jpeg, large_jpeg, n);
    adah_free(jpeg);
}

/* Turned by a quarter to the right, what was above is right. */
static void turns_it_as_the_file_says(void **state) {
    (void)state;
    uint8_t bytes[ROOM], *jpeg;
    size_t n;
    for (unsigned orientation = 1; orientation <= 9; orientation++) {
        adah_picture picture;
        const size_t n_bytes = make_raw(orientation, bytes);
        const int is_turned = orientation >= 5 && orientation <= 8;
        OK(adah_raw_preview("a.nef", bytes, n_bytes, &jpeg, &n, &status));
        OK(adah_picture_decode(jpeg, n, 64, 1, &picture, &status));
        assert_int_equal(picture.n_width, is_turned ? 32 : 64);
        assert_int_equal(picture.n_height, is_turned ? 64 : 32);
        const uint8_t *first = picture.rgb, *last = picture.rgb + 3 * (picture.n_width * picture.n_height - 1);
        const int is_red_first = orientation == 1 || orientation == 2 || orientation == 5 || orientation == 8 || orientation == 9;
        assert_true(is_red_first ? first[0] > 200 && last[2] > 200 : first[2] > 200 && last[0] > 200);
        adah_free(picture.rgb);
        adah_free(jpeg);
    }
}

/* What has EXIF of its own knows it itself. */
static void leaves_a_picture_that_knows_it(void **state) {
    (void)state;
    uint8_t bytes[ROOM], own[ROOM], *jpeg;
    size_t n;
    memcpy(own, large_jpeg, 2);
    const size_t n_exif = exif_segment(&(exif_taken){.original = "2001:02:03 04:05:06"}, own + 2), n_own = n_large + n_exif;
    memcpy(own + 2 + n_exif, large_jpeg + 2, n_large - 2);
    const size_t n_bytes = raw_file(small_jpeg, n_small, own, n_own, 6, NULL, bytes);
    OK(adah_raw_preview("a.cr2", bytes, n_bytes, &jpeg, &n, &status));
    assert_int_equal(n, n_own);
    assert_memory_equal(jpeg, own, n);
    adah_free(jpeg);
}

static void expect_none(const uint8_t *bytes, size_t n_bytes) {
    uint8_t *jpeg;
    size_t n;
    assert_int_equal(adah_raw_preview("a.dng", bytes, n_bytes, &jpeg, &n, &status), ADAH_ERROR_FORMAT);
    assert_non_null(strstr(status.message, "a.dng: raw camera data without a preview"));
    assert_null(jpeg);
}

static void refuses_what_has_none(void **state) {
    (void)state;
    static uint8_t bytes[1 << 20];
    uint8_t *jpeg;
    size_t n;
    expect_none((const uint8_t *)"", 0);
    expect_none((const uint8_t *)"II*\0", 4);
    expect_none(raw_file(small_jpeg, 0, large_jpeg, 0, 6, NULL, bytes) ? bytes : NULL, 1100); /* raw data alone */
    memset(bytes, 0xff, sizeof bytes);
    expect_none(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i += 4) /* beginnings without an end */
        memcpy(bytes + i, "\xff\xd8\xff\xda", 4);
    expect_none(bytes, sizeof bytes);
    for (size_t i = 0; i + 8 < sizeof bytes; i += 8)
        memcpy(bytes + i, "\xff\xd8\xff\xd9\xff\xff\xff\xd8", 8);
    expect_none(bytes, sizeof bytes);
    /* Cut off anywhere: the small one as long as it is whole. */
    const size_t n_bytes = make_raw(6, bytes);
    for (size_t n_left = 0; n_left < n_bytes; n_left += n_left % 97 + 1) {
        uint8_t *copy = malloc(n_left + 1); /* so that a sanitizer sees what lies behind */
        assert_non_null(copy);
        memcpy(copy, bytes, n_left);
        const adah_code code = adah_raw_preview("a.dng", copy, n_left, &jpeg, &n, &status);
        assert_int_equal(code, n_left < 1024 + n_small ? ADAH_ERROR_FORMAT : ADAH_OK);
        assert_true(code != ADAH_OK || n == n_small + 36); /* with EXIF */
        adah_free(jpeg);
        free(copy);
    }
    /* Any byte changed. */
    for (size_t i = 0; i < n_bytes; i++) {
        const uint8_t kept = bytes[i];
        bytes[i] ^= 0xff;
        if (adah_raw_preview("a.dng", bytes, n_bytes, &jpeg, &n, &status) == ADAH_OK)
            assert_true(n > 0 && n <= n_bytes + 36);
        adah_free(jpeg);
        bytes[i] = kept;
    }
}

/* What a server looks at and shows has no name. */
static void is_shown_without_a_name(void **state) {
    (void)state;
    uint8_t bytes[ROOM], *jpeg;
    size_t n;
    adah_picture_info info;
    adah_picture picture;
    const size_t n_bytes = make_raw(6, bytes);
    OK(adah_picture_examine(bytes, n_bytes, &info, &status));
    assert_string_equal(info.type, "image/jpeg");
    assert_int_equal(info.n_width, 128);
    assert_int_equal(info.n_pixels, 128 * 64);
    OK(adah_picture_thumbnail(bytes, n_bytes, 32, 80, &jpeg, &n, &status));
    OK(adah_picture_decode(jpeg, n, 32, 1, &picture, &status));
    assert_int_equal(picture.n_width, 16);
    assert_int_equal(picture.n_height, 32);
    adah_free(picture.rgb);
    adah_free(jpeg);
}

static void are_pictures_of_a_data_set(void **state) {
    (void)state;
    uint8_t bytes[ROOM], rgb[4 * 4 * 3];
    char path[1100];
    const size_t n_bytes = make_raw(1, bytes);
    adah_dataset *dataset;
    data_folder_write(folder.path, "a.dng", bytes, n_bytes);
    data_folder_write(folder.path, "IMG_1.CR2", bytes, n_bytes); /* the camera has put both there */
    data_folder_write(folder.path, "IMG_1.JPG", large_jpeg, n_large);
    data_folder_write(folder.path, "IMG_1.more.NEF", bytes, n_bytes);
    data_folder_put(folder.path, "a.txt", "a red sky");
    OK(adah_dataset_open(folder.path, NULL, &dataset, &status));
    assert_int_equal(adah_dataset_count(dataset), 3);
    assert_string_equal(adah_dataset_record(dataset, 0)->file_name, "IMG_1.JPG");
    assert_string_equal(adah_dataset_record(dataset, 1)->file_name, "IMG_1.more.NEF");
    const adah_record *r = adah_dataset_record(dataset, 2);
    assert_string_equal(r->file_name, "a.dng");
    assert_string_equal(r->text, "a red sky");
    assert_non_null(strstr(adah_dataset_notes(dataset), "since their pictures lie beside them: 1; the first: IMG_1.CR2"));
    if (!adah_picture_tags_missing()) {
        assert_int_equal(r->taken.detail, ADAH_DATE_SECOND);
        assert_int_equal(r->taken.seconds, 1559413807);
    }
    adah_dataset_close(dataset);
    snprintf(path, sizeof path, "%s/a.dng", folder.path);
    OK(adah_image_load(path, 4, rgb, &status));
    assert_true(rgb[0] > 200 && rgb[2] < 60 && rgb[47] > 200);
    data_folder_put(folder.path, "a.dng", "II*\0nothing");
    assert_int_equal(adah_image_load(path, 4, rgb, &status), ADAH_ERROR_FORMAT);
    assert_non_null(strstr(status.message, "a.dng: raw camera data without a preview that can be shown; export it as JPEG"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(takes_the_largest_picture, set_up, tear_down),
        cmocka_unit_test_setup_teardown(turns_it_as_the_file_says, set_up, tear_down),
        cmocka_unit_test_setup_teardown(leaves_a_picture_that_knows_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_has_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(is_shown_without_a_name, set_up, tear_down),
        cmocka_unit_test_setup_teardown(are_pictures_of_a_data_set, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
