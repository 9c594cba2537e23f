"""What the unlabeled items know: vectors averaged over their neighbourhoods, so that few labels go further."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.sparse import csr_matrix, diags_array

from activessl.errors import HeadError
from activessl.strategies.index import neighbours as nearest
from activessl.strategies.index import unit_rows

#: Neighbours of each item.
NEIGHBOURS = 10
#: After how many half-steps to the neighbours' mean the vectors are taken. One step removes noise and never hurt in
#: our measurements; eight gather whole clusters, which is what one label a class needs. Both together beat either.
SCALES = (1, 8)


@dataclass(frozen=True, eq=False)
class Smoothed:
    """A pool's smoothed vectors, and how to bring other vectors there.

    Attributes:
        points: (n, d) float32, of length one: what strategies and heads should see instead of the pool's vectors.
    """

    points: Float[np.ndarray, "n d"]
    _base: Float[np.ndarray, "n d"]
    _memories: tuple[Float[np.ndarray, "n d"], ...]
    _centres: tuple[Float[np.ndarray, " d"], ...]
    _scales: tuple[int, ...]

    def transform(self, vectors: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m d"]:
        """Other items' vectors, smoothed over their neighbours in the pool; the pool does not change.

        Args:
            vectors: Centred on the same mean as the pool.

        Raises:
            HeadError: Another length than the pool's vectors.
        """
        given = np.asarray(vectors)
        if given.ndim != 2 or given.shape[1] != self._base.shape[1]:
            raise HeadError(
                f"vectors of shape {given.shape} for a pool of {self._base.shape[1]} dimensions",
                hint="encode both with the same encoder",
            )
        new = unit_rows(given)
        near = _weights(self._base, new, min(NEIGHBOURS, len(self._base)), skip_self=False)
        parts = [
            unit_rows(0.5**steps * new + near @ memory - centre)
            for steps, memory, centre in zip(self._scales, self._memories, self._centres, strict=True)
        ]
        return _joined(parts)

    def belongs_to(self, points: Float[np.ndarray, "n d"]) -> bool:
        """Whether these are the vectors that were smoothed."""
        return self._base.shape == np.shape(points) and np.array_equal(self._base, unit_rows(np.asarray(points)))

    def save(self, folder: Path) -> None:
        """Write it as arrays that can be memory-mapped; ``scales.json`` last, so that its presence means completeness.

        Raises:
            HeadError: The folder cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "scales.json").unlink(missing_ok=True)
            np.save(folder / "points.npy", self.points)
            np.save(folder / "base.npy", self._base)
            for steps, memory, centre in zip(self._scales, self._memories, self._centres, strict=True):
                np.save(folder / f"memory-{steps}.npy", memory)
                np.save(folder / f"centre-{steps}.npy", centre)
            (folder / "scales.json").write_text(json.dumps(list(self._scales)), encoding="utf-8")
        except OSError as bad:
            raise HeadError(f"cannot write to {folder}: {bad.strerror}", hint="free the folder or the disk") from bad

    @classmethod
    def load(cls, folder: Path) -> Smoothed:
        """Memory-map what ``save`` wrote.

        Raises:
            HeadError: Nothing complete is there.
        """

        def read(name: str) -> Any:
            return np.load(folder / f"{name}.npy", mmap_mode="c", allow_pickle=False)

        try:
            scales = tuple(int(t) for t in json.loads((folder / "scales.json").read_text(encoding="utf-8")))
            return cls(
                points=read("points"),
                _base=read("base"),
                _memories=tuple(read(f"memory-{t}") for t in scales),
                _centres=tuple(read(f"centre-{t}") for t in scales),
                _scales=scales,
            )
        except (OSError, ValueError, TypeError) as bad:
            raise HeadError(f"no complete smoothed vectors in {folder}", hint="smooth the vectors again") from bad


