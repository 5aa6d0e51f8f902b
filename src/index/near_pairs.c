/* near_pairs.c - see near_pairs.h.
 *
 * How near a copy is depends on the picture: the features of a landscape at dusk are near those of a hundred others, and those of a poster near none. So
 * what counts is how much nearer two are than what else is around: the 8th neighbour, so that up to eight copies do not hide each other.
 * By the cosine alone half as many copies are found beside as many other pairs (docs/measured/duplicates.md). In a small collection everything
 * is far from a picture, and the nearest stands out without being a copy: so a cosine has to be .75 at least.
 *
 * Not all pairs are looked at. A sample of the vectors, all of them up to 4,096, are pivots, each with a cell of those vectors that have it among
 * their 8 nearest pivots. Vectors are compared when they share a cell. With c pivots that takes n c + 64 n^2 / c cosines, least where c is 8 times
 * the root of n. */
#include "index/near_pairs.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/random.h"
#include "codes/fine.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { N_NEAR = 8, N_CELLS = N_NEAR + 1, PIVOTS_LEAST = 4096, BLOCK = 2048, NONE = UINT32_MAX };
static const float surely = 0.95F, least = 0.75F;

/* The nearest of a vector that are known, best first. */
typedef struct neighbours {
    uint32_t item[N_NEAR];
    float cosine[N_NEAR];
} neighbours;

typedef struct pair_list {
    adah_near_pair *pair;
    size_t n, capacity;
} pair_list;

typedef struct finder {
    const int8_t *vectors;
    size_t n, n_values, n_pivots;
    float ratio;
    const adah_near_groups *groups; /* NULL: all are pairs */
    uint32_t *pivot;           /* items */
    uint32_t *cell_of;         /* N_CELLS of each item: numbers of pivots, NONE behind the last */
    size_t *cell_start;        /* n_pivots + 1 */
    uint32_t *member;          /* of the cells */
    neighbours *near;          /* of each item */
    const int8_t **room;       /* of each thread: vectors to compare with */
    float *cosine;             /* of each thread */
    size_t n_room;             /* places of a thread in both */
    pair_list *found;          /* of each thread */
    size_t first;              /* item of the block at work */
    atomic_int is_out_of_memory;
} finder;

static const int8_t *vector_of(const finder *f, uint32_t item) { return f->vectors + (size_t)item * f->n_values; }

static void start(neighbours *x) {
    for (int i = 0; i < N_NEAR; i++) {
        x->item[i] = NONE;
        x->cosine[i] = -1;
    }
}

/* Puts an item in its place, once. Of equal cosines the lower item is first. */
static void take(neighbours *x, uint32_t item, float cosine) {
    int at = N_NEAR;
    while (at && (cosine > x->cosine[at - 1] || (cosine == x->cosine[at - 1] && item < x->item[at - 1])))
        at--;
    if (at == N_NEAR)
        return;
    for (int i = 0; i < N_NEAR; i++)
        if (x->item[i] == item)
            return;
    memmove(x->item + at + 1, x->item + at, (size_t)(N_NEAR - 1 - at) * sizeof *x->item);
    memmove(x->cosine + at + 1, x->cosine + at, (size_t)(N_NEAR - 1 - at) * sizeof *x->cosine);
    x->item[at] = item;
    x->cosine[at] = cosine;
}

/* The cosine with what is around: the last that is known, of a few vectors the last of these. */
static float around(const neighbours *x) {
    int at = N_NEAR - 1;
    while (at && x->item[at] == NONE)
        at--;
    return x->cosine[at];
}

static int is_near(const finder *f, float cosine, float cosine_around) {
    return cosine >= surely || (cosine >= least && 1 - cosine <= f->ratio * (1 - cosine_around));
}

static int stands_out(const finder *f, uint32_t a, uint32_t b, float cosine) {
    const float x = around(&f->near[a]), y = around(&f->near[b]);
    return is_near(f, cosine, x > y ? x : y);
}

/* ---------------------------------------------------------------- cells */

/* The pivots that are nearest to an item, and itself if it is one. */
static void find_cells(void *context, size_t i) {
    const finder *f = context;
    const uint32_t item = (uint32_t)(f->first + i);
    const size_t thread = (size_t)adah_parallel_thread() * f->n_room;
    float *cosine = f->cosine + thread;
    neighbours nearest; /* by number of the pivot */
    uint32_t own = NONE;
    start(&nearest);
    for (size_t begin = 0; begin < f->n_pivots; begin += f->n_room) {
        const size_t n = f->n_pivots - begin < f->n_room ? f->n_pivots - begin : f->n_room;
        for (size_t k = 0; k < n; k++)
            f->room[thread + k] = vector_of(f, f->pivot[begin + k]);
        adah_fine_cosines(vector_of(f, item), f->room + thread, n, f->n_values, cosine);
        for (size_t k = 0; k < n; k++)
            if (f->pivot[begin + k] == item)
                own = (uint32_t)(begin + k);
            else
                take(&nearest, (uint32_t)(begin + k), cosine[k]);
    }
    uint32_t *cell = f->cell_of + (size_t)item * N_CELLS;
    memcpy(cell, nearest.item, sizeof nearest.item);
    cell[N_NEAR] = own;
    start(&f->near[item]);
    for (int k = 0; k < N_NEAR && nearest.item[k] != NONE; k++)
        take(&f->near[item], f->pivot[nearest.item[k]], nearest.cosine[k]);
}

