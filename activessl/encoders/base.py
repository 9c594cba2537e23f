"""The encoder protocol: a fingerprinted map from an item to a vector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from activessl.pool.pool import Pool


@runtime_checkable
class Encoder(Protocol):
    """Turns items into vectors, so that a head can learn from few labels.

    Encoders with the same fingerprint give the same vectors for the same items.
    """

    @property
    def name(self) -> str:
        """The name under which the encoder is registered."""
        ...

    @property
    def fingerprint(self) -> str:
        """Digest of weights and configuration: the key of every cache of the encoder's vectors."""
        ...

    @property
    def dim(self) -> int:
        """Length d of the vectors."""
        ...

    @property
    def provenance(self) -> dict[str, Any]:
        """The origin of the encoder: objective, settings, data, seconds of training. JSON-serializable."""
        ...

    def batches(self, pool: Pool, batch_size: int) -> Iterator[Float[np.ndarray, "b d"]]:
        """Yield the vectors of the pool in pool order, in mini-batches: memory does not grow with the pool."""
        ...
