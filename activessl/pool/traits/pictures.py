"""What is measured of pictures: light, contrast, sharpness, depth, and a small print of what is shown."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from activessl.pool.decoders.levels import full_scale
from activessl.pool.traits.base import Array, Content, Likeness, Traits, unit

#: Side of a print, in cells: each has the mean light of its part of the picture.
SIDE = 32
#: Values after the cells of a print: the mean of red - green and of blue - green; the shorter side follows.
_TINTS = 2
#: Pictures are seen on a grid of about so many pixels a side: more do not change the measures, but take time.
_SEEN = 320
#: Two pictures of other tints, in levels of 255, do not show the same.
_OTHER_TINT = 14.0
#: Where each cell is the mean of several pixels, formats change it less: pictures of this side on, to this part.
_LARGE, _STRICTER = 64, 0.6
#: Details of a confirmed copy, as a share of the usual distance of details, which is about 2.3 times that of the whole.
_DETAIL = 0.65


def measure(image: Array) -> Traits:
    """Measure an image (h, w, c) of 8 or 16 bits.

    The figures are, in levels of 0 to 255 (of its depth, where an image has more than 8 bits): ``low`` and ``high``,
    the 5 % and 95 % quantiles of its light; ``range``, from 0.5 % to 99.5 %; ``white``, the share of pixels at the
    upper end; ``sharp``, the logarithm of the sharpest edges (99 % quantile of the second differences), and ``edge``,
    the same as a part of the range; ``depth`` in bits, and ``channels``.

    Example:
        >>> found = measure(np.full((40, 40, 1), 200, np.uint8)).figures
        >>> found["range"], found["low"], found["channels"]
        (0.0, 200.0, 1.0)
    """
    height, width, channels = image.shape
    scale = 255.0 if image.dtype == np.uint8 else full_scale(float(image.max(initial=0)))
    light, tints = _light(image)
    if scale != 255.0:
        light *= 255.0 / scale
    step = max(1, min(height, width) // _SEEN)
    counts = np.bincount(light[::step, ::step].astype(np.uint8).ravel(), minlength=256)
    least, low, high, most = np.searchsorted(np.cumsum(counts), np.array([0.005, 0.05, 0.95, 0.995]) * counts.sum())
    # edges are seen at full resolution, in the middle of a large picture
    top, left = max(0, (height - _SEEN) // 2), max(0, (width - _SEEN) // 2)
    sharp = _sharpest(light[top : top + _SEEN, left : left + _SEEN])
    spread = float(most - least)
    figures = {
        "low": float(low),
        "high": float(high),
        "range": spread,
        "white": float(counts[250:].sum() / counts.sum()),
        "sharp": float(np.log(sharp + 0.2)),
        "edge": float(np.log(sharp + 0.2) - np.log(max(spread, 1.0))),
        "depth": 8.0 * image.dtype.itemsize,
        "channels": float(channels),
    }
    return Traits(figures, None if spread <= 2 else np.concatenate([_cells(light), tints, [min(height, width)]]))


def _light(image: Array) -> tuple[Array, Array]:
    """The light (h, w), and the two tints."""
    if image.shape[2] != 3:
        return image[:, :, 0].astype(np.float32), np.zeros(_TINTS, np.float32)
    red, green, blue = (image[:, :, k].astype(np.float32) for k in range(3))
    tints = np.array([red.mean() - green.mean(), blue.mean() - green.mean()], np.float32)
    red *= 0.299
    green *= 0.587
    blue *= 0.114
    red += green
    red += blue
    return red, tints


def _sharpest(light: Array) -> float:
    """The 99 % quantile of the second differences along rows and columns."""
    found = []
    for part in (light, light.T):
        if part.shape[0] >= 3:
            second = part[2:] + part[:-2]
            second -= part[1:-1]
            second -= part[1:-1]
            found.append(np.abs(second, out=second).ravel())
    if not found:
        return 0.0
    every = np.concatenate(found)
    counts = np.bincount(np.minimum(every, 1020.0).astype(np.int32), minlength=1)
    at = int(np.searchsorted(np.cumsum(counts), 0.99 * len(every)))
    # between whole levels, so that pictures of little contrast differ, too
    share = (0.99 * len(every) - counts[:at].sum()) / max(counts[at], 1)
    return at + float(share)


def _cells(light: Array) -> Array:
    """The mean light of SIDE x SIDE cells, flat."""
    from PIL import Image

    drawn = Image.fromarray(np.ascontiguousarray(light))
    return np.asarray(drawn.resize((SIDE, SIDE), Image.Resampling.BOX), dtype=np.float32).ravel()


def rows(prints: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "n 256"]:
    """Average 2 x 2 cells, and leave out brightness and contrast: a copy may be lighter."""
    cells = prints[:, : SIDE * SIDE].astype(np.float32).reshape(-1, SIDE // 2, 2, SIDE // 2, 2)
    means = cells.mean(axis=(2, 4)).reshape(len(prints), -1)
    return unit(means - means.mean(axis=1, keepdims=True))


def _details(prints: Float[np.ndarray, "m d"]) -> Float[np.ndarray, "m 1024"]:
    """What differs from the mean of the 5 x 5 cells around it."""
    cells = prints[:, : SIDE * SIDE].astype(np.float64).reshape(-1, SIDE, SIDE)
    padded = np.pad(cells, ((0, 0), (2, 2), (2, 2)), mode="edge")
    sums = np.pad(padded, ((0, 0), (1, 0), (1, 0))).cumsum(axis=1).cumsum(axis=2)
    around = (sums[:, 5:, 5:] - sums[:, :-5, 5:] - sums[:, 5:, :-5] + sums[:, :-5, :-5]) / 25
    fine = (cells - around).reshape(len(prints), -1)
    return unit(fine - fine.mean(axis=1, keepdims=True))


def confirm(a: Float[np.ndarray, "m d"], b: Float[np.ndarray, "m d"], limit: float) -> Bool[np.ndarray, " m"]:
    """Whether pictures also agree in their details and their tints, and large ones more closely than small ones."""
    whole = np.linalg.norm(rows(a) - rows(b), axis=1)
    apart = np.linalg.norm(_details(a) - _details(b), axis=1)
    tints = slice(SIDE * SIDE, SIDE * SIDE + _TINTS)
    tint = np.abs(a[:, tints].astype(np.float32) - b[:, tints].astype(np.float32)).max(axis=1)
    large = np.minimum(a[:, -1], b[:, -1]) >= _LARGE
    close = whole <= np.where(large, _STRICTER, 1.0) * limit + 1e-3
    return np.asarray(close & (apart <= limit * 4 * _DETAIL) & (tint <= _OTHER_TINT))


CONTENT = Content(measure, Likeness(rows, usual=0.4, share=0.25, most=0.2, confirm=confirm))
