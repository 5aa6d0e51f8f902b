/* (unit) A collection written at once: what goes in comes out, searches give records, foreign files are refused. */
#define _GNU_SOURCE
#include "base/file.h"
#include "base/memory.h"
#include "index/index_builder.h"
#include "index/index_format.h"
#include "temporary_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

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
    adah_status status = {0};
    assert_int_equal(adah_index_builder_create(path, 16, identity, "none", &b, &status), ADAH_OK);
    for (size_t i = 0; i < N_RECORDS; i++) {
        const adah_index_item item = {.id = ADAH_NO_ID,
                                      .file_name = records[i].file_name,
                                      .text = records[i].text,
                                      .label = records[i].label,
                                      .n_labels = records[i].n_labels,
                                      .image_code = records[i].has_image ? records[i].image : NULL,
                                      .text_code = records[i].has_text ? records[i].text_code : NULL};
        if (adah_index_builder_add(b, &item, &status) != ADAH_OK)
            fail_msg("%s", status.message);
    }
    assert_false(adah_file_exists(path)); /* nothing before it is whole */
    assert_int_equal(adah_index_builder_publish(b, 0, NULL, &status), ADAH_OK);
    assert_int_equal(temporary_folder_count(&folder), 1);
}

static adah_index *open_index(void) {
    adah_index *x = NULL;
    adah_status status = {0};
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
        assert_int_equal(e.id, i);
        assert_int_equal(e.image_code != NULL, records[i].has_image);
        assert_int_equal(e.text_code != NULL, records[i].has_text);
        if (e.image_code)
            assert_memory_equal(e.image_code, records[i].image, 2);
        if (e.text_code)
            assert_memory_equal(e.text_code, records[i].text_code, 2);
        adah_index_entry_free(&e);
    }
    adah_index_entry e;
    adah_status status;
    assert_int_equal(adah_index_record(x, N_RECORDS, &e, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "row 5 of 5"));
    adah_index_close(x);
    assert_int_equal(adah_index_verify(path, NULL), ADAH_OK);
}

static void expect_hits(const adah_index *x, adah_modality to, size_t k, const adah_search_hit *expected, size_t n) {
    static const uint8_t zero[2] = {0, 0};
    adah_search_options o;
    adah_search_options_init(&o);
    adah_search_result r;
    o.k = k;
    assert_int_equal(adah_index_search(x, to, zero, 1, &o, &r, NULL), ADAH_OK);
    assert_int_equal(r.n_hits, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(r.hits[i].id, expected[i].id);
        assert_int_equal(r.hits[i].row, expected[i].id);
        assert_int_equal(r.hits[i].distance, expected[i].distance);
    }
    adah_search_result_free(&r);
}

static void test_search_gives_records(void **state) {
    (void)state;
    build();
    adah_index *x = open_index();
    /* images: record 0 at 0, records 3 and 4 at 1, record 2 at 8; texts: record 2 at 0, record 1 at 4, record 0 at 16
     */
    const adah_search_hit images[] = {{0, 0, 0, 0, 0, 0}, {3, 3, 1, 0, 0, 0}, {4, 4, 1, 0, 0, 0}, {2, 2, 8, 0, 0, 0}};
    const adah_search_hit texts[] = {{2, 2, 0, 0, 0, 0}, {1, 1, 4, 0, 0, 0}, {0, 0, 16, 0, 0, 0}};
    expect_hits(x, ADAH_IMAGE, 9, images, 4);
    expect_hits(x, ADAH_IMAGE, 2, images, 2);
    expect_hits(x, ADAH_TEXT, 3, texts, 3);
    expect_hits(x, ADAH_TEXT, 0, texts, 0);
    adah_status status;
    adah_search_result r;
    const uint8_t zero[2] = {0, 0};
    assert_int_equal(adah_index_search(x, (adah_modality)2, zero, 1, NULL, &r, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "modality 2"));
    const adah_search_options bad = {.size = sizeof bad, .k = 1, .method = (adah_search_method)3};
    assert_int_equal(adah_index_search(x, ADAH_IMAGE, zero, 1, &bad, &r, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "search method 3"));
    adah_index_close(x);
}

static void test_an_empty_collection(void **state) {
    (void)state;
    adah_index_builder *b;
    assert_int_equal(adah_index_builder_create(path, 64, identity, "none", &b, NULL), ADAH_OK);
    assert_int_equal(adah_index_builder_publish(b, 0, NULL, NULL), ADAH_OK);
    adah_index *x = open_index();
    const uint8_t code[8] = {0};
    adah_search_result r = {NULL, 9};
    assert_int_equal(adah_index_count(x), 0);
    assert_int_equal(adah_index_label_count(x), 0);
    assert_int_equal(adah_index_search(x, ADAH_TEXT, code, 1, NULL, &r, NULL), ADAH_OK);
    assert_int_equal(r.n_hits, 0);
    adah_search_result_free(&r);
    adah_index_close(x);
    assert_int_equal(adah_index_verify(path, NULL), ADAH_OK);
}

