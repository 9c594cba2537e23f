"""The order in which annotators see the items of a round."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

__all__ = ["similarity_chain"]


def similarity_chain(points: Float[np.ndarray, "n d"]) -> Int[np.ndarray, " n"]:
    """Order items as a nearest-neighbour tour: from the first item always to the most similar remaining item.

    Consecutive items are then similar, so that annotators can compare them.

    Args:
        points: Vectors of unit length.

    Returns:
        All rows in the order of the tour, each once. The same points give the same order.

    Example:
        >>> angle = np.radians([0, 90, 10, 100, 20])
        >>> similarity_chain(np.stack([np.cos(angle), np.sin(angle)], axis=1)).tolist()
        [0, 2, 4, 1, 3]
    """
    left = np.ones(len(points), dtype=bool)
    order = np.zeros(len(points), dtype=np.int64)
    for i in range(len(points)):
        if i:
            order[i] = np.where(left, points @ points[order[i - 1]], -np.inf).argmax()
        left[order[i]] = False
    return order
