"""adah: short binary codes for images and texts, learned, searched and judged.

    import adah

    photos = adah.Dataset("photos")                                # metadata.jsonl and the pictures it names
    model = adah.train(photos, "photos.safetensors", progress=True)
    index = adah.Index.create("photos.adah", model, photos)
    hits = index.search(model.encode_texts(["boat on a lake"]), to="image", k=10)[0]
    for row, distance in zip(hits.rows, hits.distances):
        print(distance, index.record(row).file_name)

`adah.Dataset`, `adah.train`, `adah.Model`, `adah.Index` and `adah.evaluate` are the library's own; errors are exceptions below `adah.AdahError`,
each with the library's code in `code`. `adah.metrics` and `adah.hamming` judge and search packed codes of any program. docs/guide/python.md is the
guide. `adah.Hasher` learns codes of vectors with the manners of scikit-learn.
"""

from typing import TYPE_CHECKING, Any

from adah import hamming, metrics
from adah._bindings import VERSION as __version__
from adah._data import Dataset, Record, dataset_formats
from adah._evaluation import Evaluation, evaluate
from adah._index import AddCounts, Hits, Index, IndexRecord, SyncCounts, set_patience
from adah._model import AttentionMap, DatasetCodes, Encoded, Model, train, train_methods
from adah._native import (
    NO_DISTANCE,
    NO_ID,
    NO_SCORE,
    AdahError,
    ArgumentError,
    BusyError,
    CancelledError,
    CorruptError,
    ExistsError,
    FormatError,
    InternalError,
    MismatchError,
    NotFoundError,
    OutOfMemoryError,
    Progress,
    SystemIOError,
    UncertainError,
    UnknownWordError,
    lib as _lib,
)


if TYPE_CHECKING:
    from adah._hasher import Hasher


def __getattr__(name: str) -> Any:  # scikit-learn takes a second to load, and is loaded when it is needed
    if name == "Hasher":
        from adah._hasher import Hasher

        return Hasher
    raise AttributeError(f"module 'adah' has no attribute {name!r}")


def set_threads(n: int) -> None:
    """Threads that training, encoding and search use in this process; 0: one a core."""
    _lib.adah_set_threads(int(n))


__all__ = [
    "AdahError", "AddCounts", "ArgumentError", "AttentionMap", "BusyError", "CancelledError", "CorruptError", "Dataset", "DatasetCodes", "Encoded",
    "Evaluation", "ExistsError", "FormatError", "Hasher", "Hits", "Index", "IndexRecord", "InternalError", "MismatchError", "Model", "NO_DISTANCE",
    "NO_ID", "NO_SCORE", "NotFoundError", "OutOfMemoryError", "Progress", "Record", "SyncCounts", "SystemIOError", "UncertainError",
    "UnknownWordError", "__version__", "dataset_formats", "evaluate", "hamming", "metrics", "set_patience", "set_threads", "train", "train_methods",
]
