/* index_builder.c - writes a collection file.
 *
 * Record data goes to the file as records come. Everything else (codes, record starts, label names) is kept in
 * memory and written behind it at the end, then the header in front is filled in and the file published. */
#define XXH_INLINE_ALL
#include "base/file.h"
#include "base/memory.h"
#include "index/index_file.h"
#include "index/index_format.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* Room for the header and the sections this version writes. */
enum { N_SECTIONS = ADAH_SECTION_TYPES_END - 1, FRONT_BYTES = 64 + 32 * N_SECTIONS };
_Static_assert(FRONT_BYTES % ADAH_INDEX_ALIGNMENT == 0, "the first section is aligned");

/* A growing array. */
typedef struct list {
    void *items;
    size_t n, capacity;
} list;

struct adah_index_builder {
    adah_file_writer *file;
    int broken; /* the file lacks part of a record */
    size_t n_code_bytes;
    adah_index_header header;
    list starts;               /* uint64_t: of each record, and the end of the last */
    list codes[2], records[2]; /* by modality: codes, and uint64_t record numbers */
    list label_names;          /* char *, by number */
    list labels_sorted;        /* uint32_t: numbers in the order of the names */
    list record_labels;        /* uint32_t: of the record being added */
    XXH3_state_t *data_sum;    /* of the record data, inside data_sum_memory */
    void *data_sum_memory;
};

/* Room for one more item behind the n present ones. */
static int grow(list *l, size_t item_bytes) { return adah_memory_grow(&l->items, &l->capacity, l->n, item_bytes); }

static int push_number(list *l, uint64_t number) {
    if (!grow(l, sizeof number))
        return 0;
    ((uint64_t *)l->items)[l->n++] = number;
    return 1;
}

adah_code adah_index_builder_create(const char *path, size_t n_bits, const uint8_t *model_identity,
                                    adah_index_builder **builder, adah_status *status) {
    if (n_bits < ADAH_BITS_MIN || n_bits > ADAH_BITS_MAX || n_bits % 8)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: codes of %zu bits: expected a multiple of 8 from %d to %d",
                         path, n_bits, ADAH_BITS_MIN, ADAH_BITS_MAX);
    adah_index_builder *b = adah_memory_zeroed(1, sizeof *b);
    if (!b)
        return adah_fail_memory(status, sizeof *b);
    b->n_code_bytes = n_bits / 8;
    memcpy(b->header.magic, adah_index_magic, sizeof adah_index_magic);
    b->header.version = ADAH_INDEX_VERSION;
    b->header.n_bits = (uint32_t)n_bits;
    memcpy(b->header.model_identity, model_identity, ADAH_MODEL_IDENTITY_BYTES);

    adah_code code = ADAH_OK;
    b->data_sum_memory = adah_memory_alloc(sizeof *b->data_sum + 64);
    if (!b->data_sum_memory || !push_number(&b->starts, 0)) {
        code = adah_fail_memory(status, sizeof *b->data_sum + 64);
    } else {
        b->data_sum = (void *)(((uintptr_t)b->data_sum_memory + 63) / 64 * 64); /* xxhash wants 64 */
        XXH3_64bits_reset(b->data_sum);
        code = adah_file_create(path, &b->file, status);
    }
    static const uint8_t front[FRONT_BYTES];
    if (code == ADAH_OK)
        code = adah_file_put(b->file, front, sizeof front, status);
    if (code != ADAH_OK) {
        adah_index_builder_abort(b);
        return code;
    }
    *builder = b;
    return ADAH_OK;
}

void adah_index_builder_abort(adah_index_builder *b) {
    if (!b)
        return;
    adah_file_abort(b->file);
    for (size_t i = 0; i < b->label_names.n; i++)
        adah_memory_free(((char **)b->label_names.items)[i]);
    list *lists[] = {&b->starts,     &b->codes[0],    &b->codes[1],      &b->records[0],
                     &b->records[1], &b->label_names, &b->labels_sorted, &b->record_labels};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        adah_memory_free(lists[i]->items);
    adah_memory_free(b->data_sum_memory);
    adah_memory_free(b);
}

