/* optimiser.h - SGD with momentum and Adam over groups of parameters. */
#ifndef ADAH_NN_GRAPH_OPTIMISER_H
#define ADAH_NN_GRAPH_OPTIMISER_H

#include "nn/graph/tensor.h"

typedef enum adah_optimiser_kind { ADAH_ADAM = 0, ADAH_SGD = 1 } adah_optimiser_kind;

typedef struct adah_optimiser {
    adah_optimiser_kind kind;
    float momentum;      /* SGD, 0.9 */
    float beta1, beta2;  /* Adam, 0.9 and 0.999 */
    float epsilon;       /* Adam, 1e-8 */
    float weight_decay;  /* L2 coefficient: added to the gradient (SGD), decoupled (Adam; Loshchilov, Hutter 2019) */
    float clip_norm;     /* global gradient norm of the updated groups is scaled down to this; 0: off */
} adah_optimiser;

#define ADAH_OPTIMISER_INIT {ADAH_ADAM, 0.9f, 0.9f, 0.999f, 1e-8f, 0.0f, 0.0f}

/* One update of every parameter whose group is in `groups`, with learning rate rate[log2(group)]; zeroes
 * the gradients it used and increments the versions. step: 1, 2, ... how many updates these groups have had,
 * this one included (Adam's bias correction). Returns the global gradient norm before clipping; when that
 * is not finite the gradients are zeroed and nothing else changes. Parameters without gradient are passed over.
 * The result does not depend on the number of threads. */
float adah_optimiser_step(const adah_optimiser *o, adah_parameters *p, unsigned groups, const float *rate,
                          uint64_t step);

#endif
