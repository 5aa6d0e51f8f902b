/* segment.c - one segment of a collection file.
 *
 * Reading it checks its header and the places of its sections, and copies the names of its labels, so that it takes the
 * same time for ten records and for a billion. What lies inside the sections is checked when it is used;
 * adah_segment_verify checks all of it. The file is long because every section has its own checks, of its size at first and
 * of its contents later. */
#define _GNU_SOURCE
#define XXH_INLINE_ALL
#include "index/segment.h"
#include "base/memory.h"
#include "base/taken.h"
#include "codes/fine.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

adah_code adah_index_fail_damaged(const char *path, adah_status *status, const char *format, ...) {
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: the index is damaged: %s", path, what);
}

typedef unsigned long long ull; /* for %llu */

static const void *section_bytes(const adah_segment *s, uint32_t type) { return s->bytes + s->section[type]->offset; }

/* Header and table of the segment at `bytes`, copied. */
static adah_code read_header(const adah_segment_expected *e, const uint8_t *bytes, uint64_t n_bytes, adah_segment *s,
                             adah_status *status) {
    adah_index_segment_header *h = &s->header;
    const ull number = (ull)e->number;
    if (n_bytes < sizeof *h)
        return adah_index_fail_damaged(e->path, status, "it ends inside the header of segment %llu", number);
    memcpy(h, bytes, sizeof *h);
    if (memcmp(h->magic, adah_index_segment_magic, sizeof h->magic) != 0)
        return adah_index_fail_damaged(e->path, status, "segment %llu does not begin as one", number);
    const size_t n_front = sizeof *h + h->n_sections * sizeof(adah_index_section);
    if (h->n_sections > ADAH_INDEX_SECTIONS_MAX || n_front > n_bytes)
        return adah_index_fail_damaged(e->path, status, "a table of %u sections in %llu bytes", h->n_sections,
                                       (ull)n_bytes);
    s->table = adah_memory_resize(NULL, h->n_sections, sizeof *s->table);
    if (!s->table)
        return adah_fail_memory(status, h->n_sections * sizeof *s->table);
    memcpy(s->table, bytes + sizeof *h, n_front - sizeof *h);
    static const uint64_t no_sum = 0;
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, h, offsetof(adah_index_segment_header, checksum));
    XXH3_64bits_update(&state, &no_sum, sizeof no_sum);
    XXH3_64bits_update(&state, s->table, n_front - sizeof *h);
    if (XXH3_64bits_digest(&state) != h->checksum)
        return adah_index_fail_damaged(e->path, status, "the checksum of the header of segment %llu is wrong",
                                       number);
    if (h->file_number != e->file_number || h->number != e->number || (h->previous && h->previous != e->previous))
        return adah_index_fail_damaged(e->path, status, "segment %llu belongs elsewhere", number);
    if (h->n_bytes > n_bytes || h->n_bytes < n_front || h->n_bytes % ADAH_INDEX_ALIGNMENT)
        return adah_index_fail_damaged(e->path, status, "segment %llu says it has %llu bytes, %llu are there", number,
                                       (ull)h->n_bytes, (ull)n_bytes);
    if (h->first_row != e->first_row || h->n_records >= SIZE_MAX / 16 - h->first_row || h->next_id < e->next_id ||
        h->first_label != e->first_label)
        return adah_index_fail_damaged(
            e->path, status,
            "segment %llu has %llu records from row %llu, ids below %llu, labels from %u; it begins at row "
            "%llu, id %llu, label %zu",
            number, (ull)h->n_records, (ull)h->first_row, (ull)h->next_id, h->first_label, (ull)e->first_row,
            (ull)e->next_id, e->first_label);
    return ADAH_OK;
}

