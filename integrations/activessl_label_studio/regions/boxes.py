"""Boxes: RectangleLabels and Rectangle. Percents of the picture as it is shown, turned clockwise about a corner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activessl.errors import LabelError
from activessl.labels.regions.checks import check_region
from activessl.labels.regions.places import Box
from activessl.labels.regions.region import Region
from activessl_label_studio.regions.extents import Extent, Unreadable, number

__all__ = ["box_of", "size_of", "value_of_box"]


def size_of(entry: Mapping[str, Any], extent: Extent) -> tuple[int, int]:
    """Return (height, width) of the picture of a result: the known size, else the one that the browser stored.

    Raises:
        Unreadable: Neither is known.
    """
    if len(extent.shape) >= 2:
        return extent.shape[0], extent.shape[1]
    sides = entry.get("original_height"), entry.get("original_width")
    if not all(isinstance(side, int) and 0 < side < 1_000_000 for side in sides):
        raise Unreadable("has no original_width and original_height, and the size of the picture is not known")
    return int(sides[0] or 0), int(sides[1] or 0)


def box_of(value: Mapping[str, Any], entry: Mapping[str, Any], extent: Extent) -> Box:
    """Return the box of a result, in pixels.

    Raises:
        Unreadable: It is outside of the picture, has no area, or is no box.

    Example:
        >>> value = {"x": 25, "y": 50, "width": 50, "height": 10, "rotation": 0}
        >>> box_of(value, {}, Extent((100, 200)))
        Box(x=50.0, y=50.0, width=100.0, height=10.0, rotation=0.0)
    """
    height, width = size_of(entry, extent)
    if entry.get("image_rotation"):
        raise Unreadable(f"was drawn on the picture turned by {entry['image_rotation']} degrees")
    x, y, w, h = (number(value.get(name), name) for name in ("x", "y", "width", "height"))
    turned = number(value.get("rotation", 0) or 0, "rotation") % 360
    try:
        # percents leave 10.000000000000002 of 10 pixels; what was stored is kept beside, to the last digit
        left, wide = (round(value * width / 100, 9) for value in (x, w))
        top, high = (round(value * height / 100, 9) for value in (y, h))
        box = Box(left, top, wide, high, turned)
        # of a turned box only the center has to be inside: people turn boxes at the edge
        if box.upright:
            check_region(Region(box, ()), (height, width), "box")
    except LabelError as error:
        raise Unreadable(f"does not fit: {error.message}; a box has percents of the picture") from None
    left, top, right, bottom = box.bounds
    if not (0 <= left + right <= 2 * width and 0 <= top + bottom <= 2 * height):
        raise Unreadable("is a box whose center is outside of the picture; a box has percents of the picture")
    return box


def value_of_box(box: Box, extent: Extent) -> dict[str, Any]:
    """Return the value of a box: percents, never rounded.

    Example:
        >>> value_of_box(Box(50, 50, 100, 10), Extent((100, 200)))
        {'x': 25.0, 'y': 50.0, 'width': 50.0, 'height': 10.0, 'rotation': 0.0}
    """
    height, width = extent.shape[:2]
    return {
        "x": 100 * box.x / width,
        "y": 100 * box.y / height,
        "width": 100 * box.width / width,
        "height": 100 * box.height / height,
        "rotation": float(box.rotation),
    }
