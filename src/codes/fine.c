/* fine.c - rounding vectors, and their cosines. Vectors of an index lie anywhere in a file of gigabytes, and most of the time would go
 * by waiting for one after the other; so they are asked for some way ahead. */
#include "codes/fine.h"
#include "base/vector.h"

#include <float.h>
#include <math.h>
#include <string.h>

void adah_fine_round(const float *v, size_t n, size_t n_fine, int8_t *fine) {
    for (size_t i = 0; i < n; i++, v += n_fine, fine += n_fine) {
        float most = 0;
        for (size_t k = 0; k < n_fine; k++)
            most = fmaxf(most, fabsf(v[k]));
        const int has_direction = most > 0 && most <= FLT_MAX;
        for (size_t k = 0; k < n_fine; k++)
            fine[k] = has_direction ? (int8_t)lrintf(v[k] / most * 127) : 0;
    }
}

int adah_fine_is_there(const int8_t *fine, size_t n_fine) {
    int any = 0;
    for (size_t k = 0; k < n_fine; k++)
        any |= fine[k];
    return any != 0;
}

/* Vectors know less of the class than codes do: of a small collection a quarter is of the right class, and what is beyond would push it out
 * (of 400 photos, P@10 of texts .78 with 200 candidates and .82 with 100). But whoever asks with an image for images may have an altered copy of
 * one, whose vector is near and whose code is not: of 100 photos of half the size, among 6,890, 90 are within the nearest 200, 97 within 1,000 and
 * 100 within 2,000. So there are as many as take a time that is not felt, and fewer beyond, where a search is measured by its time. */
size_t adah_fine_tier(size_t n_codes, int is_like_for_like) {
    enum { LIKE_MAX = 10000, LEAST = 20 }; /* of a few, the order would else be that of the codes */
    const size_t quarter = n_codes / 4 < ADAH_FINE_CANDIDATES ? n_codes / 4 : ADAH_FINE_CANDIDATES;
    size_t n = quarter ? quarter : 1;
    if (is_like_for_like) {
        const size_t most = n_codes <= LIKE_MAX ? n_codes : (size_t)LIKE_MAX * LIKE_MAX / n_codes;
        n = most > n ? most : n;
    }
    while (n < LEAST)
        n *= 2;
    return n;
}

size_t adah_fine_candidates(size_t tier, size_t k) {
    size_t n = tier;
    while (n < k && n <= SIZE_MAX / 2)
        n *= 2;
    return n < k ? SIZE_MAX : n;
}

/* The weight of the likeness of the codes. The vectors find the picture, and the codes know its class better. Of 400 photos, P@10 of texts is
 * .69 at 0 and .82 at a quarter (with the candidates above); R@10 among 6,890 is .009 lower for it, and .03 lower at 1. */
static const double code_weight = 0.25;

float adah_fine_score(float cosine, uint32_t distance, size_t n_bits) {
    if (cosine == ADAH_NO_SCORE)
        return cosine;
    return (float)(((double)cosine + code_weight * (1 - 2 * (double)distance / (double)n_bits)) / (1 + code_weight));
}

/* The products of a with b and of b with itself. A query is widened once: of two numbers of 16 bits processors make products and add
 * neighbours in one instruction. */
ADAH_VECTOR_LOOP(void, products, (const int16_t *a, const int8_t *b, size_t n, int32_t out[2]), (a, b, n, out)) {
    int32_t ab = 0, bb = 0;
    for (size_t k = 0; k < n; k++) {
        const int16_t wide = b[k];
        ab += a[k] * wide;
        bb += wide * wide;
    }
    out[0] = ab;
    out[1] = bb;
}

static void ask_for(const int8_t *vector, size_t n_fine) {
    enum { LINE = 64 };
    for (size_t k = 0; vector && k < n_fine; k += LINE)
        __builtin_prefetch(vector + k);
}

void adah_fine_cosines(const int8_t *query, const int8_t *const *vector, size_t n, size_t n_fine, float *cosine) {
    enum { AHEAD = 8 };
    int16_t wide[ADAH_FINE_MAX];
    int32_t own[2], both[2];
    for (size_t k = 0; k < n_fine; k++)
        wide[k] = query[k];
    products(wide, query, n_fine, own);
    for (size_t i = 0; i < AHEAD && i < n; i++)
        ask_for(vector[i], n_fine);
    for (size_t i = 0; i < n; i++) {
        if (i + AHEAD < n)
            ask_for(vector[i + AHEAD], n_fine);
        both[1] = 0;
        if (vector[i])
            products(wide, vector[i], n_fine, both);
        cosine[i] = own[1] && both[1] ? (float)(both[0] / sqrt((double)own[1] * both[1])) : ADAH_NO_SCORE;
    }
}

void adah_fine_scores(const int8_t *query, size_t n_own, const int8_t *const *vector, size_t n_theirs, const adah_hit *hit, size_t n,
                      size_t n_bits, float *score) {
    adah_fine_cosines(query, vector, n, n_own < n_theirs ? n_own : n_theirs, score);
    for (size_t i = 0; i < n; i++)
        score[i] = adah_fine_score(score[i], hit[i].distance, n_bits);
}
