/* bench_feedback.c - what marking answers gains: P@20 of those that are left, before and after.
 *
 *     bench_feedback INDEX [n_queries] [n_liked] [n_unliked] [a] [b] [c]      defaults: 500 2 1 1 0.75 0.25
 *
 * Records drawn by a seed ask for images, by the code and vector of their image and of their text; a record is left out of its own answer, and
 * right is what has a label in common with it. Of the first 20 answers the first n_liked right ones are liked, the first n_unliked wrong ones not.
 * Queries without a right and a wrong one among the 20 are passed over. A line each for image and text: queries that count, the share of right ones among the
 * next 20 that are not marked, as they were and by the new query; of bits alone, and in the fine order. */
#include "adah/adah.h"
#include "base/random.h"

#include <stdio.h>
#include <stdlib.h>

enum { N_SHOWN = 20, MARKS_MAX = N_SHOWN, N_FETCHED = N_SHOWN + 2 * MARKS_MAX };

static adah_status status;

static void check(adah_code code) {
    if (code == ADAH_OK || code == ADAH_ERROR_NOT_FOUND)
        return;
    fprintf(stderr, "bench_feedback: %s\n", status.message);
    exit(1);
}

static int is_right(const adah_index_entry *a, const adah_index_entry *b) {
    for (size_t i = 0; i < a->n_labels; i++)
        for (size_t k = 0; k < b->n_labels; k++)
            if (a->label[i] == b->label[k])
                return 1;
    return 0;
}

typedef struct marks {
    uint64_t id[2 * MARKS_MAX]; /* the query first; then liked and unliked */
    size_t n_liked, n_unliked;
} marks;

typedef struct trial {
    const adah_index *index;
    adah_feedback_options weights;
    size_t n_liked, n_unliked;
    int is_fine;
} trial;

static void search(const trial *t, adah_search_options o, const uint8_t *code, const int8_t *fine, size_t n_fine, adah_modality of,
                   adah_search_result *result) {
    if (t->is_fine && fine) {
        o.fine = fine;
        o.n_fine = n_fine;
        o.fine_of = of;
    }
    check(adah_index_search(t->index, ADAH_IMAGE, code, 1, &o, result, &status));
}

/* The right ones among the first 20 that are not marked. */
static size_t count(const trial *t, const adah_index_entry *query, const adah_search_result *r, const marks *m) {
    size_t n = 0, n_right = 0;
    for (size_t i = 0; i < r->n_hits && n < N_SHOWN; i++) {
        adah_index_entry entry;
        int is_marked = 0;
        for (size_t k = 0; m && k <= m->n_liked + m->n_unliked; k++)
            is_marked |= m->id[k] == r->hits[i].id;
        if (is_marked)
            continue;
        check(adah_index_record(t->index, r->hits[i].row, &entry, &status));
        n_right += is_right(query, &entry);
        n++;
        adah_index_entry_free(&entry);
    }
    return n_right;
}

static void mark(const trial *t, const adah_index_entry *query, const adah_search_result *r, marks *m) {
    uint64_t unliked[MARKS_MAX];
    *m = (marks){.id = {query->id}};
    for (size_t i = 0; i < r->n_hits && i < N_SHOWN; i++) {
        adah_index_entry entry;
        check(adah_index_record(t->index, r->hits[i].row, &entry, &status));
        if (is_right(query, &entry) && m->n_liked < t->n_liked)
            m->id[++m->n_liked] = entry.id;
        else if (!is_right(query, &entry) && m->n_unliked < t->n_unliked)
            unliked[m->n_unliked++] = entry.id;
        adah_index_entry_free(&entry);
    }
    for (size_t i = 0; i < m->n_unliked; i++)
        m->id[1 + m->n_liked + i] = unliked[i];
}

/* Adds the right ones before and after. 0: the query does not count. */
static int try_query(const trial *t, const adah_index_entry *query, adah_modality by, size_t sum[2]) {
    const int8_t *fine = by == ADAH_IMAGE ? query->image_fine : query->text_fine;
    const uint8_t *code = by == ADAH_IMAGE ? query->image_code : query->text_code;
    adah_search_result result;
    adah_search_options o;
    marks m;
    adah_search_options_init(&o);
    o.k = N_FETCHED;
    o.exclude = query->id;
    search(t, o, code, fine, adah_index_fine(t->index, by), by, &result);
    mark(t, query, &result, &m);
    const size_t before = count(t, query, &result, &m);
    adah_search_result_free(&result);
    if (m.n_liked != t->n_liked || m.n_unliked != t->n_unliked)
        return 0;
    adah_feedback found;
    adah_feedback_options f = t->weights;
    f.liked = m.id + 1;
    f.n_liked = m.n_liked;
    f.unliked = m.id + 1 + m.n_liked;
    f.n_unliked = m.n_unliked;
    f.code = code;
    f.fine = fine;
    f.n_fine = fine ? adah_index_fine(t->index, by) : 0;
    check(adah_index_feedback(t->index, &f, &found, &status));
    o.k = N_SHOWN;
    o.leave_out = m.id;
    o.n_leave_out = 1 + m.n_liked + m.n_unliked;
    search(t, o, found.code, found.n_fine ? found.fine : NULL, found.n_fine, found.fine_of, &result);
    sum[0] += before;
    sum[1] += count(t, query, &result, NULL);
    adah_search_result_free(&result);
    return 1;
}

static void run(trial *t, size_t n_queries, adah_modality by) {
    printf("%-5s", by == ADAH_IMAGE ? "image" : "text");
    for (t->is_fine = 0; t->is_fine < 2; t->is_fine++) {
        adah_random random = adah_random_seeded(1, 0);
        size_t sum[2] = {0}, n = 0;
        for (size_t i = 0; i < n_queries; i++) {
            adah_index_entry query;
            if (adah_index_record(t->index, adah_random_below(&random, adah_index_rows(t->index)), &query, &status) != ADAH_OK)
                continue;
            if (query.image_code && query.text_code && query.n_labels)
                n += (size_t)try_query(t, &query, by, sum);
            adah_index_entry_free(&query);
        }
        const double all = n ? (double)(n * N_SHOWN) : 1;
        printf("   %s: %zu queries, %.3f -> %.3f", t->is_fine ? "fine" : "bits", n, (double)sum[0] / all, (double)sum[1] / all);
    }
    printf("\n");
}

int main(int argc, char **argv) {
    adah_index *index;
    trial t = {.n_liked = argc > 3 ? strtoul(argv[3], NULL, 10) : 2, .n_unliked = argc > 4 ? strtoul(argv[4], NULL, 10) : 1};
    if (argc < 2 || t.n_liked + t.n_unliked >= MARKS_MAX) {
        fprintf(stderr, "usage: bench_feedback INDEX [n_queries] [n_liked] [n_unliked] [a] [b] [c]\n");
        return 2;
    }
    adah_feedback_options_init(&t.weights);
    float *const weight[] = {&t.weights.query_weight, &t.weights.liked_weight, &t.weights.unliked_weight};
    for (int i = 0; i < 3 && argc > 5 + i; i++)
        *weight[i] = strtof(argv[5 + i], NULL);
    check(adah_index_open(argv[1], &index, &status));
    t.index = index;
    for (int by = 0; by < 2; by++)
        run(&t, argc > 2 ? strtoul(argv[2], NULL, 10) : 500, (adah_modality)by);
    adah_index_close(index);
    return 0;
}
