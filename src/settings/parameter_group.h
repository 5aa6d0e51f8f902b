/* parameter_group.h - to which part of a model a parameter belongs. */
#ifndef ADAH_SETTINGS_PARAMETER_GROUP_H
#define ADAH_SETTINGS_PARAMETER_GROUP_H

/* Groups of parameters: what a training step may move. */
enum {
    ADAH_GROUP_BACKBONE = 1,  /* E^I */
    ADAH_GROUP_HEAD = 2,      /* E^T, D^I, D^T and the label classifier */
    ADAH_GROUP_ATTENTION = 4, /* G^I, G^T: what plays against the rest; of a rival its adversary */
    ADAH_N_GROUPS = 3,
    ADAH_GROUP_STATISTICS = 8, /* of batch normalisation: measured while the backbone learns, moved by no optimiser */
    ADAH_GROUP_CONSTANT = 32, /* what no step moves: what follows from the data alone, layers before those that learn */
    ADAH_GROUP_BANK = 16       /* codes of earlier batches (batch_loss.h): part of a training's state, not of a model */
};

#endif
