"""Spans: Labels on Text and HyperText (code points) and Paragraphs (UTF-16 units); the end is exclusive."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from activessl.errors import LabelError
from activessl.labels.regions.places import Span
from activessl_label_studio.regions.extents import Extent, Unreadable, whole_number
from activessl_label_studio.regions.markup import Markup, units

__all__ = ["span_of", "value_of_span"]


def span_of(value: Mapping[str, Any], object_tag: str, extent: Extent) -> Span:
    """Return the span of a result, in code points of the item; of a HyperText, of its source.

    Raises:
        Unreadable: It is not in the text, is empty, or has other characters than were stored with it.

    Example:
        >>> span_of({"start": 3, "end": 5, "text": "de"}, "Text", Extent((6,), text="ab de."))
        Span(start=3, end=5)
    """
    if extent.text is None:
        raise Unreadable("is a span of a text that is not known")
    if object_tag == "Paragraphs":
        start, end = _in_turns(value, extent)
    elif object_tag == "HyperText":
        start, end = _in_markup(value, extent.text)
    else:
        start, end = (whole_number(value.get(name), name) for name in ("start", "end"))
    if end > len(extent.text):
        raise Unreadable(f"is a span from {start} to {end} of a text of {len(extent.text):,} characters")
    try:
        span = Span(start, end)
    except LabelError as error:
        raise Unreadable(f"is a {error.message}") from None
    if object_tag != "HyperText":
        _compare(value.get("text"), extent.text[start:end])
    return span


def _compare(stored: Any, there: str) -> None:
    """Refuse a span whose text has changed, or whose offsets count something else than code points.

    The stored text is only compared: line ends become a backslash and an n in it, and blanks may be lost.
    """
    if isinstance(stored, str) and stored and _letters(stored) != _letters(there):
        raise Unreadable(f"was stored with the text {stored[:40]!r}, but {there[:40]!r} is there: the text has changed")


def _letters(text: str) -> str:
    return re.sub(r"\\n|\\r|\s|[\u200b\ufeff]", "", text)


def _in_turns(value: Mapping[str, Any], extent: Extent) -> tuple[int, int]:
    starts = [0]
    for turn in extent.turns:
        starts.append(starts[-1] + len(turn) + 1)
    found = []
    for name, offset in (("start", "startOffset"), ("end", "endOffset")):
        which = value.get(name)
        # texts with a number, by the browser's own rule
        if not isinstance(which, str) or not which.isdecimal() or int(which) >= len(extent.turns):
            raise Unreadable(f"has {name} {which!r}, which is no paragraph of the {len(extent.turns)}")
        turn = extent.turns[int(which)]
        inside = whole_number(value.get(offset), offset)
        points = [at for at in range(len(turn) + 1) if units(turn[:at]) == inside]
        if not points:
            raise Unreadable(f"has {offset} {inside}, and the paragraph has {units(turn)} UTF-16 units")
        found.append(starts[int(which)] + points[0])
    return found[0], found[1]


def _in_markup(value: Mapping[str, Any], source: str) -> tuple[int, int]:
    offsets = value.get("globalOffsets")
    if not isinstance(offsets, Mapping):
        raise Unreadable("has no globalOffsets, which say where it is in the page")
    start, end = (whole_number(offsets.get(name), f"globalOffsets.{name}") for name in ("start", "end"))
    page = Markup(source)
    if not 0 <= start < end <= page.length:
        raise Unreadable(f"is a span from {start} to {end} of a page of {page.length:,} characters")
    path, after = value.get("start"), value.get("startOffset")
    # a path that leads elsewhere wins in the browser, so that the offsets say nothing
    if isinstance(path, str) and any(block.path == path for block in page.blocks):
        block = next(block for block in page.blocks if block.path == path)
        inside = 0 <= start - block.start <= len(block.shown)
        if not inside or units(block.shown[: start - block.start]) != after:
            raise Unreadable(f"starts at {path} + {after}, which is not its globalOffsets.start, {start}")
    return page.source_of(start, end)


def value_of_span(span: Span, object_tag: str, extent: Extent) -> dict[str, Any]:
    """Return the value of a span.

    Raises:
        Unreadable: The span has no shown character, or the text is not known.

    Example:
        >>> value_of_span(Span(3, 5), "Text", Extent((6,), text="ab de."))
        {'start': 3, 'end': 5, 'text': 'de'}
    """
    if extent.text is None:
        raise Unreadable("is a span of a text that is not known")
    text = extent.text[span.start : span.end]
    if object_tag == "Paragraphs":
        places = [_turn(place, extent) for place in (span.start, span.end - 1)]
        (first, begin), (last, end) = places
        begin, end = units(extent.turns[first][:begin]), units(extent.turns[last][: end + 1])
        return {"start": str(first), "end": str(last), "startOffset": begin, "endOffset": end, "text": text}
    if object_tag != "HyperText":
        return {"start": span.start, "end": span.end, "text": text}
    page = Markup(extent.text)
    shown = page.shown_of(span.start, span.end)
    if shown is None:
        raise Unreadable(f"is a span from {span.start} to {span.end} of which the page shows nothing")
    (begin_path, begin), (end_path, end) = page.at(shown[0], start=True), page.at(shown[1], start=False)
    return {
        "start": begin_path,
        "end": end_path,
        "startOffset": begin,
        "endOffset": end,
        "globalOffsets": {"start": shown[0], "end": shown[1]},
        "text": page.text[shown[0] : shown[1]],
    }


def _turn(place: int, extent: Extent) -> tuple[int, int]:
    for which, turn in enumerate(extent.turns):
        if place <= len(turn):
            # the break between two paragraphs belongs to neither: the nearest character
            return which, min(place, max(0, len(turn) - 1))
        place -= len(turn) + 1
    raise Unreadable("is a span that ends after the text")