static adah_code read_table(adah_segment *s, adah_status *status) {
    const adah_index_section *table = s->table;
    const ull number = (ull)s->header.number;
    uint64_t end = sizeof s->header + s->header.n_sections * sizeof *table;
    for (uint32_t i = 0; i < s->header.n_sections; i++) {
        const adah_index_section *x = &table[i];
        if (x->offset % ADAH_INDEX_ALIGNMENT || x->offset < end || x->offset > s->header.n_bytes ||
            x->n_bytes > s->header.n_bytes - x->offset)
            return adah_index_fail_damaged(s->path, status,
                                           "section %u (type %u) of segment %llu lies outside it or on another", i,
                                           x->type, number);
        end = x->offset + x->n_bytes;
        if (x->type >= ADAH_SECTION_TYPES_END) {
            if (!(x->flags & ADAH_INDEX_MAY_IGNORE))
                return adah_fail(
                    status, ADAH_ERROR_FORMAT,
                    "%s: an index of a newer version: it needs section type %u, this library knows up to %u", s->path,
                    x->type, ADAH_SECTION_TYPES_END - 1);
        } else if (x->type == 0 || s->section[x->type]) {
            return adah_index_fail_damaged(s->path, status, "section type %u of segment %llu is zero or there twice",
                                           x->type, number);
        } else {
            s->section[x->type] = x;
        }
    }
    if (s->header.n_sections && s->header.n_bytes - end >= ADAH_INDEX_ALIGNMENT)
        return adah_index_fail_damaged(s->path, status, "%llu bytes behind the last section of segment %llu",
                                       (ull)(s->header.n_bytes - end), number);
    return ADAH_OK;
}

uint64_t adah_segment_end_number(const adah_index_section *table, uint32_t n_before) {
    return XXH3_64bits(table, n_before * sizeof *table);
}

/* The end of the segment belongs to its beginning; a version that wrote no such section could not tell. */
static adah_code read_end(const adah_segment *s, adah_status *status) {
    const adah_index_section *x = s->section[ADAH_SECTION_END];
    if (!x)
        return ADAH_OK;
    const uint32_t n_before = (uint32_t)(x - s->table);
    uint64_t number = 0;
    if (n_before + 1 == s->header.n_sections && x->n_bytes == sizeof number)
        memcpy(&number, section_bytes(s, ADAH_SECTION_END), sizeof number);
    if (number != adah_segment_end_number(s->table, n_before))
        return adah_index_fail_damaged(s->path, status, "the end of segment %llu is not that of its beginning",
                                       (ull)s->header.number);
    return ADAH_OK;
}

/* A table of n + 1 starts into the section before it: its size and both ends. */
static adah_code read_starts(const adah_segment *s, uint32_t type, uint64_t n, const uint64_t **starts,
                             adah_status *status) {
    const adah_index_section *x = s->section[type], *data = s->section[type - 1];
    if (!x && !data)
        return ADAH_OK;
    const uint64_t *values = x ? section_bytes(s, type) : NULL;
    if (!x || !data || x->n_bytes != (n + 1) * sizeof *values || values[0] != 0 || values[n] != data->n_bytes)
        return adah_index_fail_damaged(s->path, status, "section type %u of segment %llu does not fit its data", type,
                                       (ull)s->header.number);
    *starts = values;
    return ADAH_OK;
}

/* Copies the names of the new labels. */
static adah_code read_labels(adah_segment *s, adah_status *status) {
    const adah_index_section *starts = s->section[ADAH_SECTION_LABEL_STARTS];
    const uint64_t n_starts = starts ? starts->n_bytes / sizeof(uint64_t) : 1;
    const uint64_t *in_map = NULL;
    if (n_starts == 0 || n_starts > UINT32_MAX - s->header.first_label)
        return adah_index_fail_damaged(s->path, status, "%llu label starts", (ull)n_starts);
    s->n_new_labels = (size_t)(n_starts - 1);
    ADAH_TRY(read_starts(s, ADAH_SECTION_LABEL_STARTS, s->n_new_labels, &in_map, status));
    if (!in_map)
        return ADAH_OK;
    const adah_index_section *data = s->section[ADAH_SECTION_LABEL_DATA];
    s->label_starts = adah_memory_alloc((size_t)starts->n_bytes);
    s->label_data = adah_memory_alloc((size_t)data->n_bytes);
    if (!s->label_starts || !s->label_data)
        return adah_fail_memory(status, (size_t)(starts->n_bytes + data->n_bytes));
    memcpy(s->label_starts, in_map, (size_t)starts->n_bytes);
    memcpy(s->label_data, section_bytes(s, ADAH_SECTION_LABEL_DATA), (size_t)data->n_bytes);
    return ADAH_OK;
}

