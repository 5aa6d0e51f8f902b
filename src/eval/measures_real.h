/* measures_real.h - mAP over rankings of real-valued codes, for methods that search before taking signs.
 * Relevant: query and item share at least one label. */
#ifndef ADAH_EVAL_MEASURES_REAL_H
#define ADAH_EVAL_MEASURES_REAL_H

#include "base/status.h"

/* Vectors with the labels of each, as in adah_coded_set. */
typedef struct adah_real_set {
    size_t n;
    const float *vector; /* n x n_dimensions, finite */
    const uint32_t *label;
    const size_t *label_start; /* n + 1 */
} adah_real_set;

typedef struct adah_measures_real {
    size_t n_queries;          /* with at least one relevant item; the mean is over these */
    size_t n_queries_left_out; /* without */
    size_t n_database, n_dimensions;
    double map; /* mAP@all, order (cosine similarity descending, position) */
} adah_measures_real;

/* Cosines are computed in double; that with a vector of zeros is 0. leave_out: per query the database position that is the
 * query itself, SIZE_MAX: none; NULL: none. Without any query that counts the mean is 0. */
adah_code adah_measures_real_compute(adah_real_set queries, adah_real_set database, size_t n_dimensions,
                                     const size_t *leave_out, adah_measures_real *measures, adah_status *status);

#endif
