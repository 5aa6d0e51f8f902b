/* index_copy.h - the records of a collection, in the order of their ids, into a collection that is built. */
#ifndef ADAH_INDEX_INDEX_COPY_H
#define ADAH_INDEX_INDEX_COPY_H

#include "index/index_builder.h"
#include "index/index_state.h"

typedef struct adah_index_copying {
    const char *stage; /* of the progress */
    int gives_new_ids; /* 1: the builder's next ones; 0: records keep theirs */
    /* NULL, or shown each record before it is copied; what it returns ends the copying when it is not ADAH_OK. */
    adah_code (*look)(void *context, const adah_index_entry *entry, adah_status *status);
    void *context;
} adah_index_copying;

/* All that are not deleted. ADAH_ERROR_CANCELLED: the progress said so. */
adah_code adah_index_copy_records(const adah_index *index, adah_index_builder *builder, const adah_index_copying *how, adah_progress progress,
                                  adah_status *status);

#endif
