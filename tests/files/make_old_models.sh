#!/usr/bin/env bash
# make_old_models.sh ADAH - fills tests/files/old_models with tiny models and codes that ADAH, the command of an older commit, makes.
# test_old_models.c opens them with the code of today and expects the same codes, to the bit. The ones there were made by commit
# 0905391, the last before settings.def. When the format of models changes, make a second folder with the code before; these stay.
#
#   maps/      16 records, images as maps of 8 x 3 x 3, texts of words
#   vectors/   the same records, both sides as vectors
set -euo pipefail
adah=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")"
rm -rf old_models
mkdir -p old_models/maps old_models/vectors
cd old_models
python3 - <<'PYTHON'
import json, random, struct

random.seed(1)
words = [["dog", "bone", "lead"], ["ship", "sail", "harbour"], ["cake", "cream", "oven"], ["moon", "star", "night"]]

def write_array(path, shape, values):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (%s), }" % ", ".join(map(str, shape))
    header += " " * (-(len(header) + 11) % 64) + "\n"
    with open(path, "wb") as f:
        f.write(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack("<%df" % len(values), *values))

def features(n_channels, n_positions):
    return [round(random.random() * 0.3 + (c % 4 == i % 4 and p % 2 == 0), 3)
            for i in range(16) for c in range(n_channels) for p in range(n_positions)]

for folder in "maps", "vectors":
    with open(folder + "/metadata.jsonl", "w") as f:
        for i in range(16):
            text = " ".join(random.sample(words[i % 4], 2) + [random.choice(words[i % 3])])
            f.write(json.dumps({"file_name": "r%d" % i, "text": text, "labels": ["c%d" % (i % 4)]}) + "\n")
write_array("maps/image.npy", (16, 8, 3, 3), features(8, 9))
write_array("vectors/image.npy", (16, 10), features(10, 1))
write_array("vectors/text.npy", (16, 7), features(7, 1))
PYTHON

# model NAME DATA [OPTIONS]: DATA/NAME.safetensors, and its codes of DATA as DATA/NAME.image.npy and .text.npy
model() {
    local name=$1 data=$2
    shift 2
    "$adah" train --quiet --data "$data" --model "$data/$name.safetensors" --bits 16 --epochs 8 --threads 1 --cache "$cache" \
        --set n_batch=8 --set validation_share=0 --set n_image_hidden=6 --set n_text_hidden=6 --set n_text_feature=8 "$@"
    "$adah" encode --quiet --model "$data/$name.safetensors" --data "$data" --out "$data/$name" --cache "$cache"
    rm -f "$data/$name.ids"
}
cache=$(mktemp -d)
trap 'rm -r "$cache"' EXIT
model default maps --set rate=0.02
model attention maps --attention --set rate=0.02 --set attention_mask=soft
model paper maps --preset paper --set rate=0.02
model dcmh maps --method dcmh --set rate=0.02
model cca maps --method cca
model vectors vectors --set rate=0.02
model paper-vectors vectors --preset paper --set rate=0.02
ls -l maps vectors
