"""Regions that an item cannot have: refused by name, so that no label is moved or lost in silence."""

from __future__ import annotations

from activessl.errors import LabelError
from activessl.labels.regions.places import Box, Mask, Segment, Span
from activessl.labels.regions.region import Region

__all__ = ["check_region"]

#: A box may end this far outside of its picture, in pixels: formats round, some count pixels from 1.
_ROUNDED = 1.0


def check_region(region: Region, shape: tuple[int, ...], where: str, *, cut: bool = False) -> Region:
    """Return the region if the item can have it.

    Args:
        region: The region.
        shape: (height, width, …) of a picture, (channels, time) of a series or a recording, (characters,) of a text.
        where: The words for the item and the region, for the error.
        cut: Whether an upright box that lies partly outside is cut at the edge of the picture; by default it is
            refused, except for a pixel of rounding.

    Raises:
        LabelError: The box is outside of the picture, the mask has another size, or the span or segment ends after the
            item.

    Example:
        >>> from activessl.labels.regions.places import Span
        >>> check_region(Region(Span(0, 9), ("place",)), (5,), "row 3")
        Traceback (most recent call last):
        activessl.errors.LabelError: row 3: span from 0 to 9 ends after the text, which has 5 characters
         hint: count code points from 0, the end exclusive
    """
    place = region.place
    if isinstance(place, Box):
        return _check_box(region, place, shape, where, cut)
    if isinstance(place, Mask) and place.size != shape[:2]:
        raise LabelError(
            f"{where}: the mask has height {place.size[0]} and width {place.size[1]}, the picture {shape[0]} and "
            f"{shape[1]}",
            hint="export the masks again at the size of their pictures",
        )
    if isinstance(place, Span) and place.end > shape[0]:
        raise LabelError(
            f"{where}: span from {place.start} to {place.end} ends after the text, which has {shape[0]:,} characters",
            hint="count code points from 0, the end exclusive",
        )
    if isinstance(place, Segment):
        if place.end > shape[1]:
            raise LabelError(
                f"{where}: segment from {place.start:g} to {place.end:g} ends after the item, which has "
                f"{shape[1]:,} samples",
                hint="give segments in samples from 0, the end exclusive",
            )
        if place.channel is not None and not 0 <= place.channel < shape[0]:
            raise LabelError(f"{where}: there is no channel {place.channel}", hint=f"use 0 to {shape[0] - 1}")
    return region


def _check_box(region: Region, box: Box, shape: tuple[int, ...], where: str, cut: bool) -> Region:
    height, width = shape[:2]
    left, top, right, bottom = box.bounds
    beyond = max(-left, -top, right - width, bottom - height)
    gone = right <= 0 or bottom <= 0 or left >= width or top >= height
    if beyond <= _ROUNDED and not gone:
        return region
    if not cut or gone or not box.upright:
        raise LabelError(
            f"{where}: the box from ({left:g}, {top:g}) to ({right:g}, {bottom:g}) is outside of the picture, which "
            f"has width {width} and height {height}",
            hint="give boxes in pixels of the picture as it is shown",
        )
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, width), min(bottom, height)
    return Region(Box(left, top, right - left, bottom - top), region.classes, region.score, region.id, region.rest)
