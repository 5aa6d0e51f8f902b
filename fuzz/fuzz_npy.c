/* fuzz_npy.c - .npy files, as code files and as features; every item is looked at. */
#define _GNU_SOURCE
#include "base/npy.h"
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    const char *path = fuzz_file(bytes, n_bytes);
    for (int type = ADAH_NPY_UINT8; type <= ADAH_NPY_FLOAT; type++) {
        adah_npy array;
        if (adah_npy_open_array(path, (adah_npy_type)type, 1, ADAH_NPY_DIMS_MAX, &array, NULL) != ADAH_OK)
            continue;
        const size_t n = array.n_rows * array.n_columns * (type == ADAH_NPY_UINT8 ? 1 : sizeof(float));
        volatile uint8_t sum = 0;
        for (size_t i = 0; i < n; i++)
            sum = (uint8_t)(sum + ((const uint8_t *)array.items)[i]);
        adah_npy_close(&array);
    }
    adah_npy features;
    if (adah_npy_open_floats(path, 1, ADAH_NPY_DIMS_MAX, &features, NULL) == ADAH_OK) {
        volatile float sum = 0;
        for (size_t i = 0; i < features.n_rows * features.n_columns; i++)
            sum = sum + ((const float *)features.items)[i];
        adah_npy_close(&features);
    }
    return 0;
}
