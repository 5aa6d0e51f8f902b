/* (unit) Changing a collection: batches, states that stay as they were, one writer, compaction, and what is refused. */
#define _GNU_SOURCE
#include "base/file.h"
#include "base/memory.h"
#include "index/index_builder.h"
#include "temporary_folder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static temporary_folder folder;
static char path[512];
static const uint8_t identity[16] = {0};

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

static void expect_ok(adah_code code, const adah_status *status) {
    if (code != ADAH_OK)
        fail_msg("%s", status->message);
}
#define OK(call) expect_ok(call, &status)

static adah_status status;

static adah_index_writer *create(size_t n_bits) {
    adah_index_builder *b;
    adah_index_writer *w;
    OK(adah_index_builder_create(path, n_bits, identity, "none", &b, &status));
    OK(adah_index_builder_publish(b, 0, NULL, &status));
    OK(adah_index_writer_open(path, &w, &status));
    return w;
}

/* A record of one byte's code with its name and labels. */
static adah_index_item item(uint64_t id, const char *name, const uint8_t *code) {
    return (adah_index_item){.id = id, .file_name = name, .text = "a text", .image_code = code, .text_code = code};
}

static uint64_t add(adah_index_writer *w, uint64_t id, const char *name, uint8_t code) {
    const adah_index_item new_item = item(id, name, &code);
    uint64_t given = 99;
    OK(adah_index_writer_add(w, &new_item, &given, &status));
    return given;
}

/* The records of a state as "id:name,...", in order of rows. */
static const char *content(const adah_index *x) {
    static char text[1000];
    size_t n = 0;
    text[0] = '\0';
    for (uint64_t row = 0; row < adah_index_rows(x); row++) {
        adah_index_entry e;
        const adah_code code = adah_index_record(x, row, &e, &status);
        if (code == ADAH_ERROR_NOT_FOUND)
            continue;
        OK(code);
        uint64_t found = 0;
        assert_int_equal(adah_index_find(x, e.id, &found), 1);
        assert_int_equal(found, row);
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%d:%s", n ? "," : "", (int)e.id, e.file_name);
        adah_index_entry_free(&e);
    }
    return text;
}

static void expect_file(const char *expected) {
    adah_index *x;
    OK(adah_index_open(path, &x, &status));
    assert_string_equal(content(x), expected);
    adah_index_close(x);
    OK(adah_index_verify(path, &status));
}

