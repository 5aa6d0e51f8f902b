/* rival_methods.h - what the methods of rival.h have in common; for src/rivals and its tests alone. */
#ifndef ADAH_RIVALS_RIVAL_METHODS_H
#define ADAH_RIVALS_RIVAL_METHODS_H

#include "base/random.h"
#include "rivals/rival.h"

/* The rows of one modality, centred and scaled to a root mean squared norm that the method names, so that one setting
 * of its weights fits features of any size. */
typedef struct adah_view {
    size_t n, n_in;
    double *x;    /* (n, n_in) */
    double *mean; /* n_in */
    double scale; /* x = (row - mean) * scale; 1 when all rows are equal */
} adah_view;

adah_code adah_view_create(const float *rows, size_t n, size_t n_in, double norm, adah_view *view,
                           adah_status *status);
void adah_view_free(adah_view *view);
/* The hash function H = weight x + bias in terms of the view (bias NULL: 0) as one of raw rows. weight (n_bits,
 * n_in). */
adah_code adah_view_linear(const adah_view *view, size_t n_bits, const double *weight, const double *bias,
                           adah_hash_function *function, adah_status *status);

/* R with x^T x / n + ridge I = R R^T, lower triangular, (n_in, n_in). */
adah_code adah_view_whitener(const adah_view *view, double ridge, double **factor, adah_status *status);
/* The hash function with weights R^-T direction_j, j = bit modulo n_directions: when a method has found fewer
 * directions than bits, they are taken again from the first. direction (n_directions, n_in) is overwritten. */
adah_code adah_view_directions(const adah_view *view, const double *factor, size_t n_directions, double *direction,
                               size_t n_bits, adah_hash_function *function, adah_status *status);

typedef struct adah_rival_job {
    const adah_rival_data *data;
    adah_view image, text;
    size_t n_bits;
    uint64_t seed;
    adah_progress progress;
    adah_hash_function *image_function, *text_function; /* zeroed; the caller frees what a failed method leaves */
} adah_rival_job;

/* Tells the progress callback; ADAH_ERROR_CANCELLED when it asks to stop. */
adah_code adah_rival_tell(const adah_rival_job *job, const char *stage, size_t done, size_t total, double objective,
                          adah_status *status);

adah_code adah_rival_cca(const adah_rival_job *job, adah_status *status);
adah_code adah_rival_cmfh(const adah_rival_job *job, adah_status *status);
adah_code adah_rival_scm_orth(const adah_rival_job *job, adah_status *status);
adah_code adah_rival_scm_seq(const adah_rival_job *job, adah_status *status);
adah_code adah_rival_stmh(const adah_rival_job *job, adah_status *status);
adah_code adah_rival_seph_km(const adah_rival_job *job, adah_status *status);
adah_code adah_rival_seph_rnd(const adah_rival_job *job, adah_status *status);

/* The rows of the labels divided by their norm, (n, n_labels); a row without labels stays 0. NULL: memory is out. */
double *adah_rival_unit_labels(const adah_rival_data *data);

/* SePH's affinity p (n, n) of label rows of length 1 or 0: cosines, 0 on the diagonal, of sum 1. 0: no two rows share
 * a label. See seph.c. */
int adah_seph_affinity(const double *unit_label, size_t n, size_t n_labels, float *p);
/* SePH's objective of codes y (n, n_bits), KL(P || Q) + alpha | |y| - 1 |^2, and its derivative (n, n_bits). Working
 * memory: similarity (n, n), rows (3, n). */
double adah_seph_objective(const float *p, size_t n, const double *y, size_t n_bits, double alpha, double *similarity,
                           double *rows, double *gradient);

#endif
