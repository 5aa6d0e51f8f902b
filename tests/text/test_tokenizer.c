/* (golden) test_tokenizer.c - tokenizers of every kind give the numbers that the reference gives (tokenizers/, made by
 * make_tokenizer_golden.py); what cannot be right is refused by what it is; long and broken texts. */
#define _GNU_SOURCE
#include "base/memory.h"
#include "text/tokenizer.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data_folder.h"
#include "fail_allocations.h"

#define GOLDEN ADAH_SOURCE_DIR "/tests/text/tokenizers"
static const char *const names[] = {"word_piece", "clip", "byte_level", "byte_pair", "unigram", "unigram_bytes"};
enum { N_NAMES = sizeof names / sizeof *names, N_MAX = 4096 };

static uint32_t token[N_MAX];

static char *read_golden(const char *name, const char *ending) {
    char file[64];
    size_t n;
    snprintf(file, sizeof file, "%s.%s", name, ending);
    return data_folder_read(GOLDEN, file, &n);
}

static adah_tokenizer *open_golden(const char *name) {
    char *json = read_golden(name, "json");
    adah_tokenizer *t;
    adah_status status = {0};
    if (adah_tokenizer_parse(json, name, &t, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    free(json);
    return t;
}

static size_t encode(const adah_tokenizer *t, const char *text, size_t n_max) {
    size_t n = 0;
    adah_status status = {0};
    if (adah_tokenizer_encode(t, text, strlen(text), n_max, token, &n, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return n;
}

static void expect(const char *name, const adah_tokenizer *t, const char *line) {
    json_t *golden = json_loads(line, 0, NULL), *ids = json_object_get(golden, "ids");
    assert_non_null(ids);
    const size_t n = encode(t, json_string_value(json_object_get(golden, "text")), N_MAX);
    int is_equal = n == json_array_size(ids);
    for (size_t i = 0; i < n; i++) {
        assert_in_range(token[i], 0, adah_tokenizer_size(t) - 1);
        is_equal = is_equal && token[i] == (uint32_t)json_integer_value(json_array_get(ids, i));
    }
    if (!is_equal)
        fail_msg("%s: other numbers for %s", name, line);
    json_decref(golden);
}

static void reference_agrees(void **state) {
    (void)state;
    for (size_t k = 0; k < N_NAMES; k++) {
        adah_tokenizer *t = open_golden(names[k]);
        char *golden = read_golden(names[k], "golden"), *rest = golden;
        size_t n_lines = 0;
        for (char *line; (line = strsep(&rest, "\n")) && *line; n_lines++)
            expect(names[k], t, line);
        assert_int_equal(n_lines, 120);
        free(golden);
        adah_tokenizer_free(t);
    }
}

/* Cut at the end, with the special tokens in place; nothing for them to be cut from. */
static void long_texts_are_cut(void **state) {
    (void)state;
    adah_tokenizer *t = open_golden("word_piece");
    const size_t n = encode(t, "a boat and a ship and a dog", N_MAX);
    uint32_t whole[32];
    assert_true(n > 6 && n <= 32);
    memcpy(whole, token, n * sizeof *whole);
    assert_int_equal(encode(t, "a boat and a ship and a dog", 5), 5);
    assert_memory_equal(token, whole, 4 * sizeof *whole);
    assert_int_equal(token[4], whole[n - 1]);
    size_t none;
    adah_status status = {0};
    assert_int_equal(adah_tokenizer_encode(t, "a", 1, 1, token, &none, &status), ADAH_ERROR_ARGUMENT);
    assert_int_equal(encode(t, "", N_MAX), 2);

    char *text = malloc(2 * ADAH_TOKENIZED_BYTES_MAX);
    memset(text, 'a', 2 * ADAH_TOKENIZED_BYTES_MAX);
    for (size_t k = 0; k < N_NAMES; k++) { /* one word of two million letters */
        adah_tokenizer *other = open_golden(names[k]);
        size_t n_tokens;
        assert_int_equal(adah_tokenizer_encode(other, text, 2 * ADAH_TOKENIZED_BYTES_MAX, 64, token, &n_tokens, NULL), ADAH_OK);
        assert_in_range(n_tokens, 1, 64);
        adah_tokenizer_free(other);
    }
    free(text);
    adah_tokenizer_free(t);
}

/* What is no UTF-8 is U+FFFD to a tokenizer. */
static void broken_text_is_replaced(void **state) {
    (void)state;
    static const char *const broken[][2] = {{"a\xFF" "b", "a\uFFFDb"},
                                            {"boat \xE2\x96", "boat \uFFFD"},
                                            {"\xC0\x80 cat", "\uFFFD\uFFFD cat"},
                                            {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},
                                            {"\xF0\x9F\x98" "dog", "\uFFFD" "dog"}};
    for (size_t k = 0; k < N_NAMES; k++) {
        adah_tokenizer *t = open_golden(names[k]);
        for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
            uint32_t other[64];
            const size_t n = encode(t, broken[i][1], 64);
            memcpy(other, token, sizeof other);
            assert_int_equal(encode(t, broken[i][0], 64), n);
            assert_memory_equal(token, other, n * sizeof *token);
        }
        adah_tokenizer_free(t);
    }
}

static void expect_refused(const char *json, const char *why) {
    adah_tokenizer *t = NULL;
    adah_status status = {0};
    assert_int_equal(adah_tokenizer_parse(json, "FILE", &t, &status), ADAH_ERROR_FORMAT);
    assert_null(t);
    if (strncmp(status.message, "FILE:", 5) || !strstr(status.message, why))
        fail_msg("\"%s\", expected \"%s\" for %s", status.message, why, json);
}

#define MODEL "\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"u\",\"vocab\":{\"u\":0,\"a\":1}}"

static void refuses_what_it_does_not_know(void **state) {
    (void)state;
    expect_refused("{", "no JSON");
    expect_refused("{}", "no \"model\"");
    expect_refused("{\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":0}}}", "of type \"WordLevel\"");
    expect_refused("{\"model\":{\"type\":\"WordPiece\",\"vocab\":{}}}", "a vocabulary of 0 tokens");
    expect_refused("{\"model\":{\"type\":\"WordPiece\",\"vocab\":{\"a\":-1}}}", "\"a\" has no number");
    expect_refused("{\"model\":{\"type\":\"WordPiece\",\"unk_token\":\"x\",\"vocab\":{\"a\":0}}}", "\"x\" is not in the vocabulary");
    expect_refused("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"a b\"]}}", "not in the vocabulary");
    expect_refused("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[7]}}", "merge 0 is no pair");
    expect_refused("{\"model\":{\"type\":\"BPE\",\"dropout\":0.1,\"vocab\":{\"a\":0},\"merges\":[]}}", "dropout");
    expect_refused("{\"model\":{\"type\":\"Unigram\",\"unk_id\":1,\"vocab\":[[\"a\",0]]}}", "unk_id");
    expect_refused("{\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"a\"]]}}", "token 0 is no pair");
    expect_refused("{" MODEL ",\"normalizer\":{\"type\":\"Nmt\"}}", "a normalizer of type \"Nmt\"");
    expect_refused("{" MODEL ",\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"(\"},\"content\":\"\"}}", "not understood");
    expect_refused("{" MODEL ",\"normalizer\":{\"type\":\"Precompiled\",\"precompiled_charsmap\":\"AAAA\"}}", "a damaged charsmap");
    expect_refused("{" MODEL ",\"pre_tokenizer\":{\"type\":\"UnicodeScripts\"}}", "a pre_tokenizer of type \"UnicodeScripts\"");
    expect_refused("{" MODEL ",\"post_processor\":{\"type\":\"Odd\"}}", "a post_processor of type \"Odd\"");
    expect_refused("{" MODEL ",\"post_processor\":{\"type\":\"BertProcessing\",\"cls\":[\"a\",7],\"sep\":[\"a\",1]}}", "a token that is none");
    expect_refused("{" MODEL ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[]}}", "0 places for a text");
    expect_refused("{" MODEL ",\"added_tokens\":[{\"id\":0}]}", "an added token");
}

