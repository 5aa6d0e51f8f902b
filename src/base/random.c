/* random.c - PCG-XSL-RR 128/64 with rejection sampling and Box-Muller normals. */
#include "base/random.h"

#include <math.h>

__extension__ typedef unsigned __int128 u128;

static u128 join(uint64_t high, uint64_t low) { return (u128)high << 64 | low; }

static void advance(adah_random *r) {
    const u128 multiplier = join(0x2360ed051fc65da4u, 0x4385df649fccf645u);
    u128 state = join(r->state_high, r->state_low) * multiplier + join(r->increment_high, r->increment_low);
    r->state_high = (uint64_t)(state >> 64);
    r->state_low = (uint64_t)state;
}

/* The finaliser of SplitMix64. */
static uint64_t scramble(uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

uint64_t adah_random_mix(uint64_t a, uint64_t b) { return scramble(scramble(a + 0x9e3779b97f4a7c15u) + b); }

adah_random adah_random_seeded(uint64_t seed, uint64_t stream) {
    adah_random r = {0, 0, adah_random_mix(stream, 1), adah_random_mix(stream, 2) | 1};
    advance(&r);
    u128 state = join(r.state_high, r.state_low) + join(adah_random_mix(seed, 3), adah_random_mix(seed, 4));
    r.state_high = (uint64_t)(state >> 64);
    r.state_low = (uint64_t)state;
    advance(&r);
    return r;
}

uint64_t adah_random_next(adah_random *r) {
    advance(r);
    uint64_t x = r->state_high ^ r->state_low;
    unsigned turn = (unsigned)(r->state_high >> 58);
    return x >> turn | x << (-turn & 63);
}

uint64_t adah_random_below(adah_random *r, uint64_t n) {
    uint64_t reject_under = -n % n; /* 2^64 mod n */
    uint64_t x;
    do
        x = adah_random_next(r);
    while (x < reject_under);
    return x % n;
}

float adah_random_uniform(adah_random *r) { return (float)(adah_random_next(r) >> 40) * 0x1p-24f; }

/* Whole numbers compare as the floats made of them: k 2^-24 >= limit where k >= limit 2^24. The generator is copied so that it
 * stays in registers. */
void adah_random_compare(adah_random *r, float limit, size_t n, uint8_t *at_least) {
    const uint64_t least = (uint64_t)ceil((double)limit * 0x1p24);
    adah_random g = *r;
    for (size_t i = 0; i < n; i++)
        at_least[i] = adah_random_next(&g) >> 40 >= least;
    *r = g;
}

float adah_random_normal(adah_random *r) {
    double u = ((double)(adah_random_next(r) >> 11) + 1) * 0x1p-53; /* (0, 1] */
    double v = (double)(adah_random_next(r) >> 11) * 0x1p-53;
    return (float)(sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
}

void adah_random_permutation(adah_random *r, size_t n, size_t *order) {
    for (size_t i = 0; i < n; i++) {
        size_t j = (size_t)adah_random_below(r, i + 1);
        order[i] = order[j];
        order[j] = i;
    }
}
