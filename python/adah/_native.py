"""The library libadah: found, loaded and called; its errors as exceptions, its progress as a callback.

Every call releases the GIL. Objects of the library are held by `ffi.gc`, which closes each when nothing refers to it any more, so that no
reference is counted here. Memory that the library hands over is copied into NumPy arrays where it is small, and lives as long as the array
that shows it where it is large.
"""

from __future__ import annotations

import importlib
import os
import sys
import threading
from pathlib import Path
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union, cast

import numpy as np
from numpy.typing import NDArray

from adah._bindings import VERSION, ffi as ffi

Path_ = Union[str, "os.PathLike[str]"]


# ---------------------------------------------------------------- the library


def _soname() -> str:
    major, minor, _ = VERSION.split(".")
    return f"libadah.so.0.{minor}" if major == "0" else f"libadah.so.{major}"


def _load() -> Any:
    """$ADAH_LIBRARY, else the library that was installed with the package, else the system's."""
    own = Path(__file__).with_name(_soname())
    name = os.environ.get("ADAH_LIBRARY") or (str(own) if own.exists() else _soname())
    # Threads that wait for one another soon sleep, as in the command; OpenMP looks at this once, when it is loaded.
    waits = "OMP_WAIT_POLICY" not in os.environ and "GOMP_SPINCOUNT" not in os.environ
    if waits:
        os.environ["GOMP_SPINCOUNT"] = "1000"
    try:
        library = ffi.dlopen(name)
    except OSError as error:
        raise ImportError(f"adah: the library is not there: {error}. Install it (make install), or name it in $ADAH_LIBRARY") from None
    finally:
        if waits:
            del os.environ["GOMP_SPINCOUNT"]
    found = ffi.string(library.adah_version()).decode()
    if found.split(".")[:2] != VERSION.split(".")[:2]:
        raise ImportError(f"adah: {name} is of version {found}, and this package is for {VERSION}")
    return library


lib: Any = _load()
NULL: Any = ffi.NULL
SIZE_MAX = 2 ** (8 * ffi.sizeof("size_t")) - 1
NO_ID = 2**64 - 1  # ADAH_NO_ID
NO_DISTANCE = 2**32 - 1  # ADAH_NO_DISTANCE: of a hit that words alone have found
NO_SCORE = -2.0  # ADAH_NO_SCORE
MODALITIES = ("image", "text")  # as adah_modality numbers them


# ---------------------------------------------------------------- errors


class AdahError(Exception):
    """What the library reports. `code`: the name of the library's code, as "ADAH_ERROR_FORMAT"; `system_error`: errno of the system's call
    that was refused, 0 where none was."""

    code = "ADAH_ERROR_INTERNAL"

    def __init__(self, message: str, system_error: int = 0):
        super().__init__(message)
        self.system_error = system_error


class ArgumentError(AdahError, ValueError):
    """A value is out of range: give another."""

    code = "ADAH_ERROR_ARGUMENT"


class SystemIOError(AdahError, OSError):
    """The operating system refused; `system_error` says why."""

    code = "ADAH_ERROR_IO"


class FormatError(AdahError, ValueError):
    """A file is of another kind or version, or is not as described."""

    code = "ADAH_ERROR_FORMAT"


class MismatchError(AdahError, ValueError):
    """Two things do not belong together: model and index, weights and network."""

    code = "ADAH_ERROR_MISMATCH"


class OutOfMemoryError(AdahError, MemoryError):
    """There is not enough memory."""

    code = "ADAH_ERROR_MEMORY"


class CancelledError(AdahError):
    """The progress callback asked to stop, by returning true."""

    code = "ADAH_ERROR_CANCELLED"


class InternalError(AdahError, RuntimeError):
    """The library has a fault, or reports something that this package does not know."""


class UncertainError(AdahError, OSError):
    """A disk failed so that nobody knows whether a change is on it."""

    code = "ADAH_ERROR_UNCERTAIN"


class BusyError(AdahError):
    """Another writer has the index: try again later, or `set_patience`."""

    code = "ADAH_ERROR_BUSY"


class NotFoundError(AdahError, LookupError):
    """There is no such file, record or label."""

    code = "ADAH_ERROR_NOT_FOUND"


