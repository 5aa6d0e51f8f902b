/* measures.c - retrieval measures of many queries against one database.
 *
 * Nothing is sorted. A run is the items of one part of the database at one distance from the query, and of every relevant item it is noted how
 * many items of its run stand before it (codes/levels.h). Once all items are counted by run, that gives each relevant item's rank in the order
 * (distance, position). All that depends on ties alone (tie-aware, bounds, NDCG, radius) comes from counts by distance.
 *
 * Queries are worked off in blocks of fixed size, and the sums of blocks are added in order, so that the number of
 * threads does not change a bit of the result. */
#include "base/status.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "codes/codes.h"
#include "codes/levels.h"
#include "eval/relevance.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 16, GROUP = 4 /* queries that look at a piece of the database in turn */, PIECE = 32 /* blocks of 512 items */, N_CUT_DEFAULT = 50, N_TIE_PLACES = 10, N_COUNTERS = 8, LEVELS_MAX = ADAH_BITS_MAX + 2 };

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
    adah_label_bitmaps bitmaps;
    size_t n_made; /* bitmaps that a query may have made */
    tables tables;
    block_sums *blocks;
} job;

/* The items of one part of the database at one distance. */
typedef struct run {
    double ap;             /* sum of the precisions at its relevant items */
    uint32_t first, nth;   /* items before it; relevant ones before the next of its own, while these are counted how many it has */
} run;

/* Work memory of a block. Runs are numbered distance * ADAH_PARTS + part. */
typedef struct scratch {
    adah_level_query query[GROUP];
    const uint64_t *bitmap[GROUP][ADAH_CHOICES_MAX];
    uint64_t *made;              /* bitmaps of the labels of a group's queries */
    uint64_t (*n)[ADAH_PARTS];   /* of a group's queries: items by run */
    uint64_t *record;            /* theirs: the relevant items (codes/levels.h) */
    size_t n_records_max;
    uint16_t *distance, *shared; /* by item, for counting item by item; may be NULL until then */
    run *runs;
    double *cut;                 /* precision at the first k relevant items */
    size_t *n_sharing;           /* items by number of shared labels; N_COUNTERS of them, for counting */
    double *gain;                /* by number of shared labels */
} scratch;

/* One query: items by distance. */
typedef struct levels {
    size_t n[LEVELS_MAX], n_relevant[LEVELS_MAX];
    size_t n_within_cut;     /* levels that begin within the cut */
    double gain[LEVELS_MAX]; /* of these */
} levels;

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

/* Counts an item by run and lists it; returns where the next one goes: if this one is not relevant, in its place. A branch would be foreseen too
 * seldom. */
static inline uint64_t *count_item(const scratch *w, size_t item, size_t part, uint64_t (*n)[ADAH_PARTS], uint64_t *next) {
    const size_t d = w->distance[item], s = w->shared[item];
    *next = adah_level_record(n[d][part]++, d * ADAH_PARTS + part, s);
    return next + ((0 - (uint64_t)s) >> 63);
}

/* Counts all items by run and lists the relevant ones, item by item. Two parts go side by side, as a counter that is counted up again and again
 * waits for itself. */
static void count_items(const scratch *w, size_t n, size_t n_levels, adah_level_query *q) {
    const size_t length = adah_part_length(n);
    uint64_t *next = q->record;
    memset(q->n, 0, n_levels * sizeof *q->n);
    for (size_t part = 0; part < ADAH_PARTS; part += 2) {
        const size_t first = part * length, end = first + 2 * length < n ? first + 2 * length : n;
        const size_t n_pairs = end > first + length ? end - first - length : 0;
        for (size_t i = first; i < first + n_pairs; i++) {
            next = count_item(w, i, part, q->n, next);
            next = count_item(w, i + length, part + 1, q->n, next);
        }
        for (size_t i = first + n_pairs; i < end && i < first + length; i++)
            next = count_item(w, i, part, q->n, next);
    }
    q->n_records = (size_t)(next - q->record);
}

