/* terms.h - loss terms that the paper does not have, each a file of its own, term_NAME.c, and a row in settings.def.
 *
 * To add one, write its file, which defines adah_term_NAME, and the row WEIGHT(NAME, ...) of its weight. */
#ifndef ADAH_LEARN_TERMS_H
#define ADAH_LEARN_TERMS_H

#include "nn/graph/tensor.h"
#include "settings/method.h"
#include "settings/settings.h"

/* What a term sees of one modality of a batch: B pairs, q bits, L labels; all row by row. Derivatives are added. */
typedef struct adah_term_view {
    const adah_settings *config;
    size_t n_batch, n_bits, n_labels;
    const float *code, *other;            /* H of this modality and of the other, (B, q) */
    float *gradient, *other_gradient;
    const float *bank;                    /* codes of the other modality in earlier batches, (M, q) */
    size_t n_bank;                        /* M */
    const float *similarity;              /* S of the batch to the batch and the bank, (B, B + M) */
    const float *target;                  /* uniform over the labels of each pair, (B, L) */
    const float *logits;                  /* of the label classifier, (B, L); NULL without */
    float *logits_gradient;
    adah_parameter *proxy;                /* learned points of the labels, (L, q); NULL without */
    float *scratch;                       /* max(2 B L, 3 (B + M)) */
} adah_term_view;

typedef struct adah_extra_term {
    adah_loss_name name;
    int of_labels;                        /* looks at labels, not at the bits of a code: counts at the full length alone */
    double (*evaluate)(const adah_term_view *view, float weight); /* the loss; adds weight * its derivatives */
} adah_extra_term;

/* The i-th row WEIGHT and its value; NULL: there are fewer. */
const adah_extra_term *adah_extra_term_at(int i);
float adah_extra_term_weight(const adah_settings *config, int i);

/* ---- the terms themselves, on plain arrays. h (B, q); each returns the loss and adds weight * its derivative to the gradients,
 * which may be NULL. ---- */

/* Quantisation: mean over the batch of |h - sign(h)|^2 / q. */
double adah_quantisation_loss(const float *h, size_t n_batch, size_t n_bits, float weight, float *gradient);

/* Bit balance: mean over the bits of (mean over the batch of h)^2; 0 where every bit is set in half of the codes. */
double adah_balance_loss(const float *h, size_t n_batch, size_t n_bits, float weight, float *gradient);

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
