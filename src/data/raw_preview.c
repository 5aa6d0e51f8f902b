/* raw_preview.c - raw data of cameras are of many formats, but all of them hold a finished picture for a quick look, as a JPEG in one piece. So
 * the file is searched for JPEGs, whatever its format is, and the one of most pixels is taken. Raw data that are compressed as JPEGs of another kind
 * (lossless) do not count.
 *
 * Such a picture mostly lies as the sensor was, and the head of the file, which is TIFF's in most formats, tells how to turn it: this is then
 * written into the JPEG. */
#include "data/raw_preview.h"
#include "base/memory.h"
#include "data/folder_listing.h"

#include <string.h>
#include <strings.h>

enum {
    TRIED_MAX = 64, /* beginnings of JPEGs that are gone through; files have a handful */
    SOI = 0xd8,
    EOI = 0xd9,
    SOS = 0xda,
    APP1 = 0xe1,
    ORIENTATION = 0x0112,
    MAKE = 0x010f,
    SUB_DIRECTORIES = 0x014a,
    DNG_VERSION = 0xc612
};

typedef struct jpeg {
    size_t start, end;
    uint64_t n_pixels;
    int has_exif;
} jpeg;

static unsigned big(const uint8_t *at) { return (unsigned)at[0] << 8 | at[1]; }

/* The entropy-coded bytes from `at` on: where the marker behind them begins, n_bytes where there is none. */
static size_t end_of_scan(const uint8_t *bytes, size_t n_bytes, size_t at) {
    for (;;) {
        const uint8_t *sign = at < n_bytes ? memchr(bytes + at, 0xff, n_bytes - at) : NULL;
        if (!sign || sign + 1 == bytes + n_bytes)
            return n_bytes;
        at = (size_t)(sign - bytes);
        const int is_data = sign[1] == 0 || (sign[1] >= 0xd0 && sign[1] <= 0xd7);
        if (!is_data && sign[1] != 0xff)
            return at;
        at += is_data ? 2 : 1;
    }
}

/* Walks through the JPEG that begins at j->start. 0: it is none that shows a picture, or not whole. */
static int walk(const uint8_t *bytes, size_t n_bytes, jpeg *j) {
    size_t at = j->start + 2;
    int has_scan = 0;
    while (n_bytes - at >= 2 && bytes[at] == 0xff) {
        const unsigned marker = bytes[at + 1];
        if (marker == 0xff) {
            at++;
            continue;
        }
        if (marker == EOI) {
            j->end = at + 2;
            return has_scan && j->n_pixels;
        }
        if (marker < 0xc0 || (marker >= 0xd0 && marker <= SOI) || n_bytes - at < 4)
            return 0;
        const size_t n = big(bytes + at + 2);
        if (n < 2 || n_bytes - at - 2 < n)
            return 0;
        const uint8_t *body = bytes + at + 4;
        const int is_frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
        if (is_frame && (marker > 0xc2 || n < 8 || body[0] != 8 || j->n_pixels))
            return 0;
        if (is_frame)
            j->n_pixels = (uint64_t)big(body + 1) * big(body + 3);
        if (marker == APP1 && n >= 8 && memcmp(body, "Exif\0", 6) == 0)
            j->has_exif = 1;
        at += 2 + n;
        if (marker == SOS) {
            has_scan = 1;
            at = end_of_scan(bytes, n_bytes, at);
        }
    }
    return 0;
}

static jpeg find_largest(const uint8_t *bytes, size_t n_bytes) {
    jpeg best = {0};
    size_t at = 0;
    for (int tried = 0; tried < TRIED_MAX; tried++) {
        const uint8_t *sign = NULL;
        while (n_bytes - at > 3 && (sign = memchr(bytes + at, 0xff, n_bytes - at - 2))) {
            at = (size_t)(sign - bytes);
            if (sign[1] == SOI && sign[2] == 0xff)
                break;
            at++;
            sign = NULL;
        }
        if (!sign)
            break;
        jpeg one = {.start = at};
        const int is_whole = walk(bytes, n_bytes, &one);
        if (is_whole && one.n_pixels > best.n_pixels)
            best = one;
        at = is_whole ? one.end : at + 2;
    }
    return best;
}

/* ---------------------------------------------------------------- which way up */

static uint32_t number(const uint8_t *at, int n, int is_little) {
    uint32_t value = 0;
    for (int i = 0; i < n; i++)
        value = value << 8 | at[is_little ? n - 1 - i : i];
    return value;
}

