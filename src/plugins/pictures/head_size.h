/* head_size.h - what the sizes in a picture's file amount to. */
#ifndef ADAH_PLUGINS_PICTURES_HEAD_SIZE_H
#define ADAH_PLUGINS_PICTURES_HEAD_SIZE_H

#include "base/status.h"

enum { ADAH_PICTURE_SIDE_MAX = 65536 /* pixels along any side: whole rows are held in memory many times over */ };

/* Takes n_width x n_height pixels of n_pixel_bytes each into account. Returns NULL, or that they are too many along a side or none. */
const char *adah_head_add(adah_picture_info *info, uint64_t n_width, uint64_t n_height, uint64_t n_pixel_bytes);

#endif
