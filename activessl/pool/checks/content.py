"""Checks of the content of items."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool

from activessl.pool.checks.base import Check, Finding, Material
from activessl.pool.forms.base import Media
from activessl.pool.texts import EMPTY_ROW, EMPTY_TEXT

#: Levels of 255 between the 0.5 % and the 99.5 % quantile of a picture that shows nothing.
_NOTHING = 1.0


def is_blank(media: Media) -> bool:
    """Whether an item has the same value everywhere, apart from missing values, or is empty text.

    Example:
        >>> is_blank(np.zeros((4, 4, 1))), is_blank(np.eye(3)), is_blank("  ")
        (True, False, True)
    """
    if isinstance(media, str):
        return not media.strip()
    values = media[~np.isnan(media)] if media.dtype.kind == "f" else media.ravel()
    return bool(values.size == 0 or values.min() == values.max())


def shows_nothing(material: Material) -> Bool[np.ndarray, " n"]:
    """Whether items are blank, or empty: they are not compared, and have no other problem."""
    nothing = np.zeros(len(material.pool), dtype=bool)
    reach, empty = material.figure("range"), material.figure("empty")
    if reach is not None:
        nothing |= reach <= (_NOTHING if material.pool.form.shown == "picture" else 0.0)
    if empty is not None:
        nothing |= empty > 0
    for finding in (material.looked or {}).get(BLANK.name, ()):
        nothing[material.pool.row(finding.id)] = True
    return nothing


def _unreadable(material: Material) -> Iterable[Finding]:
    return (Finding(bad.id, bad.why) for bad in material.pool.unreadable if not _is_empty_text(material, bad.why))


def _is_empty_text(material: Material, why: str) -> bool:
    return material.pool.form.shown == "text" and why in (EMPTY_TEXT, EMPTY_ROW)


def _almost_blank(material: Material) -> Iterable[Finding]:
    if material.pool.form.shown == "text":
        return
    there = {finding.id for finding in (material.looked or {}).get(BLANK.name, ())}
    for row in np.flatnonzero(shows_nothing(material)):
        if material.pool.ids[row] not in there:
            yield Finding(material.pool.ids[row], "apart from noise")


def _empty(material: Material) -> Iterable[Finding]:
    empty = material.figure("empty")
    rows = () if empty is None else np.flatnonzero(empty > 0)
    invisible = [Finding(material.pool.ids[row], "only signs that are not seen") for row in rows]
    return [*(Finding(bad.id) for bad in material.pool.unreadable if _is_empty_text(material, bad.why)), *invisible]


UNREADABLE = Check(
    "unreadable",
    "unreadable",
    find=_unreadable,
    severity="error",
    remedy="restore the files, or delete them; they are not in the pool",
)
BLANK = Check(
    "blank",
    "blank",
    find=_almost_blank,
    look=lambda media: "" if not isinstance(media, str) and is_blank(media) else None,
    severity="error",
    remedy="set them aside with `activessl check --fix`",
)
EMPTY = Check("empty", "empty", find=_empty, severity="error", remedy="set them aside with `activessl check --fix`")
