/* measures.c - retrieval measures of many queries against one database.
 *
 * Per query: distances by the Hamming kernels, shared labels by inverted lists, then a counting sort that moves nothing but the numbers of
 * shared labels into the order (distance, position). A walk over those that are not zero, 64 ranks at a time, meets every relevant item at its
 * rank. All that depends on ties alone (tie-aware, bounds, NDCG, radius) comes from counts by distance, without a pass.
 *
 * Queries are worked off in blocks of fixed size, and the sums of blocks are added in order, so that the number of
 * threads does not change a bit of the result. */
#include "base/status.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "codes/codes.h"
#include "eval/relevance.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 16, N_CUT_DEFAULT = 50, N_TIE_PLACES = 10, LEVELS_MAX = ADAH_BITS_MAX + 2, WORD = 64, N_PARTS = 2 };

/* Sums of the first 1..n terms of a series, each the sum of two doubles: differences of far terms stay exact. */
typedef struct prefix_sums {
    double *high, *low; /* n + 1 */
} prefix_sums;

/* What all queries share. */
typedef struct tables {
    prefix_sums harmonic; /* of 1 / r over the ranks r */
    prefix_sums discount; /* of 1 / log2(r + 1), for r up to n_discount */
    size_t n_discount;
    size_t n_points, point[ADAH_PRECISION_POINTS_MAX];
    uint8_t *point_of_rank; /* the first point that a rank counts for; up to the last point */
} tables;

/* Sums over the queries of a block. Arrays of n_bits + 1 follow in one allocation for all blocks. */
typedef struct block_sums {
    int out_of_memory;
    size_t n_queries, n_left_out;
    uint64_t n_tied; /* of the first 10 places of each query */
    double ap, ap_tie_aware, ap_optimistic, ap_pessimistic, ap_at_k, ap_first_k, ndcg;
    uint64_t n_relevant, relevant_at[ADAH_PRECISION_POINTS_MAX]; /* within the first N ranks */
    uint64_t *returned, *returned_relevant;                      /* within a radius */
    double *precision, *recall;
} block_sums;

typedef struct job {
    const adah_coded_set *queries, *database;
    const size_t *leave_out;
    size_t n_bits, n_cut, n_query_labels_max;
    adah_label_lists lists;
    tables tables;
    block_sums *blocks;
} job;

/* Work memory of a block. */
typedef struct scratch {
    uint16_t *distance, *shared; /* by item */
    uint16_t *ordered;           /* shared labels by rank; zeros up to a whole number of words */
    size_t *n_sharing;           /* items by number of shared labels */
    double *gain;                /* by number of shared labels */
} scratch;

/* One query: items by distance. The level n_bits + 1 holds the item that is left out. */
typedef struct levels {
    size_t n[LEVELS_MAX], n_relevant[LEVELS_MAX];
    double gain[LEVELS_MAX];
} levels;

typedef uint32_t part_counts[LEVELS_MAX][N_PARTS]; /* by level, so that the parts of one do not lie pages apart, which slows them down */

/* ---- checks ---- */

static adah_code check_set(const adah_coded_set *set, const char *name, adah_status *status) {
    if (set->n == 0)
        return ADAH_OK;
    if (!set->codes || !set->label_start)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "measures: the %s have no codes or no labels", name);
    return adah_labels_check(set->n, set->label, set->label_start, name, status);
}

static adah_code check(const job *j, adah_status *status) {
    if (j->n_bits < ADAH_BITS_MIN || j->n_bits > ADAH_BITS_MAX || j->n_bits % 8)
        return adah_fail(status, ADAH_ERROR_ARGUMENT,
                         "measures: codes of %zu bits, expected a multiple of 8 from %d to %d", j->n_bits,
                         ADAH_BITS_MIN, ADAH_BITS_MAX);
    ADAH_TRY(check_set(j->queries, "queries", status));
    ADAH_TRY(check_set(j->database, "database items", status));
    return adah_leave_out_check(j->leave_out, j->queries->n, j->database->n, status);
}

