/* hamming_avx2.c - Hamming distances with AVX2.
 *
 * Bits are counted by looking up both halves of every byte in a 16-entry table (Mula), then counts of bytes are
 * added up to the width of a code. 16 codes a step for 2, 4, 8, 16 and 32 bytes; other lengths one by one. Many queries look up
 * halves of the bytes of transposed codes instead. */
#include "base/processor.h"
#include "codes/hamming_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX2 __attribute__((target("avx2,bmi,popcnt")))

static int supported(void) { return adah_processor_vectors() >= ADAH_VECTORS_AVX2; }

static inline __attribute__((always_inline)) AVX2 uint64_t same_bytes(const uint8_t *p, uint8_t value) {
    const __m256i v = _mm256_set1_epi8((char)value);
    const uint32_t low = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_loadu_si256((const __m256i *)(const void *)p)));
    const uint32_t high = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, _mm256_loadu_si256((const __m256i *)(const void *)(p + 32))));
    return low | (uint64_t)high << 32;
}
#define ADAH_LEVELS_TARGET AVX2
#include "codes/levels_body.h"

static AVX2 inline __m256i load(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
static AVX2 inline void store(uint16_t *p, __m256i x) { _mm256_storeu_si256((__m256i *)(void *)p, x); }

/* Differing bits of every byte. */
static AVX2 inline __m256i count_bytes(__m256i query, const uint8_t *code) {
    const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, /* twice */
                                           0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i low_half = _mm256_set1_epi8(15);
    __m256i x = _mm256_xor_si256(query, load(code));
    __m256i low = _mm256_shuffle_epi8(table, _mm256_and_si256(x, low_half));
    __m256i high = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(x, 4), low_half));
    return _mm256_add_epi8(low, high);
}

/* Differing bits of every 8 bytes. */
static AVX2 inline __m256i count_words(__m256i query, const uint8_t *code) {
    return _mm256_sad_epu8(count_bytes(query, code), _mm256_setzero_si256());
}

static AVX2 size_t run_2(__m256i query, const uint8_t *codes, size_t n, uint16_t *distance) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        store(distance + i, _mm256_maddubs_epi16(count_bytes(query, codes + i * 2), _mm256_set1_epi8(1)));
    return i;
}

static AVX2 inline __m256i counts_of_4(__m256i query, const uint8_t *code) {
    __m256i pairs = _mm256_maddubs_epi16(count_bytes(query, code), _mm256_set1_epi8(1));
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

static AVX2 size_t run_4(__m256i query, const uint8_t *codes, size_t n, uint16_t *distance) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i a = counts_of_4(query, codes + i * 4), b = counts_of_4(query, codes + i * 4 + 32);
        /* pack works within halves: a0-3 b0-3 a4-7 b4-7 */
        store(distance + i, _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xd8));
    }
    return i;
}

/* Four vectors of 64-bit counts to 16-bit ones; low half: elements 0, 1 of each, high half: elements 2, 3. */
static AVX2 inline __m256i narrow(__m256i a, __m256i b, __m256i c, __m256i d) {
    return _mm256_packus_epi32(_mm256_packus_epi32(a, b), _mm256_packus_epi32(c, d));
}

static AVX2 size_t run_8(__m256i query, const uint8_t *codes, size_t n, uint16_t *distance) {
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const uint8_t *p = codes + i * 8;
        __m256i x = narrow(count_words(query, p), count_words(query, p + 32), count_words(query, p + 64),
                           count_words(query, p + 96));
        store(distance + i, _mm256_permutevar8x32_epi32(x, order));
    }
    return i;
}

/* Four codes of 16 bytes from 64 bytes, as 64-bit counts in the order 0, 2, 1, 3. */
static AVX2 inline __m256i counts_of_16(__m256i query, const uint8_t *p) {
    __m256i a = count_words(query, p), b = count_words(query, p + 32);
    return _mm256_add_epi64(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
}

static AVX2 size_t run_16(__m256i query, const uint8_t *codes, size_t n, uint16_t *distance) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const uint8_t *p = codes + i * 16;
        __m256i x = narrow(counts_of_16(query, p), counts_of_16(query, p + 64), counts_of_16(query, p + 128),
                           counts_of_16(query, p + 192));
        /* low half: even codes, high half: odd codes */
        __m128i even = _mm256_castsi256_si128(x), odd = _mm256_extracti128_si256(x, 1);
        store(distance + i, _mm256_set_m128i(_mm_unpackhi_epi16(even, odd), _mm_unpacklo_epi16(even, odd)));
    }
    return i;
}

