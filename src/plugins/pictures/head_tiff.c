/* head_tiff.c - TIFF and BigTIFF: every directory counts, those of reduced copies and of further pages, too.
 *
 * Besides pixels, tiles count: one may be larger than its picture, and is decoded whole. Compressions are those that a decoder
 * can be held to, whose output has a known end; pieces that are JPEG files of their own are walked through as such. */
#include "plugins/pictures/head.h"

#include <string.h>

enum {
    DIRECTORIES_MAX = 4096,
    DEPTH_MAX = 3,
    CHANNELS_MAX = 16,
    WIDTH = 256, LENGTH = 257, BITS = 258, COMPRESSION = 259, PIECES = 273, CHANNELS = 277, ROWS = 278, PIECE_BYTES = 279,
    TILE_WIDTH = 322, TILE_LENGTH = 323, TILES = 324, TILE_BYTES = 325, SUB_DIRECTORIES = 330
};

typedef struct tiff {
    adah_bytes file;
    int is_big_endian, is_bigtiff;
    size_t n_directories;
    uint64_t n_piece_bytes; /* of JPEG pieces walked through */
    adah_picture_info *info;
} tiff;

/* An entry of a directory; n 0: it is not there. */
typedef struct entry {
    size_t n_value_bytes, at; /* of a value; where the first is */
    uint64_t n;
} entry;

static uint64_t number(const tiff *t, size_t at, size_t n) {
    const uint8_t *p = t->file.at + at;
    return t->is_big_endian ? adah_big(p, n) : adah_little(p, n);
}

/* The i-th value, `other` where there is none. */
static uint64_t value(const tiff *t, const entry *e, uint64_t i, uint64_t other) {
    return i < e->n ? number(t, e->at + (size_t)i * e->n_value_bytes, e->n_value_bytes) : other;
}

/* The directory's entry of a tag, with values that are whole numbers within the file. */
static const char *find(const tiff *t, size_t first, uint64_t n_entries, unsigned tag, entry *e) {
    const size_t n_entry = t->is_bigtiff ? 20 : 12, n_count = t->is_bigtiff ? 8 : 4;
    *e = (entry){0};
    for (uint64_t i = 0; i < n_entries; i++) {
        const size_t at = first + (size_t)i * n_entry;
        if (number(t, at, 2) != tag)
            continue;
        if (e->n)
            return "a TIFF directory has an entry twice";
        const uint64_t type = number(t, at + 2, 2), n = number(t, at + 4, n_count);
        const size_t n_bytes = type == 1 ? 1 : type == 3 ? 2 : type == 4 || type == 13 ? 4 : type == 16 || type == 18 ? 8 : 0;
        if (n_bytes == 0 || n == 0 || n > t->file.n / n_bytes)
            return "an entry of a TIFF directory is broken";
        const uint64_t where = n * n_bytes <= n_count ? at + 4 + n_count : number(t, at + 4 + n_count, n_count);
        if (where > t->file.n - n * n_bytes)
            return "an entry of a TIFF directory lies outside the file";
        *e = (entry){n_bytes, (size_t)where, n};
    }
    return NULL;
}

/* Strips or tiles of n_width x n_height pixels that are JPEG files. */
static const char *check_jpeg_pieces(tiff *t, const entry *where, const entry *n_bytes, uint64_t n_width, uint64_t n_height) {
    for (uint64_t i = 0; i < where->n; i++) {
        const uint64_t at = value(t, where, i, 0), n = value(t, n_bytes, i, 0);
        adah_picture_info piece = {0};
        if (n == 0) /* nothing was written */
            continue;
        t->n_piece_bytes += n;
        if (at > t->file.n || n > t->file.n - at || t->n_piece_bytes > 4 * (uint64_t)t->file.n)
            return "a strip or tile lies outside the file, or overlaps";
        const char *fault = adah_head_jpeg((adah_bytes){t->file.at + at, (size_t)n}, &piece);
        if (fault)
            return fault;
        if (piece.n_width > n_width || piece.n_height > n_height)
            return "a strip or tile is larger than the file says";
        if (piece.excess)
            t->info->excess = piece.excess;
        t->info->n_bytes = piece.n_bytes > t->info->n_bytes ? piece.n_bytes : t->info->n_bytes;
    }
    return NULL;
}

static int is_known_compression(uint64_t c) {
    static const uint16_t known[] = {1, 2, 3, 4, 5, 7, 8, 32773, 32946, 50000};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i] == c)
            return 1;
    return 0;
}

static const char *read_directories(tiff *t, uint64_t at, int depth);

