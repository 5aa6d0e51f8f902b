/* index_file.c - opens a collection file and gives its parts, checking every number before it is used.
 *
 * Opening checks the header and the places of the sections. What lies inside the sections is not read before it is
 * asked for, and then checked as far as it is used; adah_index_verify checks all of it. */
#define XXH_INLINE_ALL
#include "index/index_file.h"
#include "base/file.h"
#include "base/memory.h"
#include "index/index_format.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

/* The codes of one modality; all zero when there are none. */
typedef struct code_set {
    const uint8_t *codes;
    size_t n;
    const uint64_t *records; /* NULL: code i belongs to record i */
} code_set;

struct adah_index {
    adah_file_map map;
    char *path;
    adah_index_header header;
    adah_index_section table[ADAH_INDEX_SECTIONS_MAX];
    const adah_index_section *section[ADAH_SECTION_TYPES_END]; /* by type, NULL: absent */
    const uint64_t *record_starts, *label_starts;
    size_t n_labels;
    code_set sets[2]; /* by modality */
};

__attribute__((format(printf, 3, 4))) static adah_code fail_damaged(const char *path, adah_status *status,
                                                                    const char *format, ...) {
    char what[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return adah_fail(status, ADAH_ERROR_FORMAT, "%s: the index is damaged: %s", path, what);
}

static const void *section_bytes(const adah_index *x, adah_index_section_type type) {
    return x->map.bytes + x->section[type]->offset;
}

static adah_code read_header(adah_index *x, adah_status *status) {
    const uint8_t *bytes = x->map.bytes;
    size_t n_bytes = x->map.n_bytes;
    adah_index_header *h = &x->header;
    if (n_bytes < sizeof h->magic || memcmp(bytes, adah_index_magic, sizeof h->magic) != 0)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: not an adah index", x->path);
    if (n_bytes < sizeof *h)
        return fail_damaged(x->path, status, "it ends after %zu bytes, inside the header", n_bytes);
    memcpy(h, bytes, sizeof *h);
    if (h->version > ADAH_INDEX_VERSION)
        return adah_fail(status, ADAH_ERROR_FORMAT,
                         "%s: an index of a newer version: %u, this library reads up to %u", x->path, h->version,
                         ADAH_INDEX_VERSION);
    size_t n_front = sizeof *h + h->n_sections * sizeof *x->table;
    if (h->n_sections > ADAH_INDEX_SECTIONS_MAX || n_front > n_bytes)
        return fail_damaged(x->path, status, "a table of %u sections in a file of %zu bytes", h->n_sections, n_bytes);
    uint8_t front[sizeof *h + sizeof x->table];
    memcpy(front, bytes, n_front);
    memset(front + offsetof(adah_index_header, checksum), 0, sizeof h->checksum);
    if (XXH3_64bits(front, n_front) != h->checksum)
        return fail_damaged(x->path, status, "the checksum of its header is wrong");
    memcpy(x->table, bytes + sizeof *h, n_front - sizeof *h);
    if (h->version == 0 || h->n_bits < ADAH_BITS_MIN || h->n_bits > ADAH_BITS_MAX || h->n_bits % 8 || h->zero ||
        h->n_records >= SIZE_MAX / 16)
        return fail_damaged(x->path, status, "impossible header: version %u, %u bits, %llu records", h->version,
                            h->n_bits, (unsigned long long)h->n_records);
    if (h->n_file_bytes != n_bytes)
        return fail_damaged(x->path, status, "%zu bytes, expected %llu", n_bytes,
                            (unsigned long long)h->n_file_bytes);
    return ADAH_OK;
}

static adah_code read_table(adah_index *x, adah_status *status) {
    uint64_t end = sizeof x->header + x->header.n_sections * sizeof *x->table;
    for (uint32_t i = 0; i < x->header.n_sections; i++) {
        const adah_index_section *s = &x->table[i];
        if (s->offset % ADAH_INDEX_ALIGNMENT || s->offset < end || s->offset > x->map.n_bytes ||
            s->n_bytes > x->map.n_bytes - s->offset)
            return fail_damaged(x->path, status, "section %u (type %u) lies outside the file or on another", i,
                                s->type);
        end = s->offset + s->n_bytes;
        if (s->type >= ADAH_SECTION_TYPES_END) {
            if (!(s->flags & ADAH_INDEX_MAY_IGNORE))
                return adah_fail(
                    status, ADAH_ERROR_FORMAT,
                    "%s: an index of a newer version: it needs section type %u, this library knows up to %u", x->path,
                    s->type, ADAH_SECTION_TYPES_END - 1);
        } else if (s->type == 0 || x->section[s->type]) {
            return fail_damaged(x->path, status, "section type %u is zero or there twice", s->type);
        } else {
            x->section[s->type] = s;
        }
    }
    if (end != x->map.n_bytes)
        return fail_damaged(x->path, status, "%llu bytes behind the last section",
                            (unsigned long long)(x->map.n_bytes - end));
    for (uint32_t type = ADAH_SECTION_RECORD_DATA; type <= ADAH_SECTION_LABEL_STARTS; type++)
        if (!x->section[type])
            return fail_damaged(x->path, status, "section type %u is missing", type);
    return ADAH_OK;
}

/* A table of n + 1 starts into `data`: its size and both ends. */
static adah_code read_starts(const adah_index *x, adah_index_section_type type, uint64_t n, const uint64_t **starts,
                             adah_status *status) {
    const adah_index_section *s = x->section[type], *data = x->section[type - 1];
    const uint64_t *values = section_bytes(x, type);
    if (s->n_bytes != (n + 1) * sizeof *values || values[0] != 0 || values[n] != data->n_bytes)
        return fail_damaged(x->path, status, "section type %u does not fit its data", type);
    *starts = values;
    return ADAH_OK;
}

static adah_code read_codes(adah_index *x, adah_modality modality, adah_status *status) {
    uint32_t type = ADAH_SECTION_IMAGE_CODES + 2 * (uint32_t)modality;
    const adah_index_section *codes = x->section[type], *records = x->section[type + 1];
    if (!codes && !records)
        return ADAH_OK;
    size_t n_code_bytes = x->header.n_bits / 8;
    uint64_t n = codes ? codes->n_bytes / n_code_bytes : 0;
    if (n == 0 || codes->n_bytes % n_code_bytes || n > x->header.n_records ||
        (records ? records->n_bytes != n * sizeof(uint64_t) : n != x->header.n_records))
        return fail_damaged(x->path, status, "the sizes of section types %u and %u do not fit", type, type + 1);
    x->sets[modality] = (code_set){section_bytes(x, type), n, records ? section_bytes(x, type + 1) : NULL};
    return ADAH_OK;
}

static adah_code read_index(adah_index *x, adah_status *status) {
    ADAH_TRY(read_header(x, status));
    ADAH_TRY(read_table(x, status));
    ADAH_TRY(read_starts(x, ADAH_SECTION_RECORD_STARTS, x->header.n_records, &x->record_starts, status));
    uint64_t n_label_starts = x->section[ADAH_SECTION_LABEL_STARTS]->n_bytes / sizeof(uint64_t);
    if (n_label_starts == 0 || n_label_starts > UINT32_MAX)
        return fail_damaged(x->path, status, "%llu label starts", (unsigned long long)n_label_starts);
    x->n_labels = n_label_starts - 1;
    ADAH_TRY(read_starts(x, ADAH_SECTION_LABEL_STARTS, x->n_labels, &x->label_starts, status));
    ADAH_TRY(read_codes(x, ADAH_IMAGE, status));
    return read_codes(x, ADAH_TEXT, status);
}

adah_code adah_index_open(const char *path, adah_index **index, adah_status *status) {
    adah_index *x = adah_memory_zeroed(1, sizeof *x);
    if (!x)
        return adah_fail_memory(status, sizeof *x);
    x->path = adah_memory_text(path);
    adah_code code = x->path ? ADAH_OK : adah_fail_memory(status, strlen(path) + 1);
    if (code == ADAH_OK)
        code = adah_file_open_map(path, &x->map, status);
    if (code == ADAH_OK)
        code = read_index(x, status);
    if (code != ADAH_OK) {
        adah_index_close(x);
        return code;
    }
    *index = x;
    return ADAH_OK;
}

void adah_index_close(adah_index *x) {
    if (!x)
        return;
    adah_file_close_map(&x->map);
    adah_memory_free(x->path);
    adah_memory_free(x);
}

uint64_t adah_index_count(const adah_index *x) { return x->header.n_records; }
size_t adah_index_bits(const adah_index *x) { return x->header.n_bits; }
const uint8_t *adah_index_model_identity(const adah_index *x) { return x->header.model_identity; }
size_t adah_index_label_count(const adah_index *x) { return x->n_labels; }

const char *adah_index_label_name(const adah_index *x, uint32_t label) {
    if (label >= x->n_labels)
        return NULL;
    uint64_t start = x->label_starts[label], end = x->label_starts[label + 1];
    const char *data = section_bytes(x, ADAH_SECTION_LABEL_DATA);
    if (start >= end || end > x->section[ADAH_SECTION_LABEL_DATA]->n_bytes || data[end - 1] != '\0')
        return NULL;
    return data + start;
}

adah_code adah_index_record(const adah_index *x, uint64_t record, adah_index_entry *entry, adah_status *status) {
    if (record >= x->header.n_records)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: record %llu of %llu", x->path, (unsigned long long)record,
                         (unsigned long long)x->header.n_records);
    uint64_t start = x->record_starts[record], end = x->record_starts[record + 1];
    const adah_index_record_head *head = NULL;
    if (end <= x->section[ADAH_SECTION_RECORD_DATA]->n_bytes && start < end && end - start >= sizeof *head &&
        start % ADAH_INDEX_RECORD_ALIGNMENT == 0)
        head = (const void *)((const uint8_t *)section_bytes(x, ADAH_SECTION_RECORD_DATA) + start);
    uint64_t n_bytes = 0; /* what the record needs; cannot overflow: four numbers of 32 bits */
    if (head) {
        n_bytes = sizeof *head + 4 * (uint64_t)head->n_labels + head->n_file_name_bytes + 1 + head->n_text_bytes + 1;
        n_bytes += -n_bytes % ADAH_INDEX_RECORD_ALIGNMENT;
    }
    if (!head || n_bytes != end - start)
        return fail_damaged(x->path, status, "record %llu is not whole", (unsigned long long)record);
    const uint32_t *label = (const uint32_t *)(head + 1);
    const char *file_name = (const char *)(label + head->n_labels);
    const char *text = file_name + head->n_file_name_bytes + 1;
    if (text[-1] != '\0' || text[head->n_text_bytes] != '\0')
        return fail_damaged(x->path, status, "a string of record %llu has no end", (unsigned long long)record);
    for (uint32_t i = 0; i < head->n_labels; i++)
        if (label[i] >= x->n_labels || (i && label[i] <= label[i - 1]))
            return fail_damaged(x->path, status, "record %llu has label %u of %zu, or labels out of order",
                                (unsigned long long)record, label[i], x->n_labels);
    *entry = (adah_index_entry){file_name, text, label, head->n_labels};
    return ADAH_OK;
}

