#!/usr/bin/env python3
"""pictures.py - how well small collections are searched, and whether a photo finds itself when it was altered.

    pictures.py small WORK ADAH N SEED [OPTIONS OF adah train ...]
    pictures.py altered WORK ADAH MODEL

Photos are those of $ADAH_SHARED/data/flickr8k (default: ../shared next to the repository). Results are a line of JSON on stdout; WORK keeps
what was made on the way.

small: N train photos drawn by SEED, a tenth of them queries, are trained on and encoded. Told are the different codes and the most items on
one; the precision of the first 10 answers, image to image and text to image, relevant being what has a label in common and the query's
own photo left out; the median rank of a photo by its own caption, ties at their mean rank; each by the bits alone and in the fine
order, as a search has it. And the same of what a user sees ("search"): of `adah index create` and `adah search --text CAPTION` or `--image FILE`,
which also look for the words.

altered: 100 photos (altered_photos.py, which needs Pillow) ask all photos of flickr8k for themselves. Told is how many are the first
answer in the fine order, how many are among the candidates, and how many are first by the bits.
"""
import array
import ast
import collections
import json
import operator
import os
import random
import statistics
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(os.environ.get("ADAH_SHARED", os.path.join(HERE, "..", "..", "shared")), "data", "flickr8k")


def rows_of(path):
    """The rows of a .npy file of bytes."""
    with open(path, "rb") as file:
        content = file.read()
    begin = 10 + struct.unpack("<H", content[8:10])[0]
    header = ast.literal_eval(content[10:begin].decode())
    n, width = header["shape"]
    values = array.array({"|u1": "B", "|i1": "b"}[header["descr"]], content[begin:])
    return [values[i * width:(i + 1) * width] for i in range(n)]


class Codes:
    """What `adah encode` makes of a data set."""

    def __init__(self, adah, model, data, prefix, sides):
        subprocess.run([adah, "encode", "--model", model, "--data", data, "--out", prefix, "--cache", os.path.join(os.path.dirname(prefix), "cache"),
                        "--quiet"], check=True, stdout=subprocess.DEVNULL)
        with open(prefix + ".ids") as names:
            self.names = names.read().splitlines()
        self.code = {s: [int.from_bytes(c.tobytes(), "little") for c in rows_of(f"{prefix}.{s}.npy")] for s in sides}
        self.fine = {s: rows_of(f"{prefix}.{s}.fine.npy") for s in sides} if os.path.exists(f"{prefix}.image.fine.npy") else None


def by_bits(code, codes):
    return sorted(((code ^ c).bit_count(), i) for i, c in enumerate(codes))


