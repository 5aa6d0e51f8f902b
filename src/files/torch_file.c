/* torch_file.c - finds the pickle and the storages of either form, walks through the dictionaries, and checks of each tensor that it lies
 * in its storage. */
#include "files/torch_file.h"
#include "base/foreign_file.h"
#include "base/memory.h"
#include "files/pickle.h"
#include "files/zip_stored.h"

#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 8, VISITS_MAX = 1000000, TENSORS_MAX = 10000, DIMS_MAX = 8, NAME_BYTES = 512 };

/* A storage of the older form. */
typedef struct storage_place {
    const char *key;
    const uint8_t *bytes;
    size_t n_bytes;
} storage_place;

struct adah_torch_file {
    adah_file_map map;
    char *path;
    adah_zip zip;
    char *prefix;        /* of the names in the archive, "archive/" */
    adah_pickle *pickle, *keys;
    storage_place *place; /* of the older form */
    size_t n_places;
    adah_stored_tensor *tensor;
    size_t n, capacity, n_visits;
};

static const char MAGIC[] = "\200\002\212\012l\374\234F\371 j\250P\031."; /* the first pickle of the older form: a number */

int adah_torch_is_file(const uint8_t *bytes, size_t n_bytes) {
    return (n_bytes >= 4 && !memcmp(bytes, "PK\003\004", 4)) || (n_bytes >= 4 && !memcmp(bytes, MAGIC, n_bytes < 15 ? n_bytes : 15));
}

static adah_code damaged(const adah_torch_file *f, const char *what, const char *name, adah_status *status) {
    return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged PyTorch file: %s%.200s", f->path, what, name);
}

/* ---------------------------------------------------------------- the archive */

static adah_code find_pickle(adah_torch_file *f, const adah_zip_entry **pickle, adah_status *status) {
    for (size_t i = 0; i < f->zip.n; i++) {
        const adah_zip_entry *entry = &f->zip.entry[i];
        const size_t n = strlen(entry->name), n_end = strlen("data.pkl");
        if (n < n_end || strcmp(entry->name + n - n_end, "data.pkl") || (n > n_end && entry->name[n - n_end - 1] != '/'))
            continue;
        *pickle = entry;
        f->prefix = adah_memory_text_n(entry->name, n - n_end);
        return f->prefix ? ADAH_OK : adah_fail_memory(status, n);
    }
    const char *foreign = adah_foreign_file(f->map.bytes, f->map.n_bytes);
    return adah_fail(status, ADAH_ERROR_FORMAT, "%s: not a file of weights: %s", f->path, foreign ? foreign : "a zip archive");
}

static const adah_zip_entry *find_entry(const adah_torch_file *f, const char *folder, const char *key) {
    char name[NAME_BYTES];
    const int n = snprintf(name, sizeof name, "%s%s%s", f->prefix, folder, key);
    return n > 0 && (size_t)n < sizeof name ? adah_zip_find(&f->zip, name) : NULL;
}

static adah_code read_archive(adah_torch_file *f, adah_status *status) {
    const adah_zip_entry *pickle = NULL;
    size_t n_read = 0;
    const char *foreign = adah_foreign_file(f->map.bytes, f->map.n_bytes);
    const adah_code code = adah_zip_open(f->path, f->map.bytes, f->map.n_bytes, &f->zip, status);
    if (code == ADAH_ERROR_CORRUPT && foreign && !strstr(foreign, "PyTorch"))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: not a file of weights: %s", f->path, foreign);
    if (code != ADAH_OK)
        return code;
    ADAH_TRY(find_pickle(f, &pickle, status));
    if (!pickle->bytes)
        return damaged(f, "compressed, as PyTorch writes nothing: ", pickle->name, status);
    const adah_zip_entry *order = find_entry(f, "byteorder", "");
    if (order && order->bytes && order->n_bytes >= 3 && !memcmp(order->bytes, "big", 3))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: its numbers are big-endian, expected little-endian", f->path);
    return adah_pickle_read(f->path, pickle->bytes, pickle->n_bytes, &f->pickle, &n_read, status);
}

/* ---------------------------------------------------------------- the older form */

static adah_code skip_pickle(const adah_torch_file *f, size_t *at, adah_status *status) {
    adah_pickle *passed = NULL;
    size_t n_read = 0;
    ADAH_TRY(adah_pickle_read(f->path, f->map.bytes + *at, f->map.n_bytes - *at, &passed, &n_read, status));
    adah_pickle_free(passed);
    *at += n_read;
    return ADAH_OK;
}

/* Bytes of a value of the storage `key`; 0: nobody names it. */
static size_t value_bytes_of(const adah_torch_file *f, const char *key) {
    size_t n_bytes = 0;
    for (size_t i = 0; i < adah_pickle_storage_count(f->pickle) && !n_bytes; i++) {
        const adah_pickle_value *storage = adah_pickle_storage(f->pickle, i);
        if (!strcmp(storage->text, key) && !adah_stored_type_bytes(storage->type, 1, &n_bytes))
            n_bytes = 0;
    }
    return n_bytes;
}