static adah_code read_codes(adah_segment *s, size_t n_bits, int modality, adah_status *status) {
    const uint32_t type = ADAH_SECTION_IMAGE_CODES + (uint32_t)modality * ADAH_SECTION_CODES_STEP;
    const adah_index_section *codes = s->section[type], *records = s->section[type + 1],
                             *tables = s->section[type + 2];
    if (!codes && !records && !tables)
        return ADAH_OK;
    const size_t n_code_bytes = n_bits / 8;
    const uint64_t n = codes ? codes->n_bytes / n_code_bytes : 0;
    if (n == 0 || codes->n_bytes % n_code_bytes || n > s->header.n_records ||
        (records ? records->n_bytes != n * sizeof(uint64_t) : n != s->header.n_records))
        return adah_index_fail_damaged(s->path, status,
                                       "the sizes of section types %u and %u of segment %llu do not fit", type,
                                       type + 1, (ull)s->header.number);
    adah_code_set *set = &s->sets[modality];
    set->codes = section_bytes(s, type);
    set->n_code_bytes = n_code_bytes;
    set->n = (size_t)n;
    set->records = records ? section_bytes(s, type + 1) : NULL;
    if (!tables)
        return ADAH_OK;
    set->tables = adah_memory_alloc(sizeof *set->tables);
    if (!set->tables)
        return adah_fail_memory(status, sizeof *set->tables);
    adah_status why;
    const adah_code code =
        adah_multi_index_view(section_bytes(s, type + 2), (size_t)tables->n_bytes, set->n, n_bits, set->tables, &why);
    return code == ADAH_OK ? code
                           : adah_index_fail_damaged(s->path, status, "the search tables of segment %llu: %.300s",
                                                     (ull)s->header.number, why.message);
}

static adah_code read_fine(adah_segment *s, int modality, adah_status *status) {
    const uint32_t type = ADAH_SECTION_IMAGE_FINE + (uint32_t)modality;
    const adah_index_section *x = s->section[type];
    adah_code_set *set = &s->sets[modality];
    if (!x)
        return ADAH_OK;
    const uint64_t n_fine = set->n ? x->n_bytes / set->n : 0;
    if (n_fine == 0 || n_fine > ADAH_FINE_MAX || n_fine % 8 || x->n_bytes != n_fine * set->n)
        return adah_index_fail_damaged(s->path, status, "the vectors (section type %u) of segment %llu do not fit its codes", type,
                                       (ull)s->header.number);
    set->fine = section_bytes(s, type);
    set->n_fine = (size_t)n_fine;
    return ADAH_OK;
}

static adah_code read_ids(adah_segment *s, adah_status *status) {
    const adah_index_section *ids = s->section[ADAH_SECTION_IDS], *deleted = s->section[ADAH_SECTION_DELETED];
    const uint64_t n = s->header.n_records;
    if (ids) {
        s->ids = section_bytes(s, ADAH_SECTION_IDS);
        if (ids->n_bytes != n * sizeof *s->ids || n == 0 || s->ids[0] != s->header.first_id ||
            s->ids[n - 1] >= s->header.next_id)
            return adah_index_fail_damaged(s->path, status, "the ids of segment %llu do not fit its header",
                                           (ull)s->header.number);
    } else if (s->header.first_id > s->header.next_id || n > s->header.next_id - s->header.first_id) {
        return adah_index_fail_damaged(s->path, status, "%llu ids from %llu, all below %llu", (ull)n,
                                       (ull)s->header.first_id, (ull)s->header.next_id);
    }
    if (deleted) {
        s->deleted = section_bytes(s, ADAH_SECTION_DELETED);
        s->n_deleted = (size_t)(deleted->n_bytes / sizeof *s->deleted);
        if (deleted->n_bytes % sizeof *s->deleted || s->n_deleted > s->header.first_row)
            return adah_index_fail_damaged(s->path, status, "segment %llu deletes %zu of %llu rows",
                                           (ull)s->header.number, s->n_deleted, (ull)s->header.first_row);
    }
    return ADAH_OK;
}

