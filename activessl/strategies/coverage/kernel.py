"""The Gaussian kernel between items and evaluators, computed by matrix products."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from activessl.geometry.blocks import Rows, block_rows
from activessl.geometry.units import Vectors, unit_rows

__all__ = ["Ground", "Items", "weighted_gain"]


@dataclass(frozen=True, eq=False)
class Items:
    """Unit vectors of some rows."""

    rows: Rows
    points: Float[np.ndarray, "m d"]

    @classmethod
    def of(cls, vectors: Vectors, rows: Rows) -> Items:
        """Make the unit vectors of these rows of the pool."""
        return cls(rows, unit_rows(vectors, rows))

    def take(self, at: Int[np.ndarray, " m"]) -> Items:
        """Select by position."""
        return Items(self.rows[at], self.points[at])


@dataclass(frozen=True, eq=False)
class Ground:
    """Evaluators, stored so that one matrix product gives minus the logarithm of the kernel.

    d² / w² is the product of (x, |x|², 1) / w² and (-2 y, 1, |y|²).
    """

    right: Float[np.ndarray, "e d2"]
    width: float

    @classmethod
    def of(cls, items: Items, width: float) -> Ground:
        """Use these items as evaluators, with this kernel width."""
        d = items.points.shape[1]
        right = np.empty((len(items.rows), d + 2), dtype=np.float32)
        np.multiply(items.points, -2, out=right[:, :d])
        right[:, d] = 1
        right[:, d + 1] = np.einsum("ij,ij->i", items.points, items.points)
        return cls(right, width)

    def take(self, at: Int[np.ndarray, " m"]) -> Ground:
        """Select by position."""
        return Ground(self.right[at], self.width)

    def __len__(self) -> int:
        return len(self.right)

    def exponent(self, items: Items) -> Float[np.ndarray, "m e"]:
        """Squared distance / squared width; rounding may give values slightly below zero."""
        d = items.points.shape[1]
        left = np.empty((len(items.rows), d + 2), dtype=np.float32)
        left[:, :d] = items.points
        left[:, d] = np.einsum("ij,ij->i", items.points, items.points)
        left[:, d + 1] = 1
        left *= np.float32(1 / self.width**2)
        return np.asarray(left @ self.right.T)

    def kernel(self, items: Items) -> Float[np.ndarray, "m e"]:
        """Gaussian kernel between each item and each evaluator, in [0, 1]."""
        out = self.exponent(items)
        np.negative(out, out=out)
        np.exp(np.minimum(out, 0, out=out), out=out)
        return out

    def place(self, pull: Float[np.ndarray, " p"], at: Int[np.ndarray, " p"] | None) -> Float[np.ndarray, " d"]:
        """Direction of the weighted sum of the evaluators; ``pull`` holds the weights."""
        right = self.right if at is None else self.right[at]
        return np.asarray(-pull @ right[:, :-2])

    def covered(self, vectors: Vectors, labeled: Rows) -> Float[np.ndarray, " e"]:
        """Coverage of each evaluator: its largest kernel to a labeled row; 0 without labels."""
        out = np.zeros(len(self), dtype=np.float32)
        step = block_rows(len(self))
        for start in range(0, len(labeled), step):
            labels = Items.of(vectors, labeled[start : start + step])
            nearest = np.maximum(self.exponent(labels).min(axis=0), 0)
            np.maximum(out, np.exp(-nearest), out=out)
        return out


def weighted_gain(
    similarity: Float[np.ndarray, "c e"], covered: Float[np.ndarray, " e"], mass: Float[np.ndarray, " e"]
) -> Float[np.ndarray, " c"]:
    """Weighted coverage that each candidate would add; overwrites ``similarity``."""
    similarity -= covered
    np.maximum(similarity, 0, out=similarity)
    return np.asarray(similarity @ mass, dtype=np.float64)
