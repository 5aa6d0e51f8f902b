/* vision.h - transformers that see pictures: ViT, DeiT, DINOv2, CLIP's and SigLIP's image towers, each described by numbers.
 *
 * A picture is cut into squares. Each is a token, with a row for its position added; a class token may stand before them. Behind the blocks f^I
 * (B, C, h, w) is what became of the squares, after the last norm and, in a tower that has one, the projection to the space that pictures and
 * texts share. Masks choose among its positions as among those of a network of convolutions.
 *
 * Such a network has a vector of its own for a picture: the class token, or SigLIP's, which a learned row gathers, likewise projected. Each
 * channel of f^I is shifted so that its mean over the positions is that vector. So the average of the map, which is what methods without
 * masks take, is the picture's embedding as published, and nothing else needs to know of it. */
#ifndef ADAH_BACKBONES_VISION_H
#define ADAH_BACKBONES_VISION_H

#include "backbones/transformer.h"

typedef struct adah_vision {
    adah_transformer blocks;
    size_t n_patch;      /* pixels of a square's side */
    size_t n_projected;  /* channels of the shared space; 0: no projection */
    int has_class;       /* a class token; else a learned row gathers the picture's vector */
    int has_patch_bias;
    int has_norm_before; /* a norm before the blocks */
    int is_scaled;       /* published with layer scale */
    int is_imagenet;     /* its pixels are prepared as ImageNet's (torchvision); else the file's publisher tells */
} adah_vision;

/* Pixels x: (B, 3, S, S) -> f^I. */
adah_node *adah_vision_features(adah_builder *b, const adah_vision *v, adah_node *x);
/* The same in two parts: what comes before block `cut`, which gives tokens (B, P, C), and from there on, to a map (B, C, height, width). */
adah_node *adah_vision_begin(adah_builder *b, const adah_vision *v, size_t cut, adah_node *x);
adah_node *adah_vision_end(adah_builder *b, const adah_vision *v, size_t cut, size_t height, size_t width, adah_node *x);
/* Whether a parameter, its name without the backbone's prefix, is of what comes before block `cut`. */
int adah_vision_is_before(const char *name, size_t cut);
/* The block that a file of weights, whoever published it, calls `name`; -1: none. */
int adah_vision_find_block(const adah_vision *v, const char *name);
/* The parameters from a file of weights, whoever published it; the rows of positions are resampled for pictures of n_side pixels. The
 * error (MISMATCH) names what the file lacks. */
adah_code adah_vision_load(const adah_parameters *parameters, const adah_vision *v, size_t n_side, const adah_weights *weights,
                           adah_status *status);
/* How the file's weights want pixels goes to weights_style, mean_* and deviation_*. */
void adah_vision_prepare(const adah_vision *v, const adah_weights *weights, adah_settings *config);

/* Whose names of exactly this network the file has, by the shape of its squares and the number of its blocks; NULL: it is another. */
const char *adah_vision_publisher(const adah_vision *v, const adah_weights *weights);

#endif
