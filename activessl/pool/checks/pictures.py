"""Checks of pictures: light, sharpness, depth. What is unusual depends on the other pictures of the pool."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool, Float

from activessl.pool.checks.base import Check, Finding, Material
from activessl.pool.checks.content import shows_nothing
from activessl.pool.checks.sizes import odd_rows

#: A dark picture has less than this part of the usual light ...
_DARK = 0.2
#: ... and a bright one less than this part of the usual distance from white ...
_BRIGHT = 0.2
#: ... and at most this, in levels of 255; its contrast is not larger, either, and less than this part of the usual one.
_LEVEL, _CONTRAST = 64.0, 0.35
#: Pools whose usual light, or distance from white, is below this have nothing that is unusually dark, or bright.
_USUAL = 48.0
#: A burnt-out picture is white in this part of its pixels, where the usual one is not.
_BURNT = 0.85
#: A blurred picture is this many robust standard deviations softer than usual ...
_SOFTER = 3.4
#: ... and at most this part as sharp ...
_SHARP = 0.36
#: ... and its edges are so soft, as a part of its contrast, that no edge is as sharp as pixels can be.
_SOFT = -0.9


def dark_rows(
    high: Float[np.ndarray, " n"], contrast: Float[np.ndarray, " n"], seen: Bool[np.ndarray, " n"], part: float = _DARK
) -> Bool[np.ndarray, " n"]:
    """Whether pictures are much darker than usual.

    Args:
        high: The 95 % quantile of the light of each picture, in levels of 0 to 255.
        contrast: The range of its levels.
        seen: Which pictures show something; the others are not dark.
        part: A dark picture has less than this part of the usual light.

    Example:
        >>> high, all_seen = np.array([200.0, 180.0, 20.0]), np.ones(3, dtype=bool)
        >>> dark_rows(high, high, all_seen).tolist()
        [False, False, True]
    """
    if not seen.any():
        return seen
    usual = float(np.median(high[seen]))
    dark = (usual >= _USUAL) & (high < _LEVEL) & (high < part * usual)
    return np.asarray(seen & dark & (contrast < min(_LEVEL, _CONTRAST * float(np.median(contrast[seen])))))


def bright_rows(
    low: Float[np.ndarray, " n"],
    contrast: Float[np.ndarray, " n"],
    white: Float[np.ndarray, " n"],
    seen: Bool[np.ndarray, " n"],
) -> Bool[np.ndarray, " n"]:
    """Whether pictures are much brighter than usual, or burnt out.

    Args:
        low: The 5 % quantile of the light of each picture, in levels of 0 to 255.
        contrast: The range of its levels.
        white: The part of its pixels that are white.
        seen: Which pictures show something.
    """
    if not seen.any():
        return seen
    burnt = seen & (white > _BURNT) & (float(np.median(white[seen])) < 0.25)
    return np.asarray(dark_rows(255.0 - low, contrast, seen, _BRIGHT) | burnt)


def blurred_rows(
    sharp: Float[np.ndarray, " n"], edge: Float[np.ndarray, " n"], seen: Bool[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    """Whether the sharpest edges of pictures are much softer than usual, in themselves and as a part of the contrast.

    Args:
        sharp: The logarithm of the sharpest edges.
        edge: The logarithm of the sharpest edges as a part of the contrast.
        seen: Which pictures to compare.
    """
    if not seen.any():
        return seen
    # a picture of little contrast has soft edges, and one of large parts has much contrast: blurred ones have both
    softness = edge + 0.5 * sharp
    usual = float(np.median(softness[seen]))
    spread = 1.4826 * float(np.median(np.abs(softness[seen] - usual)))
    limit = min(usual - _SOFTER * spread, usual + 1.5 * float(np.log(_SHARP)))
    return np.asarray(seen & (softness < limit) & (edge < _SOFT))


def _dark(material: Material) -> Iterable[Finding]:
    return _of(material, _dark_mask(material))


def _bright(material: Material) -> Iterable[Finding]:
    return _of(material, _bright_mask(material))


def _blurred(material: Material) -> Iterable[Finding]:
    sharp, edge = material.figure("sharp"), material.figure("edge")
    if sharp is None or edge is None:
        return ()
    # an enlarged picture is soft, and a dark one has few levels: each is listed for its own reason
    other = _dark_mask(material) | _bright_mask(material) | odd_rows(material.pool)
    return _of(material, blurred_rows(sharp, edge, _seen(material) & ~other))


def _seen(material: Material) -> Bool[np.ndarray, " n"]:
    return ~shows_nothing(material)


def _dark_mask(material: Material) -> Bool[np.ndarray, " n"]:
    high, contrast = material.figure("high"), material.figure("range")
    if high is None or contrast is None:
        return np.zeros(len(material.pool), dtype=bool)
    return dark_rows(high, contrast, _seen(material))


def _bright_mask(material: Material) -> Bool[np.ndarray, " n"]:
    low, contrast, white = (material.figure(name) for name in ("low", "range", "white"))
    if low is None or contrast is None or white is None:
        return np.zeros(len(material.pool), dtype=bool)
    return bright_rows(low, contrast, white, _seen(material))


def _mixed(material: Material) -> Iterable[Finding]:
    depth, channels = material.figure("depth"), material.figure("channels")
    if depth is None or channels is None:
        return
    kinds = [(int(bits), int(count)) for bits, count in zip(depth, channels, strict=True)]
    usual = Counter(kinds).most_common(1)[0][0]
    # a copy that was saved in another way is listed as a copy
    copies = {row for alike in material.alike for row in alike}
    for row, (item, kind) in enumerate(zip(material.pool.ids, kinds, strict=True)):
        if kind != usual and row not in copies:
            yield Finding(item, f"{_kind(kind)}; most are {_kind(usual)}")


def _kind(kind: tuple[int, int]) -> str:
    bits, channels = kind
    return f"{'gray' if channels == 1 else 'color'} of {bits} bits"


def _of(material: Material, mask: Bool[np.ndarray, " n"]) -> Iterable[Finding]:
    return (Finding(material.pool.ids[row]) for row in np.flatnonzero(mask))


_AGAIN = "take the pictures again, or set them aside with `activessl check --fix` if people could not label them"

DARK = Check("dark", "much darker than the others", find=_dark, remedy=_AGAIN)
BRIGHT = Check("bright", "much brighter than the others", find=_bright, remedy=_AGAIN)
BLURRED = Check("blurred", "blurred", find=_blurred, remedy=_AGAIN)
MIXED_DEPTH = Check(
    "mixed_depth",
    "of another depth or number of channels",
    find=_mixed,
    severity="note",
    remedy="save all pictures with one depth and in gray or in color, unless classes do not depend on it",
)
