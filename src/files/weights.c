/* weights.c - opens the reader of a file's format, or of each of the files that an index names, and lists all tensors by name. */
#define _GNU_SOURCE /* memmem */
#include "files/weights.h"
#include "base/file.h"
#include "base/memory.h"
#include "files/matconvnet.h"
#include "files/safetensors.h"
#include "files/torch_file.h"
#include "plugins/matlab/matlab.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INDEX_BYTES_MAX = 64 << 20, FILES_MAX = 1000 };

struct adah_weights { /* one of the three */
    adah_safetensors **safetensors;
    size_t n_safetensors, capacity;
    adah_torch_file *torch;
    adah_matconvnet *matconvnet;
    char *path;
    const adah_stored_tensor **tensor; /* by name */
    size_t n;
};

static int compare_names(const void *a, const void *b) {
    return strcmp((*(const adah_stored_tensor *const *)a)->name, (*(const adah_stored_tensor *const *)b)->name);
}

/* ---------------------------------------------------------------- opening */

static adah_code open_safetensors(adah_weights *w, const char *path, adah_status *status) {
    void *files = w->safetensors;
    const int room = adah_memory_grow(&files, &w->capacity, w->n_safetensors, sizeof *w->safetensors);
    w->safetensors = files;
    if (!room)
        return adah_fail_memory(status, sizeof *w->safetensors);
    ADAH_TRY(adah_safetensors_open(path, &w->safetensors[w->n_safetensors], status));
    w->n_safetensors++;
    return ADAH_OK;
}

static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? adah_memory_text_n(path, (size_t)(slash - path) + 1) : adah_memory_text("./");
}

/* The files that the index names, each once; `opened` keeps their names and places. */
static adah_code open_files(adah_weights *w, const json_t *map, const char *folder, json_t *opened, adah_status *status) {
    const char *tensor;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)map, tensor, value) {
        const char *name = json_string_value(value);
        if (!name || !*name || strchr(name, '/') || json_object_size(opened) > FILES_MAX)
            return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: tensor '%.100s' is in no file of the same folder", w->path, tensor);
        if (!json_object_get(opened, name)) {
            char *path = adah_file_join(folder, name);
            const adah_code code = path ? open_safetensors(w, path, status) : adah_fail_memory(status, 1);
            adah_memory_free(path);
            if (code != ADAH_OK)
                return code;
            if (json_object_set_new(opened, name, json_integer((json_int_t)w->n_safetensors - 1)))
                return adah_fail_memory(status, 1);
        }
        const size_t at = (size_t)json_integer_value(json_object_get(opened, name));
        if (!adah_safetensors_find(w->safetensors[at], tensor))
            return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: tensor '%.100s' is not in %.100s, where the index has it", w->path, tensor,
                             name);
    }
    return ADAH_OK;
}

static adah_code open_index(adah_weights *w, adah_status *status) {
    uint8_t *bytes;
    size_t n_bytes;
    json_error_t error;
    ADAH_TRY(adah_file_read(w->path, INDEX_BYTES_MAX, &bytes, &n_bytes, status));
    json_t *index = json_loadb((const char *)bytes, n_bytes, JSON_REJECT_DUPLICATES, &error), *opened = json_object();
    const json_t *map = json_object_get(index, "weight_map");
    char *folder = folder_of(w->path);
    adah_memory_free(bytes);
    adah_code code = !opened || !folder ? adah_fail_memory(status, 1)
                     : !index ? adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged index, line %d: %s", w->path, error.line, error.text)
                     : !json_is_object(map) || !json_object_size(map)
                         ? adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged index: its weight_map is empty or none", w->path)
                         : open_files(w, map, folder, opened, status);
    adah_memory_free(folder);
    json_decref(opened);
    json_decref(index);
    return code;
}

typedef enum weights_form { FORM_SAFETENSORS, FORM_INDEX, FORM_TORCH, FORM_MATLAB } weights_form;

static adah_code find_form(const char *path, weights_form *form, adah_status *status) {
    adah_file_map map = {0};
    ADAH_TRY(adah_file_open_map(path, &map, status));
    const size_t n_index = map.n_bytes < INDEX_BYTES_MAX ? map.n_bytes : 0;
    *form = adah_matlab_is_file(map.bytes, map.n_bytes)  ? FORM_MATLAB
            : adah_torch_is_file(map.bytes, map.n_bytes) ? FORM_TORCH
            : n_index && map.bytes[0] == '{' && memmem(map.bytes, n_index, "\"weight_map\"", 12) ? FORM_INDEX
                                                                                                   : FORM_SAFETENSORS;
    const adah_code code = adah_file_check_map(&map, ADAH_OK, status);
    adah_file_close_map(&map);
    return code;
}

