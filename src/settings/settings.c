/* settings.c - one table, made of the rows of settings.def, names every field of adah_settings with its type and range; presets, checks
 * and JSON follow from it. */
#include "settings/settings.h"
#include "base/memory.h"
#include "settings/method.h"

#include <errno.h>
#include <jansson.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum field_type { FIELD_INT, FIELD_FLOAT, FIELD_SEED, FIELD_TEXT, FIELD_CHOICE } field_type;

typedef struct choice {
    int value;
    const char *text;
} choice;

typedef struct field {
    const char *key;
    field_type type;
    size_t offset;
    double low, high;      /* of numbers, inclusive */
    const choice *choices; /* up to one without a text */
} field;

#define OF(value, text) {value, text},
#define CHOICE(type, name, neutral, choices, group, sentence) \
    static const choice choices_of_##name[] = {choices{0, NULL}}; \
    _Static_assert(sizeof(type) == sizeof(int), "an enum is read and written as an int");
#include "settings/settings.def"

static const field fields[] = {
#define INT(name, neutral, low, high, group, sentence) {#name, FIELD_INT, offsetof(adah_settings, name), low, high, NULL},
#define FLOAT(name, neutral, low, high, group, sentence) {#name, FIELD_FLOAT, offsetof(adah_settings, name), low, high, NULL},
#define SEED(name, neutral, group, sentence) {#name, FIELD_SEED, offsetof(adah_settings, name), 0, 0, NULL},
#define TEXT(name, neutral, group, sentence) {#name, FIELD_TEXT, offsetof(adah_settings, name), 0, 0, NULL},
#define CHOICE(type, name, neutral, choices, group, sentence) \
    {#name, FIELD_CHOICE, offsetof(adah_settings, name), 0, 0, choices_of_##name},
#include "settings/settings.def"
};
enum { N_FIELDS = sizeof fields / sizeof *fields };

const adah_settings adah_settings_neutral = {
#define INT(name, neutral, low, high, group, sentence) .name = (neutral),
#define FLOAT(name, neutral, low, high, group, sentence) .name = (float)(neutral),
#define SEED(name, neutral, group, sentence) .name = (neutral),
#define TEXT(name, neutral, group, sentence) .name = neutral,
#define CHOICE(type, name, neutral, choices, group, sentence) .name = (neutral),
#include "settings/settings.def"
};

/* What a preset changes of the neutral values. */
static const char *const preset_changes[] = {
    [ADAH_PRESET_DEFAULT] = "attention=0 attention_threshold=0.7 attention_init=0.1 attention_retrieval_weight=1 "
                            "classifier_weight=20 contrastive_weight=15 n_epochs=30 n_warmup_epochs=5 n_final_epochs=15 rate=0.002 "
                            "rate_attention=0.001 schedule=cosine weight_decay=1 dropout=0.2 word_pairs=1 "
                            "n_text_hidden=1024 n_text_feature=1024 n_fine=128 n_appearance=128 picture_share=0.36 picture_code_weight=0.4 "
                            "picture_code_temperature=0.15 picture_dropout=0.5 picture_word_dropout=0.3 text_words=1",
    /* A faster attention module, with nothing but the ascent to hold it, tears the codes apart: rate_attention stays low. */
    [ADAH_PRESET_PAPER] = "attention_init=0.1 n_warmup_epochs=5 n_final_epochs=10 schedule=cosine",
};

/* What a method has not cannot be asked for. */
static adah_code check_method(const adah_settings *config, adah_status *status) {
    char names[ADAH_CHOICES_BYTES];
    const adah_method *method = adah_method_find(config->method);
    if (!method)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "method is \"%s\", expected one of %s", config->method,
                         adah_method_names(names));
    if (config->preset != ADAH_PRESET_DEFAULT && !method->has_attention)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "preset \"%s\" is for the method adah, not for %s",
                         adah_settings_text("preset", (int)config->preset), config->method);
    if (config->attention && !method->has_attention)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "attention is 1, but the method %s has none", config->method);
    if (config->adversary && !method->has_adversary)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "adversary is 1, but the method %s has none", config->method);
    if (config->n_fine && !method->has_fine)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "n_fine is %d, but the method %s has no vector for the fine order", config->n_fine,
                         config->method);
    if (adah_settings_appearance(config) && !method->has_attention)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "n_appearance is %d, but the method %s has none", config->n_appearance, config->method);
    if (config->pooling != ADAH_POOL_ALL && !method->has_attention)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "pooling is not \"all\": the method %s averages a map over all its "
                         "positions", config->method);
    if (config->finetune && method->closed_form)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "finetune is 1, but the method %s learns from frozen features",
                         config->method);
    return ADAH_OK;
}