/* Four codes of 32 bytes, as 64-bit counts in order. */
static AVX2 inline __m256i counts_of_32(__m256i query, const uint8_t *p) {
    __m256i a = count_words(query, p), b = count_words(query, p + 32);
    __m256i c = count_words(query, p + 64), d = count_words(query, p + 96);
    __m256i ab = _mm256_add_epi64(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b)); /* a01 b01 a23 b23 */
    __m256i cd = _mm256_add_epi64(_mm256_unpacklo_epi64(c, d), _mm256_unpackhi_epi64(c, d));
    return _mm256_add_epi64(_mm256_permute2x128_si256(ab, cd, 0x20), _mm256_permute2x128_si256(ab, cd, 0x31));
}

static AVX2 size_t run_32(__m256i query, const uint8_t *codes, size_t n, uint16_t *distance) {
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        const uint8_t *p = codes + i * 32;
        __m256i x = narrow(counts_of_32(query, p), counts_of_32(query, p + 128), counts_of_32(query, p + 256),
                           counts_of_32(query, p + 384));
        store(distance + i, _mm256_permutevar8x32_epi32(x, order));
    }
    return i;
}

static AVX2 inline uint16_t run_one(const uint8_t *query, const uint8_t *code, size_t n_bytes) {
    __m256i sum = _mm256_setzero_si256();
    size_t j = 0;
    for (; j + 32 <= n_bytes; j += 32)
        sum = _mm256_add_epi64(sum, count_words(load(query + j), code + j));
    __m128i half = _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    uint64_t total = (uint64_t)_mm_cvtsi128_si64(half) + (uint64_t)_mm_extract_epi64(half, 1);
    for (; j + 8 <= n_bytes; j += 8) {
        uint64_t x, y;
        memcpy(&x, query + j, 8);
        memcpy(&y, code + j, 8);
        total += (uint64_t)__builtin_popcountll(x ^ y);
    }
    for (; j < n_bytes; j++)
        total += (uint64_t)__builtin_popcount(query[j] ^ code[j]);
    return (uint16_t)total;
}

static AVX2 void distances(const uint8_t *query, const uint8_t *codes, size_t n, size_t n_bytes, uint16_t *distance) {
    uint8_t repeated[32] = {0};
    if (32 % n_bytes == 0)
        for (size_t j = 0; j < 32; j += n_bytes)
            memcpy(repeated + j, query, n_bytes);
    __m256i q = load(repeated);
    size_t done = 0;
    switch (n_bytes) {
    case 2: done = run_2(q, codes, n, distance); break;
    case 4: done = run_4(q, codes, n, distance); break;
    case 8: done = run_8(q, codes, n, distance); break;
    case 16: done = run_16(q, codes, n, distance); break;
    case 32: done = run_32(q, codes, n, distance); break;
    default: break;
    }
    for (size_t i = done; i < n; i++)
        distance[i] = run_one(query, codes + i * n_bytes, n_bytes);
}

/* The distances of 16 codes of a group, in order; p: their first words. Inlined with constants. A byte counts up to 16 words of
 * 8 bits, which it can hold. */
static AVX2 inline __m256i distances_16(const uint64_t *query, const uint8_t *p, size_t word_bytes, size_t n_words) {
    __m256i q = _mm256_set1_epi64x((long long)query[0]);
    if (word_bytes == 2)
        return _mm256_maddubs_epi16(count_bytes(q, p), _mm256_set1_epi8(1));
    if (word_bytes == 4)
        return _mm256_permute4x64_epi64(_mm256_packus_epi32(counts_of_4(q, p), counts_of_4(q, p + 32)), 0xd8);
    __m256i a = count_bytes(q, p), b = count_bytes(q, p + 32), c = count_bytes(q, p + 64), d = count_bytes(q, p + 96);
    for (size_t w = 1; w < n_words; w++) {
        q = _mm256_set1_epi64x((long long)query[w]);
        p += ADAH_GROUP * 8;
        a = _mm256_add_epi8(a, count_bytes(q, p));
        b = _mm256_add_epi8(b, count_bytes(q, p + 32));
        c = _mm256_add_epi8(c, count_bytes(q, p + 64));
        d = _mm256_add_epi8(d, count_bytes(q, p + 96));
    }
    const __m256i zero = _mm256_setzero_si256(), order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i x = narrow(_mm256_sad_epu8(a, zero), _mm256_sad_epu8(b, zero), _mm256_sad_epu8(c, zero), _mm256_sad_epu8(d, zero));
    return _mm256_permutevar8x32_epi32(x, order);
}

