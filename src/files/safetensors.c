/* safetensors.c - reading by memory map after one full check of the header, writing in one pass.
 *
 * The header is one JSON object: name -> {"dtype", "shape", "data_offsets": [begin, end]}, and an optional
 * "__metadata__" of texts. Sorted by offset, the tensors must fill the data part exactly. */
#include "files/safetensors.h"
#include "base/file.h"
#include "base/foreign_file.h"
#include "base/memory.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER_BYTES = 100000000, DATA_ALIGNMENT = 64 }; /* the format's own limit on headers */

struct adah_safetensors {
    adah_file_map map;
    char *path;
    json_t *header;          /* owns names and metadata */
    adah_stored_tensor *tensor; /* by offset */
    const adah_stored_tensor **by_name;
    size_t *dims; /* of all tensors */
    size_t n;
};

/* ---------------------------------------------------------------- reading */

__attribute__((format(printf, 3, 4))) static adah_code damaged(const adah_safetensors *f, adah_status *status,
                                                               const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged safetensors file: %s", f->path, text);
}

static int as_size(const json_t *value, size_t *out) {
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return 0;
    *out = (size_t)json_integer_value(value);
    return 1;
}

/* One entry of the header; its dimensions go to dim, which has room. */
static adah_code read_entry(const adah_safetensors *f, const char *name, const json_t *entry, const uint8_t *data,
                            size_t n_data, size_t *dim, adah_stored_tensor *t, adah_status *status) {
    const json_t *type = json_object_get(entry, "dtype"), *shape = json_object_get(entry, "shape");
    const json_t *offsets = json_object_get(entry, "data_offsets");
    if (!json_is_string(type) || !json_is_array(shape) || !json_is_array(offsets) || json_array_size(offsets) != 2)
        return damaged(f, status, "tensor '%s' needs a dtype, a shape and two data_offsets", name);
    *t = (adah_stored_tensor){.name = name, .type = json_string_value(type), .dim = dim};
    size_t n = 1, begin = 0, end = 0, n_bytes;
    for (size_t i = 0; i < json_array_size(shape); i++) {
        if (!as_size(json_array_get(shape, i), &dim[i]) || __builtin_mul_overflow(n, dim[i], &n))
            return damaged(f, status, "tensor '%s': dimension %zu is no size", name, i);
    }
    t->n_dims = (int)json_array_size(shape);
    if (!as_size(json_array_get(offsets, 0), &begin) || !as_size(json_array_get(offsets, 1), &end) || begin > end ||
        end > n_data)
        return damaged(f, status, "tensor '%s': data_offsets leave the file's %zu bytes of data%s", name, n_data,
                       end > n_data && begin <= end ? ": truncated, as a download that was cut off" : "");
    if (!adah_stored_type_bytes(t->type, n, &n_bytes))
        return damaged(f, status, "tensor '%s': unknown type '%.32s' or size", name, t->type);
    if (n_bytes != end - begin)
        return damaged(f, status, "tensor '%s': %zu bytes in the file, expected %zu from %zu values of %s", name,
                       end - begin, n_bytes, n, t->type);
    t->bytes = data + begin;
    t->n_bytes = n_bytes;
    return ADAH_OK;
}

static int compare_places(const void *a, const void *b) {
    const adah_stored_tensor *s = a, *t = b;
    if (s->bytes != t->bytes)
        return s->bytes < t->bytes ? -1 : 1;
    if (s->n_bytes != t->n_bytes) /* empty tensors first */
        return s->n_bytes < t->n_bytes ? -1 : 1;
    return strcmp(s->name, t->name);
}

static int compare_names(const void *a, const void *b) {
    return strcmp((*(const adah_stored_tensor *const *)a)->name, (*(const adah_stored_tensor *const *)b)->name);
}

static adah_code read_metadata(const adah_safetensors *f, const json_t *metadata, adah_status *status) {
    const char *key;
    json_t *value;
    if (!json_is_object(metadata))
        return damaged(f, status, "__metadata__ is no object");
    json_object_foreach((json_t *)(uintptr_t)metadata, key, value) {
        if (!json_is_string(value))
            return damaged(f, status, "__metadata__ '%s' is no text", key);
    }
    return ADAH_OK;
}

