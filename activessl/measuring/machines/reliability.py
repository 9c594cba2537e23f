"""How often a machine is right, class by class, with intervals that share strength between the classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import MeasureError

#: Grid of the mean and of the strength (in answers) of the classes' common prior.
_MEANS = np.linspace(0.01, 0.99, 50)
_STRENGTHS = np.geomspace(1.0, 200.0, 12)
#: Points at which the posterior of one class is computed.
_SHARES = np.linspace(0.0005, 0.9995, 1000)
#: Fewest answers of people for a verdict about the machine, and about one class.
ENOUGH, ENOUGH_OF_CLASS = 10, 3

Verdict = Literal["stands in", "does not", "unknown"]


@dataclass(frozen=True, slots=True)
class ClassReliability:
    """How often a machine is right where it says one class.

    Attributes:
        asked: Items that people answered and for which the machine said this class.
        right: How many of them people gave the same class.
        share: Estimate of the share that is right, partially pooled over the classes.
        low: Lower end of its interval.
        high: Upper end.
        verdict: Whether it may stand in for a person on this class.
    """

    asked: int
    right: int
    share: float
    low: float
    high: float
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often a machine is right.

    Attributes:
        asked: Items with an answer of the machine that people answered without having seen it.
        right: How many of them the machine has right.
        low: Lower end of the exact interval of the share.
        high: Upper end.
        level: Probability of each interval.
        classes: One entry for each class that the machine says, in the order of the classes.
    """

    asked: int
    right: int
    low: float
    high: float
    level: float
    classes: tuple[ClassReliability, ...]

    @property
    def share(self) -> float | None:
        """The share that is right; None without items."""
        return self.right / self.asked if self.asked else None


def reliability(
    truth: Int[np.ndarray, " m"],
    said: Int[np.ndarray, " m"],
    n_classes: int,
    *,
    needed: float = 0.85,
    level: float = 0.9,
) -> Reliability:
    """Measure a machine on items that people answered without having seen its answer.

    The shares of the classes have a common Beta prior, whose mean and strength are averaged over a grid by their
    likelihood: a class with few answers takes after the others. The verdict of a class compares the lower end of its
    interval with ``needed``.

    Args:
        truth: The classes that people gave, of items drawn at random.
        said: The classes that the machine said.
        n_classes: k.
        needed: The share that a person has right, less what the lower price of a machine is worth.
        level: Probability of the intervals.

    Raises:
        MeasureError: Arrays that do not fit, or classes out of range.

    References:
        Gelman et al., Bayesian Data Analysis, 2013, section 5.3, for the hierarchical model.
        Clopper & Pearson, Biometrika 1934, for the machine as a whole.

    Example:
        >>> truth = np.repeat([0, 1], 50)
        >>> said = np.where(np.arange(100) % 50 < 5, 1 - truth, truth)  # nine of ten are right
        >>> found = reliability(truth, said, 2)
        >>> found.share, [round(c.share, 2) for c in found.classes]
        (0.9, [0.89, 0.89])
    """
    from activessl.measuring.intervals import share_interval

    y, m = np.asarray(truth, dtype=np.int64), np.asarray(said, dtype=np.int64)
    if (
        y.shape != m.shape
        or y.ndim != 1
        or (len(y) and (min(y.min(), m.min()) < 0 or max(y.max(), m.max()) >= n_classes))
    ):
        raise MeasureError(
            f"answers of shape {m.shape} about items of shape {y.shape} with {n_classes} classes",
            hint="pass one class index of people and one of the machine for each item",
        )
    asked, right = np.bincount(m, minlength=n_classes), np.bincount(m[y == m], minlength=n_classes)
    low, high = share_interval(int(right.sum()), len(y), level) if len(y) else (0.0, 1.0)
    enough = len(y) >= ENOUGH
    found = []
    for c, weights in enumerate(_posteriors(asked, right)):
        total = np.cumsum(weights)
        low_at, high_at = np.minimum(np.searchsorted(total, [0.5 - level / 2, 0.5 + level / 2]), len(_SHARES) - 1)
        ends = float(_SHARES[low_at]), float(_SHARES[high_at])
        verdict: Verdict = "unknown"
        if enough and asked[c] >= ENOUGH_OF_CLASS:
            verdict = "stands in" if ends[0] >= needed else "does not" if ends[1] < needed else "unknown"
        share = float(weights @ _SHARES)
        found.append(ClassReliability(int(asked[c]), int(right[c]), share, ends[0], ends[1], verdict))
    return Reliability(len(y), int(right.sum()), low, high, level, tuple(found))


def _posteriors(asked: Int[np.ndarray, " k"], right: Int[np.ndarray, " k"]) -> Float[np.ndarray, "k p"]:
    """The posterior of each class's share on ``_SHARES``, averaged over the grid of priors."""
    from scipy.special import betaln

    a = (_MEANS[:, None] * _STRENGTHS).ravel()
    b = ((1 - _MEANS)[:, None] * _STRENGTHS).ravel()
    wrong = asked - right
    evidence = betaln(a[:, None] + right, b[:, None] + wrong) - betaln(a, b)[:, None]  # (g, k)
    total = evidence.sum(axis=1)
    prior = np.exp(total - total.max())
    prior /= prior.sum()
    logs, counter = np.log(_SHARES), np.log1p(-_SHARES)
    out = np.empty((len(asked), len(_SHARES)))
    for c in range(len(asked)):
        each = (
            np.outer(a + right[c] - 1, logs)
            + np.outer(b + wrong[c] - 1, counter)
            - betaln(a + right[c], b + wrong[c])[:, None]
        )
        density = prior @ np.exp(each)
        out[c] = density / density.sum()
    return out
