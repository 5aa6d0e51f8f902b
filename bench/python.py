#!/usr/bin/env python3
"""python.py [--queries N] [--loop-queries N] - what the Python package costs, next to what Python's own tools take for the same answers.

mAP of codes of NUS-WIDE's size against the NumPy loop that published repositories use (python/tests/slow_measures.py), which is timed for some of
the queries; and the nearest of a million codes against faiss-cpu, where it is installed, in the same process and with as many threads. Each
figure is the least of some repetitions, taken in turns. Run it with the package installed (pip install ./python).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any, Callable, List

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent / "python/tests"))
import adah  # noqa: E402
import slow_measures  # noqa: E402


def least(repetitions: int, *functions: Callable[[], Any]) -> List[float]:
    """The least time of each function in seconds; they take turns."""
    times = [float("inf")] * len(functions)
    for _ in range(repetitions):
        for i, function in enumerate(functions):
            start = time.perf_counter()
            function()
            times[i] = min(times[i], time.perf_counter() - start)
    return times


def measure_map(n_queries: int, n_loop: int) -> None:
    rng = np.random.default_rng(0)
    n, n_bits, n_labels = 193_734, 64, 21
    signs = rng.choice([-1.0, 1.0], (n_queries + n, n_bits))
    labels = (rng.random((n_queries + n, n_labels)) < 0.08).astype(np.float64)
    q, d, ql, dl = signs[:n_queries], signs[n_queries:], labels[:n_queries], labels[n_queries:]
    codes = adah.hamming.pack(q), adah.hamming.pack(d)
    fast, loop = least(5, lambda: adah.metrics.mean_average_precision(*codes, ql, dl),
                       lambda: slow_measures.mean_average_precision(q[:n_loop], d, ql[:n_loop], dl))
    loop *= n_queries / n_loop
    difference = abs(adah.metrics.mean_average_precision(codes[0][:n_loop], codes[1], ql[:n_loop], dl) -
                     slow_measures.mean_average_precision(q[:n_loop], d, ql[:n_loop], dl))
    print(f"mAP, {n_queries} queries x {n} codes of {n_bits} bits: adah {fast:.2f} s, NumPy's loop {loop:.1f} s ({n_loop} queries timed): "
          f"{loop / fast:.0f} times; difference {difference:.1e}")


def measure_nearest(n: int, n_bits: int) -> None:
    rng = np.random.default_rng(1)
    codes, queries = rng.integers(0, 256, (n, n_bits // 8), np.uint8), rng.integers(0, 256, (100, n_bits // 8), np.uint8)
    tiny = codes[:10]
    call = least(20, lambda: [adah.hamming.topk(queries[:1], tiny, 1) for _ in range(1000)])[0] / 1000
    functions: List[Callable[[], Any]] = []
    names: List[str] = []
    for n_queries in (1, 100):
        functions.append(lambda m=n_queries: adah.hamming.topk(queries[:m], codes, 10))  # type: ignore[misc]
        names.append(f"adah, {n_queries} queries")
    try:
        import faiss
    except ImportError:
        print("LEFT OUT: faiss-cpu, which is not installed")
    else:
        index = faiss.IndexBinaryFlat(n_bits)
        index.add(codes)
        for n_queries in (1, 100):
            functions.append(lambda m=n_queries: index.search(queries[:m], 10))  # type: ignore[misc]
            names.append(f"faiss-cpu {faiss.__version__}, {n_queries} queries")
        assert (adah.hamming.topk(queries, codes, 10)[0] == index.search(queries, 10)[0]).all()
    print(f"10 nearest of {n} codes of {n_bits} bits (ms): " +
          "; ".join(f"{name} {1000 * seconds:.2f}" for name, seconds in zip(names, least(15, *functions))))
    print(f"a call of adah.hamming.topk: {1e6 * call:.1f} us")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--loop-queries", type=int, default=20)
    arguments = parser.parse_args()
    measure_map(arguments.queries, arguments.loop_queries)
    for bits in (64, 128):
        measure_nearest(1_000_000, bits)
