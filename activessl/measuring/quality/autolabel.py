"""Acceptance: choose the predictions that become labels without review, with a bound on the share of wrong ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.errors import MeasureError

#: The first threshold tested has enough calibration labels above it to allow FORGIVEN wrong ones, and each further
#: threshold has STEP times as many labels. The tests are few, because each of them can end the search by chance.
FORGIVEN, STEP = 3, 1.4


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The accepted items, and the labels that the bound rests on.

    Attributes:
        error: The bound: at most this share of the accepted items is wrong, in (0, 1).
        delta: Highest probability that the bound does not hold, in (0, 1).
        threshold: Least confidence of an accepted item; None where nothing is accepted.
        accepted: Number of accepted items.
        calibration: Random labels above the threshold; all random labels where nothing is accepted.
        wrong: Number of these labels that the head predicted wrongly.
        needed: Random labels needed in total for a first acceptance, where nothing is accepted and the errors so far
            are low enough; None where items are accepted, or where more random labels cannot help.
        obstacle: Why no number of labels is known to do: "error" if the predictions are wrong too often, "pool" if the
            pool is too small; empty otherwise.
        top: Random labels in the more confident half, which this is estimated from.
        top_wrong: How many of these were predicted wrongly.
        class_index: The predicted class that the bound is about; None for all classes together.
    """

    error: float
    delta: float
    threshold: float | None
    accepted: int
    calibration: int
    wrong: int
    needed: int | None
    class_index: int | None = None
    obstacle: Literal["", "error", "pool"] = ""
    top: int = 0
    top_wrong: int = 0

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)

    def to_text(self) -> str:
        """One sentence.

        Example:
            >>> Acceptance(0.05, 0.1, 0.9, 400, 80, 1, None).to_text()
            '400 items accepted at a confidence of 90.0 % or more: with 90 % probability at most 5.0 % of them are wrong
            (1 of 80 random labels at this confidence was wrong)'
        """
        verb = "was" if self.wrong == 1 else "were"
        if self.threshold is not None:
            return (
                f"{self.accepted:,} items accepted at a confidence of {100 * self.threshold:.1f} % or more: with "
                f"{100 * (1 - self.delta):.0f} % probability at most {100 * self.error:.1f} % of them are wrong "
                f"({self.wrong:,} of {self.calibration:,} random labels at this confidence {verb} wrong)"
            )
        seen = f"{self.wrong:,} of {self.calibration:,} random labels {verb} predicted wrongly"
        if self.needed is not None:
            more = f"about {self.needed:,} random labels are needed"
        elif self.obstacle == "error":
            more = (
                f"of the {self.top:,} most confident ones {self.top_wrong:,}, too near that bound: teach the head more "
                "labels, or allow a larger error"
            )
        else:
            more = "the pool is too small for enough random labels: allow a larger error, or label the rest by hand"
        share = f"{100 * self.error:.1f} %"
        return f"0 items accepted: the labels do not show that at most {share} are wrong; {seen}; {more}"


@dataclass(frozen=True, eq=False)
class Left:
    """Items that could be drawn when the calibration items were, and that are neither among these nor to be accepted.

    They were labeled, set aside or removed since. A bound for the rest must not rest on them: they may have been the
    items on which the head is right most often.

    Args:
        confidence: (l,) confidence of the head in its prediction for each of them.
        wrong: (l,) whether this prediction is known to be wrong, for items that left after the last draw; else False.
        gone: Number of further items of which nothing is known any more.
    """

    confidence: Float[np.ndarray, " l"]
    wrong: Bool[np.ndarray, " l"]
    gone: int = 0

    def above(self, thresholds: Float[np.ndarray, " m"]) -> tuple[Int[np.ndarray, " m"], Int[np.ndarray, " m"]]:
        """How many of them are at or above each threshold, and how many of these are known to be wrong."""
        order = np.argsort(-self.confidence, kind="stable")
        count = np.searchsorted(-self.confidence[order], -np.asarray(thresholds), side="right")
        return count + self.gone, np.r_[0, np.cumsum(self.wrong[order])][count]


