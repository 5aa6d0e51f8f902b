/* code_arrays.c - what programs ask of codes in memory: all distances, the nearest of each query, all within a radius. The scan does the work;
 * here its lists become arrays. */
#include "base/memory.h"
#include "base/parallel.h"
#include "codes/scan.h"

enum { TILE = 16384 /* codes that a thread compares with a query at a time */ };

typedef struct pairs {
    const uint8_t *queries, *codes;
    size_t n, n_bits, n_tiles; /* of a row */
    uint16_t *distance;
} pairs;

static void fill_tile(void *context, size_t tile) {
    const pairs *p = context;
    const size_t query = tile / p->n_tiles, first = tile % p->n_tiles * TILE, n = p->n - first < TILE ? p->n - first : TILE;
    adah_hamming_distances(p->queries + query * p->n_bits / 8, p->codes + first * p->n_bits / 8, n, p->n_bits,
                           p->distance + query * p->n + first);
}

adah_code adah_hamming_pairs(const uint8_t *queries, size_t n_queries, const uint8_t *codes, size_t n, size_t n_bits, uint16_t *distance,
                             adah_status *status) {
    if (n_bits < ADAH_BITS_MIN || n_bits > ADAH_BITS_MAX || n_bits % 8)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "codes of %zu bits, expected a multiple of 8 from %d to %d", n_bits, ADAH_BITS_MIN,
                         ADAH_BITS_MAX);
    pairs p = {queries, codes, n, n_bits, (n + TILE - 1) / TILE, distance};
    const size_t grain = TILE / (n && n < TILE ? n : TILE);
    adah_parallel_for(n_queries * p.n_tiles, grain, fill_tile, &p);
    return ADAH_OK;
}

static adah_code scan_all(const uint8_t *queries, size_t n_queries, const uint8_t *codes, size_t n, size_t n_bits,
                          const adah_scan_options *options, adah_hit_list **lists, adah_status *status) {
    const adah_code_run run = {codes, n, 0, NULL};
    *lists = adah_memory_zeroed(n_queries ? n_queries : 1, sizeof **lists);
    if (!*lists)
        return adah_fail_memory(status, n_queries * sizeof **lists);
    const adah_code code = adah_scan(&run, 1, n_bits, queries, n_queries, options, *lists, status);
    if (code != ADAH_OK)
        adah_memory_free(*lists);
    return code;
}

static void free_lists(adah_hit_list *lists, size_t n_queries) {
    adah_hit_lists_free(lists, n_queries);
    adah_memory_free(lists);
}

static void copy_hits(const adah_hit_list *list, uint64_t *position, uint32_t *distance) {
    for (size_t i = 0; i < list->n; i++) {
        position[i] = list->hit[i].position;
        distance[i] = list->hit[i].distance;
    }
}

adah_code adah_hamming_nearest_k(const uint8_t *queries, size_t n_queries, const uint8_t *codes, size_t n, size_t n_bits, size_t k,
                                 uint64_t *position, uint32_t *distance, adah_status *status) {
    if (k > n)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "the nearest %zu of %zu codes are asked for, expected at most as many as there are", k, n);
    adah_hit_list *lists;
    const adah_scan_options options = {.k = k, .radius = UINT32_MAX};
    ADAH_TRY(scan_all(queries, n_queries, codes, n, n_bits, &options, &lists, status));
    for (size_t q = 0; q < n_queries; q++)
        copy_hits(&lists[q], position + q * k, distance + q * k);
    free_lists(lists, n_queries);
    return ADAH_OK;
}

adah_code adah_hamming_within(const uint8_t *queries, size_t n_queries, const uint8_t *codes, size_t n, size_t n_bits, uint32_t radius,
                              size_t *start, uint64_t **position, uint32_t **distance, adah_status *status) {
    adah_hit_list *lists;
    const adah_scan_options options = {.k = SIZE_MAX, .radius = radius};
    ADAH_TRY(scan_all(queries, n_queries, codes, n, n_bits, &options, &lists, status));
    size_t n_hits = 0;
    for (size_t q = 0; q < n_queries; q++)
        n_hits += lists[q].n;
    uint64_t *positions = adah_memory_resize(NULL, n_hits, sizeof *positions);
    uint32_t *distances = adah_memory_resize(NULL, n_hits, sizeof *distances);
    const int is_there = positions && distances;
    if (is_there) {
        start[0] = 0;
        for (size_t q = 0; q < n_queries; q++) {
            copy_hits(&lists[q], positions + start[q], distances + start[q]);
            start[q + 1] = start[q] + lists[q].n;
        }
        *position = positions;
        *distance = distances;
    } else {
        adah_memory_free(positions);
        adah_memory_free(distances);
    }
    free_lists(lists, n_queries);
    return is_there ? ADAH_OK : adah_fail_memory(status, n_hits * (sizeof *positions + sizeof *distances));
}
