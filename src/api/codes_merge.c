/* codes_merge.c - the files of several parts of a data set, each row and each name behind the other. */
#include "api/codes_files.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/npy.h"

#include <string.h>

typedef struct merging {
    const char *const *prefix;
    size_t n_parts;
    size_t *n_rows; /* of each part; SIZE_MAX: not known yet */
} merging;

/* The rows of a part are as many in each of its files. */
static adah_code check_rows(const merging *m, size_t part, const char *path, size_t n_rows, adah_status *status) {
    if (m->n_rows[part] == SIZE_MAX)
        m->n_rows[part] = n_rows;
    if (m->n_rows[part] == n_rows)
        return ADAH_OK;
    return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: %zu rows, expected %zu, as in the other files of %s", path, n_rows, m->n_rows[part],
                     m->prefix[part]);
}

static size_t count_lines(const uint8_t *text, size_t n_bytes) {
    size_t n = 0;
    for (size_t i = 0; i < n_bytes; i++)
        n += text[i] == '\n';
    return n;
}

static adah_code put_ids(const merging *m, char *const *path, const char *out, adah_file_writer **file, adah_status *status) {
    ADAH_TRY(adah_file_create(out, file, status));
    for (size_t i = 0; i < m->n_parts; i++) {
        uint8_t *text = NULL;
        size_t n_bytes = 0;
        adah_code code = adah_file_read(path[i], (size_t)1 << 32, &text, &n_bytes, status);
        if (code == ADAH_OK && n_bytes && text[n_bytes - 1] != '\n')
            code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: its last line is not whole", path[i]);
        if (code == ADAH_OK)
            code = check_rows(m, i, path[i], count_lines(text, n_bytes), status);
        if (code == ADAH_OK)
            code = adah_file_put(*file, text, n_bytes, status);
        adah_memory_free(text);
        ADAH_TRY(code);
    }
    return ADAH_OK;
}

static adah_code read_rows(const merging *m, char *const *path, adah_npy_type type, uint8_t **rows, size_t *n_rows, size_t *n_columns,
                           adah_status *status) {
    size_t capacity = 0, n_bytes = 0;
    for (size_t i = 0; i < m->n_parts; i++) {
        adah_npy array;
        ADAH_TRY(adah_npy_open(path[i], type, &array, status));
        const size_t n_more = array.n_rows * array.n_columns;
        adah_code code = check_rows(m, i, path[i], array.n_rows, status);
        if (code == ADAH_OK && i && array.n_columns != *n_columns)
            code = adah_fail(status, ADAH_ERROR_MISMATCH, "%s: %zu columns, expected %zu, as in %s", path[i], array.n_columns, *n_columns, path[0]);
        if (code == ADAH_OK && n_bytes + n_more > capacity) {
            capacity = 2 * (n_bytes + n_more);
            uint8_t *larger = adah_memory_resize(*rows, capacity, 1);
            if (larger)
                *rows = larger;
            else
                code = adah_fail_memory(status, capacity);
        }
        if (code == ADAH_OK) {
            memcpy(*rows + n_bytes, array.items, n_more);
            code = adah_file_check_map(&array.map, ADAH_OK, status);
        }
        *n_columns = array.n_columns;
        *n_rows += array.n_rows;
        n_bytes += n_more;
        adah_npy_close(&array);
        ADAH_TRY(code);
    }
    return ADAH_OK;
}

static adah_code put_array(const merging *m, int i, char *const *path, const char *out, adah_file_writer **file, adah_status *status) {
    uint8_t *rows = NULL;
    size_t n_rows = 0, n_columns = 0;
    const adah_npy_type type = i < ADAH_CODES_IDS ? ADAH_NPY_UINT8 : ADAH_NPY_INT8;
    adah_code code = read_rows(m, path, type, &rows, &n_rows, &n_columns, status);
    if (code == ADAH_OK)
        code = adah_npy_create(out, type, rows, n_rows, n_columns, file, status);
    adah_memory_free(rows);
    return code;
}

