/* raster.c - rows are made smaller as they are read (shrink.h), so that a large picture takes no more memory than a small one. What has
 * to be enlarged is small, at least in one direction: it is handed to the codec as an uncompressed TIFF file. */
#include "plugins/pictures/raster.h"
#include "base/memory.h"
#include "plugins/pictures/head_size.h"
#include "plugins/pictures/shrink.h"

#include <stdio.h>
#include <string.h>

static const uint64_t whole_pixels_max = (uint64_t)64 << 20;

adah_code adah_raster_fail(const char *name, const char *kind, const char *why, adah_status *status) {
    return adah_fail(status, ADAH_ERROR_FORMAT, "%s: a %s picture that cannot be read: %s", name, kind, why);
}

int adah_raster_is(const uint8_t *bytes, size_t n_bytes) { return adah_bmp_is(bytes, n_bytes) || adah_netpbm_is(bytes, n_bytes); }

static adah_code open_raster(const uint8_t *bytes, size_t n_bytes, const char *name, adah_raster *r, adah_status *status) {
    *r = (adah_raster){.name = name, .bytes = bytes, .n_bytes = n_bytes};
    return adah_bmp_is(bytes, n_bytes) ? adah_bmp_open(bytes, n_bytes, name, r, status) : adah_netpbm_open(bytes, n_bytes, name, r, status);
}

adah_code adah_raster_head(const uint8_t *bytes, size_t n_bytes, const char *name, adah_picture_info *info, adah_status *status) {
    adah_raster r;
    ADAH_TRY(open_raster(bytes, n_bytes, name, &r, status));
    adah_picture_info found = {.type = bytes[0] == 'B' ? "image/bmp" : "image/x-portable-anymap"};
    const char *fault = adah_head_add(&found, r.n_width, r.n_height, r.run_bits ? 1 : 0); /* otherwise rows, one after another */
    if (fault)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: not an image that can be read: %s", name, fault);
    found.n_width = r.n_width;
    found.n_height = r.n_height;
    *info = found;
    return ADAH_OK;
}

/* ---------------------------------------------------------------- smaller */

static adah_code read_all(adah_raster *r, uint8_t *rgb, adah_status *status) {
    for (size_t y = 0; y < r->n_height; y++)
        ADAH_TRY(r->read(r, y, rgb + y * r->n_width * 3, status));
    return ADAH_OK;
}

/* shrink NULL: as it is. */
static adah_code read_shrunk(adah_raster *r, adah_shrink *shrink, adah_picture *picture, adah_status *status) {
    picture->n_width = shrink ? adah_shrink_width(shrink) : r->n_width;
    picture->n_height = shrink ? adah_shrink_height(shrink) : r->n_height;
    picture->rgb = adah_memory_alloc(picture->n_width * picture->n_height * 3);
    if (!picture->rgb)
        return adah_fail_memory(status, picture->n_width * picture->n_height * 3);
    if (!shrink)
        return read_all(r, picture->rgb, status);
    for (size_t y = 0; y < r->n_height; y++) {
        ADAH_TRY(r->read(r, y, adah_shrink_row(shrink), status));
        adah_shrink_take(shrink, picture->rgb);
    }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- larger */

enum { TIFF_ENTRIES = 10, TIFF_HEAD = 8 + 2 + TIFF_ENTRIES * 12 + 4 + 6 }; /* file, count, entries, end; three numbers of bits */

static uint8_t *put_number(uint8_t *at, uint32_t value, int n_bytes) {
    for (int i = 0; i < n_bytes; i++)
        *at++ = (uint8_t)(value >> 8 * i);
    return at;
}

/* TIFF 6.0, section 6: one strip of RGB. */
static void write_tiff_head(const adah_raster *r, uint8_t *head) {
    enum { SHORT = 3, LONG = 4 };
    const uint32_t entry[TIFF_ENTRIES][4] = {{256, LONG, 1, (uint32_t)r->n_width}, {257, LONG, 1, (uint32_t)r->n_height},
                                             {258, SHORT, 3, TIFF_HEAD - 6}, {259, SHORT, 1, 1} /* uncompressed */,
                                             {262, SHORT, 1, 2} /* RGB */, {273, LONG, 1, TIFF_HEAD}, {277, SHORT, 1, 3},
                                             {278, LONG, 1, (uint32_t)r->n_height}, {279, LONG, 1, (uint32_t)(r->n_width * r->n_height * 3)},
                                             {284, SHORT, 1, 1}};
    memcpy(head, "II\052\0\010\0\0\0", 8);
    uint8_t *at = put_number(head + 8, TIFF_ENTRIES, 2);
    for (size_t i = 0; i < TIFF_ENTRIES; i++) {
        at = put_number(at, entry[i][0], 2);
        at = put_number(at, entry[i][1], 2);
        at = put_number(at, entry[i][2], 4);
        at = put_number(at, entry[i][3], 4);
    }
    at = put_number(at, 0, 4);
    for (int i = 0; i < 3; i++)
        at = put_number(at, 8, 2);
}

static adah_code decode_whole(adah_raster *r, size_t n_side, int keeps_aspect, adah_picture *picture, adah_status *status) {
    const adah_picture_codec *codec;
    if ((uint64_t)r->n_width * r->n_height > whole_pixels_max)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: %zu x %zu pixels: too long and narrow", r->name, r->n_width, r->n_height);
    const size_t n_bytes = TIFF_HEAD + r->n_width * r->n_height * 3;
    ADAH_TRY(adah_picture_codec_get(&codec, status));
    uint8_t *tiff = adah_memory_alloc(n_bytes);
    if (!tiff)
        return adah_fail_memory(status, n_bytes);
    write_tiff_head(r, tiff);
    adah_code code = read_all(r, tiff + TIFF_HEAD, status);
    if (code == ADAH_OK)
        code = codec->decode(tiff, n_bytes, r->name, n_side, keeps_aspect, picture, status);
    adah_memory_free(tiff);
    return code;
}

/* ---------------------------------------------------------------- all */

static adah_code decode_opened(adah_raster *r, size_t n_side, int keeps_aspect, adah_picture *picture, adah_status *status) {
    double factor[2];
    adah_shrink *shrink = NULL;
    adah_shrink_factors(r->n_width, r->n_height, n_side, keeps_aspect, factor);
    const int as_it_is = factor[0] == 1 && factor[1] == 1;
    if (!as_it_is)
        ADAH_TRY(adah_shrink_create(r->n_width, r->n_height, factor[0], factor[1], &shrink, status));
    if (!as_it_is && (!shrink || (!keeps_aspect && (adah_shrink_width(shrink) != n_side || adah_shrink_height(shrink) != n_side)))) {
        adah_shrink_free(shrink);
        return decode_whole(r, n_side, keeps_aspect, picture, status);
    }
    adah_picture made = {0};
    const adah_code code = read_shrunk(r, shrink, &made, status);
    adah_shrink_free(shrink);
    if (code == ADAH_OK)
        *picture = made;
    else
        adah_memory_free(made.rgb);
    return code;
}

adah_code adah_raster_decode(const uint8_t *bytes, size_t n_bytes, const char *name, size_t n_side, int keeps_aspect,
                             adah_picture *picture, adah_status *status) {
    adah_raster r;
    adah_code code = open_raster(bytes, n_bytes, name, &r, status);
    if (code == ADAH_OK)
        code = decode_opened(&r, n_side, keeps_aspect, picture, status);
    adah_memory_free(r.index);
    return code;
}
