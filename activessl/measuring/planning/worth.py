"""Is the next hour of labeling worth its price? One decision, where an interval would only say that nobody knows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from activessl.errors import MeasureError

#: The slope of log error along log labels before anything is measured, and the random labels that weigh as much.
SLOPE, SLOPE_LABELS = 0.2, 100
#: As many random labels weigh as much as the head's own doubt in what its error is.
DOUBT_LABELS = 50
#: No curve is taken to be flatter or steeper than this.
FLATTEST, STEEPEST = 0.05, 1.0


@dataclass(frozen=True, slots=True)
class Worth:
    """Whether the next hour pays, and what that rests on.

    Attributes:
        pays: Whether it adds accuracy that is worth more than the hour costs.
        until: The label count from which on it does not; None where it pays to the end of the pool.
        points: Points of accuracy that an hour adds at the present pace.
        error: The head's error now, in (0, 1), as it is judged here.
        slope: By how much log error is judged to fall for each e-fold of labels.
        random_labels: How many random labels this rests on, beside the head's doubt and the usual slope.
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
) -> Worth:
    r"""Weigh the price of an hour against the points of accuracy that it adds.

    The log error is taken to fall along the log of the labels with a slope :math:`\beta`, so that a label adds
    :math:`e\beta/n`. The error :math:`e` is the head's own mean doubt on the pool, corrected by the random labels as
    these become many; the slope that of the random labels, held to a usual one while they are few. Both are biased by
    what they are held to, on purpose: with some dozens of random labels an unbiased slope is mostly noise, and stops
    too late or at once. How much money this loses against hindsight is in docs/results/savings.md.

    Args:
        doubt: Mean over the pool of one minus the head's largest probability, in [0, 1].
        sizes: Label counts, ascending.
        right: For each of them whether each random label was predicted rightly by a head that was not taught it; m may
            be 0.
        labels: How many labels there are.
        pool: How many items there are.
        seconds_per_label: Of an annotator, > 0.
        per_hour: What an hour costs, >= 0.
        per_point: What a point of accuracy is worth, in the same currency, >= 0.

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
            f"a doubt of {doubt} with outcomes {right.shape} at {len(sizes)} sizes", hint="pass a row for each size"
        )
    fine = np.isfinite([seconds_per_label, per_hour, per_point]).all() and min(per_hour, per_point) >= 0
    if labels < 1 or not seconds_per_label > 0 or not fine:
        raise MeasureError(
            f"{labels} labels, {seconds_per_label} s each, at {per_hour} an hour and {per_point} a point",
            hint="give positive times, and amounts that are not negative",
        )
    m = right.shape[1]
    wrong = np.sum(1 - right, axis=1)
    error = float((wrong[-1] if m else 0.0) + DOUBT_LABELS * doubt + 0.5) / (m + DOUBT_LABELS + 1)
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