static int is_like_tiff(const uint8_t *bytes, size_t n_bytes) { return n_bytes >= 16 && (!memcmp(bytes, "II", 2) || !memcmp(bytes, "MM", 2)); }

/* The entry of a tag in the first directory of TIFF, or of what is like it; NULL: there is none. */
static const uint8_t *find_tag(const uint8_t *bytes, size_t n_bytes, uint32_t tag) {
    const int is_little = bytes[0] == 'I';
    const size_t directory = number(bytes + 4, 4, is_little);
    if (directory < 8 || directory > n_bytes - 2)
        return NULL;
    const size_t n_entries = number(bytes + directory, 2, is_little);
    for (size_t i = 0; i < n_entries && n_bytes - directory - 2 >= 12 * (i + 1); i++)
        if (number(bytes + directory + 2 + 12 * i, 2, is_little) == tag)
            return bytes + directory + 2 + 12 * i;
    return NULL;
}

/* 1, upright, where nothing tells. */
static unsigned orientation_of(const uint8_t *bytes, size_t n_bytes) {
    const uint8_t *entry = is_like_tiff(bytes, n_bytes) ? find_tag(bytes, n_bytes, ORIENTATION) : NULL;
    const unsigned value = entry ? number(entry + 8, 2, bytes[0] == 'I') : 1;
    return value >= 1 && value <= 8 ? value : 1;
}

/* Where the name does not tell: TIFF of a camera counts when it has further pictures in directories of their own. What is called TIFF is taken for it: a
 * finished picture may have a small one of itself in such a directory. */
static int is_raw_inside(const char *file_name, const uint8_t *bytes, size_t n_bytes) {
    static const char *const heads[] = {"IIRO", "IIRS", "MMOR", "IIU"};
    const char *ending = adah_path_ending(file_name);
    if (n_bytes < 16 || !strcasecmp(ending, ".tif") || !strcasecmp(ending, ".tiff"))
        return 0;
    if (!memcmp(bytes, "FUJIFILMCCD-RAW", 15) || !memcmp(bytes + 4, "ftypcrx ", 8))
        return 1;
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        if (!memcmp(bytes, heads[i], 4))
            return 1;
    if (memcmp(bytes, "II*", 4) != 0 && memcmp(bytes, "MM\0*", 4) != 0)
        return 0;
    return !memcmp(bytes + 8, "CR", 2) || find_tag(bytes, n_bytes, DNG_VERSION) || (find_tag(bytes, n_bytes, MAKE) && find_tag(bytes, n_bytes, SUB_DIRECTORIES));
}

/* A copy, with EXIF behind its beginning that says which way up it is. NULL: memory is out. */
static uint8_t *copy_turned(const uint8_t *bytes, size_t n_bytes, unsigned orientation, size_t *n_copied) {
    const uint8_t exif[] = {0xff, APP1, 0, 34, 'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1,
                            1, 0x12, 0, 3, 0, 0, 0, 1, 0, (uint8_t)orientation, 0, 0, 0, 0, 0, 0};
    const size_t n_exif = orientation > 1 ? sizeof exif : 0;
    uint8_t *copy = adah_memory_alloc(n_bytes + n_exif);
    if (!copy)
        return NULL;
    memcpy(copy, bytes, 2);
    if (n_exif)
        memcpy(copy + 2, exif, n_exif);
    memcpy(copy + 2 + n_exif, bytes + 2, n_bytes - 2);
    *n_copied = n_bytes + n_exif;
    return copy;
}

adah_code adah_raw_preview(const char *file_name, const uint8_t *bytes, size_t n_bytes, uint8_t **jpeg_bytes, size_t *n_jpeg_bytes, adah_status *status) {
    *jpeg_bytes = NULL;
    *n_jpeg_bytes = 0;
    if (adah_path_is_picture(file_name) != ADAH_PATH_IS_RAW && !is_raw_inside(file_name, bytes, n_bytes))
        return ADAH_OK;
    const jpeg best = find_largest(bytes, n_bytes);
    if (!best.n_pixels)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: raw camera data without a preview that can be shown; export it as JPEG", file_name);
    *jpeg_bytes = copy_turned(bytes + best.start, best.end - best.start, best.has_exif ? 1 : orientation_of(bytes, n_bytes), n_jpeg_bytes);
    return *jpeg_bytes ? ADAH_OK : adah_fail_memory(status, best.end - best.start);
}
