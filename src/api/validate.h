/* validate.h - how good a model in training is. */
#ifndef ADAH_API_VALIDATE_H
#define ADAH_API_VALIDATE_H

#include "learn/training.h"

/* mAP@all of the validation pairs against the training pairs, image to text and text to image; where a pair is similar to
 * itself alone, against themselves. The `validate` of a training. */
adah_code adah_validate(const adah_training *training, adah_parameters *parameters, double map[2], adah_status *status);

/* How many different codes the first pairs of a training have, *n_items of them (2000 at most), and how many items the code has that
 * most of them share; by modality. */
adah_code adah_validate_distinct(const adah_training *training, adah_parameters *parameters, size_t *n_items, size_t n_distinct[2],
                                 size_t n_most[2], adah_status *status);

#endif
