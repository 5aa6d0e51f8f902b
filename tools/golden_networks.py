#!/usr/bin/env python3
"""golden_networks.py - writes what tests/backbones/test_published.c compares networks with: tests/backbones/networks.golden.

For each network, as torchvision, timm, transformers and EfficientNet-PyTorch have it: the names and shapes of its tensors, and some values of
its last feature map on a picture of an odd size. Weights and picture follow from a formula of a tensor's name and an item's place, which the test
computes as well, so that neither is stored. A package that is not installed leaves its networks as they are in the file.

    tools/golden_networks.py [--side N] [--out FILE] [NAME ...]
"""
import argparse
import os
import re
import sys

import numpy
import torch

N_VALUES = 24
OUT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "backbones", "networks.golden")


def numbers(name, n):
    """n numbers from -1 to below 1 by the FNV-1a hash of the name and the place."""
    seed = 2166136261
    for byte in name.encode():
        seed = (seed ^ byte) * 16777619 & 0xFFFFFFFF
    x = numpy.arange(n, dtype=numpy.uint64)
    x = (x * 2654435761 + seed) & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x45D9F3B) & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x45D9F3B) & 0xFFFFFFFF
    x = x ^ (x >> 16)
    return (x >> 8).astype(numpy.float64) / 8388608 - 1


def tensor(name, shape, gain=3):
    """Weights about keep the magnitude of what goes through them (gain 6: where only ReLUs do); variances are positive."""
    n = int(numpy.prod(shape, dtype=numpy.int64))
    u = numbers(name, n)
    if name.endswith("running_var"):
        u = 1 + 0.5 * u
    elif len(shape) > 1:
        u = u * (gain / numpy.prod(shape[1:])) ** 0.5
    elif name.endswith("weight"):
        u = 1 + 0.25 * u
    else:
        u = 0.25 * u
    return torch.from_numpy(u.astype(numpy.float32)).reshape(shape)


def torchvision_model(name, _):
    import torchvision

    model = getattr(torchvision.models, name)(weights=None)
    if name.startswith("resnet"):
        return model, lambda x: torch.nn.Sequential(*list(model.children())[:-2])(x)
    return model, lambda x: model.features(x)


def timm_model(name, _):
    import timm

    model = timm.create_model(name, pretrained=False)
    return model, lambda x: model.forward_features(x)


def lite_model(name, side):
    import efficientnet_lite_pytorch

    model = efficientnet_lite_pytorch.EfficientNet.from_name(name, image_size=side)
    return model, lambda x: model.extract_features(x)


def transformers_model(name, _):
    import transformers

    if name == "mobilenet_v2":
        model = transformers.MobileNetV2ForImageClassification(transformers.MobileNetV2Config())
        return model, lambda x: model.mobilenet_v2(x).last_hidden_state
    if name == "convnext_tiny":
        model = transformers.ConvNextForImageClassification(transformers.ConvNextConfig())
        return model, lambda x: model.convnext(x).last_hidden_state
    depths = {"resnet18": [2, 2, 2, 2], "resnet50": [3, 4, 6, 3]}[name]
    kind = "basic" if name == "resnet18" else "bottleneck"
    sizes = [64, 128, 256, 512] if name == "resnet18" else [256, 512, 1024, 2048]
    config = transformers.ResNetConfig(depths=depths, layer_type=kind, hidden_sizes=sizes)
    model = transformers.ResNetForImageClassification(config)
    return model, lambda x: model.resnet(x).last_hidden_state


def authors_model(name, _):
    """ConvNeXt as its authors publish it: timm's network under their names."""
    model, features = timm_model(name, _)
    model.names_of = lambda n: (n.replace("stem.", "downsample_layers.0.").replace(".blocks.", ".").replace("conv_dw", "dwconv")
                                .replace("mlp.fc", "pwconv").replace("head.norm", "norm").replace("head.fc", "head")
                                if ".downsample." not in n else re.sub(r"stages\.(\d)\.downsample", r"downsample_layers.\1", n))
    return model, features