/* One file of the result; *file stays NULL where the parts do not have it. */
static adah_code put_file(const merging *m, int i, char **path, const char *out_prefix, adah_file_writer **file, adah_status *status) {
    char *out = adah_file_suffixed(out_prefix, adah_codes_suffix[i]);
    size_t n_there = 0, first_there = 0;
    adah_code code = out ? ADAH_OK : adah_fail_memory(status, strlen(out_prefix));
    for (size_t k = 0; k < m->n_parts && code == ADAH_OK; k++) {
        path[k] = adah_file_suffixed(m->prefix[k], adah_codes_suffix[i]);
        if (!path[k])
            code = adah_fail_memory(status, strlen(m->prefix[k]));
        else if (adah_file_exists(path[k]) && n_there++ == 0)
            first_there = k;
    }
    for (size_t k = 0; k < m->n_parts && n_there && n_there < m->n_parts && code == ADAH_OK; k++)
        if (!adah_file_exists(path[k]))
            code = adah_fail(status, ADAH_ERROR_NOT_FOUND, "%s: there is no such file, but there is %s", path[k], path[first_there]);
    if (code == ADAH_OK && n_there)
        code = i == ADAH_CODES_IDS ? put_ids(m, path, out, file, status) : put_array(m, i, path, out, file, status);
    for (size_t k = 0; k < m->n_parts; k++) {
        adah_memory_free(path[k]);
        path[k] = NULL;
    }
    adah_memory_free(out);
    return code;
}

static adah_code remove_old(int i, const char *out_prefix, adah_status *status) {
    char *out = adah_file_suffixed(out_prefix, adah_codes_suffix[i]);
    const adah_code code = out ? adah_codes_remove_old(out, status) : adah_fail_memory(status, strlen(out_prefix));
    adah_memory_free(out);
    return code;
}

static adah_code merge(const merging *m, char **path, const char *out_prefix, adah_status *status) {
    adah_file_writer *files[ADAH_CODES_N_FILES] = {NULL};
    size_t n_files = 0;
    int is_there[ADAH_CODES_N_FILES] = {0};
    adah_code code = ADAH_OK;
    for (size_t k = 0; k < m->n_parts; k++)
        m->n_rows[k] = SIZE_MAX;
    for (int i = 0; i < ADAH_CODES_N_FILES && code == ADAH_OK; i++) {
        code = put_file(m, i, path, out_prefix, &files[n_files], status);
        is_there[i] = files[n_files] != NULL;
        n_files += (size_t)is_there[i];
    }
    for (int i = ADAH_CODES_IMAGE_FINE; i < ADAH_CODES_N_FILES && n_files && code == ADAH_OK; i++)
        if (!is_there[i])
            code = remove_old(i, out_prefix, status);
    if (code == ADAH_OK && !n_files)
        code = adah_fail(status, ADAH_ERROR_NOT_FOUND, "%s: there are no files of codes of that name (%s.image.npy or %s.text.npy)", m->prefix[0],
                         m->prefix[0], m->prefix[0]);
    if (code == ADAH_OK)
        return adah_file_commit_all(files, n_files, status);
    for (size_t i = 0; i < n_files; i++)
        adah_file_abort(files[i]);
    return code;
}

adah_code adah_codes_merge(const char *const *prefix, size_t n, const char *out_prefix, size_t *n_rows, adah_status *status) {
    merging m = {.prefix = prefix, .n_parts = n, .n_rows = adah_memory_zeroed(n, sizeof *m.n_rows)};
    char **path = adah_memory_zeroed(n, sizeof *path);
    adah_code code = !m.n_rows || !path ? adah_fail_memory(status, n * sizeof *path)
                     : !n               ? adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: no parts to merge", out_prefix)
                                        : merge(&m, path, out_prefix, status);
    for (size_t i = 0; i < n && code == ADAH_OK && n_rows; i++)
        *n_rows = (i ? *n_rows : 0) + m.n_rows[i];
    adah_memory_free(path);
    adah_memory_free(m.n_rows);
    return code;
}
