"""Vectors of another encoder, as CLIP's, to codes of 64 bits and an index: python3 vectors_to_bits.py [IMAGE.npy TEXT.npy]

Row i of both arrays belongs together. Without arrays, vectors like those of such an encoder are made up. Nothing is learned from labels or
pairs (ITQ); a training can come later."""

import sys

import numpy as np

import adah
from adah import metrics

if len(sys.argv) > 2:
    image, text = (np.load(name) for name in sys.argv[1:3])
else:
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(2000, 128))
    image, text = (shared + 0.4 * rng.normal(size=shared.shape) + rng.normal(size=128) for _ in range(2))

data = adah.Dataset.from_arrays("vectors", image=image, text=text)
model = adah.train(data, "vectors.safetensors", method="itq", n_bits=64)
index = adah.Index.create("vectors.adah", model, data)
queries = model.encode_features("text", text)
print("bits alone:", metrics.partner_recall(queries.codes, model.encode_features("image", image).codes))
fine = index.search(queries, to="image", k=10)
print("fine order, own image among the first 10:", np.mean([i in hits.ids for i, hits in enumerate(fine)]))
print(index.stats()["file_bytes"], "bytes in the index,", image.nbytes + text.nbytes, "in the arrays")
