/* distinct.h - how many different codes there are in a set, and how many items the fullest of them has. */
#ifndef ADAH_CODES_DISTINCT_H
#define ADAH_CODES_DISTINCT_H

#include "base/status.h"

/* codes: n codes of n_bits bits, one after another. *n_distinct: different codes; *n_most: items of the code that most items
 * have. Both 0 of nothing. Memory: about 32 bytes a code while it counts. */
adah_code adah_codes_count_distinct(const uint8_t *codes, size_t n, size_t n_bits, size_t *n_distinct, size_t *n_most,
                                    adah_status *status);

#endif
