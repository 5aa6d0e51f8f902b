/* standard.h - the constants by which images' features are brought to mean 0 and deviation 1 (paper/feature.h). */
#ifndef ADAH_LEARN_STANDARD_H
#define ADAH_LEARN_STANDARD_H

#include "input/pair_set.h"
#include "nn/graph/tensor.h"

/* Adds them to the parameters; nothing where the configuration does not want them, or no layer has a use for them. Of the images among the first 512 items. A deviation counts as at least a
 * tenth of the root mean square of all, so that values that hardly ever differ are not blown up. */
adah_code adah_standard_learn(const adah_settings *config, const adah_input_source *image, const size_t *items, size_t n_items,
                              adah_parameters *parameters, adah_status *status);

#endif
