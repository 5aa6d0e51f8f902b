/* index_search.c - search in one state of a collection.
 *
 * The codes of a modality lie in as many runs as there are segments. A run that has search tables is asked through
 * them, one query after another, as long as that is cheaper than reading its codes; all else is scanned, all queries
 * together. A hit's position (in all runs, one after another) becomes its row and id. Where ids do not ascend with
 * the positions, both give every code as near as the k-th, and the order of the ids decides here.
 *
 * With `fine` or `relaxed` more hits than asked for are found in this way, the candidates, and these are put in the other order; with `fine`
 * tier by tier (codes/fine.h), so that it does not depend on k.
 *
 * Where records hold words of the query, those that hold all of its words come first. All others are in order by the sum of two numbers:
 * how like the codes are (1 - 2 d / n_bits, or the score of the fine order), and the share of the words. What is put in order
 * are the candidates and the best k that hold words. The file is long because one search is all of this, and its parts share
 * what they know of it. */
#include "base/memory.h"
#include "base/parallel.h"
#include "codes/fine.h"
#include "codes/scan.h"
#include "index/code_search.h"
#include "index/cut_off.h"
#include "index/record_filter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What the tables may spend on a query before it is scanned, as a share of the scan. Their costs are estimates from
 * below, up to half of the truth, so half a scan is where the two meet. Of many queries scanned together each costs
 * less than one alone, which waits for the memory; but through the tables every thread has a query of its own.
 * Measured by bench_hamming. */
enum {
    MANY_QUERIES = 8,
    N_TRIED = 16 /* of many queries: when half of these do not pay, the others are scanned at once */
};
static const double alone_share = 0.5, scanned_together = 0.16; /* of the time of a query scanned alone */

static double budget_share(size_t n_queries) {
    const double share = n_queries < MANY_QUERIES ? 1 : scanned_together * adah_parallel_threads();
    return alone_share * (share < 1 ? share : 1);
}

enum { RERANK_FACTOR = 10 };

typedef struct search {
    const adah_index *index;
    adah_modality to;
    const uint8_t *queries;
    size_t n_queries, n_code_bytes, n_wanted; /* n_wanted: the k that was asked for */
    size_t tier;                  /* of the fine order, the first; 0: there is none */
    adah_search_options *options; /* this search's own; its k is the number of candidates */
    adah_code_run *runs;          /* of the segments that have codes */
    size_t n_runs;
    const adah_segment_view **view; /* of each run */
    uint64_t **own_keep;            /* of each run: a bitmap made for this search; NULL: none */
    const adah_word_hits *held;     /* records that hold words of the query, which is one; NULL: none */
    uint64_t n_codes;
    size_t n_only;                /* codes that `only` leaves, and dates, places and folders */
    adah_record_filter filter;
    uint64_t *left_out;           /* positions that are no hits, ascending */
    size_t n_left_out;
    adah_hit_list *lists;         /* n_queries */
    adah_hit_list chosen;         /* the best of `held`, in any order */
    adah_cut_off cut;             /* n_sampled 0: there is none */
    unsigned char *is_unanswered; /* by the tables of the run at work: n_queries */
    atomic_int is_damaged, is_out_of_memory; /* a record could not be read */
    int with_accept;
} search;

/* One search through the tables of a run. */
typedef struct table_search {
    search *s;
    size_t run, first; /* first: query of the loop */
    double budget;
    adah_code *code; /* n_queries */
    adah_hit_list *found;
} table_search;

