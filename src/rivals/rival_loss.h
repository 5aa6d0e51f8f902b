/* rival_loss.h - what a deep rival minimises on a batch, in place of batch_loss.h; the loop of train.c does the rest. */
#ifndef ADAH_RIVALS_RIVAL_LOSS_H
#define ADAH_RIVALS_RIVAL_LOSS_H

#include "learn/train.h"

enum { ADAH_RIVAL_LOSSES_MAX = 3 };
const char *adah_rival_loss_name(const adah_settings *config, int loss); /* NULL: there are fewer, or the method is no deep rival */
int adah_rival_has_adversary(const adah_settings *config);               /* 1: there is a step 2 */

typedef struct adah_rival_loss adah_rival_loss; /* working memory; one thread at a time */

/* Makes what the method remembers ("bank.*") in `parameters`. `training` and `parameters` must outlive it. */
adah_code adah_rival_loss_create(const adah_training *training, size_t n_batch, adah_parameters *parameters,
                                 adah_rival_loss **loss, adah_status *status);
void adah_rival_loss_free(adah_rival_loss *l);

/* The batch: items of the set, and their places in training->items. rows must live until the next. */
void adah_rival_loss_begin(adah_rival_loss *l, const size_t *items, const size_t *rows);
/* Step 1: adds the unweighted losses of a forward pass to loss[] and derivatives to its kept nodes' gradients. */
void adah_rival_loss_head(adah_rival_loss *l, adah_network *net, double *loss);
/* Step 2, after another forward pass: the derivatives for the adversary. */
void adah_rival_loss_adversary(adah_rival_loss *l, adah_network *net);

#endif
