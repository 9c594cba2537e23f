"""What people did with the regions that a model suggested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from activessl.labels.answers import BETWEEN

__all__ = ["Corrections", "corrections"]


@dataclass(frozen=True, slots=True)
class Corrections:
    """Numbers of regions of one answer, or of many.

    Attributes:
        kept: Suggested regions that were left as they were.
        changed: Suggested regions that were moved, resized or renamed.
        deleted: Suggested regions that are gone.
        drawn: Regions that were drawn from nothing.
    """

    kept: int = 0
    changed: int = 0
    deleted: int = 0
    drawn: int = 0

    def __add__(self, other: Corrections) -> Corrections:
        return Corrections(
            self.kept + other.kept,
            self.changed + other.changed,
            self.deleted + other.deleted,
            self.drawn + other.drawn,
        )

    @property
    def touched(self) -> int:
        """How many regions a person had to do something about."""
        return self.changed + self.deleted + self.drawn


def corrections(regions: Sequence[Mapping[str, Any]], suggested: str | None) -> Corrections:
    """Count what became of a suggestion.

    Args:
        regions: ``Answer.regions``; ``rest["origin"]`` of each is "prediction" (kept), "prediction-changed", or
            "manual" (drawn), which is also taken for a region without a word about it.
        suggested: ``Answer.suggested``: the classes of the suggested regions, as ``class_text`` writes them; None if
            nothing was suggested.

    Example:
        >>> said = [{"rest": {"origin": "prediction"}}, {"rest": {"origin": "prediction-changed"}}, {"rest": {}}]
        >>> corrections(said, "dent|dent|scratch")
        Corrections(kept=1, changed=1, deleted=1, drawn=1)
        >>> corrections(said[2:], None)
        Corrections(kept=0, changed=0, deleted=0, drawn=1)
    """
    origins = [str((region.get("rest") or {}).get("origin", "manual")) for region in regions]
    kept, changed = origins.count("prediction"), origins.count("prediction-changed")
    count = len(suggested.split(BETWEEN)) if suggested else 0
    # a region can be copied: then more come from the suggestion than it had
    return Corrections(kept, changed, max(0, count - kept - changed), len(origins) - kept - changed)
