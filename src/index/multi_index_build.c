/* multi_index_build.c - chooses the keys of a multi-index and fills its tables.
 *
 * A design is a number of keys, their lengths and their bits. Bits that agree in many codes make uneven keys: some
 * are had by very many codes. So a bit goes where it correlates least with the bits that are there already, and bits
 * that hardly vary are left out first. What a design costs is found out by trying: a few of the codes are queries, a
 * scan tells how far their 10 nearest are, and a sample tells how many codes would be looked at on the way there. The
 * cheapest design is built, each table by a counting sort. */
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "index/multi_index_format.h"

#include <math.h>

enum {
    N_QUERIES = 24,
    N_NEAREST = 10,
    SAMPLE_MAX = 1 << 14,
    CORRELATED_MAX = 1 << 12, /* of the sample, to compare every bit with every other */
    N_SHORTER = 3,            /* bits by which keys are tried shorter than those that tell even codes apart */
    TABLE_BYTES_A_CODE_BYTE = 2
};

#define WORTH 0.7 /* of a scan's time: tables that take more are not worth their memory */

typedef struct sample {
    size_t n;
    uint8_t *codes;        /* n */
    uint32_t *keys;        /* n, of one table */
    uint16_t *distance;    /* n, of the codes or of the keys */
    double *correlation;   /* n_bits * n_bits, squared */
    double *share;         /* of the codes that have a bit */
    uint16_t *by_variance; /* bits, the most varied first */
    size_t n_queries;
    const uint8_t *query[N_QUERIES];
    uint32_t reach[N_QUERIES];    /* distance of the last of the nearest */
    double last_share[N_QUERIES]; /* of the codes that the last step meets: ties end it early */
} sample;

typedef struct design {
    adah_multi_index_header header;
    uint64_t mask[ADAH_MULTI_INDEX_TABLES_MAX][ADAH_MULTI_INDEX_WORDS_MAX];
    double cost; /* of a query, in scanned codes */
} design;

/* How one query sees one table. */
typedef struct key_distances {
    uint32_t n_at[ADAH_MULTI_INDEX_KEY_BITS_MAX + 1]; /* codes of the sample by distance of their keys */
} key_distances;

static void sample_free(sample *s) {
    adah_memory_free(s->codes);
    adah_memory_free(s->keys);
    adah_memory_free(s->distance);
    adah_memory_free(s->correlation);
    adah_memory_free(s->share);
    adah_memory_free(s->by_variance);
}

static uint64_t image_bytes(const adah_multi_index_header *header) {
    adah_multi_index unused;
    return adah_multi_index_lay_out(NULL, header, &unused);
}

static double variance(const sample *s, size_t bit) { return s->share[bit] * (1 - s->share[bit]); }

/* Shares and squared correlations of the bits in the first codes of the sample. */
static adah_code correlate(sample *s, size_t n_bits, adah_status *status) {
    const size_t n_codes = s->n < CORRELATED_MAX ? s->n : CORRELATED_MAX, n_column = (n_codes + 63) / 64;
    uint64_t *column = adah_memory_zeroed(n_bits * n_column, sizeof *column); /* of a bit: the codes that have it */
    if (!column)
        return adah_fail_memory(status, n_bits * n_column * sizeof *column);
    for (size_t i = 0; i < n_codes; i++)
        for (size_t bit = 0; bit < n_bits; bit++)
            column[bit * n_column + i / 64] |= (uint64_t)(s->codes[i * (n_bits / 8) + bit / 8] >> bit % 8 & 1)
                                               << i % 64;
    for (size_t bit = 0; bit < n_bits; bit++) {
        size_t n_set = 0;
        for (size_t w = 0; w < n_column; w++)
            n_set += (size_t)__builtin_popcountll(column[bit * n_column + w]);
        s->share[bit] = (double)n_set / (double)n_codes;
    }
    for (size_t a = 0; a < n_bits; a++)
        for (size_t b = 0; b < a; b++) {
            size_t n_differ = 0;
            for (size_t w = 0; w < n_column; w++)
                n_differ += (size_t)__builtin_popcountll(column[a * n_column + w] ^ column[b * n_column + w]);
            const double both = (s->share[a] + s->share[b] - (double)n_differ / (double)n_codes) / 2;
            const double covariance = both - s->share[a] * s->share[b];
            const double variances = variance(s, a) * variance(s, b);
            s->correlation[a * n_bits + b] = variances > 0 ? covariance * covariance / variances : 0;
            s->correlation[b * n_bits + a] = s->correlation[a * n_bits + b];
        }
    for (size_t i = 0; i < n_bits; i++) { /* insertion sort, stable */
        size_t at = i;
        for (; at > 0 && variance(s, s->by_variance[at - 1]) < variance(s, i); at--)
            s->by_variance[at] = s->by_variance[at - 1];
        s->by_variance[at] = (uint16_t)i;
    }
    adah_memory_free(column);
    return ADAH_OK;
}

