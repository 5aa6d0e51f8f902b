"""Tables of other programs: pandas, Arrow, Parquet files and Hugging Face's `datasets`, in and out. Nothing of them is needed for anything else."""

from __future__ import annotations

import importlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np

# What columns are called unless told.
FILE_NAMES, TEXTS, LABELS = ("file_name", "file", "filename"), ("text", "texts", "caption", "captions", "sentences"), ("labels", "label")
# What the parts of other programs are here.
SPLITS = {"train": "train", "training": "train", "test": "query", "query": "query", "validation": "database", "valid": "database", "val": "database",
          "database": "database"}
KINDS = {b"\xff\xd8": ".jpg", b"\x89PNG": ".png", b"GIF8": ".gif", b"RIFF": ".webp", b"II*\0": ".tif", b"MM\0*": ".tif", b"BM": ".bmp"}


def module(name: str, what: str) -> Any:
    """A module that only `what` needs."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ImportError(f"{what} needs {name.split('.')[0]}, which is not installed: {error}") from None


def tables_of(source: Any) -> Iterator[Tuple[Any, Optional[str], Dict[str, Any]]]:
    """The Arrow tables in a source, each with the name of its part and, by column, how numbers of classes are named."""
    if isinstance(source, (str, os.PathLike)):
        yield module("pyarrow.parquet", "a Parquet file").read_table(os.fspath(source)), None, {}
    elif isinstance(source, dict):  # a DatasetDict, or tables by name
        for name, part in source.items():
            for table, _, classes in tables_of(part):
                yield table, str(name), classes
    elif hasattr(source, "with_format") and hasattr(source, "features"):  # a Dataset of `datasets`, its pictures as they lie in it
        classes = {name: feature.int2str for name, feature in source.features.items() if hasattr(feature, "int2str")}
        yield source.with_format("arrow")[:], str(source.split) if source.split else None, classes
    elif hasattr(source, "to_batches"):
        yield source, None, {}
    elif hasattr(source, "columns") and hasattr(source, "iloc"):  # pandas
        yield module("pyarrow", "a DataFrame").Table.from_pandas(source, preserve_index=False), None, {}
    else:
        raise TypeError(f"{type(source).__name__} is no table, expected the path of a Parquet file, an Arrow table, a DataFrame, or a Dataset or "
                        "DatasetDict of Hugging Face")


def _column(table: Any, told: Optional[str], usual: Sequence[str]) -> Optional[str]:
    if told is not None:
        if told not in table.column_names:
            raise ValueError(f"the table has no column {told!r}: it has {', '.join(table.column_names)}")
        return told
    return next((name for name in usual if name in table.column_names), None)


def _write_picture(folder: Path, number: int, value: Any, file_name: Optional[str]) -> str:
    """A picture of a table, as bytes or as a dict of bytes and path, as a file of the folder; returns its name there."""
    content: Any = value.get("bytes") if isinstance(value, dict) else value
    path: Any = value.get("path") if isinstance(value, dict) else None
    if content is None and path is None:
        raise ValueError(f"row {number} has no picture")
    if content is None:
        name = file_name or f"images/{number:06}{Path(path).suffix}"
    else:
        kind = next((kind for start, kind in KINDS.items() if content.startswith(start)), ".bin")
        name = file_name or f"images/{number:06}{kind}"
    out = folder / name
    if Path(os.path.normpath(out)) != out or folder not in out.parents:
        raise ValueError(f"row {number} has the file name {name!r}, expected one below the folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        shutil.copyfile(path, out)
    else:
        out.write_bytes(content)
    return name


def _labels(value: Any, name_of: Any) -> List[str]:
    if value is None:
        return []
    values = value if isinstance(value, (list, tuple, np.ndarray)) else [value]
    return [str(name_of(v) if name_of is not None and isinstance(v, int) else v) for v in values]


def _is_picture(kind: Any) -> bool:
    """Whether an Arrow type is that of pictures: bytes, or a struct with bytes; vectors are lists."""
    name = str(kind)
    return name.startswith(("binary", "large_binary", "struct"))


def write_folder(source: Any, folder: Path, *, file_name: Optional[str], text: Optional[str], labels: Optional[str], split: Optional[str],
                 image: Optional[str], text_vectors: Optional[str]) -> None:
    """Writes tables as a data set into a folder that is new or empty: metadata.jsonl, pictures, arrays of vectors."""
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    folder = folder.resolve()
    vectors: Dict[str, List[Any]] = {"image": [], "text": []}
    number = 0
    with open(folder / "metadata.jsonl", "w", encoding="utf-8") as out:
        for table, part, classes in tables_of(source):
            columns = {"file_name": _column(table, file_name, FILE_NAMES), "text": _column(table, text, TEXTS),
                       "labels": _column(table, labels, LABELS), "split": _column(table, split, ("split",)),
                       "image": _column(table, image, ("image",)), "vectors": _column(table, text_vectors, ())}
            if not columns["file_name"] and not columns["image"]:
                raise ValueError(f"the table has no column with file names and none with pictures or vectors: it has {', '.join(table.column_names)}")
            pictures = columns["image"] is not None and _is_picture(table.schema.field(columns["image"]).type)
            for batch in table.select(sorted({name for name in columns.values() if name})).to_batches(max_chunksize=256):
                for row in batch.to_pylist():
                    values = {what: row[name] if name else None for what, name in columns.items()}
                    name = None if values["file_name"] is None else str(values["file_name"])
                    if pictures:
                        name = _write_picture(folder, number, values["image"], name)
                    elif columns["image"]:
                        vectors["image"].append(values["image"])
                    if columns["vectors"]:
                        vectors["text"].append(values["vectors"])
                    record: Dict[str, Any] = {"file_name": name if name is not None else str(number)}
                    if values["text"] is not None:
                        record["text"] = values["text"]
                    if columns["labels"]:
                        record["labels"] = _labels(values["labels"], classes.get(columns["labels"]))
                    told = values["split"] if columns["split"] else part
                    if told is not None:
                        if str(told) not in SPLITS:
                            raise ValueError(f"row {number} is of the split {told!r}, expected one of {', '.join(SPLITS)}")
                        record["split"] = SPLITS[str(told)]
                    out.write(json.dumps(record, ensure_ascii=False) + "\n")
                    number += 1
    for name, rows in vectors.items():
        if rows:
            np.save(folder / f"{name}.npy", np.asarray(rows, np.float32))


def records_table(dataset: Any) -> Any:
    """The records of a data set as an Arrow table."""
    pa = module("pyarrow", "an Arrow table")
    records = list(dataset)
    return pa.table({
        "file_name": pa.array([r.file_name for r in records], pa.string()),
        "text": pa.array([r.text for r in records], pa.string()),
        "labels": pa.array([list(r.labels) for r in records], pa.list_(pa.string())),
        "split": pa.array([r.split for r in records], pa.string()),
        "mask": pa.array([r.mask for r in records], pa.string()),
    })


def records_huggingface(dataset: Any) -> Any:
    """The records as a Dataset of Hugging Face, with a column of pictures where the files are there."""
    datasets = module("datasets", "a Dataset of Hugging Face")
    table = records_table(dataset)
    made = datasets.Dataset(table)
    paths = [str(dataset.folder / name) for name in table.column("file_name").to_pylist()]
    if paths and all(os.path.isfile(path) for path in paths):
        made = made.add_column("image", [{"bytes": None, "path": path} for path in paths]).cast_column("image", datasets.Image())
    return made
