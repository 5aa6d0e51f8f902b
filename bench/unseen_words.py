#!/usr/bin/env python3
"""How well words that no text of a training holds find the pictures of a word of the same meaning.

Usage: unseen_words.py data FLICKR8K OUT
       unseen_words.py ask ADAH MODEL INDEX FLICKR8K [OPTION of adah search ...]

`data` writes OUT/metadata.jsonl: flickr8k with five captions a photo, without every photo that has one of the unseen words in any
of its captions. `ask` searches an index of that folder for each of the unseen words and prints a row a pair: whether the first
answer is a photo of the seen word (any of its five captions has it), and how many of the first ten are.
"""
import json
import os
import re
import subprocess
import sys

PAIRS = [  # seen, unseen
    ("boat", "ship"), ("baby", "infant"), ("dog", "hound"), ("bike", "bicycle"), ("car", "automobile"),
    ("horse", "pony"), ("snow", "blizzard"), ("beach", "seashore"), ("street", "avenue"), ("mountain", "peak"),
    ("bird", "seagull"), ("soccer", "football"), ("rock", "boulder"), ("grass", "lawn"), ("motorcycle", "motorbike"),
    ("ocean", "sea"), ("woods", "forest"), ("path", "trail"), ("jacket", "coat"), ("hat", "cap"),
]


def captions_of(folder):
    with open(os.path.join(folder, "captions.jsonl"), encoding="utf-8") as lines:
        return {record["file_name"]: record["captions"] for record in map(json.loads, lines)}


def holds(captions, word):
    forms = {word, word + "s", word + "es"}
    return any(forms & set(re.findall("[a-z]+", caption.lower())) for caption in captions)


def write(source, out):
    captions = captions_of(source)
    os.makedirs(out, exist_ok=True)
    link = os.path.join(out, "images")
    if not os.path.islink(link):
        os.symlink(os.path.realpath(os.path.join(source, "images")), link)
    n = 0
    with open(os.path.join(source, "metadata.jsonl"), encoding="utf-8") as lines, \
            open(os.path.join(out, "metadata.jsonl"), "w", encoding="utf-8") as new:
        for record in map(json.loads, lines):
            of_photo = captions[record["file_name"]]
            if any(holds(of_photo, unseen) for _, unseen in PAIRS):
                continue
            record["text"] = of_photo
            print(json.dumps(record), file=new)
            n += 1
    print(f"{n} of {len(captions)} photos have none of the unseen words")


def ask(adah, model, index, source, *options):
    captions = captions_of(source)
    n_first = 0
    print("| seen | unseen | first answer | of the first ten |\n|---|---|---|---|")
    for seen, unseen in PAIRS:
        answer = subprocess.run([adah, "search", "--model", model, "--index", index, "--text", unseen, "--json", *options],
                                capture_output=True, text=True)
        hits = json.loads(answer.stdout) if answer.returncode == 0 else []
        right = [holds(captions[hit["file_name"]], seen) for hit in hits[:10]]
        n_first += bool(right and right[0])
        print(f"| {seen} | {unseen} | {'right' if right and right[0] else 'wrong' if right else 'none'} | {sum(right)} |")
    print(f"\n{n_first} of {len(PAIRS)} first answers are right")


if len(sys.argv) == 4 and sys.argv[1] == "data":
    write(*sys.argv[2:])
elif len(sys.argv) >= 6 and sys.argv[1] == "ask":
    ask(*sys.argv[2:])
else:
    sys.exit(__doc__)
