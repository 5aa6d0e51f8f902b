/* history.h - what happened in every epoch of a training, and which was the best. */
#ifndef ADAH_LEARN_HISTORY_H
#define ADAH_LEARN_HISTORY_H

#include "settings/method.h"

/* Doubles alone: a checkpoint stores it as it is. */
typedef struct adah_epoch {
    double number;                        /* from 1 */
    double loss[ADAH_LOSSES_MAX];         /* each the mean over the steps, unweighted, in the order of the method's loss */
    double attended_image, attended_text; /* the share that the masks kept; 1 without masks */
    double is_warmup, is_validated;
    double map_image_to_text, map_text_to_image; /* of the validation pairs */
} adah_epoch;

typedef struct adah_history {
    const adah_method *method;
    adah_epoch *epoch; /* n */
    size_t n;
    size_t n_best;     /* the number of the best one; 0: there is none yet */
} adah_history;

void adah_history_free(adah_history *history); /* zeroes it */

/* Adds an epoch. Sets n_best to its number, and *is_best to 1, where it is better than all before: where it has the larger sum
 * of its two mAPs, the first of equals. Any epoch after the warm-up is better than one in it, for this was not trained with its
 * masks; of epochs without validation the last is the best. The final epochs (unvalidated ones after validated ones) go on from
 * the best and do not change it. */
adah_code adah_history_add(adah_history *history, const adah_epoch *epoch, int *is_best, adah_status *status);

/* A JSON array with one object an epoch, as the record of a training has it; adah_memory_free. NULL: memory is out. */
char *adah_history_json(const adah_history *history);

#endif
