/* (unit) test_raster.c - BMP and Netpbm pictures of every kind decode to the pixels of the same picture as PNG; damaged ones are refused. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "data/image.h"
#include "data_folder.h"
#include "plugins/pictures/raster.h"
#include "temporary_folder.h"

enum { WIDTH = 53, HEIGHT = 37, FILE_BYTES = 1 << 17 };
static temporary_folder folder;
static uint8_t file[FILE_BYTES + 256];
static size_t n_file;

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    return adah_image_start(NULL) == ADAH_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    data_folder_remove(&folder);
    return 0;
}

/* ---------------------------------------------------------------- pictures: kinds[k](x, y) is a pixel */

typedef void (*pixel_function)(size_t x, size_t y, uint8_t rgb[3]);

static void colours(size_t x, size_t y, uint8_t rgb[3]) {
    rgb[0] = (uint8_t)(x * 4);
    rgb[1] = (uint8_t)(y * 6);
    rgb[2] = (uint8_t)((x * y) % 251);
}

static void greys(size_t x, size_t y, uint8_t rgb[3]) { memset(rgb, (int)((x * 3 + y * 2) & 255), 3); }
static void black_and_white(size_t x, size_t y, uint8_t rgb[3]) { memset(rgb, (x / 3 + y / 2) % 2 ? 255 : 0, 3); }

/* Of 16 colours, in runs and alone. */
static unsigned number_of(size_t x, size_t y) { return (unsigned)(x < 20 ? y % 16 : (x * 7 + y) % 16); }
static void sixteen(size_t x, size_t y, uint8_t rgb[3]) {
    const unsigned i = number_of(x, y);
    rgb[0] = (uint8_t)(i * 17);
    rgb[1] = (uint8_t)(255 - i * 16);
    rgb[2] = (uint8_t)(i * i);
}

/* What 5, 6 and 5 bits hold of them. */
static void colours_565(size_t x, size_t y, uint8_t rgb[3]) {
    colours(x, y, rgb);
    rgb[0] = (uint8_t)(((rgb[0] >> 3) * 255 + 15) / 31);
    rgb[1] = (uint8_t)(((rgb[1] >> 2) * 255 + 31) / 63);
    rgb[2] = (uint8_t)(((rgb[2] >> 3) * 255 + 15) / 31);
}

static void colours_555(size_t x, size_t y, uint8_t rgb[3]) {
    colours(x, y, rgb);
    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)(((rgb[c] >> 3) * 255 + 15) / 31);
}

static void half_on_white(size_t x, size_t y, uint8_t rgb[3]) {
    colours(x, y, rgb);
    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)((rgb[c] * 128 + 255 * 127 + 127) / 255);
}

static void half_on_white_down(size_t x, size_t y, uint8_t rgb[3]) { /* as PAM's whole numbers round */
    colours(x, y, rgb);
    for (int c = 0; c < 3; c++)
        rgb[c] = (uint8_t)((rgb[c] * 128 + 255 * 127) / 255);
}

/* The file just made has the pixels of the PNG of the same picture, smaller, as it is, larger, and with its aspect kept. */
static void is_as_png(pixel_function pixel) {
    static const size_t side[] = {8, 16, 37, 53, 64, 100};
    char path[512];
    uint8_t rgb[WIDTH * HEIGHT * 3];
    adah_status status = {0};
    for (size_t y = 0; y < HEIGHT; y++)
        for (size_t x = 0; x < WIDTH; x++)
            pixel(x, y, rgb + (y * WIDTH + x) * 3);
    TEMPORARY_PATH(folder, "same.png", path);
    assert_int_equal(adah_image_write_png(path, rgb, WIDTH, HEIGHT, 3, NULL), ADAH_OK);
    for (size_t i = 0; i < sizeof side / sizeof *side; i++) {
        uint8_t wanted[100 * 100 * 3], got[100 * 100 * 3];
        assert_int_equal(adah_image_load(path, side[i], wanted, NULL), ADAH_OK);
        if (adah_image_decode(file, n_file, "file", side[i], got, &status) != ADAH_OK)
            fail_msg("%s", status.message);
        for (size_t k = 0; k < side[i] * side[i] * 3; k++)
            if (abs(wanted[k] - got[k]) > 1)
                fail_msg("side %zu, byte %zu: %u, expected %u", side[i], k, got[k], wanted[k]);
    }
    adah_picture picture;
    assert_int_equal(adah_image_decode_thumbnail(file, n_file, "file", 1000, &picture, NULL), ADAH_OK);
    assert_int_equal(picture.n_width, WIDTH);
    assert_int_equal(picture.n_height, HEIGHT);
    assert_memory_equal(picture.rgb, rgb, sizeof rgb);
    adah_memory_free(picture.rgb);
    adah_picture_info info;
    assert_int_equal(adah_picture_examine(file, n_file, &info, NULL), ADAH_OK);
    assert_true(info.n_width == WIDTH && info.n_height == HEIGHT && info.n_pixels == WIDTH * HEIGHT);
    assert_string_equal(info.type, file[0] == 'B' ? "image/bmp" : "image/x-portable-anymap");
}

