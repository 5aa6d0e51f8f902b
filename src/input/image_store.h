/* image_store.h - the images of a data set as a network takes them in, computed once and kept in a cache file.
 *
 * A learning backbone takes pixels (S * S * 3 bytes an image); a frozen one has its feature maps (C * H * W floats) computed
 * here, and one that learns from a layer on what goes into that layer. Training makes the file, all else uses it when it is there. The file's name is a checksum of everything its content depends on, so it is never stale. */
#ifndef ADAH_INPUT_IMAGE_STORE_H
#define ADAH_INPUT_IMAGE_STORE_H

#include "input/input_source.h"
#include "paper/network.h"

typedef struct adah_image_store {
    adah_input_source source;  /* PIXELS (3, S, S), MAP (C, H, W) or MIDDLE; what could not be read is not there */
    adah_file_map map;
    float *average;            /* adah_image_store_average; else NULL */
    char *path;
    size_t n;
    size_t n_missing;
    const char *missing;       /* why the first few could not be read, a line each; "" when none */
} adah_image_store;

/* config is borrowed as long as the store is open. parameters: with the backbone's weights loaded. folder NULL: the default cache folder. strict: the first unreadable image
 * is an error. */
adah_code adah_image_store_open(const adah_dataset *dataset, const adah_settings *config, adah_parameters *parameters,
                                const char *folder, int strict, adah_progress progress, adah_image_store *store,
                                adah_status *status);
/* The same of a file that is there already: store->n is 0 where there is none, or a damaged one. */
adah_code adah_image_store_find(const adah_dataset *dataset, const adah_settings *config, adah_parameters *parameters,
                                const char *folder, int strict, adah_image_store *store, adah_status *status);
/* Maps become their averages over all positions, MAP (C, 1, 1), kept in memory, where a network of the configuration asks no more of them: one
 * with neither masks nor layers that take a map flat; a method of closed form averages with more digits. An epoch then reads a value in place
 * of 49, and learns the same to the bit. */
adah_code adah_image_store_average(const adah_settings *config, adah_image_store *store, adah_status *status);
/* A config->feature_scale of 0 becomes what gives f^I of the first train images a mean square of 1. */
adah_code adah_image_measure_features(const adah_dataset *dataset, adah_settings *config, adah_parameters *parameters,
                                      adah_status *status);
void adah_image_store_close(adah_image_store *store);

#endif
