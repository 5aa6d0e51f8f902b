/* picture_bytes.h - writes heads of pictures of any size, honest or not: AVIF, HEIC, TIFF, GIF, WebP, PNG, JPEG.
 *
 * What is written has the structure of such files, and coded data as far as their heads; most of them no decoder could finish. */
#ifndef ADAH_TESTS_PICTURE_BYTES_H
#define ADAH_TESTS_PICTURE_BYTES_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct picture_bytes {
    uint8_t *at;
    size_t n, n_bits; /* n_bits: of the last byte, when bits are written */
} picture_bytes;

/* Room for n bytes and one more: a power of two, so that what grows by single bytes is not copied for each. */
static inline size_t room_for(size_t n) {
    size_t room = 64;
    while (room <= n)
        room *= 2;
    return room;
}
static inline void put_raw(picture_bytes *p, const void *from, size_t n) {
    if (!p->at || room_for(p->n + n) != room_for(p->n))
        p->at = realloc(p->at, room_for(p->n + n));
    if (!p->at)
        abort();
    if (n)
        memcpy(p->at + p->n, from, n);
    p->n += n;
}
static inline void put_big(picture_bytes *p, uint64_t value, size_t n) {
    for (size_t i = n; i > 0; i--)
        put_raw(p, &(uint8_t){(uint8_t)(value >> 8 * (i - 1))}, 1);
}
static inline void put_little(picture_bytes *p, uint64_t value, size_t n) {
    for (size_t i = 0; i < n; i++)
        put_raw(p, &(uint8_t){(uint8_t)(value >> 8 * i)}, 1);
}
static inline void put_bits(picture_bytes *p, uint64_t value, int n) {
    for (int i = n - 1; i >= 0; i--) {
        if (p->n_bits % 8 == 0)
            put_big(p, 0, 1);
        p->at[p->n - 1] |= (uint8_t)((value >> i & 1) << (7 - p->n_bits++ % 8));
    }
}
static inline void put_golomb(picture_bytes *p, uint64_t value) {
    int n = 0;
    while ((value + 1) >> (n + 1))
        n++;
    put_bits(p, 0, n);
    put_bits(p, value + 1, n + 1);
}
static inline void put_all(picture_bytes *p, picture_bytes *from) {
    put_raw(p, from->at, from->n);
    free(from->at);
    *from = (picture_bytes){0};
}
/* A box of an ISO file; frees its content. */
static inline void put_box(picture_bytes *p, const char *type, picture_bytes *content) {
    put_big(p, content->n + 8, 4);
    put_raw(p, type, 4);
    put_all(p, content);
}

/* ---------------------------------------------------------------- coded images */

enum { OBU_SEQUENCE_HEADER = 1, OBU_FRAME_ALL = 6 };

static inline void put_obu(picture_bytes *p, unsigned type, picture_bytes *content) {
    put_big(p, type << 3 | 2, 1);
    size_t n = content->n;
    for (; n > 127; n >>= 7)
        put_big(p, (n & 127) | 128, 1);
    put_big(p, n, 1);
    put_all(p, content);
}

