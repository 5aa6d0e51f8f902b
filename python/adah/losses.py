"""Losses of cross-modal hashing for PyTorch networks on the CPU: the library's own, as differentiable functions.

Codes are real-valued tensors (n, n_bits), as the outputs of a tanh; values and derivatives are computed in float32. A loss is a tensor of one value:
call its backward(). Needs PyTorch. Derivatives of the second order there are none.
"""

from __future__ import annotations

import importlib
from typing import Any, Optional, Tuple

import numpy as np

from adah import _native as native
from adah._native import ffi, lib

torch: Any = importlib.import_module("torch")  # whose types are not looked at, so that they need not be there

__all__ = ["adversarial", "dcmh", "retrieval", "triplet"]

Tensor = Any


def _floats(tensor: Tensor, shape: Tuple[int, ...], name: str) -> Any:
    """A tensor as the library reads it: float32 on the CPU, row by row; a copy where it is not that."""
    if tuple(tensor.shape) != shape:
        raise ValueError(f"{name} has the shape {tuple(tensor.shape)}, expected {shape}")
    return np.ascontiguousarray(tensor.detach().cpu().to(torch.float32).numpy())


class _Triplet(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(context: Any, queries: Tensor, database: Tensor, similarity: Tensor, margin: float, over_active: bool, within: bool) -> Tensor:
        n, n_bits = queries.shape
        q = _floats(queries, (n, n_bits), "queries")
        d = q if within else _floats(database, (n, n_bits), "database")
        s = _floats(similarity, (n, n), "similarity")
        q_gradient = np.zeros_like(q)
        d_gradient = q_gradient if within else np.zeros_like(d)
        loss = ffi.new("double *")
        query_address = native.pointer("float", q)
        native.call(lib.adah_loss_triplet, query_address, query_address if within else native.pointer("float", d), native.pointer("float", s), n,
                    n_bits, margin, over_active, loss, native.pointer("float", q_gradient), native.pointer("float", d_gradient))
        context.within = within
        context.save_for_backward(torch.from_numpy(q_gradient).to(queries), torch.from_numpy(d_gradient).to(database))
        return queries.new_tensor(loss[0])

    @staticmethod
    def backward(context: Any, *upstream: Tensor) -> Tuple[Any, ...]:
        q_gradient, d_gradient = context.saved_tensors
        return upstream[0] * q_gradient, None if context.within else upstream[0] * d_gradient, None, None, None, None


def triplet(queries: Tensor, database: Tensor, similarity: Tensor, *, margin: float, mean_over: str = "active") -> Tensor:
    """The triplet ranking loss of queries (n, n_bits) against a database (n, n_bits): over all (i, j, k) with S(i, j) > S(i, k), the mean of
    max(0, margin + d(i, j) - d(i, k)), d being the Euclidean distance and S the similarity (n, n), 1 or 0.

    mean_over: the "active" triplets, which are above 0, or "all". The same tensor twice: within one modality, where an item is no answer to itself.
    Zhang, Lai, Feng: Attention-aware Deep Adversarial Hashing for Cross-Modal Retrieval. ECCV 2018."""
    if mean_over not in ("active", "all"):
        raise ValueError(f"{mean_over!r} is no mean, expected 'active' or 'all'")
    return _Triplet.apply(queries, database, similarity, float(margin), mean_over == "active", queries is database)


def retrieval(image: Tensor, text: Tensor, similarity: Tensor, *, margin: float, mean_over: str = "active") -> Tensor:
    """The cross-modal retrieval loss of codes (n, n_bits) of n pairs: F(T->I) + F(I->T) + F(I->I) + F(T->T), each a `triplet` loss."""
    pairs = ((text, image), (image, text), (image, image), (text, text))
    return sum(triplet(a, b, similarity, margin=margin, mean_over=mean_over) for a, b in pairs)


def adversarial(image: Tensor, text: Tensor, image_hidden: Tensor, text_hidden: Tensor, similarity: Tensor, *, margin: float,
                mean_over: str = "active") -> Tensor:
    """The adversarial retrieval loss, attended codes against unattended ones, (n, n_bits) each: F(T->hidden I) + F(I->hidden T). Encoder and hashing
    learn to make it small, the attention to make it large."""
    pairs = ((text, image_hidden), (image, text_hidden))
    return sum(triplet(a, b, similarity, margin=margin, mean_over=mean_over) for a, b in pairs)


class _Dcmh(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(context: Any, batch: Tensor, other: Tensor, similar: Tensor, own: Tensor, rows: Tensor, gamma: float, eta: float) -> Tensor:
        (n, n_bits), n_batch = other.shape, len(batch)
        g = _floats(other, (n, n_bits), "other")
        f = _floats(own, (n, n_bits), "own").copy()
        places = np.ascontiguousarray(rows.detach().cpu().numpy(), np.uint64)
        if places.shape != (n_batch,) or (n_batch and int(places.max()) >= n):
            raise ValueError(f"rows are {rows.tolist()}, expected {n_batch} of 0 to {n - 1}")
        f[places.astype(np.int64)] = _floats(batch, (n_batch, n_bits), "batch")
        s = _floats(similar, (n_batch, n), "similar")
        gradient = np.zeros((n_batch, n_bits), np.float32)
        loss = ffi.new("double[3]")
        native.call(lib.adah_loss_dcmh, native.pointer("float", f), native.pointer("float", g), native.pointer("size_t", places),
                    native.pointer("float", s), n, n_batch, n_bits, gamma, eta, loss, native.pointer("float", gradient))
        context.save_for_backward(torch.from_numpy(gradient).to(batch))
        return batch.new_tensor(loss[0] + gamma * loss[1] + eta * loss[2])

    @staticmethod
    def backward(context: Any, *upstream: Tensor) -> Tuple[Any, ...]:
        (gradient,) = context.saved_tensors
        return upstream[0] * gradient, None, None, None, None, None, None


def dcmh(batch: Tensor, other: Tensor, similar: Tensor, *, own: Optional[Tensor] = None, rows: Optional[Tensor] = None, gamma: float = 1.0,
         eta: float = 1.0) -> Tensor:
    """The objective of DCMH for a batch of one side, (n_batch, n_bits), against all codes of the other side, (n, n_bits), which are held fixed:

        (- sum_ij (S_ij Theta_ij - log(1 + exp Theta_ij)) + gamma |B - F|^2 + eta |F 1|^2) / (n_batch n),   Theta_ij = F_i . G_j / 2

    similar: S, (n_batch, n), 1 or 0. own: all codes of the batch's side, (n, n_bits), as they were last seen, and rows: which of them the batch
    is, (n_batch); without, the batch is all of its side. B, the best signs for the codes as they are, is held fixed.
    Jiang, Li: Deep Cross-Modal Hashing. CVPR 2017."""
    if (own is None) != (rows is None):
        raise ValueError("own and rows belong together")
    own = batch if own is None else own
    rows = torch.arange(len(batch)) if rows is None else rows
    return _Dcmh.apply(batch, other, similar, own, rows, float(gamma), float(eta))
