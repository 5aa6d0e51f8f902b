/* scan.c - the exact scan: the hits of many queries among all codes that count.
 *
 * The codes pass by in blocks that stay in the nearest cache while all queries of a batch look at them. A block is
 * groups of 64 codes, word by word (hamming_kernels.h). Codes of 2, 4 or 8 bytes lie so already and are read in
 * place; others, and the few that a bitmap or short runs leave, are first gathered into a block of that form, once
 * for all queries. For a query or a few, gathering costs more than it saves: they read long codes as they are. Some queries more
 * are worth the kernel's own form of a block, its planes, where it has one.
 *
 * A kernel names the groups that hold a code below the query's limit. These are rare once the limit has fallen; only
 * their codes are looked at one by one. The limit follows the bound, the least b such that k candidates at a distance
 * of at most b have been seen: a later code at b itself would lose to them by position. A histogram of the candidates
 * moves it.
 *
 * A task is one batch of queries and one contiguous part of the codes. Queries are shared out to the threads first,
 * then codes; every task keeps a superset of the part's own hits in order of position, so that one counting sort over
 * the parts gives the same hits for any number of them.
 *
 * Long because all that a code passes through is inlined into one loop, and tasks, blocks and candidates are its parts. */
#include "codes/scan.h"

#include "base/memory.h"
#include "base/parallel.h"
#include "codes/hamming_kernels.h"

enum {
    BLOCK_BYTES = 32 << 10, /* of codes, in the first cache beside what the queries need */
    BLOCK_GROUPS_MAX = 64,
    BLOCK_CODES_MAX = BLOCK_GROUPS_MAX * ADAH_GROUP,
    PLANE_BYTES = 24 << 10,   /* of planes, in the first cache with what else is needed */
    PLANE_QUERIES_MIN = 4,    /* that make up for making planes */
    BATCH_MAX = 128,          /* queries that share a gathered block */
    BATCH_MIN = 64,           /* queries that are worth reading all codes: fewer leave a thread waiting for memory */
    TASK_BYTES_MIN = 2 << 20, /* of codes compared: less is done sooner than a thread that sleeps is woken */
    CALL_COST = 256,          /* of a kernel, in comparisons of a word */
    GATHER_COST = 16,         /* of a code among others, */
    PICK_COST = 64,           /* of one picked by its bit */
    READ_AHEAD = 8192,        /* bytes */
    LINE = 64,                /* bytes of a cache line, to which gathered blocks are aligned */
    LONG_LIST = 1000,         /* hits, worth a thread to sort */
    CANDIDATES_FIRST = 64,    /* room for candidates of a query at first */
    PART_CODES_MAX = 1 << 30  /* what a histogram's counters can hold */
};

typedef struct place {
    size_t run, code;
} place;

/* One query in one part of the codes. */
typedef struct finder {
    adah_hit *candidate; /* in order of position */
    size_t n_candidates, capacity;
    size_t n_below;  /* candidates below the bound: fewer than k */
    uint32_t bound;  /* k candidates are at a distance of at most that; one more than the radius before there are k */
    uint32_t limit;  /* only distances below it still count: the bound, and with ties one more */
    uint32_t *count; /* candidates by distance, right up to the bound */
    int is_crowded;  /* most groups of the last block had candidates: naming them first would not pay */
} finder;

/* Codes to look at: n_codes of them in whole groups, what fills up the last one being anything. */
typedef struct block {
    const uint8_t *groups;
    const uint8_t *codes; /* NULL; or codes one after another, to be read as they are, and no groups */
    const uint8_t *planes; /* NULL; or the groups once more, in the kernel's own form */
    size_t n_codes;
    uint64_t first;           /* position of the first code when they follow one another */
    const uint64_t *position; /* else of each; NULL when they do */
    const uint64_t *keep;     /* a word a group: the codes that count; NULL: all */
} block;

typedef struct task {
    place begin, end; /* its part of the codes */
    size_t first_query, n_queries;
    finder *finders;       /* n_queries */
    uint64_t *query_words; /* n_queries times n_words */
    uint8_t *query_halves; /* n_queries times 2 n_bytes */
    uint8_t *gathered;     /* room for one block, aligned */
    uint8_t *planes;       /* NULL; or room for those of plane_groups, aligned */
    uint64_t *position;    /* of the gathered codes */
    size_t n_gathered;
    int out_of_memory;
} task;

