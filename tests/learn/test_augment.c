/* (unit) Random crops and mirror images: the identity when off, what a window of a known picture must be, and numbers that depend on
 * seed, stream and item alone. */
#include "backbones/backbone.h"
#include "base/parallel.h"
#include "learn/augment.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { SIDE = 20, N = 6, N_BYTES = SIDE * SIDE * 3 };

static uint8_t picture[N * N_BYTES];

static int set_up(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(1, 1);
    for (size_t i = 0; i < sizeof picture; i++)
        picture[i] = (uint8_t)adah_random_below(&r, 256);
    return 0;
}

static adah_settings config_of(float crop, int flip) {
    adah_settings c;
    assert_int_equal(adah_backbone_preset("default", "small", &c, NULL), ADAH_OK);
    c.augment_crop = crop;
    c.augment_flip = flip;
    return c;
}

static void test_off_is_the_same_picture(void **state) {
    (void)state;
    const adah_settings c = config_of(0, 0);
    uint8_t out[N_BYTES];
    adah_random r = adah_random_seeded(2, 2);
    assert_false(adah_augment_wanted(&c));
    adah_augment_picture(&c, picture, SIDE, &r, out);
    assert_memory_equal(out, picture, N_BYTES);
}

/* Either the picture or its mirror image, both often; mirrored twice it is itself. */
static void test_flip(void **state) {
    (void)state;
    const adah_settings c = config_of(0, 1);
    uint8_t out[N_BYTES], back[N_BYTES];
    int n_mirrored = 0;
    assert_true(adah_augment_wanted(&c));
    for (uint64_t i = 0; i < 200; i++) {
        adah_random r = adah_random_seeded(3, i), again = r;
        adah_augment_picture(&c, picture, SIDE, &r, out);
        if (!memcmp(out, picture, N_BYTES))
            continue;
        n_mirrored++;
        for (size_t y = 0; y < SIDE; y++)
            for (size_t x = 0; x < SIDE; x++)
                assert_memory_equal(out + 3 * (y * SIDE + x), picture + 3 * (y * SIDE + SIDE - 1 - x), 3);
        adah_augment_picture(&c, out, SIDE, &again, back);
        assert_memory_equal(back, picture, N_BYTES);
    }
    assert_in_range(n_mirrored, 70, 130);
}

/* A window of a constant picture is constant. In one that rises by 10 a pixel from left to right, by 8 from top to bottom, its
 * values rise by as much less as the window is smaller, and the corners stay inside. */
static void test_crop(void **state) {
    (void)state;
    const adah_settings c = config_of(0.5f, 0);
    uint8_t flat[N_BYTES], slope[N_BYTES], out[N_BYTES];
    memset(flat, 77, sizeof flat);
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        slope[3 * i] = (uint8_t)(10 * (i % SIDE));
        slope[3 * i + 1] = (uint8_t)(8 * (i / SIDE));
        slope[3 * i + 2] = 5;
    }
    double least = 1, most = 0;
    for (uint64_t i = 0; i < 200; i++) {
        adah_random r = adah_random_seeded(4, i);
        adah_augment_picture(&c, flat, SIDE, &r, out);
        assert_memory_equal(out, flat, sizeof flat);
        r = adah_random_seeded(4, i);
        adah_random expected = r;
        adah_augment_picture(&c, slope, SIDE, &r, out);
        const double scale = 1 - 0.5 * (double)adah_random_uniform(&expected), room = SIDE * (1 - scale);
        const double left = room * (double)adah_random_uniform(&expected), top = room * (double)adah_random_uniform(&expected);
        for (size_t k = 0; k < SIDE * SIDE; k++) {
            double x = ((double)(k % SIDE) + 0.5) * scale + left - 0.5, y = ((double)(k / SIDE) + 0.5) * scale + top - 0.5;
            x = x < 0 ? 0 : x > SIDE - 1 ? SIDE - 1 : x;
            y = y < 0 ? 0 : y > SIDE - 1 ? SIDE - 1 : y;
            assert_true(out[3 * k] >= 10 * x - 0.51 && out[3 * k] <= 10 * x + 0.51);
            assert_true(out[3 * k + 1] >= 8 * y - 0.51 && out[3 * k + 1] <= 8 * y + 0.51);
            assert_int_equal(out[3 * k + 2], 5);
        }
        least = scale < least ? scale : least;
        most = scale > most ? scale : most;
    }
    assert_true(least > 0.5 && least < 0.55 && most > 0.95);
}

/* The same whatever the batch and the number of threads; other in another step. */
static void test_batches(void **state) {
    (void)state;
    const adah_settings c = config_of(0.4f, 1);
    const adah_input_source pictures = {.shape = adah_input_pixels(SIDE), .rgb = picture, .settings = &c};
    const size_t items[N] = {3, 1, 5, 0, 2, 4};
    static uint8_t room[N * N_BYTES];
    static float x[N * N_BYTES], y[N * N_BYTES], one[N_BYTES];
    adah_parallel_set_threads(1);
    adah_augment_images(&pictures, &c, items, N, 7, room, x);
    adah_parallel_set_threads(3);
    adah_augment_images(&pictures, &c, items, N, 7, room, y);
    assert_memory_equal(x, y, sizeof x);
    for (size_t i = 0; i < N; i++) {
        uint8_t out[N_BYTES];
        adah_random r = adah_random_seeded(c.seed, adah_random_mix(7, items[i]));
        adah_augment_images(&pictures, &c, items + i, 1, 7, room, one);
        assert_memory_equal(one, x + i * N_BYTES, sizeof one);
        adah_augment_picture(&c, picture + items[i] * N_BYTES, SIDE, &r, out);
        adah_backbone_normalise(&c, out, SIDE, one);
        assert_memory_equal(one, x + i * N_BYTES, sizeof one);
    }
    adah_augment_images(&pictures, &c, items, N, 8, room, y);
    for (size_t i = 0; i < N; i++)
        assert_memory_not_equal(x + i * N_BYTES, y + i * N_BYTES, N_BYTES * sizeof *x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_off_is_the_same_picture),
        cmocka_unit_test(test_flip),
        cmocka_unit_test(test_crop),
        cmocka_unit_test(test_batches),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
