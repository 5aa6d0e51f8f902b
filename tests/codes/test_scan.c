/* (property) The exact scan against loops over single bits and a full sort: every length, kernel, kind of option and cut into
 * runs. Codes, queries and bitmaps end where a page that may not be read begins. */
#define _GNU_SOURCE
#include "base/parallel.h"
#include "base/random.h"
#include "codes/scan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- memory that ends with a guard page ---- */

typedef struct guarded {
    uint8_t *bytes, *pages;
    size_t n_mapped;
} guarded;

static guarded guarded_copy(const void *bytes, size_t n_bytes) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), n_pages = (n_bytes + page - 1) / page;
    guarded g = {.n_mapped = (n_pages + 1) * page};
    g.pages = mmap(NULL, g.n_mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(g.pages != MAP_FAILED);
    assert_int_equal(mprotect(g.pages + n_pages * page, page, PROT_NONE), 0);
    g.bytes = g.pages + n_pages * page - n_bytes;
    if (n_bytes)
        memcpy(g.bytes, bytes, n_bytes);
    return g;
}

static void guarded_free(guarded *g) { munmap(g->pages, g->n_mapped); }

/* ---- a set of codes, what of it counts, and the sorted truth ---- */

typedef struct set {
    size_t n, n_queries, n_bits;
    uint8_t *codes, *queries;
    uint8_t *is_kept;      /* n */
    adah_hit *sorted;      /* n a query, by (distance, position) */
    uint64_t first;        /* position of code 0 */
    int accepts_some_only; /* the callback says no to some */
} set;

static unsigned distance_by_bits(const uint8_t *a, const uint8_t *b, size_t n_bits) {
    unsigned sum = 0;
    for (size_t i = 0; i < n_bits; i++)
        sum += (a[i >> 3] >> (i & 7) & 1) != (b[i >> 3] >> (i & 7) & 1);
    return sum;
}

/* Faster, for large sets. */
static unsigned distance_by_bytes(const uint8_t *a, const uint8_t *b, size_t n_bytes) {
    unsigned sum = 0;
    for (size_t i = 0; i < n_bytes; i++)
        sum += (unsigned)__builtin_popcount(a[i] ^ b[i]);
    return sum;
}

static int by_distance_then_position(const void *a, const void *b) {
    const adah_hit *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
}

typedef enum kind { RANDOM, FEW_DISTINCT, NEAR_QUERIES, FALLING, N_KINDS } kind;

static void flip(adah_random *r, uint8_t *code, size_t n_bits, size_t n_flips) {
    for (size_t i = 0; i < n_flips; i++) {
        const size_t bit = (size_t)adah_random_below(r, n_bits);
        code[bit >> 3] ^= (uint8_t)(1 << (bit & 7));
    }
}

static set set_make(adah_random *r, size_t n, size_t n_queries, size_t n_bits, kind of) {
    const size_t n_bytes = n_bits / 8;
    set s = {.n = n, .n_queries = n_queries, .n_bits = n_bits, .first = adah_random_next(r) >> 20};
    s.codes = malloc(n * n_bytes + 1);
    s.queries = malloc(n_queries * n_bytes + 1);
    s.is_kept = malloc(n + 1);
    s.sorted = malloc((n * n_queries + 1) * sizeof *s.sorted);
    for (size_t i = 0; i < n_queries * n_bytes; i++)
        s.queries[i] = (uint8_t)adah_random_next(r);
    for (size_t i = 0; i < n * n_bytes; i++)
        s.codes[i] = (uint8_t)adah_random_next(r);
    for (size_t i = 0; i < n && of != RANDOM; i++) {
        uint8_t *code = s.codes + i * n_bytes;
        memcpy(code, s.queries + adah_random_below(r, of == FALLING ? 1 : n_queries) * n_bytes, n_bytes);
        if (of == NEAR_QUERIES)
            flip(r, code, n_bits, (size_t)adah_random_below(r, 6));
        else if (of == FALLING)
            flip(r, code, n_bits, (n - i) * n_bits / 2 / n);
    }
    memset(s.is_kept, 1, n);
    for (size_t q = 0; q < n_queries; q++) {
        for (size_t i = 0; i < n; i++) {
            const uint8_t *query = s.queries + q * n_bytes, *code = s.codes + i * n_bytes;
            s.sorted[q * n + i] = (adah_hit){s.first + i, n > 300 ? distance_by_bytes(query, code, n_bytes)
                                                                  : distance_by_bits(query, code, n_bits)};
        }
        qsort(s.sorted + q * n, n, sizeof *s.sorted, by_distance_then_position);
    }
    return s;
}

