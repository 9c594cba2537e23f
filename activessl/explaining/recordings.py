"""The places of a series: channels, and up to 32 stretches of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

#: What stands in hidden places: a line between their ends, the mean of the channel, or the values half the length away.
Fill = Literal["line", "mean", "elsewhere"]

#: Stretches of time, and groups of channels: more would be hidden one by one.
MOST_TIMES, MOST_CHANNELS = 32, 8


@dataclass(frozen=True, eq=False)
class SeriesPlaces:
    """A series, divided by channel and time.

    Attributes:
        values: (c, t), NaN where a value is missing.
        grid: Groups of channels, and stretches of time.
        fill: What hidden places show.
    """

    values: Float[np.ndarray, "c t"]
    grid: tuple[int, ...]
    fill: Fill
    axes: tuple[str, ...] = ("channel", "time")

    @property
    def windows(self) -> tuple[tuple[int, ...], ...]:
        """Stretches of one channel of three lengths, and of all channels together."""
        channels, times = self.grid
        lengths = [max(1, round(times / part)) for part in (16, 8, 4)]
        alone = [(1, length) for length in dict.fromkeys(lengths)]
        return (*alone, (channels, lengths[1])) if channels > 1 else tuple(alone)

    def hide(self, hidden: Float[np.ndarray, "g s"]) -> Float[np.ndarray, "c t"]:
        """The series with hidden stretches; missing values stay missing."""
        channels, length = self.values.shape
        group = np.arange(channels) * self.grid[0] // channels
        stretch = np.arange(length) * self.grid[1] // length
        gone = np.asarray(hidden)[group][:, stretch] > 0.5
        out = np.array(self.values, dtype=np.float32, copy=True)
        for row, cut in zip(out, gone, strict=True):
            if cut.any():
                row[cut] = np.where(np.isnan(row[cut]), np.nan, self._filled(row, cut))
        return out

    def _filled(self, row: Float[np.ndarray, " t"], cut: Any) -> Float[np.ndarray, " q"]:
        there = np.isfinite(row)
        middle = float(np.mean(row[there], dtype=np.float64)) if there.any() else 0.0
        if self.fill == "elsewhere":
            return np.asarray(np.nan_to_num(np.roll(row, len(row) // 2)[cut], nan=middle))
        left = np.flatnonzero(there & ~cut)
        if self.fill == "mean" or not len(left):
            return np.full(int(cut.sum()), middle, dtype=np.float32)
        return np.asarray(np.interp(np.flatnonzero(cut), left, row[left]), dtype=np.float32)


def series_places(
    series: Float[np.ndarray, "c t"],
    sample_rate: int | None = None,  # noqa: ARG001  of the registry
    fill: Fill = "line",
) -> SeriesPlaces:
    """Divide a series (channels, time) into places.

    Args:
        series: The decoded series.
        sample_rate: Unused.
        fill: What hidden places show; see ``Fill``.

    Example:
        >>> series_places(np.zeros((3, 128), np.float32)).grid
        (3, 32)
    """
    channels, length = series.shape
    return SeriesPlaces(series, (min(channels, MOST_CHANNELS), min(length, MOST_TIMES)), fill)
