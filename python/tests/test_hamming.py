"""adah.hamming next to plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

import adah
from adah import hamming


def brute(queries: np.ndarray, codes: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    return np.unpackbits(queries[:, None] ^ codes[None], axis=2).sum(axis=2)


@pytest.mark.parametrize("n_bits", [8, 16, 24, 64, 128, 1024])
def test_search(n_bits: int) -> None:
    rng = np.random.default_rng(n_bits)
    queries, codes = rng.integers(0, 16, (9, n_bits // 8), np.uint8), rng.integers(0, 16, (300, n_bits // 8), np.uint8)
    distance = brute(queries, codes)
    np.testing.assert_array_equal(hamming.pairs(queries, codes), distance)
    order = np.argsort(distance, axis=1, kind="stable")
    for k in (1, 10, 300, 1000):
        found, position = hamming.topk(queries, codes, k)
        np.testing.assert_array_equal(position, order[:, :k])
        np.testing.assert_array_equal(found, np.take_along_axis(distance, order[:, :k], 1))
    r = n_bits // 5
    start, found, position = hamming.radius(queries, codes, r)
    for i in range(9):
        wanted = order[i][distance[i][order[i]] <= r]
        np.testing.assert_array_equal(position[start[i]:start[i + 1]], wanted)
        np.testing.assert_array_equal(found[start[i]:start[i + 1]], distance[i][wanted])


def test_pack() -> None:
    values = np.random.default_rng(0).normal(size=(50, 24))
    values[0, :3] = 0, -0.0, np.nan
    wanted = np.packbits(values >= 0, axis=1, bitorder="little")
    for given in (values, values.astype(np.float32), np.asfortranarray(values, np.float32), values >= 0, np.where(values >= 0, 1, -1)):
        np.testing.assert_array_equal(hamming.pack(given), wanted)
    np.testing.assert_array_equal(hamming.unpack(wanted), np.where(values >= 0, 1, -1))
    for bad in (values[:, :7], values[0], values[:, :0]):
        with pytest.raises(ValueError):
            hamming.pack(bad)


def test_codes_as_they_come() -> None:
    codes = np.random.default_rng(1).integers(0, 256, (100, 16), np.uint8)
    wanted = hamming.pairs(codes[::2, :8].copy(), codes[:, :8].copy())
    np.testing.assert_array_equal(hamming.pairs(codes[::2, :8], codes[:, :8]), wanted)  # not contiguous
    np.testing.assert_array_equal(hamming.pairs(codes[0, :8], codes[:, :8]), wanted[:1])  # one query
    readonly = codes[:, :8].copy()
    readonly.flags.writeable = False
    np.testing.assert_array_equal(hamming.pairs(codes[::2, :8], readonly), wanted)
    assert hamming.pairs(codes[:0], codes).shape == (0, 100) and hamming.pairs(codes, codes[:0]).shape == (100, 0)
    assert hamming.topk(codes[:0], codes, 3)[0].shape == (0, 3) and hamming.topk(codes, codes[:0], 3)[1].shape == (100, 0)
    assert hamming.radius(codes, codes[:0], 3)[0].tolist() == [0] * 101
    for bad in (codes.astype(np.int64), codes[None]):
        with pytest.raises(ValueError):
            hamming.pairs(bad, codes)
    with pytest.raises(ValueError, match="expected 128"):
        hamming.topk(codes[:, :8], codes, 1)
    with pytest.raises(ValueError):
        hamming.topk(codes, codes, -1)
    with pytest.raises(adah.ArgumentError):
        hamming.pairs(np.zeros((1, 200), np.uint8), np.zeros((1, 200), np.uint8))


def test_tensors() -> None:
    torch = pytest.importorskip("torch")
    values = torch.randn(20, 32, requires_grad=True)
    codes = hamming.pack(values)
    np.testing.assert_array_equal(codes, np.packbits(values.detach().numpy() >= 0, axis=1, bitorder="little"))
    np.testing.assert_array_equal(hamming.pairs(torch.from_numpy(codes), codes), brute(codes, codes))
