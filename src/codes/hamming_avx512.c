/* hamming_avx512.c - Hamming distances with AVX-512 and its bit counting (VPOPCNTDQ, BITALG: Ice Lake, Zen 4).
 *
 * A vector of 64 bytes holds 64 / n_bytes codes; bits are counted in elements of the code's width where there are
 * such, else in 8-byte words that are then added. Codes of another length go under a mask, the sums of eight at a
 * time. */
#include "base/processor.h"
#include "codes/hamming_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define AVX512 __attribute__((target("bmi,popcnt,avx512f,avx512bw,avx512vl,avx512vpopcntdq,avx512bitalg")))

static inline __attribute__((always_inline)) AVX512 uint64_t same_bytes(const uint8_t *p, uint8_t value) {
    return _mm512_cmpeq_epi8_mask(_mm512_loadu_si512((const void *)p), _mm512_set1_epi8((char)value));
}
#define ADAH_LEVELS_TARGET AVX512
#include "codes/levels_body.h"

static int supported(void) {
    return adah_processor_vectors() >= ADAH_VECTORS_AVX512 && __builtin_cpu_supports("avx512vpopcntdq") &&
           __builtin_cpu_supports("avx512bitalg");
}

static AVX512 inline __m512i differ(__m512i query, const uint8_t *code) {
    return _mm512_xor_si512(query, _mm512_loadu_si512((const void *)code));
}

static AVX512 inline __m512i count_words(__m512i query, const uint8_t *code) {
    return _mm512_popcnt_epi64(differ(query, code));
}

static AVX512 size_t run_2(__m512i query, const uint8_t *codes, size_t n, uint16_t *distance) {
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        _mm512_storeu_si512((void *)(distance + i), _mm512_popcnt_epi16(differ(query, codes + i * 2)));
    return i;
}

static AVX512 size_t run_4(__m512i query, const uint8_t *codes, size_t n, uint16_t *distance) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m512i counts = _mm512_popcnt_epi32(differ(query, codes + i * 4));
        _mm256_storeu_si256((__m256i *)(void *)(distance + i), _mm512_cvtepi32_epi16(counts));
    }
    return i;
}

static AVX512 size_t run_8(__m512i query, const uint8_t *codes, size_t n, uint16_t *distance) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m512i counts = count_words(query, codes + i * 8);
        _mm_storeu_si128((__m128i *)(void *)(distance + i), _mm512_cvtepi64_epi16(counts));
    }
    return i;
}

/* Sums of neighbouring words of a and b: a01 b01 a23 b23 a45 b45 a67 b67. */
static AVX512 inline __m512i add_pairs(__m512i a, __m512i b) {
    return _mm512_add_epi64(_mm512_unpacklo_epi64(a, b), _mm512_unpackhi_epi64(a, b));
}

static AVX512 size_t run_16(__m512i query, const uint8_t *codes, size_t n, uint16_t *distance) {
    const __m512i order = _mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const uint8_t *p = codes + i * 16;
        __m512i counts = add_pairs(count_words(query, p), count_words(query, p + 64));
        counts = _mm512_permutexvar_epi64(order, counts);
        _mm_storeu_si128((__m128i *)(void *)(distance + i), _mm512_cvtepi64_epi16(counts));
    }
    return i;
}

/* Sums of neighbouring pairs of words of a, then of b. */
static AVX512 inline __m512i add_halves(__m512i a, __m512i b) {
    return _mm512_add_epi64(_mm512_shuffle_i64x2(a, b, 0x88), _mm512_shuffle_i64x2(a, b, 0xdd));
}

static AVX512 size_t run_32(__m512i query, const uint8_t *codes, size_t n, uint16_t *distance) {
    /* After both additions: codes 0 2 1 3 4 6 5 7. */
    const __m512i order = _mm512_setr_epi64(0, 2, 1, 3, 4, 6, 5, 7);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        const uint8_t *p = codes + i * 32;
        __m512i a = add_pairs(count_words(query, p), count_words(query, p + 64));
        __m512i b = add_pairs(count_words(query, p + 128), count_words(query, p + 192));
        __m512i counts = _mm512_permutexvar_epi64(order, add_halves(a, b));
        _mm_storeu_si128((__m128i *)(void *)(distance + i), _mm512_cvtepi64_epi16(counts));
    }
    return i;
}