/* An expression that would take for ever is given up. */
static void hostile_expressions_end(void **state) {
    (void)state;
    adah_tokenizer *t;
    size_t n;
    adah_status status = {0};
    assert_int_equal(adah_tokenizer_parse("{" MODEL ",\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"Regex\":\"(a+)+b\"},\"content\":\"\"}}", "FILE",
                                          &t, &status),
                     ADAH_OK);
    char text[2048];
    memset(text, 'a', sizeof text);
    assert_int_equal(adah_tokenizer_encode(t, text, sizeof text, N_MAX, token, &n, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "too long"));
    adah_tokenizer_free(t);
}

/* CLIP's vocabulary and merges as files of their own mean the same. */
static void takes_vocabulary_and_merges(void **state) {
    (void)state;
    temporary_folder folder = temporary_folder_create();
    char *json = read_golden("clip", "json");
    json_t *object = json_loads(json, 0, NULL), *model = json_object_get(object, "model"), *merge;
    char *vocabulary = json_dumps(json_object_get(model, "vocab"), 0), merges[65536] = "#version: 0.2\n";
    size_t i, n = strlen(merges);
    json_array_foreach(json_object_get(model, "merges"), i, merge)
        n += (size_t)snprintf(merges + n, sizeof merges - n, "%s %s\n", json_string_value(json_array_get(merge, 0)),
                              json_string_value(json_array_get(merge, 1)));
    assert_true(n < sizeof merges);
    char *composed = NULL;
    adah_status status = {0};
    assert_int_equal(adah_tokenizer_find(folder.path, &composed, &status), ADAH_ERROR_NOT_FOUND);
    assert_non_null(strstr(status.message, "no tokenizer.json"));
    data_folder_put(folder.path, "vocab.json", vocabulary);
    data_folder_put(folder.path, "merges.txt", merges);
    assert_int_equal(adah_tokenizer_find(folder.path, &composed, &status), ADAH_OK);
    adah_tokenizer *t;
    assert_int_equal(adah_tokenizer_parse(composed, "clip", &t, &status), ADAH_OK);
    char *golden = read_golden("clip", "golden"), *rest = golden;
    for (char *line; (line = strsep(&rest, "\n")) && *line;)
        expect("vocab.json and merges.txt", t, line);
    adah_tokenizer_free(t);
    adah_memory_free(composed);
    free(golden);
    free(vocabulary);
    free(json);
    json_decref(object);
    data_folder_remove(&folder);
}

