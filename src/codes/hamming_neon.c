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

/* The distances of 8 codes of a group, in order; p: their first words. Inlined with constants. A byte counts up to 16 words of
 * 8 bits, which it can hold. */
static inline uint16x8_t distances_8(const uint64_t *query, const uint8_t *p, size_t word_bytes, size_t n_words) {
    uint8x16_t q = vreinterpretq_u8_u64(vdupq_n_u64(query[0]));
    if (word_bytes == 2)
        return count_pairs(q, p);
    if (word_bytes == 4)
        return count_4(q, p);
    if (n_words == 1)
        return count_8(q, p);
    uint8x16_t a = vdupq_n_u8(0), b = a, c = a, d = a;
    for (size_t w = 0; w < n_words; w++, p += ADAH_GROUP * 8) {
        q = vreinterpretq_u8_u64(vdupq_n_u64(query[w]));
        a = vaddq_u8(a, vcntq_u8(veorq_u8(q, vld1q_u8(p))));
        b = vaddq_u8(b, vcntq_u8(veorq_u8(q, vld1q_u8(p + 16))));
        c = vaddq_u8(c, vcntq_u8(veorq_u8(q, vld1q_u8(p + 32))));
        d = vaddq_u8(d, vcntq_u8(veorq_u8(q, vld1q_u8(p + 48))));
    }
    return vpaddq_u16(vpaddq_u16(vpaddlq_u8(a), vpaddlq_u8(b)), vpaddq_u16(vpaddlq_u8(c), vpaddlq_u8(d)));
}

static inline size_t near_groups_of(const uint64_t *query, const uint8_t *p, size_t n_groups, size_t word_bytes, size_t n_words,
                                    uint32_t limit, uint16_t *group) {
    size_t n = 0;
    for (size_t g = 0; g < n_groups; g++, p += ADAH_GROUP * word_bytes * n_words) {
        uint16x8_t least = distances_8(query, p, word_bytes, n_words);
        for (size_t i = 8; i < ADAH_GROUP; i += 8)
            least = vminq_u16(least, distances_8(query, p + i * word_bytes, word_bytes, n_words));
        group[n] = (uint16_t)g;
        n += vminvq_u16(least) < limit;
    }
    return n;
}

static size_t near_groups(const uint64_t *query, const uint8_t *p, size_t n_groups, size_t word_bytes, size_t n_words,
                          uint32_t limit, uint16_t *group) {
    if (word_bytes == 2)
        return near_groups_of(query, p, n_groups, 2, 1, limit, group);
    if (word_bytes == 4)
        return near_groups_of(query, p, n_groups, 4, 1, limit, group);
    if (n_words == 1)
        return near_groups_of(query, p, n_groups, 8, 1, limit, group);
    return near_groups_of(query, p, n_groups, 8, n_words, limit, group);
}

static inline uint64_t near_codes_of(const uint64_t *query, const uint8_t *p, size_t word_bytes, size_t n_words,
                                     uint32_t limit, uint16_t *distance) {
    static const uint16_t bits[8] = {1, 2, 4, 8, 16, 32, 64, 128};
    const uint16x8_t limits = vdupq_n_u16((uint16_t)limit), bit = vld1q_u16(bits);
    uint64_t near = 0;
    for (size_t i = 0; i < ADAH_GROUP; i += 8) {
        uint16x8_t x = distances_8(query, p + i * word_bytes, word_bytes, n_words);
        vst1q_u16(distance + i, x);
        near |= (uint64_t)vaddvq_u16(vandq_u16(vcltq_u16(x, limits), bit)) << i;
    }
    return near;
}

static uint64_t near_codes(const uint64_t *query, const uint8_t *p, size_t word_bytes, size_t n_words, uint32_t limit,
                           uint16_t *distance) {
    if (word_bytes == 2)
        return near_codes_of(query, p, 2, 1, limit, distance);
    if (word_bytes == 4)
        return near_codes_of(query, p, 4, 1, limit, distance);
    return near_codes_of(query, p, 8, n_words, limit, distance);
}

const adah_hamming_kernel adah_hamming_neon = {"neon", supported, distances, near_groups, near_codes, NULL, NULL, 16, NULL};

#else
typedef int adah_hamming_neon_not_here; /* an empty file is no C */
#endif
