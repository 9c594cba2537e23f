"""Clusters of the pool and their typical items. Pure functions of arrays and an rng."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.geometry.blocks import Rows, affordable, thin
from activessl.geometry.clusters import kmeans
from activessl.geometry.neighbours import neighbours
from activessl.geometry.units import Vectors, unit_rows
from activessl.strategies.coverage.k_center import Greedy

#: Largest number of members of a cluster whose typicality is computed; larger clusters are sampled.
_MEMBERS = 2_000


def kmeans_centroids(
    vectors: Vectors,
    candidates: Rows,
    size: int,
    *,
    rng: np.random.Generator,
    weights: Float[np.ndarray, " c"] | None = None,
) -> Greedy:
    """Choose the item nearest to each of ``size`` k-means centres, largest cluster first.

    Args:
        vectors: The pool.
        candidates: Rows to choose from; sampled if their vectors exceed 400 MB.
        size: Number of picks, at most ``len(candidates)``.
        rng: Source of the seeds of k-means.
        weights: Weight of each candidate in k-means (CLUE: its entropy).

    Returns:
        Gains are the share of the weight in the cluster of each pick; the objective is the mean distance to the centre.

    References:
        The initial pool of Gupte et al., Revisiting Active Learning in the Era of Vision Foundation Models, TMLR 2024,
        arXiv 2401.14555.
    """
    positions = thin(np.arange(len(candidates)), max(affordable(vectors.shape[1]), size), rng)
    rows = candidates[positions]
    pull = np.ones(len(rows), dtype=np.float32) if weights is None else np.asarray(weights, np.float32)[positions]
    points = unit_rows(vectors, rows)
    found = kmeans(points, size, rng=rng, weights=pull)
    mass = np.bincount(found.assignment, weights=pull, minlength=len(found.centres))
    share = mass / mass.sum() if mass.sum() > 0 else np.full(len(mass), 1 / len(mass))
    # the member of each cluster nearest to its centre; empty clusters give no item
    order = np.lexsort((found.distances, found.assignment))
    _, first = np.unique(found.assignment[order], return_index=True)
    best = order[first]
    best = best[np.argsort(-share[found.assignment[best]], kind="stable")]
    gains = share[found.assignment[best]]
    if len(best) < size:  # coinciding centres: add the items farthest from their centres
        rest = np.setdiff1d(np.argsort(-found.distances, kind="stable")[: 2 * size], best)
        rest = rest[np.argsort(-found.distances[rest], kind="stable")][: size - len(best)]
        best, gains = np.concatenate([best, rest]), np.concatenate([gains, np.zeros(len(rest))])
    return Greedy(rows[best], gains, float(found.distances.mean()))


def typiclust(
    vectors: Vectors,
    labeled: Rows,
    candidates: Rows,
    size: int,
    *,
    rng: np.random.Generator,
    appeal: Float[np.ndarray, " c"] | None = None,
    max_clusters: int = 500,
    n_neighbours: int = 20,
    min_cluster: int = 5,
) -> Greedy:
    """Choose the most typical item of each of the largest clusters without labels.

    k-means makes min(labels + size, ``max_clusters``) clusters. The clusters are visited in turn, those with the fewest
    labels first and the largest first among equals. From each the item with the smallest mean distance to its
    neighbours within the cluster is taken. Clusters of at most ``min_cluster`` items come after all others.

    Args:
        vectors: The pool.
        labeled: Rows that have a label.
        candidates: Rows to choose from; sampled if their vectors exceed 400 MB.
        size: Number of picks, at most ``len(candidates)``.
        rng: Source of the seeds of k-means and of the samples of large clusters.
        appeal: Factor on each candidate's typicality.
        max_clusters: Largest number of clusters.
        n_neighbours: Number of neighbours from which typicality is computed.
        min_cluster: Largest size of a small cluster.

    Returns:
        Gains are typicalities, 1 / mean distance, not sorted: the order of the picks is the order of the clusters.

    References:
        Hacohen, Dekel & Weinshall, Active Learning on a Budget: Opposite Strategies Suit High and Low Budgets,
        ICML 2022, arXiv 2202.02794.
    """
    positions = thin(np.arange(len(candidates)), max(affordable(vectors.shape[1]), size), rng)
    rows = np.concatenate([candidates[positions], labeled])
    is_labeled = np.arange(len(rows)) >= len(positions)
    factor = np.ones(len(rows))
    if appeal is not None:
        factor[: len(positions)] = np.asarray(appeal)[positions]
    points = unit_rows(vectors, rows)
    found = kmeans(points, min(len(labeled) + size, max_clusters), rng=rng, iterations=10)
    k = len(found.centres)
    members_of = np.split(
        np.argsort(found.assignment, kind="stable"), np.cumsum(np.bincount(found.assignment, minlength=k))[:-1]
    )
    count = np.array([len(members) for members in members_of])
    taken = np.bincount(found.assignment[is_labeled], minlength=k)
    small = count <= min_cluster
    # fewest labels first, then the largest; small ones after all others
    turn = [int(c) for c in np.lexsort((-count, taken, small)) if count[c]]
    queues: dict[int, list[tuple[int, float]]] = {}
    picks: list[int] = []
    gains: list[float] = []
    laps = [[c for c in turn if not small[c]], turn]
    for lap in laps:
        pending = list(lap)
        while pending and len(picks) < size:
            still = []
            for cluster in pending[: size - len(picks)] if len(pending) > size - len(picks) else pending:
                if cluster not in queues:
                    queues[cluster] = _typical_first(
                        points, members_of[cluster], is_labeled, factor, n_neighbours, -(-size // len(pending)) + 1, rng
                    )
                queue = queues[cluster]
                if queue and len(picks) < size:
                    position, typicality = queue.pop(0)
                    picks.append(position)
                    gains.append(typicality)
                if queue:
                    still.append(cluster)
            pending = still
    if len(picks) < size:  # the queues are truncated; the rest is chosen by distance to the centre
        free = np.setdiff1d(np.flatnonzero(~is_labeled), picks)
        rest = free[np.argsort(found.distances[free], kind="stable")][: size - len(picks)]
        picks.extend(int(position) for position in rest)
        gains.extend(0.0 for _ in rest)
    return Greedy(rows[np.array(picks, dtype=np.int64)], np.array(gains), float(np.mean(gains)))


def _typical_first(
    points: Float[np.ndarray, "m d"],
    members: Int[np.ndarray, " c"],
    is_labeled: Bool[np.ndarray, " m"],
    factor: Float[np.ndarray, " m"],
    n_neighbours: int,
    depth: int,
    rng: np.random.Generator,
) -> list[tuple[int, float]]:
    """The ``depth`` most typical unlabeled members of a cluster, most typical first."""
    members = thin(members, _MEMBERS, rng)
    asked = members[~is_labeled[members]]
    if not len(asked):
        return []
    k = min(n_neighbours, max(1, len(members) // 2))
    distance, _ = neighbours(points[members], points[asked], min(k + 1, len(members)))
    mean = distance[:, 1:].mean(axis=1) if distance.shape[1] > 1 else np.zeros(len(asked))  # the first is the item
    typicality = factor[asked] / (mean + 1e-5)
    best = np.argsort(-typicality, kind="stable")[:depth]
    return [(int(asked[i]), float(typicality[i])) for i in best]
