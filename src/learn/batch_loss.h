/* batch_loss.h - everything that step 1 minimises on a batch: the paper's six ranking losses and the further terms of the
 * configuration, at every code length that is trained. */
#ifndef ADAH_LEARN_BATCH_LOSS_H
#define ADAH_LEARN_BATCH_LOSS_H

#include "input/pair_set.h"
#include "paper/objective.h"
#include "settings/settings.h"

/* Terms beside the six. */
typedef enum adah_further {
    ADAH_FURTHER_CLASSIFIER,
    ADAH_FURTHER_PROXY,
    ADAH_FURTHER_CONTRASTIVE,
    ADAH_FURTHER_QUANTISATION,
    ADAH_FURTHER_BALANCE,
    ADAH_N_FURTHER
} adah_further;
extern const char *const adah_further_name[ADAH_N_FURTHER];

typedef struct adah_losses { /* each unweighted, of the full length */
    double term[ADAH_N_TERMS], further[ADAH_N_FURTHER];
} adah_losses;

typedef struct adah_batch_loss adah_batch_loss; /* working memory; one thread at a time */

/* Makes the parameters that the terms learn or remember ("proxy", "bank.*") in `parameters`; n_labels: labels of the classifier
 * and the proxies, 0: none are used. `set` and `parameters` must outlive it. */
adah_code adah_batch_loss_create(const adah_settings *config, const adah_pair_set *set, size_t n_batch, size_t n_labels,
                                 adah_parameters *parameters, adah_batch_loss **loss, adah_status *status);
void adah_batch_loss_free(adah_batch_loss *l);

/* The batch: items of the set, and how many batches the bank has seen (remembered) so far. */
void adah_batch_loss_begin(adah_batch_loss *l, const size_t *items, uint64_t n_remembered);

/* Losses of a forward pass of `net`; derivatives go to its kept nodes' gradients and to the proxies'. hidden: weight of the two
 * adversarial terms. Returns what is minimised: the weighted sum of all terms, over all lengths. */
double adah_batch_loss_head(adah_batch_loss *l, adah_network *net, float hidden, adah_losses *losses);
/* Step 2: the six ranking losses alone, retrieval and hidden their weights. */
void adah_batch_loss_attention(adah_batch_loss *l, adah_network *net, float retrieval, float hidden);
/* Puts the batch's attended codes into the bank, in place of the oldest. */
void adah_batch_loss_remember(adah_batch_loss *l, adah_network *net, uint64_t n_remembered);

#endif
