"""Where most labels were drawn at random: which of them judge, and which may teach."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256


def calibration_half(items: Iterable[str], seed: int) -> frozenset[str]:
    """About half of the items, each by its own coin: what else there is, or comes later, changes no item's side.

    Whoever asks with the same seed gets the same side, so that what may not teach one thing does not teach another.

    Args:
        items: Ids.
        seed: Of the project.

    Example:
        >>> sorted(calibration_half(["a", "b", "c", "d"], 0)), sorted(calibration_half(["c", "d", "e"], 0))
        (['a', 'd'], ['d'])
    """
    return frozenset(i for i in items if sha256(f"{seed}:{i}".encode()).digest()[0] % 2)
