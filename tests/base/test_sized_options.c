/* (unit) test_sized_options.c - options of programs that were built for an older or newer version of the library, or never filled. */
#include "base/sized_options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* A struct that has grown twice. */
typedef struct first {
    size_t size;
    int a;
} first;
typedef struct second {
    size_t size;
    int a, unused;
    const char *b;
} second;
typedef struct third {
    size_t size;
    int a, unused;
    const char *b;
    double c;
} third;

static const third defaults = {sizeof defaults, 7, 0, "seven", 7.5};
static const adah_options_type type = {"the_options", &defaults, {sizeof(first), sizeof(second), sizeof(third)}};

static void older_programs_get_defaults(void **state) {
    (void)state;
    const first one = {sizeof one, 1};
    const second two = {sizeof two, 2, 0, "two"};
    const third three = {sizeof three, 3, 0, "three", 3.5};
    third full;
    assert_int_equal(adah_options_copy(&type, &one, &full, NULL), ADAH_OK);
    assert_int_equal(full.size, sizeof full);
    assert_int_equal(full.a, 1);
    assert_string_equal(full.b, "seven");
    assert_true(full.c == 7.5);
    assert_int_equal(adah_options_copy(&type, &two, &full, NULL), ADAH_OK);
    assert_int_equal(full.size, sizeof full);
    assert_int_equal(full.a, 2);
    assert_string_equal(full.b, "two");
    assert_true(full.c == 7.5);
    assert_int_equal(adah_options_copy(&type, &three, &full, NULL), ADAH_OK);
    assert_memory_equal(&full, &three, sizeof full);
    assert_int_equal(adah_options_copy(&type, NULL, &full, NULL), ADAH_OK);
    assert_memory_equal(&full, &defaults, sizeof full);
}

static void other_sizes_are_refused(void **state) {
    (void)state;
    static const size_t size[] = {0, 1, sizeof(first) - 1, sizeof(second) + 4, sizeof(third) + 8, SIZE_MAX};
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        adah_status status;
        third given = defaults, full;
        given.size = size[i];
        assert_int_equal(adah_options_copy(&type, &given, &full, &status), ADAH_ERROR_ARGUMENT);
        assert_non_null(strstr(status.message, "the_options of "));
        assert_non_null(strstr(status.message, size[i] > sizeof full ? "newer version" : "init function"));
    }
}

/* Every public struct of options: filled for smaller and larger ones, and refused where the size is not one it has had. */
static void all_structs(void **state) {
    (void)state;
    static const size_t size[] = {sizeof(adah_dataset_options), sizeof(adah_synth_options),  sizeof(adah_convert_options),
                                  sizeof(adah_train_options),   sizeof(adah_encoder_options), sizeof(adah_encode_options), sizeof(adah_search_options),
                                  sizeof(adah_evaluate_options), sizeof(adah_report_options), sizeof(adah_sync_options), sizeof(adah_feedback_options),
                                  sizeof(adah_duplicates_options)};
    for (int kind = 0; kind <= ADAH_OPTIONS_DUPLICATES; kind++) {
        unsigned char given[512], full[512], beyond[512];
        const size_t n = size[kind];
        memset(given, 0xab, sizeof given);
        adah_options_init((adah_options_kind)kind, given, n);
        assert_int_equal(given[n], 0xab);
        assert_int_equal(adah_options_take((adah_options_kind)kind, given, full, NULL), ADAH_OK);
        assert_memory_equal(given, full, n);
        assert_int_equal(adah_options_take((adah_options_kind)kind, NULL, given, NULL), ADAH_OK);
        assert_memory_equal(given, full, n);
        memset(beyond, 0xab, sizeof beyond);
        adah_options_init((adah_options_kind)kind, beyond, n + 16); /* of a newer header */
        assert_memory_equal(beyond + sizeof(size_t), given + sizeof(size_t), n - sizeof(size_t));
        assert_int_equal(beyond[n + 15], 0);
        assert_int_equal(beyond[n + 16], 0xab);
        assert_int_equal(adah_options_take((adah_options_kind)kind, beyond, full, NULL), ADAH_ERROR_ARGUMENT);
        memset(given, 0xab, sizeof given);
        adah_options_init((adah_options_kind)kind, given, sizeof(size_t)); /* of an older one */
        assert_int_equal(given[sizeof(size_t)], 0xab);
        memset(given, 0, sizeof given);
        assert_int_equal(adah_options_take((adah_options_kind)kind, given, full, NULL), ADAH_ERROR_ARGUMENT);
    }
}

/* The functions look before they do anything. */
static void functions_refuse(void **state) {
    (void)state;
    adah_status status;
    adah_dataset *dataset = NULL;
    const adah_dataset_options not_filled = {.strict = 1};
    assert_int_equal(adah_dataset_open(".", &not_filled, &dataset, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "adah_dataset_options of 0 bytes"));
    const adah_synth_options scenes = {.n_scenes = 10, .n_side = 16};
    assert_int_equal(adah_synth_write("not-made", &scenes, &status), ADAH_ERROR_ARGUMENT);
    const adah_convert_options convert = {.n_concepts = 21};
    const char *const source = "nowhere";
    const adah_progress silent = {0};
    assert_int_equal(adah_convert("coco", &source, 1, "not-made", &convert, silent, NULL, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "adah_convert_options"));
    const adah_train_options train = {.preset = "default"};
    assert_int_equal(adah_train(NULL, "not-made", &train, silent, NULL, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "adah_train_options"));
    const adah_encode_options encode = {.strict = 1};
    assert_int_equal(adah_encode_dataset(NULL, NULL, &encode, silent, NULL, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "adah_encode_options"));
    const adah_search_options search = {.k = 3};
    assert_int_equal(adah_index_search(NULL, ADAH_IMAGE, NULL, 0, &search, NULL, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "adah_search_options"));
    const adah_evaluate_options evaluate = {.n_cut = 3};
    assert_int_equal(adah_evaluate_codes(NULL, NULL, NULL, &evaluate, NULL, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "adah_evaluate_options"));
    const adah_report_options report = {.n_results = 3};
    assert_int_equal(adah_report_write(NULL, NULL, NULL, 0, &report, NULL, "not-made", &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "adah_report_options"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(older_programs_get_defaults),
        cmocka_unit_test(other_sizes_are_refused),
        cmocka_unit_test(all_structs),
        cmocka_unit_test(functions_refuse),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
