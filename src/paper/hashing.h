/* hashing.h - D, the hashing module: H = D(f̆), Ĥ = D(f̂), the same D for both. (Zhang, Lai, Feng 2018, the hashing module.)
 *
 *     image, VGG    two fully connected layers of 4096 as in VGG, then H = tanh(W x + b)
 *     image, else   one hidden layer on the averaged map, then H = tanh(W x + b)
 *     text, vectors H = tanh(W f + b)
 */
#ifndef ADAH_PAPER_HASHING_H
#define ADAH_PAPER_HASHING_H

#include "backbones/builder.h"

adah_node *adah_hashing_image(adah_builder *b, const char *prefix, adah_node *x); /* -> (B, q) */
adah_node *adah_hashing_vector(adah_builder *b, const char *prefix, adah_node *x);

#endif