/* is_still: with the short head of still pictures; else the long one, with all that may come before the sizes. */
static inline void put_av1_sequence(picture_bytes *p, uint64_t n_width, uint64_t n_height, int is_still) {
    picture_bytes b = {0};
    put_bits(&b, 0, 3);
    put_bits(&b, (uint64_t)is_still, 1);
    put_bits(&b, (uint64_t)is_still, 1);
    if (is_still) {
        put_bits(&b, 31, 5);
    } else {
        put_bits(&b, 1, 1); /* timing, equal interval with a number, decoder model */
        put_bits(&b, 1, 32), put_bits(&b, 25, 32), put_bits(&b, 1, 1), put_golomb(&b, 5), put_bits(&b, 1, 1);
        put_bits(&b, 7, 5), put_bits(&b, 1, 32), put_bits(&b, 3, 5), put_bits(&b, 9, 5);
        put_bits(&b, 1, 1); /* display delay */
        put_bits(&b, 1, 5); /* two points */
        for (int i = 0; i < 2; i++) {
            put_bits(&b, 0x101, 12), put_bits(&b, 13, 5), put_bits(&b, 1, 1);
            put_bits(&b, 1, 1), put_bits(&b, 3, 8), put_bits(&b, 5, 8), put_bits(&b, 0, 1);
            put_bits(&b, 1, 1), put_bits(&b, 2, 4);
        }
    }
    put_bits(&b, 15, 4), put_bits(&b, 15, 4);
    put_bits(&b, n_width - 1, 16), put_bits(&b, n_height - 1, 16);
    if (!is_still)
        put_bits(&b, 1, 1), put_bits(&b, 3, 4), put_bits(&b, 2, 3); /* frame ids of 8 bits */
    put_bits(&b, 0, 3);
    if (!is_still)
        put_bits(&b, 0, 4), put_bits(&b, 1, 1), put_bits(&b, 0, 2), put_bits(&b, 1, 1), put_bits(&b, 1, 1), put_bits(&b, 6, 3);
    put_bits(&b, 0, 3), put_bits(&b, 0, 24); /* 8 bits a channel, and more that nobody reads here */
    put_obu(p, OBU_SEQUENCE_HEADER, &b);
}

/* A key frame; has_own_size: it says that its size is not that of the sequence. is_still as the sequence. */
static inline void put_av1_frame(picture_bytes *p, int is_still, int has_own_size) {
    picture_bytes b = {0};
    if (!is_still) {
        put_bits(&b, 0, 1), put_bits(&b, 0, 2), put_bits(&b, 1, 1); /* new, key, shown */
        put_bits(&b, 0, 1), put_bits(&b, 1, 1), put_bits(&b, 0, 1), put_bits(&b, 77, 8);
        put_bits(&b, (uint64_t)has_own_size, 1);
    }
    put_bits(&b, 0, 64);
    put_obu(p, OBU_FRAME_ALL, &b);
}

/* A sequence parameter set with its head of 2 bytes, and escapes where they are due. */
static inline void put_hevc_parameters(picture_bytes *p, uint64_t n_width, uint64_t n_height, unsigned n_layers) {
    picture_bytes b = {0};
    put_bits(&b, 33 << 9 | 1, 16);
    put_bits(&b, 0, 4), put_bits(&b, n_layers, 3), put_bits(&b, 1, 1);
    put_bits(&b, 1, 8), put_bits(&b, 0x60000000, 32), put_bits(&b, 0, 48), put_bits(&b, 90, 8);
    for (unsigned i = 0; i < n_layers; i++)
        put_bits(&b, i % 2 ? 1 : 3, 2);
    if (n_layers)
        put_bits(&b, 0, (int)(2 * (8 - n_layers)));
    for (unsigned i = 0; i < n_layers; i++) {
        if (i % 2 == 0)
            put_bits(&b, 0, 44), put_bits(&b, 0, 44);
        put_bits(&b, 60, 8);
    }
    put_golomb(&b, 0), put_golomb(&b, 1), put_golomb(&b, n_width), put_golomb(&b, n_height);
    put_bits(&b, 0, 1), put_golomb(&b, 0), put_golomb(&b, 0), put_bits(&b, 0, 32);
    for (size_t i = 0, n_zeros = 0; i < b.n; i++) {
        if (n_zeros >= 2 && b.at[i] <= 3) {
            put_big(p, 3, 1);
            n_zeros = 0;
        }
        put_big(p, b.at[i], 1);
        n_zeros = b.at[i] ? 0 : n_zeros + 1;
    }
    free(b.at);
}

/* ---------------------------------------------------------------- AVIF and HEIC */

