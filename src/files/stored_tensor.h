/* stored_tensor.h - a tensor as it lies in a mapped file, of whatever format, and its values as float. */
#ifndef ADAH_FILES_STORED_TENSOR_H
#define ADAH_FILES_STORED_TENSOR_H

#include "nn/graph/tensor.h"

typedef struct adah_stored_tensor {
    const char *name;
    const char *type;     /* as safetensors names types: "F32", "U8", "I64", ... */
    int n_dims;           /* as in the file, may exceed 4 */
    const size_t *dim;
    const size_t *stride; /* values from one item of a dimension to the next; NULL: row-major without gaps */
    const uint8_t *bytes; /* into the mapped file */
    size_t n_bytes;       /* from the first value to behind the last */
} adah_stored_tensor;

/* Bytes of n values of the type. 0 when the type is unknown or the size is no whole number of bytes. */
int adah_stored_type_bytes(const char *type, size_t n, size_t *n_bytes);
/* Whether its shape is this one. */
int adah_stored_tensor_fits(const adah_stored_tensor *t, adah_shape shape);
/* "64 x 3 x 3 x 3", or "scalar", into text (256 bytes); returns text. */
const char *adah_stored_tensor_text(const adah_stored_tensor *t, char *text);
/* Copies a tensor of F32, F16, BF16 or F64 of exactly this shape into out. The error (MISMATCH) names file, tensor, found and
 * expected; t NULL: there is no tensor `name`. Whoever owns the map asks it afterwards (adah_file_check_map). */
adah_code adah_stored_tensor_read(const char *path, const char *name, const adah_stored_tensor *t, adah_shape shape, float *out,
                                  adah_status *status);

#endif
