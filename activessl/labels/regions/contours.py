"""The outline of a mask as a polygon with few corners."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from activessl.labels.regions.overlap import iou
from activessl.labels.regions.places import Mask, polygon

__all__ = ["outline", "polygon_of", "simplified"]

#: A polygon must overlap its mask this much, or has a corner wherever the outline turns.
ENOUGH = 0.95
#: How far corners that are left out may lie from the polygon, in pixels: the largest that is good enough is taken.
_TOLERANCES = (8.0, 4.0, 2.0, 1.4, 1.0, 0.75)
#: Steps along the sides of pixels: right, down, left, up.
_STEPS = ((1, 0), (0, 1), (-1, 0), (0, -1))

Points = list[tuple[int, int]]


def polygon_of(mask: Mask) -> Points:
    """Return the corners (x, y), in pixels, of a polygon around the largest part of a mask; empty for an empty mask.

    Holes and smaller parts are lost. The polygon has few corners, so that people can move them, and overlaps the
    outlined part by 0.95 at least.

    Example:
        >>> inside = np.zeros((6, 8), bool)
        >>> inside[1:4, 2:7] = True
        >>> polygon_of(Mask.of(inside))
        [(2, 1), (7, 1), (7, 4), (2, 4)]
    """
    whole = outline(mask.array())
    if not whole:
        return []
    filled = Mask.of(polygon(whole, mask.size))
    for tolerance in _TOLERANCES:
        few = simplified(whole, tolerance)
        if len(few) >= 3 and iou(Mask.of(polygon(few, mask.size)), filled) >= ENOUGH:
            return few
    return whole


def outline(inside: Bool[np.ndarray, "h w"]) -> Points:
    """Return the corners of the outer edge of the largest part, clockwise as seen; parts may touch at a corner.

    Between the corners are the sides of pixels: the pixels whose centers are in the polygon are the part, its holes
    filled.

    Example:
        >>> outline(np.array([[0, 1], [1, 1]], bool))
        [(1, 0), (2, 0), (2, 2), (0, 2), (0, 1), (1, 1)]
    """
    padded = np.pad(np.asarray(inside, dtype=bool), 1)
    here = padded[1:-1, 1:-1]
    # a side of a pixel belongs to the edge where the pixel behind it is outside; clockwise, the inside on the right
    beyond = (padded[:-2, 1:-1], padded[1:-1, 2:], padded[2:, 1:-1], padded[1:-1, :-2])
    begins = ((0, 0), (1, 0), (1, 1), (0, 1))
    sides: dict[tuple[int, int], set[int]] = {}
    for direction, (other, (dx, dy)) in enumerate(zip(beyond, begins, strict=True)):
        for y, x in zip(*np.nonzero(here & ~other), strict=True):
            sides.setdefault((int(x) + dx, int(y) + dy), set()).add(direction)
    best: Points = []
    largest = 0.0
    while sides:
        start = min(sides, key=lambda point: (point[1], point[0]))
        loop, area = _walk(sides, start)
        if area > largest:
            best, largest = loop, area
    return best


def _walk(sides: dict[tuple[int, int], set[int]], start: tuple[int, int]) -> tuple[Points, float]:
    """Walk along sides, and remove them, until the start is reached; return the corners and the enclosed area."""
    corners: Points = []
    at, direction, area, before = start, min(sides[start]), 0.0, -1
    while True:
        found = sides[at]
        # where two parts touch at a corner, turn left first: both are one
        turns = [(direction + turn) % 4 for turn in (3, 0, 1)] if before >= 0 else [direction]
        direction = next(one for one in turns if one in found)
        found.discard(direction)
        if not found:
            del sides[at]
        if direction != before:
            corners.append(at)
        dx, dy = _STEPS[direction]
        area += at[0] * dy - at[1] * dx
        at, before = (at[0] + dx, at[1] + dy), direction
        if at == start and (at not in sides or not {(direction + turn) % 4 for turn in (3, 0, 1)} & sides[at]):
            return corners, area / 2


def simplified(points: Points, tolerance: float) -> Points:
    """Leave out corners of a closed polygon that lie within a distance of what is left.

    References:
        Douglas & Peucker, Algorithms for the Reduction of the Number of Points Required to Represent a Digitized Line
        or its Caricature, Cartographica 1973.

    Example:
        >>> simplified([(0, 0), (5, 1), (10, 0), (10, 10), (0, 10)], 1.5)
        [(0, 0), (10, 0), (10, 10), (0, 10)]
    """
    if len(points) < 4:
        return list(points)
    places = np.array(points, dtype=np.float64)
    # cut the circle at the two corners that are farthest apart, as seen from the first
    far = int(((places - places[0]) ** 2).sum(axis=1).argmax())
    kept = {0, far}
    ring = np.concatenate([places, places[:1]])
    pending = [(0, far), (far, len(points))]
    while pending:
        first, last = pending.pop()
        if last - first < 2:
            continue
        apart = _distances(ring[first + 1 : last], ring[first], ring[last])
        at = int(apart.argmax())
        if apart[at] > tolerance:
            middle = first + 1 + at
            kept.add(middle)
            pending += [(first, middle), (middle, last)]
    return [points[at] for at in sorted(kept)]


def _distances(
    points: Float[np.ndarray, "n 2"], start: Float[np.ndarray, " 2"], end: Float[np.ndarray, " 2"]
) -> Float[np.ndarray, " n"]:
    """The distance of points from the line between two others."""
    way = end - start
    length = float(way @ way)
    share = np.clip((points - start) @ way / length, 0, 1) if length else np.zeros(len(points))
    return np.asarray(np.sqrt(((points - start - share[:, None] * way) ** 2).sum(axis=1)))
