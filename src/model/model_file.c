/* model_file.c - writes and checks model files. */
#include "model/model_file.h"
#include "base/memory.h"
#include "nn/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define FORMAT_NAME "adah-model"
#define FORMAT_VERSION "1"

void adah_model_state_free(adah_model_state *state) {
    adah_parameters_free(&state->parameters);
    adah_memory_free(state->vocabulary);
    adah_memory_free(state->training);
    *state = (adah_model_state){0};
}

/* Classifiers and memories only taught it. */
static int encodes(const adah_parameter *p) {
    return strncmp(p->name, "classifier.", 11) != 0 && strncmp(p->name, "modality.", 9) != 0 &&
           strncmp(p->name, "memory.", 7) != 0;
}

/* The identity: what two models must share to give the same codes. */
static adah_code identity_of(const adah_model_state *state, char id[33], adah_status *status) {
    XXH3_state_t *hash = XXH3_createState();
    char *config = adah_config_json(&state->config);
    if (!hash || !config) {
        XXH3_freeState(hash);
        adah_memory_free(config);
        return adah_fail_memory(status, 1024);
    }
    XXH3_128bits_reset(hash);
    XXH3_128bits_update(hash, config, strlen(config));
    XXH3_128bits_update(hash, state->vocabulary, strlen(state->vocabulary));
    for (size_t i = 0; i < state->parameters.n; i++) {
        const adah_parameter *p = state->parameters.item[i];
        if (!encodes(p))
            continue;
        XXH3_128bits_update(hash, p->name, strlen(p->name));
        XXH3_128bits_update(hash, p->value, p->n * sizeof(float));
    }
    const XXH128_hash_t sum = XXH3_128bits_digest(hash);
    snprintf(id, 33, "%016llx%016llx", (unsigned long long)sum.high64, (unsigned long long)sum.low64);
    XXH3_freeState(hash);
    adah_memory_free(config);
    return ADAH_OK;
}

adah_code adah_model_state_write(const char *path, adah_model_state *state, adah_status *status) {
    ADAH_TRY(identity_of(state, state->id, status));
    char *config = adah_config_json(&state->config);
    adah_safetensors_item *items = adah_memory_zeroed(state->parameters.n, sizeof *items);
    adah_code code = ADAH_OK;
    if (!config || !items)
        code = adah_fail_memory(status, state->parameters.n * sizeof *items);
    size_t n_items = 0;
    for (size_t i = 0; code == ADAH_OK && i < state->parameters.n; i++) {
        const adah_parameter *p = state->parameters.item[i];
        if (encodes(p))
            items[n_items++] = (adah_safetensors_item){p->name, "F32", p->shape, p->value, p->n * sizeof(float)};
    }
    if (code == ADAH_OK) {
        char n_words[32], item[64];
        snprintf(n_words, sizeof n_words, "%zu", state->n_words);
        snprintf(item, sizeof item, "%s %zu", state->image == ADAH_INPUT_VECTOR ? "vector" : "pixels",
                 state->image_item.dim[state->image_item.n_dims - 1]);
        const char *const metadata[] = {"format",     FORMAT_NAME,       "version",  FORMAT_VERSION,  "id",     state->id,
                                        "config",     config,            "image",    item,            "words",  n_words,
                                        "vocabulary", state->vocabulary, "training", state->training};
        code = adah_safetensors_write(path, items, n_items, metadata, 8, status);
    }
    adah_memory_free(config);
    adah_memory_free(items);
    return code;
}

/* The shape of one image as "pixels S" or "vector D". */
static adah_code parse_image(const char *path, const char *text, adah_model_state *state, adah_status *status) {
    unsigned long n = 0;
    char kind[16] = "";
    if (!text || sscanf(text, "%15s %lu", kind, &n) != 2 || n == 0 || n > 1u << 20 ||
        (strcmp(kind, "pixels") && strcmp(kind, "vector")))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: damaged: its \"image\" is \"%s\", expected \"pixels N\" or "
                         "\"vector N\"", path, text ? text : "");
    if (kind[0] == 'p' && n != (unsigned long)state->config.n_side)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: damaged: images of %lu pixels, its n_side is %d", path, n,
                         state->config.n_side);
    state->image = kind[0] == 'p' ? ADAH_INPUT_PIXELS : ADAH_INPUT_VECTOR;
    state->image_item = kind[0] == 'p' ? (adah_shape){3, {3, n, n, 0}} : ADAH_SHAPE1(n);
    return ADAH_OK;
}