class ExistsError(AdahError):
    """An id is taken, or a file is there that is not replaced."""

    code = "ADAH_ERROR_EXISTS"


class UnknownWordError(AdahError, LookupError):
    """The model knows no word of a text: ask in other words."""

    code = "ADAH_ERROR_NO_KNOWN_WORD"


class CorruptError(AdahError):
    """A file is damaged, or was changed while it was used."""

    code = "ADAH_ERROR_CORRUPT"


ERRORS: Dict[int, type] = {
    int(getattr(lib, error.code)): error
    for error in (ArgumentError, SystemIOError, FormatError, MismatchError, OutOfMemoryError, CancelledError, InternalError, UncertainError,
                  BusyError, NotFoundError, ExistsError, UnknownWordError, CorruptError)
}


def fail(code: int, status: Any) -> AdahError:
    message = ffi.string(status.message).decode("utf-8", "replace")
    error: AdahError = ERRORS.get(code, InternalError)(message, int(status.system_error))
    return error


def call(function: Any, *arguments: Any) -> None:
    """Calls a function that returns a code and takes a status as its last argument, and raises what it reports."""
    status = ffi.new("adah_status *")
    code = function(*arguments, status)
    if code:
        raise fail(code, status)


# ---------------------------------------------------------------- progress


class Progress(NamedTuple):
    """What a progress callback is called with, from the thread that called in."""

    stage: str  # "reading images", "training", ...
    done: int  # units of the stage
    total: int  # 0: unknown
    detail: str  # a line for a person, "" when none
    is_result: bool  # detail is a result worth a line of its own: an epoch's summary


ProgressFunction = Callable[[Progress], Any]


class _Watch(threading.local):
    """What is at work in this thread: the callback, and what it raised."""

    function: Optional[ProgressFunction] = None
    raised: Optional[BaseException] = None


_watch = _Watch()


def _on_raise(kind: Any, error: BaseException, trace: Any) -> None:
    _watch.raised = error


def _ask_watch(user: Any, event: Any) -> int:
    if _watch.raised is not None:
        return 1
    if _watch.function is None:
        return 0
    return int(bool(_watch.function(Progress(text(event.stage), int(event.done), int(event.total), text(event.detail), bool(event.is_result)))))


# Whatever the callback raises, and a signal such as Ctrl-C, which the interpreter raises as soon as it runs again, cancels the call.
_on_progress = ffi.callback("int(void *, const adah_progress_event *)", _ask_watch, error=1, onerror=_on_raise)


class _Bar:
    """A bar of tqdm for each stage, and a line for each result."""

    def __init__(self, make: Any):
        self.make = make
        self.bar: Any = None
        self.stage = ""

    def __call__(self, event: Progress) -> None:
        if self.bar is None or event.stage != self.stage:
            self.close()
            self.stage = event.stage
            self.bar = self.make(desc=event.stage, total=event.total or None)
        if event.is_result:
            self.bar.write(event.detail)
        self.bar.total = event.total or None
        self.bar.update(event.done - self.bar.n)

    def close(self) -> None:
        if self.bar is not None:
            self.bar.close()


def _print_result(event: Progress) -> None:
    if event.is_result:
        print(event.detail, file=sys.stderr)


def call_long(function: Any, before: Sequence[Any], progress: Union[bool, ProgressFunction, None], *after: Any) -> None:
    """Calls function(*before, adah_progress, *after, status). progress: a callback; True: bars of tqdm, or the results as lines where it
    is missing; None or False: silent. What the callback raises, KeyboardInterrupt among it, cancels the call and is raised here."""
    bar: Optional[_Bar] = None
    if progress is True:
        try:
            tqdm = importlib.import_module("tqdm.auto")
        except ImportError:
            progress = _print_result
        else:
            bar = _Bar(tqdm.tqdm)
            progress = bar
    events = ffi.new("adah_progress *", {"function": _on_progress})
    before_this = _watch.function, _watch.raised
    _watch.function, _watch.raised = progress if callable(progress) else None, None
    try:
        call(function, *before, events[0], *after)
    except AdahError:
        if _watch.raised is None:
            raise
    finally:
        raised = _watch.raised
        _watch.function, _watch.raised = before_this
        if bar is not None:
            bar.close()
    if raised is not None:
        raise raised