/* The bits that differ in one code, in 8 sums. The query is 128 bytes, zeros behind its end. */
static AVX512 inline __m512i sums_of(const uint8_t *query, const uint8_t *code, size_t n_bytes) {
    const __mmask64 inside = n_bytes % 64 ? ((__mmask64)1 << n_bytes % 64) - 1 : ~(__mmask64)0;
    if (n_bytes <= 64)
        return _mm512_popcnt_epi64(
            _mm512_xor_si512(_mm512_loadu_si512((const void *)query), _mm512_maskz_loadu_epi8(inside, code)));
    __m512i x =
        _mm512_xor_si512(_mm512_loadu_si512((const void *)(query + 64)), _mm512_maskz_loadu_epi8(inside, code + 64));
    return _mm512_add_epi64(count_words(_mm512_loadu_si512((const void *)query), code), _mm512_popcnt_epi64(x));
}

static AVX512 void run_any(const uint8_t *query, const uint8_t *codes, size_t n, size_t n_bytes, uint16_t *distance) {
    uint8_t padded[128] = {0};
    memcpy(padded, query, n_bytes);
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m512i pair[4];
        adah_ask_ahead(codes + i * n_bytes, 8 * n_bytes); /* which loads under a mask do not set the machine doing */
        for (size_t j = 0; j < 4; j++) {
            const uint8_t *p = codes + (i + 2 * j) * n_bytes;
            pair[j] = add_pairs(sums_of(padded, p, n_bytes), sums_of(padded, p + n_bytes, n_bytes));
        }
        __m512i counts = add_halves(add_halves(pair[0], pair[1]), add_halves(pair[2], pair[3]));
        _mm_storeu_si128((__m128i *)(void *)(distance + i), _mm512_cvtepi64_epi16(counts));
    }
    for (; i < n; i++)
        distance[i] = (uint16_t)_mm512_reduce_add_epi64(sums_of(padded, codes + i * n_bytes, n_bytes));
}

static AVX512 void distances(const uint8_t *query, const uint8_t *codes, size_t n, size_t n_bytes,
                             uint16_t *distance) {
    uint8_t repeated[64] = {0};
    if (64 % n_bytes == 0)
        for (size_t j = 0; j < 64; j += n_bytes)
            memcpy(repeated + j, query, n_bytes);
    __m512i q = _mm512_loadu_si512((const void *)repeated);
    size_t done = 0;
    switch (n_bytes) {
    case 2: done = run_2(q, codes, n, distance); break;
    case 4: done = run_4(q, codes, n, distance); break;
    case 8: done = run_8(q, codes, n, distance); break;
    case 16: done = run_16(q, codes, n, distance); break;
    case 32: done = run_32(q, codes, n, distance); break;
    default: break;
    }
    run_any(query, codes + done * n_bytes, n - done, n_bytes, distance + done);
}

/* The distances of 32 codes of a group of words of 8 bytes. */
typedef struct distances_32 {
    __m512i a, b, c, d;
} distances_32;

static AVX512 inline distances_32 count_32(const uint64_t *query, const uint8_t *p, size_t n_words) {
    __m512i q = _mm512_set1_epi64((long long)query[0]);
    distances_32 x = {count_words(q, p), count_words(q, p + 64), count_words(q, p + 128), count_words(q, p + 192)};
    for (size_t w = 1; w < n_words; w++) {
        q = _mm512_set1_epi64((long long)query[w]);
        p += ADAH_GROUP * 8;
        x.a = _mm512_add_epi64(x.a, count_words(q, p));
        x.b = _mm512_add_epi64(x.b, count_words(q, p + 64));
        x.c = _mm512_add_epi64(x.c, count_words(q, p + 128));
        x.d = _mm512_add_epi64(x.d, count_words(q, p + 192));
    }
    return x;
}

static AVX512 inline __m512i least_32(const uint64_t *query, const uint8_t *p, size_t n_words) {
    distances_32 x = count_32(query, p, n_words);
    return _mm512_min_epu64(_mm512_min_epu64(x.a, x.b), _mm512_min_epu64(x.c, x.d));
}

/* Inlined with a constant n_words for the usual lengths. */
static AVX512 inline size_t near_groups_8(const uint64_t *query, const uint8_t *p, size_t n_groups, size_t n_words,
                                          uint32_t limit, uint16_t *group) {
    const __m512i limits = _mm512_set1_epi64(limit);
    size_t n = 0;
    for (size_t g = 0; g < n_groups; g++, p += ADAH_GROUP * 8 * n_words) {
        if (n_words == 1) /* else they were gathered just now */
            adah_ask_ahead(p, ADAH_GROUP * 8);
        __m512i least = _mm512_min_epu64(least_32(query, p, n_words), least_32(query, p + 256, n_words));
        group[n] = (uint16_t)g;
        n += _mm512_cmplt_epu64_mask(least, limits) != 0;
    }
    return n;
}

