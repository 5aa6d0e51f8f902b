/* feature_sample.h - the averages of images' features, of which constants of a model are learned before a training begins. */
#ifndef ADAH_LEARN_FEATURE_SAMPLE_H
#define ADAH_LEARN_FEATURE_SAMPLE_H

#include "input/pair_set.h"
#include "nn/graph/tensor.h"

typedef struct adah_feature_sample {
    double *x; /* (n, n_values) */
    size_t n, n_values;
} adah_feature_sample;

/* Of the images among the items that are there. The parameters are those of a model, whole. sample: zeroed; to be freed, also
 * after an error. The same bits for any number of threads. */
adah_code adah_feature_sample_read(const adah_settings *config, const adah_input_source *image, const size_t *items, size_t n,
                                   adah_parameters *parameters, adah_feature_sample *sample, adah_status *status);
void adah_feature_sample_free(adah_feature_sample *sample);

#endif
