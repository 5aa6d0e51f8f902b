/* netpbm.c - PBM, PGM, PPM (P1 to P6) and PAM (P7), with 8 or 16 bits a sample; of several pictures in a file the first. */
#include "plugins/pictures/raster.h"

#include <stdio.h>
#include <string.h>

static adah_code fail(const char *name, const char *why, adah_status *status) { return adah_raster_fail(name, "PPM", why, status); }

int adah_netpbm_is(const uint8_t *bytes, size_t n_bytes) {
    return n_bytes >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '7' && (memchr(" \t\r\n#", bytes[2], 5) != NULL);
}

static int is_blank(uint8_t c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\v' || c == '\f'; }

/* Blanks, and comments to the end of their lines. */
static void pass_blanks(adah_raster *r) {
    while (r->at < r->n_bytes && (is_blank(r->bytes[r->at]) || r->bytes[r->at] == '#')) {
        if (r->bytes[r->at] == '#')
            while (r->at < r->n_bytes && r->bytes[r->at] != '\n' && r->bytes[r->at] != '\r')
                r->at++;
        else
            r->at++;
    }
}

/* A number of at most `max`; 0: there is none. */
static int take_number(adah_raster *r, size_t max, size_t *number) {
    pass_blanks(r);
    const size_t start = r->at;
    *number = 0;
    for (; r->at < r->n_bytes && r->bytes[r->at] >= '0' && r->bytes[r->at] <= '9'; r->at++) {
        *number = *number * 10 + (size_t)(r->bytes[r->at] - '0');
        if (*number > max)
            return 0;
    }
    return r->at > start;
}

static uint8_t to_byte(const adah_raster *r, size_t value) {
    value = value < r->value_max ? value : r->value_max;
    return (uint8_t)((value * 255 + r->value_max / 2) / r->value_max);
}

/* The samples of a pixel as RGB; transparency is laid on white. */
static void put_pixel(const adah_raster *r, const size_t sample[4], uint8_t *rgb) {
    const size_t alpha = r->has_alpha ? sample[r->n_channels - 1] : r->value_max;
    for (unsigned c = 0; c < 3; c++) {
        const size_t value = sample[r->n_channels >= 3 ? c : 0];
        rgb[c] = to_byte(r, r->has_alpha ? (value * alpha + (size_t)r->value_max * (r->value_max - alpha)) / r->value_max : value);
    }
}

static adah_code read_text_row(adah_raster *r, size_t y, uint8_t *rgb, adah_status *status) {
    (void)y;
    for (size_t x = 0; x < r->n_width; x++) {
        size_t sample[4] = {0};
        for (unsigned c = 0; c < r->n_channels; c++) {
            if (r->n_bits == 1) { /* P1: digits need no blanks between them */
                pass_blanks(r);
                const uint8_t digit = r->at < r->n_bytes ? r->bytes[r->at++] : 0;
                if (digit != '0' && digit != '1')
                    return fail(r->name, digit ? "found a byte that is neither 0 nor 1" : "truncated", status);
                sample[c] = digit == '0'; /* 1 is black */
            } else if (!take_number(r, r->value_max, &sample[c])) {
                return fail(r->name, r->at < r->n_bytes ? "found a value that is not a number, or is too large" : "truncated", status);
            }
        }
        put_pixel(r, sample, rgb + 3 * x);
    }
    return ADAH_OK;
}

static adah_code read_row(adah_raster *r, size_t y, uint8_t *rgb, adah_status *status) {
    (void)status;
    const unsigned n_sample_bytes = r->value_max > 255 ? 2 : 1;
    if (r->n_bits == 1) {
        const uint8_t *row = r->bytes + r->at + y * ((r->n_width + 7) / 8);
        for (size_t x = 0; x < r->n_width; x++)
            memset(rgb + 3 * x, row[x / 8] >> (7 - x % 8) & 1 ? 0 : 255, 3); /* 1 is black */
        return ADAH_OK;
    }
    const uint8_t *p = r->bytes + r->at + y * r->n_width * r->n_channels * n_sample_bytes;
    for (size_t x = 0; x < r->n_width; x++) {
        size_t sample[4] = {0};
        for (unsigned c = 0; c < r->n_channels; c++, p += n_sample_bytes)
            sample[c] = n_sample_bytes == 2 ? (size_t)p[0] << 8 | p[1] : p[0];
        put_pixel(r, sample, rgb + 3 * x);
    }
    return ADAH_OK;
}

/* The lines of a PAM's head. */
static int read_pam_head(adah_raster *r) {
    size_t depth = 0, max = 0;
    for (;;) {
        pass_blanks(r);
        const uint8_t *word = r->bytes + r->at;
        const size_t start = r->at;
        while (r->at < r->n_bytes && !is_blank(r->bytes[r->at]))
            r->at++;
        const size_t n = r->at - start;
        if (n == 6 && !memcmp(word, "ENDHDR", 6))
            break;
        if (n == 5 && !memcmp(word, "WIDTH", 5)) {
            if (!take_number(r, INT32_MAX, &r->n_width))
                return 0;
        } else if (n == 6 && !memcmp(word, "HEIGHT", 6)) {
            if (!take_number(r, INT32_MAX, &r->n_height))
                return 0;
        } else if (n == 5 && !memcmp(word, "DEPTH", 5)) {
            if (!take_number(r, 4, &depth))
                return 0;
        } else if (n == 6 && !memcmp(word, "MAXVAL", 6)) {
            if (!take_number(r, 65535, &max))
                return 0;
        } else if (n == 8 && !memcmp(word, "TUPLTYPE", 8)) {
            while (r->at < r->n_bytes && r->bytes[r->at] != '\n')
                r->at++;
        } else {
            return 0;
        }
    }
    r->n_channels = (unsigned)depth;
    r->value_max = (unsigned)max;
    r->n_bits = 8;
    r->has_alpha = depth == 2 || depth == 4;
    return depth >= 1;
}

static int read_head(adah_raster *r) {
    const int kind = r->bytes[1] - '0';
    size_t max = 1;
    r->at = 2;
    if (kind == 7)
        return read_pam_head(r);
    r->n_bits = kind == 1 || kind == 4 ? 1 : 8;
    r->n_channels = kind == 3 || kind == 6 ? 3 : 1;
    r->is_text = kind <= 3;
    if (!take_number(r, INT32_MAX, &r->n_width) || !take_number(r, INT32_MAX, &r->n_height) ||
        (r->n_bits != 1 && !take_number(r, 65535, &max)))
        return 0;
    r->value_max = (unsigned)max;
    return 1;
}

adah_code adah_netpbm_open(const uint8_t *bytes, size_t n_bytes, const char *name, adah_raster *r, adah_status *status) {
    (void)bytes;
    if (!read_head(r))
        return fail(name, r->at >= n_bytes ? "truncated inside its head" : "its head is damaged", status);
    if (r->n_width == 0 || r->n_height == 0 || r->value_max == 0)
        return fail(name, "its width, height or largest value is 0", status);
    r->read = read_text_row;
    if (r->is_text) /* a byte a pixel at least */
        return n_bytes / r->n_width >= r->n_height ? ADAH_OK : fail(name, "truncated", status);
    r->at++; /* one blank */
    r->read = read_row;
    const size_t n_row_bytes = r->n_bits == 1 ? (r->n_width + 7) / 8 : r->n_width * r->n_channels * (r->value_max > 255 ? 2 : 1);
    if (r->at > n_bytes || (n_bytes - r->at) / n_row_bytes < r->n_height) {
        char why[96];
        snprintf(why, sizeof why, "truncated: %zu x %zu pixels do not fit into %zu bytes", r->n_width, r->n_height, n_bytes);
        return fail(name, why, status);
    }
    return ADAH_OK;
}