#: No item left the pool in another way than by being drawn.
NONE_LEFT = Left(np.zeros(0), np.zeros(0, dtype=bool))


def accept(
    confidence: Float[np.ndarray, " n"],
    calibration_confidence: Float[np.ndarray, " m"],
    calibration_wrong: Bool[np.ndarray, " m"],
    *,
    error: float,
    delta: float = 0.1,
    later: float | None = None,
    left: Left = NONE_LEFT,
    vanished: int = 0,
) -> Acceptance:
    r"""Choose the lowest threshold above which at most ``error`` of the items are wrong, with chance 1 - ``delta``.

    Thresholds are tested from the strictest down, each at level ``delta``, until one fails (fixed-sequence testing,
    which needs no correction for the number of thresholds). Each null hypothesis, "more than a share ``error`` of the
    items above is wrong", is tested exactly for a finite pool: of :math:`N` items above the threshold, :math:`n` of
    them labeled and :math:`w` of those wrong, the probability of at most :math:`w` under the fewest wrong ones that
    the null allows is hypergeometric. The order and the start of the tests depend on confidences only.

    The calibration items must be drawn at random from a pool of themselves, the others and ``left``, and the head that
    gives the confidences must not have been taught them. Items that left the pool are part of the tested population,
    but only their known errors count: then the bound holds for the rest, whatever took them out.

    Args:
        confidence: Confidence of the head in its prediction for each unlabeled item, in [0, 1].
        calibration_confidence: The same for the randomly drawn, labeled items.
        calibration_wrong: Whether the prediction for each of these items was wrong.
        error: Highest tolerated share of wrong items, in (0, 1).
        delta: Highest probability that the bound does not hold, in (0, 1).
        later: The ``delta`` of a later attempt, which ``needed`` is computed for; ``delta`` by default.
        left: Items that left the pool since the first draw; none by default.
        vanished: Drawn items of which nothing is known any more: they count as wrong, at every threshold.

    Raises:
        MeasureError: Shares outside (0, 1), or arrays that do not match.

    References:
        Angelopoulos, Bates, Candès, Jordan & Lei, Learn then Test, 2021, arXiv 2110.01052.
        Angelopoulos, Bates, Fisch, Lei & Schuster, Conformal Risk Control, ICLR 2024, arXiv 2208.02814.

    Example:
        >>> sure = np.linspace(0.5, 1.0, 1000)
        >>> found = accept(sure, sure[::4], sure[::4] < 0.6, error=0.05)
        >>> found.threshold is not None and 0.55 < found.threshold < 0.7
        True
        >>> accept(sure, sure[::40], sure[::40] < 0.6, error=0.01).needed
        256
    """
    conf = np.asarray(confidence, dtype=np.float64)
    known = np.asarray(calibration_confidence, dtype=np.float64)
    wrong = np.asarray(calibration_wrong, dtype=bool)
    if not 0 < error < 1 or not 0 < delta < 1:
        raise MeasureError(f"an error of {error} with a delta of {delta}", hint="give both between 0 and 1")
    if known.shape != wrong.shape or known.ndim != 1 or conf.ndim != 1:
        raise MeasureError(
            f"{known.shape} confidences do not match {wrong.shape} outcomes", hint="pass one of each per label"
        )
    if not (np.all(np.isfinite(conf)) and np.all(np.isfinite(known))):
        raise MeasureError("a confidence is NaN or infinite", hint="fit the head again")
    known = np.concatenate([np.full(vanished, max(1.0, known.max(initial=0.0))), known])
    wrong = np.concatenate([np.ones(vanished, dtype=bool), wrong])
    order = np.argsort(-known, kind="stable")
    known, wrong = known[order], wrong[order]
    m = len(known)
    best: tuple[int, int] | None = None
    if m and len(conf):
        above = np.searchsorted(-known, -known, side="right")  # labels with at least this confidence
        rests = np.searchsorted(-np.sort(conf)[::-1], -known, side="right")
        others, known_wrong = left.above(known)

        def holds(n: int, w: int) -> bool:
            i = n - 1
            return bool(kept(w, n, int(rests[i]), error, delta, int(others[i]), int(known_wrong[i])))

        for n in _steps(_first(above, rests, error, delta, holds), known):
            rest, w = int(rests[n - 1]), int(wrong[:n].sum())
            if not holds(n, w):
                break
            if rest:
                best = (n, rest)
    if best is None:
        out = len(left.confidence) + left.gone
        needed, obstacle = _needed(wrong, len(conf) + m, error, delta if later is None else later, out)
        top = _top(wrong)
        return Acceptance(error, delta, None, 0, m, int(wrong.sum()), needed, None, obstacle, len(top), int(top.sum()))
    n, rest = best
    return Acceptance(error, delta, float(known[n - 1]), rest, n, int(wrong[:n].sum()), None)


