/* evaluate_masks.h - attention masks against the true object masks of a data set. */
#ifndef ADAH_API_EVALUATE_MASKS_H
#define ADAH_API_EVALUATE_MASKS_H

#include "base/status.h"

/* *means stays as it is where the data set has no masks, or the model no attention. */
adah_code adah_evaluate_masks(const adah_model *model, adah_precision precision, const adah_dataset *dataset, adah_split split,
                              adah_mask_means *means, adah_status *status);

#endif
