/* (unit) The configuration: presets, settings by name, ranges, and JSON that comes back to the bit. The keys are taken from
 * the JSON itself, so that a new one is tested without being listed here. */
#define _GNU_SOURCE
#include "backbones/backbone.h"
#include "backbones/cut.h"
#include "base/memory.h"
#include "base/random.h"
#include "settings/method.h"
#include "settings/settings.h"

#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const backbones[] = {"vgg16", "vgg19", "cnn_f", "squeezenet1_1", "mobilenet_v2", "small"};
static const char *const presets[] = {"default", "paper"};

static adah_settings preset(const char *name, const char *backbone) {
    adah_settings c;
    adah_status status = {0};
    if (adah_backbone_preset(name, backbone, &c, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return c;
}

static json_t *object_of(const adah_settings *c) {
    char *text = adah_settings_json(c);
    assert_non_null(text);
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(object);
    adah_memory_free(text);
    return object;
}

static adah_code parse_object(const json_t *object, adah_settings *c, adah_status *status) {
    char *text = json_dumps(object, JSON_COMPACT);
    assert_non_null(text);
    const adah_code code = adah_settings_parse(text, c, status);
    free(text);
    return code;
}

static void assert_says(const adah_status *status, adah_code code, const char *word) {
    assert_int_equal(status->code, code);
    if (!strstr(status->message, word))
        fail_msg("\"%s\" says nothing of \"%s\"", status->message, word);
}

static void assert_same(const adah_settings *a, const adah_settings *b) {
    char *first = adah_settings_json(a), *second = adah_settings_json(b);
    assert_string_equal(first, second);
    adah_memory_free(first);
    adah_memory_free(second);
}

/* ---------------------------------------------------------------- presets */

static void test_presets(void **state) {
    (void)state;
    for (size_t p = 0; p < 2; p++)
        for (size_t b = 0; b < 4; b++) {
            const adah_settings c = preset(presets[p], backbones[b]);
            adah_status status = {0};
            if (adah_backbone_check(&c, &status) != ADAH_OK)
                fail_msg("%s %s: %s", presets[p], backbones[b], status.message);
            assert_string_equal(adah_settings_text("preset", (int)c.preset), presets[p]);
            assert_string_equal(c.backbone, backbones[b]);
            assert_int_equal(c.attention, c.finetune || !strcmp(presets[p], "paper")); /* not behind a frozen backbone */
            assert_int_equal(c.adversary, 1);
            assert_int_equal(c.n_side, adah_backbone_find(backbones[b])->n_side);
            if (adah_backbone_find(backbones[b])->from_scratch)
                assert_int_equal(c.finetune, 1);
        }
}

/* What was chosen on frozen features is not for a backbone that learns. */
static void test_finetuning(void **state) {
    (void)state;
    adah_settings c = preset("default", "mobilenet_v2");
    assert_true(!c.attention && c.word_pairs && c.weight_decay > 0 && c.dropout > 0);
    assert_int_equal(adah_backbone_finetune("all", &c, NULL), ADAH_OK);
    assert_true(c.finetune && c.attention && !c.word_pairs && c.weight_decay == 0 && c.dropout == 0);
    c = preset("paper", "vgg16");
    assert_true(c.finetune && c.attention && !c.word_pairs && c.weight_decay == 0 && c.dropout > 0);
}

/* The method as published: six ranking losses and nothing else; VGG with its own fully connected layers, learning
 * too. */
static void test_paper(void **state) {
    (void)state;
    for (size_t b = 0; b < 4; b++) {
        const adah_settings c = preset("paper", backbones[b]);
        assert_true(c.adversarial_weight == 1);
        assert_true(c.classifier_weight == 0 && c.quantisation_weight == 0 && c.attention_retrieval_weight == 0);
        if (!strncmp(backbones[b], "vgg", 3)) {
            assert_int_equal(c.pooling, ADAH_POOL_FLATTEN);
            assert_int_equal(c.n_image_hidden, 4096);
            assert_int_equal(c.finetune, 1);
        }
    }
}

static void test_unknown_presets(void **state) {
    (void)state;
    adah_settings c = preset("paper", "small");
    const adah_settings before = c;
    adah_status status = {0};
    assert_int_equal(adah_backbone_preset("best", "small", &c, &status), ADAH_ERROR_ARGUMENT);
    assert_says(&status, ADAH_ERROR_ARGUMENT, "\"best\"");
    assert_says(&status, ADAH_ERROR_ARGUMENT, "paper");
    assert_int_equal(adah_backbone_preset("paper", "resnet5000", &c, &status), ADAH_ERROR_ARGUMENT);
    assert_says(&status, ADAH_ERROR_ARGUMENT, "resnet5000");
    for (size_t b = 0; b < 4; b++)
        assert_says(&status, ADAH_ERROR_ARGUMENT, backbones[b]);
    assert_int_equal(adah_backbone_preset("", "small", &c, NULL), ADAH_ERROR_ARGUMENT);
    assert_int_equal(adah_backbone_preset("paper", "", &c, NULL), ADAH_ERROR_ARGUMENT);
    assert_same(&c, &before);
}

/* ---------------------------------------------------------------- methods */

static const char *const rivals[] = {"dcmh", "acmr", "cca", "cmfh", "scm-orth", "scm-seq", "stmh", "seph-km", "seph-rnd",
                                     "random", "itq", "none"};
enum { N_RIVALS = sizeof rivals / sizeof *rivals, N_DEEP = 2 };

static void test_methods(void **state) {
    (void)state;
    for (size_t b = 0; b < sizeof backbones / sizeof *backbones; b++) {
        const adah_settings plain = preset("default", backbones[b]);
        adah_settings c = plain;
        assert_int_equal(adah_settings_method("adah", &c, NULL), ADAH_OK);
        assert_same(&c, &plain);
        assert_true(adah_method_find(c.method)->has_attention);
        for (size_t m = 0; m < N_RIVALS; m++) {
            adah_status status = {0};
            c = plain;
            assert_int_equal(adah_settings_method(rivals[m], &c, NULL), ADAH_OK);
            assert_string_equal(c.method, rivals[m]);
            assert_false(adah_method_find(c.method)->has_attention);
            assert_int_equal(adah_method_find(c.method)->closed_form != NULL, m >= N_DEEP);
            assert_int_equal(c.attention, 0);
            assert_int_equal(c.adversary, !strcmp(rivals[m], "acmr"));
            assert_true(m < N_DEEP || c.finetune == 0);
            assert_int_equal(adah_settings_warmup(&c), 0);
            if (adah_backbone_check(&c, &status) != ADAH_OK)
                fail_msg("%s %s: %s", rivals[m], backbones[b], status.message);
            char *text = adah_settings_json(&c);
            adah_settings back;
            assert_int_equal(adah_settings_parse(text, &back, NULL), ADAH_OK);
            assert_same(&c, &back);
            adah_memory_free(text);
        }
    }
}

static void test_size_of_data(void **state) {
    static const struct {
        size_t n_records;
        int n_bits;
    } of_records[] = {{1, 128}, {10000, 128}, {10001, 64}, {1000000, 64}, {1000001, 32}};
    static const struct {
        size_t n_train;
        int n_batch;
    } of_train[] = {{0, 16}, {100, 16}, {319, 16}, {320, 32}, {360, 32}, {640, 64}, {1279, 64}, {1280, 128}, {1000000, 128}};
    (void)state;
    for (size_t i = 0; i < sizeof of_records / sizeof *of_records; i++) {
        adah_settings c = preset("default", "mobilenet_v2"), before = c;
        adah_settings_fit(of_records[i].n_records, 5000, &c);
        before.n_bits = of_records[i].n_bits;
        assert_same(&c, &before);
    }
    for (size_t i = 0; i < sizeof of_train / sizeof *of_train; i++) {
        adah_settings c = preset("default", "mobilenet_v2");
        adah_settings_fit(400, of_train[i].n_train, &c);
        assert_int_equal(c.n_batch, of_train[i].n_batch);
        const adah_settings plain = preset("default", "mobilenet_v2");
        const int times = of_train[i].n_train < 1280 ? 2 : 1;
        assert_int_equal(c.n_epochs, times * plain.n_epochs);
        assert_int_equal(adah_settings_final(&c), times * adah_settings_final(&plain));
        assert_int_equal(adah_settings_check(&c, NULL), ADAH_OK);
        c = preset("default", "mobilenet_v2");
        assert_int_equal(adah_backbone_finetune("all", &c, NULL), ADAH_OK);
        adah_settings before = c;
        before.n_bits = 128;
        adah_settings_fit(400, of_train[i].n_train, &c);
        assert_same(&c, &before);
    }
    /* The paper's preset and the rivals are what they are, whatever the data. */
    adah_settings paper = preset("paper", "mobilenet_v2"), dcmh = preset("default", "mobilenet_v2");
    assert_int_equal(adah_settings_method("dcmh", &dcmh, NULL), ADAH_OK);
    const adah_settings paper_before = paper, dcmh_before = dcmh;
    adah_settings_fit(400, 360, &paper);
    adah_settings_fit(400, 360, &dcmh);
    assert_same(&paper, &paper_before);
    assert_same(&dcmh, &dcmh_before);
}

static void test_refused_methods(void **state) {
    (void)state;
    const char *const unknown[] = {"", "scm", "adah|dcmh", "ADAH", "cca "};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        adah_settings c = preset("default", "small");
        const adah_settings before = c;
        adah_status status;
        assert_int_equal(adah_settings_method(unknown[i], &c, &status), ADAH_ERROR_ARGUMENT);
        assert_says(&status, ADAH_ERROR_ARGUMENT, "seph-rnd");
        assert_same(&c, &before);
    }
    adah_settings c = preset("paper", "small");
    adah_status status;
    assert_int_equal(adah_settings_method("cca", &c, &status), ADAH_ERROR_ARGUMENT);
    assert_says(&status, ADAH_ERROR_ARGUMENT, "paper");
    assert_int_equal(adah_settings_method("adah", &c, NULL), ADAH_OK);
}

/* What a rival has not cannot be switched on. */
static void test_settings_of_rivals(void **state) {
    (void)state;
    for (size_t m = 0; m < N_RIVALS; m++) {
        adah_settings c = preset("default", "squeezenet1_1");
        adah_status status;
        assert_int_equal(adah_settings_method(rivals[m], &c, NULL), ADAH_OK);
        assert_int_equal(adah_settings_set(&c, "attention_threshold=0.5", &status), ADAH_ERROR_ARGUMENT);
        assert_says(&status, ADAH_ERROR_ARGUMENT, rivals[m]);
        assert_int_equal(adah_settings_set(&c, "attention=1", &status), ADAH_ERROR_ARGUMENT);
        assert_int_equal(adah_settings_set(&c, "margin=0.5", &status), ADAH_OK);
        const struct {
            int attention, adversary, finetune, n_fine;
            adah_pooling pooling;
            const char *says; /* NULL: allowed */
        } changes[] = {
            {1, 0, 0, 0, ADAH_POOL_ALL, "attention"},
            {0, 1, 0, 0, ADAH_POOL_ALL, strcmp(rivals[m], "acmr") ? "adversary" : NULL},
            {0, 0, 1, 0, ADAH_POOL_ALL, m < N_DEEP ? NULL : "finetune"},
            {0, 0, 0, 0, ADAH_POOL_ATTENDED, "pooling"},
            {0, 0, 0, 64, ADAH_POOL_ALL, "n_fine"},
        };
        for (size_t i = 0; i < 5; i++) {
            c.attention = changes[i].attention;
            c.adversary = changes[i].adversary;
            c.finetune = changes[i].finetune;
            c.n_fine = changes[i].n_fine;
            c.pooling = changes[i].pooling;
            const char *says = changes[i].says;
            if (c.n_fine && adah_method_find(c.method)->has_fine) { /* this one has the vector, but no appearance behind it */
                assert_int_equal(adah_backbone_check(&c, NULL), ADAH_OK);
                c.n_appearance = 8;
                says = "n_appearance";
            }
            assert_int_equal(adah_backbone_check(&c, &status), says ? ADAH_ERROR_ARGUMENT : ADAH_OK);
            if (says)
                assert_says(&status, ADAH_ERROR_ARGUMENT, says);
        }
    }
}

/* ---------------------------------------------------------------- JSON */

static void test_round_trip_of_presets(void **state) {
    (void)state;
    for (size_t p = 0; p < 2; p++)
        for (size_t b = 0; b < 4; b++) {
            const adah_settings c = preset(presets[p], backbones[b]);
            char *text = adah_settings_json(&c);
            adah_settings back;
            assert_int_equal(adah_settings_parse(text, &back, NULL), ADAH_OK);
            assert_same(&c, &back);
            adah_memory_free(text);
        }
}

static void assert_same_bits(float a, float b) {
    if (memcmp(&a, &b, sizeof a) != 0)
        fail_msg("%.9g came back as %.9g", (double)a, (double)b);
}

/* Floats of every magnitude, and seeds of 64 bits. */
static void test_round_trip_of_numbers(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(1, 1);
    for (int i = 0; i < 2000; i++) {
        adah_settings c = preset("default", "small"), back;
        c.rate = ldexpf(1 + adah_random_uniform(&r), -(int)adah_random_below(&r, 149));
        c.rate_backbone = adah_random_uniform(&r);
        c.margin = nextafterf((float)adah_random_below(&r, 10) / 10, (float)adah_random_below(&r, 2));
        c.feature_scale = 1e6f * adah_random_uniform(&r);
        c.weight_decay = (float)adah_random_below(&r, 11);
        c.seed = adah_random_next(&r) >> adah_random_below(&r, 64);
        char *text = adah_settings_json(&c);
        assert_int_equal(adah_settings_parse(text, &back, NULL), ADAH_OK);
        adah_memory_free(text);
        assert_same_bits(c.rate, back.rate);
        assert_same_bits(c.rate_backbone, back.rate_backbone);
        assert_same_bits(c.margin, back.margin);
        assert_same_bits(c.feature_scale, back.feature_scale);
        assert_same_bits(c.weight_decay, back.weight_decay);
        assert_true(c.seed == back.seed);
    }
}

/* A person reads the file: 0.1, not 0.100000001. */
static void test_numbers_are_short(void **state) {
    (void)state;
    adah_settings c = preset("default", "small");
    c.rate = 0.1f;
    c.margin = 0.3f;
    c.rate_backbone = 1e-4f;
    char *text = adah_settings_json(&c);
    assert_non_null(strstr(text, "\"rate\":0.1,"));
    assert_non_null(strstr(text, "\"margin\":0.3"));
    assert_non_null(strstr(text, "\"rate_backbone\":0.0001"));
    adah_memory_free(text);
}

/* A file that is older than a setting means its neutral value; one that is newer is refused by the setting's name. */
static void test_missing_and_unknown_keys(void **state) {
    (void)state;
    const adah_settings c = preset("default", "vgg16");
    json_t *object = object_of(&c), *neutral = object_of(&adah_settings_neutral), *value;
    const char *key;
    adah_settings out = preset("paper", "small");
    const adah_settings before = out;
    assert_true(json_object_size(object) > 30);
    json_object_foreach(object, key, value) {
        adah_status status = {0};
        json_t *without = json_copy(object), *renamed;
        json_object_del(without, key);
        adah_settings old;
        assert_int_equal(parse_object(without, &old, &status), ADAH_OK);
        json_t *read = object_of(&old), *expected = json_copy(object);
        json_object_set(expected, key, json_object_get(neutral, key));
        assert_true(json_equal(read, expected));
        json_decref(read);
        json_decref(expected);
        renamed = json_copy(without);
        json_object_set(renamed, "something_else", value);
        assert_int_equal(parse_object(renamed, &out, &status), ADAH_ERROR_FORMAT);
        assert_says(&status, ADAH_ERROR_FORMAT, "something_else");
        json_decref(without);
        json_decref(renamed);
    }
    adah_status status = {0};
    json_object_set_new(object, "from_the_future", json_integer(1));
    assert_int_equal(parse_object(object, &out, &status), ADAH_ERROR_FORMAT);
    assert_says(&status, ADAH_ERROR_FORMAT, "from_the_future");
    json_decref(neutral);
    assert_same(&out, &before);
    json_decref(object);
}

static void test_wrong_types(void **state) {
    (void)state;
    const adah_settings c = preset("default", "small");
    json_t *object = object_of(&c), *value;
    const char *key;
    adah_settings out;
    json_object_foreach(object, key, value) {
        json_t *const wrong[] = {
            json_null(),     json_true(),     json_array(),
            json_object(),   json_string(""), json_string("a text much longer than any name here"),
            json_integer(5), json_real(1.5),  json_string("0")};
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            const int fits = i == 6             ? json_is_number(value)
                             : i == 7           ? json_is_real(value)
                             : i == 4 || i == 8 ? !strcmp(key, "method") || !strcmp(key, "backbone") || !strcmp(key, "language") ||
                                                      !strcmp(key, "finetune_from")
                                                : 0;
            adah_status status = {0};
            json_t *changed = json_copy(object);
            json_object_set_new(changed, key, wrong[i]);
            const adah_code code = parse_object(changed, &out, &status);
            if (!fits) {
                assert_int_equal(code, ADAH_ERROR_FORMAT);
                assert_says(&status, ADAH_ERROR_FORMAT, key);
            } else {
                assert_int_not_equal(code, ADAH_ERROR_FORMAT);
            }
            json_decref(changed);
        }
    }
    json_decref(object);
}

