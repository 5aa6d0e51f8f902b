/* hamming_kernels.h - the kernel families of the Hamming distance, for hamming.c alone.
 *
 * A kernel writes the distance of one query to n codes of n_bytes bytes each. No pointer needs alignment and
 * nothing beyond n * n_bytes bytes is read. */
#ifndef ADAH_CODES_HAMMING_KERNELS_H
#define ADAH_CODES_HAMMING_KERNELS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct adah_hamming_kernel {
    const char *name;
    int (*supported)(void); /* by the machine this runs on */
    void (*distances)(const uint8_t *query, const uint8_t *codes, size_t n, size_t n_bytes, uint16_t *distance);
} adah_hamming_kernel;

extern const adah_hamming_kernel adah_hamming_scalar;
#if defined(__x86_64__)
extern const adah_hamming_kernel adah_hamming_avx2;
extern const adah_hamming_kernel adah_hamming_avx512;
#elif defined(__aarch64__)
extern const adah_hamming_kernel adah_hamming_neon;
#endif

/* Bits set in x, by adding neighbouring fields in parallel: no instruction beyond the baseline. */
static inline unsigned adah_bits_set(uint64_t x) {
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (unsigned)(x * 0x0101010101010101u >> 56);
}

/* One code, eight bytes at a time. */
static inline uint16_t adah_hamming_one(const uint8_t *a, const uint8_t *b, size_t n_bytes) {
    unsigned sum = 0;
    for (; n_bytes >= 8; n_bytes -= 8, a += 8, b += 8) {
        uint64_t x, y;
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        sum += adah_bits_set(x ^ y);
    }
    uint64_t x = 0, y = 0;
    memcpy(&x, a, n_bytes);
    memcpy(&y, b, n_bytes);
    return (uint16_t)(sum + adah_bits_set(x ^ y));
}

#endif