/* How far the nearest of some of the codes are. */
static adah_code ask(sample *s, const uint8_t *codes, size_t n, size_t n_bits, adah_random *r, adah_status *status) {
    s->n_queries = n < N_QUERIES ? n : N_QUERIES;
    for (size_t q = 0; q < s->n_queries; q++) {
        adah_hit hits[N_NEAREST + 1]; /* and itself */
        size_t n_hits, n_within = 0;
        s->query[q] = codes + adah_random_below(r, n) * (n_bits / 8);
        ADAH_TRY(adah_hamming_nearest(s->query[q], codes, n, n_bits, N_NEAREST + 1, hits, &n_hits, status));
        s->reach[q] = hits[n_hits - 1].distance;
        adah_hamming_distances(s->query[q], s->codes, s->n, n_bits, s->distance);
        for (size_t i = 0; i < s->n; i++)
            n_within += s->distance[i] <= s->reach[q];
        const double expected = (double)n_within * (double)n / (double)s->n;
        s->last_share[q] = expected > 2 * N_NEAREST ? 2 * N_NEAREST / expected : 1;
    }
    return ADAH_OK;
}

static adah_code draw(sample *s, const uint8_t *codes, size_t n, size_t n_bits, adah_status *status) {
    adah_random r = adah_random_seeded(n, n_bits);
    const size_t n_bytes = n_bits / 8;
    s->n = n < SAMPLE_MAX ? n : SAMPLE_MAX;
    s->codes = adah_memory_alloc(s->n * n_bytes);
    s->keys = adah_memory_zeroed(s->n, sizeof *s->keys);
    s->distance = adah_memory_zeroed(s->n, sizeof *s->distance);
    s->correlation = adah_memory_zeroed(n_bits * n_bits, sizeof *s->correlation);
    s->share = adah_memory_zeroed(n_bits, sizeof *s->share);
    s->by_variance = adah_memory_zeroed(n_bits, sizeof *s->by_variance);
    if (!s->codes || !s->keys || !s->distance || !s->correlation || !s->share || !s->by_variance)
        return adah_fail_memory(status, n_bits * n_bits * sizeof *s->correlation + s->n * n_bytes);
    for (size_t i = 0; i < s->n; i++)
        memcpy(s->codes + i * n_bytes, codes + (s->n == n ? i : adah_random_below(&r, n)) * n_bytes, n_bytes);
    ADAH_TRY(correlate(s, n_bits, status));
    return ask(s, codes, n, n_bits, &r, status);
}

/* Gives each key of the design its bits. */
static void choose_bits(design *d, const sample *s) {
    const size_t n_bits = d->header.n_bits;
    const uint32_t n_tables = d->header.n_tables;
    uint16_t bit[ADAH_MULTI_INDEX_TABLES_MAX][ADAH_MULTI_INDEX_KEY_BITS_MAX];
    size_t n_in[ADAH_MULTI_INDEX_TABLES_MAX] = {0}, n_to_place = 0;
    memset(d->mask, 0, sizeof d->mask);
    for (uint32_t j = 0; j < n_tables; j++)
        n_to_place += d->header.n_key_bits[j];
    for (size_t i = 0; i < n_to_place; i++) {
        const uint16_t next = s->by_variance[i];
        uint32_t best = n_tables;
        double least = INFINITY;
        for (uint32_t j = 0; j < n_tables; j++) {
            double sum = 0;
            for (size_t b = 0; b < n_in[j]; b++)
                sum += s->correlation[next * n_bits + bit[j][b]];
            if (n_in[j] < d->header.n_key_bits[j] && (sum < least || (sum == least && n_in[j] < n_in[best]))) {
                least = sum;
                best = j;
            }
        }
        bit[best][n_in[best]++] = next;
        d->mask[best][next / 64] |= (uint64_t)1 << next % 64;
    }
}

