/* label_set.h - names of labels and their numbers, in the order of first use. */
#ifndef ADAH_INDEX_LABEL_SET_H
#define ADAH_INDEX_LABEL_SET_H

#include <stddef.h>
#include <stdint.h>

typedef struct adah_label_set {
    char **name; /* by number */
    size_t n, name_capacity;
    uint32_t *slot; /* hash table of numbers + 1; 0: free */
    size_t n_slots; /* a power of two, at least 2 n; 0: no table yet */
} adah_label_set;

/* The number of a name, of n_bytes bytes without NUL; a new name gets the next one. 0: memory is out. */
int adah_label_set_number(adah_label_set *set, const char *name, size_t n_bytes, uint32_t *number);
/* Forgets the names from number n on. */
void adah_label_set_cut(adah_label_set *set, size_t n);
void adah_label_set_free(adah_label_set *set);

#endif