static void test_not_json(void **state) {
    (void)state;
    static const char *const texts[] = {
        "", "{", "[]", "5", "null", "{\"n_bits\":", "\"a\"", "{} trailing", "\xff\xfe", "{}{}", "nonsense"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        adah_settings c;
        adah_status status = {0};
        assert_int_equal(adah_settings_parse(texts[i], &c, &status), ADAH_ERROR_FORMAT);
        assert_int_equal(status.code, ADAH_ERROR_FORMAT);
    }
    /* A key twice. */
    const adah_settings c = preset("default", "small");
    char *text = adah_settings_json(&c), twice[8192];
    adah_settings out;
    snprintf(twice, sizeof twice, "{\"n_bits\":32,%s", text + 1);
    assert_int_equal(adah_settings_parse(twice, &out, NULL), ADAH_ERROR_FORMAT);
    adah_memory_free(text);
}

/* ---------------------------------------------------------------- ranges */

/* Far beyond any range, in JSON and by hand; integers that would wrap into a good value. */
static void test_ranges(void **state) {
    (void)state;
    const adah_settings c = preset("default", "small");
    json_t *object = object_of(&c), *value;
    const char *key;
    json_object_foreach(object, key, value) {
        if (!json_is_number(value) || !strcmp(key, "seed"))
            continue;
        json_t *const far[] = {
            json_is_real(value) ? json_real(-1) : json_integer(-1),
            json_is_real(value) ? json_real(1e9) : json_integer(INT32_MAX),
            json_is_real(value) ? json_real(1e300) : json_integer(json_integer_value(value) + (1LL << 32)),
            json_is_real(value) ? json_real(-1e-30) : json_integer(json_integer_value(value) - (1LL << 32)),
        };
        for (size_t i = 0; i < sizeof far / sizeof *far; i++) {
            adah_settings out;
            adah_status status = {0};
            json_t *changed = json_copy(object);
            json_object_set_new(changed, key, far[i]);
            if (parse_object(changed, &out, &status) != ADAH_ERROR_ARGUMENT)
                fail_msg("%s: value %zu is taken", key, i);
            assert_says(&status, ADAH_ERROR_ARGUMENT, key);
            assert_says(&status, ADAH_ERROR_ARGUMENT, "expected");
            json_decref(changed);
        }
    }
    json_decref(object);
}

