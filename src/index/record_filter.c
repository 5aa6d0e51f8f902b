/* record_filter.c - dates and places are read where they lie in the file, 24 bytes a record; of a folder the beginning of the file name is
 * compared there; labels are looked for in a copy of the record, which the caller has made. */
#include "index/record_filter.h"
#include "base/memory.h"
#include "base/taken.h"

#include <math.h>
#include <string.h>

static adah_code find_labels(adah_record_filter *f, adah_status *status) {
    const adah_search_options *o = f->options;
    const size_t n = adah_index_label_count(f->index);
    f->label = adah_memory_zeroed(o->n_labels, sizeof *f->label);
    if (!f->label)
        return adah_fail_memory(status, o->n_labels * sizeof *f->label);
    for (size_t k = 0; k < o->n_labels; k++) {
        uint32_t i = 0;
        for (; i < n; i++) {
            const char *name = adah_index_label_name(f->index, i);
            if (name && !strcmp(name, o->label[k]))
                break;
        }
        if (i == n)
            return adah_fail(status, ADAH_ERROR_NOT_FOUND, "label \"%.200s\": no record of the index has it", o->label[k]);
        f->label[k] = i;
    }
    return ADAH_OK;
}

/* -1: damaged. */
static int lies_in_folder(const adah_record_filter *f, const adah_segment *segment, uint64_t record) {
    size_t n;
    const char *name = adah_segment_file_name(segment, record, &n);
    if (!name)
        return -1;
    return n > f->n_folder_bytes && name[f->n_folder_bytes] == '/' && memcmp(name, f->options->folder, f->n_folder_bytes) == 0;
}

static adah_code check_folder(const adah_record_filter *f, adah_status *status) {
    const adah_index *x = f->index;
    for (size_t i = 0; i < x->n_segments; i++)
        for (uint64_t record = 0; record < x->view[i].segment->header.n_records; record++)
            if (adah_index_is_alive(&x->view[i], record) && lies_in_folder(f, x->view[i].segment, record) > 0)
                return ADAH_OK;
    return adah_fail(status, ADAH_ERROR_NOT_FOUND, "folder \"%.200s\": no record of the index lies in it", f->options->folder);
}

static adah_code open_filter(adah_record_filter *f, adah_status *status) {
    const adah_search_options *o = f->options;
    if (!(o->within_km >= 0) || (o->within_km > 0 && (!(fabs(o->near_latitude) <= 90) || !(fabs(o->near_longitude) <= 180))))
        return adah_fail(status, ADAH_ERROR_ARGUMENT, "within %g km of %.9g, %.9g: expected a distance of 0 or more, a latitude from -90 to 90 and a longitude from -180 to 180",
                         o->within_km, o->near_latitude, o->near_longitude);
    ADAH_TRY(find_labels(f, status));
    f->n_folder_bytes = o->folder ? strlen(o->folder) : 0;
    while (f->n_folder_bytes && o->folder[f->n_folder_bytes - 1] == '/')
        f->n_folder_bytes--;
    return f->n_folder_bytes ? check_folder(f, status) : ADAH_OK;
}

adah_code adah_record_filter_open(const adah_index *index, const adah_search_options *options, adah_record_filter *filter, adah_status *status) {
    adah_record_filter f = {.index = index, .options = options};
    const adah_code code = open_filter(&f, status);
    if (code != ADAH_OK)
        adah_record_filter_free(&f);
    *filter = f;
    return code;
}

void adah_record_filter_free(adah_record_filter *f) {
    adah_memory_free(f->label);
    f->label = NULL;
}

int adah_record_filter_is_narrow(const adah_record_filter *f) {
    const adah_search_options *o = f->options;
    return o->taken_from != INT64_MIN || o->taken_before != INT64_MAX || o->within_km > 0 || f->n_folder_bytes;
}

int adah_record_filter_passes(const adah_record_filter *f, const adah_segment *segment, uint64_t record) {
    const adah_search_options *o = f->options;
    const adah_taken taken = adah_segment_taken(segment, record);
    if ((o->taken_from != INT64_MIN || o->taken_before != INT64_MAX) &&
        (taken.detail == ADAH_DATE_NONE || taken.seconds < o->taken_from || taken.seconds >= o->taken_before))
        return 0;
    if (o->within_km > 0 && (!taken.has_place || adah_place_distance_km(o->near_latitude, o->near_longitude, (double)taken.latitude_e7 * 1e-7,
                                                                        (double)taken.longitude_e7 * 1e-7) > o->within_km))
        return 0;
    return f->n_folder_bytes ? lies_in_folder(f, segment, record) : 1;
}

int adah_record_filter_has_label(const adah_record_filter *f, const adah_index_entry *entry) {
    for (size_t i = 0; i < entry->n_labels; i++)
        for (size_t k = 0; k < f->options->n_labels; k++)
            if (entry->label[i] == f->label[k])
                return 1;
    return f->options->n_labels == 0;
}