/* The number of a label, new ones next in line; 0 when memory is out. */
static int label_number(adah_index_builder *b, const char *name, uint32_t *number) {
    size_t low = 0, high = b->labels_sorted.n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        *number = ((uint32_t *)b->labels_sorted.items)[middle];
        int order = strcmp(name, ((char **)b->label_names.items)[*number]);
        if (order == 0)
            return 1;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    if (!grow(&b->label_names, sizeof(char *)) || !grow(&b->labels_sorted, sizeof(uint32_t)))
        return 0;
    char *copy = adah_memory_text(name);
    if (!copy)
        return 0;
    *number = (uint32_t)b->label_names.n;
    ((char **)b->label_names.items)[b->label_names.n++] = copy;
    uint32_t *sorted = b->labels_sorted.items;
    memmove(sorted + low + 1, sorted + low, (b->labels_sorted.n - low) * sizeof *sorted);
    sorted[low] = *number;
    b->labels_sorted.n++;
    return 1;
}

static int by_number(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Fills record_labels: ascending numbers without repeats. */
static int number_labels(adah_index_builder *b, const char *const *label, size_t n_labels) {
    list *l = &b->record_labels;
    l->n = 0;
    for (size_t i = 0; i < n_labels; i++) {
        uint32_t number;
        if (!label_number(b, label[i], &number) || !grow(l, sizeof number))
            return 0;
        ((uint32_t *)l->items)[l->n++] = number;
    }
    if (l->n < 2)
        return 1;
    uint32_t *numbers = l->items;
    qsort(numbers, l->n, sizeof *numbers, by_number);
    size_t kept = 1;
    for (size_t i = 1; i < l->n; i++)
        if (numbers[i] != numbers[i - 1])
            numbers[kept++] = numbers[i];
    l->n = kept;
    return 1;
}

/* Room for what a record adds to the lists, so that nothing can fail once it is on file. */
static int reserve(adah_index_builder *b) {
    int ok = grow(&b->starts, sizeof(uint64_t));
    for (int m = 0; m < 2; m++)
        ok = ok && grow(&b->codes[m], b->n_code_bytes) && grow(&b->records[m], sizeof(uint64_t));
    return ok;
}

static adah_code put_data(adah_index_builder *b, const void *bytes, size_t n_bytes, adah_status *status) {
    if (n_bytes)
        XXH3_64bits_update(b->data_sum, bytes, n_bytes);
    return adah_file_put(b->file, bytes, n_bytes, status);
}

static adah_code put_record(adah_index_builder *b, const char *file_name, const char *text, adah_status *status) {
    adah_index_record_head head = {(uint32_t)b->record_labels.n, (uint32_t)strlen(file_name), (uint32_t)strlen(text)};
    static const uint8_t zeros[ADAH_INDEX_RECORD_ALIGNMENT];
    size_t n_bytes = head.n_file_name_bytes + (size_t)1 + head.n_text_bytes + 1;
    ADAH_TRY(put_data(b, &head, sizeof head, status));
    ADAH_TRY(put_data(b, b->record_labels.items, head.n_labels * sizeof(uint32_t), status));
    ADAH_TRY(put_data(b, file_name, head.n_file_name_bytes + (size_t)1, status));
    ADAH_TRY(put_data(b, text, head.n_text_bytes + (size_t)1, status));
    return put_data(b, zeros, -n_bytes % ADAH_INDEX_RECORD_ALIGNMENT, status);
}

adah_code adah_index_builder_add(adah_index_builder *b, const char *file_name, const char *text,
                                 const char *const *label, size_t n_labels, const uint8_t *image_code,
                                 const uint8_t *text_code, adah_status *status) {
    const uint8_t *code_of[2] = {[ADAH_IMAGE] = image_code, [ADAH_TEXT] = text_code};
    if (b->broken)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "an earlier record could not be written: abort the builder");
    if (!image_code && !text_code)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: a record needs the code of an image or of a text",
                         file_name);
    if (strlen(file_name) > UINT32_MAX - 1 || strlen(text) > UINT32_MAX - 1 || n_labels > UINT32_MAX / 4)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%.100s: file name, text or labels of 4 GiB or more",
                         file_name);
    b->broken = 1;
    if (!number_labels(b, label, n_labels) || !reserve(b))
        return adah_fail_memory(status, (b->header.n_records + 1) * 16);
    ADAH_TRY(put_record(b, file_name, text, status));
    push_number(&b->starts, adah_file_position(b->file) - FRONT_BYTES);
    for (int m = 0; m < 2; m++)
        if (code_of[m]) {
            uint8_t *codes = b->codes[m].items;
            memcpy(codes + b->codes[m].n++ * b->n_code_bytes, code_of[m], b->n_code_bytes);
            push_number(&b->records[m], b->header.n_records);
        }
    b->header.n_records++;
    b->broken = 0;
    return ADAH_OK;
}

