/* codec.h - pictures to pixels and back: what needs libvips and librsvg, apart from all else.
 *
 * Those two bring a hundred libraries with them, whose loading takes longer (25 ms) than a search of a million codes by
 * words. So the shared library leaves them to a plugin, libadah-pictures.so, and loads it when the first picture is
 * met that jpeg.h leaves to them (codec_load.c). Programs that link everything take the table directly (codec_linked.c). */
#ifndef ADAH_PLUGINS_PICTURES_CODEC_H
#define ADAH_PLUGINS_PICTURES_CODEC_H

#include "base/status.h"

typedef enum adah_picture_format { ADAH_PICTURE_PNG, ADAH_PICTURE_JPEG } adah_picture_format;

typedef struct adah_picture_codec {
    const char *version; /* ADAH_VERSION: the plugin fits the library */
    /* Once for the process. The other functions are thread-safe after it. */
    adah_code (*start)(adah_status *status);
    /* Decodes, turns upright, shrinks or enlarges to n_side x n_side pixels; with keeps_aspect shrinks so that the longer side
     * is at most n_side. Only for what head.h has found to be a picture within limits. `name` is for messages; what the decoder has
     * to say of a broken picture is told when no other thread has decoded meanwhile. */
    adah_code (*decode)(const uint8_t *bytes, size_t n_bytes, const char *name, size_t n_side, int keeps_aspect,
                        adah_picture *picture, adah_status *status);
    /* n_channels 1 (grey) or 3; quality 1..100 of a JPEG. *bytes: adah_memory_free. */
    adah_code (*encode)(adah_picture_format format, int quality, const uint8_t *pixels, size_t n_width, size_t n_height,
                        size_t n_channels, const char *name, uint8_t **bytes, size_t *n_bytes, adah_status *status);
    /* As adah_image_render_svg of data/image.h, within n_seconds of processor time; rgb: n_side * n_side * 3 bytes. */
    adah_code (*render_svg)(const uint8_t *bytes, size_t n_bytes, const char *name, size_t n_side, int n_seconds, uint8_t *rgb,
                            adah_status *status);
} adah_picture_codec;

/* The codec, started. */
adah_code adah_picture_codec_get(const adah_picture_codec **codec, adah_status *status);

/* render_svg.c */
adah_code adah_render_svg(const uint8_t *bytes, size_t n_bytes, const char *name, size_t n_side, int n_seconds, uint8_t *rgb,
                          adah_status *status);

/* The table itself, codec_vips.c; what codec_load.c asks the plugin for. */
__attribute__((visibility("default"))) extern const adah_picture_codec adah_pictures;

#endif
