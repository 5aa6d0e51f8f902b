/* hamming_kernels.h - the kernel families of the Hamming distance, for src/codes alone.
 *
 * `distances` writes the distance of one query to n codes of n_bytes bytes each. The others, for the scan, read groups of
 * ADAH_GROUP codes that lie word by word: word w of code i of group g is the one numbered (g * n_words + w) * ADAH_GROUP + i.
 * A word has word_bytes = 8 bytes or, where one word is the whole code (n_words = 1), 2, 4 or 8: then a group is just codes one
 * after another. The query is n_words words of 8 bytes; a shorter word stands in it as often as there is room. No pointer to
 * codes needs alignment, and nothing beyond the codes is read.
 *
 * Where many queries look at the same groups, a kernel may want these in a form of its own, planes, of 2 * ADAH_GROUP bytes for
 * each byte of a code: `make_planes` makes them, and near_planes answers from them what near_groups answers from the groups. */
#ifndef ADAH_CODES_HAMMING_KERNELS_H
#define ADAH_CODES_HAMMING_KERNELS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { ADAH_GROUP = 64 /* as many as a word of a bitmap has bits */ };

struct adah_level_query; /* levels.h */
struct adah_level_piece; /* levels_body.h */
/* Takes in one block of a piece, whose distances lie from `at` on in each part; returns where the next record goes. */
typedef uint64_t *(*adah_add_level_block)(const struct adah_level_query *query, struct adah_level_piece *piece, size_t block, size_t at,
                                          uint64_t *record);

typedef struct adah_hamming_kernel {
    const char *name;
    int (*supported)(void); /* by the machine this runs on */
    void (*distances)(const uint8_t *query, const uint8_t *codes, size_t n, size_t n_bytes, uint16_t *distance);
    /* Writes the numbers of the groups that hold a code at a distance below the limit, ascending; returns how many. */
    size_t (*near_groups)(const uint64_t *query, const uint8_t *groups, size_t n_groups, size_t word_bytes, size_t n_words,
                          uint32_t limit, uint16_t *group);
    /* The distances of the codes of one group; returns which are below the limit, code i in bit i. */
    uint64_t (*near_codes)(const uint64_t *query, const uint8_t *group, size_t word_bytes, size_t n_words, uint32_t limit,
                           uint16_t distance[ADAH_GROUP]);
    /* NULL where groups serve as well. n_bytes: those of a code, which are the first of its words; planes: room for n_groups or,
     * if that is no multiple of 4, for the next one. */
    void (*make_planes)(const uint8_t *groups, size_t n_groups, size_t word_bytes, size_t n_words, size_t n_bytes,
                        uint8_t *planes);
    /* query_halves: for each byte of the query 16 times its low half, then 16 times its high half. */
    size_t (*near_planes)(const uint8_t *query_halves, const uint8_t *planes, size_t n_groups, size_t n_bytes, uint32_t limit,
                          uint16_t *group);
    /* What `distances` takes for a code that is not 2 or more words of 8 bytes, measured in words of near_groups; roughly. */
    size_t odd_cost;
    adah_add_level_block add_level_block; /* NULL: this kernel does not compare 64 bytes at once */
} adah_hamming_kernel;

const adah_hamming_kernel *adah_hamming_chosen(void); /* the best one, or what adah_hamming_use chose */

/* The kernels of this architecture, best first: a machine that runs one of them runs all that follow, and the last one runs everywhere.
 * To add a kernel, add its name here and a file hamming_NAME.c that defines adah_hamming_NAME. */
#if defined(__x86_64__)
#define ADAH_HAMMING_KERNELS(KERNEL) KERNEL(avx512) KERNEL(avx2) KERNEL(scalar)
#elif defined(__aarch64__)
#define ADAH_HAMMING_KERNELS(KERNEL) KERNEL(neon) KERNEL(scalar)
#else
#define ADAH_HAMMING_KERNELS(KERNEL) KERNEL(scalar)
#endif
#define ADAH_HAMMING_DECLARE(name) extern const adah_hamming_kernel adah_hamming_##name;
ADAH_HAMMING_KERNELS(ADAH_HAMMING_DECLARE)

/* Bits set in x, by adding neighbouring fields in parallel: no instruction beyond the baseline. */
static inline unsigned adah_bits_set(uint64_t x) {
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0fu;
    return (unsigned)(x * 0x0101010101010101u >> 56);
}

/* Asks for memory some way ahead of n_bytes at p, so that codes that are read once arrive in time; where they are at hand this
 * costs next to nothing. A hint: what is asked for may lie beyond the codes. */
static inline void adah_ask_ahead(const uint8_t *p, size_t n_bytes) {
    enum { AHEAD = 4096, LINE = 64 };
    for (size_t i = 0; i < n_bytes; i += LINE)
        __builtin_prefetch((const void *)((uintptr_t)p + AHEAD + i));
}

/* One code, eight bytes at a time. */
static inline uint16_t adah_hamming_one(const uint8_t *a, const uint8_t *b, size_t n_bytes) {
    unsigned sum = 0;
    for (; n_bytes >= 8; n_bytes -= 8, a += 8, b += 8) {
        uint64_t x, y;
        memcpy(&x, a, 8);
        memcpy(&y, b, 8);
        sum += adah_bits_set(x ^ y);
    }
    uint64_t x = 0, y = 0;
    memcpy(&x, a, n_bytes);
    memcpy(&y, b, n_bytes);
    return (uint16_t)(sum + adah_bits_set(x ^ y));
}

#endif