def kept(
    wrong: int,
    labels: int | Int[np.ndarray, " n"],
    rest: int | Int[np.ndarray, " n"],
    error: float,
    delta: float,
    others: int | Int[np.ndarray, " n"] = 0,
    others_wrong: int | Int[np.ndarray, " n"] = 0,
) -> Bool[np.ndarray, " n"]:
    """Test the bound for ``rest`` items, if ``wrong`` of the ``labels`` drawn from the same pool are wrong.

    ``others`` left the pool since, and ``others_wrong`` of them are known to be wrong. More items in the population
    make the test stricter: each label is then a smaller part of it.

    Example:
        >>> [bool(kept(0, n, 1000, 0.05, 0.1)) for n in (45, 46)]
        [False, True]
    """
    from scipy.stats import hypergeom  # heavy, and needed only here

    labels, rest = np.asarray(labels), np.asarray(rest)
    bad = np.floor(error * rest).astype(np.int64) + 1  # of the rest, if it exceeds the bound
    whole, fewest = rest + labels + others, bad + wrong + others_wrong
    chance = hypergeom.cdf(wrong, whole, np.minimum(fewest, whole), labels)
    return np.asarray((bad > rest) | (chance <= delta))


def _first(
    above: Int[np.ndarray, " m"],
    rests: Int[np.ndarray, " m"],
    error: float,
    delta: float,
    holds: Callable[[int, int], bool],
) -> int | None:
    """Labels above the first threshold: enough to allow FORGIVEN wrong ones, or as many as the labels can allow."""
    m = len(above)
    for k in range(FORGIVEN, -1, -1):
        n = min(fewest_labels(error, delta, k), m)
        while True:
            here = int(above[n - 1])
            if rests[n - 1] and holds(here, k):
                return here
            if n == m:
                break
            n = min(max(n + 1, int(1.02 * n)), m)
    return None


def _steps(start: int | None, known: Float[np.ndarray, " m"]) -> list[int]:
    """Numbers of calibration labels above the thresholds; labels of equal confidence are on the same side."""
    m = len(known)
    if start is None:
        return []
    counts, n = [], float(start)
    while n < m:
        counts.append(int(np.searchsorted(-known, -known[int(n) - 1], side="right")))
        n *= STEP
    return sorted({*counts, m})


