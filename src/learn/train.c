/* train.c - the frame around a training step by step: epochs, validation, the best model, checkpoints.
 *
 * The state of a training is its numbers: parameters, the place where it stands and its history. What is drawn at random follows
 * from the seed and the place alone. So a training that was stopped and resumed gives the same bits. */
#include "learn/train.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "files/checkpoint.h"
#include "learn/algorithm.h"
#include "learn/batches.h"
#include "learn/closed_form.h"
#include "learn/progress.h"

#include <math.h>
#include <string.h>

/* The checkpoint stores place and history as arrays of doubles. */
enum { N_PLACE = sizeof(adah_place) / sizeof(double), N_EPOCH = sizeof(adah_epoch) / sizeof(double) };

typedef struct trainer {
    const adah_training *t;
    adah_timetable timetable;
    adah_parameters *parameters;
    adah_algorithm algorithm;
    adah_batches *batches;
    adah_training_progress progress;
    adah_place place;
    adah_history *history;
    float **best;        /* the best model so far: one array for every parameter that is kept, NULL for the others */
    double checkpointed; /* seconds */
} trainer;

/* ---------------------------------------------------------------- setting up */

static void trainer_free(trainer *r) {
    adah_batches_free(r->batches);
    adah_algorithm_end(&r->algorithm);
    for (size_t i = 0; r->best && i < r->parameters->n; i++)
        adah_memory_free(r->best[i]);
    adah_memory_free(r->best);
}

static adah_code trainer_create(trainer *r, adah_status *status) {
    const adah_training *t = r->t;
    const adah_settings *c = t->config;
    r->timetable = adah_timetable_make(c, t->n_train, t->n_validation);
    if (r->timetable.n_batch < 2)
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "%zu training pairs, expected at least 2", t->n_train);
    if (!adah_precision_supported(c->precision))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "precision is \"%s\", but this processor cannot multiply it",
                         adah_settings_text("precision", (int)c->precision));
    ADAH_TRY(adah_algorithm_begin(t, &r->timetable, r->parameters, &r->algorithm, status));
    ADAH_TRY(adah_batches_create(t, &r->timetable, r->algorithm.net, &r->batches, status));
    r->progress = (adah_training_progress){t->progress, r->history->method, r->timetable, c->attention, adah_clock_seconds(), 0};
    r->best = adah_memory_zeroed(r->parameters->n, sizeof *r->best);
    if (!r->best)
        return adah_fail_memory(status, r->parameters->n * sizeof *r->best);
    for (size_t i = 0; i < r->parameters->n; i++)
        if (r->parameters->item[i]->group & r->algorithm.groups_kept) {
            r->best[i] = adah_memory_floats(r->parameters->item[i]->n);
            if (!r->best[i])
                return adah_fail_memory(status, r->parameters->item[i]->n * sizeof(float));
        }
    return ADAH_OK;
}

/* ---------------------------------------------------------------- the best model */

static void keep_best(trainer *r) {
    for (size_t i = 0; i < r->parameters->n; i++)
        if (r->best[i])
            memcpy(r->best[i], r->parameters->item[i]->value, r->parameters->item[i]->n * sizeof(float));
}

static void restore_best(trainer *r) {
    for (size_t i = 0; i < r->parameters->n; i++)
        if (r->best[i]) {
            memcpy(r->parameters->item[i]->value, r->best[i], r->parameters->item[i]->n * sizeof(float));
            r->parameters->item[i]->version++;
        }
}

/* ---------------------------------------------------------------- checkpoints */

static adah_checkpoint checkpoint_of(trainer *r) {
    return (adah_checkpoint){.config = r->t->config,
                             .fingerprint = r->t->fingerprint,
                             .parameters = r->parameters,
                             .groups = r->algorithm.groups_kept,
                             .best = r->best,
                             .place = (double *)&r->place,
                             .n_place = N_PLACE,
                             .history = (double *)r->history->epoch,
                             .n_history = r->history->n * N_EPOCH};
}

static adah_code save_checkpoint(trainer *r, adah_status *status) {
    if (!r->t->checkpoint_path)
        return ADAH_OK;
    const adah_checkpoint checkpoint = checkpoint_of(r);
    ADAH_TRY(adah_checkpoint_write(r->t->checkpoint_path, &checkpoint, status));
    r->checkpointed = adah_clock_seconds();
    return ADAH_OK;
}

static void tell_epochs(const trainer *r) {
    if (r->t->on_epoch)
        r->t->on_epoch(r->t->context, r->history);
}

static int is_count(double x, double max) { return x >= 0 && x <= max && x == floor(x); }

/* The numbers of a checkpoint say which pairs come next. */
static adah_code check_place(const trainer *r, size_t n_history, adah_status *status) {
    const adah_place *p = &r->place;
    if (!is_count(p->epoch, r->timetable.n_main + r->timetable.n_final) ||
        !is_count(p->step, (double)adah_timetable_steps(&r->timetable, p->epoch) - 1) || !is_count(p->n_updates_head, 1e15) ||
        !is_count(p->n_updates_attention, 1e15) || n_history % N_EPOCH)
        return adah_fail(status, ADAH_ERROR_CORRUPT, "%s: damaged: it stands in epoch %g, step %g", r->t->checkpoint_path,
                         p->epoch + 1, p->step);
    return ADAH_OK;
}

