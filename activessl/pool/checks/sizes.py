"""Checks of the sizes of items."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Int

from activessl.pool.checks.base import Check, Finding, Material


def odd_sizes(sizes: Sequence[tuple[float, ...]]) -> Int[np.ndarray, " o"]:
    """Return rows whose size is more than four times above or below the median in any dimension.

    Example:
        >>> odd_sizes([(28, 28), (30, 28), (28, 300), (28, 28)]).tolist()
        [2]
    """
    if not sizes:
        return np.zeros(0, dtype=np.int64)
    logs = np.log(np.maximum(np.asarray(sizes, dtype=np.float64), 1e-9))
    return np.flatnonzero((np.abs(logs - np.median(logs, axis=0)) > np.log(4.0)).any(axis=1))


def _tiny(material: Material) -> Iterable[Finding]:
    form = material.pool.form
    return (Finding(item.id, _size(item.shape)) for item in material.pool.items if form.is_tiny(item.shape))


def _odd(material: Material) -> Iterable[Finding]:
    pool, size = material.pool, material.pool.form.size
    rows = odd_sizes([size(item.shape) for item in pool.items]) if size else ()
    return (Finding(pool.ids[row], _size(pool.items[row].shape)) for row in rows)


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


TINY = Check("tiny", "very small", find=_tiny)
ODD_SIZES = Check("odd_sizes", "of unusual size", find=_odd)
