/* rival_network.h - the forward pass of every rival, behind the pixels: a vector, a kernel or a hidden layer, a linear code.
 *
 *     shallow   H = W k(x) + b         k(x) = x, or k_j(x) = exp(-|x - a_j|^2 s) for the anchors a_j of the model
 *     dcmh      H = W relu(V x + c) + b
 *     acmr      H = tanh(W tanh(V x + c) + b)
 *
 * x is a map averaged over all its positions, a vector, or a bag of words. A code of bits is sign(H), and H is left as its
 * paper has it: only ACMR's lies in (-1, 1). What follows asks for signs and, of real-valued codes, for angles. */
#ifndef ADAH_RIVALS_RIVAL_NETWORK_H
#define ADAH_RIVALS_RIVAL_NETWORK_H

#include "backbones/builder.h"

/* Context of the kernel's operation; lives as long as the graph. Points into the parameters. */
typedef struct adah_anchor_kernel {
    size_t n_batch, n_in, n_anchors;
    const float *anchor; /* (n_anchors, n_in) */
    const float *scale;  /* s, one number */
} adah_anchor_kernel;

/* x: (B, C, H, W) or (B, D) -> H: (B, q). Parameters: "<prefix>.hash.weight" and ".bias"; deep rivals "<prefix>.hidden.weight"
 * (n_hidden, D) and ".bias". Where the parameters have a "<prefix>.hash.anchor" (m, D), there is a kernel, with its scale in
 * "<prefix>.hash.scale" (1). prefix: "image" or "text". */
adah_node *adah_rival_network_code(adah_builder *b, const char *prefix, adah_node *x, size_t n_hidden, adah_anchor_kernel *kernel);

/* The modality classifier on H: (B, 1), positive where it takes H for an image's. The same weights for both sides. */
adah_node *adah_rival_network_modality(adah_builder *b, adah_node *code);

/* The kernel itself, for the tests: x (B, n_in) -> (B, n_anchors). Context: adah_anchor_kernel. */
extern const adah_operation adah_operation_anchor_kernel;

#endif
