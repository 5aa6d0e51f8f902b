/* feature_array.h - features that another encoder computed, in array files beside the metadata of a data set.
 *
 *     image.npy or image.safetensors    (n, D) vectors    (n, P, C) tokens    (n, C, H, W) maps
 *     text.npy or text.safetensors      (n, D) vectors    (n, P, C) tokens
 *
 * Row r belongs to the r-th record of the metadata file, bad records counted (adah_record.row). Float32 is used in the mapped
 * file; other types of numbers (base/npy.h, files/safetensors.h), column order and tensors at odd places are converted in memory. */
#ifndef ADAH_INPUT_FEATURE_ARRAY_H
#define ADAH_INPUT_FEATURE_ARRAY_H

#include "base/npy.h"
#include "files/model_file.h"
#include "files/safetensors.h"
#include "input/input_source.h"

typedef struct adah_feature_array {
    adah_input_source source; /* item i is that of record i; kind NONE: the data set has no such file */
    char *path;
    size_t *row;           /* where source.rows.row points */
    adah_npy npy;          /* one of the three holds the values */
    adah_safetensors *tensors;
    float *converted;
} adah_feature_array;

typedef struct adah_feature_arrays {
    adah_feature_array image, text;
} adah_feature_arrays;

/* Opens the arrays that a data set has. Refused, with what was found and what was expected: wrong type, order, rank or number
 * of rows; two files for one side; values that are not finite. */
adah_code adah_feature_arrays_open(const adah_dataset *dataset, adah_feature_arrays *arrays, adah_status *status);
/* Opens those that a model takes in place of pictures or words, scaled as it was trained; ADAH_ERROR_MISMATCH when they are
 * not there or of another shape. Those of texts may be missing where the model is of a joint space (settings/method.h). Values are looked at by adah_feature_array_check. */
adah_code adah_feature_arrays_open_for(const adah_model_state *model, const adah_dataset *dataset, adah_feature_arrays *arrays,
                                       adah_status *status);
void adah_feature_arrays_close(adah_feature_arrays *arrays); /* zeroes it; fine on a zeroed one */

/* A file of any name (.safetensors, else .npy) with items of the wanted shape: one alone, as (512), or n of them, as (n, 512), item i
 * in row i. *is_single: 1 in the first case. Every value is looked at. ADAH_ERROR_MISMATCH: another shape. */
adah_code adah_feature_array_open_file(const char *path, adah_modality side, adah_input_shape wanted, adah_feature_array *array, size_t *n,
                                       int *is_single, adah_status *status);
void adah_feature_array_close(adah_feature_array *array); /* zeroes it; fine on a zeroed one */

/* Every value of these records finite? dataset NULL: of these rows. */
adah_code adah_feature_array_check(const adah_feature_array *array, const adah_dataset *dataset, size_t first, size_t n,
                                   adah_status *status);
/* What brings the train records' values, padding left out, to a mean square of 1; 1 when all are 0. The source holds rows. */
float adah_feature_measure(const adah_input_source *source, const adah_dataset *dataset);

#endif