def n_candidates(n, is_like):
    """adah_fine_tier."""
    count = max(1, min(200, n // 4))
    if is_like:
        count = max(count, n if n <= 10000 else 10 ** 8 // n)
    while count < 20:
        count *= 2
    return count


def by_vectors(fine, found, fines, n_bits, is_like):
    width = min(len(fine), len(fines[0])) # as many values as both have
    own = fine[:width]

    def dot(v, w):
        return sum(map(operator.mul, v, w))

    def score(answer):
        distance, i = answer
        other = fines[i][:width]
        length = (dot(own, own) * dot(other, other)) ** 0.5
        return dot(own, other) / length + (1 - 2 * distance / n_bits) / 4 if length else -2
    n = n_candidates(len(found), is_like)
    return sorted(found[:n], key=lambda a: (-score(a), a)) + found[n:]


def rank_of(own, found, ties):
    if not ties:
        return [i for _, i in found].index(own) + 1
    distance = next(d for d, i in found if i == own)
    return sum(d < distance for d, _ in found) + (sum(d == distance for d, _ in found) + 1) / 2


def small(work, adah, n, seed, options):
    folder = os.path.join(work, f"small-{n}-{seed}")
    os.makedirs(folder, exist_ok=True)
    if not os.path.exists(os.path.join(folder, "images")):
        os.symlink(os.path.join(os.path.abspath(DATA), "images"), os.path.join(folder, "images"))
    with open(os.path.join(DATA, "metadata.jsonl")) as lines:
        records = [r for r in map(json.loads, lines) if r["split"] == "train"]
    draw = random.Random(seed)
    records = draw.sample(records, n)
    for i in draw.sample(range(n), n // 10):
        records[i]["split"] = "query"
    with open(os.path.join(folder, "metadata.jsonl"), "w") as metadata:
        metadata.writelines(json.dumps(r) + "\n" for r in records)
    model = os.path.join(work, f"small-{n}-{seed}.safetensors")
    subprocess.run([adah, "train", "--data", folder, "--model", model, "--cache", os.path.join(work, "cache"), "--quiet", *options], check=True,
                   stdout=subprocess.DEVNULL)
    codes = Codes(adah, model, folder, os.path.join(work, f"small-{n}-{seed}"), ("image", "text"))
    record = {r["file_name"]: r for r in records}
    records = [record[name] for name in codes.names]
    labels = [set(r["labels"]) for r in records]
    queries = [i for i, r in enumerate(records) if r["split"] == "query"]
    result = {"n": len(records), "seed": seed, "n_queries": len(queries), "bits": 8 * len(rows_of(os.path.join(work, f"small-{n}-{seed}.image.npy"))[0])}
    for side in codes.code:
        shared = collections.Counter(codes.code[side])
        result[f"{side}_codes"], result[f"{side}_most"] = len(shared), max(shared.values())
    for order in ("bits", "fine") if codes.fine else ("bits",):
        for side in ("image", "text"):
            precision, ranks = [], []
            for q in queries:
                found = by_bits(codes.code[side][q], codes.code["image"])
                if order == "fine":
                    found = by_vectors(codes.fine[side][q], found, codes.fine["image"], result["bits"], side == "image")
                first = [i for _, i in found if i != q][:10]
                precision.append(sum(bool(labels[q] & labels[i]) for i in first) / len(first))
                ranks.append(rank_of(q, found, order == "bits"))
            result[f"p10_{side}_to_image_{order}"] = round(statistics.mean(precision), 3)
            if side == "text":
                result[f"median_rank_{order}"] = statistics.median(ranks)
    result.update(searched(adah, model, folder, [records[q] for q in queries], record, len(records)))
    print(json.dumps(result))


def searched(adah, model, folder, queries, record, n):
    """What the command shows."""
    index = model.replace(".safetensors", ".adah")
    subprocess.run([adah, "index", "create", "--model", model, "--data", folder, "--index", index, "--force", "--quiet"], check=True)

    def answers(k, *query):
        out = subprocess.run([adah, "search", "--model", model, "--index", index, "--to", "image", "-k", str(k), "--json", *query], check=True,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
        return [hit["file_name"] for hit in json.loads(out)]

    def precision(own, found):
        first = [name for name in found if name != own["file_name"]][:10]
        return sum(bool(set(own["labels"]) & set(record[name]["labels"])) for name in first) / len(first)

    image, text, ranks = [], [], []
    for own in queries:
        caption = own["text"] if isinstance(own["text"], str) else own["text"][0]
        image.append(precision(own, answers(11, "--image", os.path.join(folder, own["file_name"]))))
        text.append(precision(own, answers(11, "--text", caption)))
        ranks.append(answers(n, "--text", caption).index(own["file_name"]) + 1)
    return {"p10_image_to_image_search": round(statistics.mean(image), 3), "p10_text_to_image_search": round(statistics.mean(text), 3),
            "median_rank_search": statistics.median(ranks)}


def altered(work, adah, model):
    folder = os.path.join(work, "altered")
    os.makedirs(work, exist_ok=True)
    subprocess.run([sys.executable, os.path.join(HERE, "altered_photos.py"), DATA, folder, "100"], check=True)
    ours = Codes(adah, model, DATA, os.path.join(work, "all"), ("image",))
    theirs = Codes(adah, model, folder, os.path.join(work, "some"), ("image",))
    n_bits = 8 * len(rows_of(os.path.join(work, "all.image.npy"))[0])
    place = {os.path.basename(name): i for i, name in enumerate(ours.names)}
    result = {}
    for i, name in enumerate(theirs.names):
        _, how, file = name.split("/")
        own, found = place[file], by_bits(theirs.code["image"][i], ours.code["image"])
        n = n_candidates(len(found), True)
        counts = result.setdefault(how, {"first": 0, "among_candidates": 0, "first_by_bits": 0})
        counts["first_by_bits"] += found[0][1] == own
        counts["among_candidates"] += any(j == own for _, j in found[:n])
        counts["first"] += bool(ours.fine) and by_vectors(theirs.fine["image"][i], found, ours.fine["image"], n_bits, True)[0][1] == own
    print(json.dumps(dict(result, n_photos=len(ours.names))))


def main():
    if len(sys.argv) >= 6 and sys.argv[1] == "small":
        small(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]), sys.argv[6:])
    elif len(sys.argv) == 5 and sys.argv[1] == "altered":
        altered(*sys.argv[2:])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
