/* mat_file.h - variables of a .mat file (MATLAB 5 to 7.3) as plain arrays.
 *
 * Dimensions are MATLAB's, for all versions: the first varies fastest in memory. (A file of version 7.3 is HDF5,
 * whose own tools show them in reverse.) One thread at a time for the whole process: neither matio nor HDF5 locks. */
#ifndef ADAH_DATA_MAT_FILE_H
#define ADAH_DATA_MAT_FILE_H

#include "base/status.h"
#include "data/string_table.h"

typedef struct adah_mat_file adah_mat_file;

enum { ADAH_MAT_DIMENSIONS_MAX = 4 };
typedef struct adah_mat_shape {
    size_t n_dimensions; /* 2 to 4 */
    size_t dimension[ADAH_MAT_DIMENSIONS_MAX];
} adah_mat_shape;

adah_code adah_mat_file_open(const char *path, adah_mat_file **file, adah_status *status);
void adah_mat_file_close(adah_mat_file *file); /* NULL is fine */
const char *adah_mat_file_path(const adah_mat_file *file);

/* *found: whether there is a variable of that name. Its shape is given when it is. */
adah_code adah_mat_file_find(adah_mat_file *file, const char *name, int *found, adah_mat_shape *shape,
                             adah_status *status);

/* A matrix of real numbers, finite ones, dense or sparse: dimension[0] x dimension[1], column by column, to
 * adah_memory_free. ADAH_ERROR_FORMAT: it is something else, or damaged. */
adah_code adah_mat_file_read_matrix(adah_mat_file *file, const char *name, float **values, adah_status *status);

/* A part of a variable of uint8: `count` from `first` on along `dimension` (the first or the last), the others whole.
 */
adah_code adah_mat_file_read_bytes(adah_mat_file *file, const char *name, size_t dimension, size_t first,
                                   size_t count, uint8_t *bytes, adah_status *status);

/* A cell array of strings as UTF-8; (*strings)[n], to adah_memory_free, points into the arena. */
adah_code adah_mat_file_read_strings(adah_mat_file *file, const char *name, adah_arena *arena, const char ***strings,
                                     size_t *n, adah_status *status);

#endif