/* For codes of one word of 8 bytes: 8 for every code less what differs, since the difference of two bytes is at hand where
 * their sum is not. */
static AVX2 inline __m256i agreeing(__m256i query, const uint8_t *code) {
    const __m256i count = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, /* twice */
                                           0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i rest = _mm256_setr_epi8(8, 7, 7, 6, 7, 6, 6, 5, 7, 6, 6, 5, 6, 5, 5, 4, /* twice */
                                          8, 7, 7, 6, 7, 6, 6, 5, 7, 6, 6, 5, 6, 5, 5, 4);
    const __m256i low_half = _mm256_set1_epi8(15);
    __m256i x = _mm256_xor_si256(query, load(code));
    __m256i low = _mm256_shuffle_epi8(count, _mm256_and_si256(x, low_half));
    __m256i high = _mm256_shuffle_epi8(rest, _mm256_and_si256(_mm256_srli_epi16(x, 4), low_half));
    return _mm256_sad_epu8(low, high);
}

static AVX2 size_t near_groups_8(const uint64_t *query, const uint8_t *p, size_t n_groups, uint32_t limit, uint16_t *group) {
    const __m256i q = _mm256_set1_epi64x((long long)query[0]), limits = _mm256_set1_epi64x(64 - (int)limit);
    size_t n = 0;
    for (size_t g = 0; g < n_groups; g++) {
        adah_ask_ahead(p, ADAH_GROUP * 8);
        __m256i most = agreeing(q, p);
        for (const uint8_t *end = p + ADAH_GROUP * 8; (p += 32) != end;)
            most = _mm256_max_epi16(most, agreeing(q, p));
        group[n] = (uint16_t)g;
        n += _mm256_movemask_epi8(_mm256_cmpgt_epi32(most, limits)) != 0;
    }
    return n;
}

static AVX2 inline size_t near_groups_of(const uint64_t *query, const uint8_t *p, size_t n_groups, size_t word_bytes,
                                         size_t n_words, uint32_t limit, uint16_t *group) {
    const __m256i limits = _mm256_set1_epi16((short)limit);
    size_t n = 0;
    for (size_t g = 0; g < n_groups; g++, p += ADAH_GROUP * word_bytes * n_words) {
        __m256i least = distances_16(query, p, word_bytes, n_words);
        for (size_t i = 16; i < ADAH_GROUP; i += 16)
            least = _mm256_min_epu16(least, distances_16(query, p + i * word_bytes, word_bytes, n_words));
        group[n] = (uint16_t)g;
        n += _mm256_movemask_epi8(_mm256_cmpgt_epi16(limits, least)) != 0;
    }
    return n;
}

static AVX2 size_t near_groups(const uint64_t *query, const uint8_t *p, size_t n_groups, size_t word_bytes, size_t n_words,
                               uint32_t limit, uint16_t *group) {
    if (word_bytes == 2)
        return near_groups_of(query, p, n_groups, 2, 1, limit, group);
    if (word_bytes == 4)
        return near_groups_of(query, p, n_groups, 4, 1, limit, group);
    if (n_words == 1)
        return near_groups_8(query, p, n_groups, limit, group);
    return near_groups_of(query, p, n_groups, 8, n_words, limit, group);
}

static AVX2 inline uint64_t near_codes_of(const uint64_t *query, const uint8_t *p, size_t word_bytes, size_t n_words,
                                          uint32_t limit, uint16_t *distance) {
    const __m256i limits = _mm256_set1_epi16((short)limit);
    uint64_t near = 0;
    for (size_t i = 0; i < ADAH_GROUP; i += 16) {
        __m256i x = distances_16(query, p + i * word_bytes, word_bytes, n_words);
        store(distance + i, x);
        __m256i below = _mm256_cmpgt_epi16(limits, x);
        __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(below), _mm256_extracti128_si256(below, 1));
        near |= (uint64_t)(unsigned)_mm_movemask_epi8(bytes) << i;
    }
    return near;
}

static AVX2 uint64_t near_codes(const uint64_t *query, const uint8_t *p, size_t word_bytes, size_t n_words, uint32_t limit,
                                uint16_t *distance) {
    if (word_bytes == 2)
        return near_codes_of(query, p, 2, 1, limit, distance);
    if (word_bytes == 4)
        return near_codes_of(query, p, 4, 1, limit, distance);
    return near_codes_of(query, p, 8, n_words, limit, distance);
}

