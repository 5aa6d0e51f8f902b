/* record_filter.h - what narrows an answer, of labels, dates, places and folders, asked of one record at a time. */
#ifndef ADAH_INDEX_RECORD_FILTER_H
#define ADAH_INDEX_RECORD_FILTER_H

#include "index/index_state.h"

typedef struct adah_record_filter {
    const adah_index *index;
    const adah_search_options *options;
    uint32_t *label; /* numbers of the labels of which a record has one */
    size_t n_folder_bytes; /* of options->folder, without slashes at its end; 0: any */
} adah_record_filter;

/* Checks what the options say, which must last as long as the filter. ADAH_ERROR_NOT_FOUND: no record has one of the labels, or lies in the folder. */
adah_code adah_record_filter_open(const adah_index *index, const adah_search_options *options, adah_record_filter *filter, adah_status *status);
void adah_record_filter_free(adah_record_filter *filter); /* fine on a zeroed one */
/* 1: date, place or folder narrow it. */
int adah_record_filter_is_narrow(const adah_record_filter *filter);
/* Whether date, place and folder of a record are what is asked for; -1: it is damaged. */
int adah_record_filter_passes(const adah_record_filter *filter, const adah_segment *segment, uint64_t record);
/* Has the record one of the labels, if any are asked for? */
int adah_record_filter_has_label(const adah_record_filter *filter, const adah_index_entry *entry);

#endif
