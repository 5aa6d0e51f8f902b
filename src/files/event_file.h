/* event_file.h - the event files that TensorBoard reads: numbers by name and step, written as they come. */
#ifndef ADAH_FILES_EVENT_FILE_H
#define ADAH_FILES_EVENT_FILE_H

#include "base/status.h"

typedef struct adah_event_file adah_event_file;

typedef struct adah_scalar {
    const char *tag; /* UTF-8, "loss/triplet"; borrowed */
    double value;
} adah_scalar;

/* A new file in a folder, which is made where it is not there; other files stay as they are. What earlier files of the folder tell of steps from
 * `step` on no longer counts for TensorBoard. */
adah_code adah_event_file_create(const char *folder, int64_t step, adah_event_file **file, adah_status *status);
/* What was measured at a step. When it fails nothing more can be added. */
adah_code adah_event_file_add(adah_event_file *file, int64_t step, const adah_scalar *scalar, size_t n, adah_status *status);
/* Closes it, and removes it if nothing was added. NULL is fine. */
void adah_event_file_close(adah_event_file *file);

#endif
