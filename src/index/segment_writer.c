/* segment_writer.c - puts a segment together.
 *
 * Record data goes to the file as records come. Everything else is kept in memory and put behind it at the end, then
 * the header in front is filled in. Numbers that only count (ids 7, 8, 9, ..., every record with both codes) are not
 * kept at all, and neither are record data and vectors as long as no record has any: a collection of bare codes costs its codes.
 * In memory, records may come in any order of ids; they are put in order at the end. Of the words of a record only their
 * numbers are kept until all are there (postings.c). The file is long because all sections grow together, a record at a time,
 * and are put in order together. */
#define _GNU_SOURCE
#define XXH_INLINE_ALL
#include "index/segment_writer.h"
#include "base/memory.h"
#include "base/taken.h"
#include "codes/fine.h"
#include "data/string_table.h"
#include "index/index_format.h"
#include "index/multi_index.h"
#include "index/number_set.h"
#include "index/postings.h"
#include "index/segment.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <xxhash.h>

/* Room for the header and the sections this version writes. */
enum {
    N_SECTIONS = ADAH_SECTION_TYPES_END - 1,
    FRONT_BYTES = (128 + 32 * N_SECTIONS + ADAH_INDEX_ALIGNMENT - 1) / ADAH_INDEX_ALIGNMENT * ADAH_INDEX_ALIGNMENT
};

/* Growing bytes. */
typedef struct list {
    uint8_t *bytes;
    size_t n_bytes, capacity;
} list;

/* Growing numbers; nothing is stored while they are first, first + 1, ... */
typedef struct numbers {
    uint64_t *number; /* NULL: counting */
    uint64_t first;
    size_t n, capacity;
} numbers;

/* What is kept of the records. */
typedef struct records {
    numbers ids;
    list codes[2];          /* by modality */
    list fine[2];           /* a vector for each code, zeros where there is none; empty: none has one */
    numbers code_record[2]; /* of each code */
    list taken;             /* an adah_taken for each record, zeros where nothing is known, up to the last of which something is; empty: there is none */
    list data;              /* when it is not in the file */
    numbers starts;         /* of the records in the data, and the end of the last; once has_data */
    list words;             /* uint32_t: of each record how many it has, and their numbers; once has_data */
} records;

/* The words of the records, numbered. */
typedef struct words {
    adah_string_table table;
    uint64_t *last; /* of each word: the latest record that has it, from 1 */
    size_t capacity;
} words;

struct adah_segment_writer {
    const char *path;
    adah_file_writer *file; /* NULL: all in memory */
    adah_label_set *labels;
    adah_word_reader *reader;
    words words;
    int broken; /* a record is there in part */
    size_t n_bits, n_code_bytes, n_fine[2]; /* n_fine by modality; 0: not known yet */
    uint64_t start, n_records; /* start: of the segment in the file */
    int has_data;              /* some record has a name, a text or labels */
    uint64_t n_data_bytes;
    records kept;
    uint32_t *label; /* numbers of the labels of the record being added */
    size_t label_capacity;
    int ids_descend;        /* somewhere */
    adah_number_set id_set; /* all ids, once they descend */
    list all;               /* the finished segment, in memory */
    XXH3_state_t *data_sum; /* of the record data, inside data_sum_memory */
    void *data_sum_memory;
    adah_index_segment_header header;
    adah_index_section table[N_SECTIONS];
};

static int grow(list *l, size_t n_more) {
    if (l->capacity - l->n_bytes >= n_more)
        return 1;
    if (n_more > SIZE_MAX / 4 - l->n_bytes)
        return 0;
    size_t capacity = l->capacity ? 2 * l->capacity : 4096;
    while (capacity < l->n_bytes + n_more)
        capacity *= 2;
    uint8_t *bytes = adah_memory_resize(l->bytes, capacity, 1);
    if (!bytes)
        return 0;
    l->bytes = bytes;
    l->capacity = capacity;
    return 1;
}