/* Counts, for each query, the codes of the sample by the distance of their keys in one table. */
static void count_keys(const design *d, const sample *s, uint32_t table, adah_multi_index_keys *keys,
                       key_distances *seen) {
    const size_t n_bits = d->header.n_bits;
    adah_multi_index_table key_table = {.n_key_bits = d->header.n_key_bits[table]};
    memcpy(key_table.mask, d->mask[table], sizeof key_table.mask);
    adah_multi_index_prepare_keys(&key_table, n_bits, keys);
    for (size_t i = 0; i < s->n; i++)
        s->keys[i] = adah_multi_index_key(keys, s->codes + i * (n_bits / 8));
    for (size_t q = 0; q < s->n_queries; q++) {
        const uint32_t key = adah_multi_index_key(keys, s->query[q]);
        key_distances *here = &seen[q * ADAH_MULTI_INDEX_TABLES_MAX + table];
        adah_hamming_distances((const uint8_t *)&key, (const uint8_t *)s->keys, s->n, 32, s->distance);
        memset(here, 0, sizeof *here);
        for (size_t i = 0; i < s->n; i++)
            here->n_at[s->distance[i]]++;
    }
}

/* What one query costs: as the search does, each step in the cheapest table. */
static double query_cost(const design *d, const sample *s, size_t q, const key_distances *seen) {
    const size_t n_bits = d->header.n_bits;
    const double n = (double)d->header.n, probe = adah_multi_index_probe_cost(n_bits);
    const double candidate =
        adah_multi_index_candidate_cost(d->header.n, n_bits) * n / (double)s->n; /* for each of the sample */
    uint32_t radius[ADAH_MULTI_INDEX_TABLES_MAX] = {0};                          /* the next */
    double n_keys[ADAH_MULTI_INDEX_TABLES_MAX], cost = adah_multi_index_start_cost(n_bits); /* at that radius */
    for (uint32_t j = 0; j < d->header.n_tables; j++)
        n_keys[j] = 1;
    for (uint32_t step = 0; step <= s->reach[q] && cost < n; step++) {
        const double share = step == s->reach[q] ? s->last_share[q] : 1;
        uint32_t cheapest = 0;
        double least = INFINITY;
        for (uint32_t j = 0; j < d->header.n_tables; j++) {
            const double price = n_keys[j] * probe + seen[j].n_at[radius[j]] * candidate * share;
            if (price < least) {
                least = price;
                cheapest = j;
            }
        }
        cost += least;
        const uint32_t r = ++radius[cheapest], length = d->header.n_key_bits[cheapest];
        if (r > length)
            break; /* every code has been seen */
        n_keys[cheapest] *= (double)(length - r + 1) / r;
    }
    return cost < n ? cost : n;
}

/* Tries n_tables keys of together n_key_bits bits. Keeps the cheapest design whose image has at most n_bytes_max
 * bytes. */
static void try_design(design *best, const sample *s, uint32_t n_tables, uint32_t n_key_bits, uint64_t n_bytes_max,
                       adah_multi_index_keys *keys, key_distances *seen) {
    design d = *best;
    d.header.n_tables = n_tables;
    memset(d.header.n_key_bits, 0, sizeof d.header.n_key_bits);
    for (uint32_t j = 0; j < n_tables; j++)
        d.header.n_key_bits[j] = (uint8_t)(n_key_bits / n_tables + (j < n_key_bits % n_tables));
    if (image_bytes(&d.header) > n_bytes_max)
        return;
    choose_bits(&d, s);
    for (uint32_t j = 0; j < n_tables; j++)
        count_keys(&d, s, j, keys, seen);
    d.cost = 0;
    for (size_t q = 0; q < s->n_queries; q++)
        d.cost += query_cost(&d, s, q, seen + q * ADAH_MULTI_INDEX_TABLES_MAX) / (double)s->n_queries;
    if (d.cost < best->cost)
        *best = d;
}

/* Tries sums of the keys' lengths in steps of half a bit a key, from keys that would tell the codes apart if they
 * were even. */
static adah_code choose(design *best, const sample *s, int n_tables, adah_status *status) {
    const uint32_t n_bits = best->header.n_bits;
    const uint64_t n_bytes_max = best->header.n * (n_bits / 8) * TABLE_BYTES_A_CODE_BYTE;
    adah_multi_index_keys *keys = adah_memory_alloc(sizeof *keys);
    key_distances *seen = adah_memory_zeroed(N_QUERIES * ADAH_MULTI_INDEX_TABLES_MAX, sizeof *seen);
    if (!keys || !seen) {
        adah_memory_free(keys);
        adah_memory_free(seen);
        return adah_fail_memory(status, sizeof *keys + N_QUERIES * ADAH_MULTI_INDEX_TABLES_MAX * sizeof *seen);
    }
    uint32_t even = 1;
    while (even < ADAH_MULTI_INDEX_KEY_BITS_MAX && best->header.n >> even)
        even++;
    const uint32_t first = n_tables ? (uint32_t)n_tables : 1, last = n_tables ? first : ADAH_MULTI_INDEX_TABLES_MAX;
    for (uint32_t m = first; m <= last && m <= n_bits; m += 1 + m / 6) {
        const uint32_t most = m * even < n_bits ? m * even : n_bits, step = (m + 1) / 2;
        for (uint32_t i = 0; i <= 2 * N_SHORTER && i * step <= most - m; i++)
            try_design(best, s, m, most - i * step, n_tables ? UINT64_MAX : n_bytes_max, keys, seen);
    }
    adah_memory_free(keys);
    adah_memory_free(seen);
    return ADAH_OK;
}

