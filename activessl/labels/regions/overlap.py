"""Intersection over union of two places of one kind, in [0, 1]."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from activessl.labels.regions.places import Box, Mask, Place, Segment, Span

__all__ = ["box_ious", "iou"]


def iou(a: Place, b: Place) -> float:
    """Intersection over union: shared area, pixels, characters or samples, divided by those of either.

    Places of different kinds, masks of pictures of different sizes, and segments of different channels share nothing.

    Example:
        >>> from activessl.labels.regions.places import Box, Segment, Span
        >>> iou(Span(0, 4), Span(2, 6)), iou(Box(0, 0, 2, 2), Box(0, 1, 2, 2)), iou(Span(0, 2), Segment(0, 2))
        (0.3333333333333333, 0.3333333333333333, 0.0)
        >>> round(iou(Box(0, 0, 2, 2), Box(1, 1 - 2**0.5, 2, 2, rotation=45)), 3)  # turned about their common center
        0.707
    """
    shared = _shared(a, b)
    union = a.extent + b.extent - shared
    return float(shared / union) if union > 0 else 0.0


def box_ious(a: Float[np.ndarray, "n 4"], b: Float[np.ndarray, "m 4"]) -> Float[np.ndarray, "n m"]:
    """Intersection over union of upright boxes (left, top, right, bottom), each with each.

    Example:
        >>> box_ious(np.array([[0.0, 0, 2, 2]]), np.array([[0.0, 1, 2, 3], [5, 5, 6, 6]])).round(3).tolist()
        [[0.333, 0.0]]
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.prod(np.clip(high - low, 0, None), axis=2)
    areas = (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) for boxes in (a, b))
    first, second = areas
    union = first[:, None] + second[None] - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0))


def _shared(a: Place, b: Place) -> float:
    if isinstance(a, Box) and isinstance(b, Box):
        return _shared_box(a, b)
    if isinstance(a, Mask) and isinstance(b, Mask):
        return a.shared(b)
    if isinstance(a, Span) and isinstance(b, Span):
        return max(0, min(a.end, b.end) - max(a.start, b.start))
    if isinstance(a, Segment) and isinstance(b, Segment) and a.channel == b.channel:
        return max(0.0, min(a.end, b.end) - max(a.start, b.start))
    return 0.0


def _shared_box(a: Box, b: Box) -> float:
    left, top, right, bottom = (
        pick(pair) for pick, pair in zip((max, max, min, min), zip(a.bounds, b.bounds, strict=True), strict=True)
    )
    if right <= left or bottom <= top:
        return 0.0
    if a.upright and b.upright:
        return (right - left) * (bottom - top)
    return _area(_clipped(a.corners, b.corners))


def _clipped(subject: Float[np.ndarray, "p 2"], window: Float[np.ndarray, "4 2"]) -> Float[np.ndarray, "q 2"]:
    """The part of a convex polygon inside another one (Sutherland & Hodgman, CACM 1974); both clockwise as seen."""
    points = subject
    for start, end in zip(window, np.roll(window, -1, axis=0), strict=True):
        if not len(points):
            break
        side = (end[0] - start[0]) * (points[:, 1] - start[1]) - (end[1] - start[1]) * (points[:, 0] - start[0])
        kept: list[Float[np.ndarray, " 2"]] = []
        for here in range(len(points)):
            there = (here + 1) % len(points)
            if side[here] >= 0:
                kept.append(points[here])
            if (side[here] >= 0) != (side[there] >= 0):
                share = side[here] / (side[here] - side[there])
                kept.append(points[here] + share * (points[there] - points[here]))
        points = np.array(kept).reshape(-1, 2)
    return points


def _area(points: Float[np.ndarray, "p 2"]) -> float:
    x, y = points[:, 0], points[:, 1]
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
