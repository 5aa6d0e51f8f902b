#!/usr/bin/env python3
"""How well words that no text of a training holds find the pictures of a word of the same meaning.

Usage: unseen_words.py data FLICKR8K OUT
       unseen_words.py ask ADAH MODEL INDEX FLICKR8K [OPTION of adah search ...]

`data` writes OUT/metadata.jsonl: flickr8k with five captions a photo, without every photo that has one of the unseen words in any
of its captions. `ask` searches an index of that folder for each of the unseen words and prints a row a pair: whether the first
answer is of the right class (it has the pair's label), whether it is a photo of the seen word (any of its five captions has it), and how
many of the first ten are. Where the data set has no label for a pair, the captions tell its class, too.
"""
import json
import os
import re
import subprocess
import sys

PAIRS = [  # seen, unseen, the label of both or None
    ("boat", "ship", "boat"), ("baby", "infant", "child"), ("dog", "hound", "dog"), ("bike", "bicycle", "bike"),
    ("car", "automobile", "car"), ("horse", "pony", "horse"), ("snow", "blizzard", "snow"), ("beach", "seashore", "beach"),
    ("street", "avenue", "street"), ("mountain", "peak", "mountain"), ("bird", "seagull", "bird"), ("soccer", "football", "ball"),
    ("rock", "boulder", None), ("grass", "lawn", "grass"), ("motorcycle", "motorbike", "motor"), ("ocean", "sea", "water"),
    ("woods", "forest", "forest"), ("path", "trail", None), ("jacket", "coat", None), ("hat", "cap", None),
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
            if any(holds(of_photo, unseen) for _, unseen, _ in PAIRS):
                continue
            record["text"] = of_photo
            print(json.dumps(record), file=new)
            n += 1
    print(f"{n} of {len(captions)} photos have none of the unseen words")


def ask(adah, model, index, source, *options):
    captions = captions_of(source)
    said = {True: "right", False: "wrong", None: "none"}
    n_class = n_first = 0
    print("| seen | unseen | class of the first answer | word of the first answer | of the first ten |\n|---|---|---|---|---|")
    for seen, unseen, label in PAIRS:
        answer = subprocess.run([adah, "search", "--model", model, "--index", index, "--text", unseen, "--json", *options],
                                capture_output=True, text=True)
        if answer.returncode != 0:
            sys.exit(answer.stderr)
        hits = json.loads(answer.stdout)
        words = [holds(captions[hit["file_name"]], seen) for hit in hits[:10]]
        first = words[0] if words else None
        of_class = label in hits[0]["labels"] if hits and label else first
        n_class += bool(of_class)
        n_first += bool(first)
        print(f"| {seen} | {unseen} | {said[of_class]} | {said[first]} | {sum(words)} |")
    print(f"\nof {len(PAIRS)} first answers {n_class} are of the right class, {n_first} have the seen word")


if len(sys.argv) == 4 and sys.argv[1] == "data":
    write(*sys.argv[2:])
elif len(sys.argv) >= 6 and sys.argv[1] == "ask":
    ask(*sys.argv[2:])
else:
    sys.exit(__doc__)
