/* number_type.c - see number_type.h. Bytes are gathered into a number of 64 bits, least significant first, and read as their kind says;
 * both supported machines keep theirs in that order. */
#include "base/number_type.h"

#include <float.h>
#include <math.h>
#include <string.h>

int adah_number_type_parse(const char *descr, adah_number_type *type) {
    static const char *const sizes[] = {"f248", "i1248", "u1248", "b1"}; /* a kind and how many bytes it may have */
    if (strlen(descr) != 3 || !strchr("<>|=", descr[0]))
        return 0;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        if (descr[1] == sizes[i][0] && strchr(sizes[i] + 1, descr[2])) {
            const size_t n_bytes = (size_t)(descr[2] - '0');
            *type = (adah_number_type){descr[1], n_bytes, descr[0] == '>' && n_bytes > 1};
            return n_bytes == 1 || descr[0] != '|'; /* without an order there is one byte */
        }
    return 0;
}

int adah_number_type_is_float(adah_number_type type) { return type.kind == 'f' && type.n_bytes == sizeof(float) && !type.is_swapped; }

static float float_from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

float adah_half_to_float(uint32_t half) {
    const uint32_t sign = (half & 0x8000u) << 16, exponent = half >> 10 & 31, fraction = half & 0x3ffu;
    if (exponent == 31)
        return float_from_bits(sign | 0x7f800000u | fraction << 13);
    if (exponent == 0) {
        const float x = (float)fraction * 0x1p-24f;
        return sign ? -x : x;
    }
    return float_from_bits(sign | (exponent + 112) << 23 | fraction << 13);
}

/* Converting a number beyond the range is not defined, so it is looked at first. */
static float narrow(double x) { return fabs(x) <= (double)FLT_MAX || isnan(x) ? (float)x : x > 0 ? INFINITY : -INFINITY; }

float adah_number_to_float(adah_number_type type, const uint8_t *bytes) {
    uint64_t bits = 0;
    double x;
    for (size_t i = 0; i < type.n_bytes; i++)
        bits |= (uint64_t)bytes[type.is_swapped ? type.n_bytes - 1 - i : i] << 8 * i;
    if (type.kind == 'u')
        return (float)bits;
    if (type.kind == 'b')
        return bits != 0;
    if (type.kind == 'i') {
        const unsigned n_above = 64 - 8 * (unsigned)type.n_bytes;
        int64_t whole;
        bits <<= n_above; /* so that its sign is that of 64 bits */
        memcpy(&whole, &bits, sizeof whole);
        return (float)(whole / ((int64_t)1 << n_above)); /* exact: the lower bits are zeros */
    }
    if (type.n_bytes == 2)
        return adah_half_to_float((uint32_t)bits);
    if (type.n_bytes == 4)
        return float_from_bits((uint32_t)bits);
    memcpy(&x, &bits, sizeof x);
    return narrow(x);
}
