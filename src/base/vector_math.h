/* vector_math.h - functions without branches and calls, so that loops over them become vectors (vector.h). */
#ifndef ADAH_BASE_VECTOR_MATH_H
#define ADAH_BASE_VECTOR_MATH_H

#include <stdint.h>
#include <string.h>

/* exp(x) within 3e-7 of itself; x is held to -87 .. 88. With n the whole number next to x / ln 2 it is 2^n exp(r), |r| <= ln 2 / 2: a series. */
static inline __attribute__((always_inline)) float adah_vector_exp(float x) {
    const float rounding = 0x1.8p23f; /* added, the last bit of the sum is 1 */
    x = x < -87 ? -87 : x;
    x = x > 88 ? 88 : x;
    const float sum = x * 0x1.715476p0f + rounding, n = sum - rounding;
    const float r = x - n * 0x1.62e4p-1f - n * 0x1.7f7d1cp-20f; /* ln 2 in two parts, the first of few bits */
    float y = 1.0f / 5040;
    y = y * r + 1.0f / 720;
    y = y * r + 1.0f / 120;
    y = y * r + 1.0f / 24;
    y = y * r + 1.0f / 6;
    y = y * r + 0.5f;
    y = y * r + 1;
    y = y * r + 1;
    uint32_t power;
    memcpy(&power, &sum, sizeof power);
    power = (power << 23) + 0x3f800000u; /* the sum's last bits are n: those of 2^n */
    float scale;
    memcpy(&scale, &power, sizeof scale);
    return y * scale;
}

/* 1 / (1 + exp(-x)) */
static inline __attribute__((always_inline)) float adah_vector_sigmoid(float x) { return 1 / (1 + adah_vector_exp(-x)); }

/* exp(-x^2 / 2) */
static inline __attribute__((always_inline)) float adah_vector_bell(float x) { return adah_vector_exp(-0.5f * x * x); }

/* Phi(x), the distribution of normal numbers, within 1e-6 of itself. Phi(-|x|) is the bell times a polynomial of 1 / (1 + 0.3 |x|), whose
 * coefficients are fitted to it on 0 .. 13, relatively; bell: adah_vector_bell(x). */
static inline __attribute__((always_inline)) float adah_vector_normal(float x, float bell) {
    const float t = 1 / (1 + 0.3f * (x < 0 ? -x : x));
    float y = 0.036196045f;
    y = y * t - 0.159383457f;
    y = y * t + 0.210127575f;
    y = y * t - 0.057176092f;
    y = y * t + 0.130421210f;
    y = y * t + 0.099345642f;
    y = y * t + 0.120845774f;
    y = y * t + 0.119623246f;
    y = y * t * bell;
    return x < 0 ? y : 1 - y;
}

#endif
