/* model_mutator.h - makes model files of other model files. The JSON of the header is changed as JSON, the texts in its
 * metadata that are JSON as well, and mostly made to hold together again: the tensors that the configuration asks for are
 * found by building its network, and every tensor gets its place in the data. The data are a few numbers, which fuzz_model.c
 * repeats. */
#ifndef ADAH_FUZZ_MODEL_MUTATOR_H
#define ADAH_FUZZ_MODEL_MUTATOR_H

#include "backbones/backbone.h"
#include "backbones/cut.h"
#include "base/memory.h"
#include "data/vocabulary.h"
#include "paper/network.h"
#include "settings/method.h"
#include "mutate.h"

#include <stdio.h>

enum { MODEL_DATA_MAX = 1024 };

typedef struct model_text {
    json_t *header;
    uint8_t data[MODEL_DATA_MAX];
    size_t n_data;
} model_text;

static const char *const model_words[] = {
    "adah", "dcmh", "acmr", "cca", "cmfh", "scm-orth", "scm-seq", "stmh", "seph-km", "seph-rnd", "default", "paper", "none", "small",
    "squeezenet1_1", "mobilenet_v2", "vgg16", "vgg19", "cnn_f", "torchvision", "caffe", "tensorflow", "matconvnet", "attended", "all",
    "flatten", "threshold", "soft", "random", "energy", "semi-hard", "constant", "cosine", "float32", "bfloat16", "labels", "words",
    "pairs", "english", "german", "turkish", "klingon", "adah-model", "adah-checkpoint", "1", "2", "pixels 16", "pixels 32",
    "pixels 64", "vector 1", "vector 10", "vector 16777216", "words 1", "words 4", "words 5", "map 8 3 3", "map 1 1 1", "map 3 1 7",
    "map 1 32768 32768", "map 1280 1 1", "tokens 1 8", "tokens 5 6", "tokens 9 8", "tokens 1 16777216", "red", "ball", "beetl",
    "a+b", "\xc3\xa9", "F32", "F16", "BF16", "F64", "U8", "F4", "F6_E2M3", "C64", "BOOL", "I64", "dtype", "shape", "data_offsets",
    "__metadata__", "config", "vocabulary", "training", "id", "image", "text", "format", "version", "preprocess", "BGR",
    "RGB, x/127.5-1", "RGB, 0..255 minus [1,2,3]", "RGB, 0..255 minus [1e99,nan,inf]", "n_bits", "n_side", "method",
    "image.hash.anchor", "image.hash.scale", "text.hash.anchor", "text.hash.weight", "image.hashing.code.weight",
    "text.hashing.code.bias", "image.attention.weight", "image.backbone.features.0.weight", "image.hidden.weight"};
static const word_list all_model_words = {model_words, sizeof model_words / sizeof *model_words};

/* ---------------------------------------------------------------- reading and writing */

static const char *const json_texts[] = {"config", "vocabulary", "training"};
enum { N_JSON_TEXTS = 3 };

/* Texts of the metadata that are JSON become what they say. */
static void unfold(json_t *header) {
    json_t *metadata = json_object_get(header, "__metadata__");
    for (int i = 0; i < N_JSON_TEXTS; i++) {
        json_t *value = json_loads(json_is_string(json_object_get(metadata, json_texts[i]))
                                       ? json_string_value(json_object_get(metadata, json_texts[i])) : "",
                                   0, NULL);
        if (value)
            json_object_set_new(metadata, json_texts[i], value);
    }
}

/* And back. */
static void fold(json_t *header) {
    json_t *metadata = json_object_get(header, "__metadata__");
    for (int i = 0; i < N_JSON_TEXTS; i++) {
        json_t *value = json_object_get(metadata, json_texts[i]);
        char *text = json_is_object(value) || json_is_array(value) ? json_dumps(value, JSON_COMPACT) : NULL;
        if (text)
            json_object_set_new(metadata, json_texts[i], json_string(text));
        free(text);
    }
}

