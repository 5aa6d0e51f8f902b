/* number_type.h - numbers as other programs store them, of 1 to 8 bytes, whole or not, in either order of bytes, as float32. */
#ifndef ADAH_BASE_NUMBER_TYPE_H
#define ADAH_BASE_NUMBER_TYPE_H

#include <stddef.h>
#include <stdint.h>

typedef struct adah_number_type {
    char kind;      /* 'f': floats of IEEE 754, 'i': whole numbers, 'u': without a sign, 'b': 0 or 1 */
    size_t n_bytes; /* of one */
    int is_swapped; /* 1: the most significant byte first */
} adah_number_type;

/* What NumPy calls "<f4", ">f8", "|u1" and so on. 0: it is none of floats of 2, 4 and 8 bytes, whole numbers of 1, 2, 4 and 8 bytes and
 * truth values. */
int adah_number_type_parse(const char *descr, adah_number_type *type);
/* float32 as this machine has it, so that nothing is to be converted. */
int adah_number_type_is_float(adah_number_type type);
/* The nearest float32; infinite when the number is beyond all of them. bytes: type.n_bytes, anywhere. */
float adah_number_to_float(adah_number_type type, const uint8_t *bytes);

/* IEEE half: 1 sign, 5 exponent, 10 fraction bits. */
float adah_half_to_float(uint32_t half);

#endif
