"""Whether one model is more accurate than another, on items that were labeled for both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from activessl.errors import MeasureError
from activessl.measuring.anytime import part_of_delta
from activessl.measuring.intervals import paired_difference

#: Probability that a model which is not better replaces the other, over all comparisons together; the same for a model
#: that is not worse and is given up.
DELTA = 0.05
#: Fewest labels for a comparison.
FEWEST = 20
#: A model that is at most this much better, in [0, 1], does not replace the other.
MARGIN = 0.01
#: Level of the interval of the difference.
LEVEL = 0.9
#: Most further labels that are worth naming.
_MOST = 2_000


@dataclass(frozen=True, slots=True)
class Challenge:
    """The comparison of a challenger with the model in use.

    Attributes:
        labels: Items that both predicted, and neither was taught.
        won: Items that only the challenger predicts right.
        lost: Items that only the model in use predicts right.
        difference: Accuracy of the challenger minus that of the model in use.
        low: Lower end of the interval of the difference.
        high: Upper end.
        level: Probability of the interval.
        verdict: "better", "worse", "alike" (at most a point better), or "open".
        more: Further labels that decide if these figures stay; None if it is not known, or more than 2,000.
    """

    labels: int
    won: int
    lost: int
    difference: float
    low: float
    high: float
    level: float
    verdict: Literal["better", "worse", "alike", "open"]
    more: int | None

    def to_text(self) -> str:
        """One sentence, the number first.

        Example:
            >>> judge_challenger(14, 2, 60, look=1).to_text()
            '+20.0 points (90 % interval 9.2 to 29.5) on 60 fresh random labels: 14 right only by the newest model, 2
            only by the model in use'
        """
        return (
            f"{100 * self.difference:+.1f} points ({100 * self.level:.0f} % interval {100 * self.low:.1f} to "
            f"{100 * self.high:.1f}) on {self.labels:,} fresh random labels: {self.won:,} right only by the newest "
            f"model, {self.lost:,} only by the model in use"
        )


def judge_challenger(won: int, lost: int, labels: int, *, look: int, delta: float = DELTA) -> Challenge:
    """Decide by the exact sign test of the items on which the models differ.

    Each comparison with the same model in use spends a smaller part of ``delta``, so that comparing again with every
    new model does not promote one by chance. A test martingale would need predictions that are made before a label is
    known, and the newest model is taught the labels as they come.

    Args:
        won: Items that only the challenger predicts right.
        lost: Items that only the model in use predicts right.
        labels: All items.
        look: Number of this comparison with the model in use, from 1.
        delta: Probability of a wrong decision on each side, over all looks, in (0, 1).

    Raises:
        MeasureError: Counts that do not fit, or a look below 1.

    References:
        McNemar, Note on the Sampling Error of the Difference Between Correlated Proportions, Psychometrika 1947, in
        its exact form. The interval: :func:`activessl.measuring.intervals.paired_difference`.

    Example:
        >>> judge_challenger(14, 2, 60, look=1).verdict, judge_challenger(14, 2, 60, look=40).verdict
        ('better', 'open')
        >>> judge_challenger(3, 3, 600, look=1).verdict
        'alike'
    """
    if min(won, lost) < 0 or won + lost > labels or labels < 1 or look < 1:
        raise MeasureError(
            f"{won} and {lost} of {labels} items in comparison {look}",
            hint="give counts of the same items, from look 1",
        )
    spent = part_of_delta(delta, look)
    low, high = paired_difference(won, lost, labels, LEVEL)
    # the ends of the interval at the level of the decision: the shown one is narrower
    most = paired_difference(won, lost, labels, 1 - 2 * spent)[1]
    verdict: Literal["better", "worse", "alike", "open"] = "open"
    if _tail(won, won + lost) <= spent:
        verdict = "better"
    elif _tail(lost, won + lost) <= spent:
        verdict = "worse"
    elif most < MARGIN:
        verdict = "alike"
    more = None if verdict != "open" else _more(won, lost, labels, part_of_delta(delta, look + 1))
    return Challenge(labels, won, lost, (won - lost) / labels, low, high, LEVEL, verdict, more)


def _tail(count: int, n: int) -> float:
    """Probability of at least ``count`` heads in ``n`` throws of a coin."""
    from scipy.special import bdtrc

    return 1.0 if count == 0 else float(bdtrc(count - 1, n, 0.5))


def _more(won: int, lost: int, labels: int, spent: float) -> int | None:
    """Further labels after which the test decides, if the shares stay."""
    for step in range(1, 60):
        total = labels + round(5 * 1.11**step)  # in steps of about a tenth: it is a forecast
        if total > labels + _MOST:
            return None
        more, less = won * total // labels, lost * total // labels
        if min(_tail(more, more + less), _tail(less, more + less)) <= spent:
            return total - labels
        if paired_difference(more, less, total, 1 - 2 * spent)[1] < MARGIN:
            return total - labels
    return None