/* The header of a file; its bytes begin at 8. NULL: it is none. */
static json_t *model_header(const uint8_t *bytes, size_t n_bytes, size_t *n_header) {
    uint64_t n = 0;
    for (size_t i = 0; i < 8 && n_bytes >= 8; i++)
        n |= (uint64_t)bytes[i] << 8 * i;
    if (n_bytes < 8 || n > n_bytes - 8)
        return NULL;
    *n_header = (size_t)n;
    return json_loadb((const char *)bytes + 8, (size_t)n, 0, NULL);
}

static int model_read(model_text *m, const uint8_t *bytes, size_t n_bytes) {
    size_t n_header;
    m->header = model_header(bytes, n_bytes, &n_header);
    if (!m->header)
        return 0;
    unfold(m->header);
    m->n_data = n_bytes - 8 - n_header < MODEL_DATA_MAX ? n_bytes - 8 - n_header : MODEL_DATA_MAX;
    memcpy(m->data, bytes + 8 + n_header, m->n_data);
    return 1;
}

/* Frees the header. Returns 0 when there is no room. */
static size_t model_write(model_text *m, uint8_t *bytes, size_t n_bytes_max) {
    char *text = NULL;
    fold(m->header);
    text = json_dumps(m->header, JSON_COMPACT);
    json_decref(m->header);
    const size_t n = text ? strlen(text) : 0;
    if (n == 0 || n + 8 + m->n_data > n_bytes_max) {
        free(text);
        return 0;
    }
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(n >> 8 * i);
    memcpy(bytes + 8, text, n);
    memcpy(bytes + 8 + n, m->data, m->n_data);
    free(text);
    return 8 + n + m->n_data;
}

/* ---------------------------------------------------------------- holding together */

static size_t bytes_of(const json_t *tensor) {
    const char *type = json_string_value(json_object_get(tensor, "dtype"));
    const json_t *shape = json_object_get(tensor, "shape");
    size_t n = !type ? 1 : strchr(type, '6') && type[1] != '6' ? (strstr(type, "16") ? 2 : 8) : strstr(type, "32") ? 4 : 1;
    for (size_t i = 0; i < json_array_size(shape); i++) {
        const json_int_t dim = json_integer_value(json_array_get(shape, i));
        if (dim < 0 || __builtin_mul_overflow(n, (size_t)dim, &n) || n > (size_t)1 << 40)
            return 0;
    }
    return n;
}

/* One tensor behind the other. */
static void lay_out(json_t *header) {
    const char *name;
    json_t *tensor;
    size_t end = 0;
    json_object_foreach(header, name, tensor) {
        if (!strcmp(name, "__metadata__") || !json_is_object(tensor))
            continue;
        const size_t begin = end;
        end += bytes_of(tensor);
        json_object_set_new(tensor, "data_offsets", json_pack("[I, I]", (json_int_t)begin, (json_int_t)end));
    }
}

static json_t *tensor_of(const adah_parameter *p) {
    json_t *shape = json_array();
    for (int i = 0; i < p->shape.n_dims; i++)
        json_array_append_new(shape, json_integer((json_int_t)p->shape.dim[i]));
    return json_pack("{s:s, s:o}", "dtype", "F32", "shape", shape);
}

/* Anchors are what no configuration asks for. */
static void keep_anchors(const json_t *header, adah_parameters *parameters) {
    static const char *const names[] = {"image.hash.anchor", "text.hash.anchor"};
    for (int i = 0; i < 2; i++) {
        const json_t *shape = json_object_get(json_object_get(header, names[i]), "shape");
        const json_int_t rows = json_integer_value(json_array_get(shape, 0)), columns = json_integer_value(json_array_get(shape, 1));
        if (rows >= 0 && columns >= 0 && rows < 4096 && columns < 4096 && json_array_size(shape) == 2)
            adah_parameters_add(parameters, names[i], ADAH_SHAPE2((size_t)rows, (size_t)columns), 1);
    }
}

static int is_small(const adah_settings *c, adah_input_shape input) {
    return c->n_text_hidden <= 512 && c->n_text_feature <= 512 && c->n_image_hidden <= 512 &&
           (input.kind == ADAH_INPUT_PIXELS || adah_shape_count(input.item) <= 4096) && strncmp(c->backbone, "vgg", 3) != 0;
}

