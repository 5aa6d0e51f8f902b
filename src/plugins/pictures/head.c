/* head.c - tells the formats apart and walks through JPEG, PNG, GIF and WebP; TIFF and HEIF have files of their own.
 *
 * Each walk goes over the whole file as a decoder would, but reads lengths and sizes alone, so that it takes time by the number of
 * parts. Where a format can say a size in several places the largest counts. */
#include "plugins/pictures/head.h"
#include "plugins/pictures/raster.h"

#include <string.h>

/* The picture that is shown. */
static const char *add_shown(adah_picture_info *info, uint64_t n_width, uint64_t n_height, uint64_t n_pixel_bytes) {
    info->n_width = (size_t)n_width;
    info->n_height = (size_t)n_height;
    return adah_head_add(info, n_width, n_height, n_pixel_bytes);
}

/* ---------------------------------------------------------------- JPEG */

const char *adah_head_jpeg(adah_bytes file, adah_picture_info *info) {
    enum { SOI = 0xd8, EOI = 0xd9, SOS = 0xda, DHT = 0xc4, JPG = 0xc8, DAC = 0xcc, SOF_PROGRESSIVE = 0xc2, SOF_DATA = 8 };
    const uint8_t *p = file.at;
    size_t n_scans = 0, n_frames = 0;
    for (size_t i = 2; i + 1 < file.n;) {
        const uint8_t marker = p[i + 1];
        if (p[i] != 0xff || marker == 0xff) { /* coded pixels, or filling */
            const uint8_t *next = memchr(p + i + 1, 0xff, file.n - i - 1);
            i = next ? (size_t)(next - p) : file.n;
            continue;
        }
        if (marker <= 0x01 || (marker >= 0xd0 && marker <= SOI)) { /* none, or one without a length */
            i += 2;
            continue;
        }
        if (marker == EOI || i + 3 >= file.n)
            break;
        const size_t n = (size_t)adah_big(p + i + 2, 2);
        if ((marker & 0xf0) == 0xc0 && marker != DHT && marker != JPG && marker != DAC) {
            if (n < SOF_DATA || file.n - i - 2 < SOF_DATA)
                return "the head of its frame is cut off";
            n_frames++;
            /* A progressive one keeps the coefficients of the whole picture, 2 bytes each. */
            const char *fault = add_shown(info, adah_big(p + i + 7, 2), adah_big(p + i + 5, 2),
                                          marker == SOF_PROGRESSIVE || marker == SOF_PROGRESSIVE + 8 ? 2u * p[i + 9] : 0);
            if (fault)
                return fault;
        }
        n_scans += marker == SOS;
        i += 2 + n;
    }
    if (n_frames == 0)
        return "a JPEG without a frame";
    if (n_scans > ADAH_JPEG_SCANS_MAX)
        info->excess = "a JPEG of more than 100 scans";
    return NULL;
}

/* ---------------------------------------------------------------- PNG */

/* A PNG can be more work than its pixels: compressed texts beside them, of which each may inflate to megabytes, or more compressed
 * pixels than it has pixels. */
static const char *head_png(adah_bytes file, adah_picture_info *info) {
    static const uint8_t n_channels[] = {1, 0, 3, 1, 2, 0, 4}; /* by colour type */
    enum { HEAD_BYTES = 33, TEXTS_MAX = 16, TEXT_BYTES = 8000000, SPARE_BYTES = 1 << 16 };
    const uint8_t *p = file.at;
    if (file.n < HEAD_BYTES || memcmp(p + 12, "IHDR", 4) != 0 || adah_big(p + 8, 4) != 13)
        return "a PNG without a head";
    const uint64_t n_width = adah_big(p + 16, 4), n_height = adah_big(p + 20, 4);
    const unsigned depth = p[24], channels = p[25] < sizeof n_channels ? n_channels[p[25]] : 0;
    if (channels == 0 || depth == 0 || depth > 16)
        return "a PNG of unknown colours";
    const unsigned n_pixel_bytes = channels * (depth > 8 ? 2 : 1) + (p[25] == 3 ? 3 : 0);
    const char *fault = add_shown(info, n_width, n_height, p[28] ? n_pixel_bytes : 0);
    if (fault)
        return fault;
    /* Rows with their filters, twice over for interlacing and pixels that do not compress. */
    const uint64_t n_pixel_bytes_max = 2 * n_height * (n_width * channels * depth / 8 + 2) + SPARE_BYTES;
    uint64_t n_idat_bytes = 0;
    size_t n_texts = 0;
    for (size_t i = 8; file.n - i >= 12;) {
        const uint64_t n = adah_big(p + i, 4);
        const uint8_t *type = p + i + 4;
        if (!memcmp(type, "IDAT", 4))
            n_idat_bytes += n;
        if (!memcmp(type, "IHDR", 4) && i > 8)
            return "a PNG with two heads";
        n_texts += !memcmp(type, "zTXt", 4) || !memcmp(type, "iTXt", 4) || !memcmp(type, "iCCP", 4);
        if (n > file.n - i - 12)
            break;
        i += 12 + (size_t)n;
    }
    info->n_bytes += n_texts * TEXT_BYTES;
    if (n_texts > TEXTS_MAX)
        info->excess = "a PNG with more than 16 compressed texts and profiles";
    else if (n_idat_bytes > n_pixel_bytes_max)
        info->excess = "a PNG with more compressed bytes than pixels";
    return NULL;
}

