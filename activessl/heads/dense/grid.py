"""The grid of parts over an item, and which share of each part a region covers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from activessl.labels.regions.places import Box, Mask, Place, Segment, Span

#: Share of a box's sides, around its center, whose parts count as the box; those between there and the edge count as
#: nothing: boxes side by side would touch otherwise.
INNER = 0.6


@dataclass(frozen=True, eq=False)
class Grid:
    """The places of an item's parts.

    Attributes:
        shape: Rows and columns; one row for series, recordings and texts.
        extent: (height, width) of a picture in pixels; (length,) in samples or code points.
        bounds: (columns, 2) start and end of each part in a row; None for pictures.
    """

    shape: tuple[int, int]
    extent: tuple[int, ...]
    bounds: Int[np.ndarray, "c 2"] | None = None

    @property
    def centers(self) -> Float[np.ndarray, "p 2"]:
        """(x, y) of each part of a picture in pixels, row by row."""
        (rows, columns), (height, width) = self.shape, self.extent
        y, x = np.mgrid[:rows, :columns]
        return np.stack([(x.ravel() + 0.5) * width / columns, (y.ravel() + 0.5) * height / rows], axis=1)


def coverage(place: Place, grid: Grid) -> Float[np.ndarray, "r c"]:
    """The share of each part that a region covers, in [0, 1]; -1 for parts of a box that count as nothing.

    Example:
        >>> grid = Grid((1, 3), (9,), np.array([[0, 3], [3, 6], [6, 9]]))
        >>> coverage(Span(2, 6), grid).astype(float).round(2).tolist()
        [[0.33, 1.0, 0.0]]
        >>> coverage(Box(0, 0, 4, 4), Grid((2, 2), (8, 8))).tolist()
        [[1.0, 0.0], [0.0, 0.0]]
    """
    if isinstance(place, Mask):
        rows, columns = (_shares(n, size) for n, size in zip(grid.shape, place.size, strict=True))
        return np.asarray(rows @ place.array().astype(np.float32) @ columns.T)
    if isinstance(place, Span | Segment):
        if grid.bounds is None:
            raise TypeError("spans and segments need parts with a start and an end")
        starts, ends = grid.bounds[:, 0], grid.bounds[:, 1]
        shared = np.clip(np.minimum(ends, place.end) - np.maximum(starts, place.start), 0, None)
        return np.asarray(shared / np.maximum(ends - starts, 1), dtype=np.float32)[None]
    return _of_box(place, grid)


def _of_box(box: Box, grid: Grid) -> Float[np.ndarray, "r c"]:
    left, top, right, bottom = box.bounds
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    size = np.array([right - left, bottom - top])
    away = np.abs(grid.centers - middle) / size  # 0.5 at the edge
    found = np.where((away <= INNER / 2).all(axis=1), 1.0, np.where((away <= 0.5).all(axis=1), -1.0, 0.0))
    if not (found > 0).any():  # smaller than a part
        found[np.abs(grid.centers - middle).max(axis=1).argmin()] = 1.0
    return found.reshape(grid.shape).astype(np.float32)


@lru_cache(maxsize=256)
def _shares(parts: int, size: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """(parts, size) the weight of each pixel in the mean of each part; a pixel on an edge counts in part."""
    edges = np.arange(parts + 1) * size / parts
    pixels = np.arange(size)
    shared = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    return np.asarray(np.clip(shared, 0, None) * parts / size, dtype=np.float32)
