/* (property) A collection under random changes against plain arrays: every record, every search, in every state. */
#define _GNU_SOURCE
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "index/index_builder.h"
#include "temporary_folder.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { IDS = 400, BYTES_MAX = 16, N_LABELS = 5, N_FINE = 40 };

/* What should be there under an id. */
typedef struct record {
    int is_there, has[2];
    char name[24];
    uint8_t code[2][BYTES_MAX];
    int8_t fine[2][N_FINE]; /* zeros: none */
    int label; /* -1: none */
} record;

typedef struct model {
    size_t n_bytes;
    record record[IDS];
    uint64_t next_id;
} model;

static adah_status status;
static void expect_ok(adah_code code) {
    if (code != ADAH_OK)
        fail_msg("%s", status.message);
}
#define OK(call) expect_ok(call)

static const char *const label_names[N_LABELS] = {"zero", "one", "two", "three", "four"};

/* Few different bytes, so that distances are often equal. */
static void fill_code(adah_random *r, uint8_t *code, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++)
        code[i] = adah_random_below(r, 3) ? (uint8_t)(adah_random_below(r, 2) * 0x0f) : (uint8_t)adah_random_next(r);
}

/* Few different vectors, some of them none, so that cosines are often equal. */
static void fill_fine(adah_random *r, int8_t *fine) {
    const uint64_t kind = adah_random_below(r, 4);
    for (size_t i = 0; i < N_FINE; i++)
        fine[i] = kind == 0   ? 0
                  : kind == 1 ? (int8_t)(i % 8 == adah_random_below(r, 2) ? 127 : 0)
                              : (int8_t)((int)adah_random_below(r, 255) - 127);
}

static record new_record(adah_random *r, size_t n_bytes) {
    record new = {.is_there = 1, .label = (int)adah_random_below(r, N_LABELS + 1) - 1};
    const uint64_t sides = adah_random_below(r, 4);
    new.has[0] = sides != 1;
    new.has[1] = sides != 2;
    if (adah_random_below(r, 4))
        snprintf(new.name, sizeof new.name, "%u.jpg", (unsigned)adah_random_below(r, 100000));
    fill_code(r, new.code[0], n_bytes);
    fill_code(r, new.code[1], n_bytes);
    fill_fine(r, new.fine[0]);
    fill_fine(r, new.fine[1]);
    return new;
}

static adah_index_item item_of(const record *r, uint64_t id) {
    return (adah_index_item){.id = id,
                             .file_name = r->name,
                             .label = r->label < 0 ? NULL : &label_names[r->label],
                             .n_labels = r->label >= 0,
                             .image_code = r->has[0] ? r->code[0] : NULL,
                             .text_code = r->has[1] ? r->code[1] : NULL,
                             .image_fine = r->has[0] ? r->fine[0] : NULL,
                             .text_fine = r->has[1] ? r->fine[1] : NULL,
                             .n_fine = N_FINE};
}

/* A batch of changes; a record is touched once. */
static void change(adah_index_writer *w, model *m, adah_random *r, size_t n_changes) {
    unsigned char touched[IDS] = {0};
    for (size_t i = 0; i < n_changes; i++) {
        const uint64_t id = adah_random_below(r, 5) ? adah_random_below(r, IDS) : m->next_id;
        if (id >= IDS || touched[id])
            continue;
        touched[id] = 1;
        const record new = new_record(r, m->n_bytes);
        adah_index_item item = item_of(&new, id);
        if (m->record[id].is_there && adah_random_below(r, 2)) {
            OK(adah_index_writer_delete(w, id, &status));
            m->record[id].is_there = 0;
        } else if (m->record[id].is_there) {
            OK(adah_index_writer_replace(w, &item, &status));
            m->record[id] = new;
        } else {
            uint64_t given;
            item.id = id == m->next_id ? ADAH_NO_ID : id;
            OK(adah_index_writer_add(w, &item, &given, &status));
            assert_int_equal(given, id);
            m->record[id] = new;
            m->next_id = id >= m->next_id ? id + 1 : m->next_id;
        }
    }
    OK(adah_index_writer_commit(w, &status));
}

static int has_direction(const int8_t *fine) {
    int any = 0;
    for (size_t i = 0; i < N_FINE; i++)
        any |= fine[i];
    return any != 0;
}

