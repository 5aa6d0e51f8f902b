/* picture_form.h - pixels of a whole picture to those that a network sees, as Pillow resizes and the publishers of weights crop.
 *
 * A picture is resampled by a filter that widens as the picture shrinks, first along its rows and then down its columns, each time with weights
 * in whole numbers (22 bits behind the point) and rounded to 8 bits: to the bit what Pillow's Image.resize makes of it (up to version 12; 13 takes
 * the columns of tall pictures first). */
#ifndef ADAH_DATA_PICTURE_FORM_H
#define ADAH_DATA_PICTURE_FORM_H

#include "base/status.h"

enum { ADAH_FORM_SIDE_MAX = 4096 }; /* longer pictures are made smaller before, as thumbnails are */

/* 1: what adah_image_decode makes, which shrinks a picture while it is decoded. */
int adah_picture_form_is_plain(const adah_picture_form *form);
adah_code adah_picture_form_check(const adah_picture_form *form, adah_status *status);
/* rgb: n_side * n_side * 3 bytes. */
adah_code adah_picture_form_apply(const adah_picture_form *form, const adah_picture *whole, uint8_t *rgb, adah_status *status);

#endif
