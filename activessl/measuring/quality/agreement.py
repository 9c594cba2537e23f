"""How far several annotators agree about the same items, corrected for chance: Krippendorff's alpha."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any

from activessl.errors import MeasureError
from activessl.measuring.intervals import share_interval


@dataclass(frozen=True, slots=True)
class Shares:
    """A share of agreeing pairs, with its interval.

    Attributes:
        share: In [0, 1].
        low: Lower end.
        high: Upper end.
        items: The items that it rests on.
    """

    share: float
    low: float
    high: float
    items: int


@dataclass(frozen=True)
class Agreement:
    """The agreement of annotators about items that several of them labeled, each without the answer of the others.

    Attributes:
        alpha: Krippendorff's alpha, at most 1: 1 is perfect agreement, 0 what chance gives, below 0 is worse than that;
            None where all answers are of one class, so that nothing can be said about chance.
        low: Lower end of its interval; None without alpha.
        high: Upper end.
        level: Probability of the intervals.
        observed: The share of agreeing pairs of answers, averaged over the items.
        items: Items that two or more people labeled.
        by_person: For each annotator, the share of the others' answers that agree.
        by_class: For each class, of the items that somebody gave it, the share of agreeing pairs.
    """

    alpha: float | None
    low: float | None
    high: float | None
    level: float
    observed: Shares
    items: int
    by_person: Mapping[str, Shares]
    by_class: Mapping[Any, Shares]

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)

    def to_text(self) -> str:
        """One sentence.

        Example:
            >>> print(agreement([{"ann": "cat", "bob": "cat"}, {"ann": "dog", "bob": "dog"}] * 20).to_text())
            100 % of the pairs of answers agree (90 % interval 93 to 100), Krippendorff's alpha 1.00 (0.86 to 1.00), on
            40 items
        """
        seen = self.observed
        many = "1 item" if self.items == 1 else f"{self.items:,} items"
        text = (
            f"{100 * seen.share:.0f} % of the pairs of answers agree ({100 * self.level:.0f} % interval "
            f"{100 * seen.low:.0f} to {100 * seen.high:.0f})"
        )
        if self.alpha is None or self.low is None or self.high is None:
            return f"{text}, on {many} of one class"
        return f"{text}, Krippendorff's alpha {self.alpha:.2f} ({self.low:.2f} to {self.high:.2f}), on {many}"


def agreement(answers: Sequence[Mapping[str, Hashable]], level: float = 0.9) -> Agreement:
    """Measure the agreement of annotators, for classes without an order.

    Alpha is 1 - D_o / D_e: the observed disagreement of pairs of answers about one item, over the disagreement of pairs
    that are drawn from all answers. Each item with m answers has m (m - 1) ordered pairs of the weight 1 / (m - 1).
    Its interval is that of the observed share of disagreement (items are the units, so that several pairs of one item
    count once), at the D_e that was found. A bootstrap gives [1, 1] where all answers agree; this does not.

    Args:
        answers: For each item, the class that each annotator gave it; items with one answer are left out.
        level: Probability of the intervals, in (0, 1).

    Raises:
        MeasureError: No item has two answers.

    References:
        Krippendorff, Computing Krippendorff's Alpha-Reliability, 2011,
        https://repository.upenn.edu/handle/20.500.14332/2089.

    Example:
        >>> found = agreement([{"ann": 1, "bob": 1}, {"ann": 2, "bob": 2}, {"ann": 1, "bob": 2}])
        >>> round(found.alpha, 3), found.observed.items
        (0.444, 3)
    """
    several = [dict(item) for item in answers if len(item) > 1]
    if not several:
        raise MeasureError("no item has the answers of two people", hint="set annotator.overlap, such as 0.1")
    n, weights = sum(len(item) for item in several), [len(item) for item in several]
    differ = [_differing(list(item.values())) for item in several]
    # the answers of an item with more people weigh more, as in the definition of alpha
    observed = sum(d * m for d, m in zip(differ, weights, strict=True)) / n
    counts = Counter(said for item in several for said in item.values())
    expected = 1 - sum(c * (c - 1) for c in counts.values()) / (n * (n - 1))
    alpha = low = high = None
    if expected > 0:
        least, most = share_interval(observed * len(several), len(several), level)
        alpha, low, high = 1 - observed / expected, 1 - most / expected, 1 - least / expected
    people = sorted({who for item in several for who in item})
    return Agreement(
        alpha=alpha,
        low=low,
        high=high,
        level=level,
        observed=_shares([1 - d for d in differ], level),
        items=len(several),
        by_person={who: _shares([_with(item, who) for item in several if who in item], level) for who in people},
        by_class={
            name: _shares([1 - d for d, item in zip(differ, several, strict=True) if name in item.values()], level)
            for name in sorted(counts, key=str)
        },
    )


def _differing(said: Sequence[Hashable]) -> float:
    """The share of the pairs of answers about one item that differ."""
    pairs = list(combinations(said, 2))
    return sum(a != b for a, b in pairs) / len(pairs)


def _with(item: Mapping[str, Hashable], who: str) -> float:
    """The share of the other answers about an item that agree with those of one person."""
    others = [said for other, said in item.items() if other != who]
    return sum(said == item[who] for said in others) / len(others)


def _shares(values: Sequence[float], level: float) -> Shares:
    """The mean of shares in [0, 1] of items, with an interval as if each were 0 or 1: not too narrow."""
    low, high = share_interval(sum(values), len(values), level)
    return Shares(sum(values) / len(values), low, high, len(values))