const uint8_t *adah_index_codes(const adah_index *x, adah_modality modality, size_t *n_codes) {
    *n_codes = x->sets[modality].n;
    return x->sets[modality].codes;
}

adah_code adah_index_record_of(const adah_index *x, adah_modality modality, size_t position, uint64_t *record,
                               adah_status *status) {
    const code_set *set = &x->sets[modality];
    if (position >= set->n)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: code %zu of %zu", x->path, position, set->n);
    uint64_t number = set->records ? set->records[position] : position;
    if (number >= x->header.n_records)
        return fail_damaged(x->path, status, "code %zu belongs to record %llu of %llu", position,
                            (unsigned long long)number, (unsigned long long)x->header.n_records);
    *record = number;
    return ADAH_OK;
}

/* Zeros from `start` to `end`. */
static adah_code verify_gap(const adah_index *x, uint64_t start, uint64_t end, adah_status *status) {
    for (uint64_t i = start; i < end; i++)
        if (x->map.bytes[i])
            return fail_damaged(x->path, status, "byte %llu between sections is not zero", (unsigned long long)i);
    return ADAH_OK;
}

static adah_code verify_sections(const adah_index *x, adah_status *status) {
    uint64_t end = sizeof x->header + x->header.n_sections * sizeof *x->table;
    for (uint32_t i = 0; i < x->header.n_sections; i++) {
        const adah_index_section *s = &x->table[i];
        ADAH_TRY(verify_gap(x, end, s->offset, status));
        end = s->offset + s->n_bytes;
        if (XXH3_64bits(x->map.bytes + s->offset, s->n_bytes) != s->checksum)
            return fail_damaged(x->path, status, "the checksum of section %u (type %u) is wrong", i, s->type);
    }
    return ADAH_OK;
}

