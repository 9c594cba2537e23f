"""The size of an item, in which the places of its regions are counted.

Label Studio stores percents, seconds or times. A push writes the size of each item into its task, because a picture
of another size, or a recording of another rate, would move all regions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from activessl.pool.pool import Pool
from activessl.pool.sources import Sampled
from activessl_label_studio.regions.tags import RegionControl

__all__ = ["META", "Extent", "Unreadable", "extent_in_pool", "extent_of_task", "meta_of", "number", "whole_number"]

#: The key of a task's ``meta`` with the size of its item.
META = "activessl_extent"


class Unreadable(Exception):
    """A region cannot be read; the text is the reason, in the middle of a sentence."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The size of an item.

    Attributes:
        shape: (height, width) of a picture, (channels, samples) of a series or a recording, (code points,) of a text;
            empty if it is not known.
        rate: Samples a second of a recording; None if it is not known.
        text: The text, or the HTML; None if it is not known.
        times: The times of a series' rows, rising; None if results count rows, empty if they are not known.
        turns: Texts of a dialogue, one a paragraph; empty for other items.
    """

    shape: tuple[int, ...] = ()
    rate: float | None = None
    text: str | None = None
    times: tuple[Any, ...] | None = None
    turns: tuple[str, ...] = ()


def extent_in_pool(pool: Pool, row: int) -> Extent:
    """Return the size of an item of a pool."""
    shape = pool.items[row].shape
    if pool.form.shown == "picture":
        return Extent(shape[:2])
    if pool.form.shown == "text":
        text = str(pool.read(row))
        return Extent((len(text),), text=text)
    rate = pool.source.sample_rate if isinstance(pool.source, Sampled) else None
    rate = rate or (pool.form.files.sample_rate if pool.form.files else None)
    return Extent(shape, float(rate) if rate and pool.form.shown == "sound" else None)


def meta_of(extent: Extent) -> dict[str, Any]:
    """Return what a task's ``meta`` keeps of a size. Texts are in the task itself.

    Example:
        >>> meta_of(Extent((480, 640)))
        {'activessl_extent': {'shape': [480, 640]}}
    """
    kept: dict[str, Any] = {"shape": list(extent.shape)}
    if extent.rate is not None:
        kept["rate"] = extent.rate
    return {META: kept}


def extent_of_task(task: Mapping[str, Any], control: RegionControl, known: Extent | None = None) -> Extent:
    """Return the size of the item of a task: as a push stored it, else as it is known, else from the task's data."""
    data = task.get("data")
    value = data.get(control.key) if isinstance(data, Mapping) else None
    if control.shown == "text":
        return _text(value, control, known)
    meta = task.get("meta")
    kept = meta.get(META) if isinstance(meta, Mapping) else None
    found = _kept(kept) or known or Extent()
    return _series(value, control, found) if control.shown == "series" else found


def number(value: Any, what: str) -> float:
    """Return a number of a result. A text is none: the browser would lose the place at the next change.

    Raises:
        Unreadable: It is no finite number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e300:
        raise Unreadable(f"has {what} {value!r}, which is no number")
    return float(value)


def whole_number(value: Any, what: str) -> int:
    """Return a whole number of a result.

    Raises:
        Unreadable: It is no whole number.
    """
    found = number(value, what)
    if found != int(found):
        raise Unreadable(f"has {what} {value!r}, which is no whole number")
    return int(found)


def _kept(kept: Any) -> Extent | None:
    if not isinstance(kept, Mapping) or not isinstance(kept.get("shape"), list):
        return None
    shape, rate = kept["shape"], kept.get("rate")
    if not all(isinstance(side, int) and side > 0 for side in shape):
        return None
    good = isinstance(rate, int | float) and not isinstance(rate, bool) and 0 < rate < 1e9
    return Extent(tuple(shape), float(rate) if good and rate is not None else None)


def _text(value: Any, control: RegionControl, known: Extent | None) -> Extent:
    if isinstance(value, list):
        key = control.attributes.get("textkey") or "text"
        turns = tuple(str(turn.get(key, "")) if isinstance(turn, Mapping) else "" for turn in value)
        text = "\n".join(turns)
        return Extent((len(text),), text=text, turns=turns)
    if isinstance(value, str) and control.attributes.get("valuetype") != "url":
        return Extent((len(value),), text=value)
    return known or Extent()


def _series(value: Any, control: RegionControl, found: Extent) -> Extent:
    columns = value if isinstance(value, Mapping) else {}
    lengths = {len(column) for column in columns.values() if isinstance(column, list)}
    shape = found.shape or ((len(columns), min(lengths)) if lengths else ())
    column = control.attributes.get("timecolumn")
    if column is None:
        return Extent(shape)
    times = columns.get(column)
    numbers = isinstance(times, list) and all(isinstance(t, int | float) and not isinstance(t, bool) for t in times)
    if not isinstance(times, list) or not (numbers or all(isinstance(time, str) for time in times)):
        return Extent(shape, times=())  # the series is not in the task, or some of its rows have no time
    # a browser does not show a series whose times fall; the order of texts of times is that of their format
    rising = not numbers or all(a < b for a, b in pairwise(times))
    return Extent(shape, times=tuple(times) if rising else ())
