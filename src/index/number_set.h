/* number_set.h - a set of 64-bit numbers: an open hash table. */
#ifndef ADAH_INDEX_NUMBER_SET_H
#define ADAH_INDEX_NUMBER_SET_H

#include <stddef.h>
#include <stdint.h>

typedef struct adah_number_set {
    uint64_t *slot; /* UINT64_MAX: free; that number itself cannot be a member */
    size_t n, n_slots;
} adah_number_set;

int adah_number_set_has(const adah_number_set *set, uint64_t number);
int adah_number_set_add(adah_number_set *set, uint64_t number); /* 0: memory is out */
void adah_number_set_clear(adah_number_set *set);               /* empty; keeps its memory */
void adah_number_set_free(adah_number_set *set);

#endif