static adah_code fill_cells(finder *f, adah_status *status) {
    f->cell_start = adah_memory_zeroed(f->n_pivots + 1, sizeof *f->cell_start);
    if (!f->cell_start)
        return adah_fail_memory(status, f->n_pivots * sizeof *f->cell_start);
    const size_t n = f->n * N_CELLS;
    for (size_t i = 0; i < n; i++)
        if (f->cell_of[i] != NONE)
            f->cell_start[f->cell_of[i] + 1]++;
    for (size_t i = 0; i < f->n_pivots; i++)
        f->cell_start[i + 1] += f->cell_start[i];
    f->member = adah_memory_resize(NULL, f->cell_start[f->n_pivots] + 1, sizeof *f->member);
    size_t *end = adah_memory_resize(NULL, f->n_pivots + 1, sizeof *end);
    const int ok = f->member && end;
    if (ok)
        memcpy(end, f->cell_start, f->n_pivots * sizeof *end);
    for (size_t i = 0; i < n && ok; i++)
        if (f->cell_of[i] != NONE)
            f->member[end[f->cell_of[i]]++] = (uint32_t)(i / N_CELLS);
    adah_memory_free(end);
    return ok ? ADAH_OK : adah_fail_memory(status, n * sizeof *f->member);
}

/* ---------------------------------------------------------------- pairs */

static void keep_pair(finder *f, pair_list *list, uint32_t a, uint32_t b) {
    if (adah_memory_grow((void **)&list->pair, &list->capacity, list->n, sizeof *list->pair))
        list->pair[list->n++] = (adah_near_pair){a, b};
    else
        atomic_store(&f->is_out_of_memory, 1);
}

uint32_t adah_near_groups_first(const adah_near_groups *g, uint32_t item) {
    for (;;) {
        uint32_t parent = atomic_load_explicit(&g->parent[item], memory_order_relaxed);
        if (parent == item)
            return item;
        const uint32_t above = atomic_load_explicit(&g->parent[parent], memory_order_relaxed);
        if (above != parent) /* the way becomes shorter; where another thread has changed it, that did no less */
            atomic_compare_exchange_weak_explicit(&g->parent[item], &parent, above, memory_order_relaxed, memory_order_relaxed);
        item = above;
    }
}

/* The first of the later group gets the first of the other for its parent, unless another thread has just given it one: then again. So the groups
 * are the same in whatever order the pairs come. */
static void join_groups(const adah_near_groups *g, uint32_t a, uint32_t b) {
    uint32_t x = adah_near_groups_first(g, a), y = adah_near_groups_first(g, b);
    if (x == y || !g->joins(g->context, a, b))
        return;
    while (x != y) {
        uint32_t later = x > y ? x : y;
        if (atomic_compare_exchange_strong(&g->parent[later], &later, x < y ? x : y))
            return;
        x = adah_near_groups_first(g, x);
        y = adah_near_groups_first(g, y);
    }
}

/* Compares an item with those of its cells, and keeps the pairs that may stand out: what is around only comes nearer. */
static void compare(void *context, size_t i) {
    finder *f = context;
    const uint32_t item = (uint32_t)(f->first + i);
    const size_t number = (size_t)adah_parallel_thread(), thread = number * f->n_room;
    neighbours near = f->near[item];
    for (int c = 0; c < N_CELLS; c++) {
        const uint32_t cell = f->cell_of[(size_t)item * N_CELLS + (size_t)c];
        for (size_t begin = cell == NONE ? 1 : f->cell_start[cell], end = cell == NONE ? 0 : f->cell_start[cell + 1]; begin < end;) {
            const size_t n = end - begin < f->n_room ? end - begin : f->n_room;
            for (size_t k = 0; k < n; k++)
                f->room[thread + k] = vector_of(f, f->member[begin + k]);
            adah_fine_cosines(vector_of(f, item), f->room + thread, n, f->n_values, f->cosine + thread);
            for (size_t k = 0; k < n; k++) {
                const uint32_t other = f->member[begin + k];
                const float cosine = f->cosine[thread + k];
                if (other == item)
                    continue;
                take(&near, other, cosine);
                if (other > item && cosine >= surely && f->groups)
                    join_groups(f->groups, item, other);
                else if (other > item && is_near(f, cosine, around(&near)))
                    keep_pair(f, &f->found[number], item, other);
            }
            begin += n;
        }
    }
    f->near[item] = near;
}

static int by_items(const void *a, const void *b) {
    const adah_near_pair *x = a, *y = b;
    return x->a != y->a ? (x->a > y->a) - (x->a < y->a) : (x->b > y->b) - (x->b < y->b);
}

