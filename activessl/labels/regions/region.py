"""A region: a place with its classes, by people or by a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from activessl.labels.regions.places import Place, PlaceKind, kind_of_place

__all__ = ["Region", "Regions"]


@dataclass(frozen=True)
class Region:
    """A place with its classes.

    Attributes:
        place: A box, a mask, a span or a segment.
        classes: Names; several, or none for a region without a label.
        score: The model's confidence in [0, 1]; None for a region by people.
        id: The id in the tool that drew it; empty without one.
        rest: What the tool stored beside this, such as relations and text areas: JSON values, kept unread.

    Example:
        >>> from activessl.labels.regions.places import Span
        >>> Region(Span(3, 8), ("place",)).kind
        'span'
    """

    place: Place
    classes: tuple[str, ...]
    score: float | None = None
    id: str = ""
    rest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def kind(self) -> PlaceKind:
        """The kind of its place."""
        return kind_of_place(self.place)


#: The regions of one item. An empty tuple is an answer: the item holds none.
Regions = tuple[Region, ...]
