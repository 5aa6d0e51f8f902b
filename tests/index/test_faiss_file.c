/* (unit) FAISS's files: the bytes are those FAISS writes, what is written comes back, and what is damaged or foreign is
 * refused with what was found. What FAISS itself makes of such files: tests/index/test_faiss.cpp. */
#define _GNU_SOURCE
#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "codes/codes.h"
#include "index/centroids.h"
#include "index/faiss_file.h"
#include "temporary_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "fail_allocations.h"

enum { N_MAX = 3000, CODE_BYTES_MAX = 16 };

static temporary_folder folder;
static char path[512];
static uint8_t some_codes[N_MAX * CODE_BYTES_MAX];
static uint64_t some_ids[N_MAX];

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "a.faiss", path);
    adah_random r = adah_random_seeded(3, 1);
    for (size_t i = 0; i < sizeof some_codes; i++)
        some_codes[i] = (uint8_t)adah_random_next(&r);
    for (size_t i = 0; i < N_MAX; i++)
        some_ids[i] = (uint64_t)(N_MAX - i)
                      << (i % 4 ? 3 : 40); /* all different, not in order, long ones among them */
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    temporary_folder_remove(&folder);
    return 0;
}

/* The first n of the made-up codes. */
static adah_faiss_codes some(size_t n, size_t n_bits, int has_ids) {
    return (adah_faiss_codes){n, n_bits, some_codes, has_ids ? some_ids : NULL};
}

/* Not adah_file_publish: thousands of files would wait for the disk. */
static void publish(const void *bytes, size_t n_bytes) {
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, n_bytes, file), n_bytes);
    assert_int_equal(fclose(file), 0);
}

static void read_back(adah_faiss_codes *codes) {
    adah_status status = {0};
    if (adah_faiss_read(path, codes, &status) != ADAH_OK)
        fail_msg("%s", status.message);
}

static void expect_refused(const char *message) {
    adah_faiss_codes codes = {.n = 77};
    adah_status status = {0};
    if (!adah_is_bad_content(adah_faiss_read(path, &codes, &status)) ||
        (status.code == ADAH_ERROR_CORRUPT) != (strstr(status.message, "is damaged") != NULL) || !strstr(status.message, message) ||
        strncmp(status.message, path, strlen(path)) != 0)
        fail_msg("expected \"%s\", got \"%s\"", message, status.message);
    assert_int_equal(codes.n, 77);
}

static void expect_file(const void *bytes, size_t n_bytes) {
    adah_file_map map;
    assert_int_equal(adah_file_open_map(path, &map, NULL), ADAH_OK);
    assert_int_equal(map.n_bytes, n_bytes);
    assert_memory_equal(map.bytes, bytes, n_bytes);
    adah_file_close_map(&map);
}

/* Laid out as faiss::write_index_binary does (test_faiss.cpp compares its bytes with ours): codes of 16 bits. */
#define HEAD(type, n) type "\x10\0\0\0\x02\0\0\0" n "\0\0\0\0\0\0\0\x01\x01\0\0\0"
static const char flat[] = HEAD("IBxF", "\x03") "\x06\0\0\0\0\0\0\0"
                                                "abcdef";
static const char id_map[] =
    HEAD("IBMp", "\x03") HEAD("IBxF", "\x03") "\x06\0\0\0\0\0\0\0"
                                              "abcdef"
                                              "\x03\0\0\0\0\0\0\0"
                                              "\x07\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\xff\0\0\0\0\0\0\0";
/* Three centroids; lists of 1, 0 and 2 codes with the ids 7, 1 and 5. */
#define IVF_FRONT                                                                                                    \
    HEAD("IBwF", "\x03")                                                                                             \
    "\x03\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0" HEAD("IBxF", "\x03") "\x06\0\0\0\0\0\0\0"                                 \
                                                                "uvwxyz"
