/* (golden) Collection files that older versions wrote (old_indexes/): of each the records are those of then, by a digest, a search agrees with a
 * scan of them, and they stay the same when the file grows and when it is compacted.
 *
 * segments, tables-and-more and texts are from before vectors and words were stored, vectors is from before words were, words is from
 * before dates and places. */
#define _GNU_SOURCE
#define XXH_INLINE_ALL
#include "adah/adah.h"
#include "temporary_folder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <xxhash.h>

#include <cmocka.h>

#define OLD_INDEXES ADAH_SOURCE_DIR "/tests/index/old_indexes/"

static const struct {
    const char *name;
    uint64_t n_records, digest;
} indexes[] = {
    {"segments", 2, 0xb9f18fc9c8a9b4dd},
    {"tables-and-more", 20, 0x03043e364769ee52},
    {"texts", 4, 0xd3e827870ce0361e},
    {"vectors", 5, 0xf8a63998365dc84a},
    {"words", 16, 0x66e0b9463db831e1},
};
enum { N_INDEXES = sizeof indexes / sizeof *indexes, IDS = 64, BYTES_MAX = 8 };

static temporary_folder folder;
static adah_status status;

static void expect_ok(adah_code code) {
    if (code != ADAH_OK)
        fail_msg("%s", status.message);
}

static int set_up(void **state) {
    (void)state;
    folder = temporary_folder_create();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    temporary_folder_remove(&folder);
    return 0;
}

/* What has been read of an index. */
typedef struct contents {
    uint64_t n_records, digest;
    int has_code[2][IDS];
    uint8_t code[2][IDS][BYTES_MAX];
} contents;

static void add_bytes(XXH3_state_t *hash, const void *bytes, size_t n_bytes) {
    const uint64_t n = bytes ? n_bytes : UINT64_MAX;
    XXH3_64bits_update(hash, &n, sizeof n);
    if (bytes)
        XXH3_64bits_update(hash, bytes, n_bytes);
}

/* The records with ids below n_ids, in the order of their ids. */
static contents read_contents(const adah_index *index, uint64_t n_ids) {
    contents c = {0};
    const size_t n_bytes = adah_index_bits(index) / 8;
    XXH3_state_t hash;
    XXH3_64bits_reset(&hash);
    assert_true(n_ids <= IDS && n_bytes <= BYTES_MAX);
    for (uint64_t id = 0, row; id < n_ids; id++) {
        adah_index_entry e;
        if (!adah_index_find(index, id, &row))
            continue;
        expect_ok(adah_index_record(index, row, &e, &status));
        assert_int_equal(e.id, id);
        add_bytes(&hash, &e.id, sizeof e.id);
        add_bytes(&hash, e.file_name, strlen(e.file_name));
        add_bytes(&hash, e.text, strlen(e.text));
        for (size_t i = 0; i < e.n_labels; i++)
            add_bytes(&hash, adah_index_label_name(index, e.label[i]), strlen(adah_index_label_name(index, e.label[i])));
        add_bytes(&hash, e.image_code, n_bytes);
        add_bytes(&hash, e.text_code, n_bytes);
        add_bytes(&hash, e.image_fine, adah_index_fine(index, ADAH_IMAGE));
        add_bytes(&hash, e.text_fine, adah_index_fine(index, ADAH_TEXT));
        for (int m = 0; m < 2; m++) {
            const uint8_t *code = m == ADAH_IMAGE ? e.image_code : e.text_code;
            c.has_code[m][id] = code != NULL;
            if (code)
                memcpy(c.code[m][id], code, n_bytes);
        }
        c.n_records++;
        adah_index_entry_free(&e);
    }
    c.digest = XXH3_64bits_digest(&hash);
    return c;
}

static uint32_t distance_between(const uint8_t *a, const uint8_t *b, size_t n_bytes) {
    uint32_t d = 0;
    for (size_t i = 0; i < n_bytes; i++)
        d += (uint32_t)__builtin_popcount(a[i] ^ b[i]);
    return d;
}

