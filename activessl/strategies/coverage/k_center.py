"""Coverage of the pool by distance: k-center. Pure functions of arrays; no head needed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from activessl.geometry.blocks import Rows, affordable, thin
from activessl.geometry.neighbours import nearest_distances
from activessl.geometry.units import Vectors, unit_rows

#: Candidates whose distances k-center keeps exact between passes over all candidates.
_FRONT = 2_048


@dataclass(frozen=True, eq=False)
class Greedy:
    """The result of a greedy choice.

    Attributes:
        picks: (q,) rows of the pool, in the order of choice.
        gains: (q,) increase of the objective by each pick, in the unit of the objective.
        objective: The objective with all picks, on the items that it is measured on.
    """

    picks: Int[np.ndarray, " q"]
    gains: Float[np.ndarray, " q"]
    objective: float


def k_center(
    vectors: Vectors,
    labeled: Rows,
    candidates: Rows,
    size: int,
    *,
    rng: np.random.Generator,
    appeal: Float[np.ndarray, " c"] | None = None,
) -> Greedy:
    """Farthest-first traversal: each pick is the candidate farthest from all labeled and picked items.

    2-approximation of the k-center problem. Without labels the first pick is the candidate nearest to the mean.
    Candidates are sampled if their vectors exceed 400 MB.

    Args:
        vectors: The pool.
        labeled: Rows that have a label.
        candidates: Rows to choose from.
        size: Number of picks, at most ``len(candidates)``.
        rng: Source of the sample.
        appeal: Factor on each candidate's distance.

    Returns:
        Gains are distances at the time of the pick; the objective is the largest remaining distance.

    References:
        Sener & Savarese, Active Learning for Convolutional Neural Networks: A Core-Set Approach, ICLR 2018,
        arXiv 1708.00489; Gonzalez 1985.

    Example:
        >>> points = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [-1.0, 0.0]])
        >>> k_center(points, np.array([0]), np.array([1, 2, 3]), 2, rng=np.random.default_rng(0)).picks.tolist()
        [3, 2]
    """
    positions = thin(np.arange(len(candidates)), max(affordable(vectors.shape[1]), size), rng)
    rows = candidates[positions]
    factor = np.ones(len(rows)) if appeal is None else np.asarray(appeal)[positions]
    points = unit_rows(vectors, rows)
    norms = np.einsum("ij,ij->i", points, points)
    if len(labeled):
        squared = nearest_distances(vectors, rows, labeled).astype(np.float64) ** 2
        chosen: list[int] = []
    else:
        # the most central item first: an outlier is a poor first example
        mean = points.mean(axis=0)
        central = np.sqrt(np.maximum(norms - 2 * (points @ mean) + mean @ mean, 0))
        chosen = [int(np.argmax(factor / (1e-3 + central)))]
        squared = np.full(len(rows), np.inf)
    pending = chosen.copy()
    gains: list[float] = []
    while len(chosen) < size or pending:
        # update all distances to the new picks at once: distances only decrease, so old values are upper bounds
        _shrink(squared, points, norms, pending)
        if not gains and chosen:
            gains.append(float(np.sqrt(squared.max())))
        pending = []
        if len(chosen) == size:
            break
        # a pick from the farthest few thousand is exact if it exceeds the upper bound of all others
        worth = factor * np.sqrt(squared)
        worth[chosen] = -1
        order = np.argsort(-worth, kind="stable")[: _FRONT + 1]
        bound = worth[order[_FRONT]] if len(order) > _FRONT else 0.0
        front = order[:_FRONT][worth[order[:_FRONT]] >= 0]
        near, near_norms, near_squared, near_factor = points[front], norms[front], squared[front], factor[front]
        while len(chosen) + len(pending) < size and len(pending) < len(front):
            inside = near_factor * np.sqrt(near_squared)
            inside[pending] = -1
            best = int(np.argmax(inside))
            if inside[best] < bound:
                break
            pending.append(best)
            gains.append(float(np.sqrt(near_squared[best])))
            _shrink(near_squared, near, near_norms, [best])
        pending = [int(front[at]) for at in pending]
        chosen.extend(pending)
    left = np.delete(squared, chosen)
    return Greedy(rows[np.array(chosen)], np.array(gains), float(np.sqrt(left.max())) if len(left) else 0.0)


def _shrink(
    squared: Float[np.ndarray, " c"], points: Float[np.ndarray, "c d"], norms: Float[np.ndarray, " c"], new: list[int]
) -> None:
    """Lower the squared distances to include the new picks, in place."""
    if new:
        for start in range(0, len(points), 8192):
            part = slice(start, start + 8192)
            away = norms[part, None] + norms[new] - 2 * (points[part] @ points[new].T)
            np.minimum(squared[part], np.maximum(away, 0).min(axis=1), out=squared[part])