/* ---- planes ----
 *
 * A vector holds half a byte, the same one, of 32 codes, so that one look-up in the table of the query's own half counts what
 * differs in 32 codes at once: nothing is xored, shifted or added up across a vector. In which order the codes of a group stand
 * does not matter, as long as it is the same for all halves of their bytes. Groups are taken four at a time, whose vectors of
 * one half stand together; those of long codes, which would not fit the first cache, one at a time. */

enum { SHORT_BYTES_MAX = 31 /* of codes whose distances a byte can hold */ };

static size_t taken_together(size_t n_bytes) { return n_bytes <= SHORT_BYTES_MAX ? 4 : 1; }

static AVX2 inline __m256i half_bytes(__m256i x) { return _mm256_and_si256(x, _mm256_set1_epi8(15)); }

/* 32 codes of one word, the same byte of all in each vector. Each round of interleaving the first half of the vectors with the
 * second one turns the bits of a byte's place by one. Inlined with a constant word_bytes. */
static AVX2 inline void transpose_32(const uint8_t *words, size_t word_bytes, __m256i *byte) {
    __m256i next[8];
    for (size_t i = 0; i < word_bytes; i++)
        byte[i] = load(words + i * 32);
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < word_bytes / 2; i++) {
            next[2 * i] = _mm256_unpacklo_epi8(byte[i], byte[i + word_bytes / 2]);
            next[2 * i + 1] = _mm256_unpackhi_epi8(byte[i], byte[i + word_bytes / 2]);
        }
        for (size_t i = 0; i < word_bytes; i++)
            byte[i] = next[i];
    }
}

static AVX2 inline void make_planes_of(const uint8_t *words, size_t n_groups, size_t word_bytes, size_t n_words, size_t n_bytes,
                                       uint8_t *planes) {
    const size_t n_together = taken_together(n_bytes), plane_bytes = n_together * ADAH_GROUP;
    __m256i byte[8];
    for (size_t g = 0; g < n_groups; g++)
        for (size_t w = 0; w < n_words; w++)
            for (size_t i = 0; i < ADAH_GROUP; i += 32, words += 32 * word_bytes) {
                uint8_t *plane = planes + (g / n_together * n_bytes + w * word_bytes) * 2 * plane_bytes +
                                 g % n_together * ADAH_GROUP + i;
                transpose_32(words, word_bytes, byte);
                for (size_t b = 0; b < word_bytes && w * word_bytes + b < n_bytes; b++, plane += 2 * plane_bytes) {
                    _mm256_storeu_si256((__m256i *)(void *)plane, half_bytes(byte[b]));
                    _mm256_storeu_si256((__m256i *)(void *)(plane + plane_bytes), half_bytes(_mm256_srli_epi16(byte[b], 4)));
                }
            }
}

static AVX2 void make_planes(const uint8_t *groups, size_t n_groups, size_t word_bytes, size_t n_words, size_t n_bytes,
                             uint8_t *planes) {
    switch (word_bytes) {
    case 2: make_planes_of(groups, n_groups, 2, n_words, n_bytes, planes); break;
    case 4: make_planes_of(groups, n_groups, 4, n_words, n_bytes, planes); break;
    default: make_planes_of(groups, n_groups, 8, n_words, n_bytes, planes);
    }
}

#define BITS_SET(x) (((x) & 1) + ((x) >> 1 & 1) + ((x) >> 2 & 1) + ((x) >> 3))
#define DIFFERING_4(a, b) BITS_SET((a) ^ (b)), BITS_SET((a) ^ ((b) + 1)), BITS_SET((a) ^ ((b) + 2)), BITS_SET((a) ^ ((b) + 3))
#define DIFFERING_16(a) DIFFERING_4(a, 0), DIFFERING_4(a, 4), DIFFERING_4(a, 8), DIFFERING_4(a, 12)
#define DIFFERING_64(a) DIFFERING_16(a), DIFFERING_16((a) + 1), DIFFERING_16((a) + 2), DIFFERING_16((a) + 3)

/* The bits that differ between half a byte of a query and one of a code, at 16 times the first and the second. */
static const uint8_t differing[256] __attribute__((aligned(64))) = {DIFFERING_64(0), DIFFERING_64(4), DIFFERING_64(8),
                                                                   DIFFERING_64(12)};

static AVX2 inline __m256i table_of(uint8_t query_half) {
    return _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)(const void *)(differing + query_half)));
}

