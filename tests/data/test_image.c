/* (unit) test_image.c - every kind of picture decodes to the same sRGB square; damaged and foreign files are refused. */
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

#include <vips/vips.h>

static temporary_folder folder;

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    return adah_image_start(NULL) == ADAH_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    data_folder_restore_stderr();
    data_folder_remove(&folder);
    return 0;
}

static const char *path_of(const char *name) {
    static char path[1024];
    TEMPORARY_PATH(folder, name, path);
    return path;
}

/* Top left red, top right green, bottom left blue, bottom right grey. */
static VipsImage *make_quarters(int width, int height) {
    uint8_t *rgb = malloc((size_t)width * (size_t)height * 3);
    static const uint8_t colour[4][3] = {{230, 20, 30}, {10, 200, 40}, {20, 40, 220}, {128, 128, 128}};
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            memcpy(rgb + (y * width + x) * 3, colour[(y >= height / 2) * 2 + (x >= width / 2)], 3);
    VipsImage *bare = vips_image_new_from_memory_copy(rgb, (size_t)width * (size_t)height * 3, width, height, 3,
                                                      VIPS_FORMAT_UCHAR),
              *image;
    free(rgb);
    assert_int_equal(vips_copy(bare, &image, "interpretation", VIPS_INTERPRETATION_sRGB, NULL), 0);
    g_object_unref(bare);
    return image;
}

/* Saves as the name's ending says; "name.jpg[Q=90]" as vips has it. Unrefs. */
static void save(VipsImage *image, const char *name) {
    if (vips_image_write_to_file(image, path_of(name), NULL) != 0)
        fail_msg("%s: %s", name, vips_error_buffer());
    g_object_unref(image);
}

static void assert_near(const uint8_t *pixel, int r, int g, int b, int tolerance) {
    const int wanted[3] = {r, g, b};
    for (int k = 0; k < 3; k++)
        if (abs(pixel[k] - wanted[k]) > tolerance)
            fail_msg("pixel %d %d %d, expected %d %d %d", pixel[0], pixel[1], pixel[2], r, g, b);
}

