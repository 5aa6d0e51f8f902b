/* centroids.h - cuts a set of codes into lists of codes that are near each other, by k-modes: the centroid of a list
 * has each bit as most codes of the list have it. */
#ifndef ADAH_INDEX_CENTROIDS_H
#define ADAH_INDEX_CENTROIDS_H

#include "base/status.h"

typedef struct adah_centroids {
    size_t n;       /* lists */
    uint8_t *codes; /* n centroids */
    size_t *start;  /* n + 1: list l is member[start[l]] .. member[start[l + 1] - 1] */
    size_t *member; /* positions of the codes, in each list ascending */
} adah_centroids;

/* Every code goes to the nearest centroid, of several to the first. n_lists: 1 .. n, or 0: about sqrt(n); n: at
 * least 1. The same codes give the same lists on any machine with any number of threads. The caller frees *centroids.
 * Status for memory. */
adah_code adah_centroids_learn(const uint8_t *codes, size_t n, size_t n_bits, size_t n_lists,
                               adah_centroids *centroids, adah_status *status);
void adah_centroids_free(adah_centroids *centroids); /* zeroes it; fine on a zeroed one */

#endif
