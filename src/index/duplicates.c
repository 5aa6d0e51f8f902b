/* duplicates.c - groups of records whose images are the same, or copies of one picture.
 *
 * Images of which code and vector are the same are taken together first, so that a thousand copies of one are one. The vectors of the others are
 * compared (near_pairs.h), by what they hold of the picture itself: an image's vector may be longer than a text's, and its values behind those of
 * the text's length tell it from any other. Of an index without vectors, or of records without, there are the codes alone. Pairs that are near make
 * groups: the first of a group need not be near to its last. */
#include "base/memory.h"
#include "base/sized_options.h"
#include "codes/codes.h"
#include "codes/fine.h"
#include "index/index_state.h"
#include "index/near_pairs.h"

#include <stdlib.h>
#include <string.h>

/* An image of a record. */
typedef struct image {
    uint64_t row;
    const uint8_t *code;
    const int8_t *fine; /* all of its vector, in the file; NULL: it has none */
    uint32_t number; /* in the order of rows */
    uint32_t group;  /* at the end: the lowest number in it */
} image;

typedef struct gathering {
    const adah_index *index;
    adah_duplicates_options options;
    size_t n_code_bytes, n_fine, n_shared; /* n_shared: values in front that are left out of the comparison */
    image *images; /* by row */
    size_t n;
    uint32_t *parent; /* by number: one of the same group, or itself (find_group) */
} gathering;

/* ---------------------------------------------------------------- the images */

