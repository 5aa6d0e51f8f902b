/* multi_index_search.c - the nearest codes by turning few bits of the keys.
 *
 * `reach` is the sum over the tables of (radius looked through + 1): every code nearer than reach has been seen. A
 * step looks through one more radius of one table, and reach grows by one; the search is done when its bound, the
 * distance of the k-th best, is below reach. Which table goes next is a matter of price: how many keys lie at its
 * next radius, and how many codes are under them. Near some queries a table has very many.
 *
 * A step goes through its keys in blocks, in three rounds, so that the waits for memory overlap: the starts of the
 * keys, the entries there, and the codes that these name, each fetched ahead. Only codes within the bound are looked
 * at closer. One that another table has shown already is known by its own bits: its key there is within the radius
 * looked through.
 *
 * In the last step reach is the bound, so that only ties at this very distance are still to come. The first by
 * position win, and under each key entries ascend: those behind the last hit need no look. */
#include "base/memory.h"
#include "index/multi_index_format.h"

#include <math.h>

enum {
    KEYS = 256,       /* looked up at once */
    CANDIDATES = 256, /* compared at once */
    EXACT_KEYS = 512, /* so many keys are priced exactly, of more a sample */
    SAMPLED_KEYS = 64,
    ROOM = 128 /* for hits, before those that no longer count are dropped */
};

/* The hits so far, in no order. */
typedef struct found {
    adah_hit *hit;
    size_t n, capacity;
    size_t k;
    int keep_ties;
    uint32_t bound;                  /* hits further than it do not count */
    uint64_t last;                   /* nor hits at the bound at this position or behind it */
    size_t n_within;                 /* the bound, of those ever added */
    size_t count[ADAH_BITS_MAX + 1]; /* the same by distance, right up to the bound */
} found;

typedef struct search {
    const adah_multi_index *view;
    const uint8_t *codes;
    const adah_multi_index_query *query;
    size_t n_bytes, n_words;
    uint64_t word[ADAH_MULTI_INDEX_WORDS_MAX];    /* of the query */
    uint32_t key[ADAH_MULTI_INDEX_TABLES_MAX];    /* of the query */
    uint32_t radius[ADAH_MULTI_INDEX_TABLES_MAX]; /* radii below it have been looked through */
    double n_under[ADAH_MULTI_INDEX_TABLES_MAX];  /* codes under the keys of the next radius; < 0: not known yet */
    uint64_t choose[ADAH_MULTI_INDEX_KEY_BITS_MAX + 1][ADAH_MULTI_INDEX_KEY_BITS_MAX + 1]; /* binomials */
    uint32_t reach;
    uint32_t candidate[CANDIDATES]; /* positions that wait to be compared */
    size_t n_waiting;
    uint64_t n_entries[ADAH_MULTI_INDEX_TABLES_MAX]; /* gone through; of a sound table never more than n */
    int out_of_memory, out_of_budget, is_damaged;
    adah_multi_index_work work;
    double probe_cost, candidate_cost;
    found found;
} search;

/* ---- hits ---- */

/* By (distance, position). Shell's sort, with the gaps of Gonnet and Baeza-Yates: where tables find hundreds of hits in microseconds, most of
 * the time would go by in the calls of qsort. */
static void put_in_order(adah_hit *hit, size_t n) {
    for (size_t gap = n; gap > 1;) {
        gap = gap < 3 ? 1 : gap / 11 * 5 + gap % 11 * 5 / 11;
        for (size_t i = gap; i < n; i++) {
            const adah_hit moved = hit[i];
            size_t at = i;
            for (; at >= gap; at -= gap) {
                const adah_hit *before = &hit[at - gap];
                if (before->distance < moved.distance || (before->distance == moved.distance && before->position <= moved.position))
                    break;
                hit[at] = *before;
            }
            hit[at] = moved;
        }
    }
}

/* Drops what does not count, and leaves the hits in order. */
static void cut(found *f) {
    size_t kept = 0;
    for (size_t i = 0; i < f->n; i++)
        if (f->hit[i].distance <= f->bound)
            f->hit[kept++] = f->hit[i];
    f->n = kept;
    put_in_order(f->hit, kept);
    if (f->keep_ties || kept < f->k)
        return;
    f->n = f->k;
    f->last = f->hit[f->k - 1].position; /* at the bound */
}

/* Once only ties at the bound are to come: finds the last hit, which the positions of further ones must be before. */
static void settle(found *f) {
    if (!f->keep_ties && f->n_within >= f->k && (f->last == UINT64_MAX || f->n / 2 >= f->k))
        cut(f);
}

