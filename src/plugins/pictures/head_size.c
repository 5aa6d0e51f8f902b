/* head_size.c - the sizes that a picture's file names, one after another. */
#include "plugins/pictures/head_size.h"

const char *adah_head_add(adah_picture_info *info, uint64_t n_width, uint64_t n_height, uint64_t n_pixel_bytes) {
    if (n_width == 0 || n_height == 0)
        return "a picture without pixels";
    if (n_width > ADAH_PICTURE_SIDE_MAX || n_height > ADAH_PICTURE_SIDE_MAX)
        return "a picture of more than 65536 pixels along a side";
    const uint64_t n = n_width * n_height;
    if (n > info->n_pixels)
        info->n_pixels = n;
    if (n * n_pixel_bytes > info->n_bytes)
        info->n_bytes = n * n_pixel_bytes;
    return NULL;
}
