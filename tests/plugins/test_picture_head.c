/* (unit) test_picture_head.c - sizes that files hide are found before anything is decoded; honest files of each kind go on being read. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/memory.h"
#include "data/image.h"
#include "plugins/pictures/head.h"
#include "picture_bytes.h"

#include <vips/vips.h>

enum { MILLION = 1000000 };

/* Walks through bytes and frees them. Returns the fault, or "" with *info. */
static const char *walk(picture_bytes file, adah_picture_info *info) {
    static adah_status status;
    status = (adah_status){0};
    uint8_t *exact = malloc(file.n); /* so that a read behind the end is seen */
    memcpy(exact, file.at, file.n);
    const adah_code code = adah_picture_head(exact, file.n, "p", info, &status);
    assert_true(code == ADAH_OK || code == ADAH_ERROR_FORMAT);
    /* Cut anywhere and broken anywhere it is walked through or refused. */
    adah_picture_info other;
    for (size_t n = 0; n < file.n; n += 1 + file.n / 500) {
        uint8_t *part = malloc(n + 1);
        memcpy(part, exact, n);
        adah_picture_head(part, n, "p", &other, NULL);
        free(part);
        for (int bit = 0; bit < 8; bit += 3) {
            exact[n] ^= (uint8_t)(1 << bit);
            adah_picture_head(exact, file.n, "p", &other, NULL);
            exact[n] ^= (uint8_t)(1 << bit);
        }
    }
    free(exact);
    free(file.at);
    return status.message;
}

static void assert_walked(picture_bytes file, const char *type, size_t n_width, size_t n_height, uint64_t n_pixels) {
    adah_picture_info info = {0};
    const char *fault = walk(file, &info);
    if (*fault || strcmp(info.type, type) || info.n_width != n_width || info.n_height != n_height || info.n_pixels != n_pixels || info.excess)
        fail_msg("\"%s\": %s, %zu x %zu, %llu pixels, %s; expected %s, %zu x %zu, %llu", fault, info.type, info.n_width, info.n_height,
                 (unsigned long long)info.n_pixels, info.excess, type, n_width, n_height, (unsigned long long)n_pixels);
}

static void assert_refused(picture_bytes file, const char *words) {
    adah_picture_info info = {0};
    const char *fault = walk(file, &info);
    if (!strstr(fault, words))
        fail_msg("\"%s\", %llu pixels; expected \"%s\"", fault, (unsigned long long)info.n_pixels, words);
}

static void assert_excess(picture_bytes file, const char *words) {
    adah_picture_info info = {0};
    const char *fault = walk(file, &info);
    if (*fault || !info.excess || !strstr(info.excess, words))
        fail_msg("\"%s\", \"%s\"; expected \"%s\"", fault, info.excess, words);
}

/* ---------------------------------------------------------------- AVIF and HEIC */

static heif_plan plan(int is_hevc, uint64_t n_told, uint64_t n_coded) {
    return (heif_plan){.is_hevc = is_hevc, .is_still = 1, .in_band = 1, .n_frames = 1, .n_told_width = n_told, .n_told_height = n_told,
                       .n_width = n_coded, .n_height = n_coded};
}

static const char *type_of(int is_hevc) { return is_hevc ? "image/heic" : "image/avif"; }

static void finds_coded_sizes(void **state) {
    (void)state;
    for (int is_hevc = 0; is_hevc < 2; is_hevc++) {
        heif_plan h = plan(is_hevc, 3000, 3000);
        h.n_told_height = h.n_height = 2000;
        assert_walked(make_heif(&h), type_of(is_hevc), 3000, 2000, 6 * MILLION);
        h.is_still = h.in_band = is_hevc ? 0 : 1, h.is_still = 0; /* the size in the configuration; the long head */
        assert_walked(make_heif(&h), type_of(is_hevc), 3000, 2000, 6 * MILLION);
        h = plan(is_hevc, 3000, 3000);
        h.n_pieces = 3;
        assert_walked(make_heif(&h), type_of(is_hevc), 3000, 3000, 9 * MILLION);
        h.in_idat = 1;
        assert_walked(make_heif(&h), type_of(is_hevc), 3000, 3000, 9 * MILLION);
        h.n_frames = 5; /* pictures that nobody sees are decoded, too */
        assert_walked(make_heif(&h), type_of(is_hevc), 3000, 3000, 45 * MILLION);
    }
}

