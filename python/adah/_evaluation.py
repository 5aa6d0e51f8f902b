"""How good the codes of a model are."""

from __future__ import annotations

import json
from typing import Any, Dict, List, Optional, Sequence, Union

from adah import _native as native, _tables
from adah._data import SPLITS, Dataset
from adah._model import Model
from adah._native import Path_, ProgressFunction, ffi, lib

_TITLES = {"map": "mAP", "map_tie_aware": "mAP, tie-aware", "map_at_k_by_rank": "mAP@{k}", "ndcg_at_k": "NDCG@{k}"}
DIRECTIONS = ("image_to_text", "text_to_image", "image_to_image", "text_to_text")


class Evaluation:
    """What `evaluate` found: `values` is the object that `adah eval --json` prints (docs/guide/evaluate.md has every field)."""

    def __init__(self, values: Dict[str, Any]):
        self.values = values

    def __getitem__(self, name: str) -> Any:
        """A field, as evaluation["n_queries"] or evaluation["image_to_text"]["map_tie_aware"]."""
        return self.values[name]

    @property
    def mean_average_precision(self) -> Dict[str, float]:
        """mAP@all by direction: "image_to_text", "text_to_image", "image_to_image", "text_to_text"."""
        return {direction: float(self.values[f"map_{direction}"]) for direction in DIRECTIONS}

    def to_pandas(self) -> Any:
        """A pandas.DataFrame with a row for each direction and a column for each measure that is a number."""
        rows = {direction: {name: value for name, value in self.values[direction].items() if isinstance(value, (int, float))}
                for direction in DIRECTIONS}
        return _tables.module("pandas", "a DataFrame").DataFrame.from_dict(rows, orient="index")

    def to_latex(self, measures: Sequence[str] = ("map", "map_tie_aware", "map_at_k_by_rank", "ndcg_at_k"), *, digits: int = 4) -> str:
        """A tabular of LaTeX with a row for each direction, as a paper has it. measures: names of numbers of a direction."""
        titles = [_TITLES.get(name, name).replace("_", r"\_").replace("{k}", str(self.values[DIRECTIONS[0]].get("k", "k"))) for name in measures]
        lines = [r"\begin{tabular}{l" + "r" * len(titles) + "}", r"\hline", " & ".join(["", *titles]) + r" \\", r"\hline"]
        for direction in DIRECTIONS:
            of = self.values[direction]
            missing = [name for name in measures if not isinstance(of.get(name), (int, float))]
            if missing:
                raise ValueError(f"{missing[0]!r} is no number of a direction: there are "
                                 f"{', '.join(name for name, value in of.items() if isinstance(value, (int, float)))}")
            lines.append(" & ".join([direction.replace("_to_", r" $\to$ "), *(f"{of[name]:.{digits}f}" for name in measures)]) + r" \\")
        return "\n".join([*lines, r"\hline", r"\end{tabular}"]) + "\n"

    def __repr__(self) -> str:
        figures = ", ".join(f"{direction} {value:.4f}" for direction, value in self.mean_average_precision.items())
        return f"<adah.Evaluation of {self.values['n_queries']} queries: mAP {figures}>"


def evaluate(
    model: Model,
    dataset: Dataset,
    *,
    queries: Optional[Dataset] = None,
    split: str = "query",
    k: Optional[int] = None,
    real: bool = False,
    pairs: bool = False,
    strict: bool = False,
    cache_folder: Optional[Path_] = None,
    progress: Union[bool, ProgressFunction, None] = None,
) -> Evaluation:
    """Measures the codes that a model makes of a data set, in the four directions.

    Queries are its records of a split ("query", "train" or "database"), or those of another data set; the database is all other records.
    k: of the measures within the first k (50). real, pairs: also mAP of the real-valued codes, and against one code a pair."""
    if split not in SPLITS:
        raise ValueError(f"{split!r} is no split, expected one of {', '.join(SPLITS)}")
    keep: List[Any] = []
    codes = model._dataset_codes(dataset, strict, real or pairs, cache_folder, progress)
    encode = native.options("encode", keep, strict=strict, cache_folder=cache_folder, precision=model._precision)
    options = native.options("evaluate", keep, queries=None if queries is None else queries._dataset, split=SPLITS.index(split), n_cut=k,
                             real=real, pairs=pairs, codes=codes)
    evaluation = ffi.gc(ffi.new("adah_evaluation *"), lib.adah_evaluation_free)
    native.call_long(lib.adah_evaluate, [model._model, dataset._dataset, options, encode], progress, evaluation)
    out = ffi.new("char **")
    native.call(lib.adah_evaluation_json, evaluation, 1, out)
    return Evaluation(json.loads(ffi.string(ffi.gc(out[0], lib.adah_free))))
