"""The loop that repositories of papers on hashing use, in NumPy: slow, and what adah.metrics is held to. Written from the formulas."""

from __future__ import annotations

from typing import Any, Tuple

import numpy as np


def mean_average_precision(query_signs: Any, database_signs: Any, query_labels: Any, database_labels: Any) -> float:
    """mAP@all of codes of -1 and 1 (n, q) and labels (n, l) of 0 and 1; the sort is a stable one, so that ties are in order of position."""
    total, n_counted = 0.0, 0
    n_bits = query_signs.shape[1]
    for signs, labels in zip(query_signs, query_labels):
        relevant = (database_labels @ labels > 0).astype(np.float32)
        n_relevant = int(relevant.sum())
        if n_relevant == 0:
            continue
        distance = 0.5 * (n_bits - database_signs @ signs)
        ranked = relevant[np.argsort(distance, kind="stable")]
        ranks = np.flatnonzero(ranked) + 1.0
        total += float(np.mean(np.linspace(1, n_relevant, n_relevant) / ranks))
        n_counted += 1
    return total / n_counted


def ranked_lists(query_signs: Any, database_signs: Any, query_labels: Any, database_labels: Any) -> Tuple[Any, Any]:
    """For each query the distances in order, and the shared labels in that order."""
    distance = (query_signs.shape[1] - query_signs @ database_signs.T) // 2
    order = np.argsort(distance, axis=1, kind="stable")
    shared = query_labels @ database_labels.T
    return np.take_along_axis(distance, order, 1), np.take_along_axis(shared, order, 1)
