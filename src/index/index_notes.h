/* index_notes.h - the notes (notes.h) of all segments of a collection. */
#ifndef ADAH_INDEX_INDEX_NOTES_H
#define ADAH_INDEX_INDEX_NOTES_H

#include "index/index_state.h"

/* Adds the newest ADAH_INDEX_NOTES_KEPT notes of a state, oldest first. */
adah_code adah_notes_collect(const adah_index *index, adah_notes *notes, adah_status *status);

#endif