static AVX512 inline __m512i count_4(__m512i query, const uint8_t *code) {
    return _mm512_popcnt_epi32(differ(query, code));
}
static AVX512 inline __m512i count_2(__m512i query, const uint8_t *code) {
    return _mm512_popcnt_epi16(differ(query, code));
}

static AVX512 inline size_t near_groups_4(const uint64_t *query, const uint8_t *p, size_t n_groups, uint32_t limit,
                                          uint16_t *group) {
    const __m512i q = _mm512_set1_epi64((long long)query[0]), limits = _mm512_set1_epi32((int)limit);
    size_t n = 0;
    for (size_t g = 0; g < n_groups; g++, p += ADAH_GROUP * 4) {
        __m512i least = _mm512_min_epu32(_mm512_min_epu32(count_4(q, p), count_4(q, p + 64)),
                                         _mm512_min_epu32(count_4(q, p + 128), count_4(q, p + 192)));
        group[n] = (uint16_t)g;
        n += _mm512_cmplt_epu32_mask(least, limits) != 0;
    }
    return n;
}

static AVX512 inline size_t near_groups_2(const uint64_t *query, const uint8_t *p, size_t n_groups, uint32_t limit,
                                          uint16_t *group) {
    const __m512i q = _mm512_set1_epi64((long long)query[0]), limits = _mm512_set1_epi16((short)limit);
    size_t n = 0;
    for (size_t g = 0; g < n_groups; g++, p += ADAH_GROUP * 2) {
        group[n] = (uint16_t)g;
        n += _mm512_cmplt_epu16_mask(_mm512_min_epu16(count_2(q, p), count_2(q, p + 64)), limits) != 0;
    }
    return n;
}

static AVX512 size_t near_groups(const uint64_t *query, const uint8_t *p, size_t n_groups, size_t word_bytes,
                                 size_t n_words, uint32_t limit, uint16_t *group) {
    if (word_bytes == 8)
        switch (n_words) {
        case 1: return near_groups_8(query, p, n_groups, 1, limit, group);
        case 2: return near_groups_8(query, p, n_groups, 2, limit, group);
        default: return near_groups_8(query, p, n_groups, n_words, limit, group);
        }
    return word_bytes == 4 ? near_groups_4(query, p, n_groups, limit, group)
                           : near_groups_2(query, p, n_groups, limit, group);
}

/* Eight distances from 64-bit counts; the bits of those below the limits. */
static AVX512 inline uint64_t put_8(__m512i counts, __m512i limits, uint16_t *distance) {
    _mm_storeu_si128((__m128i *)(void *)distance, _mm512_cvtepi64_epi16(counts));
    return _mm512_cmplt_epu64_mask(counts, limits);
}

static AVX512 uint64_t near_codes(const uint64_t *query, const uint8_t *p, size_t word_bytes, size_t n_words,
                                  uint32_t limit, uint16_t *distance) {
    const __m512i q = _mm512_set1_epi64((long long)query[0]);
    uint64_t near = 0;
    if (word_bytes == 8)
        for (size_t i = 0; i < ADAH_GROUP; i += 32) {
            const __m512i limits = _mm512_set1_epi64(limit);
            distances_32 x = count_32(query, p + i * 8, n_words);
            near |= put_8(x.a, limits, distance + i) << i | put_8(x.b, limits, distance + i + 8) << (i + 8) |
                    put_8(x.c, limits, distance + i + 16) << (i + 16) |
                    put_8(x.d, limits, distance + i + 24) << (i + 24);
        }
    else if (word_bytes == 4)
        for (size_t i = 0; i < ADAH_GROUP; i += 16) {
            __m512i counts = count_4(q, p + i * 4);
            _mm256_storeu_si256((__m256i *)(void *)(distance + i), _mm512_cvtepi32_epi16(counts));
            near |= (uint64_t)_mm512_cmplt_epu32_mask(counts, _mm512_set1_epi32((int)limit)) << i;
        }
    else
        for (size_t i = 0; i < ADAH_GROUP; i += 32) {
            __m512i counts = count_2(q, p + i * 2);
            _mm512_storeu_si512((void *)(distance + i), counts);
            near |= (uint64_t)_mm512_cmplt_epu16_mask(counts, _mm512_set1_epi16((short)limit)) << i;
        }
    return near;
}

const adah_hamming_kernel adah_hamming_avx512 = {"avx512", supported, distances, near_groups, near_codes, NULL, NULL, 6, add_level_block};

#else
typedef int adah_hamming_avx512_not_here; /* an empty file is no C */
#endif
