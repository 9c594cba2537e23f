"""Do people follow the model's answer, and does seeing it save them time? Measured against items shown without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from activessl.errors import MeasureError
from activessl.measuring.intervals import difference
from activessl.measuring.planning.hours import Tax

#: With fewer items of either kind, nothing is said.
FEWEST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Anchoring:
    """How often people say what the model says: where they see it, and where they do not.

    Attributes:
        shown: Items that showed the model's answer.
        shown_agreed: Of them, those that people gave just that.
        blind: Items that did not show it, drawn at random from the same rounds.
        blind_agreed: Of them, those that people gave what the model would have shown.
        added: By how much seeing it raises the share, in [-1, 1]: what people follow.
        low: Lower end of its interval.
        high: Upper end of it.
        level: Probability of the interval.
        pace: Time of an item that shows it over that of one that does not, within people; None where too few have
            times.
    """

    shown: int
    shown_agreed: int
    blind: int
    blind_agreed: int
    added: float
    low: float
    high: float
    level: float
    pace: Tax | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)

    def to_text(self) -> str:
        """One sentence.

        Example:
            >>> print(Anchoring(100, 90, 20, 15, 0.15, -0.02, 0.34, 0.9).to_text())
            people agreed with the model on 90 of 100 items that showed its answer and on 15 of 20 that did not: +15
            points (90 % interval -2 to +34)
        """
        text = (
            f"people agreed with the model on {self.shown_agreed:,} of {self.shown:,} items that showed its answer and "
            f"on {self.blind_agreed:,} of {self.blind:,} that did not: {100 * self.added:+.0f} points "
            f"({100 * self.level:.0f} % interval {100 * self.low:+.0f} to {100 * self.high:+.0f})"
        )
        if self.pace is None:
            return text
        return (
            f"{text}; seeing it, an item took {self.pace.ratio:.2f} times as long ({self.pace.low:.2f} to "
            f"{self.pace.high:.2f})"
        )


def anchoring(
    shown: Sequence[bool], blind: Sequence[bool], *, pace: Tax | None = None, level: float = 0.9
) -> Anchoring:
    """Compare how often people agree with the model where they see its answer and where they do not.

    Args:
        shown: For each item that showed the model's answer, whether people gave just that.
        blind: For each that did not show it, by a draw, whether people gave what it would have shown.
        pace: What their times say.
        level: Probability of the interval, in (0, 1).

    Raises:
        MeasureError: Fewer than 10 items of either kind.

    Example:
        >>> found = anchoring([True] * 90 + [False] * 10, [True] * 15 + [False] * 5)
        >>> round(found.added, 2), found.low < 0.15 < found.high
        (0.15, True)
    """
    few = min(len(shown), len(blind))
    if few < FEWEST_SHOWN:
        raise MeasureError(
            f"{len(shown)} items with the model's answer and {len(blind)} without say too little of people",
            hint=f"label at least {FEWEST_SHOWN} of each, with annotator.blind_share above 0",
        )
    p, q = float(np.mean(shown)), float(np.mean(blind))
    low, high = difference(p, len(shown), q, len(blind), level)
    return Anchoring(
        shown=len(shown),
        shown_agreed=int(np.sum(shown)),
        blind=len(blind),
        blind_agreed=int(np.sum(blind)),
        added=p - q,
        low=low,
        high=high,
        level=level,
        pace=pace,
    )
