/* progress.c - one line of text: losses of the epoch so far, what was attended, validation, speed, time left. */
#include "learn/progress.h"
#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct line {
    char text[768];
    int n;
} line;

__attribute__((format(printf, 2, 3))) static void add(line *l, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (l->n < (int)sizeof l->text - 1)
        l->n += vsnprintf(l->text + l->n, sizeof l->text - (size_t)l->n, format, arguments);
    va_end(arguments);
}

int adah_training_tell(const adah_training_progress *p, const adah_place *place, double n_steps, const adah_epoch *epoch) {
    if (!p->caller.function)
        return 0;
    const adah_timetable *s = &p->timetable;
    const adah_epoch *sums = &place->sums;
    const double n = n_steps > 0 ? n_steps : 1;
    const double total = adah_timetable_total(s), done = adah_timetable_done(s, place->epoch, n_steps);
    const double seconds = adah_clock_seconds() - p->started, n_pairs = (double)(p->n_steps_done * s->n_batch);
    const double pairs_per_second = seconds > 0 ? n_pairs / seconds : 0;
    const double left = pairs_per_second > 0 ? (total - done) * (double)s->n_batch / pairs_per_second : 0;
    line l = {.n = 0};
    add(&l, "epoch %.0f/%d", place->epoch + 1, s->n_main + s->n_final);
    for (int i = 0; p->method->loss->name(i); i++)
        if (sums->loss[i] != 0 || !p->method->loss->name(i)->is_extra)
            add(&l, "  %s %.3f", p->method->loss->name(i)->label, sums->loss[i] / n);
    if (p->shows_masks)
        add(&l, "  attended %.0f%%/%.0f%%", 100 * sums->attended_image / n, 100 * sums->attended_text / n);
    if (epoch && epoch->is_validated)
        add(&l, "  mAP I>T %.4f T>I %.4f", epoch->map_image_to_text, epoch->map_text_to_image);
    add(&l, "  %.*f pairs/s  %.0f s left", pairs_per_second < 10, pairs_per_second, left);
    const adah_progress_event event = {"training", (uint64_t)done, (uint64_t)total, l.text,
                                       n_steps == (double)adah_timetable_steps(s, place->epoch)};
    return p->caller.function(p->caller.user, &event);
}
