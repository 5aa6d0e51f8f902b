/* (unit) test_text_encoder_model.c - models that carry a text encoder, with its vectors alone, with the bag of words beside them, and with the vectors of tokens: they are trained on sentences, of which a record may have several, from
 * a cache or without; opened without anything else they encode a text to the bits that the data set's record has; what does not go together
 * is refused. */
#define _GNU_SOURCE
#include "files/model_file.h"

#include <adah/adah.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "data_folder.h"
#include "array_files.h"
#include "text_folder.h"

enum { N = 48, C = 8, N_BITS = 16, CODE_BYTES = N_BITS / 8 };

static const char *const classes[] = {"a boat sails near a lake", "the dog runs behind the barn", "a bird in the sky", "cars in the street"};
static temporary_folder folder;
static char model_path[512], again_path[512], encoder_path[512], data_path[512], cache_path[512];
static adah_train_options options;
static const char *settings[] = {"n_image_hidden=32", "n_text_hidden=32", "n_text_feature=16", "n_batch=16", "rate=0.01", "validation_share=0",
                                "n_documents_min=1", NULL};

/* Image vectors that tell the class; every third record has two texts, the last none. */
static void put_data(void) {
    static float image[N * C];
    char all[N * 256];
    for (size_t i = 0, n = 0; i < N; i++) {
        const char *text = classes[i % 4];
        image[i * C + i % 4] = 1;
        image[i * C + 4 + i % 3] = 0.3f;
        char texts[160];
        if (i == N - 1)
            snprintf(texts, sizeof texts, "\"\"");
        else if (i % 3 == 0)
            snprintf(texts, sizeof texts, "[\"%s\", \"%s number %zu\"]", text, text, i);
        else
            snprintf(texts, sizeof texts, "\"%s number %zu\"", text, i);
        n += (size_t)snprintf(all + n, sizeof all - n, "{\"file_name\": \"r%zu\", \"text\": %s, \"labels\": [\"c%zu\"], \"split\": \"%s\"}\n", i,
                              texts, i % 4, i % 6 ? "train" : "query");
    }
    data_folder_put(data_path, "metadata.jsonl", all);
    array_file_write(data_path, "image.npy", "<f4", ADAH_SHAPE2(N, C), image);
}

/* *state: the setting of text_words or text_tokens. */
static int set_up(void **state) {
    settings[sizeof settings / sizeof *settings - 1] = *state;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "model", model_path);
    TEMPORARY_PATH(folder, "again", again_path);
    TEMPORARY_PATH(folder, "encoder", encoder_path);
    TEMPORARY_PATH(folder, "data", data_path);
    TEMPORARY_PATH(folder, "cache", cache_path);
    mkdir(encoder_path, 0755);
    mkdir(data_path, 0755);
    json_decref(text_folder_create("sentence", encoder_path));
    put_data();
    adah_train_options_init(&options);
    options.n_bits = N_BITS;
    options.n_epochs = 25;
    options.settings = settings;
    options.n_settings = sizeof settings / sizeof *settings;
    options.cache_folder = cache_path;
    options.text_weights = encoder_path;
    options.attention = !strcmp(*state, "text_tokens=10"); /* the mask chooses among tokens */
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    data_folder_remove(&folder);
    return 0;
}

static void check(adah_code code, const adah_status *status) {
    if (code != ADAH_OK)
        fail_msg("%s", status->message);
}

static adah_dataset *open_data(void) {
    adah_dataset *dataset;
    adah_status status;
    check(adah_dataset_open(data_path, NULL, &dataset, &status), &status);
    return dataset;
}

static void train(const adah_dataset *dataset, const char *path) {
    adah_status status;
    check(adah_train(dataset, path, &options, (adah_progress){0}, NULL, &status), &status);
}

static void encode_all(const adah_model *model, const adah_dataset *dataset, const char *cache, adah_codes *codes) {
    adah_encode_options o;
    adah_status status;
    adah_encode_options_init(&o);
    o.cache_folder = cache;
    check(adah_encode_dataset(model, dataset, &o, (adah_progress){0}, codes, &status), &status);
}