/* Each code asks for all of its modality: as many answers as there are, at their distances, by distance and id. */
static void expect_searches(const adah_index *index, const contents *c) {
    const size_t n_bytes = adah_index_bits(index) / 8;
    for (int m = 0; m < 2; m++)
        for (uint64_t asked = 0; asked < IDS; asked++) {
            adah_search_options options;
            adah_search_options_init(&options);
            options.k = SIZE_MAX;
            options.radius = UINT32_MAX;
            size_t n = 0;
            for (uint64_t id = 0; id < IDS; id++)
                n += (size_t)c->has_code[m][id];
            if (!c->has_code[m][asked])
                continue;
            adah_search_result found;
            expect_ok(adah_index_search(index, (adah_modality)m, c->code[m][asked], 1, &options, &found, &status));
            assert_int_equal(found.n_hits, n);
            for (size_t i = 0; i < n; i++) {
                const adah_search_hit h = found.hits[i];
                assert_true(h.id < IDS && c->has_code[m][h.id]);
                assert_int_equal(h.distance, distance_between(c->code[m][h.id], c->code[m][asked], n_bytes));
                if (i)
                    assert_true(found.hits[i - 1].distance < h.distance ||
                                (found.hits[i - 1].distance == h.distance && found.hits[i - 1].id < h.id));
            }
            adah_search_result_free(&found);
        }
}

/* The old records of the index at `path`, which may hold others from the id n_ids on. */
static void expect_old_records(const char *path, size_t i, uint64_t n_ids) {
    adah_index *index;
    expect_ok(adah_index_verify(path, &status));
    expect_ok(adah_index_open(path, &index, &status));
    const contents old = read_contents(index, n_ids);
    assert_int_equal(old.n_records, indexes[i].n_records);
    if (old.digest != indexes[i].digest)
        fail_msg("%s: the records have the digest 0x%016llx, expected 0x%016llx", path, (unsigned long long)old.digest,
                 (unsigned long long)indexes[i].digest);
    const contents all = read_contents(index, IDS);
    assert_int_equal(all.n_records, adah_index_count(index));
    expect_searches(index, &all);
    adah_index_close(index);
}

static void copy_file(const char *from, const char *to) {
    char bytes[4096];
    FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
    assert_true(in && out);
    for (size_t n; (n = fread(bytes, 1, sizeof bytes, in)) > 0;)
        assert_int_equal(fwrite(bytes, 1, n, out), n);
    fclose(in);
    assert_int_equal(fclose(out), 0);
}

static void test_old_indexes_open_and_grow(void **state) {
    (void)state;
    for (size_t i = 0; i < N_INDEXES; i++) {
        char old_path[512], path[512];
        snprintf(old_path, sizeof old_path, OLD_INDEXES "%s.adah", indexes[i].name);
        expect_old_records(old_path, i, IDS);

        TEMPORARY_PATH(folder, "grown", path);
        copy_file(old_path, path);
        adah_index_writer *writer;
        uint64_t id;
        static const uint8_t code[BYTES_MAX] = {0x5a, 3};
        static const char *const label[] = {"new label"};
        const adah_index_item item = {.id = ADAH_NO_ID, .file_name = "new.jpg", .text = "a new record", .label = label, .n_labels = 1,
                                      .image_code = code, .text_code = code};
        expect_ok(adah_index_writer_open(path, &writer, &status));
        expect_ok(adah_index_writer_add(writer, &item, &id, &status));
        expect_ok(adah_index_writer_commit(writer, &status));
        expect_old_records(path, i, id);
        expect_ok(adah_index_writer_compact(writer, (adah_progress){0}, &status));
        expect_old_records(path, i, id);
        adah_index_writer_close(writer);
        unlink(path);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_old_indexes_open_and_grow)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
