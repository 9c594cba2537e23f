"""Every item of a pool a little changed, as a camera, a sensor or a writer would change it: the class stays.

A pool of views is a pool like any other, so that any encoder can be asked whether it knows an item again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from activessl.encoders.series.rocket import vary
from activessl.errors import EncoderError
from activessl.pool.pool import Item, Media, Modality, Pool, Source, Unreadable

Array = np.ndarray[Any, np.dtype[Any]]

#: What can be changed without changing its class; a vector cannot.
MODALITIES: tuple[Modality, ...] = ("audio", "image", "series", "text")


def varied(pool: Pool, seed: int = 0) -> Pool:
    """The same items, each a little changed; the same seed changes them alike.

    Args:
        pool: Images (cropped, mirrored, lightened), audio (shifted, louder, noisy), series (cropped, louder, noisy)
            or texts (words left out).
        seed: Of the changes.

    Raises:
        EncoderError: Vectors: nobody knows what may be changed about them.
    """
    if pool.modality not in MODALITIES:
        raise EncoderError(f"a {pool.modality} has no views", hint="compare encoders of images, audio, series or texts")
    return Pool(items=pool.items, source=_Varied(pool.source, seed))


@dataclass(frozen=True)
class _Varied:
    source: Source
    seed: int

    @property
    def modality(self) -> Modality:
        return self.source.modality

    @property
    def location(self) -> Path:
        return self.source.location

    @property
    def sample_rate(self) -> int | None:
        return getattr(self.source, "sample_rate", None)

    def scan(self) -> Iterator[Item | Unreadable]:
        return self.source.scan()

    def path(self, item_id: str) -> Path | None:  # noqa: ARG002  of the protocol: no file holds a view
        return None

    def content(self, item_id: str) -> bytes:
        return self.source.content(item_id)

    def read(self, item_id: str) -> Media:
        media = self.source.read(item_id)
        rng = np.random.default_rng([self.seed, int.from_bytes(sha256(item_id.encode()).digest()[:8], "big")])
        if isinstance(media, str):
            return _fewer_words(media, rng)
        if self.modality == "image":
            return _another_photo(media, rng)
        if self.modality == "series":
            return vary(np.asarray(media, dtype=np.float32), rng, shortest=0.8, loudness=0.1, noise=0.05)
        return _another_recording(media, rng)


def _fewer_words(text: str, rng: np.random.Generator) -> str:
    words = text.split()
    kept = rng.random(len(words)) > 0.15
    return " ".join(word for word, keep in zip(words, kept, strict=True) if keep) if kept.any() else text


def _another_photo(image: Array, rng: np.random.Generator) -> Array:
    height, width = image.shape[:2]
    h, w = (max(1, round(size * rng.uniform(0.85, 1.0))) for size in (height, width))
    top, left = rng.integers(height - h + 1), rng.integers(width - w + 1)
    part = image[top : top + h, left : left + w]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    brightest = np.iinfo(image.dtype).max
    return np.clip(part * rng.uniform(0.8, 1.2), 0, brightest).astype(image.dtype)


def _another_recording(wave: Array, rng: np.random.Generator) -> Array:
    # a recording begins a little sooner or later, nearer or farther, in another noise
    moved = np.roll(wave, int(rng.integers(-wave.shape[-1] // 20, wave.shape[-1] // 20 + 1)), axis=-1)
    noise = rng.normal(size=wave.shape) * 0.02 * float(np.std(wave))
    return np.asarray(moved * rng.uniform(0.7, 1.3) + noise, dtype=np.float32)
