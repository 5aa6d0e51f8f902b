/* bench_multi_index.c - search by tables against a scan, one query at a time.
 *
 *     bench_multi_index uniform BITS K THREADS TABLES N...
 *     bench_multi_index CODES.npy QUERIES.npy PERCENT K THREADS TABLES N...
 *
 * Codes: uniformly random ones; or rows of CODES.npy at random, each bit turned with a probability of PERCENT / 100,
 * and queries from QUERIES.npy. For each N builds the tables and prints how long that took and what they are; then
 * over some queries the distance of the K-th, and medians, means and 9th tenths of the times of scan and search, keys
 * looked up and codes compared. All searches run in a row, and then all scans. Hits must be equal. Last comes how the
 * time of a search depends on keys and codes, by least squares. THREADS 0: one a core. */
#define _GNU_SOURCE
#include "base/memory.h"
#include "base/npy.h"
#include "base/parallel.h"
#include "base/random.h"
#include "index/multi_index.h"
#include "stopwatch.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N_QUERIES = 101, N_PARTS = 64 };

typedef struct source {
    size_t n_bytes;
    const uint8_t *rows; /* NULL: uniform */
    size_t n_rows;
    double turned; /* probability */
    uint8_t *codes;
    size_t n;
} source;

static void stop(const char *message) {
    fprintf(stderr, "bench_multi_index: %s\n", message);
    exit(1);
}

/* Bits that are 1 with a probability of p, in steps of 2^-16: from the last binary digit of p on, `or` halves the way
 * to 1, `and` to 0. */
static uint64_t biased_bits(adah_random *r, double p) {
    const uint32_t digits = (uint32_t)(p * 65536 + 0.5);
    uint64_t bits = 0;
    for (int i = 0; i < 16; i++)
        bits = digits >> i & 1 ? bits | adah_random_next(r) : bits & adah_random_next(r);
    return bits;
}

static void fill_part(void *context, size_t part) {
    source *s = context;
    adah_random r = adah_random_seeded(1, part);
    const size_t first = s->n * part / N_PARTS, end = s->n * (part + 1) / N_PARTS;
    for (size_t i = first; i < end; i++) {
        uint8_t *code = s->codes + i * s->n_bytes;
        const uint8_t *row = s->rows ? s->rows + adah_random_below(&r, s->n_rows) * s->n_bytes : NULL;
        for (size_t b = 0; b < s->n_bytes; b += 8) {
            const size_t n_here = s->n_bytes - b < 8 ? s->n_bytes - b : 8;
            uint64_t word = 0;
            if (row)
                memcpy(&word, row + b, n_here);
            word ^= row ? biased_bits(&r, s->turned) : adah_random_next(&r);
            memcpy(code + b, &word, n_here);
        }
    }
}

typedef struct run {
    double seconds[N_QUERIES], probes[N_QUERIES], candidates[N_QUERIES], cost[N_QUERIES], scan[N_QUERIES],
        distance[N_QUERIES];
} run;

static double mean(const double *x) {
    double sum = 0;
    for (int i = 0; i < N_QUERIES; i++)
        sum += x[i];
    return sum / N_QUERIES;
}

/* Nanoseconds = a + b keys + c codes, weighted by 1 / time so that short searches count; solved by Cramer's rule. */
static void print_fit(const run *r) {
    double m[3][3] = {{0}}, v[3] = {0};
    for (int i = 0; i < N_QUERIES; i++) {
        const double x[3] = {1, r->probes[i], r->candidates[i]}, t = r->seconds[i] * 1e9;
        for (int a = 0; a < 3; a++) {
            v[a] += x[a] / t;
            for (int b = 0; b < 3; b++)
                m[a][b] += x[a] * x[b] / (t * t);
        }
    }
    double solution[3], whole = 0;
    for (int column = -1; column < 3; column++) {
        double w[3][3];
        memcpy(w, m, sizeof w);
        for (int a = 0; a < 3 && column >= 0; a++)
            w[a][column] = v[a];
        const double determinant = w[0][0] * (w[1][1] * w[2][2] - w[1][2] * w[2][1]) -
                                   w[0][1] * (w[1][0] * w[2][2] - w[1][2] * w[2][0]) +
                                   w[0][2] * (w[1][0] * w[2][1] - w[1][1] * w[2][0]);
        if (column < 0)
            whole = determinant;
        else
            solution[column] = determinant / whole;
    }
    printf("    search ns = %.0f + %.2f keys + %.2f codes\n", solution[0], solution[1], solution[2]);
}

