"""Labels saved so far, while a project runs: no hidden test set, no replay, only the labels that it has anyway."""

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

#: Predictions of rows by a head that was taught others: (taught rows, asked rows) -> classes.
Learner = Callable[[Int[np.ndarray, " a"], Int[np.ndarray, " b"]], Labels]

#: Parts of the random labels that the random arm's curve is measured on.
PARTS = (0.25, 0.5, 1.0)
#: Folds, and how often they are drawn anew.
FOLDS, TURNS = 5, 3
#: So many heads are taught for one estimate.
HEADS = FOLDS * TURNS * len(PARTS)
#: Of the resampling.
DRAWS = 1000
#: Spread of the log error between heads of equally many other random labels, at 100 labels; falls with their root.
DRAW_SPREAD = 0.08
#: What the form of the curve may be wrong by, in log error, for every e-fold that is extrapolated.
FORM_SPREAD = 0.05
#: An accuracy above this is not told from it by the data sets behind the prior.
LEAST_ERROR = 0.003
#: Quantiles of the share of mistakes that the expectation is averaged over.
ERRORS = 40
#: Values of log(M / n) that are weighed: from a twentieth of our labels to a hundred and fifty times as many.
GRID = np.linspace(-3.0, 5.0, 401)


@dataclass(frozen=True, slots=True)
class Prior:
    """What is expected of log(labels that random choice needs / labels that ours needs) before it is measured.

    Attributes:
        mean: Of the logarithm, where one prediction in ten is wrong.
        spread: Its standard deviation, at one accuracy.
        source: Where it comes from, in words for a reader.
        slope: How much more of it for every factor e fewer mistakes.
    """

    mean: float
    spread: float
    source: str
    slope: float = 0.0

    def at(self, errors: Float[np.ndarray, " e"]) -> Float[np.ndarray, " e"]:
        """The mean where so large a share of the predictions is wrong.

        Example:
            >>> Prior(1.0, 0.5, "replays", slope=0.5).at(np.array([0.1, 0.1 / np.e])).tolist()
            [1.0, 1.5]
        """
        return np.asarray(self.mean - self.slope * np.log(np.maximum(errors, LEAST_ERROR) / 0.1))

    def belief(self, wrong: float, labels: int) -> Float[np.ndarray, " g"]:
        """How likely each value of ``GRID`` is, up to a factor, if so many of so many random labels are mistaken.

        How often the head is wrong is itself not known: all that the labels allow counts, by Jeffreys' posterior.

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


#: By 358 simulated projects on fifteen public sets: docs/results/savings.md, by tests/benchmarks/coverage.py. The
#: better a model can be, the more does choosing save.
PUBLIC = Prior(1.11, 0.42, "what the default strategy saved on fifteen public data sets at such an accuracy", 0.566)

#: Where another strategy chose than was replayed: anything between a quarter and four times our labels is likely.
UNKNOWN = Prior(0.0, 1.4, "no expectation of this strategy")


def live_savings(
    learn: Learner,
    y: Labels,
    drawn: Bool[np.ndarray, " n"],
    correct: Bool[np.ndarray, " n"],
    *,
    rng: np.random.Generator,
    prior: Prior = PUBLIC,
    pool: int | None = None,
    level: float = 0.9,
) -> LiveSavings:
    r"""Estimate what random choice would have needed for the accuracy that the project has now.

    What the project itself knows: how often the present head is right on its random labels, each predicted by a head
    that was not taught it; and how often a head is that was taught random labels only, a quarter of them, half, all.
    The log error of the latter falls along the log of their number, with a slope that flattens; where it meets the
    former is the number M of labels that random choice needs. Ten times fewer random labels than labels must be
    extrapolated tenfold, so this alone says little until there are hundreds. It is therefore combined, as a likelihood
    of :math:`\log(M/n)`, with a ``prior`` of the same, normal at each accuracy that the head may have.

    Args:
        learn: Teaches a new head rows (positions in ``y``) and predicts others.
        y: (n,) class indices of all labels, or (n, k) of 0 and 1.
        drawn: Which labels were drawn at random.
        correct: (n,) whether a head that was taught other labels predicts each rightly; read where ``drawn``.
        rng: Of folds and resampling.
        prior: What is expected before anything is measured.
        pool: How many items there are: random choice cannot need more labels than that.
        level: Probability of the interval, in (0, 1).

    Raises:
        MeasureError: Fewer than 10 random labels, arrays that do not belong together, or a level outside (0, 1).

    References:
        Viering & Loog, The Shape of Learning Curves: a Review, TPAMI 2023, arXiv 2103.10948.
    """
    at = np.flatnonzero(drawn)
    n, m = len(y), len(at)
    if not (np.shape(drawn) == np.shape(correct) == (n,)):
        raise MeasureError(f"{n} labels with {len(drawn)} and {len(correct)} facts", hint="pass one of each per label")
    if m < FEWEST:
        raise MeasureError(
            f"{m} random labels are too few to estimate what random choice would have needed",
            hint=f"label at least {FEWEST} items of the random share",
        )
    if not 0 < level < 1:
        raise MeasureError(f"an interval of {level}", hint="give a level between 0 and 1")
    right = np.asarray(correct, dtype=float)[at]
    likelihood = own_evidence(learn, np.asarray(y), at, right, rng)
    belief = likelihood * prior.belief(float(m - right.sum()), m)
    tail = (1 - level) / 2
    most = np.inf if pool is None else float(np.log(max(pool, n) / n))
    low, middle, high = (min(value, most) for value in quantiles(belief, (tail, 0.5, 1 - tail)))
    own_low, own_high = (min(value, most) for value in quantiles(likelihood, (tail, 1 - tail)))
    return LiveSavings(
        labels=n,
        baseline_labels=float(n * np.exp(middle)),
        saved=float(1 - np.exp(-middle)),
        low=float(1 - np.exp(-low)),
        high=float(1 - np.exp(-high)),
        level=level,
        random_labels=m,
        own_low=float(1 - np.exp(-own_low)),
        own_high=float(1 - np.exp(-own_high)) if own_high < GRID[-1] - 1 else None,
        prior=prior.source,
    )


def quantiles(belief: Float[np.ndarray, " g"], at: tuple[float, ...]) -> list[float]:
    """Quantiles of log(M / n) under weights of the values of ``GRID``.

    Example:
        >>> [round(q, 1) + 0.0 for q in quantiles(np.exp(-0.5 * (GRID - 1) ** 2), (0.16, 0.5, 0.84))]
        [0.0, 1.0, 2.0]
    """
    total = np.cumsum(belief)
    return [float(np.interp(q * total[-1], total, GRID)) for q in at]


def random_curve(
    learn: Learner, at: Int[np.ndarray, " m"], y: Labels, rng: np.random.Generator
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
                right[p, out] += kind_of(y).same(learn(taught, at[out]), y[at[out]]) / TURNS
    return sizes, right


def own_evidence(
    learn: Learner,
    y: Labels,
    at: Int[np.ndarray, " m"],
    ours: Float[np.ndarray, " m"],
    rng: np.random.Generator,
) -> Float[np.ndarray, " g"]:
    """How well each value of log(M / n) agrees with the random labels: the likelihood over ``GRID``, at most 1.

    If random choice needs M labels, its error there is ours: the difference of the two log errors, extrapolated to M
    and resampled, should then be zero.

    Args:
        learn: Teaches a new head rows and predicts others.
        y: Class indices of all labels.
        at: Positions of the random labels.
        ours: Whether the present head, taught other labels, predicts each of these rightly: 0 or 1.
        rng: Of folds and resampling.
    """
    sizes, right = random_curve(learn, at, y, rng)
    curve, weights = fit_trend(sizes, right, rng=rng, draws=DRAWS)
    own = log_errors(ours[None], weights)[:, 0]
    log_likelihood = np.empty(len(GRID))
    for i, ratio in enumerate(GRID):
        labels = len(y) * np.exp(ratio)
        gap = np.log(np.maximum(curve.error(labels), 1e-9)) - own
        # another draw of as many random labels would give another head, and the form of the curve is a guess
        form = FORM_SPREAD * np.log(labels / curve.size)
        variance = gap.var() + DRAW_SPREAD**2 * 100 / curve.size + form**2
        log_likelihood[i] = -0.5 * gap.mean() ** 2 / variance - 0.5 * np.log(variance)
    return np.asarray(np.exp(log_likelihood - log_likelihood.max()))