/* Vectors: refused where they cannot belong, and nothing is added then; an index without grows by records with them, and back. */
static void test_vectors(void **state) {
    (void)state;
    static const uint8_t code = 5;
    static const int8_t fine[ADAH_FINE_MAX + 8] = {7, -7}, zeros[16];
    adah_index_writer *w = create(8);
    add(w, ADAH_NO_ID, "bare", 1);
    OK(adah_index_writer_commit(w, &status));
    assert_int_equal(adah_index_fine(adah_index_writer_state(w), ADAH_IMAGE), 0);
    assert_string_equal(adah_index_cannot_order(adah_index_writer_state(w), ADAH_IMAGE, 16), "the index has no vectors");
    adah_index_item one = item(ADAH_NO_ID, "one", &code);
    one.text_code = NULL;
    one.image_fine = fine;
    static const size_t bad[] = {0, 4, 12, ADAH_FINE_MAX + 8};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        one.n_image_fine = bad[i];
        assert_int_equal(adah_index_writer_add(w, &one, NULL, &status), ADAH_ERROR_ARGUMENT);
    }
    one.n_image_fine = one.n_text_fine = 16;
    one.text_fine = fine; /* it has no text */
    assert_int_equal(adah_index_writer_add(w, &one, NULL, &status), ADAH_ERROR_ARGUMENT);
    one.text_fine = NULL;
    OK(adah_index_writer_add(w, &one, NULL, &status));
    one.n_image_fine = 24; /* not as in this batch */
    assert_int_equal(adah_index_writer_add(w, &one, NULL, &status), ADAH_ERROR_MISMATCH);
    OK(adah_index_writer_commit(w, &status));
    assert_int_equal(adah_index_writer_add(w, &one, NULL, &status), ADAH_ERROR_MISMATCH); /* nor as in the index */
    one.image_fine = zeros; /* none */
    one.n_image_fine = 16;
    OK(adah_index_writer_add(w, &one, NULL, &status));
    OK(adah_index_writer_commit(w, &status));
    for (int compacted = 0; compacted < 2; compacted++) {
        const adah_index *x = adah_index_writer_state(w);
        assert_int_equal(adah_index_fine(x, ADAH_IMAGE), 16);
        assert_int_equal(adah_index_fine(x, ADAH_TEXT), 0);
        for (uint64_t row = 0; row < 3; row++) {
            adah_index_entry e;
            OK(adah_index_record(x, row, &e, &status));
            assert_int_equal(e.image_fine != NULL, row == 1);
            assert_null(e.text_fine);
            if (row == 1)
                assert_memory_equal(e.image_fine, fine, 16);
            adah_index_entry_free(&e);
        }
        adah_search_result r;
        adah_search_options o;
        adah_search_options_init(&o);
        o.fine = fine;
        o.n_fine = 16;
        const uint8_t query = 1;
        OK(adah_index_search(x, ADAH_IMAGE, &query, 1, &o, &r, &status));
        assert_int_equal(r.n_hits, 3);
        assert_int_equal(r.hits[0].id, 1); /* the only one with a vector, though another one is nearer */
        assert_true(fabsf(r.hits[0].score - 0.95F) < 1e-6F); /* (1 + (1 - 2 / 8) / 4) / (5 / 4) */
        assert_true(r.hits[1].score == ADAH_NO_SCORE);
        assert_int_equal(r.hits[1].id, 0);
        adah_search_result_free(&r);
        o.n_fine = 24;
        assert_int_equal(adah_index_search(x, ADAH_IMAGE, &query, 1, &o, &r, &status), ADAH_ERROR_MISMATCH);
        o.fine_of = ADAH_TEXT; /* of which the index has none: of any length */
        OK(adah_index_search(x, ADAH_IMAGE, &query, 1, &o, &r, &status));
        assert_true(r.hits[0].id == 1 && fabsf(r.hits[0].score - 0.95F) < 1e-6F);
        adah_search_result_free(&r);
        assert_string_equal(adah_index_cannot_order(x, ADAH_IMAGE, 0), "the query has no vector");
        o.fine_of = ADAH_IMAGE;
        o.n_fine = 16;
        o.relaxed = (const float[8]){1};
        assert_int_equal(adah_index_search(x, ADAH_IMAGE, &query, 1, &o, &r, &status), ADAH_ERROR_ARGUMENT);
        if (!compacted)
            OK(adah_index_writer_compact(w, (adah_progress){0}, &status));
    }
    adah_index_writer_close(w);
    expect_file("0:bare,1:one,2:one");
}

/* Vectors of images and texts have lengths of their own, and what a query compares is what both have. */
static void test_vectors_of_two_lengths(void **state) {
    (void)state;
    static const uint8_t code = 5;
    static const int8_t image[16] = {3, 4, 0, 0, 0, 0, 0, 0, 100}, text[8] = {30, 40};
    adah_index_writer *w = create(8);
    adah_index_item one = item(ADAH_NO_ID, "one", &code);
    one.image_fine = image;
    one.text_fine = text;
    one.n_image_fine = 16;
    one.n_text_fine = 8;
    for (int commit = 0; commit < 2; commit++) {
        OK(adah_index_writer_add(w, &one, NULL, &status));
        OK(adah_index_writer_commit(w, &status));
    }
    OK(adah_index_writer_compact(w, (adah_progress){0}, &status));
    const adah_index *x = adah_index_writer_state(w);
    assert_int_equal(adah_index_fine(x, ADAH_IMAGE), 16);
    assert_int_equal(adah_index_fine(x, ADAH_TEXT), 8);
    adah_index_entry e;
    OK(adah_index_record(x, 1, &e, &status));
    assert_memory_equal(e.image_fine, image, 16);
    assert_memory_equal(e.text_fine, text, 8);
    adah_index_entry_free(&e);
    for (int of = 0; of < 2; of++)
        for (int to = 0; to < 2; to++) {
            adah_search_result r;
            adah_search_options o;
            adah_search_options_init(&o);
            o.fine_of = (adah_modality)of;
            o.fine = of == ADAH_IMAGE ? image : text;
            o.n_fine = of == ADAH_IMAGE ? 8 : 16;
            assert_int_equal(adah_index_search(x, (adah_modality)to, &code, 1, &o, &r, &status), ADAH_ERROR_MISMATCH);
            o.n_fine = adah_index_fine(x, o.fine_of);
            OK(adah_index_search(x, (adah_modality)to, &code, 1, &o, &r, &status));
            assert_int_equal(r.n_hits, 2);
            assert_true(r.hits[0].score > 0.9999F && r.hits[1].score > 0.9999F); /* 3 : 4 and 30 : 40, whatever follows */
            adah_search_result_free(&r);
        }
    one.n_text_fine = 16;
    assert_int_equal(adah_index_writer_add(w, &one, NULL, &status), ADAH_ERROR_MISMATCH);
    adah_index_writer_close(w);
}

