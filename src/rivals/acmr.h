/* acmr.h - what is ACMR's own in its objective, on a batch of real-valued codes, with the derivatives.
 *
 * B. Wang, Y. Yang, X. Xu, A. Hanjalic, H. T. Shen: Adversarial Cross-Modal Retrieval. ACM MM 2017. Projections of image and
 * text, v and t, into a common space are learned by
 *
 *     min over projections, label classifier  max over modality classifier D   L_emb - L_adv
 *     L_emb = alpha L_imi + beta L_imd + |W|^2
 *     L_imd   cross-entropy of a label classifier on v and on t
 *     L_imi   triplets across modalities: sum |v_i - t_j+| + lambda max(0, mu - |v_i - t_k-|), and the same from text to image
 *     L_adv   cross-entropy of D, which tells v from t
 *
 * L_imd is adah_classifier_loss of the model. */
#ifndef ADAH_RIVALS_ACMR_H
#define ADAH_RIVALS_ACMR_H

#include <stddef.h>

/* L_imi with lambda = 1. Every item takes the mean over all similar items of the batch and the mean over all dissimilar ones
 * as its triplets; the loss is the mean over the items of both directions. image, text: (B, q); similar: S (B, B), 1 or 0, symmetric;
 * margin: mu. Gradients get the derivative added. scratch: (B + 1) * B floats. */
double adah_acmr_structure(const float *image, const float *text, const float *similar, size_t n_batch, size_t n_bits,
                           float margin, float *scratch, float *image_gradient, float *text_gradient);

/* L_adv: mean over the 2 B items of the logistic loss of D's logits, which are positive for an image. Gradients get weight *
 * derivative added. */
double adah_acmr_modality(const float *image_logit, const float *text_logit, size_t n_batch, float weight, float *image_gradient,
                          float *text_gradient);

#endif
