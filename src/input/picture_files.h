/* picture_files.h - the pictures of a data set, read from their files one by one; which could not be read, and why. */
#ifndef ADAH_INPUT_PICTURE_FILES_H
#define ADAH_INPUT_PICTURE_FILES_H

#include "base/reasons.h"
#include "data/picture_memory.h"
#include "settings/settings.h"

/* Seconds of what a thread does with its items. */
typedef struct adah_stage_times {
    double read, decode, normalise, network;
} adah_stage_times;
void adah_stage_times_add(adah_stage_times *to, const adah_stage_times *from);
/* Adds to one of them what has passed since `start` (adah_clock_seconds) and gives the time that it is now. */
double adah_stage_time_add(double *seconds, double start);

typedef struct adah_picture_files adah_picture_files;

/* strict: the first picture that cannot be read is an error. The data set is borrowed. */
adah_code adah_picture_files_open(const adah_dataset *dataset, const adah_settings *config, int strict, adah_picture_files **files,
                                  adah_status *status);
void adah_picture_files_close(adah_picture_files *files); /* NULL is fine */

/* The record's picture in the form of the settings, n_side * n_side * 3 bytes. *is_read 0: it cannot be read, which is noted. Several threads at once. */
adah_code adah_picture_files_read(adah_picture_files *files, size_t record, uint8_t *rgb, adah_stage_times *times, int *is_read,
                                  adah_status *status);
/* From now on the checksum of every file that is read is put into sum[record] (adah_sum_bytes of its bytes). */
void adah_picture_files_keep_sums(adah_picture_files *files, uint8_t (*sum)[ADAH_SUM_BYTES]);
/* Of all that were read, by record. */
const adah_reasons *adah_picture_files_unreadable(const adah_picture_files *files);

#endif