static const field *find(const char *name, size_t n) {
    for (int i = 0; i < N_FIELDS; i++)
        if (strlen(fields[i].key) == n && !strncmp(fields[i].key, name, n))
            return &fields[i];
    return NULL;
}

static const void *place_of(const field *f, const adah_settings *config) { return (const char *)config + f->offset; }

static int int_of(const field *f, const adah_settings *config) {
    int value;
    memcpy(&value, place_of(f, config), sizeof value);
    return value;
}

static const char *text_of(const field *f, int value) {
    for (const choice *c = f->choices; c->text; c++)
        if (c->value == value)
            return c->text;
    return NULL;
}

const char *adah_settings_text(const char *name, int value) { return text_of(find(name, strlen(name)), value); }

static const char *choices_text(const field *f, char text[ADAH_CHOICES_BYTES]) {
    int n = 0;
    for (const choice *c = f->choices; c->text && n < ADAH_CHOICES_BYTES; c++)
        n += snprintf(text + n, (size_t)(ADAH_CHOICES_BYTES - n), "%s%s", n ? "|" : "", c->text);
    return text;
}

const char *adah_settings_choices(const char *name, char text[ADAH_CHOICES_BYTES]) {
    const field *f = find(name, strlen(name));
    return f && f->choices ? choices_text(f, text) : NULL;
}

static adah_code check_field(const field *f, const adah_settings *config, adah_status *status) {
    char choices[ADAH_CHOICES_BYTES];
    if (f->type == FIELD_INT && (int_of(f, config) < f->low || int_of(f, config) > f->high))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s is %d, expected %.0f to %.0f", f->key, int_of(f, config), f->low, f->high);
    if (f->type == FIELD_FLOAT) {
        const float x = *(const float *)place_of(f, config);
        if (!(x >= f->low && x <= f->high))
            return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s is %g, expected %g to %g", f->key, (double)x, f->low, f->high);
    }
    if (f->type == FIELD_CHOICE && !text_of(f, int_of(f, config)))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s is choice %d, expected one of %s", f->key, int_of(f, config),
                         choices_text(f, choices));
    return ADAH_OK;
}

adah_code adah_settings_check(const adah_settings *config, adah_status *status) {
    for (int i = 0; i < N_FIELDS; i++)
        ADAH_TRY(check_field(&fields[i], config, status));
    if (config->n_bits % 8)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "n_bits is %d, expected a multiple of 8", config->n_bits);
    if (config->n_fine % 8)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "n_fine is %d, expected a multiple of 8", config->n_fine);
    if (config->n_appearance % 8)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "n_appearance is %d, expected a multiple of 8", config->n_appearance);
    if (config->n_fine + config->n_appearance > ADAH_FINE_MAX)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "n_fine is %d and n_appearance %d, expected at most %d together", config->n_fine,
                         config->n_appearance, ADAH_FINE_MAX);
    if (config->attention && !adah_settings_class_bits(config))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "attention is 1, but with picture_share %g no bit is about the class, which the "
                         "masks are for", (double)config->picture_share);
    if (!config->finetune && strcmp(config->finetune_from, "all") != 0)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "finetune_from is \"%s\", but the backbone does not learn (finetune is 0)",
                         config->finetune_from);
    if (!config->finetune && config->n_finetune_after)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "n_finetune_after is %d, but the backbone does not learn (finetune is 0)",
                         config->n_finetune_after);
    if (!adah_settings_learns_all(config) && (config->augment_crop > 0 || config->augment_flip))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "augment_crop and augment_flip need a backbone that learns as a whole "
                         "(finetune): what a frozen beginning makes of a picture is computed once");
    return check_method(config, status);
}

/* A small collection can afford long codes, which leave fewer of its items on one code. 128 bits a side are 320 kB for 10,000 items, 64
 * are 16 MB for 1,000,000. */
static int bits_for(size_t n_records) { return n_records <= 10000 ? 128 : n_records <= 1000000 ? 64 : 32; }

/* A training of a few steps learns little. So a set that is too small for ten steps an epoch has its batch halved until it has them (below
 * 16 pairs a step has too few to tell apart), and learns for twice as many epochs. */
static void fit_steps(size_t n_train, adah_settings *config) {
    if (n_train >= 10 * (size_t)config->n_batch)
        return;
    while (config->n_batch > 16 && n_train < 10 * (size_t)config->n_batch)
        config->n_batch /= 2;
    config->n_epochs *= 2;
    config->n_final_epochs *= 2;
}

