/* bmp.c - Windows and OS/2 bitmaps: 1, 2, 4 and 8 bits by palette (plain or run-length), 16, 24 and 32 bits, from below or from above.
 *
 * Rows are multiples of 4 bytes. Run-length pictures are taken apart as a whole, a byte a pixel. Where a mask of transparency is given
 * and some pixel is not transparent, pixels are laid on white. */
#include "base/memory.h"
#include "plugins/pictures/raster.h"

#include <stdio.h>
#include <string.h>

enum { FILE_HEAD = 14, CORE_HEAD = 12, INFO_HEAD = 40, RGB = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3, ALPHA_BITFIELDS = 6 };
static const uint64_t run_length_pixels_max = (uint64_t)64 << 20;

static adah_code fail(const char *name, const char *why, adah_status *status) { return adah_raster_fail(name, "BMP", why, status); }

static uint32_t number(const uint8_t *p, int n_bytes) {
    uint32_t value = 0;
    for (int i = 0; i < n_bytes; i++)
        value |= (uint32_t)p[i] << 8 * i;
    return value;
}

int adah_bmp_is(const uint8_t *bytes, size_t n_bytes) {
    if (n_bytes < FILE_HEAD + 4 || memcmp(bytes, "BM", 2) != 0)
        return 0;
    const uint32_t head = number(bytes + FILE_HEAD, 4);
    return head >= CORE_HEAD && head <= 256;
}

/* ---------------------------------------------------------------- rows */

static size_t row_bytes(const adah_raster *r) { return (r->n_width * r->n_bits + 31) / 32 * 4; }

static const uint8_t *row_of(const adah_raster *r, size_t y) {
    return r->bytes + r->at + (r->is_upside_down ? r->n_height - 1 - y : y) * row_bytes(r);
}

static adah_code open_runs(adah_raster *r, adah_status *status);

static adah_code read_palette_row(adah_raster *r, size_t y, uint8_t *rgb, adah_status *status) {
    if (r->run_bits && !r->index)
        ADAH_TRY(open_runs(r, status));
    const uint8_t *row = r->index ? r->index + y * r->n_width : row_of(r, y);
    const unsigned n_bits = r->index ? 8 : r->n_bits, mask = (1u << n_bits) - 1;
    for (size_t x = 0; x < r->n_width; x++) {
        const size_t bit = x * n_bits;
        memcpy(rgb + 3 * x, r->colour[row[bit / 8] >> (8 - n_bits - bit % 8) & mask], 3);
    }
    return ADAH_OK;
}

/* The bits under a mask as 0..255. */
static unsigned under(uint32_t pixel, uint32_t mask) {
    const uint64_t max = mask >> __builtin_ctz(mask), value = (pixel & mask) >> __builtin_ctz(mask);
    return (unsigned)((value * 255 + max / 2) / max);
}