typedef struct scan {
    const adah_hamming_kernel *kernel;
    const adah_code_run *runs;
    size_t n_runs, n_codes;
    const uint8_t *queries;
    size_t n_queries, n_bits, n_bytes;
    const adah_scan_options *options;
    uint32_t first_limit;
    size_t word_bytes, n_words, block_groups; /* how blocks lie */
    size_t plane_groups;                      /* of which planes are made at once; 0: none are */
    size_t batch, n_batches, n_parts;         /* queries of a batch; batches at once; parts of the codes */
    task *tasks;                              /* n_batches times n_parts */
    finder *finders;                          /* batch of them a task */
    uint32_t *counts;
    uint64_t *query_words;
    uint8_t *query_halves, *gathered, *planes;
    uint64_t *position;
    size_t first_query; /* of the batches at work */
    adah_hit_list *lists;
} scan;

/* ---- candidates ---- */

/* Drops candidates that can no longer be hits: above the bound and, unless ties stay, at it beyond the k-th. */
static void compact(finder *f, const adah_scan_options *options) {
    size_t room_at_bound = options->keep_ties ? SIZE_MAX : options->k - f->n_below, kept = 0;
    for (size_t i = 0; i < f->n_candidates; i++) {
        uint32_t d = f->candidate[i].distance;
        if (d < f->bound || (d == f->bound && room_at_bound && room_at_bound--))
            f->candidate[kept++] = f->candidate[i];
    }
    f->n_candidates = kept;
}

/* Room for one more, by dropping or by growing: either way at least as much room as candidates stay. */
static int make_room(finder *f, const adah_scan_options *options) {
    compact(f, options);
    if (f->capacity && f->n_candidates <= f->capacity / 2)
        return 1;
    size_t capacity = f->capacity ? 2 * f->capacity : CANDIDATES_FIRST;
    adah_hit *candidate = adah_memory_resize(f->candidate, capacity, sizeof *candidate);
    if (!candidate)
        return 0;
    f->candidate = candidate;
    f->capacity = capacity;
    return 1;
}

/* Takes a code below the limit. Returns 0 when memory is out. */
static int take(finder *f, const adah_scan_options *options, uint64_t position, uint32_t distance) {
    if (f->n_candidates == f->capacity && !make_room(f, options))
        return 0;
    f->candidate[f->n_candidates++] = (adah_hit){position, distance};
    f->count[distance]++;
    f->n_below += distance < f->bound;
    if (f->n_below >= options->k) {
        while (f->n_below >= options->k)
            f->n_below -= f->count[--f->bound];
        f->limit = f->bound + (options->keep_ties != 0);
    }
    return 1;
}

/* ---- blocks ---- */

static uint64_t first_bits(size_t n) { return n < 64 ? ((uint64_t)1 << n) - 1 : UINT64_MAX; }

/* Takes those of the codes of group `g`, a bit each, that are hits so far. Returns 0 when memory is out. */
static int take_codes(const scan *s, finder *f, size_t query, const block *b, size_t g, uint64_t codes,
                      const uint16_t *distance) {
    for (; codes; codes &= codes - 1) {
        const size_t i = (size_t)__builtin_ctzll(codes), at = g * ADAH_GROUP + i;
        const uint64_t position = b->position ? b->position[at] : b->first + at;
        if (distance[i] < f->limit && /* which may have fallen since */
            (!s->options->accept || s->options->accept(s->options->context, query, position)) &&
            !take(f, s->options, position, distance[i]))
            return 0;
    }
    return 1;
}

static uint64_t counting_in(const block *b, size_t g) {
    return (b->keep ? b->keep[g] : UINT64_MAX) & first_bits(b->n_codes - g * ADAH_GROUP);
}

/* Which of a group's distances are below the limit. They are at most 1024, so that signed comparison serves, which
 * every vector unit has. */
static uint64_t below(const uint16_t *distance, uint32_t limit) {
    int16_t any = 0;
    for (size_t i = 0; i < ADAH_GROUP; i++)
        any |= (int16_t)distance[i] < (int16_t)limit;
    uint64_t codes = 0;
    for (size_t i = 0; any && i < ADAH_GROUP; i++)
        codes |= (uint64_t)(distance[i] < limit) << i;
    return codes;
}

