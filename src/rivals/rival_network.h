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

#include "paper/network.h"

/* What all rivals change of the preset default; `settings` of their rows (method.h). */
#define ADAH_RIVAL_SETTINGS                                                                                               \
    "attention=0 adversary=0 n_text_hidden=512 n_text_feature=512 n_fine=0 picture_share=0 "                              \
    "pooling=all contrastive_weight=0 weight_decay=0 dropout=0 rate=0.001 n_epochs=30 n_final_epochs=15"

/* x of one side, (B, D). */
adah_node *adah_rival_input(adah_builder *b, adah_side *side);
/* V x + c with the parameters "<prefix>.hidden.weight" and ".bias"; prefix: "image" or "text". */
adah_node *adah_rival_hidden(adah_builder *b, const char *prefix, adah_side *side, adah_init init);
/* W x + b with "<prefix>.hash.weight" and ".bias": (B, q). */
adah_node *adah_rival_code(adah_builder *b, const char *prefix, adah_node *x, adah_init init);

/* `build` of the shallow ones (method.h). Where the parameters have a "<prefix>.hash.anchor" (m, D), there is a kernel, with
 * its scale in "<prefix>.hash.scale" (1). */
void adah_rival_build_shallow(adah_builder *b, const char *prefix, const adah_network_plan *plan, adah_side *side);

/* The kernel itself, for the tests: x (B, n_in) -> (B, n_anchors). Points into the parameters. */
typedef struct adah_anchor_kernel {
    size_t n_batch, n_in, n_anchors;
    const float *anchor; /* (n_anchors, n_in) */
    const float *scale;  /* s, one number */
} adah_anchor_kernel;
extern const adah_operation adah_operation_anchor_kernel; /* context: adah_anchor_kernel */

#endif