void adah_settings_fit(size_t n_records, size_t n_train, adah_settings *config) {
    if (config->preset != ADAH_PRESET_DEFAULT || !adah_method_find(config->method)->has_attention)
        return;
    config->n_bits = bits_for(n_records);
    if (!adah_settings_learns_all(config))
        fit_steps(n_train, config);
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

int adah_settings_finetune_after(const adah_settings *config) {
    return config->n_finetune_after < config->n_epochs ? config->n_finetune_after : config->n_epochs - 1;
}

/* ---------------------------------------------------------------- values by name */

static int is_retired(const char *name, size_t n) {
    static const char *const retired[] = {
#define RETIRED(name) #name,
#include "settings/settings.def"
    };
    for (size_t i = 0; i < sizeof retired / sizeof *retired; i++)
        if (strlen(retired[i]) == n && !strncmp(retired[i], name, n))
            return 1;
    return 0;
}

static adah_code unknown_setting(const char *setting, adah_status *status) {
    const size_t n_name = strcspn(setting, "=");
    if (is_retired(setting, n_name))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "setting \"%s\": this version no longer has %.*s; trainings of older versions "
                         "had it", setting, (int)n_name, setting);
    char known[1800] = "";
    for (int i = 0, n = 0; i < N_FIELDS && n < (int)sizeof known - ADAH_NAME_BYTES - 16; i++)
        n += snprintf(known + n, sizeof known - (size_t)n, "%s%s", i ? ", " : "", fields[i].key);
    return adah_fail(status, ADAH_ERROR_ARGUMENT, "setting \"%s\": expected NAME=VALUE with NAME one of %s", setting, known);
}

/* Returns 0 when the value has the wrong type, or is none of the choices. */
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
    case FIELD_SEED: *(uint64_t *)at = (uint64_t)json_integer_value(value); return json_is_integer(value);
    case FIELD_TEXT:
        if (!text || strlen(text) >= ADAH_NAME_BYTES)
            return 0;
        strcpy(at, text);
        return 1;
    case FIELD_CHOICE:
        for (const choice *c = f->choices; text && c->text; c++)
            if (!strcmp(c->text, text)) {
                memcpy(at, &c->value, sizeof c->value);
                return 1;
            }
        return 0;
    }
    return 0;
}

/* "value" is not ... */
static const char *expected(const field *f, char choices[ADAH_CHOICES_BYTES]) {
    switch (f->type) {
    case FIELD_INT:
    case FIELD_SEED: return "an integer";
    case FIELD_FLOAT: return "a number";
    case FIELD_TEXT: return "a text of at most 31 characters";
    case FIELD_CHOICE: return choices_text(f, choices);
    }
    return NULL;
}

static adah_code set_field(const field *f, const char *value, adah_settings *config, adah_status *status) {
    char *end = NULL, choices[ADAH_CHOICES_BYTES];
    json_t *json = NULL;
    errno = 0;
    if (f->type == FIELD_SEED)
        json = json_integer((json_int_t)strtoull(value, &end, 10));
    else if (f->type == FIELD_INT)
        json = json_integer(strtoll(value, &end, 10));
    else if (f->type == FIELD_FLOAT)
        json = json_real(strtod(value, &end));
    else
        json = json_string(value);
    const int fits = f->type != FIELD_SEED || errno == 0; /* ints too large are met by the range */
    const int good = json && fits && (!end || (end != value && !*end)) && field_from_json(f, json, config);
    json_decref(json);
    if (!good)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s is \"%s\", expected %s%s", f->key, value,
                         f->type == FIELD_CHOICE ? "one of " : "", expected(f, choices));
    return ADAH_OK;
}

adah_code adah_settings_set_value(adah_settings *config, const char *name, const char *value, adah_status *status) {
    const field *f = find(name, strlen(name));
    return f ? set_field(f, value, config, status) : unknown_setting(name, status);
}

adah_code adah_settings_set(adah_settings *config, const char *setting, adah_status *status) {
    const char *equals = strchr(setting, '=');
    const field *f = equals ? find(setting, (size_t)(equals - setting)) : NULL;
    if (!f)
        return unknown_setting(setting, status);
    if (!strcmp(f->key, "preset"))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "setting \"%s\": a preset is a whole configuration, not one setting; choose "
                         "it before the settings", setting);
    if (!strcmp(f->key, "method"))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "setting \"%s\": a method brings its own values along; choose it before "
                         "the settings", setting);
    if (!adah_method_find(config->method)->has_attention && !strncmp(f->key, "attention", strlen("attention")))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "setting \"%s\": the method %s has no attention", setting, config->method);
    const int is_penalty = !strcmp(f->key, "quantisation_weight") || !strcmp(f->key, "balance_weight");
    if (is_penalty && !adah_method_find(config->method)->has_code_penalties && strtod(equals + 1, NULL) != 0)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "setting \"%s\": the method %s has no such loss", setting, config->method);
    return set_field(f, equals + 1, config, status);
}

