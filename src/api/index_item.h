/* index_item.h - a record of a data set with its codes, as what an index is given. */
#ifndef ADAH_API_INDEX_ITEM_H
#define ADAH_API_INDEX_ITEM_H

#include "base/status.h"

/* Item i of the codes, with `names` (grown as needed, adah_memory_free) for its labels. A side without codes has none. */
adah_code adah_index_item_of(const adah_dataset *dataset, const adah_codes *codes, size_t i, const char ***names, size_t *capacity,
                             adah_index_item *item, adah_status *status);

#endif