static size_t run_of(const search *s, uint64_t position) {
    size_t low = 0, high = s->n_runs;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (s->runs[middle].first <= position)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* Segment and record of a position. */
static adah_code locate(const search *s, uint64_t position, const adah_segment **segment, uint64_t *record,
                        adah_status *status) {
    const size_t run = run_of(s, position);
    *segment = s->view[run]->segment;
    return adah_segment_record_of(*segment, s->to, (size_t)(position - s->runs[run].first), record, status);
}

static int is_left_out(const search *s, uint64_t position) {
    size_t low = 0, high = s->n_left_out;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (s->left_out[middle] < position)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->n_left_out && s->left_out[low] == position;
}

/* For the scan and the tables: may the code at `position` be a hit? */
static int accept(void *context, size_t query, uint64_t position) {
    search *s = context;
    (void)query;
    if (is_left_out(s, position))
        return 0;
    if (!s->options->accept && !s->options->n_labels)
        return 1;
    const adah_segment *segment;
    adah_index_entry entry;
    uint64_t record;
    _Alignas(8) uint8_t near[1024]; /* most records fit */
    adah_record_room room = {near, sizeof near, NULL};
    adah_code code = locate(s, position, &segment, &record, NULL);
    if (code == ADAH_OK)
        code = adah_segment_record(segment, record, s->index->n_labels, &room, &entry, NULL);
    if (code != ADAH_OK)
        atomic_store_explicit(code == ADAH_ERROR_MEMORY ? &s->is_out_of_memory : &s->is_damaged, 1, memory_order_relaxed);
    const int is_accepted = code == ADAH_OK && adah_record_filter_has_label(&s->filter, &entry) &&
                            (!s->options->accept || s->options->accept(s->options->context, &entry));
    adah_memory_free(room.own);
    return is_accepted;
}

static int accept_in_tables(void *context, size_t query, uint64_t position) {
    const table_search *t = context;
    return accept(t->s, query, t->s->runs[t->run].first + position);
}

/* ---------------------------------------------------------------- what is searched */

static adah_code collect_runs(search *s, adah_status *status) {
    const adah_index *x = s->index;
    s->runs = adah_memory_zeroed(x->n_segments, sizeof *s->runs);
    s->view = adah_memory_zeroed(x->n_segments, sizeof *s->view);
    s->own_keep = adah_memory_zeroed(x->n_segments, sizeof *s->own_keep);
    if (!s->runs || !s->view || !s->own_keep)
        return adah_fail_memory(status, x->n_segments * (sizeof *s->runs + sizeof *s->view));
    for (size_t i = 0; i < x->n_segments; i++) {
        const adah_segment_view *v = &x->view[i];
        const adah_code_set *set = &v->segment->sets[s->to];
        if (set->n == 0 || v->n_alive == 0)
            continue;
        s->view[s->n_runs] = v;
        s->runs[s->n_runs++] =
            (adah_code_run){set->codes, set->n, s->n_codes, v->keep[s->to] ? v->keep[s->to]->word : NULL};
        s->n_codes += set->n;
    }
    return ADAH_OK;
}

/* The position of the code of the record in a row, if it has one that counts. */
static int position_of_row(const search *s, uint64_t row, uint64_t *position) {
    const adah_segment_view *v = &s->index->view[adah_index_segment_of(s->index, row)];
    const uint64_t record = row - v->segment->header.first_row;
    const size_t at = adah_segment_position(v->segment, s->to, record);
    uint64_t owner;
    if (at >= v->segment->sets[s->to].n || adah_segment_record_of(v->segment, s->to, at, &owner, NULL) != ADAH_OK ||
        owner != record)
        return 0;
    size_t low = 0, high = s->n_runs; /* the runs are in the order of the segments */
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (s->view[middle] < v)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == s->n_runs || s->view[low] != v)
        return 0;
    *position = s->runs[low].first + at;
    return 1;
}

static int find_position(const search *s, uint64_t id, uint64_t *position) {
    uint64_t row;
    return adah_index_find(s->index, id, &row) && position_of_row(s, row, position);
}

