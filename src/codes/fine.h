/* fine.h - short vectors that order what codes find: each value a whole number of 8 bits, compared by their cosine.
 *
 * A vector V of the network keeps its direction alone: value i is V_i / max |V| * 127, rounded. A cosine does not see the factor, so
 * that nothing but the bytes is stored. Products of bytes are exact: the cosine is the same float on every machine. A vector of zeros
 * is none: what had no V, or had no direction. */
#ifndef ADAH_CODES_FINE_H
#define ADAH_CODES_FINE_H

#include "base/status.h"

enum { ADAH_FINE_CANDIDATES_MIN = 200 };

/* How many of the nearest by distance are put in the fine order to find k: the least of 200, 400, 800, ... that is twice k. */
size_t adah_fine_candidates(size_t k);

/* v: (n, n_fine) -> fine: n * n_fine values from -127 to 127. */
void adah_fine_round(const float *v, size_t n, size_t n_fine, int8_t *fine);

int adah_fine_is_there(const int8_t *fine, size_t n_fine); /* 0: all of it is zero */

/* The cosine of each of n vectors with the query; ADAH_NO_SCORE where either is none (vector[i] may be NULL). */
void adah_fine_cosines(const int8_t *query, const int8_t *const *vector, size_t n, size_t n_fine, float *cosine);

#endif
