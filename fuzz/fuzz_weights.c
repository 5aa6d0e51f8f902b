/* fuzz_weights.c - files of weights as PyTorch writes them, in both forms, and safetensors: every tensor is read, and told apart. */
#define _GNU_SOURCE
#include "backbones/backbone.h"
#include "backbones/published.h"
#include "base/memory.h"
#include "fuzz_file.h"

#include <string.h>

enum { VALUES_MAX = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    adah_weights *weights;
    if (adah_weights_open(fuzz_file(bytes, n_bytes), &weights, NULL) != ADAH_OK)
        return 0;
    for (size_t i = 0; i < adah_weights_count(weights); i++) {
        const adah_stored_tensor *t = adah_weights_at(weights, i);
        FUZZ_MUST(adah_weights_find(weights, t->name) == t);
        if (t->n_dims > 4)
            continue;
        adah_shape shape = {.n_dims = t->n_dims};
        size_t n = 1;
        for (int j = 0; j < t->n_dims && n <= VALUES_MAX; j++) {
            shape.dim[j] = t->dim[j];
            n = t->dim[j] <= VALUES_MAX ? n * t->dim[j] : VALUES_MAX + 1;
        }
        float *values = n <= VALUES_MAX ? adah_memory_floats(n) : NULL;
        if (values)
            adah_weights_read(weights, t->name, shape, values, NULL);
        adah_memory_free(values);
    }
    adah_weights_match match;
    adah_weights_recognise(weights, &match);
    adah_weights_close(weights);
    return 0;
}