static int by_position(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Positions of the ids that are not to be found. */
static adah_code leave_out(search *s, adah_status *status) {
    const adah_search_options *o = s->options;
    const size_t n = o->leave_out ? o->n_leave_out : 0;
    s->left_out = adah_memory_resize(NULL, n + 1, sizeof *s->left_out);
    if (!s->left_out)
        return adah_fail_memory(status, (n + 1) * sizeof *s->left_out);
    for (size_t i = 0; i <= n; i++) {
        const uint64_t id = i < n ? o->leave_out[i] : o->exclude;
        s->n_left_out += id != ADAH_NO_ID && find_position(s, id, &s->left_out[s->n_left_out]);
    }
    qsort(s->left_out, s->n_left_out, sizeof *s->left_out, by_position);
    return ADAH_OK;
}

/* Bitmaps of the ids that alone may be found. */
static adah_code keep_only(search *s, adah_status *status) {
    const adah_search_options *o = s->options;
    for (size_t i = 0; i < s->n_runs; i++) {
        s->own_keep[i] = adah_memory_zeroed((s->runs[i].n + 63) / 64, sizeof(uint64_t));
        if (!s->own_keep[i])
            return adah_fail_memory(status, s->runs[i].n / 8);
        s->runs[i].keep = s->own_keep[i];
    }
    for (size_t j = 0; j < o->n_only; j++) {
        uint64_t position;
        if (!find_position(s, o->only[j], &position))
            continue;
        const size_t run = run_of(s, position);
        const uint64_t at = position - s->runs[run].first;
        s->n_only += !adah_bit(s->own_keep[run], at);
        s->own_keep[run][at / 64] |= (uint64_t)1 << at % 64;
    }
    return ADAH_OK;
}

/* Takes from the bitmaps, made where there are none, the codes of records that do not pass. */
static adah_code keep_passing(search *s, adah_status *status) {
    s->n_only = 0;
    for (size_t i = 0; i < s->n_runs; i++) {
        const adah_segment *segment = s->view[i]->segment;
        const size_t n = s->runs[i].n;
        uint64_t *passing = adah_memory_zeroed((n + 63) / 64, sizeof *passing);
        if (!passing)
            return adah_fail_memory(status, n / 8);
        int fault = 0;
        for (size_t at = 0; at < n && !fault; at++) {
            uint64_t record;
            if (s->runs[i].keep && !adah_bit(s->runs[i].keep, at))
                continue;
            const int passes = adah_segment_record_of(segment, s->to, at, &record, NULL) == ADAH_OK ? adah_record_filter_passes(&s->filter, segment, record) : -1;
            fault = passes < 0;
            passing[at / 64] |= (uint64_t)(passes > 0) << at % 64;
            s->n_only += passes > 0;
        }
        adah_memory_free(s->own_keep[i]);
        s->runs[i].keep = s->own_keep[i] = passing;
        if (fault)
            return adah_index_fail_damaged(s->index->path, status, "a record that the search came by is not whole");
    }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- finding */

static int by_distance(const void *a, const void *b) {
    const adah_hit *x = a, *y = b;
    return x->distance != y->distance ? (x->distance > y->distance) - (x->distance < y->distance)
                                      : (x->position > y->position) - (x->position < y->position);
}

/* Adds hits, of the run that begins at `first`, to a list. */
static adah_code append_hits(adah_hit_list *list, const adah_hit *hit, size_t n, uint64_t first,
                             adah_status *status) {
    if (n == 0)
        return ADAH_OK;
    adah_hit *longer = adah_memory_resize(list->hit, list->n + n, sizeof *longer);
    if (!longer)
        return adah_fail_memory(status, (list->n + n) * sizeof *longer);
    list->hit = longer;
    for (size_t i = 0; i < n; i++)
        longer[list->n++] = (adah_hit){first + hit[i].position, hit[i].distance};
    return ADAH_OK;
}

static adah_code scan_runs(search *s, const adah_code_run *runs, size_t n_runs, const size_t *query, size_t n,
                           const adah_scan_options *o, adah_status *status) {
    adah_hit_list *found = adah_memory_zeroed(n, sizeof *found);
    uint8_t *queries = adah_memory_alloc(n * s->n_code_bytes);
    adah_code code = found && queries ? ADAH_OK : adah_fail_memory(status, n * (sizeof *found + s->n_code_bytes));
    for (size_t i = 0; i < n && code == ADAH_OK; i++)
        memcpy(queries + i * s->n_code_bytes, s->queries + query[i] * s->n_code_bytes, s->n_code_bytes);
    if (code == ADAH_OK)
        code = adah_scan(runs, n_runs, s->n_code_bytes * 8, queries, n, o, found, status);
    for (size_t i = 0; i < n && code == ADAH_OK; i++)
        code = append_hits(&s->lists[query[i]], found[i].hit, found[i].n, 0, status);
    if (found)
        adah_hit_lists_free(found, n);
    adah_memory_free(found);
    adah_memory_free(queries);
    return code;
}

static void ask_tables(void *context, size_t i) {
    table_search *t = context;
    const search *s = t->s;
    const size_t query = t->first + i;
    const adah_search_options *o = s->options;
    const adah_code_set *set = &s->view[t->run]->segment->sets[s->to];
    const adah_multi_index_query q = {.code = s->queries + query * s->n_code_bytes,
                                      .k = o->k,
                                      .radius = o->radius,
                                      .keep_ties = !s->index->ids_ascend,
                                      .keep = s->runs[t->run].keep,
                                      .accept = s->with_accept ? accept_in_tables : NULL,
                                      .context = t,
                                      .query = query,
                                      .budget = t->budget};
    int done = 0;
    t->code[query] = adah_multi_index_search(set->tables, set->codes, &q, &t->found[query].hit, &t->found[query].n,
                                             &done, NULL, NULL);
    s->is_unanswered[query] = t->code[query] != ADAH_OK || !done;
}

static void ask_all(table_search *t) {
    search *s = t->s;
    const size_t n_first =
        s->options->method == ADAH_SEARCH_AUTO && s->n_queries > 2 * N_TRIED ? N_TRIED : s->n_queries;
    size_t n_answered = 0;
    adah_parallel_for(n_first, 1, ask_tables, t);
    for (size_t i = 0; i < n_first; i++)
        n_answered += !s->is_unanswered[i];
    memset(s->is_unanswered + n_first, 1, s->n_queries - n_first);
    t->first = n_first;
    if (2 * n_answered > n_first)
        adah_parallel_for(s->n_queries - n_first, 1, ask_tables, t);
}

/* All queries through the tables of a run; is_unanswered tells for which that did not pay. */
static adah_code search_tables(search *s, size_t run, adah_status *status) {
    table_search t = {
        s,
        run,
        0,
        s->options->method == ADAH_SEARCH_TABLES ? INFINITY : budget_share(s->n_queries) * (double)s->runs[run].n,
        NULL,
        NULL};
    t.code = adah_memory_zeroed(s->n_queries, sizeof *t.code);
    t.found = adah_memory_zeroed(s->n_queries, sizeof *t.found);
    adah_code code =
        t.code && t.found ? ADAH_OK : adah_fail_memory(status, s->n_queries * (sizeof *t.code + sizeof *t.found));
    if (code == ADAH_OK)
        ask_all(&t);
    for (size_t i = 0; i < s->n_queries && code == ADAH_OK; i++) {
        if (t.code[i] != ADAH_OK)
            code = t.code[i] == ADAH_ERROR_MEMORY
                       ? adah_fail_memory(status, s->n_code_bytes)
                       : adah_index_fail_damaged(s->index->path, status,
                                                 "the search tables of a segment do not fit its codes");
        else
            code = append_hits(&s->lists[i], t.found[i].hit, t.found[i].n, s->runs[run].first, status);
    }
    if (t.found)
        adah_hit_lists_free(t.found, s->n_queries);
    adah_memory_free(t.found);
    adah_memory_free(t.code);
    return code;
}

/* Fills the lists with a superset of the hits: those of every run by itself, or of several together. */
static adah_code find(search *s, adah_status *status) {
    const adah_scan_options o = {s->options->k, s->options->radius, !s->index->ids_ascend,
                                 s->with_accept ? accept : NULL, s};
    adah_code_run *to_scan = adah_memory_zeroed(s->n_runs, sizeof *to_scan); /* for all queries */
    size_t *query = adah_memory_resize(NULL, s->n_queries, sizeof *query), n_to_scan = 0;
    s->is_unanswered = adah_memory_zeroed(s->n_queries, 1);
    adah_code code =
        to_scan && query && s->is_unanswered ? ADAH_OK : adah_fail_memory(status, s->n_queries * sizeof *query);
    for (size_t run = 0; run < s->n_runs && code == ADAH_OK; run++) {
        if (s->options->method == ADAH_SEARCH_SCAN || !s->view[run]->segment->sets[s->to].tables) {
            to_scan[n_to_scan++] = s->runs[run];
            continue;
        }
        code = search_tables(s, run, status);
        size_t n = 0;
        for (size_t i = 0; i < s->n_queries; i++)
            if (s->is_unanswered[i])
                query[n++] = i;
        if (code == ADAH_OK && n)
            code = scan_runs(s, &s->runs[run], 1, query, n, &o, status);
    }
    for (size_t i = 0; i < s->n_queries && code == ADAH_OK; i++)
        query[i] = i;
    if (code == ADAH_OK && n_to_scan)
        code = scan_runs(s, to_scan, n_to_scan, query, s->n_queries, &o, status);
    adah_memory_free(to_scan);
    adah_memory_free(query);
    return code;
}

/* ---------------------------------------------------------------- what holds the words */

/* A record that holds words, while the best are chosen: the last to be kept is at the top of a heap. */
typedef struct holder {
    uint64_t position, id;
    uint32_t distance;
    float share, likeness; /* likeness: of the codes, from -1 to 1, and the share */
} holder;

static int is_worse(const holder *a, const holder *b) {
    const int all_a = a->share >= 1, all_b = b->share >= 1;
    return all_a != all_b               ? all_b
           : a->likeness != b->likeness ? a->likeness < b->likeness
           : a->distance != b->distance ? a->distance > b->distance
                                        : a->id > b->id;
}

static void sink(holder *heap, size_t n, size_t i) {
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        child += child + 1 < n && is_worse(&heap[child + 1], &heap[child]);
        if (!is_worse(&heap[child], &heap[i]))
            return;
        const holder moved = heap[i];
        heap[i] = heap[child];
        heap[child] = moved;
    }
}

/* Goes through records that hold words, whose rows ascend. Where many lie close together, as those of a common word do, distances are
 * those of all codes of a stretch at once: so the time for each is that of a scan and not that of a search. */
typedef struct holder_reader {
    const search *s;
    size_t run, at;      /* the code that was looked at last, in its run */
    size_t first, n_known; /* codes of the run whose distances are known */
    uint16_t distance[64];
} holder_reader;

enum { CLOSE = 8 }; /* so many within a stretch are worth all of it */

/* Goes on to the code of the record in a row. 0: it has none. */
static int go_to_code(holder_reader *r, uint64_t row) {
    const search *s = r->s;
    while (r->run < s->n_runs && row >= s->view[r->run]->segment->header.first_row + s->view[r->run]->segment->header.n_records) {
        r->run++;
        r->at = r->n_known = 0;
    }
    if (r->run == s->n_runs || row < s->view[r->run]->segment->header.first_row)
        return 0;
    const adah_segment *segment = s->view[r->run]->segment;
    const adah_code_set *set = &segment->sets[s->to];
    const uint64_t record = row - segment->header.first_row;
    uint64_t owner = record;
    if (set->records) {
        for (size_t i = 0; i < CLOSE && r->at < set->n && adah_read_once(&set->records[r->at]) < record; i++)
            r->at++;
        if (r->at < set->n && adah_read_once(&set->records[r->at]) < record)
            r->at = adah_segment_position(segment, s->to, record);
        owner = r->at < set->n ? adah_read_once(&set->records[r->at]) : UINT64_MAX;
    } else {
        r->at = (size_t)record;
    }
    return r->at < set->n && owner == record;
}

static uint16_t distance_of(holder_reader *r, size_t held) {
    enum { STRETCH = sizeof r->distance / sizeof *r->distance };
    const search *s = r->s;
    const adah_code_run *run = &s->runs[r->run];
    if (!s->queries)
        return 0;
    if (r->at < r->first || r->at - r->first >= r->n_known) {
        const adah_word_hit *hit = s->held->hit;
        const int is_dense = held + CLOSE < s->held->n && hit[held + CLOSE].row - hit[held].row < STRETCH;
        const size_t n_left = run->n - r->at;
        r->first = r->at;
        r->n_known = !is_dense ? 1 : n_left < STRETCH ? n_left : STRETCH;
        adah_hamming_distances(s->queries, run->codes + r->at * s->n_code_bytes, r->n_known, s->n_code_bytes * 8, r->distance);
    }
    return r->distance[r->at - r->first];
}

/* The record that is number `held` of those that hold words. 0: it has no code that may be found. */
static int find_holder(holder_reader *r, size_t held, holder *h) {
    const search *s = r->s;
    if (!go_to_code(r, s->held->hit[held].row))
        return 0;
    const adah_code_run *run = &s->runs[r->run];
    const adah_segment *segment = s->view[r->run]->segment;
    if (run->keep && !adah_bit(run->keep, r->at))
        return 0;
    h->position = run->first + r->at;
    h->id = adah_segment_id(segment, s->held->hit[held].row - segment->header.first_row);
    h->distance = distance_of(r, held);
    h->likeness = 1 - 2 * (float)h->distance / (float)(s->n_code_bytes * 8) + h->share;
    return h->distance <= s->options->radius;
}

/* Chooses the best k records that hold words, by the codes and the words together. By that order, the best of all are among these and
 * those that the codes have found. Not as many as there are candidates for another order: those that only share a common word with a
 * sentence would push out what is of the right class (of 400 photos, P@10 of captions .79 with 100 of them and .83 with 10). */
static adah_code choose_holders(search *s, adah_status *status) {
    const size_t k = s->n_wanted < s->held->n ? s->n_wanted : s->held->n;
    const uint32_t limit = s->cut.n_sampled ? adah_cut_off_limit(&s->cut, s->queries) : UINT32_MAX;
    holder *heap = adah_memory_resize(NULL, k, sizeof *heap);
    holder_reader reader = {.s = s};
    size_t n = 0;
    if (!heap)
        return adah_fail_memory(status, k * sizeof *heap);
    for (size_t i = 0; i < s->held->n && k; i++) {
        const float share = s->held->hit[i].share;
        holder h = {.share = share, .likeness = 1 + share}; /* at best */
        if ((n == k && !is_worse(&heap[0], &h)) || !find_holder(&reader, i, &h) ||
            (h.distance > limit && share < 1) || (n == k && !is_worse(&heap[0], &h)) || !accept(s, 0, h.position))
            continue;
        if (n < k) {
            heap[n++] = h;
            for (size_t j = n == k ? n / 2 : 0; j-- > 0;)
                sink(heap, n, j);
        } else {
            heap[0] = h;
            sink(heap, n, 0);
        }
    }
    s->chosen.hit = n ? adah_memory_resize(NULL, n, sizeof *s->chosen.hit) : NULL;
    for (size_t i = 0; i < n && s->chosen.hit; i++)
        s->chosen.hit[s->chosen.n++] = (adah_hit){heap[i].position, heap[i].distance};
    adah_memory_free(heap);
    return s->chosen.n == n ? ADAH_OK : adah_fail_memory(status, n * sizeof *s->chosen.hit);
}

/* The share of the query's words that the record in a row holds. */
static float share_of(const adah_word_hits *held, uint64_t row) {
    size_t low = 0, high = held->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (held->hit[middle].row < row)
            low = middle + 1;
        else
            high = middle;
    }
    return low < held->n && held->hit[low].row == row ? held->hit[low].share : 0;
}