static void check_records(const adah_index *x, const model *m) {
    uint64_t n = 0;
    for (uint64_t id = 0; id < IDS; id++) {
        const record *r = &m->record[id];
        uint64_t row;
        adah_index_entry e;
        assert_int_equal(adah_index_find(x, id, &row), r->is_there);
        if (!r->is_there)
            continue;
        n++;
        OK(adah_index_record(x, row, &e, &status));
        assert_int_equal(e.id, id);
        assert_string_equal(e.file_name, r->name);
        assert_int_equal(e.n_labels, r->label >= 0);
        if (r->label >= 0)
            assert_string_equal(adah_index_label_name(x, e.label[0]), label_names[r->label]);
        const uint8_t *const code[2] = {e.image_code, e.text_code};
        const int8_t *const fine[2] = {e.image_fine, e.text_fine};
        for (int side = 0; side < 2; side++) {
            assert_int_equal(fine[side] != NULL, r->has[side] && has_direction(r->fine[side]));
            if (fine[side])
                assert_memory_equal(fine[side], r->fine[side], N_FINE);
            assert_int_equal(code[side] != NULL, r->has[side]);
            if (code[side])
                assert_memory_equal(code[side], r->code[side], m->n_bytes);
        }
        adah_index_entry_free(&e);
    }
    assert_int_equal(adah_index_count(x), n);
}

static uint32_t distance(const uint8_t *a, const uint8_t *b, size_t n_bytes) {
    uint32_t d = 0;
    for (size_t i = 0; i < n_bytes; i++)
        d += (uint32_t)__builtin_popcount(a[i] ^ b[i]);
    return d;
}

static int is_in(const uint64_t *list, size_t n, uint64_t id) {
    for (size_t i = 0; i < n; i++)
        if (list[i] == id)
            return 1;
    return 0;
}

static int has_name(void *context, const adah_index_entry *e) {
    (void)context;
    return e->file_name[0] != '\0';
}

/* Is the record's label one of those asked for? */
static int is_asked_for(const record *r, const adah_search_options *o) {
    for (size_t i = 0; o->label && i < o->n_labels; i++)
        if (r->label >= 0 && !strcmp(o->label[i], label_names[r->label]))
            return 1;
    return !o->label;
}

/* All hits by (distance, id), by the definition. */
static size_t plain_search(const model *m, int side, const uint8_t *query, const adah_search_options *o,
                           adah_search_hit *hits) {
    size_t n = 0;
    for (uint32_t d = 0; d <= m->n_bytes * 8; d++)
        for (uint64_t id = 0; id < IDS; id++) {
            const record *r = &m->record[id];
            if (r->is_there && r->has[side] && distance(query, r->code[side], m->n_bytes) == d && d <= o->radius &&
                id != o->exclude && (!o->only || is_in(o->only, o->n_only, id)) && (!o->accept || r->name[0]) && is_asked_for(r, o) &&
                n < o->k)
                hits[n++] = (adah_search_hit){.id = id, .distance = d};
        }
    return n;
}

static float cosine(const int8_t *a, const int8_t *b) {
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < N_FINE; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return has_direction(a) && has_direction(b) ? (float)(ab / sqrt(aa * bb)) : ADAH_NO_SCORE;
}

/* Puts candidates by (distance, id) in order by (cosine, distance, id): those that are equal stay as they are. */
static size_t plain_order(const model *m, int side, const int8_t *query, adah_search_hit *hits, size_t n, size_t k) {
    for (size_t i = 0; i < n; i++) {
        adah_search_hit hit = hits[i];
        hit.score = cosine(query, m->record[hit.id].fine[side]);
        size_t at = i;
        for (; at && hits[at - 1].score < hit.score; at--)
            hits[at] = hits[at - 1];
        hits[at] = hit;
    }
    return n < k ? n : k;
}

