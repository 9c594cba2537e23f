"""In which order people see the items of a round."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

__all__ = ["similarity_chain"]


def similarity_chain(points: Float[np.ndarray, "n d"]) -> Int[np.ndarray, " n"]:
    """Begin with the first item, and go on to the most similar one that is left: a nearest-neighbour tour.

    What is shown after each other looks alike, so that the eye compares instead of starting anew.

    Args:
        points: Vectors of length one.

    Returns:
        All rows, each once, in their order. The same points give the same order.

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
