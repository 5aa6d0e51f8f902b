/* partners.c - per query two counts: items before its own, and items that tie with it. All that is measured follows from them.
 *
 * Distances are taken a stretch of items at a time, so that no row of them is kept. With a fine order a scan for the candidates
 * follows, some queries at a time, and what it finds replaces the counts of those whose own item is among them. */
#include "base/status.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "codes/codes.h"
#include "codes/fine.h"
#include "codes/scan.h"

#include <stdlib.h>

enum { STRETCH = 1024, N_SCANNED = 256, K = 10 };
_Static_assert(2 * K <= ADAH_FINE_CANDIDATES, "the first tier holds the answers, and no more candidates");

/* Where a query finds its own item: anywhere among n_tied places behind n_before. */
typedef struct place {
    size_t n_before, n_tied; /* n_tied counts the item itself */
} place;

typedef struct job {
    adah_partner_side queries, items;
    size_t n, n_bits;
    place *place; /* by query */
    size_t first; /* the query of the first of */
    adah_hit_list lists[N_SCANNED]; /* its candidates, and those of queries behind it */
} job;

static void find_place(void *context, size_t query) {
    const job *j = context;
    const size_t code_bytes = j->n_bits / 8;
    const uint8_t *code = j->queries.codes + query * code_bytes;
    uint16_t distance[STRETCH], own;
    place p = {0, 0};
    adah_hamming_distances(code, j->items.codes + query * code_bytes, 1, j->n_bits, &own);
    for (size_t first = 0; first < j->n; first += STRETCH) {
        const size_t n = j->n - first < STRETCH ? j->n - first : STRETCH;
        adah_hamming_distances(code, j->items.codes + first * code_bytes, n, j->n_bits, distance);
        for (size_t i = 0; i < n; i++) {
            p.n_before += distance[i] < own;
            p.n_tied += distance[i] == own;
        }
    }
    j->place[query] = p;
}

/* The place in the fine order. An item that is no candidate stays where distances put it, behind all candidates. */
static void find_fine_place(void *context, size_t i) {
    job *j = context;
    const adah_hit_list *list = &j->lists[i];
    const size_t query = j->first + i;
    const int8_t *vector[ADAH_FINE_CANDIDATES];
    float score[ADAH_FINE_CANDIDATES];
    size_t own = 0;
    place p = {0, 0};
    while (own < list->n && list->hit[own].position != query)
        own++;
    if (own == list->n) {
        place *by_code = &j->place[query];
        if (by_code->n_before < list->n) {
            by_code->n_tied -= list->n - by_code->n_before;
            by_code->n_before = list->n;
        }
        return;
    }
    for (size_t k = 0; k < list->n; k++)
        vector[k] = j->items.fine + list->hit[k].position * j->items.n_fine;
    adah_fine_scores(j->queries.fine + query * j->queries.n_fine, j->queries.n_fine, vector, j->items.n_fine, list->hit, list->n,
                     j->n_bits, score);
    for (size_t k = 0; k < list->n; k++) {
        const int is_as_near = list->hit[k].distance == list->hit[own].distance, is_nearer = list->hit[k].distance < list->hit[own].distance;
        p.n_before += score[k] > score[own] || (score[k] == score[own] && is_nearer);
        p.n_tied += score[k] == score[own] && is_as_near;
    }
    j->place[query] = p;
}

static adah_code find_fine_places(job *j, adah_status *status) {
    const adah_code_run all = {.codes = j->items.codes, .n = j->n};
    const adah_scan_options options = {.k = adah_fine_tier(j->n, 0), .radius = UINT32_MAX};
    for (j->first = 0; j->first < j->n; j->first += N_SCANNED) {
        const size_t n = j->n - j->first < N_SCANNED ? j->n - j->first : N_SCANNED;
        ADAH_TRY(adah_scan(&all, 1, j->n_bits, j->queries.codes + j->first * j->n_bits / 8, n, &options, j->lists, status));
        adah_parallel_for(n, 16, find_fine_place, j);
        adah_hit_lists_free(j->lists, n);
    }
    return ADAH_OK;
}

/* The chance that the own item is among the first k. */
static double chance(place p, size_t k) {
    if (p.n_before >= k)
        return 0;
    return p.n_before + p.n_tied <= k ? 1 : (double)(k - p.n_before) / (double)p.n_tied;
}

static double mean_chance(const place *p, size_t n, size_t k) {
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += chance(p[i], k);
    return n ? sum / (double)n : 0;
}

/* The mean rank is n_before + (n_tied + 1) / 2. */
static size_t twice_the_rank(place p) { return 2 * p.n_before + p.n_tied + 1; }

static int by_rank(const void *a, const void *b) {
    const size_t x = twice_the_rank(*(const place *)a), y = twice_the_rank(*(const place *)b);
    return (x > y) - (x < y);
}

/* Sorts the places. Of an even number the mean of the two in the middle. */
static double median_rank(place *p, size_t n) {
    if (n == 0)
        return 0;
    qsort(p, n, sizeof *p, by_rank);
    return (double)(twice_the_rank(p[(n - 1) / 2]) + twice_the_rank(p[n / 2])) / 4;
}

adah_code adah_partners_compute(adah_partner_side queries, adah_partner_side items, size_t n, size_t n_bits, int with_fine,
                                adah_partner_measures *measures, adah_status *status) {
    job j = {.queries = queries, .items = items, .n = n, .n_bits = n_bits,
             .place = adah_memory_alloc(n * sizeof *j.place)};
    if (!j.place)
        return adah_fail_memory(status, n * sizeof *j.place);
    adah_parallel_for(n, 16, find_place, &j);
    const adah_code code = with_fine ? find_fine_places(&j, status) : ADAH_OK;
    if (code == ADAH_OK)
        *measures = (adah_partner_measures){.n_queries = n,
                                            .recall_at_1 = mean_chance(j.place, n, 1),
                                            .recall_at_5 = mean_chance(j.place, n, 5),
                                            .recall_at_10 = mean_chance(j.place, n, 10),
                                            .median_rank = median_rank(j.place, n)};
    adah_memory_free(j.place);
    return code;
}
