"""Checks of the content of items."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from activessl.pool.checks.base import Check, Finding, Material
from activessl.pool.forms.base import Media


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


def _unreadable(material: Material) -> Iterable[Finding]:
    return (Finding(bad.id, bad.why) for bad in material.pool.unreadable)


UNREADABLE = Check("unreadable", "unreadable", find=_unreadable)
BLANK = Check("blank", "blank", look=lambda media: "" if is_blank(media) else None)