static int append(list *l, const void *bytes, size_t n_bytes) {
    if (!grow(l, n_bytes))
        return 0;
    if (n_bytes)
        memcpy(l->bytes + l->n_bytes, bytes, n_bytes);
    l->n_bytes += n_bytes;
    return 1;
}

static uint64_t number_at(const numbers *s, size_t i) { return s->number ? s->number[i] : s->first + i; }

static int push(numbers *s, uint64_t number) {
    if (!s->number && s->n == 0)
        s->first = number;
    if (!s->number && number == s->first + s->n) {
        s->n++;
        return 1;
    }
    if (!s->number) {
        const size_t capacity = 2 * s->n + 16;
        uint64_t *stored = adah_memory_resize(NULL, capacity, sizeof *stored);
        if (!stored)
            return 0;
        for (size_t i = 0; i < s->n; i++)
            stored[i] = s->first + i;
        s->number = stored;
        s->capacity = capacity;
    }
    if (!adah_memory_grow((void **)&s->number, &s->capacity, s->n, sizeof number))
        return 0;
    s->number[s->n++] = number;
    return 1;
}

adah_code adah_segment_writer_create(const char *path, size_t n_bits, const size_t n_fine[2], adah_label_set *labels, adah_word_reader *reader,
                                     adah_file_writer *file, adah_segment_writer **writer, adah_status *status) {
    if (n_bits < ADAH_BITS_MIN || n_bits > ADAH_BITS_MAX || n_bits % 8)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: codes of %zu bits: expected a multiple of 8 from %d to %d",
                         path, n_bits, ADAH_BITS_MIN, ADAH_BITS_MAX);
    adah_segment_writer *w = adah_memory_zeroed(1, sizeof *w);
    if (!w)
        return adah_fail_memory(status, sizeof *w);
    w->path = path;
    w->file = file;
    w->labels = labels;
    w->reader = reader;
    w->n_bits = n_bits;
    w->n_code_bytes = n_bits / 8;
    memcpy(w->n_fine, n_fine, sizeof w->n_fine);
    w->data_sum_memory = adah_memory_alloc(sizeof *w->data_sum + 64);
    adah_code code = w->data_sum_memory ? ADAH_OK : adah_fail_memory(status, sizeof *w->data_sum + 64);
    if (code == ADAH_OK) {
        w->data_sum = (void *)(((uintptr_t)w->data_sum_memory + 63) / 64 * 64); /* xxhash wants 64 */
        XXH3_64bits_reset(w->data_sum);
    }
    if (code == ADAH_OK && file) {
        static const uint8_t front[FRONT_BYTES];
        w->start = adah_file_position(file);
        code = adah_file_put(file, front, sizeof front, status);
    }
    if (code != ADAH_OK) {
        adah_segment_writer_close(w);
        return code;
    }
    *writer = w;
    return ADAH_OK;
}

static void free_records(records *r) {
    adah_memory_free(r->ids.number);
    adah_memory_free(r->data.bytes);
    adah_memory_free(r->starts.number);
    adah_memory_free(r->words.bytes);
    for (int m = 0; m < 2; m++) {
        adah_memory_free(r->codes[m].bytes);
        adah_memory_free(r->fine[m].bytes);
        adah_memory_free(r->code_record[m].number);
    }
    adah_memory_free(r->taken.bytes);
}

void adah_segment_writer_close(adah_segment_writer *w) {
    if (!w)
        return;
    free_records(&w->kept);
    adah_string_table_free(&w->words.table);
    adah_memory_free(w->words.last);
    adah_memory_free(w->label);
    adah_memory_free(w->all.bytes);
    adah_number_set_free(&w->id_set);
    adah_memory_free(w->data_sum_memory);
    adah_memory_free(w);
}

static adah_code put_data(adah_segment_writer *w, const void *bytes, size_t n_bytes, adah_status *status) {
    w->n_data_bytes += n_bytes;
    if (!w->file)
        return append(&w->kept.data, bytes, n_bytes) ? ADAH_OK : adah_fail_memory(status, w->kept.data.n_bytes + n_bytes);
    if (n_bytes)
        XXH3_64bits_update(w->data_sum, bytes, n_bytes);
    return adah_file_put(w->file, bytes, n_bytes, status);
}