/* Lets one query of a task look at a block of codes as they are. Returns 0 when memory is out. */
static int look_at_codes(const scan *s, finder *f, size_t query, const block *b) {
    uint16_t distance[BLOCK_CODES_MAX];
    s->kernel->distances(s->queries + query * s->n_bytes, b->codes, b->n_codes, s->n_bytes, distance);
    for (size_t i = b->n_codes; i % ADAH_GROUP; i++)
        distance[i] = ADAH_BITS_MAX + 1; /* below no limit */
    for (size_t g = 0; g * ADAH_GROUP < b->n_codes && f->limit; g++) {
        const uint64_t codes = below(distance + g * ADAH_GROUP, f->limit) & counting_in(b, g);
        if (!take_codes(s, f, query, b, g, codes, distance + g * ADAH_GROUP))
            return 0;
    }
    return 1;
}

/* The same of groups; q: the number of the query in the task. */
static int look_at_groups(const scan *s, const task *t, size_t q, const block *b) {
    finder *f = &t->finders[q];
    const uint64_t *words = t->query_words + q * s->n_words;
    uint16_t near[BLOCK_GROUPS_MAX], distance[ADAH_GROUP];
    const size_t n_groups = (b->n_codes + ADAH_GROUP - 1) / ADAH_GROUP,
                 group_bytes = ADAH_GROUP * s->word_bytes * s->n_words;
    size_t n_near = n_groups, n_taken_from = 0;
    if (!f->is_crowded)
        n_near = b->planes ? s->kernel->near_planes(t->query_halves + q * 2 * s->n_bytes, b->planes, n_groups, s->n_bytes,
                                                    f->limit, near)
                           : s->kernel->near_groups(words, b->groups, n_groups, s->word_bytes, s->n_words, f->limit, near);
    for (size_t j = 0; j < n_near && f->limit; j++) {
        const size_t g = f->is_crowded ? j : near[j];
        uint64_t codes =
            s->kernel->near_codes(words, b->groups + g * group_bytes, s->word_bytes, s->n_words, f->limit, distance);
        codes &= counting_in(b, g);
        n_taken_from += codes != 0;
        if (!take_codes(s, f, t->first_query + q, b, g, codes, distance))
            return 0;
    }
    f->is_crowded = n_taken_from > n_groups / 2;
    return 1;
}

/* Lets all queries of a task look at a block. Returns 0 when there is nothing more to do. */
static int look_all_at(const scan *s, task *t, const block *b) {
    int goes_on = 0;
    for (size_t q = 0; q < t->n_queries; q++) {
        finder *f = &t->finders[q];
        if (!f->limit) /* k hits at distance 0 */
            continue;
        if (!(b->codes ? look_at_codes(s, f, t->first_query + q, b) : look_at_groups(s, t, q, b))) {
            t->out_of_memory = 1;
            return 0;
        }
        goes_on = 1;
    }
    return goes_on;
}

static int uses_planes(const scan *s, const task *t) { return s->plane_groups && t->n_queries >= PLANE_QUERIES_MIN; }

/* The same for groups: where the kernel has a form of its own for many queries, so many groups at a time as fit the first
 * cache in it. */
static int look_all_at_groups(const scan *s, task *t, const block *b) {
    if (!uses_planes(s, t))
        return look_all_at(s, t, b);
    const size_t step = s->plane_groups * ADAH_GROUP;
    for (size_t i = 0; i < b->n_codes; i += step) {
        const block part = {.groups = b->groups + i * s->word_bytes * s->n_words,
                            .planes = t->planes,
                            .n_codes = b->n_codes - i < step ? b->n_codes - i : step,
                            .first = b->first + i,
                            .position = b->position ? b->position + i : NULL,
                            .keep = b->keep ? b->keep + i / ADAH_GROUP : NULL};
        s->kernel->make_planes(part.groups, (part.n_codes + ADAH_GROUP - 1) / ADAH_GROUP, s->word_bytes, s->n_words, s->n_bytes,
                               t->planes);
        if (!look_all_at(s, t, &part))
            return 0;
    }
    return 1;
}

static int look_at_gathered(const scan *s, task *t) {
    const block b = {.groups = t->gathered, .n_codes = t->n_gathered, .position = t->position};
    t->n_gathered = 0;
    return b.n_codes == 0 || look_all_at_groups(s, t, &b);
}