/* Behind the pickles: for each key how many values, then these. */
static adah_code find_places(adah_torch_file *f, size_t at, adah_status *status) {
    const adah_pickle_value *keys = adah_pickle_root(f->keys);
    if (keys->kind != ADAH_PICKLE_LIST || keys->n_items > TENSORS_MAX || adah_pickle_storage_count(f->pickle) > TENSORS_MAX)
        return damaged(f, "no list of storages, or one that is too long", "", status);
    f->place = adah_memory_zeroed(keys->n_items, sizeof *f->place);
    if (!f->place)
        return adah_fail_memory(status, keys->n_items * sizeof *f->place);
    for (size_t i = 0; i < keys->n_items; i++) {
        const adah_pickle_value *key = keys->item[i];
        const size_t value_bytes = key->kind == ADAH_PICKLE_TEXT ? value_bytes_of(f, key->text) : 0;
        uint64_t n = 0, n_bytes;
        if (!value_bytes)
            return damaged(f, "a storage that no tensor has", "", status);
        if (f->map.n_bytes - at < 8)
            return damaged(f, "truncated, as a download that was cut off", "", status);
        for (int j = 0; j < 8; j++)
            n |= (uint64_t)f->map.bytes[at + (size_t)j] << 8 * j;
        at += 8;
        if (__builtin_mul_overflow(n, (uint64_t)value_bytes, &n_bytes) || n_bytes > f->map.n_bytes - at)
            return damaged(f, "truncated, as a download that was cut off", "", status);
        f->place[f->n_places++] = (storage_place){key->text, f->map.bytes + at, (size_t)n_bytes};
        at += (size_t)n_bytes;
    }
    return ADAH_OK;
}

static adah_code read_older(adah_torch_file *f, adah_status *status) {
    size_t at = sizeof MAGIC - 1, n_read = 0;
    if (f->map.n_bytes < at)
        return damaged(f, "truncated, as a download that was cut off", "", status);
    ADAH_TRY(skip_pickle(f, &at, status)); /* the version */
    ADAH_TRY(skip_pickle(f, &at, status)); /* the machine that wrote it */
    ADAH_TRY(adah_pickle_read(f->path, f->map.bytes + at, f->map.n_bytes - at, &f->pickle, &n_read, status));
    at += n_read;
    ADAH_TRY(adah_pickle_read(f->path, f->map.bytes + at, f->map.n_bytes - at, &f->keys, &n_read, status));
    return find_places(f, at + n_read, status);
}

/* ---------------------------------------------------------------- tensors */

static int find_storage(const adah_torch_file *f, const char *key, const uint8_t **bytes, size_t *n_bytes) {
    if (f->prefix) {
        const adah_zip_entry *entry = find_entry(f, "data/", key);
        *bytes = entry ? entry->bytes : NULL;
        *n_bytes = entry ? entry->n_bytes : 0;
        return entry && entry->bytes;
    }
    for (size_t i = 0; i < f->n_places; i++)
        if (!strcmp(f->place[i].key, key)) {
            *bytes = f->place[i].bytes;
            *n_bytes = f->place[i].n_bytes;
            return 1;
        }
    return 0;
}

/* Shape and strides into numbers[0..n-1] and [n..2n-1]. *extent: values from the first to behind the last; 0: it leaves all bounds. */
static int measure(const adah_pickle_value *value, size_t *numbers, size_t *extent, int *is_row_major) {
    const size_t n = value->shape->n_items;
    size_t row = 1, last = 0;
    *is_row_major = 1;
    *extent = 1;
    for (size_t i = n; i-- > 0;) {
        const size_t dim = numbers[i] = (size_t)value->shape->item[i]->integer;
        const size_t stride = numbers[n + i] = (size_t)value->strides->item[i]->integer;
        size_t reach;
        *is_row_major &= dim == 1 || stride == row;
        if (__builtin_mul_overflow(row, dim ? dim : 1, &row) || __builtin_mul_overflow(dim ? dim - 1 : 0, stride, &reach) ||
            __builtin_add_overflow(last, reach, &last))
            return 0;
        *extent *= dim != 0;
    }
    if (*extent)
        *extent = last + 1;
    return 1;
}

