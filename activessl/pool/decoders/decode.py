"""Decode image files to pixels; a file may be damaged or malicious."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageOps, TiffImagePlugin, UnidentifiedImageError

from activessl.errors import PoolError
from activessl.pool.decoders.dicom import SUFFIXES, is_dicom, read_dicom
from activessl.pool.decoders.pages import pages_of
from activessl.pool.decoders.readers import installed, needed
from activessl.pool.forms.base import Reading

#: Images with more pixels are refused before decoding: a few kilobytes of PNG can unpack to gigabytes.
MAX_PIXELS = 64_000_000

#: Formats that Pillow passes to other programs, or can recognize but not decode.
_REFUSED = frozenset({"BUFR", "EPS", "GRIB", "HDF5", "MPEG", "WMF"})

#: Tried first: Pillow tries one format after the other, and a format without a signature begins to parse the file.
_USUAL = ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "GIF")


#: Brands of HEIC files, and their suffixes.
_HEIC = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_HEIC_SUFFIXES = frozenset({".heic", ".heif"})


@cache
def image_formats() -> tuple[str, ...]:
    """The formats that Pillow decodes without another program, such as "PNG"; the usual ones first."""
    Image.init()
    if "pillow_heif" in installed():
        from pillow_heif import register_heif_opener

        register_heif_opener()
    found = set(Image.OPEN) - _REFUSED
    return (*(name for name in _USUAL if name in found), *sorted(found.difference(_USUAL)))


@cache
def image_suffixes() -> frozenset[str]:
    """The file name endings of those formats, lower case with the dot; with HEIC and DICOM, which need packages."""
    formats = set(image_formats())
    known = (suffix for suffix, name in Image.registered_extensions().items() if name in formats)
    return (_HEIC_SUFFIXES | SUFFIXES).union(known)


def decode_image(content: bytes, *, max_pixels: int = MAX_PIXELS) -> np.ndarray[Any, np.dtype[Any]]:
    """Decode an encoded image, upright, without alpha.

    Args:
        content: The bytes of a file in any format of ``image_formats()``, or of a DICOM file.
        max_pixels: The largest accepted width × height.

    Returns:
        (h, w, 1) for gray and (h, w, 3) for color, uint8; uint16 where a gray file has 16 bits. Transparent parts
        become white; of an animation the first frame is used; the EXIF orientation is applied. Pages that are channels,
        as OME and ImageJ write them, become one picture.

    Raises:
        PoolError: Not an image, truncated, or of too many pixels.

    Example:
        >>> buffer = io.BytesIO()
        >>> Image.new("P", (4, 2)).save(buffer, format="PNG")
        >>> decode_image(buffer.getvalue()).shape
        (2, 4, 3)
    """
    return np.asarray(read_picture(content, max_pixels=max_pixels).media)


def read_picture(content: bytes, *, max_pixels: int = MAX_PIXELS) -> Reading:
    """Decode an encoded image as ``decode_image`` does, with remarks about what is left out.

    Raises:
        PoolError: As ``decode_image``.
    """
    if is_dicom(content):
        return read_dicom(content, max_pixels=max_pixels)
    try:
        with Image.open(io.BytesIO(content), formats=image_formats()) as image:
            width, height = image.size
            if width * height > max_pixels:
                raise PoolError(
                    f"image has {width:,} × {height:,} pixels",
                    hint=f"scale it down to at most {max_pixels:,} pixels",
                )
            pages, remark = pages_of(image)
            told = tuple(one for one in (remark, _reduced(image)) if one is not None)
            image.load()
            if len(pages) == 1:
                _turn_upright(image)
                return Reading(_to_array(image), remarks=told)
            return Reading(_stacked(image, pages), remarks=told)
    except PoolError:
        raise
    except UnidentifiedImageError:
        if content[4:8] == b"ftyp" and content[8:12] in _HEIC and "pillow_heif" not in installed():
            raise needed("pillow_heif") from None
        raise PoolError("file is not an image in a known format", hint="convert it to PNG or JPEG") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PoolError("image has too many pixels", hint=f"scale it down to at most {max_pixels:,} pixels") from None
    except Exception as error:  # noqa: BLE001  a decoder may raise anything on broken bytes; one file is never fatal
        why = str(error).strip().splitlines()
        reason = why[0] if why else type(error).__name__
        raise PoolError(f"image cannot be decoded: {reason}", hint="export it again from its original") from None


def encode_png(image: np.ndarray[Any, np.dtype[Any]]) -> bytes:
    """Encode pixels (h, w, 1 or 3) as the bytes of a PNG file.

    Example:
        >>> decode_image(encode_png(np.zeros((2, 3, 1), np.uint16))).dtype
        dtype('uint16')
    """
    buffer = io.BytesIO()
    Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(buffer, format="PNG")
    return buffer.getvalue()


def _turn_upright(image: Image.Image) -> None:
    # in place: else every image is copied, also one that needs no rotation
    with suppress(Exception):  # the metadata may be damaged although the pixels are intact
        ImageOps.exif_transpose(image, in_place=True)


def _reduced(image: Image.Image) -> str | None:
    """Say that Pillow keeps only the upper half of 16-bit colors; to be called before ``load``, which forgets it."""
    tiles: Any = getattr(image, "tile", ())
    stored = str(tiles[0][3]) if tiles else ""
    if image.mode in ("RGB", "RGBA", "LA", "CMYK") and ";16" in stored:
        return "colors of 16 bits are read as 8 bits"
    return None


def _stacked(image: Image.Image, pages: Sequence[int]) -> np.ndarray[Any, np.dtype[Any]]:
    """Put pages together as the channels of one picture; of two, the third is empty."""
    found = []
    for page in pages:
        image.seek(page)
        found.append(_to_array(image)[:, :, :1])
    found += [np.zeros_like(found[0])] * (3 - len(found))
    return np.concatenate(found, axis=2)


def _to_array(image: Image.Image) -> np.ndarray[Any, np.dtype[Any]]:
    mode = image.mode

    # 16 bits stay 16 bits; Pillow may read them as 32-bit integers
    if mode.startswith("I"):
        values = np.asarray(image)
        if values.size and (values.min() < 0 or values.max() > 65535):
            raise PoolError("image has values of more than 16 bits", hint="rescale it to 8 or 16 bits")
        if isinstance(image, TiffImagePlugin.TiffImageFile) and image.tag_v2.get(262) == 0:
            values = 65_535 - values  # white is zero, which Pillow inverts up to 8 bits only
        return values.astype(np.uint16)[:, :, None]
    if mode == "F":
        raise PoolError("image has floating point values", hint="rescale it to 8 or 16 bits")

    # put transparency, also that of a palette, on white
    if mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        flat = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
        flat.alpha_composite(rgba)
        image = flat.convert("L" if mode in ("L", "LA", "La", "1") else "RGB")
    elif mode == "1":
        image = image.convert("L")
    elif mode not in ("L", "RGB"):
        image = image.convert("RGB")  # palettes, CMYK, YCbCr, Lab, HSV

    pixels = np.asarray(image)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels
