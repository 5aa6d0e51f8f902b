"""Data sets: opened, written from arrays, converted, generated."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple, Union, overload

import numpy as np
from numpy.typing import NDArray

from adah import _native as native, _tables
from adah._native import NULL, Path_, ProgressFunction, ffi, lib

SPLITS = ("train", "query", "database")
SOURCES = {"metadata": 1, "sidecars": 2, "pictures": 4, "names": 8, "folders": 16}  # as adah_source numbers them


@dataclass(frozen=True)
class Record:
    """A pair of a data set."""

    file_name: str  # as in the metadata, relative to the folder
    text: str  # may be empty; several texts have a line each
    labels: Tuple[str, ...]
    split: str  # "train", "query" or "database"
    mask: Optional[str]  # image of the true objects, relative to the folder
    line: int  # in the metadata, from 1
    row: int  # in the arrays next to them


def dataset_options(keep: List[Any], strict: bool, ignore: Union[str, Sequence[str]], file_key: Optional[str], text_keys: Union[str, Sequence[str]],
                    label_keys: Union[str, Sequence[str]]) -> Any:
    """An adah_dataset_options; `keep` holds what it points to."""
    ignored, texts, labels = (_listed(names) for names in (ignore, text_keys, label_keys))
    for name in ignored:
        if name not in SOURCES:
            raise ValueError(f"{name!r} is no source, expected one of {', '.join(SOURCES)}")
    sources = None if not ignored else sum(SOURCES.values()) - sum(SOURCES[name] for name in set(ignored))
    return native.options("dataset", keep, strict=strict, sources=sources, file_key=file_key, text_keys=native.strings(texts, keep),
                          n_text_keys=len(texts), label_keys=native.strings(labels, keep), n_label_keys=len(labels))


class Dataset(Sequence[Record]):
    """A folder of pairs: `metadata.jsonl` or `metadata.csv`, and the pictures or arrays that it goes with.

    It is a sequence of `Record`s, and never changes. Any number of threads may use it.

        photos = adah.Dataset("photos")
        len(photos), photos[0].file_name
    """

    def __init__(self, folder: Path_, *, strict: bool = False, ignore: Union[str, Sequence[str]] = (), file_key: Optional[str] = None,
                 text_keys: Union[str, Sequence[str]] = (), label_keys: Union[str, Sequence[str]] = ()):
        """Opens a folder. strict: the first bad record is an error; otherwise bad ones are left out and counted (`n_skipped`).

        ignore: where texts and labels must not come from: "metadata", "sidecars" (files beside a picture), "pictures" (what is written into
        them), "names", "folders". file_key, text_keys, label_keys: what keys or columns of the metadata are called, where they are not what is
        understood anyway (docs/guide/collection.md)."""
        keep: List[Any] = []
        out = ffi.new("adah_dataset **")
        options = dataset_options(keep, strict, ignore, file_key, text_keys, label_keys)
        native.call(lib.adah_dataset_open, native.encode(folder), options, out)
        self._dataset = ffi.gc(out[0], lib.adah_dataset_close)
        self.labels: Tuple[str, ...] = tuple(native.text(lib.adah_dataset_label_name(self._dataset, i))
                                             for i in range(lib.adah_dataset_label_count(self._dataset)))

    @property
    def folder(self) -> Path:
        return Path(os.fsdecode(ffi.string(lib.adah_dataset_folder(self._dataset))))

    @property
    def n_skipped(self) -> int:
        """Bad records that were left out."""
        return int(lib.adah_dataset_skipped(self._dataset, NULL))

    @property
    def reasons(self) -> str:
        """Why the first few of them were, a line each."""
        out = ffi.new("const char **")
        lib.adah_dataset_skipped(self._dataset, out)
        return native.text(out[0])

    @property
    def notes(self) -> str:
        """What a person should know of how the metadata were understood, a line each."""
        return native.text(lib.adah_dataset_notes(self._dataset))

    @property
    def split_checksum(self) -> str:
        """32 hex digits over file names and splits: results of two places compare when it is the same."""
        out = ffi.new("char[33]")
        native.call(lib.adah_dataset_split_checksum, self._dataset, out)
        return native.text(out)

    def __len__(self) -> int:
        return int(lib.adah_dataset_count(self._dataset))

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> List[Record]: ...

    def __getitem__(self, index: Union[int, slice]) -> Union[Record, List[Record]]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        n = len(self)
        if not -n <= index < n:
            raise IndexError(f"record {index} of {n}")
        r = lib.adah_dataset_record(self._dataset, index % n)
        return Record(
            file_name=native.text(r.file_name),
            text=native.text(r.text),
            labels=tuple(self.labels[r.label[i]] for i in range(r.n_labels)),
            split=SPLITS[r.split],
            mask=native.text(r.mask) if r.mask else None,
            line=int(r.line),
            row=int(r.row),
        )

    def __iter__(self) -> Iterator[Record]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        return f"<adah.Dataset {str(self.folder)!r}: {len(self)} records, {len(self.labels)} labels>"

    def label_matrix(self) -> NDArray[np.bool_]:
        """(n, labels): which record has which label, as `adah.metrics` takes it."""
        matrix = np.zeros((len(self), len(self.labels)), np.bool_)
        for i in range(len(self)):
            r = lib.adah_dataset_record(self._dataset, i)
            for j in range(r.n_labels):
                matrix[i, r.label[j]] = True
        return matrix

    def to_arrow(self) -> Any:
        """The records as a pyarrow.Table: file_name, text, labels, split, mask. `pyarrow.parquet.write_table` makes a Parquet file of it."""
        return _tables.records_table(self)

    def to_pandas(self) -> Any:
        """The records as a pandas.DataFrame with the same columns."""
        columns = [(r.file_name, r.text, list(r.labels), r.split, r.mask) for r in self]
        return _tables.module("pandas", "a DataFrame").DataFrame(columns, columns=["file_name", "text", "labels", "split", "mask"])

    def to_huggingface(self) -> Any:
        """The records as a `datasets.Dataset`, with a column "image" of the pictures where their files are there."""
        return _tables.records_huggingface(self)

    # ---- made ----

    @classmethod
    def from_table(cls, table: Any, folder: Path_, *, file_name: Optional[str] = None, text: Optional[str] = None, labels: Optional[str] = None,
                   split: Optional[str] = None, image: Optional[str] = None, text_vectors: Optional[str] = None) -> "Dataset":
        """Writes a table as a data set into a folder that is new or empty, and opens it.

        table: the path of a Parquet file, a pyarrow.Table, a pandas.DataFrame, a `datasets.Dataset` of Hugging Face or a DatasetDict, whose
        parts become splits: "train" stays, "test" becomes "query", "validation" becomes "database". The others name columns, where they
        are not called file_name, text (or caption), labels (or label), split and image: image holds pictures (bytes, or Hugging Face's), which
        are written as files as they are, or vectors; text_vectors holds vectors of the texts. Classes get their names."""
        _tables.write_folder(table, Path(folder), file_name=file_name, text=text, labels=labels, split=split, image=image,
                             text_vectors=text_vectors)
        return cls(folder, strict=True)

    @classmethod
    def from_arrays(
        cls,
        folder: Path_,
        *,
        image: Any = None,
        text: Any = None,
        file_names: Optional[Sequence[str]] = None,
        texts: Optional[Sequence[Union[str, Sequence[str]]]] = None,
        labels: Optional[Sequence[Union[str, int, Sequence[Union[str, int]]]]] = None,
        splits: Optional[Sequence[str]] = None,
    ) -> "Dataset":
        """Writes the features of another encoder as a data set into a folder that is new or empty, and opens it.

        image, text: (n, D) vectors, (n, P, C) tokens or, of images, (n, C, H, W) maps; one may be missing. texts: what a search shows; labels:
        the classes of each record, by which training and `evaluate` tell what is alike; splits: "train", "query" or "database" of each;
        file_names: the numbers of the rows unless given."""
        arrays = {name: native.as_array(value) for name, value in (("image", image), ("text", text)) if value is not None}
        columns: Dict[str, Optional[Sequence[Any]]] = {"file_name": file_names, "text": texts, "labels": labels, "split": splits}
        lengths = {name: len(value) for name, value in [*arrays.items(), *columns.items()] if value is not None}
        if len(set(lengths.values())) != 1:
            raise ValueError(f"arrays of different lengths, or none: {lengths}")
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        if any(path.iterdir()):
            raise FileExistsError(f"{path} is not empty")
        for name, array in arrays.items():
            np.save(path / f"{name}.npy", np.ascontiguousarray(array, np.float32))
        with open(path / "metadata.jsonl", "w", encoding="utf-8") as file:
            for i in range(next(iter(lengths.values()))):
                record = {"file_name": str(i), **{name: _plain(column[i]) for name, column in columns.items() if column is not None}}
                file.write(json.dumps(record, ensure_ascii=False) + "\n")
        return cls(folder, strict=True)

    @classmethod
    def synth(cls, folder: Path_, *, n_scenes: Optional[int] = None, n_side: Optional[int] = None, query_share: Optional[float] = None,
              seed: Optional[int] = None) -> "Dataset":
        """Writes generated scenes with captions, labels and true masks, and opens them: 2,400 of 64 pixels a side unless told."""
        keep: List[Any] = []
        options = native.options("synth", keep, n_scenes=n_scenes, n_side=n_side, query_share=query_share, seed=seed)
        native.call(lib.adah_synth_write, native.encode(folder), options)
        return cls(folder)

    @classmethod
    def convert(cls, format: str, source: Union[Path_, Sequence[Path_]], folder: Path_, *,
                progress: Union[bool, ProgressFunction, None] = None, **options: Any) -> "Dataset":
        """Writes a data set of the field as a folder in our form, and opens it.

        format: one of `adah.dataset_formats()`, as "mirflickr", "nus-wide", "iapr", "coco" or "mat" (wikiData.mat and DCMH's files);
        source: its folder, or its files. options: the fields of adah_convert_options (data.h): images, n_concepts, n_queries, n_train,
        query_share, seed, without_pictures, ..."""
        keep: List[Any] = []
        sources = [source] if isinstance(source, (str, os.PathLike)) else list(source)
        filled = native.options("convert", keep, **options)
        native.call_long(lib.adah_convert, [native.encode(format), native.strings([os.fspath(s) for s in sources], keep), len(sources),
                                            native.encode(folder), filled], progress, NULL)
        return cls(folder)


def _listed(names: Union[str, Sequence[str]]) -> List[str]:
    return [names] if isinstance(names, str) else list(names)


def _plain(value: Any) -> Any:
    """What JSON can hold of a value of a column, which may come from NumPy or pandas."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    return [_plain(v) for v in value] if isinstance(value, (list, tuple)) else value


def dataset_formats() -> List[Tuple[str, str]]:
    """What `Dataset.convert` reads: the name of each format, and what to give it."""
    formats: List[Tuple[str, str]] = []
    source = ffi.new("const char **")
    while True:
        name = lib.adah_convert_format(len(formats), source)
        if not name:
            return formats
        formats.append((native.text(name), native.text(source[0])))
