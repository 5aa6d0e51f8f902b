/* cross_entropy.h - losses of a softmax against given shares. Each adds its derivative to the gradient, which may be NULL. */
#ifndef ADAH_NN_CROSS_ENTROPY_H
#define ADAH_NN_CROSS_ENTROPY_H

#include <stddef.h>

/* Cross-entropy of softmax(x) against t, n values each; t sums to more than 0. gradient += scale * derivative. */
double adah_cross_entropy(const float *x, const float *t, size_t n, double scale, float *gradient);

/* Label classifier: cross-entropy of logits (B, L) against the uniform distribution over the labels of each item (target (B, L),
 * rows sum to 1, or to 0: the item is left out); mean over the batch. gradient += weight * derivative. */
double adah_classifier_loss(const float *logits, const float *target, size_t n_batch, size_t n_labels, float weight,
                            float *gradient);

#endif
