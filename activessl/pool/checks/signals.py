"""Checks of series and sounds: missing values, flat runs, clipping."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from jaxtyping import Bool, Float

from activessl.pool.checks.base import Check, Finding, Material
from activessl.pool.checks.content import shows_nothing

#: A flat run takes at least this part of a signal, and so many values.
_FLAT, _FLAT_VALUES = 0.15, 5
#: A clipped signal has at least this part of its values at an extreme, and so many values.
_CLIPPED, _CLIPPED_VALUES = 0.006, 4.5
#: Where most signals have flat runs or extremes, such as those of switches, only much longer ones are unusual.
_USUAL = 4.0


def flat_rows(flat: Float[np.ndarray, " n"], values: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Whether signals are constant for long.

    Args:
        flat: The longest run of equal values, as a part of the length.
        values: The length.

    Example:
        >>> flat_rows(np.array([0.01, 0.3, 0.02]), np.full(3, 100.0)).tolist()
        [False, True, False]
    """
    limit = max(_FLAT, _USUAL * float(np.median(flat)))
    return np.asarray((flat >= limit) & (flat * values >= _FLAT_VALUES))


def clipped_rows(clipped: Float[np.ndarray, " n"], values: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """Whether many values of signals are at an extreme.

    Args:
        clipped: The part of the values that are at an extreme.
        values: The length.
    """
    limit = np.maximum(max(_CLIPPED, _USUAL * float(np.median(clipped))), _CLIPPED_VALUES / np.maximum(values, 1))
    return np.asarray(clipped >= limit)


def _missing(material: Material) -> Iterable[Finding]:
    return _shares(material, "missing", lambda share, _: share > 0, "of its values")


def _flat(material: Material) -> Iterable[Finding]:
    return _shares(material, "flat", flat_rows, "of its length")


def _clipped(material: Material) -> Iterable[Finding]:
    return _shares(material, "clipped", clipped_rows, "of its values")


def _shares(material: Material, name: str, rows: object, of: str) -> Iterable[Finding]:
    share, values = material.figure(name), material.figure("values")
    if share is None or values is None or not callable(rows):
        return
    for row in np.flatnonzero(rows(share, values) & ~shows_nothing(material)):
        yield Finding(material.pool.ids[row], f"{max(100 * share[row], 0.1):.2g} % {of}")


MISSING = Check(
    "missing",
    "with missing values",
    find=_missing,
    severity="note",
    remedy="nothing, if sensors pause: the encoder leaves missing values out; else repair the export",
)
FLAT = Check(
    "flat",
    "constant for long",
    find=_flat,
    remedy="check the sensor, and set the items aside with `activessl check --fix` if they show nothing else",
)
CLIPPED = Check(
    "clipped",
    "clipped: many values are at the extreme",
    find=_clipped,
    remedy="lower the gain, or set the items aside with `activessl check --fix` if people could not label them",
)
