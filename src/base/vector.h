/* vector.h - plain loops compiled for several vector units, of which the program takes the best it finds.
 *
 * The library is built for any x86-64, where a vector holds 4 floats. ADAH_CLONES before a static function has the compiler
 * make versions of it for AVX2 and AVX-512 as well (8 and 16 floats); the loader picks one, and its address is that of any
 * function. Worth it for loops over memory that the compiler can vectorise; functions that it inlines come along.
 *
 *     ADAH_CLONES static void add_chunk(void *context, size_t chunk) { ... }
 *
 * Static functions only. Nothing with clang: its version 14 exports a symbol of each from the library. Elementwise loops give the
 * same bits in every version; so do the sums below, which always have 16 lanes. (A sum under "omp simd" has as many as the
 * vector, and gcc adds them up one by one, which for 50 floats takes longer than the loop.)
 *
 * Nothing where the loader cannot choose (other systems than glibc's), where it would run before a sanitizer is ready, and
 * on other processors: arm64 has one vector unit. */
#ifndef ADAH_BASE_VECTOR_H
#define ADAH_BASE_VECTOR_H

#include <stddef.h>
#include <stdint.h> /* with it glibc says that it is there */

#if defined __x86_64__ && defined __GLIBC__ && !defined __clang__ && !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
#define ADAH_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define ADAH_CLONES
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

#endif