static void set_free(set *s) {
    free(s->codes);
    free(s->queries);
    free(s->is_kept);
    free(s->sorted);
}

/* One of n_in_1000 codes counts, or by whole stretches of 200. */
static void set_keep(adah_random *r, set *s, unsigned n_in_1000, int in_stretches) {
    uint8_t kept = 0;
    for (size_t i = 0; i < s->n; i++) {
        if (!in_stretches || i % 200 == 0)
            kept = adah_random_below(r, 1000) < n_in_1000;
        s->is_kept[i] = kept;
    }
}

static int accept(void *context, size_t query, uint64_t position) {
    const set *s = context;
    if (query >= s->n_queries || position < s->first || position - s->first >= s->n ||
        !s->is_kept[position - s->first])
        abort(); /* a test that fails on another thread cannot be reported */
    return !s->accepts_some_only || (query + position * 7) % 3 != 0;
}

/* The set as n_runs runs, cut anywhere; some may be empty. */
typedef struct cut_set {
    adah_code_run *runs;
    guarded *memory; /* codes and bitmap of each run, then the queries */
    size_t n_runs;
} cut_set;

static cut_set cut(adah_random *r, const set *s, size_t n_runs, int with_keep) {
    const size_t n_bytes = s->n_bits / 8;
    cut_set c = {calloc(n_runs, sizeof *c.runs), calloc(2 * n_runs + 1, sizeof *c.memory), n_runs};
    size_t begin = 0;
    for (size_t i = 0; i < n_runs; i++) {
        const size_t left = s->n - begin, mean = s->n / n_runs + 1;
        size_t n = i + 1 == n_runs ? left : (size_t)adah_random_below(r, 2 * mean);
        n = n > left ? left : n;
        uint64_t *keep = calloc(n / 64 + 1, sizeof *keep);
        for (size_t j = 0; j < n; j++)
            keep[j / 64] |= (uint64_t)s->is_kept[begin + j] << j % 64;
        if (n % 64)
            keep[n / 64] |= UINT64_MAX << n % 64; /* bits behind the end do not count */
        c.memory[2 * i] = guarded_copy(s->codes + begin * n_bytes, n * n_bytes);
        c.memory[2 * i + 1] = guarded_copy(keep, (n + 63) / 64 * sizeof *keep);
        free(keep);
        c.runs[i] = (adah_code_run){c.memory[2 * i].bytes, n, s->first + begin,
                                    with_keep ? (const uint64_t *)(const void *)c.memory[2 * i + 1].bytes : NULL};
        begin += n;
    }
    c.memory[2 * n_runs] = guarded_copy(s->queries, s->n_queries * n_bytes);
    return c;
}

static void cut_free(cut_set *c) {
    for (size_t i = 0; i < 2 * c->n_runs + 1; i++)
        guarded_free(&c->memory[i]);
    free(c->memory);
    free(c->runs);
}

