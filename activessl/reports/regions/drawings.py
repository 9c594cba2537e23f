"""How the regions of an item are drawn on a page: shapes over a picture, bands over a series, marks in a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from activessl.errors import ActiveSSLError
from activessl.labels.regions.places import Box, Mask, Segment, Span
from activessl.labels.regions.region import Region, Regions
from activessl.pool.decoders.levels import for_screen
from activessl.pool.pool import Pool
from activessl.reports.looks import course, spectrogram
from activessl.reports.pictures import png
from activessl.reports.strips import HEIGHT, WIDTH, Strip

__all__ = ["Drawing", "Mark", "Shape", "drawing"]

#: Longest side of a drawn picture in pixels, characters of a text, and classes with a color of their own.
SIDE, _CHARACTERS, COLORS = 200, 400, 6


@dataclass(frozen=True, slots=True)
class Shape:
    """One region as an SVG path.

    Attributes:
        path: In the coordinates of the drawing.
        name: Its classes.
        color: Number of its color, from 0.
    """

    path: str
    name: str
    color: int


@dataclass(frozen=True, slots=True)
class Mark:
    """A piece of a text; ``name`` is empty outside of spans."""

    text: str
    name: str = ""
    color: int = 0


@dataclass(frozen=True, slots=True)
class Drawing:
    """An item with regions; only the parts of its form are there.

    Attributes:
        width: Of the drawing in pixels.
        height: Of the drawing in pixels.
        picture: A ``data:`` URI, for pictures and recordings.
        strips: The first channels of a series.
        shapes: The regions, but for texts.
        marks: The text in pieces.
        times: How many times as large it is shown: small pictures are enlarged.
    """

    width: int = 0
    height: int = 0
    picture: str | None = None
    strips: tuple[Strip, ...] = ()
    shapes: tuple[Shape, ...] = ()
    marks: tuple[Mark, ...] = ()
    times: int = 1


def drawing(pool: Pool | None, item: str, regions: Regions, classes: Sequence[str]) -> Drawing | None:
    """Draw the regions of an item; None if it cannot be read."""
    if pool is None or item not in pool:
        return None
    color = {name: at % COLORS for at, name in enumerate(classes)}
    try:
        media: Any = pool.read(pool.row(item))
        if pool.form.shown == "picture":
            return _picture(np.asarray(media), regions, color)
        if isinstance(media, str):
            return Drawing(marks=_marks(media, regions, color))
        picture = spectrogram(pool, media) if pool.form.shown == "sound" else None
    except ActiveSSLError:
        return None
    found = () if pool.form.shown == "sound" else course(media)
    bands = tuple(
        Shape(
            _rectangle(
                one.place.start * WIDTH / media.shape[-1],
                0,
                max(1.0, (one.place.end - one.place.start) * WIDTH / media.shape[-1]),
                HEIGHT,
            ),
            "|".join(one.classes),
            _color(one, color),
        )
        for one in regions
        if isinstance(one.place, Segment)
    )
    return Drawing(WIDTH, HEIGHT, picture, found, bands)


def _picture(pixels: Any, regions: Regions, color: dict[str, int]) -> Drawing:
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    shown = pixels if pixels.dtype == np.uint8 else for_screen(pixels)
    shapes = []
    for one in regions:
        if isinstance(one.place, Box):
            corners = (one.place.corners * scale).round(1).tolist()
            path = "M" + "L".join(f"{x:g} {y:g}" for x, y in corners) + "Z"
        elif isinstance(one.place, Mask):
            path = _runs(one.place.array(), scale)
        else:
            continue
        shapes.append(Shape(path, "|".join(one.classes), _color(one, color)))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    times = max(1, SIDE // max(size))
    return Drawing(size[0], size[1], png(shown, largest=SIDE), shapes=tuple(shapes), times=times)


def _runs(inside: Any, scale: float) -> str:
    """A mask as rows of rectangles, at the size of the drawing."""
    height, width = (max(1, round(n * scale)) for n in inside.shape)
    # a pixel of the drawing is inside if the pixel at its center is
    rows, columns = ((np.arange(n) + 0.5) * m // n for n, m in zip((height, width), inside.shape, strict=True))
    small = inside[rows.astype(int)][:, columns.astype(int)]
    found = []
    for y, row in enumerate(small):
        edges = np.flatnonzero(np.diff(row.astype(np.int8), prepend=0, append=0)).tolist()
        found += [_rectangle(a, y, b - a, 1) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    return "".join(found)


def _rectangle(x: float, y: float, width: float, height: float) -> str:
    return f"M{x:.5g} {y:.5g}h{width:.5g}v{height:.5g}h{-width:.5g}Z"


def _marks(text: str, regions: Regions, color: dict[str, int]) -> tuple[Mark, ...]:
    """The beginning of a text, cut where spans begin and end; of spans that overlap, the first is marked."""
    found, at = [], 0
    spans = sorted((one for one in regions if isinstance(one.place, Span)), key=lambda one: one.place.start)  # type: ignore[union-attr]  # pyright: ignore
    for one in spans:
        place: Any = one.place
        if place.start < at or place.start >= _CHARACTERS:
            continue
        found += [Mark(text[at : place.start])] if place.start > at else []
        found.append(Mark(text[place.start : place.end], "|".join(one.classes), _color(one, color)))
        at = place.end
    rest = text[at : max(at, _CHARACTERS)]
    found += [Mark(rest + (" …" if len(text) > max(at, _CHARACTERS) else ""))] if rest else []
    return tuple(found)


def _color(region: Region, color: dict[str, int]) -> int:
    return color.get(region.classes[0], 0) if region.classes else 0
