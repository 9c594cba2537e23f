"""Labels saved so far in a running project, estimated from its own labels: no test data and no replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.errors import MeasureError
from activessl.labels.kinds import Labels, kind_of
from activessl.measuring.quality.audit import FEWEST
from activessl.measuring.savings.estimated import LiveSavings as LiveSavings
from activessl.measuring.savings.trend import fit_trend, log_errors

#: Teaches a head some rows and predicts others: (taught rows, predicted rows) -> classes.
Learner = Callable[[Int[np.ndarray, " a"], Int[np.ndarray, " b"]], Labels]

#: Parts of the random labels at which the curve of random choice is measured.
PARTS = (0.25, 0.5, 1.0)
#: Number of folds, and how often new folds are drawn.
FOLDS, TURNS = 5, 3
#: Number of heads taught for one estimate.
HEADS = FOLDS * TURNS * len(PARTS)
#: Number of curves drawn by resampling.
DRAWS = 1000
#: Standard deviation of the log error between heads taught 100 different random labels; it falls with the root of
#: their number.
DRAW_SPREAD = 0.08
#: Standard deviation of the error of the curve's form, in log error, for each e-fold of extrapolation.
FORM_SPREAD = 0.05
#: The data sets behind the prior do not distinguish smaller errors than this.
LEAST_ERROR = 0.003
#: Number of quantiles of the head's error that the prior is averaged over.
ERRORS = 40
#: Values of log(M / n): from a twentieth of the project's labels to a hundred and fifty times as many.
GRID = np.linspace(-3.0, 5.0, 401)


@dataclass(frozen=True, slots=True)
class Prior:
    """Prior of log(M / n): labels that random choice needs, divided by labels that the project needs.

    Attributes:
        mean: Mean of the logarithm where one prediction in ten is wrong.
        spread: Standard deviation of the logarithm at one accuracy.
        source: Source of the prior, in words for a reader.
        slope: Increase of the mean for each factor e by which the error is smaller.
    """

    mean: float
    spread: float
    source: str
    slope: float = 0.0

    def at(self, errors: Float[np.ndarray, " e"]) -> Float[np.ndarray, " e"]:
        """Mean at each share of wrong predictions.

        Example:
            >>> Prior(1.0, 0.5, "replays", slope=0.5).at(np.array([0.1, 0.1 / np.e])).tolist()
            [1.0, 1.5]
        """
        return np.asarray(self.mean - self.slope * np.log(np.maximum(errors, LEAST_ERROR) / 0.1))

    def belief(self, wrong: float, labels: int) -> Float[np.ndarray, " g"]:
        """Prior density of each value of ``GRID``, up to a factor, if ``wrong`` of ``labels`` predictions are wrong.

        The error of the head is uncertain, so the density is averaged over its Jeffreys posterior.

        Example:
            >>> prior = Prior(1.0, 0.5, "replays", slope=0.5)
            >>> few, many = (GRID[prior.belief(wrong, 40).argmax()] for wrong in (2, 20))
            >>> bool(few > many)
            True
        """
        from scipy.special import betaincinv  # heavy, and needed only here

        parts = (np.arange(ERRORS) + 0.5) / ERRORS
        means = self.at(betaincinv(wrong + 0.5, labels - wrong + 0.5, parts))
        gaps = (GRID[:, None] - means[None]) / self.spread
        return np.asarray(np.exp(-0.5 * gaps**2).mean(axis=1))


#: Measured on 358 simulated projects on fifteen public sets: docs/results/savings.md, by tests/benchmarks/coverage.py.
#: The lower the error of the model, the more labels does choosing save.
PUBLIC = Prior(1.11, 0.42, "the default strategy's savings on fifteen public data sets at this accuracy", 0.566)

#: For strategies that were not replayed: from a quarter to four times the project's labels is likely.
UNKNOWN = Prior(0.0, 1.4, "a wide prior (no replays of this strategy, head and kind of labels)")


def live_savings(
    learn: Learner,
    y: Labels,
    drawn: Bool[np.ndarray, " n"],
    correct: Bool[np.ndarray, " n"],
    *,
    rng: np.random.Generator,
    prior: Prior = PUBLIC,
    pool: int | None = None,
    gone: int = 0,
    level: float = 0.9,
) -> LiveSavings:
    r"""Estimate the labels that random choice needs for the accuracy that the project has now.

    The evidence of the project: the accuracy of the present head on the random labels, each predicted by a head that
    was not taught it; and the accuracy of heads that were taught random labels only: a quarter of them, half, all. The
    log error of these heads falls along the log of their number of labels, with a slope that flattens. The number M of
    labels that random choice needs is where this curve meets the error of the present head. With a tenth of the labels
    random, the curve must be extrapolated tenfold, so the interval is wide until there are hundreds of random labels.
    The evidence is therefore combined, as a likelihood of :math:`\log(M/n)`, with a ``prior`` of :math:`\log(M/n)`
    that is normal at each accuracy of the head.

    Args:
        learn: Teaches a new head rows (positions in ``y``) and predicts others.
        y: (n,) class indices of all labels, or (n, k) of 0 and 1.
        drawn: Which labels were drawn at random.
        correct: (n,) whether a head that was taught other labels predicts each label correctly; read where ``drawn``.
        rng: Random numbers of folds and resampling.
        prior: The prior of :math:`\log(M/n)`.
        pool: Number of items: random choice cannot need more labels than this. It bounds the estimate, and is no end of
            an interval: where the interval lies beyond the bound, its lower end is that of the random labels alone.
        gone: Labels that were given of items that have left the pool: they were spent, too.
        level: Probability of the interval, in (0, 1).

    Raises:
        MeasureError: Fewer than 10 random labels, arrays that do not match, or a level outside (0, 1).

    References:
        Viering & Loog, The Shape of Learning Curves: a Review, TPAMI 2023, arXiv 2103.10948.
    """
    at = np.flatnonzero(drawn)
    n, m = len(y), len(at)
    if not (np.shape(drawn) == np.shape(correct) == (n,)):
        raise MeasureError(
            f"{n} labels with {len(drawn)} draws and {len(correct)} outcomes", hint="pass one of each per label"
        )
    if m < FEWEST:
        raise MeasureError(
            f"{m} random labels are too few to estimate the labels that random choice needs",
            hint=f"label at least {FEWEST} items of the random share",
        )
    if not 0 < level < 1:
        raise MeasureError(f"an interval level of {level}", hint="give a level between 0 and 1")
    right = np.asarray(correct, dtype=float)[at]
    likelihood = own_evidence(learn, np.asarray(y), at, right, rng)
    belief = likelihood * prior.belief(float(m - right.sum()), m)
    tail = (1 - level) / 2
    most = np.inf if pool is None else float(np.log(max(pool, n) / n))
    low, middle, high = quantiles(belief, (tail, 0.5, 1 - tail))
    own_low, own_high = quantiles(likelihood, (tail, 1 - tail))
    if low >= most:
        low = min(own_low, most)

    def saved(value: float) -> float:
        """The saving at a value of log(M / n)."""
        return float(1 - (n + gone) / n * np.exp(-min(value, most)))

    return LiveSavings(
        labels=n + gone,
        baseline_labels=float(n * np.exp(min(middle, most))),
        saved=saved(middle),
        low=saved(low),
        high=saved(high),
        level=level,
        random_labels=m,
        own_low=saved(own_low),
        own_high=saved(own_high) if min(own_high, most) < GRID[-1] - 1 else None,
        prior=prior.source,
        pool=pool if pool is not None and high >= most else None,
    )


def quantiles(belief: Float[np.ndarray, " g"], at: tuple[float, ...]) -> list[float]:
    """Compute quantiles of log(M / n) from weights of the values of ``GRID``.

    Example:
        >>> [round(q, 1) + 0.0 for q in quantiles(np.exp(-0.5 * (GRID - 1) ** 2), (0.16, 0.5, 0.84))]
        [0.0, 1.0, 2.0]
    """
    total = np.cumsum(belief)
    return [float(np.interp(q * total[-1], total, GRID)) for q in at]


def random_curve(
    learn: Learner, at: Int[np.ndarray, " m"], y: Labels, rng: np.random.Generator
) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, "p m"]]:
    """Measure how often heads taught parts of the random labels predict each of the other random labels correctly.

    Args:
        learn: Teaches a new head rows and predicts others.
        at: Positions of the random labels.
        y: Class indices of all labels.
        rng: Random numbers of the folds.

    Returns:
        The numbers of labels taught, ascending, and for each number the share of turns in which each label was
        predicted correctly.
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
                right[p, out] += kind_of(y).same(learn(taught, at[out]), y[at[out]]) / TURNS
    return sizes, right