/* ---- tables ---- */

/* 1, 5, 10, 50, 100, then 200, 400 .. 1,000 and 1,500, 2,000 .. 10,000, up to the items every query ranks. */
static void choose_points(tables *t, size_t n_ranked) {
    static const size_t head[] = {1, 5, 10, 50, 100};
    for (size_t i = 0; i < sizeof head / sizeof *head && head[i] <= n_ranked; i++)
        t->point[t->n_points++] = head[i];
    for (size_t n = 200; n <= 10000 && n <= n_ranked; n += n < 1000 ? 200 : 500)
        t->point[t->n_points++] = n;
}

static int create_sums(prefix_sums *p, size_t n) {
    p->high = adah_memory_zeroed(n + 1, sizeof *p->high);
    p->low = adah_memory_zeroed(n + 1, sizeof *p->low);
    return p->high && p->low;
}

/* Adds term r behind the r - 1 before it; the error of high + x is kept in low (Knuth's two-sum). */
static void add_term(prefix_sums *p, size_t r, double x) {
    double high = p->high[r - 1], sum = high + x, part = sum - high;
    p->high[r] = sum;
    p->low[r] = p->low[r - 1] + ((high - (sum - part)) + (x - part));
}

/* Sum of the terms from + 1 .. to. */
static double sum_between(const prefix_sums *p, size_t from, size_t to) {
    return (p->high[to] - p->high[from]) + (p->low[to] - p->low[from]);
}

static adah_code build_tables(const job *j, tables *t, adah_status *status) {
    size_t n = j->database->n, n_ranked = n;
    for (size_t i = 0; j->leave_out && i < j->queries->n && n_ranked == n; i++)
        n_ranked -= j->leave_out[i] != SIZE_MAX;
    choose_points(t, n_ranked);
    size_t n_points = t->n_points ? t->point[t->n_points - 1] + 1 : 0;
    t->n_discount = j->n_cut < n ? j->n_cut : n;
    t->point_of_rank = adah_memory_zeroed(n_points, 1);
    if (!create_sums(&t->harmonic, n) || !create_sums(&t->discount, t->n_discount) || !t->point_of_rank)
        return adah_fail_memory(status, (n + 1) * 2 * sizeof(double));
    for (size_t r = 1; r <= n; r++)
        add_term(&t->harmonic, r, 1 / (double)r);
    for (size_t r = 1; r <= t->n_discount; r++)
        add_term(&t->discount, r, 1 / log2((double)r + 1));
    for (size_t r = 1, p = 0; r < n_points; r++) {
        p += r > t->point[p];
        t->point_of_rank[r] = (uint8_t)p;
    }
    return ADAH_OK;
}

static void free_tables(tables *t) {
    adah_memory_free(t->harmonic.high);
    adah_memory_free(t->harmonic.low);
    adah_memory_free(t->discount.high);
    adah_memory_free(t->discount.low);
    adah_memory_free(t->point_of_rank);
}

/* Sum of 1 / r over r = from + 1 .. to. */
static double harmonic(const tables *t, size_t from, size_t to) { return sum_between(&t->harmonic, from, to); }

/* Sum of the discounts of the ranks from + 1 .. to that lie within the cut. */
static double discounts(const tables *t, size_t from, size_t to) {
    from = from < t->n_discount ? from : t->n_discount;
    to = to < t->n_discount ? to : t->n_discount;
    return sum_between(&t->discount, from, to);
}

/* ---- one query ---- */

/* Gains 2^s - 1, all scaled by 2^-most: NDCG is a ratio, and nothing overflows. */
static void fill_gains(size_t most, double *gain) {
    for (size_t s = 0; s <= most; s++)
        gain[s] = ldexp(1, (int)s - (int)most) - ldexp(1, -(int)most);
}

/* Items by distance, part by part of the database: the parts are gone through side by side, as a counter that is counted up again and again
 * waits for itself. Part t has the items t * length .. (t + 1) * length - 1; the rest belongs to the last one. */