def smooth(
    points: Float[np.ndarray, "n d"], *, neighbours: int = NEIGHBOURS, scales: tuple[int, ...] = SCALES
) -> Smoothed:
    r"""Smooth a pool's vectors over their nearest-neighbour graph.

    :math:`X_{t+1} = \frac12 X_t + \frac12 D^{-1} W X_t` on the symmetric graph of the nearest neighbours; the result
    is the sum of the centred unit vectors at each of ``scales``. Labels are not looked at, so it is done once a pool,
    and everything that is linear in the vectors becomes semi-supervised.

    Args:
        points: Centred vectors; scaled to length one here.
        neighbours: Of each item in the graph, >= 1.
        scales: Numbers of steps, ascending, >= 0.

    Raises:
        HeadError: No vectors, or steps and neighbours out of range.

    References:
        Wu et al., Simplifying Graph Convolutional Networks, ICML 2019, arXiv 1902.07153.
        Zhou et al., Learning with Local and Global Consistency, NeurIPS 2003.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> truth = np.repeat([0, 1], 100)
        >>> points = rng.normal(size=(200, 20)) + 1.0 * np.outer(2 * truth - 1, np.ones(20)) / 2
        >>> def apart(x):  # of the two centres, in units of the spread around them
        ...     a, b = x[truth == 0], x[truth == 1]
        ...     return float(np.linalg.norm(a.mean(axis=0) - b.mean(axis=0)) / np.sqrt(a.var(axis=0).sum()))
        >>> bool(apart(smooth(points).points) > 1.5 * apart(points))
        True
    """
    given = np.asarray(points)
    if given.ndim != 2 or not given.size:
        raise HeadError(f"points of shape {given.shape}", hint="pass one row an item")
    base = unit_rows(given)
    if neighbours < 1 or not scales or min(scales) < 0 or list(scales) != sorted(set(scales)):
        raise HeadError(f"{neighbours} neighbours and scales {scales}", hint="use at least 1, and ascending steps")
    near = _weights(base, base, min(neighbours, len(base) - 1), skip_self=True)
    both = near + near.T
    degree = np.maximum(np.asarray(both.sum(axis=1)).ravel(), 1e-12)
    walk = csr_matrix((diags_array((1 / degree).astype(np.float32)) @ both).astype(np.float32))

    # a new item takes the same steps beside the pool: half of itself, half of its neighbours as they are at that step
    x, memory = base, np.zeros_like(base)
    parts, memories, centres = [], [], []
    for step in range(max(scales) + 1):
        if step:
            memory = 0.5 * memory + 0.5 * x
            x = 0.5 * x + 0.5 * (walk @ x)
        if step in scales:
            centre = x.mean(axis=0)
            parts.append(unit_rows(x - centre))
            memories.append(memory)
            centres.append(centre)
    return Smoothed(_joined(parts), base, tuple(memories), tuple(centres), tuple(scales))


def _joined(parts: list[Float[np.ndarray, "n d"]]) -> Float[np.ndarray, "n d"]:
    return unit_rows(np.sum(parts, axis=0))


def _weights(
    base: Float[np.ndarray, "n d"], queries: Float[np.ndarray, "m d"], k: int, *, skip_self: bool
) -> csr_matrix:
    """Rows of weights that sum to one: near neighbours count more, at the scale of the farthest that is looked at."""
    if k < 1:
        return csr_matrix((len(queries), len(base)), dtype=np.float32)
    distance, at = nearest(base, queries, k + skip_self)
    if skip_self:
        distance, at = _without_self(distance, at)
    reach = np.maximum(distance[:, -1:], 1e-6)
    weight = np.exp(-4 * (distance / reach) ** 2)
    weight /= weight.sum(axis=1, keepdims=True)
    rows = np.repeat(np.arange(len(queries)), k)
    return csr_matrix((weight.astype(np.float32).ravel(), (rows, at.ravel())), shape=(len(queries), len(base)))


def _without_self(
    distance: Float[np.ndarray, "n k"], at: Int[np.ndarray, "n k"]
) -> tuple[Float[np.ndarray, "n j"], Int[np.ndarray, "n j"]]:
    """Drop each row's own item, which copies of it may have moved away from the first place, or the farthest."""
    own = at == np.arange(len(at))[:, None]
    own[~own.any(axis=1), -1] = True
    keep = ~own
    shape = (len(at), at.shape[1] - 1)
    return distance[keep].reshape(shape), at[keep].reshape(shape)
