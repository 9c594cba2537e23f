"""Sounds: (1, samples) in [-1, 1], at one rate."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from activessl.pool.decoders.sounds import ENDINGS, RATE, as_wav, decode_sound
from activessl.pool.drawable import played
from activessl.pool.forms.base import (
    Array,
    Arrays,
    Column,
    Files,
    Form,
    Long,
    Reading,
    last_is_short,
    length,
    recording_shape,
)
from activessl.pool.traits.signals import SOUND

if TYPE_CHECKING:
    from activessl.pool.recordings.base import Recording


def _samples(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    return len(shape) == 1 and dtype == np.int16


def portable(content: bytes, read: Callable[[], Array]) -> tuple[bytes, str, str]:
    """Return a file that browsers play unchanged, such as WAV of 16 or 24 bits; write other sounds as WAV."""
    if (kind := played(content)) is not None:
        return content, *kind
    return _wav(np.asarray(read())), "wav", "audio/wav"


def _wav(samples: Array) -> bytes:
    channels = np.atleast_2d(samples)
    peak = max(float(np.abs(channels).max(initial=0.0)), 1.0)
    return as_wav((channels.T * (32767 / peak)).astype("<i2"), RATE)


def vary(sound: Array, rng: np.random.Generator) -> Array:
    """Vary a sound: shift it in time by up to 5 %, scale its volume by 0.7 to 1.3, add noise."""
    moved = np.roll(sound, int(rng.integers(-sound.shape[-1] // 20, sound.shape[-1] // 20 + 1)), axis=-1)
    noise = rng.normal(size=sound.shape) * 0.02 * float(np.std(sound))
    return np.asarray(moved * rng.uniform(0.7, 1.3) + noise, dtype=np.float32)


def _column(_: Collection[str], binary: Collection[str]) -> str | None:
    return next((name for name in ("audio", "sound") if name in binary), next(iter(binary), None))


def _long(path: Path) -> Recording:
    from activessl.pool.recordings.sounds import SoundRecording  # only where recordings are cut

    return SoundRecording(path)


def _decoded(found: Reading, rate: int | None) -> Recording:
    from activessl.pool.recordings.sounds import DecodedSound

    return DecodedSound(np.asarray(found.media), rate or RATE)


FORM = Form(
    name="audio",
    plural="sound files",
    shown="sound",
    encoder=("melpatches", "k-means on patches of the spectrogram needs seconds on a CPU"),
    files=Files(lambda: ENDINGS, decode_sound, sample_rate=RATE),
    arrays=(
        Arrays(
            "data",
            _samples,
            "(samples,) of int16",
            lambda stored: (stored.astype(np.float32) / 32768)[None],
            beside=frozenset({"offsets", "sample_rate"}),
        ),
    ),
    column=Column(_column, decode_sound, sample_rate=RATE, holds="Audio"),
    is_tiny=last_is_short,
    size=length,
    shape_text=recording_shape,
    portable=portable,
    vary=vary,
    layouts=frozenset({"folders", "huggingface"}),
    content=SOUND,
    long=Long(_decoded, dict.fromkeys(ENDINGS, _long)),
)
