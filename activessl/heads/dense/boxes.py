"""Boxes from parts: each part votes for the box that it belongs to, and votes that overlap are one box.

The center and the size of a box are linear in the vectors of its parts, fitted by ridge regression in closed form.
Votes are joined by non-maximum suppression, the places of joined votes averaged (Gidaris & Komodakis, ICCV 2015,
arXiv:1505.01749). For crowded pictures this is better than connected parts, which run together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from activessl.heads.dense.grid import Grid
from activessl.labels.regions.overlap import box_ious
from activessl.labels.regions.places import Box

#: Votes that overlap more than this are of one box.
SAME = 0.4
#: Votes that are looked at in a picture, the best ones.
_MOST = 600

Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, eq=False)
class BoxFit:
    """Vector of a part -> offset of the center and logarithm of the size, relative to a typical box.

    Attributes:
        weights: (d + 1, 4) with the intercept in the last row.
        typical: (2,) geometric mean of the width and the height of boxes, in pixels.
        mean: (d,) subtracted.
    """

    weights: Float[np.ndarray, "d 4"]
    typical: Float[np.ndarray, " 2"]
    mean: Float[np.ndarray, " d"]

    def boxes(self, vectors: Float[np.ndarray, "p d"], centers: Float[np.ndarray, "p 2"]) -> Float[np.ndarray, "p 4"]:
        """The box (left, top, right, bottom) that each part votes for."""
        told = (vectors - self.mean) @ self.weights[:-1] + self.weights[-1]
        middle = centers + told[:, :2] * self.typical
        half = np.exp(np.clip(told[:, 2:], -3, 3)) * self.typical / 2
        return np.concatenate([middle - half, middle + half], axis=1)


def fit_boxes(
    vectors: Float[np.ndarray, "p d"], centers: Float[np.ndarray, "p 2"], boxes: Float[np.ndarray, "p 4"]
) -> BoxFit:
    """Fit the regression; the penalty is the one of least error by generalized cross-validation.

    Args:
        vectors: Parts inside of boxes.
        centers: (x, y) of each part in pixels.
        boxes: (left, top, right, bottom) of the box of each part.

    References:
        Golub, Heath & Wahba, Generalized Cross-Validation, Technometrics 1979.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> vectors, centers = rng.normal(size=(50, 3)), rng.uniform(0, 99, (50, 2))
        >>> boxes = np.concatenate([centers - 5 - vectors[:, :2], centers + 5 - vectors[:, :2]], axis=1)
        >>> found = fit_boxes(vectors, centers, boxes).boxes(vectors, centers)
        >>> bool(np.abs(found - boxes).max() < 0.1)
        True
    """
    size = boxes[:, 2:] - boxes[:, :2]
    typical = np.exp(np.log(size).mean(axis=0))
    wanted = np.concatenate([((boxes[:, :2] + boxes[:, 2:]) / 2 - centers) / typical, np.log(size / typical)], axis=1)
    mean = vectors.mean(axis=0)
    centred, middle = vectors - mean, wanted.mean(axis=0)
    u, s, vt = np.linalg.svd(centred.astype(np.float64), full_matrices=False)
    told = u.T @ (wanted - middle)
    n = len(vectors)
    best: tuple[float, Array] = (np.inf, np.zeros((vectors.shape[1], 4)))
    for penalty in np.logspace(-4, 3, 15) * max(float((s**2).mean()), 1e-12):
        kept = s**2 / (s**2 + penalty)
        left = ((wanted - middle - u @ (kept[:, None] * told)) ** 2).sum()
        error = left / max(1e-9, (1 - min(kept.sum() / n, 0.999)) ** 2)
        if error < best[0]:
            best = (float(error), vt.T @ ((s / (s**2 + penalty))[:, None] * told))
    return BoxFit(np.concatenate([best[1], middle[None]]), typical, mean)


def joined(
    votes: Float[np.ndarray, "p 4"], scores: Float[np.ndarray, " p"], grid: Grid
) -> list[tuple[Box, float, int]]:
    """Join votes: each box with its score and its number of votes, the best first; cut at the edge of the picture.

    Example:
        >>> votes = np.array([[0.0, 0, 10, 10], [0, 0, 10, 12], [30, 30, 40, 40]])
        >>> [(round(box.height, 2), score, votes) for box, score, votes in joined(
        ...     votes, np.array([0.9, 0.9, 0.6]), Grid((4, 4), (40, 40)))]
        [(11.0, 0.9, 2), (10.0, 0.6, 1)]
    """
    height, width = grid.extent
    order: Int[np.ndarray, " q"] = np.argsort(-scores, kind="stable")[:_MOST]
    overlaps = box_ious(votes[order], votes[order])
    free = np.ones(len(order), dtype=bool)
    found = []
    for at in range(len(order)):
        if not free[at]:
            continue
        same = free & (overlaps[at] >= SAME)
        free &= ~same
        mine = order[same]
        left, top, right, bottom = np.average(votes[mine], axis=0, weights=scores[mine] ** 2)
        left, top, right, bottom = max(left, 0.0), max(top, 0.0), min(right, width), min(bottom, height)
        if right - left >= 1 and bottom - top >= 1:
            box = Box(float(left), float(top), float(right - left), float(bottom - top))
            found.append((box, float(scores[order[at]]), int(same.sum())))
    return found