/* The same bits from the cache, from the encoder, of a record alone and of its text alone; all without the encoder's folder. */
static void one_text_has_one_code(void **state) {
    (void)state;
    adah_dataset *dataset = open_data();
    train(dataset, model_path);
    char elsewhere[600];
    snprintf(elsewhere, sizeof elsewhere, "%s.gone", encoder_path);
    assert_int_equal(rename(encoder_path, elsewhere), 0);
    adah_model *model;
    adah_status status;
    check(adah_model_open(model_path, &model, &status), &status);
    assert_true(adah_model_takes_text(model));
    assert_non_null(strstr(adah_model_json(model), "\"text_encoder\":{\"family\":\"bert\""));
    adah_codes cached, read;
    encode_all(model, dataset, cache_path, &cached);
    encode_all(model, dataset, folder.path, &read);
    assert_int_equal(cached.n, N);
    assert_int_equal(cached.n_texts_unknown, 1);
    assert_int_equal(read.n_texts_unknown, 1);
    assert_memory_equal(cached.text, read.text, N * CODE_BYTES);
    adah_encoder *e;
    check(adah_encoder_create(model, NULL, &e, &status), &status);
    uint8_t code[CODE_BYTES];
    for (size_t i = 0; i + 1 < N; i++) {
        check(adah_encode_record(e, dataset, i, ADAH_TEXT, code, &status), &status);
        assert_memory_equal(code, cached.text + i * CODE_BYTES, CODE_BYTES);
        if (i % 3 == 0)
            continue;
        check(adah_encode_text(e, adah_dataset_record(dataset, i)->text, code, &status), &status);
        assert_memory_equal(code, cached.text + i * CODE_BYTES, CODE_BYTES);
    }
    assert_int_equal(adah_encode_text(e, " ", code, &status), ADAH_ERROR_NO_KNOWN_WORD);
    adah_text_word *words;
    size_t n_words;
    check(adah_model_words(model, "a yacht, and a boat", &words, &n_words, &status), &status);
    assert_true(n_words >= 2);
    for (size_t i = 0; i < n_words; i++)
        assert_true(words[i].is_known);
    adah_free(words);
    adah_codes_free(&cached);
    adah_codes_free(&read);
    adah_encoder_close(e);
    adah_model_close(model);
    assert_int_equal(rename(elsewhere, encoder_path), 0);
    adah_dataset_close(dataset);
}

/* With a cache or without, the same model. */
static void the_cache_changes_nothing(void **state) {
    (void)state;
    adah_dataset *dataset = open_data();
    train(dataset, model_path);
    train(dataset, again_path);
    adah_model_state a = {0}, b = {0};
    adah_status status;
    check(adah_model_state_read(model_path, &a, &status), &status);
    check(adah_model_state_read(again_path, &b, &status), &status);
    assert_string_equal(a.id, b.id);
    adah_model_state_free(&a);
    adah_model_state_free(&b);
    adah_dataset_close(dataset);
}

static void expect_no_training(const adah_dataset *dataset, const char *said) {
    adah_status status = {0};
    assert_int_equal(adah_train(dataset, again_path, &options, (adah_progress){0}, NULL, &status), ADAH_ERROR_ARGUMENT);
    if (!strstr(status.message, said))
        fail_msg("\"%s\" says nothing of \"%s\"", status.message, said);
}

static void refuses_what_does_not_go_together(void **state) {
    adah_dataset *dataset = open_data();
    options.similarity = "words";
    if (strcmp(*state, "text_words=1"))
        expect_no_training(dataset, "similarity \"words\"");
    else
        train(dataset, model_path);
    options.similarity = NULL;
    static float text[N * C];
    array_file_write(data_path, "text.npy", "<f4", ADAH_SHAPE2(N, C), text);
    expect_no_training(dataset, "take no text encoder");
    options.text_weights = NULL;
    if (!strcmp(*state, "text_tokens=10"))
        expect_no_training(dataset, "tokens are those of a text encoder");
    adah_dataset_close(dataset);
}