static void count_levels(const uint16_t *distance, size_t n, size_t n_bits, part_counts count, levels *v) {
    const size_t length = n / N_PARTS;
    memset(count, 0, (n_bits + 2) * sizeof *count);
    for (size_t i = 0; i < length; i++)
        for (size_t t = 0; t < N_PARTS; t++)
            count[distance[t * length + i]][t]++;
    for (size_t i = N_PARTS * length; i < n; i++)
        count[distance[i]][N_PARTS - 1]++;
    for (size_t d = 0; d < n_bits + 2; d++) {
        v->n[d] = v->n_relevant[d] = 0;
        v->gain[d] = 0;
        for (size_t t = 0; t < N_PARTS; t++)
            v->n[d] += count[d][t];
    }
}

/* The counts of the parts become the places of their next items. */
static void put_in_order(const scratch *w, size_t n, size_t n_bits, part_counts place) {
    const size_t length = n / N_PARTS;
    uint32_t n_before = 0;
    for (size_t d = 0; d < n_bits + 2; d++)
        for (size_t t = 0; t < N_PARTS; t++) {
            const uint32_t n_here = place[d][t];
            place[d][t] = n_before;
            n_before += n_here;
        }
    for (size_t i = 0; i < length; i++)
        for (size_t t = 0; t < N_PARTS; t++)
            w->ordered[place[w->distance[t * length + i]][t]++] = w->shared[t * length + i];
    for (size_t i = N_PARTS * length; i < n; i++)
        w->ordered[place[w->distance[i]][N_PARTS - 1]++] = w->shared[i];
}

/* Which of a word's ranks are not zero, rank i in bit i. */
static uint64_t not_zero(const uint16_t *ordered) {
    uint8_t is[WORD];
    for (size_t i = 0; i < WORD; i++)
        is[i] = ordered[i] != 0;
    uint64_t bits = 0;
    for (size_t i = 0; i < WORD; i += 8) {
        uint64_t bytes = 0;
        for (size_t k = 0; k < 8; k++)
            bytes |= (uint64_t)is[i + k] << 8 * k;
        bits |= (bytes * 0x0102040810204080u >> 56) << i; /* byte k to bit k */
    }
    return bits;
}

/* How many of the first places are held by an item that is not alone at its distance. */
static size_t count_ties(const job *j, const levels *v) {
    size_t n_before = 0, n_tied = 0;
    for (size_t d = 0; d <= j->n_bits && n_before < N_TIE_PLACES; d++) {
        const size_t n = v->n[d], n_room = N_TIE_PLACES - n_before, n_within = n < n_room ? n : n_room;
        n_tied += n > 1 ? n_within : 0;
        n_before += n;
    }
    return n_tied;
}

/* The measures by rank in the order (distance, position), and what the levels have of relevant items. Returns how many there are. */
static size_t add_ranked(const job *j, const scratch *w, levels *v, block_sums *sums) {
    const tables *t = &j->tables;
    const size_t last_point = t->n_points ? t->point[t->n_points - 1] : 0;
    size_t d = 0, end = v->n[0]; /* of the level that the walk is in */
    size_t nth = 0, n_before = 0, n_within_cut = 0; /* relevant items: so far, before this level, within the cut */
    uint64_t relevant_at[ADAH_PRECISION_POINTS_MAX] = {0}; /* between one point and the next */
    double ap = 0, ap_at_k = 0, ap_first_k = 0, gain = 0;
    for (size_t first = 0; first < j->database->n; first += WORD)
        for (uint64_t relevant = not_zero(w->ordered + first); relevant; relevant &= relevant - 1) {
            const size_t i = first + (size_t)__builtin_ctzll(relevant), r = i + 1, s = w->ordered[i];
            if (r > end) {
                v->n_relevant[d] = nth - n_before;
                v->gain[d] = gain;
                n_before = nth;
                gain = 0;
                while (r > end)
                    end += v->n[++d];
            }
            nth++;
            gain += w->gain[s];
            w->n_sharing[s]++;
            const double precision = (double)nth / (double)r;
            ap += precision;
            if (nth <= j->n_cut)
                ap_first_k += precision;
            if (r <= j->n_cut) {
                ap_at_k += precision;
                n_within_cut++;
            }
            if (r <= last_point)
                relevant_at[t->point_of_rank[r]]++;
        }
    v->n_relevant[d] = nth - n_before;
    v->gain[d] = gain;
    sums->ap += ap / (double)nth;
    sums->ap_first_k += ap_first_k / (double)(nth < j->n_cut ? nth : j->n_cut);
    sums->ap_at_k += n_within_cut ? ap_at_k / (double)n_within_cut : 0;
    uint64_t within = 0;
    for (size_t p = 0; p < t->n_points; p++)
        sums->relevant_at[p] += within += relevant_at[p];
    return nth;
}

