/* The collection file: what goes in comes out, searches give records, and every damaged byte is noticed. */
#define _GNU_SOURCE
#define XXH_INLINE_ALL
#include "base/file.h"
#include "base/memory.h"
#include "index/index_file.h"
#include "index/index_format.h"
#include "temporary_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <xxhash.h>

#include <cmocka.h>

static temporary_folder folder;
static char path[512];
static const uint8_t identity[16] = "0123456789abcde";

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

/* Five records of 16 bits; record 1 has no image code, records 3 and 4 have no text code. */
static const struct {
    const char *file_name, *text, *label[4];
    size_t n_labels;
    uint8_t image[2], text_code[2];
    int has_image, has_text;
} records[] = {
    {"a/1.jpg", "a red boat", {"sea", "boat"}, 2, {0x00, 0x00}, {0xff, 0xff}, 1, 1},
    {"b.jpg", "", {NULL}, 0, {0, 0}, {0x0f, 0x00}, 0, 1},
    {"schöne Grüße.png", "ein Boot, zwei Boote", {"boat", "sky", "boat"}, 3, {0xff, 0x00}, {0x00, 0x00}, 1, 1},
    {"d", "x", {"sea"}, 1, {0x01, 0x00}, {0, 0}, 1, 0},
    {"e.jpg", "the last", {"tree", "sea", "sky"}, 3, {0x01, 0x00}, {0, 0}, 1, 0},
};
enum { N_RECORDS = sizeof records / sizeof *records };

static void build(void) {
    adah_index_builder *b;
    adah_status status = {ADAH_OK, ""};
    assert_int_equal(adah_index_builder_create(path, 16, identity, &b, &status), ADAH_OK);
    for (size_t i = 0; i < N_RECORDS; i++)
        if (adah_index_builder_add(b, records[i].file_name, records[i].text, records[i].label, records[i].n_labels,
                                   records[i].has_image ? records[i].image : NULL,
                                   records[i].has_text ? records[i].text_code : NULL, &status) != ADAH_OK)
            fail_msg("%s", status.message);
    assert_false(adah_file_exists(path)); /* nothing before it is whole */
    assert_int_equal(adah_index_builder_publish(b, &status), ADAH_OK);
    assert_int_equal(temporary_folder_count(&folder), 1);
}

static adah_index *open_index(void) {
    adah_index *x = NULL;
    adah_status status = {ADAH_OK, ""};
    if (adah_index_open(path, &x, &status) != ADAH_OK)
        fail_msg("%s", status.message);
    return x;
}

