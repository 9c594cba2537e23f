"""Labels saved: "N labels instead of M", with an interval, or a bound where a curve does not reach the target."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from activessl.errors import MeasureError
from activessl.measuring.savings.curves import Curve, check_paired, isotonic, labels_to_target

#: How to read a saving. ``measured``: both curves reach the target. ``at_least``: the baseline does not reach it within
#: its budget, so the saving is a lower bound. ``at_most``: the strategy does not reach it, so the saving is an upper
#: bound. ``undefined``: neither reaches it.
Kind = Literal["measured", "at_least", "at_most", "undefined"]


@dataclass(frozen=True, slots=True)
class Savings:
    """The labels saved up to one target accuracy.

    Attributes:
        target: The accuracy, in [0, 1].
        labels: Labels that the strategy needs; None if it does not reach the target.
        baseline_labels: Labels that the baseline needs; None if it does not reach the target.
        saved: 1 - labels / baseline_labels, below 1 and possibly negative; a bound for the kinds ``at_least`` and
            ``at_most``, None for ``undefined``.
        low: Lower end of the interval; None where the resamples do not bound it.
        high: Upper end of the interval; None where the resamples do not bound it.
        level: Probability of the interval.
        kind: How to read ``saved``.
        at_first: True if the strategy or the baseline reaches the target with its first batch, so that its number of
            labels is an upper bound.
        budget: The highest label count measured.
        seeds: Number of paired seeds.
    """

    target: float
    labels: float | None
    baseline_labels: float | None
    saved: float | None
    low: float | None
    high: float | None
    level: float
    kind: Kind
    at_first: bool
    budget: int
    seeds: int

    @property
    def censored(self) -> bool:
        """True unless both curves reach the target."""
        return self.kind != "measured"

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON: null for a figure that does not exist, and ``censored``."""
        return {**asdict(self), "censored": self.censored}

    def to_text(self) -> str:
        """One sentence.

        Example:
            >>> Savings(0.9, 40.0, 100.0, 0.6, 0.5, 0.66, 0.9, "measured", False, 200, 20).to_text()
            '40 labels instead of 100 for 90.0 % accuracy: 60 % saved (90 % interval 50 to 66 %, 20 seeds)'
        """
        goal = f"for {100 * self.target:.1f} % accuracy"
        low = "?" if self.low is None else f"{100 * self.low:.0f}"
        high = "?" if self.high is None else f"{100 * self.high:.0f}"
        seeds = f"{self.seeds} seed{'s' if self.seeds > 1 else ''}"
        sample = f"{100 * self.level:.0f} % interval {low} to {high} %, {seeds}"
        most = "at most " if self.at_first else ""
        if self.kind == "undefined" or self.saved is None:
            return f"no saving measured {goal}: neither curve reaches it within {self.budget} labels ({seeds})"
        percent = f"{100 * self.saved:.0f} %"
        if self.kind == "at_least":
            return (
                f"{most}{self.labels:.0f} labels instead of more than {self.budget} {goal}: "
                f"at least {percent} saved ({sample})"
            )
        if self.kind == "at_most":
            more = f"at least {100 * -self.saved:.0f} % more, " if self.saved < -0.005 else ""
            return (
                f"more than {self.budget} labels instead of {self.baseline_labels:.0f} {goal}: "
                f"{more}nothing saved ({sample})"
            )
        word = f"{percent} saved" if self.saved >= 0 else f"{100 * -self.saved:.0f} % more, nothing saved"
        return f"{most}{self.labels:.0f} labels instead of {self.baseline_labels:.0f} {goal}: {word} ({sample})"


def savings(
    ours: Curve,
    baseline: Curve,
    *,
    rng: np.random.Generator,
    target: float | None = None,
    level: float = 0.9,
    resamples: int = 2000,
) -> Savings:
    """Compute the labels to a target on the isotonic mean curves, with an interval from resampling the paired seeds.

    Args:
        ours: Curve of the strategy.
        baseline: Curve to compare with, usually of the random arm; same seeds, same label counts.
        rng: Random numbers of the resampling.
        target: The accuracy to reach, in (0, 1]; by default the accuracy of the baseline with all of its labels, in
            the sample and in each resample, which the baseline always reaches.
        level: Probability of the interval, in (0, 1).
        resamples: Number of resamples.

    Raises:
        MeasureError: Curves that are not paired, or a target outside (0, 1].

    References:
        Efron & Tibshirani, An Introduction to the Bootstrap, 1993: percentile interval.

    Example:
        >>> counts = np.array([10, 20, 40])
        >>> found = savings(
        ...     Curve(counts, np.array([[0.6, 0.8, 0.9]] * 2)), Curve(counts, np.array([[0.5, 0.6, 0.8]] * 2)),
        ...     rng=np.random.default_rng(0),
        ... )
        >>> found.labels, found.baseline_labels, found.saved, found.kind
        (20.0, 40.0, 0.5, 'measured')
    """
    check_paired(ours, baseline)
    own = target is None
    target = float(baseline.smooth[-1]) if target is None else target
    if not 0 < target <= 1:
        raise MeasureError(f"a target of {target}", hint="give an accuracy above 0 and at most 1")
    if not 0 < level < 1 or resamples < 1:
        raise MeasureError(f"a level of {level} with {resamples} resamples", hint="give a level between 0 and 1")
    counts, last = ours.labels, float(ours.labels[-1])
    n = float(labels_to_target(counts, ours.smooth, target))
    m = float(labels_to_target(counts, baseline.smooth, target))
    kind: Kind = "measured"
    if np.isinf(n) or np.isinf(m):
        kind = "undefined" if np.isinf(n) and np.isinf(m) else "at_most" if np.isinf(n) else "at_least"
    saved = None if kind == "undefined" else 1 - min(n, last) / min(m, last)

    seeds = len(ours.accuracy)
    low = high = None
    if seeds > 1:
        pick = rng.integers(0, seeds, (resamples, seeds))
        theirs = isotonic(baseline.accuracy[pick].mean(axis=1))
        goals = theirs[:, -1] if own else np.full(resamples, target)
        ns = labels_to_target(counts, isotonic(ours.accuracy[pick].mean(axis=1)), goals)
        ms = labels_to_target(counts, theirs, goals)
        # a resample in which a curve does not reach the goal counts as its worst and its best possible value
        worst = np.where(np.isinf(ns), -np.inf, 1 - np.minimum(ns, last) / np.minimum(ms, last))
        best = np.where(np.isinf(ms), 1.0, 1 - np.minimum(ns, last) / np.minimum(ms, last))
        tail = (1 - level) / 2
        # quantiles that occur in the sample: -inf and a number cannot be interpolated
        bottom = float(np.quantile(worst, tail, method="lower"))
        top = float(np.quantile(best, 1 - tail, method="higher"))
        low = bottom if np.isfinite(bottom) else None
        high = top if top < 1.0 else None
    first = float(counts[0])
    return Savings(
        target=target,
        labels=n if np.isfinite(n) else None,
        baseline_labels=m if np.isfinite(m) else None,
        saved=saved,
        low=low,
        high=high,
        level=level,
        kind=kind,
        at_first=bool(n <= first or m <= first),
        budget=int(last),
        seeds=seeds,
    )
