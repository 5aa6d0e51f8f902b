/* shorten_model.c - a shorter model out of one that was trained for several lengths: the first bits of its codes. */
#include "api/model.h"
#include "settings/method.h"

/* Was this length trained? */
static int is_trained(const adah_settings *c, int n_bits) {
    if (!adah_method_find(c->method)->has_shorter_codes)
        return 0;
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

static adah_code write_shortened(adah_model_state *state, int n_bits, const char *model_path, const char *out_path,
                                 adah_status *status) {
    if (!is_trained(&state->config, n_bits))
        return adah_fail(status, ADAH_ERROR_ARGUMENT,
                         "%s: codes of %d bits were not trained: n_bits is %d, nested_bits %d, method %s", model_path, n_bits,
                         state->config.n_bits, state->config.nested_bits, state->config.method);
    keep_bits(&state->parameters, (size_t)n_bits);
    state->config.n_bits = n_bits;
    return adah_model_state_write(out_path, state, status);
}

adah_code adah_model_shorten(const char *model_path, int n_bits, const char *out_path, adah_status *status) {
    adah_model *model;
    ADAH_TRY(adah_model_open(model_path, &model, status)); /* its layers are as long as its configuration says */
    const adah_code code = write_shortened(&model->state, n_bits, model_path, out_path, status);
    adah_model_close(model);
    return code;
}