static void refuses_lies(void **state) {
    (void)state;
    for (int is_hevc = 0; is_hevc < 2; is_hevc++)
        for (int in_band = is_hevc ? 0 : 1; in_band < 2; in_band++)
            for (int is_still = 0; is_still < 2; is_still++) {
                heif_plan h = plan(is_hevc, 64, 8000);
                h.in_band = in_band, h.is_still = is_still;
                assert_refused(make_heif(&h), "larger than the file says");
                h.n_pieces = 7;
                assert_refused(make_heif(&h), "larger than the file says");
                h.in_idat = 1;
                assert_refused(make_heif(&h), "larger than the file says");
                h = plan(is_hevc, 64, 16384); /* in an image beside the one that is shown */
                h.in_band = in_band, h.is_still = is_still, h.n_small = 2;
                assert_refused(make_heif(&h), "larger than the file says");
                h = plan(is_hevc, 20000, 20000); /* said, and yet too large: the caller sees it */
                h.in_band = in_band, h.is_still = is_still, h.n_small = 1;
                assert_walked(make_heif(&h), type_of(is_hevc), 64, 64, 400ull * MILLION);
                h = plan(is_hevc, 64, 64);
                h.n_frames = 0;
                assert_refused(make_heif(&h), "no coded picture");
            }
    heif_plan h = plan(0, 100, 100);
    h.is_still = 0, h.has_own_size = 1; /* 2^16 along each side at most */
    assert_refused(make_heif(&h), "larger than the file says");
    h = plan(1, 100, 100000);
    assert_refused(make_heif(&h), "more than 65536 pixels along a side");
}

static void sums_up_grids(void **state) {
    (void)state;
    for (int is_hevc = 0; is_hevc < 2; is_hevc++) {
        heif_plan h = plan(is_hevc, 512, 512);
        h.n_rows = 4, h.n_columns = 6, h.n_grid_width = 3000, h.n_grid_height = 2000;
        assert_walked(make_heif(&h), type_of(is_hevc), 3000, 2000, 6 * MILLION + 24 * 512 * 512);
        h = plan(is_hevc, 2000, 2000); /* few pixels of many large tiles */
        h.n_rows = h.n_columns = 16, h.n_grid_width = h.n_grid_height = 100;
        assert_walked(make_heif(&h), type_of(is_hevc), 100, 100, 1024ull * MILLION + 10000);
        h.n_grid_width = h.n_grid_height = 70000;
        assert_refused(make_heif(&h), "more than 65536");
    }
}

/* What one decoder reads so and another otherwise. */
static void refuses_ambiguous_boxes(void **state) {
    (void)state;
    static const char *const kinds[] = {"pitm", "iinf", "iloc", "iprp"};
    for (size_t i = 0; i < 4; i++) {
        heif_plan h = plan(0, 64, 64);
        picture_bytes file = make_heif(&h);
        uint8_t *kind = memmem(file.at, file.n, kinds[i], 4), *hdlr = memmem(file.at, file.n, "hdlr", 4);
        memcpy(hdlr, kinds[i], 4); /* a second one */
        assert_refused(file, "two boxes of a kind");
        file = make_heif(&h);
        kind = memmem(file.at, file.n, kinds[i], 4);
        memcpy(kind, "free", 4);
        assert_refused(file, "lacks");
        file = make_heif(&h);
        kind = memmem(file.at, file.n, kinds[i], 4);
        kind[-3] = 1; /* beyond its parent */
        assert_refused(file, "a box is cut off");
    }
    static const char *const codings[] = {"jpeg", "unci", "vvc1", "j2k1", "none"};
    for (size_t i = 0; i < 5; i++) {
        heif_plan h = plan(0, 64, 64);
        picture_bytes file = make_heif(&h);
        memcpy(memmem(file.at, file.n, "av01", 4), codings[i], 4);
        assert_refused(file, i < 4 ? "coded in a way" : "the one to show");
    }
}

