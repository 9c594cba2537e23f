"""Masks: BrushLabels and Brush (run lengths of RGBA pixels), PolygonLabels and Polygon (percents).

The run-length code is read and written by label-studio-sdk. It is not trusted: a few bytes can claim gigabytes.

A region holds its pixels once, in its place. Beside that, its entries hold only what the place does not say: the pixels
of the soft edge (``SOFT``). From both the code can be made again, with the opacity of each pixel.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from activessl.labels.regions.contours import polygon_of
from activessl.labels.regions.places import Mask, polygon
from activessl_label_studio.regions.boxes import size_of
from activessl_label_studio.regions.extents import Extent, Unreadable, number

__all__ = ["INSIDE", "SOFT", "mask_of", "restored", "shortened", "value_of_mask", "value_of_polygon"]

#: A pixel is inside from this opacity on, of 255: the edge of a brush is soft, and half of a pixel is half opaque.
INSIDE = 128

#: The key, in the place of the run lengths, of the pixels that are neither 0 nor 255: [pixels before it, opacity, …].
#: ``OF`` tells of which mask they are.
SOFT, OF = "soft", "of"

#: Pixels of the largest picture whose masks are read.
_PIXELS = 100_000_000


def mask_of(value: Mapping[str, Any], entry: Mapping[str, Any], extent: Extent) -> Mask:
    """Return the mask of a result; it may have no pixel, as a click leaves one.

    Raises:
        Unreadable: It has another size than the picture, or is no mask.
    """
    size = size_of(entry, extent)
    if entry.get("image_rotation"):
        raise Unreadable(f"was drawn on the picture turned by {entry['image_rotation']} degrees")
    if size[0] * size[1] > _PIXELS:
        raise Unreadable(f"is a mask of {size[0] * size[1]:,} pixels, more than {_PIXELS:,}")
    if "points" in value:
        return Mask.of(polygon(_points(value, size), size))
    return Mask.of(_opacity(value, size) >= INSIDE)


def shortened(entry: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
    """Return an entry without the run lengths of its mask, if ``restored`` can make them again.

    Example:
        >>> mask = Mask.of(np.array([[True, True, False]]))
        >>> shortened({"id": "a", "value": value_of_mask(mask)}, mask)
        {'id': 'a', 'value': {'format': 'rle', 'rle': {'of': '5c606b8d', 'soft': []}}}
    """
    value = entry.get("value")
    if not isinstance(value, Mapping) or not isinstance(value.get("rle"), list):
        return dict(entry)
    try:
        pixels = _pixels(value["rle"], mask.size)
    except Unreadable:  # of another tag, which may store what it likes
        return dict(entry)
    opacity, inside = pixels[..., 3], mask.array()
    if (pixels != opacity[..., None]).any() or ((opacity >= INSIDE) != inside).any():
        return dict(entry)  # colours, or another place: kept as they are
    soft = np.flatnonzero(opacity.ravel() != np.where(inside, 255, 0).ravel())
    steps = np.diff(soft, prepend=0)
    told = np.stack([steps, opacity.ravel()[soft]], axis=1).ravel().tolist()
    return {**entry, "value": {**value, "rle": {OF: _name(mask), SOFT: told}}}


def restored(entry: Mapping[str, Any], mask: Mask) -> dict[str, Any]:
    """Return an entry with the run lengths that ``shortened`` left out; those of the mask alone, if it is another now.

    Example:
        >>> mask = Mask.of(np.array([[True, True, False]]))
        >>> whole = {"id": "a", "value": value_of_mask(mask)}
        >>> restored(shortened(whole, mask), mask) == whole
        True
    """
    value = entry.get("value")
    short = value.get("rle") if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping) or not isinstance(short, Mapping):
        return dict(entry)
    soft = np.asarray(short.get(SOFT, ()), dtype=np.int64).reshape(-1, 2)
    opacity = np.where(mask.array(), 255, 0).astype(np.uint8)
    at = np.cumsum(soft[:, 0])
    if short.get(OF) == _name(mask) and (at < opacity.size).all() and (soft >= 0).all() and (soft[:, 1] < 256).all():
        opacity.reshape(-1)[at] = soft[:, 1]
    return {**entry, "value": {**value, "rle": _code(opacity)}}


def _name(mask: Mask) -> str:
    """A short name of a mask, equal for equal masks."""
    return hashlib.sha256(repr((mask.size, mask.runs)).encode()).hexdigest()[:8]


def _points(value: Mapping[str, Any], size: tuple[int, int]) -> list[tuple[float, float]]:
    points, (height, width) = value["points"], size
    if not isinstance(points, list) or not all(isinstance(point, list) and len(point) == 2 for point in points):
        raise Unreadable("is a polygon without a list of points")
    if len(points) < 3 or value.get("closed") is False:
        raise Unreadable(f"is a polygon of {len(points)} points that is not closed")
    found = [(number(x, "x") * width / 100, number(y, "y") * height / 100) for x, y in points]
    if not all(-1 <= x <= width + 1 and -1 <= y <= height + 1 for x, y in found):
        raise Unreadable("is a polygon with a point outside of the picture; points are percents of the picture")
    return found


def _opacity(value: Mapping[str, Any], size: tuple[int, int]) -> Any:
    """Return the opacity of each pixel."""
    if value.get("format", "rle") != "rle" or not isinstance(value.get("rle"), list):
        raise Unreadable("has no mask in run lengths")
    return _pixels(value["rle"], size)[..., 3]


def _pixels(code: list[Any], size: tuple[int, int]) -> Any:
    """Return the colours and the opacities of the pixels: (height, width, 4)."""
    from label_studio_sdk.converter.brush import decode_rle

    count = size[0] * size[1] * 4
    try:
        said = int.from_bytes(bytes(code[:4]), "big")
        if said != count:
            raise Unreadable(
                f"is a mask of {said // 4:,} pixels, but the picture has {size[0] * size[1]:,} ({size[1]} × {size[0]})"
            )
        values = decode_rle(bytes(code))
    except (ValueError, TypeError, OverflowError, IndexError):
        raise Unreadable("has run lengths that cannot be read") from None
    return np.asarray(values).reshape(*size, 4)


def value_of_mask(mask: Mask) -> dict[str, Any]:
    """Return the value of a mask, for a Brush."""
    return {"format": "rle", "rle": _code(mask.array().astype(np.uint8) * 255)}


def value_of_polygon(mask: Mask) -> dict[str, Any]:
    """Return the value of the outline of a mask, for a Polygon: few corners, without holes.

    Raises:
        Unreadable: The mask has no pixel.

    Example:
        >>> value_of_polygon(Mask.of(np.array([[True, True, False, False], [True, True, False, False]])))
        {'points': [[0.0, 0.0], [50.0, 0.0], [50.0, 100.0], [0.0, 100.0]], 'closed': True}
    """
    height, width = mask.size
    points = [[100 * x / width, 100 * y / height] for x, y in polygon_of(mask)]
    if not points:
        raise Unreadable("is a mask without a pixel, which has no outline")
    return {"points": points, "closed": True}


def _code(opacity: Any) -> Any:
    """The run lengths of opacities, 0 to 255."""
    from label_studio_sdk.converter import brush

    coder: Any = brush  # untyped in the SDK
    return coder.mask2rle(opacity)
