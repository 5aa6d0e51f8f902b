/* multi_index_format.h - the image of multi_index.h as structures, its keys, and what looking at it costs; for
 * multi_index*.c alone. */
#ifndef ADAH_INDEX_MULTI_INDEX_FORMAT_H
#define ADAH_INDEX_MULTI_INDEX_FORMAT_H

#include "index/index_format.h" /* also refuses machines that are not little-endian */
#include "index/multi_index.h"

#include <string.h>

static const uint8_t adah_multi_index_magic[8] = {'A', 'D', 'A', 'H', 'k', 'e', 'y', '1'};

enum { ADAH_MULTI_INDEX_WORDS_MAX = ADAH_BITS_MAX / 64 };

typedef struct adah_multi_index_header {
    uint8_t magic[8];
    uint32_t n_tables, n_bits;
    uint64_t n, n_image_bytes;
    uint8_t n_key_bits[ADAH_MULTI_INDEX_TABLES_MAX];
} adah_multi_index_header;

_Static_assert(sizeof(adah_multi_index_header) == 64, "no padding");

/* Where the parts of an image lie: fills *view for what the header says and returns how many bytes that takes. image
 * may be NULL to learn the size alone. */
uint64_t adah_multi_index_lay_out(const uint8_t *image, const adah_multi_index_header *header,
                                  adah_multi_index *view);

/* Words of 64 bits that hold a code, the last filled up with zeros. */
static inline size_t adah_multi_index_words(size_t n_bits) { return (n_bits + 63) / 64; }

/* A start or an entry, loaded once, whatever the compiler would find better: the image may change. */
static inline uint32_t adah_multi_index_read(const uint32_t *number) { return __atomic_load_n(number, __ATOMIC_RELAXED); }

static inline void adah_multi_index_load(const uint8_t *code, size_t n_bits, uint64_t *word) {
    word[adah_multi_index_words(n_bits) - 1] = 0;
    memcpy(word, code, n_bits / 8);
}

/* Keys of many codes: each byte of a code that has bits in the key looks up its part of it. */
typedef struct adah_multi_index_keys {
    size_t n_bytes;
    uint16_t byte[ADAH_MULTI_INDEX_KEY_BITS_MAX];
    uint32_t part[ADAH_MULTI_INDEX_KEY_BITS_MAX][256];
} adah_multi_index_keys;

void adah_multi_index_prepare_keys(const adah_multi_index_table *table, size_t n_bits, adah_multi_index_keys *keys);

static inline uint32_t adah_multi_index_key(const adah_multi_index_keys *keys, const uint8_t *code) {
    uint32_t key = 0;
    for (size_t i = 0; i < keys->n_bytes; i++)
        key |= keys->part[i][code[keys->byte[i]]];
    return key;
}

/* What a search, a key looked up and a code compared take, in scanned codes. A scan reads codes one after another, so
 * that it takes longer the longer they are; here the time goes into waiting for memory at random places. Measured
 * with bench/bench_multi_index.c. */
static inline double adah_multi_index_start_cost(size_t n_bits) { return 15000 * 64. / (double)n_bits; }
static inline double adah_multi_index_probe_cost(size_t n_bits) { return 64 * 64. / (double)n_bits; }
static inline double adah_multi_index_candidate_cost(size_t n, size_t n_bits) {
    const int in_cache = n <= ((size_t)8 << 20) / (n_bits / 8);
    return 1 + (in_cache ? 10 : 21) * 64. / (double)n_bits;
}

#endif
