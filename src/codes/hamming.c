/* hamming.c - the choice of kernel, and the exact scan for the k nearest codes.
 *
 * The scan goes block by block: a kernel fills a small array of distances, and only items below a bound are
 * looked at one by one. The bound is the least b such that k items at a distance of at most b have been seen: a
 * later item at b itself would lose to them by position. A histogram of the items below the bound moves it.
 * Large sets are cut into contiguous parts, one a thread; every part keeps a superset of its own k nearest in
 * order of position, so that one counting sort of all of them gives the same hits for any number of parts. */
#include "base/memory.h"
#include "base/parallel.h"
#include "codes/codes.h"
#include "codes/hamming_kernels.h"

#include <stdatomic.h>

enum {
    BLOCK = 2048,            /* distances held at once: 4 KiB */
    GROUP = 64,              /* items that one comparison with the bound rules out */
    PART_BYTES_MIN = 4 << 20 /* of codes, worth a thread: less is read sooner than threads meet on a busy machine */
};

static const adah_hamming_kernel *const all_kernels[] = {
#if defined(__x86_64__)
    &adah_hamming_avx512,
    &adah_hamming_avx2,
#elif defined(__aarch64__)
    &adah_hamming_neon,
#endif
    &adah_hamming_scalar,
};

enum { N_ALL_KERNELS = sizeof all_kernels / sizeof *all_kernels };

static _Atomic(const adah_hamming_kernel *) chosen_kernel; /* NULL: not chosen yet */

static const adah_hamming_kernel *best_kernel(void) {
    size_t i = 0;
    while (!all_kernels[i]->supported()) /* the last one always is */
        i++;
    return all_kernels[i];
}

static const adah_hamming_kernel *kernel(void) {
    const adah_hamming_kernel *k = atomic_load_explicit(&chosen_kernel, memory_order_acquire);
    if (!k) {
        k = best_kernel();
        atomic_store_explicit(&chosen_kernel, k, memory_order_release);
    }
    return k;
}

/* The kernels stand best first, and a machine that runs one runs all slower ones: the names are a tail. */
const char *const *adah_hamming_kernels(size_t *n) {
    static const char *const names[] = {
#if defined(__x86_64__)
        "avx512",
        "avx2",
#elif defined(__aarch64__)
        "neon",
#endif
        "scalar",
    };
    const adah_hamming_kernel *best = best_kernel();
    size_t first = 0;
    while (all_kernels[first] != best)
        first++;
    *n = N_ALL_KERNELS - first;
    return names + first;
}

int adah_hamming_use(const char *name) {
    if (!name) {
        atomic_store(&chosen_kernel, best_kernel());
        return 1;
    }
    for (size_t i = 0; i < N_ALL_KERNELS; i++)
        if (strcmp(name, all_kernels[i]->name) == 0 && all_kernels[i]->supported()) {
            atomic_store(&chosen_kernel, all_kernels[i]);
            return 1;
        }
    return 0;
}

void adah_hamming_distances(const uint8_t *query, const uint8_t *codes, size_t n, size_t n_bits, uint16_t *distance) {
    kernel()->distances(query, codes, n, n_bits / 8, distance);
}

/* One contiguous part of the codes and what may be among its k nearest. */
typedef struct part {
    size_t first, n;
    adah_hit *candidate; /* in order of position */
    size_t n_candidates, capacity;
    uint32_t bound;                  /* only distances below it still count */
    size_t n_below;                  /* candidates below it: fewer than k */
    size_t count[ADAH_BITS_MAX + 1]; /* candidates by distance, right below the bound */
} part;

typedef struct scan {
    const adah_hamming_kernel *kernel;
    const uint8_t *query, *codes;
    size_t n_bytes, k;
    part *parts;
} scan;

/* Drops candidates that can no longer be among the k nearest: above the bound, and at it beyond the k-th. */
static void compact(part *p, size_t k) {
    size_t room_at_bound = k - p->n_below, kept = 0;
    for (size_t i = 0; i < p->n_candidates; i++) {
        uint32_t d = p->candidate[i].distance;
        if (d < p->bound || (d == p->bound && room_at_bound && room_at_bound--))
            p->candidate[kept++] = p->candidate[i];
    }
    p->n_candidates = kept;
}

