/* (unit) When and where records were taken: kept through batches, compaction and damage; searches, lists and timelines that dates, places and
 * folders narrow, against plain loops over all records. */
#define _GNU_SOURCE
#include "base/random.h"
#include "base/taken.h"
#include "index/index_builder.h"
#include "index/index_format.h"
#include "temporary_folder.h"

#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { N = 400, N_CODE_BYTES = 4, N_FOLDERS = 4, N_LABELS = 3 };
static const char *const folders[N_FOLDERS] = {"Italy/Rome", "Italy/Romagna", "Italy", "sea"};
static const char *const label_names[N_LABELS] = {"a", "b", "c"};
static const uint8_t identity[16] = {0};

typedef struct record {
    uint64_t id;
    char name[64];
    size_t label, n_labels;
    uint8_t code[N_CODE_BYTES];
    int has_code[2], is_there;
    adah_taken taken;
} record;

static temporary_folder folder;
static char path[512];
static adah_status status;
static record records[N];

static void expect_ok(adah_code code) {
    if (code != ADAH_OK)
        fail_msg("%s", status.message);
}
#define OK(call) expect_ok(call)

static uint64_t draw(uint64_t *state, uint64_t n) {
    *state = adah_random_mix(*state, 1);
    return *state % n;
}

static void make_record(uint64_t id, uint64_t seed) {
    uint64_t s = adah_random_mix(seed, id);
    record *r = &records[id];
    *r = (record){.id = id, .is_there = 1};
    snprintf(r->name, sizeof r->name, "%s/%llu.jpg", folders[draw(&s, N_FOLDERS)], (unsigned long long)id);
    r->n_labels = draw(&s, 2);
    r->label = draw(&s, N_LABELS);
    for (int i = 0; i < N_CODE_BYTES; i++)
        r->code[i] = (uint8_t)(draw(&s, 256) & draw(&s, 256));
    r->has_code[ADAH_IMAGE] = draw(&s, 5) > 0;
    r->has_code[ADAH_TEXT] = !r->has_code[ADAH_IMAGE] || draw(&s, 2);
    if (draw(&s, 4)) {
        r->taken.seconds = (int64_t)draw(&s, 1000000000);
        r->taken.detail = (uint16_t)(1 + draw(&s, 4));
        r->taken.seconds = adah_date_begin(r->taken.seconds, (adah_date_detail)r->taken.detail);
        r->taken.offset_minutes = ADAH_NO_OFFSET;
    }
    if (draw(&s, 2))
        assert_int_equal(adah_place_set((double)draw(&s, 1800) / 10 - 90, (double)draw(&s, 3600) / 10 - 180, &r->taken, NULL), ADAH_OK);
}

static adah_index_item item_of(const record *r) {
    return (adah_index_item){.id = r->id,
                             .file_name = r->name,
                             .label = &label_names[r->label],
                             .n_labels = r->n_labels,
                             .image_code = r->has_code[ADAH_IMAGE] ? r->code : NULL,
                             .text_code = r->has_code[ADAH_TEXT] ? r->code : NULL,
                             .taken = r->taken};
}

/* A collection of several segments, whose ids go up and down, some replaced and some deleted. */
static int set_up(void **state) {
    adah_index_builder *b;
    adah_index_writer *w;
    (void)state;
    folder = temporary_folder_create();
    TEMPORARY_PATH(folder, "a.adah", path);
    OK(adah_index_builder_create(path, 8 * N_CODE_BYTES, identity, "none", &b, &status));
    OK(adah_index_builder_publish(b, 0, NULL, &status));
    OK(adah_index_writer_open(path, &w, &status));
    for (uint64_t i = 0; i < N; i++) {
        const uint64_t id = i % 100 < 50 ? i : i - i % 50 + 49 - i % 50; /* the second half of each batch from the last to the first */
        make_record(id, 1);
        const adah_index_item item = item_of(&records[id]);
        OK(adah_index_writer_add(w, &item, NULL, &status));
        if (i % 100 == 99)
            OK(adah_index_writer_commit(w, &status));
    }
    for (uint64_t id = 0; id < N; id += 7) {
        if (id % 2) {
            records[id].is_there = 0;
            OK(adah_index_writer_delete(w, id, &status));
            continue;
        }
        make_record(id, 2);
        const adah_index_item item = item_of(&records[id]);
        OK(adah_index_writer_replace(w, &item, &status));
    }
    OK(adah_index_writer_commit(w, &status));
    adah_index_writer_close(w);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    temporary_folder_remove(&folder);
    return 0;
}

static void compact(void) {
    adah_index_writer *w;
    OK(adah_index_writer_open(path, &w, &status));
    OK(adah_index_writer_compact(w, (adah_progress){0}, &status));
    adah_index_writer_close(w);
}

