"""Smoothing: average each vector over its neighbours, so that fewer labels reach the same accuracy."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import HeadError
from activessl.geometry.graph import pool_neighbours
from activessl.geometry.units import unit_blocks, unit_rows
from activessl.later import later
from activessl.pool.progress import OnProgress, Progress
from activessl.sealed import SEAL, check_seal, read_array, seal

if TYPE_CHECKING:
    from scipy import sparse
else:
    sparse = later("scipy.sparse")  # not needed to read smoothed vectors

#: Number of neighbours of each item.
NEIGHBOURS = 10
#: Numbers of half-steps to the neighbours' mean after which the vectors are taken. One step removes noise. Eight steps
#: join whole clusters, which helps with one label per class. Zero steps, the vectors themselves, keep details that
#: smoothing removes, which strategies and heads with many labels need. Measured in docs/decisions/0003-smoothing.md.
SCALES = (0, 1, 8)
#: Above this number of items all arrays are float16.
HALF_ROWS = 100_000
#: Numbers that are smoothed at once, in at least 32 dimensions: 8 million are 32 MB, which fits in the cache.
STEP_CELLS = 8_000_000
#: Rows that are finished or transformed at once.
BLOCK = 8192


class Parts(NamedTuple):
    """The arrays with which new vectors are smoothed.

    Attributes:
        base: (n, d) unit vectors.
        memories: By number of steps above one, (n, d) the contribution of each pool item to a new neighbour.
        centres: The mean (d,) of each scale.
        scales: Numbers of steps.
    """

    base: Float[np.ndarray, "n d"]
    memories: Mapping[int, Float[np.ndarray, "n d"]]
    centres: tuple[Float[np.ndarray, " d"], ...]
    scales: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Smoothed:
    """The smoothed vectors of a pool, and the transformation of other vectors.

    Attributes:
        points: (n, d) unit vectors, float32, above 100,000 items float16. Strategies and heads should use these instead
            of the vectors of the pool.
    """

    points: Float[np.ndarray, "n d"]
    _base: Float[np.ndarray, "n d"]
    _memories: Mapping[int, Float[np.ndarray, "n d"]]
    _centres: tuple[Float[np.ndarray, " d"], ...]
    _scales: tuple[int, ...]

    def transform(self, vectors: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m d"]:
        """Smooth other vectors over their neighbours in the pool; the pool does not change.

        Args:
            vectors: (m, d), centred on the same mean as the pool.

        Raises:
            HeadError: The vectors have another number of dimensions than the pool.
        """
        return self.place(vectors)[0]

    def place(self, vectors: Float[np.ndarray, "m d"]) -> tuple[Float[np.ndarray, "m d"], Float[np.ndarray, " m"]]:
        """The result of ``transform``, and the distance of each vector to the last of its neighbours, in [0, 2].

        Raises:
            HeadError: The vectors have another number of dimensions than the pool.
        """
        given = np.asarray(vectors)
        if given.ndim != 2 or given.shape[1] != self._base.shape[1]:
            raise HeadError(
                f"vectors have shape {given.shape}, but the pool has {self._base.shape[1]} dimensions",
                hint="encode both with the same encoder",
            )
        k = min(NEIGHBOURS, len(self._base))
        near, reach = _weights(self._base, unit_rows(given), k)
        out = np.empty(given.shape, dtype=np.float32)
        for first in range(0, len(given), BLOCK):
            new = unit_rows(given[first : first + BLOCK])
            rows, local = np.unique(near.indices[first * k : first * k + k * len(new)], return_inverse=True)
            weight = near.data[first * k : first * k + k * len(new)]
            walk = sparse.csr_matrix(
                (weight, local.ravel(), np.arange(0, k * len(new) + 1, k)), shape=(len(new), len(rows))
            )
            parts = [
                unit_rows(0.5**steps * new + self._remembered(steps, walk, rows) - centre)
                for steps, centre in zip(self._scales, self._centres, strict=True)
            ]
            out[first : first + BLOCK] = _joined(parts)
        return out, reach

    @property
    def core(self) -> Smoothed:
        """What other vectors are smoothed with: all of this pool."""
        return self

    def at(self, rows: Int[np.ndarray, " m"]) -> Float[np.ndarray, "m d"]:
        """The points of some rows of the pool."""
        found: Float[np.ndarray, "m d"] = self.points[rows]
        return found

    @property
    def plain(self) -> Smoothed:
        """The same pool without smoothing: ``points`` are the unit vectors, and ``transform`` only scales to them."""
        none = np.zeros(self._base.shape[1], dtype=np.float32)
        return Smoothed(self._base, self._base, {}, (none,), (0,))

    def usual_reach(self, most: int = 2000) -> Float[np.ndarray, " q"]:
        """Ascending distances of at most ``most`` items of the pool to the last of their neighbours."""
        n = len(self._base)
        rows = np.arange(n) if n <= most else np.linspace(0, n - 1, most).astype(np.int64)
        k = min(NEIGHBOURS, n - 1)
        if k < 1:
            return np.zeros(1, dtype=np.float32)
        distance, at = pool_neighbours(self._base, k + 1, queries=unit_rows(self._base, rows))
        # leave out the item itself; if duplicates pushed it out of the list, leave out the farthest
        own = at == rows[:, None]
        last = np.where(own[:, -1], distance[:, -2], distance[:, -1])
        return np.sort(np.where(own.any(axis=1), last, distance[:, -2]))

    @property
    def parts(self) -> Parts:
        """The arrays with which new vectors are smoothed, for export to other formats."""
        return Parts(self._base, self._memories, self._centres, self._scales)

    def _remembered(
        self, steps: int, walk: sparse.csr_matrix, rows: Int[np.ndarray, " r"]
    ) -> Float[np.ndarray, "m d"] | float:
        if steps == 0:
            return 0.0
        memory = self._memories[steps] if steps > 1 else self._base
        found: Float[np.ndarray, "m d"] = walk @ np.asarray(memory[rows], dtype=np.float32)
        return found if steps > 1 else 0.5 * found

    def fits(self, shape: tuple[int, ...], scales: tuple[int, ...] = SCALES) -> bool:
        """Whether the shape and the scales are these; stored vectors may be from old settings."""
        return (self._scales, self._base.shape) == (scales, shape)

    def belongs_to(self, points: Float[np.ndarray, "n d"], scales: tuple[int, ...] = SCALES) -> bool:
        """Whether exactly these vectors were smoothed, at these scales."""
        return self.fits(np.shape(points), scales) and all(
            np.array_equal(self._base[part], block.astype(self._base.dtype)) for part, block in unit_blocks(points)
        )

    def save(self, folder: Path) -> None:
        """Write arrays that can be memory-mapped; ``scales.json`` is written last and marks a complete folder.

        Raises:
            HeadError: The folder cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name in ("scales.json", SEAL):
                (folder / name).unlink(missing_ok=True)
            np.save(folder / "points.npy", self.points)
            np.save(folder / "base.npy", self._base)
            for steps, memory in self._memories.items():
                np.save(folder / f"memory-{steps}.npy", memory)
            for steps, centre in zip(self._scales, self._centres, strict=True):
                np.save(folder / f"centre-{steps}.npy", centre)
            (folder / "scales.json").write_text(json.dumps(list(self._scales)), encoding="utf-8")
            seal(folder)
        except OSError as bad:
            raise HeadError(
                f"cannot write to {folder}: {bad.strerror}", hint="check the permissions and the free disk space"
            ) from bad

    @classmethod
    def load(cls, folder: Path) -> Smoothed:
        """Memory-map the arrays that ``save`` wrote.

        Raises:
            HeadError: The folder is missing, incomplete or damaged.
        """

        def read(name: str) -> Any:
            return read_array(folder / f"{name}.npy", mmap_mode="c")

        try:
            sealed = check_seal(folder)
            scales = tuple(int(t) for t in json.loads((folder / "scales.json").read_text(encoding="utf-8")))
            found = cls(
                points=read("points"),
                _base=read("base"),
                _memories={t: read(f"memory-{t}") for t in scales if t > 1},
                _centres=tuple(read(f"centre-{t}") for t in scales),
                _scales=scales,
            )
            if not sealed:
                found._check()
            return found
        except (OSError, ValueError, TypeError, RecursionError) as bad:
            raise HeadError(f"no complete smoothed vectors in {folder}", hint="smooth the vectors again") from bad

    def _check(self) -> None:
        """Raise ValueError unless the arrays fit each other and are finite: an earlier version wrote no digests."""
        n, d = self._base.shape
        for rows in (self.points, *self._memories.values()):
            if rows.ndim != 2 or len(rows) != n:
                raise ValueError(f"{rows.shape} does not fit {n} items")
            if not all(np.isfinite(rows[i : i + 65536]).all() for i in range(0, n, 65536)):
                raise ValueError("not all vectors are finite")
        if any(centre.shape[-1] != d or not np.isfinite(centre).all() for centre in self._centres):
            raise ValueError("a centre does not fit the vectors")