#define NO_MAP "\0\0\0\0\0\0\0\0\0"
#define LISTS "ilar\x03\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0"
#define IVF_CODES "ab\x07\0\0\0\0\0\0\0cdef\x01\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0"
static const char full[] =
    IVF_FRONT NO_MAP LISTS "full\x03\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0" IVF_CODES;
static const char sparse[] = IVF_FRONT NO_MAP LISTS
    "sprs\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0" IVF_CODES;
static const char mapped[] =
    IVF_FRONT "\x01\x01\0\0\0\0\0\0\0"
              "12345678" LISTS "full\x03\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0" IVF_CODES;
static const char hashed[] = IVF_FRONT
    "\x02\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0"
    "1234567812345678" LISTS "full\x03\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0" IVF_CODES;
#define N_BYTES(file) (sizeof(file) - 1)

static void expect_codes(const char *codes, const uint64_t *ids) {
    adah_faiss_codes c;
    read_back(&c);
    assert_int_equal(c.n, 3);
    assert_int_equal(c.n_bits, 16);
    assert_memory_equal(c.codes, codes, 6);
    if (ids)
        assert_memory_equal(c.ids, ids, 3 * sizeof *ids);
    else
        assert_null(c.ids);
    adah_faiss_codes_free(&c);
    assert_int_equal(c.n, 0);
    adah_faiss_codes_free(&c);
}

static void test_files_that_faiss_wrote(void **state) {
    (void)state;
    char old[sizeof id_map];
    publish(flat, N_BYTES(flat));
    expect_codes("abcdef", NULL);
    publish(id_map, N_BYTES(id_map));
    expect_codes("abcdef", (const uint64_t[]){7, 1, 255});
    memcpy(old, id_map, sizeof old);
    old[8] = 0; /* FAISS 1.7.3 leaves the bytes of a code out of the outer index */
    publish(old, N_BYTES(id_map));
    expect_codes("abcdef", (const uint64_t[]){7, 1, 255});
    memcpy(old, "IBM2", 4);
    publish(old, N_BYTES(id_map));
    expect_codes("abcdef", (const uint64_t[]){7, 1, 255});
    const struct {
        const char *bytes;
        size_t n_bytes;
    } lists[] = {
        {full, N_BYTES(full)}, {sparse, N_BYTES(sparse)}, {mapped, N_BYTES(mapped)}, {hashed, N_BYTES(hashed)}};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        publish(lists[i].bytes, lists[i].n_bytes);
        expect_codes("cdefab", (const uint64_t[]){1, 5, 7});
    }
}

static void test_written_as_faiss_writes(void **state) {
    (void)state;
    uint8_t codes[] = "abcdef";
    uint64_t ids[] = {7, 1, 255};
    const adah_faiss_codes c = {3, 16, codes, NULL}, with_ids = {3, 16, codes, ids};
    assert_int_equal(adah_faiss_write_flat(path, &c, NULL), ADAH_OK);
    expect_file(flat, N_BYTES(flat));
    assert_int_equal(adah_faiss_write_flat(path, &with_ids, NULL), ADAH_OK);
    expect_file(id_map, N_BYTES(id_map));
    assert_int_equal(temporary_folder_count(&folder), 1);
}

static void check_round_trip(size_t n, size_t n_bits, int has_ids, int is_ivf, size_t n_lists) {
    const adah_faiss_codes from = some(n, n_bits, has_ids);
    adah_faiss_codes to;
    adah_status status = {0};
    if ((is_ivf ? adah_faiss_write_ivf(path, &from, n_lists, &status)
                : adah_faiss_write_flat(path, &from, &status)) != ADAH_OK)
        fail_msg("%s", status.message);
    read_back(&to);
    assert_int_equal(to.n, n);
    assert_int_equal(to.n_bits, n_bits);
    if (!has_ids) {
        assert_null(to.ids);
        assert_memory_equal(to.codes, from.codes, n * n_bits / 8);
    } else {
        for (size_t i = 0; i < n; i++) { /* lists come back by id; the made-up ids are all different */
            size_t j = i;
            for (j = is_ivf ? 0 : i; from.ids[j] != to.ids[i];)
                assert_true(++j < n);
            assert_true(!is_ivf || i == 0 || to.ids[i] > to.ids[i - 1]);
            assert_memory_equal(to.codes + i * n_bits / 8, from.codes + j * n_bits / 8, n_bits / 8);
        }
    }
    adah_faiss_codes_free(&to);
}