/* Gives the header the tensors of its configuration; nothing changes when it has no good one, or a large one. */
static void fit(json_t *header) {
    json_t *metadata = json_object_get(header, "__metadata__");
    const char *image = json_string_value(json_object_get(metadata, "image"));
    const char *text = json_string_value(json_object_get(metadata, "text"));
    char *config_text = json_dumps(json_object_get(metadata, "config"), JSON_COMPACT);
    const size_t n_words = json_array_size(json_object_get(json_object_get(metadata, "vocabulary"), "words"));
    adah_settings config;
    adah_network_plan plan = {.n_batch = 1, .creating = 1, .only_checked = 1};
    int is_good = config_text && image && text && adah_settings_parse(config_text, &config, NULL) == ADAH_OK && adah_backbone_check(&config, NULL) == ADAH_OK &&
                  adah_input_parse(image, &plan.image) && adah_input_parse(text, &plan.text);
    free(config_text);
    if (is_good && plan.text.kind == ADAH_INPUT_WORDS && n_words)
        plan.text = adah_input_words(n_words);
    if (is_good && plan.image.kind == ADAH_INPUT_PIXELS)
        plan.image = adah_input_pixels((size_t)config.n_side);
    if (!is_good || !is_small(&config, plan.image) || !is_small(&config, plan.text))
        return;
    char said[ADAH_INPUT_TEXT_BYTES];
    json_object_set_new(metadata, "image", json_string(adah_input_text(plan.image, said)));
    json_object_set_new(metadata, "text", json_string(adah_input_text(plan.text, said)));
    adah_parameters parameters = {0};
    adah_network *network;
    if (adah_method_find(config.method)->closed_form)
        keep_anchors(header, &parameters);
    if (adah_network_create(&plan, &config, &parameters, &network, NULL) == ADAH_OK) {
        json_t *kept = json_incref(metadata);
        json_object_clear(header);
        json_object_set_new(header, "__metadata__", kept);
        for (size_t i = 0; i < parameters.n; i++)
            json_object_set_new(header, parameters.item[i]->name, tensor_of(parameters.item[i]));
        adah_network_free(network);
    }
    adah_parameters_free(&parameters);
}

/* ---------------------------------------------------------------- models to start from */

static const struct {
    const char *preset, *method, *backbone, *image, *text;
    int n_side, n_anchors;
    const char *setting[2];
} first_models[] = {
    {"default", "adah", "none", "vector 10", "words 4", 16, 0, {"seed=2", "attention=0"}},
    {"paper", "adah", "none", "map 8 3 3", "words 4", 16, 0, {"margin=0.3", "seed=3"}},
    {"default", "adah", "none", "tokens 9 8", "tokens 5 6", 16, 0, {"attention=1", "attention_mask=soft"}},
    {"default", "adah", "small", "pixels 16", "words 4", 16, 0, {"attention_mask=random", "seed=7"}},
    {"default", "adah", "squeezenet1_1", "pixels 40", "vector 7", 40, 0, {"feature_scale=2", "precision=bfloat16"}},
    {"default", "adah", "mobilenet_v2", "pixels 32", "words 4", 32, 0, {"attention=1", "language=german"}},
    {"paper", "adah", "cnn_f", "pixels 55", "words 4", 55, 0, {"weights_style=matconvnet", "mean_red=100"}},
    {"default", "dcmh", "none", "map 8 3 3", "words 4", 16, 0, {"margin=0.3", "seed=5"}},
    {"default", "acmr", "small", "pixels 16", "words 4", 16, 0, {"weights_style=caffe", "feature_scale=0.5"}},
    {"default", "seph-km", "none", "vector 10", "words 4", 16, 3, {"margin=0.3", "seed=6"}},
    {"default", "cca", "none", "tokens 5 6", "vector 7", 16, 0, {"text_scale=2", "seed=7"}},
    {"default", "adah", "none", "map 8 3 3", "vector 10", 16, 0, {"attention=1", "pooling=all"}},
};
enum { N_FIRST_MODELS = sizeof first_models / sizeof *first_models };

