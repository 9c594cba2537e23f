"""A map of a pool: its vectors projected to the plane, so that near neighbours stay near.

The method is t-SNE (van der Maaten & Hinton, JMLR 9, 2008) on the graph of nearest neighbours with equal weights, from
the first two principal components (Kobak & Berens, Nature Communications 10, 2019, arXiv:1907.04242 uses the same
start and learning rate). All pairs repel each other: their forces are a convolution on a grid, which the fast Fourier
transform computes (Linderman et al., Nature Methods 16, 2019, arXiv:1712.09005), here with quadratic B-splines. Needs
numpy, scipy and FAISS only; trustworthiness and times are in docs/decisions/0033-report.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, Int

from activessl.geometry.neighbours import neighbours
from activessl.later import later

if TYPE_CHECKING:
    from scipy import fft, sparse
else:
    fft = later("scipy.fft")
    sparse = later("scipy.sparse")

__all__ = ["Projection", "principal_components", "project"]

#: Neighbours of each item that attract it.
NEIGHBOURS = 15
#: Principal components in which the neighbours are searched: fewer dimensions are faster, and hold less noise.
COMPONENTS = 50
#: Steps of the descent, and how many of them exaggerate the attraction so that clusters form.
STEPS, EARLY = 200, 60
EXAGGERATION = 12.0
#: Most cells of the grid along a side, and the smallest width of a cell; a kernel has the width 1.
CELLS, FINEST = 128, 0.25
MOST_CELLS = 320
#: Up to this number of items all pairs are computed.
FEW = 600
#: Farthest move of a point in one step.
FARTHEST = 5.0

_Points = Float[np.ndarray, "n 2"]


@dataclass(frozen=True, eq=False)
class Projection:
    """A map.

    Attributes:
        places: (n, 2) float32 in [0, 1], with the proportions of the map kept.
        near: (n, k) the nearest others in the vectors, nearest first; k is smaller for few items, 0 for one.
    """

    places: _Points
    near: Int[np.ndarray, "n k"]


def project(points: Float[np.ndarray, "n d"], *, on_step: Callable[[int, int], None] | None = None) -> Projection:
    """Project unit vectors to the plane; the same vectors give the same map.

    Args:
        points: (n, d) unit rows, finite; n >= 1.
        on_step: Called with the number of the step and of all steps.

    Example:
        >>> found = project(np.eye(3, dtype="f4"))
        >>> found.places.shape, found.near.tolist()
        ((3, 2), [[1, 2], [2, 0], [1, 0]])
    """
    n = len(points)
    low = principal_components(points, min(COMPONENTS, points.shape[1]))
    near = _others(low, min(NEIGHBOURS, n - 1))
    if near.shape[1] == 0:
        return Projection(np.full((n, 2), 0.5, dtype=np.float32), near)

    # each item attracts its neighbours, and they it
    flat = (np.ones(near.size, dtype=np.float32), near.ravel(), np.arange(0, near.size + 1, near.shape[1]))
    graph = sparse.csr_matrix(flat, shape=(n, n))
    graph = (graph + graph.T).tocsr()
    weights = graph.data / graph.data.sum()
    rows, columns = np.repeat(np.arange(n), np.diff(graph.indptr)), graph.indices

    places = _start(low)
    speed, gains = np.zeros_like(places), np.ones_like(places)
    rate, cells = max(n / EXAGGERATION, 50.0), int(np.clip(n / 150, CELLS, MOST_CELLS))
    for step in range(STEPS):
        apart = places.take(rows, axis=0) - places.take(columns, axis=0)  # half the time of places[rows]
        graph.data = (weights / (1 + np.einsum("ij,ij->i", apart, apart))).astype(np.float32)
        pull = places * np.asarray(graph.sum(axis=1)) - graph @ places
        push, total = _by_pairs(places) if n <= FEW else _by_grid(places, cells)
        early = step < EARLY
        slope = 4 * ((EXAGGERATION if early else 1.0) * pull - push / max(total, 1e-9))

        # gains and momentum as in the first t-SNE
        gains = np.maximum(np.where(np.sign(slope) == np.sign(speed), gains * 0.8, gains + 0.2), 0.01)
        speed = np.clip((0.5 if early else 0.8) * speed - rate * gains * slope, -FARTHEST, FARTHEST)
        places = (places + speed).astype(np.float32)
        places -= places.mean(axis=0)
        if on_step is not None:
            on_step(step + 1, STEPS)
    return Projection(_fitted(places), near)


def principal_components(points: Float[np.ndarray, "n d"], count: int) -> Float[np.ndarray, "n c"]:
    """Return the first principal components, with signs that do not depend on the linear algebra library."""
    centred = points - points.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred / len(points))[1][:, ::-1][:, :count]
    axes = axes * np.where(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])] < 0, -1.0, 1.0)
    return np.ascontiguousarray(centred @ axes, dtype=np.float32)


def _others(low: Float[np.ndarray, "n c"], k: int) -> Int[np.ndarray, "n k"]:
    """Return the k nearest other rows; of copies, an item is not its own neighbour."""
    if k <= 0:
        return np.zeros((len(low), 0), dtype=np.int64)
    found = neighbours(low, low, k + 1)[1]
    own = found == np.arange(len(low))[:, None]
    own[~own.any(axis=1), -1] = True  # among many copies the row itself may be missing: the last is left out
    own &= np.cumsum(own, axis=1) == 1
    return np.asarray(found[~own].reshape(len(low), k))


def _start(low: Float[np.ndarray, "n c"]) -> _Points:
    start = np.zeros((len(low), 2), dtype=np.float32)
    width = float(low[:, 0].std()) if low.shape[1] else 0.0
    if width > 1e-6:
        start[:, : low.shape[1]] = low[:, :2] / width * 1e-2
    # copies would stay on one point for ever: a spiral moves each a little
    angle = np.arange(len(low)) * 2.399963
    start += 1e-4 * np.column_stack([np.cos(angle), np.sin(angle)]) * np.sqrt(np.arange(len(low)) / len(low))[:, None]
    return start.astype(np.float32)


def _by_pairs(places: _Points) -> tuple[_Points, float]:
    """Return for each point the sum of q^2 (y_i - y_j) over all others, and the sum of q over all pairs, where q is
    1 / (1 + |y_i - y_j|^2)."""
    squares = np.einsum("ij,ij->i", places, places)
    q = 1 / np.maximum(1 + squares[:, None] + squares - 2 * places @ places.T, 1)
    total = float(q.sum()) - len(places)
    q *= q
    return places * q.sum(axis=1, keepdims=True) - q @ places, total


def _by_grid(places: _Points, cells: int) -> tuple[_Points, float]:
    """Return nearly the same as ``_by_pairs``, in a time that grows with the points and not with their pairs."""
    low = places.min(axis=0)
    span = float((places.max(axis=0) - low).max()) + 1e-9
    width = max(span / (cells - 6), FINEST)
    side = int(np.ceil(span / width)) + 6
    onto = _splines((places - (low - 2 * width)) / width, side)
    charges = np.column_stack([np.ones(len(places), dtype=np.float32), places])
    grid = np.asarray(onto.T @ charges, dtype=np.float32).reshape(side, side, 3)

    # a grid of twice the size, so that the ends do not meet
    size = int(fft.next_fast_len(2 * side, real=True) or 2 * side)
    steps = np.minimum(np.arange(size), size - np.arange(size)).astype(np.float32) * width
    kernel = 1 / (1 + steps[:, None] ** 2 + steps[None, :] ** 2)
    moved = np.asarray(fft.rfft2(grid, (size, size), axes=(0, 1)))
    forces = moved * np.asarray(fft.rfft2(kernel * kernel))[..., None]
    near = np.asarray(fft.irfft2(moved[..., 0] * np.asarray(fft.rfft2(kernel)), (size, size)))[:side, :side]
    pushed = np.asarray(fft.irfft2(forces, (size, size), axes=(0, 1)))[:side, :side]
    total = float((onto @ near.ravel()).sum()) - len(places)
    sums = onto @ np.ascontiguousarray(pushed).reshape(-1, 3)
    return places * sums[:, :1] - sums[:, 1:], total


def _splines(at: _Points, side: int) -> Any:
    """Return the sparse matrix (n, side * side) of the weights with which each point lies on nine cells."""
    cell = np.floor(at + 0.5).astype(np.int64)
    off = (at - cell).astype(np.float32)
    along = np.stack([0.5 * (0.5 - off) ** 2, 0.75 - off * off, 0.5 * (0.5 + off) ** 2], axis=2)  # (n, 2, 3)
    weights = along[:, 0, :, None] * along[:, 1, None, :]
    shift = np.arange(-1, 2)
    cells = (cell[:, 0, None] + shift)[:, :, None] * side + (cell[:, 1, None] + shift)[:, None, :]
    return sparse.csr_matrix(
        (weights.reshape(-1), cells.reshape(-1), np.arange(0, 9 * len(at) + 1, 9)), shape=(len(at), side * side)
    )


def _fitted(places: _Points) -> _Points:
    """Scale a map into the unit square; a map of one point lies in the middle."""
    low, high = places.min(axis=0), places.max(axis=0)
    span = float((high - low).max())
    middle = (low + high) / 2
    scaled = 0.5 + (places - middle) / span if span > 1e-9 else np.full_like(places, 0.5)
    return np.clip(scaled, 0, 1).astype(np.float32)