/* ---------------------------------------------------------------- order and shape of the answer */

static int by_id(const void *a, const void *b) {
    const adah_search_hit *x = a, *y = b;
    return x->distance != y->distance ? (x->distance > y->distance) - (x->distance < y->distance)
                                      : (x->id > y->id) - (x->id < y->id);
}

static int by_score(const void *a, const void *b) {
    const adah_search_hit *x = a, *y = b;
    return x->score != y->score ? (x->score > y->score) - (x->score < y->score) : by_id(a, b);
}

static int by_fine_score(const void *a, const void *b) {
    const adah_search_hit *x = a, *y = b;
    return x->score != y->score ? (x->score < y->score) - (x->score > y->score) : by_id(a, b);
}

/* Those that hold all words first, then by likeness and share together. */
static int by_words(const void *a, const void *b) {
    const adah_search_hit *x = a, *y = b;
    const int all_x = x->words >= 1, all_y = y->words >= 1;
    return all_x != all_y         ? all_y - all_x
           : x->order != y->order ? (x->order < y->order) - (x->order > y->order)
                                  : by_id(a, b);
}

/* Squared distance of relaxed values and the signs of a code. */
static float score(const float *relaxed, const uint8_t *code, size_t n_bits) {
    float sum = 0;
    for (size_t i = 0; i < n_bits; i++) {
        const float difference = relaxed[i] - (code[i >> 3] >> (i & 7) & 1 ? 1.0F : -1.0F);
        sum += difference * difference;
    }
    return sum;
}

