/* bench_hamming.c - time of one query against n codes, for every kernel and usual length.
 *
 *     bench_hamming [n_codes] [k]        defaults: 1,000,000 codes, the 100 nearest
 *
 * Prints the median over repeated queries of the distances alone (one thread) and of the whole search (all
 * threads), and the share of memory bandwidth each reaches: bytes of codes a second over the rate at which the
 * same threads sum up an array too large for the caches. Codes that fit the caches can exceed it. */
#define _GNU_SOURCE
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "codes/codes.h"
#include "stopwatch.h"

#include <stdio.h>
#include <stdlib.h>

enum { N_REPEATS = 41, STREAM_WORDS = 1 << 25 /* 256 MiB */ };

typedef struct stream {
    const uint64_t *words;
    size_t n_part;
    uint64_t sums[256];
} stream;

static void sum_part(void *context, size_t part) {
    stream *s = context;
    uint64_t sum = 0;
    for (size_t i = part * s->n_part; i < (part + 1) * s->n_part; i++)
        sum += s->words[i];
    s->sums[part] = sum;
}

/* Bytes a second that n_threads can read from memory: the best of a few runs. */
static double memory_rate(const uint64_t *words, size_t n_threads) {
    stream s = {words, STREAM_WORDS / n_threads, {0}};
    double best = 0;
    for (int i = 0; i < 5; i++) {
        double start = now();
        adah_parallel_for(n_threads, 1, sum_part, &s);
        double rate = (double)(s.n_part * n_threads * sizeof *words) / (now() - start);
        best = rate > best ? rate : best;
    }
    return best;
}

int main(int argc, char **argv) {
    size_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000, k = argc > 2 ? strtoull(argv[2], NULL, 10) : 100;
    static const size_t lengths[] = {16, 32, 64, 128, 256, 512, 1024};
    size_t n_threads = (size_t)adah_parallel_threads();
    if (n_threads > 256)
        n_threads = 256;
    uint64_t *words = adah_memory_alloc(STREAM_WORDS * sizeof *words);
    uint8_t *codes = adah_memory_alloc(n * ADAH_BITS_MAX / 8);
    uint16_t *distance = adah_memory_alloc(n * sizeof *distance);
    adah_hit *hits = adah_memory_alloc(k * sizeof *hits);
    if (!words || !codes || !distance || !hits || n == 0 || k == 0) {
        fprintf(stderr, "bench_hamming: out of memory or a zero argument\n");
        return 1;
    }
    adah_random r = adah_random_seeded(1, 1);
    for (size_t i = 0; i < STREAM_WORDS; i++)
        words[i] = i;
    for (size_t i = 0; i < n * ADAH_BITS_MAX / 8; i++)
        codes[i] = (uint8_t)adah_random_next(&r);
    double rate_one = memory_rate(words, 1), rate_all = memory_rate(words, n_threads);
    printf("%zu codes, %zu nearest; memory read by 1 thread %.1f GB/s, by %zu threads %.1f GB/s\n", n, k,
           rate_one * 1e-9, n_threads, rate_all * 1e-9);
    printf("%-8s %5s | %12s %8s %9s | %12s %8s %9s\n", "kernel", "bits", "distances", "GB/s", "bandwidth", "search",
           "GB/s", "bandwidth");
    size_t n_kernels;
    const char *const *kernels = adah_hamming_kernels(&n_kernels);
    for (size_t j = 0; j < n_kernels; j++)
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            adah_hamming_use(kernels[j]);
            size_t n_hits, n_bytes = lengths[l] / 8;
            double scan[N_REPEATS], search[N_REPEATS];
            for (int i = 0; i < N_REPEATS; i++) {
                uint8_t query[ADAH_BITS_MAX / 8];
                for (size_t b = 0; b < n_bytes; b++)
                    query[b] = (uint8_t)adah_random_next(&r);
                double start = now();
                adah_hamming_distances(query, codes, n, lengths[l], distance);
                scan[i] = now() - start;
                start = now();
                if (adah_hamming_nearest(query, codes, n, lengths[l], k, hits, &n_hits, NULL) != ADAH_OK)
                    return 1;
                search[i] = now() - start;
            }
            double t1 = median(scan, N_REPEATS), t2 = median(search, N_REPEATS), bytes = (double)(n * n_bytes);
            printf("%-8s %5zu | %9.3f ms %8.1f %8.0f%% | %9.3f ms %8.1f %8.0f%%\n", kernels[j], lengths[l], t1 * 1e3,
                   bytes / t1 * 1e-9, 100 * bytes / t1 / rate_one, t2 * 1e3, bytes / t2 * 1e-9,
                   100 * bytes / t2 / rate_all);
        }
    adah_memory_free(words);
    adah_memory_free(codes);
    adah_memory_free(distance);
    adah_memory_free(hits);
    return 0;
}