static void test_batches_and_states(void **state) {
    (void)state;
    adah_index_writer *w = create(8);
    adah_index *empty, *one, *two, *three;
    OK(adah_index_open(path, &empty, &status));
    assert_int_equal(add(w, ADAH_NO_ID, "a", 1), 0);
    assert_int_equal(add(w, ADAH_NO_ID, "b", 2), 1);
    OK(adah_index_latest(empty, &one, &status)); /* nothing is committed */
    assert_ptr_equal(one, empty);
    adah_index_close(one);
    OK(adah_index_writer_commit(w, &status));
    OK(adah_index_latest(empty, &one, &status));
    assert_string_equal(content(one), "0:a,1:b");
    assert_string_equal(content(empty), "");
    assert_int_equal(adah_index_count(empty), 0);

    assert_int_equal(add(w, 7, "h", 3), 7);
    assert_int_equal(add(w, 5, "f", 4), 5); /* below the one before */
    assert_int_equal(add(w, ADAH_NO_ID, "i", 5), 8);
    OK(adah_index_writer_delete(w, 0, &status));
    const uint8_t code = 200;
    adah_index_item b = item(1, "B", &code);
    OK(adah_index_writer_replace(w, &b, &status));
    OK(adah_index_writer_commit(w, &status));
    OK(adah_index_latest(one, &two, &status));
    assert_string_equal(content(two), "1:B,5:f,7:h,8:i");
    assert_string_equal(content(one), "0:a,1:b");
    assert_int_equal(adah_index_count(two), 4);
    assert_int_equal(adah_index_rows(two), 6);

    OK(adah_index_writer_compact(w, (adah_progress){0}, &status));
    OK(adah_index_latest(two, &three, &status)); /* another file now */
    assert_string_equal(content(three), "1:B,5:f,7:h,8:i");
    assert_int_equal(adah_index_rows(three), 4);
    assert_string_equal(content(two), "1:B,5:f,7:h,8:i");
    assert_string_equal(content(one), "0:a,1:b");
    assert_int_equal(add(w, ADAH_NO_ID, "j", 5), 9); /* ids go on */
    OK(adah_index_writer_commit(w, &status));
    adah_index_writer_close(w);
    expect_file("1:B,5:f,7:h,8:i,9:j");
    adah_index *all[] = {empty, one, two, three};
    for (int i = 0; i < 4; i++)
        adah_index_close(all[i]);
    assert_int_equal(temporary_folder_count(&folder), 1);
}

static void test_what_is_not_committed_is_dropped(void **state) {
    (void)state;
    adah_index_writer *w = create(8);
    add(w, ADAH_NO_ID, "a", 1);
    OK(adah_index_writer_commit(w, &status));
    OK(adah_index_writer_commit(w, &status)); /* nothing to do */
    add(w, ADAH_NO_ID, "b", 1);
    OK(adah_index_writer_delete(w, 0, &status));
    assert_int_equal(adah_index_writer_compact(w, (adah_progress){0}, &status), ADAH_ERROR_ARGUMENT);
    adah_index_writer_close(w);
    expect_file("0:a");
    OK(adah_index_writer_open(path, &w, &status));
    assert_int_equal(add(w, ADAH_NO_ID, "c", 1), 1);
    adah_index_writer_close(w);
}

static void test_one_writer_at_a_time(void **state) {
    (void)state;
    adah_index_writer *w = create(8), *second = NULL;
    assert_int_equal(adah_index_writer_open(path, &second, &status), ADAH_ERROR_BUSY);
    assert_non_null(strstr(status.message, "another writer"));
    assert_null(second);
    OK(adah_index_writer_compact(w, (adah_progress){0}, &status)); /* the lock goes over to the new file */
    assert_int_equal(adah_index_writer_open(path, &second, &status), ADAH_ERROR_BUSY);
    adah_index_writer_close(w);
    OK(adah_index_writer_open(path, &second, &status));
    adah_index_writer_close(second);
}