/* The measures that see levels of distance only. */
static void add_levels(const job *j, const levels *v, const double *gain, const size_t *n_sharing, size_t most,
                       size_t n_relevant, block_sums *sums) {
    const tables *t = &j->tables;
    double tie_aware = 0, optimistic = 0, pessimistic = 0, dcg = 0, ideal = 0;
    size_t n_before = 0, p_before = 0; /* items and relevant items at smaller distances */
    for (size_t d = 0; d <= j->n_bits; d++) {
        size_t n = v->n[d], p = v->n_relevant[d], n_end = n_before + n;
        if (p) {
            double before = (double)p_before, share = n > 1 ? (double)(p - 1) / (double)(n - 1) : 0;
            /* mean over t = 1..n of [P + 1 + (t - 1) share] / (N + t), summed with (t - 1) = (N + t) - (N + 1) */
            double sum =
                (double)n * share + (before + 1 - share * (double)(n_before + 1)) * harmonic(t, n_before, n_end);
            tie_aware += (double)p * sum / (double)n;
            /* relevant first: sum over i = 1..p of (P + i) / (N + i); relevant last: N + n - p instead of N */
            optimistic += (double)p + (before - (double)n_before) * harmonic(t, n_before, n_before + p);
            pessimistic += (double)p + (before - (double)(n_end - p)) * harmonic(t, n_end - p, n_end);
            dcg += v->gain[d] / (double)n * discounts(t, n_before, n_end);
        }
        n_before = n_end;
        p_before += p;
        sums->returned[d] += n_before;
        sums->returned_relevant[d] += p_before;
        sums->precision[d] += n_before ? (double)p_before / (double)n_before : 0;
        sums->recall[d] += (double)p_before / (double)n_relevant;
    }
    for (size_t s = most, rank = 0; s > 0; rank += n_sharing[s], s--)
        ideal += gain[s] * discounts(t, rank, rank + n_sharing[s]);
    sums->ap_tie_aware += tie_aware / (double)n_relevant;
    sums->ap_optimistic += optimistic / (double)n_relevant;
    sums->ap_pessimistic += pessimistic / (double)n_relevant;
    sums->ndcg += dcg / ideal;
    sums->n_relevant += n_relevant;
}

static void add_query(const job *j, size_t query, scratch *w, block_sums *sums) {
    const size_t *start = j->queries->label_start + query, leave_out = j->leave_out ? j->leave_out[query] : SIZE_MAX;
    const uint32_t *label = start[1] > start[0] ? j->queries->label + start[0] : NULL;
    const size_t n = j->database->n, n_bits = j->n_bits;
    const size_t most = adah_label_lists_share(&j->lists, label, start[1] - start[0], leave_out, w->shared);
    adah_hamming_distances(j->queries->codes + query * (n_bits / 8), j->database->codes, n, n_bits, w->distance);
    if (leave_out != SIZE_MAX)
        w->distance[leave_out] = (uint16_t)(n_bits + 1);
    levels v;
    part_counts counts;
    count_levels(w->distance, n, n_bits, counts, &v);
    sums->n_tied += count_ties(j, &v);
    if (most == 0) {
        sums->n_left_out++;
        return;
    }
    put_in_order(w, n, n_bits, counts);
    memset(w->n_sharing, 0, (most + 1) * sizeof *w->n_sharing);
    fill_gains(most, w->gain);
    const size_t n_relevant = add_ranked(j, w, &v, sums);
    add_levels(j, &v, w->gain, w->n_sharing, most, n_relevant, sums);
    sums->n_queries++;
}