typedef struct heif_plan {
    int is_hevc, is_still;              /* is_still: AV1 with the short head */
    uint64_t n_told_width, n_told_height; /* what the container says of each coded image */
    uint64_t n_width, n_height;         /* what is coded */
    int in_band;                        /* 1: the size is in the data; 0: in the configuration alone, for HEVC */
    int has_own_size;                   /* AV1: a frame with a size of its own */
    size_t n_frames;                    /* coded pictures in an image */
    size_t n_rows, n_columns;           /* a grid of one tile again and again is shown; 0: the coded image */
    uint64_t n_grid_width, n_grid_height;
    int n_pieces;                       /* of the coded data; 0: one */
    int in_idat;                        /* they lie in the box "idat" */
    size_t n_small;                     /* honest images of 64 x 64 before the coded one, the first of which is shown */
} heif_plan;

static inline void put_coded(picture_bytes *p, const heif_plan *h, uint64_t n_width, uint64_t n_height) {
    if (h->is_hevc) {
        picture_bytes unit = {0};
        if (h->in_band)
            put_hevc_parameters(&unit, n_width, n_height, 2);
        if (unit.n)
            put_big(p, unit.n, 4), put_all(p, &unit);
        for (size_t i = 0; i < h->n_frames; i++)
            put_big(p, 6, 4), put_raw(p, "\x26\x01\x80\0\0\0", 6);
        return;
    }
    put_av1_sequence(p, n_width, n_height, h->is_still);
    for (size_t i = 0; i < h->n_frames; i++)
        put_av1_frame(p, h->is_still, h->has_own_size);
}

static inline void put_size_property(picture_bytes *to, uint64_t n_width, uint64_t n_height) {
    picture_bytes b = {0};
    put_big(&b, 0, 4), put_big(&b, n_width, 4), put_big(&b, n_height, 4);
    put_box(to, "ispe", &b);
}

static inline void put_configuration(picture_bytes *to, const heif_plan *h, uint64_t n_width, uint64_t n_height) {
    picture_bytes b = {0};
    if (h->is_hevc) {
        picture_bytes unit = {0};
        put_big(&b, 1, 1);
        for (int i = 0; i < 20; i++)
            put_big(&b, 0, 1);
        put_big(&b, 3, 1), put_big(&b, 1, 1), put_big(&b, 33, 1), put_big(&b, 1, 2);
        put_hevc_parameters(&unit, n_width, n_height, 0);
        put_big(&b, unit.n, 2);
        put_all(&b, &unit);
    } else {
        put_raw(&b, "\x81\x1f\x0c\0", 4);
    }
    put_box(to, h->is_hevc ? "hvcC" : "av1C", &b);
}

