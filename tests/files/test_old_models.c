/* (golden) Models that older versions wrote (old_models/, made by make_old_models.sh): they open, are who they say they are, and encode to
 * the same bits as then. So do those that lack a setting of today; a setting that nobody knows is refused by its name. The same for
 * the checkpoint of a training. */
#define _GNU_SOURCE
#include "base/memory.h"
#include "files/checkpoint.h"
#include "settings/settings.h"

#include <adah/adah.h>
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data_folder.h"
#include "rewritten_model.h"

#define OLD_MODELS ADAH_SOURCE_DIR "/tests/files/old_models/"
enum { N = 16, CODE_BYTES = 2 };

static const struct {
    const char *data, *name;
} models[] = {{"maps", "default"},    {"maps", "attention"},  {"maps", "paper"},           {"maps", "dcmh"},
              {"maps", "cca"},        {"vectors", "vectors"}, {"vectors", "paper-vectors"}};
enum { N_MODELS = sizeof models / sizeof *models };

static temporary_folder folder;
static char path[512], other_path[512];

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "model", path);
    TEMPORARY_PATH(folder, "other", other_path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    data_folder_remove(&folder);
    return 0;
}

static const char *old_model(size_t i) {
    snprintf(path, sizeof path, OLD_MODELS "%s/%s.safetensors", models[i].data, models[i].name);
    return path;
}

/* The rows of an array file lie at its end. */
static void expect_codes(size_t i, const char *side, const uint8_t *code) {
    char name[128];
    size_t n;
    snprintf(name, sizeof name, "%s/%s.%s.npy", models[i].data, models[i].name, side);
    char *bytes = data_folder_read(OLD_MODELS, name, &n);
    assert_true(n > N * CODE_BYTES);
    if (memcmp(bytes + n - N * CODE_BYTES, code, N * CODE_BYTES))
        fail_msg("%s: other codes", name);
    free(bytes);
}