static adah_code put_record(adah_segment_writer *w, const char *file_name, const char *text, size_t n_labels,
                            adah_status *status) {
    const adah_index_record_head head = {(uint32_t)n_labels, (uint32_t)strlen(file_name), (uint32_t)strlen(text)};
    static const uint8_t zeros[ADAH_INDEX_RECORD_ALIGNMENT];
    const size_t n_bytes = (size_t)head.n_file_name_bytes + 1 + head.n_text_bytes + 1;
    ADAH_TRY(put_data(w, &head, sizeof head, status));
    ADAH_TRY(put_data(w, w->label, n_labels * sizeof *w->label, status));
    ADAH_TRY(put_data(w, file_name, head.n_file_name_bytes + 1, status));
    ADAH_TRY(put_data(w, text, head.n_text_bytes + 1, status));
    ADAH_TRY(put_data(w, zeros, -n_bytes % ADAH_INDEX_RECORD_ALIGNMENT, status));
    return push(&w->kept.starts, w->n_data_bytes)
               ? ADAH_OK
               : adah_fail_memory(status, (w->kept.starts.n + 1) * sizeof(uint64_t));
}

/* The records before the first that has data. */
static adah_code begin_data(adah_segment_writer *w, adah_status *status) {
    static const uint32_t no_words = 0;
    w->has_data = 1;
    if (!push(&w->kept.starts, 0))
        return adah_fail_memory(status, sizeof(uint64_t));
    for (uint64_t i = 0; i < w->n_records; i++) {
        ADAH_TRY(put_record(w, "", "", 0, status));
        if (!append(&w->kept.words, &no_words, sizeof no_words))
            return adah_fail_memory(status, w->kept.words.n_bytes);
    }
    return ADAH_OK;
}

static int keep_word(adah_segment_writer *w, const char *word, size_t n_bytes) {
    words *all = &w->words;
    if (!adah_memory_grow((void **)&all->last, &all->capacity, all->table.n, sizeof *all->last))
        return 0;
    const size_t n_before = all->table.n;
    const uint32_t number = adah_string_table_add(&all->table, word, n_bytes);
    if (number == ADAH_STRING_NONE)
        return 0;
    if (number == n_before)
        all->last[number] = 0;
    if (all->last[number] == w->n_records + 1)
        return 1;
    all->last[number] = w->n_records + 1;
    return append(&w->kept.words, &number, sizeof number);
}

static int keep_stem(void *context, const char *word, size_t n_word, const char *stem, size_t n_stem) {
    (void)word;
    (void)n_word;
    return keep_word(context, stem, n_stem);
}

/* A text that is no UTF-8 has no words. */
static adah_code read_words(adah_segment_writer *w, adah_words_of kind, const char *text, adah_status *status) {
    const adah_code code = adah_word_reader_read(w->reader, kind, text, keep_stem, w, status);
    return code == ADAH_ERROR_ARGUMENT ? ADAH_OK : code;
}

/* Behind the words of the records before: how many this one has, and their numbers. */
static adah_code put_words(adah_segment_writer *w, const adah_index_item *item, adah_status *status) {
    list *kept = &w->kept.words;
    const size_t start = kept->n_bytes;
    uint32_t n = 0;
    if (!append(kept, &n, sizeof n))
        return adah_fail_memory(status, kept->n_bytes);
    if (item->file_name)
        ADAH_TRY(read_words(w, ADAH_WORDS_OF_NAME, item->file_name, status));
    if (item->text)
        ADAH_TRY(read_words(w, ADAH_WORDS_OF_TEXT, item->text, status));
    for (size_t i = 0; i < item->n_labels; i++)
        ADAH_TRY(read_words(w, ADAH_WORDS_OF_LABEL, item->label[i], status));
    n = (uint32_t)((kept->n_bytes - start) / sizeof n - 1);
    memcpy(kept->bytes + start, &n, sizeof n);
    return ADAH_OK;
}

