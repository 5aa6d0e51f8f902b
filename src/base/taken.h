/* taken.h - when and where a picture was taken (adah_taken): written dates become numbers, and how far two places are apart. */
#ifndef ADAH_BASE_TAKEN_H
#define ADAH_BASE_TAKEN_H

#include "base/status.h"

/* 1: all numbers are in their ranges. */
int adah_taken_is_sound(const adah_taken *taken);
/* 1: the same date, as far as it is known, and the same place. */
int adah_taken_is_same(const adah_taken *a, const adah_taken *b);
/* adah_date_read of bytes without an end, blanks around them passed over. 0: it is no date, and *taken is as it was. */
int adah_date_parse(const char *bytes, size_t n_bytes, adah_taken *taken);
/* Degrees, written as a decimal number. 0: they are none, or their absolute value is over `most`. */
int adah_degrees_parse(const char *bytes, size_t n_bytes, double most, double *degrees);
/* The beginning of the year, month or day of some seconds. */
int64_t adah_date_begin(int64_t seconds, adah_date_detail detail);
/* Kilometres between two places on a sphere with the Earth's mean radius; degrees. */
double adah_place_distance_km(double latitude, double longitude, double other_latitude, double other_longitude);

#endif
