"""Codes of somebody's own network, judged and searched like any other: python3 own_network.py

Here the "network" is a random projection of features of five classes; put the outputs of yours in its place, as a NumPy array or a tensor. The
other methods learn from the same features and are judged by the same code."""

import numpy as np

import adah
from adah import hamming, metrics

rng = np.random.default_rng(0)
n, n_queries, n_values, n_bits = 1000, 200, 64, 32
classes = rng.integers(0, 5, n)
centres = rng.normal(size=(2, 5, n_values))
image, text = (centres[side][classes] + 1.5 * rng.normal(size=(n, n_values)) for side in (0, 1))

outputs = image @ rng.normal(size=(n_values, n_bits)), text @ rng.normal(size=(n_values, n_bits))
codes = [hamming.pack(output) for output in outputs]
ask, rest = slice(0, n_queries), slice(n_queries, n)
print("own network, image to image: mAP", round(metrics.mean_average_precision(codes[0][ask], codes[0][rest], classes[ask], classes[rest]), 4))
distances, positions = hamming.topk(codes[0][ask], codes[0][rest], 10)
print("its 10 nearest have the class of the query in", round(float(np.mean(classes[rest][positions] == classes[ask][:, None])), 3))

data = adah.Dataset.from_arrays("features", image=image, text=text, labels=classes, splits=["query"] * n_queries + ["train"] * (n - n_queries))
for method in ("itq", "cca", "scm-seq"):
    found = adah.evaluate(adah.train(data, f"{method}.safetensors", method=method, n_bits=n_bits), data)
    print(f"{method}:", {direction: round(value, 4) for direction, value in found.mean_average_precision.items()})
