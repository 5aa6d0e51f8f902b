/* cut_off.c - "nothing here is relevant" as an answer.
 *
 * The median of a query's distances to the collection is how far from it something unrelated is: about half the bits,
 * less where the codes are alike. A hit counts when it is nearer than a fixed share of that. For codes as vectors of
 * signs the share s is a correlation of 1 - s with the query. The median comes from an even sample. */
#include "index/cut_off.h"
#include "base/memory.h"

#include <string.h>

enum { SAMPLE_MAX = 8192 };
static const double near_share = 0.2; /* chosen on half the queries of docs/inside/index.md, measured on the other half */

adah_code adah_cut_off_create(const adah_code_run *runs, size_t n_runs, size_t n_bits, adah_cut_off *cut,
                              adah_status *status) {
    const size_t n_bytes = n_bits / 8;
    uint64_t n_codes = 0, before = 0; /* before: codes in earlier runs */
    for (size_t i = 0; i < n_runs; i++)
        n_codes += runs[i].n;
    adah_cut_off c = {.n_bits = n_bits, .n_sampled = n_codes < SAMPLE_MAX ? (size_t)n_codes : SAMPLE_MAX};
    c.sample = adah_memory_alloc(c.n_sampled * n_bytes);
    c.distance = adah_memory_zeroed(c.n_sampled, sizeof *c.distance);
    if (!c.sample || !c.distance) {
        adah_cut_off_free(&c);
        return adah_fail_memory(status, c.n_sampled * (n_bytes + sizeof *c.distance));
    }
    for (size_t i = 0, run = 0; i < c.n_sampled; i++) {
        const uint64_t position = n_codes / c.n_sampled * i + n_codes % c.n_sampled * i / c.n_sampled;
        while (position - before >= runs[run].n)
            before += runs[run++].n;
        memcpy(c.sample + i * n_bytes, runs[run].codes + (position - before) * n_bytes, n_bytes);
    }
    *cut = c;
    return ADAH_OK;
}

void adah_cut_off_free(adah_cut_off *c) {
    adah_memory_free(c->sample);
    adah_memory_free(c->distance);
    *c = (adah_cut_off){0};
}

uint32_t adah_cut_off_limit(adah_cut_off *c, const uint8_t *query) {
    size_t n_at[ADAH_BITS_MAX + 1] = {0}, median = 0;
    adah_hamming_distances(query, c->sample, c->n_sampled, c->n_bits, c->distance);
    for (size_t i = 0; i < c->n_sampled; i++)
        n_at[c->distance[i]]++;
    for (size_t n = n_at[0]; median < c->n_bits && 2 * n < c->n_sampled; n += n_at[median])
        median++;
    if (median < c->n_bits / 4) /* most of the collection is what the query asks for */
        median = c->n_bits / 4;
    return (uint32_t)(near_share * (double)median);
}
