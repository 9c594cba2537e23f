"""Regions as values of JSON, as the ledger stores them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from activessl.errors import LabelError
from activessl.labels.regions.places import Box, Mask, Place, Segment, Span
from activessl.labels.regions.region import Region, Regions

__all__ = ["read_stored", "stored"]

_NUMBERS: Mapping[str, tuple[str, ...]] = {
    "box": ("x", "y", "width", "height", "rotation"),
    "span": ("start", "end"),
    "segment": ("start", "end", "channel"),
}


def stored(regions: Regions) -> list[dict[str, Any]]:
    """Return regions as values of JSON.

    Example:
        >>> stored((Region(Span(3, 8), ("place",)),))
        [{'kind': 'span', 'start': 3, 'end': 8, 'classes': ['place']}]
    """
    found = []
    for region in regions:
        row: dict[str, Any] = {"kind": region.kind}
        if isinstance(region.place, Mask):
            row |= {"size": list(region.place.size), "runs": list(region.place.runs)}
        else:
            row |= {name: getattr(region.place, name) for name in _NUMBERS[region.kind]}
        row["classes"] = list(region.classes)
        row |= {} if region.score is None else {"score": region.score}
        row |= {"id": region.id} if region.id else {}
        row |= {"rest": dict(region.rest)} if region.rest else {}
        found.append(row)
    return found


def read_stored(rows: Sequence[Mapping[str, Any]]) -> Regions:
    """Return the regions that ``stored`` wrote.

    Raises:
        LabelError: They are not of that form.

    Example:
        >>> read_stored([{"kind": "segment", "start": 0, "end": 2.5, "channel": None, "classes": ["rest"]}])[0].place
        Segment(start=0, end=2.5, channel=None)
    """
    try:
        return tuple(
            Region(
                _place(row),
                tuple(row["classes"]),
                row.get("score"),
                row.get("id", ""),
                row.get("rest", {}),
            )
            for row in rows
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LabelError(
            f"stored regions cannot be read: {type(error).__name__}: {error}", hint="run `activessl verify`"
        ) from None


def _place(row: Mapping[str, Any]) -> Place:
    kind = row["kind"]
    if kind == "mask":
        height, width = row["size"]
        return Mask((int(height), int(width)), tuple(int(run) for run in row["runs"]))
    values: dict[str, Any] = {name: row[name] for name in _NUMBERS[kind]}
    place: Place = {"box": Box, "span": Span, "segment": Segment}[kind](**values)
    return place
