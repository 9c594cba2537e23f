"""Audio -> log-mel spectrograms as pictures, the input of encoders that read images.

The widths of the bands grow with frequency as in human hearing (Stevens, Volkmann & Newman, JASA 1937; the formula is
from O'Shaughnessy, Speech Communication, 1987). Values are decibels below the clip's maximum; time is resized.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8

from activessl.encoders.compute.side_by_side import decoded
from activessl.errors import EncoderError
from activessl.pool.pool import Pool
from activessl.pool.sources import Sampled

#: Only this many seconds of a longer clip are read, to limit memory.
LONGEST = 60.0


#: Sounds with a lower peak are amplified to it: the square of a very small number is zero.
_QUIET = 1e-5


@dataclass(frozen=True)
class MelInput:
    """How a clip becomes a picture.

    Attributes:
        rate: Samples a second.
        side: Number of bands, and of pixels along time.
        window: Length of the Fourier transform, in samples.
        floor: Decibels below the maximum at which a pixel is black.
    """

    rate: int
    side: int = 32
    window: int = 256
    floor: float = 80.0

    def tensor(self, clip: Float[np.ndarray, "c t"]) -> UInt8[np.ndarray, "1 s s"]:
        """Turn one clip into a picture (1, bands, time) of uint8: low bands first, the loudest value is white.

        Example:
            >>> tone = np.sin(np.arange(4000) * 2 * np.pi * 1000 / 8000, dtype=np.float32)[None]
            >>> picture = MelInput(rate=8000, side=32).tensor(tone)
            >>> picture.shape, int(picture[0, :, 16].argmax())
            ((1, 32, 32), 14)
        """
        sound = np.asarray(clip[:, : int(LONGEST * self.rate)], dtype=np.float32).mean(axis=0)
        if 0 < (peak := float(np.abs(sound).max(initial=0.0))) < _QUIET:
            sound = sound * np.float32(_QUIET / peak)

        # frames a quarter of a window apart; a clip shorter than a window is padded on both sides
        short = max(0, self.window - len(sound))
        sound = np.pad(sound, (short // 2, short - short // 2))
        frames = np.lib.stride_tricks.sliding_window_view(sound, self.window)[:: self.window // 4]
        power = np.abs(np.fft.rfft(frames * np.hanning(self.window).astype(np.float32), axis=1)) ** 2  # (frames, bins)
        bands = power @ mel_filters(self.rate, self.window, self.side).T  # (frames, bands)

        # relative to the clip's maximum, so that the distance to the microphone, or a small unit, has no effect
        loudest = bands.max()
        decibels = 10 * np.log10(np.maximum(bands / loudest, 1e-30)) if loudest > 0 else np.full_like(bands, -np.inf)
        bright = np.clip(1 + decibels / self.floor, 0, 1)
        picture = torch.from_numpy(np.ascontiguousarray(bright.T, dtype=np.float32))[None, None]
        squeezed = F.interpolate(picture, (self.side, self.side), mode="bilinear", antialias=True)[0]
        pixels: UInt8[np.ndarray, "1 s s"] = (squeezed * 255).round().to(torch.uint8).numpy()
        return pixels

    def batches(self, pool: Pool, batch_size: int) -> Iterator[torch.Tensor]:
        """Yield the pool in order as (b, 1, side, side) of uint8.

        Raises:
            EncoderError: The pool has another sample rate.
        """
        given = pool.source.sample_rate if isinstance(pool.source, Sampled) else None
        if given not in (None, self.rate):
            raise EncoderError(
                f"the audio has {given:,} samples a second; the encoder needs {self.rate:,}",
                hint=f"resample the audio to {self.rate:,} samples a second, or fit a new encoder",
            )

        def load(rows: range) -> torch.Tensor:
            clips = (cast("np.ndarray[Any, np.dtype[np.float32]]", pool.read(row)) for row in rows)
            return torch.from_numpy(np.stack([self.tensor(clip) for clip in clips]))

        return decoded(load, pool, batch_size)

    def to_json(self) -> dict[str, Any]:
        """As JSON values, for the encoder's configuration."""
        return asdict(self)


def choose_mel(pool: Pool, *, side: int | None = None) -> MelInput:
    """Choose the input for a pool: a window of about 32 ms, which resolves the pitches of voices and machines.

    Args:
        pool: Audio of a known sample rate.
        side: Number of bands, and of pixels along time; 32 by default.

    Raises:
        EncoderError: The pool holds no audio, the sample rate is unknown, or the side is too small.
    """
    if pool.modality != "audio":
        raise EncoderError(f"encoder 'melpatches' reads audio, not {pool.modality}", hint="use the encoder 'auto'")
    rate = pool.source.sample_rate if isinstance(pool.source, Sampled) else None
    if rate is None or rate < 1:
        raise EncoderError("the sample rate of the audio is unknown", hint="store the rate as 'sample_rate' in the npz")
    if side is not None and side < 8:
        raise EncoderError(f"side = {side} is too small", hint="set side to at least 8 pixels")
    return MelInput(rate, side or 32, window=max(16, 2 ** round(np.log2(0.032 * rate))))


@cache
def mel_filters(rate: int, window: int, bands: int) -> Float[np.ndarray, "bands bins"]:
    """Overlapping triangular filters, evenly spaced in mel from 0 to half the rate, each with sum 1.

    If bins are wider than bands, a band uses the bin nearest to its center.

    Example:
        >>> filters = mel_filters(8000, 256, 20)
        >>> filters.shape, bool(np.allclose(filters.sum(1), 1))
        ((20, 129), True)
    """
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)  # in Hz
    bins = np.arange(window // 2 + 1) * rate / window
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    filters = np.clip(np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)), 0, None)
    empty = filters.sum(1) == 0
    filters[empty, np.abs(bins - middle[empty]).argmin(1)] = 1.0
    return np.asarray(filters / filters.sum(1, keepdims=True), dtype=np.float32)
