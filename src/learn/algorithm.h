/* algorithm.h - the learning in turns of the paper: one step of a training. Read algorithm.c. */
#ifndef ADAH_LEARN_ALGORITHM_H
#define ADAH_LEARN_ALGORITHM_H

#include "learn/timetable.h"
#include "learn/training.h"
#include "nn/graph/optimiser.h"

typedef struct adah_algorithm {
    const adah_settings *config;
    const adah_loss *method;    /* what the method minimises */
    adah_timetable timetable;
    adah_parameters *parameters;
    adah_network *net;
    void *loss;
    adah_optimiser optimiser;
    unsigned groups_head;       /* moved by step 1 */
    unsigned groups_attention;  /* by step 2; 0: there is none */
    unsigned groups_kept;       /* all that the state of a training holds */
} adah_algorithm;

/* Makes the network and the loss of the configuration's method. What is given must outlive it. On failure adah_algorithm_end
 * frees what there is. */
adah_code adah_algorithm_begin(const adah_training *training, const adah_timetable *timetable, adah_parameters *parameters,
                               adah_algorithm *a, adah_status *status);
void adah_algorithm_end(adah_algorithm *a); /* zeroed: nothing */

/* Both half-steps on the batch that is in the network's input nodes; items and places: as adah_batches_next gives them. Adds the
 * losses to place->sums and counts the updates. */
adah_code adah_algorithm_step(adah_algorithm *a, const size_t *items, const size_t *places, adah_place *place,
                              adah_status *status);

#endif
