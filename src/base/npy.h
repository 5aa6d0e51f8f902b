/* npy.h - matrices in NumPy's .npy format, version 1.0: packed codes and features that other programs exchange.
 *
 * Written: little-endian, C order, data at a multiple of 64 bytes. Read strictly: anything else than a matrix of
 * the asked type that fills the file exactly is ADAH_ERROR_FORMAT with what was found and what was expected. */
#ifndef ADAH_BASE_NPY_H
#define ADAH_BASE_NPY_H

#include "base/file.h"

typedef enum adah_npy_type {
    ADAH_NPY_UINT8, /* '|u1': packed codes (n, n_bits / 8) */
    ADAH_NPY_FLOAT  /* '<f4': features (n, d) */
} adah_npy_type;

typedef struct adah_npy {
    size_t n_rows, n_columns;
    const void *items; /* uint8_t or float, row by row, inside the map */
    adah_file_map map;
} adah_npy;

adah_code adah_npy_open(const char *path, adah_npy_type type, adah_npy *array, adah_status *status);
void adah_npy_close(adah_npy *array); /* zeroes it; fine on a zeroed one */

/* items: n_rows * n_columns of the type. The file appears whole or not at all. */
adah_code adah_npy_write(const char *path, adah_npy_type type, const void *items, size_t n_rows, size_t n_columns,
                         adah_status *status);

#endif
