"""How far a head's own confidence can be believed: what it says beside how often it is right."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.errors import MeasureError
from activessl.measuring.intervals import wilson

#: Labels in each group, at least: with fewer an interval covers everything.
IN_A_GROUP = 15
GROUPS = 5


@dataclass(frozen=True, slots=True)
class Group:
    """Predictions of about the same confidence.

    Attributes:
        said: Their mean confidence, in [0, 1].
        right: The share of them that is right.
        low: Lower end of its 90 % interval (Wilson).
        high: Upper end of it.
        labels: How many.
    """

    said: float
    right: float
    low: float
    high: float
    labels: int


@dataclass(frozen=True, slots=True)
class Trust:
    """The reliability curve of a head, and how far it is from what it should be.

    Attributes:
        groups: The least confident first, of about equally many predictions.
        said: Mean confidence of all.
        right: Share of all that is right.
        gap: Mean distance of confidence and share of right ones over the groups, in [0, 1]; with few labels chance
            alone makes it larger than zero.
    """

    groups: tuple[Group, ...]
    said: float
    right: float
    gap: float

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)

    def to_text(self) -> str:
        """One sentence.

        Example:
            >>> sure = np.repeat([0.5, 0.9], 30)
            >>> confidence_groups(sure, np.arange(60) % 2 == 0).to_text()
            'says 70 % on average and is right in 50 %, too sure of itself; mean distance 22 points over 4 groups'
        """
        low, high = wilson(self.right, sum(g.labels for g in self.groups), 1.645)
        verdict = "too sure of itself" if self.said > high else "too modest" if self.said < low else "as it should be"
        return (
            f"says {100 * self.said:.0f} % on average and is right in {100 * self.right:.0f} %, {verdict}; "
            f"mean distance {100 * self.gap:.0f} points over {len(self.groups)} groups"
        )


def confidence_groups(sure: Float[np.ndarray, " m"], right: Bool[np.ndarray, " m"]) -> Trust:
    """The reliability curve in groups of equally many predictions.

    Args:
        sure: The probability of each prediction, in [0, 1]; of labels that were not taught.
        right: Whether it was right.

    Raises:
        MeasureError: Fewer than 30 predictions: one group, which says nothing of the others.

    References:
        Naeini, Cooper & Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015.
    """
    m = len(sure)
    if m < 2 * IN_A_GROUP or len(right) != m:
        raise MeasureError(
            f"{m} predictions with {len(right)} outcomes are too few for a reliability curve",
            hint=f"give at least {2 * IN_A_GROUP}",
        )
    order = np.argsort(sure, kind="stable")
    groups = []
    for rows in np.array_split(order, min(GROUPS, m // IN_A_GROUP)):
        share = float(np.mean(right[rows]))
        groups.append(Group(float(np.mean(sure[rows])), share, *wilson(share, len(rows), 1.645), len(rows)))
    gap = sum(abs(g.said - g.right) * g.labels for g in groups) / m
    return Trust(tuple(groups), float(np.mean(sure)), float(np.mean(right)), float(gap))


def calibration_error(probs: Float[np.ndarray, "n k"], targets: Int[np.ndarray, " n"], bins: int = 15) -> float:
    """Expected calibration error: the mean distance of confidence and accuracy over bins of equal width, in [0, 1].

    Raises:
        MeasureError: No items, or shapes that do not belong together.

    References:
        Naeini, Cooper & Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015.

    Example:
        >>> round(calibration_error(np.array([[0.9, 0.1], [0.9, 0.1]]), np.array([0, 1])), 3)
        0.4
    """
    probs, targets = np.asarray(probs), np.asarray(targets)
    if probs.ndim != 2 or len(probs) != len(targets) or not len(targets):
        raise MeasureError(
            f"{probs.shape} probabilities and {targets.shape} labels",
            hint="pass one row of probabilities for each label",
        )
    sure, right = probs.max(axis=1), probs.argmax(axis=1) == targets
    place = np.minimum((sure * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(place, sure - right, bins)).sum() / len(targets))