/* n bytes of a word from the front and n from the back of a code that has n to 2 n bytes make its one word: where
 * they overlap they agree. (The order of bits within a word does not matter, but query and code must have the same.)
 */
static inline uint64_t short_word(const uint8_t *code, size_t n_bytes, size_t word_bytes) {
    const uint8_t *behind = code + n_bytes - word_bytes / 2;
    const size_t shift = 8 * (n_bytes - word_bytes / 2);
    if (word_bytes == 2)
        return code[0] | (uint64_t)behind[0] << shift;
    if (word_bytes == 4) {
        uint16_t front, back;
        memcpy(&front, code, 2);
        memcpy(&back, behind, 2);
        return front | (uint64_t)back << shift;
    }
    uint32_t front, back;
    memcpy(&front, code, 4);
    memcpy(&back, behind, 4);
    return front | (uint64_t)back << shift;
}

/* What remains of a code behind its whole words of 8 bytes, without reading beyond it. */
static inline uint64_t last_word(const uint8_t *code, size_t n_bytes) {
    uint64_t x;
    memcpy(&x, code + n_bytes - 8, 8);
    return x >> (64 - n_bytes % 8 * 8);
}

static void put_short(uint8_t *to, const uint8_t *codes, size_t n, size_t n_bytes, size_t word_bytes) {
    if (word_bytes == 8)
        for (size_t i = 0; i < n; i++) {
            const uint64_t x = short_word(codes + i * n_bytes, n_bytes, 8);
            memcpy(to + i * 8, &x, 8);
        }
    else if (word_bytes == 4)
        for (size_t i = 0; i < n; i++) {
            const uint32_t x = (uint32_t)short_word(codes + i * n_bytes, n_bytes, 4);
            memcpy(to + i * 4, &x, 4);
        }
    else
        for (size_t i = 0; i < n; i++) {
            const uint16_t x = (uint16_t)short_word(codes + i * n_bytes, n_bytes, 2);
            memcpy(to + i * 2, &x, 2);
        }
}

/* Puts n codes that follow one another into a block, from place `at` on; they stay within one group. */
static void put(const scan *s, uint8_t *groups, size_t at, const uint8_t *codes, size_t n) {
    const size_t n_bytes = s->n_bytes, word_bytes = s->word_bytes;
    uint8_t *to = groups + (at / ADAH_GROUP * s->n_words * ADAH_GROUP + at % ADAH_GROUP) * word_bytes;
    if (n_bytes == word_bytes) {
        memcpy(to, codes, n * n_bytes);
        return;
    }
    if (n_bytes < 8) {
        put_short(to, codes, n, n_bytes, word_bytes);
        return;
    }
    if (n == ADAH_GROUP) /* looking at blocks keeps the machine from reading ahead; this may lie beyond the codes */
        for (size_t j = 0; j < n * n_bytes; j += LINE)
            __builtin_prefetch((const void *)((uintptr_t)codes + READ_AHEAD + j));
    for (size_t w = 0; w < n_bytes / 8; w++, to += ADAH_GROUP * 8)
        for (size_t i = 0; i < n; i++)
            memcpy(to + i * 8, codes + i * n_bytes + w * 8, 8);
    for (size_t i = 0; i < n && n_bytes % 8; i++) {
        const uint64_t x = last_word(codes + i * n_bytes, n_bytes);
        memcpy(to + i * 8, &x, 8);
    }
}

/* A query in the form that the kernels expect. */
static void query_words(const scan *s, const uint8_t *query, uint64_t *words) {
    if (s->n_bytes < 8) {
        const uint64_t repeat = s->word_bytes == 2   ? 0x0001000100010001u
                                : s->word_bytes == 4 ? 0x0000000100000001u
                                                     : 1;
        words[0] = short_word(query, s->n_bytes, s->word_bytes) * repeat;
        return;
    }
    memcpy(words, query, s->n_bytes / 8 * 8);
    if (s->n_bytes % 8)
        words[s->n_words - 1] = last_word(query, s->n_bytes);
}

