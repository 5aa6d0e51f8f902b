/* further_losses.h - terms beside the paper's, each an option of its own (settings.h), on a batch of relaxed codes.
 *
 * B pairs, q bits, L labels; h (B, q) row-major. Each returns the loss and adds weight * its derivative to the gradients,
 * which may be NULL. */
#ifndef ADAH_LEARN_FURTHER_LOSSES_H
#define ADAH_LEARN_FURTHER_LOSSES_H

#include "base/status.h"

/* Quantisation: mean over the batch of |h - sign(h)|^2 / q. */
double adah_quantisation_loss(const float *h, size_t n_batch, size_t n_bits, float weight, float *gradient);

/* Bit balance: mean over the bits of (mean over the batch of h)^2; 0 where every bit is set in half of the codes. */
double adah_balance_loss(const float *h, size_t n_batch, size_t n_bits, float weight, float *gradient);

/* Label classifier: softmax cross-entropy of logits (B, L) against the uniform distribution over the labels of each
 * item (target (B, L), rows sum to 1, or to 0: the item is left out); mean over the batch. */
double adah_classifier_loss(const float *logits, const float *target, size_t n_batch, size_t n_labels, float weight,
                            float *gradient);

/* Label proxies (Movshovitz-Attias et al., ICCV 2017): one learned point a label; the classifier loss of the logits
 * cos(h_i, c_l) / temperature. proxy: c (L, q); scratch: 2 B L floats. */
double adah_proxy_loss(const float *h, const float *proxy, const float *target, size_t n_batch, size_t n_bits, size_t n_labels,
                       float temperature, float weight, float *gradient, float *proxy_gradient, float *scratch);

/* Cross-modal contrastive term (van den Oord et al. 2018, supervised as in Khosla et al. 2020): cross-entropy of the softmax
 * over the database of h_i . g_j / (q temperature) against S(i,j) / sum_j S(i,j); mean over the queries that have a similar item.
 * Query h (B, q); database g: the batch (B, q) and bank (M, q), which no derivative reaches; similarity S (B, B + M);
 * scratch: 3 (B + M) floats. */
double adah_contrastive_loss(const float *query, const float *database, const float *bank, size_t n_bank,
                             const float *similarity, size_t n_batch, size_t n_bits, float temperature, float weight,
                             float *query_gradient, float *database_gradient, float *scratch);

#endif
