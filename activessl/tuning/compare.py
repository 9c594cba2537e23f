"""Paired comparison of two models, such as frozen and fine-tuned, on the same held-out labels."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int

from activessl.errors import MeasureError
from activessl.measuring.intervals import paired_difference


@dataclass(frozen=True, slots=True)
class Compared:
    """Two models, compared on labels that neither was taught.

    Attributes:
        labels: Number of labels.
        before: Accuracy of the first model, in [0, 1].
        after: Accuracy of the second model.
        low: Lower end of the interval of ``after - before``, in [-1, 1].
        high: Upper end of that interval.
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
        """Whether the second model is better, by the interval."""
        return self.low > 0

    @property
    def worse(self) -> bool:
        """Whether the second model is worse, by the interval."""
        return self.high < 0

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)

    def to_text(self) -> str:
        """One sentence.

        Example:
            >>> Compared(200, 0.6, 0.65, 0.01, 0.09, 0.9).to_text()
            '60.0 % before, 65.0 % after on 200 held-out labels; difference +5.0 points (90 % interval +1.0 to +9.0)'
        """
        points = [f"{100 * v:+.1f}" for v in (self.after - self.before, self.low, self.high)]
        return (
            f"{100 * self.before:.1f} % before, {100 * self.after:.1f} % after on {self.labels:,} held-out labels; "
            f"difference {points[0]} points ({100 * self.level:.0f} % interval {points[1]} to {points[2]})"
        )


def compare_outcomes(before: Bool[np.ndarray, " m"], after: Bool[np.ndarray, " m"], level: float = 0.9) -> Compared:
    """Compare the correct predictions of two models, label by label.

    Only labels on which the models differ count. The interval holds for labels like these: where a strategy chose them,
    they are harder than the pool. It ignores that the networks of the folds share labels.

    Args:
        before: Whether the first model was right, for each label.
        after: Whether the second model was right.
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
        raise MeasureError(
            f"outcomes of shapes {one.shape} and {two.shape} do not match", hint="pass one of each for every label"
        )
    if not 0 < level < 1:
        raise MeasureError(f"an interval level of {level}", hint="give a level between 0 and 1")
    low, high = paired_difference(int(np.sum(two & ~one)), int(np.sum(one & ~two)), len(one), level)
    return Compared(len(one), float(one.mean()), float(two.mean()), low, high, level)


def dealt(labels: Int[np.ndarray, " m"], folds: int, rng: np.random.Generator) -> Int[np.ndarray, " m"]:
    """Assign a fold to each label, with each class spread over the folds as evenly as possible.

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
