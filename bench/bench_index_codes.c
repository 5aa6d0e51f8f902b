/* bench_index_codes.c - makes what the index benchmark is measured on: codes, queries, and the exact answers.
 *
 *     bench_index_codes uniform N N_BITS FOLDER
 *     bench_index_codes TRAINED.npy N N_BITS FOLDER
 *
 * Writes codes.npy (N codes), queries.npy (1,000) and exact.npy (the distances of the 100 nearest of each query, by a
 * scan) into FOLDER. Uniform: every bit is 0 or 1 alike, the hardest case. Else codes are drawn from TRAINED.npy, an
 * array of codes that a model made, with every bit turned with probability 1/16; queries are drawn likewise and are
 * no codes of the set. */
#define _GNU_SOURCE
#include "base/memory.h"
#include "base/npy.h"
#include "base/random.h"
#include "codes/codes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N_QUERIES = 1000, K = 100, BITS_MAX = 248 /* distances are written as bytes */ };

static void stop(const char *message) {
    fprintf(stderr, "bench_index_codes: %s\n", message);
    exit(1);
}

static void check(adah_code code, const adah_status *status) {
    if (code != ADAH_OK)
        stop(status->message);
}

/* One code in 64-bit words; `from` NULL: uniform. */
static void draw(adah_random *r, const adah_npy *from, size_t n_bytes, uint8_t *code) {
    const uint8_t *drawn = from ? (const uint8_t *)from->items + adah_random_below(r, from->n_rows) * n_bytes : NULL;
    for (size_t i = 0; i < n_bytes; i += 8) {
        uint64_t word = adah_random_next(r);
        if (drawn) /* of four words, a bit is set in all with probability 1/16 */
            word &= adah_random_next(r) & adah_random_next(r) & adah_random_next(r);
        for (size_t b = i; b < n_bytes && b < i + 8; b++)
            code[b] = (uint8_t)((drawn ? drawn[b] : 0) ^ (word >> 8 * (b - i)));
    }
}

static void write_array(const char *folder, const char *name, const uint8_t *items, size_t n_rows, size_t n_columns) {
    adah_status status;
    char *path = adah_file_join(folder, name);
    if (!path)
        stop("out of memory");
    check(adah_npy_write(path, ADAH_NPY_UINT8, items, n_rows, n_columns, &status), &status);
    adah_memory_free(path);
}

int main(int argc, char **argv) {
    if (argc != 5)
        stop("expected uniform|TRAINED.npy N N_BITS FOLDER");
    const size_t n = strtoull(argv[2], NULL, 10), n_bits = strtoull(argv[3], NULL, 10), n_bytes = n_bits / 8;
    const int is_uniform = strcmp(argv[1], "uniform") == 0;
    const char *folder = argv[4];
    adah_status status;
    adah_npy trained;
    if (n < K || n_bits < ADAH_BITS_MIN || n_bits > BITS_MAX || n_bits % 8)
        stop("N must be 100 at least, N_BITS a multiple of 8 up to 248");
    if (!is_uniform) {
        check(adah_npy_open(argv[1], ADAH_NPY_UINT8, &trained, &status), &status);
        if (trained.n_columns != n_bytes || trained.n_rows == 0)
            stop("the trained codes are not of N_BITS bits, or none");
    }
    check(adah_file_make_folder(folder, &status), &status);
    uint8_t *codes = adah_memory_alloc(n * n_bytes), *queries = adah_memory_alloc(N_QUERIES * n_bytes);
    uint8_t *exact = adah_memory_alloc(N_QUERIES * K);
    if (!codes || !queries || !exact)
        stop("out of memory");
    adah_random r = adah_random_seeded(1, 1), of_queries = adah_random_seeded(1, 2);
    for (size_t i = 0; i < n; i++)
        draw(&r, is_uniform ? NULL : &trained, n_bytes, codes + i * n_bytes);
    for (size_t q = 0; q < N_QUERIES; q++) {
        adah_hit hits[K];
        size_t n_hits = 0;
        draw(&of_queries, is_uniform ? NULL : &trained, n_bytes, queries + q * n_bytes);
        check(adah_hamming_nearest(queries + q * n_bytes, codes, n, n_bits, K, hits, &n_hits, &status), &status);
        for (size_t i = 0; i < K; i++)
            exact[q * K + i] = (uint8_t)hits[i].distance;
    }
    write_array(folder, "codes.npy", codes, n, n_bytes);
    write_array(folder, "queries.npy", queries, N_QUERIES, n_bytes);
    write_array(folder, "exact.npy", exact, N_QUERIES, K);
    adah_memory_free(codes);
    adah_memory_free(queries);
    adah_memory_free(exact);
    if (!is_uniform)
        adah_npy_close(&trained);
    return 0;
}
