/* arena.c - the largest array first, each at the lowest offset that is free for as long as it is needed. */
#include "nn/graph/arena.h"
#include "base/memory.h"

#include <stdlib.h>

enum { ALIGNMENT = 16 /* floats: a cache line */ };

static int meet(const adah_array_place *a, const adah_array_place *b) { return a->first <= b->last && b->first <= a->last; }

static int larger_first(const void *a, const void *b) {
    const adah_array_place *x = *(adah_array_place *const *)a, *y = *(adah_array_place *const *)b;
    if (x->n_floats != y->n_floats)
        return x->n_floats < y->n_floats ? 1 : -1;
    return x < y ? -1 : x > y; /* the same plan on every machine */
}

/* placed: ascending by offset. Puts the array there and returns where it ends. */
static size_t put(adah_array_place **placed, size_t n, adah_array_place *array) {
    const size_t n_floats = (array->n_floats + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (!meet(placed[i], array))
            continue;
        if (placed[i]->offset >= at + n_floats)
            break; /* it fits in front of this one */
        const size_t end = placed[i]->offset + (placed[i]->n_floats + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
        at = end > at ? end : at;
    }
    array->offset = at;
    size_t slot = n;
    for (; slot > 0 && placed[slot - 1]->offset > at; slot--)
        placed[slot] = placed[slot - 1];
    placed[slot] = array;
    return at + n_floats;
}

adah_code adah_arena_plan(adah_array_place *places, size_t n, size_t *n_floats, adah_status *status) {
    adah_array_place **order = adah_memory_zeroed(n, sizeof *order), **placed = adah_memory_zeroed(n, sizeof *placed);
    *n_floats = 0;
    if (!order || !placed) {
        adah_memory_free(order);
        adah_memory_free(placed);
        return adah_fail_memory(status, n * sizeof *order);
    }
    for (size_t i = 0; i < n; i++)
        order[i] = &places[i];
    qsort(order, n, sizeof *order, larger_first);
    for (size_t i = 0; i < n; i++) {
        const size_t end = put(placed, i, order[i]);
        *n_floats = end > *n_floats ? end : *n_floats;
    }
    adah_memory_free(order);
    adah_memory_free(placed);
    return ADAH_OK;
}
