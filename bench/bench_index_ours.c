/* bench_index_ours.c - adah's side of the index benchmark. A new way to search is three functions and a row of the
 * table. */
#define _GNU_SOURCE
#include "bench_index_ours.h"
#include "base/memory.h"
#include "base/npy.h"
#include "base/parallel.h"
#include "base/status.h"
#include "stopwatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---------------------------------------------------------------- a collection file, as a program has it */

typedef struct collection {
    adah_index *index;
    char folder[512], path[600];
} collection;

static const char *const methods[] = {"auto", "scan", "tables", NULL}; /* in the order of adah_search_method */

static void release(void *index) {
    collection *c = index;
    adah_index_close(c->index);
    unlink(c->path);
    rmdir(c->folder);
    adah_memory_free(c);
}

/* Adds the codes as one batch and compacts, which makes the tables. */
static adah_code write_collection(const char *path, const uint8_t *codes, size_t n, size_t n_bits,
                                  adah_status *status) {
    adah_index_writer *w;
    ADAH_TRY(adah_index_writer_create(path, NULL, n_bits, &w, status));
    adah_code code = adah_index_writer_add_codes(w, n, codes, NULL, NULL, status);
    if (code == ADAH_OK)
        code = adah_index_writer_commit(w, status);
    if (code == ADAH_OK)
        code = adah_index_writer_compact(w, (adah_progress){0}, status);
    adah_index_writer_close(w);
    return code;
}

static void *build(const uint8_t *codes, size_t n, size_t n_bits) {
    adah_status status;
    const char *base = getenv("TMPDIR");
    collection *c = adah_memory_zeroed(1, sizeof *c);
    if (!c)
        return NULL;
    snprintf(c->folder, sizeof c->folder, "%s/bench-index-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(c->folder)) {
        fprintf(stderr, "bench_index: no folder can be made in %s\n", base ? base : "/tmp");
        adah_memory_free(c);
        return NULL;
    }
    snprintf(c->path, sizeof c->path, "%s/index", c->folder);
    if (write_collection(c->path, codes, n, n_bits, &status) != ADAH_OK ||
        adah_index_open(c->path, &c->index, &status) != ADAH_OK) {
        fprintf(stderr, "bench_index: %s\n", status.message);
        release(c);
        return NULL;
    }
    return c;
}

static int search(void *index, size_t setting, const uint8_t *queries, size_t n_queries, size_t k,
                  int32_t *distances) {
    const collection *c = index;
    adah_search_options o;
    adah_search_options_init(&o);
    adah_search_result *results = adah_memory_zeroed(n_queries, sizeof *results);
    o.k = k;
    o.method = (adah_search_method)setting;
    const int ok =
        results && adah_index_search(c->index, ADAH_IMAGE, queries, n_queries, &o, results, NULL) == ADAH_OK;
    for (size_t q = 0; ok && q < n_queries; q++) {
        for (size_t i = 0; i < k; i++)
            distances[q * k + i] = i < results[q].n_hits ? (int32_t)results[q].hits[i].distance : INT32_MAX;
        adah_search_result_free(&results[q]);
    }
    adah_memory_free(results);
    return ok;
}

/* ---------------------------------------------------------------- the table */

const ours_method ours_methods[] = {
    {"adah_index", methods, build, search, release},
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
