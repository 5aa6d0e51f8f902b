/* attention.h - G, the attention module: which positions of a feature map, or elements of a feature vector, carry meaning.
 *
 *     image   M = conv1x1(f^I)   P = softmax(M) over the H*W positions   Z = [P >= alpha], alpha = 1 / (H*W)
 *     text    M = fc(f^T)        P = softmax(M) over the D elements      Z = [P >= alpha], alpha = 1 / D
 *
 *     attended  f̆ = Z . f        unattended  f̂ = (1 - Z) . f
 *
 * (Zhang, Lai, Feng 2018, the attention module.)
 *
 * Token features are maps of P positions, of which those of zeros alone are padding: P is a softmax over the others, alpha
 * counts the others, and neither f̆ nor f̂ has padding in it. */
#ifndef ADAH_PAPER_ATTENTION_H
#define ADAH_PAPER_ATTENTION_H

#include "backbones/builder.h"

/* Extents of the plain operations; lives as long as the graph. */
typedef struct adah_mask_extent {
    size_t n_batch, n_channels, n_positions; /* vectors: n_channels 1, n_positions D */
    adah_pooling pooling;
    float threshold;        /* alpha is this / n_positions; 1 in the paper */
    int is_open;            /* 1: the mask keeps everything, whatever P says (the warm-up of a training) */
    int has_padding;        /* 1: the operations have one more input, the presence (B, n_positions) */
    adah_mask_kind kind; /* ADAH_MASK_THRESHOLD, the paper's: Z = [P >= alpha]. For its ablation _SOFT: Z = P / (2 alpha), at most 1:
                            the ramp whose rounding the threshold is; _RANDOM: half of the positions, drawn by the item's own
                            largest P, which does not learn then */
} adah_mask_extent;

typedef struct adah_attention {
    adah_mask_extent extent;
    adah_node *probability; /* P: (B, H*W) or (B, D) */
    adah_node *mask;        /* Z: the same, 0 or 1 */
    adah_node *attended;    /* f̆; an image's already averaged as extent.pooling says: (B, C) */
    adah_node *unattended;  /* f̂ */
} adah_attention;

/* Sets G's weights, already random, to their start. "random": small, so that P / alpha starts near 1 everywhere, inside the
 * clip of the straight-through gradient. "energy": M grows with the activation there (image: the mean over channels; text: the
 * element itself), so that the mask starts at what is active more than average and learns from there. */
void adah_attention_start(const adah_settings *config, adah_parameter *w);

/* f: (B, C, H, W). prefix: "image" or "text". */
void adah_attention_image(adah_builder *b, const char *prefix, adah_node *f, adah_pooling pooling, adah_attention *out);
/* f: (B, C, P, 1). Averages as the configuration says, or over the attended ones in place of "flatten". */
void adah_attention_tokens(adah_builder *b, const char *prefix, adah_node *f, adah_attention *out);
/* The mean of all tokens but padding, for models without attention: (B, C). Sets out->extent alone. */
adah_node *adah_attention_token_mean(adah_builder *b, adah_node *f, adah_attention *out);
/* f: (B, D). prefix: "text", or "image" for vectors in place of pictures. */
void adah_attention_vector(adah_builder *b, const char *prefix, adah_node *f, adah_attention *out);

/* The operations themselves, for the tests. Contexts are adah_mask_extent. With has_padding the presence comes last. */
extern const adah_item_operation adah_operation_threshold;       /* x: P            y: Z   straight-through backward */
extern const adah_item_operation adah_operation_mask_attended;   /* x: f, Z         y: Z . f        (flat, vectors) */
extern const adah_item_operation adah_operation_mask_unattended; /* x: f, Z         y: (1 - Z) . f */
extern const adah_item_operation adah_operation_mean_attended;   /* x: f, Z         y: (B, C) mean of Z . f */
extern const adah_item_operation adah_operation_mean_unattended; /* x: f, Z         y: (B, C) mean of (1 - Z) . f */
extern const adah_item_operation adah_operation_presence;        /* x: f            y: 1 where f is not 0 in all channels; no backward */
extern const adah_item_operation adah_operation_hide_padding;    /* x: M, presence  y: M, far below everything at padding */

#endif
