/* arena.h - arrays that are needed at different times share one piece of memory. */
#ifndef ADAH_NN_GRAPH_ARENA_H
#define ADAH_NN_GRAPH_ARENA_H

#include "base/status.h"

typedef struct adah_array_place {
    size_t n_floats;
    size_t first, last; /* the times from which and up to which it is needed, both included */
    size_t offset;      /* decided by adah_arena_plan: floats from the start, a multiple of 16 */
} adah_array_place;

/* Gives every array an offset, so that arrays needed at the same time do not overlap. *n_floats: what all take together. */
adah_code adah_arena_plan(adah_array_place *places, size_t n, size_t *n_floats, adah_status *status);

#endif
