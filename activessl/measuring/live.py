"""Labels saved so far, while a project runs: no hidden test set, no replay, only the labels that it has anyway."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.errors import MeasureError
from activessl.measuring.audit import FEWEST

#: Predictions of rows by a head that was taught others: (taught rows, asked rows) -> classes.
Learner = Callable[[Int[np.ndarray, " a"], Int[np.ndarray, " b"]], Int[np.ndarray, " b"]]

#: Parts of the random labels that the random arm's curve is measured on.
PARTS = (0.25, 0.5, 1.0)
#: Folds, and how often they are drawn anew.
FOLDS, TURNS = 5, 3
#: Of the resampling.
DRAWS = 4000
#: The slope of log error against log labels, before anything is measured, and how sure of it one may be. Exponents of
#: 0.1 to 0.5 are what learning curves of classifiers show: Viering & Loog, arXiv 2103.10948, and our own replays.
SLOPE, SLOPE_SPREAD = 0.3, 0.15
#: By how much that slope flattens with every e-fold of labels: drawn between 0 and this.
FLATTENING = 0.5
#: Spread of the log error between heads of equally many other random labels, at 100 labels; falls with their root.
DRAW_SPREAD = 0.08
#: Own evidence is never taken to be better than this, in log labels: the curve's form is not known.
LEAST_SPREAD = 0.3


@dataclass(frozen=True, slots=True)
class Prior:
    """What is expected of log(labels that random choice needs / labels that ours needs) before it is measured.

    Attributes:
        mean: Of the logarithm.
        spread: Its standard deviation.
        source: Where it comes from, in words for a reader.
    """

    mean: float
    spread: float
    source: str


#: Mean and spread over simulated projects on eight public sets, by tests/benchmarks/coverage.py; a project's own
#: evidence moves it.
PUBLIC = Prior(0.8, 0.55, "what the default strategy saved in replays on eight public data sets")


@dataclass(frozen=True, slots=True)
class LiveSavings:
    """An estimate of the labels saved so far.

    Attributes:
        labels: Labels given.
        baseline_labels: What random choice is estimated to need for the same accuracy.
        saved: 1 - labels / baseline_labels, below 1 and possibly negative.
        low: Lower end of the interval of ``saved``.
        high: Upper end of it.
        level: Probability of the interval.
        random_labels: How many of the labels were drawn at random: all that the project itself says rests on these.
        own_low: Lower end of the interval by the project's own random labels alone.
        own_high: Upper end of it; None where these alone do not bound it.
        weight: How much the project's own evidence counts in the estimate against the prior, in [0, 1].
        prior: Where the rest comes from.
    """

    labels: int
    baseline_labels: float
    saved: float
    low: float
    high: float
    level: float
    random_labels: int
    own_low: float
    own_high: float | None
    weight: float
    prior: str

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)

    def to_text(self) -> str:
        """One sentence.

        Example:
            >>> LiveSavings(100, 200.0, 0.5, 0.1, 0.7, 0.9, 20, -1.0, None, 0.2, "replays").to_text()
            'estimated: random choice would have needed about 200 labels instead of 100, 50 % saved (90 % interval 10 to
            70 %; 20 random labels, which count 20 %, and replays)'
        """
        said = f"{100 * self.saved:.0f} % saved" if self.saved >= 0 else "nothing saved"
        return (
            f"estimated: random choice would have needed about {self.baseline_labels:,.0f} labels instead of "
            f"{self.labels:,}, {said} ({100 * self.level:.0f} % interval {100 * self.low:.0f} to "
            f"{100 * self.high:.0f} %; {self.random_labels} random labels, which count {100 * self.weight:.0f} %, "
            f"and {self.prior})"
        )


def live_savings(
    learn: Learner,
    y: Int[np.ndarray, " n"],
    drawn: Bool[np.ndarray, " n"],
    correct: Bool[np.ndarray, " n"],
    *,
    rng: np.random.Generator,
    prior: Prior = PUBLIC,
    level: float = 0.9,
) -> LiveSavings:
    r"""Estimate what random choice would have needed for the accuracy that the project has now.

    What the project itself knows: how often the present head is right on its random labels, each predicted by a head
    that was not taught it; and how often a head is that was taught random labels only, a quarter of them, half, all.
    The log error of the latter falls along the log of their number, with a slope that flattens; where it meets the
    former is the number of labels that random choice needs. Ten times fewer random labels than labels must be
    extrapolated tenfold, so this alone says little until there are hundreds. It is combined with ``prior``, each
    weighed by one over its variance, both as normal distributions of :math:`\log(M/n)`.

    Args:
        learn: Teaches a new head rows (positions in ``y``) and predicts others.
        y: (n,) class indices of all labels.
        drawn: Which labels were drawn at random.
        correct: (n,) whether a head that was taught other labels predicts each rightly; read where ``drawn``.
        rng: Of folds and resampling.
        prior: What is expected before anything is measured.
        level: Probability of the interval, in (0, 1).

    Raises:
        MeasureError: Fewer than 10 random labels, arrays that do not belong together, or a level outside (0, 1).

    References:
        Viering & Loog, The Shape of Learning Curves: a Review, TPAMI 2023, arXiv 2103.10948.
    """
    from scipy.stats import norm  # heavy, and needed only here

    at = np.flatnonzero(drawn)
    n, m = len(y), len(at)
    if not (np.shape(drawn) == np.shape(correct) == np.shape(y)):
        raise MeasureError(f"{n} labels with {len(drawn)} and {len(correct)} facts", hint="pass one of each per label")
    if m < FEWEST:
        raise MeasureError(
            f"{m} random labels are too few to estimate what random choice would have needed",
            hint=f"label at least {FEWEST} items of the random share",
        )
    if not 0 < level < 1:
        raise MeasureError(f"an interval of {level}", hint="give a level between 0 and 1")
    centre, spread = _own_evidence(learn, np.asarray(y), at, np.asarray(correct, dtype=float)[at], n, rng)
    precision = 1 / prior.spread**2 + 1 / spread**2
    mean = (prior.mean / prior.spread**2 + centre / spread**2) / precision
    half = float(norm.ppf(0.5 + level / 2))
    own_high = centre + half * spread
    return LiveSavings(
        labels=n,
        baseline_labels=float(n * np.exp(mean)),
        saved=float(1 - np.exp(-mean)),
        low=float(1 - np.exp(-(mean - half / np.sqrt(precision)))),
        high=float(1 - np.exp(-(mean + half / np.sqrt(precision)))),
        level=level,
        random_labels=m,
        own_low=float(1 - np.exp(-(centre - half * spread))),
        own_high=float(1 - np.exp(-own_high)) if own_high < np.log(100) else None,
        weight=float(1 / spread**2 / precision),
        prior=prior.source,
    )


def random_curve(
    learn: Learner, at: Int[np.ndarray, " m"], y: Int[np.ndarray, " n"], rng: np.random.Generator
) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, "p m"]]:
    """How often each random label is predicted rightly by heads that were taught parts of the other random labels.

    Args:
        learn: Teaches a new head rows and predicts others.
        at: Positions of the random labels.
        y: Class indices of all labels.
        rng: Of the folds.

    Returns:
        How many labels were taught, ascending, and for each the share of turns in which each label was predicted
        rightly.
    """
    m = len(at)
    folds = min(FOLDS, m)
    sizes = np.zeros(len(PARTS))
    right = np.zeros((len(PARTS), m))
    for _ in range(TURNS):
        fold = rng.permutation(m) % folds
        for f in range(folds):
            out, rest = np.flatnonzero(fold == f), rng.permutation(np.flatnonzero(fold != f))
            for p, part in enumerate(PARTS):
                taught = at[rest[: max(2, round(part * len(rest)))]]
                sizes[p] += len(taught) / (TURNS * folds)
                right[p, out] += (learn(taught, at[out]) == y[at[out]]) / TURNS
    return sizes, right


def _own_evidence(
    learn: Learner,
    y: Int[np.ndarray, " n"],
    at: Int[np.ndarray, " m"],
    ours: Float[np.ndarray, " m"],
    n: int,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Centre and spread of log(M / n) by the random labels alone."""
    sizes, right = random_curve(learn, at, y, rng)
    m = len(at)
    # the Bayesian bootstrap, with two labels of no opinion so that no error is ever zero
    weight = rng.dirichlet(np.ones(m + 2), DRAWS)
    errors = np.vstack([1 - right, 1 - ours[None]])
    doubt = np.full((len(errors), 2), (0.0, 1.0))
    logs = np.log(np.maximum(weight @ np.hstack([errors, doubt]).T, 1e-9))
    taught = sizes[-1]
    logs[:, :-1] += rng.standard_normal((DRAWS, 1)) * DRAW_SPREAD * np.sqrt(100 / taught)

    x = np.log(sizes / taught)
    fitted = -(logs[:, :-1] @ (x - x.mean())) / float((x - x.mean()) @ (x - x.mean()) or 1.0)
    noise = float(np.var(fitted)) + 1e-6
    trust = SLOPE_SPREAD**2 / (SLOPE_SPREAD**2 + noise)
    slope = trust * fitted + (1 - trust) * (SLOPE + SLOPE_SPREAD * rng.standard_normal(DRAWS))
    slope = np.maximum(slope, 0.05)
    flat = rng.uniform(1e-3, FLATTENING, DRAWS)
    left = 1 - flat * (logs[:, -2] - logs[:, -1]) / slope
    # where the curve levels off before it arrives, random choice needs more than anything one could label
    reach = np.where(left > 0, -np.log(np.maximum(left, 1e-12)) / flat, np.inf)
    ratio = np.clip(reach + np.log(taught / n), -4.0, 6.0)
    low, middle, high = np.quantile(ratio, (0.16, 0.5, 0.84))
    return float(middle), float(max((high - low) / 2, LEAST_SPREAD))
