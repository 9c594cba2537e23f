"""The times of a recording: order, missing lines and the step from line to line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, time
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import PoolError

#: Names of columns that hold times, the most precise first; the last two only if they hold dates.
TIMES = ("timestamp", "datetime", "time", "t", "date", "index", "")
_NUMBERS = ("timestamp", "datetime", "time", "t", "date")

#: A line may be early or late by this part of a step.
_JITTER = 0.25
#: Values are interpolated between lines that are at most this many steps apart.
_BRIDGE = 2.5
#: A recording is not made longer than this many times its lines: a pause of hours would fill the memory.
_LONGEST = 4

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Even(NamedTuple):
    """A recording with even steps.

    Attributes:
        values: (c, t) values, NaN where a line is missing.
        step: The time from value to value: in seconds if the times are dates, else in the unit of the file; None if it
            is not known.
        remarks: What was done to the lines.
    """

    values: Float[np.ndarray, "c t"]
    step: float | None = None
    remarks: tuple[str, ...] = ()


class Times(NamedTuple):
    """The times of the lines of a recording, and the column that they are from."""

    column: str
    values: Float[np.ndarray, " t"]


def times_of(columns: Mapping[str, Sequence[str]], *, comma: bool = False) -> Times | None:
    """Read the times of a recording; None if it has none, or if they are neither numbers nor ISO dates and times.

    Args:
        columns: The cells of the columns with names of ``TIMES``, by name in lower case.
        comma: Whether numbers have a decimal comma.

    Returns:
        Seconds for dates, else the numbers.

    Example:
        >>> times_of({"time": ["0", "0.5"]}), times_of({"": ["0", "1"]}) is None
        (Times(column='time', values=array([0. , 0.5])), True)
        >>> np.diff(times_of({"date": ["2024-01-01", "2024-01-01"], "time": ["10:00:00", "10:01:30"]}).values)
        array([90.])
    """
    if "date" in columns and "time" in columns:
        joined = [f"{day}T{hour}" for day, hour in zip(columns["date"], columns["time"], strict=True)]
        if (found := _dates(joined)) is not None:
            return Times("time", found)
    for name in TIMES:
        if name not in columns:
            continue
        cells = columns[name]
        # 20240131 is a date in a column called date, and a number elsewhere
        found = _dates(cells) if name == "date" else None
        if found is None and name in _NUMBERS:
            found = _numbers(cells, comma=comma)
        if found is None:
            found = _dates(cells)
        if found is not None:
            return Times(name, found)
    return None


def even(values: Float[np.ndarray, "c t"], told: Times, lines: Sequence[int]) -> Even:
    """Give a recording even steps: newest first is turned, missing lines become NaN, other steps are interpolated.

    Args:
        values: The values, in the order of the file.
        told: The time of each value.
        lines: The number of each line in the file, for messages.

    Raises:
        PoolError: The times go forth and back, or a pause is too long.

    Example:
        >>> even(np.array([[1.0, 2.0, 4.0]]), Times("t", np.array([0.0, 1.0, 3.0])), [2, 3, 4])
        Even(values=array([[ 1.,  2., nan,  4.]]), step=1.0, remarks=('missing lines are read as missing values',))
    """
    times = told.values
    remarks: tuple[str, ...] = ()
    apart = np.diff(times)
    if len(apart) and (apart <= 0).all() and apart.min() < 0:
        values, times, lines, apart = values[:, ::-1], times[::-1], lines[::-1], -apart[::-1]
        remarks = ("lines are turned: the file has the newest first",)
    if (apart < 0).any():
        at = int(np.argmax(apart < 0)) + 1
        raise PoolError(
            f"line {lines[at]}: the time in the column {told.column!r} goes back",
            hint="sort the lines by time; if these are two recordings, cut the file between them",
        )
    if len(apart) == 0:
        return Even(values, None, remarks)
    if (apart == 0).any():  # such as several lines a second, with times in whole seconds
        return Even(values, None, (*remarks, "several lines have one time: lines are read as equally far apart"))

    step = float(np.sort(apart)[(len(apart) - 1) // 2])
    if (times[-1] - times[0]) / step > _LONGEST * len(times):
        at, pause = int(np.argmax(apart)) + 1, float(apart.max())
        raise PoolError(
            f"line {lines[at]}: a pause of {pause:.6g} by the column {told.column!r}, the usual step is {step:.6g}",
            hint="cut the recording at its pauses",
        )
    counts = np.rint(apart / step)
    whole = bool((np.abs(apart / step - counts) <= _JITTER).all() and counts.min() >= 1)
    if whole and counts.max() > 1:
        filled = _spread(values, counts.astype(np.int64))
        return Even(filled, step, (*remarks, "missing lines are read as missing values"))

    # times may be rounded, and a clock is not exact: the place of each line counts, not its distance to the next
    mean = float(times[-1] - times[0]) / len(apart)
    if whole or (np.abs(times - times[0] - mean * np.arange(len(times))) < 0.5 * mean).all():
        return Even(values, mean, remarks)
    return Even(_interpolated(values, times, step), step, (*remarks, "uneven times are interpolated to even steps"))


def resampled(series: Float[np.ndarray, "c t"], step: float, to: float) -> Float[np.ndarray, "c u"]:
    """Change the step of a series: means over longer steps, linear interpolation to shorter ones; NaN stays NaN.

    Example:
        >>> resampled(np.array([[0.0, 1.0, 2.0, 3.0]]), 1.0, 2.0).tolist()
        [[0.5, 2.5]]
        >>> resampled(np.array([[0.0, 1.0, np.nan]]), 1.0, 0.5).tolist()
        [[0.0, 0.5, 1.0, nan, nan]]
    """
    c, t = series.shape
    if to >= 1.5 * step:
        into = np.floor(np.arange(t) * (step / to) + 1e-9).astype(np.int64)
        out = np.full((c, int(into[-1]) + 1), np.nan, dtype=series.dtype)
        for row, channel in zip(out, series, strict=True):
            known = ~np.isnan(channel)
            sums = np.bincount(into[known], channel[known], minlength=out.shape[1])
            counts = np.bincount(into[known], minlength=out.shape[1])
            row[counts > 0] = (sums[counts > 0] / counts[counts > 0]).astype(series.dtype)
        return out
    at = np.arange(int((t - 1) * step / to + 1e-9) + 1) * (to / step)
    left = np.minimum(np.floor(at + 1e-9).astype(np.int64), t - 1)
    beyond = np.clip(at - left, 0, 1)
    right = np.where(beyond > 1e-6, np.minimum(left + 1, t - 1), left)
    return np.asarray(series[:, left] * (1 - beyond) + series[:, right] * beyond, dtype=series.dtype)


def _numbers(cells: Sequence[str], *, comma: bool) -> Float[np.ndarray, " t"] | None:
    try:
        found = np.array([float(cell.replace(",", ".") if comma else cell) for cell in cells])
    except ValueError:
        return None
    return found if np.isfinite(found).all() else None


def _dates(cells: Sequence[str]) -> Float[np.ndarray, " t"] | None:
    """Seconds of ISO dates, or of times of a day; without a time zone, all are taken as of one zone."""
    try:
        return np.array([_seconds(cell) for cell in cells])
    except ValueError:
        return None


def _seconds(cell: str) -> float:
    try:
        moment = datetime.fromisoformat(cell)
    except ValueError:
        of_day = time.fromisoformat(cell)
        return of_day.hour * 3600.0 + of_day.minute * 60 + of_day.second + of_day.microsecond / 1e6
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH).total_seconds()


def _spread(values: Float[np.ndarray, "c t"], counts: Int[np.ndarray, " s"]) -> Float[np.ndarray, "c u"]:
    at = np.concatenate([[0], np.cumsum(counts)])
    out = np.full((len(values), int(at[-1]) + 1), np.nan, dtype=values.dtype)
    out[:, at] = values
    return out


def _interpolated(
    values: Float[np.ndarray, "c t"], times: Float[np.ndarray, " t"], step: float
) -> Float[np.ndarray, "c u"]:
    grid = times[0] + step * np.arange(int((times[-1] - times[0]) / step + 1e-9) + 1)
    out = np.full((len(values), len(grid)), np.nan, dtype=values.dtype)
    for row, channel in zip(out, values, strict=True):
        known = ~np.isnan(channel)
        if not known.any():
            continue
        there = times[known]
        row[:] = np.interp(grid, there, channel[known], left=np.nan, right=np.nan)
        behind = np.clip(np.searchsorted(there, grid, side="left"), 0, len(there) - 1)
        before = np.clip(np.searchsorted(there, grid, side="right") - 1, 0, len(there) - 1)
        row[there[behind] - there[before] > _BRIDGE * step] = np.nan
    return out
