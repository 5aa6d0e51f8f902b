/* model_file.c - writes and checks model files. */
#include "files/model_file.h"
#include "base/memory.h"
#include "files/safetensors.h"
#include "settings/parameter_group.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define FORMAT_NAME "adah-model"
#define FORMAT_VERSION "1"

enum { TENSORS_MAX = 1024 /* the networks have some 120; each name is looked for among the others */, TOKENIZER_BYTES_MAX = 1 << 26 };

#define ENCODER_PREFIX "text.encoder."
#define TOKENIZER_NAME "text.tokenizer"

void adah_text_weights_free(adah_text_weights *weights) {
    adah_memory_free(weights->description);
    adah_memory_free(weights->tokenizer);
    adah_parameters_free(&weights->parameters);
    *weights = (adah_text_weights){0};
}

static void hash_parameter(const adah_parameter *p, XXH3_state_t *hash) {
    XXH3_128bits_update(hash, p->name, strlen(p->name));
    XXH3_128bits_update(hash, p->value, p->n * sizeof(float));
}

void adah_text_weights_hash(const adah_text_weights *weights, struct XXH3_state_s *hash) {
    if (!weights->description)
        return;
    XXH3_128bits_update(hash, weights->description, strlen(weights->description) + 1);
    XXH3_128bits_update(hash, weights->tokenizer, strlen(weights->tokenizer) + 1);
    for (size_t i = 0; i < weights->parameters.n; i++)
        hash_parameter(weights->parameters.item[i], hash);
}

void adah_model_state_free(adah_model_state *state) {
    adah_parameters_free(&state->parameters);
    adah_text_weights_free(&state->text_encoder);
    adah_memory_free(state->vocabulary);
    adah_memory_free(state->training);
    *state = (adah_model_state){0};
}

/* Not what only training needs. */
static int encodes(const adah_parameter *p) {
    return strncmp(p->name, "classifier.", 11) && strncmp(p->name, "modality.", 9) && strncmp(p->name, "bank.", 5);
}

/* The identity: what two models must share to give the same codes. The configuration is hashed as the file has it, so that a file
 * that is older than some settings stays what it says it is. */
static adah_code identity_of(const adah_model_state *state, const char *config, char id[33], adah_status *status) {
    XXH3_state_t *hash = XXH3_createState();
    if (!hash)
        return adah_fail_memory(status, 1024);
    XXH3_128bits_reset(hash);
    XXH3_128bits_update(hash, config, strlen(config));
    char image[ADAH_INPUT_TEXT_BYTES], text[ADAH_INPUT_TEXT_BYTES];
    adah_input_text(state->image, image);
    adah_input_text(state->text, text);
    XXH3_128bits_update(hash, image, strlen(image) + 1);
    XXH3_128bits_update(hash, text, strlen(text) + 1);
    XXH3_128bits_update(hash, state->vocabulary, strlen(state->vocabulary));
    for (size_t i = 0; i < state->parameters.n; i++)
        if (encodes(state->parameters.item[i]))
            hash_parameter(state->parameters.item[i], hash);
    adah_text_weights_hash(&state->text_encoder, hash);
    const XXH128_hash_t sum = XXH3_128bits_digest(hash);
    snprintf(id, 33, "%016llx%016llx", (unsigned long long)sum.high64, (unsigned long long)sum.low64);
    XXH3_freeState(hash);
    return ADAH_OK;
}

static adah_safetensors_item item_of(const adah_parameter *p) {
    return (adah_safetensors_item){p->name, "F32", p->shape, p->value, p->n * sizeof(float)};
}

adah_code adah_model_state_write(const char *path, adah_model_state *state, adah_status *status) {
    char *config = adah_settings_json(&state->config);
    const adah_text_weights *encoder = &state->text_encoder;
    const size_t n_max = state->parameters.n + encoder->parameters.n + 1;
    adah_safetensors_item *items = adah_memory_zeroed(n_max, sizeof *items);
    adah_code code = config && items ? identity_of(state, config, state->id, status) : adah_fail_memory(status, n_max * sizeof *items);
    size_t n_items = 0;
    for (size_t i = 0; code == ADAH_OK && i < state->parameters.n; i++)
        if (encodes(state->parameters.item[i]))
            items[n_items++] = item_of(state->parameters.item[i]);
    for (size_t i = 0; code == ADAH_OK && i < encoder->parameters.n; i++)
        items[n_items++] = item_of(encoder->parameters.item[i]);
    if (code == ADAH_OK && encoder->description) {
        const size_t n = strlen(encoder->tokenizer);
        items[n_items++] = (adah_safetensors_item){TOKENIZER_NAME, "U8", ADAH_SHAPE1(n), encoder->tokenizer, n};
    }
    if (code == ADAH_OK) {
        char image[ADAH_INPUT_TEXT_BYTES], text[ADAH_INPUT_TEXT_BYTES];
        adah_input_text(state->image, image);
        adah_input_text(state->text, text);
        const char *const metadata[] = {"format",     FORMAT_NAME,       "version",  FORMAT_VERSION, "id",   state->id,
                                        "config",     config,            "image",    image,          "text", text,
                                        "vocabulary", state->vocabulary, "training", state->training,
                                        "text_encoder", encoder->description};
        code = adah_safetensors_write(path, items, n_items, metadata, encoder->description ? 9 : 8, status);
    }
    adah_memory_free(config);
    adah_memory_free(items);
    return code;
}

