"""Packed codes in memory, of any program: packing, distances, the nearest, all within a radius.

Codes are (n, n_bits / 8) uint8: bit i of a code is bit i & 7 of byte i >> 3, as numpy.packbits(..., bitorder="little") packs them, and as FAISS
reads them. n_bits is a multiple of 8 up to 1024. Everything is exact, and ties are in order of position.
"""

from __future__ import annotations

from typing import Any, Tuple

import numpy as np
from numpy.typing import NDArray

from adah import _native as native
from adah._native import ffi, lib

__all__ = ["pack", "pairs", "radius", "topk", "unpack"]


def pack(values: Any) -> NDArray[np.uint8]:
    """Codes (n, n_bits / 8) of values (n, n_bits): a bit is 1 where its value is at least 0, or true. So codes of -1 and 1, the outputs of a
    network, and truth values become packed codes; values of 0 and 1 that are no truth values must be compared first (`values > 0`)."""
    array = native.as_array(values)
    if array.ndim != 2 or array.shape[1] % 8 or not array.shape[1]:
        raise ValueError(f"values have the shape {array.shape}, expected (n, n_bits), n_bits a multiple of 8")
    if array.dtype != np.float32:
        return np.packbits(array if array.dtype == np.bool_ else array >= 0, axis=1, bitorder="little")
    array = np.ascontiguousarray(array)
    codes = np.empty((array.shape[0], array.shape[1] // 8), np.uint8)
    lib.adah_codes_pack(native.pointer("float", array), array.shape[0], array.shape[1], native.pointer("uint8_t", codes))
    return codes


def unpack(codes: Any) -> NDArray[np.int8]:
    """The signs (n, n_bits), -1 or 1, of codes (n, n_bits / 8)."""
    bits = np.unpackbits(native.codes_of(codes), axis=1, bitorder="little").astype(np.int8)
    return 2 * bits - 1


def _both(queries: Any, codes: Any) -> Tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    codes = native.codes_of(codes)
    return native.codes_of(queries, codes.shape[1] * 8, "queries"), codes


def pairs(queries: Any, codes: Any) -> NDArray[np.uint16]:
    """All distances (n_queries, n) of queries (n_queries, n_bits / 8) and codes (n, n_bits / 8)."""
    queries, codes = _both(queries, codes)
    distance = np.empty((len(queries), len(codes)), np.uint16)
    native.call(lib.adah_hamming_pairs, native.pointer("uint8_t", queries), len(queries), native.pointer("uint8_t", codes), len(codes),
                codes.shape[1] * 8, native.pointer("uint16_t", distance))
    return distance


def topk(queries: Any, codes: Any, k: int) -> Tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The k nearest of n codes (n, n_bits / 8) for each query (n_queries, n_bits / 8), by (distance, position): distances and positions,
    (n_queries, k) each; of fewer codes all of them."""
    queries, codes = _both(queries, codes)
    k = min(int(k), len(codes))
    if k < 0:
        raise ValueError(f"k is {k}, expected 0 or more")
    distance, position = np.empty((len(queries), k), np.uint32), np.empty((len(queries), k), np.int64)
    native.call(lib.adah_hamming_nearest_k, native.pointer("uint8_t", queries), len(queries), native.pointer("uint8_t", codes), len(codes),
                codes.shape[1] * 8, k, native.pointer("uint64_t", position), native.pointer("uint32_t", distance))
    return distance, position


def radius(queries: Any, codes: Any, r: int) -> Tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.int64]]:
    """All codes (n, n_bits / 8) at a distance of at most r of each query (n_queries, n_bits / 8), by (distance, position): starts
    (n_queries + 1), distances and positions; those of query i are places starts[i] to starts[i + 1] - 1, as FAISS's range_search gives them."""
    queries, codes = _both(queries, codes)
    if r < 0:
        raise ValueError(f"the radius is {r}, expected 0 or more")
    start = np.empty(len(queries) + 1, np.int64)
    position, distance = ffi.new("uint64_t **"), ffi.new("uint32_t **")
    native.call(lib.adah_hamming_within, native.pointer("uint8_t", queries), len(queries), native.pointer("uint8_t", codes), len(codes),
                codes.shape[1] * 8, min(int(r), 2**32 - 1), native.pointer("size_t", start), position, distance)
    n = int(start[-1])
    return start, _taken(distance[0], np.uint32, n), _taken(position[0], np.int64, n)


def _taken(address: Any, dtype: Any, n: int) -> Any:
    """What the library handed over as an array, without a copy."""
    owned = ffi.gc(ffi.cast("uint8_t *", address), lib.adah_free)
    return np.frombuffer(ffi.buffer(owned, n * np.dtype(dtype).itemsize), dtype) if n else np.empty(0, dtype)
