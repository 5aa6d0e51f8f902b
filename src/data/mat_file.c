/* mat_file.c - through matio, with what matio leaves unchecked: that a file of version 5 is whole, that the indices
 * of sparse matrices are inside, that numbers are finite. */
#include "data/mat_file.h"
#include "base/file.h"
#include "base/foreign_file.h"
#include "base/memory.h"
#include "plugins/matlab/matlab.h"

#include <limits.h>
#include <math.h>
#include <string.h>
#include <unicode/utf16.h>
#include <unicode/utf8.h>

enum { HEADER_BYTES = 128, STRING_BYTES_MAX = 4096 };

struct adah_mat_file {
    char *path;
    int is_hdf5; /* version 7.3 */
    const adah_matlab *matlab;
    mat_t *mat;
};

/* ---------------------------------------------------------------- opening */

static uint32_t read_word(const uint8_t *bytes, int is_swapped) {
    uint32_t word;
    memcpy(&word, bytes, sizeof word);
    return is_swapped ? __builtin_bswap32(word) : word;
}

/* A file of version 5 is a chain of elements behind the header: type, number of bytes, bytes. */
static adah_code check_chain(const char *path, const adah_file_map *map, adah_status *status) {
    static const uint16_t mark = 'M' << 8 | 'I';
    const int is_swapped = memcmp(map->bytes + 126, &mark, 2) != 0;
    for (size_t offset = HEADER_BYTES; offset < map->n_bytes;) {
        const size_t n_left = map->n_bytes - offset;
        const size_t n_bytes = n_left >= 8 ? read_word(map->bytes + offset + 4, is_swapped) : 0;
        if (n_left < 8 || n_left - 8 < n_bytes)
            return adah_fail(
                status, ADAH_ERROR_CORRUPT,
                "%s: truncated: %zu bytes, expected %zu or more for the variable that begins at byte %zu", path,
                map->n_bytes, offset + 8 + n_bytes, offset);
        offset += 8 + n_bytes;
    }
    return ADAH_OK;
}

static adah_code check_bytes(const char *path, int *is_hdf5, adah_status *status) {
    adah_file_map map;
    ADAH_TRY(adah_file_open_map(path, &map, status));
    adah_code code = ADAH_OK;
    if (!adah_matlab_is_file(map.bytes, map.n_bytes)) {
        const char *foreign = adah_foreign_file(map.bytes, map.n_bytes);
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: not a .mat file of MATLAB 5 to 7.3%s%s", path, foreign ? ": " : "",
                         foreign ? foreign : "");
    }
    if (code == ADAH_OK && !(*is_hdf5 = memchr(map.bytes + 124, 2, 2) != NULL)) /* the version: 0x0200, not 0x0100 */
        code = check_chain(path, &map, status);
    code = adah_file_check_map(&map, code, status);
    adah_file_close_map(&map);
    return code;
}

adah_code adah_mat_file_open(const char *path, adah_mat_file **out, adah_status *status) {
    int is_hdf5 = 0;
    ADAH_TRY(check_bytes(path, &is_hdf5, status));
    adah_mat_file *file = adah_memory_zeroed(1, sizeof *file);
    if (!file)
        return adah_fail_memory(status, sizeof *file);
    file->is_hdf5 = is_hdf5;
    file->path = adah_memory_text(path);
    adah_code code = file->path ? adah_matlab_get(&file->matlab, status) : adah_fail_memory(status, strlen(path) + 1);
    if (code == ADAH_OK && !(file->mat = file->matlab->open(path, MAT_ACC_RDONLY)))
        code = adah_fail(status, ADAH_ERROR_CORRUPT, "%s: a damaged or truncated .mat file", path);
    if (code != ADAH_OK) {
        adah_mat_file_close(file);
        return code;
    }
    *out = file;
    return ADAH_OK;
}

void adah_mat_file_close(adah_mat_file *file) {
    if (!file)
        return;
    if (file->mat)
        file->matlab->close(file->mat);
    adah_memory_free(file->path);
    adah_memory_free(file);
}

