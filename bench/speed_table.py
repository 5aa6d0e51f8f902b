#!/usr/bin/env python3
"""speed_table.py - writes speed.md from what train.sh and encode.sh measured.

    speed_table.py DOCUMENT RESULTS

RESULTS/train/*.jsonl, RESULTS/encode/*.jsonl: a first line of the run's commit, date and machine, then one line a program and
round, and what was checked.
"""
import glob
import json
import statistics
import sys

HEAD = """# Speed compared with PyTorch, ONNX Runtime and OpenVINO

This page is written by `make bench-train` and `make bench-encode` (`bench/train.sh`, `bench/encode.sh`); do not edit it.
[The engine](../inside/engine.md) tells how adah became fast, and [the notebook](notebook-speed.md) has trials on other
processors.

Every program has its turn in every round, on the same machine and with the same number of threads, in float32 unless the row
says otherwise. A figure is the median over the rounds, followed by the smallest and the largest. **adah is** is the ratio of
those medians, adah's divided by the other program's where more is better, with the smallest and the largest ratio of a round.
"""

TRAIN = """
## A training step

The full method: a batch is gathered; then forward, all losses, backward to E and D, Adam; then forward, adversarial losses,
backward to G, Adam. Pairs are made up, with 3,000 words and 8 labels unless the case says otherwise, and 32 bits. Masks and the
adversary are at work from the first step on.

- **vgg16**: preset `paper` with VGG-16 fine-tuned at 224 pixels, its fully connected layers in D, batches of 32.
- **frozen** (the main row of a frozen backbone): the same preset on the maps of MobileNetV2 (1280 x 7 x 7) from the cache,
  batches of 128.
- **frozen-default**: the same maps with the preset `default` and `--attention`, so with classifier, contrastive term, retrieval
  losses in G's half-step, dropout and weight decay.
- **small**: what `adah train` does with the scenes of `adah synth`: preset `default`, the small network from scratch at 64
  pixels, batches of 32; 106 words, 12 labels.

PyTorch does the same (`bench/bench_train_torch.py`), in the ways that were fastest with it: both halves of D in one pass, all
ranking losses of a half-step as one batch and their triplets counted by sorting in place of B x B x B comparisons, fused Adam,
no derivatives for the side that rests. The losses of the first three steps were compared, from equal parameters and an equal
batch, without dropout. Memory is the most that was resident; adah's includes the copy of its best model.
"""

ENCODE = """
## Pictures to codes

JPEG files become binary codes by the same network: the backbone, the average of its map, the hash layers of a model of adah's.
**camera** are photos enlarged to 12 megapixels (quality 90, colours at half the resolution), with SqueezeNet.

- **from files**: of adah, the whole command `adah encode`, with an empty cache of feature maps. The others decode by their own
  means (the fastest of Pillow, OpenCV, simplejpeg and torchvision that are installed, the first three with the JPEG decoder's
  own shrinking as far as it leaves enough pixels), in threads next to the network. Their start is not counted, nor is it in
  adah's row `without its start`. Each chooses its batch by a short trial.
- **network alone**: from pixels in memory that adah decoded.
- **equal bits**: the share of adah's code bits that the program's codes have from the same pixels, and from its own decoding.
- **held**: oneDNN's variable holds OpenVINO as well. ONNX Runtime has no such switch, so its row is what it does with everything
  that the processor has. The decoders choose their instructions by themselves in all programs.
"""


def median(rows, key):
    return statistics.median(r[key] for r in rows)


def spread(rows, key, digits):
    values = [r[key] for r in rows]
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} - {max(values):.{digits}f})"


def ratio(ours, theirs, key):
    """How much more adah has of it."""
    if not ours or not theirs:
        return "-"
    rounds = [a[key] / b[key] for a, b in zip(ours, theirs)]
    return f"{median(ours, key) / median(theirs, key):.2f} ({min(rounds):.2f} - {max(rounds):.2f})"


def read(path):
    with open(path) as file:
        lines = [json.loads(line) for line in file]
    return lines[0], lines[1:]


def groups(rows, *keys):
    """[(values of the keys, rows)] in the order of their first rows."""
    found = {}
    for row in rows:
        found.setdefault(tuple(row.get(k, "") for k in keys), []).append(row)
    return list(found.items())


def origin(head):
    by = f" Every program held to {head['isa']} by `{head['held']}`." if head.get("isa") else ""
    return f"{head['machine']}, {head['cores']} cores, {head['date']}, commit {head['commit']}.{by}"


def held(head):
    return f", held to {head['isa']}" if head.get("isa") else ""


