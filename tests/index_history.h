/* index_history.h - a collection's history that follows from a seed alone: what the n-th batch changes, and which
 * records the state after it holds.
 *
 * So processes and threads that share nothing but the number of batches agree on every record. Record 0 tells that
 * number: each batch replaces it. A record's content follows from the seed, its id and the batch that wrote it. */
#ifndef ADAH_TESTS_INDEX_HISTORY_H
#define ADAH_TESTS_INDEX_HISTORY_H

#include "adah/adah.h"
#include "base/random.h"
#include "base/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { HISTORY_IDS = 2000, HISTORY_BITS = 64, HISTORY_CODE_BYTES = HISTORY_BITS / 8, HISTORY_LABELS = 12, HISTORY_FINE_MAX = 24 };

static const size_t history_n_fine[2] = {HISTORY_FINE_MAX, 16}; /* of images and texts */

typedef struct history {
    uint64_t seed, n_batches, next_id, n_alive;
    size_t n_usual;               /* changes of most batches: at most that */
    uint32_t writer[HISTORY_IDS]; /* the batch, from 1 on, that wrote the record with this id; 0: there is none */
} history;

typedef enum history_kind {
    HISTORY_ADD,
    HISTORY_ADD_NEXT,
    HISTORY_REPLACE,
    HISTORY_DELETE,
    HISTORY_RENEW
} history_kind;

typedef struct history_change {
    history_kind kind; /* HISTORY_RENEW: deleted and added again */
    uint64_t id;
} history_change;

typedef struct history_record {
    uint64_t id;
    char file_name[32], text[400], label_name[4][16];
    const char *label[4];
    size_t n_labels; /* without repeats */
    uint8_t code[2][HISTORY_CODE_BYTES];
    int has_code[2];
    int8_t fine[2][HISTORY_FINE_MAX]; /* zeros: none */
    adah_taken taken;
} history_record;

static inline uint64_t history_random(uint64_t *state, uint64_t n) {
    *state = adah_random_mix(*state, 1);
    return *state % n;
}

/* The record with an id as the history's batch `writer` wrote it. */
static inline void history_make_record(const history *h, uint64_t id, uint32_t writer, history_record *r) {
    uint64_t s = adah_random_mix(adah_random_mix(h->seed, id), writer);
    *r = (history_record){.id = id};
    const uint64_t which = history_random(&s, 4); /* 0: bare codes */
    if (which || id == 0) {
        snprintf(r->file_name, sizeof r->file_name, "%" PRIu64 "/%" PRIu32 ".jpg", id, writer);
        int n = snprintf(r->text, sizeof r->text, "%" PRIu32 " ", writer);
        for (uint64_t left = history_random(&s, which == 1 ? 350 : 30); left; left--)
            r->text[n++] = (char)('a' + history_random(&s, 26));
    }
    const uint64_t n_labels = which ? history_random(&s, 4) : 0;
    for (uint64_t i = 0; i < n_labels; i++) {
        snprintf(r->label_name[r->n_labels], sizeof r->label_name[0], "label %" PRIu64,
                 history_random(&s, HISTORY_LABELS));
        int is_new = 1;
        for (size_t k = 0; k < r->n_labels; k++)
            is_new &= strcmp(r->label_name[k], r->label_name[r->n_labels]) != 0;
        r->n_labels += (size_t)is_new;
    }
    const uint64_t sides = 1 + history_random(&s, 3);
    for (int m = 0; m < 2; m++) {
        r->has_code[m] = (int)(sides >> m & 1) || id == 0;
        for (int i = 0; i < HISTORY_CODE_BYTES; i++)
            r->code[m][i] = (uint8_t)(history_random(&s, 256) & history_random(&s, 256));
    }
    for (int m = 0; m < 2; m++)
        for (size_t i = 0, has_fine = r->has_code[m] && history_random(&s, 3); i < history_n_fine[m] && has_fine; i++)
            r->fine[m][i] = (int8_t)(1 + (int)history_random(&s, 127));
    if (history_random(&s, 3) == 0) {
        r->taken.seconds = (int64_t)history_random(&s, 2000000000) - 500000000;
        r->taken.detail = (uint16_t)(1 + history_random(&s, 4));
        r->taken.offset_minutes = history_random(&s, 2) ? ADAH_NO_OFFSET : (int32_t)history_random(&s, 1400) - 700;
    }
    if (history_random(&s, 3) == 0) {
        r->taken.latitude_e7 = (int32_t)history_random(&s, 1800000000) - 900000000;
        r->taken.longitude_e7 = (int32_t)((int64_t)history_random(&s, 3600000000) - 1800000000);
        r->taken.has_place = 1;
    }
}

