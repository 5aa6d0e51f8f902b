/* faiss_file.c - FAISS's files of binary indexes: the layout, reading with every number checked, writing.
 *
 * The layout, seen in files that FAISS wrote; little-endian, without padding:
 *
 *     index       type (4 letters), n_bits (4 bytes), bytes of a code (4), n codes (8), is trained (1), metric (4, of
 * no meaning here), then by type: IBxF        vector of bytes: the codes IBMp, IBM2  an index, vector of ids.
 * FAISS 1.7.3 leaves the bytes of a code of the outer index 0, which later ones refuse IBwF        n_lists (8),
 * nprobe (8), an index of the centroids, direct map, inverted lists vector      number of items (8), items direct map
 * kind (1), vector of numbers (8 each); of kind 2 also vector of pairs (16 each) lists       "ilar", n_lists (8),
 * bytes of a code (8), "full" or "sprs", vector of sizes (8 each): of all lists, or pairs (list, size) of those not
 * empty; then of each list its codes and its ids (8 each). Or "il00": there are none
 *
 * A reader holds the file as a memory map and takes bytes from the front, so that no count is believed before the
 * bytes it stands for are there; memory is asked for only then. */
#include "index/faiss_file.h"
#include "base/file.h"
#include "base/memory.h"
#include "index/centroids.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { TYPE_BYTES = 4, DIRECT_MAP_NONE = 0, DIRECT_MAP_HASH = 2, METRIC = 1 };

static const char readable[] = "IBxF (flat), IBMp or IBM2 (flat with ids), IBwF (inverted lists)";

/* ---------------------------------------------------------------- reading */

/* What is left of a file to read. */
typedef struct source {
    const char *path;
    const uint8_t *next, *end;
    size_t n_file_bytes;
} source;

typedef struct index_head {
    char type[TYPE_BYTES + 1];
    size_t n_bits, n_code_bytes, n;
} index_head;

__attribute__((format(printf, 3, 4))) static adah_code fail_damaged(const source *s, adah_status *status,
                                                                    const char *format, ...) {
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: the FAISS index is damaged: %s", s->path, what);
}

/* The next count items of item_bytes each; `what` names them. */
static adah_code take(source *s, const char *what, uint64_t count, size_t item_bytes, const uint8_t **bytes,
                      adah_status *status) {
    const size_t n_left = (size_t)(s->end - s->next);
    if (count > n_left / item_bytes)
        return fail_damaged(s, status, "%llu bytes of %zu are left for %s: %llu times %zu bytes",
                            (unsigned long long)n_left, s->n_file_bytes, what, (unsigned long long)count, item_bytes);
    *bytes = s->next;
    s->next += count * item_bytes;
    return ADAH_OK;
}

/* A number of n_bytes bytes. */
static adah_code take_number(source *s, const char *what, size_t n_bytes, uint64_t *number, adah_status *status) {
    const uint8_t *bytes = NULL;
    ADAH_TRY(take(s, what, 1, n_bytes, &bytes, status));
    *number = 0;
    for (size_t i = 0; i < n_bytes; i++)
        *number |= (uint64_t)bytes[i] << 8 * i;
    return ADAH_OK;
}

static uint64_t number_at(const uint8_t *bytes, size_t i) {
    uint64_t number = 0;
    for (size_t b = 0; b < 8; b++)
        number |= (uint64_t)bytes[8 * i + b] << 8 * b;
    return number;
}

static adah_code take_vector(source *s, const char *what, size_t item_bytes, const uint8_t **items, uint64_t *count,
                             adah_status *status) {
    ADAH_TRY(take_number(s, what, 8, count, status));
    return take(s, what, *count, item_bytes, items, status);
}