static void test_round_trips(void **state) {
    (void)state;
    static const size_t bits[] = {8, 24, 64, 128};
    for (size_t b = 0; b < sizeof bits / sizeof *bits; b++)
        for (int has_ids = 0; has_ids < 2; has_ids++) {
            for (size_t n = 1; n <= 10; n += 3)
                check_round_trip(n, bits[b], has_ids, 0, 0);
            check_round_trip(1, bits[b], has_ids, 1, 1);
            check_round_trip(100, bits[b], has_ids, 1, 0);
            check_round_trip(100, bits[b], has_ids, 1, 100);
            check_round_trip(N_MAX, bits[b], has_ids, 1, 40);
        }
    check_round_trip(0, 64, 0, 0, 0);
    const adah_faiss_codes none = some(0, 64, 1);
    adah_faiss_codes back;
    assert_int_equal(adah_faiss_write_flat(path, &none, NULL), ADAH_OK);
    read_back(&back);
    assert_int_equal(back.n, 0);
    adah_faiss_codes_free(&back);
}

static void test_equal_ids_keep_their_order(void **state) {
    (void)state;
    char bytes[sizeof full];
    memcpy(bytes, full, sizeof full);
    memset(bytes + N_BYTES(full) - 16, 0, 16);
    bytes[N_BYTES(full) - 16] = bytes[N_BYTES(full) - 8] = 7;
    publish(bytes, N_BYTES(full));
    expect_codes("abcdef", (const uint64_t[]){7, 7, 7});
}

static void test_arguments_are_refused(void **state) {
    (void)state;
    adah_status status;
    adah_faiss_codes c = some(4, 12, 0);
    assert_int_equal(adah_faiss_write_flat(path, &c, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "12 bits"));
    c.n_bits = ADAH_BITS_MAX + 8;
    assert_int_equal(adah_faiss_write_ivf(path, &c, 1, &status), ADAH_ERROR_ARGUMENT);
    c = some(4, 16, 0);
    c.ids = (uint64_t[]){1, 2, UINT64_MAX, 3};
    assert_int_equal(adah_faiss_write_flat(path, &c, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "of code 2"));
    c.ids = NULL;
    assert_int_equal(adah_faiss_write_ivf(path, &c, 5, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "5 lists"));
    c.n = 0;
    assert_int_equal(adah_faiss_write_ivf(path, &c, 0, &status), ADAH_ERROR_ARGUMENT);
    assert_int_equal(temporary_folder_count(&folder), 0);
    c = some(4, 16, 0);
    assert_int_equal(adah_faiss_write_flat("/nowhere/at/all", &c, &status), ADAH_ERROR_NOT_FOUND);
    assert_int_equal(adah_faiss_read("/nowhere/at/all", &c, &status), ADAH_ERROR_NOT_FOUND);
}

/* A file with some bytes changed: count of them from offset `at` on. */
static void publish_changed(const char *file, size_t n_bytes, size_t at, const char *bytes, size_t count) {
    char changed[1024];
    assert_true(n_bytes <= sizeof changed && at + count <= n_bytes);
    memcpy(changed, file, n_bytes);
    memcpy(changed + at, bytes, count);
    publish(changed, n_bytes);
}