/* ---------------------------------------------------------------- writing */

static void put_text(const char *text) {
    memcpy(file + n_file, text, strlen(text));
    n_file += strlen(text);
}
static void put(uint32_t value, int n_bytes) {
    for (int i = 0; i < n_bytes; i++)
        file[n_file++] = (uint8_t)(value >> 8 * i);
}

static void write_netpbm(int kind, pixel_function pixel, unsigned max, const char *head) {
    char text[64];
    n_file = 0;
    put_text(head);
    for (size_t y = 0; y < HEIGHT; y++) {
        unsigned bits = 0;
        for (size_t x = 0; x < WIDTH; x++) {
            uint8_t rgb[3];
            pixel(x, y, rgb);
            const int n = kind == 3 || kind == 6 || kind == 7 ? 3 : 1;
            for (int c = 0; c < n && kind != 1 && kind != 4; c++) {
                const unsigned value = rgb[c] * (max / 255);
                snprintf(text, sizeof text, "%u%s", value, x % 9 == 8 ? "\n" : " ");
                if (kind <= 3)
                    put_text(text);
                else
                    put(max > 255 ? (value & 255) << 8 | value >> 8 : value, max > 255 ? 2 : 1);
            }
            if (kind == 7)
                put(128, 1);
            if (kind == 1)
                put_text(rgb[0] ? "0" : "1");
            bits = bits << 1 | !rgb[0];
            if (kind == 4 && (x % 8 == 7 || x + 1 == WIDTH)) {
                put(bits << (7 - x % 8), 1);
                bits = 0;
            }
        }
    }
}

static void netpbm(void **state) {
    (void)state;
    write_netpbm(1, black_and_white, 1, "P1\n# a comment\n53 37\n");
    is_as_png(black_and_white);
    write_netpbm(2, greys, 255, "P2 53\t37#c\n255\n");
    is_as_png(greys);
    write_netpbm(3, colours, 65535, "P3\n53 37\n65535\n");
    is_as_png(colours);
    write_netpbm(4, black_and_white, 1, "P4\n53 37\n");
    is_as_png(black_and_white);
    write_netpbm(5, greys, 255, "P5\n#x\n53\n#y\n37 255\n");
    is_as_png(greys);
    write_netpbm(5, greys, 65535, "P5 53 37 65535 ");
    is_as_png(greys);
    write_netpbm(6, colours, 255, "P6\n53 37\n255\n");
    is_as_png(colours);
    put_text("P6 and another picture");
    is_as_png(colours);
    write_netpbm(7, colours, 255, "P7\n# c\nWIDTH 53\nHEIGHT 37\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n");
    is_as_png(half_on_white_down);
}

/* head_bytes: of the second head; from_above: rows begin with the first. */
typedef struct bmp_kind {
    unsigned head_bytes, n_bits, compression;
    int from_above;
    uint32_t mask[4];
    pixel_function pixel;
} bmp_kind;

static uint32_t to_mask(unsigned value, uint32_t mask) {
    const uint32_t max = mask ? mask >> __builtin_ctz(mask) : 0;
    return mask ? (uint32_t)((value * max + 127) / 255) << __builtin_ctz(mask) : 0;
}

static void write_runs(int is_nibbles) {
    for (size_t y = HEIGHT; y-- > 0;) {
        put(20, 1); /* the run */
        put(number_of(0, y) * (is_nibbles ? 17 : 1), 1);
        put(0, 1); /* the others as they are */
        put(WIDTH - 20, 1);
        for (size_t x = 20; x < WIDTH; x += is_nibbles ? 2 : 1)
            put(is_nibbles ? number_of(x, y) << 4 | (x + 1 < WIDTH ? number_of(x + 1, y) : 0) : number_of(x, y), 1);
        if ((is_nibbles ? (WIDTH - 20 + 1) / 2 : WIDTH - 20) % 2)
            put(0, 1);
        put(0, 2); /* end of the row */
    }
    put(0x0100, 2);
}

