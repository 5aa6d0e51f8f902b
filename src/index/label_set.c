/* label_set.c - a list of names and an open hash table of their numbers. */
#define XXH_INLINE_ALL
#include "index/label_set.h"
#include "base/memory.h"

#include <string.h>
#include <xxhash.h>

/* The slot of a name, or the free one where it belongs. */
static size_t find_slot(const adah_label_set *set, const char *name, size_t n_bytes) {
    size_t at = XXH3_64bits(name, n_bytes) & (set->n_slots - 1);
    for (; set->slot[at]; at = (at + 1) & (set->n_slots - 1)) {
        const char *other = set->name[set->slot[at] - 1];
        if (strncmp(other, name, n_bytes) == 0 && other[n_bytes] == '\0')
            break;
    }
    return at;
}

/* A table of n_slots for the first n names; the old one stays when memory is out. */
static int make_table(adah_label_set *set, size_t n_slots) {
    uint32_t *slot = adah_memory_zeroed(n_slots, sizeof *slot);
    if (!slot)
        return 0;
    adah_memory_free(set->slot);
    set->slot = slot;
    set->n_slots = n_slots;
    for (size_t i = 0; i < set->n; i++)
        slot[find_slot(set, set->name[i], strlen(set->name[i]))] = (uint32_t)i + 1;
    return 1;
}

int adah_label_set_number(adah_label_set *set, const char *name, size_t n_bytes, uint32_t *number) {
    if (2 * (set->n + 1) > set->n_slots && !make_table(set, set->n_slots ? 2 * set->n_slots : 64))
        return 0;
    const size_t at = find_slot(set, name, n_bytes);
    if (!set->slot[at]) {
        char *copy = NULL;
        if (!adah_memory_grow((void **)&set->name, &set->name_capacity, set->n, sizeof *set->name) ||
            !(copy = adah_memory_text_n(name, n_bytes)))
            return 0;
        set->name[set->n++] = copy;
        set->slot[at] = (uint32_t)set->n;
    }
    *number = set->slot[at] - 1;
    return 1;
}

void adah_label_set_cut(adah_label_set *set, size_t n) {
    if (n >= set->n)
        return;
    for (size_t i = n; i < set->n; i++)
        adah_memory_free(set->name[i]);
    set->n = n;
    memset(set->slot, 0, set->n_slots * sizeof *set->slot);
    for (size_t i = 0; i < n; i++)
        set->slot[find_slot(set, set->name[i], strlen(set->name[i]))] = (uint32_t)i + 1;
}

void adah_label_set_free(adah_label_set *set) {
    for (size_t i = 0; i < set->n; i++)
        adah_memory_free(set->name[i]);
    adah_memory_free(set->name);
    adah_memory_free(set->slot);
    *set = (adah_label_set){0};
}
