"""Split the random labels into those that measure and those that may teach, where most labels are random."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256


def calibration_half(items: Iterable[str], seed: int) -> frozenset[str]:
    """Select about half of the items, each by a hash of its id and the seed.

    The side of an item does not depend on the other items, so it stays when items are added. The same seed gives the
    same sides everywhere, so an item of this half is kept out of the teaching of the head and of the encoder alike.

    Args:
        items: Ids.
        seed: The seed of the project.

    Example:
        >>> sorted(calibration_half(["a", "b", "c", "d"], 0)), sorted(calibration_half(["c", "d", "e"], 0))
        (['a', 'd'], ['d'])
    """
    return frozenset(i for i in items if sha256(f"{seed}:{i}".encode()).digest()[0] % 2)