static int counts(const found *f, uint64_t position, uint32_t distance) {
    return distance < f->bound || (distance == f->bound && position < f->last);
}

static int add(found *f, uint64_t position, uint32_t distance) {
    if (f->n == f->capacity) {
        if (f->n_within >= f->k && f->n >= ROOM)
            cut(f);
        if (f->n > f->capacity / 2 || f->capacity < ROOM) {
            void *hits = f->hit;
            if (!adah_memory_grow(&hits, &f->capacity, f->capacity, sizeof *f->hit))
                return 0;
            f->hit = hits;
        }
    }
    f->hit[f->n++] = (adah_hit){position, distance};
    f->count[distance]++;
    f->n_within++;
    while (f->n_within - f->count[f->bound] >= f->k) {
        f->n_within -= f->count[f->bound--];
        f->last = UINT64_MAX;
    }
    return 1;
}

/* ---- codes ---- */

/* Of n candidates those within the bound go to near, with their distances. The compiler makes loops of its own for
 * the usual codes of one and two words. */
#define NEAR_PARAMETERS                                                                                              \
    const uint8_t *codes, const uint64_t *query, size_t n_bytes, const uint32_t *candidate, size_t n,                \
        uint32_t bound, adah_hit *near
#define NEAR_ARGUMENTS codes, query, n_bytes, candidate, n, bound, near

static inline __attribute__((always_inline)) size_t near_of(NEAR_PARAMETERS) {
    size_t n_near = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *code = codes + candidate[i] * n_bytes;
        uint32_t distance = 0;
        uint64_t word;
        size_t w = 0;
        for (; w < n_bytes / 8; w++) {
            memcpy(&word, code + w * 8, 8);
            distance += (uint32_t)__builtin_popcountll(word ^ query[w]);
        }
        if (n_bytes % 8) {
            word = 0;
            memcpy(&word, code + w * 8, n_bytes % 8);
            distance += (uint32_t)__builtin_popcountll(word ^ query[w]);
        }
        near[n_near] = (adah_hit){candidate[i], distance};
        n_near += distance <= bound;
    }
    return n_near;
}

#define DEFINE_NEAR(name, target)                                                                                    \
    target static size_t name(NEAR_PARAMETERS) {                                                                     \
        switch (n_bytes) {                                                                                           \
        case 8: return near_of(codes, query, 8, candidate, n, bound, near);                                          \
        case 16: return near_of(codes, query, 16, candidate, n, bound, near);                                        \
        default: return near_of(NEAR_ARGUMENTS);                                                                     \
        }                                                                                                            \
    }

DEFINE_NEAR(near_portable, )
#if defined(__x86_64__)
DEFINE_NEAR(near_popcnt, __attribute__((target("popcnt"))))
#endif

static size_t find_near(NEAR_PARAMETERS) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("popcnt"))
        return near_popcnt(NEAR_ARGUMENTS);
#endif
    return near_portable(NEAR_ARGUMENTS);
}

/* ---- one step ---- */

/* Known from the step of another table. */
static int seen(const search *s, int table, uint64_t position) {
    uint64_t differ[ADAH_MULTI_INDEX_WORDS_MAX];
    adah_multi_index_load(s->codes + position * s->n_bytes, s->view->n_bits, differ);
    for (size_t w = 0; w < s->n_words; w++)
        differ[w] ^= s->word[w];
    for (int j = 0; j < s->view->n_tables; j++) {
        const adah_multi_index_table *other = &s->view->table[j];
        if (j == table || s->radius[j] == 0)
            continue;
        uint32_t distance = 0;
        for (size_t w = 0; w < s->n_words; w++)
            distance += (uint32_t)__builtin_popcountll(differ[w] & other->mask[w]);
        if (distance < s->radius[j])
            return 1;
    }
    return 0;
}

/* Compares the candidates that wait, those of table j. */
static void compare(search *s, int j) {
    const adah_multi_index_query *query = s->query;
    adah_hit near[CANDIDATES + 1]; /* one more is written, but not counted */
    const size_t n_near = find_near(s->codes, s->word, s->n_bytes, s->candidate, s->n_waiting, s->found.bound, near);
    s->work.n_candidates += s->n_waiting;
    s->n_waiting = 0;
    for (size_t i = 0; i < n_near && !s->out_of_memory; i++) {
        const uint64_t position = near[i].position;
        if (counts(&s->found, position, near[i].distance) &&
            (!query->keep || (query->keep[position / 64] >> position % 64 & 1)) && !seen(s, j, position) &&
            (!query->accept || query->accept(query->context, query->query, position)))
            s->out_of_memory = !add(&s->found, position, near[i].distance);
    }
    if (s->found.bound == s->reach)
        settle(&s->found);
}