static int by_number(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Puts the numbers of an item's labels into w->label, ascending and without repeats. 0: memory is out. */
static int number_labels(adah_segment_writer *w, const adah_index_item *item, size_t *n_numbers) {
    size_t n = 0, n_kept = 0;
    for (; n < item->n_labels; n++)
        if (!adah_memory_grow((void **)&w->label, &w->label_capacity, n, sizeof *w->label) ||
            !adah_label_set_number(w->labels, item->label[n], strlen(item->label[n]), &w->label[n]))
            return 0;
    if (n > 1)
        qsort(w->label, n, sizeof *w->label, by_number);
    for (size_t i = 0; i < n; i++)
        if (i == 0 || w->label[i] != w->label[n_kept - 1])
            w->label[n_kept++] = w->label[i];
    *n_numbers = n_kept;
    return 1;
}

int adah_segment_writer_has(const adah_segment_writer *w, uint64_t id) {
    if (w->ids_descend)
        return adah_number_set_has(&w->id_set, id);
    size_t low = 0, high = w->kept.ids.n;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (number_at(&w->kept.ids, middle) < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < w->kept.ids.n && number_at(&w->kept.ids, low) == id;
}

static int push_id(adah_segment_writer *w, uint64_t id) {
    if (!w->ids_descend && w->kept.ids.n && id <= number_at(&w->kept.ids, w->kept.ids.n - 1)) {
        w->ids_descend = 1;
        for (size_t i = 0; i < w->kept.ids.n; i++)
            if (!adah_number_set_add(&w->id_set, number_at(&w->kept.ids, i)))
                return 0;
    }
    return push(&w->kept.ids, id) && (!w->ids_descend || adah_number_set_add(&w->id_set, id));
}

static int append_zeros(list *l, size_t n_bytes) {
    if (!grow(l, n_bytes))
        return 0;
    if (n_bytes)
        memset(l->bytes + l->n_bytes, 0, n_bytes);
    l->n_bytes += n_bytes;
    return 1;
}

/* Appends the vector of the code that was appended last; NULL: it has none. */
static int append_fine(records *r, int m, const int8_t *fine, size_t n_fine) {
    const size_t n_bytes = r->code_record[m].n * n_fine;
    if (!fine)
        return !r->fine[m].n_bytes || append_zeros(&r->fine[m], n_fine);
    return append_zeros(&r->fine[m], n_bytes - n_fine - r->fine[m].n_bytes) && append(&r->fine[m], fine, n_fine);
}

/* Of a record behind n others. 0: memory is out. */
static int append_taken(records *r, uint64_t n, const adah_taken *taken) {
    if (taken->detail == ADAH_DATE_NONE && !taken->has_place)
        return 1;
    return append_zeros(&r->taken, (size_t)n * sizeof *taken - r->taken.n_bytes) && append(&r->taken, taken, sizeof *taken);
}

/* What the item has of vectors, with those of zeros taken for none. */
static adah_code take_fine(adah_segment_writer *w, const adah_index_item *item, const int8_t *fine[2], adah_status *status) {
    const size_t n[2] = {item->n_image_fine, item->n_text_fine};
    fine[ADAH_IMAGE] = item->image_fine;
    fine[ADAH_TEXT] = item->text_fine;
    for (int m = 0; m < 2; m++)
        if (fine[m] && (n[m] == 0 || n[m] > ADAH_FINE_MAX || n[m] % 8))
            return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: a vector of %zu values, expected a multiple of 8 up to %d", w->path, n[m],
                             ADAH_FINE_MAX);
    for (int m = 0; m < 2; m++)
        if (fine[m] && w->n_fine[m] && n[m] != w->n_fine[m])
            return adah_fail(status, ADAH_ERROR_MISMATCH, "%s: a vector of %zu values, those of the index have %zu", w->path, n[m],
                             w->n_fine[m]);
    if ((fine[ADAH_IMAGE] && !item->image_code) || (fine[ADAH_TEXT] && !item->text_code))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: a vector of the %s without its code", w->path,
                         item->image_code ? "text" : "image");
    for (int m = 0; m < 2; m++) {
        if (fine[m] && !adah_fine_is_there(fine[m], n[m]))
            fine[m] = NULL;
        if (fine[m])
            w->n_fine[m] = n[m];
    }
    return ADAH_OK;
}

