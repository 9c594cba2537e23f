"""Items that show the same, by their prints: within a pool, and between a pool and its test data."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float, Int

from activessl.pool.traits.base import Likeness

#: Neighbours of each item that are looked at; the fifth tells the usual distance.
_NEIGHBOURS = 6
#: In a smaller pool the distance to the fifth neighbour says little.
_FEW = 50
#: Above this number of rows, an inverted file compares a part of the pairs only.
_BRUTE = 50_000


def usual_distance(distances: Float[np.ndarray, "n k"]) -> float | None:
    """The median distance to the fifth neighbour; None if there are too few items to tell."""
    if len(distances) < _FEW or distances.shape[1] < _NEIGHBOURS:
        return None
    return float(np.median(distances[:, -1]))


def alike_pairs(prints: Float[np.ndarray, "n d"], likeness: Likeness) -> Int[np.ndarray, "p 2"]:
    """Return pairs of rows that show the same, the first before the second; rows of zeros show nothing.

    Args:
        prints: The prints of the items of a pool.
        likeness: How prints of its form are compared.

    Example:
        >>> plain = Likeness(lambda prints: prints.astype(np.float32), usual=0.5, share=0.1, most=0.1)
        >>> alike_pairs(np.array([[1, 0], [0, 1], [1, 0]], np.float16), plain).tolist()
        [[0, 2]]
    """
    there = _shown(prints)
    if len(there) < 2:
        return np.zeros((0, 2), dtype=np.int64)
    rows = likeness.rows(prints[there])
    distances, found = _nearest(rows, rows, min(_NEIGHBOURS, len(there)))
    pairs = _within(distances, found, likeness.limit(usual_distance(distances)))
    pairs = np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)
    return _confirmed(there[pairs], prints, prints, likeness, usual_distance(distances))


def alike_between(
    prints: Float[np.ndarray, "n d"], others: Float[np.ndarray, "m d"], likeness: Likeness
) -> Int[np.ndarray, "p 2"]:
    """Return pairs of a row of one pool and a row of another that show the same.

    Args:
        prints: The prints of the items of a pool.
        others: Those of other items, such as test data.
        likeness: How they are compared.
    """
    here, there = _shown(prints), _shown(others)
    if not len(here) or not len(there):
        return np.zeros((0, 2), dtype=np.int64)
    rows = likeness.rows(prints[here])
    own, _ = _nearest(rows, rows[:: max(1, len(rows) // 2000)], min(_NEIGHBOURS, len(rows)))
    usual = usual_distance(own)
    distances, found = _nearest(rows, likeness.rows(others[there]), min(_NEIGHBOURS, len(rows)))
    pairs = _within(distances, found, likeness.limit(usual))[:, ::-1]
    pairs = np.column_stack([here[pairs[:, 0]], there[pairs[:, 1]]])
    return _confirmed(pairs[np.lexsort(pairs.T[::-1])], prints, others, likeness, usual)


def _shown(prints: Float[np.ndarray, "n d"]) -> Int[np.ndarray, " s"]:
    """Rows that show something."""
    return np.flatnonzero(np.abs(prints).max(axis=1) > 0) if len(prints) else np.zeros(0, dtype=np.int64)


def _nearest(
    rows: Float[np.ndarray, "n d"], asked: Float[np.ndarray, "m d"], k: int
) -> tuple[Float[np.ndarray, "m k"], Int[np.ndarray, "m k"]]:
    """Distances and rows of the k nearest of each."""
    import faiss

    flat = faiss.IndexFlatIP(rows.shape[1])
    index: Any = flat
    if len(rows) > _BRUTE:
        cells = int(4 * np.sqrt(len(rows)))
        index = faiss.IndexIVFFlat(flat, rows.shape[1], cells, faiss.METRIC_INNER_PRODUCT)
        index.nprobe = 8  # copies lie in the same cell, or in the next ones
        index.train(rows[:: max(1, len(rows) // (40 * cells))])
    index.add(rows)
    cosine, found = index.search(np.ascontiguousarray(asked), k)
    return np.sqrt(np.maximum(2 - 2 * cosine, 0)), found


def _within(distances: Float[np.ndarray, "m k"], found: Int[np.ndarray, "m k"], limit: float) -> Int[np.ndarray, "p 2"]:
    # rounding in float32 gives equal rows a distance of up to 0.001
    asked, at = np.nonzero((distances <= limit + 1e-3) & (found >= 0))
    return np.column_stack([asked, found[asked, at]]).astype(np.int64)


def _confirmed(
    pairs: Int[np.ndarray, "p 2"],
    prints: Float[np.ndarray, "n d"],
    others: Float[np.ndarray, "m d"],
    likeness: Likeness,
    usual: float | None,
) -> Int[np.ndarray, "p 2"]:
    """Leave out the pairs that differ in their details."""
    if likeness.confirm is None or not len(pairs):
        return pairs
    limit, block = likeness.limit(usual), 4096
    kept = [
        likeness.confirm(prints[part[:, 0]], others[part[:, 1]], limit)
        for part in (pairs[start : start + block] for start in range(0, len(pairs), block))
    ]
    return np.asarray(pairs[np.concatenate(kept)])