static void test_records_come_back(void **state) {
    (void)state;
    build();
    adah_index *x = open_index();
    assert_int_equal(adah_index_count(x), N_RECORDS);
    assert_int_equal(adah_index_bits(x), 16);
    assert_memory_equal(adah_index_model_identity(x), identity, 16);
    /* Labels are numbered as they first appear: sea boat sky tree. */
    const char *const names[] = {"sea", "boat", "sky", "tree"};
    const uint32_t labels[N_RECORDS][3] = {{0, 1}, {0}, {1, 2}, {0}, {0, 2, 3}};
    const size_t n_labels[N_RECORDS] = {2, 0, 2, 1, 3};
    assert_int_equal(adah_index_label_count(x), 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_string_equal(adah_index_label_name(x, i), names[i]);
    assert_null(adah_index_label_name(x, 4));
    for (size_t i = 0; i < N_RECORDS; i++) {
        adah_index_entry e;
        assert_int_equal(adah_index_record(x, i, &e, NULL), ADAH_OK);
        assert_string_equal(e.file_name, records[i].file_name);
        assert_string_equal(e.text, records[i].text);
        assert_int_equal(e.n_labels, n_labels[i]);
        assert_memory_equal(e.label, labels[i], n_labels[i] * sizeof *e.label);
    }
    adah_index_entry e;
    adah_status status;
    assert_int_equal(adah_index_record(x, N_RECORDS, &e, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "record 5 of 5"));
    adah_index_close(x);
    assert_int_equal(adah_index_verify(path, NULL), ADAH_OK);
}

static void test_codes_lie_dense_with_their_records(void **state) {
    (void)state;
    build();
    adah_index *x = open_index();
    size_t n;
    const uint8_t *image = adah_index_codes(x, ADAH_IMAGE, &n);
    assert_int_equal(n, 4);
    assert_memory_equal(image, "\x00\x00\xff\x00\x01\x00\x01\x00", 8);
    const uint8_t *text = adah_index_codes(x, ADAH_TEXT, &n);
    assert_int_equal(n, 3);
    assert_memory_equal(text, "\xff\xff\x0f\x00\x00\x00", 6);
    const uint64_t image_records[] = {0, 2, 3, 4};
    for (size_t i = 0; i < 4; i++) {
        uint64_t record = 99;
        assert_int_equal(adah_index_record_of(x, ADAH_IMAGE, i, &record, NULL), ADAH_OK);
        assert_int_equal(record, image_records[i]);
    }
    uint64_t record = 99;
    assert_int_equal(adah_index_record_of(x, ADAH_IMAGE, 4, &record, NULL), ADAH_ERROR_ARGUMENT);
    assert_int_equal(record, 99);
    adah_index_close(x);
}

static void test_search_gives_records(void **state) {
    (void)state;
    build();
    adah_index *x = open_index();
    const uint8_t zero[2] = {0, 0};
    adah_search_hit hits[9];
    size_t n_hits;
    /* images: record 0 at 0, records 3 and 4 at 1, record 2 at 8 */
    const adah_search_hit images[] = {{0, 0}, {3, 1}, {4, 1}, {2, 8}};
    assert_int_equal(adah_index_search(x, ADAH_IMAGE, zero, 9, hits, &n_hits, NULL), ADAH_OK);
    assert_int_equal(n_hits, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(hits[i].record, images[i].record);
        assert_int_equal(hits[i].distance, images[i].distance);
    }
    /* texts: record 2 at 0, record 1 at 4, record 0 at 16 */
    assert_int_equal(adah_index_search(x, ADAH_TEXT, zero, 2, hits, &n_hits, NULL), ADAH_OK);
    assert_int_equal(n_hits, 2);
    assert_int_equal(hits[0].record, 2);
    assert_int_equal(hits[1].record, 1);
    assert_int_equal(hits[1].distance, 4);
    assert_int_equal(adah_index_search(x, ADAH_TEXT, zero, 0, hits, &n_hits, NULL), ADAH_OK);
    assert_int_equal(n_hits, 0);
    adah_status status;
    assert_int_equal(adah_index_search(x, (adah_modality)2, zero, 1, hits, &n_hits, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "modality 2"));
    adah_index_close(x);
}

static void test_an_empty_collection(void **state) {
    (void)state;
    adah_index_builder *b;
    assert_int_equal(adah_index_builder_create(path, 64, identity, &b, NULL), ADAH_OK);
    assert_int_equal(adah_index_builder_publish(b, NULL), ADAH_OK);
    adah_index *x = open_index();
    const uint8_t code[8] = {0};
    adah_search_hit hit;
    size_t n_hits = 9;
    assert_int_equal(adah_index_count(x), 0);
    assert_int_equal(adah_index_label_count(x), 0);
    assert_int_equal(adah_index_search(x, ADAH_TEXT, code, 1, &hit, &n_hits, NULL), ADAH_OK);
    assert_int_equal(n_hits, 0);
    adah_index_close(x);
    assert_int_equal(adah_index_verify(path, NULL), ADAH_OK);
}

static void test_a_collection_of_texts_alone(void **state) {
    (void)state;
    adah_index_builder *b;
    const uint8_t code[1] = {7};
    assert_int_equal(adah_index_builder_create(path, 8, identity, &b, NULL), ADAH_OK);
    assert_int_equal(adah_index_builder_add(b, "a", "b", NULL, 0, NULL, code, NULL), ADAH_OK);
    assert_int_equal(adah_index_builder_publish(b, NULL), ADAH_OK);
    /* No images, and no list of records, as every record has a text. */
    adah_file_map map;
    assert_int_equal(adah_file_open_map(path, &map, NULL), ADAH_OK);
    assert_int_equal(((const adah_index_header *)(const void *)map.bytes)->n_sections, 5);
    adah_file_close_map(&map);
    adah_index *x = open_index();
    adah_search_hit hit;
    adah_status status;
    size_t n = 9;
    assert_null(adah_index_codes(x, ADAH_IMAGE, &n));
    assert_int_equal(n, 0);
    n = 9;
    assert_int_equal(adah_index_search(x, ADAH_IMAGE, code, 1, &hit, &n, &status), ADAH_ERROR_MISMATCH);
    assert_non_null(strstr(status.message, "no codes of images"));
    assert_int_equal(n, 9);
    assert_int_equal(adah_index_search(x, ADAH_TEXT, code, 1, &hit, &n, NULL), ADAH_OK);
    assert_int_equal(hit.distance, 0);
    adah_index_close(x);
}

static void test_the_builder_refuses(void **state) {
    (void)state;
    adah_index_builder *b = NULL;
    adah_status status;
    const size_t bad[] = {0, 4, 20, 1032};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(adah_index_builder_create(path, bad[i], identity, &b, &status), ADAH_ERROR_ARGUMENT);
        assert_null(b);
    }
    assert_int_equal(adah_index_builder_create("/nowhere/at/all.index", 8, identity, &b, &status), ADAH_ERROR_IO);
    assert_null(b);
    assert_int_equal(adah_index_builder_create(path, 8, identity, &b, NULL), ADAH_OK);
    assert_int_equal(adah_index_builder_add(b, "lonely", "t", NULL, 0, NULL, NULL, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "lonely"));
    adah_index_builder_abort(b);
    adah_index_builder_abort(NULL);
    assert_int_equal(temporary_folder_count(&folder), 0);
}