static void write_bmp(const bmp_kind *k) {
    const unsigned n_palette = k->n_bits <= 8 ? 1u << k->n_bits : 0, n_entry = k->head_bytes == 12 ? 3 : 4;
    const unsigned n_masks = k->compression == 6 ? 4 : k->compression == 3 && k->head_bytes == 40 ? 3 : 0;
    n_file = 0;
    put_text("BM");
    put(0, 4), put(0, 4);
    put(14 + k->head_bytes + n_palette * n_entry + (k->head_bytes == 40 ? n_masks * 4 : 0), 4);
    put(k->head_bytes, 4);
    if (k->head_bytes == 12) {
        put(WIDTH, 2), put(HEIGHT, 2), put(1, 2), put(k->n_bits, 2);
    } else {
        put(WIDTH, 4), put(k->from_above ? (uint32_t)-HEIGHT : HEIGHT, 4), put(1, 2), put(k->n_bits, 2);
        put(k->compression, 4), put(0, 4), put(2835, 4), put(2835, 4), put(0, 4), put(0, 4);
        for (unsigned i = 0; i < (k->head_bytes == 40 ? n_masks : (k->head_bytes - 40) / 4); i++)
            put(i < 4 ? k->mask[i] : 0, 4);
    }
    for (unsigned i = 0; i < n_palette; i++) {
        uint8_t rgb[3] = {0};
        if (k->n_bits == 1)
            memset(rgb, i ? 255 : 0, 3);
        else if (k->pixel == sixteen && i < 16)
            sixteen(0, i, rgb);
        else
            memset(rgb, (int)i, 3);
        put(rgb[2], 1), put(rgb[1], 1), put(rgb[0], 1);
        if (n_entry == 4)
            put(0, 1);
    }
    if (k->compression == 1 || k->compression == 2) {
        write_runs(k->compression == 2);
        return;
    }
    for (size_t row = 0; row < HEIGHT; row++) {
        const size_t y = k->from_above ? row : HEIGHT - 1 - row, start = n_file;
        unsigned bits = 0, n_kept = 0;
        for (size_t x = 0; x < WIDTH; x++) {
            uint8_t rgb[3];
            (k->pixel == half_on_white ? colours : k->pixel)(x, y, rgb);
            if (k->n_bits <= 8) {
                bits = bits << k->n_bits | (k->n_bits == 1 ? rgb[0] != 0 : k->pixel == sixteen ? number_of(x, y) : rgb[0]);
                n_kept += k->n_bits;
                if (n_kept == 8 || x + 1 == WIDTH) {
                    put(bits << (8 - n_kept), 1);
                    bits = n_kept = 0;
                }
            } else {
                put(to_mask(rgb[0], k->mask[0]) | to_mask(rgb[1], k->mask[1]) | to_mask(rgb[2], k->mask[2]) | to_mask(128, k->mask[3]),
                    (int)k->n_bits / 8);
            }
        }
        while ((n_file - start) % 4)
            put(0, 1);
    }
}

#define M888 {0xff0000, 0xff00, 0xff, 0}
static const bmp_kind bmps[] = {
    {40, 24, 0, 0, M888, colours},
    {40, 24, 0, 1, M888, colours},
    {12, 24, 0, 0, M888, colours},
    {124, 24, 0, 0, M888, colours},
    {40, 32, 0, 0, M888, colours},
    {40, 16, 0, 0, {0x7c00, 0x3e0, 0x1f, 0}, colours_555},
    {40, 16, 3, 0, {0xf800, 0x7e0, 0x1f, 0}, colours_565},
    {40, 32, 3, 1, {0xff, 0xff00, 0xff0000, 0}, colours},
    {40, 32, 6, 0, {0xff, 0xff00, 0xff0000, 0xff000000}, half_on_white},
    {108, 32, 3, 0, {0xff0000, 0xff00, 0xff, 0xff000000}, half_on_white},
    {124, 32, 3, 0, {0x3ff00000, 0xffc00, 0x3ff, 0}, colours},
    {40, 8, 0, 0, {0}, greys},
    {12, 8, 0, 0, {0}, greys},
    {64, 8, 0, 0, {0}, greys},
    {40, 8, 0, 0, {0}, sixteen},
    {40, 8, 1, 0, {0}, sixteen},
    {40, 4, 0, 0, {0}, sixteen},
    {40, 4, 2, 0, {0}, sixteen},
    {40, 1, 0, 0, {0}, black_and_white},
    {12, 1, 0, 0, {0}, black_and_white},
};
enum { N_BMPS = sizeof bmps / sizeof *bmps };

