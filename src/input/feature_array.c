/* feature_array.c - finds, maps and checks the array files of a data set. */
#include "input/feature_array.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "settings/method.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const side_name[2] = {[ADAH_IMAGE] = "image", [ADAH_TEXT] = "text"};
/* (n, D) to (n, C, H, W); a text has no height and width. */
static const int n_dims_max[2] = {[ADAH_IMAGE] = 4, [ADAH_TEXT] = 3};

void adah_feature_array_close(adah_feature_array *a) {
    adah_npy_close(&a->npy);
    adah_safetensors_close(a->tensors);
    adah_memory_free(a->converted);
    adah_memory_free(a->path);
    adah_memory_free(a->row);
    *a = (adah_feature_array){0};
}

void adah_feature_arrays_close(adah_feature_arrays *arrays) {
    adah_feature_array_close(&arrays->image);
    adah_feature_array_close(&arrays->text);
}

/* ---------------------------------------------------------------- the two kinds of files */

static adah_code open_npy(adah_feature_array *a, int n_dims_least, int n_dims_most, adah_shape *shape, adah_status *status) {
    ADAH_TRY(adah_npy_open_floats(a->path, n_dims_least, n_dims_most, &a->npy, status));
    shape->n_dims = a->npy.n_dims;
    memcpy(shape->dim, a->npy.dim, sizeof shape->dim);
    a->source.rows.value = a->npy.items;
    a->source.file = a->npy.map;
    return ADAH_OK;
}

/* The tensor named as the side, else "features", else the only one. */
static const adah_stored_tensor *find_tensor(const adah_safetensors *file, adah_modality side) {
    const adah_stored_tensor *t = adah_safetensors_find(file, side_name[side]);
    if (!t)
        t = adah_safetensors_find(file, "features");
    return t || adah_safetensors_count(file) != 1 ? t : adah_safetensors_at(file, 0);
}

static adah_code open_tensor(adah_feature_array *a, adah_modality side, int n_dims_least, int n_dims_most, adah_shape *shape,
                             adah_status *status) {
    ADAH_TRY(adah_safetensors_open(a->path, &a->tensors, status));
    const adah_stored_tensor *t = find_tensor(a->tensors, side);
    if (!t)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: %zu tensors, none of them named \"%s\" or \"features\"", a->path,
                         adah_safetensors_count(a->tensors), side_name[side]);
    if (t->n_dims < n_dims_least || t->n_dims > n_dims_most)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: tensor '%s': %d dimensions, expected %d to %d", a->path, t->name,
                         t->n_dims, n_dims_least, n_dims_most);
    shape->n_dims = t->n_dims;
    memcpy(shape->dim, t->dim, (size_t)t->n_dims * sizeof *t->dim);
    if (!strcmp(t->type, "F32") && (uintptr_t)t->bytes % sizeof(float) == 0) {
        a->source.rows.value = (const float *)(const void *)t->bytes;
        a->source.file = *adah_safetensors_map(a->tensors);
        return ADAH_OK;
    }
    a->converted = adah_memory_floats(adah_shape_count(*shape));
    if (!a->converted)
        return adah_fail_memory(status, adah_shape_count(*shape) * sizeof(float));
    a->source.rows.value = a->converted;
    return adah_safetensors_read(a->tensors, t->name, *shape, a->converted, status);
}

/* ---------------------------------------------------------------- one array */

/* Finds the side's file; a->path stays NULL when there is none. */
static adah_code find_file(const adah_dataset *dataset, adah_modality side, adah_feature_array *a, int *is_npy,
                           adah_status *status) {
    static const char *const kind[2] = {"safetensors", "npy"};
    for (int k = 0; k < 2; k++) {
        char name[32];
        snprintf(name, sizeof name, "%s.%s", side_name[side], kind[k]);
        char *path = adah_file_join(adah_dataset_folder(dataset), name);
        if (!path)
            return adah_fail_memory(status, strlen(adah_dataset_folder(dataset)) + sizeof name);
        if (!adah_file_exists(path)) {
            adah_memory_free(path);
            continue;
        }
        if (a->path) {
            adah_memory_free(path);
            return adah_fail(status, ADAH_ERROR_FORMAT, "%s: and %s is there too, expected one of them", a->path, name);
        }
        a->path = path;
        *is_npy = k;
    }
    return ADAH_OK;
}

