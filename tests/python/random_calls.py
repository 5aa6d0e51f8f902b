#!/usr/bin/env python3
"""random_calls.py N SEED - calls the package N times at random, with arguments that are right, odd and wrong, and then looks whether anything stayed.

It is meant for a library with AddressSanitizer (test_random_calls.sh). A call may succeed or raise what the package or NumPy raises of bad
arguments; anything else ends the program. Behind a first part of the calls the number of Python's objects and the references to those that all
calls use must not grow any more.
"""

from __future__ import annotations

import gc
import random
import sys
import tempfile
from pathlib import Path
from typing import Any, Callable, List

import numpy as np

import adah
from adah import hamming, metrics

MAY_RAISE = (adah.AdahError, ValueError, TypeError, IndexError, KeyError, OSError, OverflowError, AttributeError)
n_calls, seed = int(sys.argv[1]), int(sys.argv[2])
rng, dice = np.random.default_rng(seed), random.Random(seed)
folder = Path(tempfile.mkdtemp(prefix="adah-calls-"))
adah.set_threads(1)

photos = adah.Dataset.synth(folder / "scenes", n_scenes=40, n_side=16)
model = adah.train(photos, folder / "photos.safetensors", n_bits=16, n_epochs=1, settings={"n_side": 16, "n_fine": 8}, cache_folder=folder)
index = adah.Index.create(folder / "photos.adah", model, photos)
vectors = adah.Dataset.from_arrays(folder / "vectors", image=rng.normal(size=(30, 12)), text=rng.normal(size=(30, 12)))
of_vectors = adah.train(vectors, folder / "vectors.safetensors", method="itq", n_bits=8)
(folder / "broken").write_bytes(b"no such file format, but some bytes")
picture = (photos.folder / photos[0].file_name).read_bytes()


def codes(n: int = -1) -> Any:
    """Codes as they should be, mostly; else something near."""
    n = dice.randrange(60) if n < 0 else n
    n_bytes = dice.choice([2, 2, 2, 2, 1, 3, 8, 16, 40])
    right = rng.integers(0, 256, (n, n_bytes), np.uint8)
    return dice.choice([right] * 8 + [right[::2], right[:, ::-1], right.astype(np.float32), right[0] if n else right, right.tolist(), None,
                                      np.empty((0, n_bytes), np.uint8), np.empty((n, 0), np.uint8), right[None], "codes", right.T])


def labels(n: int) -> Any:
    right = (rng.random((max(n, 0), 4)) < 0.4).astype(np.uint8)
    return dice.choice([right] * 5 + [right.astype(bool), rng.integers(0, 3, n), [list(np.flatnonzero(row)) for row in right], right * 2.5,
                                      right[:-1], rng.integers(-1, 3, n), None, [[2**40]] * n, np.array(["a"] * n)])


def number() -> Any:
    return dice.choice([0, 1, 2, 5, 10, 50, 1000, -1, 2**31, 2**64, 1.5, None, "1"])


def path() -> Any:
    return dice.choice([folder / "photos.safetensors", folder / "photos.adah", folder / "broken", folder / "missing", folder, "", "a\0b", None, 3])


def text() -> Any:
    return dice.choice([photos[0].text, "red", "", "no such word", "\0", "\udc80", "ü" * 300, ["red", "blue"], [], None, 3, [None]])


def image() -> Any:
    pixels = rng.integers(0, 256, (dice.randrange(1, 20), dice.randrange(1, 20), 3), np.uint8)
    cut = picture[:dice.randrange(len(picture))]
    return dice.choice([picture, pixels, cut, b"", pixels.astype(float), pixels[..., 0], photos.folder / photos[1].file_name, folder / "missing",
                        None, [picture, pixels], [], bytearray(picture)])


def measured() -> Any:
    n, m = dice.randrange(8), dice.randrange(60)
    right = rng.integers(0, 256, (n + m, 2), np.uint8)
    q, d = dice.choice([(right[:n], right[n:])] * 6 + [(codes(n), codes(m))])
    function = dice.choice([metrics.measures, metrics.mean_average_precision, metrics.precision_at, metrics.precision_recall_by_radius, metrics.ndcg])
    more = dice.choice([{}, {}, {"leave_out": rng.integers(-1, max(m, 1) + 1, n)}, {"k": number()}, {"ties": "expected"}, {"average": "macro"}])
    return function(q, d, labels(n), labels(m), **more)