/* The same of a group of queries of the job. Items that are left out are not counted. Returns whether there was memory. */
static int find_levels(const job *j, size_t first, size_t n_group, scratch *w) {
    const size_t n = j->database->n;
    int by_blocks[GROUP], n_by_blocks = 0;
    for (size_t g = 0; g < n_group; g++) {
        const size_t query = first + g, *start = j->queries->label_start + query, n_labels = start[1] - start[0];
        const uint32_t *label = n_labels ? j->queries->label + start[0] : NULL;
        adah_level_query *q = &w->query[g];
        *q = (adah_level_query){.code = j->queries->codes + query * (j->n_bits / 8), .codes = j->database->codes,
                                .n_items = n, .n_bits = j->n_bits, .length = j->bitmaps.length, .choice = w->bitmap[g],
                                .leave_out = j->leave_out ? j->leave_out[query] : SIZE_MAX, .n = w->n + g * (j->n_bits + 2),
                                .record = w->record + g * w->n_records_max};
        by_blocks[g] = n_labels <= ADAH_CHOICES_MAX;
        n_by_blocks += by_blocks[g];
        if (by_blocks[g]) {
            q->n_choices = adah_label_bitmaps_find(&j->bitmaps, &j->lists, label, n_labels,
                                                   w->made + g * j->n_made * j->bitmaps.n_words, w->bitmap[g]);
            adah_levels_begin(q);
            continue;
        }
        if (!w->distance)
            w->distance = adah_memory_resize(NULL, n, sizeof *w->distance);
        if (!w->shared)
            w->shared = adah_memory_resize(NULL, n, sizeof *w->shared);
        if (!w->distance || !w->shared)
            return 0;
        adah_label_lists_share(&j->lists, label, n_labels, q->leave_out, w->shared);
        adah_hamming_distances(q->code, j->database->codes, n, j->n_bits, w->distance);
        if (q->leave_out != SIZE_MAX)
            w->distance[q->leave_out] = (uint16_t)(j->n_bits + 1);
        count_items(w, n, j->n_bits + 2, q);
    }
    const size_t n_blocks = j->bitmaps.length / ADAH_PART_WORD;
    for (size_t block = 0; n_by_blocks && block < n_blocks; block += PIECE)
        for (size_t g = 0; g < n_group; g++)
            if (by_blocks[g])
                adah_levels_add(&w->query[g], block, block + PIECE < n_blocks ? block + PIECE : n_blocks);
    return 1;
}