static adah_code check_shape(const adah_feature_array *a, const adah_dataset *dataset, adah_shape shape,
                             adah_status *status) {
    const size_t n_bad = adah_dataset_skipped(dataset, NULL), n = adah_dataset_rows(dataset);
    char text[96];
    if (shape.dim[0] != n)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: %zu rows, expected %zu, one for each record of the metadata "
                         "(%zu of them bad)", a->path, shape.dim[0], n, n_bad);
    if (!adah_input_fits(a->source.shape))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: shape %s, expected rows of 1 to 2^30 values", a->path,
                         adah_shape_text(shape, text));
    return ADAH_OK;
}

static adah_code open_array(const adah_dataset *dataset, adah_modality side, adah_feature_array *a, adah_status *status) {
    static const adah_input_kind kind[] = {[2] = ADAH_INPUT_VECTOR, [3] = ADAH_INPUT_TOKENS, [4] = ADAH_INPUT_MAP};
    adah_shape shape = {0};
    int is_npy = 0;
    ADAH_TRY(find_file(dataset, side, a, &is_npy, status));
    if (!a->path)
        return ADAH_OK;
    ADAH_TRY(is_npy ? open_npy(a, 2, n_dims_max[side], &shape, status) : open_tensor(a, side, 2, n_dims_max[side], &shape, status));
    a->source.shape = (adah_input_shape){.kind = kind[shape.n_dims], .item = {shape.n_dims - 1, {0}}};
    memcpy(a->source.shape.item.dim, shape.dim + 1, (size_t)a->source.shape.item.n_dims * sizeof *shape.dim);
    ADAH_TRY(check_shape(a, dataset, shape, status));
    const size_t n = adah_dataset_count(dataset);
    a->row = adah_memory_zeroed(n, sizeof *a->row);
    if (!a->row)
        return adah_fail_memory(status, n * sizeof *a->row);
    for (size_t i = 0; i < n; i++)
        a->row[i] = adah_dataset_record(dataset, i)->row;
    a->source.rows.row = a->row;
    return ADAH_OK;
}

/* ---------------------------------------------------------------- values */

static size_t row_of(const adah_feature_array *a, size_t record) { return a->row ? a->row[record] : record; }

static const float *item_of(const adah_feature_array *a, size_t record) {
    return a->source.rows.value + row_of(a, record) * adah_shape_count(a->source.shape.item);
}

typedef struct check_pass {
    const adah_feature_array *array;
    size_t first;
    uint8_t *is_bad; /* n */
} check_pass;

static void check_item(void *context, size_t i) {
    const check_pass *pass = context;
    const float *x = item_of(pass->array, pass->first + i);
    const size_t n = adah_shape_count(pass->array->source.shape.item);
    int n_bad = 0;
#pragma omp simd reduction(+ : n_bad)
    for (size_t k = 0; k < n; k++)
        n_bad += !(fabsf(x[k]) <= FLT_MAX);
    pass->is_bad[i] = n_bad > 0;
}

