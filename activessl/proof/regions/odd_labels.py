"""Labels of regions that look wrong: missed regions, wrong classes, loose boxes.

The model was taught these labels. Where it contradicts them all the same, other labels speak against them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from activessl.labels.regions.matching import HALF, match
from activessl.labels.regions.overlap import iou
from activessl.labels.regions.places import Box
from activessl.labels.regions.region import Region, Regions

__all__ = ["OddLabel", "odd_labels"]

#: What may be wrong.
Odd = Literal["missed", "class", "loose"]
#: A missed region must have at least this score, and at most this overlap with any that was drawn.
_SURE, _APART = 0.75, 0.1
#: A drawn box is loose if the model's box lies within it and is at most this share of it; or the other way round.
_LOOSE, _WITHIN = 0.55, 0.85


@dataclass(frozen=True, slots=True)
class OddLabel:
    """One label that looks wrong.

    Attributes:
        item: The id of the item.
        what: "missed": a region was not drawn. "class": it has another class. "loose": its box is too large or small.
        drawn: The region by people; None if it was missed.
        found: The model's region.
        score: The model's confidence in [0, 1]; higher = look sooner.
    """

    item: str
    what: Odd
    drawn: Region | None
    found: Region
    score: float

    def to_text(self) -> str:
        """What looks wrong, in words.

        Example:
            >>> from activessl.labels.regions.places import Span
            >>> OddLabel("a", "missed", None, Region(Span(3, 8), ("place",), 0.9), 0.9).to_text()
            "not drawn: 'place' (score 0.90)"
        """
        name = "|".join(self.found.classes)
        if self.what == "missed":
            return f"not drawn: {name!r} (score {self.score:.2f})"
        if self.what == "class":
            given = "|".join(self.drawn.classes) if self.drawn is not None else ""
            return f"drawn as {given!r}, looks like {name!r} (score {self.score:.2f})"
        return f"the box of {name!r} does not fit (score {self.score:.2f})"


def odd_labels(item: str, drawn: Regions, found: Regions) -> Iterator[OddLabel]:
    """Yield the labels of an item that look wrong.

    Args:
        item: Its id.
        drawn: People's regions.
        found: The model's, with scores.

    Example:
        >>> from activessl.labels.regions.places import Box
        >>> people = (Region(Box(0, 0, 10, 10), ("dent",)),)
        >>> model = (Region(Box(0, 0, 9, 10), ("scratch",), 0.8), Region(Box(30, 30, 9, 9), ("dent",), 0.9))
        >>> [(one.what, one.score) for one in odd_labels("a.png", people, model)]
        [('class', 0.8), ('missed', 0.9)]
    """
    taken = {by for _, by, _ in match(drawn, found, overlap=HALF)}
    matched = {at for at, _, _ in match(drawn, found, overlap=HALF)}
    for by, region in enumerate(found):
        score = region.score or 0.0
        if by in taken or score < _SURE:
            continue
        best, overlap = _nearest(drawn, region)
        if best is None or overlap <= _APART:
            yield OddLabel(item, "missed", None, region, score)
        elif overlap >= HALF and best not in matched and set(drawn[best].classes) != set(region.classes):
            yield OddLabel(item, "class", drawn[best], region, score)
        elif set(drawn[best].classes) == set(region.classes) and _loose(drawn[best], region):
            yield OddLabel(item, "loose", drawn[best], region, score)


def _nearest(drawn: Sequence[Region], region: Region) -> tuple[int | None, float]:
    overlaps = [iou(one.place, region.place) for one in drawn]
    best = max(range(len(overlaps)), key=overlaps.__getitem__, default=None)
    return best, 0.0 if best is None else overlaps[best]


def _loose(drawn: Region, found: Region) -> bool:
    """Whether one of two boxes lies within the other and is much smaller."""
    if not isinstance(drawn.place, Box) or not isinstance(found.place, Box):
        return False
    small, large = sorted((drawn.place, found.place), key=lambda box: box.extent)
    shared = iou(small, large) * (small.extent + large.extent) / (1 + iou(small, large))
    return small.extent <= _LOOSE * large.extent and shared >= _WITHIN * small.extent