static json_t *anchors(json_int_t n, json_int_t n_values) { return json_pack("{s:s, s:[I, I]}", "dtype", "F32", "shape", n, n_values); }

static void first_model(model_text *m, size_t i) {
    const int sizes[] = {16, 6, 7, 8};
    const char *const size_names[] = {"n_bits", "n_text_hidden", "n_text_feature", "n_image_hidden"};
    adah_settings config;
    if (adah_backbone_preset(first_models[i].preset, first_models[i].backbone, &config, NULL) != ADAH_OK ||
        adah_settings_method(first_models[i].method, &config, NULL) != ADAH_OK)
        abort();
    for (int k = 0; k < 2; k++)
        if (adah_settings_set(&config, first_models[i].setting[k], NULL) != ADAH_OK)
            abort();
    char *text = adah_settings_json(&config);
    json_t *config_json = json_loads(text, 0, NULL);
    adah_memory_free(text);
    for (int k = 0; k < 4; k++)
        json_object_set_new(config_json, size_names[k], json_integer(sizes[k]));
    json_object_set_new(config_json, "n_side", json_integer(first_models[i].n_side));
    m->header = json_pack("{s:{s:s, s:s, s:s, s:o, s:s, s:s, s:{s:s, s:b, s:i, s:[s, s, s, s], s:[i, i, i, i]}, s:{s:[i]}}}",
                          "__metadata__", "format", "adah-model", "version", "1", "id", "00000000000000000000000000000000", "config",
                          config_json, "image", first_models[i].image, "text", first_models[i].text, "vocabulary", "language",
                          "english", "pairs", 0, "texts", 4, "words", "red", "ball", "beetl", "sea", "documents", 2, 2, 1, 1,
                          "training", "history", 1);
    if (!m->header)
        abort();
    if (first_models[i].n_anchors) {
        json_object_set_new(m->header, "image.hash.anchor", anchors(first_models[i].n_anchors, 10));
        json_object_set_new(m->header, "text.hash.anchor", anchors(first_models[i].n_anchors, 4));
    }
    fit(m->header);
    lay_out(m->header);
    adah_random r = adah_random_seeded(i, 1);
    float values[37]; /* a prime: no two rows are the same */
    for (size_t k = 0; k < sizeof values / sizeof *values; k++)
        values[k] = 0.3f * adah_random_normal(&r);
    m->n_data = sizeof values;
    memcpy(m->data, values, sizeof values);
}

/* ---------------------------------------------------------------- mutation */

static void mutate_data(dice *d, model_text *m) {
    static const uint32_t odd[] = {0x7fc00000, 0x7f800000, 0xff800000, 0x7f7fffff, 0x00000001, 0x80000000, 0, 0x3f800000, 0xffffffff};
    const size_t n = m->n_data / 4;
    if (n && chance(d, 2))
        memcpy(m->data + 4 * roll(d, n), &odd[roll(d, sizeof odd / sizeof *odd)], 4);
    else
        m->n_data = LLVMFuzzerMutate(m->data, m->n_data, MODEL_DATA_MAX);
}

/* A tensor by number; its name goes to *name. */
static json_t *pick_tensor(dice *d, json_t *header, const char **name) {
    const size_t n = json_object_size(header);
    size_t at = roll(d, n);
    const char *key;
    json_t *tensor;
    json_object_foreach(header, key, tensor) if (at-- == 0 && json_is_object(tensor)) {
        *name = key;
        return tensor;
    }
    return NULL;
}

static void mutate_tensor(dice *d, json_t *header) {
    const char *name = NULL, *other_name = NULL;
    json_t *tensor = pick_tensor(d, header, &name), *other = pick_tensor(d, header, &other_name);
    if (!tensor || !other || !strcmp(name, "__metadata__"))
        return;
    json_t *shape = json_object_get(tensor, "shape");
    switch (roll(d, 7)) {
    case 0: json_object_set(tensor, "shape", json_object_get(other, "shape")); break;
    case 1: json_object_set_new(header, model_words[roll(d, all_model_words.n)], json_deep_copy(tensor)); break;
    case 2: json_object_del(header, name); break;
    case 3: json_object_set_new(tensor, "dtype", json_string(model_words[roll(d, all_model_words.n)])); break;
    case 4: json_array_insert_new(shape, 0, json_integer((json_int_t)roll(d, 3))); break;
    case 5: json_array_append_new(shape, json_integer((json_int_t)roll(d, 3))); break;
    default: mutate_json(d, tensor, all_model_words); break;
    }
}

