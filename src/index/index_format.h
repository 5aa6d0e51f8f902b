/* index_format.h - the collection file as structures; docs/reference/index-format.md explains them. */
#ifndef ADAH_INDEX_INDEX_FORMAT_H
#define ADAH_INDEX_INDEX_FORMAT_H

#include <adah/adah.h>
#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the collection file is mapped as it is: little-endian machines only"
#endif

enum {
    ADAH_INDEX_VERSION = 2,
    ADAH_INDEX_FRONT_BYTES = 12288, /* header and marks, a block of the disk each; segments follow */
    ADAH_INDEX_MARK_AT = 4096, /* the first of two marks */
    ADAH_INDEX_MARK_STEP = 4096,
    ADAH_INDEX_N_MARKS = 2,
    ADAH_INDEX_ALIGNMENT = 64, /* of segments in the file and sections in a segment */
    ADAH_INDEX_SECTIONS_MAX = 32,
    ADAH_INDEX_RECORD_ALIGNMENT = 4,
    ADAH_INDEX_MAY_IGNORE = 1 /* section flag */
};

/* While a writer's mark of n segments is not synced, it holds a lock (fcntl's, of the open file) on byte ADAH_INDEX_LOCK_AT + n. */
#define ADAH_INDEX_LOCK_AT ((int64_t)1 << 62)

static const uint8_t adah_index_magic[8] = {0x89, 'A', 'D', 'A', 'H', '\r', '\n', 0x1a};
static const uint8_t adah_index_segment_magic[8] = {0x89, 'A', 'D', 'A', 'H', 's', 'e', 'g'};
static const uint8_t adah_index_mark_magic[8] = {0x89, 'A', 'D', 'A', 'H', 'm', 'r', 'k'};

typedef enum adah_index_section_type {
    ADAH_SECTION_RECORD_DATA = 1,
    ADAH_SECTION_RECORD_STARTS,
    ADAH_SECTION_LABEL_DATA,
    ADAH_SECTION_LABEL_STARTS,
    ADAH_SECTION_IMAGE_CODES, /* the text sections follow in the same order */
    ADAH_SECTION_IMAGE_RECORDS,
    ADAH_SECTION_IMAGE_TABLES,
    ADAH_SECTION_TEXT_CODES,
    ADAH_SECTION_TEXT_RECORDS,
    ADAH_SECTION_TEXT_TABLES,
    ADAH_SECTION_IDS,
    ADAH_SECTION_DELETED,
    ADAH_SECTION_NOTES,
    ADAH_SECTION_END, /* the last of a segment: what its header says lies before it is there */
    ADAH_SECTION_IMAGE_FINE, /* vectors for the fine order, one for each code */
    ADAH_SECTION_TEXT_FINE,
    ADAH_SECTION_WORDS, /* an inverted list: postings.h */
    ADAH_SECTION_TAKEN, /* when and where: an adah_taken for each record */
    ADAH_SECTION_TYPES_END, /* types known to this version are below */
    ADAH_SECTION_CODES_STEP = ADAH_SECTION_TEXT_CODES - ADAH_SECTION_IMAGE_CODES
} adah_index_section_type;

typedef struct adah_index_section {
    uint32_t type, flags;
    uint64_t offset, n_bytes, checksum; /* offset: in the segment */
} adah_index_section;

typedef struct adah_index_header {
    uint8_t magic[8];
    uint32_t version, n_bits;
    uint64_t file_number; /* bytes of another file are not taken for this one's */
    uint8_t model_identity[16];
    uint64_t zero[2];
    uint64_t checksum;
} adah_index_header;

typedef struct adah_index_mark {
    uint8_t magic[8];
    uint64_t file_number, n_segments, end; /* so many segments, up to that byte, are acknowledged */
    uint64_t n_openings; /* of the file by writers: one more each time */
    uint64_t last;       /* checksum of the header of the last of them; 0: not told */
    uint64_t zero;
    uint64_t checksum;
} adah_index_mark;

typedef struct adah_index_segment_header {
    uint8_t magic[8];
    uint64_t file_number, number; /* of the segment, from 0 */
    uint64_t n_bytes;             /* of the segment, a multiple of the alignment */
    uint64_t n_records, first_row;
    uint64_t first_id, next_id; /* next_id: above every id that was ever used */
    uint32_t first_label, n_sections;
    uint64_t previous; /* checksum of the header of the segment before; 0: not told */
    uint64_t zero[5];
    uint64_t checksum;
} adah_index_segment_header;

/* At the start of a record; label numbers, file name and text follow. */
typedef struct adah_index_record_head {
    uint32_t n_labels, n_file_name_bytes, n_text_bytes;
} adah_index_record_head;

_Static_assert(sizeof(adah_index_header) == 64 && sizeof(adah_index_mark) == 64 &&
                   sizeof(adah_index_segment_header) == 128 && sizeof(adah_index_section) == 32 && sizeof(adah_taken) == 24,
               "no padding");

#endif