static adah_index *open_index(void) {
    adah_index *index;
    OK(adah_index_open(path, &index, &status));
    return index;
}

/* ---------------------------------------------------------------- plain loops */

static int passes(const record *r, const adah_search_options *o) {
    int has_label = o->n_labels == 0;
    for (size_t k = 0; k < o->n_labels; k++)
        has_label |= r->n_labels && !strcmp(o->label[k], label_names[r->label]);
    if (!r->is_there || !has_label)
        return 0;
    if ((o->taken_from != INT64_MIN || o->taken_before != INT64_MAX) &&
        (r->taken.detail == ADAH_DATE_NONE || r->taken.seconds < o->taken_from || r->taken.seconds >= o->taken_before))
        return 0;
    if (o->within_km > 0 && (!r->taken.has_place || adah_place_distance_km(o->near_latitude, o->near_longitude, r->taken.latitude_e7 * 1e-7,
                                                                           r->taken.longitude_e7 * 1e-7) > o->within_km))
        return 0;
    const size_t n = o->folder ? strlen(o->folder) : 0;
    return n == 0 || (strncmp(r->name, o->folder, n) == 0 && r->name[n] == '/');
}

static unsigned distance(const uint8_t *a, const uint8_t *b) {
    unsigned n = 0;
    for (int i = 0; i < N_CODE_BYTES; i++)
        n += (unsigned)__builtin_popcount(a[i] ^ b[i]);
    return n;
}

static void check_search(const adah_index *index, const adah_search_options *o, adah_modality to, const uint8_t *query) {
    adah_search_result found = {0};
    size_t n = 0;
    OK(adah_index_search(index, to, query, 1, o, &found, &status));
    for (unsigned d = 0; d <= 8 * N_CODE_BYTES; d++)
        for (uint64_t id = 0; id < N && n < o->k; id++)
            if (records[id].has_code[to] && passes(&records[id], o) && distance(query, records[id].code) == d) {
                assert_true(n < found.n_hits);
                assert_int_equal(found.hits[n].id, id);
                assert_int_equal(found.hits[n++].distance, d);
            }
    assert_int_equal(found.n_hits, n);
    adah_search_result_free(&found);
}

/* The record that comes next behind `last` in the list; NULL: none does. */
static const record *next_of(const record *last, const adah_search_options *o) {
    const record *best = NULL;
    for (uint64_t id = 0; id < N; id++) {
        const record *r = &records[id], *pair[2] = {last, best};
        int is_between = passes(r, o);
        for (int k = 0; k < 2; k++) {
            if (!pair[k])
                continue;
            const int64_t mine = r->taken.detail ? r->taken.seconds : INT64_MIN, other = pair[k]->taken.detail ? pair[k]->taken.seconds : INT64_MIN;
            const int is_later = mine != other ? mine < other : r->id > pair[k]->id;
            is_between &= k == 0 ? is_later : !is_later && r != pair[k];
        }
        best = is_between ? r : best;
    }
    return best;
}

static void check_list(const adah_index *index, const adah_search_options *o, uint64_t n_passed) {
    adah_search_result found;
    const record *r = NULL;
    uint64_t n_all = 99, n = 0, n_wanted = 0;
    OK(adah_index_list(index, o, n_passed, &found, &n_all, &status));
    for (uint64_t id = 0; id < N; id++)
        n_wanted += (uint64_t)passes(&records[id], o);
    assert_int_equal(n_all, n_wanted);
    for (; (r = next_of(r, o)); n++)
        if (n >= n_passed && n - n_passed < o->k) {
            assert_true(n - n_passed < found.n_hits);
            assert_int_equal(found.hits[n - n_passed].id, r->id);
        }
    assert_int_equal(n, n_all);
    assert_int_equal(found.n_hits, n_all <= n_passed ? 0 : n_all - n_passed < o->k ? n_all - n_passed : o->k);
    adah_search_result_free(&found);
}

static void check_timeline(const adah_index *index, const adah_search_options *o, adah_date_detail detail) {
    adah_timeline t;
    uint64_t n_without = 0, n_all = 0;
    OK(adah_index_timeline(index, o, detail, &t, &status));
    for (uint64_t id = 0; id < N; id++) {
        n_all += (uint64_t)passes(&records[id], o);
        n_without += passes(&records[id], o) && records[id].taken.detail == ADAH_DATE_NONE;
    }
    assert_int_equal(t.n_without, n_without);
    for (size_t i = 0; i < t.n_steps; i++) {
        uint64_t n = 0;
        for (uint64_t id = 0; id < N; id++)
            n += passes(&records[id], o) && records[id].taken.detail && adah_date_begin(records[id].taken.seconds, detail) == t.step[i].date.seconds;
        assert_int_equal(t.step[i].n, n);
        assert_int_equal(t.step[i].date.detail, detail);
        assert_true(i == 0 || t.step[i - 1].date.seconds < t.step[i].date.seconds);
        n_all -= n;
    }
    assert_int_equal(n_all, n_without);
    adah_timeline_free(&t);
}

