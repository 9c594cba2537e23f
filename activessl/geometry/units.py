"""Rows of unit length, in which vectors are compared. Vectors are read in blocks and never changed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float

from activessl.geometry.blocks import Rows

Vectors = Float[np.ndarray, "n d"]

#: Number of rows that are centred at once.
_BLOCK = 16_384


def unit_rows(vectors: Vectors, rows: Rows | None = None) -> Float[np.ndarray, "m d"]:
    """Copy these rows (by default all) as float32 unit vectors. A zero vector stays zero.

    Example:
        >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).round(2).tolist()
        [[0.6..., 0.8...], [0.0, 0.0]]
    """
    block = np.asarray(vectors if rows is None else vectors[rows])
    if block.dtype == np.float64 and block.size:
        # float64 values may be out of the range of float32; only the direction is needed
        block = block / np.maximum(np.abs(block).max(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    out = np.array(block, dtype=np.float32, copy=True)
    if out.size:
        largest = np.abs(out).max(axis=1, keepdims=True)
        if largest.max() > 1e15 or (largest[largest > 0].size and largest[largest > 0].min() < 1e-15):
            out /= np.where(largest > 0, largest, 1)  # the squares would be out of the range of float32
        norm = np.sqrt(np.einsum("ij,ij->i", out, out))[:, None]
        out /= np.where(norm > 0, norm, 1)
    return out


def unit_blocks(
    vectors: Vectors, rows: Rows | None = None, *, block: int = 8192
) -> Iterator[tuple[slice, Float[np.ndarray, "b d"]]]:
    """Iterate over these rows in blocks of unit vectors: (positions within ``rows``, block)."""
    n = len(vectors) if rows is None else len(rows)
    for start in range(0, n, block):
        part = slice(start, min(start + block, n))
        yield part, unit_rows(vectors[part]) if rows is None else unit_rows(vectors, rows[part])


def centred_rows(
    vectors: Float[np.ndarray, "n d"], mean: Float[np.ndarray, " d"] | None = None
) -> Float[np.ndarray, "n d"]:
    """Centre on the mean and scale each row to unit length, as strategies and heads need it.

    Columns are not divided by their standard deviation: the directions with small variance of an embedding are mostly
    noise, and scaling them up lowers accuracy. A row equal to the mean becomes zero.

    Args:
        vectors: (n, d), finite.
        mean: (d,) the mean to centre on; by default that of ``vectors``. Centre test items on the mean of the pool.

    Returns:
        float32 array in memory.

    Example:
        >>> centred_rows(np.array([[3.0, 1.0], [1.0, 1.0]])).tolist()
        [[1.0, 0.0], [-1.0, 0.0]]
    """
    centre = np.mean(vectors, axis=0, dtype=np.float64) if mean is None else mean
    out = np.empty(np.shape(vectors), dtype=np.float32)
    for start in range(0, len(out), _BLOCK):  # all differences at once would take twice the pool's memory
        rows = out[start : start + _BLOCK]
        np.subtract(vectors[start : start + _BLOCK], centre, out=rows, casting="unsafe")
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        rows /= np.where(norms > 1e-12, norms, 1.0)
    return out


def scaled_rows(rows: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m d"]:
    """Scale rows to unit length in their own precision; a zero row stays zero.

    Example:
        >>> scaled_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
        [[0.6, 0.8], [0.0, 0.0]]
    """
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))