/* Opens a model, whose identity is `id`, and encodes its data set. */
static void expect_old_codes(const char *file, size_t i, const char *id) {
    adah_model *model;
    adah_dataset *dataset;
    adah_status status = {0};
    adah_encode_options options;
    adah_encode_options_init(&options);
    adah_codes codes;
    char data[512];
    snprintf(data, sizeof data, OLD_MODELS "%s", models[i].data);
    options.keep_real = 1;
    options.cache_folder = folder.path;
    if (adah_model_open(file, &model, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    assert_string_equal(adah_model_id(model), id);
    assert_int_equal(adah_dataset_open(data, NULL, &dataset, NULL), ADAH_OK);
    if (adah_encode_dataset(model, dataset, &options, (adah_progress){0}, &codes, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    assert_int_equal(codes.n, N);
    assert_int_equal(codes.n_bits, 8 * CODE_BYTES);
    for (size_t k = 0; k < N * codes.n_bits; k++) /* so far from 0 that the order of sums, another on another processor, turns no bit */
        assert_true(fabsf(codes.image_real[k]) > 1e-5f && fabsf(codes.text_real[k]) > 1e-5f);
    expect_codes(i, "image", codes.image);
    expect_codes(i, "text", codes.text);
    adah_codes_free(&codes);
    adah_dataset_close(dataset);
    adah_model_close(model);
}

static json_t *config_of(const char *file, char id[33]) {
    adah_safetensors *s;
    assert_int_equal(adah_safetensors_open(file, &s, NULL), ADAH_OK);
    json_t *config = json_loads(adah_safetensors_metadata(s, "config"), 0, NULL);
    assert_non_null(config);
    snprintf(id, 33, "%s", adah_safetensors_metadata(s, "id"));
    adah_safetensors_close(s);
    return config;
}

/* The model again, with another configuration and the identity that a version with this configuration would have given it. */
static void write_with(const char *from, const json_t *config, char id[33]) {
    char *text = json_dumps(config, JSON_COMPACT | JSON_REAL_PRECISION(9));
    rewritten_model(from, other_path, "config", text, id);
    free(text);
}

static void test_same_codes(void **state) {
    (void)state;
    for (size_t i = 0; i < N_MODELS; i++) {
        char id[33], now[33];
        json_t *config = config_of(old_model(i), id);
        write_with(path, config, now); /* the tool of this test knows how an identity is made */
        assert_string_equal(now, id);
        expect_old_codes(path, i, id);
        json_decref(config);
    }
}

static int is_neutral(const char *key, const json_t *value, const json_t *neutral) {
    return json_equal(value, json_object_get(neutral, key));
}

/* Without any one of the settings whose value is the neutral one, without all of them, and with a setting of the future. */
static void test_missing_and_unknown_settings(void **state) {
    (void)state;
    char *text = adah_settings_json(&adah_settings_neutral);
    json_t *neutral = json_loads(text, 0, NULL), *value;
    const char *key;
    adah_memory_free(text);
    for (size_t i = 0; i < N_MODELS; i++) {
        char id[33], now[33];
        json_t *config = config_of(old_model(i), id), *bare = json_deep_copy(config);
        size_t n_neutral = 0;
        json_object_foreach(config, key, value) {
            if (!is_neutral(key, value, neutral))
                continue;
            n_neutral++;
            json_object_del(bare, key);
            if (n_neutral % 8 != 1 && strcmp(key, "precision"))
                continue;
            json_t *without = json_deep_copy(config);
            json_object_del(without, key);
            write_with(path, without, now);
            assert_string_not_equal(now, id);
            expect_old_codes(other_path, i, now);
            json_decref(without);
        }
        assert_true(n_neutral > 20);
        write_with(path, bare, now);
        expect_old_codes(other_path, i, now);

        adah_model *model;
        adah_status status = {0};
        json_object_set_new(config, "depth_of_thought", json_integer(1));
        write_with(path, config, now);
        assert_int_equal(adah_model_open(other_path, &model, &status), ADAH_ERROR_FORMAT);
        assert_non_null(strstr(status.message, other_path));
        assert_non_null(strstr(status.message, "\"depth_of_thought\", which this version does not know"));
        json_decref(bare);
        json_decref(config);
    }
    json_decref(neutral);
}

/* ---------------------------------------------------------------- checkpoints */

static adah_code resume(const adah_settings *config, adah_status *status) {
    adah_parameters none = {0};
    double place;
    adah_checkpoint c = {.config = config, .fingerprint = 7, .parameters = &none, .place = &place, .n_place = 1};
    const adah_code code = adah_checkpoint_read(other_path, &c, status);
    adah_memory_free(c.history);
    return code;
}

static void put_checkpoint(const char *version, const char *config) {
    const double place = 5;
    const adah_safetensors_item item = {"place", "F64", ADAH_SHAPE1(1), &place, sizeof place};
    char sum[32];
    snprintf(sum, sizeof sum, "%016llx", (unsigned long long)XXH3_64bits_withSeed(&place, sizeof place, XXH3_64bits("place", 5)));
    const char *const metadata[] = {"format", "adah-checkpoint", "version", version, "config", config, "data", "7", "sum", sum};
    assert_int_equal(adah_safetensors_write(other_path, &item, 1, metadata, 5, NULL), ADAH_OK);
}

static void expect_resume(const adah_settings *wanted, json_t *config, adah_code code, const char *says) {
    adah_status status = {0};
    char *text = json_dumps(config, JSON_COMPACT);
    put_checkpoint("2", text);
    free(text);
    assert_int_equal(resume(wanted, &status), code);
    if (!strstr(status.message, says))
        fail_msg("\"%s\" says nothing of \"%s\"", status.message, says);
}

static void test_checkpoints(void **state) {
    (void)state;
    adah_settings wanted;
    assert_int_equal(adah_settings_preset("default", &wanted, NULL), ADAH_OK);
    char *text = adah_settings_json(&wanted);
    json_t *config = json_loads(text, 0, NULL), *value;
    const char *key;
    void *next;
    adah_memory_free(text);
    text = adah_settings_json(&adah_settings_neutral);
    json_t *neutral = json_loads(text, 0, NULL);
    adah_memory_free(text);
    expect_resume(&wanted, config, ADAH_OK, "");
    json_t *without = json_deep_copy(config);
    json_object_foreach_safe(config, next, key, value) {
        json_object_del(without, key);
        if (is_neutral(key, value, neutral)) {
            expect_resume(&wanted, without, ADAH_OK, "");
        } else {
            char says[64];
            snprintf(says, sizeof says, "(%s differs)", key);
            expect_resume(&wanted, without, ADAH_ERROR_MISMATCH, says);
        }
        json_object_set(without, key, value);
    }
    json_object_set_new(config, "depth_of_thought", json_integer(1));
    expect_resume(&wanted, config, ADAH_ERROR_FORMAT, "\"depth_of_thought\"");
    json_object_del(config, "depth_of_thought");
    json_object_set_new(config, "margin", json_real(0.5));
    expect_resume(&wanted, config, ADAH_ERROR_MISMATCH, "(margin differs)");
    json_decref(without);
    json_decref(neutral);
    json_decref(config);

    adah_status status = {0};
    put_checkpoint("1", "{}");
    assert_int_equal(resume(&wanted, &status), ADAH_ERROR_FORMAT);
    assert_non_null(strstr(status.message, "another version of adah"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_same_codes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_missing_and_unknown_settings, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_checkpoints, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