/* Compares one scan with the truth. */
static void check(set *s, const cut_set *c, adah_scan_options options) {
    adah_hit_list *lists = malloc((s->n_queries + 1) * sizeof *lists);
    adah_status status = {0};
    options.context = s;
    assert_int_equal(adah_scan(c->runs, c->n_runs, s->n_bits, c->memory[2 * c->n_runs].bytes, s->n_queries, &options,
                               lists, &status),
                     ADAH_OK);
    for (size_t q = 0; q < s->n_queries; q++) {
        size_t n = 0;
        uint32_t last = 0;
        for (size_t i = 0; i < s->n; i++) {
            const adah_hit hit = s->sorted[q * s->n + i];
            if (!s->is_kept[hit.position - s->first] || hit.distance > options.radius ||
                (options.accept && !accept(s, q, hit.position)))
                continue;
            if (n >= options.k && !(options.keep_ties && options.k && hit.distance == last))
                break;
            if (n >= lists[q].n || lists[q].hit[n].position != hit.position ||
                lists[q].hit[n].distance != hit.distance)
                fail_msg("%zu bits, %zu codes, query %zu of %zu, k %zu, radius %u, ties %d: hit %zu of %zu is wrong",
                         s->n_bits, s->n, q, s->n_queries, options.k, options.radius, options.keep_ties, n,
                         lists[q].n);
            last = hit.distance;
            n++;
        }
        if (n != lists[q].n || (n == 0 && lists[q].hit))
            fail_msg("%zu bits, %zu codes, query %zu, k %zu, radius %u, ties %d: %zu hits, expected %zu", s->n_bits,
                     s->n, q, options.k, options.radius, options.keep_ties, lists[q].n, n);
    }
    adah_hit_lists_free(lists, s->n_queries);
    for (size_t q = 0; q < s->n_queries; q++)
        assert_true(lists[q].hit == NULL && lists[q].n == 0);
    free(lists);
}

/* All lengths, around the borders of groups and blocks, with few queries and some more: what is read in place and
 * what is gathered. */
static void check_kernel(const char *name) {
    adah_random r = adah_random_seeded(11, 1);
    static const size_t query_counts[] = {1, 2, 9};
    assert_int_equal(adah_hamming_use(name), 1);
    for (size_t n_bits = 8; n_bits <= ADAH_BITS_MAX; n_bits += 8) {
        const size_t block = n_bits <= 64 ? 4096 : 32768 / ((n_bits + 63) / 64 * 512) * 64;
        const size_t counts[] = {0, 1, 2, 63, 64, 65, 129, 255, block - 1, block, block + 1, 2 * block + 70};
        for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
            set s = set_make(&r, counts[i], query_counts[adah_random_below(&r, 3)], n_bits,
                             (kind)adah_random_below(&r, N_KINDS));
            cut_set c = cut(&r, &s, 1, (int)adah_random_below(&r, 2));
            check(&s, &c, (adah_scan_options){.k = 1 + (size_t)adah_random_below(&r, 20), .radius = UINT32_MAX});
            check(&s, &c, (adah_scan_options){.k = SIZE_MAX, .radius = (uint32_t)n_bits / 3});
            cut_free(&c);
            set_free(&s);
        }
    }
    adah_hamming_use(NULL);
}

static void test_every_length_and_kernel(void **state) {
    (void)state;
    size_t n;
    const char *const *names = adah_hamming_kernels(&n);
    for (size_t i = 0; i < n; i++)
        check_kernel(names[i]);
}

/* Options, cuts, filters and threads at random. */
static void test_options_runs_and_filters(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(11, 2);
    static const size_t lengths[] = {8, 16, 24, 32, 48, 56, 64, 72, 128, 200, 256, 512, 1024};
    static const unsigned densities[] = {0, 1, 20, 100, 500, 900, 1000};
    size_t n_names;
    const char *const *names = adah_hamming_kernels(&n_names);
    for (int round = 0; round < 150; round++) {
        const size_t n = (size_t)adah_random_below(&r, 4) * 3000 + (size_t)adah_random_below(&r, 300);
        const size_t n_queries = (size_t)adah_random_below(&r, 3) ? 1 + (size_t)adah_random_below(&r, 8) : 30;
        set s = set_make(&r, n, n_queries, lengths[adah_random_below(&r, 13)], (kind)adah_random_below(&r, N_KINDS));
        for (int i = 0; i < 12; i++) {
            const int with_keep = i % 3 != 0;
            const size_t ks[] = {0, 1, 2, 10, 100, n / 3, n - 1, n, n + 1, SIZE_MAX, SIZE_MAX};
            const uint32_t radii[] = {
                0, 3, (uint32_t)s.n_bits / 3, (uint32_t)s.n_bits / 2, (uint32_t)s.n_bits, UINT32_MAX};
            set_keep(&r, &s, with_keep ? densities[adah_random_below(&r, 7)] : 1000, (int)adah_random_below(&r, 2));
            s.accepts_some_only = (int)adah_random_below(&r, 2);
            cut_set c = cut(&r, &s, i % 4 == 0 ? 40 : 1 + (size_t)adah_random_below(&r, 4), with_keep);
            adah_hamming_use(names[adah_random_below(&r, n_names)]);
            check(&s, &c,
                  (adah_scan_options){.k = ks[adah_random_below(&r, 11)],
                                      .radius = radii[adah_random_below(&r, 6)],
                                      .keep_ties = (int)adah_random_below(&r, 2),
                                      .accept = adah_random_below(&r, 2) ? accept : NULL});
            cut_free(&c);
        }
        set_free(&s);
    }
    adah_hamming_use(NULL);
}

