/* dcmh.h - the objective of DCMH for a batch of one side, with its derivatives.
 *
 * Q. Jiang, W. Li: Deep Cross-Modal Hashing. CVPR 2017. With F, G the codes of all n images and texts and S their similarity:
 *
 *     min  J = - sum_ij (S_ij Theta_ij - log(1 + exp Theta_ij)) + gamma (|B - F|^2 + |B - G|^2) + eta (|F 1|^2 + |G 1|^2)
 *     with Theta_ij = F_i . G_j / 2,   B in {-1, 1},   the best B = sign(gamma (F + G))
 *
 * As in the paper a step moves the F_i of a batch against all n of G, and the G_j of a batch against all n of F; the codes of
 * what is not in the batch are remembered from when it was. */
#ifndef ADAH_RIVALS_DCMH_H
#define ADAH_RIVALS_DCMH_H

#include <stddef.h>

typedef enum adah_dcmh_loss {
    ADAH_DCMH_SIMILARITY, /* the negative log likelihood */
    ADAH_DCMH_QUANTISATION,
    ADAH_DCMH_BALANCE,
    ADAH_DCMH_N_LOSSES
} adah_dcmh_loss;

typedef struct adah_dcmh_side {
    size_t n, n_batch, n_bits;
    const float *own, *other; /* F and G, (n, q), or G and F; the rows of the batch up to date */
    const size_t *row;        /* of the batch: n_batch rows of `own` */
    const float *similar;     /* (n_batch, n): S of the batch to all, 1 or 0 */
    float gamma, eta;
    float *row_loss;          /* (n_batch) scratch */
} adah_dcmh_side;

/* Adds to loss[] the terms of J that the batch has a part in, without gamma and eta, and to gradient (n_batch, q) the derivatives
 * of their weighted sum by the rows of the batch; all over n_batch * n. B, the best for the codes as they are, is held fixed. */
void adah_dcmh_evaluate(const adah_dcmh_side *side, double loss[ADAH_DCMH_N_LOSSES], float *gradient);

#endif