/* ---------------------------------------------------------------- the tests */

static void check_records(const adah_index *index) {
    for (uint64_t id = 0; id < N; id++) {
        adah_index_entry e;
        uint64_t row;
        assert_int_equal(adah_index_find(index, id, &row), records[id].is_there);
        if (!records[id].is_there)
            continue;
        OK(adah_index_record(index, row, &e, &status));
        assert_memory_equal(&e.taken, &records[id].taken, sizeof e.taken);
        adah_index_entry_free(&e);
    }
}

static void check_answers(const adah_index *index) {
    uint64_t s = 3;
    for (int i = 0; i < 300; i++) {
        adah_search_options o;
        uint8_t query[N_CODE_BYTES];
        adah_search_options_init(&o);
        o.k = 1 + draw(&s, draw(&s, 2) ? 8 : N);
        o.method = (adah_search_method)draw(&s, 3);
        if (draw(&s, 2))
            o.taken_from = (int64_t)draw(&s, 1000000000);
        if (draw(&s, 2))
            o.taken_before = (int64_t)draw(&s, 1000000000);
        if (draw(&s, 3) == 0) {
            o.near_latitude = (double)draw(&s, 180) - 90;
            o.near_longitude = (double)draw(&s, 360) - 180;
            o.within_km = 1 + (double)draw(&s, 12000);
        }
        o.folder = draw(&s, 3) ? NULL : folders[draw(&s, N_FOLDERS)];
        o.label = &label_names[draw(&s, N_LABELS)];
        o.n_labels = draw(&s, 3) == 0;
        for (int k = 0; k < N_CODE_BYTES; k++)
            query[k] = (uint8_t)(draw(&s, 256) & draw(&s, 256));
        check_search(index, &o, (adah_modality)draw(&s, 2), query);
        check_list(index, &o, draw(&s, 2) ? 0 : draw(&s, N));
        check_timeline(index, &o, (adah_date_detail)(ADAH_DATE_YEAR + draw(&s, 3)));
    }
}

static void answers_as_plain_loops_do(void **state) {
    (void)state;
    adah_index *index = open_index();
    check_records(index);
    check_answers(index);
    adah_index_close(index);
    compact();
    index = open_index();
    check_records(index);
    check_answers(index);
    adah_index_close(index);
    OK(adah_index_verify(path, &status));
}

static int accept_even(void *context, const adah_index_entry *entry) {
    ++*(size_t *)context;
    return entry->id % 2 == 0;
}

static void lists_what_is_asked_for_alone(void **state) {
    (void)state;
    adah_index *index = open_index();
    adah_search_options o;
    adah_search_result found;
    uint64_t n_all;
    size_t n_asked = 0;
    const uint64_t only[] = {30, 2, 99999, 8, 2, 31};
    adah_search_options_init(&o);
    o.only = only;
    o.n_only = 6;
    o.exclude = 8;
    OK(adah_index_list(index, &o, 0, &found, &n_all, &status));
    assert_int_equal(n_all, 3);
    assert_int_equal(found.n_hits, 3);
    assert_int_equal(found.hits[0].distance, ADAH_NO_DISTANCE);
    adah_search_result_free(&found);
    o.accept = accept_even;
    o.context = &n_asked;
    OK(adah_index_list(index, &o, 1, &found, NULL, &status));
    assert_int_equal(found.n_hits, 1);
    assert_int_equal(n_asked, 3);
    adah_search_result_free(&found);
    o.n_only = 0;
    OK(adah_index_list(index, &o, UINT64_MAX, &found, &n_all, &status));
    assert_int_equal(n_all, 0);
    adah_search_result_free(&found);
    adah_index_close(index);
}

