/* base64.h - base64 of bytes, for requests that tests and fuzz targets make. */
#ifndef ADAH_TESTS_BASE64_H
#define ADAH_TESTS_BASE64_H

#include <stddef.h>
#include <stdint.h>

/* The four digits of the first three of n bytes, n at least 1; of fewer with padding. */
static inline void base64_digits(const uint8_t *bytes, size_t n, char four[4]) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint32_t bits = (uint32_t)bytes[0] << 16 | (n > 1 ? (uint32_t)bytes[1] << 8 : 0) | (n > 2 ? bytes[2] : 0);
    four[0] = digits[bits >> 18];
    four[1] = digits[bits >> 12 & 63];
    four[2] = n > 1 ? digits[bits >> 6 & 63] : '=';
    four[3] = n > 2 ? digits[bits & 63] : '=';
}

#endif