/* Puts the best k of n hits in order and in front; the others lie behind them in any order. */
static void put_best_first(adah_search_hit *hits, size_t n, size_t k, int (*compare)(const void *, const void *)) {
    enum { FEW = 64 }; /* up to there it takes less time to put each one that is good enough into its place */
    if (k > FEW || n <= k) {
        qsort(hits, n, sizeof *hits, compare);
        return;
    }
    size_t n_kept = 0;
    for (size_t i = 0; i < n; i++) {
        const adah_search_hit hit = hits[i];
        if (n_kept == k && compare(&hit, &hits[k - 1]) >= 0)
            continue;
        size_t at = n_kept < k ? n_kept++ : k - 1;
        hits[i] = hits[at]; /* the worst takes its place */
        for (; at && compare(&hit, &hits[at - 1]) < 0; at--)
            hits[at] = hits[at - 1];
        hits[at] = hit;
    }
}

static int is_in_order(const adah_hit_list *list) {
    for (size_t i = 1; i < list->n; i++)
        if (by_distance(&list->hit[i - 1], &list->hit[i]) > 0)
            return 0;
    return 1;
}

/* The scores of a query's hits in the fine order, which are in the order of the list. */
static adah_code find_scores(const search *s, size_t query, const adah_hit_list *list, adah_search_hit *hits, size_t n,
                              adah_status *status) {
    const size_t n_own = s->options->n_fine, n_theirs = s->index->n_fine[s->to];
    const int8_t **vector = adah_memory_resize(NULL, n, sizeof *vector);
    float *found = adah_memory_floats(n);
    if (vector && found) {
        for (size_t i = 0; i < n; i++) {
            const size_t run = run_of(s, list->hit[i].position);
            const int8_t *fine = s->view[run]->segment->sets[s->to].fine;
            vector[i] = fine ? fine + (list->hit[i].position - s->runs[run].first) * n_theirs : NULL;
        }
        adah_fine_scores(s->options->fine + query * n_own, n_own, vector, n_theirs, list->hit, n, s->n_code_bytes * 8, found);
        for (size_t i = 0; i < n; i++)
            hits[i].score = found[i];
    }
    const int ok = vector && found;
    adah_memory_free(vector);
    adah_memory_free(found);
    return ok ? ADAH_OK : adah_fail_memory(status, n * sizeof *vector);
}

