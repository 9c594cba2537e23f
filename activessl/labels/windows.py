"""Annotations of parts of recordings, as labels of the windows that they cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from activessl.labels.files.cells import text_of
from activessl.labels.files.given import Given
from activessl.labels.files.reading import columns_called
from activessl.labels.kinds import LabelKind
from activessl.pool.recordings.cut import Place, place_of

#: Names of the columns with the time at which an annotation begins, at which it ends, and how long it is.
STARTS = ("start", "start_time", "begin", "begin_time", "onset", "start_s", "begin time (s)", "start (s)")
ENDS = ("end", "end_time", "stop", "stop_time", "offset", "end_s", "end time (s)", "end (s)")
DURATIONS = ("duration", "length", "duration_s")

#: The share of a window, or of an annotation, that must be covered.
HALF = 0.5


class Spread(NamedTuple):
    """Labels of windows.

    Attributes:
        given: The labels: those of annotations are of windows now.
        notes: What people should know about it, as sentences.
    """

    given: tuple[Given, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Timed:
    """An annotation of a part of a recording."""

    of: Given
    start: float
    end: float


def spread_over_windows(given: Sequence[Given], ids: Sequence[str], kind: LabelKind) -> Spread:
    """Give windows the labels of the annotations that cover them.

    With one class per item, a window gets the class that covers at least half of it; two such classes make it unread.
    With several, it gets each class that covers at least half of it, or of which at least half of one annotation lies
    in it, as a short call does. Other windows get no label: nobody may have looked at them. A row that names a window
    by its id is left as it is.

    Args:
        given: The rows of a file.
        ids: The windows of the pool.
        kind: How many classes an item may have.

    Example:
        >>> from activessl.labels.one_class import ONE
        >>> row = Given("row 1", {"path": "a.wav", "start": "0", "end": "6"}, "label", ("dog",))
        >>> found = spread_over_windows([row], ["a.wav#t=0,5", "a.wav#t=5,10"], ONE)
        >>> [(one.shown["item"], one.classes) for one in found.given]
        [('a.wav#t=0,5', ('dog',))]
    """
    known = frozenset(ids)
    windows: dict[str, list[tuple[str, Place]]] = {}
    for item in ids:
        place = place_of(item)
        if place is not None:
            windows.setdefault(place.recording, []).append((item, place))
    timed: dict[tuple[str, str], list[_Timed]] = {}
    rest: list[Given] = []
    for one in given:
        recording = None if any(text_of(value) in known for value in one.shown.values()) else _recording(one, windows)
        span = _span(one) if recording is not None and one.kind == "label" else None
        if recording is None or span is None:
            rest.append(one)
        else:
            timed.setdefault((one.annotator, recording), []).append(_Timed(one, *span))
    if not timed:
        return Spread(tuple(given))
    found = [
        label
        for (_, recording), rows in timed.items()
        for item, place in windows[recording]
        if (label := _label(item, place, rows, kind)) is not None
    ]
    rows = sum(map(len, timed.values()))
    unused = rows - len({id(row) for mine in timed.values() for row in mine if _is_used(row, windows, mine, kind)})
    labeled = sum(one.kind == "label" for one in found)
    notes = [f"{rows:,} annotations of parts of recordings: labels of {labeled:,} of their windows"]
    if unused:
        notes.append(f"{unused:,} of these annotations cover half of no window: cut shorter windows to use them")
    return Spread((*rest, *found), tuple(notes))


def _is_used(row: _Timed, windows: dict[str, list[tuple[str, Place]]], mine: Sequence[_Timed], kind: LabelKind) -> bool:
    recording = _recording(row.of, windows) or ""
    return any(
        set(row.of.classes) & set(_covering(place, mine, kind)) and _shared(place, row)
        for _, place in windows[recording]
    )


def _recording(one: Given, windows: dict[str, list[tuple[str, Place]]]) -> str | None:
    """The recording that a row names, by its id or by the end of its path."""
    for value in one.shown.values():
        text = text_of(value).replace("\\", "/").removeprefix("./")
        if text in windows:
            return text
    for value in one.shown.values():
        text = text_of(value).replace("\\", "/").removeprefix("./")
        ends = [name for name in windows if text and (name.endswith(f"/{text}") or text.endswith(f"/{name}"))]
        if len(ends) == 1:
            return ends[0]
    return None


def _span(one: Given) -> tuple[float, float] | None:
    names = list(one.shown)
    start, end, duration = (_number(one, columns_called(names, wanted)) for wanted in (STARTS, ENDS, DURATIONS))
    if start is None:
        return None
    if end is None:
        end = None if duration is None else start + duration
    return None if end is None or end <= start else (start, end)


def _number(one: Given, columns: Sequence[str]) -> float | None:
    for name in columns:
        try:
            return float(text_of(one.shown[name]).replace(",", "."))
        except ValueError:
            continue
    return None


def _shared(place: Place, row: _Timed) -> float:
    """How much of an annotation lies in a window; of a frame, whether it shows it."""
    if place.stop is None:
        return float(row.start <= place.start < row.end)
    return max(0.0, min(place.stop, row.end) - max(place.start, row.start))


def _covering(place: Place, rows: Sequence[_Timed], kind: LabelKind) -> list[str]:
    """The classes that cover a window."""
    long = 1.0 if place.stop is None else place.stop - place.start
    found = []
    for name in dict.fromkeys(name for row in rows for name in row.of.classes):
        mine = sorted((row for row in rows if name in row.of.classes), key=lambda row: row.start)
        covered, until = 0.0, float("-inf")
        for row in mine:  # annotations of one class may overlap
            begun = replace(row, start=max(row.start, until))
            covered += _shared(place, begun) if begun.end > begun.start else 0.0
            until = max(until, row.end)
        inside = kind.independent and any(_shared(place, row) >= HALF * (row.end - row.start) for row in mine)
        if covered >= HALF * long - 1e-9 or inside:
            found.append(name)
    return found


def _label(item: str, place: Place, rows: Sequence[_Timed], kind: LabelKind) -> Given | None:
    classes = _covering(place, rows, kind)
    if not classes:
        return None
    first = next(row.of for row in rows if set(row.of.classes) & set(classes) and _shared(place, row))
    if len(classes) > 1 and not kind.independent:
        return replace(
            first, shown={"item": item}, kind="unread", classes=(), why=f"{item} is half {' and half '.join(classes)}"
        )
    return replace(first, where=f"{first.where} ({item})", shown={"item": item}, classes=tuple(classes))
