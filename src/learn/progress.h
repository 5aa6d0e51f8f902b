/* progress.h - tells the caller of a training where it stands. */
#ifndef ADAH_LEARN_PROGRESS_H
#define ADAH_LEARN_PROGRESS_H

#include "learn/timetable.h"

typedef struct adah_training_progress {
    adah_progress caller;
    const adah_method *method;
    adah_timetable timetable;
    int shows_masks;
    double started;        /* seconds */
    uint64_t n_steps_done; /* since then */
} adah_training_progress;

/* After a step, or (epoch not NULL: its means, and what validation said) after an epoch; place: as it was at the last step, and so
 * many steps of the epoch are done. Non-zero: stop. */
int adah_training_tell(const adah_training_progress *progress, const adah_place *place, double n_steps, const adah_epoch *epoch);

#endif
