/* shrink.h - makes a picture smaller while its rows come in, by libvips's arithmetic.
 *
 * A thumbnail of libvips (8.14, without its vector compiler) is the mean of whole boxes of pixels as far as that leaves a factor of two,
 * then Lanczos's filter of three lobes in 12-bit fixed point, first down the columns and then along the rows, each step rounded to 8 bits.
 * The same is done here on every processor, to the bit but for what depends on the order of roundings in double precision. */
#ifndef ADAH_PLUGINS_PICTURES_SHRINK_H
#define ADAH_PLUGINS_PICTURES_SHRINK_H

#include "base/status.h"

typedef struct adah_shrink adah_shrink;

/* By how much a picture has to be made smaller, across and down, to be n_side x n_side pixels; with keeps_aspect so that the longer side
 * is at most n_side, and never larger. */
void adah_shrink_factors(size_t n_width, size_t n_height, size_t n_side, int keeps_aspect, double factor[2]);

/* For a picture of n_width x n_height RGB pixels, by real factors of at least 1: `across` along a row, `down` along a column. *shrink
 * becomes NULL where that is none of this file's business: factors below 1, or too odd for its filters. Free it with adah_shrink_free. */
adah_code adah_shrink_create(size_t n_width, size_t n_height, double across, double down, adah_shrink **shrink, adah_status *status);
void adah_shrink_free(adah_shrink *shrink); /* NULL is fine */

/* What comes out. */
size_t adah_shrink_width(const adah_shrink *shrink);
size_t adah_shrink_height(const adah_shrink *shrink);

/* Where the next row has to be written, n_width + 1 pixels; then takes it. rgb: the result, written row by row and whole after n_height
 * rows. */
uint8_t *adah_shrink_row(adah_shrink *shrink);
void adah_shrink_take(adah_shrink *shrink, uint8_t *rgb);

#endif