static void add_up_parts(const job *j, const adah_level_query *q, levels *v) {
    for (size_t d = 0; d <= j->n_bits; d++) {
        v->n[d] = 0;
        for (size_t part = 0; part < ADAH_PARTS; part++)
            v->n[d] += (size_t)q->n[d][part];
    }
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

/* What is known of the relevant items before their ranks are: how many share how many labels, and by run. Returns the most labels shared, of a
 * query that has n_labels. */
static size_t count_relevant(const job *j, const scratch *w, const adah_level_query *q, size_t n_labels, levels *v) {
    size_t *count[N_COUNTERS]; /* in turn: most share one, and a single counter waits for itself */
    for (size_t i = 0; i < N_COUNTERS; i++)
        count[i] = w->n_sharing + i * (n_labels + 1);
    memset(w->n_sharing, 0, N_COUNTERS * (n_labels + 1) * sizeof *w->n_sharing);
    memset(w->runs, 0, (j->n_bits + 1) * ADAH_PARTS * sizeof *w->runs);
    for (size_t i = 0; i < q->n_records; i++) {
        count[i % N_COUNTERS][adah_record_choices(q->record[i])]++;
        w->runs[adah_record_run(q->record[i])].nth++;
    }
    size_t most = 0;
    for (size_t s = 1; s <= n_labels; s++) {
        for (size_t i = 1; i < N_COUNTERS; i++)
            w->n_sharing[s] += count[i][s];
        most = w->n_sharing[s] ? s : most;
    }
    uint32_t n_before = 0, nth = 0;
    v->n_within_cut = 0;
    for (size_t d = 0; d <= j->n_bits; d++) {
        v->n_relevant[d] = 0;
        v->gain[d] = 0;
        if (n_before < j->n_cut)
            v->n_within_cut = d + 1;
        for (size_t part = 0; part < ADAH_PARTS; part++) {
            run *r = &w->runs[d * ADAH_PARTS + part];
            const uint32_t n_relevant = r->nth;
            r->first = n_before;
            r->nth = nth;
            n_before += (uint32_t)q->n[d][part];
            nth += n_relevant;
            v->n_relevant[d] += n_relevant;
        }
    }
    return most;
}

/* The measures by rank in the order (distance, position). Sums go by run, so that they do not depend on how the relevant items are listed. */
static void add_ranked(const job *j, const scratch *w, const adah_level_query *q, levels *v, block_sums *sums) {
    const size_t n_relevant = q->n_records;
    const tables *t = &j->tables;
    const size_t last_point = t->n_points ? t->point[t->n_points - 1] : 0, n_cut = j->n_cut, last = last_point > n_cut ? last_point : n_cut;
    uint64_t relevant_at[ADAH_PRECISION_POINTS_MAX] = {0}; /* between one point and the next */
    size_t n_within_cut = 0;
    for (size_t i = 0; i < n_relevant; i++) {
        const size_t number = adah_record_run(q->record[i]);
        run *r = &w->runs[number];
        const size_t rank = (size_t)r->first + adah_record_before(q->record[i]) + 1, nth = r->nth++;
        const double precision = (double)(int64_t)(nth + 1) / (double)(int64_t)rank;
        r->ap += precision;
        if (number < v->n_within_cut * ADAH_PARTS)
            v->gain[number / ADAH_PARTS] += w->gain[adah_record_choices(q->record[i])];
        if (rank > last && nth >= n_cut)
            continue;
        if (nth < n_cut)
            w->cut[nth] = precision;
        n_within_cut += rank <= n_cut;
        if (rank <= last_point)
            relevant_at[t->point_of_rank[rank]]++;
    }
    const size_t n_first = n_relevant < n_cut ? n_relevant : n_cut;
    double ap = 0, ap_at_k = 0, ap_first_k = 0;
    for (size_t i = 0; i < (j->n_bits + 1) * ADAH_PARTS; i++)
        ap += w->runs[i].ap;
    for (size_t i = 0; i < n_within_cut; i++)
        ap_at_k += w->cut[i];
    for (size_t i = 0; i < n_first; i++)
        ap_first_k += w->cut[i];
    sums->ap += ap / (double)n_relevant;
    sums->ap_first_k += ap_first_k / (double)n_first;
    sums->ap_at_k += n_within_cut ? ap_at_k / (double)n_within_cut : 0;
    uint64_t within = 0;
    for (size_t p = 0; p < t->n_points; p++)
        sums->relevant_at[p] += within += relevant_at[p];
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

static void add_query(const job *j, const scratch *w, const adah_level_query *q, size_t n_labels, block_sums *sums) {
    levels v;
    add_up_parts(j, q, &v);
    sums->n_tied += count_ties(j, &v);
    if (q->n_records == 0) {
        sums->n_left_out++;
        return;
    }
    const size_t most = count_relevant(j, w, q, n_labels, &v);
    fill_gains(most, w->gain);
    add_ranked(j, w, q, &v, sums);
    add_levels(j, &v, w->gain, w->n_sharing, most, q->n_records, sums);
    sums->n_queries++;
}

/* The most items that a query of a block may find relevant. */
static size_t most_relevant(const job *j, size_t first, size_t end) {
    size_t most = 0;
    for (size_t query = first; query < end; query++) {
        size_t n = 0;
        for (size_t i = j->queries->label_start[query]; i < j->queries->label_start[query + 1]; i++)
            n += adah_label_lists_items(&j->lists, j->queries->label[i]);
        most = n > most ? n : most;
    }
    return most < j->database->n ? most : j->database->n;
}

static void add_block(void *context, size_t block) {
    const job *j = context;
    block_sums *sums = &j->blocks[block];
    const size_t first = block * BLOCK, end = first + BLOCK < j->queries->n ? first + BLOCK : j->queries->n;
    const size_t n = j->database->n, n_levels = j->n_bits + 2;
    scratch w = {.n_records_max = most_relevant(j, first, end) + 1};
    w.made = adah_memory_resize(NULL, GROUP * j->n_made * j->bitmaps.n_words, sizeof *w.made);
    w.n = adah_memory_resize(NULL, GROUP * n_levels, sizeof *w.n);
    w.record = adah_memory_resize(NULL, GROUP * w.n_records_max, sizeof *w.record);
    w.runs = adah_memory_resize(NULL, n_levels * ADAH_PARTS, sizeof *w.runs);
    w.cut = adah_memory_resize(NULL, j->n_cut < n ? j->n_cut : n, sizeof *w.cut);
    w.n_sharing = adah_memory_resize(NULL, N_COUNTERS * (j->n_query_labels_max + 1), sizeof *w.n_sharing);
    w.gain = adah_memory_resize(NULL, j->n_query_labels_max + 1, sizeof *w.gain);
    sums->out_of_memory = !w.made || !w.n || !w.record || !w.runs || !w.cut || !w.n_sharing || !w.gain;
    for (size_t query = first; query < end && !sums->out_of_memory; query += GROUP) {
        const size_t n_group = end - query < GROUP ? end - query : GROUP;
        sums->out_of_memory = !find_levels(j, query, n_group, &w);
        for (size_t g = 0; g < n_group && !sums->out_of_memory; g++)
            add_query(j, &w, &w.query[g], j->queries->label_start[query + g + 1] - j->queries->label_start[query + g], sums);
    }
    adah_memory_free(w.distance);
    adah_memory_free(w.shared);
    adah_memory_free(w.made);
    adah_memory_free(w.record);
    adah_memory_free(w.n);
    adah_memory_free(w.runs);
    adah_memory_free(w.cut);
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
static adah_code compute(job *j, uint64_t *counts, double *sums, double *radius, adah_measures *measures,
                     adah_status *status) {
    size_t n_blocks = (j->queries->n + BLOCK - 1) / BLOCK, n_radii = j->n_bits + 1;
    for (size_t b = 0; b <= n_blocks; b++) { /* the last one takes the total */
        j->blocks[b].returned = counts + 2 * b * n_radii;
        j->blocks[b].returned_relevant = counts + (2 * b + 1) * n_radii;
        j->blocks[b].precision = sums + 2 * b * n_radii;
        j->blocks[b].recall = sums + (2 * b + 1) * n_radii;
    }
    ADAH_TRY(adah_label_lists_build(j->database->n, j->database->label, j->database->label_start, &j->lists, status));
    ADAH_TRY(adah_label_bitmaps_build(&j->lists, &j->bitmaps, status));
    j->n_made = j->n_query_labels_max < ADAH_CHOICES_MAX ? j->n_query_labels_max : ADAH_CHOICES_MAX;
    ADAH_TRY(build_tables(j, &j->tables, status));
    adah_parallel_for(n_blocks, 1, add_block, j);
    block_sums *total = &j->blocks[n_blocks];
    for (size_t b = 0; b < n_blocks; b++)
        merge(total, &j->blocks[b], j->n_bits);
    if (total->out_of_memory)
        return adah_fail_memory(status, j->database->n * 6 * sizeof(uint16_t));
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
                         ? compute(&j, counts, sums, radius, measures, status)
                         : adah_fail_memory(status, n_sums * (sizeof *counts + sizeof *sums));
    if (code != ADAH_OK)
        adah_memory_free(radius);
    adah_label_lists_free(&j.lists);
    adah_label_bitmaps_free(&j.bitmaps);
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
