"""Coverage of the pool: k-center and herding. Pure functions of arrays; no labels or model needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from activessl.strategies.index import (
    Rows,
    Vectors,
    affordable,
    nearest_distances,
    squared_distances,
    thin,
    unit_rows,
)

#: Candidates that k-center keeps exact between passes over all.
_FRONT = 2_048

#: Local scales, by row of the pool or as a function of rows.
Scale = Float[np.ndarray, "n"] | Callable[[Rows], Float[np.ndarray, "m"]]


@dataclass(frozen=True, eq=False)
class Greedy:
    """What a greedy choice returns.

    Attributes:
        picks: (q,) rows of the pool, in the order they were taken.
        gains: (q,) what each added when it was taken, in the objective's unit.
        objective: The objective with all of them, on the items it was measured on.
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
    """Farthest-first traversal: each pick is the candidate farthest from everything labeled and picked.

    Two-approximation of the k-center problem. Without labels it starts at the candidate nearest to the mean. Candidates
    beyond what fits in 400 MB are sampled.

    Args:
        vectors: The pool.
        labeled: Rows that have a label.
        candidates: Rows to choose from.
        size: How many, at most ``len(candidates)``.
        rng: For sampling.
        appeal: Factor on each candidate's distance.

    Returns:
        Gains are distances when picked; the objective is the largest distance left over.

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
        # the most central item goes first: an outlier is a poor only example
        mean = points.mean(axis=0)
        central = np.sqrt(np.maximum(norms - 2 * (points @ mean) + mean @ mean, 0))
        chosen = [int(np.argmax(factor / (1e-3 + central)))]
        squared = np.full(len(rows), np.inf)
    pending = chosen.copy()
    gains: list[float] = []
    while len(chosen) < size or pending:
        # all distances at once for what was picked since: they only shrink, so old ones bound new ones from above
        _shrink(squared, points, norms, pending)
        if not gains and chosen:
            gains.append(float(np.sqrt(squared.max())))
        pending = []
        if len(chosen) == size:
            break
        # among the farthest few thousand every pick is exact; it holds as long as it beats the bound of all others
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
    """Lower squared distances to what was picked, in place."""
    if new:
        for start in range(0, len(points), 8192):
            part = slice(start, start + 8192)
            away = norms[part, None] + norms[new] - 2 * (points[part] @ points[new].T)
            np.minimum(squared[part], np.maximum(away, 0).min(axis=1), out=squared[part])


def kernel(
    a: Float[np.ndarray, "a d"],
    b: Float[np.ndarray, "b d"],
    width: float,
    scale_a: Float[np.ndarray, " a"] | None = None,
    scale_b: Float[np.ndarray, " b"] | None = None,
) -> Float[np.ndarray, "a b"]:
    r"""Gaussian kernel :math:`\exp(-d^2 / (w^2 s_a s_b))` of unit rows, in float32.

    Example:
        >>> kernel(np.eye(2, dtype="f4"), np.eye(2, dtype="f4"), 1.0).round(3).tolist()
        [[1.0, 0.135...], [0.135..., 1.0]]
    """
    out = squared_distances(a, b)
    if scale_a is not None and scale_b is not None:
        out /= scale_a[:, None].astype(np.float32)
        out /= scale_b[None, :].astype(np.float32)
    out *= np.float32(-1.0 / max(width, 1e-6) ** 2)
    np.exp(out, out=out)
    return out


def scale_of(scale: Scale | None, rows: Rows) -> Float[np.ndarray, " m"] | None:
    """The local scales of these rows."""
    if scale is None:
        return None
    return np.asarray(scale(rows) if callable(scale) else scale[rows], dtype=np.float32)


def herd(
    vectors: Vectors,
    labeled: Rows,
    candidates: Rows,
    query_size: int,
    *,
    width: float,
    rng: np.random.Generator,
    weights: Float[np.ndarray, " n"] | None = None,
    scale: Scale | None = None,
    appeal: Float[np.ndarray, " c"] | None = None,
    evaluators: Rows | None = None,
    max_candidates: int = 2_500,
    max_evaluators: int = 5_000,
) -> Greedy:
    r"""Greedy herding: each pick is the candidate that raises the weighted coverage of the pool most.

    Maximises :math:`\sum_j u_j \max_{i \in L \cup S} k(x_i, x_j) / \sum_j u_j` over the evaluators j, a sample of the
    candidates, with :math:`k = \exp(-\|x_i - x_j\|^2 / (w^2 s_i s_j))`. Monotone and submodular, so greedy reaches at
    least 1 - 1/e of the best; gains that were computed before bound gains now, so most need not be computed again.

    Args:
        vectors: (n, d) the pool.
        labeled: Rows that have a label.
        candidates: Rows to choose from.
        query_size: How many, at most ``len(candidates)``.
        width: w, > 0, in Euclidean distance between unit vectors.
        rng: For sampling.
        weights: u, by row of the pool, >= 0 (uncertainty times multiplicity); alike by default.
        scale: s, > 0 (local scale over its median): an array by row of the pool, or a function of rows that is asked
            only for the rows that are used; all one by default. See :func:`activessl.strategies.index.local_scale`.
        appeal: Factor on each candidate's gain.
        evaluators: Rows on which coverage is measured; the candidates by default.
        max_candidates: More are sampled.
        max_evaluators: More are sampled.

    Returns:
        Gains and objective are coverage in [0, 1], measured on the evaluators.

    References:
        Bae, Noh & Sutherland, Generalized Coverage for More Robust Low-Budget Active Learning, ECCV 2024,
        arXiv 2407.12212; Bae, Oliveira & Sutherland, Uncertainty Herding, ICLR 2025, arXiv 2412.20644; self-tuning
        scale: Zelnik-Manor & Perona, NIPS 2004; lazy evaluation: Minoux 1978.

    Example:
        >>> points = np.array([[1.0, 0.0], [0.99, 0.1], [0.0, 1.0]])
        >>> herd(points, np.array([], int), np.arange(3), 2, width=1.0, rng=np.random.default_rng(0)).picks.tolist()
        [1, 2]
    """
    u = np.ones(len(vectors), dtype=np.float32) if weights is None else np.asarray(weights, dtype=np.float32)
    evaluators = thin(candidates if evaluators is None else evaluators, max_evaluators, rng)
    mass = u[evaluators]
    if not mass.sum() > 0:
        mass = np.ones(len(evaluators), dtype=np.float32)
    mass = mass / mass.sum()
    chosen = thin(np.arange(len(candidates)), max(max_candidates, 4 * query_size), rng)
    rows = candidates[chosen]
    points, ground = unit_rows(vectors, rows), unit_rows(vectors, evaluators)
    s_rows, s_ground = scale_of(scale, rows), scale_of(scale, evaluators)
    covered = coverage_of(vectors, labeled, ground, width, scale=scale, ground_scale=s_ground)
    similarity = kernel(points, ground, width, s_rows, s_ground)
    factor = np.ones(len(rows)) if appeal is None else np.asarray(appeal, dtype=np.float64)[chosen]
    return _lazy_greedy(similarity, covered, mass, factor, rows, query_size)


def coverage_of(
    vectors: Vectors,
    labeled: Rows,
    ground: Float[np.ndarray, "e d"],
    width: float,
    *,
    scale: Scale | None = None,
    ground_scale: Float[np.ndarray, " e"] | None = None,
) -> Float[np.ndarray, " e"]:
    """How well each ground vector is covered by the labeled rows: the largest kernel to one of them, 0 without."""
    covered = np.zeros(len(ground), dtype=np.float32)
    for start in range(0, len(labeled), 2048):
        rows = labeled[start : start + 2048]
        s = scale_of(scale, rows)
        near = kernel(unit_rows(vectors, rows), ground, width, s, ground_scale).max(axis=0)
        np.maximum(covered, near, out=covered)
    return covered


def _lazy_greedy(
    similarity: Float[np.ndarray, "c e"],
    covered: Float[np.ndarray, " e"],
    mass: Float[np.ndarray, " e"],
    factor: Float[np.ndarray, " c"],
    rows: Rows,
    size: int,
) -> Greedy:
    covered = covered.copy()
    bound = factor * gains_of(similarity, covered, mass)
    picks, gains = np.empty(size, dtype=np.int64), np.empty(size)
    for step in range(size):
        fresh = np.zeros(len(rows), dtype=bool) if step else np.ones(len(rows), dtype=bool)
        width = 16
        while not fresh[best := int(np.argmax(bound))]:
            stale = np.where(fresh, -np.inf, bound)
            top = np.argpartition(-stale, min(width, len(stale) - 1))[:width]
            top = top[stale[top] > -np.inf]
            bound[top] = factor[top] * gains_of(similarity[top], covered, mass)
            fresh[top] = True
            width = min(2 * width, 256)
        picks[step], gains[step] = rows[best], max(float(bound[best] / factor[best]), 0.0)
        np.maximum(covered, similarity[best], out=covered)
        bound[best] = -np.inf
    return Greedy(picks, gains, float(covered @ mass))


def gains_of(
    similarity: Float[np.ndarray, "c e"], covered: Float[np.ndarray, " e"], mass: Float[np.ndarray, " e"]
) -> Float[np.ndarray, " c"]:
    """Weighted coverage that each candidate would add."""
    out = np.empty(len(similarity))
    for start in range(0, len(similarity), 256):
        more = similarity[start : start + 256] - covered
        np.maximum(more, 0, out=more)
        out[start : start + 256] = more @ mass
    return out