adah_code adah_settings_change(adah_settings *config, const char *list, adah_status *status) {
    while (*list) {
        char name[ADAH_NAME_BYTES], value[ADAH_NAME_BYTES];
        int n = 0;
        if (sscanf(list, "%31[^= ]=%31s%n", name, value, &n) != 2)
            return adah_fail(status, ADAH_ERROR_ARGUMENT, "\"%s\" is not a list of settings NAME=VALUE", list);
        ADAH_TRY(adah_settings_set_value(config, name, value, status));
        list += n + (int)strspn(list + n, " ");
    }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- presets and methods */

adah_code adah_settings_preset(const char *preset, adah_settings *config, adah_status *status) {
    adah_settings c = adah_settings_neutral;
    ADAH_TRY(adah_settings_set_value(&c, "preset", preset, status));
    ADAH_TRY(adah_settings_change(&c, preset_changes[c.preset], status));
    *config = c;
    return ADAH_OK;
}

adah_code adah_settings_method(const char *name, adah_settings *config, adah_status *status) {
    char names[ADAH_CHOICES_BYTES];
    const adah_method *method = adah_method_find(name);
    if (!method)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "unknown method \"%s\", expected one of %s", name, adah_method_names(names));
    adah_settings c = *config;
    strcpy(c.method, method->name);
    ADAH_TRY(adah_settings_change(&c, method->settings, status));
    ADAH_TRY(check_method(&c, status));
    *config = c;
    return ADAH_OK;
}

/* ---------------------------------------------------------------- JSON */

static json_t *field_to_json(const field *f, const adah_settings *config) {
    switch (f->type) {
    case FIELD_INT: return json_integer(int_of(f, config));
    case FIELD_FLOAT: {
        /* The shortest decimal that reads back as the same float. */
        const float x = *(const float *)place_of(f, config);
        char text[32];
        for (int digits = 6; digits <= 9; digits++) {
            snprintf(text, sizeof text, "%.*g", digits, (double)x);
            if (strtof(text, NULL) == x)
                break;
        }
        return json_real(strtod(text, NULL));
    }
    case FIELD_SEED: return json_integer((json_int_t)*(const uint64_t *)place_of(f, config));
    case FIELD_TEXT: return json_string(place_of(f, config));
    case FIELD_CHOICE: return json_string(text_of(f, int_of(f, config)));
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

static adah_code read_object(json_t *object, adah_settings *config, adah_status *status) {
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value) {
        const field *f = find(key, strlen(key));
        char choices[ADAH_CHOICES_BYTES];
        if (!f && is_retired(key, strlen(key)))
            continue;
        if (!f)
            return adah_fail(status, ADAH_ERROR_FORMAT, "configuration: it has the setting \"%.64s\", which this version does not know; "
                             "it was written by a newer adah", key);
        if (!field_from_json(f, value, config))
            return adah_fail(status, ADAH_ERROR_FORMAT, "configuration: \"%s\" is \"%.64s\", expected %s%s", key,
                             json_is_string(value) ? json_string_value(value) : "of another type",
                             f->type == FIELD_CHOICE ? "one of " : "", expected(f, choices));
    }
    return adah_settings_check(config, status);
}

adah_code adah_settings_parse(const char *json, adah_settings *config, adah_status *status) {
    json_error_t error;
    json_t *object = json_loads(json, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(object)) {
        json_decref(object);
        return adah_fail(status, ADAH_ERROR_FORMAT, "configuration is not a JSON object: %s", error.text);
    }
    adah_settings c = adah_settings_neutral;
    const adah_code code = read_object(object, &c, status);
    json_decref(object);
    if (code == ADAH_OK)
        *config = c;
    return code;
}

const char *adah_settings_difference(const adah_settings *a, const adah_settings *b) {
    const char *different = NULL;
    for (int i = 0; i < N_FIELDS && !different; i++) {
        json_t *x = field_to_json(&fields[i], a), *y = field_to_json(&fields[i], b);
        if (!x || !json_equal(x, y))
            different = fields[i].key;
        json_decref(x);
        json_decref(y);
    }
    return different;
}
