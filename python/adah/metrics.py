"""The measures of papers on hashing, on packed codes of any program, exact.

Codes are (n, n_bits / 8) uint8 (`adah.hamming.pack`). Labels of n items are (n, n_labels) of 0 and 1, or (n) classes, or a list of lists of
numbers; an item is relevant to a query when they share a label. Items are ranked by (Hamming distance, position), and a mean is over the
queries that have a relevant item, as in published code. docs/guide/evaluate.md has the formulas.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from adah import _native as native
from adah._native import NULL, SIZE_MAX, ffi, lib

__all__ = ["Measures", "Partners", "mean_average_precision", "measures", "ndcg", "partner_recall", "precision_at", "precision_recall_by_radius"]


@dataclass(frozen=True, eq=False)
class Measures:
    """All measures of one direction: queries against a database."""

    n_queries: int  # with a relevant item; the means are over these
    n_queries_left_out: int  # without
    n_database: int
    n_bits: int
    map: float  # mAP@all
    map_tie_aware: float  # its expectation over random order among equal distances
    map_optimistic: float  # relevant items first among equal distances
    map_pessimistic: float  # and last
    k: int
    map_at_k: float  # over the relevant items within the first k
    map_first_k_relevant: float  # over the first k relevant items, wherever they are
    ndcg_at_k: float  # gain 2^(shared labels) - 1, tie-aware
    ties_in_first_10: float  # of the first 10 places, how many are held by an item that is not alone at its distance
    precision_at: NDArray[np.int64]  # 1, 5, 10, 50, 100, 200, ... 10,000, as far as every query ranks so many
    precision: NDArray[np.float64]  # among the first so many
    precision_micro: NDArray[np.float64]  # by radius 0 .. n_bits, of counts pooled over the queries
    recall_micro: NDArray[np.float64]
    precision_macro: NDArray[np.float64]  # by radius, mean over the queries
    recall_macro: NDArray[np.float64]


@dataclass(frozen=True)
class Partners:
    """How far up queries find their own partners; items at equal distance count as in random order."""

    n_queries: int
    recall_at_1: float
    recall_at_5: float
    recall_at_10: float
    median_rank: float  # from 1


def measures(query_codes: Any, database_codes: Any, query_labels: Any, database_labels: Any, *, k: int = 50,
             leave_out: Optional[Sequence[int]] = None) -> Measures:
    """All measures at once, in the time of one. k: of the measures within the first k. leave_out: for each query the position in the database
    that is the query itself and is not ranked, -1: none."""
    database = native.codes_of(database_codes, name="codes of the database")
    queries = native.codes_of(query_codes, database.shape[1] * 8, "codes of the queries")
    if k < 1:
        raise ValueError(f"k is {k}, expected 1 or more")
    sides = _labels(query_labels, len(queries), database_labels, len(database))
    sets = [ffi.new("adah_coded_set *", {"n": len(codes), "codes": native.pointer("uint8_t", codes), "label": native.pointer("uint32_t", label),
                                         "label_start": native.pointer("size_t", start)})
            for codes, (label, start) in zip((queries, database), sides)]
    own = NULL
    if leave_out is not None:  # given must outlive the call
        array = np.asarray(leave_out, np.int64)
        if array.shape != (len(queries),):
            raise ValueError(f"leave_out has the shape {array.shape}, expected ({len(queries)},)")
        given = np.where(array < 0, np.uint64(SIZE_MAX), array.astype(np.uint64))
        own = native.pointer("size_t", given)
    m = ffi.gc(ffi.new("adah_measures *"), lib.adah_measures_free)
    native.call(lib.adah_measures_compute, sets[0][0], sets[1][0], database.shape[1] * 8, k, own, m)

    def by_radius(address: Any) -> NDArray[np.float64]:
        return native.copied("double", address, np.float64, (int(m.n_bits) + 1,))

    n = int(m.n_precision)
    return Measures(
        n_queries=int(m.n_queries), n_queries_left_out=int(m.n_queries_left_out), n_database=int(m.n_database), n_bits=int(m.n_bits), map=m.map,
        map_tie_aware=m.map_tie_aware, map_optimistic=m.map_optimistic, map_pessimistic=m.map_pessimistic, k=int(m.n_cut), map_at_k=m.map_at_k,
        map_first_k_relevant=m.map_first_k_relevant, ndcg_at_k=m.ndcg_at_k, ties_in_first_10=m.ties_in_first_10,
        precision_at=np.array(list(m.precision_at[0:n]), np.int64), precision=np.array(list(m.precision[0:n])),
        precision_micro=by_radius(m.precision_micro), recall_micro=by_radius(m.recall_micro), precision_macro=by_radius(m.precision_macro),
        recall_macro=by_radius(m.recall_macro))


def mean_average_precision(query_codes: Any, database_codes: Any, query_labels: Any, database_labels: Any, *, k: Optional[int] = None,
                           definition: str = "rank", ties: str = "position", leave_out: Optional[Sequence[int]] = None) -> float:
    """mAP@all, or mAP@k where k is given.

    definition: of mAP@k: "rank", over the relevant items within the first k; "relevant", over the first k relevant items, wherever they are,
    which much published code calls mAP@k. ties (of mAP@all): "position", in the order of the database; "expected", the mean over every order
    among equal distances; "optimistic", "pessimistic": relevant items first or last."""
    m = measures(query_codes, database_codes, query_labels, database_labels, k=k or 50, leave_out=leave_out)
    if k is not None:
        if ties != "position":
            raise ValueError("mAP@k is by position")
        if definition not in ("rank", "relevant"):
            raise ValueError(f"{definition!r} is no definition of mAP@k, expected 'rank' or 'relevant'")
        return m.map_at_k if definition == "rank" else m.map_first_k_relevant
    found = {"position": m.map, "expected": m.map_tie_aware, "optimistic": m.map_optimistic, "pessimistic": m.map_pessimistic}
    if ties not in found:
        raise ValueError(f"{ties!r} is no rule for ties, expected one of {', '.join(found)}")
    return found[ties]


def precision_at(query_codes: Any, database_codes: Any, query_labels: Any, database_labels: Any, *,
                 leave_out: Optional[Sequence[int]] = None) -> Tuple[NDArray[np.int64], NDArray[np.float64]]:
    """N = 1, 5, 10, 50, 100, 200, ... 10,000 as far as every query ranks so many, and the share of relevant items among the first N."""
    m = measures(query_codes, database_codes, query_labels, database_labels, leave_out=leave_out)
    return m.precision_at, m.precision


def precision_recall_by_radius(query_codes: Any, database_codes: Any, query_labels: Any, database_labels: Any, *, average: str = "micro",
                               leave_out: Optional[Sequence[int]] = None) -> Tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision and recall of what lies within the radius 0 .. n_bits, (n_bits + 1) each. average: "micro", of counts pooled over the queries;
    "macro", the mean over the queries, where precision is 0 when nothing is returned."""
    m = measures(query_codes, database_codes, query_labels, database_labels, leave_out=leave_out)
    if average not in ("micro", "macro"):
        raise ValueError(f"{average!r} is no average, expected 'micro' or 'macro'")
    return (m.precision_micro, m.recall_micro) if average == "micro" else (m.precision_macro, m.recall_macro)