static void take(part *p, size_t k, size_t position, uint32_t distance) {
    if (p->n_candidates == p->capacity)
        compact(p, k);
    p->candidate[p->n_candidates++] = (adah_hit){position, distance};
    p->count[distance]++;
    p->n_below++;
    while (p->n_below >= k)
        p->n_below -= p->count[--p->bound];
}

/* Distances are at most 1024, so signed comparison serves, which every vector unit has. */
static int any_below(const uint16_t distance[GROUP], uint32_t bound) {
    int16_t limit = (int16_t)bound, any = 0;
    for (size_t i = 0; i < GROUP; i++)
        any |= (int16_t)distance[i] < limit;
    return any;
}

static void scan_part(void *context, size_t part_number) {
    const scan *s = context;
    part *p = &s->parts[part_number];
    uint16_t distance[BLOCK];
    for (size_t done = 0; done < p->n; done += BLOCK) {
        size_t first = p->first + done, n = p->n - done < BLOCK ? p->n - done : BLOCK;
        s->kernel->distances(s->query, s->codes + first * s->n_bytes, n, s->n_bytes, distance);
        for (size_t g = 0; g < n; g += GROUP) {
            size_t end = n - g < GROUP ? n : g + GROUP;
            if (end - g == GROUP && !any_below(distance + g, p->bound))
                continue;
            for (size_t i = g; i < end; i++)
                if (distance[i] < p->bound)
                    take(p, s->k, first + i, distance[i]);
        }
    }
}

/* The k nearest of all candidates: a histogram gives the place of each distance, then one stable pass. */
static void gather(const part *parts, size_t n_parts, size_t k, adah_hit *hits) {
    size_t place[ADAH_BITS_MAX + 2] = {0}; /* place[d]: where the next hit at distance d goes */
    for (size_t j = 0; j < n_parts; j++)
        for (size_t i = 0; i < parts[j].n_candidates; i++)
            place[parts[j].candidate[i].distance + 1]++;
    for (size_t d = 1; d < ADAH_BITS_MAX + 2; d++)
        place[d] += place[d - 1];
    for (size_t j = 0; j < n_parts; j++)
        for (size_t i = 0; i < parts[j].n_candidates; i++) {
            adah_hit hit = parts[j].candidate[i];
            size_t at = place[hit.distance]++;
            if (at < k)
                hits[at] = hit;
        }
}

adah_code adah_hamming_nearest(const uint8_t *query, const uint8_t *codes, size_t n, size_t n_bits, size_t k,
                               adah_hit *hits, size_t *n_hits, adah_status *status) {
    if (n_bits < ADAH_BITS_MIN || n_bits > ADAH_BITS_MAX || n_bits % 8)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "codes of %zu bits: expected a multiple of 8 from %d to %d",
                         n_bits, ADAH_BITS_MIN, ADAH_BITS_MAX);
    if (k > n)
        k = n;
    if (k == 0) {
        *n_hits = 0;
        return ADAH_OK;
    }
    size_t n_bytes = n_bits / 8, n_parts = n * n_bytes / PART_BYTES_MIN;
    size_t n_threads = (size_t)adah_parallel_threads();
    n_parts = n_parts < 1 ? 1 : n_parts > n_threads ? n_threads : n_parts;

    size_t n_part_max = (n + n_parts - 1) / n_parts;
    size_t capacity = k < n_part_max / 2 ? 2 * k : n_part_max; /* full at most once in k items */
    part *parts = adah_memory_zeroed(n_parts, sizeof *parts);
    adah_hit *candidates = adah_memory_resize(NULL, n_parts * capacity, sizeof *candidates);
    if (!parts || !candidates) {
        adah_memory_free(parts);
        adah_memory_free(candidates);
        return adah_fail_memory(status, n_parts * (sizeof *parts + capacity * sizeof *candidates));
    }
    for (size_t j = 0; j < n_parts; j++) {
        part *p = &parts[j];
        p->first = n / n_parts * j + (j < n % n_parts ? j : n % n_parts);
        p->n = n / n_parts + (j < n % n_parts);
        p->candidate = candidates + j * capacity;
        p->capacity = capacity;
        p->bound = (uint32_t)n_bits + 1;
    }
    scan s = {kernel(), query, codes, n_bytes, k, parts};
    adah_parallel_for(n_parts, 1, scan_part, &s);
    gather(parts, n_parts, k, hits);
    adah_memory_free(parts);
    adah_memory_free(candidates);
    *n_hits = k;
    return ADAH_OK;
}
