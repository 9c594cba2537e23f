"""Long sounds: a window is read from its place in the file, and becomes a WAV file of its own."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from activessl.errors import PoolError
from activessl.pool.decoders.readers import installed, needed
from activessl.pool.decoders.sounds import RATE, RATES, as_wav, at_rate, in_range, undecodable
from activessl.pool.recordings.base import Part, inside, spans
from activessl.pool.recordings.cut import Cut, Place

#: Encodings of more than 16 bits: their windows are stored as floating point, which loses nothing of 24 bits.
_DEEP = frozenset({"PCM_24", "PCM_32", "FLOAT", "DOUBLE"})

#: Samples that are decoded before a place in an MP3 and thrown away: its frames need those before them, and libsndfile
#: gives silence or other samples for up to four frames of 1,152 after a seek (findings/soundfile_seek_in_mp3.sh).
_BEFORE_MP3 = 16 * 1_152


class SoundRecording:
    """A sound file of any length; the package soundfile seeks in it, without it WAV files are mapped into memory.

    Args:
        path: The file.

    Raises:
        PoolError: It cannot be decoded, has an unusual rate, or no samples.
    """

    channels: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    step: float | None = None

    def __init__(self, path: Path) -> None:
        self._file: Any = None
        self._mapped: np.ndarray[Any, np.dtype[Any]] | None = None
        try:
            if "soundfile" in installed():
                from soundfile import SoundFile

                self._file = SoundFile(str(path))
                self.rate, self.count = int(self._file.samplerate), int(self._file.frames)
                self._deep = self._file.subtype in _DEEP
                self._before = _BEFORE_MP3 if self._file.format in ("MP3", "MPEG") else 0
            else:
                self.rate, self._mapped = _map(path)
                self.count, self._deep = len(self._mapped), self._mapped.dtype.itemsize > 2
        except PoolError:
            raise
        except Exception as error:  # noqa: BLE001  a decoder may raise anything on broken bytes; one file is never fatal
            raise undecodable(error) from None
        if not RATES[0] <= self.rate <= RATES[1] or self.count < 1:
            self.close()
            what = "no samples" if self.count < 1 else f"{self.rate:,} samples a second"
            raise PoolError(
                f"sound has {what}", hint=f"save it again with {RATES[0]:,} to {RATES[1]:,} samples a second"
            )

    def parts(self, cut: Cut) -> Iterator[tuple[str, Part | str]]:
        """As of ``Recording``."""
        for start, stop, fragment in spans(cut, self.count, self.rate):
            try:
                yield fragment, self._part(start, stop)
            except PoolError as error:
                yield fragment, error.message

    def part(self, place: Place) -> Part:
        """As of ``Recording``."""
        return self._part(*inside(place, self.count, self.rate))

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
        self._mapped = None

    def _part(self, start: int, stop: int) -> Part:
        samples = self._samples(start, stop)
        if len(samples) < stop - start:
            raise PoolError(
                f"sound ends after {start + len(samples):,} of {self.count:,} samples", hint="copy the file again"
            )
        return sound_part(samples, self.rate, deep=self._deep)

    def _samples(self, start: int, stop: int) -> np.ndarray[Any, np.dtype[np.float32]]:
        """(n, channels) float32."""
        try:
            if self._file is not None:
                before = min(start, self._before)
                self._file.seek(start - before)
                return np.asarray(self._file.read(before + stop - start, dtype="float32", always_2d=True))[before:]
            assert self._mapped is not None
            found = in_range(np.asarray(self._mapped[start:stop]))
            return found[:, None] if found.ndim == 1 else found
        except Exception as error:  # noqa: BLE001  as above
            raise undecodable(error) from None


class DecodedSound:
    """A sound that was decoded as a whole, such as a row of an array.

    Args:
        samples: (channels, n) float32.
        rate: Samples a second.
    """

    channels: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    step: float | None = None

    def __init__(self, samples: np.ndarray[Any, np.dtype[Any]], rate: int) -> None:
        self._samples, self._rate = samples.T, rate

    def parts(self, cut: Cut) -> Iterator[tuple[str, Part | str]]:
        """As of ``Recording``."""
        for start, stop, fragment in spans(cut, len(self._samples), self._rate):
            yield fragment, sound_part(self._samples[start:stop], self._rate)

    def part(self, place: Place) -> Part:
        """As of ``Recording``."""
        start, stop = inside(place, len(self._samples), self._rate)
        return sound_part(self._samples[start:stop], self._rate)

    def close(self) -> None:
        """Nothing is open."""


def sound_part(samples: np.ndarray[Any, np.dtype[Any]], rate: int, *, deep: bool = False) -> Part:
    """A part of a sound.

    Args:
        samples: (n, channels) float32.
        rate: Samples a second.
        deep: Whether 16 bits are too few.

    Raises:
        PoolError: A value is not finite.
    """
    if not np.isfinite(samples).all():
        raise PoolError("sound has values that are not finite", hint="export it again from its original")
    stored = samples if deep else np.clip(np.round(samples * 32768), -32768, 32767).astype("<i2")
    digest = hashlib.sha256(f"{rate} {stored.shape} {stored.dtype.str}".encode() + stored.tobytes()).hexdigest()
    mono = (stored if deep else stored.astype(np.float32) / 32768).mean(axis=1, dtype=np.float32)
    return Part(at_rate(np.asarray(mono, np.float32)[None], rate, RATE), lambda: as_wav(stored, rate), digest)


def _map(path: Path) -> tuple[int, np.ndarray[Any, np.dtype[Any]]]:
    from scipy.io import wavfile

    with path.open("rb") as file:
        head = file.read(12)
    if head[:4] not in (b"RIFF", b"RIFX", b"RF64") or head[8:12] != b"WAVE":
        raise needed("soundfile")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wavfile.WavFileWarning)
        try:
            rate, mapped = wavfile.read(path, mmap=True)
        except ValueError as error:
            if "mmap" in str(error):  # SciPy maps no samples of 24 bits
                raise needed("soundfile") from None
            raise
    return int(rate), mapped