static adah_code gather(gathering *g, adah_status *status) {
    const adah_index *x = g->index;
    size_t n = 0;
    for (size_t i = 0; i < x->n_segments; i++)
        n += x->view[i].segment->sets[ADAH_IMAGE].n;
    if (n >= UINT32_MAX)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%s: %zu images, expected fewer than 2^32 - 1", x->path, n);
    g->images = adah_memory_resize(NULL, n + 1, sizeof *g->images);
    if (!g->images)
        return adah_fail_memory(status, n * sizeof *g->images);
    for (size_t i = 0; i < x->n_segments; i++) {
        const adah_segment_view *v = &x->view[i];
        const adah_code_set *set = &v->segment->sets[ADAH_IMAGE];
        for (size_t at = 0; at < set->n && v->n_alive; at++) {
            uint64_t record;
            if (v->keep[ADAH_IMAGE] && !adah_bit(v->keep[ADAH_IMAGE]->word, at))
                continue;
            ADAH_TRY(adah_segment_record_of(v->segment, ADAH_IMAGE, at, &record, status));
            const int8_t *fine = set->fine ? set->fine + at * g->n_fine : NULL;
            g->images[g->n] = (image){v->segment->header.first_row + record, set->codes + at * g->n_code_bytes,
                                      fine && adah_fine_is_there(fine + g->n_shared, g->n_fine - g->n_shared) ? fine : NULL, (uint32_t)g->n, 0};
            g->n++;
        }
    }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- groups */

static uint32_t find_group(gathering *g, uint32_t number) {
    while (g->parent[number] != number)
        number = g->parent[number] = g->parent[g->parent[number]];
    return number;
}

/* The lower number stands for both. */
static void join(gathering *g, uint32_t a, uint32_t b) {
    const uint32_t x = find_group(g, a), y = find_group(g, b);
    if (x < y)
        g->parent[y] = x;
    else
        g->parent[x] = y;
}

typedef struct same_key {
    const image *image;
    size_t n_code_bytes, n_fine;
} same_key;

static int compare_content(const same_key *x, const same_key *y) {
    const int by_code = memcmp(x->image->code, y->image->code, x->n_code_bytes);
    if (by_code || !x->image->fine != !y->image->fine)
        return by_code ? by_code : !x->image->fine - !y->image->fine;
    return x->image->fine ? memcmp(x->image->fine, y->image->fine, x->n_fine) : 0;
}

static int by_content(const void *a, const void *b) {
    const same_key *x = a, *y = b;
    const int order = compare_content(x, y);
    return order ? order : (x->image->number > y->image->number) - (x->image->number < y->image->number);
}

/* Joins what is the same. *first: of each such group the lowest number, ascending by content, n_first of them. */
static adah_code join_same(gathering *g, uint32_t **first, size_t *n_first, adah_status *status) {
    same_key *key = adah_memory_resize(NULL, g->n + 1, sizeof *key);
    *first = adah_memory_resize(NULL, g->n + 1, sizeof **first);
    *n_first = 0;
    if (!key || !*first) {
        adah_memory_free(key);
        return adah_fail_memory(status, g->n * (sizeof *key + sizeof **first));
    }
    for (size_t i = 0; i < g->n; i++)
        key[i] = (same_key){&g->images[i], g->n_code_bytes, g->n_fine};
    qsort(key, g->n, sizeof *key, by_content);
    for (size_t i = 0; i < g->n; i++)
        if (i && !compare_content(&key[i - 1], &key[i]))
            join(g, key[i - 1].image->number, key[i].image->number);
        else
            (*first)[(*n_first)++] = key[i].image->number;
    adah_memory_free(key);
    return ADAH_OK;
}

static uint32_t bits_apart(const gathering *g, const image *a, const image *b) {
    uint32_t n = 0;
    for (size_t i = 0; i < g->n_code_bytes; i++)
        n += (uint32_t)__builtin_popcount(a->code[i] ^ b->code[i]);
    return n;
}

/* Images that have a vector, by the number that it has among these. */
typedef struct with_vectors {
    const gathering *g;
    const uint32_t *number; /* of the image */
} with_vectors;

static int is_within(const void *context, uint32_t a, uint32_t b) {
    const with_vectors *w = context;
    return bits_apart(w->g, &w->g->images[w->number[a]], &w->g->images[w->number[b]]) <= w->g->options.radius;
}

/* By vectors. Of `first`, those that have one. */
static adah_code join_near(gathering *g, const uint32_t *first, size_t n_first, adah_progress progress, adah_status *status) {
    const size_t n_values = g->n_fine - g->n_shared;
    size_t n = 0, n_pairs = 0;
    adah_near_pair *pairs = NULL;
    uint32_t *number = adah_memory_resize(NULL, n_first + 1, sizeof *number);
    int8_t *vectors = adah_memory_alloc(n_first * n_values + 1);
    const with_vectors with = {g, number};
    const adah_near_groups groups = {adah_memory_resize(NULL, n_first + 1, sizeof *groups.parent), is_within, &with};
    adah_code code = number && vectors && groups.parent ? ADAH_OK : adah_fail_memory(status, n_first * (n_values + sizeof *number + sizeof *groups.parent));
    for (size_t i = 0; i < n_first && code == ADAH_OK; i++) {
        const image *one = &g->images[first[i]];
        if (!one->fine)
            continue;
        memcpy(vectors + n * n_values, one->fine + g->n_shared, n_values);
        atomic_init(&groups.parent[n], (uint32_t)n);
        number[n++] = one->number;
    }
    if (code == ADAH_OK)
        code = adah_near_pairs_find(vectors, n, n_values, g->options.ratio, &groups, progress, &pairs, &n_pairs, status);
    for (size_t i = 0; i < n && code == ADAH_OK; i++)
        join(g, number[i], number[adah_near_groups_first(&groups, (uint32_t)i)]);
    for (size_t i = 0; i < n_pairs && code == ADAH_OK; i++)
        if (is_within(&with, pairs[i].a, pairs[i].b))
            join(g, number[pairs[i].a], number[pairs[i].b]);
    adah_memory_free(pairs);
    adah_memory_free(groups.parent);
    adah_memory_free(vectors);
    adah_memory_free(number);
    return code;
}

/* By codes alone: each of `first` asks for what is within the radius, as many at once as have room for all images as their answers. */
static adah_code join_within(gathering *g, const uint32_t *first, size_t n_first, adah_progress progress, adah_status *status) {
    enum { AT_ONCE = 256, ROOM_BYTES = 64 << 20 };
    const size_t n_room = ROOM_BYTES / (g->n * sizeof(adah_search_hit) + 1), n_at_once = n_room < 1 ? 1 : n_room < AT_ONCE ? n_room : AT_ONCE;
    adah_search_options o;
    adah_search_result results[AT_ONCE];
    uint8_t *codes = adah_memory_alloc(AT_ONCE * g->n_code_bytes);
    adah_code code = codes ? ADAH_OK : adah_fail_memory(status, AT_ONCE * g->n_code_bytes);
    adah_search_options_init(&o);
    o.k = SIZE_MAX;
    o.radius = g->options.radius;
    for (size_t begin = 0; begin < n_first && code == ADAH_OK; begin += n_at_once) {
        const size_t n = n_first - begin < n_at_once ? n_first - begin : n_at_once;
        const adah_progress_event event = {"comparing pictures", begin, n_first, "", 0};
        if (progress.function && progress.function(progress.user, &event)) {
            code = adah_fail(status, ADAH_ERROR_CANCELLED, "cancelled");
            break;
        }
        for (size_t i = 0; i < n; i++)
            memcpy(codes + i * g->n_code_bytes, g->images[first[begin + i]].code, g->n_code_bytes);
        code = adah_index_search(g->index, ADAH_IMAGE, codes, n, &o, results, status);
        for (size_t i = 0; i < n && code == ADAH_OK; i++) {
            for (size_t h = 0; h < results[i].n_hits; h++) {
                size_t low = 0, high = g->n; /* images are in the order of rows */
                while (low < high) {
                    const size_t middle = low + (high - low) / 2;
                    if (g->images[middle].row < results[i].hits[h].row)
                        low = middle + 1;
                    else
                        high = middle;
                }
                if (low < g->n && g->images[low].row == results[i].hits[h].row)
                    join(g, first[begin + i], (uint32_t)low);
            }
            adah_search_result_free(&results[i]);
        }
    }
    adah_memory_free(codes);
    return code;
}

/* ---------------------------------------------------------------- the answer */

/* How like an image is the first of its group. */
static float likeness(const gathering *g, const image *first, const image *other) {
    float cosine = 1;
    if (first->fine && other->fine) {
        const int8_t *vector = other->fine + g->n_shared;
        adah_fine_cosines(first->fine + g->n_shared, &vector, 1, g->n_fine - g->n_shared, &cosine);
        return cosine;
    }
    return 1 - 2 * (float)bits_apart(g, first, other) / (float)(g->n_code_bytes * 8);
}

/* A group's number is the lowest of its images, so counting and placing by it puts groups and images in order. */
static adah_code answer(gathering *g, adah_duplicates *d, adah_status *status) {
    size_t *count = adah_memory_zeroed(g->n + 1, sizeof *count); /* images of the group; then where its next one goes */
    size_t n_members = 0, n_groups = 0;
    if (!count)
        return adah_fail_memory(status, g->n * sizeof *count);
    for (size_t i = 0; i < g->n; i++)
        count[g->images[i].group = find_group(g, (uint32_t)i)]++;
    for (size_t i = 0; i < g->n; i++) {
        n_members += count[i] > 1 ? count[i] : 0;
        n_groups += count[i] > 1;
    }
    d->row = adah_memory_resize(NULL, n_members + 1, sizeof *d->row);
    d->likeness = adah_memory_resize(NULL, n_members + 1, sizeof *d->likeness);
    d->start = adah_memory_zeroed(n_groups + 1, sizeof *d->start);
    if (!d->row || !d->likeness || !d->start) {
        adah_memory_free(count);
        return adah_fail_memory(status, n_members * (sizeof *d->row + sizeof *d->likeness));
    }
    for (size_t i = 0, at = 0; i < g->n; i++) {
        const size_t n = count[i];
        count[i] = n > 1 ? at : SIZE_MAX;
        if (n <= 1)
            continue;
        d->start[d->n_groups++] = at;
        at += n;
    }
    d->start[d->n_groups] = n_members;
    for (size_t i = 0; i < g->n; i++) {
        const image *one = &g->images[i];
        size_t *at = &count[one->group];
        if (*at == SIZE_MAX)
            continue;
        d->row[*at] = one->row;
        d->likeness[(*at)++] = likeness(g, &g->images[one->group], one);
    }
    adah_memory_free(count);
    return ADAH_OK;
}

void adah_duplicates_free(adah_duplicates *d) {
    adah_memory_free(d->row);
    adah_memory_free(d->likeness);
    adah_memory_free(d->start);
    *d = (adah_duplicates){0};
}

static adah_code find(gathering *g, adah_progress progress, adah_duplicates *d, adah_status *status) {
    uint32_t *first = NULL;
    size_t n_first = 0;
    ADAH_TRY(gather(g, status));
    g->parent = adah_memory_resize(NULL, g->n + 1, sizeof *g->parent);
    if (!g->parent)
        return adah_fail_memory(status, g->n * sizeof *g->parent);
    for (size_t i = 0; i < g->n; i++)
        g->parent[i] = (uint32_t)i;
    adah_code code = join_same(g, &first, &n_first, status);
    if (code == ADAH_OK && g->n_fine && g->options.ratio > 0)
        code = join_near(g, first, n_first, progress, status);
    else if (code == ADAH_OK && !g->n_fine && g->options.radius > 0 && g->options.radius != UINT32_MAX)
        code = join_within(g, first, n_first, progress, status);
    adah_memory_free(first);
    return code == ADAH_OK ? answer(g, d, status) : code;
}

adah_code adah_index_duplicates(const adah_index *index, const adah_duplicates_options *options, adah_progress progress,
                                adah_duplicates *duplicates, adah_status *status) {
    gathering g = {.index = index, .n_code_bytes = index->n_bits / 8, .n_fine = index->n_fine[ADAH_IMAGE]};
    *duplicates = (adah_duplicates){0};
    ADAH_TRY(adah_options_take(ADAH_OPTIONS_DUPLICATES, options, &g.options, status));
    if (!(g.options.ratio >= 0 && g.options.ratio <= 1))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "ratio %g: expected 0 to 1", (double)g.options.ratio);
    const size_t n_text = index->n_fine[ADAH_TEXT];
    g.n_shared = n_text < g.n_fine ? n_text : 0;
    adah_code code = find(&g, progress, duplicates, status);
    code = adah_index_checked(index, code, status);
    if (code != ADAH_OK)
        adah_duplicates_free(duplicates);
    adah_memory_free(g.images);
    adah_memory_free(g.parent);
    return code;
}