/* Work enough for many threads: few queries share out the codes, many the queries, and more than fit at once take
 * turns. */
static void test_threads(void **state) {
    (void)state;
    adah_random r = adah_random_seeded(11, 3);
    static const struct {
        size_t n, n_queries, n_bits;
    } cases[] = {{210001, 1, 1024}, {330000, 7, 72},   {9000, 100, 256},
                 {9001, 300, 64},   {1500, 1300, 128}, {300, 2000, 40}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (kind of = RANDOM; of <= NEAR_QUERIES; of++) {
            set s = set_make(&r, cases[i].n, cases[i].n_queries, cases[i].n_bits, of);
            for (int n_threads = 1; n_threads <= 5; n_threads++) {
                adah_parallel_set_threads(n_threads);
                set_keep(&r, &s, n_threads % 2 ? 1000 : 300, 1);
                cut_set c = cut(&r, &s, (size_t)n_threads, 1);
                check(&s, &c, (adah_scan_options){.k = 10, .radius = UINT32_MAX});
                check(&s, &c, (adah_scan_options){.k = 50, .radius = UINT32_MAX, .keep_ties = 1, .accept = accept});
                check(&s, &c, (adah_scan_options){.k = SIZE_MAX, .radius = (uint32_t)s.n_bits / 3});
                cut_free(&c);
            }
            set_free(&s);
        }
    adah_parallel_set_threads((int)sysconf(_SC_NPROCESSORS_ONLN));
}

static void test_refuses_what_makes_no_sense(void **state) {
    (void)state;
    const uint8_t codes[8] = {0};
    const adah_scan_options options = {.k = 3, .radius = UINT32_MAX};
    const adah_code_run runs[3] = {{codes, 4, 10, NULL}, {codes, 4, 13, NULL}, {codes, 4, UINT64_MAX - 2, NULL}};
    adah_hit_list list = {NULL, 7};
    adah_status status;
    const size_t bad[] = {0, 4, 12, 1032};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(adah_scan(runs, 1, bad[i], codes, 1, &options, &list, &status), ADAH_ERROR_ARGUMENT);
        assert_non_null(strstr(status.message, "multiple of 8 from 8 to 1024"));
        assert_true(list.hit == NULL && list.n == 0);
    }
    assert_int_equal(adah_scan(runs, 2, 8, codes, 1, &options, &list, &status), ADAH_ERROR_ARGUMENT);
    assert_non_null(strstr(status.message, "run 1"));
    assert_int_equal(adah_scan(runs + 2, 1, 8, codes, 1, &options, &list, &status), ADAH_ERROR_ARGUMENT);
    assert_int_equal(adah_scan(NULL, 0, 8, codes, 1, &options, &list, &status), ADAH_OK);
    assert_int_equal(list.n, 0);
    assert_int_equal(adah_scan(runs, 1, 8, NULL, 0, &options, NULL, &status), ADAH_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_length_and_kernel),
        cmocka_unit_test(test_options_runs_and_filters),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_refuses_what_makes_no_sense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
