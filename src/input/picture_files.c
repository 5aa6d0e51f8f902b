/* picture_files.c - a file is read and decoded, each under its clock; faults are collected under a lock. */
#include "input/picture_files.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/dataset_reader.h"
#include "data/image.h"

#include <pthread.h>
#include <string.h>

struct adah_picture_files {
    const adah_dataset *dataset;
    adah_picture_form form;
    int strict;
    uint8_t (*sum)[ADAH_SUM_BYTES]; /* by record; NULL: not wanted */
    pthread_mutex_t lock; /* of the reasons */
    adah_reasons unreadable;
};

void adah_stage_times_add(adah_stage_times *to, const adah_stage_times *from) {
    to->read += from->read;
    to->decode += from->decode;
    to->normalise += from->normalise;
    to->network += from->network;
}

double adah_stage_time_add(double *seconds, double start) {
    const double now = adah_clock_seconds();
    *seconds += now - start;
    return now;
}

adah_code adah_picture_files_open(const adah_dataset *dataset, const adah_settings *config, int strict, adah_picture_files **files,
                                  adah_status *status) {
    ADAH_TRY(adah_image_start(status));
    adah_picture_files *f = adah_memory_zeroed(1, sizeof *f);
    if (!f)
        return adah_fail_memory(status, sizeof *f);
    f->dataset = dataset;
    f->form = adah_settings_form(config);
    f->strict = strict;
    pthread_mutex_init(&f->lock, NULL);
    *files = f;
    return ADAH_OK;
}

void adah_picture_files_close(adah_picture_files *f) {
    if (f)
        pthread_mutex_destroy(&f->lock);
    adah_memory_free(f);
}

const adah_reasons *adah_picture_files_unreadable(const adah_picture_files *f) { return &f->unreadable; }

void adah_picture_files_keep_sums(adah_picture_files *f, uint8_t (*sum)[ADAH_SUM_BYTES]) { f->sum = sum; }

static adah_code read_file(const adah_picture_files *f, const char *path, size_t record, uint8_t *rgb, adah_stage_times *times, adah_status *status) {
    uint8_t *bytes = NULL;
    size_t n_bytes = 0;
    const double start = adah_clock_seconds();
    adah_code code = adah_image_read(path, &bytes, &n_bytes, status);
    if (code == ADAH_OK && f->sum)
        adah_sum_bytes(bytes, n_bytes, f->sum[record]);
    const double read = adah_stage_time_add(&times->read, start);
    if (code == ADAH_OK)
        code = adah_image_decode_in_form(bytes, n_bytes, path, &f->form, rgb, status);
    adah_stage_time_add(&times->decode, read);
    adah_memory_free(bytes);
    return code;
}

adah_code adah_picture_files_read(adah_picture_files *f, size_t record, uint8_t *rgb, adah_stage_times *times, int *is_read,
                                  adah_status *status) {
    const char *name = adah_dataset_record(f->dataset, record)->file_name;
    char *path = adah_file_join(adah_dataset_folder(f->dataset), name);
    if (!path)
        return adah_fail_memory(status, strlen(name));
    adah_status fault = {0};
    const adah_code code = read_file(f, path, record, rgb, times, &fault);
    adah_memory_free(path);
    *is_read = code == ADAH_OK;
    if (code != ADAH_OK && (f->strict || code == ADAH_ERROR_MEMORY))
        return adah_fail(status, code, "%s", fault.message);
    if (code != ADAH_OK) {
        pthread_mutex_lock(&f->lock);
        adah_reasons_add(&f->unreadable, record, fault.message);
        pthread_mutex_unlock(&f->lock);
        adah_dataset_leave_out(f->dataset, fault.message);
    }
    return ADAH_OK;
}