static adah_code read_taken(adah_segment *s, adah_status *status) {
    const adah_index_section *x = s->section[ADAH_SECTION_TAKEN];
    if (!x)
        return ADAH_OK;
    if (x->n_bytes != s->header.n_records * sizeof *s->taken)
        return adah_index_fail_damaged(s->path, status, "the dates and places of segment %llu do not fit its records", (ull)s->header.number);
    s->taken = section_bytes(s, ADAH_SECTION_TAKEN);
    return ADAH_OK;
}

static adah_code read_postings(adah_segment *s, adah_status *status) {
    const adah_index_section *x = s->section[ADAH_SECTION_WORDS];
    adah_status why;
    if (!x)
        return ADAH_OK;
    s->postings = adah_memory_alloc(sizeof *s->postings);
    if (!s->postings)
        return adah_fail_memory(status, sizeof *s->postings);
    if (adah_postings_view(section_bytes(s, ADAH_SECTION_WORDS), x->n_bytes, s->header.n_records, s->postings, &why) != ADAH_OK)
        return adah_index_fail_damaged(s->path, status, "the words of segment %llu: %.300s", (ull)s->header.number, why.message);
    return ADAH_OK;
}

adah_code adah_segment_read(const adah_segment_expected *e, const uint8_t *bytes, size_t n_bytes,
                            adah_segment *segment, adah_status *status) {
    adah_segment s = {.path = e->path, .bytes = bytes};
    adah_code code = read_header(e, bytes, n_bytes, &s, status);
    if (code == ADAH_OK)
        code = read_table(&s, status);
    if (code == ADAH_OK)
        code = read_end(&s, status);
    if (code == ADAH_OK)
        code = read_starts(&s, ADAH_SECTION_RECORD_STARTS, s.header.n_records, &s.record_starts, status);
    if (code == ADAH_OK)
        code = read_labels(&s, status);
    if (code == ADAH_OK)
        code = read_ids(&s, status);
    for (int m = 0; m < 2 && code == ADAH_OK; m++)
        code = read_codes(&s, e->n_bits, m, status);
    for (int m = 0; m < 2 && code == ADAH_OK; m++)
        code = read_fine(&s, m, status);
    if (code == ADAH_OK)
        code = read_postings(&s, status);
    if (code == ADAH_OK)
        code = read_taken(&s, status);
    if (code == ADAH_OK &&
        s.header.n_records > (uint64_t)s.sets[0].n + s.sets[1].n) /* nor is a bitmap of them made */
        code = adah_index_fail_damaged(e->path, status, "segment %llu has %llu records, but %zu and %zu codes",
                                       (ull)s.header.number, (ull)s.header.n_records, s.sets[0].n, s.sets[1].n);
    if (code == ADAH_OK)
        *segment = s;
    else
        adah_segment_release(&s);
    return code;
}

void adah_segment_release(adah_segment *s) {
    for (int m = 0; m < 2; m++)
        adah_memory_free(s->sets[m].tables);
    adah_memory_free(s->postings);
    adah_memory_free(s->table);
    adah_memory_free(s->label_starts);
    adah_memory_free(s->label_data);
    *s = (adah_segment){.path = NULL};
}

uint64_t adah_segment_id(const adah_segment *s, uint64_t record) {
    return s->ids ? s->ids[record] : s->header.first_id + record;
}