static void measure(source *s, const uint8_t *queries, size_t n_queries, size_t k, int n_tables) {
    const size_t n_bits = s->n_bytes * 8;
    adah_status status;
    adah_parallel_for(N_PARTS, 1, fill_part, s);
    uint8_t *image;
    size_t n_image_bytes;
    double start = now();
    if (adah_multi_index_build(s->codes, s->n, n_bits, n_tables, &image, &n_image_bytes, &status) != ADAH_OK)
        stop(status.message);
    const double seconds = now() - start;
    int n_forced = 0;
    if (!image &&
        adah_multi_index_build(s->codes, s->n, n_bits, n_forced = 3, &image, &n_image_bytes, &status) != ADAH_OK)
        stop(status.message);
    adah_multi_index view;
    if (adah_multi_index_view(image, n_image_bytes, s->n, n_bits, &view, &status) != ADAH_OK)
        stop(status.message);
    printf("n %zu: built in %.2f s, %.1f bytes a code, %s keys of", s->n, seconds,
           (double)n_image_bytes / (double)s->n, n_forced ? "NOT WORTH IT, yet" : "");
    for (int j = 0; j < view.n_tables; j++)
        printf(" %u", view.table[j].n_key_bits);
    printf(" bits\n");

    static run r;
    adah_hit *hits[N_QUERIES], *expected = adah_memory_alloc(k * sizeof *expected);
    size_t n_hits[N_QUERIES], n_dearer = 0;
    if (!expected)
        stop("out of memory");
    for (int i = 0; i < N_QUERIES; i++) {
        adah_multi_index_work work;
        int done;
        adah_multi_index_query query = {
            .code = queries + (size_t)i % n_queries * s->n_bytes, .k = k, .radius = UINT32_MAX, .budget = INFINITY};
        for (int repeat = 0; repeat < (i == 0 ? 2 : 1); repeat++) { /* the first also warms up */
            start = now();
            if (adah_multi_index_search(&view, s->codes, &query, &hits[i], &n_hits[i], &done, &work, &status) !=
                    ADAH_OK ||
                !done)
                stop("a search failed");
            r.seconds[i] = now() - start;
            if (repeat < (i == 0))
                adah_memory_free(hits[i]);
        }
        r.probes[i] = (double)work.n_probes;
        r.candidates[i] = (double)work.n_candidates;
        r.cost[i] = work.cost;
        n_dearer += work.cost > (double)s->n;
    }
    for (int i = 0; i < N_QUERIES; i++) {
        size_t n_expected;
        start = now();
        if (adah_hamming_nearest(queries + (size_t)i % n_queries * s->n_bytes, s->codes, s->n, n_bits, k, expected,
                                 &n_expected, &status) != ADAH_OK)
            stop(status.message);
        r.scan[i] = now() - start;
        r.distance[i] = (double)expected[n_expected - 1].distance;
        int equal = n_expected == n_hits[i];
        for (size_t h = 0; equal && h < n_expected; h++)
            equal = hits[i][h].position == expected[h].position && hits[i][h].distance == expected[h].distance;
        if (!equal)
            stop("hits differ from the scan's");
        adah_memory_free(hits[i]);
    }
    print_fit(&r);
    const double scan_mean = mean(r.scan), search_mean = mean(r.seconds), probes_mean = mean(r.probes),
                 candidates_mean = mean(r.candidates);
    printf("    distance of the last hit: median %.0f", median(r.distance, N_QUERIES));
    printf(", 9th tenth %.0f\n", r.distance[N_QUERIES * 9 / 10]);
    const double scan = median(r.scan, N_QUERIES), search = median(r.seconds, N_QUERIES);
    size_t n_slower = 0;
    for (int i = 0; i < N_QUERIES; i++)
        n_slower += r.seconds[i] > scan;
    printf("    longer than a median scan: %zu searches of %d, by the model %zu\n", n_slower, N_QUERIES, n_dearer);
    printf("    scan   us: median %9.1f  mean %9.1f  least %9.1f\n", scan * 1e6, scan_mean * 1e6, r.scan[0] * 1e6);
    printf("    search us: median %9.1f  mean %9.1f  least %9.1f  9th tenth %9.1f  most %9.1f\n", search * 1e6,
           search_mean * 1e6, r.seconds[0] * 1e6, r.seconds[N_QUERIES * 9 / 10] * 1e6,
           r.seconds[N_QUERIES - 1] * 1e6);
    printf("    keys %.0f, mean %.0f; codes %.0f, mean %.0f; modelled cost of a scan's %.4f\n",
           median(r.probes, N_QUERIES), probes_mean, median(r.candidates, N_QUERIES), candidates_mean,
           median(r.cost, N_QUERIES) / (double)s->n);
    printf("    times faster: median %.1f, mean %.1f\n", scan / search, scan_mean / search_mean);
    fflush(stdout);
    adah_memory_free(expected);
    adah_memory_free(image);
}

