/* weights.h - files of pre-trained weights: safetensors, in one file or in many with an index (*.safetensors.index.json), PyTorch's
 * .pth and .pt, or .mat as MatConvNet writes them. Which of them a file is, its content tells. */
#ifndef ADAH_FILES_WEIGHTS_H
#define ADAH_FILES_WEIGHTS_H

#include "files/stored_tensor.h"
#include "settings/settings.h"

typedef struct adah_weights adah_weights;

adah_code adah_weights_open(const char *path, adah_weights **weights, adah_status *status);
void adah_weights_close(adah_weights *weights);
/* Copies the tensor `name`, of exactly this shape, into out; from a .mat file the one that torchvision calls so. The error
 * (MISMATCH) names file, tensor or layer, found and expected. */
adah_code adah_weights_read(const adah_weights *weights, const char *name, adah_shape shape, float *out, adah_status *status);
const char *adah_weights_path(const adah_weights *weights);
int adah_weights_is_matconvnet(const adah_weights *weights);
/* The tensors by name; a .mat file has none that can be listed. */
size_t adah_weights_count(const adah_weights *weights);
const adah_stored_tensor *adah_weights_at(const adah_weights *weights, size_t i);             /* NULL: i too large */
const adah_stored_tensor *adah_weights_find(const adah_weights *weights, const char *name); /* NULL: none */
/* How the weights want their input (backbone.h) goes to weights_style and mean_*: a .mat file holds the mean; of a safetensors
 * file the metadata key "preprocess" tells it; "torchvision", and 0, when that says nothing known. */
int adah_weights_style(const adah_weights *weights, adah_settings *config);

#endif