/* Puts a section, at a multiple of 64, and enters it in the table. */
static adah_code put_section(adah_index_builder *b, adah_index_section *table, uint32_t type, const void *bytes,
                             size_t n_bytes, adah_status *status) {
    static const uint8_t zeros[ADAH_INDEX_ALIGNMENT];
    ADAH_TRY(adah_file_put(b->file, zeros, -adah_file_position(b->file) % ADAH_INDEX_ALIGNMENT, status));
    table[b->header.n_sections++] = (adah_index_section){type, 0, adah_file_position(b->file), n_bytes,
                                                         XXH3_64bits(n_bytes ? bytes : "", n_bytes)};
    return adah_file_put(b->file, bytes, n_bytes, status);
}

/* The names one after another, and where each starts. */
static adah_code put_labels(adah_index_builder *b, adah_index_section *table, adah_status *status) {
    char *const *names = b->label_names.items;
    size_t n = b->label_names.n, n_bytes = 0;
    for (size_t i = 0; i < n; i++)
        n_bytes += strlen(names[i]) + 1;
    char *data = adah_memory_alloc(n_bytes);
    uint64_t *starts = adah_memory_zeroed(n + 1, sizeof *starts);
    adah_code code = data && starts ? ADAH_OK : adah_fail_memory(status, n_bytes + (n + 1) * sizeof *starts);
    if (code == ADAH_OK) {
        for (size_t i = 0; i < n; i++) {
            size_t length = strlen(names[i]) + 1;
            memcpy(data + starts[i], names[i], length);
            starts[i + 1] = starts[i] + length;
        }
        code = put_section(b, table, ADAH_SECTION_LABEL_DATA, data, n_bytes, status);
    }
    if (code == ADAH_OK)
        code = put_section(b, table, ADAH_SECTION_LABEL_STARTS, starts, (n + 1) * sizeof *starts, status);
    adah_memory_free(data);
    adah_memory_free(starts);
    return code;
}

/* Everything behind the record data, then the header in front. */
static adah_code put_rest(adah_index_builder *b, adah_status *status) {
    union {
        struct {
            adah_index_header header;
            adah_index_section table[N_SECTIONS];
        } parts;
        uint8_t bytes[FRONT_BYTES];
    } front = {.bytes = {0}};
    adah_index_section *table = front.parts.table;
    uint64_t n_records = b->header.n_records;
    table[b->header.n_sections++] =
        (adah_index_section){ADAH_SECTION_RECORD_DATA, 0, FRONT_BYTES, adah_file_position(b->file) - FRONT_BYTES,
                             XXH3_64bits_digest(b->data_sum)};
    ADAH_TRY(
        put_section(b, table, ADAH_SECTION_RECORD_STARTS, b->starts.items, b->starts.n * sizeof(uint64_t), status));
    ADAH_TRY(put_labels(b, table, status));
    for (uint32_t m = 0; m < 2; m++) {
        const list *codes = &b->codes[m], *records = &b->records[m];
        if (codes->n)
            ADAH_TRY(put_section(b, table, ADAH_SECTION_IMAGE_CODES + 2 * m, codes->items, codes->n * b->n_code_bytes,
                                 status));
        if (codes->n && codes->n < n_records)
            ADAH_TRY(put_section(b, table, ADAH_SECTION_IMAGE_RECORDS + 2 * m, records->items,
                                 records->n * sizeof(uint64_t), status));
    }
    b->header.n_file_bytes = adah_file_position(b->file);
    front.parts.header = b->header;
    front.parts.header.checksum =
        XXH3_64bits(front.bytes, sizeof(adah_index_header) + b->header.n_sections * sizeof(adah_index_section));
    return adah_file_patch(b->file, 0, front.bytes, sizeof front.bytes, status);
}

adah_code adah_index_builder_publish(adah_index_builder *b, adah_status *status) {
    adah_code code = b->broken ? adah_fail(status, ADAH_ERROR_ARGUMENT, "a record could not be written before")
                               : put_rest(b, status);
    if (code == ADAH_OK) {
        code = adah_file_commit(b->file, status);
        b->file = NULL;
    }
    adah_index_builder_abort(b);
    return code;
}
