/* train_rival.h - what a deep rival does with a batch in place of ADAH's two steps; the loop of train.c does the rest. */
#ifndef ADAH_MODEL_TRAIN_RIVAL_H
#define ADAH_MODEL_TRAIN_RIVAL_H

#include "model/pair_set.h"

/* A batch behind the forward pass. */
typedef struct adah_rival_batch {
    const adah_config *config;
    adah_network *net;       /* the gradients of its kept nodes are zero, to be written */
    const adah_pair_set *set;
    const size_t *train;     /* the n_train items that are learned from */
    size_t n_train, n_batch;
    const size_t *row;       /* the batch: places in `train` */
    const uint8_t *similar;  /* S (B, B) */
    const float *target;     /* (B, n_labels) label distributions; NULL: no label classifier */
    float *memory[2];        /* with has_memory: of image and text, (n_train, q), 0 at the start */
    uint8_t *similar_to_all; /* with has_memory: (B, n_train) scratch */
    float *scratch;          /* (B + 1) * B */
} adah_rival_batch;

enum { ADAH_RIVAL_LOSSES_MAX = 4 };

typedef struct adah_rival_steps {
    const char *method;
    const char *loss_name[ADAH_RIVAL_LOSSES_MAX]; /* NULL: there are fewer */
    int has_memory; /* 1: keeps a code of every training pair; they are part of a training's state */
    /* Step 1: adds the losses to loss[] and writes derivatives, for the projections to descend. */
    void (*head)(const adah_rival_batch *batch, double *loss);
    /* Step 2, after another forward pass: the same for the adversary, unless config->adversary is 0. NULL without one. */
    void (*adversary)(const adah_rival_batch *batch);
} adah_rival_steps;

const adah_rival_steps *adah_rival_steps_find(const char *method); /* NULL: no deep rival */

#endif
