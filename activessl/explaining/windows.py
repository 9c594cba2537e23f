"""Windows that are hidden one at a time, and the map that their effects amount to: functions of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np
from jaxtyping import Float, Int

from activessl.pool.forms.base import Array

#: The share of the places that the deletion test hides.
SHARE = 0.2


def windows(grid: tuple[int, ...], sizes: Sequence[tuple[int, ...]]) -> tuple[Array, Int[np.ndarray, " m"]]:
    """Every window of each size, half a window apart; the last one of an axis ends at its edge.

    Args:
        grid: Number of places along each axis.
        sizes: The size of the windows of each scale, in places along each axis; larger than the grid is cut to it.

    Returns:
        The hidden places of each window, and the scale of each.

    Example:
        >>> hidden, scale = windows((4,), [(1,), (2,)])
        >>> hidden.astype(int).tolist()[4:], scale.tolist()
        ([[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 1]], [0, 0, 0, 0, 1, 1, 1])
    """
    masks, scales = [], []
    for scale, size in enumerate(sizes):
        starts = []
        for n, wanted in zip(grid, size, strict=True):
            length = min(n, wanted)
            starts.append(sorted({*range(0, n - length + 1, max(1, length // 2)), n - length}))
        for corner in product(*starts):
            mask = np.zeros(grid, dtype=bool)
            mask[tuple(slice(at, at + length) for at, length in zip(corner, size, strict=True))] = True
            masks.append(mask)
            scales.append(scale)
    return np.array(masks), np.array(scales)


def averaged(hidden: Array, scale: Int[np.ndarray, " m"], drops: Float[np.ndarray, " m"]) -> Array:
    """The map: for each place, the mean drop over the windows that hide it, averaged over the scales.

    Args:
        hidden: The hidden places of each window; every scale covers every place.
        scale: The scale of each window.
        drops: How much the score falls when the window is hidden.

    References:
        Zeiler & Fergus, Visualizing and Understanding Convolutional Networks, ECCV 2014, arXiv 1311.2901.

    Example:
        >>> hidden, scale = windows((3,), [(1,), (3,)])
        >>> averaged(hidden, scale, np.array([0.0, 1.0, 0.0, 1.0])).tolist()
        [0.5, 1.0, 0.5]
    """
    parts = []
    for one in np.unique(scale):
        of = hidden[scale == one].astype(np.float64)
        parts.append(np.tensordot(drops[scale == one], of, axes=1) / np.maximum(of.sum(axis=0), 1e-12))
    return np.asarray(np.mean(parts, axis=0))


def strongest(values: Array, share: float = SHARE) -> Array:
    """The places of the largest values: this share of all places, at least one; of equal ones, the first.

    Example:
        >>> strongest(np.array([[0.1, 0.9], [0.9, 0.2]]), 0.25).tolist()
        [[False, True], [False, False]]
    """
    count = max(1, round(share * values.size))
    found = np.zeros(values.size, dtype=bool)
    found[np.argsort(-values.ravel(), kind="stable")[:count]] = True
    return found.reshape(values.shape)


def moved(places: Array, rng: np.random.Generator) -> Array:
    """The same pattern of places somewhere else: shifted along each axis by a random step, and around the edges.

    A pattern of the same size and compactness is the fair comparison: single places that are scattered at random leave
    more of what they are part of.

    Example:
        >>> int(moved(np.array([True, True, False, False, False]), np.random.default_rng(0)).sum())
        2
    """
    steps = tuple(int(rng.integers(n)) for n in places.shape)
    return np.asarray(np.roll(places, steps, axis=tuple(range(places.ndim))))