static int is_good_config(const char *text) {
    adah_settings config;
    return adah_settings_parse(text, &config, NULL) == ADAH_OK;
}

static int is_good_vocabulary(const char *text) {
    adah_vocabulary *vocabulary;
    if (adah_vocabulary_parse(text, &vocabulary, NULL) != ADAH_OK)
        return 0;
    adah_vocabulary_free(vocabulary);
    return 1;
}

/* Changes one place of an object that is JSON in the metadata, mostly to one that is good still. */
static void mutate_object(dice *d, json_t *metadata, const char *key, int (*is_good)(const char *text)) {
    const int must_be_good = !chance(d, 4);
    for (int tries = 0; tries < 8; tries++) {
        json_t *changed = json_deep_copy(json_object_get(metadata, key));
        mutate_json(d, changed, all_model_words);
        char *text = must_be_good ? json_dumps(changed, JSON_COMPACT) : NULL;
        const int is_taken = !must_be_good || (text && is_good(text));
        free(text);
        if (is_taken) {
            json_object_set_new(metadata, key, changed);
            return;
        }
        json_decref(changed);
    }
}

/* One key, of the metadata or of the configuration, or a tensor. */
static void mutate_model(dice *d, model_text *m) {
    json_t *metadata = json_object_get(m->header, "__metadata__");
    const size_t kind = roll(d, 12);
    if (kind < 4)
        mutate_object(d, metadata, "config", is_good_config);
    else if (kind < 5)
        mutate_object(d, metadata, "vocabulary", is_good_vocabulary);
    else if (kind < 6)
        mutate_json(d, metadata, all_model_words);
    else if (kind < 8)
        mutate_tensor(d, m->header);
    else if (kind < 9)
        mutate_json(d, m->header, all_model_words);
    else
        mutate_data(d, m);
}

size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t n_bytes, size_t n_bytes_max, unsigned seed) {
    dice d = dice_of(seed);
    model_text m;
    roll(&d, 1);
    if (chance(&d, 16) && n_bytes > 8) /* as text, with its length */
        return LLVMFuzzerMutate(bytes, n_bytes, n_bytes_max);
    if (!chance(&d, 200) && model_read(&m, bytes, n_bytes)) {
        if (chance(&d, 30))
            mutate_tensor(&d, m.header);
        for (size_t i = 1 + roll(&d, 3); i > 0; i--)
            mutate_model(&d, &m);
        if (chance(&d, 2))
            fit(m.header);
        if (chance(&d, 8))
            mutate_tensor(&d, m.header);
        if (!chance(&d, 20))
            lay_out(m.header);
    } else {
        first_model(&m, roll(&d, N_FIRST_MODELS));
    }
    const size_t n = model_write(&m, bytes, n_bytes_max);
    return n ? n : n_bytes;
}

/* The configuration or another value of one file, in the other. */
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t n_a, const uint8_t *b, size_t n_b, uint8_t *out, size_t n_out_max,
                                 unsigned seed);
size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t n_a, const uint8_t *b, size_t n_b, uint8_t *out, size_t n_out_max,
                                 unsigned seed) {
    static const char *const keys[] = {"config", "vocabulary", "training", "image", "text"};
    dice d = dice_of(seed);
    model_text to, from;
    if (!model_read(&to, a, n_a))
        return 0;
    if (!model_read(&from, b, n_b)) {
        json_decref(to.header);
        return 0;
    }
    json_t *metadata = json_object_get(to.header, "__metadata__"), *other = json_object_get(from.header, "__metadata__");
    const char *key = keys[roll(&d, sizeof keys / sizeof *keys)];
    if (json_object_get(other, key))
        json_object_set(metadata, key, json_object_get(other, key));
    fit(to.header);
    lay_out(to.header);
    json_decref(from.header);
    return model_write(&to, out, n_out_max);
}

#endif
