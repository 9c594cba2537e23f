"""Is the fine-tuned encoder better? Two answers to the same held-back labels, compared in pairs."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from activessl.errors import MeasureError
from activessl.measuring.intervals import paired_difference


@dataclass(frozen=True, slots=True)
class Compared:
    """Two ways of answering, on labels that neither was taught.

    Attributes:
        labels: How many.
        before: Accuracy of the first, in [0, 1].
        after: Accuracy of the second.
        low: Lower end of the interval of ``after - before``, in [-1, 1].
        high: Upper end of it.
        level: Probability of the interval.
    """

    labels: int
    before: float
    after: float
    low: float
    high: float
    level: float

    @property
    def better(self) -> bool:
        """Whether the second is better, and not by chance."""
        return self.low > 0

    @property
    def worse(self) -> bool:
        """Whether the second is worse, and not by chance."""
        return self.high < 0

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)

    def to_text(self) -> str:
        """One sentence.

        Example:
            >>> Compared(200, 0.6, 0.65, 0.01, 0.09, 0.9).to_text()
            '60.0 % before, 65.0 % after on 200 labels held back; difference +5.0 points (90 % interval +1.0 to +9.0)'
        """
        points = [f"{100 * v:+.1f}" for v in (self.after - self.before, self.low, self.high)]
        return (
            f"{100 * self.before:.1f} % before, {100 * self.after:.1f} % after on {self.labels:,} labels held back; "
            f"difference {points[0]} points ({100 * self.level:.0f} % interval {points[1]} to {points[2]})"
        )


def compare_outcomes(before: Bool[np.ndarray, " m"], after: Bool[np.ndarray, " m"], level: float = 0.9) -> Compared:
    """Compare which answers were right, label by label.

    Only labels on which the two differ say anything. The interval holds for labels like these: where a strategy chose
    them, they are harder than the pool, and that the folds' networks share labels is left out of it.

    Args:
        before: Whether the first was right, for each label.
        after: Whether the second was.
        level: Probability of the interval, in (0, 1).

    Raises:
        MeasureError: No labels, or not the same number.

    Example:
        >>> found = compare_outcomes(np.arange(100) < 60, np.arange(100) < 70)
        >>> round(found.low, 3), round(found.high, 3), found.better
        (0.047, 0.149, True)
        >>> compare_outcomes(np.ones(5, bool), np.ones(5, bool)).better
        False
    """
    one, two = np.asarray(before, dtype=bool), np.asarray(after, dtype=bool)
    if one.ndim != 1 or one.shape != two.shape or not len(one):
        raise MeasureError(f"{one.shape} and {two.shape} outcomes", hint="pass one of each for every label")
    if not 0 < level < 1:
        raise MeasureError(f"an interval of {level}", hint="give a level between 0 and 1")
    low, high = paired_difference(int(np.sum(two & ~one)), int(np.sum(one & ~two)), len(one), level)
    return Compared(len(one), float(one.mean()), float(two.mean()), low, high, level)


def dealt(labels: Int[np.ndarray, " m"], folds: int, rng: np.random.Generator) -> Int[np.ndarray, " m"]:
    """The fold of each label: every class is dealt out as evenly as it can be.

    Example:
        >>> fold = dealt(np.repeat([0, 1], 6), 3, np.random.default_rng(0))
        >>> [np.bincount(fold[:6]).tolist(), np.bincount(fold[6:]).tolist()]
        [[2, 2, 2], [2, 2, 2]]
    """
    order = rng.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    fold = np.empty(len(labels), dtype=np.int64)
    fold[order] = np.arange(len(labels)) % folds
    return fold