def searched() -> Any:
    query = dice.choice([lambda: codes(dice.randrange(4)), lambda: model.encode_texts("red"), lambda: None])()
    more = {name: value() for name, value in {
        "to": lambda: dice.choice(["image", "text", "sound"]), "k": number, "radius": number, "method": lambda: dice.choice(["scan", "tables", "x"]),
        "labels": lambda: dice.choice([["red cross"], ["no such"], [], "red cross"]), "order": lambda: dice.choice(["fine", "distance", "x"]),
        "accept": lambda: lambda record: record.id % 2}.items() if dice.random() < 0.25}
    return index.search(query, **more)


def changed() -> Any:
    own = adah.Index(folder / "photos.adah")
    what = dice.randrange(4)
    if what == 0:
        return own.add(codes(2), codes(2), texts=dice.choice([["a", "b"], None, ["a"]]), ids=dice.choice([None, [dice.randrange(99)] * 2, [-1, 2]]))
    if what == 1:
        return own.delete(dice.choice([[dice.randrange(60)], [], 10**9, None, [-1]]))
    if what == 2:
        return own.compact()
    return own.export(dice.choice(["image", "text", "x"]), folder / "out", dice.choice(["npy", "faiss-flat", "x"]))


def closed() -> Any:
    """Objects that go before what was made by them."""
    kept = adah.Model(folder / "photos.safetensors").encode_dataset(photos, cache_folder=folder).image
    return kept[dice.choice([0, slice(0, 3), [1, 2], 10**6])].codes.sum()


CALLS: List[Callable[[], Any]] = [
    measured, measured, measured, searched, searched, searched, changed,
    lambda: hamming.pack(dice.choice([rng.normal(size=(5, 16)), rng.normal(size=(5, 16)).astype(np.float32), rng.normal(size=(5, 7)), codes()])),
    lambda: hamming.unpack(codes()), lambda: hamming.pairs(codes(), codes()), lambda: hamming.topk(codes(), codes(), number()),
    lambda: hamming.radius(codes(), codes(), number()), lambda: metrics.partner_recall(codes(), codes()),
    lambda: adah.Model(path()), lambda: adah.Index(path()), lambda: adah.Dataset(path()), lambda: adah.Index.verify(path()),
    lambda: model.encode_texts(text()), lambda: model.encode_texts(text()), lambda: model.encode_images(image()), lambda: model.attend_images(image()),
    lambda: of_vectors.encode_features(dice.choice(["image", "text", "x"]), dice.choice([rng.normal(size=(n_calls % 7, 12)), rng.normal(size=12),
                                                                                       rng.normal(size=(3, 5)), codes(), "x"])),
    lambda: photos[dice.choice([0, 39, -1, 40, 10**9, slice(0, 3), "x"])], lambda: photos.label_matrix(), lambda: photos.split_checksum,
    lambda: index.record(number()), lambda: index[number()], lambda: index.stats(), lambda: adah.train_methods(), lambda: model.description,
    lambda: adah.Dataset(photos.folder, **dice.choice([{"ignore": "names"}, {"file_key": "x"}, {"text_keys": ["text"]}, {"label_keys": 3}])),
    lambda: model.n_fine(dice.choice(["image", "text", "x"])), closed,
]


def references() -> List[int]:
    gc.collect()
    return [sys.getrefcount(thing) for thing in (photos, model, index, vectors, of_vectors, picture)]


n_raised, objects, before = 0, 0, references()
for i in range(n_calls):
    if i == n_calls // 2:
        gc.collect()
        objects = len(gc.get_objects())
    try:
        dice.choice(CALLS)()
    except MAY_RAISE as error:
        n_raised += 1
        del error
gc.collect()
grown = len(gc.get_objects()) - objects
after = references()
assert before == after, f"references to what all calls use: {before} before, {after} after"
assert grown < 300, f"{grown} objects of Python more at the end than after half of the calls"
assert n_calls / 10 < n_raised < n_calls * 0.8, f"{n_raised} of {n_calls} calls raised, which tests little"
print(f"{n_calls} calls, {n_raised} of them with an exception; {grown:+} objects in the second half")
