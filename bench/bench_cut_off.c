/* bench_cut_off.c - what the cut-off of a search leaves, where the collection has what is asked for and where it has
 * not.
 *
 *     bench_cut_off MODEL DATA
 *
 * Queries are every second record of DATA's query split (the others chose the cut-off's share), by their text toward
 * images and by their image toward texts, k = 50. "absent": the collection is the rest of DATA without the records
 * that share a label with the query; an answer that is not empty is a fault. "present": the whole rest. */
#include "adah/adah.h"

#include <stdio.h>
#include <stdlib.h>

enum { K = 50 };

static adah_status status;

static void check(adah_code code) {
    if (code != ADAH_OK) {
        fprintf(stderr, "bench_cut_off: %s\n", status.message);
        exit(1);
    }
}

/* The collection searched at the moment. */
typedef struct query {
    const adah_dataset *dataset;
    const adah_codes *codes;
    const adah_record *record;
    int is_absent; /* records that share a label do not count */
} query;

static int shares_label(const adah_record *a, const adah_record *b) {
    for (size_t i = 0; i < a->n_labels; i++)
        for (size_t j = 0; j < b->n_labels; j++)
            if (a->label[i] == b->label[j])
                return 1;
    return 0;
}

/* An index of the codes of one side; its ids are positions in the codes. */
static adah_index *build(const char *path, const query *q, adah_modality side) {
    adah_index_writer *w;
    adah_index *index;
    const size_t n_bytes = q->codes->n_bits / 8;
    check(adah_index_writer_create(path, NULL, q->codes->n_bits, &w, &status));
    for (size_t i = 0; i < q->codes->n; i++) {
        const adah_record *r = adah_dataset_record(q->dataset, q->codes->record[i]);
        adah_index_item item = {.id = i};
        if (r->split == ADAH_SPLIT_QUERY || (q->is_absent && shares_label(q->record, r)))
            continue;
        *(side == ADAH_IMAGE ? &item.image_code : &item.text_code) =
            (side == ADAH_IMAGE ? q->codes->image : q->codes->text) + i * n_bytes;
        check(adah_index_writer_add(w, &item, NULL, &status));
    }
    check(adah_index_writer_commit(w, &status));
    adah_index_writer_close(w);
    check(adah_index_open(path, &index, &status));
    return index;
}

static void measure(const adah_dataset *dataset, const adah_codes *codes, adah_modality to) {
    size_t n = 0, n_empty = 0, n_answered = 0, n_hits = 0, n_relevant = 0, n_query = 0;
    const char *path = "bench_cut_off.adah"; /* in the current folder */
    for (size_t i = 0; i < codes->n; i++) {
        query q = {dataset, codes, adah_dataset_record(dataset, codes->record[i]), 0};
        if (q.record->split != ADAH_SPLIT_QUERY || n_query++ % 2 == 0)
            continue;
        n++;
        for (q.is_absent = 0; q.is_absent < 2; q.is_absent++) {
            adah_search_options o;
            adah_search_options_init(&o);
            adah_search_result r;
            adah_index *index = build(path, &q, to);
            o.k = K;
            o.cut_off = 1;
            check(adah_index_search(index, to,
                                    (to == ADAH_IMAGE ? codes->text : codes->image) + i * codes->n_bits / 8, 1, &o,
                                    &r, &status));
            n_empty += q.is_absent && r.n_hits == 0;
            n_answered += !q.is_absent && r.n_hits > 0;
            for (size_t h = 0; h < r.n_hits && !q.is_absent; h++, n_hits++)
                n_relevant += shares_label(q.record, adah_dataset_record(dataset, codes->record[r.hits[h].id]));
            adah_search_result_free(&r);
            adah_index_close(index);
        }
    }
    remove(path);
    printf("%zu bits, by %s, %zu queries: absent: empty %.3f; present: some answer %.3f, precision %.3f, hits %.1f "
           "of %d\n",
           codes->n_bits, to == ADAH_IMAGE ? "text" : "image", n, (double)n_empty / (double)n,
           (double)n_answered / (double)n, (double)n_relevant / (double)(n_hits ? n_hits : 1),
           (double)n_hits / (double)n, K);
}

int main(int argc, char **argv) {
    adah_model *model;
    adah_dataset *dataset;
    adah_codes codes;
    if (argc != 3) {
        fprintf(stderr, "usage: bench_cut_off MODEL DATA\n");
        return 2;
    }
    check(adah_model_open(argv[1], &model, &status));
    check(adah_dataset_open(argv[2], NULL, &dataset, &status));
    check(adah_encode_dataset(model, dataset, NULL, (adah_progress){0}, &codes, &status));
    measure(dataset, &codes, ADAH_IMAGE);
    measure(dataset, &codes, ADAH_TEXT);
    adah_codes_free(&codes);
    adah_dataset_close(dataset);
    adah_model_close(model);
    return 0;
}
