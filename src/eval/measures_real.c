/* measures_real.c - per query all cosines, a radix sort, one pass. The APs are added in the order of the queries, so
 * that the number of threads does not change a bit of the result. */
#include "eval/measures_real.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "eval/relevance.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 16, N_SUMS = 4, N_DIGITS = 8, DIGIT_BITS = 8, N_VALUES = 1 << DIGIT_BITS };

/* In place of the AP of a query. */
#define AP_NO_RELEVANT (-1.0)
#define AP_NO_MEMORY (-2.0)

/* An item as one query sees it. */
typedef struct item {
    uint64_t key; /* grows as the similarity falls */
    uint32_t position;
} item;

/* Work memory of a block. */
typedef struct scratch {
    uint16_t *shared;    /* by item of the database */
    item *items, *spare; /* as many */
} scratch;

typedef struct job {
    const adah_real_set *queries, *database;
    size_t n_dimensions;
    const size_t *leave_out;
    adah_label_lists lists;
    double *length; /* of every item, 1 for zeros */
    double *ap;    /* by query */
} job;

static adah_code check_set(const adah_real_set *set, size_t n_dimensions, const char *name, adah_status *status) {
    if (set->n == 0)
        return ADAH_OK;
    if (!set->vector || !set->label_start)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "measures: the %s have no vectors or no labels", name);
    for (size_t i = 0; i < set->n * n_dimensions; i++)
        if (!isfinite(set->vector[i]))
            return adah_fail(status, ADAH_ERROR_ARGUMENT, "measures: %g in vector %zu of the %s, expected a finite number",
                             (double)set->vector[i], i / n_dimensions, name);
    return adah_labels_check(set->n, set->label, set->label_start, name, status);
}

/* Products of floats are exact in double. Several sums side by side, so that additions do not wait for one another. */
static double dot(const float *a, const float *b, size_t n) {
    double sum[N_SUMS] = {0};
    size_t i = 0;
    for (; i + N_SUMS <= n; i += N_SUMS)
        for (size_t k = 0; k < N_SUMS; k++)
            sum[k] += (double)a[i + k] * (double)b[i + k];
    for (; i < n; i++)
        sum[0] += (double)a[i] * (double)b[i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* The bits of a double, so turned that they order as the numbers do, descending. Sums of products that start at 0 are
 * never -0, which would order behind 0. */
static uint64_t key_of(double similarity) {
    uint64_t bits;
    memcpy(&bits, &similarity, sizeof bits);
    return bits >> 63 ? bits : ~bits & ~(UINT64_C(1) << 63);
}

/* Sorts by key, equal keys staying in their order: digit by digit from the lowest. The sorted items are where the result
 * points, in one of the two arrays. */
static item *sort_items(item *items, item *spare, size_t n) {
    for (int shift = 0; shift < N_DIGITS * DIGIT_BITS; shift += DIGIT_BITS) {
        size_t place[N_VALUES + 1] = {0};
        for (size_t i = 0; i < n; i++)
            place[(items[i].key >> shift & (N_VALUES - 1)) + 1]++;
        for (size_t v = 0; v < N_VALUES; v++)
            place[v + 1] += place[v];
        for (size_t i = 0; i < n; i++)
            spare[place[items[i].key >> shift & (N_VALUES - 1)]++] = items[i];
        item *sorted = spare;
        spare = items;
        items = sorted;
    }
    return items;
}

static double average_precision(const job *j, size_t query, const scratch *w) {
    const size_t *start = j->queries->label_start + query, leave_out = j->leave_out ? j->leave_out[query] : SIZE_MAX;
    const uint32_t *label = start[1] > start[0] ? j->queries->label + start[0] : NULL;
    if (adah_label_lists_share(&j->lists, label, start[1] - start[0], leave_out, w->shared) == 0)
        return AP_NO_RELEVANT;
    const float *vector = j->queries->vector + query * j->n_dimensions;
    size_t n = 0, n_relevant = 0;
    /* The length of the query is the same for all and changes no order. */
    for (size_t i = 0; i < j->database->n; i++)
        if (i != leave_out)
            w->items[n++] = (item){
                key_of(dot(vector, j->database->vector + i * j->n_dimensions, j->n_dimensions) / j->length[i]), (uint32_t)i};
    const item *sorted = sort_items(w->items, w->spare, n);
    double ap = 0;
    for (size_t rank = 1; rank <= n; rank++)
        if (w->shared[sorted[rank - 1].position])
            ap += (double)++n_relevant / (double)rank;
    return ap / (double)n_relevant;
}

static void measure_block(void *context, size_t block) {
    const job *j = context;
    const size_t n = j->database->n;
    scratch w = {adah_memory_resize(NULL, n, sizeof *w.shared), adah_memory_resize(NULL, n, sizeof *w.items),
                 adah_memory_resize(NULL, n, sizeof *w.spare)};
    const int has_memory = w.shared && w.items && w.spare;
    size_t end = (block + 1) * BLOCK < j->queries->n ? (block + 1) * BLOCK : j->queries->n;
    for (size_t query = block * BLOCK; query < end; query++)
        j->ap[query] = has_memory ? average_precision(j, query, &w) : AP_NO_MEMORY;
    adah_memory_free(w.shared);
    adah_memory_free(w.items);
    adah_memory_free(w.spare);
}

static adah_code run(job *j, adah_measures_real *measures, adah_status *status) {
    const size_t n = j->queries->n;
    adah_measures_real m = {.n_database = j->database->n, .n_dimensions = j->n_dimensions};
    double sum = 0;
    j->ap = adah_memory_zeroed(n, sizeof *j->ap);
    j->length = adah_memory_zeroed(j->database->n, sizeof *j->length);
    if (!j->ap || !j->length)
        return adah_fail_memory(status, (n + j->database->n) * sizeof(double));
    for (size_t i = 0; i < j->database->n; i++) {
        const float *vector = j->database->vector + i * j->n_dimensions;
        const double square = dot(vector, vector, j->n_dimensions);
        j->length[i] = square > 0 ? sqrt(square) : 1;
    }
    ADAH_TRY(adah_label_lists_build(j->database->n, j->database->label, j->database->label_start, &j->lists, status));
    adah_parallel_for((n + BLOCK - 1) / BLOCK, 1, measure_block, j);
    for (size_t i = 0; i < n; i++) {
        if (j->ap[i] == AP_NO_MEMORY)
            return adah_fail_memory(status, j->database->n * sizeof(item));
        if (j->ap[i] == AP_NO_RELEVANT) {
            m.n_queries_left_out++;
            continue;
        }
        sum += j->ap[i];
        m.n_queries++;
    }
    m.map = m.n_queries ? sum / (double)m.n_queries : 0;
    *measures = m;
    return ADAH_OK;
}

adah_code adah_measures_real_compute(adah_real_set queries, adah_real_set database, size_t n_dimensions,
                                     const size_t *leave_out, adah_measures_real *measures, adah_status *status) {
    job j = {.queries = &queries, .database = &database, .n_dimensions = n_dimensions, .leave_out = leave_out};
    if (n_dimensions == 0)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "measures: vectors of 0 dimensions, expected at least 1");
    ADAH_TRY(check_set(&queries, n_dimensions, "queries", status));
    ADAH_TRY(check_set(&database, n_dimensions, "database items", status));
    ADAH_TRY(adah_leave_out_check(leave_out, queries.n, database.n, status));
    const adah_code code = run(&j, measures, status);
    adah_label_lists_free(&j.lists);
    adah_memory_free(j.ap);
    adah_memory_free(j.length);
    return code;
}
