"""What is measured of series and sounds: missing values, flat runs, clipping, and a small print of their course."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from activessl.pool.traits.base import Array, Content, Likeness, Traits, unit

#: Points of the print of a series, over all of its channels at most ``_WIDEST``.
POINTS, _WIDEST = 64, 8
#: Bands and moments of the print of a sound, and the samples of a spectrum.
BANDS, MOMENTS, _WINDOW = 16, 24, 256
#: Values closer than this part of the range are equal.
_EQUAL = 1e-4
#: A signal that is clipped comes to its extreme without a jump: in steps of at most this part of the range.
_JUMP = 0.35


def measure_series(series: Float[np.ndarray, "c t"]) -> Traits:
    """Measure a series: see ``_figures``; ``missing`` is the share of missing values."""
    known = np.isfinite(series)
    filled = series if known.all() else _filled(series, known)
    # before the first and after the last value, nothing is known: no flat run
    ends = [np.flatnonzero(here)[[0, -1]] if here.any() else np.array([0, 0]) for here in known]
    parts = [row[first : last + 1] for row, (first, last) in zip(filled, ends, strict=True)]
    figures = _figures(parts, series.shape[1]) | {"missing": float(1 - known.mean())}
    return Traits(figures, None if figures["range"] == 0 else _course(filled))


def measure_sound(sound: Float[np.ndarray, "c t"]) -> Traits:
    """Measure a sound: see ``_figures``."""
    figures = _figures(list(sound), sound.shape[1])
    return Traits(figures, None if figures["range"] == 0 else _spectrum(sound[0]))


def _figures(signal: Sequence[Array], length: int) -> dict[str, float]:
    """Measures of the channel that is worst in each.

    ``range`` is the difference of largest and smallest value; ``flat`` the longest run of equal values as a part of
    the length; ``clipped`` the part of the values that lie, at least two in a row, at an extreme that is reached
    without a jump; ``values`` the length.
    """
    flat = clipped = reach = 0.0
    for channel in signal:
        low, high = float(channel.min()), float(channel.max())
        if high <= low:
            continue
        reach = max(reach, high - low)
        first, run = _runs(channel, _EQUAL * (high - low))
        level = channel[first]
        # steps into and out of a run; the ends of the series have none
        edges = np.abs(np.diff(level, prepend=level[0], append=level[-1])) / (high - low)
        extreme = np.minimum(level - low, high - level) <= _EQUAL * (high - low) * 2
        smooth = np.maximum(edges[:-1], edges[1:]) <= _JUMP
        cut = extreme & smooth & (run > 1)
        clipped = max(clipped, float(run[cut].sum() / len(channel)))
        flat = max(flat, float(run[~cut].max(initial=0) / len(channel)))
    return {"range": reach, "flat": flat, "clipped": clipped, "values": float(length)}


def _runs(channel: Array, tolerance: float) -> tuple[Array, Array]:
    """Positions and lengths of runs of equal values."""
    changes = np.flatnonzero(np.abs(np.diff(channel)) > tolerance) + 1
    first = np.concatenate([[0], changes])
    return first, np.diff(np.append(first, len(channel)))


def _filled(series: Array, known: Array) -> Array:
    """Interpolate missing values; a channel without any value is zero."""
    out = np.zeros_like(series)
    at = np.arange(series.shape[1])
    for row, here in enumerate(known):
        if here.any():
            out[row] = np.interp(at, at[here], series[row, here])
    return out


def _resampled(values: Float[np.ndarray, "r t"], points: int) -> Float[np.ndarray, "r p"]:
    """Bring rows to a number of points: means of parts, or interpolated where there are fewer values."""
    length = values.shape[1]
    if length <= points:
        at = np.linspace(0, length - 1, points)
        return np.stack([np.interp(at, np.arange(length), row) for row in values])
    ends = np.linspace(0, length, points + 1).astype(np.int64)
    sums = np.concatenate([np.zeros((len(values), 1)), np.cumsum(values, axis=1, dtype=np.float64)], axis=1)
    return np.asarray((sums[:, ends[1:]] - sums[:, ends[:-1]]) / np.diff(ends))


def _course(series: Array) -> Array:
    """The course of the first channels, in standard deviations, without their means."""
    shown = series[:_WIDEST].astype(np.float64)
    points = _resampled(shown - shown.mean(axis=1, keepdims=True), POINTS).ravel()
    spread = float(points.std())
    return points / spread if spread > 0 else points


def _spectrum(sound: Array) -> Array:
    """The loudness of bands over time: small differences of soft parts count little, and the volume does not count."""
    padded = np.pad(sound, (0, max(0, 2 * _WINDOW - len(sound))))
    step = max(1, (len(padded) - _WINDOW) // (8 * MOMENTS))
    starts = np.arange(0, len(padded) - _WINDOW + 1, max(step, _WINDOW // 4))
    parts = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[starts] * np.hanning(_WINDOW)
    power = np.abs(np.fft.rfft(parts, axis=1)) ** 2
    ends = np.unique(np.round(np.geomspace(2, power.shape[1], BANDS + 1)).astype(np.int64))
    bands = np.stack([power[:, a:b].sum(axis=1) for a, b in pairwise(ends)]) ** 0.25
    shown = _resampled(bands, MOMENTS).ravel()
    spread = float(shown.std())
    return np.asarray((shown - shown.mean()) / (spread or 1.0))


def _rows(prints: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n d"]:
    return unit(prints.astype(np.float32))


SERIES = Content(measure_series, Likeness(_rows, usual=0.2, share=0.1, most=0.02))


def _recorded(content: bytes) -> dict[str, float] | None:
    from activessl.pool.decoders.sounds import as_recorded  # imports SciPy, needed only for files

    sound = as_recorded(content)
    return None if sound is None else _figures(list(sound), sound.shape[1])


SOUND = Content(measure_sound, Likeness(_rows, usual=0.5, share=0.2, most=0.12), stored=_recorded)