/* The first n of a list, with rows and ids. */
static adah_code make_hits(const search *s, size_t query, const adah_hit_list *list, adah_search_hit *hits, size_t n, adah_status *status) {
    const adah_search_options *o = s->options;
    for (size_t i = 0; i < n; i++) {
        const adah_hit *hit = &list->hit[i];
        const adah_segment *segment = NULL;
        uint64_t record = 0;
        ADAH_TRY(locate(s, hit->position, &segment, &record, status));
        hits[i] =
            (adah_search_hit){adah_segment_id(segment, record), segment->header.first_row + record, hit->distance, 0, 0, 0};
        if (o->relaxed) {
            const adah_code_run *run = &s->runs[run_of(s, hit->position)];
            hits[i].score = score(o->relaxed + query * s->n_code_bytes * 8,
                                  run->codes + (hit->position - run->first) * s->n_code_bytes, s->n_code_bytes * 8);
        }
    }
    return o->fine && n ? find_scores(s, query, list, hits, n, status) : ADAH_OK;
}

static int by_row(const void *a, const void *b) {
    const adah_search_hit *x = a, *y = b;
    return (x->row > y->row) - (x->row < y->row);
}

/* The first k of a query's list and the records that were chosen for its words, each once. */
static adah_code make_result(const search *s, size_t query, adah_search_result *result, adah_status *status) {
    adah_hit_list *list = &s->lists[query];
    const size_t k = s->options->k;
    if (!is_in_order(list))
        qsort(list->hit, list->n, sizeof *list->hit, by_distance); /* short, or of few sorted pieces */
    size_t n = s->index->ids_ascend && list->n > k ? k : list->n;
    adah_search_hit *hits = adah_memory_resize(NULL, n + s->chosen.n, sizeof *hits);
    if (!hits)
        return adah_fail_memory(status, (n + s->chosen.n) * sizeof *hits);
    adah_code code = make_hits(s, query, list, hits, n, status);
    if (code == ADAH_OK && !s->index->ids_ascend && n > 1)
        qsort(hits, n, sizeof *hits, by_id);
    n = n > k ? k : n;
    if (code == ADAH_OK)
        code = make_hits(s, query, &s->chosen, hits + n, s->chosen.n, status);
    if (code != ADAH_OK) {
        adah_memory_free(hits);
        return code;
    }
    if (s->chosen.n) {
        const size_t n_both = n + s->chosen.n;
        qsort(hits, n_both, sizeof *hits, by_row);
        n = 0;
        for (size_t i = 0; i < n_both; i++)
            if (!n || hits[i].row != hits[n - 1].row)
                hits[n++] = hits[i];
    }
    *result = (adah_search_result){hits, n};
    return ADAH_OK;
}

