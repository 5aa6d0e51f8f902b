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
#include "base/parallel.h"
#include "index/multi_index_format.h"

#include <math.h>
#include <stdlib.h>

enum {
    KEYS = 256,       /* looked up at once */
    CANDIDATES = 256, /* compared at once */
    EXACT_KEYS = 512, /* so many keys are priced exactly, of more a sample */
    SAMPLED_KEYS = 64
};

#define PARALLEL_COST 4e5 /* scanned codes worth more than one thread */

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
    double probe_cost, candidate_cost;
    found found;
} search;

/* ---- hits ---- */

static int by_distance_then_position(const void *a, const void *b) {
    const adah_hit *x = a, *y = b;
    if (x->distance != y->distance)
        return x->distance < y->distance ? -1 : 1;
    return x->position < y->position ? -1 : x->position > y->position;
}

/* Drops what does not count, and leaves the hits in order. */
static void cut(found *f) {
    size_t kept = 0;
    for (size_t i = 0; i < f->n; i++)
        if (f->hit[i].distance <= f->bound)
            f->hit[kept++] = f->hit[i];
    f->n = kept;
    if (kept)
        qsort(f->hit, kept, sizeof *f->hit, by_distance_then_position);
    if (f->keep_ties || kept < f->k)
        return;
    f->n = f->k;
    f->last = f->hit[f->k - 1].position; /* at the bound */
}

static int counts(const found *f, uint64_t position, uint32_t distance) {
    return distance < f->bound || (distance == f->bound && position < f->last);
}

