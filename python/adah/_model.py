"""Models: learned, opened, and the codes that they make."""

from __future__ import annotations

import json
import os
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from adah import _native as native
from adah._data import Dataset
from adah._native import NULL, Path_, ProgressFunction, ffi, lib

PRECISIONS = {"as_trained": 0, "float32": 1, "bfloat16": 2}


@dataclass(frozen=True, eq=False)
class Encoded:
    """Codes of n items of one modality, and what belongs to them."""

    modality: str  # "image" or "text"
    codes: NDArray[np.uint8]  # (n, n_bits / 8); bit i is bit i & 7 of byte i >> 3
    relaxed: Optional[NDArray[np.float32]]  # (n, n_bits) in (-1, 1), of which the codes are the signs; None: not kept
    fine: Optional[NDArray[np.int8]]  # (n, n_fine): vectors for the fine order; None: the model makes none

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> "Encoded":
        """Some of the items: an index, a slice, or an array of either."""
        if isinstance(rows, (int, np.integer)):
            rows = [rows]
        return Encoded(self.modality, self.codes[rows], None if self.relaxed is None else self.relaxed[rows],
                       None if self.fine is None else self.fine[rows])


@dataclass(frozen=True, eq=False)
class DatasetCodes:
    """Codes of a data set."""

    image: Encoded
    text: Encoded
    record: NDArray[np.uint64]  # (n): the record of each in the data set, ascending
    n_skipped: int  # records left out, as their image cannot be read
    reasons: str  # why the first few were, a line each
    n_texts_unknown: int  # records whose text has no word that the model knows


@dataclass(frozen=True, eq=False)
class AttentionMap:
    """Where a model looks in an image."""

    probability: NDArray[np.float32]  # (height, width), sums to 1
    mask: NDArray[np.bool_]  # (height, width): what is attended


class _Open:
    """A model of the library and the encoders made of it, which go before it. They are closed here, as Python's collector would close what belongs
    together in any order, at the end of the process above all."""

    def __init__(self, model: Any):
        self.model = model
        self.encoders: List[Any] = []  # those that no thread uses at the moment

    def __del__(self, close_encoder: Any = lib.adah_encoder_close, close_model: Any = lib.adah_model_close) -> None:
        for encoder in self.encoders:
            close_encoder(encoder)
        close_model(self.model)


Image = Any  # a path, the bytes of a file, or pixels (height, width, 3) uint8


