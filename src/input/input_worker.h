/* input_worker.h - what one thread needs to take items through a network: a network of its own that runs on one thread, room
 * for a picture, and clocks of what it does.
 *
 * A worker belongs to the thread that made it. Several over the same parameters and the same source run at once. */
#ifndef ADAH_INPUT_INPUT_WORKER_H
#define ADAH_INPUT_INPUT_WORKER_H

#include "input/input_source.h"
#include "paper/network.h"

typedef struct adah_input_worker {
    adah_network *network; /* NULL: none is wanted */
    uint8_t *rgb;          /* S * S * 3 bytes: the last picture read; NULL: no pictures are read */
    adah_text_reader *reader; /* NULL: no text encoder was asked yet */
    float *rows;              /* what it reads, on the way to the input */
    adah_stage_times times;
} adah_input_worker;

/* plan NULL: no network. For the calling thread: the network runs on as many threads as its loops. */
adah_code adah_input_worker_create(const adah_network_plan *plan, const adah_settings *config, adah_parameters *parameters,
                                   int with_pictures, adah_input_worker **worker, adah_status *status);
void adah_input_worker_free(adah_input_worker *worker); /* NULL is fine */

static inline adah_side *adah_input_worker_side(const adah_input_worker *worker, adah_modality modality) {
    return modality == ADAH_IMAGE ? &worker->network->image : &worker->network->text;
}
/* An item into place `slot` of the batch on the source's side of the network; *is_there 0: zeros, for there is no picture that can
 * be read, or no word that is known. A source of picture files needs a worker with pictures. */
adah_code adah_input_worker_fill(adah_input_worker *worker, const adah_input_source *source, adah_modality modality, size_t item,
                                 size_t slot, int *is_there, adah_status *status);
/* Items first ... first + n - 1, items[first] and so on where items is not NULL, into places 0 ... n - 1; is_there: [n]. Texts that an
 * encoder reads are read together, which is faster. */
adah_code adah_input_worker_fill_range(adah_input_worker *worker, const adah_input_source *source, adah_modality modality,
                                       const size_t *items, size_t first, size_t n, uint8_t *is_there, adah_status *status);
/* A text of n_texts lines, read by source->encoder and, where it has one, looked up in source->vocabulary, into place 0 of the text side;
 * *is_there 0: there is nothing in it that the encoder reads. */
adah_code adah_input_worker_fill_text(adah_input_worker *worker, const adah_input_source *source, const char *text, size_t n_texts,
                                      int *is_there, adah_status *status);
adah_code adah_input_worker_forward(adah_input_worker *worker, adah_status *status);

/* How many pictures a network of these parameters of the image's side takes at once, to be fast. */
size_t adah_picture_batch(const adah_parameters *parameters, unsigned groups);

#endif