def accept_by_class(
    confidence: Float[np.ndarray, " n"],
    predicted: Int[np.ndarray, " n"],
    calibration_confidence: Float[np.ndarray, " m"],
    calibration_predicted: Int[np.ndarray, " m"],
    calibration_wrong: Bool[np.ndarray, " m"],
    n_classes: int,
    *,
    error: float,
    delta: float = 0.1,
    later: float | None = None,
    left: Left = NONE_LEFT,
    vanished: int = 0,
    left_predicted: Int[np.ndarray, " l"] | None = None,
) -> tuple[Acceptance, ...]:
    """Call ``accept`` for each predicted class: the bound then holds for each class, with probability 1 - ``delta``.

    Args:
        confidence: Confidence of the head in its prediction for each unlabeled item.
        predicted: The predicted class of each unlabeled item.
        calibration_confidence: The same for the randomly drawn, labeled items.
        calibration_predicted: The predicted classes of these items.
        calibration_wrong: Whether these predictions were wrong.
        n_classes: k; one result for each class.
        error: Highest tolerated share of wrong items in each class.
        delta: Highest probability that the bound of a class does not hold.
        later: The ``delta`` of a later attempt, which ``needed`` is computed for; ``delta`` by default.
        left: Items that left the pool since the first draw; none by default.
        vanished: As in ``accept``; they count against each class.
        left_predicted: The predicted classes of these items.
    """
    found = []
    for c in range(n_classes):
        ours, theirs = np.asarray(predicted) == c, np.asarray(calibration_predicted) == c
        out = np.zeros(len(left.confidence), dtype=bool) if left_predicted is None else np.asarray(left_predicted) == c
        one = accept(
            np.asarray(confidence)[ours],
            np.asarray(calibration_confidence)[theirs],
            np.asarray(calibration_wrong)[theirs],
            error=error,
            delta=delta,
            later=later,
            left=Left(left.confidence[out], left.wrong[out], left.gone),
            vanished=vanished,
        )
        found.append(Acceptance(**{**one.to_dict(), "class_index": c}))
    return tuple(found)


@cache  # classes and attempts repeat the same arguments
def fewest_labels(error: float, delta: float, wrong: int = 0) -> int:
    """Fewest random labels for an acceptance, if ``wrong`` of them are predicted wrongly.

    The smallest n at which a binomial of n trials with chance ``error`` stays at or below ``wrong`` with probability
    at most ``delta``.

    Example:
        >>> fewest_labels(0.01, 0.1), fewest_labels(0.05, 0.1), fewest_labels(0.05, 0.1, 1)
        (230, 45, 77)
    """
    from scipy.stats import binom

    low, high = 0, max(wrong + 1, 2)
    while binom.cdf(wrong, high, error) > delta:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if binom.cdf(wrong, middle, error) > delta:
            low = middle
        else:
            high = middle
    return high


def _top(wrong: Bool[np.ndarray, " m"]) -> Bool[np.ndarray, " t"]:
    """The more confident half of the labels, of labels in the order of their confidence."""
    return wrong[: max(len(wrong) // 2, 1)]


def _needed(
    wrong: Bool[np.ndarray, " m"], items: int, error: float, delta: float, others: int = 0
) -> tuple[int | None, Literal["", "error", "pool"]]:
    """Random labels for a first acceptance, at the error so far of the more confident half of the labels."""

    def fewest(k: int, items: int, others: int) -> int | None:
        """By doubling, then bisection: with nearly all items labeled, the test of the few that are left fails again."""
        low, high = k, k + 1
        while high < items and not kept(k, high, items - high, error, delta, others):
            low, high = high, 2 * high
        high = min(high, items - 1)
        if high <= low or not kept(k, high, items - high, error, delta, others):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            if kept(k, middle, items - middle, error, delta, others):
                high = middle
            else:
                low = middle
        return high

    top = _top(wrong)
    least = fewest(0, items, others)
    if least is None:
        return None, "pool"
    if len(wrong) < least and not top.any():
        return least, ""
    rate = (top.sum() + 0.5) / (len(top) + 1)
    if rate >= 0.8 * error:
        return None, "error"  # so near the bound that the number would be mostly noise
    k = 0
    while (n := fewest(k, items // 2, others // 2)) is not None and n * rate > k:
        k += 1
    if n is None:
        return None, "error" if top.any() else "pool"
    return min(max(2 * n, len(wrong) + 1), items), ""