/* Without syncing, as there are thousands; a new file, as some file systems sync one that was truncated. */
static void put_file(const uint8_t *bytes, size_t n) {
    unlink(path);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void expect_refused(const char *message) {
    adah_index *x = NULL;
    adah_status status = {ADAH_OK, ""};
    if (adah_index_open(path, &x, &status) != ADAH_ERROR_FORMAT || !strstr(status.message, message) ||
        !strstr(status.message, path))
        fail_msg("expected \"%s\", got \"%s\"", message, status.message);
    assert_null(x);
    assert_int_equal(adah_index_verify(path, NULL), ADAH_ERROR_FORMAT);
}

/* The file as bytes, for damaging. */
static uint8_t *read_built(size_t *n) {
    uint8_t *bytes;
    build();
    assert_int_equal(adah_file_read(path, 1 << 20, &bytes, n, NULL), ADAH_OK);
    return bytes;
}

/* Makes the header's checksum right again after a change. */
static void seal(uint8_t *bytes) {
    adah_index_header *h = (void *)bytes;
    h->checksum = 0;
    uint32_t n_sections = h->n_sections < 8 ? h->n_sections : 8; /* more than the file can hold are refused anyway */
    h->checksum = XXH3_64bits(bytes, sizeof *h + n_sections * sizeof(adah_index_section));
}

static void test_foreign_files_and_newer_versions(void **state) {
    (void)state;
    size_t n;
    uint8_t *bytes = read_built(&n);
    adah_index_header *h = (void *)bytes;
    adah_index_section *table = (void *)(h + 1);
    put_file((const uint8_t *)"", 0);
    expect_refused("not an adah index");
    put_file((const uint8_t *)"\x89"
                              "ADAH\n\x1a",
             7);
    expect_refused("not an adah index");
    put_file((const uint8_t *)"{\"file_name\": \"a\"}", 18);
    expect_refused("not an adah index");

    h->version = 2; /* whatever else a later version changes */
    put_file(bytes, n);
    expect_refused("newer version: 2, this library reads up to 1");
    h->version = 1;

    uint32_t type = table[h->n_sections - 1].type;
    table[h->n_sections - 1].type = 9;
    seal(bytes);
    put_file(bytes, n);
    expect_refused("newer version: it needs section type 9");
    table[h->n_sections - 1].type = type;

    adah_status status;
    TEMPORARY_PATH(folder, "missing", path);
    adah_index *x = NULL;
    assert_int_equal(adah_index_open(path, &x, &status), ADAH_ERROR_IO);
    assert_non_null(strstr(status.message, "missing"));
    adah_memory_free(bytes);
}

/* A later version may add a section that this one passes over. */
static void test_an_unknown_section_that_may_be_ignored(void **state) {
    (void)state;
    size_t n;
    uint8_t *bytes = read_built(&n);
    size_t n_padded = (n + 63) / 64 * 64;
    uint8_t *longer = adah_memory_zeroed(n_padded + 3, 1);
    memcpy(longer, bytes, n);
    memcpy(longer + n_padded, "new", 3);
    adah_index_header *h = (void *)longer;
    adah_index_section *table = (void *)(h + 1);
    /* All eight places of the table are taken: the texts make room. */
    assert_int_equal(h->n_sections, 8);
    assert_int_equal(table[7].type, ADAH_SECTION_TEXT_RECORDS);
    memset(longer + table[6].offset, 0, n_padded - table[6].offset);
    table[6] = (adah_index_section){1000, ADAH_INDEX_MAY_IGNORE, n_padded, 3, XXH3_64bits("new", 3)};
    memset(&table[7], 0, sizeof table[7]);
    h->n_sections = 7;
    h->n_file_bytes = n_padded + 3;
    seal(longer);
    put_file(longer, n_padded + 3);
    adah_index *x = open_index();
    size_t n_codes;
    assert_null(adah_index_codes(x, ADAH_TEXT, &n_codes));
    assert_non_null(adah_index_codes(x, ADAH_IMAGE, &n_codes));
    adah_index_close(x);
    assert_int_equal(adah_index_verify(path, NULL), ADAH_OK);
    adah_memory_free(bytes);
    adah_memory_free(longer);
}

static void test_a_cut_file_is_damaged(void **state) {
    (void)state;
    size_t n;
    uint8_t *bytes = read_built(&n);
    for (size_t length = 8; length < n; length++) {
        put_file(bytes, length);
        expect_refused("damaged");
    }
    uint8_t *longer = adah_memory_zeroed(n + 1, 1);
    memcpy(longer, bytes, n);
    put_file(longer, n + 1);
    expect_refused("damaged");
    adah_memory_free(longer);
    adah_memory_free(bytes);
}

/* Everything a program may ask of an index that opened: errors are fine, reads outside it are not. */
static void use_all(const adah_index *x) {
    const uint8_t zero[2] = {0, 0};
    size_t n_read = 0; /* so that reading is not optimised away */
    for (uint64_t i = 0; i < adah_index_count(x); i++) {
        adah_index_entry e;
        if (adah_index_record(x, i, &e, NULL) == ADAH_OK) {
            n_read += strlen(e.file_name) + strlen(e.text);
            for (size_t j = 0; j < e.n_labels; j++) {
                const char *name = adah_index_label_name(x, e.label[j]);
                n_read += name ? strlen(name) : 0;
            }
        }
    }
    for (int m = 0; m < 2; m++) {
        adah_search_hit hits[N_RECORDS];
        size_t n_hits = 0;
        (void)adah_index_search(x, (adah_modality)m, zero, N_RECORDS, hits, &n_hits, NULL);
        for (size_t i = 0; i < n_hits; i++)
            assert_true(hits[i].record < adah_index_count(x));
    }
    assert_true(n_read < 10000);
}

static void test_every_damaged_byte_is_noticed(void **state) {
    (void)state;
    size_t n;
    uint8_t *bytes = read_built(&n);
    const uint8_t flips[] = {0x01, 0x80, 0xff};
    for (size_t i = 0; i < n; i++)
        for (size_t f = 0; f < sizeof flips; f++) {
            adah_status status = {ADAH_OK, ""};
            adah_index *x = NULL;
            bytes[i] ^= flips[f];
            put_file(bytes, n);
            if (adah_index_verify(path, &status) != ADAH_ERROR_FORMAT)
                fail_msg("byte %zu changed by %02x: verified", i, flips[f]);
            if (adah_index_open(path, &x, NULL) == ADAH_OK)
                use_all(x);
            adah_index_close(x);
            bytes[i] ^= flips[f];
        }
    adah_memory_free(bytes);
}

/* What a change of the header or the section table is called, once its checksum is right again. */
static void test_headers_that_contradict_the_file(void **state) {
    (void)state;
    size_t n;
    uint8_t *bytes = read_built(&n), copy[64 + 8 * 32];
    adah_index_header *h = (void *)bytes;
    adah_index_section *table = (void *)(h + 1);
    memcpy(copy, bytes, sizeof copy);
    const struct {
        void *at;
        uint64_t value;
        size_t n_bytes;
        const char *message;
    } cases[] = {
        {&h->version, 0, 4, "impossible header"},
        {&h->n_bits, 12, 4, "impossible header: version 1, 12 bits"},
        {&h->n_bits, 0, 4, "impossible header"},
        {&h->n_bits, 2048, 4, "impossible header"},
        {&h->zero, 1, 4, "impossible header"},
        {&h->n_records, UINT64_MAX, 8, "impossible header"},
        {&h->n_records, N_RECORDS + 1, 8, "section type 2 does not fit its data"},
        {&h->n_file_bytes, n - 1, 8, "expected"},
        {&h->n_sections, 33, 4, "a table of 33 sections"},
        {&h->n_sections, 7, 4, "bytes behind the last section"},
        {&h->n_bits, 24, 4, "the sizes of section types 5 and 6 do not fit"},
        {&h->n_bits, 32, 4, "the sizes of section types 5 and 6 do not fit"},
        {&table[0].type, 0, 4, "section type 0 is zero or there twice"},
        {&table[1].type, 1, 4, "section type 1 is zero or there twice"},
        {&table[1].offset, table[0].offset, 8, "section 1 (type 2) lies outside the file or on another"},
        {&table[1].offset, table[1].offset + 8, 8, "section 1 (type 2) lies outside"},
        {&table[0].offset, 0, 8, "section 0 (type 1) lies outside"},
        {&table[7].offset, (n + 63) / 64 * 64, 8, "section 7 (type 8) lies outside"},
        {&table[7].offset, UINT64_MAX - 63, 8, "section 7 (type 8) lies outside"},
        {&table[7].n_bytes, UINT64_MAX, 8, "section 7 (type 8) lies outside"},
        {&table[0].n_bytes, table[0].n_bytes - 4, 8, "section type 2 does not fit its data"},
        {&table[3].n_bytes, 0, 8, "0 label starts"},
        {&table[2].n_bytes, table[2].n_bytes - 1, 8, "section type 4 does not fit its data"},
        {&table[5].n_bytes, table[5].n_bytes - 8, 8, "the sizes of section types 5 and 6 do not fit"},
        {&table[7].type, 9, 4, "newer version"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        memcpy(cases[i].at, &cases[i].value, cases[i].n_bytes);
        seal(bytes);
        put_file(bytes, n);
        expect_refused(cases[i].message);
        memcpy(bytes, copy, sizeof copy);
    }
    /* A section that must be there, made one that may be passed over. */
    table[3].type = 77;
    table[3].flags = ADAH_INDEX_MAY_IGNORE;
    seal(bytes);
    put_file(bytes, n);
    expect_refused("section type 4 is missing");
    adah_memory_free(bytes);
}

/* Damage behind the header is found where it is used. */
static void test_damage_is_found_at_the_access(void **state) {
    (void)state;
    size_t n;
    uint8_t *bytes = read_built(&n);
    const adah_index_section *table = (const void *)(bytes + sizeof(adah_index_header));
    uint8_t *data = bytes + table[0].offset;
    uint64_t *starts = (void *)(bytes + table[1].offset), *label_starts = (void *)(bytes + table[3].offset);
    const struct {
        void *at;
        uint64_t value;
        size_t n_bytes, record;
        const char *message;
    } cases[] = {
        {data + 12 + 8 + 7, 'x', 1, 0, "a string of record 0 has no end"},      /* behind a/1.jpg */
        {data + 12 + 8 + 8 + 10, 'x', 1, 0, "a string of record 0 has no end"}, /* behind a red boat */
        {data + 12, 4, 4, 0, "record 0 has label 4 of 4"},
        {data + 12, 1, 4, 0, "labels out of order"},
        {data, 3, 4, 0, "record 0 is not whole"},
        {data + 4, UINT32_MAX, 4, 0, "record 0 is not whole"},
        {&starts[1], starts[1] + 4, 8, 1, "record 1 is not whole"},
        {&starts[1], starts[1] + 1, 8, 1, "record 1 is not whole"},
        {&starts[2], 0, 8, 1, "record 1 is not whole"},
        {&starts[2], UINT64_MAX, 8, 1, "record 1 is not whole"},
        {&starts[2], starts[1] + 8, 8, 1, "record 1 is not whole"},
    };
    adah_index_entry e = {.n_labels = 77};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint8_t copy[8];
        memcpy(copy, cases[i].at, cases[i].n_bytes);
        memcpy(cases[i].at, &cases[i].value, cases[i].n_bytes);
        put_file(bytes, n);
        adah_index *x = open_index();
        adah_status status = {ADAH_OK, ""};
        assert_int_equal(adah_index_record(x, cases[i].record, &e, &status), ADAH_ERROR_FORMAT);
        if (!strstr(status.message, cases[i].message))
            fail_msg("expected \"%s\", got \"%s\"", cases[i].message, status.message);
        assert_int_equal(e.n_labels, 77);
        adah_index_close(x);
        memcpy(cases[i].at, copy, cases[i].n_bytes);
    }
    label_starts[1] = 3;                                            /* "sea" without its NUL, then "" and "boat" */
    ((uint64_t *)(void *)(bytes + table[5].offset))[3] = N_RECORDS; /* the record of the last image code */
    put_file(bytes, n);
    adah_index *x = open_index();
    assert_null(adah_index_label_name(x, 0));
    adah_search_hit hits[4] = {{77, 77}};
    size_t n_hits = 99;
    adah_status status;
    const uint8_t zero[2] = {0, 0};
    assert_int_equal(adah_index_search(x, ADAH_IMAGE, zero, 4, hits, &n_hits, &status), ADAH_ERROR_FORMAT);
    assert_non_null(strstr(status.message, "code 3 belongs to record 5 of 5"));
    assert_int_equal(n_hits, 99);
    assert_int_equal(hits[0].record, 77);
    adah_index_close(x);
    adah_memory_free(bytes);
}

/* A file that lies consistently: its checksums are right, its numbers are not. */
static void test_wrong_numbers_under_right_checksums(void **state) {
    (void)state;
    size_t n;
    uint8_t *bytes = read_built(&n);
    adah_index_header *h = (void *)bytes;
    adah_index_section *table = (void *)(h + 1);
    for (size_t at = 12; at < n; at += 4) { /* every number behind the magic and the version */
        if (at >= 56 && at < 64)
            continue; /* the checksum itself */
        const uint32_t values[] = {0, 1, 3, 4, 64, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
        uint8_t copy[4];
        memcpy(copy, bytes + at, 4);
        for (size_t v = 0; v < sizeof values / sizeof *values; v++) {
            memcpy(bytes + at, &values[v], 4);
            for (uint32_t s = 0; s < 8; s++) {
                if (at >= 64 + 32 * 8) /* a change in the contents */
                    table[s].checksum = XXH3_64bits(bytes + table[s].offset, table[s].n_bytes);
            }
            seal(bytes);
            put_file(bytes, n);
            adah_index *x = NULL;
            adah_status status = {ADAH_OK, ""};
            (void)adah_index_verify(path, &status);
            if (adah_index_open(path, &x, NULL) == ADAH_OK)
                use_all(x);
            adah_index_close(x);
            memcpy(bytes + at, copy, 4);
            if (h->n_sections != 8)
                fail_msg("the test changed what it relies on");
        }
    }
    adah_memory_free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_records_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_codes_lie_dense_with_their_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_search_gives_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_empty_collection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_collection_of_texts_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_builder_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_files_and_newer_versions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_unknown_section_that_may_be_ignored, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_cut_file_is_damaged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_damaged_byte_is_noticed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_headers_that_contradict_the_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_damage_is_found_at_the_access, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_numbers_under_right_checksums, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
