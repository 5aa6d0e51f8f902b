/* levels_body.h - the loop behind adah_levels_add, for the files of the kernels that have it, which compile it for their instructions.
 *
 * A block is 64 items of each of the 8 parts. The bits in which the codes of the block differ from the query's are added up plane by plane, by
 * adders that are made of AND and XOR: then plane p of the sum has bit p of each distance. From these come a bitmap for every distance,
 * halving from the highest plane down. Bits set in it are counted for all items; the chosen ones find their place among those before them in
 * their word. */
#ifndef ADAH_CODES_LEVELS_BODY_H
#define ADAH_CODES_LEVELS_BODY_H

#include "codes/levels.h"

#include <string.h>

typedef uint64_t adah_words __attribute__((vector_size(64), aligned(8), may_alias)); /* a word of each part */

enum { ADAH_SUM_PLANES = 9 /* of sums up to ADAH_PLANES_BITS_MAX */ };

/* The sum of three bits, and what is carried. */
static inline __attribute__((always_inline)) void adah_add_bits(const adah_words *a, const adah_words *b, const adah_words *c, adah_words *sum,
                                                                adah_words *carry) {
    const adah_words x = *a, y = *b, z = *c, differ = x ^ y;
    *carry = (x & y) | (z & differ);
    *sum = differ ^ z;
}

/* Adds eight bits to a sum of n_planes. */
static inline __attribute__((always_inline)) void adah_add_eight(const adah_words bit[8], adah_words *sum, size_t n_planes) {
    adah_words ones[3], twos[4], other, fours[2], carry;
    adah_add_bits(&bit[0], &bit[1], &bit[2], &ones[0], &twos[0]);
    adah_add_bits(&bit[3], &bit[4], &bit[5], &ones[1], &twos[1]);
    adah_add_bits(&ones[0], &ones[1], &bit[6], &ones[2], &twos[2]);
    adah_add_bits(&ones[2], &bit[7], &sum[0], &sum[0], &twos[3]);
    adah_add_bits(&twos[0], &twos[1], &twos[2], &other, &fours[0]);
    adah_add_bits(&other, &twos[3], &sum[1], &sum[1], &fours[1]);
    adah_add_bits(&fours[0], &fours[1], &sum[2], &sum[2], &carry);
    for (size_t p = 3; p < n_planes; p++) {
        const adah_words both = sum[p] & carry;
        sum[p] ^= carry;
        carry = both;
    }
}

/* The distance of one code. */
static inline __attribute__((always_inline)) size_t adah_level_of(const uint8_t *a, const uint8_t *b, size_t n_bytes) {
    size_t n = 0;
    for (; n_bytes >= 8; n_bytes -= 8, a += 8, b += 8) {
        uint64_t x, y;
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        n += (size_t)__builtin_popcountll(x ^ y);
    }
    uint64_t x = 0, y = 0;
    memcpy(&x, a, n_bytes);
    memcpy(&y, b, n_bytes);
    return n + (size_t)__builtin_popcountll(x ^ y);
}

/* A block, as its chosen items see it. */
typedef struct adah_level_block {
    const uint8_t *query, *codes; /* codes of the first part */
    size_t part_bytes;            /* from the codes of one part to the next */
    const uint64_t *level, *n;    /* 8 for each distance */
    adah_words times[4];          /* by how many choices each item was chosen, a bit in each; all zeros: not at all */
} adah_level_block;

/* Lists the chosen items of a block; returns where the next ones go. */
static inline __attribute__((always_inline)) uint64_t *adah_list_chosen(const adah_level_block *b, size_t n_bytes, uint64_t *record) {
    const adah_words any = b->times[0] | b->times[1] | b->times[2] | b->times[3];
    for (size_t part = 0; part < ADAH_PARTS; part++) {
        const uint8_t *codes = b->codes + part * b->part_bytes;
        const uint64_t *level = b->level + part, *n = b->n + part;
        const uint64_t ones = b->times[0][part], twos = b->times[1][part], fours = b->times[2][part], eights = b->times[3][part];
        for (uint64_t left = any[part]; left; left &= left - 1) {
            const size_t i = (size_t)__builtin_ctzll(left), d = adah_level_of(b->query, codes + i * n_bytes, n_bytes);
            const uint64_t before = level[d * ADAH_PARTS] & ((left & (0 - left)) - 1);
            const size_t n_times = (ones >> i & 1) + (twos >> i & 1) * 2 + (fours >> i & 1) * 4 + (eights >> i & 1) * 8;
            *record++ = adah_level_record(n[d * ADAH_PARTS] + (uint64_t)__builtin_popcountll(before), d * ADAH_PARTS + part, n_times);
        }
    }
    return record;
}