/* Gathers n codes that follow one another. Returns 0 when there is nothing more to do. */
static int gather(const scan *s, task *t, const uint8_t *codes, size_t n, uint64_t position) {
    while (n) {
        const size_t at = t->n_gathered, room = ADAH_GROUP - at % ADAH_GROUP, m = n < room ? n : room;
        put(s, t->gathered, at, codes, m);
        for (size_t i = 0; i < m; i++)
            t->position[at + i] = position + i;
        t->n_gathered += m;
        if (t->n_gathered == s->block_groups * ADAH_GROUP && !look_at_gathered(s, t))
            return 0;
        codes += m * s->n_bytes;
        position += m;
        n -= m;
    }
    return 1;
}

/* The codes of group `g` of a run that count; the run ends at `end`. */
static uint64_t kept_in(const adah_code_run *run, size_t g, size_t end) {
    return (run->keep ? run->keep[g] : UINT64_MAX) & first_bits(end - g * ADAH_GROUP);
}

/* Looks at n codes from `begin` of a run, of which n_kept count: as they are when that costs the queries less than
 * gathering what counts. The unit of cost is the comparison of a word; reading across cache lines doubles it, and so
 * does reading codes that form no groups, or more where their length suits the kernel badly. */
static int look_at_stretch(const scan *s, task *t, const adah_code_run *run, size_t begin, size_t n, size_t n_kept) {
    const uint8_t *codes = run->codes + begin * s->n_bytes;
    const int is_group = s->n_bytes == s->word_bytes && n % ADAH_GROUP == 0;
    const int is_odd = s->n_bytes % 8 != 0 || s->n_bytes < 16;
    const size_t dearer = is_group ? !uses_planes(s, t) && (uintptr_t)codes % LINE != 0 : is_odd ? s->kernel->odd_cost : 1;
    const size_t extra = CALL_COST + n - n_kept + n * dearer;
    if (t->n_queries * extra <= n_kept * (n_kept == n ? GATHER_COST : PICK_COST)) {
        block b = {.n_codes = n, .first = run->first + begin, .keep = run->keep ? run->keep + begin / ADAH_GROUP : NULL};
        *(is_group ? &b.groups : &b.codes) = codes;
        return look_at_gathered(s, t) && (is_group ? look_all_at_groups(s, t, &b) : look_all_at(s, t, &b));
    }
    if (n_kept == n)
        return gather(s, t, codes, n, run->first + begin);
    for (size_t i = 0; i < n; i += ADAH_GROUP)
        for (uint64_t kept = kept_in(run, (begin + i) / ADAH_GROUP, begin + n); kept;) {
            const size_t at = (size_t)__builtin_ctzll(kept);
            const uint64_t others = ~(kept >> at);
            const size_t m = others ? (size_t)__builtin_ctzll(others) : ADAH_GROUP; /* that follow one another */
            if (!gather(s, t, codes + (i + at) * s->n_bytes, m, run->first + begin + i + at))
                return 0;
            kept &= ~(first_bits(m) << at);
        }
    return 1;
}

/* Looks at the codes begin..end-1 of a run; begin is a multiple of the group. Groups without any that counts are
 * passed over, but for a few between others, whose distances cost less than another call. */
static int look_at_run(const scan *s, task *t, const adah_code_run *run, size_t begin, size_t end) {
    const size_t block_codes = s->block_groups * ADAH_GROUP;
    for (size_t i = begin, n; i < end; i += n) {
        size_t n_wanted = 0, n_kept = 0; /* codes up to the last group with one that counts; those that do */
        for (n = 0; n < block_codes && i + n + ADAH_GROUP <= end && n - n_wanted < CALL_COST; n += ADAH_GROUP) {
            const uint64_t kept = kept_in(run, (i + n) / ADAH_GROUP, end);
            if (kept)
                n_wanted = n + ADAH_GROUP;
            n_kept += run->keep ? adah_bits_set(kept) : ADAH_GROUP;
        }
        if (n == 0) { /* the last codes, of no whole group */
            n = n_wanted = end - i;
            n_kept = adah_bits_set(kept_in(run, i / ADAH_GROUP, end));
        }
        if (n_kept && !look_at_stretch(s, t, run, i, n_wanted, n_kept))
            return 0;
    }
    return 1;
}

/* ---- tasks ---- */

