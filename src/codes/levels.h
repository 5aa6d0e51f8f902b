/* levels.h - how many items of a database are at each Hamming distance to a query, and where chosen ones stand among them. For measures.
 *
 * The database is cut into 8 parts, one behind another, of `length` items each, a multiple of 64; the last ones may be short or empty. Block b is the
 * 64 items of each part from b * 64 on. A bitmap over the database has word b of each part side by side: item i is bit i % 64 of its word
 * (i % length / 64) * 8 + i / length. */
#ifndef ADAH_CODES_LEVELS_H
#define ADAH_CODES_LEVELS_H

#include "base/status.h"

enum { ADAH_PARTS = 8, ADAH_PART_WORD = 64, ADAH_CHOICES_MAX = 15 };

size_t adah_part_length(size_t n); /* of a database of n items */

/* An item that was chosen, in 64 bits: how many items of its part stand before it at its distance; the run, distance * 8 + part; and by how many of
 * the choices it was chosen. */
static inline uint64_t adah_level_record(uint64_t n_before, size_t run, size_t n_choices) { return n_before << 32 | run << 16 | n_choices; }
static inline uint32_t adah_record_before(uint64_t record) { return (uint32_t)(record >> 32); }
static inline size_t adah_record_run(uint64_t record) { return record >> 16 & UINT16_MAX; }
static inline size_t adah_record_choices(uint64_t record) { return record & UINT16_MAX; }

/* One query against a database. */
typedef struct adah_level_query {
    const uint8_t *code, *codes;   /* the query's; the database's n_items */
    size_t n_items, n_bits, length;
    const uint64_t *const *choice; /* n_choices bitmaps; an item that stands in any of them is listed */
    size_t n_choices, leave_out;   /* an item that does not count; SIZE_MAX: none */
    uint64_t (*n)[ADAH_PARTS];     /* n_bits + 2: items at each distance by part; the last are of no meaning */
    uint64_t *record;              /* what was found; room for all that stand in a bitmap, and one more */
    size_t n_records;
} adah_level_query;

/* Blocks of the database in turn, so that several queries may look at some while these are at hand: begin once, go through all the blocks. The records
 * of each run are in the order of their items. */
void adah_levels_begin(adah_level_query *query);
void adah_levels_add(adah_level_query *query, size_t first_block, size_t end_block);

#endif
