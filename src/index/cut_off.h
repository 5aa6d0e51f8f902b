/* cut_off.h - how near a hit must be to count as an answer, from the query's distances to the whole collection. */
#ifndef ADAH_INDEX_CUT_OFF_H
#define ADAH_INDEX_CUT_OFF_H

#include "codes/scan.h"

/* An even sample of the codes that are searched. */
typedef struct adah_cut_off {
    size_t n_bits, n_sampled;
    uint8_t *sample;    /* n_sampled codes */
    uint16_t *distance; /* of the query at work: n_sampled */
} adah_cut_off;

adah_code adah_cut_off_create(const adah_code_run *runs, size_t n_runs, size_t n_bits, adah_cut_off *cut,
                              adah_status *status);
void adah_cut_off_free(adah_cut_off *cut); /* fine on a zeroed one */

/* The largest distance of an answer to the query. */
uint32_t adah_cut_off_limit(adah_cut_off *cut, const uint8_t *query);

#endif
