/* (unit) Kinds of input by name: every name read back, everything else refused. */
#include "settings/input_shape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_names_and_back(void **state) {
    (void)state;
    static const struct {
        adah_input_shape input;
        const char *text;
    } known[] = {
        {{ADAH_INPUT_PIXELS, {3, {3, 64, 64, 0}}, 0}, "pixels 64"},
        {{ADAH_INPUT_MAP, {3, {512, 7, 8, 0}}, 0}, "map 512 7 8"},
        {{ADAH_INPUT_TOKENS, {2, {197, 768, 0, 0}}, 0}, "tokens 197 768"},
        {{ADAH_INPUT_VECTOR, {1, {1, 0, 0, 0}}, 0}, "vector 1"},
        {{ADAH_INPUT_WORDS, {1, {16777216, 0, 0, 0}}, 16777216}, "words 16777216"},
        {{ADAH_INPUT_SENTENCE, {1, {15, 0, 0, 0}}, 7}, "sentence 7 8"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        char text[ADAH_INPUT_TEXT_BYTES];
        adah_input_shape back;
        assert_string_equal(adah_input_text(known[i].input, text), known[i].text);
        assert_true(adah_input_parse(text, &back));
        assert_true(adah_input_equal(back, known[i].input));
        assert_false(adah_input_equal(back, known[(i + 1) % 6].input));
    }
    assert_true(adah_input_equal(adah_input_pixels(64), known[0].input));
    assert_true(adah_input_equal(adah_input_words(16777216), known[4].input));
    assert_true(adah_input_equal(adah_input_sentence(7, 8), known[5].input));
    assert_false(adah_input_equal(adah_input_sentence(8, 7), known[5].input));
}

static void test_what_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",          " ",         "nothing",     "vector",     "vector ",   "vector 0",
                                      "vector -1", "vector 1 ", "vector 1 2",  "vector  1",  "vector 1x", "vectors 1",
                                      "map 1 2",   "tokens 3",  "pixel 64",    "Vector 1",   "words +1",  "words 16777217",
                                      "vector 99999999999999999999", "map 65536 16777216 16777216", "tokens 32769 32768", "pixels 32768",           "tokens 3 4 5",
                                      "sentence 7", "sentence 16777216 1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        adah_input_shape input = {.kind = ADAH_INPUT_MAP, .item = ADAH_SHAPE1(7)};
        if (adah_input_parse(bad[i], &input))
            fail_msg("\"%s\" was taken", bad[i]);
        assert_true(input.kind == ADAH_INPUT_MAP && input.item.dim[0] == 7); /* untouched */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_and_back),
        cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