static adah_code list_tensors(adah_weights *w, adah_status *status) {
    for (size_t i = 0; i < w->n_safetensors; i++)
        w->n += adah_safetensors_count(w->safetensors[i]);
    w->n += w->torch ? adah_torch_file_count(w->torch) : 0;
    w->tensor = adah_memory_zeroed(w->n, sizeof *w->tensor);
    if (!w->tensor)
        return adah_fail_memory(status, w->n * sizeof *w->tensor);
    size_t n = 0;
    for (size_t i = 0; i < w->n_safetensors; i++)
        for (size_t j = 0; j < adah_safetensors_count(w->safetensors[i]); j++)
            w->tensor[n++] = adah_safetensors_at(w->safetensors[i], j);
    for (size_t j = 0; w->torch && j < adah_torch_file_count(w->torch); j++)
        w->tensor[n++] = adah_torch_file_at(w->torch, j);
    if (n)
        qsort(w->tensor, n, sizeof *w->tensor, compare_names);
    for (size_t i = 1; i < n; i++)
        if (!strcmp(w->tensor[i - 1]->name, w->tensor[i]->name))
            return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: tensor '%.100s' is there twice", w->path, w->tensor[i]->name);
    return ADAH_OK;
}

static adah_code open_form(adah_weights *w, weights_form form, adah_status *status) {
    switch (form) {
    case FORM_MATLAB: return adah_matconvnet_open(w->path, &w->matconvnet, status);
    case FORM_TORCH: return adah_torch_file_open(w->path, &w->torch, status);
    case FORM_INDEX: return open_index(w, status);
    case FORM_SAFETENSORS: break;
    }
    return open_safetensors(w, w->path, status);
}

adah_code adah_weights_open(const char *path, adah_weights **weights, adah_status *status) {
    weights_form form;
    ADAH_TRY(find_form(path, &form, status));
    adah_weights *w = adah_memory_zeroed(1, sizeof *w);
    if (!w)
        return adah_fail_memory(status, sizeof *w);
    w->path = adah_memory_text(path);
    adah_code code = w->path ? open_form(w, form, status) : adah_fail_memory(status, 1);
    if (code == ADAH_OK)
        code = list_tensors(w, status);
    if (code != ADAH_OK)
        adah_weights_close(w);
    else
        *weights = w;
    return code;
}

void adah_weights_close(adah_weights *w) {
    if (!w)
        return;
    for (size_t i = 0; i < w->n_safetensors; i++)
        adah_safetensors_close(w->safetensors[i]);
    adah_memory_free(w->safetensors);
    adah_torch_file_close(w->torch);
    adah_matconvnet_close(w->matconvnet);
    adah_memory_free(w->tensor);
    adah_memory_free(w->path);
    adah_memory_free(w);
}

/* ---------------------------------------------------------------- reading */

const char *adah_weights_path(const adah_weights *w) { return w->path; }

int adah_weights_is_matconvnet(const adah_weights *w) { return w->matconvnet != NULL; }

size_t adah_weights_count(const adah_weights *w) { return w->n; }

const adah_stored_tensor *adah_weights_at(const adah_weights *w, size_t i) { return i < w->n ? w->tensor[i] : NULL; }

const adah_stored_tensor *adah_weights_find(const adah_weights *w, const char *name) {
    const adah_stored_tensor wanted = {.name = name}, *key = &wanted;
    const adah_stored_tensor *const *found = w->n ? bsearch(&key, w->tensor, w->n, sizeof key, compare_names) : NULL;
    return found ? *found : NULL;
}

adah_code adah_weights_read(const adah_weights *w, const char *name, adah_shape shape, float *out, adah_status *status) {
    if (w->matconvnet)
        return adah_matconvnet_read(w->matconvnet, name, shape, out, status);
    adah_code code = adah_stored_tensor_read(w->path, name, adah_weights_find(w, name), shape, out, status);
    for (size_t i = 0; i < w->n_safetensors; i++)
        code = adah_file_check_map(adah_safetensors_map(w->safetensors[i]), code, status);
    return w->torch ? adah_file_check_map(adah_torch_file_map(w->torch), code, status) : code;
}

int adah_weights_style(const adah_weights *w, adah_settings *config) {
    const char *said = w->n_safetensors == 1 ? adah_safetensors_metadata(w->safetensors[0], "preprocess") : NULL;
    float mean[3];
    int is_matconvnet = w->matconvnet != NULL;
    if (is_matconvnet)
        memcpy(mean, adah_matconvnet_mean(w->matconvnet), sizeof mean);
    else
        is_matconvnet = said && sscanf(said, "RGB, 0..255 minus [%f,%f,%f]", &mean[0], &mean[1], &mean[2]) == 3;
    config->weights_style = is_matconvnet                                   ? ADAH_STYLE_MATCONVNET
                            : said && !strncmp(said, "BGR", 3)              ? ADAH_STYLE_CAFFE
                            : said && !strncmp(said, "RGB, x/127.5-1", 14) ? ADAH_STYLE_TENSORFLOW
                                                                            : ADAH_STYLE_TORCHVISION;
    if (is_matconvnet) {
        config->mean_red = mean[0];
        config->mean_green = mean[1];
        config->mean_blue = mean[2];
    }
    return config->weights_style != ADAH_STYLE_TORCHVISION;
}
