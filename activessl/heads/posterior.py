"""Laplace's approximation of what a logistic head does not know yet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from activessl.heads.calibrate import softmax
from activessl.heads.softmax import Span


@dataclass(frozen=True, eq=False)
class Posterior:
    """A normal distribution of the weights around their fit.

    The curvature is taken class by class and diagonal in the principal axes of the labels; across them, where no label
    has looked, the prior alone holds the weights, so that items unlike any label differ most between draws.

    Attributes:
        axes: (r, d) orthonormal, the labels' principal axes.
        precision: (r, k) along them.
        penalty: The prior's precision, and that across them.

    References:
        MacKay, The Evidence Framework Applied to Classification Networks, Neural Computation 1992.
    """

    axes: Float[np.ndarray, "r d"]
    precision: Float[np.ndarray, "r k"]
    penalty: float

    def draw(self, rng: np.random.Generator) -> Float[np.ndarray, "d k"]:
        """A deviation from the fitted weights."""
        noise = rng.standard_normal((self.axes.shape[1], self.precision.shape[1]))
        free = 1 / np.sqrt(self.penalty)
        shrunk = (1 / np.sqrt(self.precision) - free) * (self.axes @ noise)
        return np.asarray(free * noise + self.axes.T @ shrunk)


def posterior(
    rows: Span, theta: Float[np.ndarray, "r k"], weights: Float[np.ndarray, " m"], penalty: float
) -> Posterior:
    """The posterior around a fit.

    Args:
        rows: The labeled vectors in principal axes.
        theta: The fit, in the same axes.
        weights: Weight of each label.
        penalty: The L2 penalty of the fit.

    Example:
        >>> rows = Span(np.eye(2) * 2, np.eye(2), np.array([4.0, 4.0]))
        >>> posterior(rows, np.zeros((2, 2)), np.ones(2), 0.5).precision.tolist()
        [[1.5, 1.5], [1.5, 1.5]]
    """
    probs = softmax(rows.coords @ theta)
    doubt = weights @ (probs * (1 - probs)) / weights.sum()
    return Posterior(rows.axes, rows.energy[:, None] * doubt[None, :] + penalty, penalty)