adah_code adah_segment_writer_add(adah_segment_writer *w, const adah_index_item *item, uint64_t id, adah_status *status) {
    const char *file_name = item->file_name ? item->file_name : "", *text = item->text ? item->text : "";
    const uint8_t *const code[2] = {[ADAH_IMAGE] = item->image_code, [ADAH_TEXT] = item->text_code};
    const int8_t *fine[2];
    size_t n_labels = 0;
    if (w->broken)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: an earlier record could not be written", w->path);
    if (!code[0] && !code[1])
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%.400s: a record needs the code of an image or of a text", file_name);
    if (strlen(file_name) > UINT32_MAX - 1 || strlen(text) > UINT32_MAX - 1 || item->n_labels > UINT32_MAX / 4)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%.100s: file name, text or labels of 4 GiB or more", file_name);
    if (!adah_taken_is_sound(&item->taken))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%.400s: a date or a place that is none", file_name);
    ADAH_TRY(take_fine(w, item, fine, status));
    w->broken = 1;
    if (!number_labels(w, item, &n_labels))
        return adah_fail_memory(status, (w->labels->n + 1) * sizeof(char *));
    if ((*file_name || *text || n_labels) && !w->has_data)
        ADAH_TRY(begin_data(w, status));
    if (w->has_data) {
        ADAH_TRY(put_record(w, file_name, text, n_labels, status));
        ADAH_TRY(put_words(w, item, status));
    }
    int ok = push_id(w, id) && append_taken(&w->kept, w->n_records, &item->taken);
    for (int m = 0; m < 2; m++)
        if (code[m])
            ok = ok && append(&w->kept.codes[m], code[m], w->n_code_bytes) && push(&w->kept.code_record[m], w->n_records) &&
                 append_fine(&w->kept, m, fine[m], w->n_fine[m]);
    if (!ok)
        return adah_fail_memory(status, (size_t)(w->n_records + 1) * (w->n_code_bytes + 8 + w->n_fine[0] + w->n_fine[1]));
    w->n_records++;
    w->broken = 0;
    return ADAH_OK;
}

static adah_code put(adah_segment_writer *w, const void *bytes, size_t n_bytes, adah_status *status) {
    if (w->file)
        return adah_file_put(w->file, bytes, n_bytes, status);
    return append(&w->all, bytes, n_bytes) ? ADAH_OK : adah_fail_memory(status, w->all.n_bytes + n_bytes);
}

/* Of the segment, so far. */
static uint64_t position(const adah_segment_writer *w) {
    return w->file ? adah_file_position(w->file) - w->start : w->all.n_bytes;
}

static adah_code pad(adah_segment_writer *w, adah_status *status) {
    static const uint8_t zeros[ADAH_INDEX_ALIGNMENT];
    return put(w, zeros, -position(w) % ADAH_INDEX_ALIGNMENT, status);
}

/* Puts a section, at a multiple of 64, and enters it in the table. */
static adah_code put_section(adah_segment_writer *w, uint32_t type, const void *bytes, size_t n_bytes,
                             adah_status *status) {
    ADAH_TRY(pad(w, status));
    w->table[w->header.n_sections++] =
        (adah_index_section){type, 0, position(w), n_bytes, XXH3_64bits(n_bytes ? bytes : "", n_bytes)};
    return put(w, bytes, n_bytes, status);
}

