/* partners.h - how far up queries find their own partners: the protocol of captions and photos, which needs no labels. */
#ifndef ADAH_EVAL_PARTNERS_H
#define ADAH_EVAL_PARTNERS_H

#include "base/status.h"

/* queries, items: n codes each, one after another; query i ranks all items, and item i is its own. The result is the same bits
 * for any number of threads. Time: n * n distances; memory: some 16 bytes a query. */
adah_code adah_partners_compute(const uint8_t *queries, const uint8_t *items, size_t n, size_t n_bits,
                                adah_partner_measures *measures, adah_status *status);

#endif
