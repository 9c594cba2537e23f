"""Which items to show together, to be confirmed as one class at a glance. Pure: arrays in, rows out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import QueryError

__all__ = ["FEWEST", "SURE", "AlikeItems", "alike_clusters"]

#: An item is put into a cluster from this probability on: of 24 items about one is then another class at most.
SURE = 0.95
#: A cluster of fewer items than this saves nobody time.
FEWEST = 4


@dataclass(frozen=True, eq=False)
class AlikeItems:
    """A cluster.

    Attributes:
        class_index: What the head takes all of it for.
        rows: (m,) rows of the pool, the seed first, then by falling similarity to it.
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
    """Clusters of items that the head is sure of and that look alike, so that an odd one among them stands out.

    Each cluster begins with the surest item that is left of the class with most such items, and takes those most
    similar to it: what a person compares is then near to each other in the vectors that the class was predicted from.

    Args:
        points: Vectors of length one.
        probs: Class probabilities of all items.
        candidates: Rows that may be shown.
        count: How many clusters at most, >= 1.
        size: How many items in each at most, >= 4.
        sure: An item's least probability, in (0, 1].

    Returns:
        Clusters without a common item, of at least 4 items each; fewer than ``count``, down to none, where the head is
        sure of too few. The same arrays give the same clusters.

    Raises:
        QueryError: Figures outside their ranges, or arrays that do not belong together.

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
