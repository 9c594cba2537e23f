"""How an item looks on a page: a small picture, the course of a series, a spectrogram, or the beginning of a text."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING

import numpy as np

from activessl.errors import ActiveSSLError
from activessl.reports.pictures import EXCERPT, POINTS, THUMBNAIL, Array, numbers, png, thumbnail
from activessl.reports.strips import Reconstructed, Strip, strips

if TYPE_CHECKING:
    from activessl.pool.pool import Pool

__all__ = ["Look", "look", "spectrogram"]


@dataclass(frozen=True, slots=True)
class Look:
    """How one item looks; all parts are empty for items that cannot be read or shown, such as vectors.

    Attributes:
        id: The item.
        picture: A ``data:`` URI of an image, or of the spectrogram of a sound; None for others.
        strips: The first channels of a series; empty for others.
        text: The beginning of a text; empty for others.
    """

    id: str
    picture: str | None = None
    strips: tuple[Strip, ...] = ()
    text: str = ""


def look(pool: Pool | None, item: str) -> Look:
    """Read one item for a page; without a pool, or if the item cannot be read, only its id is shown."""
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
            return Look(item, picture=spectrogram(pool, media))
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


def spectrogram(pool: Pool, sound: Array) -> str | None:
    """Draw the spectrogram of a sound (channels, samples), low frequencies below; None without a sample rate."""
    rate = getattr(pool.source, "sample_rate", None)
    if not rate or sound.ndim != 2 or not sound.size:
        return None
    from activessl.encoders.sound.mel import MelInput  # imports torch

    pixels = MelInput(rate=int(rate), side=THUMBNAIL).tensor(sound)[0]
    return png(np.ascontiguousarray(pixels[::-1]))
