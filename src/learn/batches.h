/* batches.h - the pairs of an epoch in a new seeded order, batch by batch, in the input nodes of a network.
 *
 * What the next batch holds is known beforehand, and a thread of its own gathers its pictures and texts during a step. Randomness
 * is drawn from (seed, epoch) and (seed, step) alone. */
#ifndef ADAH_LEARN_BATCHES_H
#define ADAH_LEARN_BATCHES_H

#include "learn/timetable.h"
#include "learn/training.h"

typedef struct adah_batches adah_batches; /* one thread at a time */

/* Everything given must outlive it, but for the network, which must outlive its last use. */
adah_code adah_batches_create(const adah_training *training, const adah_timetable *timetable, adah_network *net,
                              adah_batches **batches, adah_status *status);
void adah_batches_free(adah_batches *b); /* before the network */

void adah_batches_begin_epoch(adah_batches *b, double epoch);
/* Gives the batch of this step to the network and has the next one loaded meanwhile. *items: of the set; *places: theirs among
 * all items of the training; both live until the next call. */
void adah_batches_next(adah_batches *b, double epoch, double step, const size_t **items, const size_t **places);

#endif