#define EXPECT_CHANGED(file, at, bytes, message)                                                                     \
    do {                                                                                                             \
        publish_changed(file, N_BYTES(file), at, bytes, sizeof(bytes) - 1);                                          \
        expect_refused(message);                                                                                     \
    } while (0)

enum { HEAD_BYTES = 25, QUANTIZER = HEAD_BYTES + 16, MAP = QUANTIZER + HEAD_BYTES + 14, IL = MAP + 9 };

static void test_what_is_refused(void **state) {
    (void)state;
    publish("", 0);
    expect_refused("an empty file");
    EXPECT_CHANGED(flat, 0, "\x89PNG", "not a FAISS index: bytes 89 50 4e 47");
    EXPECT_CHANGED(flat, 0, "IBHf", "type IBHf; types that can be read: IBxF (flat)");
    EXPECT_CHANGED(flat, 0, "IxF2", "type IxF2");
    EXPECT_CHANGED(flat, 4, "\x14", "codes of 20 bits");
    EXPECT_CHANGED(flat, 4, "\x08\x04", "codes of 1032 bits");
    EXPECT_CHANGED(flat, 4, "\xf0\xff\xff\xff", "codes of 4294967280 bits");
    EXPECT_CHANGED(flat, 8, "\x03", "16 bits in 3 bytes");
    EXPECT_CHANGED(flat, 8, "\0", "16 bits in 0 bytes");
    EXPECT_CHANGED(flat, 12, "\x04", "6 bytes of codes, expected 4 times 2");
    EXPECT_CHANGED(flat, 12, "\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615 codes in a file of 39 bytes");
    EXPECT_CHANGED(flat, 20, "\x02", "2 in place of whether it is trained");
    EXPECT_CHANGED(flat, 25, "\xff\xff\xff\xff\xff\xff\xff\xff", "18446744073709551615 times 1 bytes");
    EXPECT_CHANGED(flat, 25, "\x05", "5 bytes of codes, expected 3 times 2");
    EXPECT_CHANGED(id_map, HEAD_BYTES, "IBwF", "type IBwF inside IBMp");
    EXPECT_CHANGED(id_map, HEAD_BYTES + 4, "\x18\0\0\0\x03", "3 codes of 24 bits inside IBMp");
    EXPECT_CHANGED(id_map, N_BYTES(id_map) - 32, "\x02", "2 ids of 3 codes");
    EXPECT_CHANGED(id_map, N_BYTES(id_map) - 1, "\xff", "of code 2");
    EXPECT_CHANGED(full, QUANTIZER, "IBHf", "type IBHf inside IBwF, only IBxF (flat)");
    EXPECT_CHANGED(full, HEAD_BYTES, "\x04", "3 codes of 16 bits inside IBwF, expected 4 of 16");
    EXPECT_CHANGED(full, MAP, "\x03", "a direct map of kind 3");
    EXPECT_CHANGED(full, MAP + 1, "\xff\xff\xff\xff\xff\xff\xff\xff", "the direct map: 18446744073709551615 times 8");
    EXPECT_CHANGED(full, IL, "ilod", "inverted lists of type ilod");
    EXPECT_CHANGED(full, IL + 4, "\x02", "2 lists of codes of 2 bytes, expected 3 of 2");
    EXPECT_CHANGED(full, IL + 12, "\x03", "3 lists of codes of 3 bytes");
    EXPECT_CHANGED(full, IL + 20, "half", "type half");
    EXPECT_CHANGED(full, IL + 24, "\x02", "2 sizes (full) of 3 lists");
    EXPECT_CHANGED(full, IL + 32, "\x04", "list 0 has 4 codes, of 3 only 3 are left");
    EXPECT_CHANGED(full, IL + 32, "\x01\xff", "list 0 has 65281 codes");
    EXPECT_CHANGED(full, IL + 48, "\x01", "2 codes in lists, expected 3");
    EXPECT_CHANGED(full, N_BYTES(full) - 1, "\x80", "of code 2");
    EXPECT_CHANGED(sparse, IL + 24, "\x03", "3 sizes (sprs) of 3 lists");
    EXPECT_CHANGED(sparse, IL + 48, "\0", "list 0 of 3, or lists out of order");
    EXPECT_CHANGED(sparse, IL + 48, "\x03", "list 3 of 3");
    char longer[sizeof flat];
    memcpy(longer, flat, sizeof flat);
    publish(longer, sizeof flat); /* the string's NUL */
    expect_refused("1 bytes behind its end");
    /* no lists at all, which is in order where there are no codes */
    char none[IL + 4];
    memcpy(none, full, IL);
    memcpy(none + IL, "il00", 4);
    publish(none, sizeof none);
    expect_refused("0 codes in lists, expected 3");
    none[12] = 0;
    publish(none, sizeof none);
    adah_faiss_codes c;
    read_back(&c);
    assert_int_equal(c.n, 0);
    adah_faiss_codes_free(&c);
}