static void test_a_collection_of_texts_alone(void **state) {
    (void)state;
    adah_index_builder *b;
    const uint8_t code[1] = {7};
    const adah_index_item item = {.id = 40, .file_name = "a", .text = "b", .text_code = code};
    assert_int_equal(adah_index_builder_create(path, 8, identity, "none", &b, NULL), ADAH_OK);
    assert_int_equal(adah_index_builder_add(b, &item, NULL), ADAH_OK);
    assert_int_equal(adah_index_builder_publish(b, 50, NULL, NULL), ADAH_OK);
    adah_index *x = open_index();
    adah_search_result r;
    adah_status status;
    assert_int_equal(adah_index_search(x, ADAH_IMAGE, code, 1, NULL, &r, &status), ADAH_ERROR_MISMATCH);
    assert_non_null(strstr(status.message, "no codes of images"));
    assert_int_equal(adah_index_search(x, ADAH_TEXT, code, 1, NULL, &r, NULL), ADAH_OK);
    assert_int_equal(r.n_hits, 1);
    assert_int_equal(r.hits[0].id, 40);
    assert_int_equal(r.hits[0].row, 0);
    adah_search_result_free(&r);
    adah_index_close(x);
}

static void test_the_builder_refuses(void **state) {
    (void)state;
    adah_index_builder *b = NULL;
    adah_status status;
    const size_t bad[] = {0, 4, 20, 1032};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(adah_index_builder_create(path, bad[i], identity, "none", &b, &status), ADAH_ERROR_ARGUMENT);
        assert_null(b);
    }
    assert_int_equal(adah_index_builder_create("/nowhere/at/all.index", 8, identity, "none", &b, &status), ADAH_ERROR_NOT_FOUND);
    assert_null(b);
    assert_int_equal(adah_index_builder_create(path, 8, identity, "none", &b, NULL), ADAH_OK);
    const adah_index_item lonely = {.file_name = "lonely"};
    assert_int_equal(adah_index_builder_add(b, &lonely, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "lonely"));
    adah_index_builder_abort(b);
    adah_index_builder_abort(NULL);
    assert_int_equal(temporary_folder_count(&folder), 0);
}

static void test_foreign_files_and_other_versions(void **state) {
    (void)state;
    size_t n;
    uint8_t *bytes;
    build();
    assert_int_equal(adah_file_read(path, 1 << 20, &bytes, &n, NULL), ADAH_OK);
    adah_index_header *h = (void *)bytes;
    const struct {
        uint32_t version;
        size_t n_bytes;
        adah_code code;
        const char *message;
    } cases[] = {
        {2, 0, ADAH_ERROR_FORMAT, "not an adah index"},
        {2, 7, ADAH_ERROR_FORMAT, "not an adah index"},
        {2, 63, ADAH_ERROR_CORRUPT, "inside the header"},
        {2, ADAH_INDEX_FRONT_BYTES - 1, ADAH_ERROR_CORRUPT, "inside the header"},
        {3, n, ADAH_ERROR_FORMAT, "newer version: 3, this library reads version 2"},
        {1, n, ADAH_ERROR_FORMAT, "an index of version 1, this library reads version 2: make it anew"},
        {0x02000000, n, ADAH_ERROR_FORMAT, "another byte order"},
        {0, n, ADAH_ERROR_CORRUPT, "damaged"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        adah_index *x = NULL;
        adah_status status = {0};
        h->version = cases[i].version;
        assert_int_equal(adah_file_publish(path, bytes, cases[i].n_bytes, NULL), ADAH_OK);
        if (adah_index_open(path, &x, &status) != cases[i].code || !strstr(status.message, cases[i].message) ||
            !strstr(status.message, path))
            fail_msg("expected \"%s\", got \"%s\"", cases[i].message, status.message);
        assert_null(x);
        assert_int_equal(adah_index_verify(path, NULL), cases[i].code);
    }
    adah_memory_free(bytes);
    adah_status status;
    adah_index *x = NULL;
    TEMPORARY_PATH(folder, "missing", path);
    assert_int_equal(adah_index_open(path, &x, &status), ADAH_ERROR_NOT_FOUND);
    assert_non_null(strstr(status.message, "missing"));
    assert_int_equal(adah_index_open(folder.path, &x, &status), ADAH_ERROR_IO);
    assert_non_null(strstr(status.message, "not a regular file"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_records_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_search_gives_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_empty_collection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_collection_of_texts_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_builder_refuses, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_foreign_files_and_other_versions, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
