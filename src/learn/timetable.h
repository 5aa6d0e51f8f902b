/* timetable.h - how long a training is, and what each step of it is: warm-up, main and final epochs, steps, learning rates.
 *
 * One epoch visits its pairs in batches of B; a rest smaller than B waits for the next order. When all main epochs are over, the
 * final ones learn from the validation pairs as well: the database will hold them too. Their rates start anew. */
#ifndef ADAH_LEARN_TIMETABLE_H
#define ADAH_LEARN_TIMETABLE_H

#include "learn/history.h"
#include "settings/settings.h"

typedef struct adah_timetable {
    size_t n_batch;                /* B */
    size_t n_train, n_all;         /* training pairs, and with the validation pairs */
    int n_main, n_warmup, n_final; /* epochs; the warm-up is the first of the main ones */
    int n_resting;                 /* the first of the main ones, in which a backbone that learns does not yet */
    int is_cosine;                 /* the rates fall to 0 along a cosine */
} adah_timetable;

/* Where a training stands. Doubles alone: a checkpoint stores it as it is. */
typedef struct adah_place {
    double epoch, step;                         /* the next to do; epoch from 0, step within it */
    double n_updates_head, n_updates_attention; /* steps 1 and 2 so far */
    adah_epoch sums;                            /* over the steps of this epoch */
} adah_place;

adah_timetable adah_timetable_make(const adah_settings *config, size_t n_train, size_t n_validation);
int adah_timetable_is_warmup(const adah_timetable *s, double epoch); /* masks keep everything, G rests, no adversary yet */
int adah_timetable_is_resting(const adah_timetable *s, double epoch);
int adah_timetable_is_final(const adah_timetable *s, double epoch);
size_t adah_timetable_pairs(const adah_timetable *s, double epoch);  /* that this epoch learns from */
size_t adah_timetable_steps(const adah_timetable *s, double epoch);
double adah_timetable_total(const adah_timetable *s);                /* steps of all epochs */
double adah_timetable_done(const adah_timetable *s, double epoch, double step);
/* What the learning rates are multiplied by. */
float adah_timetable_rate(const adah_timetable *s, double epoch, double step);

#endif
