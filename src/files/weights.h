/* weights.h - files of pre-trained weights: safetensors, or .mat as MatConvNet writes them. Which of the two a file is, its
 * content tells. */
#ifndef ADAH_FILES_WEIGHTS_H
#define ADAH_FILES_WEIGHTS_H

#include "files/safetensors.h"
#include "settings/settings.h"

typedef struct adah_weights adah_weights;

adah_code adah_weights_open(const char *path, adah_weights **weights, adah_status *status);
void adah_weights_close(adah_weights *weights);
/* Copies the tensor that torchvision calls `name`, of exactly this shape, into out. The error (MISMATCH) names file, tensor
 * or layer, found and expected. */
adah_code adah_weights_read(const adah_weights *weights, const char *name, adah_shape shape, float *out, adah_status *status);
const char *adah_weights_path(const adah_weights *weights);
/* The tensor of exactly this name; NULL: none, or a .mat file. */
const adah_safetensor *adah_weights_find(const adah_weights *weights, const char *name);
/* How the weights want their input (backbone.h) goes to weights_style and mean_*: a .mat file holds the mean; of a safetensors
 * file the metadata key "preprocess" tells it; "torchvision" when that says nothing known. */
void adah_weights_style(const adah_weights *weights, adah_settings *config);

#endif