static void start_task(const scan *s, task *t, size_t number) {
    const size_t left = s->n_queries - s->first_query, batch = number / s->n_parts * s->batch;
    t->first_query = s->first_query + batch;
    t->n_queries = batch >= left ? 0 : left - batch < s->batch ? left - batch : s->batch;
    t->n_gathered = 0;
    for (size_t q = 0; q < t->n_queries; q++) {
        finder *f = &t->finders[q];
        f->n_candidates = f->n_below = 0;
        f->bound = f->limit = s->first_limit;
        f->is_crowded = 1; /* at first everything is a candidate */
        memset(f->count, 0, (s->n_bits + 1) * sizeof *f->count);
        uint64_t *words = t->query_words + q * s->n_words;
        query_words(s, s->queries + (t->first_query + q) * s->n_bytes, words);
        for (size_t b = 0; s->plane_groups && b < s->n_bytes; b++) {
            const uint8_t byte = ((const uint8_t *)words)[b];
            t->query_halves[(q * s->n_bytes + b) * 2] = (uint8_t)(byte << 4);
            t->query_halves[(q * s->n_bytes + b) * 2 + 1] = byte & 0xf0;
        }
    }
}

static void run_task(void *context, size_t number) {
    const scan *s = context;
    task *t = &s->tasks[number];
    start_task(s, t, number);
    if (!t->n_queries)
        return;
    for (size_t r = t->begin.run; r < s->n_runs && r <= t->end.run; r++) {
        const size_t begin = r == t->begin.run ? t->begin.code : 0,
                     end = r == t->end.run ? t->end.code : s->runs[r].n;
        if (!look_at_run(s, t, &s->runs[r], begin, end))
            return;
    }
    look_at_gathered(s, t);
}

/* The hits of one query of the batches at work out of the candidates of all parts: a histogram gives the place of
 * each distance, then one stable pass. */
static void sort_hits(void *context, size_t number) {
    const scan *s = context;
    const task *t = &s->tasks[number / s->batch * s->n_parts];
    const size_t q = number % s->batch;
    if (q >= t->n_queries)
        return;
    size_t place_of[ADAH_BITS_MAX + 2]; /* where the next hit at a distance goes */
    memset(place_of, 0, (s->n_bits + 2) * sizeof *place_of);
    for (size_t j = 0; j < s->n_parts; j++)
        for (size_t i = 0; i < t[j].finders[q].n_candidates; i++)
            place_of[t[j].finders[q].candidate[i].distance + 1]++;
    size_t d = 0; /* of the k-th hit, or n_bits */
    for (; d < s->n_bits && place_of[d + 1] < s->options->k; d++)
        place_of[d + 2] += place_of[d + 1];
    const size_t n_all = place_of[d + 1], n = n_all > s->options->k && !s->options->keep_ties ? s->options->k : n_all;
    adah_hit_list *list = &s->lists[t->first_query + q];
    list->n = n;
    if (n == 0 || !(list->hit = adah_memory_resize(NULL, n, sizeof *list->hit)))
        return;
    for (size_t j = 0; j < s->n_parts; j++)
        for (size_t i = 0; i < t[j].finders[q].n_candidates; i++) {
            const adah_hit hit = t[j].finders[q].candidate[i];
            if (hit.distance <= d && place_of[hit.distance] < n)
                list->hit[place_of[hit.distance]++] = hit;
        }
}

/* The place of the code with that many before it, moved back to a border of groups. */
static place place_at(const scan *s, size_t n_before) {
    for (size_t r = 0; r < s->n_runs; r++) {
        if (n_before < s->runs[r].n)
            return (place){r, n_before / ADAH_GROUP * ADAH_GROUP};
        n_before -= s->runs[r].n;
    }
    return (place){s->n_runs, 0};
}

static void choose_layout(scan *s) {
    s->word_bytes = s->n_bytes <= 2 ? 2 : s->n_bytes <= 4 ? 4 : 8;
    s->n_words = (s->n_bytes + s->word_bytes - 1) / s->word_bytes;
    s->block_groups = BLOCK_BYTES / (ADAH_GROUP * s->word_bytes * s->n_words);
    if (s->block_groups > BLOCK_GROUPS_MAX)
        s->block_groups = BLOCK_GROUPS_MAX;
    if (s->kernel->make_planes && s->n_queries >= PLANE_QUERIES_MIN) {
        s->plane_groups = PLANE_BYTES / (ADAH_GROUP * 2 * s->n_bytes);
        if (s->plane_groups > s->block_groups)
            s->plane_groups = s->block_groups;
        if (s->plane_groups > 4)
            s->plane_groups -= s->plane_groups % 4;
    }
}

