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
    size_t n_batch, n_bits, n_labels;     /* n_bits: of the class part */
    const float *code, *other;            /* H of this modality and of the other, (B, q); NULL without class part */
    float *gradient, *other_gradient;
    const float *similarity;              /* S, (B, B) */
    const float *target;                  /* uniform over the labels of each pair, (B, L) */
    const float *logits;                  /* of the label classifier, (B, L); NULL without */
    float *logits_gradient;
    size_t n_picture_bits;
    const float *fine, *other_fine;       /* of the picture part: v (B, n_fine) of either modality; NULL without */
    float *fine_gradient, *other_fine_gradient;
    const float *picture_code, *other_picture_code; /* H^P (B, n_picture_bits); NULL without */
    float *picture_gradient, *other_picture_gradient;
    const float *pair;                    /* (B, B): 1 where two are of one pair, else 0 */
    float *scratch;                       /* 3 B, and 4 (B, n_picture_bits) */
} adah_term_view;

typedef struct adah_extra_term {
    adah_loss_name name;
    int of_labels;                        /* needs labels: is left out where there are none, or too many */
    double (*evaluate)(const adah_term_view *view, float weight); /* the loss; adds weight * its derivatives */
} adah_extra_term;

/* The i-th row WEIGHT and its value; NULL: there are fewer. */
const adah_extra_term *adah_extra_term_at(int i);
float adah_extra_term_weight(const adah_settings *config, int i);

/* Cross-modal contrastive term (van den Oord et al. 2018, supervised as in Khosla et al. 2020): cross-entropy of the softmax
 * over the batch of h_i . g_j / (q temperature) against S(i,j) / sum_j S(i,j); mean over the queries that have a similar item.
 * Query h, database g (B, q); similarity S (B, B); scratch: 3 B floats. Adds weight * the derivatives to the gradients, which may
 * be NULL. */
double adah_contrastive_loss(const float *query, const float *database, const float *similarity, size_t n_batch, size_t n_bits,
                             float temperature, float weight, float *query_gradient, float *database_gradient, float *scratch);

#endif