/* The names from number `first` on one after another, and where each starts. */
static adah_code put_labels(adah_segment_writer *w, size_t first, adah_status *status) {
    const size_t n = w->labels->n - first;
    list data = {0};
    uint64_t *starts = adah_memory_zeroed(n + 1, sizeof *starts);
    int ok = starts != NULL;
    for (size_t i = 0; i < n && ok; i++) {
        const char *name = w->labels->name[first + i];
        ok = append(&data, name, strlen(name) + 1);
        starts[i + 1] = data.n_bytes;
    }
    adah_code code = ok ? put_section(w, ADAH_SECTION_LABEL_DATA, data.bytes, data.n_bytes, status)
                        : adah_fail_memory(status, data.n_bytes + (n + 1) * sizeof *starts);
    if (code == ADAH_OK)
        code = put_section(w, ADAH_SECTION_LABEL_STARTS, starts, (n + 1) * sizeof *starts, status);
    adah_memory_free(data.bytes);
    adah_memory_free(starts);
    return code;
}

static adah_code put_codes(adah_segment_writer *w, uint32_t type, int m, int with_tables, adah_status *status) {
    const list *codes = &w->kept.codes[m];
    if (!codes->n_bytes)
        return ADAH_OK;
    ADAH_TRY(put_section(w, type, codes->bytes, codes->n_bytes, status));
    if (w->kept.code_record[m].n < w->n_records) {
        numbers *r = &w->kept.code_record[m];
        if (!r->number) { /* counting, but not from every record: they must be written out */
            uint64_t *stored = adah_memory_resize(NULL, r->n, sizeof *stored);
            if (!stored)
                return adah_fail_memory(status, r->n * sizeof *stored);
            for (size_t i = 0; i < r->n; i++)
                stored[i] = r->first + i;
            r->number = stored;
        }
        ADAH_TRY(put_section(w, type + 1, r->number, r->n * sizeof *r->number, status));
    }
    if (w->kept.fine[m].n_bytes) {
        ADAH_TRY(put_section(w, ADAH_SECTION_IMAGE_FINE + (uint32_t)m, w->kept.fine[m].bytes, w->kept.fine[m].n_bytes, status));
        w->table[w->header.n_sections - 1].flags = ADAH_INDEX_MAY_IGNORE;
    }
    if (!with_tables)
        return ADAH_OK;
    uint8_t *image = NULL;
    size_t n_image_bytes = 0;
    adah_code code = adah_multi_index_build(codes->bytes, codes->n_bytes / w->n_code_bytes, w->n_bits, 0, &image,
                                            &n_image_bytes, status);
    if (code == ADAH_OK && image)
        code = put_section(w, type + 2, image, n_image_bytes, status);
    adah_memory_free(image);
    return code;
}

/* A record, and the first code of each modality that belongs to it or a later one. */
typedef struct record_place {
    uint64_t id;
    size_t record, code[2];
    size_t words; /* byte of its words */
} record_place;

static int by_id(const void *a, const void *b) {
    const record_place *x = a, *y = b;
    return (x->id > y->id) - (x->id < y->id);
}

static int has_code(const records *r, const record_place *p, int m) {
    return p->code[m] < r->code_record[m].n && number_at(&r->code_record[m], p->code[m]) == p->record;
}

/* Bytes of the words of a record. */
static size_t word_bytes(const records *r, const record_place *p) {
    uint32_t n = 0;
    if (!r->words.n_bytes)
        return 0;
    memcpy(&n, r->words.bytes + p->words, sizeof n);
    return (1 + (size_t)n) * sizeof n;
}

/* Appends what is kept of a record to others. 0: memory is out. */
static int append_record(records *to, const records *from, const record_place *p, size_t n_code_bytes, const size_t n_fine[2]) {
    const size_t record = to->ids.n;
    int ok = push(&to->ids, p->id);
    for (int m = 0; m < 2; m++)
        if (has_code(from, p, m))
            ok = ok && append(&to->codes[m], from->codes[m].bytes + p->code[m] * n_code_bytes, n_code_bytes) &&
                 push(&to->code_record[m], record) &&
                 append_fine(to, m, from->fine[m].n_bytes ? (const int8_t *)from->fine[m].bytes + p->code[m] * n_fine[m] : NULL, n_fine[m]);
    if (p->record < from->taken.n_bytes / sizeof(adah_taken)) {
        adah_taken taken;
        memcpy(&taken, from->taken.bytes + p->record * sizeof taken, sizeof taken);
        ok = ok && append_taken(to, record, &taken);
    }
    if (!from->starts.n)
        return ok;
    const size_t n_word_bytes = word_bytes(from, p);
    ok = ok && (!n_word_bytes || append(&to->words, from->words.bytes + p->words, n_word_bytes));
    const uint64_t start = number_at(&from->starts, p->record), end = number_at(&from->starts, p->record + 1);
    return ok && append(&to->data, from->data.bytes + start, (size_t)(end - start)) && push(&to->starts, to->data.n_bytes);
}