/* As many tasks as threads, where the work is worth them. */
static void choose_tasks(scan *s) {
    const double worth = (double)s->n_codes * (double)s->n_bytes * (double)s->n_queries / TASK_BYTES_MIN;
    size_t n_tasks = (size_t)adah_parallel_threads();
    if (worth < (double)n_tasks)
        n_tasks = worth < 1 ? 1 : (size_t)worth;
    s->n_batches = s->n_queries / BATCH_MIN < n_tasks ? s->n_queries / BATCH_MIN : n_tasks;
    while (s->n_batches > 1 && n_tasks % s->n_batches)
        s->n_batches--;
    if (s->n_batches == 0)
        s->n_batches = 1;
    s->n_parts = n_tasks / s->n_batches;
    if (s->n_parts <= s->n_codes / PART_CODES_MAX)
        s->n_parts = s->n_codes / PART_CODES_MAX + 1;
    s->batch = (s->n_queries + s->n_batches - 1) / s->n_batches;
    if (s->batch > BATCH_MAX)
        s->batch = BATCH_MAX;
}

static adah_code make_tasks(scan *s, adah_status *status) {
    const size_t n_tasks = s->n_batches * s->n_parts, n_finders = n_tasks * s->batch;
    const size_t block_codes = s->block_groups * ADAH_GROUP, block_bytes = block_codes * s->word_bytes * s->n_words;
    const size_t plane_bytes = (s->plane_groups + 3) / 4 * 4 * ADAH_GROUP * 2 * s->n_bytes;
    s->tasks = adah_memory_zeroed(n_tasks, sizeof *s->tasks);
    s->finders = adah_memory_zeroed(n_finders, sizeof *s->finders);
    s->counts = adah_memory_zeroed(n_finders, (s->n_bits + 1) * sizeof *s->counts);
    s->query_words = adah_memory_zeroed(n_finders, s->n_words * sizeof *s->query_words);
    s->gathered = adah_memory_zeroed(n_tasks * block_bytes + LINE, 1);
    s->position = adah_memory_zeroed(n_tasks, block_codes * sizeof *s->position);
    if (s->plane_groups) {
        s->query_halves = adah_memory_zeroed(n_finders, 2 * s->n_bytes);
        s->planes = adah_memory_zeroed(n_tasks * plane_bytes + LINE, 1);
    }
    if (!s->tasks || !s->finders || !s->counts || !s->query_words || !s->gathered || !s->position ||
        (s->plane_groups && (!s->query_halves || !s->planes)))
        return adah_fail_memory(status, n_finders * (s->n_bits + 1) * sizeof *s->counts);
    for (size_t i = 0; i < n_finders; i++)
        s->finders[i].count = s->counts + i * (s->n_bits + 1);
    for (size_t i = 0; i < n_tasks; i++) {
        task *t = &s->tasks[i];
        const size_t part = i % s->n_parts;
        t->begin = place_at(s, s->n_codes / s->n_parts * part);
        t->end = part + 1 == s->n_parts ? (place){s->n_runs, 0} : place_at(s, s->n_codes / s->n_parts * (part + 1));
        t->finders = s->finders + i * s->batch;
        t->query_words = s->query_words + i * s->batch * s->n_words;
        t->gathered = s->gathered + (LINE - (uintptr_t)s->gathered % LINE) + i * block_bytes;
        t->position = s->position + i * block_codes;
        if (s->plane_groups) {
            t->query_halves = s->query_halves + i * s->batch * 2 * s->n_bytes;
            t->planes = s->planes + (LINE - (uintptr_t)s->planes % LINE) + i * plane_bytes;
        }
    }
    return ADAH_OK;
}

static void free_tasks(scan *s) {
    for (size_t i = 0; s->finders && i < s->n_batches * s->n_parts * s->batch; i++)
        adah_memory_free(s->finders[i].candidate);
    adah_memory_free(s->tasks);
    adah_memory_free(s->finders);
    adah_memory_free(s->counts);
    adah_memory_free(s->query_words);
    adah_memory_free(s->query_halves);
    adah_memory_free(s->gathered);
    adah_memory_free(s->planes);
    adah_memory_free(s->position);
}