static void refuse(const adah_settings *c, const char *word) {
    adah_status status = {0};
    assert_int_equal(adah_backbone_check(c, &status), ADAH_ERROR_ARGUMENT);
    assert_says(&status, ADAH_ERROR_ARGUMENT, word);
}

static void accept(const adah_settings *c) {
    adah_status status = {0};
    if (adah_backbone_check(c, &status) != ADAH_OK)
        fail_msg("%s", status.message);
}

/* Networks as large as VGG learn in smaller batches, whoever asks for it. */
static void test_finetune(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof backbones / sizeof *backbones; i++) {
        const int has_fc = adah_backbone_find(backbones[i])->has_fc;
        adah_settings c = preset("default", backbones[i]);
        const int n_batch = c.n_batch;
        assert_int_equal(adah_backbone_finetune("all", &c, NULL), ADAH_OK);
        assert_int_equal(c.finetune, 1);
        assert_int_equal(c.n_batch, has_fc ? 64 : n_batch);
        assert_int_equal(preset("paper", backbones[i]).n_batch, has_fc ? 64 : n_batch);
    }
}

/* A backbone of which a part learns keeps what was chosen on frozen features, and names a layer where it is cut. */
static void test_finetune_part(void **state) {
    (void)state;
    adah_settings c = preset("default", "mobilenet_v2");
    assert_int_equal(adah_backbone_finetune("last", &c, NULL), ADAH_OK);
    assert_true(c.finetune && !c.attention && c.word_pairs && c.weight_decay > 0 && c.n_fine);
    assert_string_equal(c.finetune_from, "features.17.expand");
    c.augment_flip = 1;
    refuse(&c, "augment_flip");
    c.augment_flip = c.finetune = 0;
    refuse(&c, "finetune_from");
    strcpy(c.finetune_from, "all");
    c.n_finetune_after = 2;
    refuse(&c, "n_finetune_after");
    for (c.n_epochs = 1; c.n_epochs < 5; c.n_epochs++)
        assert_int_equal(adah_settings_finetune_after(&c), c.n_epochs > 2 ? 2 : c.n_epochs - 1);
    c.finetune = 1;
    strcpy(c.finetune_from, "last"); /* the name of a layer, once it is a model's */
    refuse(&c, "features.17.expand");
    strcpy(c.finetune_from, "features.3.depthwise");
    refuse(&c, "features.17.expand");
}

