/* npy.h - arrays in NumPy's .npy format: packed codes and features that other programs exchange.
 *
 * Written: version 1.0, little-endian, C order, data at a multiple of 64 bytes. Read strictly: anything else than an
 * array of the asked type and number of dimensions that fills the file exactly is ADAH_ERROR_FORMAT with what was found
 * and what was expected. Features may have any type of number, and either order. */
#ifndef ADAH_BASE_NPY_H
#define ADAH_BASE_NPY_H

#include "base/file.h"

typedef enum adah_npy_type {
    ADAH_NPY_UINT8, /* '|u1': packed codes (n, n_bits / 8) */
    ADAH_NPY_FLOAT, /* '<f4': features (n, d), (n, p, c), (n, c, h, w) */
    ADAH_NPY_INT8   /* '|i1': vectors for the fine order (n, n_fine) */
} adah_npy_type;

enum { ADAH_NPY_DIMS_MAX = 4 };

typedef struct adah_npy {
    int n_dims;
    size_t dim[ADAH_NPY_DIMS_MAX];
    size_t n_rows, n_columns; /* dim[0]; the product of the others */
    const void *items; /* uint8_t, float or int8_t, row by row, inside the map: adah_file_check_map after they were read */
    adah_file_map map;
    float *converted; /* where the items are instead when they had to be converted: then the map is closed. NULL: they had not */
} adah_npy;

/* n_dims_min 1 at least, n_dims_max ADAH_NPY_DIMS_MAX at most. */
adah_code adah_npy_open_array(const char *path, adah_npy_type type, int n_dims_min, int n_dims_max, adah_npy *array,
                              adah_status *status);
/* Features: float32 stays in the map. float16, float64, whole numbers of up to 64 bits, truth values, the other order of bytes
 * ('>f4') and column order (fortran_order) become float32 in row order, in memory. ADAH_ERROR_FORMAT: other types. */
adah_code adah_npy_open_floats(const char *path, int n_dims_min, int n_dims_max, adah_npy *array, adah_status *status);
/* How many rows there are, whatever their type; nothing but the header is looked at. */
adah_code adah_npy_count_rows(const char *path, size_t *n_rows, adah_status *status);
/* A matrix. */
adah_code adah_npy_open(const char *path, adah_npy_type type, adah_npy *array, adah_status *status);
void adah_npy_close(adah_npy *array); /* zeroes it; fine on a zeroed one */

/* A file in the making with all of it put, to be committed or aborted. items: n_rows * n_columns of the type. */
adah_code adah_npy_create(const char *path, adah_npy_type type, const void *items, size_t n_rows, size_t n_columns,
                          adah_file_writer **writer, adah_status *status);
/* The same, committed. The file appears whole or not at all. */
adah_code adah_npy_write(const char *path, adah_npy_type type, const void *items, size_t n_rows, size_t n_columns,
                         adah_status *status);

#endif