static const char *read_directory(tiff *t, size_t first, uint64_t n_entries, int depth) {
    static const unsigned tags[] = {WIDTH, LENGTH, BITS, COMPRESSION, PIECES, CHANNELS, ROWS, PIECE_BYTES, TILE_WIDTH, TILE_LENGTH, TILES,
                                    TILE_BYTES, SUB_DIRECTORIES};
    enum { N_TAGS = sizeof tags / sizeof *tags };
    entry e[N_TAGS];
    for (size_t i = 0; i < N_TAGS; i++) {
        const char *fault = find(t, first, n_entries, tags[i], &e[i]);
        if (fault)
            return fault;
    }
    uint64_t bits = 1;
    for (uint64_t i = 0; i < e[2].n && i < CHANNELS_MAX; i++)
        bits = value(t, &e[2], i, 0) > bits ? value(t, &e[2], i, 0) : bits;
    const uint64_t n_width = value(t, &e[0], 0, 0), n_height = value(t, &e[1], 0, 0),
                   n_channels = value(t, &e[5], 0, 1), compression = value(t, &e[3], 0, 1);
    const int is_tiled = e[8].n || e[9].n;
    const uint64_t n_across = is_tiled ? value(t, &e[8], 0, 0) : n_width, n_rows = value(t, &e[6], 0, UINT32_MAX),
                   n_down = is_tiled ? value(t, &e[9], 0, 0) : n_rows < n_height ? n_rows : n_height;
    if (bits > 64 || n_channels == 0 || n_channels > CHANNELS_MAX)
        return "a TIFF of more than 16 channels or 64 bits";
    if (!is_known_compression(compression))
        return "a TIFF of a compression that is not read here";
    const uint64_t n_pixel_bytes = (bits + 7) / 8 * n_channels;
    const char *fault = adah_head_add(t->info, n_width, n_height, 0);
    if (!fault)
        fault = adah_head_add(t->info, n_across, n_down, 3 * n_pixel_bytes);
    if (!fault && is_tiled) /* the tiles across are held, too */
        fault = adah_head_add(t->info, n_width, n_down < n_height ? n_down : n_height, 2 * n_pixel_bytes);
    if (!fault && compression == 7)
        fault = check_jpeg_pieces(t, is_tiled ? &e[10] : &e[4], is_tiled ? &e[11] : &e[7], n_across, n_down);
    if (!fault && depth == 0 && t->info->n_width == 0) {
        t->info->n_width = (size_t)n_width;
        t->info->n_height = (size_t)n_height;
    }
    for (uint64_t i = 0; i < e[12].n && !fault; i++)
        fault = read_directories(t, value(t, &e[12], i, 0), depth + 1);
    return fault;
}

/* The chain of directories from `at` on. */
static const char *read_directories(tiff *t, uint64_t at, int depth) {
    const size_t n_count = t->is_bigtiff ? 8 : 2, n_entry = t->is_bigtiff ? 20 : 12, n_offset = t->is_bigtiff ? 8 : 4;
    if (depth > DEPTH_MAX)
        return "TIFF directories lie too deeply in one another";
    while (at) {
        if (t->n_directories++ == DIRECTORIES_MAX)
            return "a TIFF of more than 4096 directories";
        if (at > t->file.n || t->file.n - at < n_count)
            return "a TIFF directory lies outside the file";
        const uint64_t n_entries = number(t, (size_t)at, n_count);
        const size_t n_left = t->file.n - (size_t)at - n_count;
        if (n_entries > n_left / n_entry || n_left - n_entries * n_entry < n_offset || n_entries > 4096)
            return "a TIFF directory is cut off";
        const size_t first = (size_t)at + n_count;
        const char *fault = read_directory(t, first, n_entries, depth);
        if (fault)
            return fault;
        at = depth ? 0 : number(t, first + (size_t)n_entries * n_entry, n_offset);
    }
    return NULL;
}

const char *adah_head_tiff(adah_bytes file, adah_picture_info *info) {
    tiff t = {.file = file, .is_big_endian = file.at[0] == 'M', .info = info};
    if (file.n < 16)
        return "a TIFF without a head";
    t.is_bigtiff = number(&t, 2, 2) == 43;
    if (t.is_bigtiff && (number(&t, 4, 2) != 8 || number(&t, 6, 2) != 0))
        return "a BigTIFF of an unknown kind";
    const char *fault = read_directories(&t, t.is_bigtiff ? number(&t, 8, 8) : number(&t, 4, 4), 0);
    return fault ? fault : info->n_width ? NULL : "a TIFF without a picture";
}
