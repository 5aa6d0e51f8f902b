/* settings.c - one table names every field of adah_settings with its type and range; presets, checks and JSON follow from it. */
#include "settings/settings.h"
#include "backbones/backbone.h"
#include "base/memory.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum field_type { FIELD_INT, FIELD_FLOAT, FIELD_TEXT, FIELD_U64, FIELD_POOLING } field_type;

typedef struct field {
    const char *key;
    field_type type;
    size_t offset;
    double low, high;     /* numbers: inclusive range */
    const char *choices;  /* texts: "a|b|c"; NULL: anything */
} field;

#define INT(name, low, high) {#name, FIELD_INT, offsetof(adah_settings, name), low, high, NULL}
#define FLOAT(name, low, high) {#name, FIELD_FLOAT, offsetof(adah_settings, name), low, high, NULL}
#define TEXT(name, choices) {#name, FIELD_TEXT, offsetof(adah_settings, name), 0, 0, choices}

#define SHALLOW_METHODS "cca|cmfh|scm-orth|scm-seq|stmh|seph-km|seph-rnd"
#define METHODS "adah|dcmh|acmr|" SHALLOW_METHODS

static const field fields[] = {
    TEXT(preset, "default|paper"),
    TEXT(method, METHODS),
    INT(n_bits, ADAH_BITS_MIN, ADAH_BITS_MAX),
    TEXT(backbone, NULL),
    TEXT(weights_style, "torchvision|caffe|tensorflow|matconvnet"),
    FLOAT(mean_red, 0, 255),
    FLOAT(mean_green, 0, 255),
    FLOAT(mean_blue, 0, 255),
    INT(n_side, 16, 1024),
    FLOAT(feature_scale, 0, ADAH_SCALE_MAX),
    FLOAT(text_scale, 0, ADAH_SCALE_MAX),
    INT(finetune, 0, 1),
    INT(attention, 0, 1),
    INT(adversary, 0, 1),
    {"pooling", FIELD_POOLING, offsetof(adah_settings, pooling), 0, 0, "attended|all|flatten"},
    FLOAT(attention_threshold, 0.001, 1000),
    TEXT(attention_mask, "threshold|soft|random"),
    TEXT(attention_start, "random|energy"),
    FLOAT(attention_init, 0, 100),
    INT(n_image_hidden, 1, 16384),
    INT(n_text_hidden, 1, 16384),
    INT(n_text_feature, 1, 16384),
    FLOAT(margin, 0, 1),
    INT(mean_over_active, 0, 1),
    FLOAT(triplet_weight, 0, 1000),
    TEXT(mining, "all|semi-hard"),
    INT(graded_similarity, 0, 1),
    FLOAT(adversarial_weight, 0, 1000),
    FLOAT(attention_retrieval_weight, 0, 1000),
    FLOAT(classifier_weight, 0, 1000),
    FLOAT(proxy_weight, 0, 1000),
    FLOAT(proxy_temperature, 0.001, 100),
    FLOAT(contrastive_weight, 0, 1000),
    FLOAT(contrastive_temperature, 0.001, 100),
    FLOAT(quantisation_weight, 0, 1000),
    FLOAT(balance_weight, 0, 1000),
    INT(n_bank, 0, 1 << 20),
    INT(nested_bits, 0, ADAH_BITS_MAX),
    INT(n_batch, 2, 4096),
    INT(n_epochs, 1, 100000),
    INT(n_warmup_epochs, 0, 100000),
    INT(n_final_epochs, 0, 100000),
    INT(n_patience, 0, 100000),
    FLOAT(rate, 0, 10),
    FLOAT(rate_backbone, 0, 10),
    FLOAT(rate_attention, 0, 10),
    TEXT(schedule, "constant|cosine"),
    FLOAT(weight_decay, 0, 10),
    FLOAT(clip_norm, 0, 1e6),
    FLOAT(dropout, 0, 0.95),
    FLOAT(augment_crop, 0, 0.9),
    INT(augment_flip, 0, 1),
    TEXT(precision, "float32|bfloat16"),
    FLOAT(validation_share, 0, 0.9),
    TEXT(similarity, "labels|words|pairs"),
    TEXT(language, NULL),
    INT(n_words_max, 1, 1000000),
    INT(n_documents_min, 1, 1000000),
    INT(word_pairs, 0, 1),
    {"seed", FIELD_U64, offsetof(adah_settings, seed), 0, 0, NULL},
};
enum { N_FIELDS = sizeof fields / sizeof *fields };

