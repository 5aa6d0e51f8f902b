/* codes.h - codes in memory, of any program: packed, compared, searched. Part of adah.h; measures of such codes are in eval.h.
 *
 * Codes of n_bits bits, a multiple of 8 from ADAH_BITS_MIN to ADAH_BITS_MAX, lie one after another, n_bits / 8 bytes each. Results do not depend
 * on the number of threads. Any thread. */
#ifndef ADAH_CODES_H
#define ADAH_CODES_H

#include "core.h"

ADAH_BEGIN

/* h: n x n_bits values -> codes: n * n_bits / 8 bytes. A bit is 1 where its value is at least 0. */
void adah_codes_pack(const float *h, size_t n, size_t n_bits, uint8_t *codes);

/* distance[i * n + j]: of query i and code j. */
adah_code adah_hamming_pairs(const uint8_t *queries, size_t n_queries, const uint8_t *codes, size_t n, size_t n_bits, uint16_t *distance,
                             adah_status *status);
/* The k nearest of n codes for each query, by (distance, position), ascending; k at most n. position, distance: n_queries x k. */
adah_code adah_hamming_nearest_k(const uint8_t *queries, size_t n_queries, const uint8_t *codes, size_t n, size_t n_bits, size_t k,
                                 uint64_t *position, uint32_t *distance, adah_status *status);
/* All codes within a radius of each query, by (distance, position), ascending: those of query i are places start[i] .. start[i + 1] - 1 of
 * *position and *distance (adah_free). start: n_queries + 1. */
adah_code adah_hamming_within(const uint8_t *queries, size_t n_queries, const uint8_t *codes, size_t n, size_t n_bits, uint32_t radius,
                              size_t *start, uint64_t **position, uint32_t **distance, adah_status *status);

ADAH_END

#endif
