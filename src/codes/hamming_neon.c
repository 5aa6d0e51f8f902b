/* hamming_neon.c - Hamming distances with NEON, which every arm64 machine has.
 *
 * Bits are counted by byte; pairwise additions, which keep the order of codes, then go up to the code's width.
 * 8 codes a step for 2, 4, 8 and 16 bytes; other lengths one by one. */
#include "codes/hamming_kernels.h"

#if defined(__aarch64__)

#include <arm_neon.h>

static int supported(void) { return 1; }

/* Differing bits of every 2 bytes. */
static inline uint16x8_t count_pairs(uint8x16_t query, const uint8_t *code) {
    return vpaddlq_u8(vcntq_u8(veorq_u8(query, vld1q_u8(code))));
}

/* Of every 4 bytes of 32, and so on: each step adds neighbours. */
static inline uint16x8_t count_4(uint8x16_t query, const uint8_t *code) {
    return vpaddq_u16(count_pairs(query, code), count_pairs(query, code + 16));
}

static inline uint16x8_t count_8(uint8x16_t query, const uint8_t *code) {
    return vpaddq_u16(count_4(query, code), count_4(query, code + 32));
}

static inline uint16x8_t count_16(uint8x16_t query, const uint8_t *code) {
    return vpaddq_u16(count_8(query, code), count_8(query, code + 64));
}

static inline uint16_t run_one(const uint8_t *query, const uint8_t *code, size_t n_bytes) {
    uint16x8_t sum = vdupq_n_u16(0);
    size_t j = 0;
    for (; j + 16 <= n_bytes; j += 16)
        sum = vaddq_u16(sum, count_pairs(vld1q_u8(query + j), code + j));
    return (uint16_t)(vaddvq_u16(sum) + adah_hamming_one(query + j, code + j, n_bytes - j));
}

static void distances(const uint8_t *query, const uint8_t *codes, size_t n, size_t n_bytes, uint16_t *distance) {
    uint8_t repeated[16] = {0};
    if (16 % n_bytes == 0)
        for (size_t j = 0; j < 16; j += n_bytes)
            memcpy(repeated + j, query, n_bytes);
    uint8x16_t q = vld1q_u8(repeated);
    size_t i = 0;
    switch (n_bytes) {
    case 2:
        for (; i + 8 <= n; i += 8)
            vst1q_u16(distance + i, count_pairs(q, codes + i * 2));
        break;
    case 4:
        for (; i + 8 <= n; i += 8)
            vst1q_u16(distance + i, count_4(q, codes + i * 4));
        break;
    case 8:
        for (; i + 8 <= n; i += 8)
            vst1q_u16(distance + i, count_8(q, codes + i * 8));
        break;
    case 16:
        for (; i + 8 <= n; i += 8)
            vst1q_u16(distance + i, count_16(q, codes + i * 16));
        break;
    default: break;
    }
    for (; i < n; i++)
        distance[i] = run_one(query, codes + i * n_bytes, n_bytes);
}

const adah_hamming_kernel adah_hamming_neon = {"neon", supported, distances};

#else
typedef int adah_hamming_neon_not_here; /* an empty file is no C */
#endif
