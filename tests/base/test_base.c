/* (unit) The base modules: status, memory, random numbers, parallel loops, files. */
#define _GNU_SOURCE
#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "base/status.h"
#include "temporary_folder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* Under the address sanitizer, an allocation beyond all memory must return NULL as elsewhere. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) { return "allocator_may_return_null=1"; }

static temporary_folder folder;
static char path[512];

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "file", path);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    temporary_folder_remove(&folder);
    return 0;
}

/* ---- status ---- */

static void test_a_failure_carries_code_and_message(void **state) {
    (void)state;
    adah_status status = {.message = "old"};
    assert_int_equal(adah_fail(&status, ADAH_ERROR_FORMAT, "%s:%d: bad", "f.json", 7), ADAH_ERROR_FORMAT);
    assert_int_equal(status.code, ADAH_ERROR_FORMAT);
    assert_string_equal(status.message, "f.json:7: bad");
    assert_int_equal(adah_fail(NULL, ADAH_ERROR_IO, "nobody listens"), ADAH_ERROR_IO);
    assert_int_equal(adah_fail_memory(&status, 123), ADAH_ERROR_MEMORY);
    assert_non_null(strstr(status.message, "123 bytes"));
}

static void test_a_long_message_is_cut(void **state) {
    (void)state;
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    adah_status status;
    adah_fail(&status, ADAH_ERROR_FORMAT, "%s", text);
    assert_int_equal(strlen(status.message), sizeof status.message - 1);
}

static void test_every_code_has_a_name(void **state) {
    (void)state;
    for (int a = ADAH_OK; a <= ADAH_ERROR_INTERNAL; a++) {
        assert_string_not_equal(adah_code_name((adah_code)a), "unknown");
        for (int b = ADAH_OK; b < a; b++)
            assert_string_not_equal(adah_code_name((adah_code)a), adah_code_name((adah_code)b));
    }
    assert_string_equal(adah_code_name((adah_code)99), "unknown");
}

/* ---- memory ---- */

static void test_sizes_that_overflow_give_null(void **state) {
    (void)state;
    volatile size_t huge = SIZE_MAX; /* keeps the compiler from warning of what is tested */
    assert_null(adah_memory_resize(NULL, huge / 2, 3));
    assert_null(adah_memory_zeroed(huge / 2, 3));
    assert_null(adah_memory_floats(huge / 2));
    assert_null(adah_memory_floats(huge / 4));
    assert_null(adah_memory_text_n("x", huge));
    assert_null(adah_memory_alloc(huge - 100));
}

static void test_empty_allocations_are_valid(void **state) {
    (void)state;
    void *p[] = {adah_memory_alloc(0),           adah_memory_zeroed(0, 8), adah_memory_zeroed(8, 0),
                 adah_memory_resize(NULL, 0, 8), adah_memory_floats(0),    adah_memory_text_n("x", 0)};
    for (size_t i = 0; i < sizeof p / sizeof *p; i++) {
        assert_non_null(p[i]);
        adah_memory_free(p[i]);
    }
    adah_memory_free(NULL);
}

