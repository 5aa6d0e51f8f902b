/* Collections when the n-th write or the n-th allocation fails, for every n: an error, the old file, nothing left. */
#define _GNU_SOURCE
#include "base/file.h"
#include "base/memory.h"
#include "index/index_file.h"
#include "temporary_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static temporary_folder folder;
static char path[512];
static const uint8_t identity[16] = {1, 2, 3};

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "a.index", path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    temporary_folder_remove(&folder);
    return 0;
}

/* A collection of n_records with long texts, so that the writer's buffer runs over. */
static adah_code build(size_t n_records, adah_status *status) {
    static char text[5000];
    memset(text, 'x', sizeof text - 1);
    adah_index_builder *b;
    adah_code code = adah_index_builder_create(path, 32, identity, &b, status);
    if (code != ADAH_OK)
        return code;
    for (size_t i = 0; i < n_records && code == ADAH_OK; i++) {
        char name[32], label[32];
        const uint8_t codes[4] = {(uint8_t)i, 1, 2, 3};
        const char *labels[] = {"all", label};
        snprintf(name, sizeof name, "%zu.jpg", i);
        snprintf(label, sizeof label, "label %zu", i % 20);
        code =
            adah_index_builder_add(b, name, text, labels, 2, i % 3 ? codes : NULL, i % 3 == 1 ? NULL : codes, status);
        if (code == ADAH_ERROR_IO || code == ADAH_ERROR_MEMORY) { /* from here on it can only be aborted */
            assert_int_equal(adah_index_builder_add(b, name, text, labels, 2, codes, codes, NULL),
                             ADAH_ERROR_ARGUMENT);
            if (i % 2)
                assert_int_equal(adah_index_builder_publish(b, NULL), ADAH_ERROR_ARGUMENT);
            else
                adah_index_builder_abort(b);
        }
    }
    return code == ADAH_OK ? adah_index_builder_publish(b, status) : code;
}

static uint64_t count_records(void) {
    adah_index *x;
    assert_int_equal(adah_index_open(path, &x, NULL), ADAH_OK);
    uint64_t n = adah_index_count(x);
    adah_index_close(x);
    assert_int_equal(adah_index_verify(path, NULL), ADAH_OK);
    return n;
}

/* Returns how many faults were survived. */
static size_t build_with_faults(void (*fault_at)(uint64_t), int (*fired)(void), adah_code expected) {
    assert_int_equal(build(2, NULL), ADAH_OK);
    for (uint64_t n = 1;; n++) {
        adah_status status = {ADAH_OK, ""};
        fault_at(n);
        adah_code code = build(100, &status);
        int has_fired = fired();
        fault_at(0);
        assert_int_equal(temporary_folder_count(&folder), 1);
        if (code == ADAH_OK) { /* the last allocation serves to sync the folder, and may fail */
            assert_int_equal(count_records(), 100);
            return (size_t)n - 1;
        }
        assert_true(has_fired);
        assert_int_equal(code, expected);
        assert_int_equal(status.code, expected);
        assert_int_equal(count_records(), 2);
    }
}

static void test_every_write_of_the_builder(void **state) {
    (void)state;
    size_t n = build_with_faults(adah_file_fault_at, adah_file_fault_fired, ADAH_ERROR_IO);
    print_message("%zu writes\n", n);
    assert_true(n > 8);
}

static void test_every_allocation_of_the_builder(void **state) {
    (void)state;
    size_t n = build_with_faults(adah_memory_fault_at, adah_memory_fault_fired, ADAH_ERROR_MEMORY);
    print_message("%zu allocations\n", n);
    assert_true(n > 40);
}

static void test_every_allocation_of_the_reader(void **state) {
    (void)state;
    const uint8_t code[4] = {0};
    assert_int_equal(build(100, NULL), ADAH_OK);
    for (uint64_t n = 1;; n++) {
        adah_index *x = NULL;
        adah_search_hit hits[10];
        size_t n_hits = 99;
        adah_status status = {ADAH_OK, ""};
        adah_memory_fault_at(n);
        adah_code result = adah_index_open(path, &x, &status);
        if (result == ADAH_OK)
            result = adah_index_search(x, ADAH_TEXT, code, 10, hits, &n_hits, &status);
        int fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        adah_index_close(x);
        if (!fired) {
            assert_int_equal(result, ADAH_OK);
            assert_int_equal(n_hits, 10);
            assert_true(n > 4);
            break;
        }
        assert_int_equal(result, ADAH_ERROR_MEMORY);
        assert_int_equal(status.code, ADAH_ERROR_MEMORY);
        assert_int_equal(n_hits, 99);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_write_of_the_builder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_allocation_of_the_builder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_allocation_of_the_reader, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
