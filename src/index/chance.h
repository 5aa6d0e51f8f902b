/* chance.h - how near a query's hits would be by chance, to leave out those that are no nearer. */
#ifndef ADAH_INDEX_CHANCE_H
#define ADAH_INDEX_CHANCE_H

#include "codes/scan.h"

/* A sample of the codes that are searched. */
typedef struct adah_chance {
    size_t n_bits, n_sampled;
    uint64_t n_codes;
    uint8_t *sample; /* n_sampled codes */
    uint32_t *ones;  /* of them with each bit set: n_bits */
} adah_chance;

adah_code adah_chance_create(const adah_code_run *runs, size_t n_runs, size_t n_bits, adah_chance *chance,
                             adah_status *status);
void adah_chance_free(adah_chance *chance); /* fine on a zeroed one */

/* The largest distance at which hits are nearer than chance, or -1. distance: of the query's nearest, ascending. */
adah_code adah_chance_limit(const adah_chance *chance, const uint8_t *query, const uint32_t *distance, size_t n_hits,
                            int *limit, adah_status *status);

#endif
