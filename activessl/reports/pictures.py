"""Pictures in a page: thumbnails as ``data:`` URIs, and the values of series."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np

from activessl.errors import ActiveSSLError
from activessl.labels.answers import NONE
from activessl.pool.decoders.levels import for_screen
from activessl.pool.forms.series import rounded
from activessl.pool.pool import Pool
from activessl.project.snapshot import Snapshot

__all__ = ["EXCERPT", "POINTS", "THUMBNAIL", "label_of", "numbers", "png", "readable_pool", "thumbnail"]

THUMBNAIL = 72  # pixels
EXCERPT = 90  # characters
#: Most time steps that are drawn, about one for each pixel.
POINTS = 340

Array = np.ndarray[Any, np.dtype[Any]]


def readable_pool(snapshot: Snapshot) -> Pool | None:
    """Return the pool; None if it cannot be read: the report is then made without pictures."""
    try:
        return snapshot.project.pool()
    except ActiveSSLError:
        return None


def thumbnail(pool: Pool, item: str) -> str | None:
    """Return a small picture as a ``data:`` URI; None for items that are no images, or cannot be read."""
    if pool.form.shown != "picture":
        return None
    try:
        pixels = np.asarray(pool.source.read(item))
    except ActiveSSLError:
        return None
    if pixels.dtype != np.uint8:
        pixels = for_screen(pixels)
    return png(pixels, largest=THUMBNAIL)


def label_of(snapshot: Snapshot, item: str) -> str | None:
    """Return the label of an item; None while it has none."""
    found = snapshot.history.labels.get(item)
    return None if found is None else ", ".join(found.classes) or NONE


def png(pixels: Array, largest: int | None = None) -> str:
    """Return a picture as a ``data:`` URI, shrunk to at most ``largest`` pixels a side."""
    from PIL import Image

    picture = Image.fromarray(
        np.ascontiguousarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
    )
    if largest is not None:
        picture.thumbnail((largest, largest))
    out = io.BytesIO()
    picture.save(out, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def numbers(values: Array) -> tuple[tuple[float | None, ...], ...]:
    """The values of each channel of a series as they are drawn; None where a value is missing."""
    return tuple(tuple(rounded(row, 5)) for row in values)