/* Puts hits in order by likeness and words. */
static void order_by_words(const search *s, adah_search_result *r) {
    const float n_bits = (float)(s->n_code_bytes * 8);
    for (size_t i = 0; i < r->n_hits; i++) {
        adah_search_hit *hit = &r->hits[i];
        hit->words = share_of(s->held, hit->row);
        hit->order = hit->words + (s->options->fine      ? hit->score
                                   : s->options->relaxed ? 1 - hit->score / (2 * n_bits)
                                                         : 1 - 2 * (float)hit->distance / n_bits);
        if (!s->queries)
            hit->distance = ADAH_NO_DISTANCE;
    }
    if (r->n_hits > 1)
        qsort(r->hits, r->n_hits, sizeof *r->hits, by_words);
}

/* Puts candidates by (distance, id) in the fine order, as far as the first k. */
static void order_finely(const search *s, adah_search_result *r, size_t k) {
    for (size_t begin = 0; begin < r->n_hits && begin < k;) {
        const size_t end = adah_fine_candidates(s->tier, begin + 1), n = (end < r->n_hits ? end : r->n_hits) - begin;
        put_best_first(r->hits + begin, n, k - begin, by_fine_score);
        begin += n;
    }
}

static adah_code make_results(search *s, size_t k, adah_search_result *results, adah_status *status) {
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < s->n_queries && code == ADAH_OK; i++) {
        adah_search_result *r = &results[i];
        code = make_result(s, i, r, status);
        if (s->cut.n_sampled && r->n_hits) {
            const uint32_t limit = adah_cut_off_limit(&s->cut, s->queries + i * s->n_code_bytes);
            size_t n = 0; /* what holds all words is an answer, however far */
            for (size_t h = 0; h < r->n_hits; h++)
                if (r->hits[h].distance <= limit || (s->held && share_of(s->held, r->hits[h].row) >= 1))
                    r->hits[n++] = r->hits[h];
            r->n_hits = n;
        }
        if (s->held)
            order_by_words(s, r);
        else if (s->options->fine)
            order_finely(s, r, k);
        else if (s->options->relaxed && r->n_hits > 1)
            put_best_first(r->hits, r->n_hits, k, by_score);
        if (r->n_hits > k)
            r->n_hits = k;
    }
    return code;
}

