/* codes_files.c - codes as .npy files with a list of file names, and back. */
#include "api/codes_files.h"
#include "api/encode_stream.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/npy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static adah_code put_ids(const char *path, const adah_codes *codes, const adah_dataset *dataset, adah_file_writer **writer,
                         adah_status *status) {
    adah_code code = adah_file_create(path, writer, status);
    for (size_t i = 0; i < codes->n && code == ADAH_OK; i++) {
        const char *name = adah_dataset_record(dataset, codes->record[i])->file_name;
        code = adah_file_put(*writer, name, strlen(name), status);
        if (code == ADAH_OK)
            code = adah_file_put(*writer, "\n", 1, status);
    }
    return code;
}

const char *const adah_codes_suffix[ADAH_CODES_N_FILES] = {".image.npy", ".text.npy", ".ids", ".image.fine.npy", ".text.fine.npy"};

adah_code adah_codes_remove_old(const char *path, adah_status *status) {
    return unlink(path) != 0 && errno != ENOENT ? adah_fail_system(status, path, "cannot remove") : ADAH_OK;
}

/* Begins one of the files, with all that is in it. */
static adah_code put_file(int i, const char *path, const adah_codes *codes, const adah_dataset *dataset, adah_file_writer **file,
                          adah_status *status) {
    const void *const items[ADAH_CODES_N_FILES] = {codes->image, codes->text, NULL, codes->image_fine, codes->text_fine};
    if (i == ADAH_CODES_IDS)
        return put_ids(path, codes, dataset, file, status);
    if (i < ADAH_CODES_IDS)
        return adah_npy_create(path, ADAH_NPY_UINT8, items[i], codes->n, codes->n_bits / 8, file, status);
    return adah_npy_create(path, ADAH_NPY_INT8, items[i], codes->n, codes->n_fine[i - ADAH_CODES_IMAGE_FINE], file, status);
}

/* The codes of both sides, their vectors and the ids belong together; of one side alone, its codes and vectors. */
adah_code adah_codes_write(const adah_codes *codes, const adah_dataset *dataset, const char *prefix, adah_status *status) {
    const int is_there[ADAH_CODES_N_FILES] = {codes->image != NULL, codes->text != NULL, dataset != NULL, codes->image && codes->n_fine[ADAH_IMAGE],
                                   codes->text && codes->n_fine[ADAH_TEXT]};
    const int is_old[ADAH_CODES_N_FILES] = {[ADAH_CODES_IMAGE_FINE] = codes->image && !codes->n_fine[ADAH_IMAGE],
                                   [ADAH_CODES_TEXT_FINE] = codes->text && !codes->n_fine[ADAH_TEXT]};
    adah_file_writer *files[ADAH_CODES_N_FILES] = {NULL};
    size_t n_files = 0;
    adah_code code = ADAH_OK;
    for (int i = 0; i < ADAH_CODES_N_FILES && code == ADAH_OK; i++) {
        char *path = adah_file_suffixed(prefix, adah_codes_suffix[i]);
        if (!path)
            code = adah_fail_memory(status, strlen(prefix));
        else if (is_there[i])
            code = put_file(i, path, codes, dataset, &files[n_files++], status);
        else if (is_old[i])
            code = adah_codes_remove_old(path, status);
        adah_memory_free(path);
    }
    if (code == ADAH_OK)
        return adah_file_commit_all(files, n_files, status);
    for (int i = 0; i < ADAH_CODES_N_FILES; i++)
        adah_file_abort(files[i]);
    return code;
}

typedef struct named {
    const char *name;
    size_t record;
} named;

static int by_name(const void *a, const void *b) { return strcmp(((const named *)a)->name, ((const named *)b)->name); }

/* Finds the record of every line of the ids file. */
static adah_code match_ids(const char *path, char *text, const adah_dataset *dataset, adah_codes *codes,
                           adah_status *status) {
    const size_t n = adah_dataset_count(dataset);
    named *all = adah_memory_zeroed(n, sizeof *all);
    if (!all)
        return adah_fail_memory(status, n * sizeof *all);
    for (size_t i = 0; i < n; i++)
        all[i] = (named){adah_dataset_record(dataset, i)->file_name, i};
    qsort(all, n, sizeof *all, by_name);
    adah_code code = ADAH_OK;
    size_t line = 0;
    for (char *p = text; *p && code == ADAH_OK; line++) {
        char *end = strchr(p, '\n');
        if (end)
            *end = '\0';
        const named key = {p, 0};
        const named *found = bsearch(&key, all, n, sizeof *all, by_name);
        if (line >= codes->n)
            code = adah_fail(status, ADAH_ERROR_MISMATCH, "%s: more lines than the %zu codes that it belongs to", path, codes->n);
        else if (!found)
            code = adah_fail(status, ADAH_ERROR_MISMATCH, "%s:%zu: \"%.200s\" is not in %s", path, line + 1, p,
                             adah_dataset_folder(dataset));
        else
            codes->record[line] = found->record;
        p = end ? end + 1 : p + strlen(p);
    }
    if (code == ADAH_OK && line != codes->n)
        code = adah_fail(status, ADAH_ERROR_MISMATCH, "%s: %zu lines, expected %zu, as many as the codes that it belongs to", path, line, codes->n);
    adah_memory_free(all);
    return code;
}