static uint8_t *load(const char *name, size_t n_side) {
    uint8_t *rgb = malloc(n_side * n_side * 3);
    adah_status status = {0};
    if (adah_image_load(path_of(name), n_side, rgb, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return rgb;
}

static void assert_quarters(const char *name, int tolerance) {
    uint8_t *rgb = load(name, 32);
    assert_near(rgb + (8 * 32 + 8) * 3, 230, 20, 30, tolerance);
    assert_near(rgb + (8 * 32 + 24) * 3, 10, 200, 40, tolerance);
    assert_near(rgb + (24 * 32 + 8) * 3, 20, 40, 220, tolerance);
    assert_near(rgb + (24 * 32 + 24) * 3, 128, 128, 128, tolerance);
    free(rgb);
}

static void reads_formats(void **state) {
    (void)state;
    static const char *const names[] = {"a.png", "b.jpg[Q=95]", "c.webp[Q=95]",
                                        "d.gif", "e.tif",       "f.png[bitdepth=8]"};
    for (size_t i = 0; i < 6; i++) {
        save(make_quarters(90, 50), names[i]);
        char plain[32];
        snprintf(plain, sizeof plain, "%.*s", (int)strcspn(names[i], "["), names[i]);
        assert_quarters(plain, 12);
    }
}

static void converts_pixels(void **state) {
    (void)state;
    VipsImage *image = make_quarters(64, 64), *next;
    vips_colourspace(image, &next, VIPS_INTERPRETATION_RGB16, NULL);
    save(next, "16.png");
    assert_quarters("16.png", 3);
    save(image, "plain.png");

    /* grey, 8 and 16 bits */
    image = make_quarters(64, 64);
    vips_colourspace(image, &next, VIPS_INTERPRETATION_B_W, NULL);
    save(next, "grey.png");
    vips_colourspace(image, &next, VIPS_INTERPRETATION_GREY16, NULL);
    save(next, "grey16.png");
    g_object_unref(image);
    uint8_t *grey = load("grey.png", 16), *grey16 = load("grey16.png", 16);
    assert_near(grey + (12 * 16 + 12) * 3, 128, 128, 128, 2);
    assert_near(grey16 + (12 * 16 + 12) * 3, 128, 128, 128, 2);
    for (int i = 0; i < 16 * 16; i++)
        assert_true(grey[i * 3] == grey[i * 3 + 1] && grey[i * 3] == grey[i * 3 + 2]);
    free(grey);
    free(grey16);

    /* CMYK of a JPEG */
    image = make_quarters(64, 64);
    vips_colourspace(image, &next, VIPS_INTERPRETATION_CMYK, NULL);
    g_object_unref(image);
    save(next, "cmyk.jpg[Q=95]");
    uint8_t *cmyk = load("cmyk.jpg", 32);
    assert_true(cmyk[(8 * 32 + 8) * 3] > 180 && cmyk[(8 * 32 + 8) * 3 + 2] < 90);
    assert_near(cmyk + (24 * 32 + 24) * 3, 128, 128, 128, 12);
    free(cmyk);
}

static void lays_alpha_on_white(void **state) {
    (void)state;
    for (int bits = 8; bits <= 16; bits += 8)
        for (int n_channels = 2; n_channels <= 4; n_channels += 2) {
            double value[4] = {0, 0, 0, 0}; /* black, transparent; then half transparent */
            for (int half = 0; half < 2; half++) {
                value[n_channels - 1] = half ? 128 : 0;
                VipsImage *point, *image, *shown, *cast;
                vips_black(&point, 40, 40, "bands", n_channels, NULL);
                double one[4] = {1, 1, 1, 1};
                vips_linear(point, &image, one, value, n_channels, NULL);
                g_object_unref(point);
                vips_cast_uchar(image, &cast, NULL);
                g_object_unref(image);
                vips_copy(cast, &shown, "interpretation",
                          n_channels == 2 ? VIPS_INTERPRETATION_B_W : VIPS_INTERPRETATION_sRGB, NULL);
                g_object_unref(cast);
                if (bits == 16) {
                    vips_colourspace(shown, &image,
                                     n_channels == 2 ? VIPS_INTERPRETATION_GREY16 : VIPS_INTERPRETATION_RGB16, NULL);
                    g_object_unref(shown);
                    shown = image;
                }
                save(shown, "alpha.png");
                uint8_t *rgb = load("alpha.png", 8);
                int wanted = half ? 127 : 255;
                assert_near(rgb + (4 * 8 + 4) * 3, wanted, wanted, wanted, 2);
                free(rgb);
            }
        }
}

static void turns_by_exif(void **state) {
    (void)state;
    VipsImage *image = make_quarters(60, 40), *turned;
    vips_rot(image, &turned, VIPS_ANGLE_D270, NULL); /* as the sensor had it; "6" says: turn it by 90 degrees */
    g_object_unref(image);
    VipsImage *copy;
    vips_copy(turned, &copy, NULL);
    g_object_unref(turned);
    vips_image_set_int(copy, "orientation", 6);
    save(copy, "turned.jpg[Q=95]");
    assert_quarters("turned.jpg", 12);
}

static void takes_first_frame(void **state) {
    (void)state;
    VipsImage *frames[2] = {make_quarters(30, 30), NULL}, *strip, *copy;
    vips_invert(frames[0], &frames[1], NULL);
    vips_arrayjoin(frames, &strip, 2, "across", 1, NULL);
    vips_copy(strip, &copy, NULL);
    vips_image_set_int(copy, VIPS_META_PAGE_HEIGHT, 30);
    g_object_unref(frames[0]);
    g_object_unref(frames[1]);
    g_object_unref(strip);
    save(copy, "moving.gif");
    assert_quarters("moving.gif", 16);
}

static void makes_exact_sides(void **state) {
    (void)state;
    static const int sizes[][2] = {{1, 1},     {1, 700},   {700, 1},   {3, 2},
                                   {227, 227}, {333, 500}, {1023, 77}, {641, 479}};
    static const size_t sides[] = {1, 2, 7, 64, 224, 227, 300};
    for (size_t i = 0; i < 8; i++) {
        save(make_quarters(sizes[i][0], sizes[i][1]), i % 2 ? "sized.png" : "sized.jpg");
        for (size_t k = 0; k < 7; k++)
            free(load(i % 2 ? "sized.png" : "sized.jpg", sides[k])); /* refuses other sizes itself */
    }
}

static void keeps_aspect_of_thumbnails(void **state) {
    (void)state;
    static const size_t cases[][4] = {{300, 200, 90, 60}, {200, 300, 60, 90}, {40, 20, 40, 20}, {90, 90, 90, 90}};
    for (size_t i = 0; i < 4; i++) {
        adah_picture picture;
        save(make_quarters((int)cases[i][0], (int)cases[i][1]), "t.png");
        assert_int_equal(adah_image_load_thumbnail(path_of("t.png"), 90, &picture, NULL), ADAH_OK);
        assert_int_equal(picture.n_width, cases[i][2]);
        assert_int_equal(picture.n_height, cases[i][3]);
        assert_near(picture.rgb, 230, 20, 30, 3);
        adah_memory_free(picture.rgb);
    }
}

/* ---------------------------------------------------------------- refused */

static void assert_refused(const char *name, adah_code code, const char *words) {
    uint8_t rgb[32 * 32 * 3];
    memset(rgb, 77, sizeof rgb);
    adah_status status = {0};
    adah_code got = adah_image_load(path_of(name), 32, rgb, &status);
    if (got != code || !strstr(status.message, words) || !strstr(status.message, name))
        fail_msg("%s: code %d, \"%s\"; expected %d, \"%s\"", name, got, status.message, code, words);
    for (size_t i = 0; i < sizeof rgb; i++)
        assert_int_equal(rgb[i], 77);
}

static void refuse_truncated(void) {
    static const char *const names[] = {"a.png", "b.jpg", "c.webp", "d.gif", "e.tif", "p.jpg"};
    for (size_t i = 0; i < 6; i++) {
        VipsImage *image = make_quarters(200, 150), *noisy, *noise, *cast;
        vips_gaussnoise(&noise, 200, 150, "sigma", 20.0, "mean", 0.0, NULL); /* so that it fills some kilobytes */
        vips_add(image, noise, &noisy, NULL);
        vips_cast_uchar(noisy, &cast, NULL);
        g_object_unref(image);
        g_object_unref(noise);
        g_object_unref(noisy);
        char name[40];
        snprintf(name, sizeof name, "%s%s", names[i], i == 5 ? "[interlace=true]" : "");
        save(cast, name);
        free(load(names[i], 32));
        size_t n;
        char *bytes = data_folder_read(folder.path, names[i], &n);
        for (int permille = 0; permille < 1000; permille += permille < 950 ? 50 : 10) {
            data_folder_write(folder.path, "cut", bytes, n * (size_t)permille / 1000);
            assert_refused("cut", ADAH_ERROR_FORMAT, permille ? "" : "empty, expected an image");
        }
        free(bytes);
    }
}

static void refuse_foreign(void) {
    assert_refused("missing.jpg", ADAH_ERROR_NOT_FOUND, "cannot open");
    mkdir(path_of("sub.jpg"), 0777);
    assert_refused("sub.jpg", ADAH_ERROR_IO, "not a regular file");
    data_folder_put(folder.path, "text.jpg", "this is no picture, whatever its name says");
    assert_refused("text.jpg", ADAH_ERROR_FORMAT, "not an image that can be read");
    data_folder_put(folder.path, "d.svg", "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"/>");
    assert_refused("d.svg", ADAH_ERROR_FORMAT, "not an image that can be read");
    data_folder_put(folder.path, "p.pdf", "%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\n%%EOF\n");
    assert_refused("p.pdf", ADAH_ERROR_FORMAT, "not an image that can be read");
    /* a PNG header of 60,000 x 60,000 pixels with its right check sum, and nothing behind it */
    static const uint8_t huge[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0,    0, 0,    13,
                                   'I',  'H', 'D', 'R', 0,    0,    0xea, 0x60, 0,    0, 0xea, 0x60,
                                   8,    2,   0,   0,   0,    0x0f, 0xb0, 0xe2, 0x15, 0, 0,    0,
                                   0,    'I', 'D', 'A', 'T',  0x35, 0xaf, 0x06, 0x1e};
    data_folder_write(folder.path, "huge.png", huge, sizeof huge);
    assert_refused("huge.png", ADAH_ERROR_FORMAT, "60000 x 60000 pixels, expected at most 536870912 in all");
}

/* Broken in the middle: whatever is made of it, no crash and not a word on stderr. */
static void damage(void) {
    static const char *const names[] = {"a.png", "b.jpg", "c.webp", "d.gif", "e.tif"};
    for (size_t i = 0; i < 5; i++) {
        save(make_quarters(120, 90), names[i]);
        size_t n;
        char *bytes = data_folder_read(folder.path, names[i], &n);
        uint32_t seed = 1;
        for (int round = 0; round < 60; round++) {
            size_t place = (size_t)(seed = seed * 1664525u + 1013904223u) % n;
            char kept = bytes[place];
            uint8_t rgb[16 * 16 * 3];
            bytes[place] = (char)(bytes[place] ^ (1 << (round & 7)));
            adah_image_decode((const uint8_t *)bytes, n, "damaged", 16, rgb, NULL);
            bytes[place] = kept;
        }
        free(bytes);
    }
}

static void refuses_truncated(void **state) {
    (void)state;
    assert_int_equal(data_folder_stderr_of(refuse_truncated), 0);
}

static void refuses_foreign(void **state) {
    (void)state;
    assert_int_equal(data_folder_stderr_of(refuse_foreign), 0);
}

static void survives_damage(void **state) {
    (void)state;
    assert_int_equal(data_folder_stderr_of(damage), 0);
}

static void refuses_bad_arguments(void **state) {
    (void)state;
    save(make_quarters(10, 10), "a.png");
    adah_status status;
    uint8_t rgb[3], *bytes = NULL;
    size_t n;
    assert_int_equal(adah_image_load(path_of("a.png"), 0, rgb, &status), ADAH_ERROR_ARGUMENT);
    assert_string_equal(status.message, "image side 0, expected 1..16384");
    assert_int_equal(adah_image_load(path_of("a.png"), 16385, rgb, NULL), ADAH_ERROR_ARGUMENT);
    assert_int_equal(adah_image_write_png(path_of("b.png"), rgb, 1, 1, 2, &status), ADAH_ERROR_ARGUMENT);
    assert_int_equal(adah_image_write_png(path_of("b.png"), rgb, 0, 1, 3, &status), ADAH_ERROR_ARGUMENT);
    assert_int_equal(adah_image_write_png("/nowhere/at/all/b.png", rgb, 1, 1, 3, &status), ADAH_ERROR_NOT_FOUND);
    adah_picture picture = {1, 1, rgb};
    assert_int_equal(adah_image_encode_jpeg(&picture, 0, &bytes, &n, &status), ADAH_ERROR_ARGUMENT);
    assert_int_equal(adah_image_encode_jpeg(&picture, 101, &bytes, &n, &status), ADAH_ERROR_ARGUMENT);
    assert_null(bytes);
}

/* A name is a name, not vips' "file[option=value]". */
static void takes_names_as_they_are(void **state) {
    (void)state;
    save(make_quarters(20, 20), "a.png");
    size_t n;
    char *bytes = data_folder_read(folder.path, "a.png", &n);
    data_folder_write(folder.path, "a.png[access=x]", bytes, n);
    free(bytes);
    assert_quarters("a.png[access=x]", 3);
}

/* ---------------------------------------------------------------- written */

static void writes_png_and_jpeg(void **state) {
    (void)state;
    enum { W = 40, H = 30 };
    uint8_t rgb[W * H * 3], grey[W * H];
    for (int i = 0; i < W * H; i++) {
        grey[i] = (uint8_t)(i * 7);
        for (int k = 0; k < 3; k++)
            rgb[i * 3 + k] = (uint8_t)(i * 3 + k * 50);
    }
    assert_int_equal(adah_image_write_png(path_of("rgb.png"), rgb, W, H, 3, NULL), ADAH_OK);
    assert_int_equal(adah_image_write_png(path_of("grey.png"), grey, W, H, 1, NULL), ADAH_OK);
    adah_picture back;
    assert_int_equal(adah_image_load_thumbnail(path_of("rgb.png"), W, &back, NULL), ADAH_OK);
    assert_int_equal(back.n_width, W);
    assert_int_equal(back.n_height, H);
    assert_memory_equal(back.rgb, rgb, sizeof rgb);
    uint8_t *jpeg;
    size_t n_jpeg;
    assert_int_equal(adah_image_encode_jpeg(&back, 90, &jpeg, &n_jpeg, NULL), ADAH_OK);
    assert_memory_equal(jpeg, "\xff\xd8\xff", 3);
    uint8_t square[16 * 16 * 3];
    assert_int_equal(adah_image_decode(jpeg, n_jpeg, "memory", 16, square, NULL), ADAH_OK);
    adah_memory_free(jpeg);
    adah_memory_free(back.rgb);
    assert_int_equal(adah_image_load_thumbnail(path_of("grey.png"), W, &back, NULL), ADAH_OK);
    for (int i = 0; i < W * H; i++)
        assert_near(back.rgb + i * 3, grey[i], grey[i], grey[i], 0);
    adah_memory_free(back.rgb);
    assert_int_equal(temporary_folder_count(&folder), 2);
}

/* ---------------------------------------------------------------- threads */

enum { N_THREADED = 120 };
static adah_status threaded[N_THREADED];
static uint8_t threaded_rgb[N_THREADED][16 * 16 * 3];

static void load_one(void *context, size_t i) {
    (void)context;
    char path[1024];
    snprintf(path, sizeof path, "%s/%s%zu", folder.path, i % 3 ? "good" : i % 2 ? "text" : "cut", i);
    threaded[i].code = ADAH_OK;
    adah_image_load(path, 16, threaded_rgb[i], &threaded[i]);
}

/* Good and bad files at once: each bad one has its own name and no other's reason, and the good ones are the same. */
static void shared_by_threads(void **state) {
    (void)state;
    save(make_quarters(300, 200), "good.jpg");
    size_t n;
    char *bytes = data_folder_read(folder.path, "good.jpg", &n), name[32];
    for (int i = 0; i < N_THREADED; i++) {
        snprintf(name, sizeof name, "%s%d", i % 3 ? "good" : i % 2 ? "text" : "cut", i);
        if (i % 3 == 0 && i % 2)
            data_folder_put(folder.path, name, "just a text, no picture");
        else
            data_folder_write(folder.path, name, bytes, i % 3 ? n : n / 2);
    }
    free(bytes);
    adah_parallel_set_threads(4);
    adah_parallel_for(N_THREADED, 1, load_one, NULL);
    adah_parallel_set_threads(0);
    for (int i = 0; i < N_THREADED; i++) {
        if (i % 3) {
            assert_int_equal(threaded[i].code, ADAH_OK);
            assert_memory_equal(threaded_rgb[i], threaded_rgb[1], sizeof threaded_rgb[i]);
            continue;
        }
        assert_int_equal(threaded[i].code, ADAH_ERROR_FORMAT);
        snprintf(name, sizeof name, "%s%d: ", i % 2 ? "text" : "cut", i);
        const char *reason = i % 2 ? "no JPEG, PNG, GIF" : "cannot be decoded";
        if (!strstr(threaded[i].message, name) || !strcasestr(threaded[i].message, reason))
            fail_msg("\"%s\" does not hold \"%s\" and \"%s\"", threaded[i].message, name, reason);
    }
}

/* Many pictures of many sizes at once, as when a data set is read: each shrinks by another factor, for which libvips'
 * companion liborc once compiled code on several threads and crashed. */
enum { N_SIZES = 40, N_ROUNDS = 60, LOAD_SIDE = 64 };
static uint8_t *load_bytes[N_SIZES];
static size_t load_n_bytes[N_SIZES];
static uint8_t load_expected[N_SIZES][LOAD_SIDE * LOAD_SIDE * 3];
static int load_wrong[N_SIZES * N_ROUNDS];

static void decode_one(void *context, size_t i) {
    (void)context;
    uint8_t rgb[LOAD_SIDE * LOAD_SIDE * 3];
    const size_t k = i % N_SIZES;
    load_wrong[i] = adah_image_decode(load_bytes[k], load_n_bytes[k], "picture", LOAD_SIDE, rgb, NULL) != ADAH_OK ||
                    memcmp(rgb, load_expected[k], sizeof rgb) != 0;
}

static void many_sizes_by_threads(void **state) {
    (void)state;
    for (int k = 0; k < N_SIZES; k++) {
        save(make_quarters(65 + 7 * k, 70 + 5 * k), "sized.png");
        char *bytes = data_folder_read(folder.path, "sized.png", &load_n_bytes[k]);
        load_bytes[k] = (uint8_t *)bytes;
        assert_int_equal(adah_image_decode(load_bytes[k], load_n_bytes[k], "picture", LOAD_SIDE, load_expected[k], NULL),
                         ADAH_OK);
    }
    adah_parallel_set_threads(4);
    adah_parallel_for(N_SIZES * N_ROUNDS, 1, decode_one, NULL);
    adah_parallel_set_threads(0);
    for (size_t i = 0; i < N_SIZES * N_ROUNDS; i++)
        assert_int_equal(load_wrong[i], 0);
    for (int k = 0; k < N_SIZES; k++)
        free(load_bytes[k]);
}

static void reads_shared_photos(void **state) {
    (void)state;
    static const char *const photos[] = {"data/corel5k/images/1000.jpg", "data/labelme8/images/coast_arnat59.jpg",
                                         "data/flickr8k/images/1001773457_577c3a7d70.jpg"};
    for (size_t i = 0; i < 3; i++) {
        char path[1024];
        if (!data_folder_shared(photos[i], path))
            skip();
        uint8_t *rgb = malloc(224 * 224 * 3);
        assert_int_equal(adah_image_load(path, 224, rgb, NULL), ADAH_OK);
        uint64_t sum = 0;
        for (size_t k = 0; k < 224 * 224 * 3; k++)
            sum += rgb[k];
        assert_in_range(sum / (224 * 224 * 3), 40, 215);
        free(rgb);
    }
}

static uint8_t *bytes_of(const char *name, size_t *n) {
    uint8_t *bytes;
    assert_int_equal(adah_file_read(path_of(name), 1 << 20, &bytes, n, NULL), ADAH_OK);
    return bytes;
}

/* Size by the head, and a small copy, as programs that show pictures ask for them. */
static void measures_and_shrinks_bytes(void **state) {
    (void)state;
    static const char *const names[] = {"wide.png", "wide.jpg", "wide.webp"};
    for (size_t i = 0; i < 3; i++) {
        size_t n, n_jpeg;
        adah_picture_info info;
        uint8_t *jpeg;
        save(make_quarters(300, 100), names[i]);
        uint8_t *bytes = bytes_of(names[i], &n);
        assert_int_equal(adah_picture_examine(bytes, n, &info, NULL), ADAH_OK);
        assert_int_equal(info.n_width, 300);
        assert_int_equal(info.n_height, 100);
        assert_int_equal(adah_picture_thumbnail(bytes, n, 60, 90, &jpeg, &n_jpeg, NULL), ADAH_OK);
        assert_memory_equal(jpeg, "\xff\xd8\xff", 3);
        assert_int_equal(adah_picture_examine(jpeg, n_jpeg, &info, NULL), ADAH_OK);
        assert_int_equal(info.n_width, 60);
        assert_int_equal(info.n_height, 20);
        adah_free(jpeg);
        adah_memory_free(bytes);
    }
    size_t n_jpeg;
    adah_picture_info info = {.n_width = 7};
    uint8_t *jpeg;
    adah_status status;
    const uint8_t none[] = "no picture";
    assert_int_equal(adah_picture_examine(none, sizeof none, &info, &status), ADAH_ERROR_FORMAT);
    assert_non_null(strstr(status.message, "not an image"));
    assert_int_equal(adah_picture_examine(none, 0, &info, &status), ADAH_ERROR_FORMAT);
    assert_int_equal(info.n_width, 7);
    assert_int_equal(adah_picture_thumbnail(none, sizeof none, 60, 90, &jpeg, &n_jpeg, &status), ADAH_ERROR_FORMAT);
    assert_int_equal(adah_picture_thumbnail(none, sizeof none, 0, 90, &jpeg, &n_jpeg, &status), ADAH_ERROR_ARGUMENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(reads_formats),
        TEST(converts_pixels),
        TEST(lays_alpha_on_white),
        TEST(turns_by_exif),
        TEST(takes_first_frame),
        TEST(makes_exact_sides),
        TEST(keeps_aspect_of_thumbnails),
        TEST(refuses_truncated),
        TEST(refuses_foreign),
        TEST(survives_damage),
        TEST(refuses_bad_arguments),
        TEST(takes_names_as_they_are),
        TEST(writes_png_and_jpeg),
        TEST(shared_by_threads),
        TEST(many_sizes_by_threads),
        TEST(measures_and_shrinks_bytes),
        TEST(reads_shared_photos),
    };
    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
