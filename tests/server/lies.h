/* lies.h - pictures that hide how much they are, for hostile.c. */
#ifndef ADAH_TESTS_LIES_H
#define ADAH_TESTS_LIES_H

#include <stddef.h>
#include <stdint.h>

/* The i-th of them, *bytes to free; NULL behind the last. */
const char *lie_make(size_t i, uint8_t **bytes, size_t *n_bytes);

#endif
