"""Bytes of a WAV file -> samples at one rate, distrusting the file."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from functools import cache
from math import gcd
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from activessl.errors import PoolError

#: Samples a second that all files of a folder are brought to: what speech and machines are usually recorded for.
RATE = 16_000
#: Longer recordings are refused before they are decoded: one item has one class, and minutes of sound rarely do.
MOST_SECONDS = 600

_RATES = (1_000, 384_000)


def decode_wav(content: bytes, rate: int = RATE) -> Float[np.ndarray, "1 n"]:
    """Decode a WAV file to one channel.

    Args:
        content: The bytes of the file: PCM of 8 to 64 bits, or floating point; any number of channels.
        rate: Samples a second of what is returned, > 0.

    Returns:
        (1, n) float32, in [-1, 1] where the file is of whole numbers; the mean of its channels.

    Raises:
        PoolError: Not a WAV file, truncated, compressed, without samples, longer than ten minutes, of a rate below
            1,000 or above 384,000, or with values that are no numbers.

    Example:
        >>> from scipy.io import wavfile
        >>> buffer = io.BytesIO()
        >>> wavfile.write(buffer, 8_000, np.zeros((800, 2), np.int16))
        >>> decode_wav(buffer.getvalue()).shape
        (1, 1600)
    """
    from scipy.signal import resample_poly

    try:
        given, samples = _reader()(io.BytesIO(content))
    except Exception as error:  # noqa: BLE001  a decoder may raise anything on broken bytes; one file is never fatal
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise PoolError(f"sound cannot be decoded: {why[:200]}", hint="save it again as an uncompressed WAV") from None
    if not _RATES[0] <= given <= _RATES[1]:
        raise PoolError(f"sound of {given:,} samples a second", hint="save it again at a usual rate")
    if not samples.size:
        raise PoolError("sound without samples", hint="record it again")
    if len(samples) > MOST_SECONDS * given:
        raise PoolError(
            f"sound of {len(samples) / given / 60:.0f} minutes", hint="cut it into pieces of one class each"
        )
    mono = _in_range(samples)
    if mono.ndim == 2:
        mono = mono.mean(axis=1)
    if not np.isfinite(mono).all():
        raise PoolError("sound with values that are no numbers", hint="save it again from its original")
    if given != rate:
        shared = gcd(given, rate)
        mono = resample_poly(mono, rate // shared, given // shared)
    return np.asarray(mono, dtype=np.float32)[None]


@cache
def _reader() -> Callable[[io.BytesIO], tuple[int, np.ndarray[Any, np.dtype[Any]]]]:
    from scipy.io import wavfile

    # of chunks that it does not know, which hold no sound; once for all, since files are read in several threads
    warnings.filterwarnings("ignore", category=wavfile.WavFileWarning)
    return cast("Callable[[io.BytesIO], tuple[int, np.ndarray[Any, np.dtype[Any]]]]", wavfile.read)


def _in_range(samples: np.ndarray[Any, np.dtype[Any]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    if samples.dtype.kind == "u":  # 8 bits, silence in the middle
        return np.asarray((samples.astype(np.float32) - 128) / 128, dtype=np.float32)
    if samples.dtype.kind == "i":
        return np.asarray(samples / -float(np.iinfo(samples.dtype).min), dtype=np.float32)
    return np.asarray(samples, dtype=np.float32)
