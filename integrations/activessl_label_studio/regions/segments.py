"""Segments: TimeSeriesLabels (rows, times or texts of times; both ends are samples) and Labels on Audio (seconds)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from typing import Any

from activessl.labels.regions.places import Segment
from activessl_label_studio.regions.extents import Extent, Unreadable, number, whole_number

__all__ = ["segment_of", "value_of_segment"]


def segment_of(value: Mapping[str, Any], shown: str, extent: Extent) -> Segment:
    """Return the segment of a result, in samples.

    Raises:
        Unreadable: It is outside of the item, empty, or no segment.

    Example:
        >>> segment_of({"start": 2, "end": 4}, "series", Extent((1, 9)))
        Segment(start=2, end=5, channel=None)
        >>> segment_of({"start": 0.5, "end": 1.5, "channel": 0}, "sound", Extent((1, 4000), rate=2000.0))
        Segment(start=1000.0, end=3000.0, channel=None)
    """
    return _of_sound(value, extent) if shown == "sound" else _of_series(value, extent)


def _of_sound(value: Mapping[str, Any], extent: Extent) -> Segment:
    if extent.rate is None or not extent.shape:
        raise Unreadable("is a segment of a recording whose sample rate is not known")
    start, end = (number(value.get(name), name) * extent.rate for name in ("start", "end"))
    length = extent.shape[1]
    if not 0 <= start < end or start >= length:
        raise Unreadable(
            f"is a segment from {start / extent.rate:g} to {end / extent.rate:g} s of a recording of "
            f"{length / extent.rate:g} s"
        )
    # the browser does not cut segments at the end of the recording
    return Segment(start, min(end, float(length)))


def _of_series(value: Mapping[str, Any], extent: Extent) -> Segment:
    if extent.times is None:
        start, end = (whole_number(value.get(name), name) for name in ("start", "end"))
    else:
        if not extent.times:
            raise Unreadable("is a segment in times, and the task has no rising times for it")
        start, end = (_row(value.get(name), name, extent.times) for name in ("start", "end"))
    length = extent.shape[1] if extent.shape else None
    if not 0 <= start <= end or (length is not None and end >= length):
        raise Unreadable(f"is a segment from sample {start} to {end} of a series of {length or 0:,} samples")
    return Segment(start, end + 1)


def _row(time: Any, what: str, times: tuple[Any, ...]) -> int:
    """Return the row of a time, which is that of a sample."""
    if isinstance(times[0], str) != isinstance(time, str) or isinstance(time, bool):
        raise Unreadable(f"has {what} {time!r}, and the times of the series are such as {times[0]!r}")
    if isinstance(time, str):
        if time not in times:
            raise Unreadable(f"has {what} {time!r}, which is no time of the series")
        return times.index(time)
    found = number(time, what)
    here = bisect_left(times, found)
    near = [row for row in (here - 1, here) if 0 <= row < len(times)]
    best = min(near, key=lambda row: abs(times[row] - found))
    step = (times[-1] - times[0]) / max(1, len(times) - 1)
    if abs(times[best] - found) > step / 2:
        raise Unreadable(f"has {what} {found:g}, and the times of the series go from {times[0]:g} to {times[-1]:g}")
    return best


def value_of_segment(segment: Segment, shown: str, extent: Extent) -> dict[str, Any]:
    """Return the value of a segment.

    Example:
        >>> value_of_segment(Segment(2, 5), "series", Extent((1, 9)))
        {'start': 2, 'end': 4, 'instant': False}
    """
    if shown == "sound":
        rate = extent.rate or 1.0
        return {"start": segment.start / rate, "end": segment.end / rate, "channel": segment.channel or 0}
    first, last = int(segment.start), int(segment.end) - 1
    if extent.times:
        return {"start": extent.times[first], "end": extent.times[last], "instant": first == last}
    return {"start": first, "end": last, "instant": first == last}