def around(tokens, vector, height, width):
    """The map of tokens (B, P, C) around the vector (B, C)."""
    tokens = tokens - tokens.mean(1, keepdim=True) + vector[:, None]
    return tokens.transpose(1, 2).reshape(tokens.shape[0], -1, height, width)


def clip_resnet(trunk, positions, value, joint, attend):
    """What became of each position, around the picture's vector: f = joint(value(x + position))."""
    def run(x):
        f = trunk(x)
        height, width = f.shape[2:]
        n = int(round((positions().shape[0] - 1) ** 0.5))
        p = positions()
        if (n, n) != (height, width):  # as weights are loaded for pictures of another size
            grid = p[1:].reshape(1, n, n, -1).permute(0, 3, 1, 2)
            grid = torch.nn.functional.interpolate(grid, size=(height, width), mode="bicubic", align_corners=False)
            p = torch.cat([p[:1], grid.flatten(2)[0].T])
        rows = f.flatten(2).transpose(1, 2)
        rows = torch.cat([rows.mean(1, keepdim=True), rows], 1) + p
        return around(joint(value(rows[:, 1:])), attend(rows, f), height, width)
    return run


def attend_to_all(query, key, value, joint, heads):
    """The first row's attention to all, from its definition."""
    def run(rows, _):
        q, k, v = (layer(r).unflatten(-1, (heads, -1)).transpose(1, 2) for layer, r in ((query, rows[:, :1]), (key, rows), (value, rows)))
        weights = (q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5).softmax(-1)
        return joint((weights @ v).transpose(1, 2).flatten(2))[:, 0]
    return run


def open_clip_model(_, side):
    from open_clip.modified_resnet import ModifiedResNet

    model = ModifiedResNet(layers=(3, 4, 6, 3), output_dim=1024, heads=32, image_size=side, width=64)
    pool = model.attnpool

    def trunk(x):
        x = model.stem(x)
        return model.layer4(model.layer3(model.layer2(model.layer1(x))))
    return model, clip_resnet(trunk, lambda: pool.positional_embedding, pool.v_proj, pool.c_proj, lambda rows, f: pool(f))


def timm_clip_model(name, _):
    model, features = timm_model(name, _)
    h = model.head
    return model, clip_resnet(features, lambda: h.pos_embed, h.v, h.proj, attend_to_all(h.q, h.k, h.v, h.proj, 32))


# our name, source, function, its name there
NETWORKS = [
    ("vgg16", "torchvision", torchvision_model, "vgg16"),
    ("vgg16", "torchvision, with batch normalisation", torchvision_model, "vgg16_bn"),
    ("vgg19", "torchvision", torchvision_model, "vgg19"),
    ("vgg19", "torchvision, with batch normalisation", torchvision_model, "vgg19_bn"),
    ("squeezenet1_0", "torchvision", torchvision_model, "squeezenet1_0"),
    ("squeezenet1_1", "torchvision", torchvision_model, "squeezenet1_1"),
    ("mobilenet_v2", "torchvision", torchvision_model, "mobilenet_v2"),
    ("mobilenet_v2", "timm", timm_model, "mobilenetv2_100"),
    ("mobilenet_v2", "transformers", transformers_model, "mobilenet_v2"),
    ("resnet18", "torchvision, timm", torchvision_model, "resnet18"),
    ("resnet50", "torchvision, timm", timm_model, "resnet50"),
    ("resnet18", "transformers", transformers_model, "resnet18"),
    ("resnet50", "transformers", transformers_model, "resnet50"),
    ("efficientnet_lite0", "EfficientNet-PyTorch", lite_model, "efficientnet-lite0"),
    ("efficientnet_lite0", "timm, from TensorFlow", timm_model, "tf_efficientnet_lite0"),
    ("efficientnet_lite1", "timm, from TensorFlow", timm_model, "tf_efficientnet_lite1"),
    ("efficientnet_lite2", "EfficientNet-PyTorch", lite_model, "efficientnet-lite2"),
    ("efficientnet_lite3", "timm, from TensorFlow", timm_model, "tf_efficientnet_lite3"),
    ("efficientnet_lite4", "timm, from TensorFlow", timm_model, "tf_efficientnet_lite4"),
    ("efficientnet_b0", "torchvision", torchvision_model, "efficientnet_b0"),
    ("efficientnet_b0", "timm", timm_model, "efficientnet_b0"),
    ("efficientnet_b0", "EfficientNet-PyTorch", lite_model, "efficientnet-b0"),
    ("mobilenet_v3_large", "torchvision", torchvision_model, "mobilenet_v3_large"),
    ("mobilenet_v3_large", "timm", timm_model, "mobilenetv3_large_100"),
    ("convnext_tiny", "torchvision", torchvision_model, "convnext_tiny"),
    ("convnext_tiny", "timm", timm_model, "convnext_tiny"),
    ("convnext_tiny", "transformers", transformers_model, "convnext_tiny"),
    ("convnext_tiny", "its authors", authors_model, "convnext_tiny"),
    ("clip_resnet50", "OpenAI, open_clip", open_clip_model, "RN50"),
    ("clip_resnet50", "timm", timm_clip_model, "resnet50_clip"),
]
WITH_GRADIENTS = ("convnext_tiny", "clip_resnet50")
# A ReLU of a value that float32 rounds to the other side of 0 has another gradient: the more of them, the likelier.
SMALLER = {("clip_resnet50", "OpenAI, open_clip"): 65}


