/* number_set.c - linear probing, at most half full. */
#include "index/number_set.h"
#include "base/memory.h"
#include "base/random.h"

#include <string.h>

static size_t find_slot(const adah_number_set *set, uint64_t number) {
    size_t at = adah_random_mix(number, 0) & (set->n_slots - 1);
    while (set->slot[at] != UINT64_MAX && set->slot[at] != number)
        at = (at + 1) & (set->n_slots - 1);
    return at;
}

int adah_number_set_has(const adah_number_set *set, uint64_t number) {
    return set->n && set->slot[find_slot(set, number)] == number;
}

static int enlarge(adah_number_set *set) {
    const adah_number_set old = *set;
    const size_t n_slots = old.n_slots ? 2 * old.n_slots : 64;
    uint64_t *slot = adah_memory_resize(NULL, n_slots, sizeof *slot);
    if (!slot)
        return 0;
    memset(slot, 0xff, n_slots * sizeof *slot);
    set->slot = slot;
    set->n_slots = n_slots;
    for (size_t i = 0; i < old.n_slots; i++)
        if (old.slot[i] != UINT64_MAX)
            slot[find_slot(set, old.slot[i])] = old.slot[i];
    adah_memory_free(old.slot);
    return 1;
}

int adah_number_set_add(adah_number_set *set, uint64_t number) {
    if (2 * (set->n + 1) > set->n_slots && !enlarge(set))
        return 0;
    const size_t at = find_slot(set, number);
    set->n += set->slot[at] == UINT64_MAX;
    set->slot[at] = number;
    return 1;
}

void adah_number_set_clear(adah_number_set *set) {
    if (set->n)
        memset(set->slot, 0xff, set->n_slots * sizeof *set->slot);
    set->n = 0;
}

void adah_number_set_free(adah_number_set *set) {
    adah_memory_free(set->slot);
    *set = (adah_number_set){0};
}