static void test_floats_are_zero_and_aligned(void **state) {
    (void)state;
    for (size_t n = 1; n < 100; n += 7) {
        float *p = adah_memory_floats(n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        for (size_t i = 0; i < n; i++)
            assert_true(p[i] == 0);
        adah_memory_free(p);
    }
}

static void test_texts_are_copied(void **state) {
    (void)state;
    char *a = adah_memory_text("grün"), *b = adah_memory_text_n("abcdef", 3);
    assert_string_equal(a, "grün");
    assert_string_equal(b, "abc");
    adah_memory_free(a);
    adah_memory_free(b);
}

static void test_an_array_grows_and_keeps_its_items(void **state) {
    (void)state;
    void *items = NULL;
    size_t capacity = 0;
    for (uint32_t n = 0; n < 1000; n++) {
        assert_int_equal(adah_memory_grow(&items, &capacity, n, sizeof n), 1);
        assert_true(capacity > n);
        ((uint32_t *)items)[n] = n * 3;
    }
    for (uint32_t n = 0; n < 1000; n++)
        assert_int_equal(((uint32_t *)items)[n], n * 3);
    /* Out of memory: nothing changes. */
    void *before = items;
    size_t capacity_before = capacity;
    adah_memory_fault_at(1);
    assert_int_equal(adah_memory_grow(&items, &capacity, capacity, sizeof(uint32_t)), 0);
    adah_memory_fault_at(0);
    assert_ptr_equal(items, before);
    assert_int_equal(capacity, capacity_before);
    assert_int_equal(adah_memory_grow(&items, &capacity, capacity, SIZE_MAX / 4), 0); /* overflow */
    assert_ptr_equal(items, before);
    assert_int_equal(capacity, capacity_before);
    adah_memory_free(items);
}

static void test_the_nth_allocation_fails_and_no_other(void **state) {
    (void)state;
    adah_memory_fault_at(3);
    for (int i = 1; i <= 5; i++) {
        void *p = i % 2 ? adah_memory_alloc(8) : adah_memory_zeroed(2, 4);
        assert_int_equal(p != NULL, i != 3);
        assert_int_equal(adah_memory_fault_fired(), i >= 3);
        adah_memory_free(p);
    }
    adah_memory_fault_at(0);
    assert_int_equal(adah_memory_fault_fired(), 0);
}

/* ---- random numbers ---- */

/* From a second implementation of PCG-XSL-RR 128/64, in Python: seeds mean the same on every machine, for ever. */
static void test_random_numbers_stay_what_they_are(void **state) {
    (void)state;
    static const uint64_t zero[4] = {0xa855b1014d4932f8, 0x32b13fc78153216b, 0x5b66edc6934ab67c, 0x8f8fa68f512a6b88};
    static const uint64_t other[4] = {0x946c5c17f618d0d3, 0xcc3886d49e21becf, 0x3d703efdb1866bd8, 0xfac05a48524d358e};
    adah_random a = adah_random_seeded(0, 0), b = adah_random_seeded(42, 7);
    for (int i = 0; i < 4; i++) {
        assert_true(adah_random_next(&a) == zero[i]);
        assert_true(adah_random_next(&b) == other[i]);
    }
    assert_true(adah_random_mix(0, 0) == 0x48218226ff3cd4bf);
    assert_true(adah_random_mix(1, 2) == 0x081a5c1377856b73);
    b = adah_random_seeded(42, 7);
    assert_true(adah_random_uniform(&b) == 0x1.28d8b8p-1f); /* the upper 24 bits of the first */
    b = adah_random_seeded(42, 7);
    assert_int_equal(adah_random_below(&b, 1000), 0x946c5c17f618d0d3 % 1000);
    /* Of the numbers above, those below 2^64 mod n are passed over: the second and the third. */
    a = adah_random_seeded(0, 0);
    assert_true(adah_random_below(&a, 0x8000000000000001) == 0xa855b1014d4932f8 - 0x8000000000000001);
    assert_true(adah_random_below(&a, 0x8000000000000001) == 0x8f8fa68f512a6b88 - 0x8000000000000001);
    size_t order[10];
    const size_t expected[10] = {2, 7, 3, 0, 8, 1, 4, 6, 5, 9};
    b = adah_random_seeded(42, 7);
    adah_random_permutation(&b, 10, order);
    assert_memory_equal(order, expected, sizeof order);
    b = adah_random_seeded(42, 7);
    assert_true(fabsf(adah_random_normal(&b) - 0.308506966f) < 1e-6f);
}

static void test_seeds_and_streams_are_independent(void **state) {
    (void)state;
    uint64_t first[100];
    for (uint64_t i = 0; i < 100; i++) {
        adah_random r = adah_random_seeded(i / 10, i % 10);
        first[i] = adah_random_next(&r);
        for (uint64_t j = 0; j < i; j++)
            assert_true(first[i] != first[j]);
    }
    adah_random r = adah_random_seeded(1, 1), copy = r; /* a generator is a value */
    assert_true(adah_random_next(&r) == adah_random_next(&copy));
}

static void test_numbers_below_n_are_uniform(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(3, 1);
    enum { N = 7, DRAWS = 70000 };
    size_t count[N] = {0};
    for (int i = 0; i < DRAWS; i++) {
        uint64_t x = adah_random_below(&r, N);
        assert_true(x < N);
        count[x]++;
    }
    for (int i = 0; i < N; i++) /* 10,000 each, standard deviation 93 */
        assert_true(fabs((double)count[i] - 10000) < 450);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(adah_random_below(&r, 1), 0);
        assert_true(adah_random_below(&r, UINT64_MAX) < UINT64_MAX);
    }
}