/* The next larger number with as many bits set (Gosper). */
static uint32_t next_mask(uint32_t mask) {
    if (mask == 0)
        return 0;
    const uint32_t lowest = mask & -mask, carried = mask + lowest;
    return carried | (carried ^ mask) >> 2 >> __builtin_ctz(mask);
}

/* The entries under a key of table j become candidates. */
static void gather(search *s, int j, const uint32_t *entry, size_t n_entries) {
    for (size_t done = 0; done < n_entries;) {
        const size_t room = CANDIDATES - s->n_waiting, n = n_entries - done < room ? n_entries - done : room;
        const int only_ties = s->found.bound == s->reach && s->found.last < s->view->n;
        const uint64_t limit = only_ties ? s->found.last : s->view->n;
        uint32_t *candidate = s->candidate + s->n_waiting;
        size_t i = 0;
        for (; i < n; i++) {
            candidate[i] = adah_multi_index_read(&entry[done + i]);
            if (candidate[i] >= limit) /* no hit any more, or damaged */
                break;
            __builtin_prefetch(s->codes + candidate[i] * s->n_bytes);
        }
        s->n_waiting += i;
        if (s->n_waiting == CANDIDATES)
            compare(s, j);
        if (i < n)
            break;
        done += n;
    }
}

static double spent(const search *s) {
    return adah_multi_index_start_cost(s->view->n_bits) + (double)s->work.n_probes * s->probe_cost +
           (double)s->work.n_candidates * s->candidate_cost;
}

static int stopped(const search *s) { return s->out_of_memory || s->out_of_budget || s->is_damaged; }

/* Looks through the next radius of table j, all of it unless something stops the search. */
static void step(search *s, int j) {
    const adah_multi_index_table *table = &s->view->table[j];
    const uint64_t n_all = s->choose[table->n_key_bits][s->radius[j]];
    uint32_t mask = ((uint32_t)1 << s->radius[j]) - 1; /* bits turned in the key */
    for (uint64_t done = 0; done < n_all && !stopped(s); done += KEYS) {
        const size_t n_keys = n_all - done < KEYS ? (size_t)(n_all - done) : KEYS;
        uint32_t key[KEYS], first[KEYS], end[KEYS];
        size_t n_ranges = 0;
        for (size_t i = 0; i < n_keys; i++, mask = next_mask(mask)) {
            key[i] = s->key[j] ^ mask;
            __builtin_prefetch(table->starts + key[i]);
        }
        for (size_t i = 0; i < n_keys; i++) {
            const uint32_t from = adah_multi_index_read(&table->starts[key[i]]),
                           to = adah_multi_index_read(&table->starts[key[i] + 1]);
            if (from == to)
                continue;
            s->n_entries[j] += (uint64_t)to - from;
            if (from > to || s->n_entries[j] > s->view->n || to > s->view->n) {
                s->is_damaged = 1;
                break;
            }
            __builtin_prefetch(table->entries + from);
            first[n_ranges] = from;
            end[n_ranges++] = to;
        }
        for (size_t i = 0; i < n_ranges; i++)
            gather(s, j, table->entries + first[i], end[i] - first[i]);
        s->work.n_probes += n_keys;
        s->out_of_budget = done + n_keys < n_all && spent(s) > s->query->budget;
    }
    compare(s, j);
    s->n_under[j] = -1;
    s->radius[j]++;
    s->reach++;
}

/* The mask number `index` of those with `radius` bits set, in the order of next_mask. */
static uint32_t nth_mask(const search *s, uint32_t n_key_bits, uint32_t radius, uint64_t index) {
    uint32_t mask = 0;
    for (uint32_t bit = n_key_bits; radius > 0; radius--) {
        do
            bit--;
        while (s->choose[bit][radius] > index);
        index -= s->choose[bit][radius];
        mask |= (uint32_t)1 << bit;
    }
    return mask;
}

/* How many codes are under the keys of a table's next radius. */
static double count_under(search *s, int j) {
    const adah_multi_index_table *table = &s->view->table[j];
    const uint64_t n_keys = s->choose[table->n_key_bits][s->radius[j]];
    const uint64_t n_asked = n_keys <= EXACT_KEYS ? n_keys : SAMPLED_KEYS;
    uint32_t mask = ((uint32_t)1 << s->radius[j]) - 1;
    uint64_t n = 0;
    for (uint64_t i = 0; i < n_asked; i++, mask = next_mask(mask)) {
        if (n_asked < n_keys)
            mask = nth_mask(s, table->n_key_bits, s->radius[j], i * n_keys / n_asked);
        n += table->starts[(s->key[j] ^ mask) + 1] - table->starts[s->key[j] ^ mask];
    }
    s->work.n_probes += n_asked;
    return (double)n * (double)n_keys / (double)n_asked;
}

