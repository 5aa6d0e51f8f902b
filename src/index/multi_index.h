/* multi_index.h - hash tables over parts of the codes, for an exact search that looks at few codes.
 *
 * Multi-index hashing (Norouzi, Punjani, Fleet: Fast Exact Search in Hamming Space with Multi-Index Hashing). Each of
 * m tables sorts the codes by a key of some of their bits; no bit is in two keys. A code at distance d from a query
 * differs by at most r_j bits from it in the key of some table j whenever the r_j + 1 sum up to more than d. So the
 * search turns 0, 1, 2, ... bits of the query's keys, always in the table where that is cheapest, and stops when it
 * has seen every code as near as its k-th best. Bits that are alike in many codes go to different tables or into no
 * key at all.
 *
 * The tables lie in one block of memory without pointers, the image, which can be part of a mapped file:
 *
 *     header      64 bytes
 *     masks       for each table 64-bit words, a bit for each bit of a code: those in the key
 *     and for each table
 *     starts      2^(key bits) + 1 uint32: where each key's entries begin
 *     entries     n uint32: positions of codes by key, ascending among the same key
 *
 * little-endian, each part at a multiple of 64 bytes and filled up with zeros. */
#ifndef ADAH_INDEX_MULTI_INDEX_H
#define ADAH_INDEX_MULTI_INDEX_H

#include "base/status.h"
#include "codes/codes.h"

enum {
    ADAH_MULTI_INDEX_TABLES_MAX = 32,
    ADAH_MULTI_INDEX_KEY_BITS_MAX = 28 /* 1 GiB of starts */
};

/* Sorts n codes (as in codes.h) into tables. n_tables: how many, 1 to ADAH_MULTI_INDEX_TABLES_MAX and at most n_bits;
 * 0: chosen, with the lengths of their keys, for least time of the 10 nearest to some of the codes, and at most two
 * bytes of tables for each byte of the codes. *image is NULL when n_tables is 0 and a scan would take no longer, and
 * when n is 0 or does not fit 32 bits; else the caller frees it with adah_memory_free. The same codes give the same
 * image. Threads: those of adah_parallel. Errors: ADAH_ERROR_ARGUMENT, ADAH_ERROR_MEMORY. */
adah_code adah_multi_index_build(const uint8_t *codes, size_t n, size_t n_bits, int n_tables, uint8_t **image,
                                 size_t *n_image_bytes, adah_status *status);

typedef struct adah_multi_index_table {
    uint32_t n_key_bits;
    uint64_t mask[ADAH_BITS_MAX / 64]; /* the bits of a code that are in the key, the lowest first; a copy */
    const uint32_t *starts;  /* 2^n_key_bits + 1 */
    const uint32_t *entries; /* n */
} adah_multi_index_table;

/* The tables of an image; what it points to belongs to the image, which may lie in a file that others change: starts and
 * entries are read once and checked as they were read. */
typedef struct adah_multi_index {
    size_t n, n_bits;
    int n_tables;
    adah_multi_index_table table[ADAH_MULTI_INDEX_TABLES_MAX];
} adah_multi_index;

/* Looks at an image of n codes of n_bits bits; it lies at a multiple of 8 bytes. Checks, in time that does not depend
 * on n, that it is whole and made for as many codes of that length: else ADAH_ERROR_FORMAT with what is wrong. */
adah_code adah_multi_index_view(const uint8_t *image, size_t n_image_bytes, size_t n, size_t n_bits,
                                adah_multi_index *view, adah_status *status);

/* Checks every start and entry against the codes. Errors: ADAH_ERROR_FORMAT with the first fault, ADAH_ERROR_MEMORY.
 */
adah_code adah_multi_index_verify(const adah_multi_index *view, const uint8_t *codes, adah_status *status);

typedef struct adah_multi_index_query {
    const uint8_t *code;  /* n_bits / 8 bytes */
    size_t k;             /* at most so many hits; SIZE_MAX: all within the radius */
    uint32_t radius;      /* none is further; n_bits or more: no limit */
    int keep_ties;        /* also all others that are as far as the k-th */
    const uint64_t *keep; /* a bit for each code, n rounded up to words of 64: 1 may be a hit; NULL: all may */
    int (*accept)(void *context, size_t query, uint64_t position); /* 0: no hit. Called at most once for a code, only
                                                                      by the calling thread; NULL: all are accepted */
    void *context;
    size_t query;
    double budget; /* gives up rather than spend more than so many scanned codes would take; INFINITY: never */
} adah_multi_index_query;

/* What a search did, for measurements. */
typedef struct adah_multi_index_work {
    uint64_t n_probes;     /* keys looked up */
    uint64_t n_candidates; /* codes compared, repeats included */
    double cost;           /* of both, in scanned codes */
} adah_multi_index_work;

/* The hits of a scan, by (distance, position), exactly. *done 0: the budget did not suffice, there are no hits and a
 * scan should answer. *hits: the caller frees them with adah_memory_free; NULL when there are none. work may be NULL.
 * A damaged image, or one that changes meanwhile, gives wrong hits or an error, but nothing outside the image and the codes is read. Several threads
 * may search the same view at once; one search uses one thread. Errors: ADAH_ERROR_FORMAT (damage that was noticed),
 * ADAH_ERROR_MEMORY. */
adah_code adah_multi_index_search(const adah_multi_index *view, const uint8_t *codes,
                                  const adah_multi_index_query *query, adah_hit **hits, size_t *n_hits, int *done,
                                  adah_multi_index_work *work, adah_status *status);

#endif