/* ---------------------------------------------------------------- GIF */

/* Where the sub-blocks from `at` on end; 0: they do not. */
static size_t end_of_blocks(adah_bytes file, size_t at) {
    while (at < file.n && file.at[at])
        at += 1 + (size_t)file.at[at];
    return at < file.n ? at + 1 : 0;
}

static size_t colours_bytes(unsigned flags) { return flags & 0x80 ? (size_t)3 << ((flags & 7) + 1) : 0; }

static const char *head_gif(adah_bytes file, adah_picture_info *info) {
    enum { HEAD = 13, EXTENSION = 0x21, FRAME = 0x2c, FRAME_HEAD = 10, PIXEL_BYTES = 12 };
    const uint8_t *p = file.at;
    if (file.n < HEAD)
        return "a GIF without a head";
    uint64_t n_width = adah_little(p + 6, 2), n_height = adah_little(p + 8, 2);
    int has_frame = 0;
    for (size_t i = HEAD + colours_bytes(p[10]); i < file.n;) {
        if (p[i] == EXTENSION) {
            i = end_of_blocks(file, i + 2);
        } else if (p[i] == FRAME && file.n - i > FRAME_HEAD) {
            /* A frame may reach over the edge; a decoder may make the picture as large as that. */
            const uint64_t x = adah_little(p + i + 1, 2) + adah_little(p + i + 5, 2), y = adah_little(p + i + 3, 2) + adah_little(p + i + 7, 2);
            n_width = x > n_width ? x : n_width;
            n_height = y > n_height ? y : n_height;
            has_frame = 1;
            i = end_of_blocks(file, i + FRAME_HEAD + colours_bytes(p[i + 9]) + 1);
        } else {
            break; /* the end, or what a decoder takes for it */
        }
        if (i == 0)
            break;
    }
    return has_frame ? add_shown(info, n_width, n_height, PIXEL_BYTES) : "a GIF without a frame";
}

/* ---------------------------------------------------------------- WebP */

/* Adds the size that a chunk of coded pixels tells; alone: it is all there is. */
static const char *add_webp_pixels(adah_picture_info *info, adah_bytes data, int is_lossless, int is_alone) {
    enum { PIXEL_BYTES = 12, HEAD = 10 };
    if (data.n < HEAD)
        return "its pixels are cut off";
    const uint64_t bits = adah_little(data.at + 1, 4);
    const uint64_t n_width = is_lossless ? (bits & 0x3fff) + 1 : adah_little(data.at + 6, 2) & 0x3fff,
                   n_height = is_lossless ? (bits >> 14 & 0x3fff) + 1 : adah_little(data.at + 8, 2) & 0x3fff;
    return is_alone ? add_shown(info, n_width, n_height, PIXEL_BYTES) : adah_head_add(info, n_width, n_height, PIXEL_BYTES);
}