static adah_code verify_record(const adah_index *x, uint64_t record, adah_status *status) {
    adah_index_entry e;
    ADAH_TRY(adah_index_record(x, record, &e, status));
    const adah_index_record_head *head = (const adah_index_record_head *)e.label - 1;
    if (strlen(e.file_name) != head->n_file_name_bytes || strlen(e.text) != head->n_text_bytes)
        return fail_damaged(x->path, status, "a string of record %llu ends early", (unsigned long long)record);
    return ADAH_OK;
}

static adah_code verify_codes(const adah_index *x, adah_modality modality, adah_status *status) {
    uint64_t least = 0; /* the next record number may not be below this */
    for (size_t i = 0; i < x->sets[modality].n; i++) {
        uint64_t record = 0;
        ADAH_TRY(adah_index_record_of(x, modality, i, &record, status));
        if (record < least)
            return fail_damaged(x->path, status, "the records of the codes are out of order at code %zu", i);
        least = record + 1;
    }
    return ADAH_OK;
}

static adah_code verify(const adah_index *x, adah_status *status) {
    ADAH_TRY(verify_sections(x, status));
    for (uint64_t i = 0; i < x->header.n_records; i++)
        ADAH_TRY(verify_record(x, i, status));
    for (size_t i = 0; i < x->n_labels; i++) {
        const char *name = adah_index_label_name(x, (uint32_t)i);
        if (!name || strlen(name) + 1 != x->label_starts[i + 1] - x->label_starts[i])
            return fail_damaged(x->path, status, "the name of label %zu is not whole", i);
    }
    ADAH_TRY(verify_codes(x, ADAH_IMAGE, status));
    return verify_codes(x, ADAH_TEXT, status);
}

adah_code adah_index_verify(const char *path, adah_status *status) {
    adah_index *x = NULL;
    ADAH_TRY(adah_index_open(path, &x, status));
    adah_code code = verify(x, status);
    adah_index_close(x);
    return code;
}
