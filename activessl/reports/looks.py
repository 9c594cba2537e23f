"""How an item looks on a page: a small picture, the course of a series, a spectrogram, or the beginning of a text."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np

from activessl.errors import ActiveSSLError
from activessl.reports.pictures import EXCERPT, POINTS, THUMBNAIL, Array, numbers, png, thumbnail
from activessl.reports.strips import Reconstructed, Strip, strips

if TYPE_CHECKING:
    from activessl.pool.pool import Pool

#: Seconds of a sound that a page plays, and the most samples a second: enough to understand speech.
HEARD, SPOKEN = 3.0, 8_000

__all__ = ["Look", "look", "spectrogram"]


@dataclass(frozen=True, slots=True)
class Look:
    """How one item looks; all parts are empty for items that cannot be read or shown, such as vectors.

    Attributes:
        id: The item.
        picture: A ``data:`` URI of an image, or of the spectrogram of a sound; None for others.
        strips: The first channels of a series; empty for others.
        text: The beginning of a text; empty for others.
        sound: A ``data:`` URI of the first seconds of a sound; None for others, and on pages with too many of them.
    """

    id: str
    picture: str | None = None
    strips: tuple[Strip, ...] = ()
    text: str = ""
    sound: str | None = None


def look(pool: Pool | None, item: str, *, heard: bool = False) -> Look:
    """Read one item for a page; without a pool, or if the item cannot be read, only its id is shown.

    Args:
        pool: The items.
        item: The id of the item.
        heard: Whether a sound can be played: three seconds are 64 kB of the page.
    """
    if pool is None or item not in pool:
        return Look(item)
    try:
        if pool.form.shown == "picture":
            return Look(item, picture=thumbnail(pool, item))
        if pool.form.shown is None:
            return Look(item)
        media = pool.read(pool.row(item))
        if isinstance(media, str):
            return Look(item, text=shorten(media, EXCERPT, placeholder=" …") or "(empty)")
        if pool.form.shown == "sound":
            return Look(item, picture=spectrogram(pool, media), sound=playable(pool, media) if heard else None)
    except ActiveSSLError:
        return Look(item)
    return Look(item, strips=course(media) if media.ndim == 2 else ())


def course(values: Array) -> tuple[Strip, ...]:
    """Lay out the first channels of a series, (channels, time)."""
    step = -(-values.shape[1] // POINTS)
    drawn = values[:, ::step].astype(np.float64)
    length = drawn.shape[1]
    nothing = tuple((None,) * length for _ in drawn)
    return strips(Reconstructed("", series=numbers(drawn), hidden=(False,) * length, drawn=nothing))


def playable(pool: Pool, sound: Array) -> str | None:
    """Write the first seconds of a sound (channels, samples) in [-1, 1] as WAV; None without a sample rate."""
    rate = getattr(pool.source, "sample_rate", None)
    if not rate or sound.ndim != 2 or not sound.size:
        return None
    from activessl.pool.decoders.sounds import as_wav, at_rate  # imports SciPy

    heard = sound[:1, : round(HEARD * rate)].astype(np.float32)
    slow = min(int(rate), SPOKEN)
    samples = (heard if slow == rate else at_rate(heard, int(rate), slow))[0]
    # quiet sounds are made louder: the page has one volume for all
    loudest = float(np.nanmax(np.abs(samples), initial=0.0))
    scaled = np.nan_to_num(samples) * (0.9 / loudest if loudest > 0 else 0.0)
    wav = as_wav(np.round(32767 * scaled).astype(np.int16), slow)
    return "data:audio/wav;base64," + base64.b64encode(wav).decode()


def spectrogram(pool: Pool, sound: Array) -> str | None:
    """Draw the spectrogram of a sound (channels, samples), low frequencies below; None without a sample rate."""
    rate = getattr(pool.source, "sample_rate", None)
    if not rate or sound.ndim != 2 or not sound.size:
        return None
    from activessl.encoders.sound.mel import MelInput  # imports torch

    pixels = MelInput(rate=int(rate), side=THUMBNAIL).tensor(sound)[0]
    return png(np.ascontiguousarray(pixels[::-1]))