int adah_segment_find(const adah_segment *s, uint64_t id, uint64_t *record) {
    const uint64_t n = s->header.n_records;
    if (n == 0 || id < s->header.first_id)
        return 0;
    if (!s->ids) {
        *record = id - s->header.first_id;
        return *record < n;
    }
    uint64_t low = 0, high = n;
    while (low < high) {
        const uint64_t middle = low + (high - low) / 2;
        if (s->ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    *record = low;
    return low < n && s->ids[low] == id;
}

const char *adah_segment_label(const adah_segment *s, size_t i) {
    const uint64_t start = s->label_starts[i], end = s->label_starts[i + 1];
    if (start >= end || end > s->section[ADAH_SECTION_LABEL_DATA]->n_bytes || s->label_data[end - 1] != '\0')
        return NULL;
    return s->label_data + start;
}

size_t adah_segment_position(const adah_segment *s, adah_modality modality, uint64_t record) {
    const adah_code_set *set = &s->sets[modality];
    if (!set->records)
        return record < set->n ? (size_t)record : set->n;
    size_t low = 0, high = set->n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (set->records[middle] < record)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

adah_code adah_segment_record_of(const adah_segment *s, adah_modality modality, size_t position, uint64_t *record,
                                 adah_status *status) {
    const adah_code_set *set = &s->sets[modality];
    const uint64_t number = set->records ? adah_read_once(&set->records[position]) : position;
    if (number >= s->header.n_records)
        return adah_index_fail_damaged(s->path, status, "code %zu belongs to record %llu of %llu", position,
                                       (ull)number, (ull)s->header.n_records);
    *record = number;
    return ADAH_OK;
}

/* Where a record's code is among those of the modality. 0: it has none. */
static int find_code(const adah_segment *s, adah_modality modality, uint64_t record, size_t *at) {
    const adah_code_set *set = &s->sets[modality];
    *at = adah_segment_position(s, modality, record);
    return *at < set->n && (!set->records || set->records[*at] == record);
}

/* Where a record's data lies, and a copy of its head. 0: it is damaged. */
static int find_data(const adah_segment *s, uint64_t record, const uint8_t **data, size_t *n_bytes,
                     adah_index_record_head *head) {
    const uint64_t start = adah_read_once(&s->record_starts[record]), end = adah_read_once(&s->record_starts[record + 1]);
    if (end > s->section[ADAH_SECTION_RECORD_DATA]->n_bytes || start >= end || end - start < sizeof *head ||
        start % ADAH_INDEX_RECORD_ALIGNMENT)
        return 0;
    *data = (const uint8_t *)section_bytes(s, ADAH_SECTION_RECORD_DATA) + start;
    *n_bytes = (size_t)(end - start);
    memcpy(head, *data, sizeof *head);
    /* what the record needs; cannot overflow: four numbers of 32 bits */
    uint64_t n_needed =
        sizeof *head + 4 * (uint64_t)head->n_labels + head->n_file_name_bytes + 1 + head->n_text_bytes + 1;
    n_needed += -n_needed % ADAH_INDEX_RECORD_ALIGNMENT;
    return n_needed == end - start;
}

const char *adah_segment_file_name(const adah_segment *s, uint64_t record, size_t *n_bytes) {
    adah_index_record_head head;
    const uint8_t *data;
    size_t n_data;
    *n_bytes = 0;
    if (!s->record_starts)
        return "";
    if (!find_data(s, record, &data, &n_data, &head))
        return NULL;
    *n_bytes = head.n_file_name_bytes;
    return (const char *)data + sizeof head + 4 * (size_t)head.n_labels;
}

adah_taken adah_segment_taken(const adah_segment *s, uint64_t record) { return s->taken ? s->taken[record] : (adah_taken){0}; }

static uint8_t *make_room(adah_record_room *room, size_t n_bytes) {
    if (room->n_bytes >= n_bytes)
        return room->bytes;
    uint8_t *larger = n_bytes <= SIZE_MAX / 2 ? adah_memory_resize(room->own, 2 * n_bytes, 1) : NULL;
    if (!larger)
        return NULL;
    room->own = room->bytes = larger;
    room->n_bytes = 2 * n_bytes;
    return larger;
}

/* The copied data of a record that begins with `head`, taken apart. */
static adah_code read_data(const adah_segment *s, ull row, const uint8_t *copy, const adah_index_record_head *head,
                           size_t n_labels, adah_index_entry *e, adah_status *status) {
    e->label = (const uint32_t *)(const void *)(copy + sizeof *head);
    e->n_labels = head->n_labels;
    e->file_name = (const char *)(e->label + e->n_labels);
    e->text = e->file_name + head->n_file_name_bytes + 1;
    if (e->text[-1] != '\0' || e->text[head->n_text_bytes] != '\0')
        return adah_index_fail_damaged(s->path, status, "a string of record %llu has no end", row);
    for (size_t i = 0; i < e->n_labels; i++)
        if (e->label[i] >= n_labels || (i && e->label[i] <= e->label[i - 1]))
            return adah_index_fail_damaged(s->path, status, "record %llu has label %u of %zu, or labels out of order",
                                           row, e->label[i], n_labels);
    return ADAH_OK;
}

adah_code adah_segment_record(const adah_segment *s, uint64_t record, size_t n_labels, adah_record_room *room,
                              adah_index_entry *entry, adah_status *status) {
    adah_index_entry e = {.id = adah_segment_id(s, record), .file_name = "", .text = "", .taken = adah_segment_taken(s, record)};
    const ull row = (ull)(s->header.first_row + record);
    adah_index_record_head head = {0, 0, 0};
    const uint8_t *data = NULL;
    size_t n_bytes = 0;
    if (s->record_starts && !find_data(s, record, &data, &n_bytes, &head))
        return adah_index_fail_damaged(s->path, status, "record %llu is not whole", row);
    uint8_t *copy = make_room(room, n_bytes + s->sets[0].n_code_bytes + s->sets[1].n_code_bytes + s->sets[0].n_fine + s->sets[1].n_fine);
    if (!copy)
        return adah_fail_memory(status, n_bytes);
    if (data) {
        memcpy(copy, data, n_bytes);
        ADAH_TRY(read_data(s, row, copy, &head, n_labels, &e, status));
    }
    for (int m = 0; m < 2; m++) {
        const adah_code_set *set = &s->sets[m];
        size_t at;
        if (!find_code(s, (adah_modality)m, record, &at))
            continue;
        *(m == ADAH_IMAGE ? &e.image_code : &e.text_code) = copy + n_bytes;
        memcpy(copy + n_bytes, set->codes + at * set->n_code_bytes, set->n_code_bytes);
        n_bytes += set->n_code_bytes;
        if (!set->fine)
            continue;
        int8_t *fine = (int8_t *)copy + n_bytes;
        memcpy(fine, set->fine + at * set->n_fine, set->n_fine);
        n_bytes += set->n_fine;
        if (adah_fine_is_there(fine, set->n_fine))
            *(m == ADAH_IMAGE ? &e.image_fine : &e.text_fine) = fine;
    }
    *entry = e;
    return ADAH_OK;
}

/* ---------------------------------------------------------------- checking everything */

enum { PIECE_BYTES = 1 << 16, FRONT_BYTES_MAX = 128 + 32 * ADAH_INDEX_SECTIONS_MAX };

/* 0: they are not all there. */
static int read_at(int fd, uint8_t *bytes, size_t n_bytes, uint64_t offset) {
    for (size_t done = 0; done < n_bytes;) {
        const ssize_t n = pread(fd, bytes + done, n_bytes - done, (off_t)(offset + done));
        if (n <= 0 && !(n < 0 && errno == EINTR))
            return 0;
        done += n > 0 ? (size_t)n : 0;
    }
    return 1;
}

static int sum_is_right(int fd, uint64_t at, const adah_index_section *x, uint8_t *piece) {
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    for (uint64_t done = 0; done < x->n_bytes;) {
        const size_t n = x->n_bytes - done < PIECE_BYTES ? (size_t)(x->n_bytes - done) : PIECE_BYTES;
        if (!read_at(fd, piece, n, at + x->offset + done))
            return 0;
        XXH3_64bits_update(&state, piece, n);
        done += n;
    }
    return XXH3_64bits_digest(&state) == x->checksum;
}

adah_code adah_segment_find_whole(const adah_segment_expected *e, int fd, uint64_t at, uint64_t n_bytes,
                                  int *is_whole, adah_status *status) {
    *is_whole = 0;
    uint8_t *piece = adah_memory_alloc(PIECE_BYTES);
    if (!piece)
        return adah_fail_memory(status, PIECE_BYTES);
    adah_segment s = {.path = e->path};
    const size_t n_front = n_bytes < FRONT_BYTES_MAX ? (size_t)n_bytes : FRONT_BYTES_MAX;
    const adah_code code =
        read_at(fd, piece, n_front, at) ? read_header(e, piece, n_bytes, &s, NULL) : ADAH_ERROR_CORRUPT;
    int ok = code == ADAH_OK && read_table(&s, NULL) == ADAH_OK;
    for (uint32_t i = 0; i < s.header.n_sections && ok; i++)
        ok = sum_is_right(fd, at, &s.table[i], piece);
    adah_memory_free(piece);
    adah_segment_release(&s);
    *is_whole = ok;
    return code == ADAH_ERROR_MEMORY ? adah_fail_memory(status, FRONT_BYTES_MAX) : ADAH_OK;
}

adah_code adah_segment_check_sums(const adah_segment *s, int fd, uint64_t at, adah_status *status) {
    const size_t n_table_bytes = s->header.n_sections * sizeof *s->table;
    uint8_t *piece = adah_memory_alloc(PIECE_BYTES);
    if (!piece)
        return adah_fail_memory(status, PIECE_BYTES);
    adah_code code = ADAH_OK;
    if (!read_at(fd, piece, sizeof s->header + n_table_bytes, at) || memcmp(piece, &s->header, sizeof s->header) != 0 ||
        memcmp(piece + sizeof s->header, s->table, n_table_bytes) != 0)
        code = adah_index_fail_damaged(s->path, status, "the header of segment %llu has changed", (ull)s->header.number);
    for (uint32_t i = 0; i < s->header.n_sections && code == ADAH_OK; i++)
        if (!sum_is_right(fd, at, &s->table[i], piece))
            code = adah_index_fail_damaged(s->path, status,
                                           "the checksum of section %u (type %u) of segment %llu is wrong", i,
                                           s->table[i].type, (ull)s->header.number);
    adah_memory_free(piece);
    return code;
}

/* Zeros wherever no section lies. */
static adah_code verify_gaps(const adah_segment *s, adah_status *status) {
    const adah_index_section *table = s->table;
    uint64_t end = sizeof s->header + s->header.n_sections * sizeof *table;
    for (uint32_t i = 0; i <= s->header.n_sections; i++) {
        const uint64_t next = i < s->header.n_sections ? table[i].offset : s->header.n_bytes;
        for (; end < next; end++)
            if (s->bytes[end])
                return adah_index_fail_damaged(s->path, status,
                                               "byte %llu of segment %llu, between sections, is not zero", (ull)end,
                                               (ull)s->header.number);
        if (i < s->header.n_sections)
            end = table[i].offset + table[i].n_bytes;
    }
    for (size_t i = 0; i < sizeof s->header.zero / sizeof *s->header.zero; i++)
        if (s->header.zero[i])
            return adah_index_fail_damaged(s->path, status,
                                           "the header of segment %llu has numbers this version does not know",
                                           (ull)s->header.number);
    return ADAH_OK;
}

static adah_code verify_record(const adah_segment *s, uint64_t record, size_t n_labels, adah_record_room *room,
                               adah_status *status) {
    adah_index_entry e;
    ADAH_TRY(adah_segment_record(s, record, n_labels, room, &e, status));
    if (s->ids && record && s->ids[record] <= s->ids[record - 1])
        return adah_index_fail_damaged(s->path, status, "the ids of segment %llu are out of order at record %llu",
                                       (ull)s->header.number, (ull)record);
    if (!adah_taken_is_sound(&e.taken))
        return adah_index_fail_damaged(s->path, status, "record %llu has a date or a place that is none", (ull)(s->header.first_row + record));
    if (!e.image_code && !e.text_code)
        return adah_index_fail_damaged(s->path, status, "record %llu has no code",
                                       (ull)(s->header.first_row + record));
    if (!s->record_starts)
        return ADAH_OK;
    adah_index_record_head head; /* of the copy, which begins with it */
    memcpy(&head, room->bytes, sizeof head);
    if (strlen(e.file_name) != head.n_file_name_bytes || strlen(e.text) != head.n_text_bytes)
        return adah_index_fail_damaged(s->path, status, "a string of record %llu ends early",
                                       (ull)(s->header.first_row + record));
    return ADAH_OK;
}

static adah_code verify_codes(const adah_segment *s, adah_modality modality, adah_status *status) {
    const adah_code_set *set = &s->sets[modality];
    uint64_t least = 0; /* the next record number may not be below this */
    for (size_t i = 0; i < set->n; i++) {
        uint64_t record = 0;
        ADAH_TRY(adah_segment_record_of(s, modality, i, &record, status));
        if (record < least)
            return adah_index_fail_damaged(s->path, status,
                                           "the records of the codes of segment %llu are out of order at code %zu",
                                           (ull)s->header.number, i);
        least = record + 1;
    }
    if (!set->tables)
        return ADAH_OK;
    adah_status why;
    if (adah_multi_index_verify(set->tables, set->codes, &why) != ADAH_OK)
        return adah_index_fail_damaged(s->path, status, "the search tables of segment %llu: %.300s",
                                       (ull)s->header.number, why.message);
    return ADAH_OK;
}

adah_code adah_segment_each_note(const adah_segment *s, int (*take)(void *context, const adah_note *note), void *context,
                                 adah_status *status) {
    const adah_index_section *x = s->section[ADAH_SECTION_NOTES];
    if (!x)
        return ADAH_OK;
    uint8_t *copy = adah_memory_alloc((size_t)x->n_bytes);
    if (!copy)
        return adah_fail_memory(status, (size_t)x->n_bytes);
    memcpy(copy, s->bytes + x->offset, (size_t)x->n_bytes);
    size_t at = 0;
    adah_code code = ADAH_OK;
    for (int found = 1; found && code == ADAH_OK;) {
        adah_note note;
        found = adah_notes_next(copy, (size_t)x->n_bytes, &at, &note);
        if (found < 0)
            code = adah_index_fail_damaged(s->path, status, "a note of segment %llu is not whole",
                                           (unsigned long long)s->header.number);
        else if (found && !take(context, &note))
            code = adah_fail_memory(status, note.n_bytes);
    }
    adah_memory_free(copy);
    return code;
}

static int pass_note(void *context, const adah_note *note) {
    (void)context;
    (void)note;
    return 1;
}

adah_code adah_segment_verify(const adah_segment *s, int fd, uint64_t at, size_t n_labels, adah_status *status) {
    ADAH_TRY(verify_gaps(s, status));
    ADAH_TRY(adah_segment_check_sums(s, fd, at, status));
    ADAH_TRY(adah_segment_each_note(s, pass_note, NULL, status));
    for (size_t i = 0; i < s->n_new_labels; i++) {
        const char *name = adah_segment_label(s, i);
        if (!name || strlen(name) + 1 != s->label_starts[i + 1] - s->label_starts[i])
            return adah_index_fail_damaged(s->path, status, "the name of label %zu is not whole",
                                           s->header.first_label + i);
    }
    adah_status why;
    if (s->postings && adah_postings_verify(s->postings, &why) != ADAH_OK)
        return adah_index_fail_damaged(s->path, status, "the words of segment %llu: %.300s", (ull)s->header.number, why.message);
    ADAH_TRY(verify_codes(s, ADAH_IMAGE, status));
    ADAH_TRY(verify_codes(s, ADAH_TEXT, status));
    adah_record_room room = {NULL, 0, NULL};
    adah_code code = ADAH_OK;
    for (uint64_t i = 0; i < s->header.n_records && code == ADAH_OK; i++)
        code = verify_record(s, i, n_labels, &room, status);
    adah_memory_free(room.own);
    ADAH_TRY(code);
    for (size_t i = 0; i < s->n_deleted; i++)
        if (s->deleted[i] >= s->header.first_row || (i && s->deleted[i] <= s->deleted[i - 1]))
            return adah_index_fail_damaged(s->path, status,
                                           "segment %llu deletes row %llu of %llu, or rows out of order",
                                           (ull)s->header.number, (ull)s->deleted[i], (ull)s->header.first_row);
    return ADAH_OK;
}
