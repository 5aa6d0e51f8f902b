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

enum { ADAH_PRECISION_POINTS_MAX = 32 };

typedef struct adah_measures_options {
    size_t n_cut;            /* k of AP@k and NDCG@k; 0: 50 */
    const size_t *leave_out; /* per query the database position that is the query itself, SIZE_MAX: none; NULL: none */
} adah_measures_options;

typedef struct adah_measures {
    size_t n_queries;           /* with at least one relevant item; the means are over these */
    size_t n_queries_left_out;  /* without */
    size_t n_database, n_bits;
    double map;                 /* mAP@all, order (distance, position) */
    double map_tie_aware, map_optimistic, map_pessimistic;
    size_t n_cut;
    double map_at_k;            /* AP@k by rank: denominator the relevant within the first k */
    double map_first_k_relevant; /* compatibility: over the first k relevant items */
    double ndcg_at_k;           /* gain 2^(shared labels) - 1, tie-aware */
    size_t n_precision; /* precision@N for N = 1, 5, 10, 50, 100, then 200 .. 10,000 (200 apart up to 1,000, then 500),
                           as far as every query ranks so many items */
    size_t precision_at[ADAH_PRECISION_POINTS_MAX];
    double precision[ADAH_PRECISION_POINTS_MAX];
    /* by Hamming radius 0..n_bits over the n_queries: arrays of n_bits + 1, in one block freed by adah_measures_free.
     * micro: counts pooled; macro: mean per query, where precision is 0 when nothing is returned */
    double *precision_micro, *recall_micro, *precision_macro, *recall_macro;
} adah_measures;

/* Without any query that counts, every mean is 0. */
adah_code adah_measures_compute(adah_coded_set queries, adah_coded_set database, size_t n_bits,
                                const adah_measures_options *options, adah_measures *measures, adah_status *status);
void adah_measures_free(adah_measures *measures);

#endif
