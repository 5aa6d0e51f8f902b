/* model_inputs.h - both sides of a data set as a model takes them in, from wherever each comes: an array beside the data set, the
 * cache of images, the files of its pictures, its texts by a vocabulary. */
#ifndef ADAH_INPUT_MODEL_INPUTS_H
#define ADAH_INPUT_MODEL_INPUTS_H

#include "input/feature_array.h"
#include "input/image_store.h"
#include "input/text_store.h"

typedef struct adah_model_inputs {
    adah_input_source image, text; /* they point into what follows */
    adah_feature_arrays arrays;
    adah_image_store store;
    adah_text_store texts;
    adah_picture_files *pictures;
} adah_model_inputs;

/* What a trained model takes, for encoding; all is borrowed as long as the inputs are open. vocabulary: that of the model, NULL when
 * it has none; encoder: its text encoder, or NULL. The cache is used when it is there. strict: a picture that cannot be read is an error. */
adah_code adah_model_inputs_open(const adah_model_state *model, const adah_vocabulary *vocabulary, const adah_text_encoder *encoder,
                                 const adah_dataset *dataset, const char *cache_folder, int strict, adah_model_inputs *inputs, adah_status *status);
/* Chooses image and text from the arrays and the stores that are open. There are no texts when there is neither array,
 * encoder nor vocabulary. */
adah_code adah_model_inputs_choose(const adah_settings *config, const adah_vocabulary *vocabulary, const adah_text_encoder *encoder,
                                   const adah_dataset *dataset, int strict, adah_model_inputs *inputs, adah_status *status);
void adah_model_inputs_close(adah_model_inputs *inputs); /* zeroes it; fine on a zeroed one */

/* The pictures that could not be read: how many, and why the first few; after all were read. */
size_t adah_model_inputs_missing(const adah_model_inputs *inputs, char reasons[ADAH_REASONS_BYTES]);

#endif
