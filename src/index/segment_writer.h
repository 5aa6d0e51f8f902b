/* segment_writer.h - makes one segment of a collection file: records with their codes, and which earlier rows they
 * delete. */
#ifndef ADAH_INDEX_SEGMENT_WRITER_H
#define ADAH_INDEX_SEGMENT_WRITER_H

#include "base/file.h"
#include "index/index_format.h"
#include "index/index_words.h"
#include "index/label_set.h"

/* What the segment's header says beside what the records tell. */
typedef struct adah_segment_place {
    uint64_t file_number; /* 0: that of a new file, made from what the segment holds */
    uint64_t number, first_row, next_id, previous; /* previous: checksum of the header of the segment before */
    size_t first_label; /* labels of earlier segments; those behind them are new */
    const uint64_t *deleted; /* earlier rows, ascending */
    size_t n_deleted;
    const uint8_t *notes; /* as notes.h makes them */
    size_t n_note_bytes;
    int with_tables; /* 1: search tables where they pay */
} adah_segment_place;

typedef struct adah_segment_writer adah_segment_writer;

/* file: where the segment goes, from its present position on; NULL: into memory. path: for messages. n_fine: of the collection's
 * vectors, by modality; 0: the first one tells. labels: those of the collection, to which records add theirs. reader: of their words. None of
 * these is owned. */
adah_code adah_segment_writer_create(const char *path, size_t n_bits, const size_t n_fine[2], adah_label_set *labels, adah_word_reader *reader,
                                     adah_file_writer *file, adah_segment_writer **writer, adah_status *status);
void adah_segment_writer_close(adah_segment_writer *writer);                 /* NULL is fine */
int adah_segment_writer_has(const adah_segment_writer *writer, uint64_t id); /* 1: a record was added with it */
/* Adds an item under `id`, whatever its own says. ADAH_ERROR_ARGUMENT: neither code, a vector without its code, or text of 4 GiB;
 * ADAH_ERROR_MISMATCH: vectors of another length; nothing was added. After another
 * error the writer can only be closed. Into a file, ids ascend. */
adah_code adah_segment_writer_add(adah_segment_writer *writer, const adah_index_item *item, uint64_t id, adah_status *status);
/* Completes the segment; in memory, *bytes belongs to the writer. */
adah_code adah_segment_writer_finish(adah_segment_writer *writer, const adah_segment_place *place,
                                     const uint8_t **bytes, size_t *n_bytes, adah_status *status);

/* Of the finished segment; as long as the writer. */
const adah_index_segment_header *adah_segment_writer_header(const adah_segment_writer *writer);

#endif
