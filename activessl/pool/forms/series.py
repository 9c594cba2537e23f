"""Time series: (channels, time) of numbers, NaN where a value is missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from activessl.pool.decoders.bundles import is_bundle
from activessl.pool.decoders.edf import SUFFIXES, is_edf, read_edf
from activessl.pool.decoders.recordings import read_recording
from activessl.pool.decoders.wfdb_records import SUFFIX, read_record, signal_files
from activessl.pool.forms.base import (
    Array,
    Arrays,
    Files,
    Form,
    Long,
    Reading,
    last_is_short,
    length,
    numbers,
    recording_shape,
)
from activessl.pool.traits.signals import SERIES

if TYPE_CHECKING:
    from activessl.pool.recordings.base import Recording

Series = Float[np.ndarray, "c t"]


def _read(stored: Array) -> Array:
    values = stored.astype(np.float32)
    return values[None] if values.ndim == 1 else values


def _inspect(content: bytes) -> Reading:
    if is_bundle(content):
        return read_record(content)
    return read_edf(content) if is_edf(content) else read_recording(content)


def _decode(content: bytes) -> Array:
    return np.asarray(_inspect(content).media)


def vary(series: Series, rng: np.random.Generator, *, shortest: float, loudness: float, noise: float) -> Series:
    """Return a random view: a window of the series, scaled, with noise. Missing values stay missing.

    Args:
        series: (c, t).
        rng: The random generator.
        shortest: The shortest window, as a fraction of the length.
        loudness: Standard deviation of the logarithm of the factor.
        noise: Standard deviation of the noise, in standard deviations of each channel.

    Example:
        >>> vary(np.ones((2, 10)), np.random.default_rng(0), shortest=0.5, loudness=0.1, noise=0.0).shape
        (2, 8)
    """
    length = series.shape[1]
    window = max(1, round(length * rng.uniform(shortest, 1.0)))
    start = int(rng.integers(length - window + 1))
    seen = series[:, start : start + window]
    there = ~np.isnan(series)
    spread = [
        np.std(row[here], dtype=np.float64) if here.any() else 0.0 for row, here in zip(series, there, strict=True)
    ]
    varied = seen * np.exp(rng.normal(0, loudness)) + rng.normal(0, noise, seen.shape) * np.array(spread)[:, None]
    return np.asarray(varied, dtype=np.float32)


def rounded(channel: Float[np.ndarray, " t"], digits: int) -> list[float | None]:
    """Round a channel to so many digits of its range, whatever its unit; None where a value is missing.

    Example:
        >>> rounded(np.array([1.23456e-13, np.nan, 0.0]), 3), rounded(np.array([101325.125, 101325.25]), 3)
        ([1.23e-13, None, 0.0], [101325.125, 101325.25])
    """
    known = channel[np.isfinite(channel)]
    reach = float(np.ptp(known)) if known.size else 0.0
    reach = reach or float(np.abs(known).max(initial=0.0)) or 1.0
    places = digits - 1 - int(np.floor(np.log10(reach)))
    return [round(float(v), places) if np.isfinite(v) else None for v in channel]


def _another_recording(series: Array, rng: np.random.Generator) -> Array:
    return vary(np.asarray(series, dtype=np.float32), rng, shortest=0.8, loudness=0.1, noise=0.05)


def _edf(path: Path) -> Recording:
    from activessl.pool.recordings.series import EdfRecording  # only where recordings are cut

    return EdfRecording(path)


def _wfdb(path: Path) -> Recording:
    from activessl.pool.recordings.series import WfdbRecording

    return WfdbRecording(path)


def _decoded(found: Reading, rate: int | None) -> Recording:  # noqa: ARG001  a series has a time step
    from activessl.pool.recordings.series import DecodedSeries

    return DecodedSeries(found)


FORM = Form(
    name="series",
    plural="CSV files",
    shown="series",
    encoder=("rocket", "fixed convolutions need seconds on a CPU"),
    files=Files(
        lambda: (".csv", *SUFFIXES, SUFFIX),
        _decode,
        stray=True,
        inspect=_inspect,
        parts={SUFFIX: signal_files},
        most_bytes=128_000_000,
    ),
    arrays=(
        Arrays(
            "X",
            numbers("fiu", {2: lambda _: True, 3: lambda _: True}),
            "(n, time) or (n, channels, time) of numbers",
            _read,
        ),
    ),
    is_tiny=last_is_short,
    size=length,
    shape_text=recording_shape,
    channels=True,
    missing=True,
    vary=_another_recording,
    content=SERIES,
    long=Long(_decoded, {**dict.fromkeys(SUFFIXES, _edf), SUFFIX: _wfdb}),
)
