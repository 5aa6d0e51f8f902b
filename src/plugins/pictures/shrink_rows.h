/* shrink_rows.h - the loops of shrink.c: rows of 8-bit RGB pixels, weights in 4096ths, each result rounded and held to 0..255. */
#ifndef ADAH_PLUGINS_PICTURES_SHRINK_ROWS_H
#define ADAH_PLUGINS_PICTURES_SHRINK_ROWS_H

#include <stddef.h>
#include <stdint.h>

enum {
    SHRINK_TAPS = 28,                  /* room for the weights of a filter; a multiple of 4, the rest are 0 */
    SHRINK_SPREAD = SHRINK_TAPS / 4 * 16, /* weights of a filter in the order that adah_shrink_along reads */
    SHRINK_SLACK = 32                  /* bytes that may be read behind a row */
};

/* to[i] = sum over the taps of row[tap][i] * filter[tap]. */
void adah_shrink_down(const uint8_t *const *row, const int16_t *filter, size_t n_taps, size_t n_bytes, uint8_t *to);

/* The filter for adah_shrink_along. */
void adah_shrink_spread(const int16_t *filter, int16_t *spread);
/* Pixel i of the result: the pixels of `row` from place[i] on, by the filter form[i] of those that lie in `spread`. */
void adah_shrink_along(const uint8_t *row, const size_t *place, const uint8_t *form, const int16_t *spread, size_t n_taps, size_t n_out,
                       uint8_t *to);

/* The means of each n_box pixels of n, in place; what the last box lacks are copies of the last pixel. */
void adah_shrink_boxes(uint8_t *row, size_t n, size_t n_box);

#endif
