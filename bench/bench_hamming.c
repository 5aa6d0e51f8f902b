/* bench_hamming.c - the rate of the exact scan, of one query and of many, for every kernel and usual length.
 *
 *     bench_hamming [n_codes] [k] [n_queries]        defaults: 1,000,000 codes, the 100 nearest, 256 queries
 *
 * Prints the rates at which all threads read and copy an array too large for the caches, then for every kernel and
 * length the median time of one query and its share of the read rate, and the rate of many queries at once: GB of
 * codes compared a second, each code as often as there are queries. Codes that fit the caches can exceed the rate of
 * memory. */
#define _GNU_SOURCE
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "codes/scan.h"
#include "stopwatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    N_REPEATS_ONE = 21,
    N_REPEATS_MANY = 3,
    N_REPEATS_MEMORY = 7,
    STREAM_WORDS = 1 << 25 /* 256 MiB */,
    THREADS_MAX = 256
};

typedef struct stream {
    const uint64_t *words;
    uint64_t *copy; /* NULL: only read */
    size_t n_part;
    uint64_t sums[THREADS_MAX];
} stream;

static void pass_part(void *context, size_t part) {
    stream *s = context;
    const uint64_t *words = s->words + part * s->n_part;
    if (s->copy) {
        memcpy(s->copy + part * s->n_part, words, s->n_part * sizeof *words);
        return;
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < s->n_part; i++)
        sum += words[i];
    s->sums[part] = sum;
}

/* Bytes a second that n_threads can read from memory, or copy within it (read and written ones both counted): the
 * best of a few runs. */
static double memory_rate(const uint64_t *words, uint64_t *copy, size_t n_threads) {
    stream s = {words, copy, STREAM_WORDS / n_threads, {0}};
    double best = 0;
    for (int i = 0; i < N_REPEATS_MEMORY; i++) {
        const double start = now();
        adah_parallel_for(n_threads, 1, pass_part, &s);
        const double rate = (double)(s.n_part * n_threads * sizeof *words) * (copy ? 2 : 1) / (now() - start);
        best = rate > best ? rate : best;
    }
    return best;
}

/* The median time of a scan for n_queries random queries. */
static double time_scan(const adah_code_run *run, size_t n_bits, size_t k, size_t n_queries, int n_repeats,
                        uint8_t *queries, adah_random *r) {
    const adah_scan_options options = {.k = k, .radius = UINT32_MAX};
    double seconds[N_REPEATS_ONE];
    adah_hit_list *lists = adah_memory_zeroed(n_queries, sizeof *lists);
    for (int i = 0; i < n_repeats; i++) {
        for (size_t b = 0; b < n_queries * n_bits / 8; b++)
            queries[b] = (uint8_t)adah_random_next(r);
        const double start = now();
        if (!lists || adah_scan(run, 1, n_bits, queries, n_queries, &options, lists, NULL) != ADAH_OK) {
            fprintf(stderr, "bench_hamming: out of memory\n");
            exit(1);
        }
        seconds[i] = now() - start;
        adah_hit_lists_free(lists, n_queries);
    }
    adah_memory_free(lists);
    return median(seconds, (size_t)n_repeats);
}

int main(int argc, char **argv) {
    const size_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000,
                 k = argc > 2 ? strtoull(argv[2], NULL, 10) : 100;
    const size_t n_queries = argc > 3 ? strtoull(argv[3], NULL, 10) : 256;
    static const size_t lengths[] = {8, 16, 24, 32, 48, 64, 96, 128, 200, 256, 512, 1024};
    size_t n_threads = (size_t)adah_parallel_threads();
    if (n_threads > THREADS_MAX)
        n_threads = THREADS_MAX;
    uint64_t *words = adah_memory_alloc(STREAM_WORDS * sizeof *words),
             *copy = adah_memory_alloc(STREAM_WORDS * sizeof *copy);
    uint64_t *codes = adah_memory_alloc(n * ADAH_BITS_MAX / 8);
    uint8_t *queries = adah_memory_alloc((n_queries + 1) * ADAH_BITS_MAX / 8);
    if (!words || !copy || !codes || !queries || n == 0 || k == 0 || n_queries == 0) {
        fprintf(stderr, "bench_hamming: out of memory or a zero argument\n");
        return 1;
    }
    adah_random r = adah_random_seeded(1, 1);
    for (size_t i = 0; i < STREAM_WORDS; i++)
        words[i] = i;
    for (size_t i = 0; i < n * ADAH_BITS_MAX / 64; i++)
        codes[i] = adah_random_next(&r);
    const double rate = memory_rate(words, NULL, n_threads);
    printf("%zu codes, %zu nearest, %zu threads; memory: %.1f GB/s read, %.1f GB/s copied\n", n, k, n_threads,
           rate * 1e-9, memory_rate(words, copy, n_threads) * 1e-9);
    printf("%-8s %5s | %11s %7s %9s | %4zu queries %10s %8s\n", "kernel", "bits", "one query", "GB/s", "of memory",
           n_queries, "GB/s", "G/s");
    size_t n_kernels;
    const char *const *kernels = adah_hamming_kernels(&n_kernels);
    for (size_t j = 0; j < n_kernels; j++)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            const adah_code_run run = {(const uint8_t *)codes, n, 0, NULL};
            const double bytes = (double)n * (double)lengths[l] / 8;
            adah_hamming_use(kernels[j]);
            const double one = time_scan(&run, lengths[l], k, 1, N_REPEATS_ONE, queries, &r);
            const double many = time_scan(&run, lengths[l], k, n_queries, N_REPEATS_MANY, queries, &r);
            printf("%-8s %5zu | %8.3f ms %7.1f %8.0f%% | %9.1f ms %10.1f %8.2f\n", kernels[j], lengths[l], one * 1e3,
                   bytes / one * 1e-9, 100 * bytes / one / rate, many * 1e3, bytes * (double)n_queries / many * 1e-9,
                   (double)n * (double)n_queries / many * 1e-9);
            fflush(stdout);
        }
    adah_memory_free(words);
    adah_memory_free(copy);
    adah_memory_free(codes);
    adah_memory_free(queries);
    return 0;
}
