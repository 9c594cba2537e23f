"""Images: (h, w, c) of 8 or 16 bits."""

from __future__ import annotations

import io
from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from activessl.errors import PoolError
from activessl.pool.decoders.levels import for_screen
from activessl.pool.drawable import drawn
from activessl.pool.forms.base import Array, Arrays, Column, Files, Form, Long, Reading, channels_text, plain_shape
from activessl.pool.recordings.cut import VIDEOS
from activessl.pool.traits.pictures import CONTENT

if TYPE_CHECKING:
    from activessl.pool.recordings.base import Recording


def _suffixes() -> Collection[str]:
    from activessl.pool.decoders.decode import image_suffixes  # imports Pillow, needed only for folders

    return image_suffixes()


def _decode(content: bytes) -> Array:
    from activessl.pool.decoders.decode import decode_image

    return decode_image(content)


def _inspect(content: bytes) -> Reading:
    from activessl.pool.decoders.decode import read_picture

    return read_picture(content)


def _png_of(image: Array) -> bytes:
    from activessl.pool.decoders.decode import encode_png

    return encode_png(image)


def _pixels(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    fits = len(shape) in (3, 4) and dtype in (np.uint8, np.uint16) and (len(shape) == 3 or shape[3] in (1, 3))
    return fits and 0 not in shape[1:]


def _bytes(shape: tuple[int, ...], dtype: np.dtype[Any]) -> bool:
    return len(shape) == 1 and dtype == np.uint8


def _column(_: Collection[str], binary: Collection[str]) -> str | None:
    return next((name for name in ("image", "img") if name in binary), next(iter(binary), None))


def portable(content: bytes, read: Callable[[], Array]) -> tuple[bytes, str, str]:
    """Return a file that browsers draw unchanged, such as a PNG of 8 bits; write other images as PNG of 8 bits."""
    if (kind := drawn(content)) is not None:
        return content, *kind
    return _shown_png(np.asarray(read()), deep=content.startswith(b"\x89PNG")), "png", "image/png"


def _shown_png(pixels: Array, *, deep: bool = False) -> bytes:
    """Write pixels as PNG; with ``deep``, as those of a file of more than 8 bits, whatever they were read as."""
    from PIL import Image

    if pixels.dtype != np.uint8 or deep:
        pixels = for_screen(pixels)
    if pixels.ndim == 3 and (pixels.shape[2] == 1 or pixels.shape[2] not in (3, 4)):
        pixels = pixels[:, :, 0]
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def shape_text(shape: tuple[int, ...]) -> str:
    """Word the shape (h, w, c) of an image.

    Example:
        >>> shape_text((120, 200, 1))
        'width 200, height 120, 1 channel'
    """
    if len(shape) != 3:
        return plain_shape(shape)
    height, width, channels = shape
    return f"width {width:,}, height {height:,}, {channels_text(channels)}"


def vary(image: Array, rng: np.random.Generator) -> Array:
    """Vary an image: crop it to at least 85 % of each side, mirror it or not, scale brightness by 0.8 to 1.2."""
    height, width = image.shape[:2]
    h, w = (max(1, round(size * rng.uniform(0.85, 1.0))) for size in (height, width))
    top, left = rng.integers(height - h + 1), rng.integers(width - w + 1)
    part = image[top : top + h, left : left + w]
    if rng.random() < 0.5:
        part = part[:, ::-1]
    brightest = np.iinfo(image.dtype).max
    return np.clip(part * rng.uniform(0.8, 1.2), 0, brightest).astype(image.dtype)


def _video(path: Path) -> Recording:
    from activessl.pool.recordings.videos import Video  # only where videos are read

    return Video(path)


def _whole_video(_: bytes) -> Array:
    raise PoolError("a video is no image", hint="read its frames with data.frames in activessl.toml")


FORM = Form(
    name="image",
    plural="images",
    shown="picture",
    encoder=(
        "patches",
        "k-means on patches needs seconds on a CPU, and finds better neighbors than a network trained for minutes",
    ),
    pretrained="backbone",
    files=Files(_suffixes, _decode, first=True, inspect=_inspect),
    arrays=(
        Arrays(
            "images",
            _pixels,
            "(n, h, w) or (n, h, w, 1 or 3) of uint8 or uint16",
            lambda stored: stored[:, :, None] if stored.ndim == 2 else stored,
            content=_png_of,
        ),
        Arrays(
            "data",
            _bytes,
            "(bytes,) of uint8",
            lambda stored: _decode(stored.tobytes()),
            beside=frozenset({"offsets", "format"}),
            encoded=True,
        ),
    ),
    column=Column(_column, _decode, _inspect, holds="Image"),
    is_tiny=lambda shape: min(shape[:2]) < 8,
    size=lambda shape: tuple(map(float, shape[:2])),
    shape_text=shape_text,
    portable=portable,
    vary=vary,
    layouts=frozenset({"folders", "huggingface", "coco"}),
    content=CONTENT,
    long=Long(None, dict.fromkeys(VIDEOS, _video), Files(lambda: VIDEOS, _whole_video)),
)
