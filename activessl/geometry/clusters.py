"""K-means, a block at a time.

Measured at 50,000 x 384 in CPU seconds of one thread: 100 clusters, 10 iterations, take 0.50 here and 0.50 with FAISS
for the same inertia, and 0.7 against 1.8 on two busy cores, so the assignment step is NumPy's product.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from activessl.geometry.blocks import block_rows, sample_rows


@dataclass(frozen=True, eq=False)
class Clusters:
    """Centres of a k-means and where each row belongs.

    Attributes:
        centres: (k, d) means of the members, not brought to unit length.
        assignment: (m,) the nearest centre of each row.
        distances: (m,) Euclidean distance to it.
    """

    centres: Float[np.ndarray, "k d"]
    assignment: Int[np.ndarray, " m"]
    distances: Float[np.ndarray, " m"]


def kmeans(
    points: Float[np.ndarray, "m d"],
    k: int,
    *,
    rng: np.random.Generator,
    weights: Float[np.ndarray, " m"] | None = None,
    iterations: int = 20,
    sample: int | None = None,
) -> Clusters:
    """Lloyd's k-means with random seeds; an emptied cluster restarts at a random point.

    Args:
        points: Any float32 vectors.
        k: Number of clusters, 1 <= k; more than there are points is cut to that.
        rng: Seeds and restarts.
        weights: Pull of each point on the centres, >= 0.
        iterations: At most; stops when less than one row in a thousand moves.
        sample: Learn the centres on a random sample of this size (default: 256 per cluster, at least 10,000).

    Example:
        >>> found = kmeans(np.array([[0.0], [0.1], [5.0]], dtype="f4"), 2, rng=np.random.default_rng(0))
        >>> bool(found.assignment[0] == found.assignment[1] != found.assignment[2])
        True
    """
    from scipy.sparse import csr_matrix

    n = len(points)
    k = max(1, min(k, n))
    mass = np.ones(n, dtype=np.float32) if weights is None else np.asarray(weights, dtype=np.float32)
    if not mass.sum() > 0:
        mass = np.ones(n, dtype=np.float32)
    chosen = sample_rows(n, max(256 * k, 10_000) if sample is None else max(sample, k), rng)
    data, pull = (points, mass) if len(chosen) == n else (points[chosen], mass[chosen])
    likely = pull > 0
    seeds = rng.choice(len(data), k, replace=False, p=pull / pull.sum(dtype=np.float64) if likely.sum() >= k else None)
    centres = data[seeds].astype(np.float32)
    before = np.full(len(data), -1)
    for _ in range(iterations):
        now, _ = assign(data, centres)
        moved = np.count_nonzero(now != before)
        before = now
        if moved * 1000 <= len(data):
            break
        member = csr_matrix((pull, now, np.arange(len(data) + 1)), shape=(len(data), k))
        total = np.bincount(now, weights=pull, minlength=k)
        centres = np.asarray(member.T @ data, dtype=np.float32) / np.maximum(total, 1e-12)[:, None].astype(np.float32)
        empty = np.flatnonzero(total <= 0)
        if len(empty):
            centres[empty] = data[rng.choice(len(data), len(empty), replace=False)]
    assignment, distances = assign(points, centres)
    return Clusters(centres, assignment, distances)


def assign(
    points: Float[np.ndarray, "m d"], centres: Float[np.ndarray, "k d"]
) -> tuple[Int[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """The nearest centre of each point: (position, distance)."""
    half = 0.5 * np.einsum("ij,ij->i", centres, centres)
    position = np.empty(len(points), dtype=np.int64)
    distance = np.empty(len(points), dtype=np.float32)
    step = block_rows(len(centres), cells=4_000_000)
    for start in range(0, len(points), step):
        block = points[start : start + step]
        score = block @ centres.T
        score -= half
        best = score.argmax(axis=1)
        own = np.einsum("ij,ij->i", block, block)
        squared = own - 2 * np.take_along_axis(score, best[:, None], axis=1)[:, 0]
        position[start : start + step] = best
        distance[start : start + step] = np.sqrt(np.maximum(squared, 0))
    return position, distance
