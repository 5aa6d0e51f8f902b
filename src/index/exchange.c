/* exchange.c - codes of a collection to and from files of other programs: NumPy arrays and FAISS's binary indexes. */
#include "base/memory.h"
#include "base/npy.h"
#include "index/faiss_file.h"
#include "index/index_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- export */

typedef struct pair {
    uint64_t id;
    const uint8_t *code;
} pair;

static int by_id(const void *a, const void *b) {
    const pair *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

/* Ids and codes of all records that have one, in order of id. */
static adah_code collect(const adah_index *x, adah_modality side, adah_faiss_codes *out, adah_status *status) {
    const size_t n_code_bytes = x->n_bits / 8;
    size_t n = 0;
    pair *items = adah_memory_resize(NULL, (size_t)x->n_alive, sizeof *items);
    if (!items)
        return adah_fail_memory(status, (size_t)x->n_alive * sizeof *items);
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < x->n_segments && code == ADAH_OK; i++) {
        const adah_segment_view *v = &x->view[i];
        const adah_code_set *set = &v->segment->sets[side];
        for (size_t at = 0; at < set->n && code == ADAH_OK; at++) {
            uint64_t record = 0;
            if (v->keep[side] && !adah_bit(v->keep[side]->word, at))
                continue;
            code = adah_segment_record_of(v->segment, side, at, &record, status);
            if (code == ADAH_OK && n == x->n_alive)
                code = adah_index_fail_damaged(x->path, status, "it has more codes than records");
            if (code == ADAH_OK)
                items[n++] = (pair){adah_segment_id(v->segment, record), set->codes + at * n_code_bytes};
        }
    }
    if (code == ADAH_OK && n == 0)
        code = adah_fail(status, ADAH_ERROR_MISMATCH, "%s: the index holds no codes of %s", x->path,
                         side == ADAH_IMAGE ? "images" : "texts");
    if (code == ADAH_OK && !x->ids_ascend)
        qsort(items, n, sizeof *items, by_id);
    if (code == ADAH_OK) {
        *out = (adah_faiss_codes){n, x->n_bits, adah_memory_alloc(n * n_code_bytes),
                                  adah_memory_resize(NULL, n, sizeof *out->ids)};
        if (!out->codes || !out->ids)
            code = adah_fail_memory(status, n * (n_code_bytes + sizeof *out->ids));
    }
    for (size_t i = 0; i < n && code == ADAH_OK; i++) {
        memcpy(out->codes + i * n_code_bytes, items[i].code, n_code_bytes);
        out->ids[i] = items[i].id;
    }
    adah_memory_free(items);
    return code;
}

/* 0, 1, 2, ... */
static int ids_count(const adah_faiss_codes *c) {
    size_t i = 0;
    while (i < c->n && c->ids[i] == i)
        i++;
    return i == c->n;
}

static adah_code put_ids(const char *path, const adah_faiss_codes *c, adah_file_writer **writer, adah_status *status) {
    char *ids_path = adah_file_suffixed(path, ".ids"), line[32];
    adah_code code = ids_path ? adah_file_create(ids_path, writer, status) : adah_fail_memory(status, strlen(path) + 5);
    for (size_t i = 0; i < c->n && code == ADAH_OK; i++)
        code = adah_file_put(*writer, line, (size_t)snprintf(line, sizeof line, "%" PRIu64 "\n", c->ids[i]), status);
    adah_memory_free(ids_path);
    return code;
}

static adah_code write_npy(const char *path, const adah_faiss_codes *c, adah_status *status) {
    adah_file_writer *files[2] = {NULL, NULL};
    adah_code code = adah_npy_create(path, ADAH_NPY_UINT8, c->codes, c->n, c->n_bits / 8, &files[0], status);
    if (code == ADAH_OK)
        code = put_ids(path, c, &files[1], status);
    if (code == ADAH_OK)
        return adah_file_commit_all(files, 2, status);
    adah_file_abort(files[0]);
    adah_file_abort(files[1]);
    return code;
}