static void add_block(void *context, size_t block) {
    const job *j = context;
    block_sums *sums = &j->blocks[block];
    scratch w = {
        .distance = adah_memory_resize(NULL, j->database->n, sizeof *w.distance),
        .shared = adah_memory_resize(NULL, j->database->n, sizeof *w.shared),
        .ordered = adah_memory_zeroed((j->database->n + WORD - 1) / WORD * WORD, sizeof *w.ordered),
        .n_sharing = adah_memory_resize(NULL, j->n_query_labels_max + 1, sizeof *w.n_sharing),
        .gain = adah_memory_resize(NULL, j->n_query_labels_max + 1, sizeof *w.gain),
    };
    sums->out_of_memory = !w.distance || !w.shared || !w.ordered || !w.n_sharing || !w.gain;
    size_t end = (block + 1) * BLOCK < j->queries->n ? (block + 1) * BLOCK : j->queries->n;
    for (size_t query = block * BLOCK; query < end && !sums->out_of_memory; query++)
        add_query(j, query, &w, sums);
    adah_memory_free(w.distance);
    adah_memory_free(w.shared);
    adah_memory_free(w.ordered);
    adah_memory_free(w.n_sharing);
    adah_memory_free(w.gain);
}

/* ---- all queries ---- */

/* Adds block `from` to block `to`. */
static void merge(block_sums *to, const block_sums *from, size_t n_bits) {
    to->out_of_memory |= from->out_of_memory;
    to->n_queries += from->n_queries;
    to->n_left_out += from->n_left_out;
    to->n_tied += from->n_tied;
    to->ap += from->ap;
    to->ap_tie_aware += from->ap_tie_aware;
    to->ap_optimistic += from->ap_optimistic;
    to->ap_pessimistic += from->ap_pessimistic;
    to->ap_at_k += from->ap_at_k;
    to->ap_first_k += from->ap_first_k;
    to->ndcg += from->ndcg;
    to->n_relevant += from->n_relevant;
    for (size_t p = 0; p < ADAH_PRECISION_POINTS_MAX; p++)
        to->relevant_at[p] += from->relevant_at[p];
    for (size_t r = 0; r <= n_bits; r++) {
        to->returned[r] += from->returned[r];
        to->returned_relevant[r] += from->returned_relevant[r];
        to->precision[r] += from->precision[r];
        to->recall[r] += from->recall[r];
    }
}

static double ratio(double a, double b) { return b > 0 ? a / b : 0; }

/* radius: zeroed, 4 (n_bits + 1). */
static void report(const job *j, const block_sums *sums, double *radius, adah_measures *m) {
    double n = (double)sums->n_queries;
    size_t n_radii = j->n_bits + 1;
    *m = (adah_measures){
        .n_queries = sums->n_queries,
        .n_queries_left_out = sums->n_left_out,
        .n_database = j->database->n,
        .n_bits = j->n_bits,
        .map = ratio(sums->ap, n),
        .map_tie_aware = ratio(sums->ap_tie_aware, n),
        .map_optimistic = ratio(sums->ap_optimistic, n),
        .map_pessimistic = ratio(sums->ap_pessimistic, n),
        .n_cut = j->n_cut,
        .map_at_k = ratio(sums->ap_at_k, n),
        .map_first_k_relevant = ratio(sums->ap_first_k, n),
        .ndcg_at_k = ratio(sums->ndcg, n),
        .ties_in_first_10 = ratio((double)sums->n_tied, (double)(sums->n_queries + sums->n_left_out)),
        .n_precision = j->tables.n_points,
        .precision_micro = radius,
        .recall_micro = radius + n_radii,
        .precision_macro = radius + 2 * n_radii,
        .recall_macro = radius + 3 * n_radii,
    };
    for (size_t p = 0; p < m->n_precision; p++) {
        m->precision_at[p] = j->tables.point[p];
        m->precision[p] = ratio((double)sums->relevant_at[p], n * (double)j->tables.point[p]);
    }
    for (size_t r = 0; r < n_radii; r++) {
        m->precision_micro[r] = ratio((double)sums->returned_relevant[r], (double)sums->returned[r]);
        m->recall_micro[r] = ratio((double)sums->returned_relevant[r], (double)sums->n_relevant);
        m->precision_macro[r] = ratio(sums->precision[r], n);
        m->recall_macro[r] = ratio(sums->recall[r], n);
    }
}

