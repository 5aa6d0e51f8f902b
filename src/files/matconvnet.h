/* matconvnet.h - networks as MatConvNet writes them (Vedaldi, Lenc 2015; matlab files imagenet-vgg-f.mat,
 * imagenet-vgg-verydeep-19.mat and the like).
 *
 *     layers   cells, one struct a layer: name, type ('conv', 'relu', 'lrn', 'pool', ...) and of a 'conv' its
 *              weights {filters, biases}, or in older files the fields filters and biases;
 *              filters: height x width x channels in x channels out, column-major
 *     meta     normalization.averageImage; in older files normalization.averageImage: RGB, 0..255,
 *              height x width x 3 or one value a channel
 *
 * A plain chain of layers, so torchvision's names follow from the places: "features.N" is layer N from 0 (every convolution,
 * ReLU, normalisation and pool takes a number), "classifier.0", ".3", ".6" are the layers fc6, fc7, fc8. */
#ifndef ADAH_FILES_MATCONVNET_H
#define ADAH_FILES_MATCONVNET_H

#include "nn/graph/tensor.h"

typedef struct adah_matconvnet adah_matconvnet;

/* Reads the whole file. */
adah_code adah_matconvnet_open(const char *path, adah_matconvnet **file, adah_status *status);
void adah_matconvnet_close(adah_matconvnet *file);
/* Mean of the average image, of R, G, B. */
const float *adah_matconvnet_mean(const adah_matconvnet *file);
/* Tensor `name` ("features.0.weight", "classifier.3.bias", ...) of exactly this shape, as PyTorch orders it: (out, in, height,
 * width), or (out, in * height * width) for a fully connected layer. */
adah_code adah_matconvnet_read(const adah_matconvnet *file, const char *name, adah_shape shape, float *out,
                               adah_status *status);

#endif
