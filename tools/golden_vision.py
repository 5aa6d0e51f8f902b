#!/usr/bin/env python3
"""golden_vision.py FOLDER - small random transformers on pictures, their weights as their publishers name them, and what the reference
implementations (PyTorch with transformers, timm and torchvision) make of a picture: the files of tests/backbones/golden.

Each file holds weights (float16, so that they are small, and exactly what was computed with) and, beginning with "golden.":

    x           (B, 3, S, S) pixels, prepared
    f           (B, C, h, w) what became of the squares, each channel shifted so that its mean is the picture's own vector
    dx, dpatch  the gradients of x and of the squares' weights, where the loss is the sum of f times `coefficients`
"""
import sys
import tempfile

import timm
import torch
import torchvision
import transformers
from safetensors.torch import load_file, save_file

C, HEADS, HIDDEN, LAYERS, PATCH, SIDE = 16, 2, 32, 2, 4, 12
torch.manual_seed(7)
common = dict(hidden_size=C, num_attention_heads=HEADS, num_hidden_layers=LAYERS, intermediate_size=HIDDEN, image_size=SIDE,
              patch_size=PATCH, attn_implementation="eager")


def make_random(model):
    """Random weights that float16 holds exactly; norms and scales around 1."""
    model.eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            is_scale = p.ndim == 1 and not name.endswith("bias") and "class" not in name
            p.copy_((torch.randn_like(p) * 0.3 + (1 if is_scale else 0)).half().float())
    return model


def around(tokens, vector, n_before):
    """The map of tokens (B, P, C) behind n_before, around the vector (B, C)."""
    squares = tokens[:, n_before:]
    squares = squares - squares.mean(1, keepdim=True) + vector[:, None]
    side = int(round(squares.shape[1] ** 0.5))
    return squares.transpose(1, 2).reshape(squares.shape[0], -1, side, side)


def weights_of(model):
    """As a file of the publisher has them, which transformers writes under other names than it computes with."""
    if not isinstance(model, transformers.PreTrainedModel):
        return model.state_dict()
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        return load_file(folder + "/model.safetensors")


def write(folder, name, model, run, patch, n_side):
    x = torch.randn(2 if n_side == SIDE else 1, 3, n_side, n_side, requires_grad=True)
    f = run(x)
    coefficients = torch.randn_like(f)
    model.zero_grad()
    (f * coefficients).sum().backward()
    tensors = {key: value.half().contiguous() for key, value in weights_of(model).items() if value.dtype == torch.float32}
    gradient = dict(model.named_parameters())[patch].grad
    for key, value in dict(x=x, f=f, coefficients=coefficients, dx=x.grad, dpatch=gradient).items():
        tensors["golden." + key] = value.detach().contiguous().clone()
    save_file(tensors, f"{folder}/{name}.safetensors")


def main(folder):
    vit = make_random(transformers.ViTModel(transformers.ViTConfig(**common, layer_norm_eps=1e-6), add_pooling_layer=False))
    for n_side in (12, 20):
        def run(x):
            tokens = vit(x, interpolate_pos_encoding=n_side != SIDE).last_hidden_state
            return around(tokens, tokens[:, 0], 1)
        write(folder, f"vit_hugging_{n_side}", vit, run, "embeddings.patch_embeddings.projection.weight", n_side)

    dino = make_random(transformers.Dinov2Model(transformers.Dinov2Config(**common, mlp_ratio=2)))

    def run_dino(x):
        tokens = dino(x).last_hidden_state
        return around(tokens, tokens[:, 0], 1)
    write(folder, "dinov2_hugging_20", dino, run_dino, "embeddings.patch_embeddings.projection.weight", 20)

    for name, scale in (("vit_timm_12", None), ("dinov2_timm_12", 1.0)):
        model = make_random(timm.models.vision_transformer.VisionTransformer(
            img_size=SIDE, patch_size=PATCH, embed_dim=C, depth=LAYERS, num_heads=HEADS, mlp_ratio=2, num_classes=0, init_values=scale))

        def run_timm(x):
            tokens = model.forward_features(x)
            return around(tokens, tokens[:, 0], 1)
        write(folder, name, model, run_timm, "patch_embed.proj.weight", SIDE)

    vision = make_random(torchvision.models.VisionTransformer(
        image_size=SIDE, patch_size=PATCH, num_layers=LAYERS, num_heads=HEADS, hidden_dim=C, mlp_dim=HIDDEN, num_classes=3))

    def run_torchvision(x):
        squares = vision._process_input(x)
        tokens = vision.encoder(torch.cat([vision.class_token.expand(x.shape[0], -1, -1), squares], 1))
        return around(tokens, tokens[:, 0], 1)
    write(folder, "vit_torchvision_12", vision, run_torchvision, "conv_proj.weight", SIDE)

    clip = make_random(transformers.CLIPVisionModelWithProjection(transformers.CLIPVisionConfig(**common, projection_dim=12)))
    for n_side in (12, 16):
        def run_clip(x):
            out = clip(x, interpolate_pos_encoding=n_side != SIDE)
            tokens = clip.visual_projection(clip.vision_model.post_layernorm(out.last_hidden_state))
            return around(tokens, out.image_embeds, 1)
        write(folder, f"clip_hugging_{n_side}", clip, run_clip, "vision_model.embeddings.patch_embedding.weight", n_side)

    def openai(name):
        """The names that OpenAI's file has; queries, keys and values are joined afterwards."""
        for ours, theirs in (("vision_model.embeddings.patch_embedding", "visual.conv1"),
                             ("vision_model.embeddings.class_embedding", "visual.class_embedding"),
                             ("vision_model.embeddings.position_embedding.weight", "visual.positional_embedding"),
                             ("vision_model.pre_layrnorm", "visual.ln_pre"), ("vision_model.post_layernorm", "visual.ln_post"),
                             ("vision_model.encoder.layers", "visual.transformer.resblocks"), ("layer_norm1", "ln_1"),
                             ("layer_norm2", "ln_2"), ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj"), ("self_attn", "attn"),
                             ("visual_projection.weight", "visual.proj")):
            name = name.replace(ours, theirs)
        return name
    tensors = {openai(k): v for k, v in load_file(f"{folder}/clip_hugging_12.safetensors").items()}
    tensors["visual.proj"] = tensors["visual.proj"].T.contiguous()
    for i in range(LAYERS):
        at = f"visual.transformer.resblocks.{i}.attn."
        for kind in ("weight", "bias"):
            tensors[at + "in_proj_" + kind] = torch.cat([tensors.pop(f"{at}{p}_proj.{kind}") for p in "qkv"])
    save_file(tensors, f"{folder}/clip_openai_12.safetensors")

    siglip = make_random(transformers.SiglipVisionModel(transformers.SiglipVisionConfig(**common)))

    def run_siglip(x):
        out = siglip(x, interpolate_pos_encoding=True)
        return around(out.last_hidden_state, out.pooler_output, 0)
    write(folder, "siglip_hugging_20", siglip, run_siglip, "embeddings.patch_embedding.weight", 20)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
