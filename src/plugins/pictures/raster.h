/* raster.h - pictures that lie in their files row by row, BMP and the formats of Netpbm, which libvips leaves to programs that are not meant
 * for foreign files. Thread-safe; a plugin is needed only where a picture has to be enlarged. */
#ifndef ADAH_PLUGINS_PICTURES_RASTER_H
#define ADAH_PLUGINS_PICTURES_RASTER_H

#include "plugins/pictures/codec.h"

typedef struct adah_raster adah_raster;

/* A picture whose head was read. */
struct adah_raster {
    const char *name; /* for messages */
    const uint8_t *bytes;
    size_t n_bytes, n_width, n_height;
    size_t at;        /* where the pixels begin */
    /* Writes row y, n_width RGB pixels. Rows are asked for in order, each once. */
    adah_code (*read)(adah_raster *raster, size_t y, uint8_t *rgb, adah_status *status);
    /* What the format's own functions need. */
    unsigned n_bits, value_max, n_channels; /* of a pixel; of a sample; samples of a pixel */
    int is_text, is_upside_down, has_alpha; /* is_upside_down: the last row comes first */
    uint32_t mask[4];                       /* BMP: red, green, blue, alpha in a pixel */
    uint8_t colour[256][3];                 /* BMP: the palette */
    unsigned run_bits;                      /* BMP: 4 or 8, run-length coded; 0: not */
    uint8_t *index;                         /* BMP, run-length: all pixels from the first row read on, adah_memory_free; else NULL */
};

/* 1: by its first bytes it is such a picture. */
int adah_bmp_is(const uint8_t *bytes, size_t n_bytes);
int adah_netpbm_is(const uint8_t *bytes, size_t n_bytes);
/* Read the head. ADAH_ERROR_FORMAT: damaged, truncated, or of a kind that is not taken; the message says which. */
adah_code adah_bmp_open(const uint8_t *bytes, size_t n_bytes, const char *name, adah_raster *raster, adah_status *status);
adah_code adah_netpbm_open(const uint8_t *bytes, size_t n_bytes, const char *name, adah_raster *raster, adah_status *status);

/* 1: by its first bytes it is one of them. */
int adah_raster_is(const uint8_t *bytes, size_t n_bytes);
/* As adah_picture_head, of one of them. */
adah_code adah_raster_head(const uint8_t *bytes, size_t n_bytes, const char *name, adah_picture_info *info, adah_status *status);
/* As adah_picture_codec's `decode`, of one of them whose head allows it. */
adah_code adah_raster_decode(const uint8_t *bytes, size_t n_bytes, const char *name, size_t n_side, int keeps_aspect,
                             adah_picture *picture, adah_status *status);

/* "name: damaged BMP picture: ..." */
adah_code adah_raster_fail(const char *name, const char *kind, const char *why, adah_status *status);

#endif
