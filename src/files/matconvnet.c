/* matconvnet.c - finds layers by place or name, turns column-major filters into PyTorch's order. */
#include "files/matconvnet.h"
#include "base/memory.h"
#include "plugins/matlab/matlab.h"

#include <math.h>
#include <stdio.h>

struct adah_matconvnet {
    const adah_matlab *matlab;
    char *path;
    matvar_t *layers;
    size_t n_layers;
    float mean[3];
};

/* ---------------------------------------------------------------- what matio gives */

static size_t count(const matvar_t *v) {
    size_t n = 1;
    for (int i = 0; i < v->rank; i++)
        if (__builtin_mul_overflow(n, v->dims[i], &n))
            return 0;
    return n;
}

/* Real numbers, all there. */
static int is_numbers(const matvar_t *v) {
    const size_t item = v && v->data_type == MAT_T_SINGLE ? sizeof(float) : sizeof(double);
    return v && (v->data_type == MAT_T_SINGLE || v->data_type == MAT_T_DOUBLE) && !v->isComplex && v->rank >= 2 && v->data &&
           count(v) > 0 && v->nbytes / item >= count(v);
}

static float number(const matvar_t *v, size_t i) {
    return v->data_type == MAT_T_SINGLE ? ((const float *)v->data)[i] : (float)((const double *)v->data)[i];
}

static matvar_t *field_of(const adah_matconvnet *f, matvar_t *structure, const char *name) {
    const int is_struct = structure && structure->class_type == MAT_C_STRUCT && structure->data && count(structure) >= 1;
    return is_struct ? f->matlab->field(structure, name, 0) : NULL;
}

static matvar_t *cell_of(const adah_matconvnet *f, matvar_t *cells, size_t i) {
    const int is_there = cells && cells->class_type == MAT_C_CELL && cells->data && i < count(cells);
    return is_there ? f->matlab->cell(cells, (int)i) : NULL;
}

/* A short text, cut to 31 characters, what is not ASCII as '?'; "" when it is none. Stored in one or two bytes a character. */
static void text_of(const matvar_t *v, char text[32]) {
    const size_t width = v && v->class_type == MAT_C_CHAR && v->data ? (size_t)v->data_size : 0;
    size_t n = width == 1 || width == 2 ? v->nbytes / width : 0;
    n = n < 31 ? n : 31;
    for (size_t i = 0; i < n; i++) {
        const unsigned c = width == 1 ? ((const uint8_t *)v->data)[i] : ((const uint16_t *)v->data)[i];
        text[i] = c >= ' ' && c < 127 ? (char)c : '?';
    }
    text[n] = '\0';
}

/* ---------------------------------------------------------------- opening */

/* The mean of each channel: the last of the dimensions that are more than one long. */
static adah_code read_mean(adah_matconvnet *f, matvar_t *normalization, adah_status *status) {
    const matvar_t *image = field_of(f, normalization, "averageImage");
    if (!is_numbers(image))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: no normalization.averageImage of numbers", f->path);
    const size_t n = count(image) / 3;
    if (count(image) % 3 || (n > 1 && (image->rank != 3 || image->dims[2] != 3)))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: averageImage of %zu values in %d dimensions, expected "
                         "height x width x 3 or 3", f->path, count(image), image->rank);
    for (size_t c = 0; c < 3; c++) {
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += (double)number(image, c * n + i);
        f->mean[c] = (float)(sum / (double)n);
        if (!(f->mean[c] >= 0 && f->mean[c] <= 255))
            return adah_fail(status, ADAH_ERROR_FORMAT, "%s: averageImage has the mean %g, expected 0 to 255", f->path,
                             (double)f->mean[c]);
    }
    return ADAH_OK;
}

static adah_code read_variables(adah_matconvnet *f, mat_t *file, adah_status *status) {
    f->layers = f->matlab->read(file, "layers");
    if (!f->layers || f->layers->class_type != MAT_C_CELL)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: not a MatConvNet file, or damaged: no cell array \"layers\"",
                         f->path);
    f->n_layers = count(f->layers);
    matvar_t *meta = f->matlab->read(file, "meta");
    matvar_t *own = meta ? NULL : f->matlab->read(file, "normalization");
    const adah_code code = read_mean(f, meta ? field_of(f, meta, "normalization") : own, status);
    f->matlab->free(meta);
    f->matlab->free(own);
    return code;
}

adah_code adah_matconvnet_open(const char *path, adah_matconvnet **file, adah_status *status) {
    const adah_matlab *matlab;
    ADAH_TRY(adah_matlab_get(&matlab, status));
    adah_matconvnet *f = adah_memory_zeroed(1, sizeof *f);
    if (!f)
        return adah_fail_memory(status, sizeof *f);
    f->matlab = matlab;
    f->path = adah_memory_text(path);
    mat_t *mat = f->path ? matlab->open(path, MAT_ACC_RDONLY) : NULL;
    adah_code code = !f->path ? adah_fail_memory(status, 1)
                     : mat    ? read_variables(f, mat, status)
                              : adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged .mat file", path);
    if (mat)
        matlab->close(mat);
    if (code != ADAH_OK)
        adah_matconvnet_close(f);
    else
        *file = f;
    return code;
}

