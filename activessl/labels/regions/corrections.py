"""What people did with the regions that a model suggested."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from activessl.labels.answers import BETWEEN
from activessl.labels.regions.matching import EXACT, match
from activessl.labels.regions.region import Region, Regions

__all__ = ["Corrections", "corrected", "corrections", "gains"]

#: A suggested region that overlaps the true one this much is left as it is, a span only where it is exact; from
#: ``_MOVED`` on it is moved.
_KEPT, _MOVED = 0.8, 0.4


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


def corrected(true: Regions, shown: Regions) -> tuple[Regions, Corrections]:
    """Return what a careful person leaves of a suggestion, and what the person does: regions that fit are kept, those
    that nearly fit are moved, wrong ones are deleted, and missing ones drawn.

    Args:
        true: The true regions.
        shown: The suggested ones.

    Example:
        >>> from activessl.labels.regions.places import Span
        >>> true = Region(Span(0, 5), ("place",)), Region(Span(8, 12), ("place",))
        >>> shown = Region(Span(0, 5), ("place",), 0.9), Region(Span(20, 24), ("place",), 0.8)
        >>> corrected(true, shown)[1]
        Corrections(kept=1, changed=0, deleted=1, drawn=1)
    """
    fits = {at: (by, overlap) for at, by, overlap in match(true, shown, overlap=_MOVED)}
    left, counts = [], {"manual": 0, "prediction": 0, "prediction-changed": 0}
    for at, region in enumerate(true):
        by, overlap = fits.get(at, (-1, 0.0))
        origin = "manual" if by < 0 else "prediction" if overlap >= _enough(region) else "prediction-changed"
        place = shown[by].place if origin == "prediction" else region.place
        left.append(Region(place, region.classes, id=region.id or f"r{at}", rest={**region.rest, "origin": origin}))
        counts[origin] += 1
    done = Corrections(
        kept=counts["prediction"],
        changed=counts["prediction-changed"],
        deleted=len(shown) - len(fits),
        drawn=counts["manual"],
    )
    return tuple(left), done


def gains(true: Regions, shown: Regions, share: float) -> list[float]:
    """Return for each suggested region the drawings that it saves: 1 if it is kept, less if it is moved, and below 0 if
    it has to be deleted.

    Args:
        true: The true regions.
        shown: The suggested ones.
        share: The time of a correction / that of a drawing.

    Example:
        >>> from activessl.labels.regions.places import Segment
        >>> true = (Region(Segment(0, 10), ("a",)),)
        >>> gains(true, (Region(Segment(0, 6), ("a",)), Region(Segment(20, 30), ("a",))), 0.25)
        [0.75, -0.25]
    """
    found = [-share] * len(shown)
    for at, by, overlap in match(true, shown, overlap=_MOVED):
        found[by] = 1.0 if overlap >= _enough(true[at]) else 1 - share
    return found


def _enough(region: Region) -> float:
    return EXACT if region.kind == "span" else _KEPT