static void test_what_makes_no_sense(void **state) {
    (void)state;
    const adah_settings good = preset("default", "small");
    adah_settings c = good;
    for (c.n_bits = 8; c.n_bits <= 1024; c.n_bits++)
        if (c.n_bits % 8)
            refuse(&c, "n_bits");
        else
            accept(&c);
    c = good;
    for (c.n_fine = 0; c.n_fine <= 1024; c.n_fine++)
        if (c.n_fine % 8)
            refuse(&c, "n_fine");
        else
            accept(&c);
    c = good;
    c.finetune = 0;
    for (c.n_fine = 128, c.n_appearance = 0; c.n_appearance <= 904; c.n_appearance++)
        if (c.n_appearance % 8 || c.n_appearance > 896)
            refuse(&c, "n_appearance");
        else
            accept(&c);
    c.n_appearance = 8;
    accept(&c);
    assert_int_equal(adah_settings_fine(&c, ADAH_IMAGE), 136);
    assert_int_equal(adah_settings_fine(&c, ADAH_TEXT), 128);
    c.finetune = 1; /* then there is no appearance, and without n_fine neither */
    accept(&c);
    assert_int_equal(adah_settings_fine(&c, ADAH_IMAGE), 128);
    c.n_fine = c.finetune = 0;
    accept(&c);
    assert_int_equal(adah_settings_fine(&c, ADAH_IMAGE), 0);
    c = good;
    c.rate = NAN;
    refuse(&c, "rate");
    c = good;
    c.margin = INFINITY;
    refuse(&c, "margin");
    c = good;
    c.n_batch = 1; /* no triplet in it */
    refuse(&c, "n_batch");
    c = good;
    c.pooling = ADAH_POOL_FLATTEN; /* the small network has no fully connected layers */
    refuse(&c, "flatten");
    c.augment_flip = 1; /* a small network that learns */
    c.pooling = ADAH_POOL_ATTENDED;
    accept(&c);
    c.finetune = 0;
    refuse(&c, "finetune");
    c.augment_flip = 0;
    accept(&c);
    c.augment_crop = 0.1f;
    refuse(&c, "augment_crop");
    c = preset("paper", "vgg16");
    accept(&c);
    c.n_side = 31;
    refuse(&c, "n_side");
    c.n_side = 32;
    accept(&c);
    c = good;
    strcpy(c.backbone, "vgg17");
    refuse(&c, "vgg17");
    strcpy(c.backbone, "");
    refuse(&c, "backbone");
    static const char *const bad[] = {"", "label", "labelss", "labels|words", "|", "words "};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        adah_status status = {0};
        c = good;
        assert_int_equal(adah_settings_set_value(&c, "similarity", bad[i], &status), ADAH_ERROR_ARGUMENT);
        assert_says(&status, ADAH_ERROR_ARGUMENT, "similarity");
        assert_same(&c, &good);
    }
    static const char *const kinds[] = {"labels", "words", "pairs"};
    for (size_t i = 0; i < 3; i++) {
        c = good;
        assert_int_equal(adah_settings_set_value(&c, "similarity", kinds[i], NULL), ADAH_OK);
        accept(&c);
        assert_string_equal(adah_settings_text("similarity", (int)c.similarity), kinds[i]);
    }
}

