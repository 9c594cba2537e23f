"""White levels of 16-bit images: cameras of 10, 12 and 14 bits leave the upper bits empty."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

#: Numbers of bits that cameras have; an image uses the smallest that holds its peak.
_BITS = (8, 10, 12, 14, 16)

#: Peaks of one kind of image lie closer together than this factor; between two depths there is a gap.
_GAP = 3.0

#: Pixels that are counted at once.
_BLOCK = 1 << 20


def peak_of(image: np.ndarray[Any, np.dtype[Any]]) -> int:
    """The 99.9 % quantile of the values of a 16-bit image, so that single hot pixels do not count; else 0.

    Example:
        >>> peak_of(np.full((9, 9, 1), 4000, np.uint16)), peak_of(np.full((9, 9, 1), 200, np.uint8))
        (4000, 0)
    """
    if image.dtype != np.uint16:
        return 0
    flat, counts = image.reshape(-1), np.zeros(1 << 16, dtype=np.int64)
    for start in range(0, flat.size, _BLOCK):
        counts += np.bincount(flat[start : start + _BLOCK], minlength=1 << 16)
    return int(np.searchsorted(np.cumsum(counts), 0.999 * flat.size))


def for_screen(image: np.ndarray[Any, np.dtype[Any]]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Stretch the values of an image to 8 bits, from its 0.1 % to its 99.9 % quantile, so that hot pixels do not count.

    Example:
        >>> for_screen(np.array([[1000, 1100], [1050, 1000]], np.uint16)).tolist()
        [[0, 255], [127, 0]]
    """
    low, high = (float(np.quantile(image, share, method="nearest")) for share in (0.001, 0.999))
    if high <= low:  # a few pixels differ from all others
        low, high = float(image.min()), float(image.max())
    stretched = (image.astype(np.float32) - low) * (255.0 / max(high - low, 1.0))
    return np.clip(stretched, 0, 255).astype(np.uint8)


def full_scale(peak: float) -> float:
    """The largest value of the smallest depth that holds a peak.

    Example:
        >>> full_scale(3_900), full_scale(4_096)
        (4095.0, 16383.0)
    """
    return next((float(2**bits - 1) for bits in _BITS if peak <= 2**bits - 1), 65535.0)


def levels_of(peaks: Iterable[int]) -> tuple[float, ...]:
    """Choose the white levels of a pool from the peaks of its 16-bit images: one for each depth, ascending.

    The images of the greatest depth share the largest of their peaks, so that their brightness can be compared. Darker
    images form a depth of their own if no image lies between: one camera has images of every brightness.

    Example:
        >>> levels_of([4_000, 3_000, 60_000, 30_000]), levels_of([2_000, 5_000, 9_000])
        ((4095.0, 60000.0), (9000.0,))
    """
    ordered = sorted(peak for peak in peaks if peak > 0)
    if not ordered:
        return ()
    below = [full_scale(low) for low, high in pairwise(ordered) if high > _GAP * max(low, 255)]
    top = float(ordered[-1])
    return (*sorted({level for level in below if level < top}), top)


def level_for(image: np.ndarray[Any, np.dtype[Any]], levels: Sequence[float]) -> float:
    """The white level of one image: the smallest that holds its peak, else its peak, so that no image is all white.

    Example:
        >>> level_for(np.full((9, 9, 1), 3000, np.uint16), (4095.0, 60000.0))
        4095.0
        >>> level_for(np.full((9, 9, 1), 9000, np.uint16), (4095.0,))
        9000.0
    """
    largest = int(image.max(initial=0))
    if levels and largest <= levels[0]:
        return levels[0]  # the usual case, without a histogram
    peak = peak_of(image)
    return next((level for level in levels if peak <= level), float(max(peak, 1)))
