#!/usr/bin/env python3
"""camera_photos.py - photos as cameras make them: those of a data set enlarged to 12 megapixels.

    camera_photos.py DATA OUT N [WIDTH HEIGHT]

The first N records of DATA; JPEG of quality 90 with colours at half the resolution, those on edge turned.
"""
import json
import os
import sys

from PIL import Image


def main():
    data, out, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
    width, height = (int(s) for s in sys.argv[4:6]) if len(sys.argv) > 4 else (4000, 3000)
    os.makedirs(os.path.join(out, "images"), exist_ok=True)
    with open(os.path.join(data, "metadata.jsonl")) as records, open(os.path.join(out, "metadata.jsonl"), "w") as metadata:
        for number, line in zip(range(n), records):
            record = json.loads(line)
            with Image.open(os.path.join(data, record["file_name"])) as photo:
                size = (width, height) if photo.width >= photo.height else (height, width)
                record["file_name"] = f"images/{number}.jpg"
                photo.convert("RGB").resize(size, Image.Resampling.BICUBIC).save(os.path.join(out, record["file_name"]), quality=90,
                                                                                 subsampling="4:2:0")
            metadata.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