static const char *const pooling_name[] = {"attended", "all", "flatten"};

/* Is `value` one of "a|b|c"? */
static int is_choice(const char *choices, const char *value) {
    const size_t n = strlen(value);
    for (const char *p = choices; p; p = strchr(p, '|') ? strchr(p, '|') + 1 : NULL)
        if (n && !strchr(value, '|') && !strncmp(p, value, n) && (p[n] == '|' || p[n] == '\0'))
            return 1;
    return 0;
}

int adah_settings_is_rival(const adah_settings *config) { return strcmp(config->method, "adah") != 0; }

int adah_settings_is_shallow(const adah_settings *config) { return is_choice(SHALLOW_METHODS, config->method); }

/* A rival has no masks, and a shallow one no gradient to give a backbone. */
static adah_code check_rival(const adah_settings *config, adah_status *status) {
    if (strcmp(config->preset, "default"))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "preset \"%s\" is for the method adah, not for %s", config->preset,
                         config->method);
    if (config->attention)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "attention is 1, but the method %s has none", config->method);
    if (config->adversary && strcmp(config->method, "acmr"))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "adversary is 1, but the method %s has none", config->method);
    if (config->pooling != ADAH_POOL_ALL)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "pooling is not \"all\": the method %s averages a map over all its "
                         "positions", config->method);
    if (config->finetune && adah_settings_is_shallow(config))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "finetune is 1, but the method %s learns from frozen features",
                         config->method);
    return ADAH_OK;
}

adah_code adah_settings_check(const adah_settings *config, adah_status *status) {
    for (int i = 0; i < N_FIELDS; i++) {
        const field *f = &fields[i];
        const char *at = (const char *)config + f->offset;
        if (f->type == FIELD_INT && (*(const int *)at < f->low || *(const int *)at > f->high))
            return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s is %d, expected %.0f to %.0f", f->key, *(const int *)at,
                             f->low, f->high);
        if (f->type == FIELD_FLOAT) {
            const float x = *(const float *)at;
            if (!(x >= f->low && x <= f->high))
                return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s is %g, expected %g to %g", f->key, (double)x, f->low,
                                 f->high);
        }
        if (f->type == FIELD_TEXT && f->choices && !is_choice(f->choices, at))
            return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s is \"%s\", expected one of %s", f->key, at, f->choices);
    }
    if (config->n_bits % 8)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "n_bits is %d, expected a multiple of 8", config->n_bits);
    if (config->nested_bits % 8 || config->nested_bits > config->n_bits)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "nested_bits is %d, expected a multiple of 8, at most the %d of n_bits",
                         config->nested_bits, config->n_bits);
    const adah_backbone *backbone = adah_backbone_find(config->backbone);
    if (!backbone)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "backbone is \"%s\", expected one of %s", config->backbone,
                         adah_backbone_names());
    if (config->n_side < backbone->n_side_min)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "n_side is %d, %s needs at least %d", config->n_side,
                         backbone->name, backbone->n_side_min);
    if (config->pooling == ADAH_POOL_FLATTEN && !backbone->has_fc)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "pooling \"flatten\" needs vgg16, vgg19 or cnn_f, the backbone is %s",
                         backbone->name);
    if (!config->finetune && (config->augment_crop > 0 || config->augment_flip))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "augment_crop and augment_flip need a backbone that learns "
                         "(finetune): a frozen one's feature maps are computed once");
    return adah_settings_is_rival(config) ? check_rival(config, status) : ADAH_OK;
}

