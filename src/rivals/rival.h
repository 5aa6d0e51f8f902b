/* rival.h - the shallow methods that the paper compares with, on vectors of both modalities.
 *
 *   cca       canonical correlation analysis, by sign             Hotelling, Biometrika 1936
 *   cmfh      collective matrix factorisation hashing             Ding, Guo, Zhou, CVPR 2014
 *   scm-orth  semantic correlation maximisation, all bits at once Zhang, Li, AAAI 2014
 *   scm-seq   the same, bit after bit
 *   stmh      semantic topic multimodal hashing                   Wang, Gao, Wang, He, IJCAI 2015
 *   seph-km   semantics-preserving hashing, anchors by k-means    Lin, Ding, Hu, Wang, CVPR 2015
 *   seph-rnd  the same, anchors drawn from the training rows
 *
 * Same data, seed and library: same result, whatever the number of threads. While a method learns, OpenBLAS runs
 * on one thread in this process; the rows are shared out by base/parallel.h. */
#ifndef ADAH_RIVALS_RIVAL_H
#define ADAH_RIVALS_RIVAL_H

#include "base/status.h"

/* n pairs, row by row; row i of all three is pair i. cca, cmfh and stmh look at no label. */
typedef struct adah_rival_data {
    size_t n, n_image, n_text, n_labels;
    const float *image;   /* (n, n_image) */
    const float *text;    /* (n, n_text) */
    const uint8_t *label; /* (n, n_labels) 0/1; NULL: n_labels is 0 */
} adah_rival_data;

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

const char *adah_rival_names(void); /* "cca, cmfh, scm-orth, scm-seq, stmh, seph-km, seph-rnd" */
int adah_rival_is_shallow(const char *name);

/* Learns both hash functions of n_bits bits (1..ADAH_BITS_MAX) from at least two pairs. Refused: an unknown name,
 * values that are not finite, and data from which the method cannot learn anything (views without correlation; seph
 * and scm without labels that tell pairs apart). Progress: the stages of the method; `detail` is its objective. */
adah_code adah_rival_learn(const char *name, const adah_rival_data *data, size_t n_bits, uint64_t seed,
                           adah_progress progress, adah_hash_function *image, adah_hash_function *text,
                           adah_status *status);

#endif
