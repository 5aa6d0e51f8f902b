/* index_state.h - one state of a collection: the segments that were there, and which of their records are not
 * deleted.
 *
 * States are immutable and share what they can: segments belong to the collection, bitmaps are counted references
 * that are copied when the next state changes them. */
#ifndef ADAH_INDEX_INDEX_STATE_H
#define ADAH_INDEX_INDEX_STATE_H

#include "index/segment.h"

#include <stdatomic.h>

/* A bitmap shared by states. */
typedef struct adah_bits {
    atomic_size_t n_references;
    size_t n_words;
    uint64_t word[];
} adah_bits;

typedef struct adah_segment_view {
    const adah_segment *segment;
    adah_bits *alive;   /* over records: not deleted; NULL: all */
    adah_bits *keep[2]; /* over codes, by modality: of records that are not deleted; NULL: all */
    uint64_t n_alive;   /* records */
    size_t n_codes[2];  /* of these, by modality */
} adah_segment_view;

struct adah_index {
    atomic_size_t n_references;
    struct adah_collection *collection; /* the file: index_file.h */
    const char *path;
    size_t n_bits, n_fine[2]; /* n_fine by modality; 0: no record has such a vector */
    adah_segment_view *view;
    size_t n_segments;
    uint64_t n_rows, n_alive, next_id, end; /* end: bytes of the file that belong to it */
    size_t n_labels;
    int ids_ascend; /* from row to row, over all segments */
};

/* adah_index_record of a row below n_rows into room that is used again, where all rows are gone through and
 * adah_index_check is called behind the last. */
adah_code adah_index_next_record(const adah_index *index, uint64_t row, adah_record_room *room, adah_index_entry *entry,
                                 adah_status *status);
/* The segment that a row below n_rows is in. */
size_t adah_index_segment_of(const adah_index *index, uint64_t row);
int adah_index_is_alive(const adah_segment_view *view, uint64_t record);
/* Bytes behind the last whole batch: of one that was never acknowledged. */
uint64_t adah_index_unfinished_bytes(const adah_index *index);
/* adah_index_latest in the same file, whatever file bears its name now. */
adah_code adah_index_read_more(adah_index *index, adah_index **latest, adah_status *status);
/* The state after the segment that lies behind `index`, the newest state of its collection, and that this mark, not written yet,
 * would acknowledge. The segment must be in the file. */
adah_code adah_index_look_ahead(adah_index *index, const adah_index_mark *mark, adah_index **next, adah_status *status);
/* It did not come to that: closes `next`, which nobody else may have, and `index` is the newest state again. */
void adah_index_look_back(adah_index *index, adah_index *next);
/* What the two places of marks should hold for this state: its own mark, and the other as it is, or zeros if it is damaged. */
adah_code adah_index_marks(const adah_index *index, adah_index_mark mark[ADAH_INDEX_N_MARKS], adah_status *status);
/* What a function returns that has read records or codes and come to `code`: a change of the file comes before what it may have
 * led to. */
static inline adah_code adah_index_checked(const adah_index *index, adah_code code, adah_status *status) {
    const adah_code change =
        code == ADAH_OK || adah_is_bad_content(code) ? adah_index_check(index, status) : ADAH_OK;
    return change != ADAH_OK ? change : code;
}
/* In which its words are stemmed: of the newest segment that tells; "" when none does. As long as the state. */
const char *adah_index_language(const adah_index *index);
/* Words are stemmed in this language from now on, whatever the index had before. */
adah_code adah_index_writer_set_language(adah_index_writer *writer, const char *language, adah_status *status);
uint64_t adah_index_file_number(const adah_index *index);
/* Checksum of the header of its last segment, which identifies all that came before. */
uint64_t adah_index_last_checksum(const adah_index *index);

static inline int adah_bit(const uint64_t *word, uint64_t i) { return (int)(word[i / 64] >> i % 64 & 1); }

#endif
