"""Labels saved: "N labels instead of M", with an interval, or a bound where a curve does not reach the target."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import exp, log, sqrt
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

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
        low: Lower end of the interval; None where the seeds do not bound it.
        high: Upper end of the interval; None where the seeds do not bound it.
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

    def to_text(self, *, quality: str = "accuracy", unit: str = "labels") -> str:
        """One sentence.

        Args:
            quality: The word for what the target is a value of.
            unit: The word for what is counted.

        Example:
            >>> Savings(0.9, 40.0, 100.0, 0.6, 0.5, 0.66, 0.9, "measured", False, 200, 20).to_text()
            '40 labels instead of 100 for 90.0 % accuracy: 60 % saved (90 % interval 50 to 66 %, 20 seeds)'
        """
        goal = f"for {100 * self.target:.1f} % {quality}"
        low = "?" if self.low is None else f"{100 * self.low:.0f}"
        high = "?" if self.high is None else f"{100 * self.high:.0f}"
        seeds = f"{self.seeds} seed{'s' if self.seeds > 1 else ''}"
        sample = f"{100 * self.level:.0f} % interval {low} to {high} %, {seeds}"
        most = "at most " if self.at_first else ""
        if self.kind == "undefined" or self.saved is None:
            return f"no saving measured {goal}: neither curve reaches it within {self.budget} {unit} ({seeds})"
        percent = f"{100 * self.saved:.0f} %"
        if self.kind == "at_least":
            return (
                f"{most}{self.labels:.0f} {unit} instead of more than {self.budget} {goal}: "
                f"at least {percent} saved ({sample})"
            )
        if self.kind == "at_most":
            more = f"at least {100 * -self.saved:.0f} % more, " if self.saved < -0.005 else ""
            return (
                f"more than {self.budget} {unit} instead of {self.baseline_labels:.0f} {goal}: "
                f"{more}nothing saved ({sample})"
            )
        word = f"{percent} saved" if self.saved >= 0 else f"{100 * -self.saved:.0f} % more, nothing saved"
        return f"{most}{self.labels:.0f} {unit} instead of {self.baseline_labels:.0f} {goal}: {word} ({sample})"


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

    The interval is that of Student's t on the logarithm of baseline labels / labels, with the spread of the resamples:
    the quantiles of the resamples themselves hold in half of the cases with two seeds (docs/results/savings.md).

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
        Efron & Tibshirani, An Introduction to the Bootstrap, 1993.
        Hesterberg, What Teachers Should Know About the Bootstrap, The American Statistician 2015, arXiv 1411.5279: the
        factor for few observations.

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
        low, high = _interval(
            (n, m),
            labels_to_target(counts, isotonic(ours.accuracy[pick].mean(axis=1)), goals),
            labels_to_target(counts, theirs, goals),
            last,
            seeds,
            level,
        )
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


def _interval(
    found: tuple[float, float],
    ns: Float[np.ndarray, " r"],
    ms: Float[np.ndarray, " r"],
    last: float,
    seeds: int,
    level: float,
) -> tuple[float | None, float | None]:
    """Interval of the saving, by Student's t on the logarithm of M / N; None for an end that the seeds do not bound.

    Args:
        found: N and M on the mean curves; infinity where the target is not reached.
        ns: N in each resample of the seeds.
        ms: M in each resample.
        last: The highest label count measured.
        seeds: Number of seeds.
        level: Probability of the interval.
    """
    from scipy.special import ndtr, stdtrit

    # resamples of few seeds vary less than new seeds would, and their spread is itself uncertain
    wide = float(stdtrit(seeds - 1, 0.5 + level / 2)) * sqrt(seeds / (seeds - 1))
    tail = float(ndtr(-wide))
    n, m = found

    def end(sign: int, open_: np.ndarray[Any, np.dtype[np.bool_]]) -> float | None:
        """One end, from the resamples that reach the target; the labels of the other curve count up to ``last``."""
        if open_.mean() > tail:
            return None
        ratios = np.log(np.minimum(ms, last) / np.minimum(ns, last))[~open_]
        return 1 - exp(sign * wide * float(ratios.std()) - log(min(m, last) / min(n, last)))

    # an end is open where the target may be out of reach
    low = None if np.isinf(n) else end(1, np.isinf(ns))
    high = None if np.isinf(m) else end(-1, np.isinf(ms))
    return low, high
