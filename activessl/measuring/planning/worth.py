"""Decide whether the next hour of labeling is worth its price, where intervals are too wide for a decision."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from activessl.errors import MeasureError
from activessl.measuring.savings.trend import SLOPE

#: The number of random labels that weighs as much as the prior slope of log error along log labels.
SLOPE_LABELS = 100
#: The number of random labels that weighs as much as the head's mean doubt, as an estimate of its error.
DOUBT_LABELS = 50
#: Limits of the slope.
FLATTEST, STEEPEST = 0.05, 1.0


@dataclass(frozen=True, slots=True)
class Worth:
    """Whether the next hour pays, and the figures that the decision rests on.

    Attributes:
        pays: Whether the accuracy that the hour adds is worth more than the hour costs.
        until: The label count from which an hour no longer pays; None where hours pay to the end of the pool.
        points: Points of accuracy that an hour adds at the present pace.
        error: The estimated error of the head now, in (0, 1).
        slope: The estimated fall of log error for each e-fold of labels.
        random_labels: Number of random labels used, beside the head's doubt and the prior slope.
    """

    pays: bool
    until: int | None
    points: float
    error: float
    slope: float
    random_labels: int

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)


def next_hour(
    doubt: float,
    sizes: Float[np.ndarray, " p"],
    right: Float[np.ndarray, "p m"],
    *,
    labels: int,
    pool: int,
    seconds_per_label: float,
    per_hour: float,
    per_point: float,
    tested: tuple[int, int] = (0, 0),
) -> Worth:
    r"""Compare the price of an hour with the value of the accuracy that it adds.

    The log error is assumed to fall along the log of the labels with a slope :math:`\beta`, so that a label adds
    :math:`e\beta/n`. The error :math:`e` is the head's mean doubt on the pool, corrected by the random labels as their
    number grows. The slope is that of the random labels, shrunk to the prior slope while they are few. Both estimates
    are biased on purpose: with some dozens of random labels an unbiased slope is mostly noise, and stops too late or at
    once. The money that this rule loses against hindsight is in docs/results/savings.md.

    Args:
        doubt: Mean over the pool of one minus the head's largest probability, in [0, 1].
        sizes: Label counts, ascending.
        right: For each label count, whether a head that was not taught a random label predicted it correctly; m may be
            0.
        labels: Number of labels.
        pool: Number of items.
        seconds_per_label: Seconds that an annotator needs for a label, > 0.
        per_hour: Cost of an hour, >= 0.
        per_point: Value of a point of accuracy, in the same currency, >= 0.
        tested: Number of test items that the head predicts wrong, and of all test items; where there are any, the error
            rests on them, and not on random labels.

    Raises:
        MeasureError: Figures outside their ranges.

    References:
        Viering & Loog, The Shape of Learning Curves: a Review, TPAMI 2023, arXiv 2103.10948.

    Example:
        >>> found = next_hour(
        ...     0.2, np.array([25, 50, 100]), np.zeros((3, 0)), labels=100, pool=10_000, seconds_per_label=36,
        ...     per_hour=30, per_point=10
        ... )
        >>> found.pays, found.until, round(found.points, 1)
        (True, 130, 4.1)
    """
    right = np.asarray(right, dtype=np.float64)
    if not 0 <= doubt <= 1 or right.ndim != 2 or len(right) != len(sizes):
        raise MeasureError(
            f"a doubt of {doubt} with outcomes of shape {right.shape} at {len(sizes)} sizes",
            hint="give a doubt between 0 and 1, and one row of outcomes for each size",
        )
    fine = np.isfinite([seconds_per_label, per_hour, per_point]).all() and min(per_hour, per_point) >= 0
    if labels < 1 or not seconds_per_label > 0 or not fine:
        raise MeasureError(
            f"{labels} labels of {seconds_per_label} s each, at {per_hour} an hour and {per_point} a point",
            hint="give at least 1 label, a time above 0, and amounts of at least 0",
        )
    m = right.shape[1]
    wrong = np.sum(1 - right, axis=1)
    count, of = tested if tested[1] else (wrong[-1] if m else 0.0, m)
    error = float(count + DOUBT_LABELS * doubt + 0.5) / (of + DOUBT_LABELS + 1)
    slope = SLOPE
    if m and len(sizes) > 1:
        x = np.log(np.asarray(sizes, dtype=np.float64))
        measured = -float(np.polyfit(x, np.log(wrong + 1), 1)[0])
        trust = m / (m + SLOPE_LABELS)
        slope = max(FLATTEST, trust * min(max(measured, 0.0), STEEPEST) + (1 - trust) * SLOPE)
    # points an hour at n' labels: 100 e b (n'/n)^-b / n' times the labels of an hour
    points = 100 * error * slope / labels * 3600 / seconds_per_label
    if points * per_point < per_hour:
        return Worth(False, labels, points, error, slope, m)
    ratio = np.inf if per_hour == 0 else (points * per_point / per_hour) ** (1 / (1 + slope))
    until = None if labels * ratio >= pool else round(labels * ratio)
    return Worth(True, until, points, error, slope, m)
