/* (fault) Collections when the n-th write or the n-th allocation fails, for every n: an error, the old file, nothing left. */
#define _GNU_SOURCE
#include "base/file.h"
#include "base/memory.h"
#include "index/index_builder.h"
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

static const int8_t fine[16] = {1, -2, 127, -127};

/* A collection of n_records with long texts, so that the writer's buffer runs over. */
static adah_code build(size_t n_records, adah_status *status) {
    static char text[5000];
    memset(text, 'x', sizeof text - 1);
    adah_index_builder *b;
    adah_code code = adah_index_builder_create(path, 32, identity, "none", &b, status);
    if (code != ADAH_OK)
        return code;
    for (size_t i = 0; i < n_records && code == ADAH_OK; i++) {
        char name[32], label[32];
        const uint8_t codes[4] = {(uint8_t)i, 1, 2, 3};
        const char *labels[] = {"all", label};
        snprintf(name, sizeof name, "%zu.jpg", i);
        snprintf(label, sizeof label, "label %zu", i % 20);
        const adah_index_item item = {.id = ADAH_NO_ID,
                                      .file_name = name,
                                      .text = text,
                                      .label = labels,
                                      .n_labels = 2,
                                      .image_code = i % 3 ? codes : NULL,
                                      .text_code = i % 3 == 1 ? NULL : codes,
                                      .image_fine = i % 3 ? fine : NULL,
                                      .n_image_fine = sizeof fine};
        code = adah_index_builder_add(b, &item, status);
        if (code == ADAH_ERROR_IO || code == ADAH_ERROR_MEMORY) { /* from here on it can only be aborted */
            assert_int_equal(adah_index_builder_add(b, &item, NULL), ADAH_ERROR_ARGUMENT);
            if (i % 2)
                assert_int_equal(adah_index_builder_publish(b, 0, NULL, NULL), ADAH_ERROR_ARGUMENT);
            else
                adah_index_builder_abort(b);
        }
    }
    return code == ADAH_OK ? adah_index_builder_publish(b, 0, NULL, status) : code;
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
        adah_status status = {0};
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

static adah_index_item new_item(uint64_t id, const char *file_name, const char *text, const uint8_t *image_code, const uint8_t *text_code) {
    return (adah_index_item){.id = id, .file_name = file_name, .text = text, .image_code = image_code, .text_code = text_code,
                             .n_image_fine = sizeof fine, .n_text_fine = sizeof fine / 2};
}

/* A batch of everything, on an index of 100 records. */
static adah_code change(int compacts, adah_status *status) {
    adah_index_writer *w = NULL;
    const uint8_t code[4] = {9, 8, 7, 6};
    const char *const labels[] = {"new", "all"};
    adah_index_item item = new_item(ADAH_NO_ID, "new.jpg", "text", code, NULL);
    item.label = labels;
    item.n_labels = 2;
    const adah_index_item other = new_item(7, "seven.jpg", "text", code, code);
    adah_index_item early = new_item(500, "early.jpg", NULL, code, code), earlier = new_item(400, NULL, NULL, code, code);
    early.image_fine = early.text_fine = earlier.text_fine = fine;
    adah_code result = adah_index_writer_open(path, &w, status);
    if (result == ADAH_OK)
        result = adah_index_writer_add(w, &item, NULL, status);
    if (result == ADAH_OK)
        result = adah_index_writer_replace(w, &other, status);
    if (result == ADAH_OK)
        result = adah_index_writer_delete(w, 3, status);
    if (result == ADAH_OK)
        result = adah_index_writer_add(w, &early, NULL, status);
    if (result == ADAH_OK)
        result = adah_index_writer_add(w, &earlier, NULL, status);
    if (result == ADAH_OK)
        result = adah_index_writer_commit(w, status);
    if (result == ADAH_OK && compacts)
        result = adah_index_writer_compact(w, (adah_progress){0}, status);
    adah_index_writer_close(w);
    return result;
}

/* When the n-th allocation or write fails, the index is as before or as after, and the next attempt succeeds. */
static size_t change_with_faults(void (*fault_at)(uint64_t), int (*fired)(void), adah_code expected, int compacts) {
    for (uint64_t n = 1;; n++) {
        adah_status status = {0};
        assert_int_equal(build(100, NULL), ADAH_OK);
        fault_at(n);
        const adah_code code = change(compacts, &status);
        const int has_fired = fired();
        fault_at(0);
        assert_int_equal(temporary_folder_count(&folder), 1);
        const uint64_t n_records = count_records();
        if (!has_fired) {
            assert_int_equal(code, ADAH_OK);
            assert_int_equal(n_records, 102);
            return (size_t)n - 1;
        }
        if (code != ADAH_OK) {
            assert_int_equal(code, expected);
            assert_int_equal(status.code, expected);
            assert_true(status.message[0] != 0);
        }
        assert_true(n_records == 102 || (n_records == 100 && code != ADAH_OK));
        if (n_records == 100)
            assert_int_equal(change(compacts, NULL), ADAH_OK);
    }
}

static void test_every_write_of_a_change(void **state) {
    (void)state;
    const size_t n = change_with_faults(adah_file_fault_at, adah_file_fault_fired, ADAH_ERROR_IO, 1);
    print_message("%zu writes\n", n);
    assert_true(n > 4);
}

static void test_every_allocation_of_a_change(void **state) {
    (void)state;
    const size_t n = change_with_faults(adah_memory_fault_at, adah_memory_fault_fired, ADAH_ERROR_MEMORY, 1);
    print_message("%zu allocations\n", n);
    assert_true(n > 40);
}

/* A merge of the index of 100 records and one of a single record, put in the place of the first. */
static adah_code merge(const char *other_path, adah_status *status) {
    const char *const parts[] = {path, other_path};
    uint64_t n = 0;
    const adah_code code = adah_index_merge(parts, 2, path, 0, (adah_progress){0}, &n, status);
    assert_int_equal(n, code == ADAH_OK ? 101 : 0);
    return code;
}

static size_t merge_with_faults(void (*fault_at)(uint64_t), int (*fired)(void), adah_code expected) {
    char other_path[512];
    TEMPORARY_PATH(folder, "other.index", other_path);
    const uint8_t code[4] = {9, 8, 7, 6};
    const adah_index_item item = new_item(5, "other.jpg", "text", code, code);
    adah_index_builder *b;
    assert_int_equal(adah_index_builder_create(other_path, 32, identity, "none", &b, NULL), ADAH_OK);
    assert_int_equal(adah_index_builder_add(b, &item, NULL), ADAH_OK);
    assert_int_equal(adah_index_builder_publish(b, 0, NULL, NULL), ADAH_OK);
    assert_int_equal(build(100, NULL), ADAH_OK);
    for (uint64_t n = 1;; n++) {
        adah_status status = {0};
        fault_at(n);
        const adah_code merged = merge(other_path, &status);
        const int has_fired = fired();
        fault_at(0);
        assert_int_equal(temporary_folder_count(&folder), 2);
        if (merged == ADAH_OK) { /* the last allocation serves to sync the folder, and may fail */
            assert_int_equal(count_records(), 101);
            unlink(other_path);
            return (size_t)n - 1;
        }
        assert_true(has_fired);
        assert_int_equal(merged, expected);
        assert_int_equal(status.code, expected);
        assert_int_equal(count_records(), 100);
    }
}

static void test_every_write_of_a_merge(void **state) {
    (void)state;
    const size_t n = merge_with_faults(adah_file_fault_at, adah_file_fault_fired, ADAH_ERROR_IO);
    print_message("%zu writes\n", n);
    assert_true(n > 8);
}

static void test_every_allocation_of_a_merge(void **state) {
    (void)state;
    const size_t n = merge_with_faults(adah_memory_fault_at, adah_memory_fault_fired, ADAH_ERROR_MEMORY);
    print_message("%zu allocations\n", n);
    assert_true(n > 40);
}

/* Of a batch that memory ran out for nothing is committed, whatever is refused after that. */
static void test_refusal_after_a_failed_replacement(void **state) {
    (void)state;
    const uint8_t code[4] = {9, 8, 7, 6};
    const adah_index_item other = new_item(7, "seven.jpg", "text", code, code),
                          without_code = new_item(ADAH_NO_ID, "nothing.jpg", NULL, NULL, NULL);
    assert_int_equal(build(100, NULL), ADAH_OK);
    for (uint64_t n = 1;; n++) {
        adah_index_writer *w = NULL;
        assert_int_equal(adah_index_writer_open(path, &w, NULL), ADAH_OK);
        adah_memory_fault_at(n);
        const adah_code replaced = adah_index_writer_replace(w, &other, NULL);
        const int has_fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        assert_int_equal(adah_index_writer_add(w, &without_code, NULL, NULL), ADAH_ERROR_ARGUMENT);
        const adah_code committed = adah_index_writer_commit(w, NULL);
        adah_index_writer_close(w);
        assert_int_equal(count_records(), 100);
        if (!has_fired) {
            assert_int_equal(replaced, ADAH_OK);
            assert_int_equal(committed, ADAH_OK);
            assert_true(n > 4);
            break;
        }
        assert_int_equal(replaced, ADAH_ERROR_MEMORY);
    }
}

static int accept_all(void *context, const adah_index_entry *entry) {
    (void)context;
    return entry->n_labels > 0;
}

static void test_every_allocation_of_the_reader(void **state) {
    (void)state;
    const uint8_t code[8] = {0};
    const uint64_t only[] = {1, 2, 3, 50, 60, 77, 99};
    const float relaxed[64] = {0.5F};
    const int8_t vectors[2 * sizeof fine] = {1, 2, 3, 4, [sizeof fine] = 5};
    const adah_search_options o = {.size = sizeof o,
                                   .k = 3,
                                   .radius = 32,
                                   .only = only,
                                   .n_only = 7,
                                   .exclude = 2,
                                   .accept = accept_all,
                                   .relaxed = relaxed,
                                   .cut_off = 1};
    assert_int_equal(build(100, NULL), ADAH_OK);
    assert_int_equal(change(0, NULL), ADAH_OK);
    for (uint64_t n = 1;; n++) {
        adah_index *x = NULL, *latest = NULL;
        adah_search_result r[2] = {{NULL, 0}, {NULL, 0}};
        char *json = NULL;
        adah_status status = {0};
        adah_memory_fault_at(n);
        adah_code result = adah_index_open(path, &x, &status);
        if (result == ADAH_OK)
            result = adah_index_latest(x, &latest, &status);
        if (result == ADAH_OK)
            result = adah_index_search(x, ADAH_TEXT, code, 2, &o, r, &status);
        if (result == ADAH_OK) {
            adah_search_options finely = o;
            finely.relaxed = NULL;
            finely.fine = vectors;
            finely.n_fine = sizeof fine;
            adah_search_result_free(&r[0]);
            adah_search_result_free(&r[1]);
            result = adah_index_search(x, ADAH_TEXT, code, 2, &finely, r, &status);
        }
        assert_int_equal(result == ADAH_OK, r[0].hits && r[1].hits);
        if (result == ADAH_OK)
            result = adah_index_stats(x, &json, &status);
        const int fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        adah_search_result_free(&r[0]);
        adah_search_result_free(&r[1]);
        adah_free(json);
        adah_index_close(latest);
        adah_index_close(x);
        if (!fired) {
            assert_int_equal(result, ADAH_OK);
            assert_true(n > 10);
            break;
        }
        assert_int_equal(result, ADAH_ERROR_MEMORY);
        assert_int_equal(status.code, ADAH_ERROR_MEMORY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_write_of_the_builder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_allocation_of_the_builder, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_write_of_a_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_allocation_of_a_change, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_write_of_a_merge, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_allocation_of_a_merge, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refusal_after_a_failed_replacement, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_allocation_of_the_reader, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
