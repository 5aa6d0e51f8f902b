/* index_format.h - the collection file as structures; docs/index-format.md explains them. */
#ifndef ADAH_INDEX_INDEX_FORMAT_H
#define ADAH_INDEX_INDEX_FORMAT_H

#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "the collection file is mapped as it is: little-endian machines only"
#endif

enum {
    ADAH_INDEX_VERSION = 1,
    ADAH_INDEX_ALIGNMENT = 64, /* of sections */
    ADAH_INDEX_SECTIONS_MAX = 32,
    ADAH_INDEX_RECORD_ALIGNMENT = 4,
    ADAH_INDEX_MAY_IGNORE = 1 /* section flag */
};

static const uint8_t adah_index_magic[8] = {0x89, 'A', 'D', 'A', 'H', '\r', '\n', 0x1a};

typedef enum adah_index_section_type {
    ADAH_SECTION_RECORD_DATA = 1,
    ADAH_SECTION_RECORD_STARTS,
    ADAH_SECTION_LABEL_DATA,
    ADAH_SECTION_LABEL_STARTS,
    ADAH_SECTION_IMAGE_CODES, /* the text sections follow in the same order */
    ADAH_SECTION_IMAGE_RECORDS,
    ADAH_SECTION_TEXT_CODES,
    ADAH_SECTION_TEXT_RECORDS,
    ADAH_SECTION_TYPES_END /* types known to this version are below */
} adah_index_section_type;

typedef struct adah_index_section {
    uint32_t type, flags;
    uint64_t offset, n_bytes, checksum;
} adah_index_section;

typedef struct adah_index_header {
    uint8_t magic[8];
    uint32_t version, n_bits;
    uint64_t n_records, n_file_bytes;
    uint8_t model_identity[16];
    uint32_t n_sections, zero;
    uint64_t checksum;
} adah_index_header;

/* At the start of a record; label numbers, file name and text follow. */
typedef struct adah_index_record_head {
    uint32_t n_labels, n_file_name_bytes, n_text_bytes;
} adah_index_record_head;

_Static_assert(sizeof(adah_index_header) == 64 && sizeof(adah_index_section) == 32, "no padding");

#endif
