/* attention_pool.h - the head of CLIP's ResNets (Radford et al. 2021): the mean of a map, as a token before those of its positions, looks at all of
 * them, and what it gathers, projected, is the picture's vector in the space that pictures and texts share.
 *
 * f^I is what the positions' own values become by that projection, each channel shifted so that its mean is that vector, as in vision.h. */
#ifndef ADAH_BACKBONES_ATTENTION_POOL_H
#define ADAH_BACKBONES_ATTENTION_POOL_H

#include "backbones/builder.h"
#include "files/weights.h"

typedef struct adah_attention_pool {
    size_t n_heads, n_out;
} adah_attention_pool;

/* What a file calls its tensors, behind what stands before all; layers up to "weight" and "bias". */
typedef struct adah_attention_pool_names {
    const char *positions, *query, *key, *value, *joint;
} adah_attention_pool_names;

/* f: (B, C, S, S) -> (B, n_out, S, S). Parameters are "image.backbone.pool." and mean, positions, query, key, value, joint. */
adah_node *adah_attention_pool_build(adah_builder *b, const adah_attention_pool *pool, adah_node *f);
/* From a file; rows of positions are resampled for a map of another size. The error (MISMATCH) names what the file lacks. */
adah_code adah_attention_pool_load(const adah_parameters *parameters, const adah_attention_pool_names *names, const char *prefix,
                                   const adah_weights *weights, adah_status *status);

#endif
