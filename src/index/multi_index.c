/* multi_index.c - the image of a multi-index: where its parts lie, and whether they are sound. */
#include "base/memory.h"
#include "base/parallel.h"
#include "index/multi_index_format.h"

static uint64_t aligned(uint64_t n_bytes) {
    return (n_bytes + ADAH_INDEX_ALIGNMENT - 1) / ADAH_INDEX_ALIGNMENT * ADAH_INDEX_ALIGNMENT;
}

uint64_t adah_multi_index_lay_out(const uint8_t *image, const adah_multi_index_header *header,
                                  adah_multi_index *view) {
    const size_t n_words = adah_multi_index_words(header->n_bits);
    uint64_t at = sizeof *header;
    *view = (adah_multi_index){.n = (size_t)header->n, .n_bits = header->n_bits, .n_tables = (int)header->n_tables};
    const uint64_t masks_at = at;
    at += aligned(header->n_tables * n_words * sizeof(uint64_t));
    for (uint32_t j = 0; j < header->n_tables; j++) {
        adah_multi_index_table *table = &view->table[j];
        const uint64_t starts_at = at,
                       entries_at = at + aligned((((uint64_t)1 << header->n_key_bits[j]) + 1) * sizeof(uint32_t));
        at = entries_at + aligned(header->n * sizeof(uint32_t));
        table->n_key_bits = header->n_key_bits[j];
        if (image) {
            memcpy(table->mask, image + masks_at + j * n_words * sizeof *table->mask, n_words * sizeof *table->mask);
            table->starts = (const uint32_t *)(const void *)(image + starts_at);
            table->entries = (const uint32_t *)(const void *)(image + entries_at);
        }
    }
    return at;
}

void adah_multi_index_prepare_keys(const adah_multi_index_table *table, size_t n_bits, adah_multi_index_keys *keys) {
    unsigned n_before = 0; /* bits of the key in earlier bytes */
    keys->n_bytes = 0;
    for (size_t i = 0; i < n_bits / 8; i++) {
        const unsigned mask = table->mask[i / 8] >> i % 8 * 8 & 0xff;
        if (!mask)
            continue;
        uint32_t *part = keys->part[keys->n_bytes];
        keys->byte[keys->n_bytes++] = (uint16_t)i;
        memset(part, 0, sizeof keys->part[0]);
        for (unsigned bit = 0; bit < 8; bit++) {
            if (!(mask >> bit & 1))
                continue;
            for (unsigned value = 0; value < 256; value++)
                part[value] |= (uint32_t)(value >> bit & 1) << n_before;
            n_before++;
        }
    }
}

/* The masks: as many bits as the keys have, all of the codes, none twice. */
static adah_code check_masks(const adah_multi_index *view, adah_status *status) {
    const size_t n_words = adah_multi_index_words(view->n_bits);
    uint64_t used[ADAH_MULTI_INDEX_WORDS_MAX] = {0};
    for (int j = 0; j < view->n_tables; j++) {
        const adah_multi_index_table *table = &view->table[j];
        uint32_t n_set = 0;
        for (size_t w = 0; w < n_words; w++) {
            if (used[w] & table->mask[w])
                return adah_fail(status, ADAH_ERROR_CORRUPT, "search tables: a bit of the codes is in two keys");
            used[w] |= table->mask[w];
            for (uint64_t rest = table->mask[w]; rest; rest &= rest - 1)
                n_set++;
        }
        if (n_set != table->n_key_bits)
            return adah_fail(status, ADAH_ERROR_CORRUPT,
                             "search tables: table %d has %u bits in its mask, but keys of %u", j, n_set,
                             table->n_key_bits);
    }
    if (view->n_bits % 64 && used[n_words - 1] >> view->n_bits % 64)
        return adah_fail(status, ADAH_ERROR_CORRUPT, "search tables: a key of bits that the codes do not have");
    return ADAH_OK;
}

