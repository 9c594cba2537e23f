"""Extrapolate the learning curve of one run, with its uncertainty, from a few counts of right and wrong predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from activessl.errors import MeasureError

#: Number of curves drawn by resampling.
DRAWS = 4000
#: Mean and standard deviation of the prior of the slope of log error against log labels, the one prior of a slope. The
#: median of random choice on fifteen public sets is 0.2 from 80 to 320 labels (docs/results/savings.md); learning
#: curves of classifiers have slopes of 0.1 to 0.5 (Viering & Loog 2023).
SLOPE, SLOPE_SPREAD = 0.2, 0.15
#: Least slope at the last measured point: a flat curve would make every target unreachable.
LEAST_SLOPE = 0.05
#: Highest share by which the slope flattens with each e-fold of labels; the share is drawn between 0 and this.
FLATTENING = 0.5


@dataclass(frozen=True, eq=False)
class Trend:
    r"""A bundle of curves that agree with the measurements, one curve per draw.

    The log error falls along the log of the labels with a slope that itself falls as a power of the labels,
    :math:`\log e(k) = \log e(s) - \beta\,(1 - (k/s)^{-\gamma})/\gamma`, which levels off at an error above zero.

    Attributes:
        size: s, the labels at the last measured point.
        log_error: (r,) :math:`\log e(s)`.
        slope: (r,) :math:`\beta > 0`.
        flattening: (r,) :math:`\gamma > 0`.
    """

    size: float
    log_error: Float[np.ndarray, " r"]
    slope: Float[np.ndarray, " r"]
    flattening: Float[np.ndarray, " r"]

    def through(self, right: int, items: int, labels: float, *, rng: np.random.Generator) -> Trend:
        """The same slopes through an accuracy that was measured on test items.

        Args:
            right: Test items that the present head predicts right.
            items: Number of test items.
            labels: Labels that the present head was taught.
            rng: Draws of the accuracy, by Jeffreys' posterior.
        """
        wrong = rng.beta(items - right + 0.5, right + 0.5, len(self.slope))
        slope = self.slope * (labels / self.size) ** -self.flattening
        return Trend(float(labels), np.log(np.maximum(wrong, 1e-9)), slope, self.flattening)

    def reach(self, log_error: Float[np.ndarray, "*r"] | float) -> Float[np.ndarray, " r"]:
        """Labels that each curve needs to reach an error; infinity where it levels off above the error.

        Example:
            >>> steep = Trend(100.0, np.log([0.4]), np.array([0.5]), np.array([1e-3]))
            >>> flat = Trend(100.0, np.log([0.4]), np.array([0.1]), np.array([0.5]))
            >>> steep.reach(np.log(0.2)).round().tolist(), flat.reach(np.log(0.2)).tolist()
            ([400.0], [inf])
        """
        left = 1 - self.flattening * (self.log_error - log_error) / self.slope
        with np.errstate(over="ignore"):
            ratio = np.exp(-np.log(np.maximum(left, 1e-300)) / self.flattening)
        return np.where(left > 0, self.size * ratio, np.inf)

    def error(self, labels: float) -> Float[np.ndarray, " r"]:
        """Error of each curve at a number of labels, in (0, 1)."""
        drop = (1 - (labels / self.size) ** -self.flattening) / self.flattening
        return np.asarray(np.clip(np.exp(self.log_error - self.slope * drop), 0.0, 1.0))

    def gain(self, labels: float) -> Float[np.ndarray, " r"]:
        """Accuracy that each curve gains with one more label."""
        return np.asarray(self.error(labels) * self.slope * (labels / self.size) ** -self.flattening / labels)


def fit_trend(
    sizes: Float[np.ndarray, " p"], right: Float[np.ndarray, "p m"], *, rng: np.random.Generator, draws: int = DRAWS
) -> tuple[Trend, Float[np.ndarray, "r m"]]:
    """Fit a bundle of curves to outcomes on the same m random labels at p sizes.

    Whole labels are resampled (Bayesian bootstrap), which keeps the correlation between the sizes. Two pseudo labels,
    one right and one wrong, are added so that no error is zero. The slope is shrunk to the prior slope as far as the
    measured slope is uncertain.

    Args:
        sizes: Label counts, ascending.
        right: For each size, the share of turns in which each random label was predicted correctly, in [0, 1].
        rng: Random numbers of the resampling.
        draws: r, the number of curves.

    Returns:
        The bundle, and the weights (r, m + 2) that it was drawn with, the pseudo labels last, so that other outcomes on
        the same labels can be resampled with the same weights.

    Raises:
        MeasureError: No outcomes, or sizes that do not ascend.

    References:
        Rubin, The Bayesian Bootstrap, Annals of Statistics 1981.
        Viering & Loog, The Shape of Learning Curves: a Review, TPAMI 2023, arXiv 2103.10948.
    """
    sizes = np.asarray(sizes, dtype=np.float64)
    if right.ndim != 2 or not right.size or len(sizes) != len(right) or np.any(np.diff(sizes) <= 0) or sizes[0] <= 0:
        raise MeasureError(
            f"a curve at {sizes.tolist()} labels with outcomes of shape {right.shape}",
            hint="pass ascending sizes, and one row of outcomes for each",
        )
    weights = rng.dirichlet(np.ones(right.shape[1] + 2), draws)
    logs = log_errors(right, weights)
    if len(sizes) > 1:
        x = np.log(sizes / sizes[-1])
        x = x - x.mean()
        fitted = -(logs @ x) / float(x @ x)
        trust = SLOPE_SPREAD**2 / (SLOPE_SPREAD**2 + float(np.var(fitted)) + 1e-9)
    else:
        fitted, trust = np.zeros(draws), 0.0
    slope = trust * fitted + (1 - trust) * (SLOPE + SLOPE_SPREAD * rng.standard_normal(draws))
    flattening = rng.uniform(1e-3, FLATTENING, draws)
    return Trend(float(sizes[-1]), logs[:, -1], np.maximum(slope, LEAST_SLOPE), flattening), weights


def log_errors(right: Float[np.ndarray, "p m"], weights: Float[np.ndarray, "r n"]) -> Float[np.ndarray, "r p"]:
    """Compute the log of the resampled error at each size; one of the two pseudo labels is wrong."""
    doubt = np.full((len(right), 2), (0.0, 1.0))
    return np.asarray(np.log(np.maximum(weights @ np.hstack([1 - right, doubt]).T, 1e-9)))
