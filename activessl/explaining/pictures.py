"""The places of a picture: up to 12 along its longer side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from PIL import Image
from scipy import ndimage

Pixels = np.ndarray[Any, np.dtype[Any]]

#: What stands in hidden places: the picture's mean, the picture blurred, or what the picture has half its size away.
Fill = Literal["mean", "blur", "elsewhere"]

#: Places along the longer side; fewer where a place would have less than two pixels.
MOST = 12
#: The longer side of the copies, in pixels: the encoders read at most 224.
LARGEST = 256


@dataclass(frozen=True, eq=False)
class PicturePlaces:
    """A picture, divided into squares.

    Attributes:
        pixels: (h, w, c), reduced to at most 256 pixels.
        fill: (h, w, c) what hidden places show.
        grid: Rows and columns of places.
    """

    pixels: Float[np.ndarray, "h w c"]
    fill: Float[np.ndarray, "h w c"]
    grid: tuple[int, ...]
    deep: bool = False
    axes: tuple[str, ...] = ("row", "column")
    windows: tuple[tuple[int, ...], ...] = ((2, 2), (4, 4))

    def hide(self, hidden: Float[np.ndarray, "r s"]) -> Pixels:
        """The picture with hidden places, blended at their edges: a sharp edge would be new evidence."""
        height, width = self.pixels.shape[:2]
        soft = np.asarray(
            Image.fromarray(np.asarray(hidden, dtype=np.float32)).resize((width, height), Image.Resampling.BILINEAR)
        )[..., None]
        mixed = self.pixels + (self.fill - self.pixels) * soft
        whole = np.uint16 if self.deep else np.uint8
        return np.asarray(np.clip(np.rint(mixed), 0, np.iinfo(whole).max), dtype=whole)


def picture_places(picture: Pixels, sample_rate: int | None = None, fill: Fill = "elsewhere") -> PicturePlaces:  # noqa: ARG001
    """Divide a picture (h, w, c) of 8 or 16 bits into places.

    Args:
        picture: The decoded picture.
        sample_rate: Unused.
        fill: What hidden places show; see ``Fill``.

    Example:
        >>> picture_places(np.zeros((100, 200, 3), np.uint8)).grid, picture_places(np.zeros((1, 1, 1), np.uint8)).grid
        ((6, 12), (1, 1))
    """
    pixels = _reduced(np.asarray(picture, dtype=np.float32))
    height, width = pixels.shape[:2]
    longer = max(height, width)
    count = max(1, min(MOST, longer // 2))
    grid = tuple(max(1, round(count * side / longer)) for side in (height, width))
    return PicturePlaces(pixels, _fill(pixels, fill), grid, deep=picture.dtype == np.uint16)


def _fill(pixels: Float[np.ndarray, "h w c"], fill: Fill) -> Float[np.ndarray, "h w c"]:
    if fill == "mean":
        return np.broadcast_to(pixels.mean(axis=(0, 1)), pixels.shape)
    if fill == "blur":
        wide = max(pixels.shape[:2]) / 8
        return np.asarray(ndimage.gaussian_filter(pixels, (wide, wide, 0)))
    return np.roll(pixels, (pixels.shape[0] // 2, pixels.shape[1] // 2), axis=(0, 1))


def _reduced(pixels: Float[np.ndarray, "h w c"]) -> Float[np.ndarray, "h w c"]:
    """Reduce a picture to at most 256 pixels, channel by channel, in floating point: 16 bits stay 16 bits."""
    height, width = pixels.shape[:2]
    if max(height, width) <= LARGEST:
        return pixels
    scale = LARGEST / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    channels = [
        np.asarray(Image.fromarray(np.ascontiguousarray(pixels[..., c])).resize(size, Image.Resampling.BOX))
        for c in range(pixels.shape[2])
    ]
    return np.stack(channels, axis=-1)
