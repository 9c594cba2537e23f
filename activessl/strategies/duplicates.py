"""Exact and near duplicates, collapsed with their multiplicity before anything is chosen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from activessl.strategies.index import Rows, Vectors, unit_blocks, unit_rows

#: Tables of random projections; a pair within the tolerance is missed with a probability of about 1 %.
_TABLES = 4
_PROJECTIONS = 6


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Rows that show the same picture, gathered.

    Attributes:
        representatives: (r,) the first row of each group, in the order of the input.
        representatives_at: (r,) where they stand in the input, ascending.
        multiplicity: (r,) how many rows each group has.
        membership: (m,) for each row of the input the position of its group among the representatives.
    """

    representatives: Int[np.ndarray, " r"]
    representatives_at: Int[np.ndarray, " r"]
    multiplicity: Int[np.ndarray, " r"]
    membership: Int[np.ndarray, " m"]


def duplicate_tolerance(vectors: Vectors, *, rng: np.random.Generator) -> float:
    """One percent of the median distance between random items, and never less than float16 rounding (0.0005).

    Relative, because an encoder whose cosines all lie near one would otherwise have all its items merged.
    """
    n = len(vectors)
    a, b = unit_rows(vectors, rng.integers(n, size=512)), unit_rows(vectors, rng.integers(n, size=512))
    return max(5e-4, 0.01 * float(np.median(np.linalg.norm(a - b, axis=1))))


def collapse_duplicates(
    vectors: Vectors, tol: float, *, rows: Rows | None = None, rng: np.random.Generator | None = None
) -> Duplicates:
    """Gather rows (all by default, else these) that lie within ``tol`` of the first row of their group.

    Rows fall into the cells of a few random low-dimensional grids; those that share a cell with an earlier row are
    compared with it. Linear in the number of rows. Exact copies are always found; of pairs within ``tol`` about one
    in a hundred is missed, and a group's members may lie up to four times ``tol`` from its first row.

    Args:
        vectors: The pool.
        tol: Euclidean distance between unit vectors, > 0.
        rows: Which rows to look at; the order decides who represents a group.
        rng: Directions of the projections; fixed by default, so that the same pool always collapses alike.

    Example:
        >>> found = collapse_duplicates(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), 0.01)
        >>> found.representatives.tolist(), found.multiplicity.tolist(), found.membership.tolist()
        ([0, 1], [2, 1], [0, 1, 0])
    """
    rng = np.random.default_rng(0) if rng is None else rng
    every = np.arange(len(vectors)) if rows is None else np.asarray(rows)
    n, d = len(every), vectors.shape[1]
    directions = rng.normal(size=(d, _TABLES * _PROJECTIONS)).astype(np.float32)
    shadow = np.empty((n, directions.shape[1]), dtype=np.float32)
    for part, block in unit_blocks(vectors, None if rows is None else every):
        shadow[part] = block @ directions
    # a pair at distance tol is about tol apart in each of these projections; sixteen times that is one cell
    shift = rng.uniform(size=shadow.shape[1]).astype(np.float32)
    cells = np.floor(shadow / np.float32(16 * tol) + shift).astype(np.int64)
    mixers = rng.integers(1, 2**62, size=_PROJECTIONS, dtype=np.int64) | 1
    parent = np.arange(n)
    for table in range(_TABLES):
        key = (cells[:, table * _PROJECTIONS : (table + 1) * _PROJECTIONS] * mixers).sum(axis=1)
        alive = np.flatnonzero(parent == np.arange(n))
        order = alive[np.argsort(key[alive], kind="stable")]
        first = np.empty(len(order), dtype=bool)
        first[:1] = True
        first[1:] = key[order[1:]] != key[order[:-1]]
        leader = order[np.flatnonzero(first)[np.cumsum(first) - 1]] if len(order) else order
        pairs = np.flatnonzero(~first)
        for start in range(0, len(pairs), 8192):
            at = pairs[start : start + 8192]
            a, b = order[at], leader[at]
            near = np.linalg.norm(unit_rows(vectors, every[a]) - unit_rows(vectors, every[b]), axis=1) <= tol
            parent[a[near]] = b[near]
    while True:  # a leader of one table may have joined another in the next
        root = parent[parent]
        if np.array_equal(root, parent):
            break
        parent = root
    found, membership, multiplicity = np.unique(parent, return_inverse=True, return_counts=True)
    return Duplicates(every[found], found, multiplicity, membership.reshape(-1))