/* Items: the small ones, the coded one, the grid. Properties: 1, 2 of the small ones, 3, 4 of the coded one, 5 of the grid. */
static inline picture_bytes make_heif(const heif_plan *h) {
    const heif_plan honest = {.is_hevc = h->is_hevc, .is_still = 1, .n_frames = 1, .in_band = 1};
    const size_t n_pieces = h->n_pieces ? (size_t)h->n_pieces : 1, n_items = h->n_small + 1 + (h->n_rows != 0), coded = h->n_small + 1;
    picture_bytes file = {0}, meta = {0}, b = {0}, properties = {0}, list = {0}, data = {0}, small = {0}, grid = {0}, inside = {0};
    put_coded(&data, h, h->n_width, h->n_height);
    put_coded(&small, &honest, 64, 64);
    put_big(&grid, 0, 1), put_big(&grid, 1, 1), put_big(&grid, h->n_rows - 1, 1), put_big(&grid, h->n_columns - 1, 1);
    put_big(&grid, h->n_grid_width, 4), put_big(&grid, h->n_grid_height, 4);

    put_raw(&b, h->is_hevc ? "heic\0\0\0\0mif1heic" : "avif\0\0\0\0mif1avif", 16);
    put_box(&file, "ftyp", &b);
    put_big(&meta, 0, 4);
    put_big(&b, 0, 8), put_raw(&b, "pict", 4), put_big(&b, 0, 8), put_big(&b, 0, 5);
    put_box(&meta, "hdlr", &b);
    put_big(&b, 0, 4), put_big(&b, h->n_small ? 1 : n_items, 2);
    put_box(&meta, "pitm", &b);
    put_big(&b, 0, 4), put_big(&b, n_items, 2);
    for (size_t i = 1; i <= n_items; i++) {
        picture_bytes item = {0};
        put_big(&item, 2 << 24, 4), put_big(&item, i, 2), put_big(&item, 0, 2);
        put_raw(&item, i > coded ? "grid" : h->is_hevc ? "hvc1" : "av01", 5);
        put_box(&b, "infe", &item);
    }
    put_box(&meta, "iinf", &b);
    put_size_property(&list, 64, 64);
    put_configuration(&list, &honest, 64, 64);
    put_size_property(&list, h->n_told_width, h->n_told_height);
    put_configuration(&list, h, h->in_band ? 64 : h->n_width, h->in_band ? 64 : h->n_height);
    put_size_property(&list, h->n_grid_width, h->n_grid_height);
    put_box(&properties, "ipco", &list);
    put_big(&list, 0, 4), put_big(&list, n_items, 4);
    for (size_t i = 1; i <= n_items; i++) {
        put_big(&list, i, 2), put_big(&list, i > coded ? 1 : 2, 1);
        if (i > coded)
            put_big(&list, 5, 1);
        else
            put_big(&list, i == coded ? 3 : 1, 1), put_big(&list, i == coded ? 0x84 : 0x82, 1);
    }
    put_box(&properties, "ipma", &list);
    put_box(&meta, "iprp", &properties);
    if (h->n_rows) {
        const size_t n = h->n_rows * h->n_columns;
        put_big(&list, n_items, 2), put_big(&list, n, 2);
        for (size_t i = 0; i < n; i++)
            put_big(&list, coded, 2);
        put_big(&b, 0, 4);
        put_box(&b, "dimg", &list);
        put_box(&meta, "iref", &b);
    }
    /* iloc comes last but for idat, so that its length is known: 16 bytes and those of the items. */
    const size_t n_iloc = 16 + n_items * 8 + 8 * (h->n_small + n_pieces + (h->n_rows != 0));
    const size_t n_idat = h->in_idat ? 8 + data.n : 0;
    size_t at = file.n + 8 + meta.n + n_iloc + n_idat + 8; /* of the data in "mdat" */
    put_big(&b, 1 << 24, 4), put_big(&b, 0x4400, 2), put_big(&b, n_items, 2);
    for (size_t i = 1; i <= n_items; i++) {
        const int is_coded = i == coded, in_idat = is_coded && h->in_idat;
        const size_t n_all = i > coded ? grid.n : is_coded ? data.n : small.n, n_parts = is_coded ? n_pieces : 1;
        size_t from = in_idat ? 0 : at, n_left = n_all;
        put_big(&b, i, 2), put_big(&b, (uint64_t)in_idat, 2), put_big(&b, 0, 2), put_big(&b, n_parts, 2);
        for (size_t k = 0; k < n_parts; k++) {
            const size_t n = k + 1 < n_parts ? n_all / n_parts : n_left;
            put_big(&b, from, 4), put_big(&b, n, 4);
            from += n;
            n_left -= n;
        }
        at += in_idat ? 0 : n_all;
    }
    put_box(&meta, "iloc", &b);
    for (size_t i = 0; i < h->n_small; i++)
        put_raw(&inside, small.at, small.n);
    if (h->in_idat) {
        put_box(&meta, "idat", &data);
    } else {
        put_all(&inside, &data);
    }
    put_all(&inside, &grid);
    put_box(&file, "meta", &meta);
    put_box(&file, "mdat", &inside);
    free(small.at);
    return file;
}

/* ---------------------------------------------------------------- others */

typedef struct tiff_tag {
    unsigned tag;
    uint64_t value;
} tiff_tag;