def ndcg(query_codes: Any, database_codes: Any, query_labels: Any, database_labels: Any, *, k: int = 50,
         leave_out: Optional[Sequence[int]] = None) -> float:
    """NDCG@k, gain 2^(shared labels) - 1, discount log2(rank + 1); each rank among equal distances has their mean gain."""
    return measures(query_codes, database_codes, query_labels, database_labels, k=k, leave_out=leave_out).ndcg_at_k


def partner_recall(query_codes: Any, item_codes: Any) -> Partners:
    """How far up each of n queries finds its partner, item i for query i, among n items: the protocol of captions and photos, without labels."""
    items = native.codes_of(item_codes, name="codes of the items")
    queries = native.codes_of(query_codes, items.shape[1] * 8, "codes of the queries")
    if len(queries) != len(items):
        raise ValueError(f"{len(queries)} queries and {len(items)} items, expected one for each")
    sides = [ffi.new("adah_partner_side *", {"codes": native.pointer("uint8_t", codes)}) for codes in (queries, items)]
    m = ffi.new("adah_partner_measures *")
    native.call(lib.adah_partners_compute, sides[0][0], sides[1][0], len(queries), items.shape[1] * 8, 0, m)
    return Partners(int(m.n_queries), m.recall_at_1, m.recall_at_5, m.recall_at_10, m.median_rank)


# ---------------------------------------------------------------- labels


def _labels(query_labels: Any, n_queries: int, database_labels: Any, n_database: int) -> List[Tuple[NDArray[np.uint32], NDArray[np.uint64]]]:
    """The labels of both sides as the library takes them: numbers, one item's after another's, and where each item's start."""
    sides = [_of_one_side(query_labels, n_queries, "queries"), _of_one_side(database_labels, n_database, "database")]
    if sides[0][2] != sides[1][2] and None not in (sides[0][2], sides[1][2]):
        raise ValueError(f"labels have {sides[0][2]} columns for the queries and {sides[1][2]} for the database")
    if (sides[0][2] is None) != (sides[1][2] is None):
        raise ValueError("labels of the queries and of the database must both be a matrix of 0 and 1, or neither")
    return [(label, start) for label, start, _ in sides]


def _of_one_side(labels: Any, n: int, name: str) -> Tuple[NDArray[np.uint32], NDArray[np.uint64], Optional[int]]:
    """Numbers, starts, and the columns of a matrix of 0 and 1."""
    n_columns: Optional[int] = None
    if isinstance(labels, (list, tuple)) and any(isinstance(of_one, (list, tuple, set, frozenset)) for of_one in labels):
        rows = [np.unique(np.asarray(sorted(of_one), np.int64)) for of_one in labels]
        n_found, counts = len(rows), np.array([len(row) for row in rows], np.uint64)
        label = np.concatenate(rows) if rows else np.empty(0, np.int64)
    else:
        array = native.as_array(labels)
        n_found = len(array) if array.ndim else 0
        if array.ndim == 1:
            if array.dtype.kind not in "iu" and array.size:
                raise ValueError(f"classes of the {name} are {array.dtype}, expected whole numbers")
            label, counts = array, np.ones(n_found, np.uint64)
        elif array.ndim == 2:
            n_columns = array.shape[1]
            has = array if array.dtype == np.bool_ else array == 1
            if array.dtype != np.bool_ and not (has | (array == 0)).all():
                raise ValueError(f"labels of the {name} are a matrix with values other than 0 and 1")
            label = np.flatnonzero(has) % max(n_columns, 1)
            counts = np.count_nonzero(has, axis=1).astype(np.uint64)
        else:
            raise ValueError(f"labels of the {name} have the shape {array.shape}, expected (n, n_labels) or (n)")
    if n_found != n:
        raise ValueError(f"{n_found} labels for {n} codes of the {name}")
    if label.size and (label.min() < 0 or label.max() > 2**32 - 1):
        raise ValueError(f"labels of the {name} go from {label.min()} to {label.max()}, expected 0 to 4294967295")
    start = np.zeros(n + 1, np.uint64)
    np.cumsum(counts, out=start[1:])
    return np.ascontiguousarray(label, np.uint32), start, n_columns