static int add(found *f, uint64_t position, uint32_t distance) {
    if (f->n == f->capacity) {
        if (f->n_within >= f->k)
            cut(f);
        if (f->n > f->capacity / 2 || f->capacity == 0) {
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

/* Of n candidates those within the bound go to near, with their distances. A code of eight bytes is one word, of
 * sixteen two. */
#define NEAR_PARAMETERS                                                                                              \
    const uint8_t *codes, const uint64_t *query, size_t n_bytes, const uint32_t *candidate, size_t n,                \
        uint32_t bound, adah_hit *near
#define NEAR_ARGUMENTS codes, query, n_bytes, candidate, n, bound, near

static inline __attribute__((always_inline)) size_t near_of(const uint8_t *codes, const uint64_t *query,
                                                            size_t n_bytes, const uint32_t *candidate, size_t n,
                                                            uint32_t bound, adah_hit *near) {
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

/* Some of a step's keys, for one thread. */
typedef struct walk {
    const search *s;
    const adah_multi_index_table *table;
    uint32_t key;  /* of the query */
    uint32_t mask; /* the first, bits turned in the key */
    uint64_t n_keys;
    uint32_t bound; /* of the distance */
    uint64_t last;  /* only positions before it */
    adah_hit *near; /* all within the bound, repeats included */
    size_t n_near, capacity;
    uint64_t n_candidates;
    adah_code code;
    search *at_once; /* hits go here and the bound follows them; NULL: to near, for later */
    uint32_t candidate[CANDIDATES];
    size_t n_waiting; /* candidates */
} walk;

/* Known from the step of another table. */
static int seen(const search *s, const adah_multi_index_table *table, uint64_t position) {
    uint64_t differ[ADAH_MULTI_INDEX_WORDS_MAX];
    adah_multi_index_load(s->codes + position * s->n_bytes, s->view->n_bits, differ);
    for (size_t w = 0; w < s->n_words; w++)
        differ[w] ^= s->word[w];
    for (int j = 0; j < s->view->n_tables; j++) {
        const adah_multi_index_table *other = &s->view->table[j];
        if (other == table || s->radius[j] == 0)
            continue;
        uint32_t distance = 0;
        for (size_t w = 0; w < s->n_words; w++)
            distance += (uint32_t)__builtin_popcountll(differ[w] & other->mask[w]);
        if (distance < s->radius[j])
            return 1;
    }
    return 0;
}

static adah_code consider(search *s, const adah_multi_index_table *table, const adah_hit *near, size_t n) {
    const adah_multi_index_query *query = s->query;
    for (size_t i = 0; i < n; i++) {
        const uint64_t position = near[i].position;
        if (!counts(&s->found, position, near[i].distance) ||
            (query->keep && !(query->keep[position / 64] >> position % 64 & 1)) || seen(s, table, position) ||
            (query->accept && !query->accept(query->context, query->query, position)))
            continue;
        if (!add(&s->found, position, near[i].distance))
            return ADAH_ERROR_MEMORY;
    }
    return ADAH_OK;
}

/* Compares the candidates that wait. */
static void compare(walk *w) {
    const search *s = w->s;
    adah_hit near[CANDIDATES + 1]; /* one more is written, but not counted */
    const size_t n_near = find_near(s->codes, s->word, s->n_bytes, w->candidate, w->n_waiting, w->bound, near);
    w->n_candidates += w->n_waiting;
    w->n_waiting = 0;
    if (n_near == 0 || w->code != ADAH_OK)
        return;
    if (w->at_once) {
        w->code = consider(w->at_once, w->table, near, n_near);
        w->bound = w->at_once->found.bound;
        w->last = w->bound == s->reach ? w->at_once->found.last : UINT64_MAX;
        return;
    }
    for (size_t i = 0; i < n_near; i++) {
        void *items = w->near;
        if (!adah_memory_grow(&items, &w->capacity, w->n_near, sizeof *w->near)) {
            w->code = ADAH_ERROR_MEMORY;
            return;
        }
        w->near = items;
        w->near[w->n_near++] = near[i];
    }
}

/* The next larger number with as many bits set (Gosper). */
static uint32_t next_mask(uint32_t mask) {
    if (mask == 0)
        return 0;
    const uint32_t lowest = mask & -mask, carried = mask + lowest;
    return carried | (carried ^ mask) >> 2 >> __builtin_ctz(mask);
}

static void walk_keys(void *context, size_t i) {
    walk *w = (walk *)context + i;
    const search *s = w->s;
    const uint32_t *starts = w->table->starts, *entries = w->table->entries;
    const size_t n = s->view->n, n_bytes = s->n_bytes;
    uint32_t mask = w->mask;
    for (uint64_t done = 0; done < w->n_keys && w->code == ADAH_OK; done += KEYS) {
        const size_t n_keys = w->n_keys - done < KEYS ? (size_t)(w->n_keys - done) : KEYS;
        uint32_t key[KEYS], first[KEYS], end[KEYS];
        size_t n_ranges = 0;
        for (size_t j = 0; j < n_keys; j++, mask = next_mask(mask)) {
            key[j] = w->key ^ mask;
            __builtin_prefetch(starts + key[j]);
        }
        for (size_t j = 0; j < n_keys; j++) {
            const uint32_t from = starts[key[j]], to = starts[key[j] + 1];
            if (from >= to || to > n) /* none, or damaged */
                continue;
            __builtin_prefetch(entries + from);
            first[n_ranges] = from;
            end[n_ranges++] = to;
        }
        for (size_t j = 0; j < n_ranges; j++)
            for (uint32_t e = first[j]; e < end[j]; e++) {
                const uint32_t position = entries[e];
                if (position >= w->last || position >= n)
                    break;
                __builtin_prefetch(s->codes + position * n_bytes);
                w->candidate[w->n_waiting++] = position;
                if (w->n_waiting == CANDIDATES)
                    compare(w);
            }
    }
    compare(w);
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
static double count_under(const search *s, int j) {
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
    return (double)n * (double)n_keys / (double)n_asked;
}

/* What it costs to look through a table's next radius. */
static double price(const search *s, int j) {
    double n_candidates = s->n_under[j];
    if (s->found.bound == s->reach && s->found.last < s->view->n) /* only those before the last hit */
        n_candidates *= (double)s->found.last / (double)s->view->n;
    return (double)s->choose[s->view->table[j].n_key_bits][s->radius[j]] * s->probe_cost +
           n_candidates * s->candidate_cost;
}

/* The table whose next radius costs least. */
static int find_cheapest(search *s, double *least) {
    int cheapest = 0;
    *least = INFINITY;
    for (int j = 0; j < s->view->n_tables; j++) {
        if (s->n_under[j] < 0)
            s->n_under[j] = count_under(s, j);
        const double cost = price(s, j);
        if (cost < *least) {
            *least = cost;
            cheapest = j;
        }
    }
    return cheapest;
}

/* Looks through the next radius of a table. */
static adah_code step(search *s, int j, double expected_cost, adah_multi_index_work *work, adah_status *status) {
    const adah_multi_index_table *table = &s->view->table[j];
    const uint64_t n_keys = s->choose[table->n_key_bits][s->radius[j]];
    /* Threads cannot share a bound that moves, so it must be there already. */
    size_t n_walks = 1;
    if (expected_cost > PARALLEL_COST && s->found.n_within >= s->found.k)
        n_walks = (size_t)adah_parallel_threads();
    if (n_walks > n_keys)
        n_walks = (size_t)n_keys;
    walk *walks = adah_memory_alloc(n_walks * sizeof *walks);
    if (!walks)
        return adah_fail_memory(status, n_walks * sizeof *walks);
    for (size_t i = 0; i < n_walks; i++) {
        const uint64_t first = n_keys * i / n_walks;
        walk *w = &walks[i];
        w->s = s;
        w->table = table;
        w->key = s->key[j];
        w->mask = nth_mask(s, table->n_key_bits, s->radius[j], first);
        w->n_keys = n_keys * (i + 1) / n_walks - first;
        w->bound = s->found.bound;
        w->last = s->found.bound == s->reach ? s->found.last : UINT64_MAX;
        w->near = NULL;
        w->n_near = w->capacity = 0;
        w->n_candidates = w->n_waiting = 0;
        w->code = ADAH_OK;
        w->at_once = n_walks == 1 ? s : NULL;
    }
    adah_parallel_for(n_walks, 1, walk_keys, walks);
    adah_code code = ADAH_OK;
    for (size_t i = 0; i < n_walks; i++) {
        walk *w = &walks[i];
        if (code == ADAH_OK)
            code = w->code != ADAH_OK ? w->code : consider(s, table, w->near, w->n_near);
        work->n_candidates += w->n_candidates;
        adah_memory_free(w->near);
    }
    work->n_probes += n_keys;
    adah_memory_free(walks);
    return code == ADAH_OK ? ADAH_OK : adah_fail_memory(status, s->found.capacity * sizeof(adah_hit));
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
    s->candidate_cost = adah_multi_index_candidate_cost(view->n_bits);
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
    search s;
    adah_multi_index_work unused;
    if (!work)
        work = &unused;
    *work = (adah_multi_index_work){0, 0, 0};
    *hits = NULL;
    *n_hits = 0;
    *done = 1;
    if (query->k == 0)
        return ADAH_OK;
    begin(&s, view, codes, query);
    while (s.found.bound >= s.reach) {
        if (!s.found.keep_ties && s.found.n > s.found.k)
            cut(&s.found);
        double expected;
        const int cheapest = find_cheapest(&s, &expected);
        if (work->cost + expected > query->budget) {
            adah_memory_free(s.found.hit);
            *done = 0;
            return ADAH_OK;
        }
        const adah_code code = step(&s, cheapest, expected, work, status);
        if (code != ADAH_OK) {
            adah_memory_free(s.found.hit);
            return code;
        }
        work->cost = (double)work->n_probes * s.probe_cost + (double)work->n_candidates * s.candidate_cost;
        s.n_under[cheapest] = -1;
        s.reach++;
        if (++s.radius[cheapest] > view->table[cheapest].n_key_bits)
            break; /* every code has been seen */
    }
    cut(&s.found);
    if (s.found.n == 0) {
        adah_memory_free(s.found.hit);
        s.found.hit = NULL;
    }
    *hits = s.found.hit;
    *n_hits = s.found.n;
    return ADAH_OK;
}
