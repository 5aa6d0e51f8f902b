"""Collections of codes in a file: made, searched, changed, exchanged."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from adah import _native as native, _tables
from adah._data import Dataset, dataset_options
from adah._model import Encoded, Model
from adah._native import NULL, SIZE_MAX, Path_, ProgressFunction, ffi, lib

METHODS = {"auto": 0, "scan": 1, "tables": 2}
HIT = np.dtype([("id", np.uint64), ("row", np.uint64), ("distance", np.uint32), ("score", np.float32), ("words", np.float32),
                ("order", np.float32)])  # an adah_search_hit
EXCHANGE = {"npy": 0, "faiss-flat": 1, "faiss-ivf": 2}

Codes = Union[Encoded, NDArray[np.uint8], Any]


class Hits:
    """The answers to one query, best first, as arrays of n values."""

    def __init__(self, hits: NDArray[np.void]):
        self.array = hits  # (n,) with the fields id, row, distance, score, words, order

    def __len__(self) -> int:
        return len(self.array)

    @property
    def ids(self) -> NDArray[np.uint64]:
        return self.array["id"]

    @property
    def rows(self) -> NDArray[np.uint64]:
        """Places in this state of the index, for `Index.record`."""
        return self.array["row"]

    @property
    def distances(self) -> NDArray[np.uint32]:
        """Bits in which the codes differ; NO_DISTANCE where words alone have found the record."""
        return self.array["distance"]

    @property
    def scores(self) -> NDArray[np.float32]:
        """In the fine order what hits are ordered by, from -1 to 1, NO_SCORE where a record has no vector; else 0."""
        return self.array["score"]

    @property
    def words(self) -> NDArray[np.float32]:
        """The share of the words of the query that a record has, where words were given."""
        return self.array["words"]

    def to_pandas(self) -> Any:
        """A pandas.DataFrame with the columns id, row, distance, score, words, order."""
        return _tables.module("pandas", "a DataFrame").DataFrame({name: self.array[name] for name in self.array.dtype.names or ()})

    def to_arrow(self) -> Any:
        """A pyarrow.Table with the same columns."""
        return _tables.module("pyarrow", "an Arrow table").table({name: self.array[name].copy() for name in self.array.dtype.names or ()})

    def __repr__(self) -> str:
        return f"<adah.Hits ids {self.ids.tolist()}, distances {self.distances.tolist()}>"


@dataclass(frozen=True, eq=False)
class IndexRecord:
    """What an index knows of a record."""

    id: int
    file_name: str
    text: str
    labels: Tuple[str, ...]
    image_code: Optional[NDArray[np.uint8]]  # (n_bits / 8)
    text_code: Optional[NDArray[np.uint8]]
    image_fine: Optional[NDArray[np.int8]]  # vectors for the fine order
    text_fine: Optional[NDArray[np.int8]]


@dataclass(frozen=True)
class AddCounts:
    """What became of the records of a data set."""

    n_added: int
    n_replaced: int
    n_unreadable: int  # left out, as their image cannot be read
    reasons: str  # why the first few were, a line each
    n_texts_unknown: int  # records whose text has no word that the model knows


@dataclass(frozen=True)
class SyncCounts:
    """What became of the records of an index that was made to agree with a folder."""

    n_added: int
    n_replaced: int
    n_deleted: int
    n_unchanged: int
    n_unreadable: int  # left out, as their image cannot be read, or is not there
    reasons: str  # why the first few were, a line each
    n_texts_unknown: int  # records whose text has no word that the model knows, of those that were added or replaced


class Index:
    """A collection of codes in a file. An object shows one state of it, which others may search at the same time; what this object changes,
    it shows afterwards, and `refresh` shows what others have changed.

        index = adah.Index.create("photos.adah", model, adah.Dataset("photos"))
        hits = index.search(model.encode_texts(["boat on a lake"]), to="image", k=10)[0]
        [index.record(row).file_name for row in hits.rows]
    """

    def __init__(self, path: Path_):
        """Opens an index, in time that does not grow with its records."""
        out = ffi.new("adah_index **")
        native.call(lib.adah_index_open, native.encode(path), out)
        self._index = ffi.gc(out[0], lib.adah_index_close)
        self.path = os.fspath(path)
        self.n_bits = int(lib.adah_index_bits(self._index))

    @classmethod
    def create(cls, path: Path_, model: Optional[Model] = None, dataset: Optional[Dataset] = None, *, n_bits: Optional[int] = None,
               replace: bool = False, strict: bool = False, cache_folder: Optional[Path_] = None,
               progress: Union[bool, ProgressFunction, None] = None) -> "Index":
        """Publishes an index and opens it: of all records of a data set, encoded by a model; or an empty one, of a model, or of n_bits bits for
        codes of any program. ExistsError: there is a file, and `replace` is not true (an index of about as many records is replaced by
        one of a data set all the same, as it is the same collection made again)."""
        if dataset is not None:
            if model is None:
                raise ValueError("a data set is encoded by a model: give one")
            keep: List[Any] = []
            options = native.options("encode", keep, strict=strict, cache_folder=cache_folder, precision=model._precision)
            native.call_long(lib.adah_index_create, [model._model, dataset._dataset, native.encode(path), replace, options], progress, NULL)
        else:
            if n_bits is None and model is None:
                raise ValueError("an empty index needs n_bits or a model")
            if os.path.exists(path) and not replace:
                raise native.ExistsError(f"{os.fspath(path)} is there: replace=True replaces it")
            out = ffi.new("adah_index_writer **")
            bits = model.n_bits if model is not None and n_bits is None else n_bits
            native.call(lib.adah_index_writer_create, native.encode(path), model._model if model is not None else NULL, bits, out)
            lib.adah_index_writer_close(out[0])
        return cls(path)

    # ---- what is in it ----

    def __len__(self) -> int:
        return int(lib.adah_index_count(self._index))

    def __repr__(self) -> str:
        return f"<adah.Index {self.path!r}: {len(self)} records of {self.n_bits} bits>"

    @property
    def labels(self) -> Tuple[str, ...]:
        return tuple(native.text(lib.adah_index_label_name(self._index, i)) for i in range(lib.adah_index_label_count(self._index)))

    def n_fine(self, modality: str) -> int:
        """Values of the vectors for the fine order beside the codes of one modality; 0: no record has one."""
        return int(lib.adah_index_fine(self._index, native.modality(modality)))

    def record(self, row: int) -> IndexRecord:
        """The record in a row of this state. NotFoundError: it is deleted."""
        entry = ffi.gc(ffi.new("adah_index_entry *"), lib.adah_index_entry_free)
        native.call(lib.adah_index_record, self._index, int(row), entry)
        return self._record(entry)

    def __getitem__(self, id: int) -> IndexRecord:
        """The record with an id. NotFoundError: there is none."""
        row = ffi.new("uint64_t *")
        if not lib.adah_index_find(self._index, int(id), row):
            native.call(lib.adah_index_check, self._index)
            raise native.NotFoundError(f"{self.path}: there is no record with the id {id}")
        return self.record(row[0])

    def __contains__(self, id: object) -> bool:
        return isinstance(id, (int, np.integer)) and bool(lib.adah_index_find(self._index, int(id), ffi.new("uint64_t *")))

    def __iter__(self) -> Iterator[IndexRecord]:
        """All records, in the order of their rows."""
        for row in range(lib.adah_index_rows(self._index)):
            try:
                yield self.record(row)
            except native.NotFoundError:  # it is deleted
                pass

    def stats(self) -> Dict[str, Any]:
        """Counts and sizes."""
        out = ffi.new("char **")
        native.call(lib.adah_index_stats, self._index, out)
        owned = ffi.gc(out[0], lib.adah_free)
        value: Dict[str, Any] = json.loads(ffi.string(owned))
        return value

    def refresh(self) -> "Index":
        """Shows the newest state from now on: what this or another process has committed. Returns itself."""
        out = ffi.new("adah_index **")
        native.call(lib.adah_index_latest, self._index, out)
        self._index = ffi.gc(out[0], lib.adah_index_close)
        return self

    def check_model(self, model: Model) -> None:
        """MismatchError when the index was made by another model."""
        native.call(lib.adah_index_check_model, self._index, model._model)

    @staticmethod
    def verify(path: Path_) -> None:
        """Reads the whole file and checks every checksum, every record and every search table."""
        native.call(lib.adah_index_verify, native.encode(path))

    # ---- search ----

    def search(
        self,
        queries: Codes,
        *,
        to: str = "image",
        k: Optional[int] = 10,
        radius: Optional[int] = None,
        labels: Optional[Sequence[str]] = None,
        only: Any = None,
        exclude: Optional[int] = None,
        accept: Optional[Callable[[IndexRecord], Any]] = None,
        order: Optional[str] = None,
        n_candidates: Optional[int] = None,
        n_rerank: Optional[int] = None,
        words: Optional[Sequence[str]] = None,
        cut_off: bool = False,
        method: str = "auto",
    ) -> List[Hits]:
        """The nearest records of each of n queries among the codes of the modality `to`, exactly.

        queries: what a model encoded, or codes (n, n_bits / 8) uint8. k: at most so many hits; None: all within the radius. radius: at most
        so many bits differ. labels: only records that have one of them; only: ids, nothing else is found; exclude: an id that is not found,
        the query itself; accept: a function of an IndexRecord that says whether it counts, asked of what could become a hit (slow).
        order: "bits", by distance; "fine", the n_candidates nearest by their vectors; None: fine where queries and index have vectors;
        "relaxed": the n_rerank nearest by the real-valued codes of the queries. words: a text a query, whose words are looked for in texts,
        labels and file names, too.
        cut_off: what is too far to be an answer is left out. method: "auto", "scan" or "tables", which all give the same hits."""
        keep: List[Any] = []
        encoded = queries if isinstance(queries, Encoded) else None
        codes = native.codes_of(encoded.codes if encoded else queries, self.n_bits, "queries")
        n = len(codes)
        if n == 0:
            return []
        if method not in METHODS:
            raise ValueError(f"{method!r} is no method, expected one of {', '.join(METHODS)}")
        options = native.options("search", keep, k=SIZE_MAX if k is None else k, radius=radius, exclude=exclude, method=METHODS[method],
                                 cut_off=cut_off)
        if labels is not None:
            options.label, options.n_labels = native.strings(labels, keep), len(labels)
            if not len(labels):
                raise ValueError("labels are none, so that nothing could be found; None: any")
        if only is not None:
            ids = np.ascontiguousarray(np.asarray(only).ravel(), np.uint64)
            keep.append(ids)
            options.only, options.n_only = native.pointer("uint64_t", ids), len(ids)
            keep.append(options.only)
        self._set_order(options, encoded, order, n_candidates, n_rerank, keep)
        if words is not None:
            if len(words) != n:
                raise ValueError(f"words: {len(words)} texts for {n} queries")
            options.words = native.strings(words, keep)
        raised: List[BaseException] = []
        if accept is not None:
            options.accept = self._accept(accept, raised, keep)
        results = ffi.new("adah_search_result[]", n)
        native.call(lib.adah_index_search, self._index, native.modality(to), native.pointer("uint8_t", codes), n, options, results)
        found = []
        for i in range(n):
            hits = native.copied("adah_search_hit", results[i].hits, HIT, (int(results[i].n_hits),))
            found.append(Hits(hits))
            lib.adah_search_result_free(ffi.addressof(results, i))
        if raised:
            raise raised[0]
        return found

    def _set_order(self, options: Any, encoded: Optional[Encoded], order: Optional[str], n_candidates: Optional[int], n_rerank: Optional[int],
                   keep: List[Any]) -> None:
        if order not in (None, "bits", "fine", "relaxed"):
            raise ValueError(f"{order!r} is no order, expected 'bits', 'fine' or 'relaxed'")
        if order == "relaxed":
            if encoded is None or encoded.relaxed is None:
                raise native.MismatchError("the queries have no real-valued codes to order by")
            relaxed = np.ascontiguousarray(encoded.relaxed, np.float32)
            keep.append(relaxed)
            options.relaxed, options.n_rerank = native.pointer("float", relaxed), n_rerank or 0
        elif order != "bits":
            fine = encoded.fine if encoded is not None else None
            of = native.modality(encoded.modality) if encoded is not None else 0
            fault = lib.adah_index_cannot_order(self._index, of, 0 if fine is None else fine.shape[1])
            if fault:
                if order == "fine":
                    raise native.MismatchError(f"the order is fine, but {native.text(fault)}")
                return
            assert fine is not None
            fine = np.ascontiguousarray(fine, np.int8)
            keep.append(fine)
            options.fine, options.n_fine, options.fine_of = native.pointer("int8_t", fine), fine.shape[1], of
            options.n_candidates = n_candidates or 0

    def _accept(self, accept: Callable[[IndexRecord], Any], raised: List[BaseException], keep: List[Any]) -> Any:
        """A C function that asks `accept`, from any thread; what it raises is kept, and nothing is accepted any more."""
        def on_raise(kind: Any, error: BaseException, trace: Any) -> None:
            raised.append(error)

        def ask(context: Any, entry: Any) -> int:
            return 0 if raised else int(bool(accept(self._record(entry))))

        function = ffi.callback("int(void *, const adah_index_entry *)", ask, error=0, onerror=on_raise)
        keep.append(function)
        return function

    def _record(self, entry: Any) -> IndexRecord:
        def code(address: Any) -> Any:
            return native.copied("uint8_t", address, np.uint8, (self.n_bits // 8,)) if address else None

        def fine(address: Any, modality: int) -> Any:
            return native.copied("int8_t", address, np.int8, (int(lib.adah_index_fine(self._index, modality)),)) if address else None

        return IndexRecord(
            id=int(entry.id),
            file_name=native.text(entry.file_name),
            text=native.text(entry.text),
            labels=tuple(native.text(lib.adah_index_label_name(self._index, entry.label[i])) for i in range(entry.n_labels)),
            image_code=code(entry.image_code),
            text_code=code(entry.text_code),
            image_fine=fine(entry.image_fine, 0),
            text_fine=fine(entry.text_fine, 1),
        )

    # ---- changes ----

    def add(
        self,
        *,
        image: Optional[Codes] = None,
        text: Optional[Codes] = None,
        file_names: Optional[Sequence[str]] = None,
        texts: Optional[Sequence[str]] = None,
        labels: Optional[Sequence[Sequence[str]]] = None,
        ids: Any = None,
    ) -> NDArray[np.uint64]:
        """Adds n records in one batch, which others see, and a crash leaves, whole or not at all. Returns their ids.

        image, text: codes of either side, one of which may be missing: what a model encoded (with the vectors for the fine order), or
        (n, n_bits / 8) uint8. file_names, texts, labels: what a search shows of each. ids: the next free ones unless given.
        ExistsError: one is taken; nothing was added."""
        return self._write(lib.adah_index_writer_add, image, text, file_names, texts, labels, ids)

    def replace(
        self,
        ids: Any,
        *,
        image: Optional[Codes] = None,
        text: Optional[Codes] = None,
        file_names: Optional[Sequence[str]] = None,
        texts: Optional[Sequence[str]] = None,
        labels: Optional[Sequence[Sequence[str]]] = None,
    ) -> None:
        """Replaces the n records that have these ids, in one batch. NotFoundError: one is not there; nothing was replaced."""
        def replace(writer: Any, item: Any, _: Any, status: Any) -> Any:
            return lib.adah_index_writer_replace(writer, item, status)

        self._write(replace, image, text, file_names, texts, labels, np.atleast_1d(np.asarray(ids)))

    def delete(self, ids: Any) -> None:
        """Deletes the records that have these ids, in one batch. NotFoundError: one is not there; nothing was deleted."""
        writer = self._writer()
        for id in np.atleast_1d(np.asarray(ids)):
            native.call(lib.adah_index_writer_delete, writer, int(id))
        native.call(lib.adah_index_writer_commit, writer)
        self.refresh()

    def add_dataset(self, model: Model, dataset: Dataset, *, strict: bool = False, cache_folder: Optional[Path_] = None,
                    progress: Union[bool, ProgressFunction, None] = None) -> AddCounts:
        """Adds all records of a data set, encoded by the model of the index, in batches of 10,000. A record whose file name is in the index
        replaces that one and keeps its id, so that adding them again does no harm."""
        keep: List[Any] = []
        counts = ffi.new("adah_index_add_counts *")
        options = native.options("encode", keep, strict=strict, cache_folder=cache_folder, precision=model._precision)
        native.call_long(lib.adah_index_add_dataset, [model._model, dataset._dataset, native.encode(self.path), options], progress, counts)
        self.refresh()
        return AddCounts(int(counts.n_added), int(counts.n_replaced), int(counts.n_unreadable), native.text(counts.reasons),
                         int(counts.n_texts_unknown))

    @staticmethod
    def sync(path: Path_, model: Model, folder: Path_, *, dry_run: bool = False, may_delete: Union[bool, Callable[[int, int], Any]] = False,
             strict: bool = False, ignore: Union[str, Sequence[str]] = (), file_key: Optional[str] = None,
             text_keys: Union[str, Sequence[str]] = (), label_keys: Union[str, Sequence[str]] = (), cache_folder: Optional[Path_] = None,
             progress: Union[bool, ProgressFunction, None] = None) -> SyncCounts:
        """Makes an index agree with a folder of pictures, and makes the index where there is none: adds what is new, replaces what has changed and
        keeps its id, deletes what is gone. What was done stays when it is stopped, and the next call goes on. Open indexes show it after `refresh`.

            adah.Index.sync("photos.adah", model, "photos")

        dry_run: nothing is changed, only counted. may_delete: whether more than a fifth of the records may be deleted, or a function that is asked,
        with how many of how many; ExistsError: they may not, and nothing was changed. ignore, file_key, text_keys, label_keys: as of `Dataset`."""
        keep: List[Any] = []
        raised: List[BaseException] = []

        def ask(_: Any, n: int, n_all: int) -> int:
            return int(bool(may_delete(int(n), int(n_all)) if callable(may_delete) else may_delete))

        def on_raise(kind: Any, error: BaseException, trace: Any) -> None:
            raised.append(error)

        function = ffi.callback("int(void *, uint64_t, uint64_t)", ask, error=0, onerror=on_raise)
        data = dataset_options(keep, strict, ignore, file_key, text_keys, label_keys)
        encode = native.options("encode", keep, strict=strict, cache_folder=cache_folder, precision=model._precision)
        options = native.options("sync", keep, dry_run=dry_run, data=data, encode=encode, may_delete=function)
        counts = ffi.new("adah_sync_counts *")
        try:
            native.call_long(lib.adah_index_sync, [model._model, native.encode(folder), native.encode(path), options], progress, counts, NULL)
        except native.AdahError:
            if raised:
                raise raised[0] from None
            raise
        return SyncCounts(int(counts.n_added), int(counts.n_replaced), int(counts.n_deleted), int(counts.n_unchanged), int(counts.n_unreadable),
                          native.text(counts.reasons), int(counts.n_texts_unknown))

    def compact(self, *, progress: Union[bool, ProgressFunction, None] = None) -> None:
        """Writes the file anew without what is deleted, with search tables where they pay."""
        native.call_long(lib.adah_index_writer_compact, [self._writer()], progress)
        self.refresh()

    def export(self, modality: str, path: Path_, format: str = "npy") -> None:
        """Writes the codes of one modality for other programs: "npy" (with PATH.ids), "faiss-flat" or "faiss-ivf"."""
        native.call(lib.adah_index_export, self._index, native.modality(modality), _exchange(format), native.encode(path))

    def _writer(self) -> Any:
        out = ffi.new("adah_index_writer **")
        native.call(lib.adah_index_writer_open, native.encode(self.path), out)
        return ffi.gc(out[0], lib.adah_index_writer_close)

    def _write(self, write: Any, image: Optional[Codes], text: Optional[Codes], file_names: Optional[Sequence[str]],
               texts: Optional[Sequence[str]], labels: Optional[Sequence[Sequence[str]]], ids: Any) -> NDArray[np.uint64]:
        sides = [_Side(image, self.n_bits, "image"), _Side(text, self.n_bits, "text")]
        columns = {"image": sides[0].codes, "text": sides[1].codes, "file_names": file_names, "texts": texts, "labels": labels, "ids": ids}
        lengths = {name: len(column) for name, column in columns.items() if column is not None}
        if len(set(lengths.values())) > 1 or not {"image", "text"} & lengths.keys():
            raise ValueError(f"codes of a side and what belongs to them must be of one length: {lengths}")
        if labels is not None and any(isinstance(names, str) for names in labels):
            raise ValueError("labels are a list of names for each record")
        n = next(iter(lengths.values()))
        given = np.empty(n, np.uint64)
        writer, item, id = self._writer(), ffi.new("adah_index_item *"), ffi.new("uint64_t *")
        for i in range(n):
            keep: List[Any] = []
            item.id = native.NO_ID if ids is None else int(ids[i])
            for name, column in (("file_name", file_names), ("text", texts)):
                value = ffi.new("char[]", native.encode("" if column is None else column[i]))
                keep.append(value)
                setattr(item, name, value)
            names = [] if labels is None else [str(name) for name in labels[i]]
            item.label, item.n_labels = native.strings(names, keep), len(names)
            item.image_code, item.image_fine, item.n_image_fine = sides[0].item(i)
            item.text_code, item.text_fine, item.n_text_fine = sides[1].item(i)
            native.call(write, writer, item, id)
            given[i] = id[0]
        native.call(lib.adah_index_writer_commit, writer)
        self.refresh()
        return given


class _Side:
    """The codes of one side of records, and their vectors."""

    def __init__(self, given: Optional[Codes], n_bits: int, name: str):
        self.codes: Optional[NDArray[np.uint8]] = None
        self.fine: Optional[NDArray[np.int8]] = None
        if isinstance(given, Encoded):
            self.fine = None if given.fine is None else np.ascontiguousarray(given.fine, np.int8)
        if given is not None:
            self.codes = native.codes_of(given.codes if isinstance(given, Encoded) else given, n_bits, f"codes of {name}s")

    def item(self, i: int) -> Tuple[Any, Any, int]:
        if self.codes is None:
            return NULL, NULL, 0
        if self.fine is None:
            return native.pointer("uint8_t", self.codes[i]), NULL, 0
        return native.pointer("uint8_t", self.codes[i]), native.pointer("int8_t", self.fine[i]), self.fine.shape[1]


def _exchange(format: str) -> int:
    if format not in EXCHANGE:
        raise ValueError(f"{format!r} is no format, expected one of {', '.join(EXCHANGE)}")
    return EXCHANGE[format]


def set_patience(seconds: float) -> None:
    """How long a change of an index waits in this process while another writer has it; at first not at all."""
    lib.adah_set_patience(float(seconds))
