"""Decode sound files to samples at one rate; a file may be damaged or malicious."""

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
from activessl.pool.decoders.readers import installed, needed

#: Samples a second to which all files of a folder are resampled: usual for speech and for sounds of machines.
RATE = 16_000
#: Longer sounds are refused before decoding: minutes of sound rarely belong to one class.
MOST_SECONDS = 600

#: Endings of the names of sound files.
ENDINGS = (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3")

#: Samples a second that are read.
RATES = (1_000, 384_000)


def decode_sound(content: bytes, rate: int = RATE) -> Float[np.ndarray, "1 n"]:
    """Decode a sound file to one channel: WAV as ``decode_wav`` does, other files by the package soundfile.

    Args:
        content: The bytes of the file: WAV, FLAC, OGG, MP3 and whatever else libsndfile reads.
        rate: Samples a second of the result, > 0.

    Returns:
        (1, n) float32, the mean of the channels.

    Raises:
        PoolError: As ``decode_wav``; or the package is needed, and is not installed.
    """
    if content[:4] in (b"RIFF", b"RIFX", b"RF64") and content[8:12] == b"WAVE":
        return decode_wav(content, rate)
    if "soundfile" not in installed():
        raise (
            needed("soundfile")
            if is_sound(content)
            else PoolError("sound cannot be decoded: it is no WAV file", hint="save it again as an uncompressed WAV")
        )
    from soundfile import SoundFile

    try:
        with SoundFile(io.BytesIO(content)) as file:
            given, count = int(file.samplerate), int(file.frames)
            _check(given, count)
            mono = file.read(dtype="float32", always_2d=True).mean(axis=1)
    except PoolError:
        raise
    except Exception as error:  # noqa: BLE001  a decoder may raise anything on broken bytes; one file is never fatal
        raise undecodable(error) from None
    return _finite(mono, given, rate)


def as_recorded(content: bytes) -> Float[np.ndarray, "c n"] | None:
    """Decode a sound file to all its channels, at its own rate; None if the bytes are no sound file.

    Resampling rounds off what clipping has cut, and moves what was constant.

    Raises:
        PoolError: As ``decode_sound``.
    """
    if not is_sound(content) or (not content.startswith(b"RI") and "soundfile" not in installed()):
        return None
    try:
        if content.startswith((b"RI", b"RF")):
            given, samples = _reader()(io.BytesIO(content))
            found = np.atleast_2d(in_range(samples).T)
        else:
            from soundfile import SoundFile

            with SoundFile(io.BytesIO(content)) as file:
                given, found = int(file.samplerate), file.read(dtype="float32", always_2d=True).T
    except Exception as error:  # noqa: BLE001  as above
        raise undecodable(error) from None
    _check(given, found.shape[1])
    return np.asarray(found, dtype=np.float32)


def decode_wav(content: bytes, rate: int = RATE) -> Float[np.ndarray, "1 n"]:
    """Decode a WAV file to one channel.

    Args:
        content: The bytes of the file: PCM of 8 to 64 bits, or floating point; any number of channels.
        rate: Samples a second of the result, > 0.

    Returns:
        (1, n) float32, the mean of the channels; in [-1, 1] where the file has whole numbers.

    Raises:
        PoolError: Not a WAV file, truncated, compressed, without samples, longer than ten minutes, of a rate below
            1,000 or above 384,000, or with values that are not finite.

    Example:
        >>> from scipy.io import wavfile
        >>> buffer = io.BytesIO()
        >>> wavfile.write(buffer, 8_000, np.zeros((800, 2), np.int16))
        >>> decode_wav(buffer.getvalue()).shape
        (1, 1600)
    """
    try:
        given, samples = _reader()(io.BytesIO(content))
    except Exception as error:  # noqa: BLE001  a decoder may raise anything on broken bytes; one file is never fatal
        raise undecodable(error) from None
    _check(given, len(samples))
    mono = in_range(samples)
    return _finite(mono.mean(axis=1) if mono.ndim == 2 else mono, given, rate)


def undecodable(error: Exception) -> PoolError:
    """The error about a sound that a decoder raises anything about."""
    why = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return PoolError(f"sound cannot be decoded: {why[:200]}", hint="save it again as an uncompressed WAV")


def _check(given: int, count: int) -> None:
    """Refuse a sound of an unusual rate, without samples, or too long."""
    if not RATES[0] <= given <= RATES[1]:
        raise PoolError(
            f"sound has {given:,} samples a second",
            hint=f"save it again with {RATES[0]:,} to {RATES[1]:,} samples a second",
        )
    if not count:
        raise PoolError("sound has no samples", hint="remove the file, or record it again")
    if count > MOST_SECONDS * given:
        raise PoolError(
            f"sound is {count / given / 60:.1f} minutes long: cut it into windows with --window, such as --window 10s",
            hint="set --window at `activessl init`, or data.window in activessl.toml",
        )


def _finite(mono: np.ndarray[Any, np.dtype[Any]], given: int, rate: int) -> Float[np.ndarray, "1 n"]:
    if not np.isfinite(mono).all():
        raise PoolError("sound has values that are not finite", hint="export it again from its original")
    return at_rate(np.asarray(mono, dtype=np.float32)[None], given, rate)


def at_rate(sound: Float[np.ndarray, "c n"], given: int, rate: int) -> Float[np.ndarray, "c m"]:
    """Resample a sound from ``given`` to ``rate`` samples a second.

    Example:
        >>> at_rate(np.zeros((1, 800), np.float32), 8_000, 16_000).shape
        (1, 1600)
    """
    from scipy.signal import resample_poly

    if given == rate:
        return sound
    shared = gcd(given, rate)
    return np.asarray(resample_poly(sound, rate // shared, given // shared, axis=-1), dtype=np.float32)


def as_wav(samples: np.ndarray[Any, np.dtype[Any]], rate: int) -> bytes:
    """Write samples, (n,) or (n, channels), as a WAV file of their type: int16 or float32.

    Example:
        >>> as_wav(np.zeros(800, np.int16), 8_000)[:4]
        b'RIFF'
    """
    from scipy.io import wavfile

    out = io.BytesIO()
    wavfile.write(out, rate, samples)
    return out.getvalue()


def is_sound(content: bytes, name: str = "") -> bool:
    """Whether bytes are a sound file, by their beginning; without bytes, by the ending of the file's name.

    Example:
        >>> is_sound(b"RIFF....WAVEfmt "), is_sound(b"RIFF....WEBPVP8 "), is_sound(b"", "a.MP3")
        (True, False, True)
    """
    if not content:
        return name.lower().endswith(ENDINGS)
    return (
        content[:4] in (b"fLaC", b"OggS")
        or content[:3] == b"ID3"
        or (content[:4] in (b"RIFF", b"RIFX", b"RF64") and content[8:12] == b"WAVE")
    )


@cache
def _reader() -> Callable[[io.BytesIO], tuple[int, np.ndarray[Any, np.dtype[Any]]]]:
    from scipy.io import wavfile

    # SciPy warns of unknown chunks, which hold no sound; set once, because several threads read files
    warnings.filterwarnings("ignore", category=wavfile.WavFileWarning)
    return cast("Callable[[io.BytesIO], tuple[int, np.ndarray[Any, np.dtype[Any]]]]", wavfile.read)


def in_range(samples: np.ndarray[Any, np.dtype[Any]]) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Samples of any WAV as floating point; whole numbers in [-1, 1]."""
    if samples.dtype.kind == "u":  # 8 bits: 128 is silence
        return np.asarray((samples.astype(np.float32) - 128) / 128, dtype=np.float32)
    if samples.dtype.kind == "i":
        return np.asarray(samples / -float(np.iinfo(samples.dtype).min), dtype=np.float32)
    return np.asarray(samples, dtype=np.float32)
