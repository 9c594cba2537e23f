"""What one finished run saved, against a baseline that was replayed many times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from activessl.errors import MeasureError
from activessl.measuring.savings.curves import Curve, isotonic
from activessl.measuring.savings.savings import Savings, savings


def savings_of_run(
    labels: Sequence[int],
    accuracy: Sequence[float],
    baseline: Curve,
    *,
    rng: np.random.Generator,
    target: float | None = None,
    level: float = 0.9,
) -> Savings:
    """Labels saved by a run that was made once, such as a real project, up to an accuracy that it reached.

    The interval comes from resampling the baseline's seeds alone: how another run of ours would have gone is not in it.

    Args:
        labels: Label counts at which the run was measured, ascending; the baseline was measured at these, too.
        accuracy: What the run reached there.
        baseline: What it is compared with, at these counts and as far beyond as one likes.
        rng: Of the resampling.
        target: The accuracy to arrive at; by default what the run reached at its end.
        level: Probability of the interval.

    Raises:
        MeasureError: A run without points, or a count at which the baseline was not measured.

    Example:
        >>> base = Curve(np.array([10, 20, 40, 80]), np.array([[0.5, 0.6, 0.7, 0.8], [0.5, 0.6, 0.72, 0.8]]))
        >>> found = savings_of_run([10, 20], [0.5, 0.8], base, rng=np.random.default_rng(0))
        >>> found.labels, round(found.baseline_labels or 0), round(found.saved or 0, 2)
        (20.0, 80, 0.75)
    """
    counts = np.asarray(labels)
    if not len(counts) or len(counts) != len(accuracy) or np.any(np.diff(counts) <= 0):
        raise MeasureError(f"a run measured at {list(labels)} labels", hint="give ascending label counts")
    if not set(counts.tolist()) <= set(baseline.labels.tolist()):
        raise MeasureError("the baseline was not measured at the run's label counts", hint="replay it at those counts")
    reached = isotonic(np.asarray(accuracy, dtype=np.float64))
    # past its end the run stays where it was: it asked for no more labels
    at = np.clip(np.searchsorted(counts, baseline.labels, side="right") - 1, 0, None)
    ours = np.where(baseline.labels >= counts[0], reached[at], 0.0)
    return savings(
        Curve(baseline.labels, np.repeat(ours[None], len(baseline.accuracy), axis=0)),
        baseline,
        rng=rng,
        target=float(reached[-1]) if target is None else target,
        level=level,
    )