static adah_code read_colour_row(adah_raster *r, size_t y, uint8_t *rgb, adah_status *status) {
    (void)status;
    const uint8_t *row = row_of(r, y);
    for (size_t x = 0; x < r->n_width; x++) {
        const uint32_t pixel = number(row + x * r->n_bits / 8, (int)r->n_bits / 8);
        const unsigned alpha = r->has_alpha ? under(pixel, r->mask[3]) : 255;
        for (int c = 0; c < 3; c++) {
            const unsigned value = r->mask[c] ? under(pixel, r->mask[c]) : 0;
            rgb[3 * x + (size_t)c] = (uint8_t)((value * alpha + 255 * (255 - alpha) + 127) / 255);
        }
    }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- run-length */

/* Sets a pixel of the picture as it is seen; what leaves it is dropped. */
static void set_index(adah_raster *r, size_t x, size_t y, unsigned value) {
    if (x < r->n_width && y < r->n_height)
        r->index[(r->n_height - 1 - y) * r->n_width + x] = (uint8_t)value;
}

/* Pairs of bytes: a count and a pixel's value; or 0 and 0: end of the row, 1: of the picture, 2: a step, n: n values as they are. */
static adah_code read_runs(adah_raster *r, int is_nibbles, adah_status *status) {
    size_t x = 0, y = 0, at = r->at;
    while (y < r->n_height) {
        if (r->n_bytes - at < 2)
            return fail(r->name, "truncated", status);
        const unsigned n = r->bytes[at], what = r->bytes[at + 1];
        at += 2;
        if (n) {
            for (unsigned i = 0; i < n; i++)
                set_index(r, x++, y, is_nibbles ? (i % 2 ? what & 15 : what >> 4) : what);
        } else if (what == 0) {
            x = 0;
            y++;
        } else if (what == 1) {
            return ADAH_OK;
        } else if (what == 2) {
            if (r->n_bytes - at < 2)
                return fail(r->name, "truncated", status);
            x += r->bytes[at];
            y += r->bytes[at + 1];
            at += 2;
        } else {
            const size_t n_value_bytes = is_nibbles ? (what + 1) / 2 : what;
            if (r->n_bytes - at < n_value_bytes)
                return fail(r->name, "truncated", status);
            for (unsigned i = 0; i < what; i++)
                set_index(r, x++, y, is_nibbles ? r->bytes[at + i / 2] >> (i % 2 ? 0 : 4) & 15 : r->bytes[at + i]);
            at += n_value_bytes + n_value_bytes % 2;
            at = at < r->n_bytes ? at : r->n_bytes;
        }
    }
    return ADAH_OK;
}

static adah_code open_runs(adah_raster *r, adah_status *status) {
    r->index = adah_memory_zeroed(r->n_width * r->n_height, 1);
    return r->index ? read_runs(r, r->run_bits == 4, status) : adah_fail_memory(status, r->n_width * r->n_height);
}

/* ---------------------------------------------------------------- head */

/* Some pixel is not transparent; else the mask is taken for a mistake, as others do. */
static int shows_anything(const adah_raster *r) {
    for (size_t y = 0; y < r->n_height; y++)
        for (size_t x = 0; x < r->n_width; x++)
            if (number(row_of(r, y) + x * r->n_bits / 8, (int)r->n_bits / 8) & r->mask[3])
                return 1;
    return 0;
}

static void set_masks(adah_raster *r, size_t head_bytes, uint32_t compression) {
    static const uint32_t usual[2][4] = {{0x7c00, 0x3e0, 0x1f, 0}, {0xff0000, 0xff00, 0xff, 0}};
    const int is_given = (compression == BITFIELDS || compression == ALPHA_BITFIELDS) && r->n_bits != 24;
    memcpy(r->mask, usual[r->n_bits != 16], sizeof r->mask);
    const size_t n = head_bytes >= 56 || compression == ALPHA_BITFIELDS ? 4 : 3;
    for (size_t i = 0; i < n && is_given; i++) /* they follow the 40 bytes in any case */
        r->mask[i] = number(r->bytes + FILE_HEAD + INFO_HEAD + 4 * i, 4);
}

static adah_code check_rows(adah_raster *r, adah_status *status) {
    if (r->at > r->n_bytes || (r->n_bytes - r->at) / row_bytes(r) < r->n_height) {
        char why[96];
        snprintf(why, sizeof why, "truncated: %zu x %zu pixels do not fit into %zu bytes", r->n_width, r->n_height, r->n_bytes);
        return fail(r->name, why, status);
    }
    return ADAH_OK;
}

static adah_code open_palette(adah_raster *r, size_t head_bytes, size_t n_colours, uint32_t compression, adah_status *status) {
    const size_t n_entry_bytes = head_bytes == CORE_HEAD ? 3 : 4, start = FILE_HEAD + head_bytes;
    const size_t most = (size_t)1 << r->n_bits;
    n_colours = n_colours == 0 || n_colours > most ? most : n_colours;
    for (size_t i = 0; i < n_colours && start + (i + 1) * n_entry_bytes <= r->n_bytes; i++)
        for (size_t c = 0; c < 3; c++)
            r->colour[i][c] = r->bytes[start + i * n_entry_bytes + 2 - c];
    r->read = read_palette_row;
    if (compression == RGB)
        return check_rows(r, status);
    if (r->at > r->n_bytes || !r->is_upside_down)
        return fail(r->name, "truncated, or run-length coded from above", status);
    if ((uint64_t)r->n_width * r->n_height > run_length_pixels_max)
        return fail(r->name, "too many pixels for one that is run-length coded", status);
    r->run_bits = compression == RLE4 ? 4 : 8;
    return ADAH_OK;
}

static adah_code open_colours(adah_raster *r, size_t head_bytes, uint32_t compression, adah_status *status) {
    ADAH_TRY(check_rows(r, status));
    if (FILE_HEAD + INFO_HEAD + 16 > r->n_bytes && compression != RGB)
        return fail(r->name, "truncated inside its head", status);
    set_masks(r, head_bytes, compression);
    if (!r->mask[0] && !r->mask[1] && !r->mask[2])
        return fail(r->name, "its masks are empty", status);
    r->has_alpha = r->mask[3] && shows_anything(r);
    r->read = read_colour_row;
    return ADAH_OK;
}

adah_code adah_bmp_open(const uint8_t *bytes, size_t n_bytes, const char *name, adah_raster *r, adah_status *status) {
    const size_t head_bytes = number(bytes + FILE_HEAD, 4);
    const int is_core = head_bytes == CORE_HEAD;
    if (n_bytes < FILE_HEAD + head_bytes || (!is_core && head_bytes < 16))
        return fail(name, "truncated inside its head", status);
    const uint8_t *head = bytes + FILE_HEAD;
    const int32_t height = is_core ? (int32_t)number(head + 6, 2) : (int32_t)number(head + 8, 4);
    const uint32_t compression = head_bytes >= 20 ? number(head + 16, 4) : RGB;
    const size_t n_colours = head_bytes >= 36 ? number(head + 32, 4) : 0;
    r->n_width = number(head + 4, is_core ? 2 : 4);
    r->n_height = height < 0 ? (size_t)(-(int64_t)height) : (size_t)height;
    r->is_upside_down = height > 0;
    r->n_bits = number(head + (is_core ? 10 : 14), 2);
    r->at = number(bytes + 10, 4);
    if (r->n_width == 0 || r->n_height == 0 || r->n_width > INT32_MAX)
        return fail(name, "its width or height is 0, or too large", status);
    const unsigned b = r->n_bits;
    const int by_palette = b == 1 || b == 2 || b == 4 || b == 8, by_colour = b == 16 || b == 24 || b == 32;
    const int fits = compression == RGB || (compression == RLE8 && b == 8) || (compression == RLE4 && b == 4) ||
                     ((compression == BITFIELDS || compression == ALPHA_BITFIELDS) && (b == 16 || b == 32));
    if ((!by_palette && !by_colour) || !fits) {
        char why[96];
        snprintf(why, sizeof why, "%u bits a pixel with compression %u, which is not taken", b, (unsigned)compression);
        return fail(name, why, status);
    }
    return by_palette ? open_palette(r, head_bytes, n_colours, compression, status) : open_colours(r, head_bytes, compression, status);
}
