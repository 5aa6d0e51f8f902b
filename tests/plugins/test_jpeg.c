/* (property) test_jpeg.c - JPEG pictures of every plain kind, size and turn decode to the pixels of libvips; all other kinds are left to it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "data/image.h"
#include "plugins/pictures/jpeg.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <vips/vips.h>

/* By how many levels a pixel may differ: none of the libvips whose arithmetic shrink.c has. */
static int levels_max(void) { return vips_version(0) == 8 && vips_version(1) == 14 ? 0 : 3; }

typedef struct kind {
    size_t n_width, n_height;
    int n_channels; /* 1, 3 or 4 */
    J_COLOR_SPACE space;
    int across, down; /* sampling factors of the first channel */
    int is_progressive, is_split, n_restart, quality; /* split: a scan for each channel */
    int orientation; /* 0: no EXIF */
    int is_big_endian;
    const char *segment; /* another, "E" its kind, and its bytes */
    size_t n_segment_bytes;
} kind;

static adah_random random_state;

static int any(int n) { return (int)adah_random_below(&random_state, (uint64_t)n); }

static const adah_picture_codec *vips(void) {
    const adah_picture_codec *codec;
    assert_int_equal(adah_picture_codec_get(&codec, NULL), ADAH_OK);
    return codec;
}

/* Soft shapes with noise on them. */
static void fill_row(const kind *k, size_t y, uint8_t *row) {
    uint64_t noise = adah_random_next(&random_state);
    for (size_t x = 0; x < k->n_width; x++)
        for (int c = 0; c < k->n_channels; c++) {
            const int soft = (int)(x * 255 / k->n_width) * (c == 0) + (int)(y * 255 / k->n_height) * (c == 1) +
                             (x / 9 + y / 7) % 2 * 200 * (c > 1);
            noise = noise * 6364136223846793005u + 1442695040888963407u;
            const int value = soft + (int)(noise >> 58) - 32;
            row[x * (size_t)k->n_channels + (size_t)c] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
        }
}

static void write_exif(struct jpeg_compress_struct *jpeg, const kind *k) {
    uint8_t exif[] = {'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0, 2, 0,
                      0x0f, 1, 2, 0, 2, 0, 0, 0, 'A', 0, 0, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, (uint8_t)k->orientation, 0, 0, 0, 0, 0, 0, 0};
    const uint8_t big[] = {'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 2,
                           1, 0x0f, 0, 2, 0, 0, 0, 2, 'A', 0, 0, 0, 1, 0x12, 0, 3, 0, 0, 0, 1, 0, (uint8_t)k->orientation, 0, 0, 0, 0, 0, 0};
    jpeg_write_marker(jpeg, JPEG_APP0 + 1, k->is_big_endian ? big : exif, sizeof exif);
}

