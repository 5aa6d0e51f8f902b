/* training.h - what a training is given. */
#ifndef ADAH_LEARN_TRAINING_H
#define ADAH_LEARN_TRAINING_H

#include "input/pair_set.h"

struct adah_history; /* history.h */

typedef struct adah_training adah_training;
struct adah_training {
    const adah_settings *config;
    const adah_pair_set *set;
    const size_t *items;              /* of the set, no overlap: n_train to learn from, behind them n_validation to validate on */
    size_t n_train, n_validation;     /* n_validation 0: the last epoch's model is kept, not the best */
    /* mAP of the validation pairs, image to text and text to image; not called without any. */
    adah_code (*validate)(const adah_training *training, adah_parameters *parameters, double map[2], adah_status *status);
    int classify;                     /* 1: the label classifier is used (config->classifier_weight > 0 and labels fit) */
    const char *checkpoint_path;      /* NULL: none is written */
    double checkpoint_seconds;        /* at least so long between two; 0: after every epoch */
    int resume;                       /* continue from the checkpoint when there is one */
    uint64_t fingerprint;             /* of the data; a checkpoint of other data is refused */
    adah_progress progress;
    /* Told of the epochs so far when one has ended, and at first of those of a checkpoint. May be NULL. */
    void (*on_epoch)(void *context, const struct adah_history *history);
    void *context;
};

#endif
