/* segment.h - reading one segment of a collection file, every number checked before it is used.
 *
 * Whoever may write the file can change its map at any moment, so that a number that steers an access is read once
 * (adah_read_once) and checked as it was read; headers, tables, names of labels and records are looked at in copies. */
#ifndef ADAH_INDEX_SEGMENT_H
#define ADAH_INDEX_SEGMENT_H

#include "base/status.h"
#include "index/index_format.h"
#include "index/multi_index.h"
#include "index/notes.h"
#include "index/postings.h"

/* The codes of one modality; all zero when there are none. */
typedef struct adah_code_set {
    const uint8_t *codes;
    size_t n, n_code_bytes;
    const uint64_t *records;  /* in the segment, ascending; NULL: code i belongs to record i */
    adah_multi_index *tables; /* NULL: none */
    const int8_t *fine;       /* n vectors of n_fine values, zeros where there is none; NULL: none has one */
    size_t n_fine;            /* 0: there are no vectors */
} adah_code_set;

typedef struct adah_segment {
    const char *path;     /* of the file, for messages */
    const uint8_t *bytes; /* in the file's map */
    adah_index_segment_header header;
    adah_index_section *table;                                 /* of the header's n_sections, a copy */
    const adah_index_section *section[ADAH_SECTION_TYPES_END]; /* by type, in the table; NULL: absent */
    const uint64_t *record_starts;                             /* NULL: no record has data */
    uint64_t *label_starts;                                    /* NULL: no new labels; a copy */
    char *label_data;                                          /* a copy */
    size_t n_new_labels;
    const uint64_t *ids; /* NULL: from first_id on */
    const uint64_t *deleted;
    size_t n_deleted;
    adah_code_set sets[2]; /* by modality */
    adah_postings *postings; /* NULL: its words are not known */
    const adah_taken *taken; /* of each record; NULL: of none is anything known */
} adah_segment;

/* What the next segment must say of itself. */
typedef struct adah_segment_expected {
    const char *path;
    uint64_t file_number, number, first_row, next_id, previous; /* next_id: at least */
    size_t n_bits, first_label;
} adah_segment_expected;

/* Room for the copy of a record, used again for the next one. It may begin as memory of the caller's, at a multiple of 8 bytes. */
typedef struct adah_record_room {
    uint8_t *bytes;
    size_t n_bytes;
    uint8_t *own; /* by adah_memory_*; freed by who made the room */
} adah_record_room;

/* A number of the map, loaded once, whatever the compiler would find better. */
static inline uint64_t adah_read_once(const uint64_t *number) { return __atomic_load_n(number, __ATOMIC_RELAXED); }
static inline uint32_t adah_read_once_32(const uint32_t *number) { return __atomic_load_n(number, __ATOMIC_RELAXED); }

/* What the section ADAH_SECTION_END holds, behind n_before others in the table. */
uint64_t adah_segment_end_number(const adah_index_section *table, uint32_t n_before);

/* Reads the headers of the segment that begins at `bytes`, of at most n_bytes. ADAH_ERROR_FORMAT: it is not whole. */
adah_code adah_segment_read(const adah_segment_expected *expected, const uint8_t *bytes, size_t n_bytes,
                            adah_segment *segment, adah_status *status);
void adah_segment_release(adah_segment *segment); /* what reading allocated */
/* Is a segment at byte `at` of a file, whole, with every checksum right? n_bytes: of the file, from there on. Reads
 * the file, not its map: what an interrupted batch left may be cut off any moment, and the map would be of no use then. */
adah_code adah_segment_find_whole(const adah_segment_expected *expected, int fd, uint64_t at, uint64_t n_bytes,
                                  int *is_whole, adah_status *status);
/* Are, in the file from byte `at` on, the header still the same and the checksums of all sections right? */
adah_code adah_segment_check_sums(const adah_segment *segment, int fd, uint64_t at, adah_status *status);
/* Everything: sums, the gaps, ids, records (with labels below n_labels), codes' records, tables. */
adah_code adah_segment_verify(const adah_segment *segment, int fd, uint64_t at, size_t n_labels, adah_status *status);

/* Calls `take` with each note: of a copy, which lives until this returns. take: 0: memory is out. */
adah_code adah_segment_each_note(const adah_segment *segment, int (*take)(void *context, const adah_note *note), void *context,
                                 adah_status *status);

/* The record's id; UINT64_MAX: damaged. */
uint64_t adah_segment_id(const adah_segment *segment, uint64_t record);
/* The record with an id; 0: there is none. */
int adah_segment_find(const adah_segment *segment, uint64_t id, uint64_t *record);
/* Copies everything of a record into the room, to which *entry then points; labels must be below n_labels. */
adah_code adah_segment_record(const adah_segment *segment, uint64_t record, size_t n_labels, adah_record_room *room,
                              adah_index_entry *entry, adah_status *status);
/* When and where, as it stands in the file; zeros: not known. */
adah_taken adah_segment_taken(const adah_segment *segment, uint64_t record);
/* The name of the file of a record in the segment's map, not copied, without an end, and its bytes; NULL: damaged. "" where there is none. */
const char *adah_segment_file_name(const adah_segment *segment, uint64_t record, size_t *n_bytes);
/* The name of the segment's i-th new label; NULL: damaged. */
const char *adah_segment_label(const adah_segment *segment, size_t i);
/* The record of a code. */
adah_code adah_segment_record_of(const adah_segment *segment, adah_modality modality, size_t position,
                                 uint64_t *record, adah_status *status);
/* The position of the first code that belongs to `record` or a later one. */
size_t adah_segment_position(const adah_segment *segment, adah_modality modality, uint64_t record);

__attribute__((format(printf, 3, 4))) adah_code adah_index_fail_damaged(const char *path, adah_status *status,
                                                                        const char *format, ...);

#endif
