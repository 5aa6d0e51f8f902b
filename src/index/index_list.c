/* index_list.c - records without a query: those that pass, newest first, and how many were taken in each year, month or day.
 *
 * All records are gone through, by their dates and places where they lie in the file; only where labels or the caller's function narrow the answer is
 * a record copied. Of a list no more is kept than the end of what is asked for. */
#include "base/memory.h"
#include "base/sized_options.h"
#include "base/taken.h"
#include "index/record_filter.h"

#include <stdlib.h>
#include <string.h>

typedef struct listed {
    int64_t seconds; /* INT64_MIN: no date */
    uint64_t id, row;
} listed;

typedef struct walk {
    const adah_index *index;
    adah_search_options options;
    adah_record_filter filter;
    uint64_t *only; /* rows, ascending, where options.only is given */
    size_t n_only;
    uint64_t excluded; /* row; UINT64_MAX: none */
    adah_record_room room;
    adah_code (*take)(void *context, const adah_taken *taken, uint64_t id, uint64_t row, adah_status *status);
    void *context;
} walk;

static int by_number(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static adah_code open_walk(walk *w, const adah_search_options *options, adah_status *status) {
    adah_search_options *o = &w->options;
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_SEARCH, options, o, status));
    o->n_labels = o->label ? o->n_labels : 0;
    ADAH_TRY(adah_record_filter_open(w->index, o, &w->filter, status));
    if (o->exclude == ADAH_NO_ID || !adah_index_find(w->index, o->exclude, &w->excluded))
        w->excluded = UINT64_MAX;
    if (!o->only)
        return ADAH_OK;
    w->only = adah_memory_zeroed(o->n_only, sizeof *w->only);
    if (!w->only)
        return adah_fail_memory(status, o->n_only * sizeof *w->only);
    for (size_t i = 0; i < o->n_only; i++)
        w->n_only += (size_t)adah_index_find(w->index, o->only[i], &w->only[w->n_only]);
    if (w->n_only > 1)
        qsort(w->only, w->n_only, sizeof *w->only, by_number);
    return ADAH_OK;
}

static void close_walk(walk *w) {
    adah_record_filter_free(&w->filter);
    adah_memory_free(w->only);
    adah_memory_free(w->room.own);
}

/* -1: damaged; -2: memory is out. */
static int passes(walk *w, const adah_segment *segment, uint64_t record) {
    const adah_search_options *o = &w->options;
    const uint64_t row = segment->header.first_row + record;
    adah_index_entry entry;
    if (row == w->excluded || (o->only && (!w->n_only || !bsearch(&row, w->only, w->n_only, sizeof row, by_number))))
        return 0;
    const int is_narrow = adah_record_filter_is_narrow(&w->filter), is_passing = is_narrow ? adah_record_filter_passes(&w->filter, segment, record) : 1;
    if (is_passing <= 0 || (!o->n_labels && !o->accept))
        return is_passing;
    const adah_code code = adah_segment_record(segment, record, w->index->n_labels, &w->room, &entry, NULL);
    if (code != ADAH_OK)
        return code == ADAH_ERROR_MEMORY ? -2 : -1;
    return adah_record_filter_has_label(&w->filter, &entry) && (!o->accept || o->accept(o->context, &entry));
}

static adah_code walk_segment(walk *w, const adah_segment_view *view, adah_status *status) {
    const adah_segment *s = view->segment;
    for (uint64_t record = 0; record < s->header.n_records; record++) {
        const int is_passing = adah_index_is_alive(view, record) ? passes(w, s, record) : 0;
        const adah_taken taken = adah_segment_taken(s, record);
        if (is_passing == -2)
            return adah_fail_memory(status, sizeof(adah_index_entry));
        if (is_passing < 0 || (is_passing && !adah_taken_is_sound(&taken)))
            return adah_index_fail_damaged(w->index->path, status, "record %llu is not whole", (unsigned long long)(s->header.first_row + record));
        if (is_passing)
            ADAH_TRY(w->take(w->context, &taken, adah_segment_id(s, record), s->header.first_row + record, status));
    }
    return ADAH_OK;
}

static adah_code go_through(walk *w, const adah_search_options *options, adah_status *status) {
    adah_code code = open_walk(w, options, status);
    for (size_t i = 0; i < w->index->n_segments && code == ADAH_OK; i++)
        code = walk_segment(w, &w->index->view[i], status);
    close_walk(w);
    return adah_index_checked(w->index, code, status);
}

/* ---------------------------------------------------------------- the list */

typedef struct list {
    listed *heap; /* the worst first, once it is full */
    size_t n, capacity, n_wanted;
    uint64_t n_all;
} list;

/* Newest first; then by id. */
static int compare(const void *a, const void *b) {
    const listed *x = a, *y = b;
    return x->seconds != y->seconds ? (x->seconds < y->seconds) - (x->seconds > y->seconds) : (x->id > y->id) - (x->id < y->id);
}

static void sink(listed *heap, size_t n, size_t i) {
    for (size_t worst;; i = worst) {
        worst = i;
        for (size_t k = 2 * i + 1; k <= 2 * i + 2 && k < n; k++)
            if (compare(&heap[k], &heap[worst]) > 0)
                worst = k;
        if (worst == i)
            return;
        const listed moved = heap[i];
        heap[i] = heap[worst];
        heap[worst] = moved;
    }
}

