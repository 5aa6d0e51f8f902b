/* exif_bytes.h - writes the EXIF segment of a JPEG that says when and where it was taken, honest or not. */
#ifndef ADAH_TESTS_EXIF_BYTES_H
#define ADAH_TESTS_EXIF_BYTES_H

#include <stdint.h>
#include <string.h>

typedef struct exif_ratio {
    uint32_t number, divisor;
} exif_ratio;

typedef struct exif_taken {
    const char *original, *offset, *digitised; /* NULL: it is not there */
    exif_ratio latitude[3], longitude[3];
    const char *references; /* as "NE" */
    int has_place;
} exif_taken;

/* A directory of TIFF while it is written: entries from `at` on, longer values from `values` on. */
typedef struct exif_directory {
    unsigned char *tiff;
    size_t at, *values;
    unsigned n;
} exif_directory;

static inline void exif_little(unsigned char *to, uint32_t value, int n) {
    for (int i = 0; i < n; i++)
        to[i] = (unsigned char)(value >> 8 * i);
}

static inline void exif_entry(exif_directory *d, unsigned tag, unsigned type, uint32_t count, const void *value, size_t n_bytes) {
    unsigned char *entry = d->tiff + d->at + 2 + 12 * d->n++;
    exif_little(entry, tag, 2), exif_little(entry + 2, type, 2), exif_little(entry + 4, count, 4);
    if (n_bytes > 4) {
        exif_little(entry + 8, (uint32_t)*d->values, 4);
        memcpy(d->tiff + *d->values, value, n_bytes);
        *d->values += n_bytes + n_bytes % 2;
    } else {
        memcpy(entry + 8, value, n_bytes);
    }
    exif_little(d->tiff + d->at, d->n, 2);
}

static inline void exif_text(exif_directory *d, unsigned tag, const char *text) {
    if (text)
        exif_entry(d, tag, 2, (uint32_t)strlen(text) + 1, text, strlen(text) + 1);
}

static inline void exif_ratios(exif_directory *d, unsigned tag, const exif_ratio *ratio) {
    unsigned char bytes[24];
    for (int i = 0; i < 3; i++)
        exif_little(bytes + 8 * i, ratio[i].number, 4), exif_little(bytes + 8 * i + 4, ratio[i].divisor, 4);
    exif_entry(d, tag, 5, 3, bytes, sizeof bytes);
}

/* Puts the whole segment there, with its marker, and returns its bytes, less than 1 KiB. */
static inline size_t exif_segment(const exif_taken *taken, unsigned char *to) {
    enum { HEAD = 10, MAIN = 8, PHOTO = 40, GPS = 120, VALUES = 200 };
    unsigned char *tiff = to + HEAD, pointer[4];
    size_t values = VALUES;
    memset(to, 0, 1024);
    memcpy(tiff, "II*\0\x08\0\0\0", 8);
    exif_directory all = {tiff, MAIN, &values, 0}, photo = {tiff, PHOTO, &values, 0}, gps = {tiff, GPS, &values, 0};
    exif_little(pointer, PHOTO, 4);
    exif_entry(&all, 0x8769, 4, 1, pointer, 4);
    exif_text(&photo, 0x9003, taken->original);
    exif_text(&photo, 0x9004, taken->digitised);
    exif_text(&photo, 0x9011, taken->offset);
    if (taken->has_place) {
        exif_little(pointer, GPS, 4);
        exif_entry(&all, 0x8825, 4, 1, pointer, 4);
        exif_text(&gps, 1, (char[]){taken->references[0], '\0'});
        exif_ratios(&gps, 2, taken->latitude);
        exif_text(&gps, 3, (char[]){taken->references[1], '\0'});
        exif_ratios(&gps, 4, taken->longitude);
    }
    const size_t n = HEAD + values;
    memcpy(to, "\xff\xe1\0\0Exif\0\0", HEAD);
    to[2] = (unsigned char)((n - 2) >> 8), to[3] = (unsigned char)(n - 2);
    return n;
}

#endif