static void check_search(const adah_index *x, const model *m, adah_random *r) {
    enum { N_QUERIES = 9 };
    uint8_t query[N_QUERIES * BYTES_MAX];
    uint64_t only[30];
    adah_search_hit expected[IDS];
    adah_search_result result[N_QUERIES];
    adah_search_options o;
    adah_search_options_init(&o);
    const size_t n_queries = adah_random_below(r, 2) ? N_QUERIES : 1;
    const int side = (int)adah_random_below(r, 2);
    for (size_t i = 0; i < n_queries; i++)
        fill_code(r, query + i * m->n_bytes, m->n_bytes);
    for (size_t i = 0; i < 30; i++)
        only[i] = adah_random_below(r, IDS + 20);
    o.k = (const size_t[]){1, 10, 50, SIZE_MAX, IDS}[adah_random_below(r, 5)];
    o.radius = adah_random_below(r, 2) ? UINT32_MAX : (uint32_t)adah_random_below(r, m->n_bytes * 6);
    o.method = (adah_search_method)adah_random_below(r, 3);
    o.only = adah_random_below(r, 3) ? NULL : only;
    o.n_only = adah_random_below(r, 31);
    o.exclude = adah_random_below(r, 2) ? ADAH_NO_ID : adah_random_below(r, IDS);
    o.accept = adah_random_below(r, 3) ? NULL : has_name;
    const size_t first_label = adah_random_below(r, N_LABELS);
    o.label = adah_random_below(r, 3) ? NULL : label_names + first_label;
    o.n_labels = 1 + adah_random_below(r, N_LABELS - first_label);
    const size_t k = o.k;
    int8_t fine[N_QUERIES * N_FINE];
    for (size_t i = 0; i < n_queries; i++)
        fill_fine(r, fine + i * N_FINE);
    if (adah_random_below(r, 2) && adah_index_fine(x)) {
        o.fine = fine;
        o.n_fine = N_FINE;
        o.n_candidates = adah_random_below(r, 60);
    }
    const adah_code code = adah_index_search(x, (adah_modality)side, query, n_queries, &o, result, &status);
    if (code == ADAH_ERROR_MISMATCH) { /* no record has such a code */
        for (uint64_t id = 0; id < IDS; id++)
            assert_false(m->record[id].is_there && m->record[id].has[side]);
        return;
    }
    if (code == ADAH_ERROR_NOT_FOUND) { /* no record has one of the labels, which the message names */
        size_t at = 0;
        while (at < o.n_labels && !strstr(status.message, o.label[at]))
            at++;
        assert_true(at < o.n_labels);
        for (uint64_t id = 0; id < IDS; id++)
            assert_false(m->record[id].is_there && m->record[id].label == (int)(first_label + at));
        return;
    }
    OK(code);
    if (o.fine) { /* by the definition in index.h */
        size_t n_candidates = o.n_candidates ? o.n_candidates : k == SIZE_MAX ? SIZE_MAX : 200;
        while (!o.n_candidates && k != SIZE_MAX && n_candidates < 2 * k)
            n_candidates *= 2;
        o.k = n_candidates > k ? n_candidates : k;
    }
    for (size_t i = 0; i < n_queries; i++) {
        size_t n = plain_search(m, side, query + i * m->n_bytes, &o, expected);
        if (o.fine)
            n = plain_order(m, side, fine + i * N_FINE, expected, n, k);
        assert_int_equal(result[i].n_hits, n);
        for (size_t j = 0; j < n; j++) {
            uint64_t row;
            assert_int_equal(result[i].hits[j].id, expected[j].id);
            assert_int_equal(result[i].hits[j].distance, expected[j].distance);
            assert_true(result[i].hits[j].score == expected[j].score);
            assert_true(adah_index_find(x, expected[j].id, &row) && row == result[i].hits[j].row);
        }
        adah_search_result_free(&result[i]);
    }
}

static void run_model(size_t n_bytes, uint64_t seed) {
    const uint8_t identity[16] = {1};
    const temporary_folder folder = temporary_folder_create();
    char path[512];
    adah_index_builder *b;
    adah_index_writer *w;
    adah_random r = adah_random_seeded(seed, n_bytes);
    model *m = adah_memory_zeroed(1, sizeof *m), *old_model = adah_memory_zeroed(1, sizeof *m);
    adah_index *old = NULL; /* an earlier state, with its model */
    TEMPORARY_PATH(folder, "a.index", path);
    m->n_bytes = n_bytes;
    OK(adah_index_builder_create(path, n_bytes * 8, identity, "none", &b, &status));
    OK(adah_index_builder_publish(b, 0, NULL, &status));
    OK(adah_index_writer_open(path, &w, &status));
    for (int batch = 0; batch < 25; batch++) {
        change(w, m, &r, 1 + adah_random_below(&r, batch % 5 ? 20 : 300));
        if (adah_random_below(&r, 6) == 0)
            OK(adah_index_writer_compact(w, (adah_progress){0}, &status));
        if (adah_random_below(&r, 6) == 0) {
            adah_index_writer_close(w);
            OK(adah_index_verify(path, &status));
            OK(adah_index_writer_open(path, &w, &status));
        }
        adah_index *x;
        OK(old ? adah_index_latest(old, &x, &status) : adah_index_open(path, &x, &status));
        check_records(x, m);
        for (int i = 0; i < 8; i++)
            check_search(x, m, &r);
        if (old) {
            check_records(old, old_model);
            check_search(old, old_model, &r);
        }
        if (!old || adah_random_below(&r, 3) == 0) {
            adah_index_close(old);
            old = x;
            *old_model = *m;
        } else {
            adah_index_close(x);
        }
    }
    adah_index_close(old);
    adah_index_writer_close(w);
    OK(adah_index_verify(path, &status));
    temporary_folder_remove(&folder);
    adah_memory_free(m);
    adah_memory_free(old_model);
}

