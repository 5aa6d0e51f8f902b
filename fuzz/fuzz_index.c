/* fuzz_index.c - index files: opened, searched, every record shown, verified. The header's checksum is set right
 * first, so that what lies behind it is reached. */
#define _GNU_SOURCE
#include "index/index_file.h"
#include "fuzz_file.h"

#include <string.h>
#include <xxhash.h>

enum { HEADER_BYTES = 64, SECTION_BYTES = 32, SECTIONS_MAX = 32, N_SECTIONS_AT = 48, CHECKSUM_AT = 56 };

static void mend(uint8_t *bytes, size_t n_bytes) {
    uint32_t n_sections;
    if (n_bytes < HEADER_BYTES)
        return;
    memcpy(&n_sections, bytes + N_SECTIONS_AT, sizeof n_sections);
    if (n_sections > SECTIONS_MAX || n_bytes < HEADER_BYTES + n_sections * SECTION_BYTES)
        return;
    memset(bytes + CHECKSUM_AT, 0, sizeof(uint64_t));
    const uint64_t sum = XXH3_64bits(bytes, HEADER_BYTES + n_sections * SECTION_BYTES);
    memcpy(bytes + CHECKSUM_AT, &sum, sizeof sum);
}

static void look_at(const adah_index *index) {
    static const uint8_t query[ADAH_BITS_MAX / 8];
    adah_search_hit hits[8];
    for (int to = ADAH_IMAGE; to <= ADAH_TEXT; to++) {
        size_t n_hits = 0;
        adah_index_search(index, (adah_modality)to, query, sizeof hits / sizeof *hits, hits, &n_hits, NULL);
    }
    volatile size_t n = 0;
    for (uint64_t i = 0; i < adah_index_count(index) && i < 1000; i++) {
        adah_index_entry entry;
        if (adah_index_record(index, i, &entry, NULL) != ADAH_OK)
            continue;
        n = n + strlen(entry.file_name) + strlen(entry.text);
        for (size_t k = 0; k < entry.n_labels; k++) {
            const char *name = adah_index_label_name(index, entry.label[k]);
            n = n + (name ? strlen(name) : 0);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes) {
    uint8_t *copy = malloc(n_bytes + 1);
    if (!copy)
        return 0;
    memcpy(copy, bytes, n_bytes);
    mend(copy, n_bytes);
    const char *path = fuzz_file(copy, n_bytes);
    free(copy);
    adah_index *index;
    if (adah_index_open(path, &index, NULL) == ADAH_OK) {
        look_at(index);
        adah_index_close(index);
    }
    adah_index_verify(path, NULL);
    return 0;
}