static adah_code resume(trainer *r, adah_status *status) {
    adah_checkpoint checkpoint = checkpoint_of(r);
    ADAH_TRY(adah_checkpoint_read(r->t->checkpoint_path, &checkpoint, status));
    adah_code code = check_place(r, checkpoint.n_history, status);
    const adah_epoch *epoch = (const adah_epoch *)checkpoint.history;
    int is_best;
    for (size_t i = 0; code == ADAH_OK && i < checkpoint.n_history / N_EPOCH; i++)
        code = adah_history_add(r->history, &epoch[i], &is_best, status);
    adah_memory_free(checkpoint.history);
    if (code == ADAH_OK)
        tell_epochs(r);
    return code;
}

static adah_code stop(trainer *r, adah_status *status) {
    ADAH_TRY(save_checkpoint(r, status));
    return adah_fail(status, ADAH_ERROR_CANCELLED, "training was stopped in epoch %.0f of %d%s%s", r->place.epoch + 1,
                     r->timetable.n_main + r->timetable.n_final, r->t->checkpoint_path ? "; resume continues from " : "",
                     r->t->checkpoint_path ? r->t->checkpoint_path : "");
}

/* ---------------------------------------------------------------- epochs */

static double n_steps(const trainer *r) { return (double)adah_timetable_steps(&r->timetable, r->place.epoch); }

static adah_code run_epoch(trainer *r, adah_status *status) {
    adah_place *p = &r->place;
    adah_batches_begin_epoch(r->batches, p->epoch);
    while (p->step < n_steps(r)) {
        const size_t *items, *places;
        adah_batches_next(r->batches, p->epoch, p->step, &items, &places);
        ADAH_TRY(adah_pair_set_check(r->t->set, status)); /* before anything is learned from it */
        ADAH_TRY(adah_algorithm_step(&r->algorithm, items, places, p, status));
        p->step += 1;
        r->progress.n_steps_done++;
        if (p->step < n_steps(r) && adah_training_tell(&r->progress, p, p->step, NULL))
            return stop(r, status);
    }
    return ADAH_OK;
}

static int is_finished(const trainer *r) { return r->place.epoch >= r->timetable.n_main + r->timetable.n_final; }

/* The best model is long behind. Patience counts from the end of the warm-up, which changes what is learned. */
static int is_out_of_patience(const trainer *r) {
    const int n_patience = r->t->config->n_patience;
    const double since = fmax((double)r->history->n_best - 1, r->timetable.n_warmup);
    return !adah_timetable_is_final(&r->timetable, r->place.epoch) && n_patience > 0 && r->t->n_validation &&
           r->place.epoch - since > n_patience;
}

static adah_code summarise(trainer *r, adah_epoch *e, adah_status *status) {
    const double n = n_steps(r);
    *e = r->place.sums;
    e->number = r->place.epoch + 1;
    for (int i = 0; i < ADAH_LOSSES_MAX; i++)
        e->loss[i] /= n;
    e->attended_image /= n;
    e->attended_text /= n;
    e->is_warmup = adah_timetable_is_warmup(&r->timetable, r->place.epoch);
    e->is_validated = r->t->n_validation && !adah_timetable_is_final(&r->timetable, r->place.epoch);
    double map[2] = {0, 0};
    if (e->is_validated)
        ADAH_TRY(r->t->validate(r->t, r->parameters, map, status));
    e->map_image_to_text = map[0];
    e->map_text_to_image = map[1];
    return ADAH_OK;
}

/* Validation, history, best model; then the place is the start of the next epoch. */
static adah_code end_epoch(trainer *r, adah_status *status) {
    adah_epoch epoch;
    int is_best;
    ADAH_TRY(summarise(r, &epoch, status));
    ADAH_TRY(adah_history_add(r->history, &epoch, &is_best, status));
    tell_epochs(r);
    if (is_best || adah_timetable_is_final(&r->timetable, r->place.epoch))
        keep_best(r);
    const int stopped = adah_training_tell(&r->progress, &r->place, n_steps(r), &epoch);
    r->place.epoch += 1;
    if (is_out_of_patience(r))
        r->place.epoch = r->timetable.n_main;
    r->place.step = 0;
    r->place.sums = (adah_epoch){0};
    if (stopped && !is_finished(r))
        return stop(r, status);
    if (adah_clock_seconds() - r->checkpointed >= r->t->checkpoint_seconds)
        return save_checkpoint(r, status);
    return ADAH_OK;
}

static adah_code train(trainer *r, adah_status *status) {
    ADAH_TRY(trainer_create(r, status));
    r->checkpointed = adah_clock_seconds();
    if (r->t->resume && r->t->checkpoint_path && adah_file_exists(r->t->checkpoint_path))
        ADAH_TRY(resume(r, status));
    while (!is_finished(r)) {
        if (r->place.epoch == r->timetable.n_main && r->place.step == 0)
            restore_best(r); /* the final epochs go on from there */
        ADAH_TRY(run_epoch(r, status));
        ADAH_TRY(end_epoch(r, status));
    }
    restore_best(r);
    return ADAH_OK;
}

adah_code adah_train_parameters(const adah_training *training, adah_parameters *parameters, adah_history *history,
                                adah_status *status) {
    *history = (adah_history){.method = adah_method_find(training->config->method)};
    adah_code code;
    if (history->method->closed_form) {
        code = adah_closed_form_train(training, parameters, history, status);
    } else {
        trainer r = {.t = training, .parameters = parameters, .history = history};
        code = train(&r, status);
        trainer_free(&r);
    }
    if (code != ADAH_OK)
        adah_history_free(history);
    return code;
}
