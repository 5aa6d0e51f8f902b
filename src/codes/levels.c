/* levels.c - codes turned into bitmaps, and what kernels find with them put right at the end of the parts. */
#include "codes/levels.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "codes/hamming_kernels.h"

size_t adah_part_length(size_t n) {
    const size_t n_words = (n + ADAH_PART_WORD - 1) / ADAH_PART_WORD;
    return (n_words + ADAH_PARTS - 1) / ADAH_PARTS * ADAH_PART_WORD;
}

int adah_bit_planes_help(size_t n_bits) { return adah_hamming_chosen()->add_levels && n_bits <= ADAH_PLANES_BITS_MAX; }

/* Eight bytes as the rows of a square of bits, turned: bit i of byte k becomes bit k of byte i. */
static uint64_t turn(uint64_t x) {
    uint64_t t = (x ^ x >> 7) & 0x00aa00aa00aa00aau;
    x ^= t ^ t << 7;
    t = (x ^ x >> 14) & 0x0000cccc0000ccccu;
    x ^= t ^ t << 14;
    t = (x ^ x >> 28) & 0x00000000f0f0f0f0u;
    return x ^ t ^ t << 28;
}

static void make_block(void *context, size_t block) {
    const adah_bit_planes *planes = context;
    const size_t n_bytes = planes->n_bits / 8;
    uint64_t *plane = planes->plane + block * planes->n_bits * ADAH_PARTS;
    for (size_t part = 0; part < ADAH_PARTS; part++) {
        const size_t first = part * planes->length + block * ADAH_PART_WORD, left = first < planes->n ? planes->n - first : 0;
        const size_t n = left < ADAH_PART_WORD ? left : ADAH_PART_WORD;
        for (size_t byte = 0; byte < n_bytes; byte++)
            for (size_t i = 0; i < n; i += 8) { /* eight items at a time */
                uint64_t x = 0;
                for (size_t k = 0; k < 8 && i + k < n; k++)
                    x |= (uint64_t)planes->codes[(first + i + k) * n_bytes + byte] << 8 * k;
                x = turn(x);
                for (size_t b = 0; b < 8; b++)
                    plane[(byte * 8 + b) * ADAH_PARTS + part] |= (x >> 8 * b & 0xff) << i;
            }
    }
}

adah_code adah_bit_planes_make(const uint8_t *codes, size_t n, size_t n_bits, adah_bit_planes *planes, adah_status *status) {
    const size_t length = adah_part_length(n), n_blocks = length / ADAH_PART_WORD;
    *planes = (adah_bit_planes){.codes = codes, .n = n, .n_bits = n_bits, .length = length, .n_blocks = n_blocks};
    planes->plane = adah_memory_zeroed(n_blocks, n_bits * ADAH_PARTS * sizeof *planes->plane);
    if (!planes->plane)
        return adah_fail_memory(status, n_blocks * n_bits * ADAH_PARTS * sizeof *planes->plane);
    adah_parallel_for(n_blocks, 64, make_block, planes);
    return ADAH_OK;
}

void adah_bit_planes_free(adah_bit_planes *planes) {
    adah_memory_free(planes->plane);
    *planes = (adah_bit_planes){0};
}

void adah_levels_begin(adah_level_query *query) {
    memset(query->n, 0, (query->planes->n_bits + 1) * sizeof *query->n);
    query->n_records = 0;
}

void adah_levels_add(adah_level_query *query, size_t first_block, size_t end_block) {
    adah_hamming_chosen()->add_levels(query, first_block, end_block);
}

/* What the bitmaps have beyond the end of a part was counted as codes of zeros, behind everything. */
void adah_levels_end(adah_level_query *query) {
    const adah_bit_planes *planes = query->planes;
    const size_t d = adah_hamming_one(query->code, (const uint8_t[ADAH_PLANES_BITS_MAX / 8]){0}, planes->n_bits / 8);
    for (size_t part = 0; part < ADAH_PARTS; part++) {
        const size_t first = part * planes->length, end = first + planes->length;
        query->n[d][part] -= end <= planes->n ? 0 : end - (first < planes->n ? planes->n : first);
    }
}
