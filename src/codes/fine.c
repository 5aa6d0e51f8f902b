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

/* Steps, so that whoever asks for more answers, a page after another, mostly has the same ones in front. */
size_t adah_fine_candidates(size_t k) {
    size_t n = ADAH_FINE_CANDIDATES_MIN;
    while (n / 2 < k && n <= SIZE_MAX / 2)
        n *= 2;
    return n / 2 < k ? SIZE_MAX : n;
}

/* The products of a with b and of b with itself. */
ADAH_VECTOR_LOOP(void, products, (const int8_t *a, const int8_t *b, size_t n, int32_t out[2]), (a, b, n, out)) {
    int32_t ab = 0, bb = 0;
    for (size_t k = 0; k < n; k++) {
        ab += (int32_t)a[k] * b[k];
        bb += (int32_t)b[k] * b[k];
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
    int32_t own[2], both[2];
    products(query, query, n_fine, own);
    for (size_t i = 0; i < AHEAD && i < n; i++)
        ask_for(vector[i], n_fine);
    for (size_t i = 0; i < n; i++) {
        if (i + AHEAD < n)
            ask_for(vector[i + AHEAD], n_fine);
        both[1] = 0;
        if (vector[i])
            products(query, vector[i], n_fine, both);
        cosine[i] = own[1] && both[1] ? (float)(both[0] / sqrt((double)own[1] * both[1])) : ADAH_NO_SCORE;
    }
}
