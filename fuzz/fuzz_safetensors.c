/* fuzz_safetensors.c - weight files and models; every byte of every tensor is looked at. */
#define _GNU_SOURCE
#include "nn/safetensors.h"
#include "fuzz_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    const char *path = fuzz_file(bytes, n_bytes);
    adah_safetensors *file;
    if (adah_safetensors_open(path, &file, NULL) != ADAH_OK)
        return 0;
    volatile uint8_t sum = 0;
    for (size_t i = 0; i < adah_safetensors_count(file); i++) {
        const adah_safetensor *tensor = adah_safetensors_at(file, i);
        if (adah_safetensors_find(file, tensor->name) != tensor)
            abort();
        for (size_t k = 0; k < tensor->n_bytes; k++)
            sum = (uint8_t)(sum + tensor->bytes[k]);
    }
    adah_safetensors_close(file);
    adah_model *model;
    if (adah_model_open(path, &model, NULL) == ADAH_OK)
        adah_model_close(model);
    return 0;
}