static void refuses_what_makes_no_sense(void **state) {
    (void)state;
    adah_index *index = open_index();
    adah_search_options o;
    adah_search_result found;
    adah_timeline t;
    uint8_t query[N_CODE_BYTES] = {0};
    adah_search_options_init(&o);
    o.folder = "Ital";
    assert_int_equal(adah_index_search(index, ADAH_IMAGE, query, 1, &o, &found, &status), ADAH_ERROR_NOT_FOUND);
    assert_non_null(strstr(status.message, "folder \"Ital\": no record of the index lies in it"));
    assert_int_equal(adah_index_list(index, &o, 0, &found, NULL, &status), ADAH_ERROR_NOT_FOUND);
    o.folder = "Italy/Rome//";
    OK(adah_index_list(index, &o, 0, &found, NULL, &status));
    assert_int_equal(found.n_hits, 10);
    adah_search_result_free(&found);
    o.folder = NULL;
    o.within_km = -1;
    assert_int_equal(adah_index_search(index, ADAH_IMAGE, query, 1, &o, &found, &status), ADAH_ERROR_ARGUMENT);
    o.within_km = NAN;
    assert_int_equal(adah_index_timeline(index, &o, ADAH_DATE_YEAR, &t, &status), ADAH_ERROR_ARGUMENT);
    o.within_km = 1;
    o.near_latitude = 91;
    assert_int_equal(adah_index_list(index, &o, 0, &found, NULL, &status), ADAH_ERROR_ARGUMENT);
    o.within_km = 0;
    assert_int_equal(adah_index_timeline(index, &o, ADAH_DATE_SECOND, &t, &status), ADAH_ERROR_ARGUMENT);
    adah_index_close(index);
    adah_index_writer *w;
    record bad = records[0];
    bad.taken = (adah_taken){.seconds = INT64_MAX, .detail = ADAH_DATE_DAY};
    const adah_index_item item = item_of(&bad);
    OK(adah_index_writer_open(path, &w, &status));
    assert_int_equal(adah_index_writer_replace(w, &item, &status), ADAH_ERROR_ARGUMENT);
    adah_index_writer_close(w);
}

/* One without any date has no such section, and costs nothing. */
static void costs_nothing_where_nothing_is_known(void **state) {
    (void)state;
    adah_index_builder *b;
    adah_index *index;
    adah_timeline t;
    uint8_t bytes[1 << 15];
    OK(adah_index_builder_create(path, 8 * N_CODE_BYTES, identity, "none", &b, &status));
    for (uint64_t i = 0; i < 20; i++) {
        record r = records[i];
        r.taken = (adah_taken){0};
        const adah_index_item item = item_of(&r);
        OK(adah_index_builder_add(b, &item, &status));
    }
    OK(adah_index_builder_publish(b, 0, NULL, &status));
    const int fd = open(path, O_RDONLY);
    const ssize_t n = read(fd, bytes, sizeof bytes);
    close(fd);
    assert_true(n > ADAH_INDEX_FRONT_BYTES);
    adah_index_segment_header header;
    memcpy(&header, bytes + ADAH_INDEX_FRONT_BYTES, sizeof header);
    for (uint32_t i = 0; i < header.n_sections; i++) {
        adah_index_section section;
        memcpy(&section, bytes + ADAH_INDEX_FRONT_BYTES + sizeof header + i * sizeof section, sizeof section);
        assert_int_not_equal(section.type, ADAH_SECTION_TAKEN);
    }
    index = open_index();
    OK(adah_index_timeline(index, NULL, ADAH_DATE_MONTH, &t, &status));
    assert_int_equal(t.n_steps, 0);
    assert_int_equal(t.n_without, 20);
    adah_timeline_free(&t);
    adah_index_close(index);
}

/* A date that is changed in the file is noticed where it is looked at, and by verify. */
static void notices_damage(void **state) {
    (void)state;
    adah_search_result found;
    compact();
    const int fd = open(path, O_RDWR);
    adah_index_segment_header header;
    adah_index_section section = {0};
    assert_int_equal(pread(fd, &header, sizeof header, ADAH_INDEX_FRONT_BYTES), sizeof header);
    for (uint32_t i = 0; i < header.n_sections && section.type != ADAH_SECTION_TAKEN; i++)
        assert_int_equal(pread(fd, &section, sizeof section, (off_t)(ADAH_INDEX_FRONT_BYTES + sizeof header + i * sizeof section)), sizeof section);
    assert_int_equal(section.type, ADAH_SECTION_TAKEN);
    assert_int_equal(section.flags, ADAH_INDEX_MAY_IGNORE);
    assert_int_equal(section.n_bytes, header.n_records * sizeof(adah_taken));
    const adah_taken bad = {.seconds = INT64_MAX, .detail = ADAH_DATE_SECOND};
    assert_int_equal(pwrite(fd, &bad, sizeof bad, (off_t)(ADAH_INDEX_FRONT_BYTES + section.offset)), sizeof bad);
    close(fd);
    adah_index *index = open_index();
    assert_int_equal(adah_index_list(index, NULL, 0, &found, NULL, &status), ADAH_ERROR_CORRUPT);
    adah_index_close(index);
    assert_int_equal(adah_index_verify(path, &status), ADAH_ERROR_CORRUPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(answers_as_plain_loops_do, set_up, tear_down),
        cmocka_unit_test_setup_teardown(lists_what_is_asked_for_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(refuses_what_makes_no_sense, set_up, tear_down),
        cmocka_unit_test_setup_teardown(costs_nothing_where_nothing_is_known, set_up, tear_down),
        cmocka_unit_test_setup_teardown(notices_damage, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
