/* chance.c - the cut-off of a search: is a hit as near as that a surprise?
 *
 * Chance is a code whose bits are independent and set as often as in the collection. Its distance from the query is a
 * sum of independent bits that differ with probability p_i (a Poisson-binomial variable), whose distribution C(d) =
 * P(distance <= d) is computed exactly. The collection has the share F(d) of its codes within d. The limit is the
 * largest d with C(d) <= a F(d): of the codes that near, at most the share a would be there by chance (the false
 * discovery rate of Benjamini and Hochberg). F and p_i come from an even sample of the codes; where the sample is too
 * coarse, F from the hits themselves. */
#include "index/chance.h"
#include "base/memory.h"

#include <string.h>

enum { SAMPLE_MAX = 8192 };
static const double false_share = 0.05; /* a; docs/index.md has what was measured */

adah_code adah_chance_create(const adah_code_run *runs, size_t n_runs, size_t n_bits, adah_chance *chance,
                             adah_status *status) {
    adah_chance c = {.n_bits = n_bits};
    const size_t n_bytes = n_bits / 8;
    for (size_t i = 0; i < n_runs; i++)
        c.n_codes += runs[i].n;
    c.n_sampled = c.n_codes < SAMPLE_MAX ? (size_t)c.n_codes : SAMPLE_MAX;
    c.sample = adah_memory_alloc(c.n_sampled * n_bytes);
    c.ones = adah_memory_zeroed(n_bits, sizeof *c.ones);
    if (!c.sample || !c.ones) {
        adah_chance_free(&c);
        return adah_fail_memory(status, c.n_sampled * n_bytes);
    }
    size_t run = 0;
    uint64_t before = 0; /* codes in earlier runs */
    for (size_t i = 0; i < c.n_sampled; i++) {
        const uint64_t position = (uint64_t)((double)c.n_codes / (double)c.n_sampled * (double)i);
        while (position - before >= runs[run].n)
            before += runs[run++].n;
        const uint8_t *code = runs[run].codes + (position - before) * n_bytes;
        memcpy(c.sample + i * n_bytes, code, n_bytes);
        for (size_t b = 0; b < n_bits; b++)
            c.ones[b] += code[b >> 3] >> (b & 7) & 1;
    }
    *chance = c;
    return ADAH_OK;
}

void adah_chance_free(adah_chance *c) {
    adah_memory_free(c->sample);
    adah_memory_free(c->ones);
    *c = (adah_chance){0};
}

/* probability[d] of a distance d by chance. */
static void distribute(const adah_chance *c, const uint8_t *query, double *probability) {
    memset(probability, 0, (c->n_bits + 1) * sizeof *probability);
    probability[0] = 1;
    for (size_t b = 0; b < c->n_bits; b++) {
        const int bit = query[b >> 3] >> (b & 7) & 1;
        const double n_other = bit ? c->n_sampled - c->ones[b] : c->ones[b];
        const double p = (n_other + 0.5) / ((double)c->n_sampled + 1); /* never quite 0 or 1 */
        for (size_t d = b + 1; d > 0; d--)
            probability[d] = probability[d] * (1 - p) + probability[d - 1] * p;
        probability[0] *= 1 - p;
    }
}

adah_code adah_chance_limit(const adah_chance *c, const uint8_t *query, const uint32_t *distance, size_t n_hits,
                            int *limit, adah_status *status) {
    double *probability = adah_memory_zeroed(c->n_bits + 1, sizeof *probability);
    uint32_t *n_at = adah_memory_zeroed(c->n_bits + 1, sizeof *n_at); /* of the sample, by distance */
    uint16_t *sampled = adah_memory_zeroed(c->n_sampled, sizeof *sampled);
    adah_code code =
        probability && n_at && sampled ? ADAH_OK : adah_fail_memory(status, c->n_bits * 12 + c->n_sampled * 2);
    if (code == ADAH_OK) {
        distribute(c, query, probability);
        adah_hamming_distances(query, c->sample, c->n_sampled, c->n_bits, sampled);
        for (size_t i = 0; i < c->n_sampled; i++)
            n_at[sampled[i]]++;
        double by_chance = 0, in_sample = 0;
        size_t n_nearer = 0;
        *limit = -1;
        for (size_t d = 0; d <= c->n_bits; d++) {
            by_chance += probability[d];
            in_sample += n_at[d];
            while (n_nearer < n_hits && distance[n_nearer] <= d)
                n_nearer++;
            const double from_sample = in_sample / (double)c->n_sampled,
                         from_hits = (double)n_nearer / (double)c->n_codes;
            if (by_chance <= false_share * (from_sample > from_hits ? from_sample : from_hits))
                *limit = (int)d;
        }
    }
    adah_memory_free(probability);
    adah_memory_free(n_at);
    adah_memory_free(sampled);
    return code;
}