/* The model carries the prefix; without an encoder there is nothing to read it. */
static void the_prefix_is_carried(void **state) {
    (void)state;
    adah_dataset *dataset = open_data();
    adah_model *model;
    adah_status status;
    options.text_prefix = "a photo: ";
    train(dataset, model_path);
    check(adah_model_open(model_path, &model, &status), &status);
    assert_non_null(strstr(adah_model_json(model), "\"prefix\":\"a photo: \""));
    adah_codes codes;
    encode_all(model, dataset, cache_path, &codes);
    adah_encoder *e;
    check(adah_encoder_create(model, NULL, &e, &status), &status);
    uint8_t code[CODE_BYTES];
    check(adah_encode_text(e, adah_dataset_record(dataset, 1)->text, code, &status), &status);
    assert_memory_equal(code, codes.text + CODE_BYTES, CODE_BYTES);
    assert_int_equal(adah_encode_text(e, " ", code, &status), ADAH_ERROR_NO_KNOWN_WORD);
    adah_codes_free(&codes);
    adah_encoder_close(e);
    adah_model_close(model);
    options.text_weights = NULL;
    expect_no_training(dataset, "prefix is for a text encoder");
    adah_dataset_close(dataset);
}

static void expect_damaged(adah_model_state *s) {
    adah_status status = {0};
    adah_model *model = NULL;
    check(adah_model_state_write(again_path, s, &status), &status);
    assert_int_not_equal(adah_model_open(again_path, &model, &status), ADAH_OK);
    assert_non_null(strstr(status.message, again_path));
    assert_null(model);
}

/* A file whose tokenizer is gone is damaged, and one whose parts do not fit together. */
static void damaged_models_are_refused(void **state) {
    (void)state;
    adah_dataset *dataset = open_data();
    train(dataset, model_path);
    adah_model_state s = {0};
    adah_status status = {0};
    check(adah_model_state_read(model_path, &s, &status), &status);
    s.text_encoder.tokenizer[0] = ' ';
    expect_damaged(&s);
    s.text_encoder.tokenizer[0] = '{';
    s.text.item.dim[0]++; /* a value more than the encoder makes */
    expect_damaged(&s);
    s.text.item.dim[0]--;
    s.text.n_words += s.text.n_words > 0; /* a word more than the vocabulary has */
    if (s.text.n_words)
        expect_damaged(&s);
    adah_model_state_free(&s);
    adah_dataset_close(dataset);
}

int main(void) {
    static char words[3][16] = {"text_words=0", "text_words=1", "text_tokens=10"};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate_setup_teardown(one_text_has_one_code, set_up, tear_down, words[0]),
        cmocka_unit_test_prestate_setup_teardown(one_text_has_one_code, set_up, tear_down, words[1]),
        cmocka_unit_test_prestate_setup_teardown(one_text_has_one_code, set_up, tear_down, words[2]),
        cmocka_unit_test_prestate_setup_teardown(the_cache_changes_nothing, set_up, tear_down, words[0]),
        cmocka_unit_test_prestate_setup_teardown(the_cache_changes_nothing, set_up, tear_down, words[1]),
        cmocka_unit_test_prestate_setup_teardown(the_cache_changes_nothing, set_up, tear_down, words[2]),
        cmocka_unit_test_prestate_setup_teardown(refuses_what_does_not_go_together, set_up, tear_down, words[0]),
        cmocka_unit_test_prestate_setup_teardown(refuses_what_does_not_go_together, set_up, tear_down, words[1]),
        cmocka_unit_test_prestate_setup_teardown(refuses_what_does_not_go_together, set_up, tear_down, words[2]),
        cmocka_unit_test_prestate_setup_teardown(the_prefix_is_carried, set_up, tear_down, words[0]),
        cmocka_unit_test_prestate_setup_teardown(the_prefix_is_carried, set_up, tear_down, words[1]),
        cmocka_unit_test_prestate_setup_teardown(the_prefix_is_carried, set_up, tear_down, words[2]),
        cmocka_unit_test_prestate_setup_teardown(damaged_models_are_refused, set_up, tear_down, words[0]),
        cmocka_unit_test_prestate_setup_teardown(damaged_models_are_refused, set_up, tear_down, words[1]),
        cmocka_unit_test_prestate_setup_teardown(damaged_models_are_refused, set_up, tear_down, words[2]),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
