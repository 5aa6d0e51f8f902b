/* picture_worker.h - what one thread needs to take records through a network: a network of its own that runs on one
 * thread, room for a picture, and clocks of what it does.
 *
 * A worker belongs to the thread that made it. Several over the same parameters run at once. */
#ifndef ADAH_INPUT_PICTURE_WORKER_H
#define ADAH_INPUT_PICTURE_WORKER_H

#include "paper/network.h"

/* Seconds. */
typedef struct adah_stage_times {
    double read, decode, normalise, network;
} adah_stage_times;
void adah_stage_times_add(adah_stage_times *to, const adah_stage_times *from);

typedef struct adah_picture_worker {
    adah_network *network; /* NULL: none is wanted */
    uint8_t *rgb;          /* n_side * n_side * 3 bytes, of the last picture read; NULL: no pictures are read */
    adah_stage_times times;
} adah_picture_worker;

/* plan NULL: no network. n_side 0: no pictures. For the calling thread: the network runs on as many threads as its
 * loops. */
adah_code adah_picture_worker_create(const adah_network_plan *plan, const adah_settings *config,
                                     adah_parameters *parameters, size_t n_side, adah_picture_worker **worker,
                                     adah_status *status);
void adah_picture_worker_free(adah_picture_worker *worker); /* NULL is fine */

/* The record's picture into worker->rgb. */
adah_code adah_picture_worker_read(adah_picture_worker *worker, const adah_dataset *dataset, size_t record,
                                   size_t n_side, adah_status *status);
/* A picture, normalised, into place `slot` of the network's batch. */
void adah_picture_worker_normalise(adah_picture_worker *worker, const adah_settings *config, const uint8_t *rgb,
                                   size_t slot);
adah_code adah_picture_worker_forward(adah_picture_worker *worker, adah_status *status);

/* How many pictures a network of these parameters of the image's side takes at once, to be fast. */
size_t adah_picture_batch(const adah_parameters *parameters, unsigned groups);

#endif