static const char *small_json;
static adah_code parse_and_encode(adah_status *status) {
    adah_tokenizer *t = NULL;
    size_t n;
    ADAH_TRY(adah_tokenizer_parse(small_json, "FILE", &t, status));
    const adah_code code = adah_tokenizer_encode(t, "Ba \u00e9a [X]", strlen("Ba \u00e9a [X]"), 64, token, &n, status);
    adah_tokenizer_free(t);
    return code;
}

static void memory_runs_out(void **state) {
    (void)state;
    static const char *const small[] = {
        "{" MODEL ",\"normalizer\":{\"type\":\"BertNormalizer\"},\"pre_tokenizer\":{\"type\":\"BertPreTokenizer\"},"
        "\"added_tokens\":[{\"id\":2,\"content\":\"[X]\",\"special\":true}]}",
        "{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"B\":1,\"Ba\":2},\"merges\":[\"B a\"]},\"pre_tokenizer\":{\"type\":\"ByteLevel\"}}",
        ("{\"model\":{\"type\":\"Unigram\",\"unk_id\":0,\"vocab\":[[\"u\",0],[\"a\",-1]]},\"pre_tokenizer\":{\"type\":\"Metaspace\"},"
        "\"normalizer\":{\"type\":\"Replace\",\"pattern\":{\"String\":\" \"},\"content\":\"_\"}}")};
    for (size_t k = 0; k < sizeof small / sizeof *small; k++) {
        small_json = small[k];
        fail_allocations(parse_and_encode, 200);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_agrees),          cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(broken_text_is_replaced),   cmocka_unit_test(refuses_what_it_does_not_know),
        cmocka_unit_test(hostile_expressions_end),   cmocka_unit_test(takes_vocabulary_and_merges),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