/* `counts` and `sums` are the arrays of all blocks, `radius` those of the result. */
static adah_code run(job *j, uint64_t *counts, double *sums, double *radius, adah_measures *measures,
                     adah_status *status) {
    size_t n_blocks = (j->queries->n + BLOCK - 1) / BLOCK, n_radii = j->n_bits + 1;
    for (size_t b = 0; b <= n_blocks; b++) { /* the last one takes the total */
        j->blocks[b].returned = counts + 2 * b * n_radii;
        j->blocks[b].returned_relevant = counts + (2 * b + 1) * n_radii;
        j->blocks[b].precision = sums + 2 * b * n_radii;
        j->blocks[b].recall = sums + (2 * b + 1) * n_radii;
    }
    ADAH_TRY(adah_label_lists_build(j->database->n, j->database->label, j->database->label_start, &j->lists, status));
    ADAH_TRY(build_tables(j, &j->tables, status));
    adah_parallel_for(n_blocks, 1, add_block, j);
    block_sums *total = &j->blocks[n_blocks];
    for (size_t b = 0; b < n_blocks; b++)
        merge(total, &j->blocks[b], j->n_bits);
    if (total->out_of_memory)
        return adah_fail_memory(status, j->database->n * 3 * sizeof(uint16_t));
    report(j, total, radius, measures);
    return ADAH_OK;
}

adah_code adah_measures_compute(adah_coded_set queries, adah_coded_set database, size_t n_bits, size_t n_cut, const size_t *leave_out,
                                adah_measures *measures, adah_status *status) {
    job j = {.queries = &queries, .database = &database, .leave_out = leave_out, .n_bits = n_bits, .n_cut = n_cut ? n_cut : N_CUT_DEFAULT};
    ADAH_TRY(check(&j, status));
    for (size_t i = 0; i < queries.n; i++) {
        size_t n = queries.label_start[i + 1] - queries.label_start[i];
        j.n_query_labels_max = n > j.n_query_labels_max ? n : j.n_query_labels_max;
    }
    size_t n_sums = ((queries.n + BLOCK - 1) / BLOCK + 1) * 2 * (n_bits + 1);
    j.blocks = adah_memory_zeroed((queries.n + BLOCK - 1) / BLOCK + 1, sizeof *j.blocks);
    uint64_t *counts = adah_memory_zeroed(n_sums, sizeof *counts);
    double *sums = adah_memory_zeroed(n_sums, sizeof *sums);
    double *radius = adah_memory_zeroed(4 * (n_bits + 1), sizeof *radius);
    adah_code code = j.blocks && counts && sums && radius
                         ? run(&j, counts, sums, radius, measures, status)
                         : adah_fail_memory(status, n_sums * (sizeof *counts + sizeof *sums));
    if (code != ADAH_OK)
        adah_memory_free(radius);
    adah_label_lists_free(&j.lists);
    free_tables(&j.tables);
    adah_memory_free(j.blocks);
    adah_memory_free(counts);
    adah_memory_free(sums);
    return code;
}

void adah_measures_free(adah_measures *measures) {
    adah_memory_free(measures->precision_micro);
    *measures = (adah_measures){0};
}