/* ---------------------------------------------------------------- others */

static void finds_sizes_of_frames(void **state) {
    (void)state;
    assert_walked(make_gif(30, 20, 5, 5, 10, 10), "image/gif", 30, 20, 600);
    assert_walked(make_gif(1, 1, 0, 0, 65535, 60000), "image/gif", 65535, 60000, 65535ull * 60000);
    assert_walked(make_gif(10, 10, 60000, 5, 5000, 10), "image/gif", 65000, 15, 65000 * 15);
    for (int is_lossless = 0; is_lossless < 2; is_lossless++) {
        assert_walked(make_webp(0, 0, 0, is_lossless, 300, 200), "image/webp", 300, 200, 60000);
        assert_walked(make_webp(64, 0, 0, is_lossless, 16383, 16383), "image/webp", 64, 64, 16383ull * 16383);
        assert_walked(make_webp(64, 1, 64, is_lossless, 16383, 16383), "image/webp", 64, 64, 16383ull * 16383);
        assert_walked(make_webp(64, 1, 9000, is_lossless, 64, 64), "image/webp", 64, 64, 81 * MILLION);
        assert_refused(make_webp(100000, 0, 0, is_lossless, 64, 64), "more than 65536");
    }
    assert_walked(make_png(300, 200, 0, 3, 100), "image/png", 300, 200, 60000);
    assert_walked(make_jpeg(300, 200, 0xc0, 1), "image/jpeg", 300, 200, 60000);
    assert_refused(make_jpeg(300, 0, 0xc0, 1), "without pixels"); /* its height comes behind the pixels */
    assert_refused(make_png(70000, 1, 0, 0, 100), "more than 65536");
    assert_refused(make_png(0, 1, 0, 0, 100), "without pixels");
}

static void finds_excess(void **state) {
    (void)state;
    assert_excess(make_jpeg(300, 200, 0xc2, 101), "more than 100 scans");
    assert_walked(make_jpeg(300, 200, 0xc2, 100), "image/jpeg", 300, 200, 60000);
    assert_excess(make_png(300, 200, 0, 17, 100), "compressed texts");
    assert_excess(make_png(3, 2, 0, 0, 100000), "more compressed bytes than pixels");
}

static void tells_memory(void **state) {
    (void)state;
    adah_picture_info info;
    assert_string_equal(walk(make_jpeg(5000, 4000, 0xc0, 1), &info), "");
    assert_true(info.n_bytes < MILLION);
    assert_string_equal(walk(make_jpeg(5000, 4000, 0xc2, 1), &info), "");
    assert_int_equal(info.n_bytes, 40 * MILLION);
    assert_string_equal(walk(make_png(5000, 4000, 0, 0, 100), &info), "");
    assert_true(info.n_bytes < MILLION);
    assert_string_equal(walk(make_png(5000, 4000, 1, 0, 100), &info), "");
    assert_int_equal(info.n_bytes, 60 * MILLION);
}