/* *bytes: free. */
static void make(const kind *k, uint8_t **bytes, size_t *n_bytes) {
    struct jpeg_compress_struct jpeg;
    struct jpeg_error_mgr errors;
    unsigned long n = 0;
    uint8_t *row = malloc(k->n_width * 4);
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_compress(&jpeg);
    *bytes = NULL;
    jpeg_mem_dest(&jpeg, bytes, &n);
    jpeg.image_width = (JDIMENSION)k->n_width;
    jpeg.image_height = (JDIMENSION)k->n_height;
    jpeg.input_components = k->n_channels;
    jpeg.in_color_space = k->n_channels == 1 ? JCS_GRAYSCALE : k->n_channels == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(&jpeg);
    jpeg_set_colorspace(&jpeg, k->space);
    jpeg_set_quality(&jpeg, k->quality, TRUE);
    jpeg.comp_info[0].h_samp_factor = k->across;
    jpeg.comp_info[0].v_samp_factor = k->down;
    jpeg.restart_interval = (unsigned)k->n_restart;
    if (k->is_progressive)
        jpeg_simple_progression(&jpeg);
    static const jpeg_scan_info scans[3] = {{1, {0}, 0, 63, 0, 0}, {1, {1}, 0, 63, 0, 0}, {1, {2}, 0, 63, 0, 0}};
    if (k->is_split) {
        jpeg.scan_info = scans;
        jpeg.num_scans = 3;
    }
    jpeg_start_compress(&jpeg, TRUE);
    if (k->orientation)
        write_exif(&jpeg, k);
    if (k->segment)
        jpeg_write_marker(&jpeg, (uint8_t)k->segment[0], (const uint8_t *)k->segment + 1, (unsigned)k->n_segment_bytes - 1);
    for (size_t y = 0; y < k->n_height; y++) {
        fill_row(k, y, row);
        jpeg_write_scanlines(&jpeg, (JSAMPARRAY)&row, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    free(row);
    *n_bytes = n;
}

static kind any_kind(void) {
    static const int factors[][2] = {{1, 1}, {2, 1}, {2, 2}, {1, 2}, {4, 1}};
    const int *f = factors[any(5)];
    const int n_channels = any(5) ? 3 : 1;
    return (kind){.n_width = 1 + (size_t)any(any(3) ? 700 : 60),
                  .n_height = 1 + (size_t)any(any(3) ? 700 : 60),
                  .n_channels = n_channels,
                  .space = n_channels == 1 ? JCS_GRAYSCALE : any(8) ? JCS_YCbCr : JCS_RGB,
                  .across = n_channels == 1 ? 1 : f[0],
                  .down = n_channels == 1 ? 1 : f[1],
                  .is_progressive = any(3) == 0,
                  .n_restart = any(3) ? 0 : 1 + any(9),
                  .quality = 30 + any(71),
                  .orientation = any(9),
                  .is_big_endian = any(2)};
}

static void assert_equal_pixels(const kind *k, size_t n_side, const adah_picture *a, const adah_picture *b) {
    assert_int_equal(a->n_width, b->n_width);
    assert_int_equal(a->n_height, b->n_height);
    for (size_t i = 0; i < a->n_width * a->n_height * 3; i++)
        if (abs(a->rgb[i] - b->rgb[i]) > levels_max())
            fail_msg("%zu x %zu of %d channels in space %d, factors %d %d, progressive %d, orientation %d, to %zu: byte %zu is %d, "
                     "libvips has %d",
                     k->n_width, k->n_height, k->n_channels, (int)k->space, k->across, k->down, k->is_progressive, k->orientation, n_side, i,
                     a->rgb[i], b->rgb[i]);
}

/* Both ways; returns whether the short one was taken. */
static int compare(const kind *k, size_t n_side, int keeps_aspect) {
    uint8_t *bytes;
    size_t n_bytes;
    adah_picture ours, theirs;
    make(k, &bytes, &n_bytes);
    assert_int_equal(vips()->decode(bytes, n_bytes, "made", n_side, keeps_aspect, &theirs, NULL), ADAH_OK);
    assert_int_equal(adah_jpeg_decode(bytes, n_bytes, n_side, keeps_aspect, &ours, NULL), ADAH_OK);
    const int is_short = ours.rgb != NULL;
    if (is_short)
        assert_equal_pixels(k, n_side, &ours, &theirs);
    adah_memory_free(ours.rgb);
    adah_memory_free(theirs.rgb);
    free(bytes);
    return is_short;
}

static void equals_libvips(void **state) {
    (void)state;
    int n_short = 0;
    for (int i = 0; i < 500; i++) {
        const kind k = any_kind();
        const size_t n_side = 1 + (size_t)any(any(2) ? 300 : 40);
        const int keeps_aspect = any(3) == 0, is_short = compare(&k, n_side, keeps_aspect);
        const int is_enlarged = !keeps_aspect && (k.n_width < n_side || k.n_height < n_side);
        if (is_enlarged)
            assert_false(is_short);
        n_short += is_short;
    }
    assert_true(n_short > 230);
}

/* The factors of photos of cameras, and those at which the decoder's own shrinking begins. */
static void equals_libvips_of_photos(void **state) {
    (void)state;
    static const size_t sizes[][2] = {{4000, 3000}, {3000, 4000}, {4032, 2268}, {1792, 1792}, {1791, 1793}, {3584, 3600}, {896, 900},
                                      {895, 900},   {500, 375},   {333, 500},   {224, 224},   {225, 224},   {2000, 230},  {260, 1999}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const kind k = {.n_width = sizes[i][0], .n_height = sizes[i][1], .n_channels = 3, .space = JCS_YCbCr, .across = 2, .down = 2,
                        .is_progressive = i % 2, .quality = 90, .orientation = i % 2 ? 6 : 1};
        assert_true(compare(&k, 224, 0));
        assert_true(compare(&k, 224, 1));
    }
}

static void leaves_others(void **state) {
    (void)state;
    static const char profile[] = "\xe2ICC_PROFILE\0\1\1abcd", second[] = "\xe1" "Exif\0\0II*\0\10\0\0\0\0\0", odd[] = "\xe1" "Exifxx";
    const kind plain = {.n_width = 60, .n_height = 60, .n_channels = 3, .space = JCS_YCbCr, .across = 2, .down = 2, .quality = 80};
    kind k = plain;
    assert_true(compare(&k, 30, 0));
    assert_false(compare(&k, 61, 0)); /* to enlarge */
    k = (kind){.n_width = 60, .n_height = 60, .n_channels = 4, .space = JCS_CMYK, .across = 1, .down = 1, .quality = 80};
    assert_false(compare(&k, 30, 0));
    k.space = JCS_YCCK;
    assert_false(compare(&k, 30, 0));
    k = plain;
    k.segment = odd;
    k.n_segment_bytes = sizeof odd - 1;
    assert_false(compare(&k, 30, 0));
    k.orientation = 3;
    k.segment = second;
    k.n_segment_bytes = sizeof second - 1;
    assert_false(compare(&k, 30, 0));
    k = plain;
    k.segment = profile; /* broken at that: libvips has its say */
    k.n_segment_bytes = sizeof profile - 1;
    uint8_t *bytes;
    size_t n_bytes;
    adah_picture picture;
    make(&k, &bytes, &n_bytes);
    assert_int_equal(adah_jpeg_decode(bytes, n_bytes, 30, 0, &picture, NULL), ADAH_OK);
    assert_null(picture.rgb);
    free(bytes);
}

/* The last scan of a picture so many times more: whether the short way reads it. What it gives is libvips's. */
static int reads_scans(size_t n_more) {
    const kind k = {.n_width = 40, .n_height = 40, .n_channels = 3, .space = JCS_YCbCr, .across = 2, .down = 2, .is_split = 1, .quality = 80};
    uint8_t *bytes;
    size_t n_bytes;
    make(&k, &bytes, &n_bytes);
    size_t scan = n_bytes - 2; /* where the last one begins; its end is that of the file but for two bytes */
    while (bytes[scan] != 0xff || bytes[scan + 1] != 0xda)
        scan--;
    const size_t n_scan = n_bytes - 2 - scan;
    uint8_t *many = malloc(n_bytes + n_more * n_scan);
    memcpy(many, bytes, scan);
    for (size_t i = 0; i <= n_more; i++)
        memcpy(many + scan + i * n_scan, bytes + scan, n_scan);
    memcpy(many + scan + (n_more + 1) * n_scan, bytes + n_bytes - 2, 2);
    adah_picture ours, theirs;
    assert_int_equal(adah_jpeg_decode(many, n_bytes + n_more * n_scan, 30, 0, &ours, NULL), ADAH_OK);
    assert_int_equal(vips()->decode(many, n_bytes + n_more * n_scan, "many scans", 30, 0, &theirs, NULL), ADAH_OK);
    const int is_read = ours.rgb != NULL;
    if (is_read)
        assert_equal_pixels(&k, 30, &ours, &theirs);
    adah_memory_free(ours.rgb);
    adah_memory_free(theirs.rgb);
    free(many);
    free(bytes);
    return is_read;
}

static void leaves_many_scans(void **state) {
    (void)state;
    assert_true(reads_scans(0));
    assert_true(reads_scans(97)); /* 100 */
    assert_false(reads_scans(99));
}

static void leaves_huge_sizes(void **state) {
    (void)state;
    const kind k = {.n_width = 40, .n_height = 40, .n_channels = 3, .space = JCS_YCbCr, .across = 1, .down = 1, .quality = 80};
    uint8_t *bytes, rgb[8 * 8 * 3];
    size_t n_bytes, frame = 0;
    adah_picture picture;
    adah_status status;
    make(&k, &bytes, &n_bytes);
    while (bytes[frame] != 0xff || bytes[frame + 1] != 0xc0)
        frame++;
    memcpy(bytes + frame + 5, "\xea\x60\xea\x60", 4); /* height and width */
    assert_int_equal(adah_jpeg_decode(bytes, n_bytes, 8, 0, &picture, NULL), ADAH_OK);
    assert_null(picture.rgb);
    assert_int_equal(adah_image_decode(bytes, n_bytes, "huge.jpg", 8, rgb, &status), ADAH_ERROR_FORMAT);
    assert_string_equal(status.message, "huge.jpg: 60000 x 60000 pixels, expected at most 536870912 in all");
    free(bytes);
}

/* Cut anywhere, changed anywhere: what libvips refuses is not taken, and what is taken has libvips's pixels. */
static void refuses_what_libvips_refuses(void **state) {
    (void)state;
    for (int round = 0; round < 8; round++) {
        kind k = any_kind();
        k.n_width = 90 + (size_t)any(60);
        k.n_height = 90 + (size_t)any(60);
        uint8_t *bytes;
        size_t n_bytes;
        make(&k, &bytes, &n_bytes);
        for (int i = 0; i < 60; i++) {
            const size_t at = (size_t)any((int)n_bytes), n = i % 2 ? at : n_bytes;
            const uint8_t kept = bytes[at];
            if (i % 2 == 0)
                bytes[at] = (uint8_t)any(256);
            adah_picture ours, theirs;
            assert_int_equal(adah_jpeg_decode(bytes, n, 32, 0, &ours, NULL), ADAH_OK);
            if (ours.rgb) {
                assert_int_equal(vips()->decode(bytes, n, "damaged", 32, 0, &theirs, NULL), ADAH_OK);
                assert_equal_pixels(&k, 32, &ours, &theirs);
                adah_memory_free(theirs.rgb);
            }
            adah_memory_free(ours.rgb);
            bytes[at] = kept;
        }
        free(bytes);
    }
}

static void reads_orientation(void **state) {
    (void)state;
    uint8_t exif[] = {'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, 8, 0, 0, 0};
    assert_int_equal(adah_jpeg_orientation(exif, sizeof exif), 8);
    for (size_t n = 0; n < sizeof exif; n++)
        assert_int_equal(adah_jpeg_orientation(exif, n), 0);
    exif[24] = 9;
    assert_int_equal(adah_jpeg_orientation(exif, sizeof exif), 0);
    exif[24] = 1;
    exif[18] = 4; /* not a short number */
    assert_int_equal(adah_jpeg_orientation(exif, sizeof exif), 0);
    exif[16] = 0x13; /* another tag */
    assert_int_equal(adah_jpeg_orientation(exif, sizeof exif), 1);
    memset(exif + 10, 0xff, 4); /* the directory beyond the end */
    assert_int_equal(adah_jpeg_orientation(exif, sizeof exif), 0);
}

static int set_up(void **state) {
    (void)state;
    random_state = adah_random_seeded(7, 0);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(equals_libvips, set_up),
        cmocka_unit_test_setup(equals_libvips_of_photos, set_up),
        cmocka_unit_test_setup(leaves_others, set_up),
        cmocka_unit_test_setup(leaves_many_scans, set_up),
        cmocka_unit_test_setup(leaves_huge_sizes, set_up),
        cmocka_unit_test_setup(refuses_what_libvips_refuses, set_up),
        cmocka_unit_test_setup(reads_orientation, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
