/* checkpoint.h - everything a training needs to go on, as one safetensors file: for every trained parameter NAME the tensors
 * value/NAME, moment1/NAME, moment2/NAME, best/NAME; place and history; configuration and data fingerprint as metadata. */
#ifndef ADAH_FILES_CHECKPOINT_H
#define ADAH_FILES_CHECKPOINT_H

#include "nn/graph/tensor.h"
#include "settings/settings.h"

typedef struct adah_checkpoint {
    const adah_settings *config;
    uint64_t fingerprint;
    adah_parameters *parameters;
    unsigned groups;     /* the trained ones */
    float **best;        /* one array for every parameter of `groups`, NULL for the others */
    double *place;       /* where it stands: n_place numbers */
    size_t n_place;
    double *history;     /* n_history numbers; read: a new array, adah_memory_free */
    size_t n_history;
} adah_checkpoint;

adah_code adah_checkpoint_write(const char *path, const adah_checkpoint *checkpoint, adah_status *status);
/* Refuses a damaged file and one of another configuration or data set. On failure nothing in *checkpoint has changed but
 * perhaps the values of parameters and the place. */
adah_code adah_checkpoint_read(const char *path, adah_checkpoint *checkpoint, adah_status *status);

#endif