static inline adah_index_item history_item(history_record *r) {
    for (size_t i = 0; i < r->n_labels; i++)
        r->label[i] = r->label_name[i];
    return (adah_index_item){.id = r->id,
                             .file_name = r->file_name,
                             .text = r->text,
                             .label = r->label,
                             .n_labels = r->n_labels,
                             .image_code = r->has_code[ADAH_IMAGE] ? r->code[ADAH_IMAGE] : NULL,
                             .text_code = r->has_code[ADAH_TEXT] ? r->code[ADAH_TEXT] : NULL,
                             .image_fine = r->has_code[ADAH_IMAGE] ? r->fine[ADAH_IMAGE] : NULL,
                             .text_fine = r->has_code[ADAH_TEXT] ? r->fine[ADAH_TEXT] : NULL,
                             .n_image_fine = history_n_fine[ADAH_IMAGE],
                             .n_text_fine = history_n_fine[ADAH_TEXT],
                             .taken = r->taken};
}

/* What the next batch changes, at most HISTORY_IDS; no id twice. */
static inline size_t history_plan(const history *h, history_change *changes) {
    uint64_t s = adah_random_mix(h->seed ^ 0xbabe, h->n_batches), next_id = h->next_id;
    unsigned char used[HISTORY_IDS] = {1};
    size_t n = 0;
    changes[n++] = (history_change){h->n_batches ? HISTORY_REPLACE : HISTORY_ADD_NEXT, 0};
    next_id += h->n_batches == 0;
    const uint64_t n_wanted = history_random(&s, history_random(&s, 16) ? h->n_usual : 10 * h->n_usual);
    for (uint64_t i = 0; i < n_wanted; i++) {
        const uint64_t choice = history_random(&s, 8);
        if (choice < 4 && next_id < HISTORY_IDS) {
            used[next_id] = 1;
            changes[n++] = (history_change){HISTORY_ADD_NEXT, next_id++};
            continue;
        }
        const uint64_t top = next_id + (choice == 7 ? 8 : 0),
                       id = history_random(&s, top < HISTORY_IDS ? top : HISTORY_IDS);
        if (used[id])
            continue;
        used[id] = 1;
        if (h->writer[id])
            changes[n++] = (history_change){choice < 5   ? HISTORY_REPLACE
                                            : choice < 6 ? HISTORY_RENEW
                                                         : HISTORY_DELETE,
                                            id};
        else if (h->n_alive < HISTORY_IDS / 3 || choice == 7)
            changes[n++] = (history_change){HISTORY_ADD, id};
        if (changes[n - 1].id == id && id >= next_id)
            next_id = id + 1;
    }
    return n;
}

/* The next batch has been committed. */
static inline void history_step(history *h) {
    history_change change[HISTORY_IDS];
    const size_t n = history_plan(h, change);
    h->n_batches++;
    for (size_t i = 0; i < n; i++) {
        const uint64_t id = change[i].id;
        h->n_alive -= h->writer[id] != 0;
        h->writer[id] = change[i].kind == HISTORY_DELETE ? 0 : (uint32_t)h->n_batches;
        h->n_alive += h->writer[id] != 0;
        if (id >= h->next_id)
            h->next_id = id + 1;
    }
}

static inline history history_begin(uint64_t seed, size_t n_usual) {
    return (history){.seed = seed, .n_usual = n_usual};
}

static inline history history_after(const history *h, uint64_t n_batches) {
    history other = history_begin(h->seed, h->n_usual);
    while (other.n_batches < n_batches)
        history_step(&other);
    return other;
}

