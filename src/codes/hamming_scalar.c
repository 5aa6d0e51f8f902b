/* hamming_scalar.c - Hamming distances in plain C: the portable kernel and the specification of the others. */
#include "codes/hamming_kernels.h"

static int supported(void) { return 1; }

/* Inlined with a constant n_bytes, so that the compiler unrolls the usual lengths. */
static inline void run(const uint8_t *query, const uint8_t *codes, size_t n, size_t n_bytes, uint16_t *distance) {
    for (size_t i = 0; i < n; i++)
        distance[i] = adah_hamming_one(query, codes + i * n_bytes, n_bytes);
}

static void distances(const uint8_t *query, const uint8_t *codes, size_t n, size_t n_bytes, uint16_t *distance) {
    switch (n_bytes) {
    case 2: run(query, codes, n, 2, distance); break;
    case 4: run(query, codes, n, 4, distance); break;
    case 8: run(query, codes, n, 8, distance); break;
    case 16: run(query, codes, n, 16, distance); break;
    case 32: run(query, codes, n, 32, distance); break;
    default: run(query, codes, n, n_bytes, distance);
    }
}

/* Inlined with a constant word_bytes. */
static inline unsigned distance_in_group(const uint64_t *query, const uint8_t *group, size_t word_bytes, size_t n_words,
                                         size_t code) {
    unsigned sum = 0;
    for (size_t w = 0; w < n_words; w++) {
        uint64_t q = 0, x = 0;
        memcpy(&q, query + w, word_bytes);
        memcpy(&x, group + (w * ADAH_GROUP + code) * word_bytes, word_bytes);
        sum += adah_bits_set(q ^ x);
    }
    return sum;
}

static inline uint64_t near_codes_of(const uint64_t *query, const uint8_t *group, size_t word_bytes, size_t n_words,
                                     uint32_t limit, uint16_t *distance) {
    uint64_t near = 0;
    for (size_t i = 0; i < ADAH_GROUP; i++) {
        unsigned d = distance_in_group(query, group, word_bytes, n_words, i);
        distance[i] = (uint16_t)d;
        near |= (uint64_t)(d < limit) << i;
    }
    return near;
}

static uint64_t near_codes(const uint64_t *query, const uint8_t *group, size_t word_bytes, size_t n_words, uint32_t limit,
                           uint16_t *distance) {
    if (word_bytes == 2)
        return near_codes_of(query, group, 2, 1, limit, distance);
    if (word_bytes == 4)
        return near_codes_of(query, group, 4, 1, limit, distance);
    if (n_words == 1)
        return near_codes_of(query, group, 8, 1, limit, distance);
    return near_codes_of(query, group, 8, n_words, limit, distance);
}

static size_t near_groups(const uint64_t *query, const uint8_t *groups, size_t n_groups, size_t word_bytes, size_t n_words,
                          uint32_t limit, uint16_t *group) {
    size_t n = 0;
    uint16_t distance[ADAH_GROUP];
    for (size_t g = 0; g < n_groups; g++) {
        group[n] = (uint16_t)g;
        n += near_codes(query, groups + g * ADAH_GROUP * word_bytes * n_words, word_bytes, n_words, limit, distance) != 0;
    }
    return n;
}

const adah_hamming_kernel adah_hamming_scalar = {"scalar", supported, distances, near_groups, near_codes, NULL, NULL, 16, NULL};
