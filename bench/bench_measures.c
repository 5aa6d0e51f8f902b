/* bench_measures.c - time of all retrieval measures of codes, and of the mAP of real-valued codes.
 *
 *     bench_measures [n_queries] [n_items] [n_bits]        defaults: 1,000 queries, 20,000 items, 64 bits
 *
 * Random codes, two labels of twenty each. Prints the median time, all threads. */
#define _GNU_SOURCE
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include <adah/adah.h>
#include "eval/measures_real.h"
#include "stopwatch.h"

#include <stdio.h>
#include <stdlib.h>

enum { N_REPEATS = 5, N_LABELS = 2 };

typedef struct random_set {
    uint8_t *codes;
    float *vectors;
    uint32_t *label;
    size_t *label_start;
} random_set;

static random_set make_set(size_t n, size_t n_bits, uint64_t seed) {
    adah_random r = adah_random_seeded(seed, 0);
    random_set s = {adah_memory_alloc(n * n_bits / 8), adah_memory_floats(n * n_bits),
                    adah_memory_alloc(n * N_LABELS * sizeof *s.label), adah_memory_alloc((n + 1) * sizeof *s.label_start)};
    if (!s.codes || !s.vectors || !s.label || !s.label_start) {
        fprintf(stderr, "bench_measures: out of memory\n");
        exit(1);
    }
    for (size_t i = 0; i < n * n_bits / 8; i++)
        s.codes[i] = (uint8_t)adah_random_next(&r);
    for (size_t i = 0; i < n * n_bits; i++)
        s.vectors[i] = adah_random_normal(&r);
    for (size_t i = 0; i <= n; i++)
        s.label_start[i] = i * N_LABELS;
    for (size_t i = 0; i < n * N_LABELS; i++)
        s.label[i] = (uint32_t)(i % N_LABELS * 10 + adah_random_below(&r, 10));
    return s;
}

static void free_set(random_set *s) {
    adah_memory_free(s->codes);
    adah_memory_free(s->vectors);
    adah_memory_free(s->label);
    adah_memory_free(s->label_start);
}

int main(int argc, char **argv) {
    const size_t n_queries = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    const size_t n_items = argc > 2 ? strtoul(argv[2], NULL, 10) : 20000;
    const size_t n_bits = argc > 3 ? strtoul(argv[3], NULL, 10) : 64;
    random_set q = make_set(n_queries, n_bits, 1), d = make_set(n_items, n_bits, 2);
    double coded[N_REPEATS], real[N_REPEATS];
    adah_status status;
    for (int i = 0; i < N_REPEATS; i++) {
        adah_measures m;
        adah_measures_real r;
        const double start = now();
        if (adah_measures_compute((adah_coded_set){n_queries, q.codes, q.label, q.label_start},
                                  (adah_coded_set){n_items, d.codes, d.label, d.label_start}, n_bits, 0, NULL, &m, &status)) {
            fprintf(stderr, "bench_measures: %s\n", status.message);
            return 1;
        }
        const double middle = now();
        if (adah_measures_real_compute((adah_real_set){n_queries, q.vectors, q.label, q.label_start},
                                       (adah_real_set){n_items, d.vectors, d.label, d.label_start}, n_bits, NULL, &r,
                                       &status)) {
            fprintf(stderr, "bench_measures: %s\n", status.message);
            return 1;
        }
        coded[i] = middle - start;
        real[i] = now() - middle;
        adah_measures_free(&m);
    }
    printf("%zu queries, %zu items, %zu bits, %d threads: codes %.3f s, real-valued %.3f s\n", n_queries, n_items, n_bits,
           adah_parallel_threads(), median(coded, N_REPEATS), median(real, N_REPEATS));
    free_set(&q);
    free_set(&d);
    return 0;
}