static void test_uniform_and_normal_have_their_moments(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(3, 2);
    enum { N = 100000 };
    double sum = 0, sum_normal = 0, squares = 0;
    for (int i = 0; i < N; i++) {
        float x = adah_random_uniform(&r), y = adah_random_normal(&r);
        assert_true(x >= 0 && x < 1);
        assert_true(isfinite(y));
        sum += x;
        sum_normal += y;
        squares += (double)y * y;
    }
    assert_true(fabs(sum / N - 0.5) < 0.005); /* standard deviations 0.0009, 0.003, 0.0045 */
    assert_true(fabs(sum_normal / N) < 0.015);
    assert_true(fabs(squares / N - 1) < 0.025);
}

static void test_a_permutation_has_every_number_once(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(3, 3);
    for (size_t n = 0; n < 60; n++) {
        size_t order[60];
        int seen[60] = {0};
        adah_random_permutation(&r, n, order);
        for (size_t i = 0; i < n; i++) {
            assert_true(order[i] < n);
            assert_int_equal(seen[order[i]]++, 0);
        }
    }
    /* Each of the 6 orders of 3 equally often: 1,000 each, standard deviation 29. */
    size_t count[27] = {0};
    for (int i = 0; i < 6000; i++) {
        size_t order[3];
        adah_random_permutation(&r, 3, order);
        count[order[0] * 9 + order[1] * 3 + order[2]]++;
    }
    size_t n_orders = 0;
    for (int i = 0; i < 27; i++)
        if (count[i]) {
            n_orders++;
            assert_true(fabs((double)count[i] - 1000) < 150);
        }
    assert_int_equal(n_orders, 6);
}

/* ---- parallel loops ---- */

static void count_visit(void *context, size_t i) { ((unsigned char *)context)[i]++; }

static void test_a_parallel_loop_visits_every_index_once(void **state) {
    (void)state;
    static unsigned char visits[10000];
    static const size_t counts[] = {0, 1, 2, 7, 1000, 10000}, grains[] = {0, 1, 3, 100, 20000};
    for (int n_threads = 1; n_threads <= 4; n_threads++) {
        adah_parallel_set_threads(n_threads);
        assert_int_equal(adah_parallel_threads(), n_threads);
        for (size_t c = 0; c < 6; c++)
            for (size_t g = 0; g < 5; g++) {
                memset(visits, 0, sizeof visits);
                adah_parallel_for(counts[c], grains[g], count_visit, visits);
                for (size_t i = 0; i < sizeof visits; i++)
                    assert_int_equal(visits[i], i < counts[c]);
            }
    }
    adah_parallel_set_threads(0);
    assert_true(adah_parallel_threads() >= 1);
}

/* ---- files ---- */

