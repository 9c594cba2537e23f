"""Exact and near duplicates: lists for users, and collapsed rows with their multiplicity for the strategies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.errors import QueryError
from activessl.geometry.blocks import Rows
from activessl.geometry.neighbours import squared_distances
from activessl.geometry.units import Vectors, centred_rows, unit_rows

#: Tables of random projections; all of them miss a pair within the tolerance with a probability of about 1 %.
_TABLES = 4
_PROJECTIONS = 6
#: Upper limit of the squared length of the 24 projections of a pair at the tolerance, in units of the tolerance
#: squared: one pair in a thousand exceeds it.
_REACH = 52.0
#: All pairs of a cell are compared if more than ``_CROWD`` rows remain and its first row represents less than one row
#: in ``_FEW`` ...
_CROWD, _FEW = 32, 32
#: ... in pieces of at most this number of rows.
_PIECE = 1024
#: Rows that are read at once.
_BLOCK = 8192

#: Function that tells which of these pairs of positions are within the tolerance.
_Close = Callable[[Int[np.ndarray, " p"], Int[np.ndarray, " p"]], Bool[np.ndarray, " p"]]


@dataclass(frozen=True, eq=False)
class Duplicates:
    """Sets of near duplicates.

    Attributes:
        representatives: (r,) the first row of each set, in the order of the input.
        representatives_at: (r,) positions of the representatives in the input, ascending.
        multiplicity: (r,) number of rows of each set.
        membership: (m,) for each row of the input the position of its set among the representatives.
    """

    representatives: Int[np.ndarray, " r"]
    representatives_at: Int[np.ndarray, " r"]
    multiplicity: Int[np.ndarray, " r"]
    membership: Int[np.ndarray, " m"]


def duplicate_tolerance(vectors: Vectors, *, rng: np.random.Generator) -> float:
    """One percent of the median distance between random items, at least the rounding error of float16 (0.0005).

    The tolerance is relative, because a fixed one would merge all items of an encoder whose cosines are all near one.
    """
    n = len(vectors)
    a, b = unit_rows(vectors, rng.integers(n, size=512)), unit_rows(vectors, rng.integers(n, size=512))
    return max(5e-4, 0.01 * float(np.median(np.linalg.norm(a - b, axis=1))))


def collapse_duplicates(
    vectors: Vectors, tol: float, *, rows: Rows | None = None, rng: np.random.Generator | None = None
) -> Duplicates:
    """Merge rows (by default all) that are within ``tol`` of the first row of their set.

    All exact copies are merged, by a hash of their bytes. Then the rows are put into the cells of several random
    low-dimensional grids. In each cell the first row takes the rows that are close to it, then the first remaining row
    does the same, and so on; crowded cells are split into pieces. Time is about linear in the number of rows. About one
    in a hundred pairs within ``tol`` that are no exact copies is missed, more if hundreds of rows are within a few
    times ``tol`` of each other. Members of a set may be up to 4 * ``tol`` from its first row.

    Args:
        vectors: The pool.
        tol: Euclidean distance between unit vectors, > 0.
        rows: Rows to compare; the first row of a set represents it.
        rng: Source of the directions of the projections; fixed by default, so that the same pool gives the same sets.

    Example:
        >>> found = collapse_duplicates(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]]), 0.01)
        >>> found.representatives.tolist(), found.multiplicity.tolist(), found.membership.tolist()
        ([0, 1], [2, 1], [0, 1, 0])
    """
    rng = np.random.default_rng(0) if rng is None else rng
    every = np.arange(len(vectors)) if rows is None else np.asarray(rows)
    n, d = len(every), vectors.shape[1]
    directions = rng.normal(size=(d, _TABLES * _PROJECTIONS)).astype(np.float32)
    shift = rng.uniform(size=directions.shape[1]).astype(np.float32)
    mixers = rng.integers(1, 2**62, size=_PROJECTIONS, dtype=np.int64) | 1
    odd = np.random.default_rng(1).integers(1, 2**62, size=d, dtype=np.int64) | 1
    shadow, same = np.empty((n, directions.shape[1]), dtype=np.float32), np.empty(n, dtype=np.int64)
    for start in range(0, n, _BLOCK):
        part = slice(start, start + _BLOCK)
        block = np.asarray(vectors[part] if rows is None else vectors[every[part]])
        shadow[part] = unit_rows(block) @ directions
        same[part] = _digest(block, odd)

    def close(a: Int[np.ndarray, " p"], b: Int[np.ndarray, " p"]) -> Bool[np.ndarray, " p"]:
        out = np.zeros(len(a), dtype=bool)
        for start in range(0, len(a), _BLOCK):
            part = slice(start, start + _BLOCK)
            # the projections exclude most pairs, so that few pairs are compared in full
            likely = np.sum((shadow[a[part]] - shadow[b[part]]) ** 2, axis=1) <= _REACH * tol * tol
            near = start + np.flatnonzero(likely)
            apart = unit_rows(vectors, every[a[near]]) - unit_rows(vectors, every[b[near]])
            out[near] = np.linalg.norm(apart, axis=1) <= tol
        return out

    parent = np.arange(n)
    _gather(parent, same, close)
    for table in range(_TABLES):
        columns = slice(table * _PROJECTIONS, (table + 1) * _PROJECTIONS)
        # a pair at distance tol is about tol apart in each projection; a cell is 16 * tol wide
        cells = np.floor(shadow[:, columns] / np.float32(16 * tol) + shift[columns]).astype(np.int64)
        for crowd in _gather(parent, (cells * mixers).sum(axis=1), close):
            for piece in _pieces(crowd, shadow, rng):
                _gather_piece(parent, piece, shadow, tol, close)
    while True:  # a representative in one table may have joined another one in a later table
        root = parent[parent]
        if np.array_equal(root, parent):
            break
        parent = root
    found, membership, multiplicity = np.unique(parent, return_inverse=True, return_counts=True)
    return Duplicates(every[found], found, multiplicity, membership.reshape(-1))


def _digest(block: Float[np.ndarray, "b d"], odd: Int[np.ndarray, " d"]) -> Int[np.ndarray, " b"]:
    """A hash of the values of each row: equal for equal rows, almost always different for other rows."""
    plain = np.ascontiguousarray(block + block.dtype.type(0))  # so that -0.0 and 0.0 have the same bytes
    size = plain.dtype.itemsize
    wide = plain.shape[1] * size % 8 == 0
    bits: np.ndarray[Any, Any] = plain.view("i8" if wide else f"i{size}").astype(np.int64, copy=False)
    return np.asarray((bits ^ (bits >> 15)) @ odd[: bits.shape[1]])


def _gather(parent: Int[np.ndarray, " n"], key: Int[np.ndarray, " n"], close: _Close) -> list[Int[np.ndarray, " c"]]:
    """Let rows join the first close row with the same key, in place, and return the crowded cells that remain."""
    alive = np.flatnonzero(parent == np.arange(len(parent)))
    order = alive[np.argsort(key[alive], kind="stable")]
    cell = np.cumsum(np.diff(key[order], prepend=key[order[:1]]) != 0)
    crowds: list[Int[np.ndarray, " c"]] = []
    while True:
        alone = np.bincount(cell)[cell] < 2 if len(cell) else np.zeros(0, dtype=bool)
        order, cell = order[~alone], cell[~alone]
        if not len(order):
            return crowds
        first = np.diff(cell, prepend=-1) != 0
        cell = np.cumsum(first) - 1
        leader, rest = order[first][cell], ~first
        joined = close(order[rest], leader[rest])
        parent[order[rest][joined]] = leader[rest][joined]

        # a leader joins no other row in this table: continue with the remaining rows
        size = np.bincount(cell[rest])
        left = size - np.bincount(cell[rest], weights=joined)
        order, cell = order[rest][~joined], cell[rest][~joined]
        crowded = (left > _CROWD) & (_FEW * left > (_FEW - 1) * size)
        if crowded.any():
            apart = crowded[cell]
            ends = np.flatnonzero(np.diff(cell[apart])) + 1
            crowds += np.split(order[apart], ends)
            order, cell = order[~apart], cell[~apart]


def _pieces(
    crowd: Int[np.ndarray, " c"], shadow: Float[np.ndarray, "n p"], rng: np.random.Generator
) -> Iterator[Int[np.ndarray, " m"]]:
    """Halve a crowd along random projections until all pieces are small; each piece keeps the order of the input."""
    waiting = [crowd]
    while waiting:
        rows = waiting.pop()
        if len(rows) <= _PIECE:
            yield rows
            continue
        along = shadow[rows, rng.integers(shadow.shape[1])]
        half = np.zeros(len(rows), dtype=bool)
        half[np.argpartition(along, len(rows) // 2)[: len(rows) // 2]] = True
        waiting += [rows[~half], rows[half]]


def _gather_piece(
    parent: Int[np.ndarray, " n"],
    rows: Int[np.ndarray, " m"],
    shadow: Float[np.ndarray, "n p"],
    tol: float,
    close: _Close,
) -> None:
    """Let each row join the first close row that has not joined another row, in place."""
    points = shadow[rows] - shadow[rows].mean(axis=0)  # centred, because float32 resolves small distances near zero
    likely = np.triu(squared_distances(points, points) <= _REACH * tol * tol, 1)
    first, second = np.nonzero(likely)
    near = close(rows[first], rows[second])
    first, second = first[near], second[near]
    joined = np.zeros(len(rows), dtype=bool)
    ends = np.flatnonzero(np.diff(first, prepend=-1))
    for leader, others in zip(first[ends], np.split(second, ends[1:]), strict=False):
        if not joined[leader]:
            new = others[~joined[others]]
            joined[new] = True
            parent[rows[new]] = rows[leader]


def near_duplicates(
    vectors: Float[np.ndarray, "n d"], *, threshold: float = 0.995, neighbours: int = 10
) -> list[list[int]]:
    """Sets of rows that are linked by a cosine similarity of at least ``threshold``.

    Each row is compared with its nearest ``neighbours`` rows, so a set may have any size if its members form a chain of
    neighbours. The similarity is that of the centred vectors (``centred_rows``).

    Args:
        vectors: (n, d), finite.
        threshold: In (-1, 1].
        neighbours: Number of nearest rows to compare with, >= 1.

    Returns:
        Sets of at least two rows, each ascending, in the order of their first rows.

    Raises:
        QueryError: The threshold or the number of neighbours is out of range.

    Example:
        >>> near_duplicates(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.001], [-1.0, -1.0]]))
        [[0, 2]]
    """
    import faiss
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not -1 < threshold <= 1 or neighbours < 1:
        raise QueryError(
            f"threshold is {threshold} and neighbours is {neighbours}",
            hint="use a threshold in (-1, 1] and neighbours >= 1",
        )
    n = len(vectors)
    if n < 2:
        return []

    rows = centred_rows(vectors)  # a row equal to the mean has no direction and no near duplicates
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    similarity, found = index.search(rows, min(neighbours + 1, n))

    # the sets are the connected components of the graph of similar pairs
    here, there = np.nonzero((similarity >= threshold - 1e-6) & (found >= 0))
    links = coo_array((np.ones(len(here), dtype=np.int8), (here, found[here, there])), shape=(n, n))
    _, part = connected_components(links, directed=False)
    order = np.argsort(part, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(part[order])) + 1)
    return sorted((group.tolist() for group in groups if len(group) > 1), key=lambda group: group[0])
