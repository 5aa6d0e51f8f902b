/* levels_body.h - what is done with a block once the distances of its items are known: chosen ones are listed, and all are counted.
 *
 * A kernel that can compare 64 bytes at once defines `same_bytes` (bit i: byte i is the one that is asked for) and ADAH_LEVELS_TARGET, its
 * instructions, and includes this for `add_level_block`: how many items stand before a chosen one at its distance is how many did before the block, and
 * how many do within. levels.c includes it for what both ways share. */
#ifndef ADAH_CODES_LEVELS_BODY_H
#define ADAH_CODES_LEVELS_BODY_H

#include "codes/levels.h"

enum {
    ADAH_PIECE_BLOCKS = 8,                  /* blocks whose distances are taken at once */
    ADAH_PIECE_LEVELS = ADAH_BITS_MAX + 72, /* so that the counters of a distance in the parts do not lie 4,096 bytes apart, which stores wait for */
    ADAH_BYTES_BITS_MAX = 254,              /* of codes whose distances, and one more, fit a byte */
    ADAH_TIMES_PLANES = 4                   /* of numbers up to ADAH_CHOICES_MAX */
};

typedef struct adah_level_piece {
    uint16_t distance[ADAH_PARTS][ADAH_PIECE_BLOCKS * ADAH_PART_WORD]; /* n_bits + 1 of what does not count */
    uint8_t byte[ADAH_PARTS][ADAH_PIECE_BLOCKS * ADAH_PART_WORD];      /* the same, for kernels that compare bytes */
    uint32_t n[ADAH_PARTS][ADAH_PIECE_LEVELS];                         /* items so far by part and distance */
} adah_level_piece;

/* By how many choices each of 64 items was chosen, a bit of the number in each word. */
static inline __attribute__((always_inline)) void adah_times_chosen(const adah_level_query *q, size_t block, size_t part, uint64_t times[ADAH_TIMES_PLANES]) {
    for (size_t p = 0; p < ADAH_TIMES_PLANES; p++)
        times[p] = 0;
    for (size_t c = 0; c < q->n_choices; c++) {
        uint64_t carry = q->choice[c][block * ADAH_PARTS + part];
        for (size_t p = 0; p < ADAH_TIMES_PLANES; p++) {
            const uint64_t both = times[p] & carry;
            times[p] ^= carry;
            carry = both;
        }
    }
    const size_t left_out = q->leave_out - part * q->length - block * ADAH_PART_WORD;
    for (size_t p = 0; left_out < ADAH_PART_WORD && p < ADAH_TIMES_PLANES; p++)
        times[p] &= ~((uint64_t)1 << left_out);
}

static inline __attribute__((always_inline)) uint64_t adah_any_of(const uint64_t *times, size_t n_planes) {
    uint64_t any = 0;
    for (size_t p = 0; p < n_planes; p++)
        any |= times[p];
    return any;
}

static inline __attribute__((always_inline)) size_t adah_times_of(const uint64_t *times, size_t n_planes, size_t i) {
    size_t n = n_planes == 1;
    for (size_t p = 0; n_planes > 1 && p < n_planes; p++)
        n += (times[p] >> i & 1) << p;
    return n;
}

#ifdef ADAH_LEVELS_TARGET
/* Lists those of 64 items of a part that were chosen; n: the part's counters. Inlined with a constant n_planes, of `times`. */
static inline __attribute__((always_inline)) ADAH_LEVELS_TARGET uint64_t *list_bytes(const uint64_t times[ADAH_TIMES_PLANES], size_t n_planes, const uint8_t *byte,
                                                                                    const uint32_t *n, size_t part, uint64_t *record) {
    for (uint64_t left = adah_any_of(times, n_planes); left; left &= left - 1) {
        const size_t i = (size_t)__builtin_ctzll(left), d = byte[i];
        const uint64_t before = same_bytes(byte, byte[i]) & ((left & (0 - left)) - 1);
        *record++ = adah_level_record(n[d] + (uint64_t)__builtin_popcountll(before), d * ADAH_PARTS + part, adah_times_of(times, n_planes, i));
    }
    return record;
}

/* One block, whose distances lie from `at` on in each part; returns where the next records go. */
static ADAH_LEVELS_TARGET uint64_t *add_level_block(const adah_level_query *q, adah_level_piece *piece, size_t block, size_t at, uint64_t *record) {
    for (size_t part = 0; part < ADAH_PARTS && q->n_choices; part++) {
        uint64_t times[ADAH_TIMES_PLANES];
        adah_times_chosen(q, block, part, times);
        const uint8_t *byte = piece->byte[part] + at;
        const uint32_t *n = piece->n[part];
        record = q->n_choices == 1   ? list_bytes(times, 1, byte, n, part, record)
                 : q->n_choices <= 3 ? list_bytes(times, 2, byte, n, part, record)
                                     : list_bytes(times, ADAH_TIMES_PLANES, byte, n, part, record);
    }
    for (size_t i = at; i < at + ADAH_PART_WORD; i++) /* all parts in turn, as a counter that is counted up again and again waits for itself */
        for (size_t part = 0; part < ADAH_PARTS; part++)
            piece->n[part][piece->byte[part][i]]++;
    return record;
}
#endif

#endif
