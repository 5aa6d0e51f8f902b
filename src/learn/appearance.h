/* appearance.h - the constants of an image's appearance (paper/picture_part.h): the mean of images' features and their principal components,
 * the directions in which photos differ most. */
#ifndef ADAH_LEARN_APPEARANCE_H
#define ADAH_LEARN_APPEARANCE_H

#include "input/pair_set.h"
#include "nn/graph/tensor.h"

/* Adds them to the parameters, of the images among the first 2,048 items; nothing where the configuration has no appearance. The same
 * bits for any number of threads. */
adah_code adah_appearance_learn(const adah_settings *config, const adah_input_source *image, const size_t *items, size_t n_items,
                                adah_parameters *parameters, adah_status *status);

#endif
