"""Masks: BrushLabels and Brush (run lengths of RGBA pixels), PolygonLabels and Polygon (percents).

The run-length code is read and written by label-studio-sdk. It is not trusted: a few bytes can claim gigabytes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from activessl.labels.regions.places import Mask, polygon
from activessl_label_studio.regions.boxes import size_of
from activessl_label_studio.regions.extents import Extent, Unreadable, number

__all__ = ["INSIDE", "mask_of", "value_of_mask"]

#: A pixel is inside from this opacity on, of 255: the edge of a brush is soft, and half of a pixel is half opaque.
INSIDE = 128

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
    if value.get("format", "rle") != "rle" or not isinstance(value.get("rle"), list):
        raise Unreadable("has no mask in run lengths")
    return Mask.of(_decoded(value["rle"], size) >= INSIDE)


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


def _decoded(code: list[Any], size: tuple[int, int]) -> Any:
    """Return the opacities of the pixels."""
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
    return np.asarray(values).reshape(*size, 4)[..., 3]


def value_of_mask(mask: Mask) -> dict[str, Any]:
    """Return the value of a mask, for a Brush."""
    from label_studio_sdk.converter import brush

    coder: Any = brush  # untyped in the SDK
    return {"format": "rle", "rle": coder.mask2rle(mask.array().astype(np.uint8) * 255)}