static adah_code add_tensor(adah_torch_file *f, const char *name, const adah_pickle_value *value, adah_status *status) {
    const size_t n_dims = value->shape->n_items;
    const uint8_t *bytes;
    size_t n_storage, extent, value_bytes, begin, n_bytes, end;
    int is_row_major;
    if (n_dims > DIMS_MAX || f->n == TENSORS_MAX)
        return damaged(f, "too many tensors or dimensions: ", name, status);
    if (!find_storage(f, value->storage->text, &bytes, &n_storage))
        return damaged(f, "there are no numbers of tensor ", name, status);
    size_t *numbers = adah_memory_zeroed(2 * n_dims + 1, sizeof *numbers);
    char *copy = adah_memory_text(name);
    void *tensors = f->tensor;
    const int room = adah_memory_grow(&tensors, &f->capacity, f->n, sizeof *f->tensor);
    f->tensor = tensors;
    if (!numbers || !copy || !room) {
        adah_memory_free(numbers);
        adah_memory_free(copy);
        return adah_fail_memory(status, sizeof *f->tensor);
    }
    adah_stored_tensor *t = &f->tensor[f->n++];
    *t = (adah_stored_tensor){.name = copy, .type = value->storage->type, .n_dims = (int)n_dims, .dim = numbers};
    if (!measure(value, numbers, &extent, &is_row_major) || !adah_stored_type_bytes(t->type, 1, &value_bytes) ||
        __builtin_add_overflow(value->offset, value->storage->offset, &begin) || __builtin_mul_overflow(begin, value_bytes, &begin) ||
        __builtin_mul_overflow(extent, value_bytes, &n_bytes) || __builtin_add_overflow(begin, n_bytes, &end) || end > n_storage)
        return damaged(f, "it has not all numbers of tensor ", name, status);
    t->stride = is_row_major ? NULL : numbers + n_dims;
    t->bytes = bytes + begin;
    t->n_bytes = n_bytes;
    return ADAH_OK;
}

static adah_code walk(adah_torch_file *f, const adah_pickle_value *value, char name[NAME_BYTES], size_t n_name, int depth,
                      adah_status *status) {
    if (++f->n_visits > VISITS_MAX || depth > DEPTH_MAX)
        return damaged(f, "dictionaries nested too deeply or too often: ", name, status);
    if (value->kind == ADAH_PICKLE_TENSOR)
        return add_tensor(f, name, value, status);
    for (size_t i = 0; value->kind == ADAH_PICKLE_DICT && i + 1 < value->n_items; i += 2) {
        const adah_pickle_value *key = value->item[i];
        if (key->kind != ADAH_PICKLE_TEXT || (value->item[i + 1]->kind != ADAH_PICKLE_DICT && value->item[i + 1]->kind != ADAH_PICKLE_TENSOR))
            continue;
        const int n = snprintf(name + n_name, NAME_BYTES - n_name, "%s%s", n_name ? "." : "", key->text);
        if (n < 0 || (size_t)n >= NAME_BYTES - n_name)
            return damaged(f, "a name of more than 500 bytes: ", name, status);
        ADAH_TRY(walk(f, value->item[i + 1], name, n_name + (size_t)n, depth + 1, status));
    }
    name[n_name] = '\0';
    return ADAH_OK;
}

static adah_code read_file(adah_torch_file *f, adah_status *status) {
    char name[NAME_BYTES] = "";
    ADAH_TRY(adah_file_open_map(f->path, &f->map, status));
    const int is_zip = f->map.n_bytes >= 2 && !memcmp(f->map.bytes, "PK", 2);
    adah_code code = is_zip ? read_archive(f, status) : read_older(f, status);
    if (code == ADAH_OK)
        code = walk(f, adah_pickle_root(f->pickle), name, 0, 0, status);
    if (code == ADAH_OK && f->n == 0)
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: a PyTorch file without named tensors", f->path);
    return adah_file_check_map(&f->map, code, status);
}

adah_code adah_torch_file_open(const char *path, adah_torch_file **file, adah_status *status) {
    adah_torch_file *f = adah_memory_zeroed(1, sizeof *f);
    if (!f)
        return adah_fail_memory(status, sizeof *f);
    f->path = adah_memory_text(path);
    const adah_code code = f->path ? read_file(f, status) : adah_fail_memory(status, strlen(path) + 1);
    if (code != ADAH_OK)
        adah_torch_file_close(f);
    else
        *file = f;
    return code;
}

void adah_torch_file_close(adah_torch_file *f) {
    if (!f)
        return;
    for (size_t i = 0; i < f->n; i++) {
        adah_memory_free((char *)(uintptr_t)f->tensor[i].name);
        adah_memory_free((size_t *)(uintptr_t)f->tensor[i].dim);
    }
    adah_memory_free(f->tensor);
    adah_memory_free(f->place);
    adah_pickle_free(f->pickle);
    adah_pickle_free(f->keys);
    adah_memory_free(f->prefix);
    adah_zip_close(&f->zip);
    adah_file_close_map(&f->map);
    adah_memory_free(f->path);
    adah_memory_free(f);
}

size_t adah_torch_file_count(const adah_torch_file *f) { return f->n; }

const adah_stored_tensor *adah_torch_file_at(const adah_torch_file *f, size_t i) { return i < f->n ? &f->tensor[i] : NULL; }

const adah_file_map *adah_torch_file_map(const adah_torch_file *f) { return &f->map; }
