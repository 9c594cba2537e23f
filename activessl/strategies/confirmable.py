"""Choose clusters of items that one question asks about together. Pure functions of arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import QueryError

__all__ = ["FEWEST", "SURE", "AlikeItems", "alike_clusters"]

#: Least probability of an item in a cluster: of 24 items, about one at most is then of another class.
SURE = 0.95
#: Fewest items in a cluster; smaller clusters save no labeling time.
FEWEST = 4


@dataclass(frozen=True, eq=False)
class AlikeItems:
    """A cluster of similar items with the same predicted class.

    Attributes:
        class_index: The class that the head predicts for all items.
        rows: (m,) rows of the pool: the seed first, then by decreasing similarity to the seed.
    """

    class_index: int
    rows: Int[np.ndarray, " m"]


def alike_clusters(
    points: Float[np.ndarray, "n d"],
    probs: Float[np.ndarray, "n k"],
    candidates: Int[np.ndarray, " c"],
    count: int,
    size: int,
    *,
    sure: float = SURE,
) -> list[AlikeItems]:
    """Make clusters of similar items with a confident prediction, so that a wrong prediction is easy to see.

    The seed of each cluster is the most confident remaining item of the class with most remaining confident items. The
    cluster then takes the items that are most similar to the seed, measured on the vectors that the head predicts from.

    Args:
        points: Vectors of length one.
        probs: Class probabilities of all items.
        candidates: Rows that may be in a cluster.
        count: Largest number of clusters, >= 1.
        size: Largest number of items per cluster, >= 4.
        sure: Least probability of an item in a cluster, in (0, 1].

    Returns:
        Disjoint clusters of at least 4 items each; fewer than ``count``, or none, if the head is confident about too
        few items. The same arrays give the same clusters.

    Raises:
        QueryError: An argument is out of range, or the arrays have different numbers of rows.

    Example:
        >>> angle = np.radians([0, 1, 2, 3, 90, 91, 92, 93, 94, 45])
        >>> points = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        >>> yes = np.array([0.99] * 4 + [0.01] * 4 + [0.02, 0.5])
        >>> found = alike_clusters(points, np.stack([yes, 1 - yes], axis=1), np.arange(10), count=3, size=6)
        >>> [(cluster.class_index, cluster.rows.tolist()) for cluster in found]
        [(1, [4, 5, 6, 7, 8]), (0, [0, 1, 2, 3])]
    """
    if count < 1 or size < FEWEST or not 0 < sure <= 1:
        raise QueryError(
            f"cannot make {count} clusters of {size} items with probability {sure}",
            hint=f"use at least 1 cluster, at least {FEWEST} items and a probability in (0, 1]",
        )
    if points.ndim != 2 or probs.ndim != 2 or len(points) != len(probs):
        raise QueryError(
            f"vectors have shape {points.shape}, but probabilities have shape {probs.shape}",
            hint="pass one row per item in both arrays",
        )
    rows = np.asarray(candidates, dtype=np.int64)
    predicted, certain = probs[rows].argmax(axis=1), probs[rows].max(axis=1)
    left = {int(k): rows[(predicted == k) & (certain >= sure)] for k in np.unique(predicted)}
    clusters: list[AlikeItems] = []
    while len(clusters) < count:
        k = max(left, key=lambda c: (len(left[c]), -c), default=-1)
        if k < 0 or len(left[k]) < FEWEST:
            break
        mine = left[k]
        seed = mine[np.argmax(probs[mine, k])]
        likeness = points[mine] @ points[seed]
        likeness[mine == seed] = np.inf
        near = np.argsort(-likeness, kind="stable")[:size]
        clusters.append(AlikeItems(k, mine[near]))
        left[k] = np.delete(mine, near)
    return clusters
