/* train.h - learning: by a method that goes step by step (algorithm.h), or in closed form (closed_form.h). */
#ifndef ADAH_LEARN_TRAIN_H
#define ADAH_LEARN_TRAIN_H

#include "learn/history.h"
#include "learn/training.h"

/* Trains `parameters` in place (made and loaded beforehand; a closed form adds its own). On success they hold the best model by
 * validation mAP, or what the final epochs made of it (adah_settings_final), and *history, zeroed before, tells of every epoch
 * (adah_history_free). Same input, seed and threads: same bits, resumed or not. ADAH_ERROR_CANCELLED: the checkpoint holds all
 * work done. The checkpoint is left to the caller to remove. */
adah_code adah_train_parameters(const adah_training *training, adah_parameters *parameters, adah_history *history,
                                adah_status *status);

#endif
