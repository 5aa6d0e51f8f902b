/* winograd.h - the kernel of 3 x 3 convolutions by Winograd's method, for backends. Read winograd.c first. */
#ifndef ADAH_NN_WINOGRAD_WINOGRAD_H
#define ADAH_NN_WINOGRAD_WINOGRAD_H

#include "nn/graph/graph_internal.h"

/* Whether the node is such a convolution, 3 x 3, stride 1, one group, channels in multiples of 16, and Winograd's method the faster one
 * for its shape, by a rule that knows shapes, kind of processor and mode alone. */
int adah_winograd_fits(const adah_node *node);
/* Sets kernel and state of a node that fits. It reads its input, and writes its value, in blocks of N = adah_winograd_block() channels,
 * (B, C / N, H, W, N), or with the channels of a position together, (B, H, W, C). An activation marked as fused is computed along (ReLU, ReLU6). */
adah_code adah_winograd_prepare(adah_node *node, int channels_together, adah_status *status);

size_t adah_winograd_block(void); /* 8 or 16: what goes best on this processor */
int adah_winograd_has_bf16(void); /* products of bfloat16, on this processor */

/* Tests and benchmarks: kernels of this name ("avx512_bf16", "avx512", "avx2", "plain", or "best": the best here) from now on, for every
 * node they can compute; NULL: the best again, where they are the faster ones. 0: not to be had here. */
int adah_winograd_use(const char *name);

#endif
