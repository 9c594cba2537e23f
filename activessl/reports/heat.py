"""A map over its item: heat and an outline on a picture, shaded stretches of a series, marked words of a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from activessl.explaining.places import Places
from activessl.explaining.recordings import SeriesPlaces
from activessl.explaining.sounds import SoundPlaces
from activessl.explaining.windows import strongest
from activessl.explaining.words import TextPlaces
from activessl.pool.decoders.levels import for_screen
from activessl.reports.pictures import POINTS, Array, numbers, png
from activessl.reports.strips import SHOWN_CHANNELS, Reconstructed, Strip, strips
from activessl.steps.explain import Explained

#: The larger side of a picture on the page, in pixels.
_SIDE = 240
#: Colors of what speaks for and against: orange and blue, which people with any color vision tell apart.
_FOR, _AGAINST = np.array([230.0, 97.0, 0.0]), np.array([30.0, 90.0, 200.0])
#: Levels of the marks of words, and of the stretches of a series.
LEVELS = 3


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of a text.

    Attributes:
        text: The piece.
        level: -3 (strongly against the class) to 3 (strongly for it).
        best: Whether it is in the best fifth.
    """

    text: str
    level: int
    best: bool


@dataclass(frozen=True, slots=True)
class Heat:
    """A map, drawn; the parts that do not fit the form of the item are empty.

    Attributes:
        picture: ``data:`` URI of the picture, or of the spectrogram.
        heat: The same with the map over it.
        strips: Channels of a series; their hidden parts are the best fifth.
        words: Pieces of a text.
        summary: The map in words, for screen readers.
    """

    picture: str = ""
    heat: str = ""
    strips: tuple[Strip, ...] = ()
    words: tuple[Word, ...] = ()
    summary: str = ""


def heat_of(explained: Explained, media: Any) -> Heat | None:
    """Draw the map of an item; None without a map.

    Args:
        explained: The item with its map.
        media: The decoded item.
    """
    places, found = explained.places, explained.map
    if places is None or found is None:
        return None
    values = found.values
    told = summary_of(values, found.axes, places)
    if isinstance(places, TextPlaces):
        best = strongest(values)
        return Heat(
            words=tuple(Word(*one) for one in zip(places.parts, _levels(values), best.tolist(), strict=True)),
            summary=told,
        )
    if isinstance(places, SeriesPlaces):
        drawn, channels = _strips(places, values)
        count = len(places.values)
        which = (
            f"; channel{'s' * (len(channels) > 1)} {', '.join(str(c + 1) for c in channels)} of {count}"
            if count > 1
            else ""
        )
        return Heat(strips=drawn, summary=f"{told}{which}")
    if isinstance(places, SoundPlaces):
        pixels, values = _spectrogram(places), values[::-1]  # low pitches are at the bottom
    else:
        pixels = np.asarray(media)
        pixels = pixels if pixels.dtype == np.uint8 else for_screen(pixels)
    shown = _sized(pixels)
    return Heat(picture=png(shown), heat=png(_over(shown, values)), summary=told)


def summary_of(values: Array, axes: tuple[str, ...], places: Places) -> str:
    """Say where the strongest place is.

    Example:
        >>> from activessl.explaining.words import word_places
        >>> summary_of(np.array([0.1, 2.0]), ("word",), word_places("a scratch"))
        'strongest: word 2 of 2 (scratch)'
    """
    at = np.unravel_index(int(np.argmax(values)), values.shape)
    where = ", ".join(f"{axis} {int(i) + 1} of {n}" for axis, i, n in zip(axes, at, values.shape, strict=True))
    return f"strongest: {where}" + (f" ({places.parts[at[0]].strip()})" if isinstance(places, TextPlaces) else "")


def _levels(values: Array) -> list[int]:
    most = float(np.abs(values).max()) or 1.0
    return [int(np.sign(v) * min(LEVELS, np.ceil(LEVELS * abs(v) / most - 0.5))) for v in values.ravel().tolist()]


def _sized(pixels: Array) -> Array:
    """The picture at the size of the page, in RGB; small ones are enlarged without smoothing."""
    from PIL import Image

    plain = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    picture = Image.fromarray(np.ascontiguousarray(plain)).convert("RGB")
    scale = _SIDE / max(picture.size)
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    return np.asarray(picture.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BOX))


def _over(picture: Array, values: Array) -> Array:
    """The picture in gray with the map in color, and a line around the best fifth: readable without color, too."""
    from PIL import Image

    height, width = picture.shape[:2]
    most = float(np.abs(values).max()) or 1.0
    wide = np.asarray(
        Image.fromarray((values / most).astype(np.float32)).resize((width, height), Image.Resampling.BICUBIC)
    )
    gray = picture.mean(axis=2, keepdims=True)
    opacity = 0.75 * np.clip(np.abs(wide), 0, 1)[..., None] ** 1.5
    color = np.where(wide[..., None] > 0, _FOR, _AGAINST)
    mixed = gray * (1 - opacity) + color * opacity
    inside = np.asarray(
        Image.fromarray(strongest(values).astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST)
    ).astype(bool)
    edge = np.zeros_like(inside)
    for axis in (0, 1):
        for step in (1, -1, 2, -2):
            edge |= inside & ~np.roll(inside, step, axis=axis)
    mixed[edge] = 255.0
    ring = np.zeros_like(inside)
    for axis in (0, 1):
        for step in (1, -1):
            ring |= np.roll(edge, step, axis=axis)
    mixed[ring & ~edge] = 0.0  # white on black is seen on any picture
    return np.asarray(np.clip(np.rint(mixed), 0, 255), dtype=np.uint8)


def _spectrogram(places: SoundPlaces) -> Array:
    """The power of each band over time in decibels, black to white over 60 dB; one row of pixels a band and a half."""
    loud = np.abs(places.spectrum).mean(axis=0) ** 2
    bands = np.stack([loud[places.band == band].mean(axis=0) for band in range(places.grid[0])])
    decibels = 10 * np.log10(np.maximum(bands / max(float(bands.max()), 1e-30), 1e-30))
    pixels = (np.clip(1 + decibels / 60, 0, 1) * 255).astype(np.uint8)[::-1]
    factor = (max(1, 48 // len(pixels)), max(1, 96 // pixels.shape[1]))
    return np.repeat(np.repeat(pixels, factor[0], axis=0), factor[1], axis=1)[..., None]


def _strips(places: SeriesPlaces, values: Array) -> tuple[tuple[Strip, ...], list[int]]:
    """The channels with the strongest places, with the best fifth shaded, and their numbers."""
    best, series = strongest(values), places.values
    group = np.arange(len(series)) * values.shape[0] // len(series)
    order = np.argsort(-np.where(best, values, 0).sum(axis=1)[group], kind="stable")[:SHOWN_CHANNELS]
    channels = sorted(order.tolist())
    step = -(-series.shape[1] // POINTS)
    at = np.arange(series.shape[1])[::step]
    drawn: list[Strip] = []
    for channel in channels:
        hidden = best[group[channel]][at * values.shape[1] // series.shape[1]]
        line = numbers(series[channel : channel + 1, ::step].astype(np.float64))
        nothing = ((None,) * len(at),)
        drawn += strips(Reconstructed("", series=line, hidden=tuple(hidden.tolist()), drawn=nothing))
    return tuple(drawn), channels