typedef struct filling {
    const adah_multi_index *view;
    const uint8_t *codes;
    adah_multi_index_keys *keys; /* one a table */
} filling;

/* Counts the codes of each key, sums up to where each key's entries end, and puts the codes there from the last to
 * the first, which leaves the starts. */
static void fill_table(void *context, size_t j) {
    const filling *f = context;
    const adah_multi_index_table *table = &f->view->table[j];
    const size_t n = f->view->n, n_bytes = f->view->n_bits / 8, n_keys = (size_t)1 << table->n_key_bits;
    adah_multi_index_keys *keys = &f->keys[j];
    uint32_t *starts = (uint32_t *)(uintptr_t)table->starts; /* ours still, and so are the entries */
    uint32_t *entries = (uint32_t *)(uintptr_t)table->entries;
    adah_multi_index_prepare_keys(table, f->view->n_bits, keys);
    for (size_t i = 0; i < n; i++)
        starts[adah_multi_index_key(keys, f->codes + i * n_bytes)]++;
    for (size_t key = 1; key <= n_keys; key++)
        starts[key] += starts[key - 1];
    for (size_t i = n; i-- > 0;)
        entries[--starts[adah_multi_index_key(keys, f->codes + i * n_bytes)]] = (uint32_t)i;
}

static adah_code fill(const design *d, const uint8_t *codes, uint8_t **image, size_t *n_image_bytes,
                      adah_status *status) {
    const size_t n_tables = d->header.n_tables, n_words = adah_multi_index_words(d->header.n_bits);
    adah_multi_index_header header = d->header;
    memcpy(header.magic, adah_multi_index_magic, sizeof header.magic);
    header.n_image_bytes = image_bytes(&header);
    uint8_t *bytes = adah_memory_zeroed((size_t)header.n_image_bytes, 1);
    adah_multi_index view;
    filling f = {&view, codes, adah_memory_zeroed(n_tables, sizeof *f.keys)};
    if (!bytes || !f.keys) {
        adah_memory_free(bytes);
        adah_memory_free(f.keys);
        return adah_fail_memory(status, (size_t)header.n_image_bytes + n_tables * sizeof *f.keys);
    }
    memcpy(bytes, &header, sizeof header);
    for (size_t j = 0; j < n_tables; j++)
        memcpy(bytes + sizeof header + j * n_words * sizeof(uint64_t), d->mask[j], n_words * sizeof(uint64_t));
    adah_multi_index_lay_out(bytes, &header, &view);
    adah_parallel_for(n_tables, 1, fill_table, &f);
    adah_memory_free(f.keys);
    *image = bytes;
    *n_image_bytes = (size_t)header.n_image_bytes;
    return ADAH_OK;
}

adah_code adah_multi_index_build(const uint8_t *codes, size_t n, size_t n_bits, int n_tables, uint8_t **image,
                                 size_t *n_image_bytes, adah_status *status) {
    *image = NULL;
    *n_image_bytes = 0;
    if (n_bits < ADAH_BITS_MIN || n_bits > ADAH_BITS_MAX || n_bits % 8)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "codes of %zu bits: expected a multiple of 8 from %d to %d",
                         n_bits, ADAH_BITS_MIN, ADAH_BITS_MAX);
    if (n_tables < 0 || n_tables > ADAH_MULTI_INDEX_TABLES_MAX || (size_t)n_tables > n_bits)
        return adah_fail(status, ADAH_ERROR_ARGUMENT,
                         "%d search tables of codes of %zu bits: expected 0 to %d, and not more than bits", n_tables,
                         n_bits, ADAH_MULTI_INDEX_TABLES_MAX);
    if (n == 0 || n > UINT32_MAX || (n_tables == 0 && adah_multi_index_start_cost(n_bits) > WORTH * (double)n))
        return ADAH_OK;
    sample s = {0};
    design best = {.header = {.n_bits = (uint32_t)n_bits, .n = n}, .cost = INFINITY};
    adah_code code = draw(&s, codes, n, n_bits, status);
    if (code == ADAH_OK)
        code = choose(&best, &s, n_tables, status);
    sample_free(&s);
    if (code != ADAH_OK || (n_tables == 0 && best.cost > WORTH * (double)n))
        return code;
    return fill(&best, codes, image, n_image_bytes, status);
}