/* Four letters, and others as numbers: what was found goes into messages. */
static adah_code take_type(source *s, const char *what, char type[TYPE_BYTES + 1], adah_status *status) {
    const uint8_t *bytes = NULL;
    ADAH_TRY(take(s, what, TYPE_BYTES, 1, &bytes, status));
    for (size_t i = 0; i < TYPE_BYTES; i++) {
        const uint8_t b = bytes[i];
        if (!((b >= '0' && b <= '9') || (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z')))
            return adah_fail(status, ADAH_ERROR_FORMAT,
                             "%s: not a FAISS index: bytes %02x %02x %02x %02x in place of %s", s->path, bytes[0],
                             bytes[1], bytes[2], bytes[3], what);
    }
    memcpy(type, bytes, TYPE_BYTES);
    type[TYPE_BYTES] = '\0';
    return ADAH_OK;
}

static int is_type(const index_head *head, const char *type) { return strcmp(head->type, type) == 0; }
static int is_id_map(const index_head *head) { return is_type(head, "IBMp") || is_type(head, "IBM2"); }

/* The beginning that all types share. outer: the type of the index that this one is in, NULL for none. */
static adah_code take_head(source *s, const char *outer, index_head *head, adah_status *status) {
    uint64_t n_bits = 0, n_code_bytes = 0, n = 0, is_trained = 0, metric = 0;
    ADAH_TRY(take_type(s, "the type of an index", head->type, status));
    if (outer && !is_type(head, "IBxF"))
        return adah_fail(status, ADAH_ERROR_FORMAT,
                         "%s: a FAISS index of type %s inside %s, only IBxF (flat) can be read there", s->path,
                         head->type, outer);
    if (!is_type(head, "IBxF") && !is_type(head, "IBwF") && !is_id_map(head))
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: a FAISS index of type %s; types that can be read: %s",
                         s->path, head->type, readable);
    ADAH_TRY(take_number(s, "the bits of a code", 4, &n_bits, status));
    ADAH_TRY(take_number(s, "the bytes of a code", 4, &n_code_bytes, status));
    ADAH_TRY(take_number(s, "the number of codes", 8, &n, status));
    ADAH_TRY(take_number(s, "whether it is trained", 1, &is_trained, status));
    ADAH_TRY(take_number(s, "the metric", 4, &metric, status));
    if (n_bits < ADAH_BITS_MIN || n_bits > ADAH_BITS_MAX || n_bits % 8)
        return adah_fail(status, ADAH_ERROR_FORMAT, "%s: codes of %llu bits: expected a multiple of 8 from %d to %d",
                         s->path, (unsigned long long)n_bits, ADAH_BITS_MIN, ADAH_BITS_MAX);
    if (n_code_bytes != n_bits / 8 && !(n_code_bytes == 0 && is_id_map(head)))
        return fail_damaged(s, status, "codes of %llu bits in %llu bytes", (unsigned long long)n_bits,
                            (unsigned long long)n_code_bytes);
    if (is_trained > 1)
        return fail_damaged(s, status, "%llu in place of whether it is trained", (unsigned long long)is_trained);
    if (n > s->n_file_bytes) /* a code has a byte at least: from here on n is a size */
        return fail_damaged(s, status, "%llu codes in a file of %zu bytes", (unsigned long long)n, s->n_file_bytes);
    head->n_bits = (size_t)n_bits;
    head->n_code_bytes = (size_t)n_bits / 8;
    head->n = (size_t)n;
    return ADAH_OK;
}

/* What follows the head of a flat index. */
static adah_code take_flat(source *s, const index_head *head, const uint8_t **codes, adah_status *status) {
    uint64_t n_bytes = 0;
    ADAH_TRY(take_vector(s, "the codes", 1, codes, &n_bytes, status));
    if (n_bytes / head->n_code_bytes != head->n || n_bytes % head->n_code_bytes)
        return fail_damaged(s, status, "%llu bytes of codes, expected %zu times %zu", (unsigned long long)n_bytes,
                            head->n, head->n_code_bytes);
    return ADAH_OK;
}

/* The index inside another one, which must be flat with n codes of the same length. */
static adah_code take_inner(source *s, const index_head *outer, uint64_t n, const uint8_t **codes,
                            adah_status *status) {
    index_head inner;
    ADAH_TRY(take_head(s, outer->type, &inner, status));
    if (inner.n_bits != outer->n_bits || inner.n != n)
        return fail_damaged(s, status, "%zu codes of %zu bits inside %s, expected %llu of %zu", inner.n, inner.n_bits,
                            outer->type, (unsigned long long)n, outer->n_bits);
    return take_flat(s, &inner, codes, status);
}

/* Room for the codes, and for ids where there are any. n codes are known to be in the file. */
static adah_code make_room(const index_head *head, int has_ids, adah_faiss_codes *codes, adah_status *status) {
    codes->n = head->n;
    codes->n_bits = head->n_bits;
    codes->codes = adah_memory_alloc(head->n * head->n_code_bytes);
    codes->ids = has_ids ? adah_memory_resize(NULL, head->n ? head->n : 1, sizeof *codes->ids) : NULL;
    if (!codes->codes || (has_ids && !codes->ids))
        return adah_fail_memory(status, head->n * (head->n_code_bytes + (has_ids ? sizeof *codes->ids : 0)));
    return ADAH_OK;
}

static adah_code check_id(const source *s, uint64_t id, size_t position, adah_status *status) {
    if (id > INT64_MAX)
        return fail_damaged(s, status, "id %lld of code %zu", (long long)id, position);
    return ADAH_OK;
}

/* Ids that say nothing are left out. */
static void drop_plain_ids(adah_faiss_codes *codes) {
    for (size_t i = 0; i < codes->n; i++)
        if (codes->ids[i] != i)
            return;
    adah_memory_free(codes->ids);
    codes->ids = NULL;
}

static adah_code read_flat(source *s, const index_head *head, adah_faiss_codes *codes, adah_status *status) {
    const uint8_t *bytes = NULL;
    ADAH_TRY(take_flat(s, head, &bytes, status));
    ADAH_TRY(make_room(head, 0, codes, status));
    memcpy(codes->codes, bytes, head->n * head->n_code_bytes);
    return ADAH_OK;
}

static adah_code read_id_map(source *s, const index_head *head, adah_faiss_codes *codes, adah_status *status) {
    const uint8_t *bytes = NULL, *ids = NULL;
    uint64_t n_ids = 0;
    ADAH_TRY(take_inner(s, head, head->n, &bytes, status));
    ADAH_TRY(take_vector(s, "the ids", 8, &ids, &n_ids, status));
    if (n_ids != head->n)
        return fail_damaged(s, status, "%llu ids of %zu codes", (unsigned long long)n_ids, head->n);
    ADAH_TRY(make_room(head, 1, codes, status));
    memcpy(codes->codes, bytes, head->n * head->n_code_bytes);
    for (size_t i = 0; i < head->n; i++) {
        codes->ids[i] = number_at(ids, i);
        ADAH_TRY(check_id(s, codes->ids[i], i, status));
    }
    drop_plain_ids(codes);
    return ADAH_OK;
}

/* Passes over the map from ids to places in the lists. */
static adah_code skip_direct_map(source *s, adah_status *status) {
    uint64_t kind = 0, count = 0;
    const uint8_t *items = NULL;
    ADAH_TRY(take_number(s, "the kind of the direct map", 1, &kind, status));
    if (kind > DIRECT_MAP_HASH)
        return fail_damaged(s, status, "a direct map of kind %llu, expected 0, 1 or 2", (unsigned long long)kind);
    ADAH_TRY(take_vector(s, "the direct map", 8, &items, &count, status));
    if (kind == DIRECT_MAP_HASH)
        ADAH_TRY(take_vector(s, "the hashed direct map", 16, &items, &count, status));
    return ADAH_OK;
}

/* One code of an inverted list, before the codes are in order. */
typedef struct entry {
    uint64_t id;
    const uint8_t *code;
} entry;

/* Sorts by id, stably, a byte of it at a time: `spare` is as long. Returns which of the two holds the result. */
static entry *sort_entries(entry *entries, entry *spare, size_t n) {
    for (unsigned shift = 0; shift < 64; shift += 8) {
        size_t place[257] = {0}; /* place[b]: where the next entry with byte b goes */
        for (size_t i = 0; i < n; i++)
            place[(entries[i].id >> shift & 255) + 1]++;
        if (n && place[(entries[0].id >> shift & 255) + 1] == n) /* all the same */
            continue;
        for (size_t b = 1; b < 257; b++)
            place[b] += place[b - 1];
        for (size_t i = 0; i < n; i++)
            spare[place[entries[i].id >> shift & 255]++] = entries[i];
        entry *sorted = spare;
        spare = entries;
        entries = sorted;
    }
    return entries;
}

/* The inverted lists as far as the sizes of them, which are kept for read_lists. */
typedef struct list_sizes {
    uint64_t n_lists, n_given; /* sizes in the file */
    const uint8_t *sizes;
    int is_sparse;
} list_sizes;

static adah_code take_list_sizes(source *s, const index_head *head, uint64_t n_lists, list_sizes *lists,
                                 adah_status *status) {
    char type[TYPE_BYTES + 1];
    uint64_t n = 0, n_code_bytes = 0;
    *lists = (list_sizes){0};
    ADAH_TRY(take_type(s, "the type of the inverted lists", type, status));
    if (strcmp(type, "il00") == 0)
        return ADAH_OK;
    if (strcmp(type, "ilar") != 0)
        return adah_fail(status, ADAH_ERROR_FORMAT,
                         "%s: inverted lists of type %s, only ilar (in the file itself) can be read", s->path, type);
    ADAH_TRY(take_number(s, "the number of lists", 8, &n, status));
    ADAH_TRY(take_number(s, "the bytes of a code in lists", 8, &n_code_bytes, status));
    if (n != n_lists || n_code_bytes != head->n_code_bytes)
        return fail_damaged(s, status, "%llu lists of codes of %llu bytes, expected %llu of %zu",
                            (unsigned long long)n, (unsigned long long)n_code_bytes, (unsigned long long)n_lists,
                            head->n_code_bytes);
    ADAH_TRY(take_type(s, "how the lists' sizes are written", type, status));
    lists->is_sparse = strcmp(type, "sprs") == 0;
    if (!lists->is_sparse && strcmp(type, "full") != 0)
        return fail_damaged(s, status, "sizes of lists of type %s, expected full or sprs", type);
    ADAH_TRY(take_vector(s, "the sizes of the lists", 8, &lists->sizes, &lists->n_given, status));
    if (lists->is_sparse ? lists->n_given % 2 || lists->n_given / 2 > n_lists : lists->n_given != n_lists)
        return fail_damaged(s, status, "%llu sizes (%s) of %llu lists", (unsigned long long)lists->n_given, type,
                            (unsigned long long)n_lists);
    lists->n_lists = n_lists;
    return ADAH_OK;
}

/* Takes every list; with entries NULL only looks whether they are there and hold n codes together. */
static adah_code take_lists(source *s, const index_head *head, const list_sizes *lists, entry *entries,
                            adah_status *status) {
    size_t n = 0;
    uint64_t n_next = 0; /* sparse lists come in order */
    for (uint64_t l = 0; l < lists->n_given; l += 1 + (uint64_t)lists->is_sparse) {
        const uint64_t list = lists->is_sparse ? number_at(lists->sizes, l) : l;
        const uint64_t size = number_at(lists->sizes, lists->is_sparse ? l + 1 : l);
        const uint8_t *codes = NULL, *ids = NULL;
        if (list < n_next || list >= lists->n_lists)
            return fail_damaged(s, status, "list %llu of %llu, or lists out of order", (unsigned long long)list,
                                (unsigned long long)lists->n_lists);
        n_next = list + 1;
        if (size > head->n - n)
            return fail_damaged(s, status, "list %llu has %llu codes, of %zu only %zu are left",
                                (unsigned long long)list, (unsigned long long)size, head->n, head->n - n);
        ADAH_TRY(take(s, "the codes of a list", size, head->n_code_bytes, &codes, status));
        ADAH_TRY(take(s, "the ids of a list", size, 8, &ids, status));
        for (size_t i = 0; entries && i < size; i++) {
            entries[n + i] = (entry){number_at(ids, i), codes + i * head->n_code_bytes};
            ADAH_TRY(check_id(s, entries[n + i].id, n + i, status));
        }
        n += (size_t)size;
    }
    if (n != head->n)
        return fail_damaged(s, status, "%zu codes in lists, expected %zu", n, head->n);
    return ADAH_OK;
}

static adah_code read_lists(source *s, const index_head *head, adah_faiss_codes *codes, adah_status *status) {
    uint64_t n_lists = 0, n_probe = 0;
    const uint8_t *centroids = NULL;
    list_sizes lists;
    ADAH_TRY(take_number(s, "the number of lists", 8, &n_lists, status));
    ADAH_TRY(take_number(s, "the lists to look into", 8, &n_probe, status));
    ADAH_TRY(take_inner(s, head, n_lists, &centroids, status));
    ADAH_TRY(skip_direct_map(s, status));
    ADAH_TRY(take_list_sizes(s, head, n_lists, &lists, status));
    source again = *s;
    ADAH_TRY(take_lists(s, head, &lists, NULL, status));
    ADAH_TRY(make_room(head, 1, codes, status));
    const size_t n = head->n;
    entry *entries = adah_memory_resize(NULL, n ? 2 * n : 1, sizeof *entries);
    if (!entries)
        return adah_fail_memory(status, 2 * n * sizeof *entries);
    const adah_code code = take_lists(&again, head, &lists, entries, status);
    if (code == ADAH_OK) {
        const entry *sorted = sort_entries(entries, entries + n, n);
        for (size_t i = 0; i < n; i++) {
            memcpy(codes->codes + i * head->n_code_bytes, sorted[i].code, head->n_code_bytes);
            codes->ids[i] = sorted[i].id;
        }
        drop_plain_ids(codes);
    }
    adah_memory_free(entries);
    return code;
}

static adah_code read_index(source *s, adah_faiss_codes *codes, adah_status *status) {
    index_head head;
    ADAH_TRY(take_head(s, NULL, &head, status));
    ADAH_TRY((is_type(&head, "IBxF")   ? read_flat
              : is_type(&head, "IBwF") ? read_lists
                                       : read_id_map)(s, &head, codes, status));
    if (s->next != s->end)
        return fail_damaged(s, status, "%zu bytes behind its end", (size_t)(s->end - s->next));
    return ADAH_OK;
}

adah_code adah_faiss_read(const char *path, adah_faiss_codes *codes, adah_status *status) {
    adah_file_map map;
    adah_faiss_codes read = {0};
    ADAH_TRY(adah_file_open_map(path, &map, status));
    adah_code code;
    if (map.n_bytes == 0) {
        code = adah_fail(status, ADAH_ERROR_FORMAT, "%s: not a FAISS index: an empty file", path);
    } else {
        source s = {path, map.bytes, map.bytes + map.n_bytes, map.n_bytes};
        code = read_index(&s, &read, status);
    }
    code = adah_file_check_map(&map, code, status);
    adah_file_close_map(&map);
    if (code == ADAH_OK)
        *codes = read;
    else
        adah_faiss_codes_free(&read);
    return code;
}

void adah_faiss_codes_free(adah_faiss_codes *codes) {
    adah_memory_free(codes->codes);
    adah_memory_free(codes->ids);
    *codes = (adah_faiss_codes){0};
}

/* ---------------------------------------------------------------- writing */

static adah_code check_codes(const adah_faiss_codes *codes, adah_status *status) {
    if (codes->n_bits < ADAH_BITS_MIN || codes->n_bits > ADAH_BITS_MAX || codes->n_bits % 8)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "codes of %zu bits: expected a multiple of 8 from %d to %d",
                         codes->n_bits, ADAH_BITS_MIN, ADAH_BITS_MAX);
    for (size_t i = 0; codes->ids && i < codes->n; i++)
        if (codes->ids[i] > INT64_MAX)
            return adah_fail(status, ADAH_ERROR_ARGUMENT, "id %llu of code %zu: FAISS has ids up to %lld",
                             (unsigned long long)codes->ids[i], i, (long long)INT64_MAX);
    return ADAH_OK;
}

static adah_code put_number(adah_file_writer *w, uint64_t number, size_t n_bytes, adah_status *status) {
    uint8_t bytes[8];
    for (size_t i = 0; i < n_bytes; i++)
        bytes[i] = (uint8_t)(number >> 8 * i);
    return adah_file_put(w, bytes, n_bytes, status);
}

static adah_code put_head(adah_file_writer *w, const char *type, size_t n_bits, size_t n, adah_status *status) {
    ADAH_TRY(adah_file_put(w, type, TYPE_BYTES, status));
    ADAH_TRY(put_number(w, n_bits, 4, status));
    ADAH_TRY(put_number(w, n_bits / 8, 4, status));
    ADAH_TRY(put_number(w, n, 8, status));
    ADAH_TRY(put_number(w, 1, 1, status)); /* is trained */
    return put_number(w, METRIC, 4, status);
}

static adah_code put_flat(adah_file_writer *w, const uint8_t *codes, size_t n, size_t n_bits, adah_status *status) {
    ADAH_TRY(put_head(w, "IBxF", n_bits, n, status));
    ADAH_TRY(put_number(w, n * (n_bits / 8), 8, status));
    return adah_file_put(w, codes, n * (n_bits / 8), status);
}

static adah_code put_id_map(adah_file_writer *w, const adah_faiss_codes *c, adah_status *status) {
    ADAH_TRY(put_head(w, "IBMp", c->n_bits, c->n, status));
    ADAH_TRY(put_flat(w, c->codes, c->n, c->n_bits, status));
    ADAH_TRY(put_number(w, c->n, 8, status));
    for (size_t i = 0; i < c->n; i++)
        ADAH_TRY(put_number(w, c->ids[i], 8, status));
    return ADAH_OK;
}

static adah_code put_lists(adah_file_writer *w, const adah_faiss_codes *c, const adah_centroids *m,
                           adah_status *status) {
    const size_t n_code_bytes = c->n_bits / 8;
    ADAH_TRY(put_head(w, "IBwF", c->n_bits, c->n, status));
    ADAH_TRY(put_number(w, m->n, 8, status));
    ADAH_TRY(put_number(w, 1, 8, status)); /* nprobe */
    ADAH_TRY(put_flat(w, m->codes, m->n, c->n_bits, status));
    ADAH_TRY(put_number(w, DIRECT_MAP_NONE, 1, status));
    ADAH_TRY(put_number(w, 0, 8, status));
    ADAH_TRY(adah_file_put(w, "ilar", TYPE_BYTES, status));
    ADAH_TRY(put_number(w, m->n, 8, status));
    ADAH_TRY(put_number(w, n_code_bytes, 8, status));
    ADAH_TRY(adah_file_put(w, "full", TYPE_BYTES, status));
    ADAH_TRY(put_number(w, m->n, 8, status));
    for (size_t l = 0; l < m->n; l++)
        ADAH_TRY(put_number(w, m->start[l + 1] - m->start[l], 8, status));
    for (size_t l = 0; l < m->n; l++) {
        for (size_t i = m->start[l]; i < m->start[l + 1]; i++)
            ADAH_TRY(adah_file_put(w, c->codes + m->member[i] * n_code_bytes, n_code_bytes, status));
        for (size_t i = m->start[l]; i < m->start[l + 1]; i++)
            ADAH_TRY(put_number(w, c->ids ? c->ids[m->member[i]] : m->member[i], 8, status));
    }
    return ADAH_OK;
}

/* Writes flat without lists. */
static adah_code write_index(const char *path, const adah_faiss_codes *codes, const adah_centroids *lists,
                             adah_status *status) {
    adah_file_writer *w = NULL;
    ADAH_TRY(adah_file_create(path, &w, status));
    const adah_code code = lists        ? put_lists(w, codes, lists, status)
                           : codes->ids ? put_id_map(w, codes, status)
                                        : put_flat(w, codes->codes, codes->n, codes->n_bits, status);
    if (code != ADAH_OK) {
        adah_file_abort(w);
        return code;
    }
    return adah_file_commit(w, status);
}

adah_code adah_faiss_write_flat(const char *path, const adah_faiss_codes *codes, adah_status *status) {
    ADAH_TRY(check_codes(codes, status));
    return write_index(path, codes, NULL, status);
}

adah_code adah_faiss_write_ivf(const char *path, const adah_faiss_codes *codes, size_t n_lists, adah_status *status) {
    ADAH_TRY(check_codes(codes, status));
    if (n_lists > codes->n || codes->n == 0 || n_lists > UINT32_MAX)
        return adah_fail(status, ADAH_ERROR_ARGUMENT,
                         "%zu codes cannot be cut into %zu lists: every list starts from a code", codes->n, n_lists);
    adah_centroids lists = {0};
    ADAH_TRY(adah_centroids_learn(codes->codes, codes->n, codes->n_bits, n_lists, &lists, status));
    const adah_code code = write_index(path, codes, &lists, status);
    adah_centroids_free(&lists);
    return code;
}