const char *adah_mat_file_path(const adah_mat_file *file) { return file->path; }

/* ---------------------------------------------------------------- shapes */

static adah_code shape_of(const adah_mat_file *file, const char *name, const matvar_t *variable,
                          adah_mat_shape *shape, adah_status *status) {
    if (variable->rank < 2 || variable->rank > ADAH_MAT_DIMENSIONS_MAX || !variable->dims)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s has %d dimensions, expected 2 to %d", file->path, name,
                         variable->rank, ADAH_MAT_DIMENSIONS_MAX);
    *shape = (adah_mat_shape){.n_dimensions = (size_t)variable->rank};
    size_t n = 1;
    for (size_t i = 0; i < shape->n_dimensions; i++) {
        shape->dimension[i] = variable->dims[i];
        if (__builtin_mul_overflow(n, shape->dimension[i], &n) || n > SIZE_MAX / 16 || shape->dimension[i] > INT_MAX)
            return adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s is larger than any memory", file->path, name);
    }
    return ADAH_OK;
}

adah_code adah_mat_file_find(adah_mat_file *file, const char *name, int *found, adah_mat_shape *shape,
                             adah_status *status) {
    matvar_t *variable = file->matlab->read_info(file->mat, name);
    *found = variable != NULL;
    const adah_code code = variable ? shape_of(file, name, variable, shape, status) : ADAH_OK;
    file->matlab->free(variable);
    return code;
}

/* The variable, whole; it must be there. */
static adah_code read_whole(adah_mat_file *file, const char *name, matvar_t **variable, adah_mat_shape *shape,
                            adah_status *status) {
    *variable = file->matlab->read(file->mat, name);
    if (!*variable)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s is missing or damaged", file->path, name);
    adah_code code = shape_of(file, name, *variable, shape, status);
    if (code == ADAH_OK && !(*variable)->data)
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s is empty or damaged", file->path, name);
    if (code != ADAH_OK)
        file->matlab->free(*variable);
    return code;
}

/* ---------------------------------------------------------------- numbers */

/* Number i of an array of matio; NAN for a type that holds no numbers. */
static double number_at(const void *data, enum matio_types type, size_t i) {
    switch (type) {
    case MAT_T_DOUBLE: return ((const double *)data)[i];
    case MAT_T_SINGLE: return (double)((const float *)data)[i];
    case MAT_T_INT8: return ((const int8_t *)data)[i];
    case MAT_T_UINT8: return ((const uint8_t *)data)[i];
    case MAT_T_INT16: return ((const int16_t *)data)[i];
    case MAT_T_UINT16: return ((const uint16_t *)data)[i];
    case MAT_T_INT32: return ((const int32_t *)data)[i];
    case MAT_T_UINT32: return ((const uint32_t *)data)[i];
    case MAT_T_INT64: return (double)((const int64_t *)data)[i];
    case MAT_T_UINT64: return (double)((const uint64_t *)data)[i];
    default: return (double)NAN;
    }
}

static adah_code fail_number(const adah_mat_file *file, const char *name, size_t row, size_t column,
                             adah_status *status) {
    return adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s(%zu, %zu) is not a finite number", file->path, name, row + 1,
                     column + 1);
}

static adah_code copy_dense(const adah_mat_file *file, const char *name, const matvar_t *variable,
                            const adah_mat_shape *shape, float *values, adah_status *status) {
    const size_t n_rows = shape->dimension[0], n = n_rows * shape->dimension[1];
    if (variable->nbytes < n * (size_t)variable->data_size)
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: %s is damaged: %zu bytes, expected %zu", file->path, name,
                         variable->nbytes, n * (size_t)variable->data_size);
    for (size_t i = 0; i < n; i++) {
        values[i] = (float)number_at(variable->data, variable->data_type, i);
        if (!isfinite(values[i]))
            return fail_number(file, name, i % n_rows, i / n_rows, status);
    }
    return ADAH_OK;
}

