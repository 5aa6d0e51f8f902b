/* shrink_rows.c - with AVX2 where there is, and plain; both give the same bytes.
 *
 * AVX2 multiplies two taps at a time (a pair of 16-bit pixels by a pair of weights is one 32-bit sum). Along a row four taps are
 * spread over a register: (r0 r1 g0 g1 b0 b1 - - | r2 r3 g2 g3 b2 b3 - -), with the weights (0 1 0 1 0 1 - - | 2 3 2 3 2 3 - -). */
#include "plugins/pictures/shrink_rows.h"
#include "base/processor.h"

#include <string.h>

enum { BLOCK = 64 }; /* sums of a row at a time */

static uint8_t round_sum(int32_t sum) {
    const int32_t value = (sum + 2048) >> 12;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

static void down_plain(const uint8_t *const *row, const int16_t *filter, size_t n_taps, size_t first, size_t n_bytes, uint8_t *to) {
    for (size_t start = first; start < n_bytes; start += BLOCK) {
        int32_t sum[BLOCK] = {0};
        const size_t n = n_bytes - start < BLOCK ? n_bytes - start : BLOCK;
        for (size_t k = 0; k < n_taps; k++)
            for (size_t i = 0; i < n; i++)
                sum[i] += filter[k] * row[k][start + i];
        for (size_t i = 0; i < n; i++)
            to[start + i] = round_sum(sum[i]);
    }
}

static void along_plain(const uint8_t *pixel, const int16_t *spread, size_t n_taps, uint8_t *to) {
    int32_t sum[3] = {0, 0, 0};
    for (size_t k = 0; k < n_taps; k++)
        for (size_t c = 0; c < 3; c++)
            sum[c] += spread[k / 4 * 16 + k % 4 / 2 * 8 + k % 2] * pixel[k * 3 + c];
    for (size_t c = 0; c < 3; c++)
        to[c] = round_sum(sum[c]);
}

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2 __attribute__((target("avx2")))

static AVX2 inline __m256i load(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }

static AVX2 inline __m256i rounded(__m256i sum) { return _mm256_srai_epi32(_mm256_add_epi32(sum, _mm256_set1_epi32(2048)), 12); }

/* As many whole registers as there are; returns the bytes done. */
static AVX2 size_t down_avx2(const uint8_t *const *row, const int16_t *filter, size_t n_taps, size_t n_bytes, uint8_t *to) {
    const __m256i zero = _mm256_setzero_si256();
    size_t i = 0;
    for (; i + 32 <= n_bytes; i += 32) {
        __m256i sum[4] = {zero, zero, zero, zero};
        for (size_t k = 0; k < n_taps; k += 2) {
            int32_t pair;
            memcpy(&pair, filter + k, sizeof pair);
            const __m256i weights = _mm256_set1_epi32(pair), a = load(row[k] + i), b = load(row[k + 1 < n_taps ? k + 1 : k] + i);
            const __m256i low = _mm256_unpacklo_epi8(a, b), high = _mm256_unpackhi_epi8(a, b);
            sum[0] = _mm256_add_epi32(sum[0], _mm256_madd_epi16(_mm256_unpacklo_epi8(low, zero), weights));
            sum[1] = _mm256_add_epi32(sum[1], _mm256_madd_epi16(_mm256_unpackhi_epi8(low, zero), weights));
            sum[2] = _mm256_add_epi32(sum[2], _mm256_madd_epi16(_mm256_unpacklo_epi8(high, zero), weights));
            sum[3] = _mm256_add_epi32(sum[3], _mm256_madd_epi16(_mm256_unpackhi_epi8(high, zero), weights));
        }
        const __m256i low = _mm256_packs_epi32(rounded(sum[0]), rounded(sum[1])),
                      high = _mm256_packs_epi32(rounded(sum[2]), rounded(sum[3]));
        _mm256_storeu_si256((__m256i *)(void *)(to + i), _mm256_packus_epi16(low, high));
    }
    return i;
}

static AVX2 void along_avx2(const uint8_t *row, const size_t *place, const uint8_t *form, const int16_t *spread, size_t n_taps,
                            size_t n_out, uint8_t *to) {
    const __m256i order = _mm256_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1, 6, -1, 9, -1, 7, -1, 10, -1, 8, -1,
                                           11, -1, -1, -1, -1, -1);
    for (size_t i = 0; i < n_out; i++) {
        const uint8_t *pixel = row + place[i] * 3;
        const int16_t *weights = spread + form[i] * SHRINK_SPREAD;
        __m256i sum = _mm256_setzero_si256();
        for (size_t k = 0; k < n_taps; k += 4, pixel += 12, weights += 16) {
            const __m256i taps = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)pixel));
            sum = _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_shuffle_epi8(taps, order),
                                                          _mm256_loadu_si256((const __m256i *)(const void *)weights)));
        }
        __m128i all = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
        all = _mm_srai_epi32(_mm_add_epi32(all, _mm_set1_epi32(2048)), 12);
        all = _mm_packs_epi32(all, all);
        const int32_t rgb = _mm_cvtsi128_si32(_mm_packus_epi16(all, all));
        memcpy(to + i * 3, &rgb, i + 1 < n_out ? 4 : 3); /* the fourth byte is the next pixel's */
    }
}
#endif

void adah_shrink_down(const uint8_t *const *row, const int16_t *filter, size_t n_taps, size_t n_bytes, uint8_t *to) {
    size_t n_done = 0;
#if defined(__x86_64__)
    if (adah_processor_vectors() >= ADAH_VECTORS_AVX2)
        n_done = down_avx2(row, filter, n_taps, n_bytes, to);
#endif
    down_plain(row, filter, n_taps, n_done, n_bytes, to);
}

void adah_shrink_spread(const int16_t *filter, int16_t *spread) {
    for (size_t k = 0; k < SHRINK_TAPS; k++)
        for (size_t c = 0; c < 3; c++)
            spread[k / 4 * 16 + k % 4 / 2 * 8 + c * 2 + k % 2] = filter[k];
}

void adah_shrink_along(const uint8_t *row, const size_t *place, const uint8_t *form, const int16_t *spread, size_t n_taps, size_t n_out,
                       uint8_t *to) {
#if defined(__x86_64__)
    if (adah_processor_vectors() >= ADAH_VECTORS_AVX2) {
        along_avx2(row, place, form, spread, n_taps, n_out, to);
        return;
    }
#endif
    for (size_t i = 0; i < n_out; i++)
        along_plain(row + place[i] * 3, spread + form[i] * SHRINK_SPREAD, n_taps, to + i * 3);
}

void adah_shrink_boxes(uint8_t *row, size_t n, size_t n_box) {
    for (size_t i = 0; i < n / n_box; i++)
        for (size_t c = 0; c < 3; c++) {
            const uint8_t *from = row + i * n_box * 3 + c;
            uint32_t sum = n_box == 2 ? from[0] + from[3] : 0;
            for (size_t k = 0; n_box != 2 && k < n_box; k++)
                sum += from[k * 3];
            row[i * 3 + c] = (uint8_t)(n_box == 2 ? (sum + 1) >> 1 : (sum + n_box / 2) / n_box);
        }
    const size_t n_left = n % n_box;
    for (size_t c = 0; n_left && c < 3; c++) {
        const uint8_t *from = row + (n - n_left) * 3 + c;
        uint32_t sum = (uint32_t)(n_box - n_left) * row[(n - 1) * 3 + c];
        for (size_t k = 0; k < n_left; k++)
            sum += from[k * 3];
        row[n / n_box * 3 + c] = (uint8_t)((sum + n_box / 2) / n_box);
    }
}
