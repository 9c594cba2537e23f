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
#: Folds of pictures that choose the penalty.
_FOLDS = 5

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
    vectors: Float[np.ndarray, "p d"],
    centers: Float[np.ndarray, "p 2"],
    boxes: Float[np.ndarray, "p 4"],
    groups: Int[np.ndarray, " p"],
) -> BoxFit:
    """Fit the regression; the penalty is the one with the least error on boxes of other groups.

    Parts of one box tell the same: without groups, the penalty would be that of as many boxes as there are parts, and
    much too small (with 20 pictures the F1 was 9 % instead of 76 %).

    Args:
        vectors: Parts inside of boxes.
        centers: (x, y) of each part in pixels.
        boxes: (left, top, right, bottom) of the box of each part.
        groups: The picture of each part.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> vectors, centers = rng.normal(size=(50, 3)), rng.uniform(0, 99, (50, 2))
        >>> boxes = np.concatenate([centers - 5 - vectors[:, :2], centers + 5 - vectors[:, :2]], axis=1)
        >>> found = fit_boxes(vectors, centers, boxes, np.arange(50) // 5).boxes(vectors, centers)
        >>> bool(np.abs(found - boxes).max() < 0.1)
        True
    """
    size = boxes[:, 2:] - boxes[:, :2]
    typical = np.exp(np.log(size).mean(axis=0))
    wanted = np.concatenate([((boxes[:, :2] + boxes[:, 2:]) / 2 - centers) / typical, np.log(size / typical)], axis=1)
    mean, middle = vectors.mean(axis=0), wanted.mean(axis=0)
    x, y = (vectors - mean).astype(np.float64), wanted - middle
    gram, cross = x.T @ x, x.T @ y
    penalties = np.logspace(-4, 3, 15) * max(float(np.trace(gram)) / len(gram), 1e-12)

    # by picture, in at most five folds; one picture alone gets a large penalty
    fold = np.unique(groups, return_inverse=True)[1] % _FOLDS
    errors = np.zeros(len(penalties))
    for one in np.unique(fold) if fold.max() > 0 else ():
        out = fold == one
        values, directions = np.linalg.eigh(gram - x[out].T @ x[out])
        told = directions.T @ (cross - x[out].T @ y[out])
        seen = x[out] @ directions
        for at, penalty in enumerate(penalties):
            errors[at] += ((y[out] - seen @ (told / (np.maximum(values, 0) + penalty)[:, None])) ** 2).sum()
    best = penalties[int(errors.argmin())] if fold.max() > 0 else penalties[len(penalties) // 2]
    weights = np.linalg.solve(gram + best * np.eye(len(gram)), cross)
    return BoxFit(np.concatenate([weights, middle[None]]), typical, mean)


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