void adah_settings_finetune(adah_settings *config) {
    const adah_backbone *backbone = adah_backbone_find(config->backbone);
    config->finetune = 1;
    if (!strcmp(config->preset, "default") && !adah_settings_is_rival(config)) { /* chosen on frozen features alone */
        config->attention = 1;
        config->weight_decay = config->dropout = 0;
        config->word_pairs = 0;
    }
    if (backbone->has_fc && config->n_batch > 64)
        config->n_batch = 64;
}

adah_precision adah_settings_precision(const adah_settings *config) {
    return strcmp(config->precision, "bfloat16") ? ADAH_FLOAT32 : ADAH_BFLOAT16;
}

void adah_settings_set_precision(adah_settings *config, adah_precision precision) {
    strcpy(config->precision, precision == ADAH_BFLOAT16 ? "bfloat16" : "float32");
}

int adah_settings_final(const adah_settings *config) {
    const int half = (config->n_epochs + 1) / 2;
    return config->n_final_epochs < half ? config->n_final_epochs : half;
}

int adah_settings_warmup(const adah_settings *config) {
    const int third = config->n_epochs / 3;
    if (!config->attention)
        return 0;
    return config->n_warmup_epochs < third ? config->n_warmup_epochs : third;
}

adah_code adah_settings_preset(const char *preset, const char *backbone_name, adah_settings *config, adah_status *status) {
    const adah_backbone *backbone = adah_backbone_find(backbone_name);
    if (!backbone)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "unknown backbone \"%s\", expected one of %s", backbone_name,
                         adah_backbone_names());
    adah_settings c = {
        .preset = "default",
        .method = "adah",
        .n_bits = 32,
        .weights_style = "torchvision",
        .n_side = backbone->n_side,
        .finetune = backbone->from_scratch,
        .attention = backbone->from_scratch,
        .adversary = 1,
        .pooling = ADAH_POOL_ATTENDED,
        .attention_threshold = backbone->from_scratch ? 1 : 0.7f,
        .attention_mask = "threshold",
        .attention_start = "random",
        .attention_init = 0.1f,
        .n_image_hidden = backbone->from_scratch ? 512 : 2048,
        .n_text_hidden = 512,
        .n_text_feature = 512,
        .margin = 0.25f,
        .mean_over_active = 1,
        .triplet_weight = 1,
        .mining = "all",
        .graded_similarity = 0,
        .adversarial_weight = 1,
        .attention_retrieval_weight = 1,
        .classifier_weight = 20,
        .proxy_weight = 0,
        .proxy_temperature = 0.1f,
        .contrastive_weight = backbone->from_scratch ? 0 : 15,
        .contrastive_temperature = 0.2f,
        .quantisation_weight = 0,
        .balance_weight = 0,
        .n_bank = 0,
        .nested_bits = 0,
        .n_batch = backbone->from_scratch ? 32 : 128,
        .n_epochs = backbone->from_scratch ? 25 : 30,
        .n_warmup_epochs = 5,
        .n_final_epochs = backbone->from_scratch ? 0 : 15,
        .n_patience = 0,
        .rate = backbone->from_scratch ? 1e-3f : 2e-3f,
        .rate_backbone = backbone->from_scratch ? 1e-3f : 1e-4f,
        .rate_attention = 1e-3f,
        .schedule = "cosine",
        .weight_decay = backbone->from_scratch ? 0 : 1,
        .clip_norm = 0,
        .dropout = backbone->from_scratch ? 0 : 0.2f,
        .augment_crop = 0,
        .augment_flip = 0,
        .precision = "float32",
        .validation_share = 0.1f,
        .similarity = "labels",
        .language = "english",
        .n_words_max = 4096,
        .n_documents_min = 2,
        .word_pairs = !backbone->from_scratch,
        .seed = 0,
    };
    strcpy(c.backbone, backbone->name);
    if (!strcmp(preset, "paper")) {
        strcpy(c.preset, "paper");
        c.attention = 1;
        c.word_pairs = 0;
        c.weight_decay = c.dropout = 0;
        c.classifier_weight = 0;
        c.contrastive_weight = 0;
        c.attention_retrieval_weight = 0;
        c.attention_threshold = 1;
        c.rate = 1e-3f;
        c.n_epochs = backbone->from_scratch ? 25 : 20;
        c.n_final_epochs = backbone->from_scratch ? 0 : 10;
        c.rate_attention = 2e-5f; /* a faster G, with nothing but the ascent to hold it, tears the codes apart */
        if (backbone->has_fc) {
            c.pooling = ADAH_POOL_FLATTEN;
            c.n_image_hidden = 4096;
            c.dropout = 0.5f;
            adah_settings_finetune(&c);
        }
    } else if (strcmp(preset, "default")) {
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "unknown preset \"%s\", expected \"default\" or \"paper\"", preset);
    }
    *config = c;
    return ADAH_OK;
}