def smooth(
    points: Float[np.ndarray, "n d"],
    *,
    neighbours: int = NEIGHBOURS,
    scales: tuple[int, ...] = SCALES,
    on_progress: OnProgress | None = None,
) -> Smoothed:
    r"""Smooth the vectors of a pool over their nearest-neighbour graph.

    :math:`X_{t+1} = \frac12 X_t + \frac12 D^{-1} W X_t` on the symmetric graph of the nearest neighbours; the result
    is the sum of the centred unit vectors at each of ``scales``. Smoothing uses no labels, so it runs once per pool,
    and a linear head on the result is semi-supervised.

    Args:
        points: Centred vectors; scaled to unit length here.
        neighbours: Number of neighbours of each item in the graph, >= 1.
        scales: Numbers of steps, ascending, >= 0.
        on_progress: Called with the stage "smooth" and the finished share of the work, as a number of items out of n.

    Raises:
        HeadError: No vectors, or scales or neighbours out of range.

    References:
        Wu et al., Simplifying Graph Convolutional Networks, ICML 2019, arXiv 1902.07153.
        Zhou et al., Learning with Local and Global Consistency, NeurIPS 2003.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> truth = np.repeat([0, 1], 100)
        >>> points = rng.normal(size=(200, 20)) + 1.0 * np.outer(2 * truth - 1, np.ones(20)) / 2
        >>> def apart(x):  # distance of the two class means / standard deviation
        ...     a, b = x[truth == 0], x[truth == 1]
        ...     return float(np.linalg.norm(a.mean(axis=0) - b.mean(axis=0)) / np.sqrt(a.var(axis=0).sum()))
        >>> bool(apart(smooth(points).points) > 1.5 * apart(points))
        True
    """
    given = np.asarray(points)
    if given.ndim != 2 or not given.size:
        raise HeadError(f"points have shape {given.shape}", hint="pass a matrix with one row per item")
    if neighbours < 1 or not scales or min(scales) < 0 or list(scales) != sorted(set(scales)):
        raise HeadError(
            f"neighbours is {neighbours} and scales is {scales}",
            hint="use neighbours >= 1 and scales >= 0 in ascending order",
        )
    n, d = given.shape
    dtype = np.float16 if n > HALF_ROWS else np.float32

    def tell(share: float) -> None:
        if on_progress is not None:
            on_progress(Progress("smooth", round(n * share), n))

    base = np.empty((n, d), dtype=dtype)
    for part, block in unit_blocks(given):
        base[part] = block
    near, _ = _weights(base, None, min(neighbours, n - 1), tell=lambda share: tell(0.6 * share))
    both = (near + near.T).tocsr()
    degree = np.maximum(np.asarray(both.sum(axis=1)).ravel(), 1e-12)
    both.data /= np.repeat(degree, np.diff(both.indptr)).astype(np.float32)

    # a new item takes the same steps: half of itself, half of its neighbours at the same step
    seen = {t: np.empty((n, d), dtype=dtype) for t in scales if t > 0}
    memories = {t: np.empty((n, d), dtype=dtype) for t in scales if t > 1}
    centres = {t: np.empty(d, dtype=np.float32) for t in scales}
    length = {t: np.zeros(n) for t in scales}
    # dimensions are independent, so a few at a time limit the memory
    width = max(32, STEP_CELLS // n)
    for first in range(0, d, width):
        some = slice(first, min(first + width, d))
        x = np.ascontiguousarray(base[:, some], dtype=np.float32)
        memory = np.zeros_like(x)
        for step in range(max(scales) + 1):
            if step:
                memory += x
                memory *= 0.5
                x = 0.5 * (x + both @ x)
            if step in centres:
                centres[step][some] = x.mean(axis=0, dtype=np.float64)
                moved = x - centres[step][some]
                length[step] += np.einsum("ij,ij->i", moved, moved)
                if step in seen:
                    seen[step][:, some] = moved
            if step in memories:
                memories[step][:, some] = memory
        tell(0.6 + 0.4 * some.stop / d)

    points_there = (
        seen[scales[-1]] if seen else np.empty_like(base)
    )  # in place: each block is read before it is written
    for first in range(0, n, BLOCK):
        part = slice(first, first + BLOCK)
        total = np.zeros((len(base[part]), d), dtype=np.float32)
        for t in scales:
            moved = np.asarray(seen[t][part], dtype=np.float32) if t else base[part] - centres[0]
            total += moved / np.maximum(np.sqrt(length[t][part]), 1e-12)[:, None].astype(np.float32)
        points_there[part] = unit_rows(total)
    return Smoothed(points_there, base, memories, tuple(centres[t] for t in scales), tuple(scales))


def _joined(parts: list[Float[np.ndarray, "n d"]]) -> Float[np.ndarray, "n d"]:
    return unit_rows(np.sum(parts, axis=0))


def _weights(
    base: Float[np.ndarray, "n d"],
    queries: Float[np.ndarray, "m d"] | None,
    k: int,
    *,
    tell: Callable[[float], None] = lambda _: None,
) -> tuple[sparse.csr_matrix, Float[np.ndarray, " m"]]:
    """Weights of the k nearest neighbours, larger for nearer ones and scaled by the farthest; each row sums to one.

    Without queries: the neighbours of each row of the pool, without the row itself. Also returns the distance of the
    farthest neighbour.
    """
    m = len(base) if queries is None else len(queries)
    if k < 1:
        return sparse.csr_matrix((m, len(base)), dtype=np.float32), np.zeros(m, dtype=np.float32)
    distance, at = pool_neighbours(base, k + (queries is None), queries=queries, tell=tell)
    if queries is None:
        distance, at = _without_self(distance, at)
    reach = np.maximum(distance[:, -1:], 1e-6)
    weight = np.exp(-4 * (distance / reach) ** 2)
    weight /= weight.sum(axis=1, keepdims=True)
    ends = np.arange(0, m * k + 1, k)
    small = np.int32 if max(m * k, len(base)) < 2**31 else np.int64
    walk = sparse.csr_matrix(
        (weight.astype(np.float32).ravel(), at.ravel().astype(small), ends.astype(small)), shape=(m, len(base))
    )
    return walk, distance[:, -1]


def _without_self(
    distance: Float[np.ndarray, "n k"], at: Int[np.ndarray, "n k"]
) -> tuple[Float[np.ndarray, "n j"], Int[np.ndarray, "n j"]]:
    """Remove the row itself from its neighbours; if duplicates pushed it out of the list, remove the farthest."""
    own = at == np.arange(len(at))[:, None]
    own[~own.any(axis=1), -1] = True
    keep = ~own
    shape = (len(at), at.shape[1] - 1)
    return distance[keep].reshape(shape), at[keep].reshape(shape)