adah_code adah_feature_array_check(const adah_feature_array *array, const adah_dataset *dataset, size_t first, size_t n,
                                   adah_status *status) {
    check_pass pass = {array, first, adah_memory_zeroed(n, 1)};
    if (!pass.is_bad)
        return adah_fail_memory(status, n);
    adah_parallel_for(n, 16, check_item, &pass);
    const uint8_t *bad = memchr(pass.is_bad, 1, n);
    const size_t record = bad ? first + (size_t)(bad - pass.is_bad) : 0;
    adah_memory_free(pass.is_bad);
    ADAH_TRY(adah_input_check(&array->source, ADAH_OK, status));
    if (!bad)
        return ADAH_OK;
    const float *x = item_of(array, record);
    size_t k = 0;
    while (k + 1 < adah_shape_count(array->source.shape.item) && fabsf(x[k]) <= FLT_MAX) /* another program may have changed it since */
        k++;
    const char *name = dataset ? adah_dataset_record(dataset, record)->file_name : "";
    return adah_fail(status, ADAH_ERROR_FORMAT, "%s: row %zu%s%s%s, value %zu is %g, expected finite values of float32", array->path,
                     row_of(array, record), dataset ? " (" : "", name, dataset ? ")" : "", k, (double)x[k]);
}

float adah_feature_measure(const adah_input_source *source, const adah_dataset *dataset) {
    const size_t n = adah_shape_count(source->shape.item);
    const size_t n_part = source->shape.kind == ADAH_INPUT_TOKENS ? source->shape.item.dim[1] : n; /* a token, or all */
    double sum = 0, count = 0;
    for (size_t i = 0; i < adah_dataset_count(dataset); i++) {
        if (adah_dataset_record(dataset, i)->split != ADAH_SPLIT_TRAIN)
            continue;
        const float *x = source->rows.value + (source->rows.row ? source->rows.row[i] : i) * n;
        for (size_t start = 0; start < n; start += n_part) {
            double part = 0;
            for (size_t k = start; k < start + n_part; k++)
                part += (double)x[k] * x[k];
            sum += part;
            if (part > 0 || source->shape.kind != ADAH_INPUT_TOKENS)
                count += (double)n_part;
        }
    }
    return sum > 0 ? (float)sqrt(count / sum) : 1;
}

/* ---------------------------------------------------------------- both */

adah_code adah_feature_arrays_open(const adah_dataset *dataset, adah_feature_arrays *out, adah_status *status) {
    adah_feature_arrays a = {0};
    adah_feature_array *const side[2] = {&a.image, &a.text};
    adah_code code = ADAH_OK;
    for (int m = 0; m < 2 && code == ADAH_OK; m++) {
        code = open_array(dataset, (adah_modality)m, side[m], status);
        if (code == ADAH_OK && side[m]->path)
            code = adah_feature_array_check(side[m], dataset, 0, adah_dataset_count(dataset), status);
    }
    if (code != ADAH_OK)
        adah_feature_arrays_close(&a);
    else
        *out = a;
    return code;
}

/* Of a space that images and texts share, images alone are encoded where there are no texts. */
static int can_lack_texts(const adah_model_state *model) {
    const adah_method *method = adah_method_find(model->config.method);
    return method && method->closed_form && method->closed_form->is_joint;
}

adah_code adah_feature_arrays_open_for(const adah_model_state *model, const adah_dataset *dataset, adah_feature_arrays *out,
                                       adah_status *status) {
    adah_feature_arrays a = {0};
    adah_feature_array *const side[2] = {&a.image, &a.text};
    const adah_input_shape wanted[2] = {model->image, model->text};
    const float scale[2] = {model->config.feature_scale, model->config.text_scale};
    char expected[ADAH_INPUT_TEXT_BYTES], found[ADAH_INPUT_TEXT_BYTES];
    adah_code code = ADAH_OK;
    for (int m = 0; m < 2 && code == ADAH_OK; m++) {
        if (!adah_input_is_given(wanted[m]) || (m == ADAH_TEXT && model->text_encoder.description))
            continue;
        code = open_array(dataset, (adah_modality)m, side[m], status);
        side[m]->source.rows.scale = scale[m];
        if (code == ADAH_OK && !side[m]->path && m == ADAH_TEXT && can_lack_texts(model))
            continue;
        if (code == ADAH_OK && !side[m]->path)
            code = adah_fail(status, ADAH_ERROR_MISMATCH, "%s: neither %s.npy nor %s.safetensors is there; the model takes %ss "
                             "given as \"%s\"", adah_dataset_folder(dataset), side_name[m], side_name[m], side_name[m],
                             adah_input_text(wanted[m], expected));
        else if (code == ADAH_OK && !adah_input_equal(side[m]->source.shape, wanted[m]))
            code = adah_fail(status, ADAH_ERROR_MISMATCH, "%s: %ss given as \"%s\", the model expects \"%s\"", side[m]->path,
                             side_name[m], adah_input_text(side[m]->source.shape, found), adah_input_text(wanted[m], expected));
    }
    if (code != ADAH_OK)
        adah_feature_arrays_close(&a);
    else
        *out = a;
    return code;
}

