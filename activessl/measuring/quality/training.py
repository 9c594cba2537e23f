"""How well a person answers items whose answers are known, before and after being shown the mistakes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from activessl.labels.answers import class_text
from activessl.measuring.intervals import difference, share_interval

__all__ = ["Change", "Score", "change", "score"]


@dataclass(frozen=True, slots=True)
class Score:
    """The answers of one person to items whose answers are known.

    Attributes:
        right: Answers with exactly the known classes.
        n: Items, those that were skipped too: they are not right.
        skipped: Items that were skipped.
        low: Lower end of the interval of the share of right answers, in [0, 1].
        high: Upper end.
        level: Probability of the interval.
        mixed: The known classes, the given ones, and how often, the most frequent first.
        seconds: Median time of an answer; None without a record.
    """

    right: int
    n: int
    skipped: int
    low: float
    high: float
    level: float
    mixed: tuple[tuple[str, str, int], ...]
    seconds: float | None = None

    @property
    def share(self) -> float:
        """The share of right answers; 0 for no items."""
        return self.right / self.n if self.n else 0.0

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self) | {"share": self.share if self.n else None}


def score(
    known: Sequence[Sequence[str]],
    said: Sequence[Sequence[str] | None],
    seconds: Sequence[float | None] = (),
    level: float = 0.9,
) -> Score:
    """Compare a person's answers with the known ones.

    Args:
        known: (n) the known classes of each item.
        said: (n) the given classes of each item; None for a skip.
        seconds: (n) the time of each answer, where it is known.
        level: Probability of the interval.

    Example:
        >>> found = score([["cat"], ["cat"], ["dog"]], [["cat"], ["dog"], None])
        >>> found.right, found.n, found.skipped, found.mixed
        (1, 3, 1, (('cat', 'dog', 1),))
    """
    pairs = list(zip(known, said, strict=True))
    right = sum(given is not None and set(given) == set(true) for true, given in pairs)
    low, high = share_interval(right, len(pairs), level)
    mixed = Counter(
        (class_text(sorted(true)), class_text(sorted(given)))
        for true, given in pairs
        if given is not None and set(given) != set(true)
    )
    most_first = sorted(mixed.items(), key=lambda one: (-one[1], one[0]))
    took = [one for one in seconds if one is not None]
    return Score(
        right=right,
        n=len(pairs),
        skipped=sum(given is None for given in said),
        low=low,
        high=high,
        level=level,
        mixed=tuple((true, given, count) for (true, given), count in most_first),
        seconds=median(took) if took else None,
    )


@dataclass(frozen=True, slots=True)
class Change:
    """The difference of two shares of right answers, on different items.

    Attributes:
        points: The second share minus the first, in [-1, 1].
        low: Lower end of its interval.
        high: Upper end.
    """

    points: float
    low: float
    high: float


def change(before: Score, after: Score) -> Change:
    """Return how much better the second answers are, with an interval (Newcombe 1998).

    Example:
        >>> change(score([["a"]] * 12, [["b"]] * 6 + [["a"]] * 6), score([["a"]] * 12, [["a"]] * 12)).points
        0.5
    """
    low, high = difference(after.share, after.n, before.share, before.n, before.level)
    return Change(after.share - before.share, low, high)
