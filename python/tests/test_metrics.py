"""adah.metrics next to plain NumPy."""

from __future__ import annotations

from typing import Any, Tuple

import numpy as np
import pytest

import adah
import slow_measures
from adah import hamming, metrics


def example(seed: int, n_queries: int = 30, n: int = 400, n_bits: int = 16, n_labels: int = 6) -> Tuple[Any, Any, Any, Any]:
    rng = np.random.default_rng(seed)
    signs = rng.choice([-1, 1], (n_queries + n, n_bits))
    labels = (rng.random((n_queries + n, n_labels)) < 0.2).astype(int)
    return signs[:n_queries], signs[n_queries:], labels[:n_queries], labels[n_queries:]


def packed(seed: int, **more: int) -> Tuple[Any, Any, Any, Any]:
    q, d, ql, dl = example(seed, **more)
    return hamming.pack(q), hamming.pack(d), ql, dl


@pytest.mark.parametrize("seed", range(20))
def test_map_is_that_of_the_published_loop(seed: int) -> None:
    assert abs(metrics.mean_average_precision(*packed(seed)) - slow_measures.mean_average_precision(*example(seed))) < 1e-12


def test_both_definitions_of_map_at_k() -> None:
    _, shared = slow_measures.ranked_lists(*example(1))
    for k in (1, 7, 50, 1000):
        by_rank, of_relevant = [], []
        for row in shared > 0:
            ranks = np.flatnonzero(row) + 1
            if len(ranks) == 0:
                continue
            precision = np.arange(1, len(ranks) + 1) / ranks
            within = precision[ranks <= k]
            by_rank.append(within.mean() if len(within) else 0)
            of_relevant.append(precision[:k].mean())
        assert abs(metrics.mean_average_precision(*packed(1), k=k) - np.mean(by_rank)) < 1e-12
        assert abs(metrics.mean_average_precision(*packed(1), k=k, definition="relevant") - np.mean(of_relevant)) < 1e-12


def test_ties() -> None:
    """The expectation is the mean over shuffled databases; the bounds hold every order."""
    q, d, ql, dl = packed(2, n_queries=5, n=40, n_bits=8)
    rng = np.random.default_rng(0)
    found = []
    for _ in range(4000):
        order = rng.permutation(len(d))
        found.append(metrics.mean_average_precision(q, d[order], ql, dl[order]))
    low, mid, high = (metrics.mean_average_precision(q, d, ql, dl, ties=t) for t in ("pessimistic", "expected", "optimistic"))
    assert low <= min(found) and max(found) <= high
    assert abs(np.mean(found) - mid) < 5 * np.std(found) / np.sqrt(len(found))


def test_precision_recall_and_ndcg() -> None:
    distance, shared = slow_measures.ranked_lists(*example(3))
    counts = (shared > 0).any(axis=1)
    relevant = shared[counts] > 0
    at, precision = metrics.precision_at(*packed(3))
    assert at.tolist() == [1, 5, 10, 50, 100, 200, 400]
    np.testing.assert_allclose(precision, [relevant[:, :n].mean() for n in at], atol=1e-12)
    within = distance[counts][:, :, None] <= np.arange(17)
    returned, hits = within.sum(axis=1), (within & relevant[:, :, None]).sum(axis=1)
    micro = metrics.precision_recall_by_radius(*packed(3))
    np.testing.assert_allclose(micro[0], hits.sum(axis=0) / np.maximum(returned.sum(axis=0), 1), atol=1e-12)
    np.testing.assert_allclose(micro[1], hits.sum(axis=0) / relevant.sum(), atol=1e-12)
    macro = metrics.precision_recall_by_radius(*packed(3), average="macro")
    np.testing.assert_allclose(macro[0], (hits / np.maximum(returned, 1)).mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(macro[1], (hits / relevant.sum(axis=1, keepdims=True)).mean(axis=0), atol=1e-12)
    gains = 2.0 ** shared[counts] - 1
    for d, g in zip(distance[counts], gains):
        for level in np.unique(d):
            g[d == level] = g[d == level].mean()
    discount = 1 / np.log2(np.arange(2, 52))
    ideal = np.sort(2.0 ** shared[counts] - 1, axis=1)[:, ::-1][:, :50] @ discount
    assert abs(metrics.ndcg(*packed(3)) - np.mean(gains[:, :50] @ discount / ideal)) < 1e-12


def test_labels_in_every_form() -> None:
    q, d, ql, dl = packed(4)
    wanted = metrics.mean_average_precision(q, d, ql, dl)
    for change in (lambda x: x.astype(bool), lambda x: x.astype(np.float64), lambda x: [list(np.flatnonzero(row)) for row in x],
                   lambda x: [set(np.flatnonzero(row).tolist()) for row in x], lambda x: np.asfortranarray(x)):
        assert metrics.mean_average_precision(q, d, change(ql), change(dl)) == wanted
    classes_q, classes_d = np.arange(30) % 4, np.arange(400) % 4
    one_hot = np.eye(4, dtype=int)
    assert metrics.mean_average_precision(q, d, classes_q, classes_d) == metrics.mean_average_precision(q, d, one_hot[classes_q], one_hot[classes_d])
    for bad in ((ql[:-1], dl), (ql[:, 1:], dl), (ql * 2, dl), (classes_q, dl), (classes_q.astype(float), classes_d), (classes_q - 1, classes_d)):
        with pytest.raises(ValueError):
            metrics.mean_average_precision(q, d, *bad)


def test_a_query_leaves_itself_out() -> None:
    _, d, _, dl = packed(5)
    m = metrics.measures(d[:10], d, dl[:10], dl, leave_out=list(range(10)))
    keep = [np.delete(np.arange(400), i) for i in range(10)]
    alone = [metrics.measures(d[i:i + 1], d[keep[i]], dl[i:i + 1], dl[keep[i]]) for i in range(10)]
    assert abs(m.map - np.mean([one.map for one in alone if one.n_queries])) < 1e-12
    with pytest.raises(ValueError, match="leave_out"):
        metrics.measures(d[:10], d, dl[:10], dl, leave_out=[1])
    with pytest.raises(adah.ArgumentError):
        metrics.measures(d[:1], d, dl[:1], dl, leave_out=[400])


def test_partners() -> None:
    rng = np.random.default_rng(6)
    q, d = rng.integers(0, 256, (2, 50, 2), np.uint8)
    distance = hamming.pairs(q, d).astype(int)
    own = np.diag(distance)[:, None]
    before, level = (distance < own).sum(axis=1), (distance == own).sum(axis=1)
    found = metrics.partner_recall(q, d)
    for k, recall in ((1, found.recall_at_1), (5, found.recall_at_5), (10, found.recall_at_10)):
        assert abs(recall - np.mean(np.clip((k - before) / level, 0, 1))) < 1e-12
    assert found.median_rank == np.median(before + (level + 1) / 2)
    with pytest.raises(ValueError):
        metrics.partner_recall(q, d[:-1])


def test_as_evaluate_measures(model: adah.Model, scenes: adah.Dataset) -> None:
    codes, labels = model.encode_dataset(scenes), scenes.label_matrix()
    ask = np.array([r.split == "query" for r in scenes])
    found = adah.evaluate(model, scenes)
    wanted = metrics.measures(codes.text.codes[ask], codes.image.codes[~ask], labels[ask], labels[~ask])
    assert found["map_text_to_image"] == wanted.map
    assert found["text_to_image"]["ndcg_at_k"] == wanted.ndcg_at_k
