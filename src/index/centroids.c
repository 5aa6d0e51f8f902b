/* centroids.c - k-modes on a sample, then every code to its nearest centroid.
 *
 * The sample is drawn at random without a code twice, from a fixed seed, and its first codes are the first centroids.
 * A round assigns the sample and lets each list vote; a list that nobody chose starts again from a random code of the
 * sample. All is integers, and each loop over items writes only what is the item's own, so that threads do not show
 * in the result. */
#include "index/centroids.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "codes/codes.h"

#include <string.h>

enum {
    N_ROUNDS = 8,
    N_SAMPLE_PER_LIST = 64,
    N_AT_ONCE = 256, /* codes that one item of a parallel loop assigns */
    N_SLICE = 4096   /* centroids whose distances are held at once: 8 KiB */
};

/* A set of codes and the list of each. */
typedef struct assignment {
    const uint8_t *codes, *centroids;
    size_t n, n_bits, n_lists;
    uint32_t *list;
} assignment;

static uint32_t nearest_centroid(const assignment *a, const uint8_t *code) {
    uint16_t distance[N_SLICE], best = UINT16_MAX;
    size_t nearest = 0;
    for (size_t first = 0; first < a->n_lists; first += N_SLICE) {
        const size_t n = a->n_lists - first < N_SLICE ? a->n_lists - first : N_SLICE;
        uint16_t least = UINT16_MAX;
        adah_hamming_distances(code, a->centroids + first * (a->n_bits / 8), n, a->n_bits, distance);
        for (size_t i = 0; i < n; i++) /* without the position, so that it is done many at a time */
            least = distance[i] < least ? distance[i] : least;
        if (least >= best)
            continue;
        best = least;
        nearest = first;
        while (distance[nearest - first] != least)
            nearest++;
    }
    return (uint32_t)nearest;
}

static void assign_some(void *context, size_t item) {
    const assignment *a = context;
    const size_t end = a->n - item * N_AT_ONCE < N_AT_ONCE ? a->n : (item + 1) * N_AT_ONCE;
    for (size_t i = item * N_AT_ONCE; i < end; i++)
        a->list[i] = nearest_centroid(a, a->codes + i * (a->n_bits / 8));
}

static void assign(assignment *a) { adah_parallel_for((a->n + N_AT_ONCE - 1) / N_AT_ONCE, 1, assign_some, a); }

/* The members of each list, in order. start: n_lists + 1, member: n. */
static void group(const assignment *a, size_t *start, size_t *member) {
    memset(start, 0, (a->n_lists + 1) * sizeof *start);
    for (size_t i = 0; i < a->n; i++)
        start[a->list[i] + 1]++;
    for (size_t l = 0; l < a->n_lists; l++)
        start[l + 1] += start[l];
    for (size_t i = 0; i < a->n; i++)
        member[start[a->list[i]]++] = i;
    memmove(start + 1, start,
            a->n_lists * sizeof *start); /* each has moved to its end, which is the next one's start */
    start[0] = 0;
}

typedef struct vote {
    const uint8_t *codes;
    const size_t *start, *member;
    size_t n_bits;
    uint8_t *centroids;
} vote;

/* Where a bit is half and half, the centroid keeps it. */
static void vote_list(void *context, size_t l) {
    const vote *v = context;
    const size_t n_bytes = v->n_bits / 8, n = v->start[l + 1] - v->start[l];
    uint32_t n_ones[ADAH_BITS_MAX] = {0};
    uint8_t *centroid = v->centroids + l * n_bytes;
    for (size_t i = v->start[l]; i < v->start[l + 1]; i++) {
        const uint8_t *code = v->codes + v->member[i] * n_bytes;
        for (size_t b = 0; b < v->n_bits; b++)
            n_ones[b] += code[b >> 3] >> (b & 7) & 1;
    }
    for (size_t b = 0; b < v->n_bits; b++)
        if (2 * (size_t)n_ones[b] != n) {
            const uint8_t bit = (uint8_t)(1u << (b & 7));
            centroid[b >> 3] =
                (uint8_t)(2 * (size_t)n_ones[b] > n ? centroid[b >> 3] | bit : centroid[b >> 3] & ~bit);
        }
}

/* m codes of the set, each once: taken in order of the set, put in random order. order: m. */
static void draw_sample(const uint8_t *codes, size_t n, size_t n_bytes, size_t m, adah_random *r, size_t *order,
                        uint8_t *sample) {
    adah_random_permutation(r, m, order);
    for (size_t i = 0, taken = 0; taken < m; i++)
        if (adah_random_below(r, n - i) < m - taken)
            memcpy(sample + order[taken++] * n_bytes, codes + i * n_bytes, n_bytes);
}

/* Room for all that learning holds beside the result. */
typedef struct room {
    uint8_t *sample;
    uint32_t *list;
} room;

static void learn(const uint8_t *codes, size_t n, size_t n_bits, size_t m, const room *w, adah_centroids *c) {
    const size_t n_bytes = n_bits / 8;
    adah_random r = adah_random_seeded(0, 1);
    draw_sample(codes, n, n_bytes, m, &r, c->member, w->sample);
    memcpy(c->codes, w->sample, c->n * n_bytes);
    assignment sampled = {w->sample, c->codes, m, n_bits, c->n, w->list};
    vote v = {w->sample, c->start, c->member, n_bits, c->codes};
    for (int round = 0; round < N_ROUNDS; round++) {
        assign(&sampled);
        group(&sampled, c->start, c->member);
        adah_parallel_for(c->n, 16, vote_list, &v);
        for (size_t l = 0; l < c->n; l++)
            if (c->start[l] == c->start[l + 1])
                memcpy(c->codes + l * n_bytes, w->sample + adah_random_below(&r, m) * n_bytes, n_bytes);
    }
    assignment all = {codes, c->codes, n, n_bits, c->n, w->list};
    assign(&all);
    group(&all, c->start, c->member);
}

/* Rounded down. */
static size_t square_root(size_t n) {
    size_t root = 1;
    while ((root + 1) * (root + 1) <= n)
        root++;
    return root;
}

adah_code adah_centroids_learn(const uint8_t *codes, size_t n, size_t n_bits, size_t n_lists,
                               adah_centroids *centroids, adah_status *status) {
    if (n_lists == 0)
        n_lists = square_root(n);
    const size_t m = n / N_SAMPLE_PER_LIST < n_lists ? n : n_lists * N_SAMPLE_PER_LIST;
    adah_centroids c = {n_lists, adah_memory_alloc(n_lists * (n_bits / 8)),
                        adah_memory_resize(NULL, n_lists + 1, sizeof *c.start),
                        adah_memory_resize(NULL, n, sizeof *c.member)};
    const room w = {adah_memory_resize(NULL, m, n_bits / 8), adah_memory_resize(NULL, n, sizeof *w.list)};
    const int has_room = c.codes && c.start && c.member && w.sample && w.list;
    if (has_room)
        learn(codes, n, n_bits, m, &w, &c);
    adah_memory_free(w.sample);
    adah_memory_free(w.list);
    if (!has_room) {
        adah_centroids_free(&c);
        return adah_fail_memory(status, n * (sizeof *c.member + sizeof *w.list) + (n_lists + m) * (n_bits / 8));
    }
    *centroids = c;
    return ADAH_OK;
}

void adah_centroids_free(adah_centroids *c) {
    adah_memory_free(c->codes);
    adah_memory_free(c->start);
    adah_memory_free(c->member);
    *c = (adah_centroids){0};
}