static adah_code run_all(scan *s, adah_status *status) {
    const size_t n_at_once = s->n_batches * s->batch;
    for (s->first_query = 0; s->first_query < s->n_queries; s->first_query += n_at_once) {
        adah_parallel_for(s->n_batches * s->n_parts, 1, run_task, s);
        for (size_t i = 0; i < s->n_batches * s->n_parts; i++)
            if (s->tasks[i].out_of_memory) {
                size_t capacity = CANDIDATES_FIRST;
                for (size_t q = 0; q < s->tasks[i].n_queries; q++)
                    if (s->tasks[i].finders[q].capacity > capacity)
                        capacity = s->tasks[i].finders[q].capacity;
                return adah_fail_memory(status, 2 * capacity * sizeof(adah_hit));
            }
        adah_parallel_for(n_at_once, s->options->k < LONG_LIST ? BATCH_MIN : 1, sort_hits, s);
        for (size_t q = s->first_query; q < s->n_queries && q < s->first_query + n_at_once; q++)
            if (s->lists[q].n && !s->lists[q].hit)
                return adah_fail_memory(status, s->lists[q].n * sizeof(adah_hit));
    }
    return ADAH_OK;
}

static adah_code check(const adah_code_run *runs, size_t n_runs, size_t n_bits, adah_status *status) {
    if (n_bits < ADAH_BITS_MIN || n_bits > ADAH_BITS_MAX || n_bits % 8)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "codes of %zu bits: expected a multiple of 8 from %d to %d",
                         n_bits, ADAH_BITS_MIN, ADAH_BITS_MAX);
    uint64_t end = 0;
    for (size_t r = 0; r < n_runs; r++) {
        if (runs[r].first < end || runs[r].n > UINT64_MAX - runs[r].first)
            return adah_fail(status, ADAH_ERROR_ARGUMENT, "run %zu of codes does not lie after the one before it",
                             r);
        end = runs[r].first + runs[r].n;
    }
    return ADAH_OK;
}

adah_code adah_scan(const adah_code_run *runs, size_t n_runs, size_t n_bits, const uint8_t *queries, size_t n_queries,
                    const adah_scan_options *options, adah_hit_list *lists, adah_status *status) {
    if (n_queries)
        memset(lists, 0, n_queries * sizeof *lists);
    ADAH_TRY(check(runs, n_runs, n_bits, status));
    scan s = {.kernel = adah_hamming_chosen(),
              .runs = runs,
              .n_runs = n_runs,
              .queries = queries,
              .n_queries = n_queries,
              .n_bits = n_bits,
              .n_bytes = n_bits / 8,
              .options = options,
              .first_limit = (options->radius < n_bits ? options->radius : (uint32_t)n_bits) + 1,
              .lists = lists};
    for (size_t r = 0; r < n_runs; r++)
        s.n_codes += runs[r].n;
    if (s.n_codes == 0 || n_queries == 0 || options->k == 0)
        return ADAH_OK;
    choose_layout(&s);
    choose_tasks(&s);
    adah_code code = make_tasks(&s, status);
    if (code == ADAH_OK)
        code = run_all(&s, status);
    free_tasks(&s);
    if (code != ADAH_OK)
        adah_hit_lists_free(lists, n_queries);
    return code;
}

void adah_hit_lists_free(adah_hit_list *lists, size_t n_queries) {
    for (size_t q = 0; q < n_queries; q++) {
        adah_memory_free(lists[q].hit);
        lists[q] = (adah_hit_list){NULL, 0};
    }
}

adah_code adah_hamming_nearest(const uint8_t *query, const uint8_t *codes, size_t n, size_t n_bits, size_t k,
                               adah_hit *hits, size_t *n_hits, adah_status *status) {
    const adah_code_run run = {codes, n, 0, NULL};
    const adah_scan_options options = {.k = k, .radius = UINT32_MAX};
    adah_hit_list list;
    ADAH_TRY(adah_scan(&run, 1, n_bits, query, 1, &options, &list, status));
    if (list.n)
        memcpy(hits, list.hit, list.n * sizeof *hits);
    *n_hits = list.n;
    adah_hit_lists_free(&list, 1);
    return ADAH_OK;
}
