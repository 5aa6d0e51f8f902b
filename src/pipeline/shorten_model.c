/* shorten_model.c - a shorter model out of one that was trained for several lengths: the first bits of its codes. */
#include "base/memory.h"
#include "model/model_file.h"

#include <string.h>

/* Was this length trained? */
static int is_trained(const adah_config *c, int n_bits) {
    for (int bits = c->nested_bits; c->nested_bits && bits < c->n_bits; bits *= 2)
        if (bits == n_bits)
            return 1;
    return 0;
}

/* Keeps the first n_bits outputs of the layers that give the codes. */
static void keep_bits(adah_parameters *parameters, size_t n_bits) {
    static const char *const layers[] = {"image.hashing.code.weight", "image.hashing.code.bias", "text.hashing.code.weight",
                                         "text.hashing.code.bias"};
    for (size_t i = 0; i < sizeof layers / sizeof *layers; i++) {
        adah_parameter *p = adah_parameters_find(parameters, layers[i]);
        if (!p)
            continue;
        p->shape.dim[0] = n_bits; /* row-major: the first rows come first */
        p->n = adah_shape_count(p->shape);
    }
}

adah_code adah_model_shorten(const char *model_path, int n_bits, const char *out_path, adah_status *status) {
    adah_model_state state;
    ADAH_TRY(adah_model_state_read(model_path, &state, status));
    adah_code code = ADAH_OK;
    if (!is_trained(&state.config, n_bits)) {
        code = adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: codes of %d bits were not trained: n_bits is %d, nested_bits %d", model_path,
                         n_bits, state.config.n_bits, state.config.nested_bits);
    } else {
        keep_bits(&state.parameters, (size_t)n_bits);
        state.config.n_bits = n_bits;
        code = adah_model_state_write(out_path, &state, status);
    }
    adah_model_state_free(&state);
    return code;
}