# ---------------------------------------------------------------- values


def text(pointer: Any) -> str:
    """A `const char *` as a string; "" for NULL."""
    return str(ffi.string(pointer).decode("utf-8", "surrogateescape")) if pointer else ""


def encode(value: Path_) -> bytes:
    """A text or path as the bytes that a `const char *` takes."""
    encoded = os.fsencode(value)
    if b"\0" in encoded:
        raise ValueError(f"{value!r} has a NUL character in it")
    return encoded


def strings(values: Iterable[str], keep: List[Any]) -> Any:
    """A `const char *const *`; `keep` holds what it points to."""
    pointers = [ffi.new("char[]", encode(value)) for value in values]
    array = ffi.new("const char *[]", pointers)
    keep += [pointers, array]
    return array


def options(kind: str, keep: List[Any], **given: Any) -> Any:
    """A struct of options with its defaults, in which what is given and not None is set; `keep` holds what it points to.

    kind: "search" for adah_search_options. Strings become `const char *`."""
    struct = ffi.new(f"adah_{kind}_options *")
    lib.adah_options_init(getattr(lib, f"ADAH_OPTIONS_{kind.upper()}"), struct, ffi.sizeof(struct[0]))
    for name, value in given.items():
        if value is None:
            continue
        if isinstance(value, (str, os.PathLike)):
            value = ffi.new("char[]", encode(value))
            keep.append(value)
        elif isinstance(value, bool):
            value = int(value)
        setattr(struct, name, value)
    return struct


def modality(name: str) -> int:
    """ "image" or "text" as the library numbers it."""
    if name not in MODALITIES:
        raise ValueError(f"{name!r} is no modality, expected 'image' or 'text'")
    return MODALITIES.index(name)


_nothing = ffi.new("uint64_t[1]")


def pointer(kind: str, array: Optional[NDArray[Any]]) -> Any:
    """The memory of a C-contiguous array as a pointer to `kind`; NULL for None. The array must outlive the call."""
    return NULL if array is None else ffi.cast(f"{kind} *", ffi.from_buffer(array) if array.size else _nothing)


def copied(kind: str, address: Any, dtype: Any, shape: Tuple[int, ...]) -> NDArray[Any]:
    """An array of its own with what lies at an address."""
    n_bytes = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
    if not n_bytes:
        return np.empty(shape, dtype)
    return np.frombuffer(bytes(ffi.buffer(address, n_bytes)), dtype).reshape(shape).copy()


def codes_of(value: Any, n_bits: Optional[int] = None, name: str = "codes") -> NDArray[np.uint8]:
    """Codes (n, n_bits / 8) as the library reads them: uint8, row by row; one code (n_bits / 8) becomes a row. No copy is made where they
    lie so. Tensors of PyTorch, JAX and CuPy on the CPU are taken as they are."""
    array = as_array(value)
    if array.dtype != np.uint8:
        raise ValueError(f"{name} are {array.dtype}, expected uint8: packed bits, as adah.hamming.pack makes them")
    if array.ndim == 1:
        array = array[None]
    if array.ndim != 2:
        raise ValueError(f"{name} have the shape {array.shape}, expected (n, n_bits / 8)")
    if n_bits is not None and array.shape[1] * 8 != n_bits:
        raise ValueError(f"{name} have {array.shape[1] * 8} bits, expected {n_bits}")
    return cast("NDArray[np.uint8]", np.ascontiguousarray(array))


def as_array(value: Any) -> NDArray[Any]:
    """A NumPy array, of the same memory where that can be: anything NumPy takes, or a tensor on the CPU by DLPack."""
    if isinstance(value, np.ndarray):
        return value
    if hasattr(value, "detach"):  # a PyTorch tensor that may belong to a graph
        value = value.detach()
    if hasattr(value, "__dlpack__") and hasattr(np, "from_dlpack"):
        try:
            return np.from_dlpack(value)
        except (BufferError, RuntimeError, TypeError):
            pass
    return np.asarray(value)