static adah_code read_metadata(const char *path, const adah_safetensors *file, adah_model_state *state,
                               adah_status *status) {
    const char *format = adah_safetensors_metadata(file, "format");
    const char *version = adah_safetensors_metadata(file, "version");
    const char *config = adah_safetensors_metadata(file, "config");
    const char *words = adah_safetensors_metadata(file, "words");
    const char *vocabulary = adah_safetensors_metadata(file, "vocabulary");
    const char *training = adah_safetensors_metadata(file, "training");
    if (!format || strcmp(format, FORMAT_NAME))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: a safetensors file, but not an adah model%s", path,
                         format && !strcmp(format, "adah-checkpoint") ? " (it is the checkpoint of a training)" : "");
    if (!version || strcmp(version, FORMAT_VERSION))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: model version %s, this program reads version %s", path,
                         version ? version : "(none)", FORMAT_VERSION);
    if (!config || !words || !vocabulary || !training)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: damaged: config, words, vocabulary or training is missing", path);
    adah_status fault = {0};
    if (adah_config_parse(config, &state->config, &fault) != ADAH_OK)
        return adah_fail(status, fault.code, "%s: %s", path, fault.message);
    ADAH_TRY(parse_image(path, adah_safetensors_metadata(file, "image"), state, status));
    state->n_words = strtoull(words, NULL, 10);
    if (state->n_words == 0 || state->n_words > 1u << 24)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: damaged: %s words", path, words);
    state->vocabulary = adah_memory_text(vocabulary);
    state->training = adah_memory_text(training);
    return state->vocabulary && state->training ? ADAH_OK : adah_fail_memory(status, strlen(vocabulary));
}

static unsigned group_of(const char *name) {
    return strstr(name, ".statistics")            ? ADAH_GROUP_STATISTICS
           : !strncmp(name, "image.backbone.", 15) ? ADAH_GROUP_BACKBONE
           : strstr(name, ".attention.")         ? ADAH_GROUP_ATTENTION
                                                 : ADAH_GROUP_HEAD;
}

static adah_code read_parameters(const char *path, const adah_safetensors *file, adah_model_state *state,
                                 adah_status *status) {
    for (size_t i = 0; i < adah_safetensors_count(file); i++) {
        const adah_safetensor *t = adah_safetensors_at(file, i);
        if (t->n_dims < 1 || t->n_dims > 4 || strcmp(t->type, "F32"))
            return adah_fail(status, ADAH_ERROR_FORMAT, "%s: damaged: tensor %s has type %s and %d dimensions, expected F32 "
                             "and 1 to 4", path, t->name, t->type, t->n_dims);
        adah_shape shape = {t->n_dims, {0}};
        memcpy(shape.dim, t->dim, (size_t)t->n_dims * sizeof *t->dim);
        adah_parameter *p = adah_parameters_add(&state->parameters, t->name, shape, group_of(t->name));
        if (!p)
            return adah_fail_memory(status, t->n_bytes);
        ADAH_TRY(adah_safetensors_read(file, t->name, shape, p->value, status));
        p->version++;
    }
    return ADAH_OK;
}

static adah_code read_state(const char *path, const adah_safetensors *file, adah_model_state *state,
                            adah_status *status) {
    ADAH_TRY(read_metadata(path, file, state, status));
    ADAH_TRY(read_parameters(path, file, state, status));
    ADAH_TRY(identity_of(state, state->id, status));
    const char *said = adah_safetensors_metadata(file, "id");
    if (!said || strcmp(said, state->id))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: damaged: its contents have checksum %s, it says %s", path, state->id,
                         said ? said : "(none)");
    return ADAH_OK;
}

adah_code adah_model_state_read(const char *path, adah_model_state *out, adah_status *status) {
    adah_safetensors *file;
    ADAH_TRY(adah_safetensors_open(path, &file, status));
    adah_model_state state = {0};
    const adah_code code = read_state(path, file, &state, status);
    adah_safetensors_close(file);
    if (code != ADAH_OK)
        adah_model_state_free(&state);
    else
        *out = state;
    return code;
}
