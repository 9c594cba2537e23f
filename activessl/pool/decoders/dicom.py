"""Decode DICOM files to pictures, through pydicom: what a viewer shows first."""

from __future__ import annotations

import io
from typing import Any

import numpy as np

from activessl.errors import PoolError
from activessl.pool.decoders.readers import installed, needed
from activessl.pool.forms.base import Reading

Array = np.ndarray[Any, np.dtype[Any]]

#: Suffixes of DICOM files; files without a suffix are not looked at.
SUFFIXES = frozenset({".dcm", ".dicom"})


def is_dicom(content: bytes) -> bool:
    """Whether bytes are a DICOM file, by the mark behind its preamble.

    Example:
        >>> is_dicom(bytes(128) + b"DICM"), is_dicom(b"DICM")
        (True, False)
    """
    return content[128:132] == b"DICM"


def read_dicom(content: bytes, *, max_pixels: int) -> Reading:
    """Decode the first frame of a DICOM file.

    Gray values are rescaled (slope and intercept), and the window of the file, or its table of values of interest,
    becomes 0 to 65,535. Without a window the stored values are kept, those of signed files shifted to begin at 0.
    MONOCHROME1, where white is low, is inverted. Colors become 8-bit RGB.

    Args:
        content: The bytes of the file.
        max_pixels: The largest accepted width × height.

    Returns:
        (h, w, 1) uint16 or (h, w, 3) uint8, with remarks.

    Raises:
        PoolError: pydicom is needed; or the file has no picture, one of another kind, or too many pixels.
    """
    if "pydicom" not in installed():
        raise needed("pydicom")
    import pydicom

    try:
        data = pydicom.dcmread(io.BytesIO(content))
        if "PixelData" not in data:
            raise PoolError("DICOM file has no picture, or is cut off", hint="remove the file, or export it again")
        height, width = int(data.Rows), int(data.Columns)
        if height * width > max_pixels:
            raise PoolError(
                f"image has {width:,} × {height:,} pixels", hint=f"scale it down to at most {max_pixels:,} pixels"
            )
        remarks = []
        frames = int(data.get("NumberOfFrames", 1) or 1)
        if frames > 1:
            remarks.append(f"the first of {frames:,} frames is read")
        kind = str(data.PhotometricInterpretation)
        stored = _first_frame(data)
        if kind in ("MONOCHROME1", "MONOCHROME2"):
            return Reading(_gray(data, stored, kind, remarks)[:, :, None], remarks=tuple(remarks))
        return Reading(_color(data, stored, kind), remarks=tuple(remarks))
    except PoolError:
        raise
    except Exception as error:  # noqa: BLE001  a decoder may raise anything on broken bytes; one file is never fatal
        why = str(error).strip().splitlines()
        reason = why[0] if why else type(error).__name__
        raise PoolError(f"DICOM file cannot be decoded: {reason[:200]}", hint="export it again, uncompressed") from None


def _first_frame(data: Any) -> Array:
    from pydicom.pixels.utils import pixel_array

    return np.asarray(pixel_array(data, index=0))


def _gray(data: Any, stored: Array, kind: str, remarks: list[str]) -> Array:
    from pydicom.pixels.processing import apply_modality_lut

    bits = int(data.get("BitsStored", 16))
    windowed = data.get("WindowWidth") is not None or "VOILUTSequence" in data
    if windowed:
        values = np.asarray(apply_modality_lut(stored, data), dtype=np.float64)
        shown = _windowed(data, values, remarks)
        top = 65_535
    else:
        lowest = -(1 << (bits - 1)) if int(data.get("PixelRepresentation", 0)) else 0
        if lowest:
            remarks.append("signed values without a window are shifted to begin at 0")
        shown = stored.astype(np.int64) - lowest
        top = (1 << bits) - 1
    return np.clip(top - shown if kind == "MONOCHROME1" else shown, 0, 65_535).astype(np.uint16)


def _windowed(data: Any, values: Array, remarks: list[str]) -> Array:
    """Values of the first window, or of the table of values of interest, from 0 to 65,535."""
    from pydicom.pixels.processing import apply_voi_lut

    if "VOILUTSequence" in data:
        table = data.VOILUTSequence[0]
        shown = np.asarray(apply_voi_lut(values.astype(np.int64), data), dtype=np.float64)
        return np.rint(shown / ((1 << int(table.LUTDescriptor[2])) - 1) * 65_535)
    centers, widths = np.atleast_1d(data.WindowCenter), np.atleast_1d(data.WindowWidth)
    if len(widths) > 1:
        remarks.append(f"the first of {len(widths)} windows is used")
    center, width = float(centers[0]), float(widths[0])
    function = str(data.get("VOILUTFunction", "LINEAR") or "LINEAR")
    if function == "SIGMOID":
        return np.rint(65_535 / (1 + np.exp(-4 * (values - center) / width)))
    # LINEAR counts whole values, so that its window has width - 1 steps (DICOM PS3.3, C.11.2.1.2)
    exact = function == "LINEAR_EXACT"
    low = center - width / 2 if exact else center - 0.5 - (width - 1) / 2
    span = width if exact else width - 1
    share = (values - low) / span if span > 0 else (values > low).astype(np.float64)
    return np.rint(np.clip(share, 0, 1) * 65_535)


def _color(data: Any, stored: Array, kind: str) -> Array:
    from pydicom.pixels.processing import apply_color_lut

    if kind == "PALETTE COLOR":
        stored = np.asarray(apply_color_lut(stored, data))
        bits = int(data.RedPaletteColorLookupTableDescriptor[2])
    else:
        bits = int(data.BitsStored)  # pydicom turns YBR into RGB
    if stored.ndim != 3 or stored.shape[2] != 3:
        raise PoolError(f"DICOM file has a picture of the kind {kind}", hint="convert it to PNG")
    return np.asarray(stored if bits <= 8 else stored >> (bits - 8), dtype=np.uint8)
