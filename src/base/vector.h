/* vector.h - plain loops compiled for several vector units, of which the program takes the best that it may use (processor.h).
 *
 * The library is built for any x86-64, where a vector holds 4 floats. ADAH_VECTOR_LOOP makes versions of a static function for AVX2
 * and AVX-512 as well (8 and 16 floats). Worth it for loops over memory that the compiler can vectorise; functions that it
 * inlines come along.
 *
 *     ADAH_VECTOR_LOOP(void, add_chunk, (void *context, size_t chunk), (context, chunk)) { ... }
 *
 * Elementwise loops give the same bits in every version; so do the sums below, which always have 16 lanes. (A sum under "omp simd" has
 * as many as the vector, and gcc adds them up one by one, which for 50 floats takes longer than the loop.) arm64 has one
 * vector unit, and nothing to choose. */
#ifndef ADAH_BASE_VECTOR_H
#define ADAH_BASE_VECTOR_H

#include "base/processor.h"

#include <stddef.h>

/* The function's type, its name, its parameters and the same as arguments of a call; its body follows. */
#if defined(__x86_64__)
#define ADAH_VECTOR_LOOP(type, name, parameters, arguments)                                                                     \
    static inline __attribute__((always_inline)) type name##_body parameters;                                                  \
    __attribute__((target("avx512f,avx512bw,avx512cd,avx512dq,avx512vl,fma,bmi,bmi2,popcnt"))) static type name##_avx512       \
        parameters {                                                                                                           \
        return name##_body arguments;                                                                                          \
    }                                                                                                                          \
    __attribute__((target("avx2,fma,bmi,bmi2,popcnt"))) static type name##_avx2 parameters { return name##_body arguments; }   \
    static type name parameters {                                                                                              \
        const adah_vectors vectors = adah_processor_vectors();                                                                 \
        return vectors >= ADAH_VECTORS_AVX512 ? name##_avx512 arguments                                                        \
               : vectors == ADAH_VECTORS_AVX2 ? name##_avx2 arguments                                                          \
                                              : name##_body arguments;                                                         \
    }                                                                                                                          \
    static inline __attribute__((always_inline)) type name##_body parameters
#else
#define ADAH_VECTOR_LOOP(type, name, parameters, arguments) static type name parameters
#endif

typedef float adah_lanes __attribute__((vector_size(64), aligned(4), may_alias)); /* anywhere in an array of floats */
typedef float adah_half_lanes __attribute__((vector_size(32), aligned(4), may_alias));
typedef float adah_quarter_lanes __attribute__((vector_size(16), aligned(4), may_alias));
enum { ADAH_LANES = 16 };

static inline __attribute__((always_inline)) float adah_lanes_sum(const adah_lanes *lanes) {
    const adah_half_lanes *half = (const void *)lanes;
    const adah_half_lanes eight = half[0] + half[1];
    const adah_quarter_lanes *quarter = (const void *)&eight;
    const adah_quarter_lanes four = quarter[0] + quarter[1];
    return (four[0] + four[2]) + (four[1] + four[3]);
}

/* The sum of x. */
static inline __attribute__((always_inline)) float adah_vector_sum(const float *x, size_t n) {
    adah_lanes sum = {0};
    float rest = 0;
    size_t i = 0;
    for (; i + ADAH_LANES <= n; i += ADAH_LANES)
        sum += *(const adah_lanes *)(x + i);
    for (; i < n; i++)
        rest += x[i];
    return adah_lanes_sum(&sum) + rest;
}

/* The sum of a b. */
static inline __attribute__((always_inline)) float adah_vector_dot(const float *a, const float *b, size_t n) {
    adah_lanes sum = {0};
    float rest = 0;
    size_t i = 0;
    for (; i + ADAH_LANES <= n; i += ADAH_LANES)
        sum += *(const adah_lanes *)(a + i) * *(const adah_lanes *)(b + i);
    for (; i < n; i++)
        rest += a[i] * b[i];
    return adah_lanes_sum(&sum) + rest;
}

/* The sums of w x of four rows of n, the next one behind the other; w NULL: of x. Each is to the bit what adah_vector_dot gives, but
 * with their lanes added up together. */
static inline __attribute__((always_inline)) void adah_vector_four_dots(const float *w, const float *x, size_t n, float *out) {
    adah_lanes sum[4] = {{0}, {0}, {0}, {0}};
    adah_quarter_lanes rest = {0}, four[4];
    size_t i = 0;
    for (; i + ADAH_LANES <= n; i += ADAH_LANES)
        for (size_t r = 0; r < 4; r++)
            if (w)
                sum[r] += *(const adah_lanes *)(w + i) * *(const adah_lanes *)(x + r * n + i);
            else
                sum[r] += *(const adah_lanes *)(x + r * n + i);
    for (; i < n; i++)
        rest += (w ? w[i] : 1) * (adah_quarter_lanes){x[i], x[n + i], x[2 * n + i], x[3 * n + i]};
    for (size_t r = 0; r < 4; r++) {
        const adah_half_lanes *half = (const void *)&sum[r];
        const adah_half_lanes eight = half[0] + half[1];
        const adah_quarter_lanes *quarter = (const void *)&eight;
        four[r] = quarter[0] + quarter[1];
    }
    const adah_quarter_lanes low[2] = {__builtin_shufflevector(four[0], four[1], 0, 4, 1, 5),
                                       __builtin_shufflevector(four[2], four[3], 0, 4, 1, 5)};
    const adah_quarter_lanes high[2] = {__builtin_shufflevector(four[0], four[1], 2, 6, 3, 7),
                                        __builtin_shufflevector(four[2], four[3], 2, 6, 3, 7)};
    const adah_quarter_lanes column0 = __builtin_shufflevector(low[0], low[1], 0, 1, 4, 5),
                             column1 = __builtin_shufflevector(low[0], low[1], 2, 3, 6, 7),
                             column2 = __builtin_shufflevector(high[0], high[1], 0, 1, 4, 5),
                             column3 = __builtin_shufflevector(high[0], high[1], 2, 3, 6, 7);
    *(adah_quarter_lanes *)out = (column0 + column2) + (column1 + column3) + rest;
}

enum { ADAH_ROWS = 8 };

/* y += w x: of n_rows rows of n, the next one behind the other, each with its own w. */
static inline __attribute__((always_inline)) void adah_vector_add_rows(const float *w, const float *x, size_t n_rows, size_t n,
                                                                       float *y) {
    size_t r = 0;
    for (; r + ADAH_ROWS <= n_rows; r += ADAH_ROWS)
#pragma omp simd
        for (size_t i = 0; i < n; i++) {
            float sum = y[i];
            for (size_t k = 0; k < ADAH_ROWS; k++)
                sum += w[r + k] * x[(r + k) * n + i];
            y[i] = sum;
        }
    for (; r < n_rows; r++)
#pragma omp simd
        for (size_t i = 0; i < n; i++)
            y[i] += w[r] * x[r * n + i];
}

#endif