/* Gives the next batch to a writer, without the commit. */
static inline adah_code history_stage(const history *h, adah_index_writer *w, adah_status *status) {
    history_change change[HISTORY_IDS];
    const size_t n = history_plan(h, change);
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < n && code == ADAH_OK; i++) {
        history_record r;
        uint64_t id = change[i].id;
        history_make_record(h, id, (uint32_t)h->n_batches + 1, &r);
        adah_index_item item = history_item(&r);
        if (change[i].kind == HISTORY_ADD_NEXT)
            item.id = ADAH_NO_ID;
        if (change[i].kind == HISTORY_DELETE || change[i].kind == HISTORY_RENEW)
            code = adah_index_writer_delete(w, id, status);
        if (code == ADAH_OK && change[i].kind == HISTORY_REPLACE)
            code = adah_index_writer_replace(w, &item, status);
        else if (code == ADAH_OK && change[i].kind != HISTORY_DELETE)
            code = adah_index_writer_add(w, &item, &id, status);
        if (code == ADAH_OK && id != change[i].id)
            return adah_fail(status, ADAH_ERROR_MISMATCH, "id %" PRIu64 ", expected %" PRIu64, id, change[i].id);
    }
    return code;
}

/* The batches that are in a state, as record 0 tells; UINT64_MAX: it does not. */
static inline uint64_t history_count(const adah_index *x) {
    uint64_t row, n = UINT64_MAX;
    adah_index_entry e;
    if (adah_index_rows(x) == 0)
        return 0;
    if (!adah_index_find(x, 0, &row) || adah_index_record(x, row, &e, NULL) != ADAH_OK)
        return UINT64_MAX;
    if (sscanf(e.text, "%" SCNu64, &n) != 1)
        n = UINT64_MAX;
    adah_index_entry_free(&e);
    return n;
}

static inline int history_same_code(const uint8_t *code, const history_record *r, int m) {
    return code ? r->has_code[m] && memcmp(code, r->code[m], HISTORY_CODE_BYTES) == 0 : !r->has_code[m];
}

static inline int history_same_fine(const int8_t *fine, const history_record *r, int m) {
    return fine ? memcmp(fine, r->fine[m], history_n_fine[m]) == 0 : r->fine[m][0] == 0;
}

/* Does the state hold just the records of the history? If not, `fault` (256 bytes) says what is wrong. */
static inline int history_is(const history *h, const adah_index *x, char *fault) {
    uint64_t n_alive = 0, row;
    adah_index_entry e;
    for (uint64_t id = 0; id < HISTORY_IDS; id++) {
        const int is_there = adah_index_find(x, id, &row);
        if (is_there != (h->writer[id] != 0)) {
            snprintf(fault, 256, "id %" PRIu64 " %s after %" PRIu64 " batches", id,
                     is_there ? "is there" : "is missing", h->n_batches);
            return 0;
        }
        if (!is_there)
            continue;
        history_record r;
        n_alive++;
        history_make_record(h, id, h->writer[id], &r);
        e = (adah_index_entry){0};
        int ok = adah_index_record(x, row, &e, NULL) == ADAH_OK && e.id == id &&
                 strcmp(e.file_name, r.file_name) == 0 && strcmp(e.text, r.text) == 0 && e.n_labels == r.n_labels;
        for (size_t i = 0; i < r.n_labels && ok; i++) { /* every label there is one of the record's, and none twice */
            const char *name = adah_index_label_name(x, e.label[i]);
            int is_one = 0;
            for (size_t k = 0; k < r.n_labels && name; k++)
                is_one |= strcmp(name, r.label_name[k]) == 0;
            ok = is_one && (i == 0 || e.label[i] > e.label[i - 1]);
        }
        ok = ok && history_same_code(e.image_code, &r, ADAH_IMAGE) && history_same_code(e.text_code, &r, ADAH_TEXT) &&
             history_same_fine(e.image_fine, &r, ADAH_IMAGE) && history_same_fine(e.text_fine, &r, ADAH_TEXT) &&
             memcmp(&e.taken, &r.taken, sizeof e.taken) == 0;
        adah_index_entry_free(&e);
        if (!ok) {
            snprintf(fault, 256, "record %" PRIu64 " is not as it was written by batch %" PRIu32, id, h->writer[id]);
            return 0;
        }
    }
    if (n_alive != adah_index_count(x)) {
        snprintf(fault, 256, "%" PRIu64 " records, expected %" PRIu64, adah_index_count(x), n_alive);
        return 0;
    }
    return 1;
}

#endif