/* Directories of n_tags tags each, all after one another in a chain, or each inside the one before. */
static inline picture_bytes make_tiff(const tiff_tag *tags, size_t n_tags, size_t n_directories, int is_big_endian, int is_nested) {
    picture_bytes p = {0};
    void (*const put)(picture_bytes *, uint64_t, size_t) = is_big_endian ? put_big : put_little;
    put_raw(&p, is_big_endian ? "MM\0*" : "II*\0", 4);
    put(&p, 8, 4);
    for (size_t d = 0; d < n_directories; d++, tags += n_tags) {
        const int has_inner = is_nested && d + 1 < n_directories;
        const size_t n = n_tags + (size_t)has_inner, next = p.n + 2 + 12 * n + 4;
        put(&p, n, 2);
        for (size_t i = 0; i < n_tags; i++)
            put(&p, tags[i].tag, 2), put(&p, 4, 2), put(&p, 1, 4), put(&p, tags[i].value, 4);
        if (has_inner)
            put(&p, 330, 2), put(&p, 4, 2), put(&p, 1, 4), put(&p, next, 4);
        put(&p, !is_nested && d + 1 < n_directories ? next : 0, 4);
    }
    put_big(&p, 0, 8);
    return p;
}

/* A GIF whose screen has one size and whose last frame another. */
static inline picture_bytes make_gif(unsigned n_screen_width, unsigned n_screen_height, unsigned n_left, unsigned n_top, unsigned n_width,
                                     unsigned n_height) {
    picture_bytes p = {0};
    put_raw(&p, "GIF89a", 6);
    put_little(&p, n_screen_width, 2), put_little(&p, n_screen_height, 2);
    put_raw(&p, "\x80\0\0\0\0\0\xff\xff\xff", 9);
    put_raw(&p, "!\xf9\4\0\0\0\0\0", 8);
    for (int i = 0; i < 2; i++) {
        put_raw(&p, ",", 1);
        put_little(&p, i ? n_left : 0, 2), put_little(&p, i ? n_top : 0, 2), put_little(&p, i ? n_width : 1, 2), put_little(&p, i ? n_height : 1, 2);
        put_raw(&p, "\0\2\2\x44\1\0", 6);
    }
    put_raw(&p, ";", 1);
    return p;
}

/* A WebP: `canvas` 0: pixels alone, else a head that says it; is_frame: the pixels lie in a frame that says n_frame. */
static inline picture_bytes make_webp(unsigned canvas, int is_frame, unsigned n_frame, int is_lossless, unsigned n_width, unsigned n_height) {
    picture_bytes p = {0}, pixels = {0}, chunks = {0}, frame = {0};
    if (is_lossless) {
        put_raw(&pixels, "\x2f", 1);
        put_little(&pixels, (uint64_t)(n_width - 1) | (uint64_t)(n_height - 1) << 14, 4), put_little(&pixels, 0, 7);
    } else {
        put_raw(&pixels, "\x10\2\0\x9d\1\x2a", 6);
        put_little(&pixels, n_width, 2), put_little(&pixels, n_height, 2), put_little(&pixels, 0, 6);
    }
    put_raw(&frame, is_lossless ? "VP8L" : "VP8 ", 4), put_little(&frame, pixels.n, 4), put_all(&frame, &pixels);
    if (canvas) {
        put_raw(&chunks, "VP8X\12\0\0\0", 8), put_big(&chunks, is_frame ? 2 << 24 : 0, 4);
        put_little(&chunks, canvas - 1, 3), put_little(&chunks, canvas - 1, 3);
    }
    if (is_frame) {
        put_raw(&chunks, "ANMF", 4), put_little(&chunks, frame.n + 16, 4), put_little(&chunks, 0, 6);
        put_little(&chunks, n_frame - 1, 3), put_little(&chunks, n_frame - 1, 3), put_little(&chunks, 0, 4);
    }
    put_all(&chunks, &frame);
    put_raw(&p, "RIFF", 4), put_little(&p, chunks.n + 4, 4), put_raw(&p, "WEBP", 4), put_all(&p, &chunks);
    return p;
}

