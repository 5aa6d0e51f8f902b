/* vit.c - the numbers of transformers that see pictures: ViT (Dosovitskiy et al. 2021), DeiT (Touvron et al. 2021), DINOv2 (Oquab et al.
 * 2023), CLIP (Radford et al. 2021) and SigLIP (Zhai et al. 2023). f (C, S / patch, S / patch); vision.h tells how they run. */
#include "backbones/backbone.h"
#include "backbones/vision.h"

/* Of blocks as wide as `channels`, with heads of 64 channels. */
#define BLOCKS(layers, channels, of_gelu, of_epsilon)                                                                      \
    .blocks = {.n_layers = (layers), .n_channels = (channels), .n_heads = (channels) / 64, .n_hidden = 4 * (channels),      \
               .gelu = (of_gelu), .epsilon = (of_epsilon)}
#define CLASSIFIER(layers, channels) BLOCKS(layers, channels, ADAH_GELU_EXACT, 1e-6f), .has_class = 1, .has_patch_bias = 1
#define CLIP(layers, channels) BLOCKS(layers, channels, ADAH_GELU_QUICK, 1e-5f), .has_class = 1, .has_norm_before = 1

/* A row of the table of backbones; while it learns, batches of this many at most. */
#define BACKBONE(id, side, patch, batch, ...)                                                                                    \
    static const adah_vision vision_##id = {.n_patch = (patch), __VA_ARGS__};                                                     \
    const adah_backbone adah_backbone_##id = {.name = #id, .n_side = (side), .n_side_min = (patch), .n_batch_max = (batch), .vision = &vision_##id};

BACKBONE(vit_s_16, 224, 16, 32, CLASSIFIER(12, 384))
BACKBONE(vit_b_16, 224, 16, 16, CLASSIFIER(12, 768))
BACKBONE(vit_b_32, 224, 32, 64, CLASSIFIER(12, 768))
BACKBONE(deit_s_16, 224, 16, 32, CLASSIFIER(12, 384), .is_imagenet = 1)
BACKBONE(deit_b_16, 224, 16, 16, CLASSIFIER(12, 768), .is_imagenet = 1)
BACKBONE(dinov2_s_14, 224, 14, 32, CLASSIFIER(12, 384), .is_scaled = 1)
BACKBONE(dinov2_b_14, 224, 14, 16, CLASSIFIER(12, 768), .is_scaled = 1)
BACKBONE(clip_vit_b_32, 224, 32, 64, CLIP(12, 768), .n_projected = 512)
BACKBONE(clip_vit_b_16, 224, 16, 16, CLIP(12, 768), .n_projected = 512)
BACKBONE(clip_vit_l_14, 224, 14, 8, CLIP(24, 1024), .n_projected = 768)
BACKBONE(siglip_b_16, 224, 16, 16, BLOCKS(12, 768, ADAH_GELU_TANH, 1e-6f), .has_patch_bias = 1)