static void test_what_is_refused(void **state) {
    (void)state;
    adah_index_writer *w = create(8);
    const uint8_t code = 1;
    adah_index_item a = item(3, "a", &code), none = {.id = 9, .file_name = "none"};
    add(w, 3, "a", 1);
    assert_int_equal(adah_index_writer_add(w, &a, NULL, &status), ADAH_ERROR_EXISTS); /* in the batch */
    assert_non_null(strstr(status.message, "id 3 is taken"));
    assert_int_equal(adah_index_writer_replace(w, &a, &status), ADAH_ERROR_EXISTS);
    assert_non_null(strstr(status.message, "this batch has already a record with id 3"));
    assert_int_equal(adah_index_writer_delete(w, 3, &status), ADAH_ERROR_EXISTS);
    OK(adah_index_writer_commit(w, &status));
    assert_int_equal(adah_index_writer_add(w, &a, NULL, &status), ADAH_ERROR_EXISTS); /* in the file */
    assert_int_equal(adah_index_writer_delete(w, 4, &status), ADAH_ERROR_NOT_FOUND);
    assert_non_null(strstr(status.message, "there is no record with id 4"));
    assert_int_equal(adah_index_writer_add(w, &none, NULL, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "none: a record needs the code"));
    none.id = 3;
    assert_int_equal(adah_index_writer_replace(w, &none, &status), ADAH_ERROR_ARGUMENT);
    OK(adah_index_writer_delete(w, 3, &status)); /* which the replacement did not do */
    assert_int_equal(adah_index_writer_delete(w, 3, &status), ADAH_ERROR_NOT_FOUND);
    OK(adah_index_writer_add(w, &a, NULL, &status)); /* its id is free again */
    OK(adah_index_writer_commit(w, &status));
    a.id = UINT64_MAX - 1;
    OK(adah_index_writer_add(w, &a, NULL, &status));
    a.id = ADAH_NO_ID;
    assert_int_equal(adah_index_writer_add(w, &a, NULL, &status), ADAH_ERROR_EXISTS);
    assert_non_null(strstr(status.message, "no id left"));
    adah_index_writer_close(w);
    expect_file("3:a");
    assert_int_equal(adah_index_writer_open("/nowhere/x", &w, &status), ADAH_ERROR_NOT_FOUND);
}

static void test_labels_go_on_through_batches(void **state) {
    (void)state;
    adah_index_writer *w = create(8);
    const uint8_t code = 1;
    const char *const labels[3][3] = {{"sea", "sky", "sea"}, {"tree", "sky", "sea"}, {"tree", "rock", "tree"}};
    const char *const expected[3] = {"sea sky ", "sea sky tree ", "tree rock "};
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < 3; i++) {
            adah_index_item labelled = item(ADAH_NO_ID, "x", &code);
            labelled.label = labels[i];
            labelled.n_labels = 3;
            OK(adah_index_writer_add(w, &labelled, NULL, &status));
            if (i == 1) { /* names of a batch that is dropped are forgotten */
                adah_index_writer_close(w);
                OK(adah_index_writer_open(path, &w, &status));
                OK(adah_index_writer_add(w, &labelled, NULL, &status));
            }
            OK(adah_index_writer_commit(w, &status));
        }
        const adah_index *x = adah_index_writer_state(w);
        assert_int_equal(adah_index_label_count(x), 4);
        for (uint64_t row = 0; row < adah_index_rows(x); row++) {
            adah_index_entry e;
            char names[100] = "";
            OK(adah_index_record(x, row, &e, &status));
            for (size_t i = 0; i < e.n_labels; i++)
                strcat(strcat(names, adah_index_label_name(x, e.label[i])), " ");
            adah_index_entry_free(&e);
            assert_string_equal(names, expected[row % 3]);
        }
        OK(adah_index_writer_compact(w, (adah_progress){0}, &status));
    }
    adah_index_writer_close(w);
    OK(adah_index_verify(path, &status));
}

/* Codes alone cost their bytes and little more. */
static void test_bare_codes(void **state) {
    (void)state;
    enum { N = 20000 };
    static uint8_t codes[N * 8];
    adah_index_writer *w = create(64);
    uint64_t first = 99;
    adah_index_entry e;
    for (size_t i = 0; i < sizeof codes; i++)
        codes[i] = (uint8_t)(i * 2654435761u >> 13);
    OK(adah_index_writer_add_codes(w, N, codes, NULL, &first, &status));
    OK(adah_index_writer_commit(w, &status));
    assert_int_equal(first, 0);
    OK(adah_index_writer_add_codes(w, N / 2, NULL, codes, &first, &status));
    assert_int_equal(first, N);
    OK(adah_index_writer_commit(w, &status));
    adah_file_map map;
    OK(adah_file_open_map(path, &map, &status));
    assert_true(map.n_bytes < (N + N / 2) * 8 * 1.05 + 10000);
    adah_file_close_map(&map);
    OK(adah_index_record(adah_index_writer_state(w), N + 5, &e, &status));
    assert_null(e.image_code);
    assert_memory_equal(e.text_code, codes + 5 * 8, 8);
    assert_string_equal(e.file_name, "");
    adah_index_entry_free(&e);
    OK(adah_index_writer_compact(w, (adah_progress){0}, &status));
    OK(adah_index_record(adah_index_writer_state(w), N + 5, &e, &status));
    assert_memory_equal(e.text_code, codes + 5 * 8, 8);
    adah_index_entry_free(&e);
    adah_index_writer_close(w);
    OK(adah_index_verify(path, &status));
}