static adah_code take_listed(void *context, const adah_taken *taken, uint64_t id, uint64_t row, adah_status *status) {
    list *l = context;
    const listed one = {taken->detail == ADAH_DATE_NONE ? INT64_MIN : taken->seconds, id, row};
    l->n_all++;
    if (l->n < l->n_wanted) {
        if (!adah_memory_grow((void **)&l->heap, &l->capacity, l->n, sizeof *l->heap))
            return adah_fail_memory(status, (l->n + 1) * sizeof *l->heap);
        l->heap[l->n++] = one;
        for (size_t i = l->n == l->n_wanted ? l->n / 2 : 0; i-- > 0;)
            sink(l->heap, l->n, i);
    } else if (l->n && compare(&one, &l->heap[0]) < 0) {
        l->heap[0] = one;
        sink(l->heap, l->n, 0);
    }
    return ADAH_OK;
}

/* What lies behind those that are passed over. */
static adah_code make_hits(const list *l, uint64_t n_passed, adah_search_result *result, adah_status *status) {
    const size_t n = l->n > n_passed ? l->n - (size_t)n_passed : 0;
    result->hits = adah_memory_zeroed(n, sizeof *result->hits);
    if (!result->hits)
        return adah_fail_memory(status, n * sizeof *result->hits);
    for (size_t i = 0; i < n; i++) {
        const listed *one = &l->heap[n_passed + i];
        result->hits[i] = (adah_search_hit){.id = one->id, .row = one->row, .distance = ADAH_NO_DISTANCE};
    }
    result->n_hits = n;
    return ADAH_OK;
}

adah_code adah_index_list(const adah_index *index, const adah_search_options *options, uint64_t n_passed, adah_search_result *result, uint64_t *n_all,
                          adah_status *status) {
    list l = {.heap = NULL};
    adah_search_options o;
    *result = (adah_search_result){0};
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_SEARCH, options, &o, status));
    l.n_wanted = n_passed > SIZE_MAX - o.k ? SIZE_MAX : o.k + (size_t)n_passed;
    walk w = {.index = index, .take = take_listed, .context = &l};
    adah_code code = go_through(&w, options, status);
    if (code == ADAH_OK && l.n > 1)
        qsort(l.heap, l.n, sizeof *l.heap, compare);
    if (code == ADAH_OK)
        code = make_hits(&l, n_passed, result, status);
    adah_memory_free(l.heap);
    if (code == ADAH_OK && n_all)
        *n_all = l.n_all;
    return code;
}

/* ---------------------------------------------------------------- the timeline */

typedef struct counter {
    adah_date_detail detail;
    adah_timeline *timeline; /* steps in no order, a step perhaps several times, until the end */
    size_t capacity;
    size_t last; /* step of the record before, which the next is often in as well */
} counter;

static int by_date(const void *a, const void *b) {
    const adah_timeline_step *x = a, *y = b;
    return (x->date.seconds > y->date.seconds) - (x->date.seconds < y->date.seconds);
}

/* Steps of one date become one. */
static void join_steps(adah_timeline *t) {
    size_t n = 0;
    if (t->n_steps > 1)
        qsort(t->step, t->n_steps, sizeof *t->step, by_date);
    for (size_t i = 0; i < t->n_steps; i++)
        if (n && t->step[n - 1].date.seconds == t->step[i].date.seconds)
            t->step[n - 1].n += t->step[i].n;
        else
            t->step[n++] = t->step[i];
    t->n_steps = n;
}

static adah_code count(void *context, const adah_taken *taken, uint64_t id, uint64_t row, adah_status *status) {
    counter *c = context;
    adah_timeline *t = c->timeline;
    (void)id;
    (void)row;
    if (taken->detail == ADAH_DATE_NONE) {
        t->n_without++;
        return ADAH_OK;
    }
    const int64_t begin = adah_date_begin(taken->seconds, c->detail);
    if (c->last < t->n_steps && t->step[c->last].date.seconds == begin) {
        t->step[c->last].n++;
        return ADAH_OK;
    }
    const int is_full = t->n_steps == c->capacity;
    if (is_full)
        join_steps(t); /* so that it grows with the different dates, not with the records */
    if (is_full && 2 * t->n_steps >= c->capacity) {
        const size_t capacity = 2 * c->capacity + 64;
        adah_timeline_step *step = adah_memory_resize(t->step, capacity, sizeof *step);
        if (!step)
            return adah_fail_memory(status, capacity * sizeof *step);
        t->step = step;
        c->capacity = capacity;
    }
    c->last = t->n_steps;
    t->step[t->n_steps++] = (adah_timeline_step){
        .date = {.seconds = begin, .detail = (uint16_t)c->detail, .offset_minutes = ADAH_NO_OFFSET}, .n = 1};
    return ADAH_OK;
}

adah_code adah_index_timeline(const adah_index *index, const adah_search_options *options, adah_date_detail detail, adah_timeline *timeline,
                              adah_status *status) {
    adah_timeline t = {.step = NULL};
    counter c = {.detail = detail, .timeline = &t};
    walk w = {.index = index, .take = count, .context = &c};
    if (detail != ADAH_DATE_YEAR && detail != ADAH_DATE_MONTH && detail != ADAH_DATE_DAY)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "steps of detail %d: expected those of a year (1), a month (2) or a day (3)", (int)detail);
    const adah_code code = go_through(&w, options, status);
    if (code == ADAH_OK)
        join_steps(&t);
    else
        adah_timeline_free(&t);
    *timeline = t;
    return code;
}

void adah_timeline_free(adah_timeline *t) {
    adah_memory_free(t->step);
    *t = (adah_timeline){0};
}
