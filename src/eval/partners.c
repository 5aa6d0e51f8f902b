/* partners.c - per query two counts: items before its own, and items that tie with it. All that is measured follows from them.
 *
 * Distances are taken a stretch of items at a time, so that no row of them is kept. */
#include "eval/partners.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "codes/codes.h"

#include <stdlib.h>

enum { STRETCH = 1024 };

/* Where a query finds its own item: anywhere among n_tied places behind n_before. */
typedef struct place {
    size_t n_before, n_tied; /* n_tied counts the item itself */
} place;

typedef struct job {
    const uint8_t *queries, *items;
    size_t n, n_bits;
    place *place; /* by query */
} job;

static void find_place(void *context, size_t query) {
    const job *j = context;
    const size_t code_bytes = j->n_bits / 8;
    const uint8_t *code = j->queries + query * code_bytes;
    uint16_t distance[STRETCH], own;
    place p = {0, 0};
    adah_hamming_distances(code, j->items + query * code_bytes, 1, j->n_bits, &own);
    for (size_t first = 0; first < j->n; first += STRETCH) {
        const size_t n = j->n - first < STRETCH ? j->n - first : STRETCH;
        adah_hamming_distances(code, j->items + first * code_bytes, n, j->n_bits, distance);
        for (size_t i = 0; i < n; i++) {
            p.n_before += distance[i] < own;
            p.n_tied += distance[i] == own;
        }
    }
    j->place[query] = p;
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

adah_code adah_partners_compute(const uint8_t *queries, const uint8_t *items, size_t n, size_t n_bits,
                                adah_partner_measures *measures, adah_status *status) {
    job j = {queries, items, n, n_bits, adah_memory_alloc(n * sizeof *j.place)};
    if (!j.place)
        return adah_fail_memory(status, n * sizeof *j.place);
    adah_parallel_for(n, 16, find_place, &j);
    *measures = (adah_partner_measures){.n_queries = n,
                                        .recall_at_1 = mean_chance(j.place, n, 1),
                                        .recall_at_5 = mean_chance(j.place, n, 5),
                                        .recall_at_10 = mean_chance(j.place, n, 10),
                                        .median_rank = median_rank(j.place, n)};
    adah_memory_free(j.place);
    return ADAH_OK;
}