void adah_matconvnet_close(adah_matconvnet *f) {
    if (!f)
        return;
    f->matlab->free(f->layers);
    adah_memory_free(f->path);
    adah_memory_free(f);
}

const float *adah_matconvnet_mean(const adah_matconvnet *f) { return f->mean; }

/* ---------------------------------------------------------------- tensors */

/* The layer that a tensor's name means; NULL: there is none. */
static matvar_t *find_layer(const adah_matconvnet *f, const char *name) {
    static const char *const fully_connected[] = {"fc6", "fc7", "fc8"};
    size_t number;
    if (sscanf(name, "features.%zu.", &number) == 1)
        return cell_of(f, f->layers, number);
    if (sscanf(name, "classifier.%zu.", &number) != 1 || number % 3 || number > 6)
        return NULL;
    for (size_t i = 0; i < f->n_layers; i++) {
        char found[32];
        text_of(field_of(f, cell_of(f, f->layers, i), "name"), found);
        if (!strcmp(found, fully_connected[number / 3]))
            return cell_of(f, f->layers, i);
    }
    return NULL;
}

/* Height, width, channels in and out: MATLAB drops dimensions of one at the end. */
static int filter_dims(const matvar_t *v, size_t dim[4]) {
    for (int i = 0; i < 4; i++)
        dim[i] = i < v->rank ? v->dims[i] : 1;
    return v->rank <= 4;
}

/* filters(y, x, c, o) at y + H (x + W (c + C o)) -> out(o, c, y, x) */
static adah_code read_filters(const matvar_t *v, const char *what, adah_shape shape, float *out, adah_status *status) {
    size_t d[4];
    const size_t *s = shape.dim;
    const int fits = filter_dims(v, d) && d[3] == s[0] &&
                     (shape.n_dims == 4 ? d[2] == s[1] && d[0] == s[2] && d[1] == s[3]
                                        : shape.n_dims == 2 && d[0] * d[1] * d[2] == s[1]);
    char expected[96];
    if (!fits)
        return adah_fail(status, ADAH_ERROR_MISMATCH,
                         "%s has %s%zu filters of %zu x %zu x %zu (channels, height, width), expected %s", what,
                         v->rank > 4 ? "at least " : "", d[3], d[2], d[0], d[1], adah_shape_text(shape, expected));
    for (size_t o = 0; o < d[3]; o++)
        for (size_t c = 0; c < d[2]; c++)
            for (size_t y = 0; y < d[0]; y++)
                for (size_t x = 0; x < d[1]; x++)
                    *out++ = number(v, y + d[0] * (x + d[1] * (c + d[2] * o)));
    return ADAH_OK;
}

static adah_code read_biases(const matvar_t *v, const char *what, adah_shape shape, float *out, adah_status *status) {
    if (shape.n_dims != 1 || count(v) != shape.dim[0])
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s has %zu biases, expected %zu", what, count(v), adah_shape_count(shape));
    for (size_t i = 0; i < shape.dim[0]; i++)
        out[i] = number(v, i);
    return ADAH_OK;
}

adah_code adah_matconvnet_read(const adah_matconvnet *f, const char *name, adah_shape shape, float *out,
                               adah_status *status) {
    char expected[96], layer_name[32], type[32], what[1024];
    matvar_t *layer = find_layer(f, name);
    adah_shape_text(shape, expected);
    if (!layer)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: none of its %zu layers is '%s', expected one of shape %s", f->path,
                         f->n_layers, name, expected);
    text_of(field_of(f, layer, "name"), layer_name);
    text_of(field_of(f, layer, "type"), type);
    snprintf(what, sizeof what, "%.800s: layer '%s' (for '%.60s')", f->path, layer_name, name);
    const size_t n_name = strlen(name);
    const int is_bias = n_name > 5 && !strcmp(name + n_name - 5, ".bias");
    matvar_t *both = field_of(f, layer, "weights");
    const matvar_t *v = both ? cell_of(f, both, (size_t)is_bias) : field_of(f, layer, is_bias ? "biases" : "filters");
    if (strcmp(type, "conv") != 0)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s is of type '%s', expected 'conv' of shape %s", what, type, expected);
    if (!is_numbers(v))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s has no %s of real numbers, expected %s", what,
                         is_bias ? "biases" : "filters", expected);
    return is_bias ? read_biases(v, what, shape, out, status) : read_filters(v, what, shape, out, status);
}
