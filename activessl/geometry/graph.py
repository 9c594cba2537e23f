"""The nearest neighbours of all items of a pool: exact for small pools, by cells for large pools."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float, Int

from activessl.geometry.blocks import affordable, sample_rows
from activessl.geometry.clusters import assign, kmeans
from activessl.geometry.neighbours import neighbours as exact_neighbours
from activessl.geometry.units import unit_rows

#: Pools above this size are searched by cells; below, comparing all pairs takes a few seconds at most.
EXACT_ROWS = 20_000
#: Number of principal axes in which the cells are made: more axes take more time and give no better neighbours.
CELL_AXES = 64
#: Items from which the axes are computed, evenly over the pool, because pools are often sorted by class.
AXES_ROWS = 20_000
#: Cells searched per item in a pool of up to ``FULL_PROBES_ROWS``; fewer above, so that time grows linearly.
PROBES = 96
FULL_PROBES_ROWS = 100_000


def pool_neighbours(
    base: Float[np.ndarray, "n d"],
    k: int,
    *,
    queries: Float[np.ndarray, "m d"] | None = None,
    exact_rows: int = EXACT_ROWS,
    tell: Callable[[float], None] = lambda _: None,
) -> tuple[Float[np.ndarray, "m k"], Int[np.ndarray, "m k"]]:
    """The k nearest items of a pool, nearest first, for each of its own items or of ``queries``.

    Above ``exact_rows`` the pool is divided into cells by k-means and an item is compared only with the nearest cells:
    the recall is about 0.9, and time grows like n^1.5 up to ``FULL_PROBES_ROWS`` and like n above.

    Args:
        base: Unit rows, the pool; may be float16 and memory-mapped.
        k: Number of neighbours; at most n are returned.
        queries: Unit rows; by default the pool itself, and then the first neighbour of an item is usually the item.
        exact_rows: Up to this pool size all pairs are compared; also if there are fewer than n / 20 queries.
        tell: Called with the finished share, in [0, 1].

    Returns:
        Euclidean distances, and rows of the pool; if the cells hold fewer than k items, the farthest is repeated.

    Example:
        >>> distance, at = pool_neighbours(np.eye(3, dtype="f4"), 1)
        >>> at.ravel().tolist(), distance.ravel().tolist()
        ([0, 1, 2], [0.0, 0.0, 0.0])
    """
    n, k = len(base), min(k, len(base))
    asked = base if queries is None else queries
    # making cells costs about as much as comparing the whole pool with a few thousand queries
    if n <= exact_rows or (queries is not None and len(queries) * 20 < n):
        distance = np.empty((len(asked), k), dtype=np.float32)
        at = np.empty((len(asked), k), dtype=np.int64)
        whole, step = np.asarray(base, dtype=np.float32), affordable(base.shape[1], megabytes=100)
        for first in range(0, len(asked), step):
            part = slice(first, first + step)
            distance[part], at[part] = exact_neighbours(whole, np.asarray(asked[part], dtype=np.float32), k, exact=True)
            tell(min(first + step, len(asked)) / len(asked))
        return distance, at
    return _by_cells(base, asked, k, tell)


def _by_cells(
    base: Float[np.ndarray, "n d"], asked: Float[np.ndarray, "m d"], k: int, tell: Callable[[float], None]
) -> tuple[Float[np.ndarray, "m k"], Int[np.ndarray, "m k"]]:
    import torch

    n = len(base)
    count = int(4 * np.sqrt(n))
    rng = np.random.default_rng(0)  # fixed, because the cells must not change the result
    sample = unit_rows(base, sample_rows(n, max(32 * count, 4096), rng))
    axes = _principal(sample[:: -(-len(sample) // AXES_ROWS)], CELL_AXES)
    centres = kmeans(sample @ axes, count, rng=rng, iterations=6, sample=len(sample)).centres
    del sample
    own = _cell_of(base, axes, centres)
    members, start = _sorted_cells(own, len(centres))
    if asked is base:
        turn, first = members, start
    else:
        turn, first = _sorted_cells(_cell_of(asked, axes, centres), len(centres))
    tell(0.1)

    probes = min(len(centres), round(PROBES * min(1.0, np.sqrt(FULL_PROBES_ROWS / n))))
    norm = np.einsum("ij,ij->i", centres, centres)
    near = np.argpartition(norm[None, :] - 2 * centres @ centres.T, probes - 1, axis=1)[:, :probes]
    # sorted by cell, so that the rows of near cells are read from contiguous memory
    packed = np.asarray(base[members])
    distance = np.empty((len(asked), k), dtype=np.float32)
    at = np.empty((len(asked), k), dtype=np.int64)
    for cell in range(len(centres)):
        rows = turn[first[cell] : first[cell + 1]]
        if not len(rows):
            continue
        places = np.concatenate([np.arange(start[c], start[c + 1]) for c in near[cell]])
        partners = torch.from_numpy(np.asarray(packed[places], dtype=np.float32))
        found = min(k, len(places))
        for part in np.array_split(rows, -(-len(rows) * len(places) // 8_000_000)):
            cosine, best = torch.topk(
                torch.from_numpy(np.asarray(asked[part], dtype=np.float32)) @ partners.T, found, dim=1
            )
            apart = np.sqrt(np.maximum(2 - 2 * cosine.numpy(), 0))
            taken = members[places[best.numpy()]]
            distance[part, :found], at[part, :found] = apart, taken
            distance[part, found:], at[part, found:] = apart[:, -1:], taken[:, -1:]
        if cell % 64 == 0:
            tell(0.1 + 0.9 * cell / len(centres))
    tell(1.0)
    return distance, at


def _principal(sample: Float[np.ndarray, "s d"], most: int) -> Float[np.ndarray, "d r"]:
    if sample.shape[1] <= most:
        return np.eye(sample.shape[1], dtype=np.float32)
    _, vectors = np.linalg.eigh(sample.T @ sample)
    return np.ascontiguousarray(vectors[:, -most:])


def _cell_of(
    rows: Float[np.ndarray, "m d"], axes: Float[np.ndarray, "d r"], centres: Float[np.ndarray, "c r"]
) -> Int[np.ndarray, " m"]:
    step = 65_536
    return np.concatenate(
        [assign(np.asarray(rows[i : i + step], dtype=np.float32) @ axes, centres)[0] for i in range(0, len(rows), step)]
    )


def _sorted_cells(cell: Int[np.ndarray, " m"], count: int) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " c1"]]:
    """Rows sorted by cell, and the start of each cell."""
    order = np.argsort(cell, kind="stable")
    return order, np.searchsorted(cell[order], np.arange(count + 1))
