/* objective.h - the losses of the paper on a batch of relaxed codes, with their derivatives.
 *
 * Symbols: B pairs in the batch, q bits; H^I, H^T attended and Ĥ^I, Ĥ^T unattended codes, each (B, q) row-major; S (B, B) the
 * similarity of pair i to pair j, 1 or 0; epsilon the margin in units of the norm ||.||. */
#ifndef ADAH_PAPER_OBJECTIVE_H
#define ADAH_PAPER_OBJECTIVE_H

#include "base/status.h"
#include "settings/method.h"

/* The six ranking losses, query -> database; _HIDDEN: the database side is the unattended code. */
typedef enum adah_term {
    ADAH_TERM_TEXT_TO_IMAGE,        /* F(T->I)  */
    ADAH_TERM_IMAGE_TO_TEXT,        /* F(I->T)  */
    ADAH_TERM_IMAGE_TO_IMAGE,       /* F(I->I)  */
    ADAH_TERM_TEXT_TO_TEXT,         /* F(T->T)  */
    ADAH_TERM_TEXT_TO_IMAGE_HIDDEN, /* F(T->Î)  */
    ADAH_TERM_IMAGE_TO_TEXT_HIDDEN, /* F(I->T̂) */
    ADAH_N_TERMS
} adah_term;
extern const adah_loss_name adah_term_name[ADAH_N_TERMS];

typedef struct adah_batch_codes {
    const float *image, *text;               /* H^I, H^T */
    const float *image_hidden, *text_hidden; /* Ĥ^I, Ĥ^T; NULL without masks */
} adah_batch_codes;

typedef struct adah_batch_gradients { /* each (B, q), added to; NULL like its code */
    float *image, *text, *image_hidden, *text_hidden;
} adah_batch_gradients;

typedef struct adah_objective_options {
    size_t n_batch, n_bits; /* B, q */
    float margin;           /* epsilon */
    int mean_over_active;   /* 1: a term is the mean over its active triplets; 0: over all valid ones */
} adah_objective_options;

typedef struct adah_objective adah_objective; /* working memory for one batch size; one thread at a time */
adah_code adah_objective_create(const adah_objective_options *options, adah_objective **objective, adah_status *status);
void adah_objective_free(adah_objective *objective);

/* loss[t] = F of term t, for every t with weight[t] != 0, else 0; gradients get weight[t] * dF/dH added. similarity: S.
 * gradients NULL: losses only. */
void adah_objective_evaluate(adah_objective *o, const adah_batch_codes *codes, const float *similarity,
                             const float weight[ADAH_N_TERMS], double loss[ADAH_N_TERMS],
                             const adah_batch_gradients *gradients);

#endif
