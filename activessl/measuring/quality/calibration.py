"""Calibration: the confidence of a head compared with its accuracy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.errors import MeasureError
from activessl.measuring.intervals import wilson

#: Least labels in each bin: with fewer, the interval is too wide to be useful.
IN_A_BIN = 15
BINS = 5


@dataclass(frozen=True, slots=True)
class Bin:
    """Predictions of about the same confidence.

    Attributes:
        confidence: Mean confidence of the predictions, in [0, 1].
        accuracy: Share of the predictions that are right.
        low: Lower end of the 90 % interval of the accuracy (Wilson).
        high: Upper end of that interval.
        labels: Number of predictions.
    """

    confidence: float
    accuracy: float
    low: float
    high: float
    labels: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """The calibration curve of a head, and its error.

    Attributes:
        bins: Bins of about equally many predictions, the least confident first.
        confidence: Mean confidence of all predictions.
        accuracy: Share of all predictions that are right.
        error: Expected calibration error: mean distance of confidence and accuracy over the bins, in [0, 1]. With few
            labels, chance makes it larger than zero even for a calibrated head.
    """

    bins: tuple[Bin, ...]
    confidence: float
    accuracy: float
    error: float

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)

    def to_text(self) -> str:
        """One sentence.

        Example:
            >>> sure = np.repeat([0.5, 0.9], 30)
            >>> calibration_curve(sure, np.arange(60) % 2 == 0).to_text()
            'mean confidence 70 %, accuracy 50 %: overconfident; calibration error 22 points over 4 bins'
        """
        low, high = wilson(self.accuracy, sum(bin_.labels for bin_ in self.bins), 1.645)
        verdict = "overconfident" if self.confidence > high else "underconfident" if self.confidence < low else "fits"
        return (
            f"mean confidence {100 * self.confidence:.0f} %, accuracy {100 * self.accuracy:.0f} %: {verdict}; "
            f"calibration error {100 * self.error:.0f} points over {len(self.bins)} bins"
        )


def calibration_curve(sure: Float[np.ndarray, " m"], right: Bool[np.ndarray, " m"]) -> Calibration:
    """Compute the calibration curve, in bins of equally many predictions.

    Args:
        sure: The confidence of each prediction, in [0, 1], on labels that the head was not taught.
        right: Whether each prediction was right.

    Raises:
        MeasureError: Fewer than 30 predictions: a curve needs two bins of 15.

    References:
        Naeini, Cooper & Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015.
    """
    m = len(sure)
    if m < 2 * IN_A_BIN or len(right) != m:
        raise MeasureError(
            f"{m} predictions with {len(right)} outcomes are too few for a calibration curve",
            hint=f"give at least {2 * IN_A_BIN} predictions, each with an outcome",
        )
    order = np.argsort(sure, kind="stable")
    bins = []
    for rows in np.array_split(order, min(BINS, m // IN_A_BIN)):
        share = float(np.mean(right[rows]))
        bins.append(Bin(float(np.mean(sure[rows])), share, *wilson(share, len(rows), 1.645), len(rows)))
    error = sum(abs(one.confidence - one.accuracy) * one.labels for one in bins) / m
    return Calibration(tuple(bins), float(np.mean(sure)), float(np.mean(right)), float(error))


def calibration_error(probs: Float[np.ndarray, "n k"], targets: Int[np.ndarray, " n"], bins: int = 15) -> float:
    """Expected calibration error: the mean distance of confidence and accuracy over bins of equal width, in [0, 1].

    Raises:
        MeasureError: No items, or shapes that do not match.

    References:
        Naeini, Cooper & Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015.

    Example:
        >>> round(calibration_error(np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([0, 1])), 3)
        0.4
    """
    probs, targets = np.asarray(probs), np.asarray(targets)
    if probs.ndim != 2 or len(probs) != len(targets) or not len(targets):
        raise MeasureError(
            f"probabilities of shape {probs.shape} do not match labels of shape {targets.shape}",
            hint="pass one row of probabilities for each label",
        )
    sure, right = probs.max(axis=1), probs.argmax(axis=1) == targets
    place = np.minimum((sure * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(place, sure - right, bins)).sum() / len(targets))
