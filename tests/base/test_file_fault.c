/* (fault) Writing a file when the n-th write or allocation fails, for every n: an error, the old file as it was, and no
 * temporary file behind. Reading one whose size changes meanwhile: an error. */
#define _GNU_SOURCE
#include "base/file.h"
#include "base/memory.h"
#include "temporary_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

static temporary_folder folder;
static char path[512];

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "file", path);
    return adah_file_publish(path, "old", 3, NULL) != ADAH_OK;
}

static int tear_down(void **state) {
    (void)state;
    adah_file_fault_at(0);
    adah_memory_fault_at(0);
    temporary_folder_remove(&folder);
    return 0;
}

/* Everything a writer does: small puts that fill the buffer, a large one, a patch, and the rest at the commit. */
static adah_code write_file(adah_status *status) {
    static uint8_t bytes[100000];
    memset(bytes, 'n', sizeof bytes);
    adah_file_writer *w;
    adah_code code = adah_file_create(path, &w, status);
    if (code != ADAH_OK)
        return code;
    for (int i = 0; i < 30 && code == ADAH_OK; i++)
        code = adah_file_put(w, bytes, 5000, status);
    if (code == ADAH_OK)
        code = adah_file_put(w, bytes, sizeof bytes, status);
    if (code == ADAH_OK)
        code = adah_file_patch(w, 0, "new", 3, status);
    if (code == ADAH_OK)
        code = adah_file_put(w, bytes, 7, status);
    if (code == ADAH_OK)
        return adah_file_commit(w, status);
    adah_file_abort(w);
    return code;
}

enum { NEW_BYTES = 30 * 5000 + 100000 + 7 };

static void expect(const char *start, size_t n_bytes) {
    adah_file_map map;
    assert_int_equal(temporary_folder_count(&folder), 1);
    assert_int_equal(adah_file_open_map(path, &map, NULL), ADAH_OK);
    assert_int_equal(map.n_bytes, n_bytes);
    assert_memory_equal(map.bytes, start, 3);
    adah_file_close_map(&map);
}

static void test_every_write_may_fail(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        adah_status status = {0};
        adah_file_fault_at(n);
        adah_code code = write_file(&status);
        int fired = adah_file_fault_fired();
        adah_file_fault_at(0);
        if (!fired) {
            assert_int_equal(code, ADAH_OK);
            expect("new", NEW_BYTES);
            print_message("%d writes\n", (int)n - 1);
            assert_true(n > 5);
            break;
        }
        assert_int_equal(code, ADAH_ERROR_IO);
        assert_non_null(strstr(status.message, path));
        assert_non_null(strstr(status.message, "No space left"));
        expect("old", 3);
    }
}

static void test_every_allocation_may_fail(void **state) {
    (void)state;
    for (uint64_t n = 1;; n++) {
        adah_status status = {0};
        adah_memory_fault_at(n);
        adah_code code = write_file(&status);
        int fired = adah_memory_fault_fired();
        adah_memory_fault_at(0);
        if (code == ADAH_OK) { /* once the file is in place, lack of memory to sync the folder is no error */
            expect("new", NEW_BYTES);
            assert_true(n > 3);
            break;
        }
        assert_true(fired);
        assert_int_equal(code, ADAH_ERROR_MEMORY);
        assert_int_equal(status.code, ADAH_ERROR_MEMORY);
        expect("old", 3);
    }
}

static void test_allocations_of_the_readers_may_fail(void **state) {
    (void)state;
    uint8_t *bytes = NULL;
    size_t n = 99;
    adah_status status;
    adah_memory_fault_at(1);
    assert_int_equal(adah_file_read(path, 100, &bytes, &n, &status), ADAH_ERROR_MEMORY);
    assert_null(bytes);
    adah_memory_fault_at(1);
    assert_int_equal(adah_file_make_folder(folder.path, &status), ADAH_ERROR_MEMORY);
}

/* The switch stays on: a disk that is full stays full. */
static void test_writes_go_on_failing(void **state) {
    (void)state;
    adah_file_fault_at(1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(adah_file_publish(path, "x", 1, NULL), ADAH_ERROR_IO);
    adah_file_fault_at(0);
    assert_int_equal(adah_file_publish(path, "new", 3, NULL), ADAH_OK);
    expect("new", 3);
}

/* In the C library's place: the file gets another size before, or after, its first piece is read. */
static off_t size_before = -1, size_after = -1;

static void change_size(off_t *n_bytes) {
    if (*n_bytes >= 0 && truncate(path, *n_bytes) != 0)
        abort();
    *n_bytes = -1;
}

ssize_t read(int fd, void *bytes, size_t n) {
    change_size(&size_before);
    const ssize_t done = syscall(SYS_read, fd, bytes, n);
    change_size(&size_after);
    return done;
}

static void test_a_size_that_changes_while_it_is_read(void **state) {
    (void)state;
    static const off_t sizes[] = {0, 1, 2, 4, 100};
    uint8_t *bytes = NULL;
    size_t n = 99;
    adah_status status;
    for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(adah_file_publish(path, "old", 3, NULL), ADAH_OK);
        *(i % 2 ? &size_before : &size_after) = sizes[i / 2];
        assert_int_equal(adah_file_read(path, 100, &bytes, &n, &status), ADAH_ERROR_IO);
        assert_non_null(strstr(status.message, path));
        assert_non_null(strstr(status.message, "it had 3 bytes and has"));
        assert_null(bytes);
        assert_int_equal(n, 99);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_write_may_fail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_allocation_may_fail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_allocations_of_the_readers_may_fail, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_size_that_changes_while_it_is_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_writes_go_on_failing, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