/* Puts what is kept of the records in order of id. */
static adah_code sort(adah_segment_writer *w, adah_status *status) {
    const size_t n = (size_t)w->n_records;
    records *kept = &w->kept, sorted = {0};
    record_place *order = adah_memory_resize(NULL, n, sizeof *order), next = {0};
    if (!order)
        return adah_fail_memory(status, n * sizeof *order);
    for (; next.record < n; next.record++) {
        next.id = number_at(&kept->ids, next.record);
        order[next.record] = next;
        for (int m = 0; m < 2; m++)
            next.code[m] += (size_t)has_code(kept, &order[next.record], m);
        next.words += word_bytes(kept, &order[next.record]);
    }
    qsort(order, n, sizeof *order, by_id);
    int ok = !w->has_data || push(&sorted.starts, 0);
    for (size_t i = 0; i < n && ok; i++)
        ok = append_record(&sorted, kept, &order[i], w->n_code_bytes, w->n_fine);
    adah_memory_free(order);
    free_records(ok ? kept : &sorted);
    if (!ok)
        return adah_fail_memory(status, n * (w->n_code_bytes + 8 + w->n_fine[0] + w->n_fine[1]));
    *kept = sorted;
    return ADAH_OK;
}

static adah_code put_taken(adah_segment_writer *w, adah_status *status) {
    list *taken = &w->kept.taken;
    const size_t n_bytes = (size_t)w->n_records * sizeof(adah_taken);
    if (!taken->n_bytes)
        return ADAH_OK;
    if (!append_zeros(taken, n_bytes - taken->n_bytes))
        return adah_fail_memory(status, n_bytes);
    ADAH_TRY(put_section(w, ADAH_SECTION_TAKEN, taken->bytes, n_bytes, status));
    w->table[w->header.n_sections - 1].flags = ADAH_INDEX_MAY_IGNORE;
    return ADAH_OK;
}

static adah_code put_record_data(adah_segment_writer *w, adah_status *status) {
    if (!w->has_data)
        return ADAH_OK;
    if (w->file)
        w->table[w->header.n_sections++] = (adah_index_section){ADAH_SECTION_RECORD_DATA, 0, FRONT_BYTES,
                                                                w->n_data_bytes, XXH3_64bits_digest(w->data_sum)};
    else
        ADAH_TRY(put_section(w, ADAH_SECTION_RECORD_DATA, w->kept.data.bytes, w->kept.data.n_bytes, status));
    return put_section(w, ADAH_SECTION_RECORD_STARTS, w->kept.starts.number, w->kept.starts.n * sizeof(uint64_t), status);
}

/* The inverted list; in the first segment also when it is empty, so that the language is known. */
static adah_code put_postings(adah_segment_writer *w, int is_first, adah_status *status) {
    const char *language = adah_word_reader_language(w->reader);
    uint8_t *bytes;
    size_t n_bytes;
    if (!w->words.table.n && (!is_first || !strcmp(language, "none")))
        return ADAH_OK;
    ADAH_TRY(adah_postings_build(language, w->words.table.text, w->words.table.n, (const uint32_t *)(const void *)w->kept.words.bytes,
                                 w->kept.words.n_bytes / sizeof(uint32_t), &bytes, &n_bytes, status));
    const adah_code code = put_section(w, ADAH_SECTION_WORDS, bytes, n_bytes, status);
    adah_memory_free(bytes);
    w->table[w->header.n_sections - 1].flags = ADAH_INDEX_MAY_IGNORE;
    return code;
}

