/* bench_index_ours.c - adah's side of the index benchmark. A new way to search is three functions and a row of the
 * table. */
#define _GNU_SOURCE
#include "bench_index_ours.h"
#include "base/memory.h"
#include "base/npy.h"
#include "base/parallel.h"
#include "codes/codes.h"
#include "stopwatch.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* ---------------------------------------------------------------- adah_hamming_nearest */

typedef struct scan {
    const uint8_t *codes;
    size_t n, n_bits;
} scan;

typedef struct scan_work {
    const scan *scan;
    const uint8_t *queries;
    size_t k;
    int32_t *distances;
    atomic_int has_failed;
} scan_work;

static void *scan_build(const uint8_t *codes, size_t n, size_t n_bits) {
    scan *s = adah_memory_alloc(sizeof *s);
    if (s)
        *s = (scan){codes, n, n_bits};
    return s;
}

static void scan_one(void *context, size_t q) {
    scan_work *w = context;
    const scan *s = w->scan;
    size_t n_hits = 0;
    adah_hit *hits = adah_memory_resize(NULL, w->k, sizeof *hits);
    if (!hits || adah_hamming_nearest(w->queries + q * (s->n_bits / 8), s->codes, s->n, s->n_bits, w->k, hits,
                                      &n_hits, NULL) != ADAH_OK)
        atomic_store(&w->has_failed, 1);
    else
        for (size_t i = 0; i < w->k; i++)
            w->distances[q * w->k + i] = i < n_hits ? (int32_t)hits[i].distance : INT32_MAX;
    adah_memory_free(hits);
}

/* One query has all threads, of several each thread has its own. */
static int scan_search(void *index, size_t setting, const uint8_t *queries, size_t n_queries, size_t k,
                       int32_t *distances) {
    (void)setting;
    scan_work w = {index, queries, k, distances, 0};
    adah_parallel_for(n_queries, 1, scan_one, &w);
    return !atomic_load(&w.has_failed);
}

/* ---------------------------------------------------------------- the table */

static const char *const no_settings[] = {"", NULL};

const ours_method ours_methods[] = {
    {"adah_hamming_nearest", no_settings, scan_build, scan_search, adah_memory_free},
};
const size_t ours_n_methods = sizeof ours_methods / sizeof *ours_methods;

/* ---------------------------------------------------------------- around it */

uint8_t *ours_read_array(const char *path, size_t *n_rows, size_t *n_columns) {
    adah_npy a;
    adah_status status;
    if (adah_npy_open(path, ADAH_NPY_UINT8, &a, &status) != ADAH_OK) {
        fprintf(stderr, "bench_index: %s\n", status.message);
        return NULL;
    }
    uint8_t *copy = adah_memory_alloc(a.n_rows * a.n_columns);
    if (copy)
        memcpy(copy, a.items, a.n_rows * a.n_columns);
    else
        fprintf(stderr, "bench_index: out of memory\n");
    *n_rows = a.n_rows;
    *n_columns = a.n_columns;
    adah_npy_close(&a);
    return copy;
}

void ours_free(void *p) { adah_memory_free(p); }

typedef struct copy {
    const uint8_t *from;
    uint8_t *to;
    size_t n_bytes;
} copy;

static void copy_part(void *context, size_t part) {
    const copy *c = context;
    memcpy(c->to + part * c->n_bytes, c->from + part * c->n_bytes, c->n_bytes);
}

double ours_copy_rate(void) {
    enum { N_BYTES = 1 << 28, N_RUNS = 7 };
    const size_t n_threads = (size_t)adah_parallel_threads();
    uint8_t *from = adah_memory_alloc(N_BYTES), *to = adah_memory_alloc(N_BYTES);
    double best = 0;
    if (from && to) {
        memset(from, 1, N_BYTES);
        memset(to, 2, N_BYTES);
        for (int i = 0; i < N_RUNS; i++) {
            copy c = {from, to, N_BYTES / n_threads};
            const double start = now();
            adah_parallel_for(n_threads, 1, copy_part, &c);
            const double rate = (double)(c.n_bytes * n_threads) / (now() - start);
            best = rate > best ? rate : best;
        }
    }
    adah_memory_free(from);
    adah_memory_free(to);
    return best;
}