int main(int argc, char **argv) {
    const int is_uniform = argc > 1 && strcmp(argv[1], "uniform") == 0, n_before = is_uniform ? 6 : 7;
    if (argc <= n_before)
        stop("expected uniform BITS K THREADS TABLES N... or CODES.npy QUERIES.npy PERCENT K THREADS TABLES N...");
    adah_npy rows = {0}, asked = {0};
    adah_status status;
    source s = {0};
    uint8_t random_queries[N_QUERIES * ADAH_BITS_MAX / 8];
    const uint8_t *queries = random_queries;
    size_t n_queries = N_QUERIES;
    if (is_uniform) {
        adah_random r = adah_random_seeded(2, 1);
        for (size_t i = 0; i < sizeof random_queries; i++)
            random_queries[i] = (uint8_t)adah_random_next(&r);
        s.n_bytes = strtoull(argv[2], NULL, 10) / 8;
    } else {
        if (adah_npy_open(argv[1], ADAH_NPY_UINT8, &rows, &status) != ADAH_OK ||
            adah_npy_open(argv[2], ADAH_NPY_UINT8, &asked, &status) != ADAH_OK)
            stop(status.message);
        if (rows.n_columns != asked.n_columns || rows.n_rows == 0 || asked.n_rows == 0)
            stop("codes and queries differ in length, or there are none");
        s.n_bytes = rows.n_columns;
        s.rows = rows.items;
        s.n_rows = rows.n_rows;
        s.turned = strtod(argv[3], NULL) / 100;
        queries = asked.items;
        n_queries = asked.n_rows;
    }
    const size_t k = strtoull(argv[n_before - 3], NULL, 10);
    if (s.n_bytes < 1 || s.n_bytes > ADAH_BITS_MAX / 8 || k < 1)
        stop("codes of a length that cannot be, or K 0");
    adah_parallel_set_threads(atoi(argv[n_before - 2]));
    for (int i = n_before; i < argc; i++) {
        s.n = strtoull(argv[i], NULL, 10);
        s.codes = adah_memory_alloc(s.n * s.n_bytes);
        if (!s.codes || s.n < k)
            stop("out of memory, or N below K");
        measure(&s, queries, n_queries, k, atoi(argv[n_before - 1]));
        adah_memory_free(s.codes);
    }
    adah_npy_close(&rows);
    adah_npy_close(&asked);
    return 0;
}
