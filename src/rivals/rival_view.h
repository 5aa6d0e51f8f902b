/* rival_view.h - the vectors of one modality as a shallow rival learns from them, and the function from vectors to codes that it
 * learns. */
#ifndef ADAH_RIVALS_RIVAL_VIEW_H
#define ADAH_RIVALS_RIVAL_VIEW_H

#include "base/status.h"

/* How a method encodes anything new, for one modality: H = W k(x) + b, code = sign(H), sign(0) = +1. n_anchors 0:
 * k(x) = x; else k_j(x) = exp(-|x - anchor_j|^2 * kernel_scale). Centring and scaling are inside W and b. */
typedef struct adah_hash_function {
    size_t n_in, n_anchors, n_bits;
    float kernel_scale;
    float *anchor; /* (n_anchors, n_in); NULL: none */
    float *weight; /* (n_bits, n_anchors or n_in) */
    float *bias;   /* n_bits */
} adah_hash_function;

void adah_hash_function_free(adah_hash_function *function); /* zeroes it; fine on a zeroed one */

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

#endif
