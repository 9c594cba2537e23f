"""The Gaussian kernel of items to evaluators, one matrix product at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from activessl.strategies.index import Rows, Vectors, block_rows, unit_rows

__all__ = ["Ground", "Items", "Scale", "scale_of", "weighted_gain"]

#: Local scales, by row of the pool or as a function of rows.
Scale = Float[np.ndarray, " n"] | Callable[[Rows], Float[np.ndarray, " m"]]


@dataclass(frozen=True, eq=False)
class Items:
    """Unit vectors of some rows, and their local scales."""

    rows: Rows
    points: Float[np.ndarray, "m d"]
    scale: Float[np.ndarray, " m"] | None

    @classmethod
    def of(cls, vectors: Vectors, rows: Rows, scale: Scale | None) -> Items:
        """Those rows of the pool."""
        return cls(rows, unit_rows(vectors, rows), scale_of(scale, rows))

    def take(self, at: Int[np.ndarray, " m"]) -> Items:
        """Some of them, by position."""
        return Items(self.rows[at], self.points[at], None if self.scale is None else self.scale[at])


@dataclass(frozen=True, eq=False)
class Ground:
    """Evaluators, laid out so that one matrix product gives minus the logarithm of the kernel.

    d² / (w² s_a s_b) is the product of (x, |x|², 1) / (w² s_a) and (-2 y, 1, |y|²) / s_b.
    """

    right: Float[np.ndarray, "e d2"]
    scale: Float[np.ndarray, " e"]
    width: float

    @classmethod
    def of(cls, items: Items, width: float) -> Ground:
        """Those items as evaluators, under a kernel of that width."""
        scale = np.ones(len(items.rows), dtype=np.float32) if items.scale is None else items.scale
        d = items.points.shape[1]
        right = np.empty((len(items.rows), d + 2), dtype=np.float32)
        np.multiply(items.points, -2, out=right[:, :d])
        right[:, d] = 1
        right[:, d + 1] = np.einsum("ij,ij->i", items.points, items.points)
        if items.scale is not None:
            right /= scale[:, None]
        return cls(right, scale, width)

    def take(self, at: Int[np.ndarray, " m"]) -> Ground:
        """Some of them, by position."""
        return Ground(self.right[at], self.scale[at], self.width)

    def __len__(self) -> int:
        return len(self.right)

    def exponent(self, items: Items) -> Float[np.ndarray, "m e"]:
        """Squared distance over the squared width and the local scales; rounding may leave it a little below zero."""
        d = items.points.shape[1]
        left = np.empty((len(items.rows), d + 2), dtype=np.float32)
        left[:, :d] = items.points
        left[:, d] = np.einsum("ij,ij->i", items.points, items.points)
        left[:, d + 1] = 1
        left *= np.float32(1 / self.width**2) if items.scale is None else (1 / (self.width**2 * items.scale))[:, None]
        return np.asarray(left @ self.right.T)

    def kernel(self, items: Items) -> Float[np.ndarray, "m e"]:
        """Gaussian kernel of each item to each evaluator, in [0, 1]."""
        out = self.exponent(items)
        np.negative(out, out=out)
        np.exp(np.minimum(out, 0, out=out), out=out)
        return out

    def place(self, pull: Float[np.ndarray, " p"], at: Int[np.ndarray, " p"] | None) -> Float[np.ndarray, " d"]:
        """Direction of the sum of the evaluators, each times its pull."""
        right, scale = (self.right, self.scale) if at is None else (self.right[at], self.scale[at])
        return np.asarray((-pull * scale) @ right[:, :-2])

    def covered(self, vectors: Vectors, labeled: Rows, scale: Scale | None) -> Float[np.ndarray, " e"]:
        """How well each evaluator is covered by the labeled rows: the largest kernel to one of them, 0 without."""
        out = np.zeros(len(self), dtype=np.float32)
        step = block_rows(len(self))
        for start in range(0, len(labeled), step):
            labels = Items.of(vectors, labeled[start : start + step], scale)
            nearest = np.maximum(self.exponent(labels).min(axis=0), 0)
            np.maximum(out, np.exp(-nearest), out=out)
        return out


def scale_of(scale: Scale | None, rows: Rows) -> Float[np.ndarray, " m"] | None:
    """The local scales of these rows."""
    if scale is None:
        return None
    return np.asarray(scale(rows) if callable(scale) else scale[rows], dtype=np.float32)


def weighted_gain(
    similarity: Float[np.ndarray, "c e"], covered: Float[np.ndarray, " e"], mass: Float[np.ndarray, " e"]
) -> Float[np.ndarray, " c"]:
    """Weighted coverage that each candidate would add; ``similarity`` is used up."""
    similarity -= covered
    np.maximum(similarity, 0, out=similarity)
    return np.asarray(similarity @ mass, dtype=np.float64)
