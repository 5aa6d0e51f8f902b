/* (golden) test_picture_form.c - pictures of noise resized and cropped: to the bit what Pillow and torchvision make of them
 * (tools/golden_resize.py), from pixels and, through a PNG file, by the functions of adah.h; and forms that make no sense. */
#define _GNU_SOURCE
#include "data/image.h"
#include "data/picture_form.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static adah_picture make_picture(size_t n_width, size_t n_height) {
    const size_t n = n_width * n_height * 3;
    uint8_t *rgb = malloc(n);
    assert_non_null(rgb);
    for (size_t i = 0; i < n; i++) {
        uint32_t x = (uint32_t)i * 2654435761u;
        x = (x ^ x >> 15) * 0x45d9f3bu;
        x ^= x >> 13;
        rgb[i] = (uint8_t)(i / 96 % 3 ? x : i / 288 % 2 ? 255 : 0);
    }
    return (adah_picture){n_width, n_height, rgb};
}

static uint64_t hash_of(const uint8_t *bytes, size_t n) {
    uint64_t hash = 14695981039346656037u;
    for (size_t i = 0; i < n; i++)
        hash = (hash ^ bytes[i]) * 1099511628211u;
    return hash;
}

static int filter_of(const char *name) {
    return !strcmp(name, "bicubic") ? ADAH_FILTER_BICUBIC : !strcmp(name, "bilinear") ? ADAH_FILTER_BILINEAR : ADAH_FILTER_LANCZOS;
}

static void as_pillow(void **state) {
    (void)state;
    FILE *golden = fopen(ADAH_SOURCE_DIR "/tests/data/picture_form.golden", "r");
    size_t n_width, n_height, n_side, n_lines = 0;
    char filter[16], crop[16];
    unsigned long long expected;
    assert_non_null(golden);
    while (fscanf(golden, "%zu %zu %15s %15s %zu %llx", &n_width, &n_height, filter, crop, &n_side, &expected) == 6) {
        const adah_picture_form form = {.n_side = n_side, .filter = filter_of(filter), .crop = strcmp(crop, "squash") ? ADAH_CROP_CENTRE : ADAH_CROP_NONE,
                                        .crop_share = strcmp(crop, "squash") ? (float)atof(crop) : 0};
        adah_picture whole = make_picture(n_width, n_height), made = {0};
        uint8_t *rgb = malloc(n_side * n_side * 3), *png;
        size_t n_png;
        assert_int_equal(adah_picture_form_apply(&form, &whole, rgb, NULL), ADAH_OK);
        if (hash_of(rgb, n_side * n_side * 3) != expected)
            fail_msg("%zu x %zu, %s, %s, %zu: other pixels", n_width, n_height, filter, crop, n_side);
        assert_int_equal(adah_picture_png(&whole, &png, &n_png, NULL), ADAH_OK);
        assert_int_equal(adah_picture_prepare(png, n_png, &form, &made, NULL), ADAH_OK);
        assert_int_equal(made.n_width, n_side);
        assert_memory_equal(made.rgb, rgb, n_side * n_side * 3);
        adah_free(made.rgb);
        adah_free(png);
        free(rgb);
        free(whole.rgb);
        n_lines++;
    }
    fclose(golden);
    assert_true(n_lines > 100);
}

/* The form with a side alone is what adah_picture_decode makes, which is not what Pillow's Lanczos makes. */
static void plain_is_as_before(void **state) {
    (void)state;
    adah_picture whole = make_picture(300, 200), plain = {0}, decoded = {0};
    const adah_picture_form form = {.n_side = 64};
    uint8_t *png;
    size_t n_png;
    assert_int_equal(adah_picture_png(&whole, &png, &n_png, NULL), ADAH_OK);
    assert_int_equal(adah_picture_prepare(png, n_png, &form, &plain, NULL), ADAH_OK);
    assert_int_equal(adah_picture_decode(png, n_png, 64, 0, &decoded, NULL), ADAH_OK);
    assert_memory_equal(plain.rgb, decoded.rgb, 64 * 64 * 3);
    adah_free(plain.rgb);
    adah_free(decoded.rgb);
    adah_free(png);
    free(whole.rgb);
}

/* A copy that is shown has the middle that a crop keeps. */
static void crops_copies(void **state) {
    (void)state;
    adah_picture p = make_picture(50, 30), whole = make_picture(50, 30);
    adah_picture_crop(&p, &(adah_picture_form){.n_side = 8});
    assert_int_equal(p.n_width, 50);
    adah_picture_crop(&p, &(adah_picture_form){.n_side = 8, .crop = ADAH_CROP_CENTRE, .crop_share = 0.8f});
    assert_int_equal(p.n_width, 24);
    assert_int_equal(p.n_height, 24);
    assert_memory_equal(p.rgb, whole.rgb + (3 * 50 + 13) * 3, 24 * 3);
    assert_memory_equal(p.rgb + 23 * 24 * 3, whole.rgb + (26 * 50 + 13) * 3, 24 * 3);
    free(p.rgb);
    free(whole.rgb);
}

static void refuses(void **state) {
    (void)state;
    static const adah_picture_form forms[] = {{.n_side = 0, .filter = ADAH_FILTER_BICUBIC},
                                              {.n_side = 5000, .filter = ADAH_FILTER_BICUBIC},
                                              {.n_side = 8, .filter = 3},
                                              {.n_side = 8, .filter = -1},
                                              {.n_side = 8, .crop = 2},
                                              {.n_side = 8, .crop = ADAH_CROP_CENTRE},
                                              {.n_side = 8, .crop = ADAH_CROP_CENTRE, .crop_share = 1.5f}};
    adah_picture whole = make_picture(20, 20), made;
    uint8_t *png;
    size_t n_png;
    assert_int_equal(adah_picture_png(&whole, &png, &n_png, NULL), ADAH_OK);
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        assert_int_equal(adah_picture_prepare(png, n_png, &forms[i], &made, NULL), ADAH_ERROR_ARGUMENT);
    adah_free(png);
    free(whole.rgb);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(as_pillow), cmocka_unit_test(plain_is_as_before), cmocka_unit_test(crops_copies),
                                       cmocka_unit_test(refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
