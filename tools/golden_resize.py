#!/usr/bin/env python3
"""golden_resize.py - what Pillow makes of pictures of noise, cropped as torchvision does, for tests/data/test_picture_form.c: tests/data/picture_form.golden.

Each line: width and height of the picture, the filter, "squash" or the share of the centre crop, the side, and the FNV-1a hash (64 bits) of
the bytes that come out. Pixels follow from a formula of their place, which the test computes as well. Needs numpy, Pillow and torchvision.
"""
import os

import numpy
from PIL import Image
from torchvision import transforms

OUT = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "data", "picture_form.golden")
SIZES = [(640, 480), (480, 640), (500, 375), (333, 500), (97, 31), (31, 97), (224, 224), (256, 256), (257, 1), (1, 300), (1200, 225), (75, 60)]
FILTERS = {"bicubic": Image.BICUBIC, "bilinear": Image.BILINEAR, "lanczos": Image.LANCZOS}


def picture(width, height):
    """Noise, and edges of full contrast, so that sums go beyond 0 and 255."""
    i = numpy.arange(width * height * 3, dtype=numpy.uint64)
    x = i * numpy.uint64(2654435761) & numpy.uint64(0xFFFFFFFF)
    x = (x ^ x >> numpy.uint64(15)) * numpy.uint64(0x45D9F3B) & numpy.uint64(0xFFFFFFFF)
    x = (x ^ x >> numpy.uint64(13)) & numpy.uint64(0xFF)
    x = numpy.where(i // 96 % 3 == 0, numpy.where(i // 288 % 2 == 0, 0, 255), x)
    return Image.fromarray(x.astype(numpy.uint8).reshape(height, width, 3))


def resize(whole, width, height, number):
    """Rows first. Up to Pillow 12 that is resize() itself; 13 takes the columns of tall pictures first."""
    return whole.resize((width, whole.height), number).resize((width, height), number)


def fnv(data):
    hash_of = 14695981039346656037
    for byte in data:
        hash_of = (hash_of ^ byte) * 1099511628211 & 0xFFFFFFFFFFFFFFFF
    return hash_of


def main():
    lines = []
    for width, height in SIZES:
        whole = picture(width, height)
        for name, number in FILTERS.items():
            for crop, side in (("squash", 224), ("squash", 37), (0.875, 224), (1, 224), (0.95, 65)):
                if crop == "squash":
                    made = resize(whole, side, side, number)
                    if name == "lanczos":
                        continue
                else:
                    if max(width, height) / min(width, height) > 100 and side == 224:
                        continue  # tens of thousands of pixels a side
                    short = int(side / crop)
                    w, h = (short, int(short * height / width)) if width <= height else (int(short * width / height), short)
                    assert max(width, height) > 1000 or transforms.Resize(short)(whole).size == (w, h)
                    made = transforms.CenterCrop(side)(resize(whole, w, h, number))
                lines.append(f"{width} {height} {name} {crop} {side} {fnv(made.tobytes()):016x}\n")
    with open(OUT, "w") as file:
        file.writelines(lines)


main()