def own_evidence(
    learn: Learner,
    y: Labels,
    at: Int[np.ndarray, " m"],
    ours: Float[np.ndarray, " m"],
    rng: np.random.Generator,
) -> Float[np.ndarray, " g"]:
    """Likelihood of each value of log(M / n) in ``GRID``, given the random labels; at most 1.

    If random choice needs M labels, its error at M equals the error of the present head: the difference of the two log
    errors, extrapolated to M and resampled, is zero.

    Args:
        learn: Teaches a new head rows and predicts others.
        y: Class indices of all labels.
        at: Positions of the random labels.
        ours: Whether the present head, taught other labels, predicts each random label correctly: 0 or 1.
        rng: Random numbers of folds and resampling.
    """
    sizes, right = random_curve(learn, at, y, rng)
    curve, weights = fit_trend(sizes, right, rng=rng, draws=DRAWS)
    own = log_errors(ours[None], weights)[:, 0]
    log_likelihood = np.empty(len(GRID))
    for i, ratio in enumerate(GRID):
        labels = len(y) * np.exp(ratio)
        gap = np.log(np.maximum(curve.error(labels), 1e-9)) - own
        # another draw of as many random labels gives another head, and the form of the curve is an assumption
        form = FORM_SPREAD * np.log(labels / curve.size)
        variance = gap.var() + DRAW_SPREAD**2 * 100 / curve.size + form**2
        log_likelihood[i] = -0.5 * gap.mean() ** 2 / variance - 0.5 * np.log(variance)
    return np.asarray(np.exp(log_likelihood - log_likelihood.max()))
