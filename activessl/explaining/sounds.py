"""The places of a sound: bands of mel and stretches of time of its spectrogram."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Complex, Float, Int

from activessl.later import later

if TYPE_CHECKING:
    from scipy import signal
else:
    signal = later("scipy.signal")  # seconds, and every report imports this module

#: Bands and stretches of time.
BANDS, TIMES = 12, 16
#: The level of a hidden place, as a quantile of the level of each frequency over time: what is there when nothing is.
QUIET = 0.2
#: The frequency from which the mel scale is logarithmic (O'Shaughnessy, Speech Communication, 1987).
_CORNER = 700.0


@dataclass(frozen=True, eq=False)
class SoundPlaces:
    """A sound, divided by pitch and time.

    Attributes:
        wave: (c, t) the samples.
        spectrum: (c, bins, frames) its short-time Fourier transform.
        band: (bins,) the band of each bin.
        stretch: (frames,) the stretch of time of each frame.
        window: Samples in a frame.
        grid: Bands and stretches of time.
        edges: (bands + 1,) edges of the bands in Hz.
    """

    wave: Float[np.ndarray, "c t"]
    spectrum: Complex[np.ndarray, "c b f"]
    band: Int[np.ndarray, " b"]
    stretch: Int[np.ndarray, " f"]
    window: int
    grid: tuple[int, ...]
    edges: Float[np.ndarray, " e"]
    axes: tuple[str, ...] = ("band", "time")
    windows: tuple[tuple[int, ...], ...] = ((2, 2), (4, 4))

    def hide(self, hidden: Float[np.ndarray, "g s"]) -> Float[np.ndarray, "c t"]:
        """The sound with hidden places, lowered to the quiet level of each frequency."""
        loud = np.abs(self.spectrum)
        quiet = np.quantile(loud, QUIET, axis=2, keepdims=True)
        gain = np.minimum(1.0, quiet / np.maximum(loud, 1e-12))
        share = np.asarray(hidden)[self.band][:, self.stretch]
        if not share.any():
            return self.wave
        _, wave = signal.istft(self.spectrum * (1 - share * (1 - gain)), nperseg=self.window)
        length = self.wave.shape[1]
        out = np.zeros_like(self.wave)
        out[:, : min(length, wave.shape[1])] = wave[:, :length]
        return out


def sound_places(wave: Float[np.ndarray, "c t"], sample_rate: int | None = None) -> SoundPlaces:
    """Divide a sound (channels, samples) into places.

    Args:
        wave: The decoded sound.
        sample_rate: Samples a second; 16,000 where it is not known.

    Example:
        >>> sound_places(np.zeros((1, 8000), np.float32), 8000).grid
        (12, 16)
    """
    rate = sample_rate or 16_000
    length = wave.shape[1]
    window = max(2, min(2 ** round(np.log2(0.032 * rate)), length // 2 * 2))
    if length < 4:  # no frames to divide
        none = np.zeros((len(wave), 1, 1), dtype=complex)
        zero = np.zeros(1, dtype=int)
        return SoundPlaces(wave, none, zero, zero, window, (1, 1), np.array([0.0, rate / 2]))
    hertz, _, spectrum = signal.stft(wave, nperseg=window)
    top = np.log1p(rate / 2 / _CORNER)
    place = np.log1p(hertz * rate / _CORNER) / top  # stft's frequencies are in cycles a sample
    bands, times = min(BANDS, len(hertz)), min(TIMES, spectrum.shape[2])
    # a band of low pitch may hold no bin: bands are numbered by the bins that there are
    used, band = np.unique(np.minimum((place * bands).astype(int), bands - 1), return_inverse=True)
    edges = _CORNER * np.expm1(np.append(used, bands) / bands * top)
    stretch = np.arange(spectrum.shape[2]) * times // spectrum.shape[2]
    return SoundPlaces(wave, spectrum, band, stretch, window, (len(used), times), edges)