/* Those of all threads that stand out by what is known at the end, in order, each once. */
static adah_code choose_pairs(const finder *f, adah_near_pair **pairs, size_t *n_pairs, adah_status *status) {
    size_t n = 0, n_kept = 0;
    for (int t = 0; t < adah_parallel_threads(); t++)
        n += f->found[t].n;
    adah_near_pair *all = adah_memory_resize(NULL, n + 1, sizeof *all);
    if (!all)
        return adah_fail_memory(status, n * sizeof *all);
    n = 0;
    for (int t = 0; t < adah_parallel_threads(); t++) {
        if (f->found[t].n)
            memcpy(all + n, f->found[t].pair, f->found[t].n * sizeof *all);
        n += f->found[t].n;
    }
    qsort(all, n, sizeof *all, by_items);
    for (size_t i = 0; i < n; i++) {
        if (n_kept && !by_items(&all[i], &all[n_kept - 1]))
            continue;
        const int8_t *other = vector_of(f, all[i].b);
        float cosine;
        adah_fine_cosines(vector_of(f, all[i].a), &other, 1, f->n_values, &cosine);
        if (stands_out(f, all[i].a, all[i].b, cosine))
            all[n_kept++] = all[i];
    }
    *pairs = all;
    *n_pairs = n_kept;
    return ADAH_OK;
}

/* ---------------------------------------------------------------- all of it */

static adah_code for_all(finder *f, void (*body)(void *context, size_t i), int part, adah_progress progress, adah_status *status) {
    for (f->first = 0; f->first < f->n; f->first += BLOCK) {
        const adah_progress_event event = {"comparing pictures", part * f->n + f->first, 2 * f->n, "", 0};
        if (progress.function && progress.function(progress.user, &event))
            return adah_fail(status, ADAH_ERROR_CANCELLED, "cancelled");
        adah_parallel_for(f->n - f->first < BLOCK ? f->n - f->first : BLOCK, 16, body, f);
        if (atomic_load(&f->is_out_of_memory))
            return adah_fail_memory(status, f->n * sizeof(adah_near_pair));
    }
    return ADAH_OK;
}

static size_t choose_pivots(size_t n) {
    size_t c = PIVOTS_LEAST;
    while (c / 8 < n / (c / 8)) /* c < 8 sqrt(n) */
        c += PIVOTS_LEAST / 4;
    return c < n ? c : n;
}

static adah_code prepare(finder *f, adah_status *status) {
    const size_t n_threads = (size_t)adah_parallel_threads();
    size_t *order = adah_memory_resize(NULL, f->n, sizeof *order);
    f->n_pivots = choose_pivots(f->n);
    f->n_room = 1024;
    f->pivot = adah_memory_resize(NULL, f->n_pivots, sizeof *f->pivot);
    f->cell_of = adah_memory_resize(NULL, f->n * N_CELLS, sizeof *f->cell_of);
    f->near = adah_memory_resize(NULL, f->n, sizeof *f->near);
    f->room = adah_memory_resize(NULL, n_threads * f->n_room, sizeof *f->room);
    f->cosine = adah_memory_floats(n_threads * f->n_room);
    f->found = adah_memory_zeroed(n_threads, sizeof *f->found);
    const int ok = order && f->pivot && f->cell_of && f->near && f->room && f->cosine && f->found;
    if (ok) {
        adah_random r = adah_random_seeded(0, 0);
        adah_random_permutation(&r, f->n, order);
    }
    for (size_t i = 0; i < f->n_pivots && ok; i++)
        f->pivot[i] = (uint32_t)order[i];
    adah_memory_free(order);
    return ok ? ADAH_OK : adah_fail_memory(status, f->n * (sizeof *order + N_CELLS * sizeof *f->cell_of + sizeof *f->near));
}

static adah_code find_pairs(finder *f, adah_progress progress, adah_near_pair **pairs, size_t *n_pairs, adah_status *status) {
    ADAH_TRY(prepare(f, status));
    ADAH_TRY(for_all(f, find_cells, 0, progress, status));
    ADAH_TRY(fill_cells(f, status));
    ADAH_TRY(for_all(f, compare, 1, progress, status));
    return choose_pairs(f, pairs, n_pairs, status);
}

adah_code adah_near_pairs_find(const int8_t *vectors, size_t n, size_t n_values, float ratio, const adah_near_groups *groups, adah_progress progress,
                               adah_near_pair **pairs, size_t *n_pairs, adah_status *status) {
    finder f = {.vectors = vectors, .n = n, .n_values = n_values, .ratio = ratio, .groups = groups};
    *pairs = NULL;
    *n_pairs = 0;
    if (n < 2)
        return ADAH_OK;
    if (n > UINT32_MAX - 1)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%zu vectors, expected fewer than 2^32 - 1", n);
    const adah_code code = find_pairs(&f, progress, pairs, n_pairs, status);
    for (int t = 0; f.found && t < adah_parallel_threads(); t++)
        adah_memory_free(f.found[t].pair);
    adah_memory_free(f.found);
    adah_memory_free(f.pivot);
    adah_memory_free(f.cell_of);
    adah_memory_free(f.cell_start);
    adah_memory_free(f.member);
    adah_memory_free(f.near);
    adah_memory_free(f.room);
    adah_memory_free(f.cosine);
    return code;
}
