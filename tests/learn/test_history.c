/* (unit) Which epoch is the best, whatever the order they come in; and a history as JSON. */
#include "base/memory.h"
#include "learn/history.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NO_MAP = -1 };

/* The number of the best of epochs with these mAPs, of which the first n_warmup are the warm-up. */
static size_t best_of(const double *map, size_t n, size_t n_warmup) {
    adah_history h = {.method = adah_method_find("adah")};
    for (size_t i = 0; i < n; i++) {
        const adah_epoch e = {.number = (double)i + 1,
                              .is_warmup = i < n_warmup,
                              .is_validated = map[i] != NO_MAP,
                              .map_image_to_text = map[i] / 4,
                              .map_text_to_image = map[i] * 3 / 4};
        const size_t before = h.n_best;
        int is_best = -1;
        assert_int_equal(adah_history_add(&h, &e, &is_best, NULL), ADAH_OK);
        assert_int_equal(is_best, h.n_best != before);
    }
    const size_t best = h.n_best;
    adah_history_free(&h);
    assert_null(h.epoch);
    return best;
}

static void test_the_best(void **state) {
    (void)state;
    assert_int_equal(best_of((double[]){0.5}, 1, 0), 1);
    assert_int_equal(best_of((double[]){0.5, 0.7, 0.6}, 3, 0), 2);
    assert_int_equal(best_of((double[]){0.5, 0.7, 0.7}, 3, 0), 2); /* the first of equals */
    assert_int_equal(best_of((double[]){0.5, 0.7000001, 0.7000002}, 3, 0), 3); /* though both are 0.7 in the record */
    assert_int_equal(best_of((double[]){1, 1, 0.1, 0.3, 0.2}, 5, 2), 4); /* none of the warm-up */
    assert_int_equal(best_of((double[]){0.5, 0.9, 0.1}, 3, 2), 3);
    assert_int_equal(best_of((double[]){0.5, 0.9}, 2, 2), 2); /* all there is */
    assert_int_equal(best_of((double[]){0, 0}, 2, 0), 1);
    assert_int_equal(best_of((double[]){NO_MAP, NO_MAP, NO_MAP}, 3, 1), 3); /* unvalidated: the last */
    assert_int_equal(best_of((double[]){0.5, 0.7, 0.6, NO_MAP, NO_MAP}, 5, 0), 2); /* the final epochs go on from it */
}

static void assert_json(adah_history *h, const char *expected) {
    char *json = adah_history_json(h);
    assert_string_equal(json, expected);
    adah_memory_free(json);
}

static void test_json(void **state) {
    (void)state;
    adah_history h = {.method = adah_method_find("acmr")};
    const adah_epoch first = {.number = 1, .loss = {0.125, 2, 1.0 / 3}, .is_validated = 1, .map_image_to_text = 0.5},
                     second = {.number = 2, .loss = {1e-9}};
    int is_best;
    assert_json(&h, "[]");
    assert_int_equal(adah_history_add(&h, &first, &is_best, NULL), ADAH_OK);
    assert_int_equal(adah_history_add(&h, &second, &is_best, NULL), ADAH_OK);
    assert_json(&h, "[{\"epoch\":1,\"loss\":{\"structure\":0.125,\"labels\":2,\"modality\":0.333333},"
                    "\"validation_map_image_to_text\":0.5,\"validation_map_text_to_image\":0},"
                    "{\"epoch\":2,\"loss\":{\"structure\":1e-09,\"labels\":0,\"modality\":0}}]");
    adah_history_free(&h);
    h.method = adah_method_find("cca");
    assert_int_equal(adah_history_add(&h, &second, &is_best, NULL), ADAH_OK);
    assert_json(&h, "[{\"epoch\":2,\"loss\":{}}]");
    adah_history_free(&h);
    h.method = adah_method_find("adah");
    assert_int_equal(adah_history_add(&h, &(adah_epoch){.number = 1, .attended_image = 0.25, .attended_text = 1}, &is_best, NULL),
                     ADAH_OK);
    char *json = adah_history_json(&h);
    assert_non_null(strstr(json, "{\"text_to_image\":0,\"image_to_text\":0,"));
    assert_non_null(strstr(json, ",\"attended_image\":0.25,\"attended_text\":1}]"));
    adah_memory_free(json);
    adah_history_free(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_best), cmocka_unit_test(test_json)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
