/* train.h - training in turns (Zhang, Lai, Feng 2018): min over E, D of F with G fixed, then max over G of the adversarial
 * losses with E, D fixed. */
#ifndef ADAH_LEARN_TRAIN_H
#define ADAH_LEARN_TRAIN_H

#include "input/pair_set.h"

typedef struct adah_training {
    const adah_settings *config;
    const adah_pair_set *set;
    const size_t *items;              /* of the set, no overlap: n_train to learn from, behind them n_validation to validate on */
    size_t n_train, n_validation;     /* n_validation 0: the last epoch's model is kept, not the best */
    int classify;                     /* 1: the label classifier is used (config->classifier_weight > 0 and labels fit) */
    const char *checkpoint_path;      /* NULL: none is written */
    double checkpoint_seconds;        /* at least so long between two; 0: after every epoch */
    int resume;                       /* continue from the checkpoint when there is one */
    uint64_t fingerprint;             /* of the data; a checkpoint of other data is refused */
    adah_progress progress;
} adah_training;

/* Trains `parameters` in place (made and loaded beforehand). On success they hold the best model by validation mAP, or
 * what the final epochs made of it (adah_settings_final), and *history is a JSON array with one object an epoch (adah_memory_free). Same input, seed and threads: same bits, resumed or
 * not. ADAH_ERROR_CANCELLED: the checkpoint holds all work done. The checkpoint is left to the caller to remove. */
adah_code adah_train_parameters(const adah_training *training, adah_parameters *parameters, char **history,
                                adah_status *status);

/* The same for a shallow rival, from features that need no learning: closed forms in place of epochs, *history with one entry
 * of what validation says, no checkpoint. With final epochs in the configuration what is kept has learned from all items. Adds the rival's parameters. */
adah_code adah_train_shallow(const adah_training *training, adah_parameters *parameters, char **history, adah_status *status);

/* mAP@all of the validation pairs against the training pairs, image to text and text to image; where a pair is similar to
 * itself alone, against themselves. */
adah_code adah_training_validate(const adah_training *training, adah_parameters *parameters, double map[2],
                                 adah_status *status);

#endif
