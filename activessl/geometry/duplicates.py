"""Exact and near duplicates: listed for people, and collapsed with their multiplicity before anything is chosen."""

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

#: Tables of random projections; a pair within the tolerance is missed by all of them with a probability of about 1 %.
_TABLES = 4
_PROJECTIONS = 6
#: Squared length of the 24 projections of a pair at the tolerance, in its units: exceeded by one in a thousand.
_REACH = 52.0
#: A cell where more rows are left, and its first row stood for less than one in so many, is compared all with all ...
_CROWD, _FEW = 32, 32
#: ... in pieces of at most so many rows.
_PIECE = 1024
#: Rows that are read at a time.
_BLOCK = 8192

#: Which of these pairs of positions lie within the tolerance.
_Close = Callable[[Int[np.ndarray, " p"], Int[np.ndarray, " p"]], Bool[np.ndarray, " p"]]


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

    Exact copies are found by their bytes, all of them. Then rows fall into the cells of a few random low-dimensional
    grids, and each cell's first row gathers what is close to it, then the first of those that are left, and so on;
    crowded cells are cut into pieces. About linear in the number of rows. Of pairs within ``tol`` that are no exact
    copies about one in a hundred is missed, more where hundreds of rows lie within a few times ``tol`` of each other;
    a group's members may lie up to four times ``tol`` from its first row.

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
            # few pairs are left to be compared in full: the projections say of most that they are not close
            likely = np.sum((shadow[a[part]] - shadow[b[part]]) ** 2, axis=1) <= _REACH * tol * tol
            near = start + np.flatnonzero(likely)
            apart = unit_rows(vectors, every[a[near]]) - unit_rows(vectors, every[b[near]])
            out[near] = np.linalg.norm(apart, axis=1) <= tol
        return out

    parent = np.arange(n)
    _gather(parent, same, close)
    for table in range(_TABLES):
        columns = slice(table * _PROJECTIONS, (table + 1) * _PROJECTIONS)
        # a pair at distance tol is about tol apart in each of these projections; sixteen times that is one cell
        cells = np.floor(shadow[:, columns] / np.float32(16 * tol) + shift[columns]).astype(np.int64)
        for crowd in _gather(parent, (cells * mixers).sum(axis=1), close):
            for piece in _pieces(crowd, shadow, rng):
                _gather_piece(parent, piece, shadow, tol, close)
    while True:  # a leader of one table may have joined another in the next
        root = parent[parent]
        if np.array_equal(root, parent):
            break
        parent = root
    found, membership, multiplicity = np.unique(parent, return_inverse=True, return_counts=True)
    return Duplicates(every[found], found, multiplicity, membership.reshape(-1))


def _digest(block: Float[np.ndarray, "b d"], odd: Int[np.ndarray, " d"]) -> Int[np.ndarray, " b"]:
    """A number of each row's values: rows that are the same have the same, others almost never."""
    plain = np.ascontiguousarray(block + block.dtype.type(0))  # minus zero is zero
    size = plain.dtype.itemsize
    wide = plain.shape[1] * size % 8 == 0
    bits: np.ndarray[Any, Any] = plain.view("i8" if wide else f"i{size}").astype(np.int64, copy=False)
    return np.asarray((bits ^ (bits >> 15)) @ odd[: bits.shape[1]])


def _gather(parent: Int[np.ndarray, " n"], key: Int[np.ndarray, " n"], close: _Close) -> list[Int[np.ndarray, " c"]]:
    """Let rows join the first row with the same key that is close to them, in place; the crowds that this leaves."""
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

        # no leader of this table joins another one: what is left goes on without it
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
    """Halves of halves along random projections, until they are small; each in the order of the input."""
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
    """Let each row join the first one that is close to it and has joined none itself, in place."""
    points = shadow[rows] - shadow[rows].mean(axis=0)  # near zero float32 tells small distances
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
    """Groups of rows that are linked by a cosine similarity of at least ``threshold``.

    Each row is compared with its nearest ``neighbours`` rows, so a group of any size is found as long as its members
    form a chain of neighbours. Similarity is measured about the mean, as ``centred_rows`` does.

    Args:
        vectors: (n, d), finite.
        threshold: In (-1, 1].
        neighbours: How many nearest rows to look at, >= 1.

    Returns:
        Groups of two and more rows, each ascending, in the order of their first rows.

    Raises:
        QueryError: A threshold or a number of neighbours out of range.

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

    rows = centred_rows(vectors)  # a row at the mean itself has no direction and so no near duplicate
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    similarity, found = index.search(rows, min(neighbours + 1, n))

    # groups are the connected parts of the graph of similar pairs
    here, there = np.nonzero((similarity >= threshold - 1e-6) & (found >= 0))
    links = coo_array((np.ones(len(here), dtype=np.int8), (here, found[here, there])), shape=(n, n))
    _, part = connected_components(links, directed=False)
    order = np.argsort(part, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(part[order])) + 1)
    return sorted((group.tolist() for group in groups if len(group) > 1), key=lambda group: group[0])