static void expect_contents(const void *expected, size_t n) {
    adah_file_map map = {0};
    assert_int_equal(adah_file_open_map(path, &map, NULL), ADAH_OK);
    assert_int_equal(map.n_bytes, n);
    if (n)
        assert_memory_equal(map.bytes, expected, n);
    adah_file_close_map(&map);
    assert_null(map.bytes);
    adah_file_close_map(&map);
    uint8_t *bytes = NULL;
    size_t n_read = 99;
    assert_int_equal(adah_file_read(path, n, &bytes, &n_read, NULL), ADAH_OK);
    assert_int_equal(n_read, n);
    if (n)
        assert_memory_equal(bytes, expected, n);
    assert_int_equal(bytes[n], 0);
    adah_memory_free(bytes);
}

static void test_publishing_replaces_the_whole_file(void **state) {
    (void)state;
    assert_int_equal(adah_file_exists(path), 0);
    assert_int_equal(adah_file_publish(path, "a longer text", 13, NULL), ADAH_OK);
    assert_int_equal(adah_file_exists(path), 1);
    expect_contents("a longer text", 13);
    assert_int_equal(adah_file_publish(path, "short", 5, NULL), ADAH_OK);
    expect_contents("short", 5);
    assert_int_equal(adah_file_publish(path, NULL, 0, NULL), ADAH_OK);
    expect_contents("", 0);
    assert_int_equal(temporary_folder_count(&folder), 1);
}

static void test_a_map_outlives_the_file_it_shows(void **state) {
    (void)state;
    adah_file_map map;
    assert_int_equal(adah_file_publish(path, "old", 3, NULL), ADAH_OK);
    assert_int_equal(adah_file_open_map(path, &map, NULL), ADAH_OK);
    assert_int_equal(adah_file_publish(path, "new and longer", 14, NULL), ADAH_OK);
    assert_memory_equal(map.bytes, "old", 3);
    adah_file_close_map(&map);
}

static void expect_cut(const adah_file_map *map, adah_code before) {
    adah_status status = {0};
    assert_int_equal(adah_file_check_map(map, before, &status), ADAH_ERROR_IO);
    assert_int_equal(status.code, ADAH_ERROR_IO);
    assert_non_null(strstr(status.message, path));
    assert_non_null(strstr(status.message, "was cut off by another program while it was read"));
}

/* Zeros are read, and told of: of pages that are gone, and of the rest of the last one, which no signal tells of. */
static void test_a_map_tells_that_its_file_was_cut_off(void **state) {
    (void)state;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), n = 3 * page + 100;
    uint8_t *ones = malloc(n);
    adah_file_map map, copy;
    assert_non_null(ones);
    memset(ones, 1, n);
    for (int whole_pages = 0; whole_pages < 2; whole_pages++) {
        assert_int_equal(adah_file_publish(path, ones, n, NULL), ADAH_OK);
        assert_int_equal(adah_file_open_map(path, &map, NULL), ADAH_OK);
        assert_int_equal(adah_file_check_map(&map, ADAH_OK, NULL), ADAH_OK);
        assert_int_equal(adah_file_check_map(&map, ADAH_ERROR_FORMAT, NULL), ADAH_ERROR_FORMAT);
        copy = map; /* asks the same */
        assert_int_equal(truncate(path, (off_t)(whole_pages ? page : n - 1)), 0);
        const volatile uint8_t *bytes = map.bytes;
        assert_int_equal(bytes[n - 1], 0);
        assert_int_equal(bytes[page - 1], 1);
        expect_cut(&map, ADAH_OK);
        expect_cut(&copy, ADAH_ERROR_FORMAT);
        if (whole_pages) { /* that the file grows again helps no more */
            assert_int_equal(truncate(path, (off_t)n), 0);
            expect_cut(&map, ADAH_OK);
        }
        adah_file_close_map(&map);
        assert_int_equal(adah_file_check_map(&map, ADAH_OK, NULL), ADAH_OK);
    }
    /* What replaces the file, lengthens it or removes it does no harm. */
    assert_int_equal(adah_file_publish(path, ones, n, NULL), ADAH_OK);
    assert_int_equal(adah_file_open_map(path, &map, NULL), ADAH_OK);
    assert_int_equal(truncate(path, (off_t)(n + page)), 0);
    assert_int_equal(adah_file_publish(path, "short", 5, NULL), ADAH_OK);
    assert_int_equal(unlink(path), 0);
    assert_memory_equal(map.bytes, ones, n);
    assert_int_equal(adah_file_check_map(&map, ADAH_OK, NULL), ADAH_OK);
    adah_file_close_map(&map);
    free(ones);
}

