/* hashing.h - D, the hashing module: H = D(f̆), Ĥ = D(f̂), the same D for both. (Zhang, Lai, Feng 2018, the hashing module.)
 *
 *     image, VGG    two fully connected layers of 4096 as in VGG, then H = tanh(W x + b)
 *     image, else   one hidden layer on the averaged map, then H = tanh(W x + b)
 *     text, vectors H = tanh(W f + b)
 *
 * Beside the paper's, with n_fine > 0, a vector V = W' x + b' for the fine order, of what the last layer reads. */
#ifndef ADAH_PAPER_HASHING_H
#define ADAH_PAPER_HASHING_H

#include "backbones/builder.h"

/* D^I up to what its last layer reads: (B, n_image_hidden). A text's, and a vector's, reads f itself. */
adah_node *adah_hashing_hidden(adah_builder *b, const char *prefix, adah_node *x);
adah_node *adah_hashing_vector(adah_builder *b, const char *prefix, adah_node *x); /* the last layer: H (B, q) */
adah_node *adah_hashing_fine(adah_builder *b, const char *prefix, adah_node *x);   /* V (B, n_fine); NULL when n_fine is 0 */

#endif
