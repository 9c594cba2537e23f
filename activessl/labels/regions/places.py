"""Where a region is: a box or a mask in a picture, a span in a text, a segment in a series or a recording.

All ends are exclusive. Pixels are those of the picture as it is shown; the pixel in row 0 and column 0 covers the
square from (0, 0) to (1, 1).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.errors import LabelError

__all__ = ["Box", "Mask", "Place", "PlaceKind", "Segment", "Span", "kind_of_place"]

#: The kinds of places, by the word for one of them.
PlaceKind = Literal["box", "mask", "span", "segment"]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle, possibly turned.

    Attributes:
        x: Horizontal position of the stored corner in pixels: without rotation, of the left side.
        y: Vertical position of the stored corner in pixels: without rotation, of the top.
        width: Extent along the (turned) horizontal side in pixels, > 0.
        height: Extent along the (turned) vertical side in pixels, > 0.
        rotation: Degrees clockwise about the stored corner, in [0, 360).

    Raises:
        LabelError: A number is not finite, or the box has no area.

    Example:
        >>> Box(10, 10, 4, 2, rotation=180).bounds
        (6.0, 8.0, 10.0, 10.0)
    """

    x: float
    y: float
    width: float
    height: float
    rotation: float = 0.0

    def __post_init__(self) -> None:
        values = (self.x, self.y, self.width, self.height, self.rotation)
        if not all(math.isfinite(value) for value in values):
            raise LabelError(f"box {values} has a number that is not finite", hint="give numbers in pixels")
        if self.width <= 0 or self.height <= 0:
            raise LabelError(
                f"box at ({self.x:g}, {self.y:g}) is {self.width:g} × {self.height:g} pixels: it has no area",
                hint="remove this box, or give it a width and a height above 0",
            )

    @property
    def corners(self) -> Float[np.ndarray, "4 2"]:
        """The corners (x, y), clockwise as seen, the stored one first."""
        angle = math.radians(self.rotation)
        if self.rotation % 90 == 0:  # exact: the sine of pi is not 0 in floating point
            cos, sin = ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[int(self.rotation // 90) % 4]
        else:
            cos, sin = math.cos(angle), math.sin(angle)
        steps = np.array([(0, 0), (self.width, 0), (self.width, self.height), (0, self.height)], dtype=np.float64)
        return np.asarray(steps @ np.array([(cos, sin), (-sin, cos)]) + (self.x, self.y))

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of the smallest upright box around it."""
        low, high = self.corners.min(axis=0), self.corners.max(axis=0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @property
    def upright(self) -> bool:
        """Whether its sides are horizontal and vertical."""
        return self.rotation % 90 == 0

    @property
    def extent(self) -> float:
        """Its area in square pixels."""
        return self.width * self.height


@dataclass(frozen=True)
class Mask:
    """A set of pixels, as run lengths row by row.

    Attributes:
        size: (height, width) of the picture in pixels.
        runs: Lengths of runs, alternately outside and inside, the first one outside and possibly 0; their sum is
            height × width.

    Raises:
        LabelError: The runs do not fill the picture.

    Example:
        >>> mask = Mask.of(np.array([[0, 1, 1], [1, 0, 0]], bool))
        >>> mask.runs, mask.extent
        ((1, 3, 2), 3)
    """

    size: tuple[int, int]
    runs: tuple[int, ...]

    def __post_init__(self) -> None:
        if min(self.runs, default=0) < 0 or sum(self.runs) != self.size[0] * self.size[1]:
            raise LabelError(
                f"the runs of a mask have {sum(self.runs):,} pixels in all, a picture of height {self.size[0]} and "
                f"width {self.size[1]} has {self.size[0] * self.size[1]:,}",
                hint="export the masks again at the size of their pictures",
            )

    @classmethod
    def of(cls, inside: Bool[np.ndarray, "h w"]) -> Mask:
        """Make a mask from an array that is True inside."""
        flat = np.asarray(inside, dtype=bool).ravel()
        edges = np.flatnonzero(np.diff(flat, prepend=False, append=False))
        # the end is an edge if the last run is inside
        ends = [] if flat.size and flat[-1] else [flat.size]
        bounds = np.concatenate([[0], edges, np.array(ends, dtype=np.int64)])
        height, width = inside.shape
        return cls((int(height), int(width)), tuple(np.diff(bounds).tolist()))

    def array(self) -> Bool[np.ndarray, "h w"]:
        """The mask as an array that is True inside."""
        values = np.arange(len(self.runs)) % 2 == 1
        return np.asarray(np.repeat(values, self.runs).reshape(self.size))

    @cached_property
    def _steps(self) -> tuple[Int[np.ndarray, " e"], Int[np.ndarray, " e"]]:
        """The ends of runs, and how many pixels inside come before each."""
        ends = np.concatenate([[0], np.cumsum(self.runs, dtype=np.int64)])
        inside = np.where(np.arange(len(self.runs)) % 2 == 1, self.runs, 0)
        return ends, np.concatenate([[0], np.cumsum(inside, dtype=np.int64)])

    @property
    def extent(self) -> int:
        """Its number of pixels."""
        return sum(self.runs[1::2])

    def shared(self, other: Mask) -> int:
        """The number of pixels that are inside of both; 0 for pictures of other sizes."""
        if self.size != other.size:
            return 0
        ends, before = self._steps
        bounds, _ = other._steps
        inside = np.interp(bounds, ends, before)  # pixels of this mask before each end of the other's runs
        return round(float(np.diff(inside)[1::2].sum()))


@dataclass(frozen=True, slots=True)
class Span:
    """Characters of a text.

    Attributes:
        start: First code point, from 0.
        end: The code point after the last one.

    Raises:
        LabelError: It is empty, or starts before the text.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        _check_ends("span", self.start, self.end)

    @property
    def extent(self) -> int:
        """Its number of code points."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a series or of a recording.

    Attributes:
        start: First sample, from 0; of recordings, also between samples.
        end: The sample after the last one.
        channel: The channel, or None for all.

    Raises:
        LabelError: It is empty, or starts before the first sample.
    """

    start: float
    end: float
    channel: int | None = None

    def __post_init__(self) -> None:
        _check_ends("segment", self.start, self.end)

    @property
    def extent(self) -> float:
        """Its number of samples."""
        return self.end - self.start


Place: TypeAlias = Box | Mask | Span | Segment

_KINDS: dict[type[Any], PlaceKind] = {Box: "box", Mask: "mask", Span: "span", Segment: "segment"}


def kind_of_place(place: Place) -> PlaceKind:
    """The kind of a place.

    Example:
        >>> kind_of_place(Span(0, 4))
        'span'
    """
    return _KINDS[type(place)]


def polygon(points: Sequence[tuple[float, float]], size: tuple[int, int]) -> Bool[np.ndarray, "h w"]:
    """The pixels whose centers are inside of a polygon, by the even-odd rule.

    Args:
        points: Corners (x, y) in pixels, in order; at least three.
        size: (height, width) of the picture.

    Example:
        >>> polygon([(0, 0), (2, 0), (2, 1), (0, 1)], (2, 3)).astype(int).tolist()
        [[1, 1, 0], [0, 0, 0]]
    """
    height, width = size
    corners = np.asarray(points, dtype=np.float64)
    a, b = corners, np.roll(corners, -1, axis=0)
    inside = np.zeros(size, dtype=bool)
    low = max(0, math.floor(corners[:, 1].min()))
    for row in range(low, min(height, math.ceil(corners[:, 1].max()))):
        y = row + 0.5
        crossed = (a[:, 1] <= y) != (b[:, 1] <= y)
        p, q = a[crossed], b[crossed]
        x = np.sort(p[:, 0] + (y - p[:, 1]) * (q[:, 0] - p[:, 0]) / (q[:, 1] - p[:, 1]))
        for left, right in zip(x[::2], x[1::2], strict=True):
            inside[row, max(0, math.ceil(left - 0.5)) : max(0, min(width, math.ceil(right - 0.5)))] = True
    return inside


def _check_ends(what: str, start: float, end: float) -> None:
    if not (math.isfinite(start) and math.isfinite(end)) or start < 0 or end <= start:
        raise LabelError(
            f"{what} from {start} to {end} is empty or starts before 0",
            hint=f"give each {what} a start of at least 0 and a larger end",
        )
