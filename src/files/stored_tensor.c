/* stored_tensor.c - the types of values in weight files, and how they become float. */
#include "files/stored_tensor.h"
#include "base/number_type.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    unsigned n_bits;
} types[] = {
    {"BOOL", 8}, {"U8", 8},      {"I8", 8},      {"I16", 16},    {"U16", 16},    {"F16", 16},    {"BF16", 16},
    {"I32", 32}, {"U32", 32},    {"F32", 32},    {"I64", 64},    {"U64", 64},    {"F64", 64},    {"C64", 64},
    {"F4", 4},   {"F6_E2M3", 6}, {"F6_E3M2", 6}, {"F8_E4M3", 8}, {"F8_E5M2", 8}, {"F8_E8M0", 8},
};

int adah_stored_type_bytes(const char *type, size_t n, size_t *n_bytes) {
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t n_bits;
        if (strcmp(types[i].name, type) != 0)
            continue;
        if (__builtin_mul_overflow(n, (size_t)types[i].n_bits, &n_bits) || n_bits % 8)
            return 0;
        *n_bytes = n_bits / 8;
        return 1;
    }
    return 0;
}

int adah_stored_tensor_fits(const adah_stored_tensor *t, adah_shape shape) {
    int fits = t->n_dims == shape.n_dims;
    for (int i = 0; i < shape.n_dims && fits; i++)
        fits = t->dim[i] == shape.dim[i];
    return fits;
}

const char *adah_stored_tensor_text(const adah_stored_tensor *t, char *text) {
    enum { TEXT_BYTES = 256 };
    size_t n = (size_t)snprintf(text, TEXT_BYTES, "%s", t->n_dims ? "" : "scalar");
    for (int i = 0; i < t->n_dims && n < TEXT_BYTES; i++)
        n += (size_t)snprintf(text + n, TEXT_BYTES - n, "%s%zu", i ? " x " : "", t->dim[i]);
    return text;
}

/* ---------------------------------------------------------------- values */

static float from_bits(uint32_t bits) {
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

typedef enum value_type { VALUE_F32, VALUE_F16, VALUE_BF16, VALUE_F64 } value_type;

static int find_type(const char *name, value_type *type) {
    static const char *const names[] = {[VALUE_F32] = "F32", [VALUE_F16] = "F16", [VALUE_BF16] = "BF16", [VALUE_F64] = "F64"};
    for (int i = 0; i < 4; i++)
        if (!strcmp(name, names[i])) {
            *type = (value_type)i;
            return 1;
        }
    return 0;
}

/* n values that lie `step` values apart. */
static void copy_values(const uint8_t *bytes, value_type type, size_t step, size_t n, float *out) {
    double wide;
    switch (type) {
    case VALUE_F32:
        if (step == 1 && n)
            memcpy(out, bytes, n * sizeof *out);
        else
            for (size_t i = 0; i < n; i++)
                memcpy(&out[i], bytes + i * step * sizeof *out, sizeof *out);
        break;
    case VALUE_F16:
    case VALUE_BF16:
        for (size_t i = 0; i < n; i++) {
            const uint8_t *b = bytes + 2 * i * step;
            const uint32_t bits = b[0] | (uint32_t)b[1] << 8;
            out[i] = type == VALUE_F16 ? adah_half_to_float(bits) : from_bits(bits << 16);
        }
        break;
    case VALUE_F64:
        for (size_t i = 0; i < n; i++) {
            memcpy(&wide, bytes + 8 * i * step, sizeof wide);
            out[i] = (float)wide;
        }
        break;
    }
}

/* Of at most four dimensions: the outer three are walked through, the innermost is copied. */
static void copy_strided(const adah_stored_tensor *t, value_type type, size_t value_bytes, float *out) {
    size_t dim[4] = {1, 1, 1, 1}, stride[4] = {0, 0, 0, 1};
    for (int i = 0; i < t->n_dims; i++) {
        dim[4 - t->n_dims + i] = t->dim[i];
        stride[4 - t->n_dims + i] = t->stride[i];
    }
    for (size_t a = 0; a < dim[0]; a++)
        for (size_t b = 0; b < dim[1]; b++)
            for (size_t c = 0; c < dim[2]; c++, out += dim[3])
                copy_values(t->bytes + (a * stride[0] + b * stride[1] + c * stride[2]) * value_bytes, type, stride[3], dim[3], out);
}

adah_code adah_stored_tensor_read(const char *path, const char *name, const adah_stored_tensor *t, adah_shape shape, float *out,
                                  adah_status *status) {
    char expected[96], found[256];
    value_type type;
    size_t value_bytes = 0;
    adah_shape_text(shape, expected);
    if (!t)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: no tensor '%s', expected one of shape %s", path, name, expected);
    if (!adah_stored_tensor_fits(t, shape))
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: tensor '%s' has shape %s, expected %s", path, name,
                         adah_stored_tensor_text(t, found), expected);
    if (!find_type(t->type, &type) || !adah_stored_type_bytes(t->type, 1, &value_bytes))
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: tensor '%s' has type %s, expected F32, F16, BF16 or F64", path, name,
                         t->type);
    if (t->stride)
        copy_strided(t, type, value_bytes, out);
    else
        copy_values(t->bytes, type, 1, adah_shape_count(shape), out);
    return ADAH_OK;
}