static void test_truncated_at_every_byte(void **state) {
    (void)state;
    const struct {
        const char *bytes;
        size_t n_bytes;
    } files[] = {{flat, N_BYTES(flat)},     {id_map, N_BYTES(id_map)}, {full, N_BYTES(full)},
                 {sparse, N_BYTES(sparse)}, {mapped, N_BYTES(mapped)}, {hashed, N_BYTES(hashed)}};
    for (size_t f = 0; f < sizeof files / sizeof *files; f++)
        for (size_t n = 0; n < files[f].n_bytes; n++) {
            publish(files[f].bytes, n);
            expect_refused("FAISS index");
        }
}

/* No byte, whatever it becomes, may do harm; what is still read must be whole. */
static void test_every_byte_changed(void **state) {
    (void)state;
    const struct {
        const char *bytes;
        size_t n_bytes;
    } files[] = {
        {id_map, N_BYTES(id_map)}, {full, N_BYTES(full)}, {sparse, N_BYTES(sparse)}, {hashed, N_BYTES(hashed)}};
    static const uint8_t change[] = {0x01, 0x80, 0xff, 0x10};
    for (size_t f = 0; f < sizeof files / sizeof *files; f++)
        for (size_t i = 0; i < files[f].n_bytes; i++)
            for (size_t k = 0; k < sizeof change; k++) {
                char bytes[1024];
                adah_faiss_codes c;
                adah_status status = {0};
                memcpy(bytes, files[f].bytes, files[f].n_bytes);
                bytes[i] = (char)(bytes[i] ^ change[k]);
                publish(bytes, files[f].n_bytes);
                if (adah_faiss_read(path, &c, &status) != ADAH_OK) {
                    assert_true(adah_is_bad_content(status.code));
                    continue;
                }
                assert_true(c.n == 3 && c.n_bits == 16);
                adah_faiss_codes_free(&c);
            }
}

/* Every code is where the nearest centroid is, whatever the number of threads, and lists are tighter than the first
 * guess. */
