/* matconvnet_file.h - for tests: files of weights as MatConvNet writes them, old and new, and made-up numbers to fill them.
 * Include it behind cmocka.h. */
#ifndef ADAH_TESTS_MATCONVNET_FILE_H
#define ADAH_TESTS_MATCONVNET_FILE_H

#include <matio.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct matconvnet_layer {
    const char *name, *type;
    size_t n_out, n_in, height, width; /* n_out 0: without weights */
    const float *filters, *biases;     /* in PyTorch's order: (out, in, height, width); (out) */
} matconvnet_layer;

typedef struct matconvnet_style {
    enum mat_ft version;
    int is_old;             /* fields filters and biases in place of weights, no meta */
    size_t mean[3];         /* dimensions of the average image */
    const double *average;  /* its values; NULL: none is written */
} matconvnet_style;

static inline matvar_t *matconvnet_array(const char *name, enum matio_classes kind, enum matio_types type, int rank,
                                         const size_t *dim, const void *values) {
    matvar_t *v = Mat_VarCreate(name, kind, type, rank, (size_t *)(uintptr_t)dim, (void *)(uintptr_t)values, 0);
    assert_non_null(v);
    return v;
}

static inline matvar_t *matconvnet_text(const char *text) {
    return matconvnet_array(NULL, MAT_C_CHAR, MAT_T_UINT8, 2, (const size_t[]){1, strlen(text)}, text);
}

static inline matvar_t *matconvnet_filters(const matconvnet_layer *l) {
    const size_t dim[4] = {l->height, l->width, l->n_in, l->n_out};
    float *values = malloc(dim[0] * dim[1] * dim[2] * dim[3] * sizeof *values);
    const float *next = l->filters;
    assert_non_null(values);
    for (size_t o = 0; o < l->n_out; o++)
        for (size_t c = 0; c < l->n_in; c++)
            for (size_t y = 0; y < l->height; y++)
                for (size_t x = 0; x < l->width; x++)
                    values[((o * l->n_in + c) * l->width + x) * l->height + y] = *next++;
    matvar_t *v = matconvnet_array(NULL, MAT_C_SINGLE, MAT_T_SINGLE, 4, dim, values);
    free(values);
    return v;
}

static inline matvar_t *matconvnet_struct(const char *name, const char *const *fields, matvar_t *const *values, unsigned n) {
    matvar_t *s = Mat_VarCreateStruct(name, 2, (size_t[]){1, 1}, (const char **)(uintptr_t)fields, n);
    assert_non_null(s);
    for (unsigned i = 0; i < n; i++)
        Mat_VarSetStructFieldByName(s, fields[i], 0, values[i]);
    return s;
}

static inline matvar_t *matconvnet_layer_struct(const matconvnet_layer *l, int is_old) {
    static const char *const old_fields[] = {"name", "type", "filters", "biases"};
    static const char *const new_fields[] = {"name", "type", "weights"};
    matvar_t *value[4] = {matconvnet_text(l->name), matconvnet_text(l->type), NULL, NULL};
    if (!l->n_out)
        return matconvnet_struct(NULL, new_fields, value, 2);
    value[2] = matconvnet_filters(l);
    value[3] = matconvnet_array(NULL, MAT_C_SINGLE, MAT_T_SINGLE, 2, (const size_t[]){1, l->n_out}, l->biases);
    if (is_old)
        return matconvnet_struct(NULL, old_fields, value, 4);
    matvar_t *both = matconvnet_array(NULL, MAT_C_CELL, MAT_T_CELL, 2, (const size_t[]){1, 2}, NULL);
    Mat_VarSetCell(both, 0, value[2]);
    Mat_VarSetCell(both, 1, value[3]);
    value[2] = both;
    return matconvnet_struct(NULL, new_fields, value, 3);
}

static inline void matconvnet_write(const char *path, const matconvnet_layer *layers, size_t n, matconvnet_style style) {
    remove(path);
    mat_t *file = Mat_CreateVer(path, NULL, style.version);
    assert_non_null(file);
    matvar_t *cells = matconvnet_array("layers", MAT_C_CELL, MAT_T_CELL, 2, (const size_t[]){1, n}, NULL);
    for (size_t i = 0; i < n; i++)
        Mat_VarSetCell(cells, (int)i, matconvnet_layer_struct(&layers[i], style.is_old));
    assert_int_equal(Mat_VarWrite(file, cells, MAT_COMPRESSION_NONE), 0);
    Mat_VarFree(cells);
    if (style.average) {
        matvar_t *average = matconvnet_array(NULL, MAT_C_DOUBLE, MAT_T_DOUBLE, 3, style.mean, style.average);
        matvar_t *normalization =
            matconvnet_struct(style.is_old ? "normalization" : NULL, (const char *const[]){"averageImage"}, &average, 1);
        matvar_t *top = style.is_old ? normalization
                                     : matconvnet_struct("meta", (const char *const[]){"normalization"}, &normalization, 1);
        assert_int_equal(Mat_VarWrite(file, top, MAT_COMPRESSION_NONE), 0);
        Mat_VarFree(top);
    }
    Mat_Close(file);
}

/* Number i of sequence `stream`, in [-1/2, 1/2): the same everywhere. */
static inline float matconvnet_number(uint32_t stream, uint32_t i) {
    uint32_t x = i + stream * 0x9e3779b9u;
    x = (x ^ x >> 16) * 0x7feb352du;
    x = (x ^ x >> 15) * 0x846ca68bu;
    return (float)((x ^ x >> 16) >> 8) * 0x1p-24f - 0.5f;
}

/* Memory to free: n of them, times scale. */
static inline float *matconvnet_numbers(uint32_t stream, size_t n, float scale) {
    float *x = malloc(n * sizeof *x);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++)
        x[i] = scale * matconvnet_number(stream, (uint32_t)i);
    return x;
}

#endif