def describe(ours, source, make, theirs, side):
    model, features = make(theirs, side)
    state = model.state_dict()
    # VGG's fully connected layers are large, and no part of the features.
    names = [n for n in state if not n.endswith("num_batches_tracked") and not (ours.startswith("vgg") and n.startswith("classifier."))]
    named = getattr(model, "names_of", lambda n: n)
    gain = 3 if any(n.endswith("running_var") for n in names) else 6
    for name in names:
        state[name] = tensor(named(name), tuple(state[name].shape), gain)
    model.load_state_dict(state)
    model.double().eval()
    x = tensor("picture", (1, 3, side, side)).double().requires_grad_(ours in WITH_GRADIENTS)
    y = features(x)
    flat = y.detach().flatten().numpy()
    lines = [f"network {ours} {source}", f"gain {gain}", f"side {side}", "map " + " ".join(map(str, y.shape[1:])), f"largest {abs(flat).max():.9g}"]
    lines += ["tensor " + " ".join([named(n)] + [str(d) for d in state[n].shape]) for n in names]
    step = max(1, len(flat) // N_VALUES)
    lines += [f"value {i} {flat[i]:.9g}" for i in range(step // 2, len(flat), step)]
    if ours in WITH_GRADIENTS:  # of the pixels, where the loss is the sum of the map times "loss"
        (y * tensor("loss", tuple(y.shape)).double()).sum().backward()
        dx = x.grad.flatten().numpy()
        step = len(dx) // N_VALUES
        lines += [f"steepest {abs(dx).max():.9g}"] + [f"gradient {i} {dx[i]:.9g}" for i in range(step // 2, len(dx), step)]
    return lines


def read_file(path):
    """The blocks of a file that was written before, by their first lines."""
    blocks = {}
    for line in open(path) if os.path.exists(path) else []:
        if line.startswith("network "):
            block = blocks[line.rstrip()] = []
        block.append(line.rstrip())
    return blocks


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=97)
    parser.add_argument("--out", default=OUT)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    blocks = read_file(arguments.out)
    for ours, source, make, theirs in NETWORKS:
        if arguments.names and ours not in arguments.names:
            continue
        try:
            lines = describe(ours, source, make, theirs, SMALLER.get((ours, source), arguments.side))
        except ImportError as error:
            print(f"{ours} ({source}): left as it is: {error}", file=sys.stderr)
            continue
        blocks[lines[0]] = lines
    with open(arguments.out, "w") as file:
        for ours, source, _, _ in NETWORKS:
            file.write("".join(line + "\n" for line in blocks.get(f"network {ours} {source}", [])))


main()