/* Columns jc[j]..jc[j + 1] of (row, value). */
static adah_code copy_sparse(const adah_mat_file *file, const char *name, const matvar_t *variable,
                             const adah_mat_shape *shape, float *values, adah_status *status) {
    const mat_sparse_t *s = variable->data;
    const size_t n_rows = shape->dimension[0], n_columns = shape->dimension[1];
    int is_good = s->jc && s->njc == n_columns + 1 && s->jc[0] == 0;
    for (size_t j = 0; is_good && j < n_columns; j++)
        is_good = s->jc[j] <= s->jc[j + 1];
    const size_t n = is_good ? s->jc[n_columns] : 0;
    is_good = is_good && n <= s->nir && n <= s->ndata && (n == 0 || (s->ir && s->data));
    for (size_t i = 0; is_good && i < n; i++)
        is_good = s->ir[i] < n_rows;
    if (!is_good)
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: the indices of the sparse matrix %s are damaged", file->path,
                         name);
    for (size_t j = 0; j < n_columns; j++)
        for (size_t i = s->jc[j]; i < s->jc[j + 1]; i++) {
            const float value = (float)number_at(s->data, variable->data_type, i);
            if (!isfinite(value))
                return fail_number(file, name, s->ir[i], j, status);
            values[j * n_rows + s->ir[i]] = value;
        }
    return ADAH_OK;
}

static int holds_numbers(const matvar_t *variable) {
    return variable->class_type >= MAT_C_SPARSE && variable->class_type <= MAT_C_UINT64 && !variable->isComplex;
}

adah_code adah_mat_file_read_matrix(adah_mat_file *file, const char *name, float **out, adah_status *status) {
    matvar_t *variable;
    adah_mat_shape shape;
    ADAH_TRY(read_whole(file, name, &variable, &shape, status));
    float *values = NULL;
    adah_code code = ADAH_OK;
    if (shape.n_dimensions != 2 || !holds_numbers(variable))
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s is not a matrix of real numbers", file->path, name);
    else if (!(values = adah_memory_zeroed(shape.dimension[0] * shape.dimension[1], sizeof *values)))
        code = adah_fail_memory(status, shape.dimension[0] * shape.dimension[1] * sizeof *values);
    else if (variable->class_type == MAT_C_SPARSE)
        code = copy_sparse(file, name, variable, &shape, values, status);
    else
        code = copy_dense(file, name, variable, &shape, values, status);
    file->matlab->free(variable);
    if (code != ADAH_OK) {
        adah_memory_free(values);
        return code;
    }
    *out = values;
    return ADAH_OK;
}

/* matio 1.5 reads the wrong places of a file of version 5 where a part is of more than two dimensions, or of whole
 * columns; rows of a matrix are right. So the part becomes rows: of all dimensions but the first side by side, or of
 * one long column. */
static void fold(matvar_t *variable, adah_mat_shape *shape, size_t *dimension, size_t *first, size_t *count) {
    size_t n = 1;
    for (size_t i = 1; i < shape->n_dimensions; i++)
        n *= shape->dimension[i];
    if (*dimension > 0) {
        n *= shape->dimension[0];
        const size_t n_record = shape->dimension[*dimension] ? n / shape->dimension[*dimension] : 0;
        *first *= n_record;
        *count *= n_record;
        *shape = (adah_mat_shape){2, {n, 1}};
    } else {
        *shape = (adah_mat_shape){2, {shape->dimension[0], n}};
    }
    *dimension = 0;
    variable->rank = 2;
    variable->dims[0] = shape->dimension[0];
    variable->dims[1] = shape->dimension[1];
}