static void finds_sizes_of_directories(void **state) {
    (void)state;
    for (int is_big_endian = 0; is_big_endian < 2; is_big_endian++) {
        const tiff_tag plain[] = {{256, 300}, {257, 200}, {258, 8}, {259, 5}};
        assert_walked(make_tiff(plain, 4, 1, is_big_endian, 0), "image/tiff", 300, 200, 60000);
        const tiff_tag two[] = {{256, 300}, {257, 200}, {256, 20000}, {257, 20000}};
        for (int is_nested = 0; is_nested < 2; is_nested++)
            assert_walked(make_tiff(two, 2, 2, is_big_endian, is_nested), "image/tiff", 300, 200, 400ull * MILLION);
        const tiff_tag tiled[] = {{256, 300}, {257, 200}, {322, 30000}, {323, 20000}};
        assert_walked(make_tiff(tiled, 4, 1, is_big_endian, 0), "image/tiff", 300, 200, 600ull * MILLION);
        const tiff_tag deep[] = {{256, 300}, {257, 200}, {277, 40000}};
        assert_refused(make_tiff(deep, 3, 1, is_big_endian, 0), "more than 16 channels");
        const tiff_tag foreign[] = {{256, 300}, {257, 200}, {259, 34712}};
        assert_refused(make_tiff(foreign, 3, 1, is_big_endian, 0), "a compression that is not read");
        const tiff_tag twice[] = {{256, 300}, {256, 20000}, {257, 200}};
        assert_refused(make_tiff(twice, 3, 1, is_big_endian, 0), "an entry twice");
        tiff_tag many[6 * 2];
        for (size_t i = 0; i < 12; i++)
            many[i] = (tiff_tag){256 + i % 2, 10};
        assert_refused(make_tiff(many, 2, 6, is_big_endian, 1), "too deeply");
        assert_walked(make_tiff(many, 2, 6, is_big_endian, 0), "image/tiff", 10, 10, 100);
    }
    /* A strip that is a JPEG of other sizes than the file says. */
    const tiff_tag jpeg[] = {{256, 300}, {257, 200}, {259, 7}, {273, 82}, {278, 200}, {279, 0}, {258, 8}};
    picture_bytes strip = make_jpeg(9000, 9000, 0xc0, 1), file;
    tiff_tag tags[7];
    memcpy(tags, jpeg, sizeof jpeg);
    tags[3].value = 8 + 2 + 7 * 12 + 4 + 8;
    tags[5].value = strip.n;
    file = make_tiff(tags, 7, 1, 0, 0);
    put_all(&file, &strip);
    assert_refused(file, "larger than the file says");
}

/* A chain of directories that leads back. */
static void ends_loops(void **state) {
    (void)state;
    const tiff_tag plain[] = {{256, 300}, {257, 200}};
    picture_bytes file = make_tiff(plain, 2, 1, 0, 0);
    file.at[8 + 2 + 24] = 8;
    assert_refused(file, "more than 4096 directories");
}

/* ---------------------------------------------------------------- real files */

static int start(void **state) {
    (void)state;
    return adah_image_start(NULL) == ADAH_OK ? 0 : -1;
}

static picture_bytes save(VipsImage *image, const char *how) {
    void *bytes = NULL;
    size_t n = 0;
    picture_bytes file = {0};
    if (vips_image_write_to_buffer(image, how, &bytes, &n, NULL) == 0)
        put_raw(&file, bytes, n);
    else
        vips_error_clear();
    g_free(bytes);
    return file;
}

