/* jpeg.h - plain JPEG pictures by libjpeg-turbo alone: the pixels that codec_vips.c gives, in a fraction of its time.
 *
 * Thread-safe, and needs no plugin. */
#ifndef ADAH_PLUGINS_PICTURES_JPEG_H
#define ADAH_PLUGINS_PICTURES_JPEG_H

#include "plugins/pictures/codec.h"

/* As adah_picture_codec's `decode`, where the picture is plain and sound: 8 bits, grey or YCbCr or RGB, without a colour profile, at most
 * 100 scans, no smaller than what is wanted, and not even a warning from libjpeg-turbo. Otherwise picture->rgb becomes NULL, for the codec
 * to decode or to say what is wrong. Refuses nothing; fails when memory is out. */
adah_code adah_jpeg_decode(const uint8_t *bytes, size_t n_bytes, size_t n_side, int keeps_aspect, adah_picture *picture,
                           adah_status *status);

/* 1..8, how the picture has to be turned, of an EXIF segment from "Exif\0\0" on; 1 where it does not say; 0: not to be read plainly. */
int adah_jpeg_orientation(const uint8_t *exif, size_t n_bytes);

#endif