static ADAH_LEVELS_TARGET __attribute__((noinline)) uint64_t *adah_list_chosen_8(const adah_level_block *b, uint64_t *record) {
    return adah_list_chosen(b, 8, record);
}
static ADAH_LEVELS_TARGET __attribute__((noinline)) uint64_t *adah_list_chosen_16(const adah_level_block *b, uint64_t *record) {
    return adah_list_chosen(b, 16, record);
}
static ADAH_LEVELS_TARGET __attribute__((noinline)) uint64_t *adah_list_chosen_any(const adah_level_block *b, size_t n_bytes, uint64_t *record) {
    return adah_list_chosen(b, n_bytes, record);
}

/* The bitmaps of the distances 0 .. n_bits from the planes of a block. */
static ADAH_LEVELS_TARGET __attribute__((noinline)) void adah_fill_levels(const adah_words *plane, const uint64_t *differs, size_t n_bits,
                                                                         adah_words *level) {
    adah_words sum[ADAH_SUM_PLANES] = {0};
    size_t n_planes = 0;
    while (n_bits >> n_planes)
        n_planes++;
    for (size_t b = 0; b < n_bits; b += 8) {
        adah_words bit[8];
        for (size_t i = 0; i < 8; i++)
            bit[i] = plane[b + i] ^ differs[b + i];
        adah_add_eight(bit, sum, n_planes);
    }
    level[0] = (adah_words){0} - 1;
    for (size_t p = n_planes; p-- > 0;) /* level[v]: the items whose distance is v in the planes above p; then also in p */
        for (size_t v = (n_bits >> (p + 1)) + 1; v-- > 0;) {
            const adah_words in = level[v];
            level[2 * v + 1] = in & sum[p];
            level[2 * v] = in & ~sum[p];
        }
}

static ADAH_LEVELS_TARGET void add_levels(adah_level_query *q, size_t first_block, size_t end_block) {
    const adah_bit_planes *planes = q->planes;
    const uint8_t *query = q->code;
    const size_t n_bits = planes->n_bits, n_bytes = n_bits / 8, leave_out = q->leave_out;
    const size_t left_part = leave_out == SIZE_MAX ? 0 : leave_out / planes->length;
    const size_t left_block = leave_out == SIZE_MAX ? SIZE_MAX : leave_out % planes->length / ADAH_PART_WORD;
    const uint64_t left_bit = (uint64_t)1 << leave_out % ADAH_PART_WORD;
    adah_words level[ADAH_PLANES_BITS_MAX + 2];
    uint64_t differs[ADAH_PLANES_BITS_MAX], *next = q->record + q->n_records;
    for (size_t b = 0; b < n_bits; b++)
        differs[b] = 0 - (uint64_t)(query[b >> 3] >> (b & 7) & 1);
    adah_level_block of = {.query = query, .part_bytes = planes->length * n_bytes, .level = (const uint64_t *)level, .n = q->n[0]};
    for (size_t block = first_block; block < end_block; block++) {
        adah_fill_levels((const adah_words *)(planes->plane + block * n_bits * ADAH_PARTS), differs, n_bits, level);
        memset(of.times, 0, sizeof of.times);
        for (size_t c = 0; c < q->n_choices; c++) {
            adah_words carry = *(const adah_words *)(q->choice[c] + block * ADAH_PARTS);
            for (size_t p = 0; p < 4; p++) {
                const adah_words both = of.times[p] & carry;
                of.times[p] ^= carry;
                carry = both;
            }
        }
        if (block == left_block) {
            const size_t d = adah_level_of(query, planes->codes + leave_out * n_bytes, n_bytes);
            level[d][left_part] &= ~left_bit;
            for (size_t p = 0; p < 4; p++)
                of.times[p][left_part] &= ~left_bit;
        }
        of.codes = planes->codes + block * ADAH_PART_WORD * n_bytes;
        next = n_bytes == 8 ? adah_list_chosen_8(&of, next)
               : n_bytes == 16 ? adah_list_chosen_16(&of, next)
                               : adah_list_chosen_any(&of, n_bytes, next);
        for (size_t d = 0; d <= n_bits; d++)
            for (size_t part = 0; part < ADAH_PARTS; part++)
                q->n[d][part] += (uint64_t)__builtin_popcountll(level[d][part]);
    }
    q->n_records = (size_t)(next - q->record);
}

#endif
