/* (fault) test_rivals_fault.c - every allocation of src/rivals fails once: the call says so, hands nothing over and leaks
 * nothing (the sanitizer build sees to that). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/memory.h"
#include "base/parallel.h"
#include "two_views.h"

enum { N_BITS = 8 };

static two_views set;

static adah_code learn(const char *name, adah_status *status) {
    adah_hash_function image = {0}, text = {0}, fine = {0};
    const adah_method *method = adah_method_find(name);
    adah_rival_data data = set.data;
    if (method->closed_form->is_joint) { /* both sides in one space */
        data.text = data.image;
        data.n_text = data.n_image;
        data.n_fine = 16;
    }
    adah_code code = adah_rival_learn(method, &data, N_BITS, 1, (adah_progress){NULL, NULL}, &image, &text, &fine, status);
    assert_int_equal(image.weight != NULL, code == ADAH_OK);
    assert_int_equal(text.weight != NULL, code == ADAH_OK);
    assert_int_equal(fine.weight != NULL, code == ADAH_OK && data.n_fine);
    adah_hash_function_free(&fine);
    adah_hash_function_free(&image);
    adah_hash_function_free(&text);
    return code;
}

static void learning(void **state) {
    (void)state;
    two_views_make(&set, 40, 1, 1);
    adah_parallel_set_threads(1);
    static const char *const joint[] = {"random", "itq", "none"};
    for (size_t m = 0; m < TWO_VIEWS_METHODS + 3; m++) {
        uint64_t n = 1;
        for (;; n++) {
            adah_status status = {0};
            adah_memory_fault_at(n);
            adah_code code = learn(m < TWO_VIEWS_METHODS ? two_views_methods[m] : joint[m - TWO_VIEWS_METHODS], &status);
            int fired = adah_memory_fault_fired();
            adah_memory_fault_at(0);
            if (!fired) {
                assert_int_equal(code, ADAH_OK);
                break;
            }
            assert_int_equal(code, ADAH_ERROR_MEMORY);
            assert_int_equal(status.code, ADAH_ERROR_MEMORY);
            assert_non_null(strstr(status.message, "out of memory"));
        }
        assert_true(n > 10);
    }
    adah_parallel_set_threads(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(learning)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
