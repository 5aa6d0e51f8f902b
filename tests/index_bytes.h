/* index_bytes.h - a collection file as bytes, changed by tests and fuzz targets: its parts, its checksums made right
 * again, and search tables where none pay. Include it behind `#define XXH_INLINE_ALL`. */
#ifndef ADAH_TESTS_INDEX_BYTES_H
#define ADAH_TESTS_INDEX_BYTES_H

#include "base/memory.h"
#include "index/index_builder.h"
#include "index/index_marks.h"
#include "index/multi_index.h"

#include <string.h>
#include <xxhash.h>

enum { INDEX_MEND_MARKS = 1, INDEX_MEND_NUMBERS = 2, INDEX_MEND_SECTIONS = 4 };

/* The segment at byte `at`, if its header and table are there; *n_bytes: its length, 0: it does not say a possible
 * one. */
static inline int index_segment_at(const uint8_t *bytes, size_t n_file_bytes, size_t at, adah_index_segment_header *h,
                                   size_t *n_bytes) {
    if (at > n_file_bytes || n_file_bytes - at < sizeof *h)
        return 0;
    memcpy(h, bytes + at, sizeof *h);
    const size_t n_front =
        sizeof *h + (h->n_sections <= ADAH_INDEX_SECTIONS_MAX ? h->n_sections : 0) * sizeof(adah_index_section);
    *n_bytes = h->n_bytes >= n_front && h->n_bytes <= n_file_bytes - at && h->n_bytes % ADAH_INDEX_ALIGNMENT == 0
                   ? (size_t)h->n_bytes
                   : 0;
    return h->n_sections <= ADAH_INDEX_SECTIONS_MAX && n_file_bytes - at >= n_front;
}

/* Returns the checksum of its header. */
static inline uint64_t index_mend_segment(uint8_t *bytes, size_t n_file_bytes, size_t at, adah_index_segment_header h,
                                      int with_sections) {
    uint8_t *table = bytes + at + sizeof h;
    for (uint32_t i = 0; i < h.n_sections && with_sections; i++) {
        adah_index_section x;
        memcpy(&x, table + i * sizeof x, sizeof x);
        const int is_inside = x.offset <= n_file_bytes - at && x.n_bytes <= n_file_bytes - at - x.offset;
        const uint64_t end_number = XXH3_64bits(table, i * sizeof x);
        if (is_inside && x.type == ADAH_SECTION_END && x.n_bytes == sizeof end_number)
            memcpy(bytes + at + x.offset, &end_number, sizeof end_number);
        if (is_inside)
            x.checksum = XXH3_64bits(bytes + at + x.offset, (size_t)x.n_bytes);
        memcpy(table + i * sizeof x, &x, sizeof x);
    }
    h.checksum = 0;
    memcpy(bytes + at, &h, sizeof h);
    h.checksum = XXH3_64bits(bytes + at, sizeof h + h.n_sections * sizeof(adah_index_section));
    memcpy(bytes + at, &h, sizeof h);
    return h.checksum;
}

/* Makes the checksums of the header, the marks and the headers of the segments right. INDEX_MEND_SECTIONS: those of
 * the sections too, the numbers of the ends, and those of the segments before. INDEX_MEND_NUMBERS: and the file's number everywhere the header's. INDEX_MEND_MARKS: and the
 * marks acknowledge all. */
static inline void index_mend(uint8_t *bytes, size_t n_bytes, int what) {
    adah_index_header header;
    adah_index_segment_header h;
    if (n_bytes < ADAH_INDEX_FRONT_BYTES)
        return;
    memcpy(&header, bytes, sizeof header);
    header.checksum = 0;
    header.checksum = XXH3_64bits(&header, sizeof header);
    memcpy(bytes, &header, sizeof header);
    size_t at = ADAH_INDEX_FRONT_BYTES, n_segment_bytes = 0, n_segments = 0;
    uint64_t previous = 0;
    while (index_segment_at(bytes, n_bytes, at, &h, &n_segment_bytes)) {
        if (what & INDEX_MEND_NUMBERS)
            h.file_number = header.file_number;
        if (what & INDEX_MEND_SECTIONS)
            h.previous = previous;
        previous = index_mend_segment(bytes, n_bytes, at, h, what & INDEX_MEND_SECTIONS);
        if (!n_segment_bytes)
            break;
        n_segments++;
        at += n_segment_bytes;
    }
    for (uint64_t i = 0; i < ADAH_INDEX_N_MARKS; i++) {
        adah_index_mark mark;
        uint8_t *place = bytes + adah_index_mark_place(i);
        memcpy(&mark, place, sizeof mark);
        if (what & INDEX_MEND_MARKS)
            mark = adah_index_make_mark(header.file_number, n_segments, at, previous, 0);
        else if (what & INDEX_MEND_NUMBERS)
            mark.file_number = header.file_number;
        if ((what & INDEX_MEND_SECTIONS) && mark.n_segments == n_segments && mark.last)
            mark.last = previous;
        mark.checksum = XXH3_64bits(&mark, offsetof(adah_index_mark, checksum));
        memcpy(place, &mark, sizeof mark);
    }
}

/* Gives the only segment of a file, whose last sections are its image codes and its end, search tables between them: a file that grew by
 * their size, which the caller frees with adah_memory_free. NULL: memory is out, or it is another kind of file. */
static inline uint8_t *index_with_tables(const uint8_t *bytes, size_t n_bytes, size_t n_bits, int n_tables,
                                         size_t *n_all) {
    adah_index_segment_header h;
    adah_index_section x[3]; /* codes, tables, end */
    size_t n_segment_bytes, n_image_bytes = 0;
    uint8_t *image = NULL;
    const size_t at = ADAH_INDEX_FRONT_BYTES;
    if (!index_segment_at(bytes, n_bytes, at, &h, &n_segment_bytes) || n_segment_bytes != n_bytes - at ||
        h.n_sections < 2)
        return NULL;
    const size_t entries_at = at + sizeof h + (h.n_sections - 2) * sizeof *x;
    memcpy(x, bytes + entries_at, 2 * sizeof *x);
    if (x[0].type != ADAH_SECTION_IMAGE_CODES || x[1].type != ADAH_SECTION_END ||
        adah_multi_index_build(bytes + at + x[0].offset, (size_t)x[0].n_bytes / (n_bits / 8), n_bits, n_tables, &image,
                               &n_image_bytes, NULL) != ADAH_OK)
        return NULL;
    uint8_t *all = adah_memory_alloc(n_bytes + n_image_bytes);
    if (all) {
        const size_t end_at = at + (size_t)x[1].offset;
        memcpy(all, bytes, end_at);
        memcpy(all + end_at, image, n_image_bytes);
        memcpy(all + end_at + n_image_bytes, bytes + end_at, n_bytes - end_at);
        x[2] = x[1];
        x[2].offset += n_image_bytes;
        x[1] = (adah_index_section){ADAH_SECTION_IMAGE_TABLES, 0, x[1].offset, n_image_bytes, 0};
        memcpy(all + entries_at, x, sizeof x);
        h.n_sections++;
        h.n_bytes += n_image_bytes;
        memcpy(all + at, &h, sizeof h);
        *n_all = n_bytes + n_image_bytes;
        index_mend(all, *n_all, INDEX_MEND_MARKS | INDEX_MEND_SECTIONS);
    }
    adah_memory_free(image);
    return all;
}

#endif
