"""Uncertainty of parts, and of the items that they belong to: pure functions, higher = ask sooner."""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt

import numpy as np
from jaxtyping import Float, Int

#: Parts that are processed at once: memory does not grow with the pool.
_BLOCK = 262_144

PartProbs = Float[np.ndarray, "t k"]
Offsets = Int[np.ndarray, " o"]


def part_entropy(probs: PartProbs) -> Float[np.ndarray, " t"]:
    """Entropy of the class that is least certain in each part, in [0, 1] bit; each class is a question of its own.

    Args:
        probs: Probability of each class in each part, in [0, 1]; rows need not sum to one.

    Example:
        >>> part_entropy(np.array([[0.5, 0.0], [0.9, 0.1], [0.0, 1.0]])).astype(float).round(2).tolist()
        [1.0, 0.47, 0.0]
    """
    found = np.empty(len(probs), dtype=np.float32)
    for start in range(0, len(probs), _BLOCK):
        p = np.asarray(probs[start : start + _BLOCK], dtype=np.float32)
        # the class nearest to one half has the largest entropy
        nearest = np.clip(0.5 - np.abs(p - 0.5).min(axis=1), 1e-7, 0.5)
        found[start : start + len(p)] = -nearest * np.log2(nearest) - (1 - nearest) * np.log2(1 - nearest)
    return np.maximum(found, 0) * (found > 1e-5)


def part_margin(probs: PartProbs) -> Float[np.ndarray, " t"]:
    """One minus the distance of the least certain class from one half, doubled; in [0, 1].

    Example:
        >>> part_margin(np.array([[0.5, 0.0], [0.9, 0.1]])).astype(float).round(2).tolist()
        [1.0, 0.2]
    """
    found = np.empty(len(probs), dtype=np.float32)
    for start in range(0, len(probs), _BLOCK):
        p = np.asarray(probs[start : start + _BLOCK], dtype=np.float32)
        found[start : start + len(p)] = 1 - 2 * np.abs(p - 0.5).min(axis=1)
    return found


def usual_top(parts: int) -> int:
    """How many of an item's parts decide: the root of their number.

    The sum over all parts asks about crowded pictures, and the maximum about single odd parts.

    Example:
        >>> usual_top(196), usual_top(20), usual_top(1)
        (14, 4, 1)
    """
    return max(1, isqrt(parts))


def top_mean(scores: Float[np.ndarray, " t"], offsets: Offsets) -> Float[np.ndarray, " n"]:
    """The mean of each item's highest scores, as many as ``usual_top`` says.

    Args:
        scores: Of all parts, item after item.
        offsets: (n + 1,) where each item begins.

    Example:
        >>> top_mean(np.array([0.1, 0.9, 0.5, 0.7, 1.0]), np.array([0, 4, 5])).round(2).tolist()
        [0.8, 1.0]
    """
    found = np.zeros(len(offsets) - 1)
    for row, mine in _items(offsets):
        values = scores[mine]
        top = usual_top(len(values))
        found[row] = np.partition(values, len(values) - top)[-top:].mean() if len(values) else 0.0
    return found


def top_parts(scores: Float[np.ndarray, " p"], most: int) -> Int[np.ndarray, " q"]:
    """The positions of an item's highest scores, the highest first; the same order among ties as they came.

    Example:
        >>> top_parts(np.array([0.1, 0.9, 0.5]), 2).tolist()
        [1, 2]
    """
    if len(scores) > 4 * most:  # a full sort of thousands of parts is not needed
        some = np.sort(np.argpartition(-scores, most)[: 2 * most])
        return np.asarray(some[np.argsort(-scores[some], kind="stable")[:most]])
    return np.asarray(np.argsort(-scores, kind="stable")[:most])


def _items(offsets: Offsets) -> Iterator[tuple[int, slice]]:
    for row in range(len(offsets) - 1):
        yield row, slice(int(offsets[row]), int(offsets[row + 1]))
