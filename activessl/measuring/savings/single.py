"""Labels saved by one finished run, against a baseline that was replayed with many seeds."""

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
    """Compute the labels saved by a run that was made once, such as a real project, at an accuracy that it reached.

    The interval resamples the seeds of the baseline only; it does not include the spread between runs of the strategy.

    Args:
        labels: Label counts at which the run was measured, ascending; the baseline must include these counts.
        accuracy: Accuracy of the run at each count.
        baseline: Curve to compare with, at these counts and possibly at larger ones.
        rng: Random numbers of the resampling.
        target: Accuracy to reach; by default the accuracy of the run at its end.
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
        raise MeasureError(
            f"a run of {len(accuracy)} accuracies at {list(labels)} labels",
            hint="give ascending label counts, with one accuracy each",
        )
    if not set(counts.tolist()) <= set(baseline.labels.tolist()):
        raise MeasureError(
            "the baseline was not measured at the label counts of the run", hint="replay it at these counts"
        )
    reached = isotonic(np.asarray(accuracy, dtype=np.float64))
    # after its end the run keeps its accuracy: it asked for no more labels
    at = np.clip(np.searchsorted(counts, baseline.labels, side="right") - 1, 0, None)
    ours = np.where(baseline.labels >= counts[0], reached[at], 0.0)
    return savings(
        Curve(baseline.labels, np.repeat(ours[None], len(baseline.accuracy), axis=0)),
        baseline,
        rng=rng,
        target=float(reached[-1]) if target is None else target,
        level=level,
    )
