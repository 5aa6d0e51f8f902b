#!/usr/bin/env python3
"""altered_photos.py - photos of a data set as people send them back: as they are, re-encoded, smaller, cropped.

    altered_photos.py DATA OUT N [SEED]

N photos of DATA, drawn by SEED, four times: the same file ("same"), JPEG of quality 40 ("quality"), half the width and height ("half"), and
without 5 % of the width and height at each edge ("crop"). The last two are JPEG of quality 90. The file name of a record in OUT is
images/ALTERATION/FILE, so that it tells which photo it was.
"""
import json
import os
import random
import shutil
import sys

from PIL import Image


def alter(photo, how):
    if how == "half":
        return photo.resize((photo.width // 2, photo.height // 2), Image.Resampling.LANCZOS)
    if how == "crop":
        x, y = photo.width // 20, photo.height // 20
        return photo.crop((x, y, photo.width - x, photo.height - y))
    return photo


def main():
    data, out, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    with open(os.path.join(data, "metadata.jsonl")) as lines:
        records = [json.loads(line) for line in lines]
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(out, "metadata.jsonl"), "w") as metadata:
        for record in random.Random(seed).sample(records, n):
            source = os.path.join(data, record["file_name"])
            for how in ("same", "quality", "half", "crop"):
                name = os.path.join("images", how, os.path.basename(record["file_name"]))
                os.makedirs(os.path.join(out, "images", how), exist_ok=True)
                if how == "same":
                    shutil.copyfile(source, os.path.join(out, name))
                else:
                    with Image.open(source) as photo:
                        alter(photo.convert("RGB"), how).save(os.path.join(out, name), format="JPEG", quality=40 if how == "quality" else 90)
                metadata.write(json.dumps(dict(record, file_name=name)) + "\n")


if __name__ == "__main__":
    main()
