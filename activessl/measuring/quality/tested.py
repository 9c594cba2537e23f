"""Accuracy on test items: where there are any, every figure and decision rests on them. Needs no numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from activessl.measuring.intervals import wilson

#: Standard deviations of a 90 % interval.
_Z = 1.6449


@dataclass(frozen=True, slots=True)
class Tested:
    """How many test items a model predicts right.

    Attributes:
        right: Test items that were predicted right.
        items: Number of test items, >= 1.
    """

    right: int
    items: int

    @property
    def accuracy(self) -> float:
        """The share of right predictions."""
        return self.right / self.items

    @property
    def interval(self) -> tuple[float, float]:
        """90 % interval of the accuracy on items like the test items (Wilson)."""
        return wilson(self.accuracy, self.items, _Z)

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        low, high = self.interval
        return {"accuracy": self.accuracy, "low": low, "high": high, "level": 0.9, "items": self.items}

    def to_text(self) -> str:
        """One sentence.

        Example:
            >>> Tested(96, 100).to_text()
            '96.0 % (90 % interval 91.4 to 98.2) on 100 test items'
        """
        low, high = (100 * end for end in self.interval)
        s = "s" * (self.items != 1)
        return f"{100 * self.accuracy:.1f} % (90 % interval {low:.1f} to {high:.1f}) on {self.items:,} test item{s}"