/* ---------------------------------------------------------------- settings */

/* Every value but preset and method set to itself by name changes nothing; set on another preset, the two become equal. */
static void test_every_name_can_be_set(void **state) {
    (void)state;
    const adah_settings c = preset("paper", "vgg19");
    adah_settings other = preset("default", "small");
    json_t *object = object_of(&c), *value;
    const char *key;
    json_object_foreach(object, key, value) {
        char setting[256];
        if (!strcmp(key, "preset") || !strcmp(key, "method"))
            continue;
        if (json_is_string(value))
            snprintf(setting, sizeof setting, "%s=%s", key, json_string_value(value));
        else if (json_is_integer(value))
            snprintf(setting, sizeof setting, "%s=%lld", key, (long long)json_integer_value(value));
        else
            snprintf(setting, sizeof setting, "%s=%.9g", key, json_real_value(value));
        adah_settings same = c;
        assert_int_equal(adah_settings_set(&same, setting, NULL), ADAH_OK);
        assert_same(&same, &c);
        assert_int_equal(adah_settings_set(&other, setting, NULL), ADAH_OK);
    }
    other.preset = c.preset;
    assert_same(&other, &c);
    json_decref(object);
}

static void test_refused_settings(void **state) {
    (void)state;
    static const struct {
        const char *setting, *says;
    } bad[] = {
        {"n_bits", "NAME=VALUE"},
        {"", "NAME=VALUE"},
        {"=16", "NAME=VALUE"},
        {"n_bit=16", "n_bit=16"},
        {"n_bitss=16", "n_bitss"},
        {"N_BITS=16", "N_BITS"},
        {" n_bits=16", "NAME"},
        {"n_bits=", "an integer"},
        {"n_bits=abc", "abc"},
        {"n_bits=16x", "16x"},
        {"n_bits=1.5", "1.5"},
        {"n_bits=16 ", "an integer"},
        {"margin=", "a number"},
        {"margin=x", "a number"},
        {"margin=nan", "a number"},
        {"margin=inf", "a number"},
        {"margin=0.3,", "0.3,"},
        {"margin=1e999", "a number"},
        {"pooling=some", "attended"},
        {"pooling=", "flatten"},
        {"preset=paper", "a whole configuration"},
        {"method=dcmh", "brings its own values"},
        {"seed=x", "an integer"},
        {"seed=", "an integer"},
        {"seed=1e3", "an integer"},
        {"seed=18446744073709551616", "seed"},
        {"n_bits=99999999999999999999", "n_bits"},
        {"language=a name that is longer than any name of a language", "31 characters"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        adah_settings c = preset("default", "small");
        const adah_settings before = c;
        adah_status status = {0};
        adah_code code = adah_settings_set(&c, bad[i].setting, &status);
        if (code == ADAH_OK) /* ranges are the check's */
            code = adah_backbone_check(&c, &status);
        else
            assert_same(&c, &before);
        if (code != ADAH_ERROR_ARGUMENT)
            fail_msg("\"%s\" is taken", bad[i].setting);
        assert_says(&status, ADAH_ERROR_ARGUMENT, bad[i].says);
    }
}

/* Whoever mistypes a name is told all there are. */
static void test_unknown_name_lists_all(void **state) {
    (void)state;
    adah_settings c = preset("default", "small");
    json_t *object = object_of(&c), *value;
    const char *key;
    adah_status status = {0};
    assert_int_equal(adah_settings_set(&c, "marign=0.3", &status), ADAH_ERROR_ARGUMENT);
    json_object_foreach(object, key, value) assert_says(&status, ADAH_ERROR_ARGUMENT, key);
    json_decref(object);
}

/* Help, completions and messages ask for the choices there are; every one of them is taken. */
static void test_choices(void **state) {
    (void)state;
    static const char *const names[] = {"preset", "similarity", "pooling", "precision", "backbone", "method"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char room[ADAH_CHOICES_BYTES], text[ADAH_CHOICES_BYTES], *rest;
        size_t n = 0;
        assert_ptr_equal(adah_setting_choices(names[i], room), room);
        snprintf(text, sizeof text, "%s", room);
        for (char *choice = strtok_r(text, "|", &rest); choice; choice = strtok_r(NULL, "|", &rest), n++) {
            adah_settings c = preset("default", "small");
            adah_status status = {0};
            if (!strcmp(names[i], "backbone") ? adah_backbone_preset("default", choice, &c, &status)
                : !strcmp(names[i], "method") ? adah_settings_method(choice, &c, &status)
                                              : adah_settings_set_value(&c, names[i], choice, &status))
                fail_msg("%s", status.message);
        }
        assert_true(n >= 2);
    }
    char room[ADAH_CHOICES_BYTES];
    assert_null(adah_setting_choices("n_bits", room));
    assert_null(adah_setting_choices("language", room));
    assert_null(adah_setting_choices("nonsense", room));
}

/* What older models say of trainings that there are no more is passed over, whatever it is; nobody can ask for it. */
static void test_retired_settings(void **state) {
    (void)state;
    static const char *const retired[][2] = {{"mining", "\"semi-hard\""}, {"graded_similarity", "1"}, {"proxy_weight", "2.5"},
                                             {"proxy_temperature", "0.2"},  {"n_bank", "512"},          {"nested_bits", "16"}};
    adah_settings c = preset("default", "small"), back;
    char *json = adah_settings_json(&c), with[4096], setting[64];
    for (size_t i = 0; i < sizeof retired / sizeof *retired; i++) {
        assert_null(strstr(json, retired[i][0]));
        snprintf(with, sizeof with, "{\"%s\":%s,%s", retired[i][0], retired[i][1], json + 1);
        assert_int_equal(adah_settings_parse(with, &back, NULL), ADAH_OK);
        assert_null(adah_settings_difference(&c, &back));
        snprintf(setting, sizeof setting, "%s=0", retired[i][0]);
        adah_status status;
        assert_int_equal(adah_settings_set(&c, setting, &status), ADAH_ERROR_ARGUMENT);
        assert_non_null(strstr(status.message, "no longer"));
    }
    adah_memory_free(json);
    static const char *const of_dcmh[] = {"quantisation_weight=0.5", "balance_weight=0.5"};
    for (size_t i = 0; i < 2; i++) {
        adah_status status;
        adah_settings dcmh = c;
        assert_int_equal(adah_settings_method("dcmh", &dcmh, NULL), ADAH_OK);
        assert_int_equal(adah_settings_set(&dcmh, of_dcmh[i], NULL), ADAH_OK);
        assert_int_equal(adah_settings_set(&c, of_dcmh[i], &status), ADAH_ERROR_ARGUMENT);
        assert_non_null(strstr(status.message, "the method adah has no such loss"));
    }
}

static void test_seeds(void **state) {
    (void)state;
    static const uint64_t seeds[] = {0, 1, INT64_MAX, (uint64_t)INT64_MAX + 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++) {
        adah_settings c = preset("default", "small");
        char setting[64];
        snprintf(setting, sizeof setting, "seed=%llu", (unsigned long long)seeds[i]);
        assert_int_equal(adah_settings_set(&c, setting, NULL), ADAH_OK);
        if (c.seed != seeds[i])
            fail_msg("%s became %llu", setting, (unsigned long long)c.seed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presets),
        cmocka_unit_test(test_finetuning),
        cmocka_unit_test(test_paper),
        cmocka_unit_test(test_unknown_presets),
        cmocka_unit_test(test_methods),
        cmocka_unit_test(test_size_of_data),
        cmocka_unit_test(test_refused_methods),
        cmocka_unit_test(test_settings_of_rivals),
        cmocka_unit_test(test_round_trip_of_presets),
        cmocka_unit_test(test_round_trip_of_numbers),
        cmocka_unit_test(test_numbers_are_short),
        cmocka_unit_test(test_missing_and_unknown_keys),
        cmocka_unit_test(test_wrong_types),
        cmocka_unit_test(test_not_json),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_finetune),
        cmocka_unit_test(test_finetune_part),
        cmocka_unit_test(test_what_makes_no_sense),
        cmocka_unit_test(test_every_name_can_be_set),
        cmocka_unit_test(test_refused_settings),
        cmocka_unit_test(test_unknown_name_lists_all),
        cmocka_unit_test(test_retired_settings),
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_choices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