static void bmp(void **state) {
    (void)state;
    for (size_t i = 0; i < N_BMPS; i++) {
        write_bmp(&bmps[i]);
        is_as_png(bmps[i].pixel);
    }
}

/* ---------------------------------------------------------------- faults */

static void refused(const char *why) {
    uint8_t rgb[16 * 16 * 3];
    adah_status status = {0};
    assert_int_equal(adah_image_decode(file, n_file, "file", 16, rgb, &status), ADAH_ERROR_FORMAT);
    if (!strstr(status.message, why))
        fail_msg("\"%s\" does not say %s", status.message, why);
}

static void refused_text(const char *text, const char *why) {
    n_file = 0;
    put_text(text);
    refused(why);
}

static void says_what_is_wrong(void **state) {
    (void)state;
    refused_text("P6\n53 37\n255\nabc", "file: a PPM picture that cannot be read: truncated: 53 x 37 pixels do not fit into 16 bytes");
    refused_text("P3\n2 1\n255\n1 2 3 4 5", "truncated");
    refused_text("P3\n2 1\n255\n1 2 3 4 5 256", "too large");
    refused_text("P2\n2 1\n0\n", "is 0");
    refused_text("P5\n0 1\n255\n", "is 0");
    refused_text("P5\n99999999999999999999 1\n255\n", "head is damaged");
    refused_text("P5\n1", "truncated inside its head");
    refused_text("P1\n2 2\n0120", "neither 0 nor 1");
    refused_text("P7\nWIDTH 2\nDEPTH 9\nENDHDR\n", "head is damaged");
    refused_text("P5\n2147483647 2147483647\n255\n", "truncated");
    refused_text("P1\n30000 30000\n0", "truncated");
    refused_text("P5\n2000000 0\n255\n", "is 0");
    n_file = 0;
    put_text("P4\n1040000 1\n"); /* a row too many for the bytes there are */
    refused("truncated");
    n_file = 0;
    put_text("P4\n1048580 1\n");
    memset(file + n_file, 0, FILE_BYTES + 64 - n_file);
    n_file = FILE_BYTES + 64;
    refused("not an image that can be read");
    bmp_kind odd = bmps[0];
    odd.compression = 4;
    write_bmp(&odd);
    refused("24 bits a pixel with compression 4");
    write_bmp(&bmps[0]);
    n_file -= 1;
    refused("truncated");
    n_file = 20;
    refused("truncated inside its head");
}

/* Every beginning and random changes: refused or decoded, nothing else. */
static void survives_damage(void **state) {
    (void)state;
    static uint8_t kept[sizeof file];
    uint8_t rgb[16 * 16 * 3];
    adah_random random = adah_random_seeded(7, 0);
    for (size_t i = 0; i < N_BMPS + 3; i++) {
        if (i < N_BMPS)
            write_bmp(&bmps[i]);
        else if (i == N_BMPS)
            write_netpbm(3, colours, 255, "P3\n53 37\n255\n");
        else if (i == N_BMPS + 1)
            write_netpbm(6, colours, 255, "P6\n53 37\n255\n");
        else
            write_netpbm(7, colours, 255, "P7\nWIDTH 53\nHEIGHT 37\nDEPTH 4\nMAXVAL 255\nENDHDR\n");
        const size_t n = n_file;
        memcpy(kept, file, n);
        for (size_t k = 0; k < 400; k++) {
            uint8_t *copy = malloc(k < 200 ? k : n); /* of its own, so that a sanitizer sees what is read behind it */
            const size_t n_copy = k < 200 ? k : n;
            memcpy(copy, kept, n_copy);
            for (int c = 0; c < 3 && k >= 200; c++)
                copy[adah_random_below(&random, c ? 64 : n)] = (uint8_t)adah_random_below(&random, 256);
            adah_picture picture = {0};
            if (adah_image_decode_thumbnail(copy, n_copy, "file", 16, &picture, NULL) == ADAH_OK)
                adah_memory_free(picture.rgb);
            picture = (adah_picture){0};
            if (adah_raster_is(copy, n_copy) && adah_raster_decode(copy, n_copy, "file", 16, 0, &picture, NULL) == ADAH_OK)
                memcpy(rgb, picture.rgb, sizeof rgb);
            adah_memory_free(picture.rgb);
            free(copy);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(netpbm), cmocka_unit_test(bmp), cmocka_unit_test(says_what_is_wrong),
                                       cmocka_unit_test(survives_damage)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
