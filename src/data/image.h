/* image.h - pictures in and out, plain JPEG files by libjpeg-turbo (plugins/pictures/jpeg.h), all else through libvips. Thread-safe. */
#ifndef ADAH_DATA_IMAGE_H
#define ADAH_DATA_IMAGE_H

#include "plugins/pictures/codec.h"

enum { ADAH_IMAGE_SIDE_MAX = 16384, ADAH_SVG_SECONDS = 10 };

/* Loads and starts libvips once for the process (called by the functions below too). One vips thread an image: callers
 * decode images in parallel themselves. */
adah_code adah_image_start(adah_status *status);

/* Decodes to exactly n_side x n_side pixels, the aspect ratio squeezed, EXIF rotation applied, transparency laid on
 * white; CMYK, greyscale, 16-bit and the first frame of an animation are converted. rgb: n_side * n_side * 3 bytes.
 * JPEG, PNG, GIF, WebP, TIFF, AVIF and HEIC. Refuses (naming the path and reason) missing, unreadable, empty and truncated
 * files, and pictures that would decode to more than 512 megapixels, whatever they say of themselves. */
adah_code adah_image_load(const char *path, size_t n_side, uint8_t *rgb, adah_status *status);
/* The two steps of it. *bytes: adah_memory_free. */
adah_code adah_image_read(const char *path, uint8_t **bytes, size_t *n_bytes, adah_status *status);
/* `name` is for the message. */
adah_code adah_image_decode(const uint8_t *bytes, size_t n_bytes, const char *name, size_t n_side, uint8_t *rgb,
                            adah_status *status);
/* The same in a form (adah_picture_form); rgb: n_side * n_side * 3 bytes. */
adah_code adah_image_load_in_form(const char *path, const adah_picture_form *form, uint8_t *rgb, adah_status *status);
adah_code adah_image_decode_in_form(const uint8_t *bytes, size_t n_bytes, const char *name, const adah_picture_form *form, uint8_t *rgb,
                                    adah_status *status);
/* As adah_image_load, but keeps the aspect ratio, longer side at most n_side. */
adah_code adah_image_load_thumbnail(const char *path, size_t n_side, adah_picture *picture, adah_status *status);

adah_code adah_image_decode_thumbnail(const uint8_t *bytes, size_t n_bytes, const char *name, size_t n_side,
                                      adah_picture *picture, adah_status *status);
/* As adah_picture_examine of adah.h. */
adah_code adah_image_examine(const uint8_t *bytes, size_t n_bytes, const char *name, adah_picture_info *info, adah_status *status);

/* Draws an SVG file on a white square of n_side pixels, what is drawn enlarged or shrunk to fill it, its aspect ratio kept.
 * rgb: n_side * n_side * 3 bytes. ADAH_ERROR_FORMAT: broken, nothing can be seen, or it takes more than
 * ADAH_SVG_SECONDS of processor time. */
adah_code adah_image_render_svg(const uint8_t *bytes, size_t n_bytes, const char *name, size_t n_side, uint8_t *rgb,
                                adah_status *status);

/* Published atomically. n_channels 1 (grey) or 3. */
adah_code adah_image_write_png(const char *path, const uint8_t *pixels, size_t n_width, size_t n_height,
                               size_t n_channels, adah_status *status);
/* PNG and JPEG bytes of a picture; *bytes by adah_memory_free. */
adah_code adah_image_encode_png(const adah_picture *picture, uint8_t **bytes, size_t *n_bytes, adah_status *status);
adah_code adah_image_encode_jpeg(const adah_picture *picture, int quality, uint8_t **bytes, size_t *n_bytes,
                                 adah_status *status);

#endif