/* list: chunks; is_frame: those within a frame of an animation. */
static const char *read_webp_chunks(adah_picture_info *info, adah_bytes list, int is_frame, int *has_pixels) {
    enum { FRAME_HEAD = 16, PIXEL_BYTES = 12 };
    while (list.n >= 8) {
        const uint8_t *type = list.at;
        const uint64_t n_told = adah_little(list.at + 4, 4);
        const size_t n = n_told < list.n - 8 ? (size_t)n_told : list.n - 8, n_all = 8 + n + (n & 1);
        const adah_bytes data = {list.at + 8, n};
        const char *fault = NULL;
        if (!memcmp(type, "VP8 ", 4) || !memcmp(type, "VP8L", 4)) {
            fault = add_webp_pixels(info, data, type[3] == 'L', !info->n_width && !is_frame);
            *has_pixels = 1;
        } else if (!memcmp(type, "VP8X", 4) && !is_frame) {
            fault = n < 10 ? "its head is cut off" : add_shown(info, adah_little(data.at + 4, 3) + 1, adah_little(data.at + 7, 3) + 1, PIXEL_BYTES);
        } else if (!memcmp(type, "ANMF", 4) && !is_frame) {
            fault = n < FRAME_HEAD ? "a frame is cut off"
                                   : adah_head_add(info, adah_little(data.at + 6, 3) + 1, adah_little(data.at + 9, 3) + 1, PIXEL_BYTES);
            if (!fault)
                fault = read_webp_chunks(info, (adah_bytes){data.at + FRAME_HEAD, n - FRAME_HEAD}, 1, has_pixels);
        }
        if (fault)
            return fault;
        list = n_all < list.n ? (adah_bytes){list.at + n_all, list.n - n_all} : (adah_bytes){list.at, 0};
    }
    return NULL;
}

static const char *head_webp(adah_bytes file, adah_picture_info *info) {
    int has_pixels = 0;
    const char *fault = read_webp_chunks(info, (adah_bytes){file.at + 12, file.n - 12}, 0, &has_pixels);
    return fault ? fault : has_pixels && info->n_width ? NULL : "a WebP without pixels";
}

/* ---------------------------------------------------------------- all */

static int is_heif(const uint8_t *p, size_t n) {
    static const char brands[][5] = {"avif", "heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "msf1"};
    if (n < 16 || p[0] != 0 || memcmp(p + 4, "ftyp", 4) != 0) /* 0: of a length below 16 MiB */
        return 0;
    for (size_t i = 0; i < sizeof brands / sizeof *brands; i++)
        if (!memcmp(p + 8, brands[i], 4))
            return 1;
    return 0;
}

static int begins_with(adah_bytes file, const char *bytes, size_t n) { return file.n >= n && !memcmp(file.at, bytes, n); }

/* What is wrong, by the format, which is told in info->type. */
static const char *examine(adah_bytes file, adah_picture_info *info) {
    if (begins_with(file, "\xff\xd8\xff", 3)) {
        info->type = "image/jpeg";
        return adah_head_jpeg(file, info);
    }
    if (begins_with(file, "\x89PNG\r\n\x1a\n", 8)) {
        info->type = "image/png";
        return head_png(file, info);
    }
    if (begins_with(file, "GIF87a", 6) || begins_with(file, "GIF89a", 6)) {
        info->type = "image/gif";
        return head_gif(file, info);
    }
    if (begins_with(file, "RIFF", 4) && file.n >= 12 && !memcmp(file.at + 8, "WEBP", 4)) {
        info->type = "image/webp";
        return head_webp(file, info);
    }
    if (begins_with(file, "II*\0", 4) || begins_with(file, "MM\0*", 4) || begins_with(file, "II+\0", 4) || begins_with(file, "MM\0+", 4)) {
        info->type = "image/tiff";
        return adah_head_tiff(file, info);
    }
    if (is_heif(file.at, file.n)) {
        info->type = "image/heic";
        return adah_head_heif(file, info);
    }
    return "no JPEG, PNG, GIF, WebP, TIFF, AVIF, HEIC, BMP or PPM";
}

adah_code adah_picture_head(const uint8_t *bytes, size_t n_bytes, const char *name, adah_picture_info *info, adah_status *status) {
    if (adah_raster_is(bytes, n_bytes))
        return adah_raster_head(bytes, n_bytes, name, info, status);
    adah_picture_info found = {0};
    const char *fault = examine((adah_bytes){bytes, n_bytes}, &found);
    if (fault && !*fault)
        return adah_fail_memory(status, n_bytes);
    if (fault)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: not an image that can be read: %s", name, fault);
    *info = found;
    return ADAH_OK;
}
