/* random.h - seeded random numbers (PCG-XSL-RR 128/64, O'Neill 2014), the same on every machine.
 *
 * A generator is a value: copy it, store it. (seed, stream) names an independent sequence, so that every
 * use (initialisation, shuffle of epoch 7, dropout of step 12) owns one and a resumed run repeats it. */
#ifndef ADAH_BASE_RANDOM_H
#define ADAH_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

typedef struct adah_random {
    uint64_t state_high, state_low;
    uint64_t increment_high, increment_low;
} adah_random;

adah_random adah_random_seeded(uint64_t seed, uint64_t stream);
uint64_t adah_random_next(adah_random *r);                    /* 64 random bits */
uint64_t adah_random_below(adah_random *r, uint64_t n);       /* uniform in 0..n-1 without bias, n > 0 */
float adah_random_uniform(adah_random *r);                    /* in [0, 1), 24 bits */
/* at_least[i] = 1 where the i-th uniform number is at least `limit`, 0..1, else 0: n numbers at once. */
void adah_random_compare(adah_random *r, float limit, size_t n, uint8_t *at_least);
float adah_random_normal(adah_random *r);                     /* mean 0, variance 1 */
void adah_random_permutation(adah_random *r, size_t n, size_t *order); /* order = a permutation of 0..n-1 */
uint64_t adah_random_mix(uint64_t a, uint64_t b);             /* a stream number from two numbers */

#endif