/* ---------------------------------------------------------------- a file of its own */

/* "(512) or (n, 512)" */
static const char *expected_shape(adah_shape item, char text[ADAH_INPUT_TEXT_BYTES]) {
    char one[40]; /* three sizes of at most eight digits */
    int n = 0;
    for (int i = 0; i < item.n_dims; i++)
        n += snprintf(one + n, sizeof one - (size_t)n, "%s%zu", i ? ", " : "", item.dim[i]);
    snprintf(text, ADAH_INPUT_TEXT_BYTES, "(%s) or (n, %s)", one, one);
    return text;
}

/* Finds how many items of the wanted shape there are. */
static adah_code count_items(const adah_feature_array *a, adah_modality side, adah_shape found, adah_input_shape wanted, size_t *n,
                             adah_status *status) {
    const int n_before = found.n_dims - wanted.item.n_dims; /* 0: one item; 1: a row each */
    char text[96], input[ADAH_INPUT_TEXT_BYTES], expected[ADAH_INPUT_TEXT_BYTES];
    int fits = n_before == 0 || n_before == 1;
    for (int i = 0; fits && i < wanted.item.n_dims; i++)
        fits = found.dim[n_before + i] == wanted.item.dim[i];
    if (!fits)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: shape %s, but the model takes %ss given as \"%s\": expected %s", a->path,
                         adah_shape_text(found, text), side_name[side], adah_input_text(wanted, input), expected_shape(wanted.item, expected));
    if (n_before && found.dim[0] == 0)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: no rows, expected at least one", a->path);
    *n = n_before ? found.dim[0] : 1;
    return ADAH_OK;
}

static adah_code open_file(const char *path, adah_modality side, adah_input_shape wanted, adah_feature_array *a, size_t *n, int *is_single,
                           adah_status *status) {
    static const char tensors[] = ".safetensors";
    const size_t n_path = strlen(path), n_suffix = sizeof tensors - 1;
    adah_shape shape = {0};
    a->path = adah_memory_text(path);
    if (!a->path)
        return adah_fail_memory(status, n_path + 1);
    ADAH_TRY(n_path > n_suffix && !strcmp(path + n_path - n_suffix, tensors) ? open_tensor(a, side, 1, n_dims_max[side], &shape, status)
                                                                            : open_npy(a, 1, n_dims_max[side], &shape, status));
    a->source.shape = wanted;
    ADAH_TRY(count_items(a, side, shape, wanted, n, status));
    *is_single = shape.n_dims == wanted.item.n_dims;
    return adah_feature_array_check(a, NULL, 0, *n, status);
}

adah_code adah_feature_array_open_file(const char *path, adah_modality side, adah_input_shape wanted, adah_feature_array *array, size_t *n,
                                       int *is_single, adah_status *status) {
    adah_feature_array a = {0};
    const adah_code code = open_file(path, side, wanted, &a, n, is_single, status);
    if (code != ADAH_OK)
        adah_feature_array_close(&a);
    else
        *array = a;
    return code;
}
