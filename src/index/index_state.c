/* index_state.c - states of a collection: made, followed to the newest, asked.
 *
 * A state takes one segment after another: its records, and out of the earlier ones what it deletes. adah_index_latest makes a later
 * state of the same file. What changes bytes behind the headers changes the file's time; where no writer accounts for that, or where
 * something else is in its place, the file is opened anew, as another collection, with all checksums (open_again); this one is lost
 * for good unless all is right. */
#define _GNU_SOURCE
#include "base/memory.h"
#include "index/index_file.h"
#include "index/index_marks.h"
#include "index/index_state.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

typedef unsigned long long ull; /* for %llu */

/* ---------------------------------------------------------------- bitmaps */

static adah_bits *bits_create(uint64_t n) { /* all set */
    const size_t n_words = (size_t)((n + 63) / 64);
    adah_bits *b = adah_memory_alloc(sizeof *b + n_words * sizeof *b->word);
    if (!b)
        return NULL;
    atomic_init(&b->n_references, 1);
    b->n_words = n_words;
    memset(b->word, 0xff, n_words * sizeof *b->word);
    return b;
}

static adah_bits *bits_share(adah_bits *b) {
    if (b)
        atomic_fetch_add_explicit(&b->n_references, 1, memory_order_relaxed);
    return b;
}

static void bits_drop(adah_bits *b) {
    if (b && atomic_fetch_sub_explicit(&b->n_references, 1, memory_order_acq_rel) == 1)
        adah_memory_free(b);
}

/* Makes *b a bitmap of n bits that nobody else has. */
static int bits_own(adah_bits **b, uint64_t n) {
    if (*b && atomic_load_explicit(&(*b)->n_references, memory_order_acquire) == 1)
        return 1;
    adah_bits *own = bits_create(n);
    if (!own)
        return 0;
    if (*b)
        memcpy(own->word, (*b)->word, own->n_words * sizeof *own->word);
    bits_drop(*b);
    *b = own;
    return 1;
}

static void bit_clear(adah_bits *b, uint64_t i) { b->word[i / 64] &= ~((uint64_t)1 << i % 64); }

int adah_index_is_alive(const adah_segment_view *v, uint64_t record) {
    return !v->alive || adah_bit(v->alive->word, record);
}

/* ---------------------------------------------------------------- making and following */

