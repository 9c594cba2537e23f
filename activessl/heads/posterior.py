"""Laplace approximation of the posterior of a logistic head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from activessl.heads.calibrate import softmax
from activessl.heads.softmax import Span


@dataclass(frozen=True, eq=False)
class Posterior:
    """A normal distribution of the weights around the fit.

    The curvature is computed per class and is diagonal in the principal axes of the labeled vectors. In directions
    without labels only the prior limits the weights, so the predictions of items unlike all labeled items vary most
    between draws.

    Attributes:
        axes: (r, d) orthonormal, the principal axes of the labeled vectors.
        precision: (r, k) precision along these axes.
        penalty: Precision of the prior, and of all other directions.

    References:
        MacKay, The Evidence Framework Applied to Classification Networks, Neural Computation 1992.
    """

    axes: Float[np.ndarray, "r d"]
    precision: Float[np.ndarray, "r k"]
    penalty: float

    def draw(self, rng: np.random.Generator) -> Float[np.ndarray, "d k"]:
        """Draw a deviation from the fitted weights."""
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