adah_code adah_multi_index_view(const uint8_t *image, size_t n_image_bytes, size_t n, size_t n_bits,
                                adah_multi_index *view, adah_status *status) {
    adah_multi_index_header header;
    if (n_image_bytes < sizeof header || (uintptr_t)image % sizeof(uint64_t))
        return adah_fail(status, ADAH_ERROR_CORRUPT, "search tables: %zu bytes are not tables", n_image_bytes);
    memcpy(&header, image, sizeof header);
    if (memcmp(header.magic, adah_multi_index_magic, sizeof header.magic) != 0)
        return adah_fail(status, ADAH_ERROR_CORRUPT, "search tables: made by another version, or damaged");
    if (header.n != n || header.n_bits != n_bits)
        return adah_fail(status, ADAH_ERROR_CORRUPT,
                         "search tables: made for %llu codes of %u bits, but there are %zu of %zu",
                         (unsigned long long)header.n, header.n_bits, n, n_bits);
    if (n == 0 || n > UINT32_MAX || n_bits < ADAH_BITS_MIN || n_bits > ADAH_BITS_MAX || n_bits % 8 ||
        header.n_tables < 1 || header.n_tables > ADAH_MULTI_INDEX_TABLES_MAX)
        return adah_fail(status, ADAH_ERROR_CORRUPT, "search tables: %u tables of %zu codes of %zu bits cannot be",
                         header.n_tables, n, n_bits);
    for (uint32_t j = 0; j < header.n_tables; j++)
        if (header.n_key_bits[j] < 1 || header.n_key_bits[j] > ADAH_MULTI_INDEX_KEY_BITS_MAX)
            return adah_fail(status, ADAH_ERROR_CORRUPT,
                             "search tables: table %u has keys of %u bits, expected 1 to %d", j, header.n_key_bits[j],
                             ADAH_MULTI_INDEX_KEY_BITS_MAX);
    const uint64_t n_expected = adah_multi_index_lay_out(image, &header, view);
    if (header.n_image_bytes != n_expected || n_image_bytes != n_expected)
        return adah_fail(status, ADAH_ERROR_CORRUPT, "search tables: %zu bytes, expected %llu", n_image_bytes,
                         (unsigned long long)n_expected);
    ADAH_TRY(check_masks(view, status));
    for (int j = 0; j < view->n_tables; j++) {
        const adah_multi_index_table *table = &view->table[j];
        if (table->starts[0] != 0 || table->starts[(size_t)1 << table->n_key_bits] != n)
            return adah_fail(status, ADAH_ERROR_CORRUPT, "search tables: table %d does not hold all codes", j);
    }
    return ADAH_OK;
}

typedef struct verification {
    const adah_multi_index *view;
    const uint8_t *codes;
    adah_multi_index_keys *keys;                    /* one a table */
    const char *fault[ADAH_MULTI_INDEX_TABLES_MAX]; /* NULL: none */
} verification;

/* n entries, each under its own key and those of a key ascending, are all codes once. */
static const char *find_fault(const adah_multi_index *view, const adah_multi_index_table *table,
                              const adah_multi_index_keys *keys, const uint8_t *codes) {
    const size_t n_bytes = view->n_bits / 8;
    for (size_t key = 0; key < (size_t)1 << table->n_key_bits; key++) {
        const uint32_t start = adah_multi_index_read(&table->starts[key]), end = adah_multi_index_read(&table->starts[key + 1]);
        if (start > end || end > view->n)
            return "starts are not ascending";
        for (uint32_t i = start; i < end; i++) {
            const uint32_t position = adah_multi_index_read(&table->entries[i]);
            if (position >= view->n)
                return "an entry is beyond the codes";
            if (i > start && position <= table->entries[i - 1])
                return "entries are not ascending";
            if (adah_multi_index_key(keys, codes + position * n_bytes) != key)
                return "an entry is under a key that its code does not have";
        }
    }
    return NULL;
}

static void verify_table(void *context, size_t j) {
    verification *v = context;
    adah_multi_index_prepare_keys(&v->view->table[j], v->view->n_bits, &v->keys[j]);
    v->fault[j] = find_fault(v->view, &v->view->table[j], &v->keys[j], v->codes);
}

adah_code adah_multi_index_verify(const adah_multi_index *view, const uint8_t *codes, adah_status *status) {
    const size_t n_tables = (size_t)view->n_tables;
    verification v = {view, codes, adah_memory_zeroed(n_tables, sizeof *v.keys), {NULL}};
    if (!v.keys)
        return adah_fail_memory(status, n_tables * sizeof *v.keys);
    adah_parallel_for(n_tables, 1, verify_table, &v);
    adah_memory_free(v.keys);
    for (size_t j = 0; j < n_tables; j++)
        if (v.fault[j])
            return adah_fail(status, ADAH_ERROR_CORRUPT, "search tables: table %zu: %s", j, v.fault[j]);
    return ADAH_OK;
}