/* The arrays of vectors, where there are any; both or none. */
static adah_code open_fine_files(const char *prefix, size_t n_rows, adah_npy array[2], adah_status *status) {
    char *path[2] = {adah_file_suffixed(prefix, adah_codes_suffix[ADAH_CODES_IMAGE_FINE]), adah_file_suffixed(prefix, adah_codes_suffix[ADAH_CODES_TEXT_FINE])};
    adah_code code = path[0] && path[1] ? ADAH_OK : adah_fail_memory(status, strlen(prefix));
    const int any = code == ADAH_OK && (adah_file_exists(path[0]) || adah_file_exists(path[1]));
    for (int m = 0; m < 2 && any && code == ADAH_OK; m++) {
        code = adah_npy_open(path[m], ADAH_NPY_INT8, &array[m], status);
        if (code == ADAH_OK && (array[m].n_columns == 0 || array[m].n_columns > ADAH_FINE_MAX || array[m].n_columns % 8))
            code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: vectors of %zu values, expected a multiple of 8 up to %d", path[m],
                             array[m].n_columns, ADAH_FINE_MAX);
        else if (code == ADAH_OK && (array[m].n_rows != n_rows || array[m].n_columns > array[0].n_columns))
            code = adah_fail(status, ADAH_ERROR_MISMATCH, "%s is %zu x %zu, expected %zu rows of at most %zu", path[m], array[m].n_rows,
                             array[m].n_columns, n_rows, array[0].n_columns);
    }
    adah_memory_free(path[0]);
    adah_memory_free(path[1]);
    return code;
}

static adah_code copy_rows(const adah_npy *array, void *to, adah_code code, adah_status *status) {
    memcpy(to, array->items, array->n_rows * array->n_columns);
    return adah_file_check_map(&array->map, code, status);
}

static adah_code read_code_files(const char *prefix, adah_codes *out, adah_status *status) {
    adah_npy array[2] = {{0}, {0}}, fine[2] = {{0}, {0}};
    adah_code code = ADAH_OK;
    for (int m = 0; m < 2 && code == ADAH_OK; m++) {
        char *path = adah_file_suffixed(prefix, adah_codes_suffix[m]);
        code = path ? adah_npy_open(path, ADAH_NPY_UINT8, &array[m], status) : adah_fail_memory(status, strlen(prefix));
        adah_memory_free(path);
    }
    if (code == ADAH_OK && (array[0].n_rows != array[1].n_rows || array[0].n_columns != array[1].n_columns))
        code = adah_fail(status, ADAH_ERROR_MISMATCH, "%s.image.npy is %zu x %zu, %s.text.npy is %zu x %zu, expected the same",
                         prefix, array[0].n_rows, array[0].n_columns, prefix, array[1].n_rows, array[1].n_columns);
    if (code == ADAH_OK && (array[0].n_columns == 0 || array[0].n_columns > ADAH_BITS_MAX / 8))
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s.image.npy: %zu bytes a code, expected 1 to %d", prefix,
                         array[0].n_columns, ADAH_BITS_MAX / 8);
    if (code == ADAH_OK)
        code = open_fine_files(prefix, array[0].n_rows, fine, status);
    if (code == ADAH_OK)
        code = adah_codes_allocate(out, ADAH_BOTH_SIDES, array[0].n_rows, array[0].n_columns * 8,
                                   (const size_t[]){fine[0].n_columns, fine[1].n_columns}, 0, status);
    if (code == ADAH_OK && out->n) {
        for (int m = 0; m < 2; m++)
            code = copy_rows(&array[m], m == ADAH_IMAGE ? out->image : out->text, code, status);
        for (int m = 0; m < 2 && out->n_fine[m]; m++)
            code = copy_rows(&fine[m], m == ADAH_IMAGE ? out->image_fine : out->text_fine, code, status);
        if (code != ADAH_OK)
            adah_codes_free(out);
    }
    for (int m = 0; m < 2; m++) {
        adah_npy_close(&array[m]);
        adah_npy_close(&fine[m]);
    }
    return code;
}

adah_code adah_codes_read(const char *prefix, const adah_dataset *dataset, adah_codes *codes, adah_status *status) {
    adah_codes out = {0};
    ADAH_TRY(read_code_files(prefix, &out, status));
    char *path = adah_file_suffixed(prefix, ".ids");
    uint8_t *text = NULL;
    size_t n_bytes = 0;
    adah_code code = path ? adah_file_read(path, (size_t)1 << 32, &text, &n_bytes, status) : adah_fail_memory(status, 1);
    if (code == ADAH_OK)
        code = match_ids(path, (char *)text, dataset, &out, status);
    adah_memory_free(text);
    adah_memory_free(path);
    if (code != ADAH_OK)
        adah_codes_free(&out);
    else
        *codes = out;
    return code;
}