static adah_code read_header(adah_safetensors *f, adah_status *status) {
    const uint8_t *bytes = f->map.bytes;
    uint64_t n_header = 0;
    for (int i = 0; i < 8 && f->map.n_bytes >= 8; i++)
        n_header |= (uint64_t)bytes[i] << 8 * i;
    const int begins = f->map.n_bytes > 8 && n_header >= 2 && n_header <= MAX_HEADER_BYTES && bytes[8] == '{';
    const char *foreign = begins ? NULL : adah_foreign_file(bytes, f->map.n_bytes);
    if (foreign)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: not a safetensors file: %s", f->path, foreign);
    if (f->map.n_bytes < 8)
        return damaged(f, status, "%zu bytes, expected at least 8", f->map.n_bytes);
    if (begins && n_header > f->map.n_bytes - 8)
        return damaged(f, status, "truncated: it ends after %zu bytes, inside its header of %llu", f->map.n_bytes,
                       (unsigned long long)n_header);
    if (n_header > f->map.n_bytes - 8 || n_header > MAX_HEADER_BYTES)
        return damaged(f, status, "header of %llu bytes in a file of %zu", (unsigned long long)n_header,
                       f->map.n_bytes);
    if (n_header < 2 || bytes[8] != '{')
        return damaged(f, status, "the header does not begin with '{'");
    json_error_t error;
    f->header = json_loadb((const char *)bytes + 8, (size_t)n_header, JSON_REJECT_DUPLICATES, &error);
    if (!f->header)
        return damaged(f, status, "header, byte %d: %s", error.position, error.text);
    if (!json_is_object(f->header))
        return damaged(f, status, "the header is no JSON object");

    size_t n_dims = 0, n_entries = json_object_size(f->header);
    const char *name;
    json_t *entry;
    json_object_foreach(f->header, name, entry) n_dims += json_array_size(json_object_get(entry, "shape"));
    f->tensor = adah_memory_zeroed(n_entries, sizeof *f->tensor);
    f->by_name = adah_memory_zeroed(n_entries, sizeof *f->by_name);
    f->dims = adah_memory_zeroed(n_dims, sizeof *f->dims);
    if (!f->tensor || !f->by_name || !f->dims)
        return adah_fail_memory(status, n_entries * sizeof *f->tensor);

    const uint8_t *data = bytes + 8 + n_header;
    size_t n_data = f->map.n_bytes - 8 - (size_t)n_header, used = 0;
    size_t *dim = f->dims;
    json_object_foreach(f->header, name, entry) {
        if (strcmp(name, "__metadata__") == 0) {
            ADAH_TRY(read_metadata(f, entry, status));
            continue;
        }
        adah_stored_tensor *t = &f->tensor[f->n++];
        ADAH_TRY(read_entry(f, name, entry, data, n_data, dim, t, status));
        dim += t->n_dims;
    }
    qsort(f->tensor, f->n, sizeof *f->tensor, compare_places);
    for (size_t i = 0; i < f->n; i++) {
        const adah_stored_tensor *t = &f->tensor[i];
        if (t->bytes != data + used)
            return damaged(f, status, "tensor '%s' begins at byte %zu of the data, expected %zu", t->name,
                           (size_t)(t->bytes - data), used);
        used += t->n_bytes;
        f->by_name[i] = t;
    }
    if (used != n_data)
        return damaged(f, status, "the tensors fill %zu of %zu bytes of data", used, n_data);
    qsort(f->by_name, f->n, sizeof *f->by_name, compare_names);
    return ADAH_OK;
}

adah_code adah_safetensors_open(const char *path, adah_safetensors **file, adah_status *status) {
    adah_safetensors *f = adah_memory_zeroed(1, sizeof *f);
    if (!f)
        return adah_fail_memory(status, sizeof *f);
    f->path = adah_memory_text(path);
    adah_code code = f->path ? ADAH_OK : adah_fail_memory(status, strlen(path) + 1);
    if (code == ADAH_OK)
        code = adah_file_open_map(path, &f->map, status);
    if (code == ADAH_OK)
        code = adah_file_check_map(&f->map, read_header(f, status), status);
    if (code != ADAH_OK) {
        adah_safetensors_close(f);
        return code;
    }
    *file = f;
    return ADAH_OK;
}

void adah_safetensors_close(adah_safetensors *f) {
    if (!f)
        return;
    json_decref(f->header);
    adah_file_close_map(&f->map);
    adah_memory_free(f->path);
    adah_memory_free(f->tensor);
    adah_memory_free(f->by_name);
    adah_memory_free(f->dims);
    adah_memory_free(f);
}

const adah_file_map *adah_safetensors_map(const adah_safetensors *f) { return &f->map; }

size_t adah_safetensors_count(const adah_safetensors *f) { return f->n; }

const adah_stored_tensor *adah_safetensors_at(const adah_safetensors *f, size_t i) {
    return i < f->n ? &f->tensor[i] : NULL;
}

const adah_stored_tensor *adah_safetensors_find(const adah_safetensors *f, const char *name) {
    const adah_stored_tensor wanted = {.name = name}, *key = &wanted;
    const adah_stored_tensor *const *found = f->n ? bsearch(&key, f->by_name, f->n, sizeof key, compare_names) : NULL;
    return found ? *found : NULL;
}