static double key_cost(const search *s, int j) {
    return (double)s->choose[s->view->table[j].n_key_bits][s->radius[j]] * s->probe_cost;
}

/* What it costs to look through a table's next radius. */
static double step_cost(const search *s, int j) {
    double n_candidates = s->n_under[j];
    if (s->found.bound == s->reach && s->found.last < s->view->n) /* only those before the last hit */
        n_candidates *= (double)s->found.last / (double)s->view->n;
    return key_cost(s, j) + n_candidates * s->candidate_cost;
}

/* The table whose next radius costs least. A table whose keys alone cost more than that need not be asked how many
 * codes it has. */
static int find_cheapest(search *s, double *least) {
    int cheapest = 0;
    *least = INFINITY;
    for (int unknown = 0; unknown < 2; unknown++)
        for (int j = 0; j < s->view->n_tables; j++) {
            if ((s->n_under[j] < 0) != unknown || (unknown && key_cost(s, j) >= *least))
                continue;
            if (unknown)
                s->n_under[j] = count_under(s, j);
            const double cost = step_cost(s, j);
            if (cost < *least) {
                *least = cost;
                cheapest = j;
            }
        }
    return cheapest;
}

static void begin(search *s, const adah_multi_index *view, const uint8_t *codes,
                  const adah_multi_index_query *query) {
    const uint32_t n_bits = (uint32_t)view->n_bits;
    memset(s, 0, sizeof *s);
    s->view = view;
    s->codes = codes;
    s->query = query;
    s->n_bytes = view->n_bits / 8;
    s->n_words = adah_multi_index_words(view->n_bits);
    s->probe_cost = adah_multi_index_probe_cost(view->n_bits);
    s->candidate_cost = adah_multi_index_candidate_cost(view->n, view->n_bits);
    s->found.k = query->k;
    s->found.keep_ties = query->keep_ties;
    s->found.bound = query->radius < n_bits ? query->radius : n_bits;
    s->found.last = UINT64_MAX;
    adah_multi_index_load(query->code, view->n_bits, s->word);
    for (int j = 0; j < view->n_tables; j++) {
        uint32_t n_before = 0;
        for (size_t w = 0; w < s->n_words; w++)
            for (uint64_t rest = view->table[j].mask[w]; rest; rest &= rest - 1)
                s->key[j] |= (uint32_t)(s->word[w] >> __builtin_ctzll(rest) & 1) << n_before++;
        s->n_under[j] = -1;
    }
    for (uint32_t n = 0; n <= ADAH_MULTI_INDEX_KEY_BITS_MAX; n++)
        for (uint32_t r = 0; r <= n; r++)
            s->choose[n][r] = r == 0 || r == n ? 1 : s->choose[n - 1][r - 1] + s->choose[n - 1][r];
}

adah_code adah_multi_index_search(const adah_multi_index *view, const uint8_t *codes,
                                  const adah_multi_index_query *query, adah_hit **hits, size_t *n_hits, int *done,
                                  adah_multi_index_work *work, adah_status *status) {
    *hits = NULL;
    *n_hits = 0;
    *done = 1;
    if (work)
        *work = (adah_multi_index_work){0, 0, 0};
    if (query->k == 0)
        return ADAH_OK;
    search s;
    begin(&s, view, codes, query);
    while (s.found.bound >= s.reach) {
        if (s.found.bound == s.reach)
            settle(&s.found);
        double price;
        const int cheapest = find_cheapest(&s, &price);
        s.out_of_budget = spent(&s) + price > query->budget;
        if (!s.out_of_budget)
            step(&s, cheapest);
        if (stopped(&s) || s.radius[cheapest] > view->table[cheapest].n_key_bits) /* every code has been seen */
            break;
    }
    s.work.cost = spent(&s);
    if (work)
        *work = s.work;
    *done = !s.out_of_budget;
    cut(&s.found);
    if (s.found.n == 0 || stopped(&s)) {
        const size_t n_bytes = s.found.capacity * 2 * sizeof *s.found.hit;
        adah_memory_free(s.found.hit);
        return s.out_of_memory ? adah_fail_memory(status, n_bytes)
               : s.is_damaged  ? adah_fail(status, ADAH_ERROR_CORRUPT, "search tables: damaged")
                               : ADAH_OK;
    }
    *hits = s.found.hit;
    *n_hits = s.found.n;
    return ADAH_OK;
}
