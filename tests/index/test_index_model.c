/* (property) A collection under random changes against plain arrays: every record, every search, by codes and by words, in every state. */
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

enum { IDS = 400, BYTES_MAX = 16, N_LABELS = 5, N_FINE_MAX = 40 };

static const size_t n_fine_of[2] = {N_FINE_MAX, 24}; /* values of the vectors of images and texts */

/* What should be there under an id. */
typedef struct record {
    int is_there, has[2];
    char name[24], text[80];
    uint8_t code[2][BYTES_MAX];
    int8_t fine[2][N_FINE_MAX]; /* zeros: none */
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

static const char *const label_names[N_LABELS] = {"zero", "one", "two", "tree", "four winds"};
/* The first stand in most texts, the last in few. */
static const char *const vocabulary[] = {"red", "blue", "ball", "dog", "tree", "boat", "sky", "hill", "lamp", "fish", "img", "jpg"};
enum { N_VOCABULARY = sizeof vocabulary / sizeof *vocabulary, N_NAMES = 60 };

static const char *draw_word(adah_random *r) { return vocabulary[adah_random_below(r, 1 + adah_random_below(r, N_VOCABULARY))]; }

/* Few different bytes, so that distances are often equal. */
static void fill_code(adah_random *r, uint8_t *code, size_t n_bytes) {
    for (size_t i = 0; i < n_bytes; i++)
        code[i] = adah_random_below(r, 3) ? (uint8_t)(adah_random_below(r, 2) * 0x0f) : (uint8_t)adah_random_next(r);
}

/* Few different vectors, some of them none, so that cosines are often equal. */
static void fill_fine(adah_random *r, int8_t *fine, size_t n) {
    const uint64_t kind = adah_random_below(r, 4);
    for (size_t i = 0; i < n; i++)
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
        snprintf(new.name, sizeof new.name, "img_%u.jpg", (unsigned)adah_random_below(r, N_NAMES));
    for (uint64_t i = adah_random_below(r, 9); i > 0; i--)
        strcat(strcat(new.text, draw_word(r)), i > 1 ? " " : "");
    fill_code(r, new.code[0], n_bytes);
    fill_code(r, new.code[1], n_bytes);
    fill_fine(r, new.fine[0], n_fine_of[0]);
    fill_fine(r, new.fine[1], n_fine_of[1]);
    return new;
}

static adah_index_item item_of(const record *r, uint64_t id) {
    return (adah_index_item){.id = id,
                             .file_name = r->name,
                             .text = r->text,
                             .label = r->label < 0 ? NULL : &label_names[r->label],
                             .n_labels = r->label >= 0,
                             .image_code = r->has[0] ? r->code[0] : NULL,
                             .text_code = r->has[1] ? r->code[1] : NULL,
                             .image_fine = r->has[0] ? r->fine[0] : NULL,
                             .text_fine = r->has[1] ? r->fine[1] : NULL,
                             .n_image_fine = n_fine_of[ADAH_IMAGE],
                             .n_text_fine = n_fine_of[ADAH_TEXT]};
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

static int has_direction(const int8_t *fine, size_t n) {
    int any = 0;
    for (size_t i = 0; i < n; i++)
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
        assert_string_equal(e.text, r->text);
        assert_int_equal(e.n_labels, r->label >= 0);
        if (r->label >= 0)
            assert_string_equal(adah_index_label_name(x, e.label[0]), label_names[r->label]);
        const uint8_t *const code[2] = {e.image_code, e.text_code};
        const int8_t *const fine[2] = {e.image_fine, e.text_fine};
        for (int side = 0; side < 2; side++) {
            assert_int_equal(fine[side] != NULL, r->has[side] && has_direction(r->fine[side], n_fine_of[side]));
            if (fine[side])
                assert_memory_equal(fine[side], r->fine[side], n_fine_of[side]);
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
                id != o->exclude && !is_in(o->leave_out, o->n_leave_out, id) && (!o->only || is_in(o->only, o->n_only, id)) && (!o->accept || r->name[0]) && is_asked_for(r, o) &&
                n < o->k)
                hits[n++] = (adah_search_hit){.id = id, .distance = d};
        }
    return n;
}

static float cosine(const int8_t *a, const int8_t *b, size_t n) {
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < n; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return aa > 0 && bb > 0 ? (float)(ab / sqrt(aa * bb)) : ADAH_NO_SCORE;
}

enum { N_QUERIES = 9, N_ONLY = 30 };

/* Queries and what limits their answers. */
typedef struct asked {
    int side;
    size_t n_queries;
    uint8_t query[N_QUERIES * BYTES_MAX];
    int8_t fine[N_QUERIES * N_FINE_MAX];
    uint64_t only[N_ONLY], left_out[N_ONLY];
    adah_search_options o;
} asked;

static float fine_score(const model *m, const asked *a, size_t query, const adah_search_hit *hit) {
    const size_t n_own = a->o.n_fine, n_theirs = n_fine_of[a->side];
    const float c = cosine(a->fine + query * n_own, m->record[hit->id].fine[a->side], n_own < n_theirs ? n_own : n_theirs);
    return c == ADAH_NO_SCORE ? c : (float)(((double)c + (1 - 2 * hit->distance / (double)(m->n_bytes * 8)) / 4) / 1.25);
}

/* Of a place by distance: with a first tier of 5 those below 5 are of tier 0, those below 10 of tier 1, those below 20 of tier 2. */
static int tier_of(size_t at, size_t first_tier) {
    int tier = 0;
    for (size_t n = first_tier; at / n; n *= 2)
        tier++;
    return tier;
}

/* Puts candidates by (distance, id) in order by (tier, score, distance, id): those that are equal stay as they are. */
static size_t plain_order(const model *m, const asked *a, size_t query, adah_search_hit *hits, size_t n, size_t k, size_t first_tier) {
    for (size_t i = 0; i < n; i++) {
        adah_search_hit hit = hits[i];
        hit.score = fine_score(m, a, query, &hit);
        size_t at = i;
        for (; at && tier_of(at - 1, first_tier) == tier_of(i, first_tier) && hits[at - 1].score < hit.score; at--)
            hits[at] = hits[at - 1];
        hits[at] = hit;
    }
    return n < k ? n : k;
}

static void draw_asked(const adah_index *x, const model *m, adah_random *r, asked *a) {
    adah_search_options *o = &a->o;
    adah_search_options_init(o);
    a->n_queries = adah_random_below(r, 2) ? N_QUERIES : 1;
    a->side = (int)adah_random_below(r, 2);
    for (size_t i = 0; i < a->n_queries; i++)
        fill_code(r, a->query + i * m->n_bytes, m->n_bytes);
    for (size_t i = 0; i < N_ONLY; i++)
        a->only[i] = adah_random_below(r, IDS + 20);
    o->k = (const size_t[]){1, 10, 50, SIZE_MAX, IDS}[adah_random_below(r, 5)];
    o->radius = adah_random_below(r, 2) ? UINT32_MAX : (uint32_t)adah_random_below(r, m->n_bytes * 6);
    o->method = (adah_search_method)adah_random_below(r, 3);
    o->only = adah_random_below(r, 3) ? NULL : a->only;
    o->n_only = adah_random_below(r, N_ONLY + 1);
    o->exclude = adah_random_below(r, 2) ? ADAH_NO_ID : adah_random_below(r, IDS);
    for (size_t i = 0; i < N_ONLY; i++)
        a->left_out[i] = adah_random_below(r, IDS + 20);
    o->leave_out = a->left_out;
    o->n_leave_out = adah_random_below(r, 2) ? 0 : adah_random_below(r, N_ONLY + 1);
    o->accept = adah_random_below(r, 3) ? NULL : has_name;
    const size_t first_label = adah_random_below(r, N_LABELS);
    o->label = adah_random_below(r, 3) ? NULL : label_names + first_label;
    o->n_labels = 1 + adah_random_below(r, N_LABELS - first_label);
    const adah_modality of = (adah_modality)adah_random_below(r, 2);
    for (size_t i = 0; i < a->n_queries; i++)
        fill_fine(r, a->fine + i * n_fine_of[of], n_fine_of[of]);
    if (adah_random_below(r, 2) && !adah_index_cannot_order(x, of, n_fine_of[of])) {
        o->fine = a->fine;
        o->n_fine = n_fine_of[of];
        o->fine_of = of;
        o->n_candidates = adah_random_below(r, 60);
    }
}

/* 0: there is nothing to search, for a reason that is true. */
static int is_answered(const model *m, const asked *a, adah_code code) {
    if (code == ADAH_ERROR_MISMATCH) { /* no record has such a code */
        for (uint64_t id = 0; id < IDS; id++)
            assert_false(m->record[id].is_there && m->record[id].has[a->side]);
        return 0;
    }
    if (code == ADAH_ERROR_NOT_FOUND) { /* no record has one of the labels, which the message names */
        size_t at = 0;
        while (at < a->o.n_labels && !strstr(status.message, a->o.label[at]))
            at++;
        assert_true(at < a->o.n_labels);
        for (uint64_t id = 0; id < IDS; id++)
            assert_false(m->record[id].is_there && m->record[id].label == (int)(a->o.label + at - label_names));
        return 0;
    }
    OK(code);
    return 1;
}

/* The first tier, by the definition in index.h. */
static size_t find_tier(const model *m, const asked *a) {
    const adah_search_options *o = &a->o;
    size_t n_codes = 0;
    if (o->n_candidates)
        return o->n_candidates;
    for (uint64_t id = 0; id < IDS; id++)
        n_codes += m->record[id].is_there && m->record[id].has[a->side] && (!o->only || is_in(o->only, o->n_only, id));
    size_t n = n_codes; /* fewer than 10,000 */
    if ((int)o->fine_of != a->side)
        n = n_codes < 800 ? n_codes / 4 : 200;
    for (n = n ? n : 1; n < 20;)
        n *= 2;
    return n;
}

/* How many of the nearest are in the tiers that hold the first k. */
static size_t candidates(const model *m, const asked *a) {
    size_t n = a->o.k;
    if (a->o.fine && n < IDS)
        for (n = find_tier(m, a); n < a->o.k;)
            n *= 2;
    return n;
}

static void check_search(const adah_index *x, const model *m, adah_random *r) {
    adah_search_hit expected[IDS];
    adah_search_result result[N_QUERIES];
    asked a;
    draw_asked(x, m, r, &a);
    const size_t n_queries = a.n_queries, k = a.o.k;
    const int side = a.side;
    const uint8_t *query = a.query;
    adah_search_options o = a.o;
    if (!is_answered(m, &a, adah_index_search(x, (adah_modality)side, query, n_queries, &o, result, &status)))
        return;
    const size_t tier = o.fine ? find_tier(m, &a) : 0;
    o.k = candidates(m, &a);
    for (size_t i = 0; i < n_queries; i++) {
        size_t n = plain_search(m, side, query + i * m->n_bytes, &o, expected);
        if (o.fine)
            n = plain_order(m, &a, i, expected, n, k, tier);
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

/* ---------------------------------------------------------------- by words */

/* A query's words, each once, in the order in which they are told: at first what stands between blanks, then parts of it. */
typedef struct words {
    char text[160], word[24][16];
    int is_number_of_name[24]; /* it counts even where no record holds it */
    size_t n;
} words;

static void add_word(words *w, const char *word, int is_number_of_name) {
    size_t i = 0;
    while (i < w->n && strcmp(w->word[i], word) != 0)
        i++;
    snprintf(w->word[i], sizeof w->word[i], "%s", word);
    w->is_number_of_name[i] |= is_number_of_name;
    w->n += i == w->n;
}

static void draw_words(adah_random *r, words *w) {
    unsigned name[6];
    size_t n_names = 0;
    *w = (words){.n = 0};
    for (uint64_t left = 1 + adah_random_below(r, 5), kind; left; left--) {
        char number[16] = "", piece[16] = "";
        switch ((int)(kind = adah_random_below(r, 9))) {
        case 0:
            strcpy(piece, "xylophone");
            break;
        case 1:
            strcpy(piece, label_names[adah_random_below(r, N_LABELS)]);
            break;
        case 2:
        case 3: /* also names that no record has */
            name[n_names] = (unsigned)adah_random_below(r, N_NAMES + 20);
            snprintf(piece, sizeof piece, "img_%u%s", name[n_names++], kind == 2 ? ".jpg" : "");
            break;
        case 4: /* by itself */
            snprintf(number, sizeof number, "%u", (unsigned)adah_random_below(r, N_NAMES + 20));
            strcpy(piece, number);
            break;
        default:
            strcpy(piece, draw_word(r));
        }
        strcat(strcat(w->text, w->n ? " " : ""), piece);
        for (char *rest = NULL, *word = strtok_r(piece, " .", &rest); word; word = strtok_r(NULL, " .", &rest))
            add_word(w, word, 0);
    }
    for (size_t i = 0; i < n_names; i++) {
        char number[16];
        snprintf(number, sizeof number, "%u", name[i]);
        add_word(w, "img", 0);
        add_word(w, number, 1);
    }
    for (size_t i = 0; strstr(w->text, ".jpg") && i < 1; i++) /* the parts of IMG_1.jpg are three */
        add_word(w, "jpg", 0);
}

static int holds_word(const record *r, const char *word) {
    char all[160], with_blanks[24];
    unsigned number = 0;
    const int has_number = sscanf(r->name, "img_%u", &number) == 1;
    snprintf(all, sizeof all, " %s %s ", r->text, r->label < 0 ? "" : label_names[r->label]);
    if (has_number)
        snprintf(all + strlen(all), sizeof all - strlen(all), "img_%u img %u ", number, number);
    snprintf(with_blanks, sizeof with_blanks, " %s ", word);
    return strstr(all, with_blanks) != NULL;
}

/* Is all of the query the record's label, or the name of its file? */
static int is_whole(const record *r, const char *text) {
    const size_t n_name = strcspn(r->name, "."), n_text = strcspn(text, "."), is_name = !strcmp(text + n_text, ".jpg") || !text[n_text];
    return (r->label >= 0 && !strcmp(text, label_names[r->label])) || (n_name && is_name && n_name == n_text && !memcmp(text, r->name, n_name));
}

/* Of each record the share of the words that it holds; 0: it is not found by words. Returns how many words are known. */
static size_t plain_shares(const model *m, const words *w, float *share) {
    size_t n_all = 0, n_known = 0;
    int counts[24], finds[24], any_finds = 0;
    float weight[24], all = 0;
    for (uint64_t id = 0; id < IDS; id++)
        n_all += (size_t)m->record[id].is_there;
    for (size_t i = 0; i < w->n; i++) {
        size_t n = 0;
        for (uint64_t id = 0; id < IDS; id++)
            n += (size_t)(m->record[id].is_there && holds_word(&m->record[id], w->word[i]));
        counts[i] = n || w->is_number_of_name[i];
        finds[i] = n && 5 * n <= n_all;
        any_finds |= finds[i];
        n_known += n > 0;
        weight[i] = (float)log(1 + ((double)n_all - (double)n + 0.5) / ((double)n + 0.5));
        all += counts[i] ? weight[i] : 0;
    }
    for (uint64_t id = 0; id < IDS; id++) {
        const record *r = &m->record[id];
        int has_all = 1, is_found = 0;
        float sum = 0;
        share[id] = 0;
        for (size_t i = 0; r->is_there && n_known && i < w->n; i++) {
            const int holds = counts[i] && holds_word(r, w->word[i]);
            has_all &= holds || !counts[i];
            is_found |= holds && (finds[i] || !any_finds);
            sum += holds ? weight[i] : 0;
        }
        if (r->is_there && n_known && (has_all || is_found || is_whole(r, w->text)))
            share[id] = has_all || is_whole(r, w->text) ? 1 : sum / all < 1 ? sum / all : nextafterf(1, 0);
    }
    return n_known;
}

static int by_words(const void *a, const void *b) {
    const adah_search_hit *x = a, *y = b;
    return (x->words >= 1) != (y->words >= 1) ? (y->words >= 1) - (x->words >= 1)
           : x->order != y->order             ? (x->order < y->order) - (x->order > y->order)
           : x->distance != y->distance       ? (x->distance > y->distance) - (x->distance < y->distance)
                                              : (x->id > y->id) - (x->id < y->id);
}

/* Of the hits within a distance those that are near enough or hold all words, in order by how like the codes are and the words; the first k. */
static size_t plain_by_words(adah_search_hit *hits, size_t n, size_t n_bits, const float *share, int64_t limit, size_t k) {
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++) {
        adah_search_hit hit = hits[i];
        hit.words = share[hit.id];
        hit.order = hit.words + (1 - 2 * (float)hit.distance / (float)n_bits);
        if ((int64_t)hit.distance <= limit || hit.words >= 1)
            hits[n_kept++] = hit;
    }
    qsort(hits, n_kept, sizeof *hits, by_words);
    return n_kept < k ? n_kept : k;
}

/* The answer to query i, by the definition in docs/inside/index.md. limit: of the cut-off. */
static size_t plain_answer(const model *m, const asked *a, size_t i, const float *share, int64_t limit, int with_codes, adah_search_hit *hits) {
    static const uint8_t no_code[BYTES_MAX];
    const uint8_t *query = a->query + i * m->n_bytes;
    adah_search_options o = a->o;
    adah_search_hit all[IDS];
    int any_share = 0;
    size_t n = 0;
    for (uint64_t id = 0; id < IDS; id++)
        any_share |= share[id] > 0;
    o.k = SIZE_MAX;
    o.radius = with_codes ? o.radius : UINT32_MAX;
    size_t n_all = plain_search(m, a->side, with_codes ? query : no_code, &o, all), n_codes = 0;
    if (!with_codes)
        for (size_t h = 0; h < n_all; h++)
            all[h].distance = 0;
    for (; with_codes && n_codes < n_all && n_codes < candidates(m, a); n_codes++) /* the nearest */
        if ((int64_t)all[n_codes].distance <= limit || share[all[n_codes].id] >= 1)
            hits[n++] = all[n_codes];
    size_t n_kept = 0; /* and the best that hold words */
    for (size_t h = 0; h < n_all; h++)
        if (share[all[h].id] > 0)
            all[n_kept++] = all[h];
    n_all = plain_by_words(all, n_kept, m->n_bytes * 8, share, limit, a->o.k);
    for (size_t h = 0; h < n_all; h++) {
        size_t at = 0;
        while (at < n && hits[at].id != all[h].id)
            at++;
        hits[at] = all[h];
        n += at == n;
    }
    for (size_t h = 0; h < n; h++) {
        hits[h].score = a->o.fine ? fine_score(m, a, i, &hits[h]) : 0;
        hits[h].words = share[hits[h].id];
        hits[h].order = hits[h].words + (a->o.fine ? hits[h].score : 1 - 2 * (float)hits[h].distance / (float)(m->n_bytes * 8));
        if (!with_codes)
            hits[h].distance = ADAH_NO_DISTANCE;
    }
    if (any_share) {
        qsort(hits, n, sizeof *hits, by_words);
    } else if (a->o.fine) {
        n = plain_order(m, a, i, hits, n, n, find_tier(m, a));
    }
    return n < a->o.k ? n : a->o.k;
}

/* The greatest distance of a record that the cut-off leaves to a query; -1: it leaves none. */
static int64_t cut_off_limit(const adah_index *x, const asked *a, const uint8_t *query) {
    adah_search_options o;
    adah_search_result result;
    adah_search_options_init(&o);
    o.k = SIZE_MAX;
    o.cut_off = 1;
    OK(adah_index_search(x, (adah_modality)a->side, query, 1, &o, &result, &status));
    const int64_t limit = result.n_hits ? (int64_t)result.hits[result.n_hits - 1].distance : -1;
    adah_search_result_free(&result);
    return limit;
}

static void check_words(const adah_index *x, const model *m, adah_random *r) {
    adah_search_hit expected[IDS];
    adah_search_result result[N_QUERIES];
    asked a;
    words query[N_QUERIES];
    const char *text[N_QUERIES];
    float share[N_QUERIES][IDS];
    int any_unknown = 0;
    draw_asked(x, m, r, &a);
    const int with_codes = adah_random_below(r, 3) != 0;
    a.o.cut_off = adah_random_below(r, 3) == 0;
    a.o.fine = with_codes ? a.o.fine : NULL;
    a.o.words = text;
    for (size_t i = 0; i < a.n_queries; i++) {
        draw_words(r, &query[i]);
        text[i] = query[i].text;
        any_unknown |= plain_shares(m, &query[i], share[i]) == 0;
    }
    const adah_code code = adah_index_search(x, (adah_modality)a.side, with_codes ? a.query : NULL, a.n_queries, &a.o, result, &status);
    if (code == ADAH_ERROR_NO_KNOWN_WORD) {
        assert_true(!with_codes && any_unknown);
        return;
    }
    if (!is_answered(m, &a, code))
        return;
    assert_true(with_codes || !any_unknown);
    for (size_t i = 0; i < a.n_queries; i++) {
        const int64_t limit = a.o.cut_off && with_codes ? cut_off_limit(x, &a, a.query + i * m->n_bytes) : INT64_MAX;
        const size_t n = plain_answer(m, &a, i, share[i], limit, with_codes, expected);
        int any_share = 0;
        for (uint64_t id = 0; id < IDS; id++)
            any_share |= share[i][id] > 0;
        assert_int_equal(result[i].n_hits, n);
        for (size_t j = 0; j < n; j++) {
            const adah_search_hit *hit = &result[i].hits[j];
            assert_int_equal(hit->id, expected[j].id);
            assert_int_equal(hit->distance, expected[j].distance);
            assert_true(hit->score == expected[j].score);
            assert_true(hit->words == expected[j].words);
            assert_true(hit->order == (any_share ? expected[j].order : 0));
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
        for (int i = 0; i < 8; i++) {
            check_search(x, m, &r);
            check_words(x, m, &r);
        }
        if (old) {
            check_records(old, old_model);
            check_search(old, old_model, &r);
            check_words(old, old_model, &r);
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

/* In a large collection only the rarest words find records: "second" would make more than 20,000. Who holds all words is found in any
 * case, and so is a word that stands in a fifth or more, where there is no other. */
static void test_common_words(void **state) {
    (void)state;
    enum { N = 60000, PER_WORD = 11000 };
    static const char *const query[] = {"first second", "second", "first second third", "third"};
    static const size_t n_expected[] = {PER_WORD, PER_WORD, PER_WORD, N / 2};
    const uint8_t identity[16] = {0}, code[1] = {0};
    const temporary_folder folder = temporary_folder_create();
    char path[512];
    adah_index_builder *b;
    adah_index *x;
    TEMPORARY_PATH(folder, "a.index", path);
    OK(adah_index_builder_create(path, 8, identity, "none", &b, &status));
    for (size_t i = 0; i < N; i++) { /* 1,000 hold the first and the second word */
        char text[32] = "";
        if (i < PER_WORD)
            strcat(text, "first ");
        if (i >= PER_WORD - 1000 && i < 2 * PER_WORD - 1000)
            strcat(text, "second ");
        if (i % 2)
            strcat(text, "third");
        OK(adah_index_builder_add(b, &(adah_index_item){.id = i, .text = text, .image_code = code}, &status));
    }
    OK(adah_index_builder_publish(b, 0, NULL, &status));
    OK(adah_index_open(path, &x, &status));
    for (size_t q = 0; q < sizeof query / sizeof *query; q++) {
        adah_search_options o;
        adah_search_result result;
        adah_search_options_init(&o);
        o.k = SIZE_MAX;
        o.words = &query[q];
        OK(adah_index_search(x, ADAH_IMAGE, NULL, 1, &o, &result, &status));
        assert_int_equal(result.n_hits, n_expected[q]);
        size_t n_all = 0;
        for (size_t i = 0; i < result.n_hits; i++) {
            n_all += result.hits[i].words >= 1;
            assert_true(q % 2 || result.hits[i].id < PER_WORD);
        }
        assert_int_equal(n_all, q == 0 ? 1000 : q == 2 ? 500 : n_expected[q]);
        adah_search_result_free(&result);
    }
    adah_index_close(x);
    temporary_folder_remove(&folder);
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
        cmocka_unit_test(test_common_words),
        cmocka_unit_test(test_rerank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
