/* head.h - what a picture's file is and how much decoding it would make, found by walking through its structure.
 *
 * This is the only judge of what may be decoded: it knows each format that the codec reads and takes none of them by its word. All
 * sizes count that a decoder could meet: those of frames, tiles, strips, layers, thumbnails and other images beside the one shown.
 * Nothing is decoded, nothing is loaded. Thread-safe. */
#ifndef ADAH_PLUGINS_PICTURES_HEAD_H
#define ADAH_PLUGINS_PICTURES_HEAD_H

#include "plugins/pictures/head_size.h"

enum { ADAH_JPEG_SCANS_MAX = 100 /* encoders make about ten; each takes a decoder a pass over the whole picture */ };

/* Beyond it nothing is decoded. */
#define ADAH_PICTURE_PIXELS_MAX ((uint64_t)512 << 20)

/* As adah_picture_examine of adah.h; `name` is for messages. */
adah_code adah_picture_head(const uint8_t *bytes, size_t n_bytes, const char *name, adah_picture_info *info, adah_status *status);

/* For the files head_*.c. Each fills *info but for `type` where that is known before, and returns NULL or what is wrong. */
typedef struct adah_bytes {
    const uint8_t *at;
    size_t n;
} adah_bytes;
const char *adah_head_jpeg(adah_bytes file, adah_picture_info *info); /* head.c */
const char *adah_head_tiff(adah_bytes file, adah_picture_info *info);
const char *adah_head_heif(adah_bytes file, adah_picture_info *info);

static inline uint64_t adah_big(const uint8_t *p, size_t n) {
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++)
        value = value << 8 | p[i];
    return value;
}
static inline uint64_t adah_little(const uint8_t *p, size_t n) {
    uint64_t value = 0;
    for (size_t i = n; i > 0; i--)
        value = value << 8 | p[i - 1];
    return value;
}

#endif
