/* batch_loss.h - everything that step 1 minimises on a batch: the paper's six ranking losses and the terms beside them (terms.h). */
#ifndef ADAH_LEARN_BATCH_LOSS_H
#define ADAH_LEARN_BATCH_LOSS_H

#include "input/pair_set.h"
#include "paper/objective.h"
#include "settings/method.h"
#include "settings/settings.h"

typedef struct adah_batch_loss adah_batch_loss; /* working memory; one thread at a time */

/* n_labels: labels of the classifier, 0: it is not used. `config` and `set` must outlive it. */
adah_code adah_batch_loss_create(const adah_settings *config, const adah_pair_set *set, size_t n_batch, size_t n_labels,
                                 adah_batch_loss **loss, adah_status *status);
void adah_batch_loss_free(adah_batch_loss *l);

void adah_batch_loss_begin(adah_batch_loss *l, const size_t *items); /* the batch: items of the set */

/* Losses of a forward pass of `net`, unweighted: the six terms, then the others in the order of settings.def; derivatives go to its
 * kept nodes' gradients. hidden: weight of the two adversarial terms. Returns what is minimised: the weighted sum of all terms. */
double adah_batch_loss_head(adah_batch_loss *l, adah_network *net, float hidden, double loss[ADAH_LOSSES_MAX]);
/* Step 2: the six ranking losses alone, retrieval and hidden their weights. */
void adah_batch_loss_attention(adah_batch_loss *l, adah_network *net, float retrieval, float hidden);

/* All this as the method adah has it. */
extern const adah_loss adah_loss_of_adah;

#endif