/* Open values by measurement: docs/method/rivals.md. */
static void set_dcmh(adah_settings *c) {
    c->n_image_hidden = 4096;
    c->n_text_hidden = 4096;
    c->classifier_weight = 0;
    c->quantisation_weight = 1;
    c->rate = 3e-4f;
}

static void set_acmr(adah_settings *c) {
    c->adversary = 1;
    c->n_image_hidden = 2000;
    c->n_text_hidden = 500;
    c->classifier_weight = 5;
    c->adversarial_weight = 0.1f;
}

adah_code adah_settings_method(const char *method, adah_settings *config, adah_status *status) {
    if (!is_choice(METHODS, method))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "unknown method \"%s\", expected one of %s", method, METHODS);
    adah_settings c = *config;
    strcpy(c.method, method);
    if (adah_settings_is_rival(&c)) {
        c.attention = c.adversary = 0;
        c.pooling = ADAH_POOL_ALL;
        c.contrastive_weight = c.weight_decay = c.dropout = 0;
        c.rate = 1e-3f;
        c.n_epochs = 30;
        c.n_final_epochs = 15;
        c.finetune &= !adah_settings_is_shallow(&c);
        if (!strcmp(method, "dcmh"))
            set_dcmh(&c);
        if (!strcmp(method, "acmr"))
            set_acmr(&c);
        ADAH_TRY(check_rival(&c, status));
    }
    *config = c;
    return ADAH_OK;
}

static int field_from_json(const field *f, const json_t *value, adah_settings *config);

static adah_code unknown_setting(const char *setting, adah_status *status) {
    char known[1800] = "";
    for (int i = 0, n = 0; i < N_FIELDS && n < (int)sizeof known - ADAH_NAME_BYTES - 16; i++)
        n += snprintf(known + n, sizeof known - (size_t)n, "%s%s", i ? ", " : "", fields[i].key);
    return adah_fail(status, ADAH_ERROR_ARGUMENT, "setting \"%s\": expected NAME=VALUE with NAME one of %s", setting, known);
}

adah_code adah_settings_set(adah_settings *config, const char *setting, adah_status *status) {
    const char *equals = strchr(setting, '=');
    const field *f = NULL;
    for (int i = 0; equals && i < N_FIELDS; i++)
        if (strlen(fields[i].key) == (size_t)(equals - setting) && !strncmp(fields[i].key, setting, strlen(fields[i].key)))
            f = &fields[i];
    if (!f)
        return unknown_setting(setting, status);
    if (f->offset == offsetof(adah_settings, preset))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "setting \"%s\": a preset is a whole configuration, not one setting; choose "
                         "it before the settings", setting);
    if (f->offset == offsetof(adah_settings, method))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "setting \"%s\": a method brings its own values along; choose it before "
                         "the settings", setting);
    if (adah_settings_is_rival(config) && !strncmp(f->key, "attention", strlen("attention")))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "setting \"%s\": the method %s has no attention", setting, config->method);
    const char *value = equals + 1;
    char *end = NULL;
    json_t *json = NULL;
    errno = 0;
    if (f->type == FIELD_U64)
        json = json_integer((json_int_t)strtoull(value, &end, 10));
    else if (f->type == FIELD_INT)
        json = json_integer(strtoll(value, &end, 10));
    else if (f->type == FIELD_FLOAT)
        json = json_real(strtod(value, &end));
    else
        json = json_string(value);
    const int fits = f->type != FIELD_U64 || errno == 0; /* ints too large are met by the range */
    const int good = json && fits && (!end || (end != value && !*end)) && field_from_json(f, json, config);
    json_decref(json);
    if (!good)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "setting %s: \"%s\" is not %s", f->key, value,
                         f->choices                                       ? f->choices
                         : f->type == FIELD_INT || f->type == FIELD_U64   ? "an integer"
                         : f->type == FIELD_FLOAT                         ? "a number"
                                                                          : "a short text");
    return ADAH_OK;
}