adah_code adah_index_export(const adah_index *index, adah_modality side, adah_exchange_format format,
                            const char *path, adah_status *status) {
    if ((side != ADAH_IMAGE && side != ADAH_TEXT) || format < ADAH_EXCHANGE_NPY || format > ADAH_EXCHANGE_FAISS_IVF)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "modality %d, format %d: expected 0 or 1, and 0 to 2",
                         (int)side, (int)format);
    adah_faiss_codes c = {0};
    adah_code code = collect(index, side, &c, status);
    code = adah_index_checked(index, code, status);
    if (code == ADAH_OK && format == ADAH_EXCHANGE_NPY) {
        code = write_npy(path, &c, status);
    } else if (code == ADAH_OK && format == ADAH_EXCHANGE_FAISS_IVF) {
        code = adah_faiss_write_ivf(path, &c, 0, status);
    } else if (code == ADAH_OK) {
        if (ids_count(&c)) {
            adah_memory_free(c.ids);
            c.ids = NULL;
        }
        code = adah_faiss_write_flat(path, &c, status);
    }
    adah_faiss_codes_free(&c);
    return code;
}

/* ---------------------------------------------------------------- import */

static int is_npy(const char *path) {
    uint8_t magic[6] = {0};
    FILE *file = fopen(path, "rb");
    const int is = file && fread(magic, 1, sizeof magic, file) == sizeof magic && memcmp(magic, "\x93NUMPY", 6) == 0;
    if (file)
        fclose(file);
    return is;
}

/* The ids beside an array, one a line, when there are any. */
static adah_code read_ids(const char *path, adah_faiss_codes *c, adah_status *status) {
    char *ids_path = adah_file_suffixed(path, ".ids");
    uint8_t *text = NULL;
    size_t n_bytes, n = 0;
    if (!ids_path)
        return adah_fail_memory(status, strlen(path));
    if (!adah_file_exists(ids_path)) {
        adah_memory_free(ids_path);
        return ADAH_OK;
    }
    adah_code code = adah_file_read(ids_path, (size_t)1 << 36, &text, &n_bytes, status);
    if (code == ADAH_OK && !(c->ids = adah_memory_resize(NULL, c->n, sizeof *c->ids)))
        code = adah_fail_memory(status, c->n * sizeof *c->ids);
    for (char *p = (char *)text; code == ADAH_OK && *p;) {
        char *end;
        errno = 0;
        const uint64_t id = strtoull(p, &end, 10);
        if (errno || end == p || *p == '-' || (*end && *end != '\n'))
            code = adah_fail(status, ADAH_ERROR_FORMAT, "%s:%zu: \"%.30s\", expected an id", ids_path, n + 1, p);
        else if (n == c->n)
            code =
                adah_fail(status, ADAH_ERROR_MISMATCH, "%s: more lines than the %zu codes that it belongs to", ids_path, c->n);
        else
            c->ids[n++] = id;
        p = *end ? end + 1 : end;
    }
    if (code == ADAH_OK && n != c->n)
        code = adah_fail(status, ADAH_ERROR_MISMATCH, "%s: %zu ids for %zu codes", ids_path, n, c->n);
    adah_memory_free(text);
    adah_memory_free(ids_path);
    return code;
}

static adah_code open_npy(const char *path, adah_npy *array, adah_status *status) {
    ADAH_TRY(adah_npy_open(path, ADAH_NPY_UINT8, array, status));
    if (array->n_columns && array->n_columns <= ADAH_BITS_MAX / 8)
        return ADAH_OK;
    const adah_code code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: %zu bytes a code, expected 1 to %d", path,
                                     array->n_columns, ADAH_BITS_MAX / 8);
    adah_npy_close(array);
    return code;
}

