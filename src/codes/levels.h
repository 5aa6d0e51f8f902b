/* levels.h - how many items of a database are at each Hamming distance to a query, and where chosen ones stand among them. For measures.
 *
 * The database is cut into 8 parts, one behind another, of `length` items each, a multiple of 64; the last ones may be short or empty. A bitmap
 * over it has word w of each part side by side: item i is bit i % 64 of its word (i % length / 64) * 8 + i / length. The codes themselves are
 * turned into such bitmaps, one for each bit, so that distances are added up for 512 items at a time by AND and XOR: levels_body.h. */
#ifndef ADAH_CODES_LEVELS_H
#define ADAH_CODES_LEVELS_H

#include "base/status.h"

enum {
    ADAH_PARTS = 8,
    ADAH_PART_WORD = 64,
    ADAH_PLANES_BITS_MAX = 256, /* of longer codes there are so many distances that counting item by item is faster */
    ADAH_CHOICES_MAX = 15
};

size_t adah_part_length(size_t n); /* of a database of n items */

/* The codes of a database as bitmaps: bit b of block w is the 8 words from (w * n_bits + b) * 8 on. Zero-initialise. */
typedef struct adah_bit_planes {
    const uint8_t *codes; /* borrowed */
    size_t n, n_bits, length, n_blocks;
    uint64_t *plane;
} adah_bit_planes;

/* Whether this machine gains by them. */
int adah_bit_planes_help(size_t n_bits);
/* On an error the planes are freed as after success. */
adah_code adah_bit_planes_make(const uint8_t *codes, size_t n, size_t n_bits, adah_bit_planes *planes, adah_status *status);
void adah_bit_planes_free(adah_bit_planes *planes);

/* An item that was chosen, in 64 bits: how many items of its part stand before it at its distance; the run, distance * 8 + part; and by how many of
 * the choices it was chosen. */
static inline uint64_t adah_level_record(uint64_t n_before, size_t run, size_t n_choices) { return n_before << 32 | run << 16 | n_choices; }
static inline uint32_t adah_record_before(uint64_t record) { return (uint32_t)(record >> 32); }
static inline size_t adah_record_run(uint64_t record) { return record >> 16 & UINT16_MAX; }
static inline size_t adah_record_choices(uint64_t record) { return record & UINT16_MAX; }

/* One query against a database. */
typedef struct adah_level_query {
    const adah_bit_planes *planes;
    const uint8_t *code;
    const uint64_t *const *choice; /* n_choices bitmaps; an item that stands in any of them is listed */
    size_t n_choices, leave_out;   /* an item that does not count; SIZE_MAX: none */
    uint64_t (*n)[ADAH_PARTS];     /* n_bits + 1: items at each distance by part */
    uint64_t *record;              /* what was found; room for all that stand in a bitmap, and one more */
    size_t n_records;
} adah_level_query;

/* Blocks of the database in turn, so that several queries may look at some while these are at hand: begin once, go through all the blocks, end. The
 * records of each run are in the order of their items. */
void adah_levels_begin(adah_level_query *query);
void adah_levels_add(adah_level_query *query, size_t first_block, size_t end_block);
void adah_levels_end(adah_level_query *query);

#endif