const char *adah_safetensors_metadata(const adah_safetensors *f, const char *key) {
    return json_string_value(json_object_get(json_object_get(f->header, "__metadata__"), key));
}

adah_code adah_safetensors_read(const adah_safetensors *f, const char *name, adah_shape shape, float *out,
                                adah_status *status) {
    ADAH_TRY(adah_stored_tensor_read(f->path, name, adah_safetensors_find(f, name), shape, out, status));
    return adah_file_check_map(&f->map, ADAH_OK, status);
}

/* ---------------------------------------------------------------- writing */

/* Adds `entry` (which it takes over, NULL: memory is out) under a new name. */
static adah_code add_entry(json_t *object, const char *path, const char *name, json_t *entry, adah_status *status) {
    if (!entry)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: name or text '%s' is not UTF-8, or there is not enough memory", path,
                         name);
    if (json_object_get(object, name)) {
        json_decref(entry);
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: name '%s' is given twice", path, name);
    }
    if (json_object_set_new(object, name, entry) != 0)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: name '%s' is not UTF-8, or there is not enough memory", path, name);
    return ADAH_OK;
}

static json_t *shape_array(adah_shape shape) {
    json_t *array = json_array();
    for (int i = 0; i < shape.n_dims; i++)
        json_array_append_new(array, json_integer((json_int_t)shape.dim[i]));
    return array;
}

static adah_code fill_header(json_t *header, const char *path, const adah_safetensors_item *items, size_t n_items,
                             const char *const *metadata, size_t n_metadata, adah_status *status) {
    if (n_metadata) {
        json_t *texts = json_object();
        ADAH_TRY(add_entry(header, path, "__metadata__", texts, status));
        for (size_t i = 0; i < n_metadata; i++)
            ADAH_TRY(add_entry(texts, path, metadata[2 * i], json_string(metadata[2 * i + 1]), status));
    }
    size_t begin = 0;
    for (size_t i = 0; i < n_items; i++) {
        const adah_safetensors_item *item = &items[i];
        size_t n_bytes;
        if (strcmp(item->name, "__metadata__") == 0)
            return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: a tensor cannot be named __metadata__", path);
        if (!adah_stored_type_bytes(item->type, adah_shape_count(item->shape), &n_bytes) || n_bytes != item->n_bytes)
            return adah_fail(status, ADAH_ERROR_ARGUMENT,
                             "%s: tensor '%s': %zu bytes do not fit its shape and type %s", path, item->name,
                             item->n_bytes, item->type);
        json_t *entry = json_pack("{s:s, s:o, s:[I, I]}", "dtype", item->type, "shape", shape_array(item->shape),
                                  "data_offsets", (json_int_t)begin, (json_int_t)(begin + n_bytes));
        ADAH_TRY(add_entry(header, path, item->name, entry, status));
        begin += n_bytes;
    }
    return ADAH_OK;
}

static adah_code put_header(adah_file_writer *writer, const char *text, adah_status *status) {
    static const uint8_t spaces[DATA_ALIGNMENT] = "                                                                ";
    size_t n_text = strlen(text), n_padding = (DATA_ALIGNMENT - (8 + n_text) % DATA_ALIGNMENT) % DATA_ALIGNMENT;
    uint64_t n_header = n_text + n_padding;
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(n_header >> 8 * i);
    ADAH_TRY(adah_file_put(writer, length, sizeof length, status));
    ADAH_TRY(adah_file_put(writer, text, n_text, status));
    return adah_file_put(writer, spaces, n_padding, status);
}

adah_code adah_safetensors_write(const char *path, const adah_safetensors_item *items, size_t n_items,
                                 const char *const *metadata, size_t n_metadata, adah_status *status) {
    json_t *header = json_object();
    char *text = NULL;
    adah_file_writer *writer = NULL;
    adah_code code = header ? fill_header(header, path, items, n_items, metadata, n_metadata, status)
                            : adah_fail_memory(status, sizeof(void *));
    if (code == ADAH_OK && !(text = json_dumps(header, JSON_COMPACT)))
        code = adah_fail_memory(status, n_items);
    if (code == ADAH_OK)
        code = adah_file_create(path, &writer, status);
    if (code == ADAH_OK)
        code = put_header(writer, text, status);
    for (size_t i = 0; i < n_items && code == ADAH_OK; i++)
        code = adah_file_put(writer, items[i].data, items[i].n_bytes, status);
    if (code == ADAH_OK)
        code = adah_file_commit(writer, status);
    else
        adah_file_abort(writer);
    free(text); /* jansson's */
    json_decref(header);
    return code;
}