/* The same records give the same file, others another number; a file that begins empty has one at random. */
static uint64_t new_file_number(const adah_segment_writer *w) {
    uint64_t number = 0;
    if (w->n_records)
        number = XXH3_64bits(w->table, w->header.n_sections * sizeof *w->table);
    else if (getrandom(&number, sizeof number, GRND_NONBLOCK) != (ssize_t)sizeof number)
        number = (uint64_t)time(NULL);
    return number ? number : 1;
}

adah_code adah_segment_writer_finish(adah_segment_writer *w, const adah_segment_place *place, const uint8_t **bytes,
                                     size_t *n_bytes, adah_status *status) {
    if (w->broken || (w->file && w->ids_descend))
        return adah_fail(status, ADAH_ERROR_ARGUMENT,
                         "%s: a record could not be written before, or ids do not ascend", w->path);
    if (w->ids_descend)
        ADAH_TRY(sort(w, status));
    w->header.n_sections = 0;
    union {
        struct {
            adah_index_segment_header header;
            adah_index_section table[N_SECTIONS];
        } parts;
        uint8_t bytes[FRONT_BYTES];
    } front = {.bytes = {0}};
    if (!w->file)
        ADAH_TRY(put(w, front.bytes, sizeof front, status));
    ADAH_TRY(put_record_data(w, status));
    if (w->labels->n > place->first_label)
        ADAH_TRY(put_labels(w, place->first_label, status));
    for (int m = 0; m < 2; m++)
        ADAH_TRY(put_codes(w, ADAH_SECTION_IMAGE_CODES + (uint32_t)m * ADAH_SECTION_CODES_STEP, m, place->with_tables,
                           status));
    if (w->kept.ids.number)
        ADAH_TRY(put_section(w, ADAH_SECTION_IDS, w->kept.ids.number, w->kept.ids.n * sizeof(uint64_t), status));
    if (place->n_deleted)
        ADAH_TRY(put_section(w, ADAH_SECTION_DELETED, place->deleted, place->n_deleted * sizeof(uint64_t), status));
    if (place->n_note_bytes) {
        ADAH_TRY(put_section(w, ADAH_SECTION_NOTES, place->notes, place->n_note_bytes, status));
        w->table[w->header.n_sections - 1].flags = ADAH_INDEX_MAY_IGNORE;
    }
    ADAH_TRY(put_postings(w, place->number == 0, status));
    ADAH_TRY(put_taken(w, status));
    const uint64_t file_number = place->file_number ? place->file_number : new_file_number(w),
                   end_number = adah_segment_end_number(w->table, w->header.n_sections);
    ADAH_TRY(put_section(w, ADAH_SECTION_END, &end_number, sizeof end_number, status));
    w->table[w->header.n_sections - 1].flags = ADAH_INDEX_MAY_IGNORE;
    ADAH_TRY(pad(w, status));

    adah_index_segment_header *h = &front.parts.header;
    memcpy(h->magic, adah_index_segment_magic, sizeof h->magic);
    h->file_number = file_number;
    h->number = place->number;
    h->n_bytes = position(w);
    h->n_records = w->n_records;
    h->first_row = place->first_row;
    h->first_id = w->n_records ? number_at(&w->kept.ids, 0) : place->next_id;
    h->next_id = place->next_id;
    h->first_label = (uint32_t)place->first_label;
    h->previous = place->previous;
    h->n_sections = w->header.n_sections;
    memcpy(front.parts.table, w->table, h->n_sections * sizeof *w->table);
    h->checksum = XXH3_64bits(front.bytes, sizeof *h + h->n_sections * sizeof(adah_index_section));
    w->header = *h;
    if (w->file)
        return adah_file_patch(w->file, w->start, front.bytes, sizeof front, status);
    memcpy(w->all.bytes, front.bytes, sizeof front);
    *bytes = w->all.bytes;
    *n_bytes = w->all.n_bytes;
    return ADAH_OK;
}

const adah_index_segment_header *adah_segment_writer_header(const adah_segment_writer *w) { return &w->header; }
