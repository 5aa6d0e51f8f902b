/* training_log.h - what every epoch of a training measured, in files for others to read while it runs: a table (CSV) and an event file of
 * TensorBoard. */
#ifndef ADAH_API_TRAINING_LOG_H
#define ADAH_API_TRAINING_LOG_H

#include "files/event_file.h"
#include "learn/history.h"
#include "learn/timetable.h"
#include "settings/settings.h"

typedef struct adah_training_log {
    const char *csv_path;        /* NULL: no table */
    adah_event_file *events;     /* NULL: none */
    const adah_settings *config;
    adah_timetable timetable;
    size_t n_logged;             /* epochs in the event file */
    adah_status fault;           /* the first thing that could not be written */
} adah_training_log;

/* Sees that both can be written, before the work begins. model_path, checkpoint_path: which the table must not be. NULL: not wanted. */
adah_code adah_training_log_begin(const char *csv_path, const char *event_folder, const char *model_path, const char *checkpoint_path,
                                  adah_training_log *log, adah_status *status);
/* Writes what is new in a history; the table whole. config and timetable must be set. A file that cannot be written does not end a training:
 * `fault` tells of it. log: an adah_training_log, as adah_training's on_epoch has it. */
void adah_training_log_epochs(void *log, const adah_history *history);
/* The same with the history of a training record, the JSON that a model holds. */
void adah_training_log_record(adah_training_log *log, const char *training);
/* `code`, what the training came to, or what could not be written where it succeeded. Fine on a zeroed log, which it leaves behind. */
adah_code adah_training_log_end(adah_training_log *log, adah_code code, const char *model_path, adah_status *status);

#endif
