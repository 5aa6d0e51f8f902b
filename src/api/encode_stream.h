/* encode_stream.h - records to codes, each side by a team of workers. */
#ifndef ADAH_API_ENCODE_STREAM_H
#define ADAH_API_ENCODE_STREAM_H

#include "api/model.h"
#include "input/model_inputs.h"

typedef struct adah_encode_source {
    const adah_model *model;
    const adah_dataset *dataset;
    const adah_model_inputs *inputs; /* those of the data set for the model */
    size_t n_batch;                  /* pictures a network takes at once; 0: what is fastest */
    const size_t *record;            /* n_records of them, by number; NULL: all */
    size_t n_records;
    unsigned sides;                  /* 1 << modality of those that are wanted; 0: all */
} adah_encode_source;

/* Codes of the records with an image (of all, where that side is not wanted); with keep_real also what they are the signs of. *times and *n_threads may be
 * NULL. */
adah_code adah_encode_stream(const adah_encode_source *source, int keep_real, adah_progress progress,
                             adah_codes *codes, adah_stage_times *times, size_t *n_threads, adah_status *status);
/* The same of one side alone, of n items of any source that holds them: codes->record[i] is i. */
adah_code adah_encode_side(const adah_model *model, adah_modality modality, const adah_input_source *input, size_t n, int keep_real,
                           adah_progress progress, adah_codes *codes, adah_stage_times *times, size_t *n_threads, adah_status *status);
/* Room for n codes and, with n_fine (by modality) > 0, their vectors, zeroed; adah_codes_free. sides: 1 << modality of each. */
enum { ADAH_BOTH_SIDES = 1 << ADAH_IMAGE | 1 << ADAH_TEXT };
adah_code adah_codes_allocate(adah_codes *codes, unsigned sides, size_t n, size_t n_bits, const size_t n_fine[2], int with_real,
                              adah_status *status);
/* ADAH_ERROR_MISMATCH: one side is not there. */
adah_code adah_codes_check_sides(const adah_codes *codes, const adah_dataset *dataset, adah_status *status);
void adah_encode_tell_profile(size_t n_records, size_t n_threads, double seconds, const adah_stage_times *times, adah_encode_profile *profile);

#endif
