"""The protocol of encoders that give a grid of vectors for an item, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float16, Int

from activessl.pool.pool import Pool

#: The level of an item: a grid of vectors; series and texts have one row.
Level = Float16[np.ndarray, "r c d"]


@dataclass(frozen=True, eq=False)
class ItemParts:
    """The parts of one item.

    Attributes:
        levels: Grids of vectors over the same item, the finest one first.
        bounds: Start and end (exclusive) of each part of the finest level, in samples or code points; None for
            pictures, whose grids divide the width and the height evenly.
    """

    levels: tuple[Level, ...]
    bounds: Int[np.ndarray, "c 2"] | None = None


@dataclass(frozen=True)
class Stored:
    """What an encoder of parts is read from again, without a pool.

    Attributes:
        folders: Fingerprints of saved encoders, in the order in which they are read.
        settings: What else it needs, JSON values.
    """

    folders: tuple[str, ...] = ()
    settings: dict[str, Any] = field(default_factory=dict)


@runtime_checkable
class PartEncoder(Protocol):
    """Turns items into vectors of their parts.

    Encoders with the same fingerprint give the same vectors for the same items.
    """

    @property
    def name(self) -> str:
        """The name under which the encoder is registered."""
        ...

    @property
    def fingerprint(self) -> str:
        """Digest of weights and configuration: the key of every cache of its vectors."""
        ...

    @property
    def dims(self) -> tuple[int, ...]:
        """Length of the vectors of each level, the finest level first."""
        ...

    @property
    def flat(self) -> bool:
        """Whether parts lie in a row (series, recordings, texts) and not in a grid (pictures)."""
        ...

    @property
    def provenance(self) -> dict[str, Any]:
        """The origin of the encoder. JSON-serializable."""
        ...

    def parts(self, pool: Pool, batch_size: int) -> Iterator[ItemParts]:
        """Yield the parts of each item in pool order: memory does not grow with the pool."""
        ...


def to_half(values: np.ndarray[Any, np.dtype[Any]]) -> np.ndarray[Any, np.dtype[np.float16]]:
    """Round to 16 bits; what is larger than they can hold is cut to their largest number.

    Example:
        >>> to_half(np.array([1e6, -0.1])).tolist()
        [65504.0, -0.0999755859375]
    """
    return np.clip(values, -65504, 65504).astype(np.float16)
