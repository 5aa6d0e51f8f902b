/* array_files.h - for tests of given features: .npy files of any shape and data sets around them.
 * Include it behind data_folder.h. */
#ifndef ADAH_TESTS_ARRAY_FILES_H
#define ADAH_TESTS_ARRAY_FILES_H

#include "nn/graph/tensor.h"

/* Writes folder/name as a .npy file; `type` as its header says it, 8 bytes an item where it ends with 8, else 4. */
static inline void array_file_write(const char *folder, const char *name, const char *type, adah_shape shape, const void *values) {
    const size_t n_bytes = adah_shape_count(shape) * (type[strlen(type) - 1] == '8' ? 8 : 4);
    char *bytes = calloc(1, 128 + n_bytes), text[192], dims[96] = "";
    assert_non_null(bytes);
    for (int i = 0, n = 0; i < shape.n_dims; i++)
        n += snprintf(dims + n, sizeof dims - (size_t)n, "%zu, ", shape.dim[i]);
    snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", type, dims);
    assert_true(strlen(text) <= 117);
    memcpy(bytes, "\x93NUMPY\1\0\x76\0", 10);
    memset(bytes + 10, ' ', 117);
    memcpy(bytes + 10, text, strlen(text));
    bytes[127] = '\n';
    memcpy(bytes + 128, values, n_bytes);
    data_folder_write(folder, name, bytes, 128 + n_bytes);
    free(bytes);
}

#endif
