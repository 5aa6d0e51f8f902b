/* partners.h - how far up queries find their own partners: the protocol of captions and photos, which needs no labels. */
#ifndef ADAH_EVAL_PARTNERS_H
#define ADAH_EVAL_PARTNERS_H

#include "base/status.h"

/* The queries, or what they rank: item i of these is the partner of query i. */
typedef struct adah_partner_side {
    const uint8_t *codes; /* one after another */
    const int8_t *fine;   /* n_fine values each, for the fine order; compared over as many as both sides have */
    size_t n_fine;
} adah_partner_side;

/* with_fine 0: by distance alone. Otherwise as a search for 10 of the other kind ranks: the items that it takes for candidates, the nearest
 * by (distance, position), are ordered by (score, distance), and all others come behind them. The result is the same bits for any
 * number of threads. Time: n * n distances; memory: some 16 bytes a query. */
adah_code adah_partners_compute(adah_partner_side queries, adah_partner_side items, size_t n, size_t n_bits, int with_fine,
                                adah_partner_measures *measures, adah_status *status);

#endif