static int stop_at_once(void *user, const adah_progress_event *event) {
    (void)event;
    return ++*(int *)user;
}

static void test_compaction_can_be_stopped(void **state) {
    (void)state;
    adah_index_writer *w = create(8);
    int n_calls = 0;
    add(w, ADAH_NO_ID, "a", 1);
    OK(adah_index_writer_commit(w, &status));
    assert_int_equal(adah_index_writer_compact(w, (adah_progress){stop_at_once, &n_calls}, &status),
                     ADAH_ERROR_CANCELLED);
    assert_int_equal(n_calls, 1);
    assert_int_equal(temporary_folder_count(&folder), 1);
    add(w, ADAH_NO_ID, "b", 1);
    OK(adah_index_writer_commit(w, &status));
    adah_index_writer_close(w);
    expect_file("0:a,1:b");
}

/* ---------------------------------------------------------------- notes */

/* The note of that name in the file; freed by adah_free. */
static char *note_of(const char *name) {
    adah_index *x;
    uint8_t *bytes = NULL;
    size_t n = 99;
    OK(adah_index_open(path, &x, &status));
    OK(adah_index_note(x, name, &bytes, &n, &status));
    assert_int_equal(n, bytes ? strlen((char *)bytes) : 0);
    adah_index_close(x);
    return (char *)bytes;
}

static void expect_note(const char *name, const char *expected) {
    char *found = note_of(name);
    if (expected)
        assert_string_equal(found, expected);
    else
        assert_null(found);
    adah_free(found);
}

static void test_notes(void **state) {
    (void)state;
    char name[300];
    adah_index_writer *w = create(8);
    memset(name, 'n', sizeof name);
    name[255] = '\0';
    OK(adah_index_writer_note(w, "alone", "1", 1, &status));
    expect_note("alone", NULL); /* not committed */
    OK(adah_index_writer_commit(w, &status));
    add(w, ADAH_NO_ID, "a", 1);
    OK(adah_index_writer_note(w, "one", "first", 5, &status));
    OK(adah_index_writer_note(w, name, "", 0, &status));
    OK(adah_index_writer_commit(w, &status));
    OK(adah_index_writer_note(w, "one", "second", 6, &status));
    OK(adah_index_writer_commit(w, &status));
    assert_int_equal(adah_index_writer_note(w, "", "x", 1, &status), ADAH_ERROR_ARGUMENT);
    assert_int_equal(adah_index_writer_note(w, "large", path, 65537, &status), ADAH_ERROR_ARGUMENT);
    strcat(name, "n");
    assert_int_equal(adah_index_writer_note(w, name, "x", 1, &status), ADAH_ERROR_ARGUMENT);
    name[255] = '\0';
    for (int i = 0; i < 2; i++) {
        expect_note("alone", "1");
        expect_note("one", "second");
        expect_note("on", NULL);
        expect_note(name, "");
        OK(adah_index_verify(path, &status));
        OK(adah_index_writer_compact(w, (adah_progress){0}, &status));
    }
    adah_index_writer_close(w);
    expect_file("0:a");
}

/* Compaction leaves the newest. */
static void test_old_notes_go(void **state) {
    (void)state;
    char name[32];
    adah_index_writer *w = create(8);
    for (int i = 0; i < ADAH_INDEX_NOTES_KEPT + 7; i++) {
        snprintf(name, sizeof name, "note %d", i);
        OK(adah_index_writer_note(w, name, name, strlen(name), &status));
        if (i % 100 == 0)
            OK(adah_index_writer_commit(w, &status));
    }
    OK(adah_index_writer_commit(w, &status));
    expect_note("note 0", "note 0");
    OK(adah_index_writer_compact(w, (adah_progress){0}, &status));
    adah_index_writer_close(w);
    expect_note("note 6", NULL);
    expect_note("note 7", "note 7");
    snprintf(name, sizeof name, "note %d", ADAH_INDEX_NOTES_KEPT + 6);
    expect_note(name, name);
    OK(adah_index_verify(path, &status));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_batches_and_states, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_vectors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_vectors_of_two_lengths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_not_committed_is_dropped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_one_writer_at_a_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_labels_go_on_through_batches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bare_codes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_compaction_can_be_stopped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_notes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_old_notes_go, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
