/* codes.h - binary codes and Hamming distance.
 *
 * A code of q bits is q / 8 bytes; bit i is bit (i & 7) of byte (i >> 3); codes of a set lie one after
 * another without padding. Bit = 1 where H >= 0 (sign(0) = +1). */
#ifndef ADAH_CODES_CODES_H
#define ADAH_CODES_CODES_H

#include "base/status.h"

/* distance[i] = Hamming distance of query and code i. */
void adah_hamming_distances(const uint8_t *query, const uint8_t *codes, size_t n, size_t n_bits, uint16_t *distance);

typedef struct adah_hit {
    uint64_t position; /* in the set of codes */
    uint32_t distance;
} adah_hit;

/* The k nearest of n codes by (distance, position), ascending; returns how many (k or n). hits: room for k.
 * Uses the threads of adah_parallel when n is large. Status for memory. */
adah_code adah_hamming_nearest(const uint8_t *query, const uint8_t *codes, size_t n, size_t n_bits, size_t k,
                               adah_hit *hits, size_t *n_hits, adah_status *status);

/* Kernels, for tests and benchmarks: the names this machine can run, best first; choosing one by name
 * (NULL: the best) returns 0 when it is not there. */
const char *const *adah_hamming_kernels(size_t *n);
int adah_hamming_use(const char *name);

#endif
