"""The effect of suggestions against blind items: whether annotators follow them, and whether they save time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from activessl.errors import MeasureError
from activessl.measuring.intervals import difference
from activessl.measuring.planning.hours import Tax

#: Least items with a suggestion, and least blind items, for a comparison.
FEWEST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Anchoring:
    """How often annotators agree with the model: with a suggestion, and blind.

    Attributes:
        shown: Items with a suggestion.
        shown_agreed: Of these, items that were labeled as suggested.
        blind: Items without a suggestion, drawn at random from the same rounds.
        blind_agreed: Of these, items that were labeled with the class that the model would have suggested.
        added: Share agreed with a suggestion minus share agreed blind, in [-1, 1].
        low: Lower end of the interval of ``added``.
        high: Upper end of that interval.
        level: Probability of the interval.
        pace: Ratio of the time of an item with a suggestion to that of a blind item, within annotators; None where too
            few answers have times.
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
            people agreed with the model on 90 of 100 items with a suggestion and on 15 of 20 blind items: +15 points
            (90 % interval -2 to +34)
        """
        text = (
            f"people agreed with the model on {self.shown_agreed:,} of {self.shown:,} items with a suggestion and "
            f"on {self.blind_agreed:,} of {self.blind:,} blind items: {100 * self.added:+.0f} points "
            f"({100 * self.level:.0f} % interval {100 * self.low:+.0f} to {100 * self.high:+.0f})"
        )
        if self.pace is None:
            return text
        return (
            f"{text}; items with a suggestion took {self.pace.ratio:.2f} times as long ({self.pace.low:.2f} to "
            f"{self.pace.high:.2f})"
        )


def anchoring(
    shown: Sequence[bool], blind: Sequence[bool], *, pace: Tax | None = None, level: float = 0.9
) -> Anchoring:
    """Compare how often annotators agree with the model with a suggestion and blind.

    Args:
        shown: For each item with a suggestion, whether it was labeled as suggested.
        blind: For each item drawn to be blind, whether its label is the class that the model would have suggested.
        pace: The ratio of times, where it was measured.
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
            f"{len(shown)} items with a suggestion and {len(blind)} blind items are too few to compare",
            hint=f"set annotator.blind_share above 0 and label at least {FEWEST_SHOWN} items of each kind",
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
