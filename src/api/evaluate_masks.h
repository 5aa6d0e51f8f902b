/* evaluate_masks.h - attention masks against the true object masks of a data set. */
#ifndef ADAH_API_EVALUATE_MASKS_H
#define ADAH_API_EVALUATE_MASKS_H

#include "base/status.h"

typedef struct adah_mask_means {
    size_t n_images; /* records of the split with an image and a true mask */
    double iou, iou_random, pointing_game, pointing_game_random;
} adah_mask_means;

/* n_images 0: the data set has no masks, or the model no attention. */
adah_code adah_evaluate_masks(const adah_model *model, const adah_dataset *dataset, adah_split split,
                              adah_mask_means *means, adah_status *status);

#endif
