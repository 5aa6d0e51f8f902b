/* mask_measures.h - how well the attention on an image agrees with the true place of its objects.
 *
 * One call scores one image; means over images are the caller's. */
#ifndef ADAH_EVAL_MASK_MEASURES_H
#define ADAH_EVAL_MASK_MEASURES_H

#include "base/status.h"

enum { ADAH_MASK_DRAWS = 10 };

/* The true object: n_side x n_side, row by row, non-zero inside. */
typedef struct adah_mask_truth {
    const uint8_t *inside;
    size_t n_side;
} adah_mask_truth;

typedef struct adah_mask_score {
    double iou;      /* intersection over union; 1 when mask and object are both empty */
    double pointing; /* 1: the position of most attention lies inside the object, else 0 */
} adah_mask_score;

/* attended: height x width, non-zero where the mask attends; scaled up to the truth by the nearest position.
 * probability: height x width; its first largest value points, to the pixel in the middle of the position.
 * height and width: from 1 to n_side. */
adah_code adah_mask_score_attention(const uint8_t *attended, const float *probability, size_t height, size_t width,
                                    adah_mask_truth truth, adah_mask_score *score, adah_status *status);

/* What chance gives: the mean over ADAH_MASK_DRAWS masks of n_attended positions drawn without repeats, the first
 * of which points (none: pointing is 0). */
adah_code adah_mask_score_random(size_t height, size_t width, size_t n_attended, adah_mask_truth truth, uint64_t seed,
                                 adah_mask_score *score, adah_status *status);

#endif
