"""Coverage by balls: ProbCover and DCoM. Pure functions of arrays and an rng."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.geometry.blocks import Rows, thin
from activessl.geometry.clusters import kmeans
from activessl.geometry.neighbours import nearest_distances, radius_graph, squared_distances
from activessl.geometry.units import Vectors, unit_rows
from activessl.strategies.coverage.k_center import Greedy

#: Largest number of vertices of the graph; larger pools are sampled. Edges and memory grow with the square.
_VERTICES = 15_000
#: Largest number of edges that are kept, 4 bytes each; with more edges, neighbours are computed at each use.
_EDGES = 60_000_000


def pure_radius(
    vectors: Vectors,
    rows: Rows,
    n_classes: int,
    *,
    rng: np.random.Generator,
    purity: float = 0.95,
    sample: int = 10_000,
) -> float:
    """The largest radius whose balls are pure, each within one cluster, for a share ``purity`` of the items.

    A ball is pure up to the distance of the nearest item of another cluster, so the radius is a quantile of these
    distances; the paper computes it by bisection. The clusters are those of a k-means with ``n_classes`` clusters.

    Returns:
        A distance in (0, 2]; with a single cluster the median distance between random items.

    References:
        Yehuda et al., Active Learning Through a Covering Lens, NeurIPS 2022, arXiv 2205.11320, section 3.3.
    """
    points = unit_rows(vectors, thin(rows, sample, rng))
    cluster = kmeans(points, max(n_classes, 2), rng=rng, iterations=10).assignment
    asked = thin(np.arange(len(points)), 2_000, rng)
    away = np.empty(len(asked), dtype=np.float32)
    for start in range(0, len(asked), 256):
        part = asked[start : start + 256]
        squared = squared_distances(points[part], points)
        squared[cluster[part][:, None] == cluster[None, :]] = np.inf
        away[start : start + 256] = np.sqrt(squared.min(axis=1))
    if not np.isfinite(away).any():
        return max(float(np.median(np.linalg.norm(points - points[::-1], axis=1))), 1e-3)
    return max(float(np.quantile(away[np.isfinite(away)], 1 - purity)), 1e-3)


def prob_cover(
    vectors: Vectors,
    labeled: Rows,
    candidates: Rows,
    size: int,
    *,
    radius: float,
    rng: np.random.Generator,
    appeal: Float[np.ndarray, " c"] | None = None,
) -> Greedy:
    """Choose by greedy coverage: each pick is the candidate whose ball holds the most uncovered items.

    When all items are covered, the remaining picks are drawn at random.

    Args:
        vectors: The pool.
        labeled: Rows that have a label.
        candidates: Rows to choose from; sampled if more than 15,000.
        size: Number of picks, at most ``len(candidates)``.
        radius: Radius of the balls, Euclidean distance between unit vectors; see :func:`pure_radius`.
        rng: Source of the sample and of the random picks.
        appeal: Factor on each candidate's count.

    Returns:
        Gains are the share of candidates that each pick newly covers; the objective is the share covered at the end.

    References:
        Yehuda et al., Active Learning Through a Covering Lens, NeurIPS 2022, arXiv 2205.11320.
    """
    positions = thin(np.arange(len(candidates)), max(_VERTICES, size), rng)
    rows = candidates[positions]
    covered = nearest_distances(vectors, rows, labeled) < radius
    graph = _Graph(unit_rows(vectors, rows), radius, covered)
    factor = np.ones(len(rows)) if appeal is None else np.asarray(appeal)[positions]
    picks, gains = [], []
    for _ in range(size):
        worth = np.where(graph.free, graph.degree * factor, -1.0)
        best = int(np.argmax(worth))
        if graph.degree[best] <= 0 and not (worth > 0).any():
            best = int(rng.choice(np.flatnonzero(graph.free)))
        picks.append(best)
        gains.append(graph.take(best) / len(rows))
    return Greedy(rows[np.array(picks)], np.array(gains), float(graph.covered.mean()))


class _Graph:
    """Graph of the items within the radius of each other; keeps the number of uncovered neighbours of each item."""

    def __init__(
        self,
        points: Float[np.ndarray, "m d"],
        radius: float,
        covered: Bool[np.ndarray, " m"],
    ) -> None:
        n = len(points)
        probe = points[:: -(-n // 256)]  # evenly over the pool: pools are often sorted by class
        density = np.count_nonzero(squared_distances(probe, points) < radius * radius) / (len(probe) * n)
        self.dense = density * n * n > _EDGES
        self.points, self.radius = points, radius
        if not self.dense:
            source, self.target = radius_graph(points, points, radius)
            self.start = np.searchsorted(source, np.arange(n + 1))
        self.covered = covered.copy()
        self.free = np.ones(n, dtype=bool)
        self.degree = np.zeros(n)
        self._count(np.flatnonzero(~self.covered), 1)

    def neighbours(self, vertex: int) -> Int[np.ndarray, " m"]:
        if self.dense:
            near = squared_distances(self.points[vertex : vertex + 1], self.points)[0] < self.radius * self.radius
            near[vertex] = True
            return np.flatnonzero(near)
        near_by = self.target[self.start[vertex] : self.start[vertex + 1]]
        return near_by if len(near_by) else np.array([vertex])

    def _count(self, vertices: Int[np.ndarray, " m"], sign: int) -> None:
        """Add these vertices to, or subtract them from, the counts of all their neighbours."""
        if self.dense:
            for first in range(0, len(vertices), 512):
                part = vertices[first : first + 512]
                near = squared_distances(self.points[part], self.points) < self.radius * self.radius
                self.degree += sign * near.sum(axis=0)
        elif len(vertices):
            lists = [self.target[self.start[v] : self.start[v + 1]] for v in vertices]
            self.degree += sign * np.bincount(np.concatenate(lists), minlength=len(self.degree))

    def take(self, vertex: int, near: Int[np.ndarray, " m"] | None = None) -> int:
        """Pick a vertex, cover its neighbours, and return the number of newly covered neighbours."""
        near = self.neighbours(vertex) if near is None else near
        new = near[~self.covered[near]]
        self.covered[new] = True
        self.free[vertex] = False
        self._count(new, -1)
        return len(new)


def competence(coverage: float, *, centre: float = 0.8, steepness: float = 50.0) -> float:
    """Weight of uncertainty at this coverage, from 0 to 1: a sigmoid that is 1 at full coverage.

    Example:
        >>> round(competence(0.2), 3), round(competence(1.0), 3)
        (0.0, 1.0)
    """
    return float(
        (1 + np.exp(-steepness * (1 - centre))) / (1 + np.exp(np.clip(-steepness * (coverage - centre), -700, 700)))
    )


def dcom(
    vectors: Vectors,
    labeled: Rows,
    candidates: Rows,
    size: int,
    *,
    labels: Int[np.ndarray, " m"],
    predicted: Int[np.ndarray, " n"] | None,
    uncertainty: Float[np.ndarray, " c"] | None,
    radius: float,
    rng: np.random.Generator,
    pending: Rows | None = None,
    appeal: Float[np.ndarray, " c"] | None = None,
    centre: float = 0.8,
    steepness: float = 50.0,
) -> Greedy:
    """Choose with one ball radius per label and a score that shifts from density to uncertainty as coverage grows.

    The ball of a labeled item has the largest radius, in steps of 0.05, at which the head predicts the item's label for
    a share of at least 0.2 * coverage + 0.4 of the ball. Picks and pending rows have the mean radius. Without a head
    the choice is that of ProbCover.

    Args:
        vectors: The pool.
        labeled: Rows that have a label.
        candidates: Rows to choose from; sampled if more than 15,000.
        size: Number of picks, at most ``len(candidates)``.
        labels: Class of each labeled row.
        predicted: Predicted class of each row of the pool; None before there is a head.
        uncertainty: Uncertainty of each candidate, in [0, 1]; None before there is a head.
        radius: Initial radius of the search; see :func:`pure_radius`.
        rng: Source of the sample.
        pending: Pending rows; their balls count as covered.
        appeal: Factor on each candidate's score.
        centre: Coverage at the centre of the sigmoid; see :func:`competence`.
        steepness: Steepness of the sigmoid.

    Returns:
        Gains are scores in [0, 1] at the time of the pick; the objective is the share covered at the end.

    References:
        Mishal & Weinshall, DCoM: Active Learning for All Learners, 2024, arXiv 2407.01804.
    """
    waiting = np.empty(0, dtype=np.int64) if pending is None else np.asarray(pending, dtype=np.int64)
    covering = np.concatenate([labeled, waiting])
    if predicted is None or uncertainty is None or not len(labeled):
        return prob_cover(vectors, covering, candidates, size, radius=radius, rng=rng, appeal=appeal)
    positions = thin(np.arange(len(candidates)), max(_VERTICES, size), rng)
    rows = candidates[positions]
    points = unit_rows(vectors, rows)
    first = float((nearest_distances(vectors, rows, covering) < radius).mean())
    radii = _earned_radii(
        points, unit_rows(vectors, labeled), labels, predicted[rows], radius, least_purity=0.2 * first + 0.4
    )
    covered = nearest_distances(vectors, rows, waiting) < radii.mean()
    for start in range(0, len(labeled), 512):
        squared = squared_distances(unit_rows(vectors, labeled[start : start + 512]), points)
        covered |= (squared < radii[start : start + 512, None] ** 2).any(axis=0)
    graph = _Graph(points, float(radii.mean()), covered)
    doubt = _stretched(np.asarray(uncertainty)[positions])
    factor = np.ones(len(rows)) if appeal is None else np.asarray(appeal)[positions]
    picks, gains = [], []
    for _ in range(size):
        trust = competence(float(graph.covered.mean()), centre=centre, steepness=steepness)
        score = trust * doubt + (1 - trust) * _stretched(graph.degree)
        best = int(np.argmax(np.where(graph.free, score * factor, -1.0)))
        picks.append(best)
        gains.append(float(score[best]))
        graph.take(best)
    return Greedy(rows[np.array(picks)], np.array(gains), float(graph.covered.mean()))


def _stretched(values: Float[np.ndarray, " m"]) -> Float[np.ndarray, " m"]:
    low, high = float(values.min()), float(values.max())
    return (values - low) / (high - low) if high > low else np.zeros(len(values))


def _earned_radii(
    points: Float[np.ndarray, "m d"],
    labeled: Float[np.ndarray, "l d"],
    labels: Int[np.ndarray, " l"],
    predicted: Int[np.ndarray, " m"],
    start: float,
    *,
    least_purity: float,
) -> Float[np.ndarray, " l"]:
    """For each labeled vector the largest radius, on a grid of 0.05, with purity >= ``least_purity``; at least 0.05."""
    grid = np.arange(0.05, max(2 * start, 0.1) + 1e-9, 0.05)
    out = np.empty(len(labeled))
    for first in range(0, len(labeled), 256):
        distance = np.sqrt(squared_distances(labeled[first : first + 256], points))
        agrees = predicted[None, :] == labels[first : first + 256, None]
        cell = np.searchsorted(grid, distance)  # balls with index >= ``cell`` hold the item
        best = np.full(len(distance), grid[0])
        inside = np.zeros(len(distance))
        right = np.zeros(len(distance))
        for step, limit in enumerate(grid):
            at = cell == step
            inside += at.sum(axis=1)
            right += (at & agrees).sum(axis=1)
            best[right >= least_purity * inside] = limit
        out[first : first + 256] = best
    return out
