/* measures.h - retrieval measures over Hamming rankings.
 * Relevant: query and item share at least one label. */
#ifndef ADAH_EVAL_MEASURES_H
#define ADAH_EVAL_MEASURES_H

#include "base/status.h"

/* Codes with the labels of each: labels of item i are label[label_start[i] .. label_start[i + 1] - 1], ascending
 * without repeats, at most 65,535. Label numbers may be anything. An empty set needs no arrays. */
typedef struct adah_coded_set {
    size_t n;
    const uint8_t *codes;        /* n * n_bits / 8 */
    const uint32_t *label;
    const size_t *label_start;   /* n + 1 */
} adah_coded_set;

typedef struct adah_measures_options {
    size_t n_cut;            /* k of AP@k and NDCG@k; 0: 50 */
    const size_t *leave_out; /* per query the database position that is the query itself, SIZE_MAX: none; NULL: none */
} adah_measures_options;

/* The arrays by radius are one block, freed by adah_measures_free. Without any query that counts, every mean is 0. */
adah_code adah_measures_compute(adah_coded_set queries, adah_coded_set database, size_t n_bits,
                                const adah_measures_options *options, adah_measures *measures, adah_status *status);
void adah_measures_free(adah_measures *measures);

#endif