/* What a side is given as; wrong: the kind that belongs to the other side. */
static adah_code read_input(const char *path, const adah_safetensors *file, const char *key, adah_input_kind wrong,
                            adah_input_shape *input, adah_status *status) {
    const char *text = adah_safetensors_metadata(file, key);
    const int is_sentence = text && adah_input_parse(text, input) && input->kind == ADAH_INPUT_SENTENCE;
    if (!text || !adah_input_parse(text, input) || input->kind == wrong || (is_sentence && wrong == ADAH_INPUT_WORDS))
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged: its \"%s\" is \"%.64s\", expected \"%s\", \"vector D\", "
                         "\"tokens P C\" or \"map C H W\"", path, key, text ? text : "",
                         wrong == ADAH_INPUT_WORDS ? "pixels S" : "words V\", \"sentence V D");
    return ADAH_OK;
}

static adah_code read_metadata(const char *path, const adah_safetensors *file, adah_model_state *state,
                               adah_status *status) {
    const char *format = adah_safetensors_metadata(file, "format");
    const char *version = adah_safetensors_metadata(file, "version");
    const char *config = adah_safetensors_metadata(file, "config");
    const char *vocabulary = adah_safetensors_metadata(file, "vocabulary");
    const char *training = adah_safetensors_metadata(file, "training");
    if (!format || strcmp(format, FORMAT_NAME))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: a safetensors file, but not an adah model%s", path,
                         format && !strcmp(format, "adah-checkpoint") ? " (it is the checkpoint of a training)" : "");
    if (!version || strcmp(version, FORMAT_VERSION))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: model version %s, this program reads version %s", path,
                         version ? version : "(none)", FORMAT_VERSION);
    if (!config || !vocabulary || !training)
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged: config, vocabulary or training is missing", path);
    adah_status fault = {0};
    if (adah_settings_parse(config, &state->config, &fault) != ADAH_OK)
        return adah_fail(status, fault.code, "%s: %s", path, fault.message);
    ADAH_TRY(read_input(path, file, "image", ADAH_INPUT_WORDS, &state->image, status));
    ADAH_TRY(read_input(path, file, "text", ADAH_INPUT_PIXELS, &state->text, status));
    if (state->image.kind == ADAH_INPUT_PIXELS && state->image.item.dim[1] != (size_t)state->config.n_side)
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged: images of %zu pixels, its n_side is %d", path,
                         state->image.item.dim[1], state->config.n_side);
    const char *encoder = adah_safetensors_metadata(file, "text_encoder");
    if (encoder && !(state->text_encoder.description = adah_memory_text(encoder)))
        return adah_fail_memory(status, strlen(encoder));
    state->vocabulary = adah_memory_text(vocabulary);
    state->training = adah_memory_text(training);
    return state->vocabulary && state->training ? ADAH_OK : adah_fail_memory(status, strlen(vocabulary));
}

static unsigned group_of(const char *name) {
    return strstr(name, ".statistics")            ? ADAH_GROUP_STATISTICS
           : strstr(name, ".word_weight") || strstr(name, ".appearance.") || strstr(name, ".standard.") ? ADAH_GROUP_CONSTANT
           : !strncmp(name, "image.backbone.", 15) ? ADAH_GROUP_BACKBONE
           : strstr(name, ".attention.")         ? ADAH_GROUP_ATTENTION
                                                 : ADAH_GROUP_HEAD;
}

/* The carried tokenizer, whose text lies among the tensors. */
static adah_code read_tokenizer(const char *path, const adah_safetensors *file, adah_text_weights *encoder, adah_status *status) {
    const adah_stored_tensor *t = adah_safetensors_find(file, TOKENIZER_NAME);
    if (!t || strcmp(t->type, "U8") || t->n_dims != 1 || t->n_bytes > TOKENIZER_BYTES_MAX)
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged: its text encoder has no tokenizer", path);
    encoder->tokenizer = adah_memory_text_n((const char *)t->bytes, t->n_bytes);
    return encoder->tokenizer ? ADAH_OK : adah_fail_memory(status, t->n_bytes);
}

static adah_code read_parameters(const char *path, const adah_safetensors *file, adah_model_state *state,
                                 adah_status *status) {
    if (adah_safetensors_count(file) > TENSORS_MAX)
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged: %zu tensors, expected at most %d", path,
                         adah_safetensors_count(file), TENSORS_MAX);
    for (size_t i = 0; i < adah_safetensors_count(file); i++) {
        const adah_stored_tensor *t = adah_safetensors_at(file, i);
        if (state->text_encoder.description && !strcmp(t->name, TOKENIZER_NAME))
            continue;
        if (t->n_dims < 1 || t->n_dims > 4 || strcmp(t->type, "F32"))
            return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged: tensor %s has type %s and %d dimensions, expected F32 "
                             "and 1 to 4", path, t->name, t->type, t->n_dims);
        adah_shape shape = {t->n_dims, {0}};
        memcpy(shape.dim, t->dim, (size_t)t->n_dims * sizeof *t->dim);
        const int is_encoder = state->text_encoder.description && !strncmp(t->name, ENCODER_PREFIX, strlen(ENCODER_PREFIX));
        adah_parameter *p = is_encoder ? adah_parameters_add(&state->text_encoder.parameters, t->name, shape, ADAH_GROUP_CONSTANT)
                                       : adah_parameters_add(&state->parameters, t->name, shape, group_of(t->name));
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
    if (state->text_encoder.description)
        ADAH_TRY(read_tokenizer(path, file, &state->text_encoder, status));
    ADAH_TRY(identity_of(state, adah_safetensors_metadata(file, "config"), state->id, status));
    const char *said = adah_safetensors_metadata(file, "id");
    if (!said || strcmp(said, state->id))
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged: its contents have checksum %s, it says %s", path, state->id,
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
