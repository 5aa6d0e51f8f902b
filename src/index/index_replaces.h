/* index_replaces.h - what a new index may put itself in the place of. */
#ifndef ADAH_INDEX_INDEX_REPLACES_H
#define ADAH_INDEX_INDEX_REPLACES_H

#include "base/status.h"

/* Whether a new index of n records may take the place of what is at `path`: of nothing, an empty or damaged index, or one of no more
 * than twice as many records. So a folder of which half is not there, or the path of a model, costs no index and no model.
 * ADAH_ERROR_EXISTS: it may not. */
adah_code adah_index_check_replaces(const char *path, uint64_t n, adah_status *status);

#endif