adah_code adah_mat_file_read_bytes(adah_mat_file *file, const char *name, size_t dimension, size_t first,
                                   size_t count, uint8_t *bytes, adah_status *status) {
    matvar_t *variable = file->matlab->read_info(file->mat, name);
    adah_mat_shape shape;
    if (!variable)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s is missing or damaged", file->path, name);
    adah_code code = shape_of(file, name, variable, &shape, status);
    if (code == ADAH_OK && variable->class_type != MAT_C_UINT8)
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s holds no numbers of type uint8", file->path, name);
    if (code == ADAH_OK && !file->is_hdf5)
        fold(variable, &shape, &dimension, &first, &count);
    if (code == ADAH_OK && (shape.dimension[0] > INT_MAX || shape.dimension[1] > INT_MAX))
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s is larger than matio can read", file->path, name);
    if (code == ADAH_OK) {
        int start[ADAH_MAT_DIMENSIONS_MAX] = {0}, stride[ADAH_MAT_DIMENSIONS_MAX], edge[ADAH_MAT_DIMENSIONS_MAX];
        for (size_t i = 0; i < shape.n_dimensions; i++) {
            stride[i] = 1;
            edge[i] = (int)shape.dimension[i];
        }
        start[dimension] = (int)first;
        edge[dimension] = (int)count;
        if (file->matlab->read_part(file->mat, variable, bytes, start, stride, edge) != 0)
            code = adah_fail(status, ADAH_ERROR_CORRUPT, "%s: %s is damaged or truncated", file->path, name);
    }
    file->matlab->free(variable);
    return code;
}

/* ---------------------------------------------------------------- strings */

/* A row of characters, as UTF-8 with its NUL; 0: it is none, or too long. */
static int copy_string(const matvar_t *variable, char text[STRING_BYTES_MAX]) {
    if (variable->class_type != MAT_C_CHAR || variable->rank != 2 || !variable->data || variable->dims[0] > 1)
        return 0;
    size_t n = 0;
    const int is_wide = variable->data_type == MAT_T_UINT16 || variable->data_type == MAT_T_UTF16;
    const size_t n_units = variable->nbytes / (is_wide ? 2 : 1);
    if (n_units > (STRING_BYTES_MAX - 1) / 3)
        return 0;
    if (!is_wide) {
        memcpy(text, variable->data, n_units);
        n = n_units;
    }
    const uint16_t *unit = variable->data;
    for (size_t i = 0; is_wide && i < n_units;) {
        UChar32 c;
        U16_NEXT(unit, i, n_units, c);
        if (!U_IS_UNICODE_CHAR(c))
            return 0;
        U8_APPEND_UNSAFE(text, n, c);
    }
    text[n] = '\0';
    return strlen(text) == n;
}

adah_code adah_mat_file_read_strings(adah_mat_file *file, const char *name, adah_arena *arena, const char ***out,
                                     size_t *n, adah_status *status) {
    matvar_t *variable;
    adah_mat_shape shape;
    ADAH_TRY(read_whole(file, name, &variable, &shape, status));
    const size_t n_cells = variable->class_type == MAT_C_CELL ? variable->nbytes / sizeof(matvar_t *) : 0;
    const char **strings = adah_memory_zeroed(n_cells, sizeof *strings);
    adah_code code = strings ? ADAH_OK : adah_fail_memory(status, n_cells * sizeof *strings);
    if (code == ADAH_OK && n_cells == 0)
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s is not a cell array of strings", file->path, name);
    for (size_t i = 0; i < n_cells && code == ADAH_OK; i++) {
        const matvar_t *cell = ((matvar_t **)variable->data)[i];
        if (cell && cell->class_type == MAT_C_CELL && cell->nbytes == sizeof cell && cell->data)
            cell = *(matvar_t **)cell->data; /* {{'im1.jpg'}, ...} */
        char text[STRING_BYTES_MAX];
        if (!cell || !copy_string(cell, text))
            code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: %s{%zu} is not a string", file->path, name, i + 1);
        else if (!(strings[i] = adah_arena_text(arena, text, strlen(text))))
            code = adah_fail_memory(status, strlen(text) + 1);
    }
    file->matlab->free(variable);
    if (code != ADAH_OK) {
        adah_memory_free(strings);
        return code;
    }
    *out = strings;
    *n = n_cells;
    return ADAH_OK;
}
