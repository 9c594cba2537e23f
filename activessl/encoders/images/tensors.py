"""Images of any size and bit depth -> tensors of one size, the common input of all image encoders."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Protocol, cast

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from activessl.encoders.compute.side_by_side import decoded
from activessl.errors import EncoderError
from activessl.pool.decoders.levels import level_for, levels_of, peak_of
from activessl.pool.pool import Pool

#: The largest side that is chosen by default: a CPU trains on such images in minutes.
LARGEST_SIDE = 64


@dataclass(frozen=True)
class ImageInput:
    """How an image becomes a tensor.

    Attributes:
        side: Height and width in pixels; the image is resized to a square.
        channels: 1 (gray) or 3.
        scale16: The value of a 16-bit image that becomes white.
        lower16: The values that become white in images of fewer bits beside those, ascending.
    """

    side: int
    channels: int
    scale16: float = 65535.0
    lower16: tuple[float, ...] = ()

    def tensor(self, image: np.ndarray[Any, np.dtype[Any]]) -> UInt8[np.ndarray, "c s s"]:
        """Turn one decoded image (h, w, 1 or 3) into (c, side, side) of uint8.

        Example:
            >>> ImageInput(side=4, channels=3).tensor(np.zeros((9, 5, 1), np.uint16)).shape
            (3, 4, 4)
        """
        # 16 bits to 8, scaled by the white level of its depth; in float, because an integer product would overflow
        if image.dtype == np.uint16:
            white = level_for(image, (*self.lower16, self.scale16))
            image = np.clip(image.astype(np.float32) * (255.0 / white), 0, 255).astype(np.uint8)

        # no conversion is needed: skip Pillow, which would copy the pixels twice
        if image.shape == (self.side, self.side, self.channels) and image.dtype == np.uint8:
            return np.ascontiguousarray(image.transpose(2, 0, 1))

        # gray <-> color, then resize; Pillow's box filter does not alias when it shrinks
        picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
        if picture.mode != "L" and self.channels == 1:
            picture = picture.convert("L")
        if picture.size != (self.side, self.side):
            picture = picture.resize((self.side, self.side), Image.Resampling.BILINEAR, reducing_gap=3.0)
        pixels = np.asarray(picture)
        if pixels.ndim == 3:
            return np.ascontiguousarray(pixels.transpose(2, 0, 1))
        # a gray image gets three equal channels after it was resized: a third of the work
        return np.repeat(pixels[None], self.channels, axis=0)

    def batches(self, pool: Pool, batch_size: int) -> Iterator[torch.Tensor]:
        """Yield the pool in order as (b, c, side, side) of uint8; the next batch is decoded while one is in use."""

        def load(rows: range) -> torch.Tensor:
            return torch.from_numpy(np.stack([self.tensor(read_image(pool, row)) for row in rows]))

        return decoded(load, pool, batch_size)

    def to_json(self) -> dict[str, Any]:
        """As JSON values, for the encoder's configuration."""
        return {name: value for name, value in asdict(self).items() if name != "lower16" or value}


def choose_input(pool: Pool, *, side: int | None = None, seed: int = 0) -> ImageInput:
    """Choose side, channels and white levels for a pool: the median side up to 64 pixels, gray if all images are gray.

    Args:
        pool: Images.
        side: The side to use instead, >= 8.
        seed: Seed of the sample of images for the white level, where the pool does not know the peaks of its images.

    Raises:
        EncoderError: The pool holds no images, or the side is too small.
    """
    if pool.modality != "image":
        raise EncoderError(f"this encoder reads images, not {pool.modality}", hint="use the encoder 'auto'")
    if side is not None and side < 8:
        raise EncoderError(f"side = {side} is too small", hint="set side to at least 8 pixels")
    shapes = np.array([item.shape for item in pool.items])
    median = int(np.median(shapes[:, :2]))
    chosen = side or max(8, min(LARGEST_SIDE, median))
    channels = 1 if shapes[:, 2].max() == 1 else 3

    peaks = [item.peak for item in pool.items]
    if not any(peaks):
        rows = np.random.default_rng(seed).permutation(len(pool))[:64]
        peaks = [peak_of(read_image(pool, int(row))) for row in rows]
    *lower, white = levels_of(peaks) or (65535.0,)
    return ImageInput(chosen, channels, white, tuple(lower))


class Pictures(Protocol):
    """Turns the items of a pool into pictures of one size: images, or spectrograms of audio."""

    @property
    def side(self) -> int:
        """Height and width in pixels."""
        ...

    def batches(self, pool: Pool, batch_size: int) -> Iterator[torch.Tensor]:
        """Yield the pool in order as (b, c, side, side) of uint8."""
        ...

    def to_json(self) -> dict[str, Any]:
        """As JSON values, for the encoder's configuration."""
        ...


def sample_tensor(pool: Pool, image: Pictures, *, limit: int, seed: int) -> torch.Tensor:
    """Draw up to ``limit`` items of the pool at random, as one tensor (n, c, side, side) of uint8.

    The items stay in pool order. A pool with at most ``limit`` items is used completely.
    """
    if len(pool) > limit:
        rows = np.sort(np.random.default_rng(seed).choice(len(pool), limit, replace=False))
        pool = pool.subset(pool.ids[row] for row in rows)
    return torch.cat(list(image.batches(pool, 256)))


def read_image(pool: Pool, row: int) -> np.ndarray[Any, np.dtype[Any]]:
    """The decoded image at a row."""
    return cast("np.ndarray[Any, np.dtype[Any]]", pool.read(row))