static json_t *field_to_json(const field *f, const adah_settings *config) {
    const char *at = (const char *)config + f->offset;
    switch (f->type) {
    case FIELD_INT: return json_integer(*(const int *)at);
    case FIELD_FLOAT: {
        /* The shortest decimal that reads back as the same float. */
        char text[32];
        for (int digits = 6; digits <= 9; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, (double)*(const float *)at);
            if (strtof(text, NULL) == *(const float *)at)
                break;
        }
        return json_real(strtod(text, NULL));
    }
    case FIELD_TEXT: return json_string(at);
    case FIELD_U64: return json_integer((json_int_t)*(const uint64_t *)at);
    case FIELD_POOLING: return json_string(pooling_name[*(const adah_pooling *)at]);
    }
    return NULL;
}

char *adah_settings_json(const adah_settings *config) {
    json_t *object = json_object();
    for (int i = 0; i < N_FIELDS; i++)
        json_object_set_new(object, fields[i].key, field_to_json(&fields[i], config));
    char *text = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(object);
    char *copy = text ? adah_memory_text(text) : NULL;
    free(text);
    return copy;
}

/* Returns 0 when the value has the wrong type. */
static int field_from_json(const field *f, const json_t *value, adah_settings *config) {
    char *at = (char *)config + f->offset;
    const char *text = json_string_value(value);
    switch (f->type) {
    case FIELD_INT: {
        const json_int_t x = json_integer_value(value);
        *(int *)at = x > INT32_MAX ? INT32_MAX : x < INT32_MIN ? INT32_MIN : (int)x;
        return json_is_integer(value);
    }
    case FIELD_FLOAT: *(float *)at = (float)json_number_value(value); return json_is_number(value);
    case FIELD_TEXT:
        if (!text || strlen(text) >= ADAH_NAME_BYTES)
            return 0;
        strcpy(at, text);
        return 1;
    case FIELD_U64: *(uint64_t *)at = (uint64_t)json_integer_value(value); return json_is_integer(value);
    case FIELD_POOLING:
        for (int i = 0; text && i < 3; i++)
            if (!strcmp(text, pooling_name[i])) {
                *(adah_pooling *)at = (adah_pooling)i;
                return 1;
            }
        return 0;
    }
    return 0;
}

adah_code adah_settings_parse(const char *json, adah_settings *config, adah_status *status) {
    json_error_t error;
    json_t *object = json_loads(json, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(object)) {
        json_decref(object);
        return adah_fail(status, ADAH_ERROR_FORMAT, "configuration is not a JSON object: %s", error.text);
    }
    adah_settings c = {0};
    adah_code code = ADAH_OK;
    if (!json_object_get(object, "precision")) /* of a file older than this key */
        json_object_set_new(object, "precision", json_string("float32"));
    for (int i = 0; i < N_FIELDS && code == ADAH_OK; i++)
        if (!field_from_json(&fields[i], json_object_get(object, fields[i].key), &c))
            code = adah_fail(status, ADAH_ERROR_FORMAT, "configuration: \"%s\" is missing or of the wrong type",
                             fields[i].key);
    if (code == ADAH_OK && json_object_size(object) != N_FIELDS)
        code = adah_fail(status, ADAH_ERROR_FORMAT, "configuration has %zu keys, expected %d (made by a newer version?)",
                         json_object_size(object), N_FIELDS);
    json_decref(object);
    if (code == ADAH_OK)
        code = adah_settings_check(&c, status);
    if (code == ADAH_OK)
        *config = c;
    return code;
}