/* Puts of all sizes around the buffer of the writer, then two patches, then room that is left and filled; what is there can be read. */
static void test_a_writer_puts_and_patches(void **state) {
    (void)state;
    static uint8_t expected[400000];
    adah_random r = adah_random_seeded(5, 5);
    for (size_t i = 0; i < sizeof expected; i++)
        expected[i] = (uint8_t)adah_random_next(&r);
    static const size_t sizes[] = {1, 0, 65535, 1, 65536, 2, 65537, 100, 131072, 3};
    adah_file_writer *w;
    size_t n = 0;
    assert_int_equal(adah_file_create(path, &w, NULL), ADAH_OK);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        assert_int_equal(adah_file_put(w, expected + n, sizes[i], NULL), ADAH_OK);
        n += sizes[i];
        assert_int_equal(adah_file_position(w), n);
    }
    memcpy(expected + 10, "patched", 7);
    assert_int_equal(adah_file_patch(w, 10, "patched", 7, NULL), ADAH_OK);
    memcpy(expected + n - 4, "end!", 4);
    assert_int_equal(adah_file_patch(w, n - 4, "end!", 4, NULL), ADAH_OK);
    assert_int_equal(adah_file_position(w), n);
    assert_int_equal(adah_file_put(w, expected + n, 50, NULL), ADAH_OK);
    n += 50;
    assert_int_equal(adah_file_skip(w, 1000, NULL), ADAH_OK);
    assert_int_equal(adah_file_position(w), n + 1000);
    assert_int_equal(adah_file_put(w, expected + n + 1000, 7, NULL), ADAH_OK);
    assert_int_equal(adah_file_patch(w, n, expected + n, 1000, NULL), ADAH_OK);
    n += 1007;
    static uint8_t found[sizeof expected];
    assert_int_equal(adah_file_read_back(w, 5, found, n - 5, NULL), ADAH_OK);
    assert_memory_equal(found, expected + 5, n - 5);
    assert_int_equal(adah_file_read_back(w, n - 1, found, 2, NULL), ADAH_ERROR_IO);
    assert_int_equal(adah_file_exists(path), 0);
    assert_int_equal(adah_file_commit(w, NULL), ADAH_OK);
    expect_contents(expected, n);
}

static void test_an_aborted_writer_leaves_nothing(void **state) {
    (void)state;
    adah_file_writer *w;
    assert_int_equal(adah_file_create(path, &w, NULL), ADAH_OK);
    assert_int_equal(adah_file_put(w, "text", 4, NULL), ADAH_OK);
    adah_file_abort(w);
    adah_file_abort(NULL);
    assert_int_equal(temporary_folder_count(&folder), 0);
}

static void test_a_new_file_follows_the_umask(void **state) {
    (void)state;
    struct stat info;
    mode_t mask = umask(027);
    assert_int_equal(adah_file_publish(path, "x", 1, NULL), ADAH_OK);
    umask(mask);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
}

static void test_what_cannot_be_read(void **state) {
    (void)state;
    const char *const names[] = {"missing", "folder", "pipe"};
    const char *const reasons[] = {"No such file", "not a regular file", "not a regular file"};
    TEMPORARY_PATH(folder, "folder", path);
    assert_int_equal(mkdir(path, 0777), 0);
    TEMPORARY_PATH(folder, "pipe", path);
    assert_int_equal(mkfifo(path, 0666), 0);
    for (size_t i = 0; i < 3; i++) {
        const adah_code expected = strstr(reasons[i], "No such file") ? ADAH_ERROR_NOT_FOUND : ADAH_ERROR_IO;
        adah_file_map map;
        adah_status status = {0};
        uint8_t *bytes = NULL;
        size_t n = 99;
        TEMPORARY_PATH(folder, names[i], path);
        assert_int_equal(adah_file_open_map(path, &map, &status), expected);
        assert_non_null(strstr(status.message, path));
        assert_non_null(strstr(status.message, reasons[i]));
        assert_int_equal(adah_file_read(path, 100, &bytes, &n, &status), expected);
        assert_null(bytes);
        assert_int_equal(n, 99);
    }
}

