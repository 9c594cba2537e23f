"""Checks of the sizes of items."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Bool, Int

from activessl.pool.checks.base import Check, Finding, Material, size_text
from activessl.pool.pool import Pool

#: A size differs if it is so many times larger or smaller than the median; lengths of texts differ more.
_FACTOR, _TEXT_FACTOR = 1.25, 4.0
#: ... and by so many robust standard deviations of the pool's sizes.
_SPREADS = 3.5
#: A size that so large a part of the pool has is not unusual; nor are two items of a small pool.
_COMMON, _FEW = 0.05, 2
#: Two sizes are the same kind if they differ by less than this factor.
_ALIKE = 1.12


def odd_sizes(sizes: Sequence[tuple[float, ...]], factor: float = _FACTOR) -> Int[np.ndarray, " o"]:
    """Return rows whose size, or ratio of sizes, is unusual in the distribution of all.

    Args:
        sizes: The sizes of each item, such as height and width.
        factor: Sizes that differ from the median by less than this factor are never unusual.

    Example:
        >>> odd_sizes([(28, 28), (30, 28), (28, 300), (28, 28)]).tolist()
        [2]
    """
    if not sizes:
        return np.zeros(0, dtype=np.int64)
    logs = np.log(np.maximum(np.asarray(sizes, dtype=np.float64), 1e-9))
    seen = np.column_stack([logs, logs[:, :1] - logs[:, 1:]])  # the ratios of sizes are seen, too
    away = np.abs(seen - np.median(seen, axis=0))
    spread = 1.4826 * np.median(away, axis=0)
    far = np.flatnonzero((away > np.maximum(np.log(factor), _SPREADS * spread)).any(axis=1))
    kinds, count = np.unique(logs, axis=0, return_counts=True)
    most = max(_FEW, _COMMON * len(logs))
    # a second usual size, such as that of another camera, is not odd
    rare = [count[(np.abs(kinds - logs[row]) < np.log(_ALIKE)).all(axis=1)].sum() <= most for row in far]
    return far[np.array(rare, dtype=bool)] if len(far) else far


def odd_rows(pool: Pool) -> Bool[np.ndarray, " n"]:
    """Whether items have an unusual size."""
    size = pool.form.size
    mask = np.zeros(len(pool), dtype=bool)
    if size:
        factor = _TEXT_FACTOR if pool.form.shown == "text" else _FACTOR
        mask[odd_sizes([size(item.shape) for item in pool.items], factor)] = True
    return mask


def _tiny(material: Material) -> Iterable[Finding]:
    form = material.pool.form
    return (Finding(item.id, size_text(item, form)) for item in material.pool.items if form.is_tiny(item.shape))


def _odd(material: Material) -> Iterable[Finding]:
    pool = material.pool
    return (Finding(pool.ids[row], size_text(pool.items[row], pool.form)) for row in np.flatnonzero(odd_rows(pool)))


TINY = Check(
    "tiny", "very small", find=_tiny, severity="note", remedy="check that they are not thumbnails or fragments"
)
ODD_SIZES = Check(
    "odd_size",
    "of unusual size",
    find=_odd,
    severity="note",
    remedy="check that they are items of the same kind: screenshots, icons and joined files differ in size",
)
