/* timetable.c - numbers of epochs, steps and rates. */
#include "learn/timetable.h"

#include <math.h>

adah_timetable adah_timetable_make(const adah_settings *config, size_t n_train, size_t n_validation) {
    return (adah_timetable){.n_batch = n_train < (size_t)config->n_batch ? n_train : (size_t)config->n_batch,
                           .n_train = n_train,
                           .n_all = n_train + n_validation,
                           .n_main = config->n_epochs,
                           .n_warmup = adah_settings_warmup(config),
                           .n_final = n_validation ? adah_settings_final(config) : 0,
                           .n_resting = adah_settings_finetune_after(config),
                           .is_cosine = config->schedule == ADAH_SCHEDULE_COSINE};
}

int adah_timetable_is_warmup(const adah_timetable *s, double epoch) { return epoch < s->n_warmup; }

int adah_timetable_is_resting(const adah_timetable *s, double epoch) { return epoch < s->n_resting; }

int adah_timetable_is_final(const adah_timetable *s, double epoch) { return epoch >= s->n_main; }

size_t adah_timetable_pairs(const adah_timetable *s, double epoch) {
    return adah_timetable_is_final(s, epoch) ? s->n_all : s->n_train;
}

size_t adah_timetable_steps(const adah_timetable *s, double epoch) { return adah_timetable_pairs(s, epoch) / s->n_batch; }

double adah_timetable_done(const adah_timetable *s, double epoch, double step) {
    const double main_steps = (double)(s->n_train / s->n_batch), final_steps = (double)(s->n_all / s->n_batch);
    return main_steps * fmin(epoch, s->n_main) + final_steps * fmax(epoch - s->n_main, 0) + step;
}

double adah_timetable_total(const adah_timetable *s) { return adah_timetable_done(s, s->n_main + s->n_final, 0); }

float adah_timetable_rate(const adah_timetable *s, double epoch, double step) {
    if (!s->is_cosine)
        return 1;
    const int is_final = adah_timetable_is_final(s, epoch);
    const int first = is_final ? s->n_main : 0, n = is_final ? s->n_final : s->n_main;
    const double share = (epoch - first + step / (double)adah_timetable_steps(s, epoch)) / n;
    return (float)(0.5 * (1 + cos(3.14159265358979 * share)));
}