static void test_a_file_above_the_limit_is_refused(void **state) {
    (void)state;
    uint8_t *bytes = NULL;
    size_t n = 99;
    adah_status status;
    assert_int_equal(adah_file_publish(path, "12345", 5, NULL), ADAH_OK);
    assert_int_equal(adah_file_read(path, 4, &bytes, &n, &status), ADAH_ERROR_FORMAT);
    assert_non_null(strstr(status.message, "5 bytes, expected at most 4"));
    assert_null(bytes);
}

static void test_what_cannot_be_written(void **state) {
    (void)state;
    adah_status status;
    adah_file_writer *w = NULL;
    TEMPORARY_PATH(folder, "no/such/file", path);
    assert_int_equal(adah_file_create(path, &w, &status), ADAH_ERROR_NOT_FOUND);
    assert_null(w);
    assert_non_null(strstr(status.message, path));
    TEMPORARY_PATH(folder, "folder", path);
    assert_int_equal(mkdir(path, 0777), 0);
    assert_int_equal(adah_file_publish(path, "x", 1, &status), ADAH_ERROR_IO); /* a folder stands there */
    assert_non_null(strstr(status.message, path));
    assert_int_equal(temporary_folder_count(&folder), 1);
}

/* No rename takes the place of a pipe, a device or a link; an index and a model are replaced by their kind alone. */
static void test_what_is_not_replaced(void **state) {
    static const char index[] = "\211ADAH\r\n\032 and more", other_index[] = "\211ADAH\r\n\032 another", model[] = "\2\0\0\0\0\0\0\0{}";
    const char *const kept[] = {index, model};
    const size_t n_kept[] = {sizeof index, sizeof model};
    struct stat info;
    adah_status status;
    char link[600];
    uint8_t *bytes = NULL;
    size_t n = 0;
    (void)state;
    TEMPORARY_PATH(folder, "pipe", path);
    assert_int_equal(mkfifo(path, 0666), 0);
    assert_int_equal(adah_file_publish_of_kind(path, "x", 1, &status), ADAH_ERROR_IO);
    assert_non_null(strstr(status.message, "not a regular file"));
    assert_int_equal(stat(path, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
    for (int i = 0; i < 2; i++) {
        TEMPORARY_PATH(folder, i ? "model" : "index", path);
        assert_int_equal(adah_file_publish_of_kind(path, kept[i], n_kept[i], NULL), ADAH_OK);
        assert_int_equal(adah_file_publish_of_kind(path, "<html>", 6, &status), ADAH_ERROR_EXISTS);
        assert_non_null(strstr(status.message, path));
        assert_int_equal(adah_file_publish_of_kind(path, kept[!i], n_kept[!i], &status), ADAH_ERROR_EXISTS);
        assert_int_equal(adah_file_read(path, 100, &bytes, &n, &status), ADAH_OK);
        assert_int_equal(n, n_kept[i]);
        assert_memory_equal(bytes, kept[i], n);
        adah_free(bytes);
    }
    TEMPORARY_PATH(folder, "index", path);
    TEMPORARY_PATH(folder, "link", link);
    assert_int_equal(symlink("index", link), 0);
    assert_int_equal(adah_file_publish_of_kind(link, other_index, sizeof other_index, NULL), ADAH_OK);
    assert_int_equal(lstat(link, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(adah_file_read(path, 100, &bytes, &n, &status), ADAH_OK);
    assert_memory_equal(bytes, other_index, n);
    adah_free(bytes);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(adah_file_publish_of_kind(link, index, sizeof index, &status), ADAH_ERROR_NOT_FOUND); /* as where a disk is not there */
    assert_non_null(strstr(status.message, "cannot follow the link"));
    assert_int_equal(lstat(link, &info), 0);
    assert_int_equal(temporary_folder_count(&folder), 3);
}

static void test_folders_are_made_with_their_parents(void **state) {
    (void)state;
    char deep[600];
    adah_status status;
    TEMPORARY_PATH(folder, "a/b//c/", deep);
    assert_int_equal(adah_file_make_folder(deep, NULL), ADAH_OK);
    assert_int_equal(adah_file_exists(deep), 1);
    assert_int_equal(adah_file_make_folder(deep, NULL), ADAH_OK); /* again */
    TEMPORARY_PATH(folder, "a/b/c", deep);
    rmdir(deep);
    TEMPORARY_PATH(folder, "a/b", deep);
    rmdir(deep);
    assert_int_equal(adah_file_publish(path, "x", 1, NULL), ADAH_OK);
    TEMPORARY_PATH(folder, "file/below", deep);
    assert_int_equal(adah_file_make_folder(deep, &status), ADAH_ERROR_IO);
    assert_non_null(strstr(status.message, path));
    assert_int_equal(adah_file_make_folder(path, &status), ADAH_ERROR_IO);
}

static void test_paths_are_joined(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        {"a", "b", "a/b"}, {"a/", "b/c", "a/b/c"}, {"a", "/b", "/b"},
        {"", "b", "b"},    {"/", "b", "/b"},       {"a", "", "a/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *joined = adah_file_join(cases[i][0], cases[i][1]);
        assert_string_equal(joined, cases[i][2]);
        adah_memory_free(joined);
    }
    adah_memory_fault_at(1);
    assert_null(adah_file_join("a", "b"));
    adah_memory_fault_at(0);
}

static void test_the_version_is_one(void **state) {
    (void)state;
    int major, minor, patch, n = 0;
    assert_int_equal(sscanf(adah_version(), "%d.%d.%d%n", &major, &minor, &patch, &n), 3);
    assert_int_equal(adah_version()[n], '\0');
    assert_string_equal(adah_version(), ADAH_VERSION);
    assert_int_equal(adah_version_number(), ADAH_VERSION_NUMBER);
    assert_int_equal(adah_version_number(), 10000 * major + 100 * minor + patch);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_version_is_one),
        cmocka_unit_test(test_a_failure_carries_code_and_message),
        cmocka_unit_test(test_a_long_message_is_cut),
        cmocka_unit_test(test_every_code_has_a_name),
        cmocka_unit_test(test_sizes_that_overflow_give_null),
        cmocka_unit_test(test_empty_allocations_are_valid),
        cmocka_unit_test(test_floats_are_zero_and_aligned),
        cmocka_unit_test(test_texts_are_copied),
        cmocka_unit_test(test_an_array_grows_and_keeps_its_items),
        cmocka_unit_test(test_the_nth_allocation_fails_and_no_other),
        cmocka_unit_test(test_random_numbers_stay_what_they_are),
        cmocka_unit_test(test_seeds_and_streams_are_independent),
        cmocka_unit_test(test_numbers_below_n_are_uniform),
        cmocka_unit_test(test_uniform_and_normal_have_their_moments),
        cmocka_unit_test(test_a_permutation_has_every_number_once),
        cmocka_unit_test(test_a_parallel_loop_visits_every_index_once),
        cmocka_unit_test_setup_teardown(test_publishing_replaces_the_whole_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_map_outlives_the_file_it_shows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_map_tells_that_its_file_was_cut_off, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_writer_puts_and_patches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_aborted_writer_leaves_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_new_file_follows_the_umask, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_file_above_the_limit_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_written, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_not_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_folders_are_made_with_their_parents, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_paths_are_joined, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