static adah_code read_npy(const char *path, adah_faiss_codes *c, adah_status *status) {
    adah_npy array;
    adah_code code = ADAH_OK;
    ADAH_TRY(open_npy(path, &array, status));
    *c = (adah_faiss_codes){.n = array.n_rows, .n_bits = array.n_columns * 8};
    if (!(c->codes = adah_memory_alloc(c->n * array.n_columns)))
        code = adah_fail_memory(status, c->n * array.n_columns);
    else if (c->n)
        memcpy(c->codes, array.items, c->n * array.n_columns);
    code = adah_file_check_map(&array.map, code, status);
    adah_npy_close(&array);
    return code == ADAH_OK ? read_ids(path, c, status) : code;
}

static adah_code read_codes(const char *path, adah_faiss_codes *c, adah_status *status) {
    *c = (adah_faiss_codes){0};
    const adah_code code = is_npy(path) ? read_npy(path, c, status) : adah_faiss_read(path, c, status);
    if (code != ADAH_OK)
        adah_faiss_codes_free(c);
    return code;
}

adah_code adah_exchange_bits(const char *path, size_t *n_bits, adah_status *status) {
    if (is_npy(path)) { /* its first bytes tell */
        adah_npy array;
        ADAH_TRY(open_npy(path, &array, status));
        *n_bits = array.n_columns * 8;
        adah_npy_close(&array);
        return ADAH_OK;
    }
    adah_faiss_codes c;
    ADAH_TRY(read_codes(path, &c, status));
    *n_bits = c.n_bits;
    adah_faiss_codes_free(&c);
    return ADAH_OK;
}

/* side[0], side[1]: images, texts; without codes where there are none. */
static adah_code add_all(adah_index_writer *w, const adah_faiss_codes side[2], adah_status *status) {
    const adah_faiss_codes *first = side[0].codes ? &side[0] : &side[1];
    const size_t n_code_bytes = first->n_bits / 8;
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < first->n && code == ADAH_OK; i++) {
        const adah_index_item item = {.id = first->ids ? first->ids[i] : ADAH_NO_ID,
                                      .image_code = side[0].codes ? side[0].codes + i * n_code_bytes : NULL,
                                      .text_code = side[1].codes ? side[1].codes + i * n_code_bytes : NULL};
        code = adah_index_writer_add(w, &item, NULL, status);
    }
    return code == ADAH_OK ? adah_index_writer_commit(w, status) : code;
}

static int same_ids(const adah_faiss_codes *a, const adah_faiss_codes *b) {
    return !a->ids || !b->ids ? a->ids == b->ids : memcmp(a->ids, b->ids, a->n * sizeof *a->ids) == 0;
}

adah_code adah_index_import(adah_index_writer *writer, const char *image_path, const char *text_path,
                            uint64_t *n_added, adah_status *status) {
    const char *const path[2] = {image_path, text_path};
    const size_t n_bits = adah_index_bits(adah_index_writer_state(writer));
    adah_faiss_codes side[2] = {{0}, {0}};
    adah_code code =
        image_path || text_path ? ADAH_OK : adah_fail(status, ADAH_ERROR_ARGUMENT, "no file of codes is given");
    for (int m = 0; m < 2 && code == ADAH_OK; m++) {
        if (!path[m])
            continue;
        code = read_codes(path[m], &side[m], status);
        if (code == ADAH_OK && side[m].n_bits != n_bits)
            code = adah_fail(status, ADAH_ERROR_MISMATCH, "%s: codes of %zu bits, those of the index have %zu",
                             path[m], side[m].n_bits, n_bits);
    }
    if (code == ADAH_OK && image_path && text_path && (side[0].n != side[1].n || !same_ids(&side[0], &side[1])))
        code = adah_fail(status, ADAH_ERROR_MISMATCH, "%s has %zu codes, %s %zu: expected as many, with the same ids",
                         image_path, side[0].n, text_path, side[1].n);
    if (code == ADAH_OK && (image_path ? side[0].n : side[1].n) == 0)
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: there is no code in it", image_path ? image_path : text_path);
    if (code == ADAH_OK)
        code = add_all(writer, side, status);
    if (code == ADAH_OK && n_added)
        *n_added = image_path ? side[0].n : side[1].n;
    adah_faiss_codes_free(&side[0]);
    adah_faiss_codes_free(&side[1]);
    return code;
}