/* How many hits by distance are put in another order. */
static void choose_candidates(search *s) {
    adah_search_options *o = s->options;
    size_t n = o->k, n_codes = 0;
    for (size_t i = 0; i < s->n_runs; i++)
        n_codes += s->view[i]->n_codes[s->to];
    if (o->fine) {
        s->tier = o->n_candidates ? o->n_candidates : adah_fine_tier(o->only ? s->n_only : n_codes, s->to == o->fine_of);
        n = adah_fine_candidates(s->tier, o->k);
    } else if (o->relaxed) {
        n = o->n_rerank ? o->n_rerank : o->k <= SIZE_MAX / RERANK_FACTOR ? RERANK_FACTOR * o->k : SIZE_MAX;
    }
    o->k = n > o->k ? n : o->k;
}

static adah_code run_search(search *s, size_t k, adah_search_result *results, adah_status *status) {
    ADAH_TRY(adah_record_filter_open(s->index, s->options, &s->filter, status));
    ADAH_TRY(collect_runs(s, status));
    if (s->n_runs == 0 && adah_index_count(s->index))
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: the index holds no codes of %s", s->index->path,
                         s->to == ADAH_IMAGE ? "images" : "texts");
    if (s->options->only)
        ADAH_TRY(keep_only(s, status));
    if (adah_record_filter_is_narrow(&s->filter))
        ADAH_TRY(keep_passing(s, status));
    choose_candidates(s);
    if (s->n_codes < s->options->k && s->options->k != SIZE_MAX)
        s->options->k = (size_t)s->n_codes;
    ADAH_TRY(leave_out(s, status));
    s->with_accept = s->options->accept || s->options->n_labels || s->n_left_out;
    s->lists = adah_memory_zeroed(s->n_queries, sizeof *s->lists);
    if (!s->lists)
        return adah_fail_memory(status, s->n_queries * sizeof *s->lists);
    if (s->n_runs && s->queries)
        ADAH_TRY(find(s, status));
    if (s->n_runs && s->queries && s->options->cut_off)
        ADAH_TRY(adah_cut_off_create(s->runs, s->n_runs, s->n_code_bytes * 8, &s->cut, status));
    if (s->n_runs && s->held)
        ADAH_TRY(choose_holders(s, status));
    if (atomic_load(&s->is_out_of_memory))
        return adah_fail_memory(status, s->n_code_bytes);
    if (atomic_load(&s->is_damaged))
        return adah_index_fail_damaged(s->index->path, status, "a record that the search came by is not whole");
    return make_results(s, k, results, status);
}

/* Can the order be as it is asked for? */
static adah_code check_order(const adah_index *index, const adah_search_options *o, adah_status *status) {
    if (o->relaxed && o->fine)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "both relaxed and fine are given, expected one of them");
    const char *fault = o->fine ? adah_index_cannot_order(index, o->fine_of, o->n_fine) : NULL;
    if (fault)
        return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: %s: %zu values, in the index %zu (images) and %zu (texts)", index->path, fault,
                         o->n_fine, index->n_fine[0], index->n_fine[1]);
    return ADAH_OK;
}

adah_code adah_code_search(const adah_index *index, adah_modality to, const uint8_t *codes, size_t n_queries,
                           const adah_search_options *options, const adah_word_hits *held, adah_search_result *results, adah_status *status) {
    adah_search_options o = *options;
    if (to != ADAH_IMAGE && to != ADAH_TEXT)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "modality %d: expected image (0) or text (1)", (int)to);
    if (o.method != ADAH_SEARCH_AUTO && o.method != ADAH_SEARCH_SCAN && o.method != ADAH_SEARCH_TABLES)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "search method %d: expected auto (0), scan (1) or tables (2)",
                         (int)o.method);
    if (!o.label)
        o.n_labels = 0;
    const size_t k = o.k;
    ADAH_TRY(check_order(index, &o, status));
    for (size_t i = 0; i < n_queries; i++)
        results[i] = (adah_search_result){0};
    search s = {.index = index,
                .to = to,
                .queries = codes,
                .n_queries = n_queries,
                .n_code_bytes = index->n_bits / 8,
                .held = held,
                .n_wanted = k,
                .options = &o};
    adah_code code = n_queries ? run_search(&s, k, results, status) : ADAH_OK;
    code = adah_index_checked(index, code, status);
    for (size_t i = 0; i < n_queries && code != ADAH_OK; i++)
        adah_search_result_free(&results[i]);
    if (s.lists)
        adah_hit_lists_free(s.lists, n_queries);
    for (size_t i = 0; i < s.n_runs; i++)
        adah_memory_free(s.own_keep[i]);
    adah_hit_lists_free(&s.chosen, 1);
    adah_cut_off_free(&s.cut);
    adah_record_filter_free(&s.filter);
    adah_memory_free(s.left_out);
    adah_memory_free(s.lists);
    adah_memory_free(s.is_unanswered);
    adah_memory_free(s.runs);
    adah_memory_free(s.view);
    adah_memory_free(s.own_keep);
    return code;
}
