/* levels.c - distances of a few blocks at a time, and what to do with a block where the kernel of this machine does not say. */
#include "codes/levels.h"
#include "codes/hamming_kernels.h"
#include "codes/levels_body.h"

size_t adah_part_length(size_t n) {
    const size_t n_words = (n + ADAH_PART_WORD - 1) / ADAH_PART_WORD;
    return (n_words + ADAH_PARTS - 1) / ADAH_PARTS * ADAH_PART_WORD;
}

/* The distances of the blocks first .. end - 1. */
static void measure_piece(const adah_level_query *q, size_t first, size_t end, adah_level_piece *piece) {
    const size_t n_bytes = q->n_bits / 8, n_wanted = (end - first) * ADAH_PART_WORD;
    for (size_t part = 0; part < ADAH_PARTS; part++) {
        const size_t item = part * q->length + first * ADAH_PART_WORD, n_left = item < q->n_items ? q->n_items - item : 0;
        const size_t n = n_left < n_wanted ? n_left : n_wanted;
        uint16_t *distance = piece->distance[part];
        if (n)
            adah_hamming_chosen()->distances(q->code, q->codes + item * n_bytes, n, n_bytes, distance);
        for (size_t i = n; i < n_wanted; i++)
            distance[i] = (uint16_t)(q->n_bits + 1);
        if (q->leave_out - item < n)
            distance[q->leave_out - item] = (uint16_t)(q->n_bits + 1);
    }
}

static void narrow_piece(size_t n_blocks, adah_level_piece *piece) {
    for (size_t part = 0; part < ADAH_PARTS; part++)
        for (size_t i = 0; i < n_blocks * ADAH_PART_WORD; i++)
            piece->byte[part][i] = (uint8_t)piece->distance[part][i];
}

/* Lists those of 64 items that were chosen. before: how many of their part stand before each at its distance. Inlined with a constant n_planes. */
static inline uint64_t *list_items(const uint64_t times[4], size_t n_planes, const uint16_t *distance, const uint32_t *before, size_t part,
                                   uint64_t *record) {
    for (uint64_t left = adah_any_of(times, n_planes); left; left &= left - 1) {
        const size_t i = (size_t)__builtin_ctzll(left);
        *record++ = adah_level_record(before[i], (size_t)distance[i] * ADAH_PARTS + part, adah_times_of(times, n_planes, i));
    }
    return record;
}

/* As add_level_block of levels_body.h, without comparing bytes: it is noted of every item how many stand before it. */
static uint64_t *add_any_block(const adah_level_query *q, adah_level_piece *piece, size_t block, size_t at, uint64_t *record) {
    uint32_t before[ADAH_PARTS][ADAH_PART_WORD];
    for (size_t i = 0; i < ADAH_PART_WORD; i++)
        for (size_t part = 0; part < ADAH_PARTS; part++)
            before[part][i] = piece->n[part][piece->distance[part][at + i]]++;
    for (size_t part = 0; part < ADAH_PARTS && q->n_choices; part++) {
        uint64_t times[ADAH_TIMES_PLANES];
        adah_times_chosen(q, block, part, times);
        const uint16_t *distance = piece->distance[part] + at;
        record = q->n_choices == 1   ? list_items(times, 1, distance, before[part], part, record)
                 : q->n_choices <= 3 ? list_items(times, 2, distance, before[part], part, record)
                                     : list_items(times, ADAH_TIMES_PLANES, distance, before[part], part, record);
    }
    return record;
}

void adah_levels_begin(adah_level_query *query) {
    memset(query->n, 0, (query->n_bits + 2) * sizeof *query->n);
    query->n_records = 0;
}

void adah_levels_add(adah_level_query *query, size_t first_block, size_t end_block) {
    const size_t n_levels = query->n_bits + 2;
    const adah_add_level_block add = adah_hamming_chosen()->add_level_block;
    const int by_bytes = add && query->n_bits <= ADAH_BYTES_BITS_MAX;
    adah_level_piece piece;
    uint64_t *next = query->record + query->n_records;
    for (size_t d = 0; d < n_levels; d++)
        for (size_t part = 0; part < ADAH_PARTS; part++)
            piece.n[part][d] = (uint32_t)query->n[d][part];
    for (size_t first = first_block; first < end_block; first += ADAH_PIECE_BLOCKS) {
        const size_t end = first + ADAH_PIECE_BLOCKS < end_block ? first + ADAH_PIECE_BLOCKS : end_block;
        measure_piece(query, first, end, &piece);
        if (by_bytes)
            narrow_piece(end - first, &piece);
        for (size_t block = first; block < end; block++)
            next = (by_bytes ? add : add_any_block)(query, &piece, block, (block - first) * ADAH_PART_WORD, next);
    }
    for (size_t d = 0; d < n_levels; d++)
        for (size_t part = 0; part < ADAH_PARTS; part++)
            query->n[d][part] = piece.n[part][d];
    query->n_records = (size_t)(next - query->record);
}
