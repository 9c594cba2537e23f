"""Parts of recordings: frames of a few milliseconds, each with the loudness of bands as wide as those of human hearing.

Values are decibels below the loudest band of the recording. Nothing is learned.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Float

from activessl.encoders.parts.base import ItemParts, Stored, to_half
from activessl.encoders.parts.registry import PartEntry
from activessl.encoders.sound.mel import choose_mel, mel_filters
from activessl.encoders.store import fingerprint_of
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress

#: Bands, the frames that give a part, and decibels below the loudest at which a band is silent.
BANDS, JOINED, FLOOR = 32, 2, 80.0


@dataclass(frozen=True, eq=False)
class FrameEncoder:
    """The bands of a recording: mean and spread over the frames of a part; 128 bytes a part."""

    rate: int
    window: int
    name: str = "melframes"
    dims: tuple[int, ...] = (2 * BANDS,)
    flat: bool = True

    @property
    def fingerprint(self) -> str:
        """Digest of the settings."""
        return fingerprint_of("melframes", {"rate": self.rate, "window": self.window, "joined": JOINED}, {})

    @property
    def provenance(self) -> dict[str, Any]:
        """The settings."""
        return {"objective": "loudness of bands", "samples in a part": self.step}

    @property
    def step(self) -> int:
        """Samples in a part."""
        return JOINED * (self.window // 4)

    def parts(self, pool: Pool, batch_size: int) -> Iterator[ItemParts]:  # noqa: ARG002  one recording at a time
        """Yield the frames of the pool's recordings, whole."""
        for row in range(len(pool)):
            clip = np.asarray(cast("np.ndarray[Any, Any]", pool.read(row)), dtype=np.float32)
            yield self.of(clip)

    def of(self, clip: Float[np.ndarray, "c t"]) -> ItemParts:
        """The parts of one recording.

        Example:
            >>> found = FrameEncoder(8000, 256).of(np.sin(np.arange(1000, dtype=np.float32))[None])
            >>> found.levels[0].shape, found.bounds[-1].tolist()
            ((1, 8, 64), [896, 1000])
        """
        sound = clip.mean(axis=0)
        length, hop = len(sound), self.window // 4
        count = -(-length // self.step)
        padded = np.pad(sound, (self.window // 2, self.window // 2 + count * self.step - length))
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.window)[::hop][: count * JOINED]
        taper = np.hanning(self.window).astype(np.float32)
        filters = mel_filters(self.rate, self.window, BANDS)
        bands = np.concatenate(  # in pieces: spectra take many times the memory of the sound
            [np.abs(np.fft.rfft(some * taper, axis=1)) ** 2 @ filters.T for some in _pieces(frames, 4096)]
        )
        loudest = float(bands.max())
        quiet = np.maximum(bands / loudest if loudest > 0 else bands, 1e-30)
        bright = np.clip(1 + 10 * np.log10(quiet) / FLOOR, 0, 1).reshape(count, JOINED, BANDS)
        vectors = np.concatenate([bright.mean(axis=1), bright.max(axis=1) - bright.min(axis=1)], axis=1)
        starts = np.arange(count) * self.step
        bounds = np.stack([starts, np.minimum(starts + self.step, length)], axis=1)
        return ItemParts((to_half(vectors)[None],), bounds)


def _pieces(rows: np.ndarray[Any, Any], size: int) -> Iterator[np.ndarray[Any, Any]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def fit(
    pool: Pool,
    *,
    folder: Path,  # noqa: ARG001  of the protocol: nothing is learned
    seed: int = 0,  # noqa: ARG001
    minutes: float = 0.0,  # noqa: ARG001
    on_progress: OnProgress | None = None,  # noqa: ARG001
) -> FrameEncoder:
    """Choose the window for a pool: about 32 ms.

    Raises:
        EncoderError: The pool holds no audio, or its sample rate is unknown.
    """
    mel = choose_mel(pool)
    return FrameEncoder(mel.rate, mel.window)


ENTRY = PartEntry(
    fit=fit,
    modalities=("audio",),
    summary="loudness of bands in frames of 16 ms: nothing is learned",
    stored=lambda encoder: Stored((), {"rate": encoder.rate, "window": encoder.window}),
    load=lambda _, settings: FrameEncoder(int(settings["rate"]), int(settings["window"])),
)