static void test_random_changes(void **state) {
    (void)state;
    const size_t n_bytes[] = {1, 2, 4, 5, 8, 16};
    for (size_t i = 0; i < sizeof n_bytes / sizeof *n_bytes; i++) {
        adah_parallel_set_threads(1 + (int)i % 3);
        run_model(n_bytes[i], i);
    }
    adah_parallel_set_threads(0);
}

/* Re-ranking: of the nearest by Hamming distance the best by squared distance to the relaxed query. */
static void test_rerank(void **state) {
    (void)state;
    enum { N = 300, N_BITS = 32 };
    const uint8_t identity[16] = {0};
    const temporary_folder folder = temporary_folder_create();
    char path[512];
    adah_index_builder *b;
    adah_index *x;
    adah_random r = adah_random_seeded(5, 5);
    static uint8_t codes[N][N_BITS / 8];
    float relaxed[N_BITS];
    uint8_t query[N_BITS / 8] = {0};
    TEMPORARY_PATH(folder, "a.index", path);
    OK(adah_index_builder_create(path, N_BITS, identity, "none", &b, &status));
    for (size_t i = 0; i < N; i++) {
        fill_code(&r, codes[i], N_BITS / 8);
        const adah_index_item item = {.id = i, .image_code = codes[i]};
        OK(adah_index_builder_add(b, &item, &status));
    }
    OK(adah_index_builder_publish(b, 0, NULL, &status));
    OK(adah_index_open(path, &x, &status));
    for (size_t i = 0; i < N_BITS; i++) {
        relaxed[i] = 2 * adah_random_uniform(&r) - 1;
        query[i / 8] |= (uint8_t)((relaxed[i] >= 0) << i % 8);
    }
    adah_search_options o;
    adah_search_options_init(&o);
    adah_search_result plain, ranked;
    o.k = 40;
    OK(adah_index_search(x, ADAH_IMAGE, query, 1, &o, &plain, &status));
    o.k = 7;
    o.n_rerank = 40;
    o.relaxed = relaxed;
    OK(adah_index_search(x, ADAH_IMAGE, query, 1, &o, &ranked, &status));
    assert_int_equal(ranked.n_hits, 7);
    float last = -1;
    for (size_t i = 0; i < 7; i++) {
        double sum = 0;
        size_t n_better = 0;
        for (size_t j = 0; j < N_BITS; j++) {
            const double d = (double)relaxed[j] - (codes[ranked.hits[i].id][j / 8] >> j % 8 & 1 ? 1 : -1);
            sum += d * d;
        }
        assert_true(sum - (double)ranked.hits[i].score < 1e-4 && (double)ranked.hits[i].score - sum < 1e-4);
        assert_true(ranked.hits[i].score >= last);
        last = ranked.hits[i].score;
        for (size_t k = 0; k < 40; k++) { /* of the 40 nearest, at most i are better */
            double other = 0;
            for (size_t j = 0; j < N_BITS; j++) {
                const double d = (double)relaxed[j] - (codes[plain.hits[k].id][j / 8] >> j % 8 & 1 ? 1 : -1);
                other += d * d;
            }
            n_better += other < sum - 1e-4;
        }
        assert_true(n_better <= i);
    }
    adah_search_result_free(&plain);
    adah_search_result_free(&ranked);
    adah_index_close(x);
    temporary_folder_remove(&folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_changes),
        cmocka_unit_test(test_rerank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