void adah_index_close(adah_index *x) {
    if (!x || atomic_fetch_sub_explicit(&x->n_references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < x->n_segments; i++) {
        bits_drop(x->view[i].alive);
        bits_drop(x->view[i].keep[0]);
        bits_drop(x->view[i].keep[1]);
    }
    adah_memory_free(x->view);
    adah_collection_drop(x->collection);
    adah_memory_free(x);
}

size_t adah_index_segment_of(const adah_index *x, uint64_t row) {
    size_t low = 0, high = x->n_segments;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (x->view[middle].segment->header.first_row <= row)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Takes a row out of a state that nobody else has yet. */
static adah_code delete_row(adah_index *x, uint64_t row, adah_status *status) {
    adah_segment_view *v = &x->view[adah_index_segment_of(x, row)];
    const adah_segment *s = v->segment;
    const uint64_t record = row - s->header.first_row;
    if (row >= x->n_rows || record >= s->header.n_records || !adah_index_is_alive(v, record))
        return adah_index_fail_damaged(x->path, status, "row %llu of %llu is deleted, or deleted twice", (ull)row,
                                       (ull)x->n_rows);
    if (!bits_own(&v->alive, s->header.n_records))
        return adah_fail_memory(status, (size_t)s->header.n_records / 8);
    bit_clear(v->alive, record);
    v->n_alive--;
    x->n_alive--;
    for (int m = 0; m < 2; m++) {
        const adah_code_set *set = &s->sets[m];
        const size_t at = adah_segment_position(s, (adah_modality)m, record);
        if (at >= set->n || (set->records && set->records[at] != record))
            continue;
        if (!bits_own(&v->keep[m], set->n))
            return adah_fail_memory(status, set->n / 8);
        bit_clear(v->keep[m], at);
        v->n_codes[m]--;
    }
    return ADAH_OK;
}

static adah_code take_segment(adah_index *x, const adah_segment *s, adah_status *status) {
    const adah_index_segment_header *h = &s->header;
    for (int m = 0; m < 2; m++) {
        const size_t n_fine = s->sets[m].n_fine;
        if (n_fine && x->n_fine[m] && n_fine != x->n_fine[m])
            return adah_index_fail_damaged(x->path, status, "vectors of %zu values in segment %llu, those before have %zu", n_fine,
                                           (ull)h->number, x->n_fine[m]);
        x->n_fine[m] = n_fine ? n_fine : x->n_fine[m];
    }
    for (size_t i = 0; i < s->n_deleted; i++)
        ADAH_TRY(delete_row(x, s->deleted[i], status));
    if (h->n_records && h->first_id < x->next_id)
        x->ids_ascend = 0;
    x->view[x->n_segments++] = (adah_segment_view){.segment = s, .n_alive = h->n_records, .n_codes = {s->sets[0].n, s->sets[1].n}};
    x->n_rows += h->n_records;
    x->n_alive += h->n_records;
    x->n_labels += s->n_new_labels;
    x->next_id = h->next_id;
    x->end += h->n_bytes;
    return ADAH_OK;
}

/* The state with all segments of the collection; `old`: an earlier one of it, or NULL. Called with the lock held. */
static adah_code make_state(adah_collection *c, const adah_index *old, adah_index **state, adah_status *status) {
    adah_index *x = adah_memory_zeroed(1, sizeof *x);
    adah_segment_view *view = adah_memory_resize(NULL, c->n_segments, sizeof *view);
    if (!x || !view) {
        adah_memory_free(x);
        adah_memory_free(view);
        return adah_fail_memory(status, sizeof *x + c->n_segments * sizeof *view);
    }
    if (old) {
        x->n_rows = old->n_rows;
        x->n_alive = old->n_alive;
        x->next_id = old->next_id;
        x->end = old->end;
        x->n_labels = old->n_labels;
        memcpy(x->n_fine, old->n_fine, sizeof x->n_fine);
        x->ids_ascend = old->ids_ascend;
        x->n_segments = old->n_segments;
        for (size_t i = 0; i < old->n_segments; i++) {
            view[i] = old->view[i];
            bits_share(view[i].alive);
            bits_share(view[i].keep[0]);
            bits_share(view[i].keep[1]);
        }
    } else {
        x->end = ADAH_INDEX_FRONT_BYTES;
        x->ids_ascend = 1;
    }
    atomic_init(&x->n_references, 1);
    atomic_fetch_add_explicit(&c->n_references, 1, memory_order_relaxed);
    x->collection = c;
    x->path = c->path;
    x->n_bits = c->header.n_bits;
    x->view = view;
    for (size_t i = x->n_segments; i < c->n_segments; i++) {
        const adah_code code = take_segment(x, c->segments[i], status);
        if (code != ADAH_OK) {
            adah_index_close(x);
            return code;
        }
    }
    *state = x;
    return ADAH_OK;
}

/* with_sums: all checksums are looked at. */
static adah_code open_index(const char *path, int with_sums, adah_index **index, adah_status *status) {
    adah_collection *c = NULL;
    adah_index *x = NULL;
    ADAH_TRY(adah_collection_open(path, &c, status));
    adah_code code = with_sums ? adah_collection_check_sums(c, status) : ADAH_OK;
    if (code == ADAH_OK)
        code = make_state(c, NULL, &x, status);
    if (code == ADAH_OK)
        code = adah_index_check(x, status);
    adah_collection_drop(c); /* the state holds it now */
    if (code == ADAH_OK)
        *index = x;
    else
        adah_index_close(x);
    return code;
}

adah_code adah_index_open(const char *path, adah_index **index, adah_status *status) {
    return open_index(path, 0, index, status);
}

adah_code adah_index_read_more(adah_index *x, adah_index **latest, adah_status *status) {
    adah_collection *c = x->collection;
    adah_index *later = NULL;
    pthread_mutex_lock(&c->lock);
    adah_code code = adah_collection_check(c, c->n_segments ? c->segments[c->n_segments - 1] : NULL, c->end, status);
    if (code == ADAH_OK)
        code = adah_collection_read_more(c, status);
    if (code == ADAH_OK && c->n_segments > x->n_segments)
        code = make_state(c, x, &later, status);
    pthread_mutex_unlock(&c->lock);
    if (code == ADAH_OK)
        code = adah_index_check(later ? later : x, status);
    if (code != ADAH_OK) {
        adah_index_close(later);
        return code;
    }
    *latest = later ? later : adah_index_share(x);
    return ADAH_OK;
}

/* Opens a file anew that was written to by others, unless that was in vain before and it has not changed since. */
static adah_code open_again(adah_collection *c, adah_index **latest, adah_status *status) {
    adah_file_stamp now = {0};
    adah_status why;
    ADAH_TRY(adah_collection_stamp(c, &now, status));
    pthread_mutex_lock(&c->lock);
    const int is_refused = adah_stamp_same(&now, &c->refused);
    if (is_refused)
        why = c->why_refused;
    pthread_mutex_unlock(&c->lock);
    if (is_refused)
        return adah_fail(status, why.code, "%s", why.message);
    const adah_code code = open_index(c->path, 1, latest, &why);
    if (code == ADAH_OK)
        return ADAH_OK;
    pthread_mutex_lock(&c->lock);
    if (adah_is_bad_content(code)) {
        atomic_store(&c->is_lost, 1);
        c->refused = now;
        c->why_refused = why;
    }
    pthread_mutex_unlock(&c->lock);
    return adah_fail(status, code, "%s", why.message);
}

/* Called with the lock held. */
static void forget_after(adah_collection *c, const adah_index *x) {
    while (c->n_segments > x->n_segments) {
        adah_segment *s = c->segments[--c->n_segments];
        adah_segment_release(s);
        adah_memory_free(s);
    }
    c->end = x->end;
    c->next_id = x->next_id;
    c->n_rows = x->n_rows;
    c->n_labels = x->n_labels;
}

adah_code adah_index_look_ahead(adah_index *x, const adah_index_mark *mark, adah_index **next, adah_status *status) {
    adah_collection *c = x->collection;
    pthread_mutex_lock(&c->lock);
    adah_code code = adah_collection_read_acknowledged(c, mark, status);
    if (code == ADAH_OK)
        code = make_state(c, x, next, status);
    if (code != ADAH_OK)
        forget_after(c, x);
    pthread_mutex_unlock(&c->lock);
    return code;
}

void adah_index_look_back(adah_index *x, adah_index *next) {
    adah_index_close(next);
    pthread_mutex_lock(&x->collection->lock);
    forget_after(x->collection, x);
    pthread_mutex_unlock(&x->collection->lock);
}

adah_index *adah_index_share(adah_index *x) {
    atomic_fetch_add_explicit(&x->n_references, 1, memory_order_relaxed);
    return x;
}

adah_code adah_index_latest(adah_index *x, adah_index **latest, adah_status *status) {
    adah_collection *c = x->collection;
    struct stat info;
    if (stat(c->path, &info) != 0)
        return adah_fail_system(status, c->path, "cannot open");
    if (info.st_dev != c->device || info.st_ino != c->inode)
        return adah_index_open(c->path, latest, status);
    adah_index *more = NULL;
    adah_code code = adah_index_read_more(x, &more, status);
    pthread_mutex_lock(&c->lock);
    const int is_rewritten = c->is_rewritten;
    pthread_mutex_unlock(&c->lock);
    if (adah_is_bad_content(code) || (code == ADAH_OK && is_rewritten)) {
        adah_index_close(more);
        return open_again(c, latest, status);
    }
    if (code == ADAH_OK)
        *latest = more;
    return code;
}

adah_code adah_index_check(const adah_index *x, adah_status *status) {
    return adah_collection_check(x->collection, x->n_segments ? x->view[x->n_segments - 1].segment : NULL, x->end, status);
}

uint64_t adah_index_unfinished_bytes(const adah_index *x) {
    adah_file_stamp now = {0};
    return adah_collection_stamp(x->collection, &now, NULL) == ADAH_OK && now.n_bytes > x->end ? now.n_bytes - x->end : 0;
}

adah_code adah_index_marks(const adah_index *x, adah_index_mark mark[ADAH_INDEX_N_MARKS], adah_status *status) {
    const size_t own = x->n_segments % ADAH_INDEX_N_MARKS;
    ADAH_TRY(adah_index_read_marks(x->collection->fd, x->path, mark, status));
    for (size_t i = 0; i < ADAH_INDEX_N_MARKS; i++)
        if (!adah_index_mark_is_whole(&mark[i], x->collection->header.file_number))
            memset(&mark[i], 0, sizeof *mark);
    if (mark[own].n_segments != x->n_segments) /* it was damaged */
        mark[own] = adah_index_make_mark(x->collection->header.file_number, x->n_segments, x->end, adah_index_last_checksum(x), 0);
    return ADAH_OK;
}

/* ---------------------------------------------------------------- asking */

uint64_t adah_index_last_checksum(const adah_index *x) {
    return x->n_segments ? x->view[x->n_segments - 1].segment->header.checksum : 0;
}

const char *adah_index_language(const adah_index *x) {
    for (size_t i = x->n_segments; i-- > 0;)
        if (x->view[i].segment->postings)
            return x->view[i].segment->postings->language;
    return "";
}

uint64_t adah_index_file_number(const adah_index *x) { return x->collection->header.file_number; }
uint64_t adah_index_count(const adah_index *x) { return x->n_alive; }
uint64_t adah_index_rows(const adah_index *x) { return x->n_rows; }
size_t adah_index_bits(const adah_index *x) { return x->n_bits; }
size_t adah_index_fine(const adah_index *x, adah_modality side) { return side == ADAH_IMAGE || side == ADAH_TEXT ? x->n_fine[side] : 0; }

const char *adah_index_cannot_order(const adah_index *x, adah_modality of, size_t n_fine) {
    if (!x->n_fine[0] && !x->n_fine[1])
        return "the index has no vectors";
    if (!n_fine)
        return "the query has no vector";
    const size_t n_own = adah_index_fine(x, of);
    return n_fine <= ADAH_FINE_MAX && (!n_own || n_fine == n_own) ? NULL : "the query's vector has another length than those of its kind in the index";
}
const uint8_t *adah_index_model_identity(const adah_index *x) { return x->collection->header.model_identity; }
size_t adah_index_label_count(const adah_index *x) { return x->n_labels; }

const char *adah_index_label_name(const adah_index *x, uint32_t label) {
    if (label >= x->n_labels)
        return NULL;
    size_t low = 0, high = x->n_segments; /* the last segment whose first label is not above it */
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (x->view[middle].segment->header.first_label <= label)
            low = middle;
        else
            high = middle;
    }
    const adah_segment *s = x->view[low].segment;
    return label - s->header.first_label < s->n_new_labels ? adah_segment_label(s, label - s->header.first_label)
                                                           : NULL;
}

adah_code adah_index_record(const adah_index *x, uint64_t row, adah_index_entry *entry, adah_status *status) {
    if (row >= x->n_rows)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: row %llu of %llu", x->path, (ull)row, (ull)x->n_rows);
    adah_record_room room = {NULL, 0, NULL};
    adah_index_entry e;
    adah_code code = adah_index_next_record(x, row, &room, &e, status);
    code = adah_index_checked(x, code, status);
    if (code != ADAH_OK) {
        adah_memory_free(room.own);
        return code;
    }
    *entry = e;
    entry->memory = room.own;
    return ADAH_OK;
}

void adah_index_entry_free(adah_index_entry *entry) {
    adah_memory_free(entry->memory);
    *entry = (adah_index_entry){0};
}

adah_code adah_index_next_record(const adah_index *x, uint64_t row, adah_record_room *room, adah_index_entry *entry,
                                 adah_status *status) {
    const adah_segment_view *v = &x->view[adah_index_segment_of(x, row)];
    const uint64_t record = row - v->segment->header.first_row;
    if (!adah_index_is_alive(v, record))
        return adah_fail(status, ADAH_ERROR_NOT_FOUND, "%s: the record in row %llu is deleted", x->path, (ull)row);
    return adah_segment_record(v->segment, record, x->n_labels, room, entry, status);
}

int adah_index_find(const adah_index *x, uint64_t id, uint64_t *row) {
    uint64_t record;
    size_t first = 0, end = x->n_segments;
    if (x->ids_ascend && end) { /* the last segment that does not begin above the id is the only one to look into */
        while (end - first > 1) {
            const size_t middle = first + (end - first) / 2;
            if (x->view[middle].segment->header.first_id <= id)
                first = middle;
            else
                end = middle;
        }
    }
    for (size_t i = end; i-- > first;) {
        const adah_segment_view *v = &x->view[i];
        if (v->n_alive && adah_segment_find(v->segment, id, &record) && adah_index_is_alive(v, record)) {
            *row = v->segment->header.first_row + record;
            return 1;
        }
    }
    return 0;
}

/* ---------------------------------------------------------------- telling and checking */

adah_code adah_index_stats(const adah_index *x, char **json, adah_status *status) {
    uint64_t n_codes[2] = {0, 0}, n_in_tables[2] = {0, 0}, n_code_bytes = 0, n_table_bytes = 0, n_payload_bytes = 0,
             n_vectors[2] = {0, 0}, n_fine_bytes = 0;
    char model[33];
    for (size_t i = 0; i < x->n_segments; i++) {
        const adah_segment *s = x->view[i].segment;
        for (uint32_t t = 1; t < ADAH_SECTION_TYPES_END; t++) {
            const uint64_t n = s->section[t] ? s->section[t]->n_bytes : 0;
            if (t == ADAH_SECTION_IMAGE_CODES || t == ADAH_SECTION_TEXT_CODES)
                n_code_bytes += n;
            else if (t == ADAH_SECTION_IMAGE_TABLES || t == ADAH_SECTION_TEXT_TABLES)
                n_table_bytes += n;
            else if (t == ADAH_SECTION_IMAGE_FINE || t == ADAH_SECTION_TEXT_FINE)
                n_fine_bytes += n;
            else
                n_payload_bytes += n;
        }
        for (int m = 0; m < 2; m++) {
            n_codes[m] += s->sets[m].n;
            n_in_tables[m] += s->sets[m].tables ? s->sets[m].n : 0;
            n_vectors[m] += s->sets[m].fine ? s->sets[m].n : 0;
        }
    }
    for (int i = 0; i < 16; i++)
        snprintf(model + 2 * i, 3, "%02x", x->collection->header.model_identity[i]);
    json_t *object =
        json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "n_records",
                  (json_int_t)x->n_alive, "n_deleted", (json_int_t)(x->n_rows - x->n_alive), "n_bits",
                  (json_int_t)x->n_bits, "n_image_fine", (json_int_t)x->n_fine[0], "n_text_fine", (json_int_t)x->n_fine[1], "n_segments", (json_int_t)x->n_segments, "model", model, "n_labels",
                  (json_int_t)x->n_labels, "next_id", (json_int_t)x->next_id, "n_image_codes", (json_int_t)n_codes[0],
                  "n_text_codes", (json_int_t)n_codes[1], "n_image_codes_in_tables", (json_int_t)n_in_tables[0],
                  "n_text_codes_in_tables", (json_int_t)n_in_tables[1],
                  "n_image_vectors", (json_int_t)n_vectors[0], "n_text_vectors", (json_int_t)n_vectors[1], "file_bytes",
                  (json_int_t)x->end, "code_bytes", (json_int_t)n_code_bytes, "fine_bytes", (json_int_t)n_fine_bytes, "table_bytes", (json_int_t)n_table_bytes, "payload_bytes",
                  (json_int_t)n_payload_bytes, "unfinished_bytes", (json_int_t)adah_index_unfinished_bytes(x));
    char *text = object ? json_dumps(object, JSON_INDENT(1)) : NULL;
    json_decref(object);
    char *copy = text ? adah_memory_text(text) : NULL;
    free(text);
    if (!copy)
        return adah_fail_memory(status, 1024);
    const adah_code code = adah_index_check(x, status);
    if (code == ADAH_OK)
        *json = copy;
    else
        adah_memory_free(copy);
    return code;
}