static void test_centroids(void **state) {
    (void)state;
    enum { N_LISTS = 20, N_BITS = 64, N_BYTES_EACH = N_BITS / 8 };
    static uint8_t codes[N_MAX * N_BYTES_EACH];
    uint16_t distance[N_LISTS];
    adah_random r = adah_random_seeded(9, 1);
    for (size_t i = 0; i < N_MAX; i++) { /* N_LISTS clusters: a centre with a tenth of the bits turned */
        memcpy(codes + i * N_BYTES_EACH, some_codes + i % N_LISTS * N_BYTES_EACH, N_BYTES_EACH);
        for (size_t b = 0; b < N_BITS / 10; b++) {
            const uint64_t bit = adah_random_below(&r, N_BITS);
            codes[i * N_BYTES_EACH + bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    adah_centroids c, with_one;
    assert_int_equal(adah_centroids_learn(codes, N_MAX, N_BITS, N_LISTS, &c, NULL), ADAH_OK);
    assert_int_equal(c.n, N_LISTS);
    assert_int_equal(c.start[0], 0);
    assert_int_equal(c.start[N_LISTS], N_MAX);
    size_t n_distance = 0;
    for (size_t l = 0; l < N_LISTS; l++)
        for (size_t i = c.start[l]; i < c.start[l + 1]; i++) {
            adah_hamming_distances(codes + c.member[i] * N_BYTES_EACH, c.codes, N_LISTS, N_BITS, distance);
            for (size_t k = 0; k < N_LISTS; k++)
                assert_true(distance[k] > distance[l] || (k >= l && distance[k] == distance[l]));
            n_distance += distance[l];
            assert_true(i == c.start[l] || c.member[i] > c.member[i - 1]);
        }
    assert_true(n_distance < (size_t)N_MAX * 10); /* 6 where a cluster is a list, 32 by chance */
    const int n_threads = adah_parallel_threads();
    adah_parallel_set_threads(1);
    assert_int_equal(adah_centroids_learn(codes, N_MAX, N_BITS, N_LISTS, &with_one, NULL), ADAH_OK);
    adah_parallel_set_threads(n_threads);
    assert_memory_equal(c.codes, with_one.codes, N_LISTS * N_BYTES_EACH);
    assert_memory_equal(c.member, with_one.member, N_MAX * sizeof *c.member);
    adah_centroids_free(&c);
    adah_centroids_free(&with_one);
    /* all codes equal: one list has them all, the others stay empty */
    memset(codes, 5, sizeof codes);
    assert_int_equal(adah_centroids_learn(codes, 100, N_BITS, 0, &c, NULL), ADAH_OK);
    assert_int_equal(c.n, 10);
    assert_int_equal(c.start[1], 100);
    assert_int_equal(c.start[10], 100);
    adah_centroids_free(&c);
}

static adah_code write_and_read(adah_status *status) {
    const adah_faiss_codes from = some(50, 64, 1);
    adah_faiss_codes to;
    ADAH_TRY(adah_faiss_write_flat(path, &from, status));
    ADAH_TRY(adah_faiss_read(path, &to, status));
    adah_faiss_codes_free(&to);
    ADAH_TRY(adah_faiss_write_ivf(path, &from, 7, status));
    ADAH_TRY(adah_faiss_read(path, &to, status));
    assert_int_equal(to.n, 50);
    adah_faiss_codes_free(&to);
    return ADAH_OK;
}

static void test_failing_allocations(void **state) {
    (void)state;
    fail_allocations(write_and_read, 100);
}

static void test_full_disk(void **state) {
    (void)state;
    const adah_faiss_codes old = some(3, 64, 0), new = some(N_MAX, 128, 1);
    for (int is_ivf = 0; is_ivf < 2; is_ivf++) {
        assert_int_equal(adah_faiss_write_flat(path, &old, NULL), ADAH_OK);
        for (uint64_t n = 1;; n++) {
            adah_status status = {0};
            adah_file_fault_at(n);
            const adah_code code =
                is_ivf ? adah_faiss_write_ivf(path, &new, 20, &status) : adah_faiss_write_flat(path, &new, &status);
            const int fired = adah_file_fault_fired();
            adah_file_fault_at(0);
            assert_int_equal(temporary_folder_count(&folder), 1);
            if (!fired) {
                assert_int_equal(code, ADAH_OK);
                assert_true(n > 2);
                break;
            }
            assert_int_equal(code, ADAH_ERROR_IO);
            adah_faiss_codes c;
            read_back(&c);
            assert_int_equal(c.n, 3);
            adah_faiss_codes_free(&c);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_files_that_faiss_wrote, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_written_as_faiss_writes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_round_trips, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_equal_ids_keep_their_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_arguments_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_truncated_at_every_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_byte_changed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_centroids, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_failing_allocations, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_full_disk, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
