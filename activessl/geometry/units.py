"""Rows of length one: the form in which vectors are compared. Read a block at a time; nothing is written back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from activessl.geometry.blocks import Rows

Vectors = Float[np.ndarray, "n d"]

#: Rows that are centred at once.
_BLOCK = 16_384


def unit_rows(vectors: Vectors, rows: Rows | None = None) -> Float[np.ndarray, "m d"]:
    """These rows (all by default) as float32 unit vectors: a copy. A zero vector stays zero.

    Example:
        >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).round(2).tolist()
        [[0.6..., 0.8...], [0.0, 0.0]]
    """
    block = np.asarray(vectors if rows is None else vectors[rows])
    if block.dtype == np.float64 and block.size:
        # float64 may hold what float32 cannot; the direction is all that counts
        block = block / np.maximum(np.abs(block).max(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    out = np.array(block, dtype=np.float32, copy=True)
    if out.size:
        largest = np.abs(out).max(axis=1, keepdims=True)
        if largest.max() > 1e15 or (largest[largest > 0].size and largest[largest > 0].min() < 1e-15):
            out /= np.where(largest > 0, largest, 1)  # squares would leave the range of float32
        norm = np.sqrt(np.einsum("ij,ij->i", out, out))[:, None]
        out /= np.where(norm > 0, norm, 1)
    return out


def unit_blocks(
    vectors: Vectors, rows: Rows | None = None, *, block: int = 8192
) -> Iterator[tuple[slice, Float[np.ndarray, "b d"]]]:
    """Walk over these rows in blocks of unit vectors: (positions within ``rows``, block)."""
    n = len(vectors) if rows is None else len(rows)
    for start in range(0, n, block):
        part = slice(start, min(start + block, n))
        yield part, unit_rows(vectors[part]) if rows is None else unit_rows(vectors, rows[part])


def centred_rows(
    vectors: Float[np.ndarray, "n d"], mean: Float[np.ndarray, " d"] | None = None
) -> Float[np.ndarray, "n d"]:
    """Centre on the mean and scale each row to length one: the form that strategies and heads want.

    Not divided by each column's spread: the small directions of a learned space are mostly noise, and blowing them up
    costs accuracy. A row equal to the mean stays zero.

    Args:
        vectors: (n, d), finite.
        mean: (d,) what to centre on, where that is another set's mean: test items are seen as the pool is.

    Returns:
        float32 in memory.

    Example:
        >>> centred_rows(np.array([[3.0, 1.0], [1.0, 1.0]])).tolist()
        [[1.0, 0.0], [-1.0, 0.0]]
    """
    centre = np.mean(vectors, axis=0, dtype=np.float64) if mean is None else mean
    out = np.empty(np.shape(vectors), dtype=np.float32)
    for start in range(0, len(out), _BLOCK):  # the differences are float64: all at once they would be twice the pool
        rows = out[start : start + _BLOCK]
        np.subtract(vectors[start : start + _BLOCK], centre, out=rows, casting="unsafe")
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        rows /= np.where(norms > 1e-12, norms, 1.0)
    return out


def scaled_rows(rows: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m d"]:
    """Rows of length one in the precision that they come in; a zero row stays zero.

    Example:
        >>> scaled_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6, 0.8], [0.0, 0.0]]
    """
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