/* Every record that is not deleted is found by its id. */
static adah_code verify_ids(const adah_index *x, adah_status *status) {
    adah_record_room room = {NULL, 0, NULL};
    adah_code code = ADAH_OK;
    for (uint64_t row = 0, other = 0; row < x->n_rows && code == ADAH_OK && !x->ids_ascend; row++) {
        adah_index_entry e;
        if (adah_index_next_record(x, row, &room, &e, NULL) == ADAH_OK &&
            (!adah_index_find(x, e.id, &other) || other != row))
            code = adah_index_fail_damaged(x->path, status, "rows %llu and %llu have the same id %llu", (ull)row,
                                           (ull)other, (ull)e.id);
    }
    adah_memory_free(room.own);
    return code;
}

adah_code adah_index_verify(const char *path, adah_status *status) {
    adah_index *x = NULL;
    ADAH_TRY(adah_index_open(path, &x, status));
    adah_code code = adah_collection_verify_front(x->collection, status);
    size_t n_labels = 0;
    uint64_t at = ADAH_INDEX_FRONT_BYTES;
    for (size_t i = 0; i < x->n_segments && code == ADAH_OK; i++) {
        const adah_segment *s = x->view[i].segment;
        n_labels += s->n_new_labels; /* a record knows the labels up to its own segment's */
        code = adah_segment_verify(s, x->collection->fd, at, n_labels, status);
        at += s->header.n_bytes;
    }
    if (code == ADAH_OK)
        code = verify_ids(x, status);
    code = adah_index_checked(x, code, status);
    adah_index_close(x);
    return code;
}
