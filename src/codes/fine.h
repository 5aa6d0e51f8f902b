/* fine.h - short vectors that, together with the codes, order what codes find: each value a whole number of 8 bits, compared by their cosine.
 *
 * A vector V of the network keeps its direction alone: value i is V_i / max |V| * 127, rounded. A cosine does not see the factor, so
 * that nothing but the bytes is stored. Products of bytes are exact: the cosine is the same float on every machine. A vector of zeros
 * is none: what had no V, or had no direction. */
#ifndef ADAH_CODES_FINE_H
#define ADAH_CODES_FINE_H

#include "codes/codes.h"

enum { ADAH_FINE_CANDIDATES = 200 };

/* The fine order puts the nearest by distance, of n_codes, in order tier by tier: the first c of them by their scores, behind all of these as many
 * more by theirs, then the 2 c after those, and so on. So whoever asks for more has the same answers in front.
 *
 * c, the first tier: 200, but at most a quarter of the codes. Where like asks for like, it is 10^8 / n_codes between 200 and 10,000, but at most
 * all. Twice that, and again, until it is 20. */
size_t adah_fine_tier(size_t n_codes, int is_like_for_like);
size_t adah_fine_candidates(size_t tier, size_t k); /* in the tiers that hold the first k: tier, 2 tier, 4 tier, ...; SIZE_MAX: all */

/* What the order is by: the cosine, and a quarter as much the likeness of the codes, 1 - 2 d / n_bits; from -1 to 1. ADAH_NO_SCORE where there
 * is no cosine. */
float adah_fine_score(float cosine, uint32_t distance, size_t n_bits);

/* v: (n, n_fine) -> fine: n * n_fine values from -127 to 127. */
void adah_fine_round(const float *v, size_t n, size_t n_fine, int8_t *fine);

int adah_fine_is_there(const int8_t *fine, size_t n_fine); /* 0: all of it is zero */

/* The cosine of each of n vectors with the query; ADAH_NO_SCORE where either is none (vector[i] may be NULL). */
void adah_fine_cosines(const int8_t *query, const int8_t *const *vector, size_t n, size_t n_fine, float *cosine);

/* The scores of n hits whose vectors these are, all of n_theirs values; those of the query are n_own, and what is compared is as many
 * as both have. */
void adah_fine_scores(const int8_t *query, size_t n_own, const int8_t *const *vector, size_t n_theirs, const adah_hit *hit, size_t n,
                      size_t n_bits, float *score);

#endif
