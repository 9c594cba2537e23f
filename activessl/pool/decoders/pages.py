"""Pages and frames of an image file: which of them are channels of one picture."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

from PIL import Image, TiffImagePlugin

from activessl.errors import PoolError

#: Formats whose frames are pictures one after the other, and the word for one. The further pictures in the files of
#: other formats are previews, gain maps or layers.
_FRAMES = {"GIF": "frame", "PNG": "frame", "WEBP": "frame", "AVIF": "frame", "TIFF": "page"}

_DESCRIPTION, _SUBFILE = 270, 254
#: A page that is a reduced version of another (1) or a mask of it (4).
_BESIDE = 1 | 4


class Pages(NamedTuple):
    """What is read of a file with several pages.

    Attributes:
        pages: The pages that are the channels of the picture; one page for most files.
        remark: What is left out, or put together; None for a file of one page.
    """

    pages: tuple[int, ...]
    remark: str | None = None


def pages_of(image: Image.Image) -> Pages:
    """Choose the pages of an open image that make up one picture.

    Args:
        image: The image, at its first page, where it is left.

    Raises:
        PoolError: Its pages are more channels than a picture has.
    """
    word = _FRAMES.get(image.format or "")
    count = _full_pages(image) if word is not None else 1
    if count < 2:
        return Pages((0,))
    sizes = _axes(image)
    if sizes is None:
        return Pages((0,), f"the first of {count:,} {word}s is read")
    channels, planes, step = sizes
    pages = tuple(range(0, channels * step, step))
    if pages[-1] >= count:  # the file is one part of a picture in several files
        return Pages((0,), f"the first of {count:,} pages is read")
    if channels > 3:
        raise PoolError(
            f"image has {channels} channels as pages, a picture has 1 to 3",
            hint="save the channels that show the classes, at most three",
        )
    rest = f", the first of {planes:,} planes is read" if planes > 1 else ""
    if channels == 1:
        return Pages((0,), f"the first of {planes:,} planes is read")
    return Pages(
        pages, f"{channels} pages are its channels, {('red and green', 'red, green and blue')[channels - 2]}{rest}"
    )


def _full_pages(image: Image.Image) -> int:
    """How many pages a file has without reduced versions and masks; the first pages are the full ones."""
    count = 1
    with suppress(Exception):  # a page behind the first may be damaged
        count = int(getattr(image, "n_frames", 1))
        if isinstance(image, TiffImagePlugin.TiffImageFile) and count > 1:
            size, full = image.size, 0
            for page in range(count):
                image.seek(page)
                full += image.size == size and not int(image.tag_v2.get(_SUBFILE, 0)) & _BESIDE
            count = full
    with suppress(Exception):
        image.seek(0)
    return count


def _axes(image: Image.Image) -> tuple[int, int, int] | None:
    """Channels, planes of each channel, and the step from a channel to the next, as microscopes write them."""
    if not isinstance(image, TiffImagePlugin.TiffImageFile):
        return None
    told = image.tag_v2.get(_DESCRIPTION)
    if not isinstance(told, str):
        return None
    with suppress(Exception):  # a description is free text, and may be cut off
        if told.startswith("ImageJ="):
            values = dict(line.split("=", 1) for line in told.splitlines() if "=" in line)
            sizes = {"C": int(values.get("channels", 1)), "Z": int(values.get("slices", 1))}
            sizes["T"] = int(values.get("frames", int(values.get("images", 1)) // (sizes["C"] * sizes["Z"])))
            order = "CZT"
        elif "<OME" in told[:2_000]:
            from defusedxml.ElementTree import fromstring

            pixels = next(node for node in fromstring(told).iter() if node.tag.endswith("}Pixels"))
            sizes = {axis: int(pixels.get(f"Size{axis}", "1")) for axis in "CZT"}
            order = pixels.get("DimensionOrder", "XYCZT")[2:]
            samples = [int(n.get("SamplesPerPixel", "1")) for n in pixels if n.tag.endswith("}Channel")]
            if any(each > 1 for each in samples):
                sizes["C"] = max(1, len(samples))
        else:
            return None
        step = 1
        for axis in order[: order.index("C")]:
            step *= sizes[axis]
        return sizes["C"], sizes["Z"] * sizes["T"], step
    return None