/* A JPEG's markers: a frame of a kind (0xc0 plain, 0xc2 progressive), and scans of no data. */
static inline picture_bytes make_jpeg(unsigned n_width, unsigned n_height, unsigned kind, size_t n_scans) {
    picture_bytes p = {0};
    put_raw(&p, "\xff\xd8\xff", 3), put_big(&p, kind, 1), put_big(&p, 11, 2), put_big(&p, 8, 1);
    put_big(&p, n_height, 2), put_big(&p, n_width, 2), put_raw(&p, "\1\1\x11\0", 4);
    for (size_t i = 0; i < n_scans; i++)
        put_raw(&p, "\xff\xda\0\10\1\1\0\0\0\0\x12\xff\0\x34", 14);
    put_raw(&p, "\xff\xd9", 2);
    return p;
}

static inline void put_scan(picture_bytes *p, unsigned first, unsigned last) {
    put_raw(p, "\xff\xda\0\10\1\1\0", 7), put_big(p, first, 1), put_big(p, last, 1), put_big(p, 0, 1);
}

/* A grey progressive JPEG that is whole: each scan after the first says in few bytes that nothing changes in any block, and takes a decoder a
 * pass over the picture. */
static inline picture_bytes make_slow_jpeg(unsigned n_width, unsigned n_height, size_t n_scans) {
    picture_bytes p = {0};
    const size_t n_blocks = (size_t)((n_width + 7) / 8) * ((n_height + 7) / 8);
    put_raw(&p, "\xff\xd8\xff\xdb\0\103\0", 7);
    for (int i = 0; i < 64; i++)
        put_big(&p, 1, 1);
    put_raw(&p, "\xff\xc2\0\13\10", 5), put_big(&p, n_height, 2), put_big(&p, n_width, 2), put_raw(&p, "\1\1\x11\0", 4);
    for (int i = 0; i < 2; i++) { /* a table of one code of one bit: no difference; a run of blocks that end, in 14 bits */
        put_raw(&p, "\xff\xc4\0\24", 4), put_big(&p, i ? 0x10 : 0, 1), put_big(&p, 1, 1);
        for (int k = 0; k < 15; k++)
            put_big(&p, 0, 1);
        put_big(&p, i ? 0xe0 : 0, 1);
    }
    put_scan(&p, 0, 0);
    for (size_t i = 0; i < (n_blocks + 7) / 8; i++)
        put_big(&p, 0, 1);
    for (size_t i = 1; i < n_scans; i++) {
        put_scan(&p, 1 + (unsigned)(i - 1) % 63, 1 + (unsigned)(i - 1) % 63);
        for (size_t k = 0; k < ((n_blocks + 16383) / 16384 * 15 + 7) / 8; k++)
            put_big(&p, 0, 1);
    }
    put_raw(&p, "\xff\xd9", 2);
    return p;
}

/* A PNG's chunks without check sums. */
static inline picture_bytes make_png(uint64_t n_width, uint64_t n_height, int is_interlaced, size_t n_texts, size_t n_idat_bytes) {
    picture_bytes p = {0};
    put_raw(&p, "\x89PNG\r\n\x1a\n", 8);
    put_big(&p, 13, 4), put_raw(&p, "IHDR", 4), put_big(&p, n_width, 4), put_big(&p, n_height, 4), put_raw(&p, "\10\2\0\0", 4);
    put_big(&p, (uint64_t)is_interlaced, 1), put_big(&p, 0, 4);
    for (size_t i = 0; i < n_texts; i++)
        put_big(&p, 4, 4), put_raw(&p, "zTXta\0\0\0", 8), put_big(&p, 0, 4);
    put_big(&p, n_idat_bytes, 4), put_raw(&p, "IDAT", 4);
    for (size_t i = 0; i < n_idat_bytes + 4; i++)
        put_big(&p, 0, 1);
    put_big(&p, 0, 4), put_raw(&p, "IEND", 4), put_big(&p, 0, 4);
    return p;
}

#endif