static AVX2 inline void add_bytes(const uint8_t *query_halves, const uint8_t *planes, size_t n_vectors, size_t n, __m256i *sum) {
    for (size_t b = 0; b < n; b++, query_halves += 2, planes += 2 * 32 * n_vectors) {
        __m256i table = table_of(query_halves[0]);
        for (size_t i = 0; i < n_vectors; i++)
            sum[i] = _mm256_add_epi8(sum[i], _mm256_shuffle_epi8(table, load(planes + 32 * i)));
        table = table_of(query_halves[1]);
        for (size_t i = 0; i < n_vectors; i++) {
            sum[i] = _mm256_add_epi8(sum[i], _mm256_shuffle_epi8(table, load(planes + 32 * (n_vectors + i))));
            __asm__("" : "+x"(sum[i]));
        }
    }
}

static AVX2 inline int any_byte_below(__m256i x, __m256i limits) {
    __m256i below = _mm256_subs_epu8(limits, x);
    return !_mm256_testz_si256(below, below);
}

static AVX2 size_t near_planes_short(const uint8_t *query_halves, const uint8_t *planes, size_t n_groups, size_t n_bytes,
                                     uint32_t limit, uint16_t *group) {
    const __m256i limits = _mm256_set1_epi8((char)limit);
    size_t n = 0;
    for (size_t g = 0; g < n_groups; g += 4, planes += 4 * 2 * ADAH_GROUP * n_bytes) {
        __m256i sum[8];
        for (size_t i = 0; i < 8; i++)
            sum[i] = _mm256_setzero_si256();
        add_bytes(query_halves, planes, 8, n_bytes, sum);
        __m256i least[4];
        for (size_t i = 0; i < 4; i++)
            least[i] = _mm256_min_epu8(sum[2 * i], sum[2 * i + 1]);
        if (any_byte_below(_mm256_min_epu8(_mm256_min_epu8(least[0], least[1]), _mm256_min_epu8(least[2], least[3])), limits))
            for (size_t i = 0; i < 4 && g + i < n_groups; i++)
                if (any_byte_below(least[i], limits))
                    group[n++] = (uint16_t)(g + i);
    }
    return n;
}

/* Counts in bytes as far as these can hold it, and adds up in 16 bits. */
static AVX2 size_t near_planes_long(const uint8_t *query_halves, const uint8_t *planes, size_t n_groups, size_t n_bytes,
                                    uint32_t limit, uint16_t *group) {
    const __m256i limits = _mm256_set1_epi16((short)limit), low_bytes = _mm256_set1_epi16(255);
    size_t n = 0;
    for (size_t g = 0; g < n_groups; g++, planes += 2 * ADAH_GROUP * n_bytes) {
        __m256i total[4];
        for (size_t i = 0; i < 4; i++)
            total[i] = _mm256_setzero_si256();
        for (size_t b = 0; b < n_bytes; b += SHORT_BYTES_MAX) {
            __m256i sum[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
            add_bytes(query_halves + 2 * b, planes + 2 * ADAH_GROUP * b, 2,
                      n_bytes - b < SHORT_BYTES_MAX ? n_bytes - b : SHORT_BYTES_MAX, sum);
            for (size_t i = 0; i < 2; i++) {
                total[2 * i] = _mm256_add_epi16(total[2 * i], _mm256_and_si256(sum[i], low_bytes));
                total[2 * i + 1] = _mm256_add_epi16(total[2 * i + 1], _mm256_srli_epi16(sum[i], 8));
            }
        }
        __m256i least = _mm256_min_epu16(_mm256_min_epu16(total[0], total[1]), _mm256_min_epu16(total[2], total[3]));
        group[n] = (uint16_t)g;
        n += _mm256_movemask_epi8(_mm256_cmpgt_epi16(limits, least)) != 0;
    }
    return n;
}

static AVX2 size_t near_planes(const uint8_t *query_halves, const uint8_t *planes, size_t n_groups, size_t n_bytes,
                               uint32_t limit, uint16_t *group) {
    return n_bytes <= SHORT_BYTES_MAX ? near_planes_short(query_halves, planes, n_groups, n_bytes, limit, group)
                                      : near_planes_long(query_halves, planes, n_groups, n_bytes, limit, group);
}

const adah_hamming_kernel adah_hamming_avx2 = {"avx2",     supported,   distances,   near_groups,
                                               near_codes, make_planes, near_planes, 16, add_level_block};

#else
typedef int adah_hamming_avx2_not_here; /* an empty file is no C */
#endif