def train_tables(head, rows):
    timed = [r for r in rows if "seconds" in r]
    ours = [r for r in timed if r["program"] == "adah"]
    first = timed[0]
    yield f"\n### {head['run']}{held(head)}, batches of {first['batch']}, {first['threads']} threads\n\n{origin(head)}\n\n"
    for r in rows:
        if "relative_distance" in r:
            yield f"Relative distance of {r['program']}'s losses from adah's, step by step: " + ", ".join(f"{d:.1e}" for d in r["relative_distance"]) + ".\n"
    yield "\n| program | | seconds a step | pairs a second | adah is, times as fast | memory, GB |\n|---|---|---|---|---|---|\n"
    for (program, setting), g in groups(timed, "program", "setting"):
        by = "" if program == "adah" else ratio(ours, g, "pairs_per_second")
        yield (f"| {program} | {setting} | {spread(g, 'median', 3)} | {median(g, 'pairs_per_second'):.1f} | {by} "
               f"| {median(g, 'peak_bytes') * 1e-9:.2f} |\n")
    with_parts = [(key, g) for key, g in groups(timed, "program", "setting") if "parts" in g[0]]
    if with_parts:
        names = list(with_parts[0][1][0]["parts"])
        yield "\nParts of PyTorch's step, milliseconds:\n\n| program | | " + " | ".join(names) + " |\n|---|---|" + "---|" * len(names) + "\n"
        for (program, setting), g in with_parts:
            parts = (1e3 * statistics.median(r["parts"][n] for r in g) for n in names)
            yield f"| {program} | {setting} | " + " | ".join(f"{p:.1f}" for p in parts) + " |\n"


def encode_tables(head, rows):
    yield f"\n### {head['run']}{held(head)}\n\n{origin(head)}\n"
    for (source, n, threads), part in groups(rows, "from", "pictures", "threads"):
        ours = [r for r in part if r["program"] == "adah" and not r.get("setting")]
        yield (f"\n{n} pictures, {source}, {threads} threads:\n\n"
               "| program | | pictures a second | adah is, times as fast | memory, GB | equal bits |\n|---|---|---|---|---|---|\n")
        for (program, setting), g in groups(part, "program", "setting"):
            by = "" if (program, setting) == ("adah", "") else ratio(ours, g, "pictures_per_second")
            bits = f"{100 * g[0]['equal_bits']:.2f}%" if "equal_bits" in g[0] else ""
            memory = f"{median(g, 'peak_bytes') * 1e-9:.2f}" if "peak_bytes" in g[0] else ""
            yield f"| {program} | {setting} | {spread(g, 'pictures_per_second', 1)} | {by} | {memory} | {bits} |\n"
        with_shares = [r for r in part if "shares" in r]
        if with_shares:
            yield "\nOf the time of adah's threads: " + ", ".join(
                f"{name} {100 * statistics.median(r['shares'][name] for r in with_shares):.1f} %" for name in with_shares[0]["shares"]) + ".\n"


def primitives_table(head, rows):
    """VGG-16's backbone by bench_layers beside bench_primitives, and in bfloat16."""
    bare = [r for r in rows if r["program"] == "bench_primitives"]
    step = [r for r in rows if r["program"] == "bench_layers" and not r["infer"]]
    plain, rounded = ([r for r in rows if r["program"] == "bench_layers" and r["infer"] and r["bf16"] == b] for b in (0, 1))
    yield (f"\n## VGG-16's backbone next to bare oneDNN primitives{held(head)}\n\n{origin(head)} Batches of 32; forward and both gradients as adah runs "
           f"them, next to the sum of the bare primitives of oneDNN {bare[0]['onednn']}, each measured alone (`bench_primitives`); and inference in "
           "bfloat16.\n\n| | seconds | |\n|---|---|---|\n")
    for what, g, other in (("bare primitives, forward and backward", bare, None), ("adah, forward and backward", step, bare),
                           ("adah, inference", plain, None), ("adah, inference, bfloat16", rounded, plain)):
        times = "" if not other or not g else f"{median(g, 'seconds') / median(other, 'seconds'):.2f} times the line above"
        if g:
            yield f"| {what} | {spread(g, 'seconds', 3)} | {times} |\n"
    yield f"\nPeak memory of adah's forward and backward: {median(step, 'peak_bytes') * 1e-9:.2f} GB.\n"


def main():
    document, results = sys.argv[1:]
    text = HEAD
    for kind, head, tables in (("train", TRAIN, train_tables), ("encode", ENCODE, encode_tables)):
        paths = [p for p in glob.glob(f"{results}/{kind}/*.jsonl") if "/primitives" not in p]
        paths.sort(key=lambda path: ("vgg16" not in path, path))
        text += head if paths else ""
        for path in paths:
            text += "".join(tables(*read(path)))
    for path in sorted(glob.glob(f"{results}/train/primitives*.jsonl")):
        text += "".join(primitives_table(*read(path)))
    for path in sorted(glob.glob(f"{results}/*/layers-*.md")):
        with open(path) as file:
            text += "\n## Layers: " + file.read()
    if text == HEAD:
        sys.exit(f"nothing was measured in {results}")
    with open(document, "w") as file:
        file.write(text)


if __name__ == "__main__":
    main()
