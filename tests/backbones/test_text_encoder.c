/* (golden) test_text_encoder.c - text encoders of every family, loaded from folders as Hugging Face has them, make the vectors that the
 * reference makes (text_encoders/, made by make_text_encoder_golden.py), alone and in company, and the rows of their tokens; folders and descriptions that cannot be right are refused. */
#define _GNU_SOURCE
#include "backbones/text_encoder.h"
#include "base/memory.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "text_folder.h"

static const char *const names[] = {"sentence", "plain", "first_token", "distil", "mpnet", "clip", "siglip"};
enum { N_NAMES = sizeof names / sizeof *names, VALUES_MAX = 64, N_TOKENS = 12, ROWS_MAX = N_TOKENS * VALUES_MAX /* floats */ };

static void load(const char *folder, adah_text_weights *weights) {
    adah_status status = {0};
    if (adah_text_weights_load(folder, NULL, weights, &status) != ADAH_OK)
        fail_msg("%s", status.message);
}

static adah_text_encoder *open_encoder(adah_text_weights *weights) {
    adah_text_encoder *e;
    adah_status status = {0};
    if (adah_text_encoder_create(weights, "FILE", &e, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return e;
}

static size_t values_of(const adah_text_encoder *e) { return adah_shape_count(adah_text_encoder_shape(e, 0, 0).item); }
static size_t rows_of(const adah_text_encoder *e) { return adah_shape_count(adah_text_encoder_shape(e, N_TOKENS, 0).item); }

static void read_texts(adah_text_reader *r, adah_text_item *item, size_t n) {
    adah_status status = {0};
    if (adah_text_reader_read(r, item, n, &status) != ADAH_OK)
        fail_msg("%s", status.message);
}

static void read_text(adah_text_reader *r, const char *text, size_t n_texts, float *vector, int is_there) {
    adah_text_item item = {.text = text, .n_bytes = strlen(text), .n_texts = n_texts, .vector = vector};
    read_texts(r, &item, 1);
    assert_int_equal(item.is_there, is_there);
}

static void expect_no_folder(const char *folder, adah_code code, const char *why) {
    adah_text_weights weights;
    adah_status status = {0};
    assert_int_equal(adah_text_weights_load(folder, NULL, &weights, &status), code);
    if (!strstr(status.message, why) || !strstr(status.message, folder))
        fail_msg("\"%s\" does not name %s and \"%s\"", status.message, folder, why);
}

static void reference_agrees(void **state) {
    (void)state;
    for (size_t k = 0; k < N_NAMES; k++) {
        temporary_folder folder = temporary_folder_create();
        json_t *golden = text_folder_create(names[k], folder.path), *entry;
        adah_text_weights weights;
        load(folder.path, &weights);
        adah_text_encoder *e = open_encoder(&weights);
        adah_text_reader *r;
        assert_int_equal(adah_text_reader_create(e, 0, &r, NULL), ADAH_OK);
        size_t i;
        json_array_foreach(json_object_get(golden, "texts"), i, entry) {
            const json_t *expected = json_object_get(entry, "vector");
            float vector[VALUES_MAX];
            assert_int_equal(json_array_size(expected), values_of(e));
            read_text(r, json_string_value(json_object_get(entry, "text")), 1, vector, 1);
            double error = 0, length = 0;
            for (size_t c = 0; c < values_of(e); c++) {
                const double x = json_number_value(json_array_get(expected, c));
                error += (vector[c] - x) * (vector[c] - x);
                length += x * x;
            }
            if (!(sqrt(error) <= 1e-4 * sqrt(length)))
                fail_msg("%s, text %zu: off by %g of its length", names[k], i, sqrt(error / length));
        }
        assert_int_equal(i, 5);
        json_decref(golden);
        adah_text_reader_free(r);
        adah_text_encoder_free(e);
        adah_text_weights_free(&weights);
        data_folder_remove(&folder);
    }
}

/* Texts read together, and each of them alone. */
static void expect_same_alone(const char *name, const adah_text_encoder *e, size_t n_tokens, adah_text_item *item, size_t n) {
    static float vector[700 * ROWS_MAX];
    adah_text_reader *r, *other;
    const size_t n_floats = n_tokens ? rows_of(e) : values_of(e);
    assert_int_equal(adah_text_reader_create(e, n_tokens, &r, NULL), ADAH_OK);
    assert_int_equal(adah_text_reader_create(e, n_tokens, &other, NULL), ADAH_OK);
    for (size_t i = 0; i < n; i++)
        item[i].vector = vector + i * n_floats;
    read_texts(r, item, n);
    for (size_t i = 0; i < n; i++) {
        float alone[ROWS_MAX];
        const int is_there = item[i].n_bytes > 0;
        read_text(other, item[i].text, item[i].n_texts, alone, is_there);
        assert_int_equal(item[i].is_there, is_there);
        if (memcmp(alone, item[i].vector, n_floats * sizeof *alone))
            fail_msg("%s: \"%s\" has another vector in company", name, item[i].text);
    }
    adah_text_reader_free(r);
    adah_text_reader_free(other);
}

/* Texts of all lengths, more than wait together, some with lines, some without tokens: in any company the bits that each has alone, of
 * vectors and of tokens. */
static void company_changes_nothing(void **state) {
    (void)state;
    enum { N = 700, WORDS_MAX = 40 };
    static const char *const words[] = {"boat", "the dog", "sails", "a", "12", "sun,", "né", "lake", "x"};
    static char text[N][WORDS_MAX * 10];
    adah_text_item item[N];
    for (size_t i = 0; i < N; i++) {
        const size_t n_words = i * i % WORDS_MAX;
        text[i][0] = '\0';
        for (size_t w = 0; w < n_words; w++) {
            strcat(text[i], words[(i * 7 + w * w) % 9]);
            strcat(text[i], i % 5 == 0 && w % 4 == 3 ? "\n" : " ");
        }
        item[i] = (adah_text_item){.text = text[i], .n_bytes = strlen(text[i]), .n_texts = i % 5 ? 1 : 2};
    }
    for (size_t k = 0; k < N_NAMES; k++) {
        temporary_folder folder = temporary_folder_create();
        json_decref(text_folder_create(names[k], folder.path));
        adah_text_weights weights;
        load(folder.path, &weights);
        adah_text_encoder *e = open_encoder(&weights);
        expect_same_alone(names[k], e, 0, item, N);
        expect_same_alone(names[k], e, N_TOKENS, item, N);
        adah_text_encoder_free(e);
        adah_text_weights_free(&weights);
        data_folder_remove(&folder);
    }
}

static double length_of(const float *x, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)x[i] * x[i];
    return sqrt(sum);
}

/* Tokens have rows of length one, and zeros behind the last one; where the first token's row is a text's vector it is the first of them. Lines
 * share the rows, and have their own first tokens there; a text that is too long ends with the token that ends texts. */
static void tokens_are_rows(void **state) {
    (void)state;
    temporary_folder folder = temporary_folder_create();
    adah_text_weights weights;
    json_decref(text_folder_create("first_token", folder.path));
    load(folder.path, &weights);
    adah_text_encoder *e = open_encoder(&weights);
    adah_text_reader *vectors, *rows;
    const size_t n = values_of(e);
    assert_int_equal(rows_of(e), N_TOKENS * n);
    assert_int_equal(adah_text_encoder_special(e), 2);
    assert_int_equal(adah_text_reader_create(e, 0, &vectors, NULL), ADAH_OK);
    assert_int_equal(adah_text_reader_create(e, N_TOKENS, &rows, NULL), ADAH_OK);
    float vector[VALUES_MAX], a[ROWS_MAX], b[ROWS_MAX], both[ROWS_MAX];
    read_text(vectors, "a boat", 1, vector, 1);
    read_text(rows, "a boat", 1, a, 1);
    size_t n_there = 0;
    for (; n_there < N_TOKENS && length_of(a + n_there * n, n) > 0; n_there++)
        assert_true(fabs(length_of(a + n_there * n, n) - 1) < 1e-5);
    assert_true(n_there >= 4 && n_there < N_TOKENS);
    assert_true(length_of(a + n_there * n, (N_TOKENS - n_there) * n) == 0);
    for (size_t i = 0; i < n; i++)
        assert_true(fabs(a[i] - vector[i] / length_of(vector, n)) < 1e-5);
    read_text(rows, "the ship sails near a lake in the sun and the dog runs behind the barn", 1, b, 1);
    assert_true(fabs(length_of(b + (N_TOKENS - 1) * n, n) - 1) < 1e-5);
    read_text(rows, "a boat\n \nthe ship sails near a lake in the sun and the dog runs behind the barn", 3, both, 1);
    assert_memory_equal(both, a, 4 * n * sizeof *a);
    assert_true(length_of(both + 4 * n, 4 * n) == 0);
    assert_memory_equal(both + 8 * n, b, 4 * n * sizeof *b);
    memset(both, 0, sizeof both);
    adah_text_encoder_add_line(e, N_TOKENS, a, 0, 2, both);
    adah_text_encoder_add_line(e, N_TOKENS, b, 1, 2, both);
    adah_text_encoder_finish_lines(e, N_TOKENS, 2, both);
    assert_memory_equal(both, a, 6 * n * sizeof *a);
    assert_memory_equal(both + 6 * n, b, 6 * n * sizeof *b);
    read_text(rows, " ", 1, a, 0);
    assert_true(length_of(a, rows_of(e)) == 0);
    adah_text_reader_free(vectors);
    adah_text_reader_free(rows);
    adah_text_encoder_free(e);
    adah_text_weights_free(&weights);
    data_folder_remove(&folder);
}

/* A prefix is read before every text and every line, and belongs to what a model carries; a text of nothing is still not there. */
static void a_prefix_is_read_before_texts(void **state) {
    (void)state;
    temporary_folder folder = temporary_folder_create();
    adah_text_weights plain, prefixed, again;
    json_decref(text_folder_create("sentence", folder.path));
    load(folder.path, &plain);
    assert_null(strstr(plain.description, "prefix"));
    data_folder_put(folder.path, "config_sentence_transformers.json",
                    "{\"prompts\": {\"query\": \"a cat: \"}, \"default_prompt_name\": \"query\"}");
    load(folder.path, &again);
    assert_int_equal(adah_text_weights_load(folder.path, "the \"dog\": ", &prefixed, NULL), ADAH_OK);
    adah_text_encoder *e[3] = {open_encoder(&plain), open_encoder(&prefixed), open_encoder(&again)};
    assert_string_not_equal(adah_text_encoder_id(e[0]), adah_text_encoder_id(e[1]));
    adah_text_reader *r[3];
    float a[VALUES_MAX], b[VALUES_MAX];
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(adah_text_reader_create(e[i], 0, &r[i], NULL), ADAH_OK);
    const size_t n_bytes = values_of(e[0]) * sizeof *a;
    read_text(r[0], "the \"dog\": a boat\nthe \"dog\": a lake", 2, a, 1);
    read_text(r[1], "a boat\n \na lake", 3, b, 1);
    assert_memory_equal(a, b, n_bytes);
    read_text(r[0], "a cat: the ship sails near a lake", 1, a, 1);
    read_text(r[2], "the ship sails near a lake", 1, b, 1);
    assert_memory_equal(a, b, n_bytes);
    read_text(r[1], " ", 1, b, 0);
    for (size_t i = 0; i < 3; i++) {
        adah_text_reader_free(r[i]);
        adah_text_encoder_free(e[i]);
    }
    adah_text_weights_free(&again);
    assert_int_equal(adah_text_weights_load(folder.path, "", &again, NULL), ADAH_OK); /* none, whatever the folder tells */
    assert_string_equal(again.description, plain.description);
    adah_text_weights_free(&again);
    adah_text_weights_free(&plain);
    adah_text_weights_free(&prefixed);
    char longer[600] = {0};
    memset(longer, 'x', sizeof longer - 1);
    assert_int_equal(adah_text_weights_load(folder.path, longer, &again, NULL), ADAH_ERROR_ARGUMENT);
    assert_int_equal(adah_text_weights_load(folder.path, "\xff", &again, NULL), ADAH_ERROR_ARGUMENT);
    data_folder_put(folder.path, "config_sentence_transformers.json", "{\"prompts\": {}, \"default_prompt_name\": \"query\"}");
    expect_no_folder(folder.path, ADAH_ERROR_FORMAT, "no prompt \"query\"");
    data_folder_remove(&folder);
}

/* Several texts are their mean, of length one here; a text without tokens is not there, and does not count. */
static void several_texts_are_their_mean(void **state) {
    (void)state;
    temporary_folder folder = temporary_folder_create();
    adah_text_weights weights;
    json_decref(text_folder_create("sentence", folder.path));
    load(folder.path, &weights);
    adah_text_encoder *e = open_encoder(&weights);
    adah_text_reader *r;
    assert_int_equal(adah_text_reader_create(e, 0, &r, NULL), ADAH_OK);
    float a[VALUES_MAX], b[VALUES_MAX], both[VALUES_MAX], again[VALUES_MAX];
    read_text(r, "a boat", 1, a, 1);
    read_text(r, "the ship sails near a lake in the sun", 1, b, 1);
    read_text(r, "a boat\nthe ship sails near a lake in the sun", 2, both, 1);
    read_text(r, "a boat\n  \nthe ship sails near a lake in the sun", 3, again, 1);
    double length = 0;
    for (size_t i = 0; i < values_of(e); i++)
        length += pow((double)a[i] + b[i], 2);
    for (size_t i = 0; i < values_of(e); i++)
        assert_true(fabs(both[i] - ((double)a[i] + b[i]) / sqrt(length)) < 1e-6);
    assert_memory_equal(both, again, values_of(e) * sizeof *both);
    read_text(r, " \t\n ", 1, a, 0);
    for (size_t i = 0; i < values_of(e); i++)
        assert_true(a[i] == 0);
    adah_text_reader_free(r);
    adah_text_encoder_free(e);
    adah_text_weights_free(&weights);
    data_folder_remove(&folder);
}

static void refuses_folders(void **state) {
    (void)state;
    static const struct {
        const char *config, *why;
    } configs[] = {{"{\"model_type\": \"t5\"}", "of type \"t5\""},
                   {"{", "no JSON"},
                   {"{\"model_type\": \"bert\", \"hidden_act\": \"relu\"}", "the activation \"relu\""},
                   {"{\"model_type\": \"bert\", \"position_embedding_type\": \"relative_key\"}", "relative_key"},
                   {"{\"model_type\": \"bert\", \"num_attention_heads\": 5}", "sizes that no text encoder has"},
                   {"{\"model_type\": \"bert\", \"num_hidden_layers\": 0}", "sizes that no text encoder has"}};
    temporary_folder folder = temporary_folder_create();
    expect_no_folder(folder.path, ADAH_ERROR_NOT_FOUND, "no config.json");
    json_decref(text_folder_create("sentence", folder.path));
    for (size_t i = 0; i < sizeof configs / sizeof *configs; i++) {
        data_folder_put(folder.path, "config.json", configs[i].config);
        expect_no_folder(folder.path, ADAH_ERROR_FORMAT, configs[i].why);
    }
    data_folder_put(folder.path, "config.json",
                    "{\"model_type\": \"bert\", \"hidden_size\": 24, \"num_attention_heads\": 4, \"num_hidden_layers\": 2, \"vocab_size\": 400}");
    expect_no_folder(folder.path, ADAH_ERROR_MISMATCH, "word_embeddings.weight");
    text_folder_copy(TEXT_ENCODERS "/sentence", "config.json", folder.path, "config.json");
    data_folder_put(folder.path, "1_Pooling/config.json", "{\"pooling_mode_max_tokens\": true}");
    expect_no_folder(folder.path, ADAH_ERROR_FORMAT, "neither the mean nor the first token");
    text_folder_copy(TEXT_ENCODERS "/sentence", "1_Pooling/config.json", folder.path, "1_Pooling/config.json");
    data_folder_put(folder.path, "modules.json", "[{\"type\": \"sentence_transformers.models.Dense\"}]");
    expect_no_folder(folder.path, ADAH_ERROR_FORMAT, "models.Dense");
    data_folder_remove(&folder);
}

/* What a model carries may be damaged. */
static void refuses_what_does_not_fit(void **state) {
    (void)state;
    temporary_folder folder = temporary_folder_create();
    adah_text_weights weights;
    adah_text_encoder *e = NULL;
    json_decref(text_folder_create("sentence", folder.path));
    load(folder.path, &weights);
    char *description = weights.description, *tokenizer = weights.tokenizer;
    static const char *const descriptions[] = {"", "{}", "[]",
                                         "{\"family\":\"bert\",\"layers\":3,\"channels\":16,\"heads\":4,\"hidden\":40,\"gelu\":\"exact\",\"epsilon\":1e-12,"
                                         "\"rows\":400,\"tokens\":48,\"projected\":0,\"pick\":\"mean\",\"unit\":true,\"padding\":0}",
                                         "{\"family\":\"bert\",\"layers\":2,\"channels\":16,\"heads\":4,\"hidden\":40,\"gelu\":\"exact\",\"epsilon\":1e-12,"
                                         "\"rows\":400,\"tokens\":1,\"projected\":0,\"pick\":\"mean\",\"unit\":true,\"padding\":0}",
                                         "{\"family\":\"bert\",\"layers\":2,\"channels\":16,\"heads\":4,\"hidden\":40,\"gelu\":\"exact\",\"epsilon\":1e-12,"
                                         "\"rows\":100,\"tokens\":48,\"projected\":0,\"pick\":\"mean\",\"unit\":true,\"padding\":0}"};
    for (size_t i = 0; i < sizeof descriptions / sizeof *descriptions; i++) {
        adah_status status = {0};
        weights.description = (char *)(uintptr_t)descriptions[i]; /* only read */
        assert_int_equal(adah_text_encoder_create(&weights, "FILE", &e, &status), ADAH_ERROR_CORRUPT);
        assert_int_equal(strncmp(status.message, "FILE: ", 6), 0);
    }
    weights.description = description;
    weights.tokenizer = (char *)(uintptr_t)"{}";
    assert_int_equal(adah_text_encoder_create(&weights, "FILE", &e, NULL), ADAH_ERROR_FORMAT);
    weights.tokenizer = tokenizer;
    assert_null(e);
    adah_text_weights_free(&weights);
    data_folder_remove(&folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_agrees),
        cmocka_unit_test(company_changes_nothing),
        cmocka_unit_test(tokens_are_rows),
        cmocka_unit_test(a_prefix_is_read_before_texts),
        cmocka_unit_test(several_texts_are_their_mean),
        cmocka_unit_test(refuses_folders),
        cmocka_unit_test(refuses_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