/* Everything that libvips writes is walked through, decoded, and told of by its true size; and no memory is lost on the way. */
static void reads_real_files(void **state) {
    (void)state;
    static const struct {
        const char *how, *type;
    } kinds[] = {{".jpg", "image/jpeg"}, {".jpg[interlace]", "image/jpeg"}, {".png", "image/png"}, {".png[interlace]", "image/png"},
                 {".gif", "image/gif"}, {".webp", "image/webp"}, {".webp[lossless]", "image/webp"}, {".tif", "image/tiff"},
                 {".tif[compression=lzw]", "image/tiff"}, {".tif[compression=deflate,predictor=horizontal]", "image/tiff"},
                 {".tif[compression=jpeg]", "image/tiff"}, {".tif[compression=jpeg,tile]", "image/tiff"},
                 {".tif[compression=zstd,tile,pyramid]", "image/tiff"}, {".tif[tile,pyramid,subifd]", "image/tiff"},
                 {".tif[bigtiff]", "image/tiff"}, {".avif[effort=0]", "image/avif"}, {".avif[lossless,effort=0]", "image/avif"},
#ifndef __SANITIZE_ADDRESS__ /* x265 does not free all of its memory */
                 {".heic[compression=hevc,effort=0]", "image/heic"},
#endif
    };
    VipsImage *noise, *image;
    assert_int_equal(vips_gaussnoise(&noise, 333, 222, "mean", 128.0, "sigma", 30.0, NULL), 0);
    assert_int_equal(vips_cast_uchar(noise, &image, NULL), 0);
    g_object_unref(noise);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        adah_picture_info info;
        adah_status status = {0};
        uint8_t rgb[24 * 24 * 3];
        picture_bytes file = save(image, kinds[i].how);
        if (!file.n) {
            print_message("LEFT OUT: this libvips writes no %s\n", kinds[i].how);
            continue;
        }
        if (adah_picture_head(file.at, file.n, kinds[i].how, &info, &status) != ADAH_OK)
            fail_msg("%s", status.message);
        assert_string_equal(info.type, kinds[i].type);
        assert_int_equal(info.n_width, 333);
        assert_int_equal(info.n_height, 222);
        assert_in_range(info.n_pixels, 333 * 222, 512 * 512);
        if (adah_image_decode(file.at, file.n, kinds[i].how, 24, rgb, &status) != ADAH_OK)
            fail_msg("%s", status.message);
        if (!strncmp(kinds[i].how, ".avif", 5) || !strncmp(kinds[i].how, ".heic", 5)) { /* says that it is small */
            uint8_t *told = memmem(file.at, file.n, "ispe", 4);
            told[11] = 64, told[10] = 0;
            assert_int_equal(adah_image_decode(file.at, file.n, "lie", 24, rgb, &status), ADAH_ERROR_FORMAT);
            assert_non_null(strstr(status.message, "larger than the file says"));
        }
        free(file.at);
    }
    g_object_unref(image);
}

/* Formats of libvips and of the programs that it can call that are not meant. */
static void refuses_other_formats(void **state) {
    (void)state;
    static const char *const others[] = {"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"/>", "3 3\n1 2 3\n4 5 6\n7 8 9\n",
                                         "%PDF-1.4\n", "#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n1234", "push graphic-context\nviewbox 0 0 9 9\n", "1,2,3\n4,5,6\n",
                                         "SIMPLE  =                    T", "BM", "\x76\x2f\x31\x01", "\xff\x0a", "\xa6\xb6\xf2\x08"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        uint8_t bytes[256] = {0}, rgb[8 * 8 * 3];
        adah_status status;
        memcpy(bytes, others[i], strlen(others[i]));
        assert_int_equal(adah_image_decode(bytes, sizeof bytes, "other", 8, rgb, &status), ADAH_ERROR_FORMAT);
        assert_non_null(strstr(status.message, "not an image that can be read"));
        /* Behind that door there is another: the loaders themselves are locked. */
        VipsImage *image = vips_image_new_from_buffer(bytes, sizeof bytes, "", NULL);
        assert_null(image);
        vips_error_clear();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_coded_sizes),
        cmocka_unit_test(refuses_lies),
        cmocka_unit_test(sums_up_grids),
        cmocka_unit_test(refuses_ambiguous_boxes),
        cmocka_unit_test(finds_sizes_of_frames),
        cmocka_unit_test(finds_excess),
        cmocka_unit_test(tells_memory),
        cmocka_unit_test(finds_sizes_of_directories),
        cmocka_unit_test(ends_loops),
        cmocka_unit_test(reads_real_files),
        cmocka_unit_test(refuses_other_formats),
    };
    return cmocka_run_group_tests_name("picture_head", tests, start, NULL);
}