class Model:
    """A model: makes codes of images, texts and features. It never changes, and any number of threads may use it.

        model = adah.Model("photos.safetensors")
        model.encode_texts(["boat on a lake"]).codes
    """

    def __init__(self, path: Path_, *, precision: str = "as_trained"):
        """Opens a model file. precision: "as_trained", "float32" or "bfloat16" (where the processor multiplies it)."""
        out = ffi.new("adah_model **")
        native.call(lib.adah_model_open, native.encode(path), out)
        self._open = _Open(out[0])
        self._model = out[0]
        if precision not in PRECISIONS:
            raise ValueError(f"{precision!r} is no precision, expected one of {', '.join(PRECISIONS)}")
        self._precision = PRECISIONS[precision]
        self._lock = threading.Lock()
        self.path = os.fspath(path)
        self.n_bits = int(lib.adah_model_bits(self._model))
        self.takes_texts = bool(lib.adah_model_takes_text(self._model))
        self.takes_images = bool(lib.adah_model_takes_images(self._model))
        self.has_attention = bool(lib.adah_model_has_attention(self._model))

    def __repr__(self) -> str:
        return f"<adah.Model {self.path!r}: {self.n_bits} bits>"

    @property
    def description(self) -> Dict[str, Any]:
        """Everything that the file tells of the model: settings, and under "training" the record of its training."""
        value: Dict[str, Any] = json.loads(ffi.string(lib.adah_model_json(self._model)))
        return value

    @property
    def history(self) -> List[Dict[str, Any]]:
        """What every epoch of its training measured, an object each: `pandas.DataFrame(model.history)`. Empty where nothing was trained."""
        return list(self.description.get("training", {}).get("history", []))

    @property
    def id(self) -> str:
        """32 hex digits: a checksum of all that encodes."""
        return native.text(lib.adah_model_id(self._model))

    def n_fine(self, modality: str) -> int:
        """Values of a vector for the fine order of one modality; 0: the model makes none."""
        return int(lib.adah_model_fine(self._model, native.modality(modality)))

    def n_values(self, modality: str) -> int:
        """Values of an item of one modality where the model takes it as features; 0: it takes words or pictures."""
        return int(lib.adah_model_feature_values(self._model, native.modality(modality)))

    # ---- single items ----

    @contextmanager
    def _encoder(self) -> Iterator[Any]:
        """An encoder, which one thread has at a time."""
        with self._lock:
            encoder = self._open.encoders.pop() if self._open.encoders else None
        if encoder is None:
            keep: List[Any] = []
            out = ffi.new("adah_encoder **")
            native.call(lib.adah_encoder_create, self._model, native.options("encoder", keep, precision=self._precision), out)
            encoder = out[0]
        try:
            yield encoder
        finally:
            with self._lock:
                self._open.encoders.append(encoder)

    def _encode(self, modality: str, items: Sequence[Any], one: Any) -> Encoded:
        n, n_fine = len(items), self.n_fine(modality)
        codes = np.empty((n, self.n_bits // 8), np.uint8)
        relaxed = np.empty((n, self.n_bits), np.float32)
        fine = np.empty((n, n_fine), np.int8) if n_fine else None
        with self._encoder() as encoder:
            for i, item in enumerate(items):
                one(encoder, item, native.pointer("uint8_t", codes[i]))
                ffi.memmove(ffi.from_buffer(relaxed[i]), lib.adah_encoder_relaxed(encoder), relaxed[i].nbytes)
                if fine is not None:
                    ffi.memmove(ffi.from_buffer(fine[i]), lib.adah_encoder_fine(encoder), n_fine)
        return Encoded(modality, codes, relaxed, fine)

    def encode_texts(self, texts: Union[str, Sequence[str]]) -> Encoded:
        """Codes (n, n_bits / 8) of n texts. UnknownWordError: one of them has no word that the model knows."""
        def one(encoder: Any, item: str, code: Any) -> None:
            native.call(lib.adah_encode_text, encoder, native.encode(item), code)

        return self._encode("text", [texts] if isinstance(texts, str) else list(texts), one)

    def encode_images(self, images: Union[Image, Sequence[Image]]) -> Encoded:
        """Codes (n, n_bits / 8) of n images, each the path of a file, the bytes of one, or pixels (height, width, 3) of sRGB in uint8; what
        `numpy.asarray` makes such pixels of, as a PIL image in the mode RGB, is taken, too. The code is the same to the bit in each way,
        as long as the pixels are those of the file in full."""
        def one(encoder: Any, item: Image, code: Any) -> None:
            if isinstance(item, (str, os.PathLike)):
                native.call(lib.adah_encode_image_file, encoder, native.encode(item), code)
            else:
                data = item if isinstance(item, (bytes, bytearray, memoryview)) else _png(native.as_array(item))
                native.call(lib.adah_encode_image_bytes, encoder, ffi.from_buffer("uint8_t[]", data), len(data), code)

        return self._encode("image", _images(images), one)

    def attend_images(self, images: Union[Image, Sequence[Image]]) -> List[AttentionMap]:
        """Where the model looks in each of n images, given as to `encode_images`."""
        maps = []
        out = ffi.new("adah_attention_map *")
        with self._encoder() as encoder:
            for item in _images(images):
                if isinstance(item, (str, os.PathLike)):
                    native.call(lib.adah_attend_image_file, encoder, native.encode(item), out)
                else:
                    data = item if isinstance(item, (bytes, bytearray, memoryview)) else _png(native.as_array(item))
                    native.call(lib.adah_attend_image_bytes, encoder, ffi.from_buffer("uint8_t[]", data), len(data), out)
                shape = (int(out.n_height), int(out.n_width))
                maps.append(AttentionMap(native.copied("float", out.probability, np.float32, shape),
                                         native.copied("uint8_t", out.mask, np.uint8, shape).astype(np.bool_)))
                lib.adah_attention_map_free(out)
        return maps

    # ---- many ----

    def encode_features(self, modality: str, features: Any, *, progress: Union[bool, ProgressFunction, None] = None) -> Encoded:
        """Codes (n, n_bits / 8) of n items of another encoder's features, (n, ...) as the model learned from them; one item without the first
        dimension is a row. float32 that lies row by row is read where it is. All cores work."""
        side, n_values = native.modality(modality), self.n_values(modality)
        array = np.ascontiguousarray(native.as_array(features), np.float32)
        if not n_values:
            raise native.MismatchError(f"the model takes no features of the side {modality}")
        if array.size % n_values or (array.size != n_values and int(np.prod(array.shape[1:])) != n_values):
            raise native.MismatchError(f"features have the shape {array.shape}, expected (n, ...) with {n_values} values each")
        rows = ffi.new("adah_features *", {"n": array.size // n_values, "n_values": n_values, "values": native.pointer("float", array)})
        keep: List[Any] = []
        codes = _new_codes()
        options = native.options("encode", keep, precision=self._precision, keep_real=1)
        native.call_long(lib.adah_encode_feature_rows, [self._model, side, rows, options], progress, codes)
        return _encoded(codes, modality, side)

    def encode_dataset(self, dataset: Dataset, *, strict: bool = False, keep_relaxed: bool = False, cache_folder: Optional[Path_] = None,
                       progress: Union[bool, ProgressFunction, None] = None) -> DatasetCodes:
        """Codes of both sides of every record. All cores work, and memory does not grow with the data set but by the codes.

        strict: the first image that cannot be read is an error; otherwise such records are left out and counted."""
        codes = self._dataset_codes(dataset, strict, keep_relaxed, cache_folder, progress)
        return DatasetCodes(
            image=_encoded(codes, "image", 0),
            text=_encoded(codes, "text", 1),
            record=_viewed(codes, codes.record, np.uint64, (int(codes.n),)),
            n_skipped=int(codes.n_skipped),
            reasons=native.text(codes.reasons),
            n_texts_unknown=int(codes.n_texts_unknown),
        )

    def _dataset_codes(self, dataset: Dataset, strict: bool, keep_relaxed: bool, cache_folder: Optional[Path_],
                       progress: Union[bool, ProgressFunction, None]) -> Any:
        keep: List[Any] = []
        codes = _new_codes()
        options = native.options("encode", keep, strict=strict, keep_real=keep_relaxed, cache_folder=cache_folder, precision=self._precision)
        native.call_long(lib.adah_encode_dataset, [self._model, dataset._dataset, options], progress, codes)
        return codes


# ---------------------------------------------------------------- training


def train(
    dataset: Dataset,
    path: Path_,
    *,
    progress: Union[bool, ProgressFunction, None] = None,
    settings: Optional[Mapping[str, Union[str, int, float]]] = None,
    resume: bool = False,
    preset: Optional[str] = None,
    method: Optional[str] = None,
    backbone: Optional[str] = None,
    weights: Optional[Path_] = None,
    text_weights: Optional[Path_] = None,
    text_prefix: Optional[str] = None,
    n_bits: Optional[int] = None,
    n_epochs: Optional[int] = None,
    finetune: Union[bool, str] = False,
    attention: Optional[bool] = None,
    adversary: bool = True,
    seed: int = 0,
    similarity: Optional[str] = None,
    language: Optional[str] = None,
    strict: bool = False,
    checkpoint_seconds: Optional[float] = None,
    cache_folder: Optional[Path_] = None,
    log_csv: Optional[Path_] = None,
    log_tensorboard: Optional[Path_] = None,
) -> Model:
    """Learns a model from the train records of a data set, publishes it at `path`, and opens it.

        model = adah.train(adah.Dataset("photos"), "photos.safetensors", n_bits=64, progress=True)

    While it runs, `path.checkpoint` holds the work done. Ctrl-C, an exception of the callback, or a callback that returns true (then
    CancelledError) stops the training and leaves the checkpoint, and `resume=True` goes on from it to the same bits.

    preset: "default" or "paper" (the method as published); method: "adah", or one of `train_methods()` to compare it with; backbone,
    weights: a network for pictures and its file; text_weights: the folder of a published text encoder;
    text_prefix: what it reads before every text, None: what its folder tells; n_bits: of a code, a multiple of 8;
    finetune: the backbone learns too, all of it, or from "last" (its last block) or the name of a layer on; attention: with masks, without, or
    None: as the preset has it; adversary=False: the unattended features are not looked at; similarity: "labels", "words" or "pairs"; settings:
    further ones by name (docs/reference/settings.md); progress: called with a `Progress`, or True for bars; log_csv, log_tensorboard: a file
    and a folder for what every epoch measured, which can be looked at while it learns. The rest is in docs/guide/train.md."""
    keep: List[Any] = []
    further = [f"{name}={value}" for name, value in (settings or {}).items()]
    options = native.options(
        "train", keep, preset=preset, method=method, backbone=backbone, weights=weights, text_weights=text_weights,
        text_prefix=text_prefix, n_bits=n_bits, n_epochs=n_epochs, finetune=finetune is True,
        finetune_from=finetune if isinstance(finetune, str) else None,
        attention=None if attention is None else 1 if attention else -1, no_adversary=not adversary,
        seed=seed, similarity=similarity, language=language, settings=native.strings(further, keep), n_settings=len(further), resume=resume,
        strict=strict, checkpoint_seconds=checkpoint_seconds, cache_folder=cache_folder, log_csv=log_csv, log_tensorboard=log_tensorboard)
    native.call_long(lib.adah_train, [dataset._dataset, native.encode(path), options], progress, NULL)
    return Model(path)


def train_methods() -> List[Tuple[str, str]]:
    """What `train(method=)` takes: each name, and what it is in a few words."""
    methods: List[Tuple[str, str]] = []
    summary = ffi.new("const char **")
    while True:
        name = lib.adah_train_method(len(methods), summary)
        if not name:
            return methods
        methods.append((native.text(name), native.text(summary[0])))


# ---------------------------------------------------------------- inside


def _images(images: Any) -> List[Any]:
    """One image or several, as a list."""
    if isinstance(images, (str, os.PathLike, bytes, bytearray, memoryview)):
        return [images]
    if isinstance(images, (list, tuple)):
        return list(images)
    array = native.as_array(images)
    return [array] if array.ndim == 3 else list(array)


def _png(pixels: NDArray[Any]) -> bytes:
    """Pixels as a file, which goes through everything that files go through."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise ValueError(f"an image is {pixels.dtype} of the shape {pixels.shape}, expected uint8 (height, width, 3)")
    pixels = np.ascontiguousarray(pixels)
    picture = ffi.new("adah_picture *", {"n_width": pixels.shape[1], "n_height": pixels.shape[0], "rgb": native.pointer("uint8_t", pixels)})
    png, n_bytes = ffi.new("uint8_t **"), ffi.new("size_t *")
    native.call(lib.adah_picture_png, picture, png, n_bytes)
    try:
        return bytes(ffi.buffer(png[0], n_bytes[0]))
    finally:
        lib.adah_free(png[0])


def _new_codes() -> Any:
    """An adah_codes that is freed when nothing refers to it."""
    return ffi.gc(ffi.new("adah_codes *"), lib.adah_codes_free)


def _viewed(codes: Any, address: Any, dtype: Any, shape: Tuple[int, ...]) -> Any:
    """What lies in an adah_codes as an array, without a copy; the array keeps the codes."""
    if not address:
        return None
    n_bytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if not n_bytes:
        return np.empty(shape, dtype)
    buffer = ffi.buffer(ffi.gc(ffi.cast("uint8_t *", address), lambda _, codes=codes: None), n_bytes)
    return np.frombuffer(buffer, dtype).reshape(shape)


def _encoded(codes: Any, modality: str, side: int) -> Encoded:
    n, n_bits, n_fine = int(codes.n), int(codes.n_bits), int(codes.n_fine[side])
    packed, real, fine = [(codes.image, codes.image_real, codes.image_fine), (codes.text, codes.text_real, codes.text_fine)][side]
    return Encoded(modality, _viewed(codes, packed, np.uint8, (n, n_bits // 8)), _viewed(codes, real, np.float32, (n, n_bits)),
                   _viewed(codes, fine, np.int8, (n, n_fine)))
